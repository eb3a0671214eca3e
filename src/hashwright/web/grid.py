"""From kept power plans to the grid of the page Plan: groups by hours, each cell with its why and its second best.

The cells of a plan are reckoned once for all who look (`planner.power_cells`), in a thread, from what the turn itself
saw. Which destination a group works for is the route's affair: the grid says what its last decision holds, and its age.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import structlog

from hashwright import registry
from hashwright.errors import HashwrightError
from hashwright.planner.power import PowerSeen, PowerThought
from hashwright.planner.power_cells import Cell, CourseOfMoney, cells_of, course_of
from hashwright.planner.power_pins import Pin
from hashwright.web.documents import Document
from hashwright.web.plan import DecisionDetail, PlanMode, mode_of

log = structlog.get_logger()
Reckoned = tuple[tuple[Cell, ...], CourseOfMoney | None, str]
KEPT: Final = 32
"""Grids that are remembered: a site each."""
Row = Mapping[str, Any]
Does = Literal["run", "part", "rest"]
Want = Literal["run", "rest"]


class GridCell(Document, frozen=True, kw_only=True):
    """A group in an hour, planned: machines and W are means; money is estimated, in the site's currency.

    `value`: what resting in this hour would lose. `second_loss`: what the second best would lose beside it; below zero
    where it would bring more, as a pin may; null where limits leave nothing else. `price`, `earns`: currency a kWh.
    """

    from_ms: int
    to_ms: int
    does: Does
    machines: float
    power_w: float
    price: float
    earns: float | None
    value: float | None
    why: str
    second: str
    second_loss: float | None
    pinned: Literal["", "run", "rest"]


class GridRow(Document, frozen=True, kw_only=True):
    """A group with its hours, in the order of time."""

    group: str
    machines: int
    cells: tuple[GridCell, ...]


class PinDocument(Document, frozen=True, kw_only=True):
    """Hours in which a person says what a group does; it ends by itself at `to_ms`."""

    group: str
    from_ms: int
    to_ms: int
    want: Want
    author: str


class Place(Document, frozen=True, kw_only=True):
    """Where the work of the site's coin goes: a destination, its coin, and its part by the route's decision, 0 to 1."""

    destination: str
    coin: str
    ticker: str
    part: float


class Work(Document, frozen=True, kw_only=True):
    """Where machines work while they run: the route's last decision, its second best and what that loses [USD/day]."""

    algorithm: str
    decision: int
    at_ms: int
    places: tuple[Place, ...]
    second: str
    second_loss_usd_day: float | None


class Course(Document, frozen=True, kw_only=True):
    """What the plan will have left by the end of each hour [currency, estimated], with the worst and best of weathers.

    Series have a value an hour; `times_s` are the hours' ends.
    """

    times_s: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class PlanGrid(Document, frozen=True, kw_only=True):
    """The grid of a site. `change` is the number of the newest change of pins; `problem` says why there is no cell."""

    name: str
    title: str
    mode: PlanMode
    is_fleet_live: bool
    currency: str
    zone: str
    number: int
    at_ms: int
    rule: str
    rows: tuple[GridRow, ...]
    pins: tuple[PinDocument, ...]
    change: int
    not_kept: tuple[str, ...]
    work: Work | None
    course: Course | None
    problem: str


