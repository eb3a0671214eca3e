"""Names of workers: `account.rig`, as machines send them and as the books write them."""

import functools
import re

WORKER_MAX = 128
"""Whatsminer's firmware breaks above 127, Avalon's above 63 (reference ux.md 2.3): longer names are a mistake."""
_WORKER = re.compile(r"[-a-zA-Z0-9_@+:.]{1,128}", re.ASCII)


@functools.lru_cache(maxsize=32_768)
def worker_name(user: str) -> str:
    """Return the worker that a user name stands for, or the empty string where it is none.

    A leading dot means the default account: `.rig1` is `default.rig1`.
    """
    name = f"default{user}" if user.startswith(".") else user
    return name if len(name) <= WORKER_MAX and _WORKER.fullmatch(name) and not name.endswith(".") else ""
