"""What the guard and the running program leave for each other in the data folder, under `guard/`.

lock              held by the guard that watches: two never watch, or act, at once
next              the process id of a program that looks after the fleet now: the guard of an earlier one lets go
report-*.json     what a guard did, until a program has taken it into the fleet's journal
"""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from hashwright.fleet.events import Rest
from hashwright.store.folder import LOCK_NAME, sync_folder

FOLDER: Final = "guard"
BEAT: Final = b"beat\n"
END: Final = b"end\n"
HEARD: Final = b"heard\n"
LINE_MAX: Final = 64 * 2**20
"""20,000 machines with their settings, several times over."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that the guard puts to sleep, and how it is spoken to: sent through a pipe, never written anywhere."""

    name: str
    kind: str
    settings: dict[str, object]
    secret: str = ""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard is told: whom to put to sleep after so many seconds without a word from us."""

    charges: tuple[Charge, ...]
    silence_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard did. Times in ms since 1970 UTC."""

    name: str
    cause: Literal["gone", "silent"]
    since: int
    at: int
    outcomes: tuple[tuple[str, Rest], ...]


def folder_of(data: Path) -> Path:
    """Return the guard's folder in a data folder, made where it is not there."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def take_lock(data: Path) -> int | None:
    """Take the guard's lock and return its descriptor; None while another guard has it."""
    descriptor = os.open(folder_of(data) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def announce(data: Path, process: int) -> None:
    """Say who looks after the fleet now."""
    _write(folder_of(data) / "next", f"{process}\n".encode())


def announced(data: Path) -> int:
    """Return the process that looks after the fleet by its own word; 0 where none said so."""
    try:
        return int((data / FOLDER / "next").read_text("ascii"))
    except (OSError, ValueError):
        return 0


def is_in_use(data: Path, *, but: int) -> bool:
    """Tell whether a process other than `but`, which is gone, owns the data folder now.

    The lock is tried only where its file names another process, or one of that number lives again: who is just about to
    take it is not to be in its way.
    """
    try:
        descriptor = os.open(data / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        owner = os.pread(descriptor, 32, 0).strip()
        if owner == str(but).encode() and not is_alive(but):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_alive(process: int) -> bool:
    """Tell whether a process of that number lives."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_report(data: Path, report: Report) -> None:
    """Keep a report, durably; one of the same name is replaced as a whole."""
    _write(folder_of(data) / f"report-{report.name}.json", msgspec.json.encode(report))


def read_reports(data: Path) -> list[tuple[Path, Report | None]]:
    """Return the reports that nobody took yet, the oldest first; None for one that cannot be read."""
    found: list[tuple[Path, Report | None]] = []
    for path in (data / FOLDER).glob("report-*.json"):
        report = None
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            report = msgspec.json.decode(path.read_bytes(), type=Report)
        found.append((path, report))
    return sorted(found, key=lambda it: (it[1].at if it[1] is not None else 0, it[0].name))


def _write(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
    sync_folder(path.parent)
