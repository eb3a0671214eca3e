"""What is true now, read once for everybody who looks.

One task asks the running program and reads what is new in the database; pages, streams and metrics are served from
what it last found. So a hundred dashboards cost the program what one costs. Where nobody looks it slows down, and with
many machines it asks for them less often: their list is made in the program's own loop.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from hashwright.clock import Clock
from hashwright.errors import HashwrightError, OperatorError
from hashwright.runtime.control import Line, ask
from hashwright.runtime.opening import open_store
from hashwright.store import rates as store_rates
from hashwright.web.asked import Asked, Attention
from hashwright.web.fleet import NO_FLEET, Fleet
from hashwright.web.machines import Joined, Machine, Sessions, join_machines
from hashwright.web.rates import DAY, RateBook
from hashwright.web.trend import Joules, Trend

if TYPE_CHECKING:
    from hashwright.store.base import AlertRecord, BlockRecord, Store

log = structlog.get_logger()

WATCHED_S: Final = 1.0
IDLE_S: Final = 10.0
LINGER_S: Final = 30.0
"""How long after the last request somebody is still taken to look."""
SUMS_OF: Final[dict[Attention, float]] = {"list": 2.0, "page": 2.0, "nobody": 30.0}
"""How old the sums of machines may be [s]; older where they are many, so that making them costs at most"""
SUMS_PART: Final = 0.02
"""of a core."""
SOON: Final = 10
"""Minutes that are read before the first picture; the rest of the day follows beside it."""
BLOCKS: Final = 50
ALERTS: Final = 50
LOOKS: Final = frozenset({"status", "workers", "fleet-status", "autopilot-status", "power-status"})
"""Quick questions that are asked again and again: they share one connection that is kept."""


def nobody() -> Joined:
    """Return the sums of no machines."""
    return join_machines(Sessions(), RateBook(), now_ms=0, asked_ms=0, since=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The state at one instant. `status` is the program's own answer, None where none runs."""

    number: int = 0
    at_ms: int = 0
    status: Mapping[str, Any] | None = None
    has_database: bool = False
    joined: Joined = field(default_factory=nobody)
    fleet: Fleet = NO_FLEET
    machines_at_ms: int = 0
    blocks: "tuple[BlockRecord, ...]" = ()
    alerts: "tuple[AlertRecord, ...]" = ()
    shares_24h: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Return all machines by name; who may have to wait for them asks `Live.listed` first."""
        return self.joined.machines

    @property
    def window_s(self) -> float:
        """Return the time that the hash rate is a mean of [s]."""
        return self.joined.window_s


class Live:
    """Keeps the picture new for as long as `run` runs."""

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.picture = Picture()
        self.book = RateBook()
        self.trend = Trend()
        self.joules = Joules()
        self.instance = ""
        """The short name of the database."""
        self.watchers = 0
        self._store: Store | None = None
        self._line = Line(folder)
        self._asked = Asked(self._ask_for_pages, clock)
        self._joined = nobody()
        self._joined_at = -1e9
        self._joined_s = 0.0
        self._listed = -1e9
        self._touched = -1e9
        self._was_stopped = False
        self._changed = asyncio.Condition()
        self._wake = asyncio.Event()
        self._history: asyncio.Task[RateBook] | None = None

    # ------------------------------------------------------------ for those who look

    def touch(self) -> None:
        """Note that somebody looks."""
        if self.clock.monotonic() - self._touched > LINGER_S:
            self._wake.set()
        self._touched = self.clock.monotonic()

    async def next_picture(self, after: int) -> Picture:
        """Wait for a picture newer than the number `after`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.picture.number > after)
        return self.picture

    async def fresh(self) -> Picture:
        """Return a picture that is not older than somebody who looks would see; wait for one after a quiet time."""
        self.touch()
        if self.clock.now() - self.picture.at_ms <= 2 * WATCHED_S * 1000:
            return self.picture
        self._wake.set()
        try:
            async with asyncio.timeout(5):
                return await self.next_picture(self.picture.number)
        except TimeoutError:
            return self.picture

    def touch_list(self) -> None:
        """Note that somebody looks at a list of machines: it is asked for more often from now on."""
        if self.clock.monotonic() - self._listed > LINGER_S:
            self._wake.set()
        self._listed = self.clock.monotonic()

    @property
    def sums_s(self) -> float:
        """How old the list of machines may be while somebody looks at it [s]."""
        return max(self._joined_s, SUMS_OF["list"])

    async def listed(self) -> Picture:
        """Return a fresh picture whose list of machines is made; note that somebody looks at it."""
        self.touch_list()
        picture = await self.fresh()
        await asyncio.to_thread(lambda: picture.joined.machines)
        return picture

    async def ask(self, command: str, *, timeout_s: float = 30.0, **arguments: Any) -> Any:  # noqa: ANN401
        """Send a command to the running program."""
        if command in LOOKS:
            return await self._line.ask(command, timeout_s=timeout_s, **arguments)
        return await ask(self.folder, command, timeout_s=timeout_s, **arguments)

    async def _ask_for_pages(self, command: str, **arguments: Any) -> Any:  # noqa: ANN401
        return await self.ask(command, **arguments)  # by its name: a test may put another in its place

    def store(self) -> "Store | None":
        """Return the store, opened for reading; None where there is none yet."""
        if self._store is None:
            try:
                self._store = open_store(self.folder, readonly=True)
            except OperatorError as error:
                if error.code != "HW-612":
                    raise
        return self._store

    def destinations(self) -> frozenset[str]:
        """Return the names of all that was worked for within a day, and of what is set now."""
        names = {name for point in tuple(self.book.history.values()) for name in tuple(point)}
        names |= {done.destination for done in self.book.open_rows}
        names |= {it["destination"] for it in self.picture.status["destinations"]} if self.picture.status else set()
        return frozenset(names)

    # ------------------------------------------------------------ the task

    async def run(self) -> None:
        """Look again and again; trouble is part of the picture, never the end."""
        while True:
            self._wake.clear()
            began = self.clock.monotonic()
            try:
                picture = await self._look()
            except HashwrightError as error:
                picture = Picture(number=self.picture.number + 1, at_ms=self.clock.now(), problem=str(error))
            except Exception as error:
                log.exception("the picture could not be made")
                picture = Picture(number=self.picture.number + 1, at_ms=self.clock.now(), problem=str(error))
            async with self._changed:
                self.picture = picture
                self._changed.notify_all()
            pause = IDLE_S if self._attention() == "nobody" else WATCHED_S
            pause = max(pause - (self.clock.monotonic() - began), 0.2)
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _attention(self) -> Attention:
        now = self.clock.monotonic()
        if now - self._listed < LINGER_S:
            return "list"
        return "page" if self.watchers > 0 or now - self._touched < LINGER_S else "nobody"

    async def _look(self) -> Picture:
        attention = self._attention()
        before = self._asked.sessions_at_ms
        is_new = await self._asked.look(attention)
        has_heard = is_new or self._asked.sessions_at_ms != before
        status, now = self._asked.status, self.clock.now()
        if self._was_stopped and status is not None and status["journal"]["state"] == "ok":
            self.book = RateBook()  # what waited for the disk is written to minutes that were taken as over
            self._joined_at = -1e9
        self._was_stopped = status is not None and status["journal"]["state"] != "ok"
        await self._begin_history(now // 60_000)
        facts = await asyncio.to_thread(self._read)
        if facts is None:
            self._joined, self._joined_at = nobody(), -1e9
        elif has_heard or self.clock.monotonic() - self._joined_at >= max(self._joined_s, SUMS_OF[attention]):
            await asyncio.to_thread(self._join, now)  # for ten thousand it takes long enough for a request to wait
        found = self._joined
        if is_new:
            self.joules.take(now, {it.device: it.fields["power_w"] for it in self._asked.fleet.devices.values()})
            self.trend.take(now, said_hs=found.said_hs, expected_hs=found.expected_hs, power_w=found.power_w)
        return Picture(
            number=self.picture.number + 1,
            at_ms=now,
            status=status,
            has_database=facts is not None,
            joined=found,
            fleet=self._asked.fleet,
            machines_at_ms=self._asked.sessions_at_ms,
            blocks=facts[0] if facts else (),
            alerts=facts[1] if facts else (),
            shares_24h={"accepted": found.accepted_24h, "refused": found.refused_24h} if facts else {},
        )

    def fleet_is_old(self) -> None:
        """Ask for the fleet with the next picture: somebody has just changed it."""
        self._asked.commanded()
        self._wake.set()

    def _join(self, now: int) -> None:
        """Read what was done since, and count machines (on a thread); the more it takes, the longer it is good for."""
        began = time.thread_time()
        store = self.store()
        assert store is not None
        store.read_tables(lambda connection: self._advance(connection, now // 60_000))
        asked = self._asked
        words = {"now_ms": now, "asked_ms": asked.sessions_at_ms, "since": self._since(now)}
        self._joined = join_machines(asked.sessions, self.book, fleet=asked.fleet, **words)
        self._joined_at = self.clock.monotonic()
        self._joined_s = (time.thread_time() - began) / SUMS_PART

    def _read(self) -> "tuple[tuple[BlockRecord, ...], tuple[AlertRecord, ...]] | None":
        store = self.store()
        if store is None:
            return None
        self.instance = self.instance or store.instance[:8]
        return tuple(store.blocks(BLOCKS)), tuple(store.alerts(ALERTS))

    async def _begin_history(self, minute: int) -> None:
        """Begin with the newest minutes, read the day beside it, and take it over when it is there."""
        if self._history is not None and self._history.done():
            done, self._history = self._history, None
            self.book = await done
            self._joined_at = -1e9
        store = await asyncio.to_thread(self.store)
        if store is None or minute - 60 <= self.book.next_minute <= minute:
            return
        self.book = RateBook()
        self.book.begin(minute - SOON)
        # allow task: kept here, awaited when it is done, and dropped with this object
        self._history = asyncio.get_running_loop().create_task(asyncio.to_thread(read_day, store, minute))

    def _advance(self, connection: Any, minute: int) -> None:  # noqa: ANN401 (a store's connection)
        """Add the minutes that are over (with one to spare: a commit may be late), and read the open ones."""
        closed = minute - 1
        if self.book.next_minute < closed:
            rows = store_rates.read_done(connection, begin=self.book.next_minute, end=closed)
            self.book.close(closed, rows)
        self.book.open_rows = store_rates.read_open(connection, begin=self.book.next_minute, end=minute + 2)

    def _since(self, now: int) -> int:
        """Return the first minute in which anything can have been done: the first of the history, or now."""
        spans = [*self.book.history, *(done.minute for done in self.book.open_rows)]
        return min(spans, default=now // 60_000)


def read_day(store: "Store", minute: int) -> RateBook:
    """Read the last day, hour by hour, so that no reading is long."""
    began = time.monotonic()
    book = RateBook()
    book.begin(minute - DAY)
    for begin in range((minute - DAY) // 60 * 60, minute - 1, 60):
        end = min(begin + 60, minute - 1)
        span = 5 if end < minute - 15 else 1

        def read(connection: Any, begin: int = begin, end: int = end, span: int = span) -> list[store_rates.Done]:  # noqa: ANN401
            return store_rates.read_done(connection, begin=begin, end=end, span=span)

        book.close(end, store.read_tables(read))
    log.info("the last day was read", seconds=round(time.monotonic() - began, 2))
    return book


def history_of(book: RateBook, now_ms: int) -> dict[str, Any]:
    """Return the plot of a day: times [s since 1970] and, by destination, hash rates [H/s]; None where nothing was."""
    minute = now_ms // 60_000
    last = minute // 5 * 5 - 5  # the running span is left out: it is not a rate yet
    spans = list(range(last - DAY + 5, last + 5, 5))
    names = sorted({name for point in book.history.values() for name in point})
    first = min(book.history, default=last + 1)
    return {
        "times_s": [span * 60 for span in spans],
        "destinations": {
            name: [_rate(book.history.get(span), name) if span >= first else None for span in spans] for name in names
        },
    }


def _rate(point: Mapping[str, Any] | None, name: str) -> float:
    total = None if point is None else point.get(name)
    return 0.0 if total is None else total.work / 300
