"""A real xmrig, unpacked from Debian sid, on loopback and bounded: the machine that Monero's pools are made for."""

import contextlib
import pathlib
import re
import subprocess

PROGRAM = pathlib.Path(__file__).parents[2] / ".judges" / "bin" / "xmrig"


class Xmrig:
    """One process with its log."""

    def __init__(self, process, log):
        self.process = process
        self.log = log

    @property
    def text(self):
        return self.log.read_text(errors="replace")

    @property
    def accepted(self):
        """How many shares the pool took, by xmrig's own count."""
        counts = re.findall(r"accepted \((\d+)/(\d+)\)", self.text)
        return int(counts[-1][0]) if counts else 0

    @property
    def rejected(self):
        return self.text.count("rejected")


@contextlib.contextmanager
def xmrig(folder, port, *, user, flags=()):
    """Mine with one thread in light mode until the block ends; its donation would begin after 49 minutes."""
    log = pathlib.Path(folder) / f"xmrig-{port}.log"
    command = [
        str(PROGRAM), "-o", f"127.0.0.1:{port}", "-u", user, "-p", "x", "--coin", "monero", "--donate-level", "1",
        "-t", "1", "--randomx-mode", "light", "--no-huge-pages", "--no-color", "-R", "1", "--keepalive",
        "--log-file", str(log), *flags,
    ]  # fmt: skip
    log.touch()
    nowhere = subprocess.DEVNULL  # what it prints it keeps in a buffer; the log file is written at once
    process = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, cwd=folder)
    try:
        yield Xmrig(process, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
