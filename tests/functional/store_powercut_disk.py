"""A disk in memory that forgets at a power cut what was never synced, as an SQLite VFS for apsw.

Writes are kept apart, in sectors, until `xSync`. A cut keeps a seeded random part of what was not synced: so pages are
torn, files end early, and a later write may survive an earlier one. Only synced content is certain.
"""

import apsw

SECTOR = 512


class Image:
    """One file: what programs see, what is certain, and the steps between them."""

    def __init__(self, content=b""):
        self.current = bytearray(content)
        self.durable = bytearray(content)
        self.steps = []  # (offset, bytes) for a write, a size for a truncation

    def write(self, offset, data):
        _put(self.current, offset, data)
        for start in range(0, len(data), SECTOR):
            self.steps.append((offset + start, data[start : start + SECTOR]))

    def truncate(self, size):
        del self.current[size:]
        self.steps.append(size)

    def sync(self):
        for step in self.steps:
            _replay(self.durable, step)
        self.steps = []

    def after_cut(self, rng, kept_share):
        content = bytearray(self.durable)
        for step in self.steps:
            if rng.random() < kept_share:
                _replay(content, step)
        return Image(bytes(content))


class SimulatedDisk(apsw.VFS):
    """Files by name. At the operation `cut_at` the power goes: that one and every later operation fails."""

    def __init__(self, name, files, *, cut_at, is_lying=False):
        self.name = name
        self.files = files
        self.cut_at = cut_at
        self.is_lying = is_lying
        self.operations = 0
        self.syncs = 0
        super().__init__(name, "")

    def powered(self):
        """Count an operation; raise once the power is gone."""
        self.operations += 1
        if self.operations >= self.cut_at:
            raise apsw.IOError("the power is gone")

    def cut(self, rng):
        """Files as they are found after the cut."""
        kept_share = rng.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        return {path: image.after_cut(rng, kept_share) for path, image in self.files.items()}

    def xOpen(self, name, flags):
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return OpenFile(self, self.files.setdefault(path, Image()))

    def xDelete(self, name, syncdir):
        self.powered()
        self.files.pop(name, None)

    def xAccess(self, pathname, flags):
        return pathname in self.files

    def xFullPathname(self, name):
        return name


class OpenFile:
    """An open file; locks are not needed, for one connection uses the disk."""

    def __init__(self, disk, image):
        self.disk = disk
        self.image = image

    def xRead(self, amount, offset):
        return bytes(self.image.current[offset : offset + amount])

    def xWrite(self, data, offset):
        self.disk.powered()
        self.image.write(offset, bytes(data))

    def xTruncate(self, size):
        self.disk.powered()
        self.image.truncate(size)

    def xSync(self, flags):
        self.disk.powered()
        self.disk.syncs += 1
        if not self.disk.is_lying:
            self.image.sync()

    def xFileSize(self):
        return len(self.image.current)

    def xSectorSize(self):
        return SECTOR

    def xDeviceCharacteristics(self):
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE  # what SQLite assumes of disks on unix

    def xLock(self, level):
        pass

    def xUnlock(self, level):
        pass

    def xCheckReservedLock(self):
        return False

    def xFileControl(self, operation, pointer):
        return False

    def xClose(self):
        pass


def _put(content, offset, data):
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _replay(content, step):
    if isinstance(step, int):
        del content[step:]
    else:
        _put(content, *step)
