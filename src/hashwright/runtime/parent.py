"""Let a child process end with the one that started it, also when that one is killed."""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def end_with_parent(number: signal.Signals, *, parent: int | None = None) -> None:
    """Ask the system for a signal when our parent dies; end at once where it has died already (Linux; else nothing).

    Args:
        number: the signal.
        parent: who started us, where he told; None where nobody did.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), number)
