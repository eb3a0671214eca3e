"""The plan: what the autopilot wants, why, what came of it, and the switch that every page has."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Controller, get
from litestar.params import FromPath, QueryParameter

from hashwright.errors import HashwrightError, OperatorError
from hashwright.store import decisions as rows
from hashwright.store.connection import Connection
from hashwright.web.api_view import Cursor, Limit
from hashwright.web.context import AnyRequest, caller_of, needs, problems, site_of
from hashwright.web.cursor import cursor_of, number_of
from hashwright.web.documents import Document
from hashwright.web.learned import Learned, Promise, learned_of, promises_of
from hashwright.web.plan import Decision, DecisionDetail, PlanMode, decision_of, detail_of, mode_of, row_document
from hashwright.web.steering import Helm, Steering

log = structlog.get_logger()

HOURS_MAX: Final = 24 * 31
POINTS_MAX: Final = 400
BRIEFS_MAX: Final = 1000
DAY_S: Final = 86_400
STORED: Final = "plans"
STORED_MAX: Final = 2 * 2**20
Hours = Annotated[int, QueryParameter(name="hours", ge=1, le=HOURS_MAX)]
Algorithm = Annotated[str, QueryParameter(name="algorithm", max_length=32, pattern="^[a-z0-9]*$")]


class PlanOf(Document, frozen=True, kw_only=True):
    """The autopilot of an algorithm and its last decision; `next_ms` is when it thinks again, null while paused."""

    algorithm: str
    mode: PlanMode
    every_s: int
    dwell_s: int
    step_percent: float
    policy: str
    problem: str
    next_ms: int | None
    asks: int | None
    last: DecisionDetail | None


class StoredPlan(Document, frozen=True, kw_only=True):
    """The newest plan of `hw plan`: its own document, as `hw plan --json` writes it."""

    made_ms: int
    plan: dict[str, Any]


class PlanPage(Document, frozen=True, kw_only=True):
    """The page Plan. `missing` says what a plan still needs."""

    at_ms: int
    is_running: bool
    plans: tuple[PlanOf, ...]
    promises: tuple[Promise, ...]
    learned: tuple[Learned, ...]
    stored: StoredPlan | None
    missing: tuple[str, ...]


class DecisionPage(Document, frozen=True, kw_only=True):
    """A page of decisions, newest first."""

    next_cursor: str | None
    decisions: tuple[Decision, ...]


class PlanHistory(Document, frozen=True, kw_only=True):
    """Decisions over time: parts of work by destination, and money [USD/day, estimated] expected and held.

    `span_*` is before power: what was expected of the time until the next decision, and what its shares were worth.
    """

    at_ms: int
    algorithm: str
    times_s: tuple[int, ...]
    numbers: tuple[int, ...]
    destinations: dict[str, tuple[float, ...]]
    expected_usd_day: tuple[float | None, ...]
    held_usd_day: tuple[float | None, ...]
    span_expected_usd_day: tuple[float | None, ...]
    span_earned_usd_day: tuple[float | None, ...]


class PlanController(Controller):
    """What is planned and decided."""

    path = "/api/v1"
    tags = ("plan",)
    guards = (needs("view"),)

    @get("/steering", responses=problems(401, 403), operation_id="readSteering", summary="Autopilots and their modes")
    async def steering(self, request: AnyRequest) -> Steering:
        """Say which autopilots run and how far they may go."""
        return await helm_of(request).look()

    @get("/plan", responses=problems(401, 403, 503), operation_id="readPlan", summary="The page Plan")
    async def plan(self, request: AnyRequest) -> PlanPage:
        """Show the decision that stands for each algorithm, with what a plan still needs."""
        site, helm = site_of(request), helm_of(request)
        steering = await helm.look()
        states = helm.states.get("route", [])
        store = site.live.store()
        places = (site.live.picture.status or {}).get("destinations", ())
        networks = {str(it["destination"]): str(it["network"]) for it in places}
        names = [str(it["settings"].get("algorithm", "")) for it in states] if steering.is_running else None
        newest, promises = (
            await asyncio.to_thread(store.read_tables, lambda it: _kept(it, names, networks, site.clock.now()))
            if store
            else ([], ())
        )
        plans = tuple(_plan_of(state) for state in states) if steering.is_running else _from_books(newest)
        page = PlanPage(
            at_ms=site.clock.now(),
            is_running=steering.is_running,
            plans=plans,
            promises=promises,
            learned=await _learned(request) if steering.is_running and sees_money(request) else (),
            stored=await asyncio.to_thread(stored_plan, site.live.folder),
            missing=_missing(steering, len(places), is_empty=not plans),
        )
        return page if sees_money(request) else without_money(page)

    @get("/decisions", responses=problems(401, 403), operation_id="listDecisions", summary="Decisions")
    async def decisions(
        self, request: AnyRequest, limit: Limit = 50, cursor: Cursor = None, algorithm: Algorithm = ""
    ) -> DecisionPage:
        """List decisions, newest first."""
        before = number_of(cursor, start=2**62)
        found = await read(request, lambda it: rows.page(it, before=before, algorithm=algorithm, limit=limit + 1))
        shown, more = found[:limit], len(found) > limit
        lines = tuple(decision_of(row_document(row)) for row in shown)
        return DecisionPage(
            next_cursor=cursor_of(str(shown[-1].id)) if more else None,
            decisions=lines if sees_money(request) else tuple(map(_bare, lines)),
        )

    @get("/decisions/{number:int}", responses=problems(401, 403, 404), operation_id="readDecision", summary="Explain")
    async def decision(self, request: AnyRequest, number: FromPath[int]) -> DecisionDetail:
        """Show what a decision knew and why it was taken; it is thought again and must be the same."""
        row = await read(request, lambda it: rows.numbered(it, number)) if 0 < number < 2**62 else None
        if not row:  # nothing was read, or there are no books yet
            raise OperatorError(f"No decision {str(number)[:20]} is kept.", code="HW-748")
        repeated = await asyncio.to_thread(thought_again, row)
        detail = detail_of(row_document(row), is_repeated=repeated)
        return detail if sees_money(request) else _bare_detail(detail)

    @get("/plan/history", responses=problems(401, 403), operation_id="readPlanHistory", summary="Decisions over time")
    async def history(self, request: AnyRequest, hours: Hours = 24, algorithm: Algorithm = "sha256d") -> PlanHistory:
        """Give the parts of work and the expected money of decisions over time, thinned to what a plot can show."""
        now = site_of(request).clock.now()
        since = now - hours * 3_600_000
        mine = await read(request, lambda it: rows.thinned(it, algorithm, since_ms=since, most=POINTS_MAX))
        history = await asyncio.to_thread(history_of, mine, algorithm, now)
        history = with_spans(history, await _briefs(request, algorithm))
        return history if sees_money(request) else _bare_history(history)


# ---------------------------------------------------------------- reading


def helm_of(request: AnyRequest) -> Helm:
    """Return what is known of autopilots."""
    helm: Helm = request.app.state.helm
    return helm


def sees_money(request: AnyRequest) -> bool:
    """Tell whether amounts are shown: to who may see money, and to who steers and has to judge by them."""
    caller = caller_of(request)
    return caller.may("money") or caller.may("operate")


async def read(request: AnyRequest, work: Any) -> Any:  # noqa: ANN401 (whatever the query gives)
    """Read the books; nothing where there are none yet."""
    store = site_of(request).live.store()
    return [] if store is None else await asyncio.to_thread(store.read_tables, work)


def _kept(
    connection: Connection, names: list[str] | None, networks: Mapping[str, str], now: int
) -> tuple[list[rows.DecisionRow], tuple[Promise, ...]]:
    """Read the last decision of each algorithm, and what destinations made of what was expected of them.

    By their numbers, one each: the newest by time would sort a month of them at every look.
    """
    known = rows.algorithms(connection) if names is None else names
    found = [row for name in known for row in rows.page(connection, algorithm=name, limit=1)]
    ways = [way for row in found for way in (json.loads(row.seen or "null") or {}).get("ways", ())]
    coins = {str(way["destination"]): str(way.get("coin") or "") for way in ways if isinstance(way, dict)}
    return found, promises_of(connection, coins, networks, now=now)


def thought_again(row: rows.DecisionRow) -> bool | None:
    """Think a decision again from what it knew; None where it cannot be, for this program is another."""
    from hashwright.planner.autopilot import Seen, think

    if row.thought in ("", "null"):
        return None
    try:
        again = think(msgspec.json.decode(row.seen, type=Seen))
    except (msgspec.MsgspecError, ValueError, ArithmeticError, LookupError) as error:
        log.info("a decision cannot be thought again", number=row.id, error=str(error)[:200])
        return None
    before, answer = json.loads(row.thought), json.loads(msgspec.json.encode(again))
    return bool(
        {name: answer.get(name) for name in before} == before
    )  # what an older program did not say is not compared


def history_of(found: list[rows.DecisionRow], algorithm: str, now: int) -> PlanHistory:
    """Return decisions over time, oldest first."""
    lines = [decision_of(row_document(row)) for row in found]
    names = sorted({name for it in lines for name in (*it.parts, *it.held)})
    return PlanHistory(
        at_ms=now,
        algorithm=algorithm,
        times_s=tuple(it.at_ms // 1000 for it in lines),
        numbers=tuple(it.number for it in lines),
        destinations={name: tuple(_part(it, name) for it in lines) for name in names},
        expected_usd_day=tuple(it.expected_usd_day for it in lines),
        held_usd_day=tuple(it.held_usd_day for it in lines),
        span_expected_usd_day=(),
        span_earned_usd_day=(),
    )


async def _learned(request: AnyRequest) -> tuple[Learned, ...]:
    """Ask what was learned; nothing where the program does not say."""
    try:
        answer = await site_of(request).live.ask("autopilot-learned", timeout_s=10.0)
    except HashwrightError as error:
        log.debug("what was learned is not told", code=error.code)
        return ()
    return tuple(map(learned_of, answer.get("autopilots", ()) if isinstance(answer, dict) else ()))


async def _briefs(request: AnyRequest, algorithm: str) -> dict[int, dict[str, Any]]:
    """Ask what became of decisions, by their numbers; nothing where the program does not run or does not know."""
    arguments = {"algorithm": algorithm, "limit": BRIEFS_MAX}
    try:
        answer = await site_of(request).live.ask("autopilot-decisions", timeout_s=10.0, **arguments)
    except HashwrightError as error:
        log.debug("what became of decisions is not told", code=error.code)
        return {}
    return {int(it["number"]): it for it in answer.get("decisions", ())}


def with_spans(history: PlanHistory, briefs: Mapping[int, Mapping[str, Any]]) -> PlanHistory:
    """Add what was expected of the time of each decision and what it brought [USD/day]."""

    def rates(name: str) -> tuple[float | None, ...]:
        return tuple(_rate(briefs.get(number, {}), name) for number in history.numbers)

    return msgspec.structs.replace(
        history,
        span_expected_usd_day=rates("span_expected_usd_est"),
        span_earned_usd_day=rates("span_earned_usd_est"),
    )


def _rate(brief: Mapping[str, Any], name: str) -> float | None:
    value, seconds = brief.get(name), brief.get("seconds")
    return float(value) * DAY_S / float(seconds) if value is not None and seconds else None


def _part(decision: Decision, name: str) -> float:
    """Return what a destination has after a decision: what it set, or what was held."""
    is_set = decision.state == "applied" and decision.parts
    return (decision.parts if is_set else decision.held).get(name, 0.0)


def stored_plan(folder: Path) -> StoredPlan | None:
    """Return the newest plan that `hw plan` kept; None where there is none that can be read."""
    files = sorted((it for it in (folder / STORED).glob("*.json") if it.stem.isdigit()), reverse=True)
    for file in files[:3]:
        try:
            text = file.read_bytes()
            if len(text) <= STORED_MAX:
                return StoredPlan(made_ms=int(file.stem), plan=dict(json.loads(text)))
        except (OSError, ValueError, TypeError) as error:
            log.warning("a kept plan cannot be read", file=file.name, error=str(error)[:200])
    return None


def _plan_of(state: dict[str, Any]) -> PlanOf:
    settings, last = state["settings"], state.get("last")
    mode = mode_of(settings)
    every_s = int(settings.get("every_s", 300))
    return PlanOf(
        algorithm=str(settings.get("algorithm", "")),
        mode=mode,
        every_s=every_s,
        dwell_s=int(settings.get("dwell_s", 1800)),
        step_percent=float(settings.get("step_percent", 25.0)),
        policy=str(settings.get("policy", "best_hashprice")),
        problem=str(state.get("problem") or ""),
        next_ms=None if last is None or mode == "PAUSED" else int(last["at_ms"]) + every_s * 1000,
        asks=int(last["number"]) if last is not None and last.get("state") == "asked" else None,
        last=None if last is None else detail_of(last, settings=settings),
    )


def _from_books(newest: list[rows.DecisionRow]) -> tuple[PlanOf, ...]:
    """Return the last decisions as history: no program runs, so nothing is decided now."""
    documents = [row_document(row) for row in newest]
    return tuple(
        msgspec.structs.replace(
            _plan_of({"settings": {"algorithm": it["algorithm"], "is_paused": True}, "last": it}), next_ms=None
        )
        for it in documents
    )


def _missing(steering: Steering, destinations: int, *, is_empty: bool) -> tuple[str, ...]:
    """Say what a plan still needs, with the command that brings it."""
    found = []
    if not steering.is_running:
        found.append("The program does not run: hw up")
    elif not destinations:
        found.append("There is no place to mine (hw pool try shows one without money): hw pool add")
    if steering.is_running and is_empty:
        found.append("No autopilot is set: hw autopilot set sha256d --power-price 0.08 --efficiency 17.5")
    return tuple(found)


# ---------------------------------------------------------------- without amounts


def without_money(page: PlanPage) -> PlanPage:
    """Leave out amounts: for who may look, and not at money."""
    plans = tuple(
        msgspec.structs.replace(it, last=None if it.last is None else _bare_detail(it.last)) for it in page.plans
    )
    return msgspec.structs.replace(page, plans=plans, promises=(), stored=None)


def _bare(decision: Decision) -> Decision:
    return msgspec.structs.replace(decision, expected_usd_day=None, held_usd_day=None, note="", why="")


def _bare_detail(detail: DecisionDetail) -> DecisionDetail:
    targets = tuple(
        msgspec.structs.replace(it, worth_usd_day=None, loss_usd_day=None, net=None) for it in detail.targets
    )
    return msgspec.structs.replace(
        detail,
        decision=_bare(detail.decision),
        targets=targets,
        reasons=(),
        power_usd_day=None,
        second_loss_usd_day=None,
    )


def _bare_history(history: PlanHistory) -> PlanHistory:
    nothing: tuple[None, ...] = (None,) * len(history.times_s)
    names = ("expected_usd_day", "held_usd_day", "span_expected_usd_day", "span_earned_usd_day")
    return msgspec.structs.replace(history, **dict.fromkeys(names, nothing))
