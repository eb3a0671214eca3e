"""The battery of a power autopilot's site in the running program: asked every few seconds, told what the plan wants.

    plan in force --order_in--> wanted --battery_control.step--> Tell --row, then driver--> Answered --row

The plan in force is the one that drives the fleet: in dry-run, before somebody applies an advice, while autopilots are
paused and while the fleet itself is not live there is none, and a battery that was never told anything is told nothing.
One that was told something is given back. Decisions are those of `energy.battery_control`; here are only the clock,
the driver and the rows.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from hashwright.adapters.batteries.base import read_battery, tell_battery
from hashwright.energy.battery_control import (
    Answered,
    BatteryReading,
    BatteryState,
    Considered,
    Looked,
    Order,
    PlanAgain,
    Report,
    Tell,
    automatic,
    believed,
    decide,
    limited,
    step,
    words_of,
)
from hashwright.errors import ConfigError, HashwrightError
from hashwright.planner.power import KeptPlan
from hashwright.planner.power_battery import order_in
from hashwright.runtime.battery_file import CommandedBattery, load_battery
from hashwright.runtime.payouts import LiveBooks
from hashwright.signals import Alert
from hashwright.store import power_battery as rows
from hashwright.store.connection import Connection
from hashwright.store.power_battery import BatteryEventRow

if TYPE_CHECKING:
    from hashwright.runtime.autopilot_power import PowerService
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()
LOOK_S: Final = 10.0
STALE_MS: Final = 2 * 3_600_000
"""A plan that nobody could renew for so long says nothing of a battery any more; its machines go on by it."""
RELEASE_S: Final = 4.0
"""An orderly end waits this long for a battery to be given back."""
FRESH_MS: Final = 120_000


Driving = tuple[int, int, KeptPlan]
"""The plan in force: its turn's number, when that was thought [ms], and the plan."""


class KeptOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its row keeps it: what was said, and all that it follows from (None: nothing, it was given back)."""

    order: Order
    considered: Considered | None = None

    @property
    def is_repeated(self) -> bool:
        """Tell whether deciding again gives the same order."""
        return self.considered is None or decide(self.considered) == self.order


class BatteryService:
    """One site's battery, for as long as its power autopilot runs."""

    def __init__(self, app: "Hashwright", power: "PowerService") -> None:
        self.state = BatteryState()
        self.battery: CommandedBattery | None = None
        self.problem = ""
        self._power = power
        self._app = app
        self._file_ns = -1
        self._is_over = False

    # ---------------------------------------------------------------- the loop

    async def run(self) -> None:
        """Look, and tell it what the plan wants, for ever."""
        await self.restore()
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def restore(self) -> None:
        """Remember what it was told last before this start: a crash may have left it under orders."""
        self.load()
        name = self._power.settings.name
        row = await LiveBooks(self._app).read(lambda connection: rows.last_order(connection, name))
        if row is not None:
            self.state.order = msgspec.json.decode(row.body, type=KeptOrder).order

    def load(self) -> None:
        """Read the site's file again where it has changed; one that is not usable is told once."""
        path = Path(self._power.settings.site_file)
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return  # the last facts hold, as the last plan does
        if changed == self._file_ns:
            return
        self._file_ns = changed
        try:
            found, self.problem = load_battery(path), ""
        except ConfigError as error:
            found, self.problem = None, error.message
            self._warn("warning", error.code, error.message)
        if found is None or self.battery is None or not found.is_same(self.battery):
            self.battery = found

    async def look(self) -> None:
        """Ask it, decide, and tell it."""
        before = self.battery
        self.load()
        battery = self.battery
        if before is not None and before is not battery:
            await self._give_back(before, "the site's file names another battery")
            self.state = BatteryState()
        if battery is None:
            return
        reading = await read_battery(battery.driver, now_ms=self._app.clock.now())
        if not self._is_over:
            await self._do(battery, Looked(reading=reading, wanted=self.wanted()))

    def wanted(self) -> Order | None:
        """Return what the plan in force wants of it now; None where none is."""
        battery, drive, now = self.battery, self._power.driving, self._app.clock.now()
        is_live = self._app.kernel.fleet.rules.is_live
        if battery is None or drive is None or not is_live or self._power.settings.is_paused:
            return None
        number, planned_at, plan = drive
        if now - planned_at > STALE_MS:
            return None
        return order_in(plan, battery.terms, turn=number, now=now)

    async def _do(self, battery: CommandedBattery, event: Looked | Answered) -> None:
        for effect in step(self.state, event, battery.terms, now=self._app.clock.now()):
            match effect:
                case Tell(order=order, considered=considered):
                    await self._tell(battery, KeptOrder(order=order, considered=considered))
                case Report(level=level, code=code, text=text):
                    await self._record("trouble", 0, {"code": code, "level": level, "text": text})
                    self._warn(level, code, text)
                case PlanAgain():
                    self._power.wake()

    async def _tell(self, battery: CommandedBattery, it: KeptOrder) -> None:
        """Write the order, send it, write the answer. It names a state: the same one twice does no harm."""
        await self._record("order", it.order.turn, msgspec.to_builtins(it))
        outcome = await tell_battery(battery.driver, it.order)
        await self._record("answer", it.order.turn, {"answer": outcome.answer, "detail": outcome.detail})
        await self._do(battery, Answered(answer=outcome.answer, detail=outcome.detail))

    async def _record(self, kind: str, turn: int, body: dict[str, Any]) -> None:
        row = BatteryEventRow(
            id=0,
            at_ms=self._app.clock.now(),
            name=self._power.settings.name,
            kind=kind,
            turn=turn,
            body=msgspec.json.encode(body).decode(),
        )

        def write(connection: Connection) -> None:
            rows.write_events(connection, (row,))

        try:
            await LiveBooks(self._app).write(write)
        except HashwrightError as error:  # the disk is full: giving a battery back must not wait for it
            log.warning("what a battery was told is not kept", site=row.name, problem=str(error))

    # ---------------------------------------------------------------- the end

    async def release(self, why: str, *, is_final: bool = False) -> bool:
        """Give it back to itself, if it was ever told anything; return whether it said yes.

        `is_final`: Hashwright ends, and tells it nothing any more.
        """
        self._is_over = self._is_over or is_final
        return self.battery is None or await self._give_back(self.battery, why)

    async def _give_back(self, battery: CommandedBattery, why: str) -> bool:
        """Send it before anything is written: a full disk must not keep a battery under orders."""
        last = self.state.order
        if last is None or (last.action == "automatic" and self.state.answer == "ok"):
            return True
        order = automatic(None, why)
        outcome = await tell_battery(battery.driver, order, deadline_s=RELEASE_S)
        self.state.order, self.state.answer = order, outcome.answer
        if outcome.answer != "ok":
            text = f"it was to be given back to itself, and did not say yes: {outcome.answer} {outcome.detail}"
            self._warn("critical", "HW-895", text)
        await self._record("order", 0, msgspec.to_builtins(KeptOrder(order=order)))
        await self._record("answer", 0, {"answer": outcome.answer, "detail": outcome.detail})
        return outcome.answer == "ok"

    # ---------------------------------------------------------------- what others ask

    @property
    def is_out(self) -> bool:
        """Tell whether plans are to be made without it."""
        return self.battery is not None and self.state.is_out

    @property
    def level(self) -> float | None:
        """Return its level [percent], where it said so lately and can be believed."""
        reading = self._fresh()
        return None if reading is None else believed(reading.level)

    @property
    def taking_w(self) -> int:
        """Return what it takes now by itself [W]: a load that nobody planned, while it does not obey."""
        reading = self._fresh()
        power = None if reading is None else reading.power_w
        return 0 if power is None or not self.is_out else max(round(power), 0)

    def _fresh(self) -> BatteryReading | None:
        reading = self.state.reading
        return reading if reading is not None and self._app.clock.now() - reading.at_ms <= FRESH_MS else None

    def document(self) -> dict[str, Any] | None:
        """Return it as pages and commands show it; None where the site has no battery that takes orders."""
        battery, state = self.battery, self.state
        if battery is None:
            return None if not self.problem else {"kind": "", "problem": self.problem}
        reading, wanted, now = state.reading, self.wanted(), self._app.clock.now()
        return {
            "kind": battery.kind,
            "problem": f"{state.trouble} {state.why}".strip(),
            "is_out": state.is_out,
            "out_until_ms": state.out_until or None,
            "level": None if reading is None else reading.level,
            "power_w": None if reading is None else reading.power_w,
            "mode": "" if reading is None else reading.mode,
            "read_at_ms": None if reading is None else reading.at_ms,
            "silent_looks": state.silent,
            "order": order_document(state.order, answer=state.answer, sent_at=state.sent_at),
            "wanted": order_document(None if wanted is None else limited(wanted, self.level, battery.terms)),
            "would": order_document(self._would(now)) if wanted is None else None,
        }

    def _would(self, now: int) -> Order | None:
        """Return what it would be told now if the last plan drove it: for a dry run."""
        planned, battery = self._power.planned, self.battery
        if planned is None or planned.thought is None or battery is None:
            return None
        order = order_in(planned.thought.plan, battery.terms, turn=planned.row.id, now=now)
        return None if order is None else limited(order, self.level, battery.terms)

    def _warn(self, level: Any, code: str, text: str) -> None:  # noqa: ANN401 (the levels of an alert)
        name = self._power.settings.name
        self._app.warn(Alert(level=level, code=code, text=f"The battery of {name}: {text}"[:500]))


def order_document(order: Order | None, *, answer: str = "", sent_at: int = 0) -> dict[str, Any] | None:
    """Return an order as pages and commands show it."""
    if order is None:
        return None
    document: dict[str, Any] = msgspec.to_builtins(order) | {"words": words_of(order)}
    return document | ({"answer": answer, "sent_at_ms": sent_at or None} if answer else {})
