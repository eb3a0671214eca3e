"""What is asked of the running program for pages, and how seldom.

The program makes its answers in the loop that judges shares, so they are asked for by one, for everybody who looks:
the state each second, the list of connections where their number changed or some seconds have passed, the fleet about
as often as its machines are read. Lists are asked for less often the more machines there are, and still less often
while nobody looks at a list. Nothing of it is work for a share.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from hashwright.clock import Clock
from hashwright.errors import OperatorError, Unavailable
from hashwright.web.fleet import NO_FLEET, read_fleet
from hashwright.web.machines import Sessions

Ask = Callable[..., Awaitable[Any]]
Attention = Literal["list", "page", "nobody"]
"""Whether somebody looks at a list of machines, at anything, or at nothing."""
NOT_RUNNING: Final = ("HW-704", "HW-613")
PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How old an answer may be [s], and how much older where it is long: entries that are asked for a second."""

    age_s: float
    a_second: int

    def wait_s(self, entries: int) -> float:
        """Return how old an answer of so many entries may be [s]."""
        return max(self.age_s, min(entries / self.a_second, OLDEST_S))


OLDEST_S: Final = 90.0
"""The oldest that a long answer may be for its length alone; watts of two readings further apart are not summed."""
SESSIONS: Final = {"new": Pace(2, 1_000), "list": Pace(5, 1_000), "page": Pace(10, 500), "nobody": Pace(60, 500)}
"""The list of connections: `new` where their number changed."""
FLEET: Final = {"new": Pace(5, 400), "list": Pace(10, 400), "page": Pace(30, 200), "nobody": Pace(60, 200)}
"""The list of the fleet: `new` after a command."""
COMMANDED_S: Final = 60.0
"""How long after a command its effect is looked for."""


class Asked:
    """What the program said last."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self.status: Mapping[str, Any] | None = None
        self.sessions = Sessions()
        self.sessions_at_ms = 0
        self.fleet = NO_FLEET
        self._crowd = (-1, -1)
        self._sessions_at = self._fleet_at = self._commanded_at = -1e9

    async def look(self, attention: Attention) -> bool:
        """Ask for what is due; tell whether the fleet was heard anew.

        Raises:
            OperatorError: the program refuses.
        """
        self.status = await self._ask_status()
        if self.status is None:
            self.sessions, self._sessions_at = Sessions(), -1e9
            self.fleet, self._fleet_at = NO_FLEET, -1e9
            return False
        await self._ask_sessions(crowd_of(self.status), attention)
        return await self._ask_fleet(attention)

    def commanded(self) -> None:
        """Ask for the fleet at once, and more often for a while: somebody has just changed it."""
        self._fleet_at, self._commanded_at = -1e9, self._clock.monotonic()

    async def _ask_status(self) -> Mapping[str, Any] | None:
        try:
            return dict(await self._ask("status"))
        except (Unavailable, OperatorError) as error:
            if error.code in NOT_RUNNING:
                return None
            raise

    async def _ask_sessions(self, crowd: tuple[int, int], attention: Attention) -> None:
        is_new = crowd != self._crowd and attention != "nobody"
        wait = SESSIONS["new" if is_new else attention].wait_s(crowd[0])
        if self._clock.monotonic() - self._sessions_at < wait:
            return
        found: list[dict[str, Any]] = []
        after = -1
        while True:
            page = await self._ask("workers", after=after, limit=PAGE)
            found += page
            if len(page) < PAGE:
                break
            after = page[-1]["session"]
        self.sessions, self._crowd = Sessions(found), crowd
        self._sessions_at, self.sessions_at_ms = self._clock.monotonic(), self._clock.now()

    async def _ask_fleet(self, attention: Attention) -> bool:
        now = self._clock.monotonic()
        is_new = now - self._commanded_at < COMMANDED_S
        if now - self._fleet_at < FLEET["new" if is_new else attention].wait_s(len(self.fleet.devices)):
            return False
        self.fleet = await read_fleet(self._ask, now=self._clock.now())
        self._fleet_at = now
        return bool(self.fleet.devices)


def crowd_of(status: Mapping[str, Any]) -> tuple[int, int]:
    """Count connections and machines that work, as the program's state tells them: they say whether somebody came."""
    return (
        sum(item["connections"] for item in status["listeners"]),
        sum(item["machines"] for item in status["destinations"]),
    )
