"""Under which user name the shares of a worker go to an upstream, on one connection.

Names other than the base name are asked for when they are first needed. The shares of that worker wait for the answer:
many pools look a name up aside, and refuse a share that follows at its heels. An upstream that refuses a name, when it
is asked for or by its answer to a share, gets that worker's shares under the base name for as long as the connection
lives.
"""

from typing import Literal, NamedTuple

from hashwright.pool.effects import SubmitUpstream
from hashwright.runtime.upstream_settings import UpstreamSettings
from hashwright.stratum.strict import TEXT_LIMIT

NAMES_MAX = 4096
"""Names of one connection. More would be memory that machines control; what is above goes under the base name."""

NameState = Literal["asked", "allowed", "refused"]


class Waiting(NamedTuple):
    """Shares that wait for an answer about their name, and since when it is asked for (the loop's time [s])."""

    asked_s: float
    shares: list[SubmitUpstream]


class NameBook:
    """The names in use on one connection, and the shares that wait for one."""

    __slots__ = ("_settings", "_states", "_waiting", "base", "held")

    def __init__(self, settings: UpstreamSettings) -> None:
        self.base = settings.user
        self.held = 0
        """Shares that wait."""
        self._settings = settings
        self._states: dict[str, NameState] = {settings.user: "allowed"}
        self._waiting: dict[str, Waiting] = {}

    def __repr__(self) -> str:
        return f"<NameBook {self.base}, {len(self._states)} names, {self.held} shares wait>"

    def name_of(self, worker: str) -> str:
        """Return the name for a worker's share."""
        if self._settings.names == "account":
            return self.base
        name = wished_name(self._settings, worker)
        state = self._states.get(name)
        if state == "refused" or (state is None and len(self._states) >= NAMES_MAX):
            return self.base
        return name

    def is_new(self, name: str, *, now_s: float) -> bool:
        """Tell whether a name must be asked for first; it counts as asked from now on."""
        if name in self._states:
            return False
        self._states[name] = "asked"
        self._waiting[name] = Waiting(now_s, [])
        return True

    def hold(self, name: str, share: SubmitUpstream) -> bool:
        """Keep a share whose name has no answer yet; False where it may go."""
        waiting = self._waiting.get(name)
        if waiting is None:
            return False
        waiting.shares.append(share)
        self.held += 1
        return True

    def note(self, name: str, *, is_allowed: bool) -> list[SubmitUpstream]:
        """Take the upstream's answer about a name, and return the shares that waited for it."""
        if name not in self._states or name == self.base:
            return []
        self._states[name] = "allowed" if is_allowed else "refused"
        waiting = self._waiting.pop(name, None)
        shares = waiting.shares if waiting is not None else []
        self.held -= len(shares)
        return shares

    def overdue(self, *, now_s: float, answer_s: float) -> list[str]:
        """List the names whose answer does not come."""
        return [name for name, waiting in self._waiting.items() if now_s - waiting.asked_s > answer_s]

    def in_use(self) -> list[str]:
        """List the names that were not refused."""
        return [name for name, state in self._states.items() if state != "refused"]


def wished_name(settings: UpstreamSettings, worker: str) -> str:
    """Return the name that the settings wish for a worker; the base name where that would be too long.

    A worker without a rig, or outside of the map, has the base name.
    """
    if settings.names == "mapped":
        return settings.name_map.get(worker, settings.user)
    rig = worker.partition(".")[2]
    if settings.names == "account" or not rig:
        return settings.user
    name = f"{settings.user.partition('.')[0]}.{rig}"
    return name if len(name) <= TEXT_LIMIT else settings.user
