"""From a kept turn of the autopilot to what the page Plan shows: targets, reasons, what binds, the second best.

A turn is read as JSON, not as today's records: rows of an older or newer program must be shown as well. What a row does
not say is unknown, never nothing.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from hashwright.store.decisions import DecisionRow
from hashwright.web.documents import Document

PlanMode = Literal["DRY RUN", "ADVISE", "LIVE", "PAUSED"]
PH: Final = 1e15
TH: Final = 1e12
POINTS: Final = 10_000
DAY_S: Final = 86_400
CLOSE: Final = 0.005
MODES: Final[dict[str, PlanMode]] = {"dry-run": "DRY RUN", "advise": "ADVISE", "live": "LIVE"}
Row = Mapping[str, Any]


class Target(Document, frozen=True, kw_only=True):
    """A destination in a decision. `worth_usd_day`: what it would earn with all work, before power (estimated).

    `has` and `should` are parts of all work, 0 to 1; `should` is null where nothing moves. `left_out` says why it was
    not compared. `factors` are what a promise was multiplied by. `loss_usd_day`: how much less than the best it earns.
    """

    destination: str
    coin: str
    worth_usd_day: float | None
    loss_usd_day: float | None
    price_usd: float | None
    price_at_ms: int | None
    price_source: str
    net: float | None
    factors: dict[str, float]
    has: float
    should: float | None
    left_out: str


class Decision(Document, frozen=True, kw_only=True):
    """A turn in one line. `state` is rehearsed, asked, applied, kept or failed; money is estimated USD a day."""

    number: int
    at_ms: int
    algorithm: str
    mode: PlanMode
    state: str
    note: str
    why: str
    cause: str
    is_loss: bool
    expected_usd_day: float | None
    held_usd_day: float | None
    parts: dict[str, float]
    held: dict[str, float]


class DecisionDetail(Document, frozen=True, kw_only=True):
    """A turn with all that it knew. `is_repeated`: thought again from that, the answer is the same; null: not tried."""

    decision: Decision
    targets: tuple[Target, ...]
    reasons: tuple[str, ...]
    binds: tuple[str, ...]
    left_out: tuple[str, ...]
    hashrate_hs: float
    power_usd_day: float | None
    best: str
    second: str
    second_loss_usd_day: float | None
    is_repeated: bool | None


def mode_of(settings: Row) -> PlanMode:
    """Say the mode of an autopilot in the words of the header."""
    return "PAUSED" if settings.get("is_paused") else MODES.get(str(settings.get("mode", "dry-run")), "DRY RUN")


def decision_of(row: Row) -> Decision:
    """Return a turn in one line."""
    thought, seen = row.get("thought") or {}, row.get("seen") or {}
    return Decision(
        number=int(row["number"]),
        at_ms=int(row["at_ms"]),
        algorithm=str(row["algorithm"]),
        mode=MODES.get(str(row["mode"]), "DRY RUN"),
        state=str(row["state"]),
        note=str(row["note"]),
        why=str(thought.get("why", "")),
        cause=str(seen.get("cause") or ""),
        is_loss=bool(thought.get("is_loss")),
        expected_usd_day=_float(thought.get("expected_usd_day")) if thought.get("worth") else None,
        held_usd_day=_float(thought.get("held_usd_day")) if thought.get("worth") else None,
        parts={str(name): float(part) / POINTS for name, part in (thought.get("parts") or {}).items()},
        held={str(name): float(part) for name, part in (seen.get("held") or {}).items()},
    )


def detail_of(row: Row, *, settings: Row | None = None, is_repeated: bool | None = None) -> DecisionDetail:
    """Return a turn with all that it knew."""
    thought, seen = row.get("thought") or {}, row.get("seen") or {}
    targets = targets_of(seen, thought)
    ranked = sorted((it for it in targets if it.worth_usd_day is not None), key=lambda it: it.loss_usd_day or 0.0)
    second = str(thought.get("second") or "")
    loss = _float(thought.get("second_usd_day")) if second else None
    if not second and len(ranked) > 1:
        second, loss = ranked[1].destination, ranked[1].loss_usd_day
    return DecisionDetail(
        decision=decision_of(row),
        targets=targets,
        reasons=tuple(map(str, thought.get("reasons") or ())),
        binds=binds_of(row, targets, settings or {}),
        left_out=tuple(map(str, thought.get("left_out") or ())),
        hashrate_hs=_float(seen.get("hashrate_hs")) or 0.0,
        power_usd_day=power_of(seen),
        best=ranked[0].destination if ranked else "",
        second=second,
        second_loss_usd_day=loss,
        is_repeated=is_repeated,
    )


def targets_of(seen: Row, thought: Row) -> tuple[Target, ...]:
    """Return the destinations of a turn, the most worth first."""
    worth: Row = thought.get("worth") or {}
    held: Row = seen.get("held") or {}
    best = max((float(it) for it in worth.values()), default=0.0)
    said = [str(it).partition(": ") for it in thought.get("left_out") or ()]
    why = {name: words for name, _, words in said}
    found = [
        Target(
            destination=str(way["destination"]),
            coin=str(way.get("coin") or ""),
            worth_usd_day=_float(worth.get(way["destination"])),
            loss_usd_day=best - float(worth[way["destination"]]) if way["destination"] in worth else None,
            price_usd=_float(way.get("price_usd")),
            price_at_ms=int(way["price_at_ms"]) or None if way.get("price_at_ms") else None,
            price_source=str(way.get("price_source") or ""),
            net=_float(way.get("net")),
            factors={name: it for name, it in _floats(way.get("factors")).items() if it != 1},
            has=float(held.get(way["destination"], 0.0)),
            should=_should(way, thought),
            left_out=why.get(str(way["destination"]), ""),
        )
        for way in seen.get("ways") or ()
    ]
    return tuple(sorted(found, key=lambda it: (it.worth_usd_day is None, -(it.worth_usd_day or 0.0), it.destination)))


def binds_of(row: Row, targets: Sequence[Target], settings: Row) -> tuple[str, ...]:
    """Say which limits of the owner hold the decision back: the row's own words, or what its numbers say."""
    seen, thought = row.get("seen") or {}, row.get("thought") or {}
    paused = ("The autopilot is paused: nothing is decided and nothing moves.",) if settings.get("is_paused") else ()
    if "bound" in thought:
        return (*map(str, thought["bound"]), *paused)
    limits: Row = seen.get("limits") or {}
    found: list[str] = []
    step = _float(limits.get("step"))
    best = next((it for it in targets if it.worth_usd_day is not None), None)
    if step is not None and best is not None and best.should is not None:
        is_full = abs(best.should - best.has) >= step - CLOSE
        if is_full and best.should < 1 - CLOSE:
            found.append(f"At most {step:.0%} of the work moves in one turn; {best.destination} would get more.")
    if row.get("state") == "kept" and "stays for another" in str(row.get("note")):
        found.append(f"Minimum dwell: {row['note']}.")
    if "too little" in str(thought.get("why")) or any("would gain" in str(it) for it in thought.get("reasons") or ()):
        margin = _float(limits.get("margin_usd")) or 0.0
        found.append(f"A move has to gain more than its cost and {margin:,.2f} USD over the holding time.")
    if (_float(thought.get("idle")) or 0.0) >= CLOSE:
        found.append(f"{float(thought['idle']):.0%} of the work should rest: it costs more power than it earns.")
    return (*found, *paused)


