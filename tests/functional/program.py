"""The program itself as a process: `hw up` on a folder of its own, and the other commands against it."""

import asyncio
import concurrent.futures
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from functional.warm import Warm, run_warm
from hashwright.runtime.control import ask

HW = [sys.executable, "-c", "from hashwright.cli.main import main; main()"]
START_S = 30


def environment(folder):
    """No settings of the machine's owner, and no colours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HW_")}
    return kept | {"HOME": str(folder), "NO_COLOR": "1", "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}


class Program:
    """One data folder with, at times, a process on it."""

    def __init__(self, folder, *, algorithm="sha256d", flags=()):
        self.folder = Path(folder) / "data"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.algorithm = algorithm
        self.flags = list(flags)
        self.process = None
        self.port = 0
        self.log = Path(folder) / "up.log"

    def start(self, *, port=0):
        """Run `hw up` and wait until machines can connect."""
        self.log.unlink(missing_ok=True)
        command = ["up", "--data-dir", str(self.folder), "--listen", f"{self.algorithm}=127.0.0.1:{port}", *self.flags]
        with self.log.open("wb") as log:
            words = [*map(str, command), "--log-format", "json"]
            self.process = Warm(words, env=environment(self.folder.parent), out=log, err=log)
        deadline = time.monotonic() + START_S
        while True:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, "hw up is not ready: " + self.log.read_text()[-3000:]
            with contextlib.suppress(Exception):
                status = self.ask("status")
                self.port = int(re.search(r":([0-9]+)$", status["listeners"][0]["url"])[1])
                return self
            time.sleep(0.05)

    def run(self, *arguments, check=True, timeout=90):
        """Run a command to its end."""
        done = run_warm(
            [*map(str, arguments), "--data-dir", str(self.folder)],
            timeout=timeout, env=environment(self.folder.parent),
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def ask(self, command, **arguments):
        """Ask the running process, as `hw` does, without the start of a program each time."""
        with concurrent.futures.ThreadPoolExecutor(1) as thread:  # the caller may have a loop of its own
            return thread.submit(lambda: asyncio.run(ask(self.folder, command, **arguments))).result()

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json").stdout)

    def mine(self, *arguments, user="kai.r01", timeout=120):
        """Run the reference miner to its bound."""
        url = f"stratum+tcp://127.0.0.1:{self.port}"
        return self.run(
            "miner", "--url", url, "--user", user, "--algo", self.algorithm, *arguments, timeout=timeout, check=False
        )

    def stop(self):
        """SIGTERM; it must end by itself within five seconds."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return None
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return time.monotonic() - began

    def kill(self):
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def program(folder, **options):
    """A program that is stopped at the end, whatever happens."""
    item = Program(folder, **options)
    try:
        yield item.start()
    finally:
        if item.process is not None:
            item.process.kill()
            item.process.wait()


def until(condition, *, seconds=30, what="it"):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not become true in {seconds} s"
        time.sleep(0.1)
    return value
