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
from hashwright.errors import HashwrightError, OperatorError, Unavailable
from hashwright.runtime.control import ask
from hashwright.runtime.opening import open_store
from hashwright.store import rates as store_rates
from hashwright.web.fleet import NO_FLEET, Fleet, read_fleet
from hashwright.web.machines import Joined, Machine, join_machines
from hashwright.web.rates import DAY, RateBook
from hashwright.web.trend import Trend

if TYPE_CHECKING:
    from hashwright.store.base import AlertRecord, BlockRecord, Store

log = structlog.get_logger()

WATCHED_S: Final = 1.0
IDLE_S: Final = 10.0
LINGER_S: Final = 30.0
"""How long after the last request somebody is still taken to look."""
MACHINES_S: Final = 2.0
MACHINES_A_PICTURE: Final = 2_000
"""A picture of more machines is made less often, so that it takes a few hundredths of a core at most."""
SOON: Final = 10
"""Minutes that are read before the first picture; the rest of the day follows beside it."""
MACHINES_A_SECOND: Final = 1_000
"""A list of more machines is asked for less often, so that its making stays below a few thousandths of the time."""
FLEET_S: Final = 5.0
DEVICES_A_SECOND: Final = 400
"""The same for the list of the fleet, whose rows take the program longer."""
PAGE: Final = 1_000
BLOCKS: Final = 50
ALERTS: Final = 50
NOT_RUNNING: Final = ("HW-704", "HW-613")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The state at one instant. `status` is the program's own answer, None where none runs."""

    number: int = 0
    at_ms: int = 0
    status: Mapping[str, Any] | None = None
    has_database: bool = False
    joined: Joined = field(default_factory=Joined)
    fleet: Fleet = NO_FLEET
    machines_at_ms: int = 0
    blocks: "tuple[BlockRecord, ...]" = ()
    alerts: "tuple[AlertRecord, ...]" = ()
    window_s: float = 0.0
    shares_24h: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Return all machines by name."""
        return self.joined.machines


class Live:
    """Keeps the picture new for as long as `run` runs."""

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.picture = Picture()
        self.book = RateBook()
        self.trend = Trend()
        self.instance = ""
        """The short name of the database."""
        self.watchers = 0
        self._store: Store | None = None
        self._sessions: list[dict[str, Any]] = []
        self._sessions_at = -1e9
        self._machines_at_ms = 0
        self._fleet = NO_FLEET
        self._fleet_at = -1e9
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
        if self.clock.now() - self.picture.at_ms <= 2 * self.pause_s * 1000:
            return self.picture
        self._wake.set()
        try:
            async with asyncio.timeout(5):
                return await self.next_picture(self.picture.number)
        except TimeoutError:
            return self.picture

    async def ask(self, command: str, *, timeout_s: float = 30.0, **arguments: Any) -> Any:  # noqa: ANN401
        """Send a command to the running program."""
        return await ask(self.folder, command, timeout_s=timeout_s, **arguments)

    def store(self) -> "Store | None":
        """Return the store, opened for reading; None where there is none yet."""
        if self._store is None:
            try:
                self._store = open_store(self.folder, readonly=True)
            except OperatorError as error:
                if error.code != "HW-612":
                    raise
        return self._store

    @property
    def pause_s(self) -> float:
        """How long a picture stands while somebody looks: with many machines longer, for its making costs."""
        return max(WATCHED_S, len(self.picture.machines) / MACHINES_A_PICTURE)

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
            is_watched = self.watchers > 0 or self.clock.monotonic() - self._touched < LINGER_S
            pause = max((self.pause_s if is_watched else IDLE_S) - (self.clock.monotonic() - began), 0.2)
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look(self) -> Picture:
        status = await self._ask_status()
        await self._ask_sessions(is_running=status is not None)
        is_new = await self._ask_fleet(is_running=status is not None)
        now = self.clock.now()
        if self._was_stopped and status is not None and status["journal"]["state"] == "ok":
            self.book = RateBook()  # what waited for the disk is written to minutes that were taken as over
        self._was_stopped = status is not None and status["journal"]["state"] != "ok"
        await self._begin_history(now // 60_000)
        facts = await asyncio.to_thread(self._read, now)
        found = Joined()
        seconds = self._window_s(now)
        if facts is not None:  # on a thread: for ten thousand it takes long enough for a request to wait
            words = {"now_ms": now, "asked_ms": self._machines_at_ms, "since": self._since(now)}
            found = await asyncio.to_thread(join_machines, self._sessions, self.book, fleet=self._fleet, **words)
        if is_new:
            self.trend.take(now, said_hs=found.said_hs, expected_hs=found.expected_hs, power_w=found.power_w)
        return Picture(
            number=self.picture.number + 1,
            at_ms=now,
            status=status,
            has_database=facts is not None,
            joined=found,
            fleet=self._fleet,
            machines_at_ms=self._machines_at_ms,
            blocks=facts[0] if facts else (),
            alerts=facts[1] if facts else (),
            shares_24h=_shares(self.book) if facts else {},
            window_s=seconds,
        )

    async def _ask_status(self) -> Mapping[str, Any] | None:
        try:
            return dict(await self.ask("status"))
        except (Unavailable, OperatorError) as error:
            if error.code in NOT_RUNNING:
                return None
            raise

    async def _ask_sessions(self, *, is_running: bool) -> None:
        if not is_running:
            self._sessions, self._sessions_at = [], -1e9
            return
        wait = max(MACHINES_S, len(self._sessions) / MACHINES_A_SECOND)
        if self.clock.monotonic() - self._sessions_at < wait:
            return
        found: list[dict[str, Any]] = []
        after = -1
        while True:
            page = await self.ask("workers", after=after, limit=PAGE)
            found += page
            if len(page) < PAGE:
                break
            after = page[-1]["session"]
        self._sessions, self._sessions_at = found, self.clock.monotonic()
        self._machines_at_ms = self.clock.now()

    async def _ask_fleet(self, *, is_running: bool) -> bool:
        """Ask for the fleet where it is time to; tell whether it was."""
        if not is_running:
            self._fleet, self._fleet_at = NO_FLEET, -1e9
            return False
        wait = max(FLEET_S, len(self._fleet.devices) / DEVICES_A_SECOND)
        if self.clock.monotonic() - self._fleet_at < wait:
            return False
        self._fleet = await read_fleet(self.ask, now=self.clock.now())
        self._fleet_at = self.clock.monotonic()
        return bool(self._fleet.devices)

    def fleet_is_old(self) -> None:
        """Ask for the fleet with the next picture: somebody has just changed it."""
        self._fleet_at = -1e9
        self._wake.set()

    def _read(self, now: int) -> "tuple[tuple[BlockRecord, ...], tuple[AlertRecord, ...]] | None":
        store = self.store()
        if store is None:
            return None
        self.instance = self.instance or store.instance[:8]
        minute = now // 60_000
        store.read_tables(lambda connection: self._advance(connection, minute))
        return tuple(store.blocks(BLOCKS)), tuple(store.alerts(ALERTS))

    async def _begin_history(self, minute: int) -> None:
        """Begin with the newest minutes, read the day beside it, and take it over when it is there."""
        if self._history is not None and self._history.done():
            done, self._history = self._history, None
            self.book = await done
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
        self.book.open_rows = store_rates.read_done(connection, begin=self.book.next_minute, end=minute + 2)

    def _since(self, now: int) -> int:
        """Return the first minute in which anything can have been done: the first of the history, or now."""
        spans = [*self.book.history, *(done.minute for done in self.book.open_rows)]
        return min(spans, default=now // 60_000)

    def _window_s(self, now: int) -> float:
        return self.book.windows["10m"].seconds(now, self._since(now))


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


def _shares(book: RateBook) -> dict[str, int]:
    sums = book.of("24h").values()
    return {"accepted": sum(it.accepted for it in sums), "refused": sum(it.refused for it in sums)}


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
