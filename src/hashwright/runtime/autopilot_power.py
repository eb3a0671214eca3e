"""The power autopilot in the running program: every quarter of an hour observe, plan, keep, and drive the fleet.

    observe   the fleet's machines, what a hash earns; then in a process of its own tariff, weather, meter
    plan      `planner.power_think`, there as well, with a time limit
    keep      what was seen, what was thought and what became of it: one row, which never changes
    act       dry-run: nothing. advise: a person is asked. live: the fleet engine gets a `PowerPlan`

Three rules stand behind each other, and a banner says which one holds: the solver's plan; where none comes, the last
plan as far as it reaches (HW-951); then the threshold rule (HW-952). Where nothing is known to plan by, such as no
price, and the last plan is over, machines stay as they are, or sleep if their owner said so (HW-953).

A live plan acts within the fleet's own rules: heat, a person's word, ramp, dwell, starts a day, and its `live`.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from hashwright.errors import OperatorError, StaleInput, Unavailable
from hashwright.fleet import plan as planning
from hashwright.fleet.events import PlanSlot, PowerPlan, PowerPlanEnded
from hashwright.planner.power import KeptPlan, PowerSeen, PowerThought, Told, slots_now
from hashwright.runtime import power_limits, power_observe
from hashwright.runtime.battery import BatteryService, Driving
from hashwright.runtime.market_data import load_market
from hashwright.runtime.payouts import LiveBooks
from hashwright.runtime.power_observe import Failure, PowerAsk
from hashwright.runtime.power_outcome import Drawn, OutcomeKeeper
from hashwright.runtime.power_pins import pins_of
from hashwright.runtime.power_settings import PowerSettings
from hashwright.runtime.power_sight import Signature, machines_of, signature_of, worths
from hashwright.signals import Alert
from hashwright.store import power as rows
from hashwright.store.connection import Connection
from hashwright.store.power import PowerTurnRow

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()
OBSERVE_S: Final = power_observe.GATHER_S + 20
RULE_S: Final = 40.0
"""The rule without a solver takes a second; a process that must start anew some more."""
SOLVES: Final = 4
"""A plan is solved in up to so many steps, each with the solver's time limit."""
FIRST_S: Final = 20.0
LOOK_S: Final = 5.0
EARLY_GAP_S: Final = 60.0
PRICES_S: Final = 300.0
BLIND_MS: Final = 3_600_000
FIT: Final = 1.05
"""Where a site's limits are near, a group whose ratings differ gets at most so much more than it was planned with."""
CODES: Final = {"last plan": "HW-951", "threshold": "HW-952"}
NO_PLAN: Final = "HW-953"


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTurn:
    """One turn: its row, and what was thought, None where nothing could be."""

    row: PowerTurnRow
    thought: PowerThought | None


