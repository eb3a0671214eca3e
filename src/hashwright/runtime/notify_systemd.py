"""Tells systemd that the service is ready, stops, or is alive (sd_notify(3)), when systemd started it.

One datagram on the socket that `NOTIFY_SOCKET` names; without that variable nothing happens.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping


def notify(state: str, *, environ: Mapping[str, str] | None = None) -> bool:
    """Send a state such as `READY=1`; return whether somebody listens."""
    address = (os.environ if environ is None else environ).get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    if address[0] == "@":
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
        wire.setblocking(False)
        wire.sendto(state.encode(), address)
        return True
    return False


def watchdog_interval_s(*, environ: Mapping[str, str] | None = None) -> float:
    """Return how often to say that we live: half of what systemd allows; 0 where it does not watch us."""
    environ = os.environ if environ is None else environ
    microseconds, watched = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (microseconds.isascii() and microseconds.isdecimal()) or watched not in ("", str(os.getpid())):
        return 0.0
    return int(microseconds) / 2_000_000


async def keep_watchdog() -> None:
    """Say that the event loop turns, for as long as systemd asks for it."""
    interval_s = watchdog_interval_s()
    while interval_s > 0:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)
