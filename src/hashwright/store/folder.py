"""The data folder: who owns it now, and whether a database can live on its disk."""

import fcntl
import os
import re
from pathlib import Path
from typing import Self

from hashwright.errors import OperatorError

DATABASE_NAME = "hashwright.db"
LOCK_NAME = "hashwright.lock"
MOUNTS = Path("/proc/mounts")

NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ncpfs", "9p", "ceph", "glusterfs", "lustre"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.davfs", "davfs", "davfs2"}
)
"""File locks or fsync are not dependable there; WAL needs shared memory, which they do not have at all."""


def filesystem_of(folder: Path, mounts: str) -> str:
    """Name the file system type that holds a folder, by the text of `/proc/mounts`; empty where it does not say."""
    place = folder.resolve()
    found, kind = Path(), ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(_unescaped(fields[1]))
        if place.is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, fields[2]
    return kind


def refuse_network_drive(folder: Path, mounts: str | None = None) -> None:
    """Raise OperatorError where the folder lies on a network drive."""
    if mounts is None:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace") if MOUNTS.exists() else ""
    kind = filesystem_of(folder, mounts)
    if kind in NETWORK_FILESYSTEMS:
        raise OperatorError(
            f"The data folder {folder} is on a network drive ({kind}). SQLite can lose data there."
            " Nothing was started.",
            code="HW-601",
            hint="Use a folder on a local disk: hw admin backup, then hw admin restore with --data-dir.",
        )


class FolderLock:
    """Holds the data folder for this process until closed, or until the process ends in whatever way."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Take the lock; raise OperatorError naming the process that has it."""
        path = folder / LOCK_NAME
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise OperatorError(
                f"Another Hashwright (process {owner}) already uses {folder}. Nothing was started.",
                code="HW-602",
                hint="Talk to the running one with hw status, or start this one with another --data-dir.",
            ) from problem
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def close(self) -> None:
        """Give the folder free. The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def sync_folder(folder: Path) -> None:
    """Make the names inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
