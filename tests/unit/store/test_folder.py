"""Who owns the data folder, and on which disk it lies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hashwright.errors import OperatorError
from hashwright.store.folder import FolderLock, filesystem_of, refuse_network_drive

MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
nas:/volume /mnt/nas nfs4 rw 0 0
/dev/vdb /mnt/nas/local xfs rw 0 0
//box/share /mnt/my\\040box cifs rw 0 0
you@host:/ /mnt/far fuse.sshfs rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/hashwright", "ext4"),
        ("/mnt/nas/data", "nfs4"),
        ("/mnt/nasty", "ext4"),
        ("/mnt/nas/local/data", "xfs"),
        ("/mnt/my box", "cifs"),
        ("/mnt/far/x/y", "fuse.sshfs"),
    ],
)
def test_the_longest_mount_point_decides(folder, kind):
    assert filesystem_of(Path(folder), MOUNTS) == kind


def test_an_unknown_table_names_nothing():
    assert filesystem_of(Path("/var"), "") == ""


@pytest.mark.parametrize("folder", ["/mnt/nas/data", "/mnt/my box", "/mnt/far"])
def test_a_network_drive_is_refused(folder):
    with pytest.raises(OperatorError, match="network drive") as caught:
        refuse_network_drive(Path(folder), MOUNTS)
    assert caught.value.code == "HW-601"


def test_a_local_disk_is_taken(tmp_path):
    refuse_network_drive(Path("/mnt/nas/local"), MOUNTS)
    refuse_network_drive(tmp_path)


def test_a_second_owner_is_refused_by_name_of_the_first(tmp_path):
    first = FolderLock.take(tmp_path)
    code = (
        "import sys, pathlib\n"
        "from hashwright.store.folder import FolderLock\n"
        "from hashwright.errors import OperatorError\n"
        "try: FolderLock.take(pathlib.Path(sys.argv[1]))\nexcept OperatorError as error: print(error.code, error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=True)
    assert refused.stdout.startswith(f"HW-602 Another Hashwright (process {os.getpid()})")
    first.close()
    first.close()
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""
    FolderLock.take(tmp_path).close()
