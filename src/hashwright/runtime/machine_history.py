"""Keeps what each machine did: gathers what it says and what was accepted of it, and writes means every five minutes.

    latest readings --each minute--> Means --each five minutes, with accepted work--> chunks of five minutes
                                                                 --each hour--> chunks of an hour

Nothing waits for this: where the database cannot be written, a span is left out and the plot has a gap. Writing goes in
small parts, so that a commit of shares never waits for ten thousand machines. What was gathered of a span that had not
ended when the program did is lost; hours that were over then are made up from their five minutes at the next start.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from hashwright.errors import HashwrightError
from hashwright.fleet.events import Reading
from hashwright.store import machine_history as rows
from hashwright.store.connection import Connection
from hashwright.store.machine_history import COARSE, FINE, Grain, Point
from hashwright.store.rates import Done, read_done
from hashwright.units import hashrate_est

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

T = TypeVar("T")

LOOK_S: Final = 60.0
SETTLE_S: Final = 60
"""A span is written this long after its end: a commit may be late."""
AT_ONCE: Final = 500
"""Rows of one transaction: some milliseconds of the thread that commits shares."""
SLICE: Final = 1_000
"""Machines that are looked at in one turn of the loop."""
NAMES_MAX: Final = 20_000
"""Names of one span. Workers may call themselves anything; beyond so many only the fleet's machines are kept."""
WRITE_S: Final = 10.0
DROPS_MAX: Final = 60
"""Chunks that are removed at once; after a long rest the others go within the next hours."""


@dataclass(slots=True)
class Means:
    """What a machine said in a span: sums and counts of what it knew."""

    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])

    def add(self, reading: Reading) -> None:
        """Add a reading."""
        for at, value in enumerate((reading.temperature_c, reading.power_w, reading.hashrate_hs)):
            if value is not None:
                self.sums[at] += value
                self.counts[at] += 1

    def of(self, at: int) -> float | None:
        """Return the mean of temperature (0), power (1) or hash rate (2)."""
        return self.sums[at] / self.counts[at] if self.counts[at] else None


