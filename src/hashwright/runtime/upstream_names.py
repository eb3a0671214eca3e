"""Under which user name the shares of a worker go to an upstream, on one connection.

Names other than the base name are asked for when they are first needed, in front of the first share. An upstream that
refuses one gets that worker's shares under the base name, for as long as the connection lives.
"""

from typing import Literal

from hashwright.runtime.upstream_settings import UpstreamSettings
from hashwright.stratum.strict import TEXT_LIMIT

NAMES_MAX = 4096
"""Names of one connection. More would be memory that machines control; what is above goes under the base name."""

NameState = Literal["asked", "allowed", "refused"]


class NameBook:
    """The names in use on one connection."""

    __slots__ = ("_settings", "_states", "base")

    def __init__(self, settings: UpstreamSettings) -> None:
        self.base = settings.user
        self._settings = settings
        self._states: dict[str, NameState] = {settings.user: "asked"}

    def __repr__(self) -> str:
        return f"<NameBook {self.base}, {len(self._states)} names>"

    def name_of(self, worker: str) -> str:
        """Return the name for a worker's share."""
        if self._settings.names == "account":
            return self.base
        name = wished_name(self._settings, worker)
        state = self._states.get(name)
        if state == "refused" or (state is None and len(self._states) >= NAMES_MAX):
            return self.base
        return name

    def is_new(self, name: str) -> bool:
        """Tell whether a name must be asked for first; it counts as asked from now on."""
        if name in self._states:
            return False
        self._states[name] = "asked"
        return True

    def note(self, name: str, *, is_allowed: bool) -> None:
        """Take the upstream's answer about a name."""
        if name in self._states:
            self._states[name] = "allowed" if is_allowed else "refused"

    def is_refused(self, name: str) -> bool:
        """Tell whether the upstream refused a name."""
        return self._states.get(name) == "refused"

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
