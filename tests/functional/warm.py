"""Run `hw` without importing it anew each time: one process has all of it, and every command is a fork of that.

A command's own work takes some 20 ms, its imports ten times that, and the functional tests give thousands of them. The
program runs as it always does, in a process of its own, with its own environment, folder and output.

As a script it is the server: it listens on the socket that is its standard input and ends when that is closed.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PRELOADED = (
    "hashwright.cli.main", "hashwright.cli.overview", "hashwright.cli.status", "hashwright.cli.pool",
    "hashwright.cli.ledger", "hashwright.cli.payouts", "hashwright.cli.route", "hashwright.cli.market",
    "hashwright.cli.admin", "hashwright.cli.miner", "hashwright.store.sqlite", "hashwright.runtime.control",
    "hashwright.runtime.opening", "alembic.runtime.migration", "sqlalchemy.dialects.sqlite",
    "hashwright.cli.up", "hashwright.runtime.wiring", "hashwright.store.migrations",
)  # fmt: skip
_lock = threading.Lock()
_path = ""


class Warm:
    """A command that runs, with the part of `subprocess.Popen` that the tests use. `out` and `err` are open files."""

    def __init__(self, arguments, *, env, out, err):
        self.args = ["hw", *arguments]
        self.returncode = None
        self._wire = socket.socket(socket.AF_UNIX)
        self._wire.connect(_server())
        request = json.dumps({"arguments": arguments, "env": env, "folder": str(Path.cwd())}).encode()
        socket.send_fds(self._wire, [b"%08d" % len(request)], [out.fileno(), err.fileno()])
        self._wire.sendall(request)
        self._answers = self._wire.makefile("r")
        self.pid = int(self._answers.readline())

    def poll(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout=None):
        """Return its exit code when it has ended: then nothing of it is left, as its parent has waited for it."""
        if self.returncode is None:
            if timeout is not None and not select.select([self._wire], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = int(self._answers.readline())
            self._answers.close()
            self._wire.close()
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def run_warm(arguments, *, env, timeout):
    """Run one command to its end, like `subprocess.run` with its output captured as text."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = Warm(arguments, env=env, out=out, err=err)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(process.args, code, *texts)


def _server():
    """Return the socket of this test process's server; started when first asked for."""
    global _path
    with _lock:
        if not _path:
            folder = tempfile.mkdtemp(prefix="hw-warm-")
            _path = f"{folder}/s"
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(_path)
            listener.listen(64)
            process = subprocess.Popen(
                [sys.executable, __file__, str(listener.fileno())],
                pass_fds=[listener.fileno()], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/",
                env={key: value for key, value in os.environ.items() if not key.startswith("HW_")},
            )  # fmt: skip
            listener.close()
            atexit.register(_end, process, Path(folder))
    return _path


def _end(process, folder):
    process.stdin.close()
    process.wait(10)
    with contextlib.suppress(OSError):
        (folder / "s").unlink()
        folder.rmdir()


def _serve(listener):
    """Fork for every command until standard input is closed."""
    import importlib

    for name in PRELOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener, sys.stdin.fileno()], [], [])
        if sys.stdin.fileno() in ready:
            return
        wire, _ = listener.accept()
        if os.fork():
            wire.close()
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listener.close()
        _answer(wire)
        os._exit(0)


def _answer(wire):
    """Run the command in a child, and tell its process id and its exit code."""
    size, files, _, _ = socket.recv_fds(wire, 8, 2)
    with wire.makefile("rb") as reader:
        request = json.loads(reader.read(int(size)))
    child = os.fork()
    if not child:
        wire.close()
        _become(request, files)
    wire.sendall(b"%d\n" % child)
    _, status = os.waitpid(child, 0)
    wire.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(request, files):
    """Be the command: its output, its folder, its environment, its arguments."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, *files)):
        os.dup2(file, number)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["hw", *request["arguments"]]
    from hashwright.cli.main import main

    code = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
