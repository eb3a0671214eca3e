"""One command of the Lab, in a process with bounds: `python -m hashwright.cli.worker ARGUMENTS...`.

The web starts it for somebody who may only ask, so what he asks must not reach further than its answer: bounds of time,
memory and files are set before anything is loaded, and from then on this process opens no connection, starts no other
process and writes nothing outside of the folder that it was started in. It ends with whoever started it.

The answer is the document of `--json` on standard output; standard error carries lines `progress 0.42`.
"""

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final

from hashwright.errors import OperatorError
from hashwright.runtime.parent import end_with_parent

CPU_S: Final = 180
MEMORY_BYTES: Final = 4 * 2**30
"""Of address space: libraries reserve far more than they use."""
FILE_BYTES: Final = 16 * 2**20
FILES: Final = 256
NICE: Final = 10
WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FORBIDDEN: Final = frozenset(
    {
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.getaddrinfo",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
    }
)
CHANGING: Final = frozenset({"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.chmod"})


def main() -> int:
    """Set the bounds, then run the command."""
    bound()
    confine(Path.cwd())
    from hashwright.cli.main import run
    from hashwright.cli.plan_parts import LISTENER

    LISTENER.set(lambda share: print(f"progress {share:.3f}", file=sys.stderr, flush=True))
    return run(sys.argv[1:])


def bound() -> None:
    """Limit what this process takes, and let it end with the one that started it."""
    end_with_parent(signal.SIGKILL)
    limits = (
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, most in limits:
        hard = resource.getrlimit(kind)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))
    os.nice(NICE)


def confine(folder: Path) -> None:
    """Refuse, from now on, connections, other processes, and writing outside of a folder."""
    sys.dont_write_bytecode = True
    inside = folder.resolve()

    def is_inside(path: Any) -> bool:  # noqa: ANN401 (a descriptor, a name, bytes of a name)
        if isinstance(path, int):
            return True
        place = Path(os.fsdecode(path)).resolve()
        return place.is_relative_to(inside) or str(place) == os.devnull

    def judge(event: str, given: tuple[Any, ...]) -> None:
        if event in FORBIDDEN:
            raise OperatorError(f"The Lab asks nobody and starts nothing ({event}).", code="HW-964")
        if event == "open" and (given[2] or 0) & WRITING and not is_inside(given[0]):
            raise OperatorError("The Lab writes no file of the program.", code="HW-964")
        if event in CHANGING and not is_inside(given[0]):
            raise OperatorError(f"The Lab changes no file of the program ({event}).", code="HW-964")

    sys.addaudithook(judge)


if __name__ == "__main__":
    sys.exit(main())
