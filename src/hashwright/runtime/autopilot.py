"""The autopilot in the running program: every few minutes observe, decide, keep, and act as far as its owner lets it.

    observe   what each destination's newest job is worth, prices with their age, the route, orders, the work of late
    decide    `planner.autopilot.think`, in a process of its own: whatever it does, no machine waits for it
    keep      what was seen, what was thought and what became of it: one row, which never changes
    act       dry-run: nothing. advise: a person is asked. live: the route is set, within the owner's limits
    learn     what became of the decision before, now that its time is over

A turn comes by the clock, or early, when something changed that it rests on (`autopilot_signs`). A turn that cannot be
thought changes nothing and says so (HW-770). A pause stops all of them at once: the kill switch.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright.economics.exchange import HINT as RATES
from hashwright.errors import HashwrightError, OperatorError, StaleInput
from hashwright.planner.autopilot import Seen, State, Thought, became, bought, is_change, paper_after, think
from hashwright.runtime.autopilot_acts import AUTHOR, carry_out, end_rest, tend
from hashwright.runtime.autopilot_buying import Acts, Before, Buyer
from hashwright.runtime.autopilot_claims import claims_of
from hashwright.runtime.autopilot_learning import close_span
from hashwright.runtime.autopilot_market import end_sale
from hashwright.runtime.autopilot_settings import KIND, AutopilotSettings, parse_autopilot
from hashwright.runtime.autopilot_sight import DAY_MS, Memory, look
from hashwright.runtime.autopilot_signs import EarlyTurns, PriceFile, signs_of
from hashwright.runtime.payouts import LiveBooks
from hashwright.runtime.worker import Worker
from hashwright.signals import Alert
from hashwright.store import decisions, outcomes
from hashwright.store.connection import Connection
from hashwright.store.decisions import DecisionRow

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

THINK_S: Final = 30.0
CHECK_S: Final = 1.0
"""How often it is looked whether something changed."""
RECOVERED: Final = {
    "HW-770": ("HW-775", "Decisions are made again."),
    "HW-772": ("HW-778", "Mining earns more than its power again."),
    "HW-776": ("HW-777", "Every price is fresh again."),
    "HW-714": ("HW-716", "Power's price is converted by a rate of these days."),
}
"""What is told when the trouble of a code is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn: its number in the database, and what came of it."""

    row: DecisionRow
    thought: Thought | None


class Thinker:
    """A process that thinks. It is started when it is needed, and again when it died."""

    def __init__(self) -> None:
        self._worker = Worker()

    async def think(self, seen: Seen) -> Thought:
        """Think one turn.

        Raises:
            StaleInput: no thought came in time, or it failed (HW-770).
        """
        return await self._worker.call(think, seen, limit_s=THINK_S, code="HW-770")

    def close(self) -> None:
        """End the process."""
        self._worker.close()


class AutopilotService:
    """Turns for one algorithm, for as long as the program runs."""

    def __init__(
        self, app: "Hashwright", settings: AutopilotSettings, thinker: Thinker, *, memory: Memory | None = None
    ) -> None:
        self.settings = settings
        self.problem = ""
        self.last: Turn | None = None
        self.memory = memory
        self.early = EarlyTurns()
        self._app = app
        self._thinker = thinker
        self._told: dict[str, str] = {}
        self._prices = PriceFile(app.config.data_dir)
        self._turn = asyncio.Lock()
        self.buyer = Buyer(app, self)
        self._before: Before | None = None

    def follow(self, before: "AutopilotService") -> None:
        """Take over what a service with other settings knew: what it told, and where its paper route stood.

        The owner's word frees it from the rest after a change; what was spent today stays spent.
        """
        self._told, self.last, self._before = before._told, before.last, before._before
        self.buyer.follow(before.buyer)
        if before.memory is not None and before.settings.mode == self.settings.mode:
            self.memory = replace(before.memory, changed_ms=None)

    def let_go(self) -> None:
        """End what must be tended: nobody would follow a sale's floor any more. Routes and machines stay so."""
        if self.settings.mode == "live":
            end_sale(self._app, self.settings)

    async def run(self) -> None:
        """Take a turn every few minutes, or when something changed, for ever."""
        cause = "the start"
        while True:
            await self.turn(cause)
            cause = await self._next_cause()

    async def _next_cause(self) -> str:
        """Wait for the next turn, and say why it is due."""
        began = self._app.clock.monotonic()
        while True:
            left_s = began + self.settings.every_s - self._app.clock.monotonic()
            if left_s <= 0:
                return "the clock"
            await asyncio.sleep(min(CHECK_S, left_s))
            cause = "" if self.settings.is_paused else self._early_cause()
            if cause:
                return cause

    def _early_cause(self) -> str:
        signs = signs_of(self._app, self.settings, self._prices)
        return self.early.cause(signs, now=self._app.clock.now())

    async def turn(self, cause: str = "a person") -> Turn | None:
        """Take one turn; None while it is paused."""
        async with self._turn:
            await self.buyer.sweep("nobody tends it any more")
            if self.settings.is_paused:
                return None
            memory = await self._remembered()
            signs = signs_of(self._app, self.settings, self._prices)
            seen = await self._look(memory, cause)
            self.early.took(signs, now=seen.at_ms)
            try:
                thought = await self._thinker.think(seen)
            except StaleInput as error:
                self.problem = error.message
                words = f"{self.settings.algorithm}: {error.message} Nothing was changed."
                self._tell("HW-770", is_so=True, text=words)
                self.let_go()
                ended = await self.buyer.failed(seen.at_ms)
                return await self._keep(seen, None, "failed", f"{error.message}{ended}")
            self.problem, self.buyer.failing_since = "", None
            self._tell_all(seen, thought)
            return await self._act(seen, thought, memory)

    async def _look(self, memory: Memory, cause: str) -> Seen:
        seen = await look(self._app, self.settings, memory, cause=cause)
        return await self.buyer.see(seen, memory, self._before)

    async def apply(self, row: DecisionRow) -> str:
        """Do what a kept decision asked for; return what was done about rentals, in words.

        Raises:
            OperatorError: it asks for nothing.
        """
        thought = msgspec.json.decode(row.thought, type=Thought | None)
        asked = () if thought is None else tuple(it for it in thought.purchases if it.acts)
        if thought is None or not (thought.parts or asked):
            raise OperatorError(f"Decision {row.id} changes nothing.", code="HW-774")
        async with self._turn:
            then, memory = msgspec.json.decode(row.seen, type=Seen), await self._remembered()
            seen = msgspec.structs.replace(then, at_ms=self._app.clock.now())
            words = ""
            if asked:
                fresh = await self._look(memory, "a person")
                seen = msgspec.structs.replace(
                    seen, purchases=fresh.purchases, bought_usd=fresh.bought_usd, buying=fresh.buying
                )
                thought = msgspec.structs.replace(thought, purchases=bought(fresh))
                words = await self.buyer.apply(asked, fresh, thought.purchases)
            if thought.parts and is_change(then, thought):
                await carry_out(self._app, self.settings, seen, thought)
                self._moved(memory, seen, thought)
            note = f"decision {row.id}, by hand"
            await self._keep(seen, thought, "applied", f"{note}; {words}" if words else note)
        return words

    async def _remembered(self) -> Memory:
        """Return the memory; after a start it is read from the decisions of this mode."""
        if self.memory is None:
            memory, settings, now = Memory(), self.settings, self._app.clock.now()

            def ask(connection: Connection) -> tuple[list[DecisionRow], DecisionRow | None]:
                acted = decisions.acted(connection, settings.algorithm, settings.mode, now - DAY_MS)
                return acted, decisions.at(connection, settings.algorithm, now)

            acted, last = await LiveBooks(self._app).read(ask)
            for row in acted:
                seen, thought = (
                    msgspec.json.decode(row.seen, type=Seen),
                    msgspec.json.decode(row.thought, type=Thought),
                )
                if is_change(seen, thought):
                    memory.changed_ms = row.at_ms
                    memory.moves.append((row.at_ms, thought.moved_usd))
            if last is not None and last.mode == settings.mode:
                self._before = Before.of(last)
                if settings.mode == "dry-run" and self._before.thought is not None:
                    memory.paper = paper_after(self._before.seen, self._before.thought)
            self.memory = memory
        return self.memory

    async def _act(self, seen: Seen, thought: Thought, memory: Memory) -> Turn:
        mode = self.settings.mode
        state, note = became(seen, thought, mode)
        done = ""
        if state == "applied":
            done = await carry_out(self._app, self.settings, seen, thought)
        elif mode == "live":
            done = tend(self._app, self.settings, seen, thought)
        if state in ("applied", "rehearsed"):
            self._moved(memory, seen, thought)
        if mode == "dry-run":
            memory.paper = paper_after(seen, thought)
        acts = await self.buyer.act(seen, thought.purchases)
        state = acts.state if state == "kept" and acts.state != "kept" else state
        turn = await self._keep(seen, thought, state, "; ".join(it for it in (note, done, acts.words) if it))
        self._ask(turn, thought, acts)
        return turn

    def _ask(self, turn: Turn, thought: Thought, acts: Acts) -> None:
        """Tell a person once that a decision waits for him."""
        wanted = f"{sorted(thought.parts.items())} {acts.asked}" if turn.row.state == "asked" else ""
        if wanted and self._told.get("HW-773") != wanted:
            gain = f"expected {thought.gain_usd_day:+.2f} USD a day beside what is done"
            words = "; ".join([gain, *([acts.words] if acts.asked else [])])
            self._warn("HW-773", f"hw autopilot apply {turn.row.id}: {words}")
        self._told["HW-773"] = wanted

    def _moved(self, memory: Memory, seen: Seen, thought: Thought) -> None:
        memory.changed_ms = seen.at_ms
        memory.moves.append((seen.at_ms, thought.moved_usd))

    async def _keep(self, seen: Seen, thought: Thought | None, state: State | str, note: str) -> Turn:
        """Write the turn, and what became of the one before."""
        row = DecisionRow(
            id=0,
            at_ms=seen.at_ms,
            algorithm=seen.algorithm,
            mode=self.settings.mode,
            state=state,
            seen=msgspec.json.encode(seen).decode(),
            thought=msgspec.json.encode(thought).decode(),
            note=note[:500],
        )
        books, claims = LiveBooks(self._app), claims_of(self._app, seen.algorithm)
        before = await books.read(lambda connection: decisions.at(connection, seen.algorithm, seen.at_ms))
        closed = (
            None
            if before is None
            else await books.read(lambda connection: close_span(connection, before, seen, claims))
        )

        def write(connection: Connection) -> int:
            if closed is not None:
                outcomes.write(connection, closed)
            return decisions.write(connection, row)

        self.last = Turn(row=replace(row, id=await books.write(write)), thought=thought)
        self._before = Before(seen=seen, thought=thought)
        return self.last

    # ---------------------------------------------------------------- telling

    def _tell_all(self, seen: Seen, thought: Thought) -> None:
        self._tell("HW-770", is_so=False)
        if thought.worth:
            self._tell("HW-772", is_so=thought.is_loss, text=_loss_text(seen, thought))
        stale = [it for it in thought.left_out if "HW-401" in it or ": no price of" in it]
        text = f"{seen.algorithm}: nothing is decided by it: {'; '.join(stale)}. hw admin data fetch, or --fetch"
        self._tell("HW-776", is_so=bool(stale), text=text)
        self._tell("HW-714", is_so=bool(seen.power_problem), text=f"{seen.algorithm}: {seen.power_problem} {RATES}")

    def _tell(self, code: str, *, is_so: bool, text: str = "") -> None:
        """Tell a person once when something begins, and once when it is over."""
        if is_so and code not in self._told:
            self._told[code] = text
            self._warn(code, text)
        elif not is_so and self._told.pop(code, None) is not None:
            over, words = RECOVERED[code]
            self._app.warn(Alert(level="info", code=over, text=f"{self.settings.algorithm}: {words}"))

    def _warn(self, code: str, text: str) -> None:
        self._app.warn(Alert(level="warning", code=code, text=text[:500]))