class GridDesk:
    """Cells of plans, reckoned once for each turn."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, int], Reckoned] = {}
        self._lock = asyncio.Lock()

    async def grids(
        self, states: Sequence[Row], routes: Mapping[str, DecisionDetail], *, is_running: bool
    ) -> tuple[PlanGrid, ...]:
        """Return the grid of every site that has a plan; `routes` are last decisions by algorithm."""
        found = []
        for state in states:
            plan = state.get("plan") or {}
            if not plan.get("seen") or not plan.get("thought"):
                continue
            cells, course, problem = await self._cells_of(plan)
            grid = grid_of(state, plan, cells, routes=routes, is_running=is_running)
            found.append(msgspec.structs.replace(grid, course=course_document(course), problem=problem))
        return tuple(found)

    async def _cells_of(self, plan: Row) -> Reckoned:
        place = (str(plan.get("name")), int(plan["number"]))
        async with self._lock:
            if place not in self._cells:
                self._cells[place] = await asyncio.to_thread(reckoned, plan)
                while len(self._cells) > KEPT:
                    self._cells.pop(next(iter(self._cells)))
            return self._cells[place]


def reckoned(plan: Row) -> Reckoned:
    """Reckon the cells of a kept turn; where another program wrote it, say so."""
    try:
        seen = msgspec.convert(plan["seen"], PowerSeen, strict=False)
        thought = msgspec.convert(plan["thought"], PowerThought, strict=False)
        return cells_of(seen, thought), course_of(seen, thought), ""
    except (msgspec.ValidationError, HashwrightError, ValueError, LookupError) as error:
        log.info("a power plan has no grid", number=plan.get("number"), error=str(error)[:200])
        return (), None, "This plan was made by another version: its hours cannot be reckoned again."


def grid_of(
    state: Row,
    plan: Row,
    cells: Sequence[Cell],
    *,
    routes: Mapping[str, DecisionDetail],
    is_running: bool,
) -> PlanGrid:
    """Return the grid of a site."""
    seen, thought = plan["seen"], plan["thought"]
    settings = state.get("settings") or {}
    pinned = state.get("pins") or {"change": 0, "pins": seen.get("pins") or ()}
    site = seen.get("site") or {}
    counts = {str(it["group"]): int(it.get("count") or 0) for it in seen.get("machines") or ()}
    return PlanGrid(
        name=str(state.get("name") or plan.get("name") or ""),
        title=str(seen.get("name") or state.get("name") or ""),
        mode=mode_of(settings) if is_running else "PAUSED",
        is_fleet_live=bool(state.get("fleet_is_live")),
        currency=str(seen["currency"]),
        zone=str((site.get("site") or {}).get("zone") or "UTC"),
        number=int(plan["number"]),
        at_ms=int(plan["at_ms"]),
        rule=str(thought["rule"]),
        rows=rows_of(cells, counts),
        pins=tuple(pin_of(it) for it in pinned["pins"]),
        change=int(pinned["change"]),
        not_kept=tuple(f"{it['place']}: {it['message']}" for it in thought.get("told") or () if it["code"] == "HW-836"),
        work=work_of(str((site.get("revenue") or {}).get("coin") or ""), routes),
        course=None,
        problem="",
    )


def course_document(course: CourseOfMoney | None) -> Course | None:
    """Return a course as a document."""
    return None if course is None else Course(**{name: getattr(course, name) for name in Course.__struct_fields__})


def rows_of(cells: Sequence[Cell], counts: Mapping[str, int]) -> tuple[GridRow, ...]:
    """Return cells as rows, in the order in which groups come."""
    found: dict[str, list[GridCell]] = {}
    names = GridCell.__struct_fields__
    for it in cells:
        found.setdefault(it.group, []).append(GridCell(**{name: getattr(it, name) for name in names}))
    return tuple(GridRow(group=name, machines=counts.get(name, 0), cells=tuple(row)) for name, row in found.items())


def pin_of(it: Row | Pin) -> PinDocument:
    """Return a pin as a document."""
    row = msgspec.to_builtins(it) if isinstance(it, Pin) else it
    return PinDocument(**{name: row[name] for name in PinDocument.__struct_fields__})


def work_of(coin: str, routes: Mapping[str, DecisionDetail]) -> Work | None:
    """Return where the work of a coin goes; None where no decision says so."""
    names = registry.names("coins")
    key = next((it for it in names if registry.load("coins", it).COIN.ticker.lower() == coin.lower()), "")
    algorithm = (
        registry.load("coins", key).COIN.algorithm if key else next(iter(routes), "") if len(routes) == 1 else ""
    )
    detail = routes.get(str(algorithm))
    if detail is None:
        return None
    decision = detail.decision
    parts = decision.parts if decision.state == "applied" and decision.parts else decision.held
    coins = {it.destination: it.coin for it in detail.targets}
    places = tuple(
        Place(destination=name, coin=coins.get(name, ""), ticker=_ticker(coins.get(name, "")), part=part)
        for name, part in sorted(parts.items(), key=lambda it: -it[1])
        if part > 0
    )
    return Work(
        algorithm=str(algorithm),
        decision=decision.number,
        at_ms=decision.at_ms,
        places=places,
        second=detail.second,
        second_loss_usd_day=detail.second_loss_usd_day,
    )


def _ticker(coin: str) -> str:
    return registry.load("coins", coin).COIN.ticker if coin in registry.names("coins") else coin


def without_money(grid: PlanGrid) -> PlanGrid:
    """Leave out amounts: for who may look, and not at money."""
    replace = msgspec.structs.replace
    rows = tuple(
        replace(row, cells=tuple(replace(it, earns=None, value=None, second_loss=None) for it in row.cells))
        for row in grid.rows
    )
    work = None if grid.work is None else replace(grid.work, second_loss_usd_day=None)
    return replace(grid, rows=rows, work=work, course=None)
