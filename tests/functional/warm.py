"""Run `hw` without importing it anew each time: one process has all of it, and every command is a fork of that.

A command's own work takes some 20 ms, its imports ten times that, and the functional tests give thousands of them. The
program runs as it always does, in a process of its own, with its own environment, folder and output.

As a script it is the server: it listens on the socket that is its standard input and ends when that is closed.
"""

import atexit
import contextlib
import json
import os
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
)  # fmt: skip
_lock = threading.Lock()
_path = ""


def run_warm(arguments, *, env, timeout):
    """Run one command to its end, like `subprocess.run` with its output captured as text."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(_server())
            request = json.dumps({"arguments": arguments, "env": env, "folder": str(Path.cwd())}).encode()
            socket.send_fds(wire, [b"%08d" % len(request)], [out.fileno(), err.fileno()])
            wire.sendall(request)
            with wire.makefile("r") as answers:
                pid = int(answers.readline())
                wire.settimeout(timeout)
                try:
                    code = int(answers.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(["hw", *arguments], timeout) from None
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(["hw", *arguments], code, *texts)


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
    import select

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
