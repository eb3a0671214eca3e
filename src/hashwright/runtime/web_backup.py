"""A copy of the web's own small database (`web.sqlite`) beside a copy of the books: taken while it is in use, proven.

The web is not imported here: it may not run, and the copy needs nothing of it but the file. What is short-lived is left
out of the copy: sessions, one-time links and stored answers. So who was signed in when the copy was made is not signed
in after a restore; accounts, keys, links and the trail are there.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from hashwright.errors import InvariantBroken, OperatorError
from hashwright.store.folder import sync_folder

WEB_DATABASE: Final = "web.sqlite"
SUFFIX: Final = ".web"
"""A backup `FILE` of the books has the web's at `FILE.web`."""
SHORT_LIVED: Final = ("session", "setup", "answer")
KEPT: Final = ("account", "access_key", "link", "audit")
SIDE_FILES: Final = ("", "-wal", "-shm")
BUSY_S: Final = 10.0


def web_file_of(target: Path) -> Path:
    """Return where the web's copy lies beside a copy of the books."""
    return target.with_name(target.name + SUFFIX)


def backup_web(folder: Path, target: Path) -> Path | None:
    """Copy the web's database of a data folder beside `target`; None where there is none.

    Raises:
        OperatorError: a file is there already (HW-610), or the database cannot be read (HW-768).
        InvariantBroken: the copy does not hold (HW-970).
    """
    source = folder / WEB_DATABASE
    if not source.exists():
        return None
    place = web_file_of(target)
    if place.exists():
        raise OperatorError(
            f"{place} exists already. Nothing was written.", code="HW-610", hint="Choose another file name."
        )
    draft = place.with_name(place.name + ".part")
    draft.unlink(missing_ok=True)
    try:
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _copy(source, draft)
        check_web(draft)
        _sync(draft)
        draft.rename(place)
        sync_folder(place.parent)
    finally:
        draft.unlink(missing_ok=True)
    return place


def _copy(source: Path, draft: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=BUSY_S)) as origin,
            closing(sqlite3.connect(draft, isolation_level=None)) as copy,
        ):
            origin.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE").fetchone()
            for table in SHORT_LIVED:
                copy.execute(f"DELETE FROM {table}")  # noqa: S608 (constants)
            copy.execute("VACUUM")  # what was deleted is not left readable in the file
    except sqlite3.DatabaseError as problem:
        raise OperatorError(f"{source} cannot be copied: {problem}.", code="HW-768") from problem


def check_web(file: Path) -> dict[str, int]:
    """Prove a copy of the web's database, and count what it holds.

    Raises:
        InvariantBroken: pages are damaged, a table is missing, or the trail could be changed (HW-970).
    """
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as connection:
            said = connection.execute("PRAGMA integrity_check").fetchone()[0]
            if said != "ok":
                raise _broken(file, str(said)[:100])
            guards = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
            )
            if guards.fetchone()[0] < 2:
                raise _broken(file, "its trail can be changed")
            return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in KEPT}  # noqa: S608
    except sqlite3.DatabaseError as problem:
        raise _broken(file, str(problem)) from problem


def _broken(file: Path, problem: str) -> InvariantBroken:
    return InvariantBroken(
        f"{file.name} is no good copy of the web's database: {problem}. Nothing was changed.",
        code="HW-970",
        hint="Use another backup, or restore without it: move it away, and accounts are made anew.",
    )


def restore_web(copy: Path, folder: Path) -> list[str]:
    """Put a proven copy in the place of the web's database; return where the old files went.

    Raises:
        OperatorError: the web uses its database now (HW-971).
    """
    refuse_in_use(folder)
    place = folder / WEB_DATABASE
    kept = _put_aside(place)
    draft = place.with_name(place.name + ".part")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    draft.write_bytes(copy.read_bytes())
    _sync(draft)
    draft.rename(place)
    sync_folder(folder)
    return kept


def refuse_in_use(folder: Path) -> None:
    """Refuse while the web has its database open: it would go on with the old one, and lose what it writes.

    Raises:
        OperatorError: it has (HW-971).
    """
    place = folder / WEB_DATABASE
    if not place.exists():
        return
    try:
        with closing(sqlite3.connect(place, timeout=0.2, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as problem:
        raise OperatorError(
            f"The web uses {place.name} now. It was left as it is.", code="HW-971", hint="Stop hw web, then try again."
        ) from problem
    except sqlite3.DatabaseError:
        return  # it is damaged: nobody uses it, and it is put aside


def _put_aside(place: Path) -> list[str]:
    if not place.exists():
        return []
    number = next(n for n in range(1, 10_000) if not place.with_name(f"{place.name}.old-{n}").exists())
    kept = []
    for side in SIDE_FILES:
        old = place.with_name(place.name + side)
        if old.exists():
            target = place.with_name(f"{place.name}.old-{number}{side}")
            old.rename(target)
            kept.append(str(target))
    return kept


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
