"""What machines of a site drew and proved since the last turn, and the row that says what became of that turn."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright.fleet import curve
from hashwright.fleet.records import Device
from hashwright.planner.power import PowerSeen
from hashwright.planner.power_outcome import DAY_MS, Measured, PowerOutcome, outcome_of, sums_of
from hashwright.runtime.payouts import LiveBooks
from hashwright.store import power_battery as rows
from hashwright.store.connection import Connection
from hashwright.store.power_battery import PowerOutcomeRow
from hashwright.store.rates import read_done

if TYPE_CHECKING:
    from hashwright.runtime.autopilot_power import PowerService, PowerTurn
    from hashwright.runtime.wiring import Hashwright

SAMPLE_S: Final = 15.0
FRESH_MS: Final = 120_000
SLOT_MS: Final = 900_000
MINUTE_MS: Final = 60_000
LEARN_DAYS: Final = 30
BREATH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What machines drew [Wh by slot's start], how much of it was reckoned, and over how long they were looked at."""

    wh: dict[int, float]
    estimated_wh: float
    covered_ms: int


class OutcomeKeeper:
    """Sums of one site since its last turn."""

    def __init__(self, app: "Hashwright", power: "PowerService") -> None:
        self._app, self._power = app, power
        self._at = 0
        self._clear()

    def _clear(self) -> None:
        self._wh: dict[int, float] = {}
        self._estimated_wh = 0.0
        self._covered_ms = 0

    async def cut(self) -> Drawn:
        """Return what was drawn since the last cut, and begin anew: a turn's span ends where the next one begins."""
        await self.sample()
        found = Drawn(wh=self._wh, estimated_wh=self._estimated_wh, covered_ms=self._covered_ms)
        self._clear()
        return found

    async def run(self) -> None:
        """Look at what machines draw, for ever."""
        self._at = 0
        while True:
            await self.sample()
            await asyncio.sleep(SAMPLE_S)

    async def sample(self) -> None:
        """Add what was drawn since the last look, by what machines say now; a gap is not filled."""
        now = self._app.clock.now()
        before, self._at = self._at, now
        if not before or not 0 < now - before <= FRESH_MS:
            return
        measured, estimated = await self._watts(now)
        hours = (now - before) / 3_600_000
        slot = now - now % SLOT_MS
        self._wh[slot] = self._wh.get(slot, 0.0) + (measured + estimated) * hours
        self._estimated_wh += estimated * hours
        self._covered_ms += now - before

    async def _watts(self, now: int) -> tuple[float, float]:
        """Return what machines say that they draw, and what the rest is reckoned to [W]."""
        measured = estimated = 0.0
        for number, device in enumerate(self._devices(), 1):
            if number % BREATH == 0:
                await asyncio.sleep(0)
            reading = device.reading
            if reading is None or now - reading.at > FRESH_MS:
                continue
            if reading.power_w is not None:
                measured += reading.power_w
            elif reading.activity == "hashing":
                estimated += curve.rated_w(device)
        return measured, estimated

    def _devices(self) -> list[Device]:
        planned = self._power.planned
        groups = () if planned is None or planned.thought is None else planned.thought.plan.groups
        at = self._power.settings.at
        return [
            it
            for it in self._app.kernel.fleet.devices.values()
            if it.settings.group in groups and (not at or it.settings.site == at)
        ]

    async def close(
        self, turn: "PowerTurn", drawn: Drawn, *, until_ms: int, is_driven: bool, seen: PowerSeen | None
    ) -> None:
        """Write what became of a turn, now that the next one has begun."""
        if turn.thought is None:
            return
        groups = {it.settings.device: it.settings.group for it in self._devices()}
        then = msgspec.json.decode(turn.row.seen, type=PowerSeen)
        books = LiveBooks(self._app)
        work = await books.read(lambda connection: work_of(connection, groups, turn.row.at_ms, until_ms))
        measured = Measured(
            work=work,
            machines_wh=drawn.wh,
            estimated_wh=drawn.estimated_wh,
            covered_ms=drawn.covered_ms,
            meter=() if seen is None else seen.metered,
        )
        span = turn.row.at_ms, until_ms
        found = outcome_of(then, turn.thought, measured, span=span, is_driven=is_driven)
        if found is None:
            return
        row = PowerOutcomeRow(
            turn=turn.row.id,
            name=turn.row.name,
            at_ms=turn.row.at_ms,
            until_ms=until_ms,
            body=msgspec.json.encode(found).decode(),
        )
        await books.write(lambda connection: rows.write_outcome(connection, row))


def work_of(connection: Connection, groups: dict[str, str], at_ms: int, until_ms: int) -> dict[str, int]:
    """Sum the work that shares of a site's machines proved [hashes by group]; a worker carries its machine's name."""
    begin, end = at_ms // MINUTE_MS, until_ms // MINUTE_MS
    found: dict[str, int] = {}
    for it in read_done(connection, begin=begin, end=end, span=max(end - begin, 1)) if end > begin else ():
        group = groups.get(it.worker) or groups.get(it.worker.partition(".")[2])
        if group is not None:
            found[group] = found.get(group, 0) + it.work
    return found


def outcomes_in(connection: Connection, name: str, *, since_ms: int) -> list[tuple[int, int, PowerOutcome]]:
    """Read what became of a site's turns since a moment: begin, end, outcome."""
    kept = rows.outcomes_since(connection, since_ms, name=name)
    return [(it.at_ms, it.until_ms, msgspec.json.decode(it.body, type=PowerOutcome)) for it in kept]


def earned_document(connection: Connection, name: str, *, now: int) -> dict[str, Any] | None:
    """Return expected against earned of a site over the last weeks; None where nothing is kept."""
    return sums_of(outcomes_in(connection, name, since_ms=now - LEARN_DAYS * DAY_MS), now=now)
