"""Real power cuts under the whole program: the named group `rig`, part of `make soak`.

The data folder is an ext4 file system in a file that lies on XFS. A cut: SIGSTOP, a reflink copy of the image (atomic),
SIGKILL, and the copy is mounted in place of the original: what was not synced is gone. It needs root, loop devices and
mkfs.xfs; where one is missing, one line says so.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from functional.load import Machine, assert_kept, storm
from functional.program import Program, until

pytestmark = [pytest.mark.soak, pytest.mark.rig, pytest.mark.timeout(600)]

CUTS = 6
MACHINES = 10


def missing():
    """Say what the rig lacks here, or nothing."""
    if os.geteuid() != 0:
        return "root"
    if not Path("/dev/loop-control").exists():
        return "loop devices"
    if shutil.which("mkfs.xfs") is None:
        return "mkfs.xfs (package xfsprogs), for reflinks"
    return ""


def sh(*command):
    return subprocess.run([str(item) for item in command], check=True, capture_output=True, text=True).stdout


class Disk:
    """An ext4 image on XFS, mounted; `cut` swaps it for its state on the disk."""

    def __init__(self, folder):
        self.folder = folder
        self.outer, self.inner = folder / "outer", folder / "inner"
        self.cuts = 0

    def __enter__(self):
        for place in (self.outer, self.inner):
            place.mkdir()
        image = self.folder / "outer.img"
        sh("truncate", "-s", "600M", image)
        sh("mkfs.xfs", "-q", "-m", "reflink=1", image)
        sh("mount", "-o", "loop", image, self.outer)
        sh("truncate", "-s", "96M", self.image)
        sh("mkfs.ext4", "-q", self.image)
        sh("mount", "-o", "loop", self.image, self.inner)
        return self

    def __exit__(self, *_):
        for place in (self.inner, self.outer):
            with contextlib.suppress(subprocess.CalledProcessError):
                sh("umount", place)

    @property
    def image(self):
        return self.outer / f"disk{self.cuts}.img"

    def cut(self, process):
        """Cut the power of a process and its disk at one moment."""
        process.send_signal(signal.SIGSTOP)
        old = self.image
        self.cuts += 1
        sh("cp", "--reflink=always", old, self.image)
        process.kill()
        process.wait()
        sh("umount", self.inner)
        old.unlink()
        sh("mount", "-o", "loop", self.image, self.inner)


def test_power_cuts_lose_no_acknowledged_share(tmp_path):
    lack = missing()
    if lack:
        pytest.skip(f"named group `rig`: not run, this machine lacks {lack}")
    rng = random.Random(7)
    log = []
    machines = [Machine(number, log) for number in range(MACHINES)]
    with Disk(tmp_path) as disk:
        hw = Program(disk.inner)
        try:
            hw.start()
            hw.run("pool", "add", "toy", "--node", "practice", "--start-difficulty", "1e-9")
            for _ in range(CUTS):
                until(lambda: hw.json("status")["destinations"][0]["height"], what="a template")
                wait = rng.uniform(0.4, 1.5)

                async def play(wait=wait, port=hw.port):
                    load = asyncio.ensure_future(storm(port, log, 30, machines))
                    await asyncio.sleep(wait)
                    await asyncio.to_thread(disk.cut, hw.process)
                    await load

                asyncio.run(play())
                hw.process = None
                hw.start()
            hw.stop()
            assert len(log) > 300, "the load was no load"
            stored = assert_kept(hw.folder, log)
            print(f"\n{CUTS} power cuts, {len(log)} shares acknowledged, {stored} stored")
        finally:
            if hw.process is not None:
                hw.kill()
            time.sleep(0.2)