class PowerService:
    """Turns for one site, for as long as the program runs."""

    def __init__(self, app: "Hashwright", settings: PowerSettings) -> None:
        self.settings = settings
        self.banner = ""
        self.last: PowerTurn | None = None
        self.planned: PowerTurn | None = None
        """The last turn that made a plan."""
        self.next_at = 0
        self.driving: Driving | None = None
        """The plan that drives the fleet now."""
        self.battery = BatteryService(app, self)
        self.outcomes = OutcomeKeeper(app, self)
        self._app = app
        self._kept: KeptPlan | None = None
        """The last plan of a solver: what holds when no new one comes."""
        self._asked: dict[str, tuple[tuple[float, int], ...]] | None = None
        """What a person was asked for last."""
        self._told: set[str] = set()
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._signature: Signature | None = None
        self._until_ms = 0

    # ---------------------------------------------------------------- the loop

    async def run(self) -> None:
        """Take a turn every quarter of an hour, and early when something changed, for ever."""
        await self._restore()
        await self._wait_for_machines()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._watch_prices())
            group.create_task(power_limits.watch_meter(self._app, self))
            group.create_task(self.battery.run())
            group.create_task(self.outcomes.run())
            while True:
                self._wake.clear()
                try:
                    await self.turn()
                except Unavailable as error:  # the disk is full: what drives the fleet goes on
                    log.warning("a power turn was not kept", site=self.settings.name, problem=str(error))
                self.next_at = self._app.clock.now() + self.settings.every_s * 1000
                try:
                    async with asyncio.timeout(self.settings.every_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    def wake(self) -> None:
        """Take a turn soon."""
        self._wake.set()

    async def _restore(self) -> None:
        """Remember the last plan of before this start."""
        row = await LiveBooks(self._app).read(lambda connection: rows.last_thought(connection, self.settings.name))
        if row is None or self.planned is not None:
            return
        thought = msgspec.json.decode(row.thought, type=PowerThought)
        self.planned = self.last = PowerTurn(row=row, thought=thought)
        self._kept = thought.plan if thought.rule == "plan" else msgspec.json.decode(row.seen, type=PowerSeen).last
        await self._restore_driving()

    async def _restore_driving(self) -> None:
        """Remember which turn's plan the fleet follows: a start, also after a crash, goes on with it."""
        driven = self._app.kernel.fleet.plans.get(self.settings.name)
        number = "" if driven is None else driven.plan.removeprefix(f"{self.settings.name} ")
        if not number.isdecimal():
            return
        row = await LiveBooks(self._app).read(lambda connection: rows.numbered(connection, int(number)))
        thought = None if row is None else msgspec.json.decode(row.thought, type=PowerThought | None)
        if row is not None and thought is not None:
            self.driving = row.id, row.at_ms, thought.plan

    async def _wait_for_machines(self) -> None:
        """Let every machine speak first, for a while: one that nobody heard yet is neither running nor asleep."""
        loop = asyncio.get_running_loop()
        end = loop.time() + FIRST_S
        while loop.time() < end:
            devices = self._app.kernel.fleet.devices.values()
            if all(it.reading is not None or it.misses for it in devices):
                return
            await asyncio.sleep(0.25)

    async def _watch(self) -> None:
        """Ask for an early turn when machines, rules or the site's file changed, and have stayed so for a moment."""
        before = None
        while True:
            await asyncio.sleep(LOOK_S)
            now = await signature_of(self._app, self.settings)
            if now == before and now != self._signature and not self._turn.locked():
                self._wake.set()
                await asyncio.sleep(EARLY_GAP_S)
            before = now

    async def _watch_prices(self) -> None:
        """Ask for an early turn when the tariff knows more hours than the last plan reached over."""
        while True:
            await asyncio.sleep(PRICES_S)
            seen_until = self._until_ms
            if self.settings.is_paused or not seen_until:
                continue
            ask = await self._ask()
            if seen_until >= ask.now_ms + self.settings.hours * 3_600_000 - PRICES_S * 1000 * 3:
                continue
            try:
                until = await self._app.power.worker.call(
                    power_observe.known_until, ask, limit_s=OBSERVE_S, code=NO_PLAN
                )
            except StaleInput:
                continue
            if isinstance(until, int) and until > seen_until and self._until_ms == seen_until:
                self._wake.set()

    # ---------------------------------------------------------------- a turn

    async def turn(self) -> PowerTurn | None:
        """Take one turn; None while it is paused."""
        async with self._turn:
            if self.settings.is_paused:
                return None
            self._signature = await signature_of(self._app, self.settings)
            drawn = await self.outcomes.cut()
            ask = await self._ask()
            seen = await self._observe(ask)
            await self._close_span(ask.now_ms, drawn, None if isinstance(seen, Failure) else seen)
            if isinstance(seen, Failure):
                return await self._go_blind(None, seen)
            power_limits.publish(self._app, self.settings, seen)
            thought = await self._think(seen)
            if isinstance(thought, Failure):
                return await self._go_blind(seen, thought)
            if thought.rule == "plan":
                self._kept = thought.plan
            self._until_ms = thought.plan.end_ms
            self._tell_rule(thought)
            turn = await self._act(seen, thought)
            self.planned = turn
            await self._remember_told(seen)
            return turn

    async def _close_span(self, until_ms: int, drawn: Drawn, seen: PowerSeen | None) -> None:
        """Keep what became of the last plan's time; a plan that goes on holding is judged once, over its first span."""
        turn = self.planned
        if turn is not None:
            is_driven = self.driving is not None and self.driving[0] == turn.row.id
            await self.outcomes.close(turn, drawn, until_ms=until_ms, is_driven=is_driven, seen=seen)

    async def _ask(self) -> PowerAsk:
        app, settings = self._app, self.settings
        now = app.clock.now()
        market = await asyncio.to_thread(load_market, app.config.data_dir)
        told = await LiveBooks(app).read(lambda connection: rows.read_told(connection, settings.name))
        fresh = {
            coin: (it.usd_th_day, it.source)
            for coin, it in worths(app, market).items()
            if now - it.at_ms <= settings.price_age_max_s * 1000
        }
        return PowerAsk(
            name=settings.name,
            now_ms=now,
            site_file=settings.site_file,
            data=settings.data,
            meter=settings.meter,
            hours=settings.hours,
            solver_s=settings.solver_s,
            machines=await machines_of(app.kernel.fleet, at=settings.at, now=now),
            worth=fresh,
            told=tuple(told.items()),
            last=self._kept,
            data_dir=str(app.config.data_dir),
            pins=pins_of(app, settings.name, now=now),
            level=self.battery.level,
            is_battery_out=self.battery.is_out,
            battery_w=self.battery.taking_w,
        )

    async def _observe(self, ask: PowerAsk) -> PowerSeen | Failure:
        try:
            return await self._app.power.worker.call(power_observe.observe, ask, limit_s=OBSERVE_S, code=NO_PLAN)
        except StaleInput as error:
            return Failure(code=error.code, message=error.message)

    async def _think(self, seen: PowerSeen) -> PowerThought | Failure:
        """Plan; where the solver's process gives no answer, by the last plan or the rule, in a new one."""
        worker = self._app.power.worker
        limit_s = seen.solver_s * SOLVES + RULE_S
        try:
            return await worker.call(power_observe.think, seen, limit_s=limit_s, code=NO_PLAN)
        except StaleInput as error:
            told = Told(code="HW-850", place="plan", message=f"The solver's process gave no plan: {error.message}")
        seen = msgspec.structs.replace(power_observe.without_solver(seen), told=(*seen.told, told))
        try:
            return await worker.call(power_observe.think, seen, limit_s=RULE_S, code=NO_PLAN)
        except StaleInput as error:
            return Failure(code=error.code, message=error.message)

    @property
    def _may_drive(self) -> bool:
        """Tell whether nobody paused or removed it while it was thinking."""
        return not self.settings.is_paused and self._app.power.services.get(self.settings.name) is self

    async def _act(self, seen: PowerSeen, thought: PowerThought) -> PowerTurn:
        if not self._may_drive:
            return await self._keep(seen, thought, "kept", "it was stopped meanwhile")
        note = f"expected {thought.gain:+.2f} {seen.currency} beside machines that always run"
        match self.settings.mode:
            case "dry-run":
                return await self._keep(seen, thought, "rehearsed", f"DRY RUN: nothing was switched; {note}")
            case "advise":
                wanted = {group: it.parts for group, it in slots_now(thought, now=seen.at_ms).items()}
                if wanted == self._asked:
                    return await self._keep(seen, thought, "kept", "as was asked before")
                self._asked = wanted
                turn = await self._keep(seen, thought, "asked", note)
                self._alert("HW-954", f"hw autopilot power apply {turn.row.id}: {note}")
                return turn
            case "live":
                turn = await self._keep(seen, thought, "applied", note)
                if self._may_drive:
                    self.drive(turn)
                    self._tell_not_live()
                return turn

    def drive(self, turn: PowerTurn) -> None:
        """Give a turn's plan to the fleet engine.

        Raises:
            OperatorError: it has no plan, or its plan is over (HW-957).
        """
        now = self._app.clock.now()
        thought = turn.thought
        if thought is None or thought.plan.end_ms <= now:
            raise OperatorError(f"Turn {turn.row.id} has no plan for now.", code="HW-957")
        seen = msgspec.json.decode(turn.row.seen, type=PowerSeen)
        self._app.kernel.handle(plan_event(self._app, self.settings, turn.row.id, seen, thought))
        self.driving = turn.row.id, turn.row.at_ms, thought.plan

    def let_go(self) -> None:
        """Drive the fleet no longer: machines stay as they are, a battery is given back at its next look."""
        self.driving = None
        if self.settings.name in self._app.kernel.fleet.plans:
            self._app.kernel.handle(PowerPlanEnded(self.settings.name))

    # ---------------------------------------------------------------- when nothing can be planned

    async def _go_blind(self, seen: PowerSeen | None, failure: Failure) -> PowerTurn:
        """Let the last plan hold as far as it reaches; after it machines stay, or sleep where their owner said so."""
        now = self._app.clock.now()
        planned = None if self.planned is None else self.planned.thought
        if planned is not None and now < planned.plan.end_ms:
            text = f"{self.settings.name}: the last plan holds until {_clock(planned.plan.end_ms)}: {failure.message}"
            self._tell_only("HW-951", text)
            return await self._keep(seen, None, "failed", f"{failure.code} {failure.message} The last plan holds.")
        sleeps = self.settings.blind == "sleep" and self.settings.mode == "live" and self._may_drive
        ending = "Machines are put to sleep." if sleeps else "Machines stay as they are."
        self._tell_only(NO_PLAN, f"{self.settings.name}: {failure.message} {ending}")
        if sleeps:
            self.driving = None
            self._app.kernel.handle(self._sleep_event(now))
        return await self._keep(seen, None, "failed", f"{failure.code} {failure.message} {ending}")

    def _sleep_event(self, now: int) -> PowerPlan:
        groups = () if self.planned is None or self.planned.thought is None else self.planned.thought.plan.groups
        slots = tuple(PlanSlot(now, group, 0.0) for group in groups)
        name = self.settings.name
        author = f"autopilot {name}"
        return PowerPlan(f"{name} blind", slots, now + BLIND_MS, author, name, self.settings.at)

    # ---------------------------------------------------------------- telling

    def _tell_rule(self, thought: PowerThought) -> None:
        """Say which of the three rules holds, once when it begins."""
        code = CODES.get(thought.rule, "")
        why = "; ".join(it.message for it in thought.told if it.code in ("HW-850", "HW-851", "HW-855"))
        words = {"last plan": "the last plan holds", "threshold": "machines run by the threshold rule"}
        self._tell_only(code, f"{self.settings.name}: {words.get(thought.rule, '')}: {why}" if code else "")

    def _tell_only(self, code: str, text: str) -> None:
        """Tell what is wrong now, once; the others of its kind are over."""
        self.banner = f"{code} {text}" if code else ""
        over = self._told - {code, "HW-959"}
        self._told -= over
        if over and not code:
            text = f"{self.settings.name}: plans are made by the solver again."
            self._app.warn(Alert(level="info", code=min(over), text=text))
        if code and code not in self._told:
            self._told.add(code)
            self._alert(code, text)

    def _tell_not_live(self) -> None:
        if self._app.kernel.fleet.rules.is_live:
            self._told.discard("HW-959")
        elif "HW-959" not in self._told:
            self._told.add("HW-959")
            self._alert("HW-959", f"{self.settings.name}: the plan is live, the fleet is not: machines are rehearsed.")

    def _alert(self, code: str, text: str) -> None:
        self._app.warn(Alert(level="warning", code=code, text=text[:500]))

    async def _keep(self, seen: PowerSeen | None, thought: PowerThought | None, state: str, note: str) -> PowerTurn:
        row = PowerTurnRow(
            id=0,
            at_ms=self._app.clock.now() if seen is None else seen.at_ms,
            name=self.settings.name,
            mode=self.settings.mode,
            state=state,
            seen=msgspec.json.encode(seen).decode(),
            thought=msgspec.json.encode(thought).decode(),
            note=note[:500],
        )
        number = await LiveBooks(self._app).write(lambda connection: rows.write(connection, row))
        self.last = PowerTurn(row=replace(row, id=number), thought=thought)
        return self.last

    async def _remember_told(self, seen: PowerSeen) -> None:
        """Keep what sun and wind were told to give in the next day, to be held against the meter."""
        own = zip(seen.sun_w[:96], seen.wind_w[:96], strict=True)
        told = [
            (seen.start_ms + number * 900_000, round((sun or 0.0) + (wind or 0.0)))
            for number, (sun, wind) in enumerate(own)
            if sun is not None and wind is not None
        ]

        def write(connection: Connection) -> None:
            rows.write_told(connection, self.settings.name, told, now_ms=seen.at_ms)

        await LiveBooks(self._app).write(write)


def plan_event(
    app: "Hashwright", settings: PowerSettings, number: int, seen: PowerSeen, thought: PowerThought
) -> PowerPlan:
    """Return a plan as the fleet engine takes it: watts by the machines' own ratings, near to what was planned."""
    now = app.clock.now()
    members: dict[str, list[Any]] = {name: [] for name in thought.plan.groups}
    for device in app.kernel.fleet.devices.values():
        if device.settings.group in members and (not settings.at or device.settings.site == settings.at):
            members[device.settings.group].append(device)
    ratings = {name: planning.ratings_of(mine, now=now) for name, mine in members.items()}
    reserved = {name: planning.reserved_w(mine, now=now) for name, mine in members.items()}
    slots = []
    full = [(it.group, planning.watts_for(ratings[it.group], it.parts)) for it in thought.groups]
    fit = float("inf") if power_limits.leave_room(seen.site, full, reserved) else FIT
    for it, (_, exact) in zip(thought.groups, full, strict=True):
        watts = min(exact, it.power_w * fit)
        slots.append(PlanSlot(it.from_ms, it.group, watts + reserved[it.group], it.parts))
    limit_kw = seen.site["limits"].get("machines_kw") or 0.0
    return PowerPlan(
        plan=f"{settings.name} {number}",
        slots=tuple(slots),
        valid_until=thought.plan.end_ms,
        author=f"autopilot {settings.name}",
        key=settings.name,
        site=settings.at,
        limit_w=limit_kw * 1000 / (1 + seen.site.get("cooling", 0.0)),
        start_part=settings.start_percent / 100,
        stop_part=settings.stop_percent / 100,
    )


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