def power_of(seen: Row) -> float | None:
    """Return what power costs while all machines run [USD/day]; None where the owner did not say."""
    price, efficiency = _float(seen.get("power_price_usd_kwh")), _float(seen.get("efficiency_j_th"))
    if not price or not efficiency:
        return None
    return efficiency * (_float(seen.get("hashrate_hs")) or 0.0) / TH / 1000 * 24 * price


def row_document(row: DecisionRow) -> dict[str, Any]:
    """Return a kept turn as JSON."""
    names = ("at_ms", "algorithm", "mode", "state", "note")
    told = {"seen": json.loads(row.seen or "null"), "thought": json.loads(row.thought or "null")}
    return {"number": row.id, **{name: getattr(row, name) for name in names}, **told}


def _should(way: Row, thought: Row) -> float | None:
    """Return the part of all work that a way should have; None where nothing moves."""
    parts: Row = thought.get("parts") or {}
    weights: Row = thought.get("weights") or {}
    name = way["destination"]
    if way.get("kind") == "market":
        return _float(weights.get(name))
    return float(parts.get(name, 0)) / POINTS if parts else None


def _floats(values: object) -> dict[str, float]:
    found = values if isinstance(values, dict) else {}
    return {str(name): float(it) for name, it in found.items() if isinstance(it, int | float)}


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
