"""For the page Energy: what a site's battery was told, what its turns were expected to leave, and what they left."""

from collections.abc import Mapping
from typing import Any, Final

from hashwright.web.documents import Document

Row = Mapping[str, Any]
TURNS_MAX: Final = 24
ORDERS_MAX: Final = 20


class BatteryOrder(Document, frozen=True, kw_only=True):
    """What a battery was told, or trouble with it. `times`: so often in a row; `answer` is empty for trouble."""

    at_ms: int
    kind: str
    turn: int
    words: str
    answer: str
    times: int


class BatteryNow(Document, frozen=True, kw_only=True):
    """A battery that takes orders. `power_w` is positive where it takes; `order` is what it was told last.

    `would` is what it would be told if the plan drove it; `problem` is empty where it obeys.
    """

    kind: str
    problem: str
    is_out: bool
    level: float | None
    power_w: float | None
    mode: str
    read_at_ms: int | None
    order: str
    order_until_ms: int | None
    answer: str
    would: str


class TurnOutcome(Document, frozen=True, kw_only=True):
    """The time from a turn to the next. Money is estimated; `source` measured the energy: meter, machines, unknown."""

    seconds: int
    is_driven: bool
    source: str
    expected_earn: float
    earned: float
    expected_cost: float | None
    cost: float | None
    expected: float | None
    left: float | None
    expected_kwh: float
    kwh: float | None


class PowerTurnBrief(Document, frozen=True, kw_only=True):
    """A turn in a line; `outcome` is null until the next one, and where it could not be judged."""

    number: int
    at_ms: int
    mode: str
    state: str
    note: str
    outcome: TurnOutcome | None


class PowerEarned(Document, frozen=True, kw_only=True):
    """Turns of the last weeks together; `earn_factor` and `cost_factor` are how much came of what was expected."""

    from_ms: int
    to_ms: int
    turns: int
    driven_turns: int
    priced_turns: int
    currency: str
    sources: tuple[str, ...]
    expected_earn: float
    earned: float
    expected_cost: float
    cost: float
    expected: float
    left: float
    earn_factor: float
    cost_factor: float
    learned_days: float


def battery_now(row: Row | None) -> BatteryNow | None:
    """Return the battery as the running program knows it; None where it has none that takes orders."""
    if not row:
        return None
    order, would = row.get("order") or {}, row.get("would") or {}
    return BatteryNow(
        kind=str(row.get("kind") or ""),
        problem=str(row.get("problem") or ""),
        is_out=bool(row.get("is_out")),
        level=_float(row.get("level")),
        power_w=_float(row.get("power_w")),
        mode=str(row.get("mode") or ""),
        read_at_ms=_whole(row.get("read_at_ms")),
        order=str(order.get("words") or ""),
        order_until_ms=_whole(order.get("until_ms")) or None,
        answer=str(order.get("answer") or ""),
        would=str(would.get("words") or ""),
    )


def orders_of(rows: object) -> tuple[BatteryOrder, ...]:
    """Return what a battery was told, newest first."""
    listed = rows if isinstance(rows, list) else []
    return tuple(
        BatteryOrder(
            at_ms=int(it["at_ms"]),
            kind=str(it["kind"]),
            turn=int(it.get("turn") or 0),
            words=str(it["words"]),
            answer=str(it.get("answer") or ""),
            times=int(it.get("times") or 1),
        )
        for it in listed[:ORDERS_MAX]
    )


def turns_of(rows: object) -> tuple[PowerTurnBrief, ...]:
    """Return turns, newest first."""
    listed = rows if isinstance(rows, list) else []
    return tuple(
        PowerTurnBrief(
            number=int(it["number"]),
            at_ms=int(it["at_ms"]),
            mode=str(it["mode"]),
            state=str(it["state"]),
            note=str(it["note"]),
            outcome=_outcome(it.get("outcome")),
        )
        for it in listed[:TURNS_MAX]
    )


def _outcome(row: Row | None) -> TurnOutcome | None:
    return None if not row else TurnOutcome(**{name: row.get(name) for name in TurnOutcome.__struct_fields__})  # type: ignore[arg-type]


def earned_of(row: Row | None) -> PowerEarned | None:
    """Return the sum of turns; None where none was judged."""
    if not row:
        return None
    values = {name: row[name] for name in PowerEarned.__struct_fields__}
    return PowerEarned(**values | {"sources": tuple(values["sources"])})


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
