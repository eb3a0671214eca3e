"""What the guard costs while nothing happens, and how fast it acts: `python bench/guard.py [--quick]`, half a minute.

The guard is the real process. First it gets 1,000 machines of each make of driver and ten beats; then 300 simulated
machines, of which the pipe's end makes it put every one to sleep. Memory is the system's word (RSS, and what is its own
alone), time is CPU time of the guard, and wall time from the moment when it begins.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import msgspec

from hashwright.runtime import guard_files
from hashwright.runtime.guard_files import Charge, Orders

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
SILENCE_S = 1.0
WAIT_S = 120.0


@contextlib.contextmanager
def guard_on(folder):
    """A guard as `hw up` starts it."""
    lock = guard_files.take_lock(folder)
    command = [sys.executable, "-m", "hashwright.runtime.guard_process", str(folder), str(os.getpid())]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT, pass_fds=(lock,)
    )
    os.close(lock)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def tell(process, line):
    """Say something and wait for the answer."""
    process.stdin.write(line)
    process.stdin.flush()
    assert process.stdout.readline() == guard_files.HEARD


def memory_of(process):
    """Return RSS and what is its own alone [MiB]."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    rows = [line.split() for line in text.splitlines()[1:]]
    sums = {kind: sum(int(row[1]) for row in rows if row[0].startswith(kind)) for kind in ("Rss", "Private")}
    return sums["Rss"] / 1024, sums["Private"] / 1024


def cpu_of(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rest(folder, kinds, count):
    """Measure a guard that waits."""
    charges = tuple(
        Charge(name=f"{kind}-{number}", kind=kind, settings={"host": f"127.0.{number >> 8}.{number & 255}"})
        for kind in kinds for number in range(count)
    )  # fmt: skip
    with guard_on(folder) as process:
        tell(process, msgspec.json.encode(Orders(charges=charges, silence_s=600.0)) + b"\n")
        rss, own = memory_of(process)
        before, began = cpu_of(process), time.monotonic()
        while time.monotonic() - began < 10:
            tell(process, guard_files.BEAT)
            time.sleep(1.0)
        busy = (cpu_of(process) - before) / (time.monotonic() - began)
    print(f"{len(charges):>6} machines ({', '.join(kinds)}): {rss:.1f} MiB, its own {own:.1f}; {busy:.2%} of a core")


def act(folder, count):
    """Measure how long a guard takes for machines that answer."""
    command = [sys.executable, "-m", "hashwright.testing.machines.park", "--machines", str(count)]
    command += ["--first", "127.84.1.1", "--mix", "cgminer,cgminer,xmrig"]
    park = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    raws = []
    while (line := park.stdout.readline().strip()) != "ready":
        assert line, "the machines did not start"
        raws.append(json.loads(line))
    charges = tuple(Charge(name=it["name"], kind=it["kind"], settings=it["settings"]) for it in raws)
    with guard_on(folder) as process:
        tell(process, msgspec.json.encode(Orders(charges=charges, silence_s=SILENCE_S)) + b"\n")
        before = cpu_of(process)
        process.stdin.close()
        end = time.monotonic() + WAIT_S
        while process.poll() is None and time.monotonic() < end:
            used = cpu_of(process) - before
            time.sleep(0.05)
    ended = time.time()
    ((_, report),) = guard_files.read_reports(folder)
    slept = sum(outcome == "slept" for _, outcome in report.outcomes)
    print(f"{slept} of {count} machines asleep {ended - report.at / 1000:.1f} s after it began; {used:.2f} CPU s")
    park.stdin.close()
    park.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    folder = Path(tempfile.mkdtemp(prefix="hw-bench-guard-"))
    try:
        rest(folder, ("axeos",), 1)
        rest(folder, ("axeos", "cgminer", "xmrig"), 10 if quick else 1000)
        rest(folder, ("asic",), 10 if quick else 1000)
        act(folder, 30 if quick else 300)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
