"""The autopilot in the running program: every few minutes observe, decide, keep, and act as far as its owner lets it.

    observe   what each destination's newest job is worth, prices with their age, the route, the work of the last hour
    decide    `planner.autopilot.think`, in a process of its own: whatever it does, no machine waits for it
    keep      what was seen, what was thought and what became of it: one row, which never changes
    act       dry-run: nothing. advise: a person is asked. live: the route is set, within the owner's limits

A turn that cannot be thought changes nothing and says so (HW-770). A pause stops all of them at once: the kill switch.
"""

import asyncio
import contextlib
import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright.errors import HashwrightError, OperatorError, StaleInput
from hashwright.planner.autopilot import POINTS, Seen, Thought, think
from hashwright.runtime import route_commands
from hashwright.runtime.autopilot_settings import KIND, AutopilotSettings, parse_autopilot
from hashwright.runtime.autopilot_sight import look
from hashwright.runtime.payouts import LiveBooks
from hashwright.runtime.route_settings import ROUTE_KIND
from hashwright.signals import Alert
from hashwright.store import decisions
from hashwright.store.decisions import DecisionRow

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

THINK_S: Final = 30.0
AUTHOR: Final = "autopilot"
ALIKE_POINTS: Final = 50
"""A route that differs by less than half a percent is the same route."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn: its number in the database, and what came of it."""

    row: DecisionRow
    thought: Thought | None


class Thinker:
    """A process that thinks. It is started when it is needed, and again when it died."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def think(self, seen: Seen) -> Thought:
        """Think one turn.

        Raises:
            StaleInput: no thought came in time, or it failed (HW-770).
        """
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        try:
            async with asyncio.timeout(THINK_S):
                return await asyncio.get_running_loop().run_in_executor(self._pool, think, seen)
        except TimeoutError as error:
            self._drop(kill=True)
            raise StaleInput(f"No decision came within {THINK_S:.0f} s.", code="HW-770") from error
        except (BrokenExecutor, ValueError, ArithmeticError, LookupError, HashwrightError) as error:
            self._drop(kill=isinstance(error, BrokenExecutor))
            words = f"{type(error).__name__}: {error}"[:200]
            raise StaleInput(f"No decision was made: {words}.", code="HW-770") from error

    def close(self) -> None:
        """End the process."""
        self._drop(kill=True)

    def _drop(self, *, kill: bool) -> None:
        pool, self._pool = (self._pool, None) if kill else (None, self._pool)
        if pool is None:
            return
        for process in list((pool._processes or {}).values()):  # the only way to end one that hangs
            with contextlib.suppress(OSError):
                process.kill()
        pool.shutdown(wait=False, cancel_futures=True)


class AutopilotService:
    """Turns for one algorithm, for as long as the program runs."""

    def __init__(self, app: "Hashwright", settings: AutopilotSettings, thinker: Thinker) -> None:
        self.settings = settings
        self.problem = ""
        self.last: Turn | None = None
        self._app = app
        self._thinker = thinker
        self._told: set[str] = set()
        self._changed_at = -(10**15)
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Take a turn every few minutes, for ever."""
        while True:
            await self.turn()
            await asyncio.sleep(self.settings.every_s)

    async def turn(self) -> Turn | None:
        """Take one turn; None while it is paused."""
        async with self._turn:
            if self.settings.is_paused:
                return None
            seen = await look(self._app, self.settings)
            try:
                thought = await self._thinker.think(seen)
            except StaleInput as error:
                self.problem = error.message
                self._tell(
                    "HW-770", is_so=True, text=f"{self.settings.algorithm}: {error.message} Nothing was changed."
                )
                return await self._keep(seen, None, "failed", error.message)
            self.problem = ""
            self._tell("HW-770", is_so=False)
            self._tell("HW-772", is_so=thought.is_loss, text=_loss_text(seen, thought))
            return await self._act(seen, thought)

    async def apply(self, row: DecisionRow) -> None:
        """Set the route that a kept decision asked for.

        Raises:
            OperatorError: it asks for nothing.
        """
        thought = msgspec.json.decode(row.thought, type=Thought)
        if not thought.parts:
            raise OperatorError(f"Decision {row.id} changes nothing.", code="HW-774")
        await self._set_route(thought)
        seen = msgspec.json.decode(row.seen, type=Seen)
        await self._keep(seen, thought, "applied", f"decision {row.id}, by hand")

    async def _act(self, seen: Seen, thought: Thought) -> Turn:
        if not thought.parts or _alike(thought.parts, seen.held):
            return await self._keep(seen, thought, "kept", thought.why if not thought.parts else "the route is good")
        left_s = self.settings.dwell_s - (seen.at_ms - self._changed_at) / 1000
        match self.settings.mode:
            case "dry-run":
                return await self._keep(seen, thought, "rehearsed", "DRY RUN: nothing was changed")
            case "advise":
                turn = await self._keep(seen, thought, "asked", "a person is asked")
                self._tell("HW-773", is_so=True, text=f"hw autopilot apply {turn.row.id}: {_gain_text(thought)}")
                return turn
            case "live" if left_s > 0:
                return await self._keep(seen, thought, "kept", f"the last change stays for another {left_s:.0f} s")
            case "live":
                await self._set_route(thought)
                self._changed_at = seen.at_ms
                return await self._keep(seen, thought, "applied", _gain_text(thought))

    async def _set_route(self, thought: Thought) -> None:
        """Set the parts; fall-backs and the safe destination stay as the owner set them."""
        before = self._app.store.settings(ROUTE_KIND).get(self.settings.algorithm, {})
        targets = [f"{name}={part}" for name, part in sorted(thought.parts.items())]
        raw = {"algorithm": self.settings.algorithm, "targets": targets, "author": AUTHOR}
        kept = {name: before[name] for name in ("fallbacks", "safe") if name in before}
        await route_commands.change_route(self._app, raw | kept)

    async def _keep(self, seen: Seen, thought: Thought | None, state: str, note: str) -> Turn:
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
        number = await LiveBooks(self._app).write(lambda connection: decisions.write(connection, row))
        self.last = Turn(row=replace(row, id=number), thought=thought)
        return self.last

    def _tell(self, code: str, *, is_so: bool, text: str = "") -> None:
        """Tell a person once when something begins."""
        if is_so and (code not in self._told or code == "HW-773"):
            self._app.warn(Alert(level="warning", code=code, text=text[:500]))
        (self._told.add if is_so else self._told.discard)(code)