class Gatherer:
    """Sums by span and machine; a reading belongs to the span in which the machine said it."""

    def __init__(self) -> None:
        self._spans: dict[int, dict[str, Means]] = {}
        self._seen: dict[str, int] = {}

    def look(self, readings: Iterable[tuple[str, Reading]]) -> None:
        """Add each reading that was not seen yet: a machine that does not answer says nothing new."""
        for name, reading in readings:
            if reading.answer == "ok" and reading.at > self._seen.get(name, 0):
                self._seen[name] = reading.at
                span = FINE.span_of(reading.at // 1000)
                self._spans.setdefault(span, {}).setdefault(name, Means()).add(reading)

    def take(self, span: int, known: Iterable[str]) -> dict[str, Means]:
        """Return the sums of a span, and forget it with all before it and with machines that are gone."""
        found = self._spans.get(span, {})
        self._spans = {at: means for at, means in self._spans.items() if at > span}
        for name in self._seen.keys() - set(known):
            del self._seen[name]
        return found


def points_of(
    at_s: int, span_s: int, *, said: Mapping[str, Means], done: Iterable[Done], devices: Iterable[str]
) -> dict[str, Point]:
    """Return the points of a span by machine: the fleet's by their name, others by that of their worker.

    A worker belongs to the machine of its own name, or of what stands behind its account's dot, as on the pages.
    """
    sums: dict[str, list[int]] = {}
    for it in done:
        total = sums.setdefault(it.worker, [0, 0, 0])
        total[0] += it.work
        total[1] += it.accepted
        total[2] += it.refused
    fleet, taken = set(devices), dict[str, list[int]]()
    for worker in sorted(sums):
        names = (worker, worker.partition(".")[2])
        taken[next((name for name in names if name in fleet and name not in taken), worker)] = sums[worker]
    wanted = sorted(said.keys() | (taken.keys() & fleet)) + sorted(taken.keys() - fleet - said.keys())
    return {
        name: _point(at_s, span_s, said.get(name), taken.get(name), is_known=name in fleet)
        for name in wanted[:NAMES_MAX]
    }


def _point(at_s: int, span_s: int, said: Means | None, done: list[int] | None, *, is_known: bool) -> Point:
    """Return one point: without any share the refused part is unknown, and of the fleet the credited rate is none."""
    work, accepted, refused = done or (0, 0, 0)
    total = accepted + refused
    return Point(
        at_s=at_s,
        temperature_c=None if said is None else said.of(0),
        power_w=None if said is None else said.of(1),
        said_hs=None if said is None else said.of(2),
        refused_part=refused / total if total else None,
        credited_hs=hashrate_est(work, span_s) if total or is_known else None,
    )


class MachineHistory:
    """The loop that keeps it."""

    def __init__(self, app: "Hashwright") -> None:
        self._app = app
        self._gatherer = Gatherer()
        self._span = 0
        self._chunk = 0
        self._bodies: dict[str, bytes] = {}
        self._hours: list[int] = []

    async def run(self) -> None:
        """Look each minute, write each span, for ever; a span that cannot be written is left out."""
        await self._begin()
        while True:
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(HashwrightError, TimeoutError):
                await self.turn()

    async def turn(self) -> None:
        """Look at all machines, and write the span that is over."""
        fleet = self._app.fleet
        readings = [] if fleet is None else list(fleet.latest.items())
        for begin in range(0, len(readings), SLICE):
            self._gatherer.look(readings[begin : begin + SLICE])
            await asyncio.sleep(0)
        now_s = self._app.clock.now() // 1000
        if FINE.span_of(now_s - SETTLE_S) > self._span:
            span, self._span = self._span, FINE.span_of(now_s - SETTLE_S)
            await self.close(span)

    async def close(self, span: int) -> None:
        """Write the means of a span; with the last of an hour, those of the hour, and remove what is too old."""
        devices = [] if self._app.fleet is None else list(self._app.fleet.drivers)
        said = self._gatherer.take(span, devices)
        if self._app.write_state != "ok":
            return
        done = await self._read(lambda it: read_done(it, begin=span // 60, end=(span + FINE.span_s) // 60, span=5))
        points = await asyncio.to_thread(points_of, span, FINE.span_s, said=said, done=done, devices=devices)
        if FINE.chunk_of(span) != self._chunk:
            self._hours.append(self._chunk)
            self._chunk, self._bodies = FINE.chunk_of(span), {}
        changed = rows.joined(self._bodies, points, FINE)
        self._bodies |= changed
        await self._write(FINE, self._chunk, changed)
        await self._close_hours()

    async def _begin(self) -> None:
        """Go on where the last process ended."""
        now_s = self._app.clock.now() // 1000
        self._span, self._chunk = FINE.span_of(now_s - SETTLE_S), FINE.chunk_of(FINE.span_of(now_s - SETTLE_S))
        with contextlib.suppress(HashwrightError, TimeoutError):
            self._bodies = await self._read(lambda it: rows.read_chunks(it, FINE, self._chunk))
            self._hours += await self._read(lambda it: hours_missing(it, before_s=self._chunk))
            await self._close_hours()

    async def _close_hours(self) -> None:
        """Make up the hours that are over; one that cannot be written now is tried again with the next span."""
        while self._hours:
            await self._close_hour(self._hours[0])
            del self._hours[0]

    async def _close_hour(self, hour: int) -> None:
        day = COARSE.chunk_of(hour)

        def work(connection: Connection) -> dict[str, bytes]:
            chunks = rows.read_chunks(connection, FINE, hour)
            means = {name: rows.mean_of(rows.unpacked(body, hour, FINE), hour) for name, body in chunks.items()}
            return rows.joined(rows.read_chunks(connection, COARSE, day), means, COARSE)

        await self._write(COARSE, day, await self._read(work))
        for grain in (FINE, COARSE):
            await self._drop_old(grain, hour)

    async def _drop_old(self, grain: Grain, now_s: int) -> None:
        for _ in range(DROPS_MAX):
            begin = await self._read(lambda it: rows.begins_after(it, grain, -1))
            if begin is None or begin + grain.chunk_s > now_s - grain.kept_s:
                return

            def drop(connection: Connection, begin: int = begin) -> None:
                rows.drop(connection, grain, begin)

            async with asyncio.timeout(WRITE_S):
                await asyncio.wrap_future(self._app.writer.transact(drop))

    async def _write(self, grain: Grain, begin_s: int, bodies: Mapping[str, bytes]) -> None:
        lines = sorted(bodies.items())
        for begin in range(0, len(lines), AT_ONCE):
            part = lines[begin : begin + AT_ONCE]

            def put(connection: Connection, part: list[tuple[str, bytes]] = part) -> None:
                rows.write(connection, grain, begin_s, part)

            async with asyncio.timeout(WRITE_S):
                await asyncio.wrap_future(self._app.writer.transact(put))

    async def _read(self, query: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._app.store.read_tables, query)


def hours_missing(connection: Connection, *, before_s: int) -> list[int]:
    """List hours that are over, have their five minutes, and no mean of their own yet."""
    newest = rows.newest_chunk(connection, COARSE)
    last = -1
    if newest is not None:
        places = [
            place for body in rows.read_chunks(connection, COARSE, newest).values() for place in rows.places(body)
        ]
        last = newest + max(places, default=0) * COARSE.span_s
    found = []
    hour = rows.begins_after(connection, FINE, last)
    while hour is not None and hour < before_s:
        found.append(hour)
        hour = rows.begins_after(connection, FINE, hour)
    return found