def _loss_text(seen: Seen, thought: Thought) -> str:
    best = max(thought.worth.values(), default=0.0)
    return (
        f"{seen.algorithm}: mining loses {seen.power_usd_day - best:.2f} USD a day: the best way earns {best:.2f},"
        f" power costs {seen.power_usd_day:.2f}."
    )


# ---------------------------------------------------------------- wiring


def start(app: "Hashwright", settings: AutopilotSettings) -> AutopilotService:
    """Start, or start anew, the autopilot of an algorithm."""
    service = AutopilotService(app, settings, app.thinker)
    before = app.autopilots.get(settings.algorithm)
    if before is not None:
        service.follow(before)
        if before.settings.sell_as != settings.sell_as or settings.mode != "live":
            before.let_go()
        if settings.mode != "live":
            end_rest(app, before.settings)
    app.autopilots[settings.algorithm] = service
    app.supervisor.start(f"autopilot {settings.algorithm}", service.run)
    return service


def start_all(app: "Hashwright") -> None:
    """Start what is stored; settings that cannot be read are told and left out."""
    for name, raw in app.store.settings(KIND).items():
        try:
            start(app, parse_autopilot(raw))
        except HashwrightError as error:
            app.warn(Alert(level="warning", code="HW-771", text=f"The autopilot of {name} is off: {error}"[:500]))


def state_of(service: AutopilotService) -> dict[str, Any]:
    """Return how an autopilot is set, what hinders it, and its last turn."""
    from hashwright.runtime.autopilot_views import document_of

    last = service.last
    return {
        "settings": msgspec.to_builtins(service.settings) | {"mode": service.settings.mode},
        "problem": service.problem,
        "last": None if last is None else document_of(last.row),
    }


__all__ = ["AUTHOR", "AutopilotService", "Thinker", "Turn", "start", "start_all", "state_of"]