def _alike(parts: Mapping[str, int], held: Mapping[str, float]) -> bool:
    names = set(parts) | set(held)
    return all(abs(parts.get(name, 0) - held.get(name, 0.0) * POINTS) < ALIKE_POINTS for name in names)


def _gain_text(thought: Thought) -> str:
    return f"expected {thought.gain_usd_day:+.2f} USD a day beside the present route"


def _loss_text(seen: Seen, thought: Thought) -> str:
    best = max(thought.worth.values(), default=0.0)
    return (
        f"Mining {seen.algorithm} loses {seen.power_usd_day - best:.2f} USD a day: the best way earns {best:.2f},"
        f" power costs {seen.power_usd_day:.2f}."
    )


# ---------------------------------------------------------------- wiring


def start(app: "Hashwright", settings: AutopilotSettings) -> AutopilotService:
    """Start, or start anew, the autopilot of an algorithm."""
    service = AutopilotService(app, settings, app.thinker)
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


def commands(app: "Hashwright") -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """Return the commands of the autopilot for the control socket."""

    async def setup(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await _setup(app, arguments["settings"])

    async def pause(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        is_paused = bool(arguments["is_paused"])
        for name, service in list(app.autopilots.items()):
            document = msgspec.to_builtins(service.settings) | {"is_paused": is_paused}
            service.settings = parse_autopilot(document)
            await _store(app, name, document)
        power = await app.power.pause(is_paused=is_paused)
        return {"is_paused": is_paused, "algorithms": sorted(app.autopilots), "power": power}

    async def remove(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        name = str(arguments["algorithm"])
        _service(app, name)
        app.supervisor.stop_service(f"autopilot {name}")
        del app.autopilots[name]
        await asyncio.wrap_future(app.writer.delete_setting(KIND, name))
        return {"removed": name}

    async def turn(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        service = _service(app, str(arguments["algorithm"]))
        await service.turn()
        return _state(service)

    async def apply(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        number = int(arguments["number"])
        row = await LiveBooks(app).read(lambda connection: decisions.numbered(connection, number))
        if row is None:
            raise OperatorError(f"There is no decision {number}.", code="HW-774")
        await _service(app, row.algorithm).apply(row)
        return {"applied": number, "algorithm": row.algorithm}

    async def status(_: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return [_state(service) for _, service in sorted(app.autopilots.items())]

    return {
        "autopilot-set": setup,
        "autopilot-pause": pause,
        "autopilot-remove": remove,
        "autopilot-turn": turn,
        "autopilot-apply": apply,
        "autopilot-status": status,
    }


async def _setup(app: "Hashwright", raw: Mapping[str, Any]) -> dict[str, Any]:
    """Set what is named; the rest stays as it was."""
    before = app.store.settings(KIND).get(str(raw.get("algorithm")), {})
    document = {**before, **raw}
    settings = parse_autopilot(document)
    await _store(app, settings.algorithm, document)
    return _state(start(app, settings))


async def _store(app: "Hashwright", name: str, document: Mapping[str, Any]) -> None:
    await asyncio.wrap_future(app.writer.put_setting(KIND, name, dict(document), now=app.clock.now()))


def _service(app: "Hashwright", name: str) -> AutopilotService:
    if name not in app.autopilots:
        raise OperatorError(
            f"There is no autopilot for {name!r}.", code="HW-771", hint=f"hw autopilot set {name or 'sha256d'}"
        )
    return app.autopilots[name]


def _state(service: AutopilotService) -> dict[str, Any]:
    last = service.last
    return {
        "settings": msgspec.to_builtins(service.settings) | {"mode": service.settings.mode},
        "problem": service.problem,
        "last": None if last is None else document_of(last.row),
    }


def document_of(row: DecisionRow) -> dict[str, Any]:
    """Return a kept turn as a document; money in it is estimated USD a day."""
    return {
        "number": row.id,
        "at_ms": row.at_ms,
        "algorithm": row.algorithm,
        "mode": row.mode,
        "state": row.state,
        "note": row.note,
        "seen": msgspec.json.decode(row.seen),
        "thought": msgspec.json.decode(row.thought),
    }
