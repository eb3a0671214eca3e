"""What moves cost in work: learned from the spans in which a live autopilot moved machines.

    calm    = sum of proven work / sum of expected work                    of the spans in which nothing moved
    lost_s  = seconds of the span * (calm - proven / expected)             of a span that began with a move
    move_s  = sum of lost_s / (sum of the parts of all work moved + 1)     the 1 is one whole move that lost nothing

So a move of half of the work counts half, what is always short (machines that claim more than they do) is no cost of
moving, and one span of chance teaches little. Older spans count less: half after 14 days. It is learned by pair of
destinations; where a pair has moved less than all work once, all moves to that destination teach, then all moves.
An algorithm's machines are one class here: which of them take a new extranonce and which reconnect is not told apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

DAY_MS: Final = 86_400_000
HALF_LIFE_DAYS: Final = 14.0
PRIOR_MOVES: Final = 1.0
ENOUGH: Final = 1.0
"""A pair of destinations speaks for itself once all work was moved between them so often."""
LOST_MAX_S: Final = 600.0
"""No span blames a move for more: a pool that fails is no cost of going there."""
TINY: Final = 1e-4
ANY: Final = "*"


class Moved(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of all work that a decision moved from one destination to another."""

    source: str
    target: str
    part: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span of one decision: work [hashes] of all destinations together, and what it began with."""

    age_days: float
    seconds: float
    expected: float
    proven: float
    moved: tuple[Moved, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveLoss:
    """What a move of all work loses [s of its work], from `moved` whole moves in `spans`; both weighed by age."""

    seconds: float
    moved: float
    spans: int


Losses = Mapping[tuple[str, str], MoveLoss]


def moves_between(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[Moved, ...]:
    """Return what moved where: who gained took from those who lost, in proportion."""
    names = sorted(before.keys() | after.keys())
    changes = {name: after.get(name, 0.0) - before.get(name, 0.0) for name in names}
    gained = {name: change for name, change in changes.items() if change > TINY}
    lost = {name: -change for name, change in changes.items() if change < -TINY}
    total = max(sum(gained.values()), sum(lost.values()))
    return tuple(
        Moved(source=source, target=target, part=gave * got / total)
        for source, gave in lost.items()
        for target, got in gained.items()
    )


def losses_of(spans: Sequence[Span]) -> dict[tuple[str, str], MoveLoss]:
    """Return what was learned of each pair, of each target (`ANY` first) and of all; nothing without calm spans."""
    judged = [it for it in spans if it.expected > 0 and it.seconds > 0]
    calm = [it for it in judged if not it.moved]
    expected = sum(_weight(it) * it.expected for it in calm)
    if not expected:
        return {}
    ratio = sum(_weight(it) * it.proven for it in calm) / expected
    sums: dict[tuple[str, str], list[float]] = {}
    for it in judged:
        lost_s = min(max(it.seconds * (ratio - it.proven / it.expected), -LOST_MAX_S), LOST_MAX_S)
        whole = sum(move.part for move in it.moved)
        for key, part in _by_key(it.moved).items():
            total = sums.setdefault(key, [0.0, 0.0, 0])
            total[0] += _weight(it) * lost_s * part / whole
            total[1] += _weight(it) * part
            total[2] += 1
    return {
        key: MoveLoss(seconds=max(lost / (moved + PRIOR_MOVES), 0.0), moved=moved, spans=int(count))
        for key, (lost, moved, count) in sums.items()
    }


def loss_to(losses: Losses, held: Mapping[str, float], target: str) -> MoveLoss | None:
    """Return what a move to a destination loses from where most work is now; None where no move taught anything."""
    others = {name: part for name, part in held.items() if name != target and part > 0}
    source = max(others, key=lambda name: others[name], default="")
    pair = losses.get((source, target))
    if pair is not None and pair.moved >= ENOUGH:
        return pair
    there = losses.get((ANY, target))
    return there if there is not None and there.moved >= ENOUGH else losses.get((ANY, ANY))


def documents_of(losses: Losses) -> list[dict[str, Any]]:
    """Return what was learned of moves, for programs; `*` is any destination."""
    return [
        {"source": source, "target": target, "lost_s": round(it.seconds, 1), "moved": round(it.moved, 3),
         "spans": it.spans}
        for (source, target), it in sorted(losses.items())
    ]  # fmt: skip


def _weight(span: Span) -> float:
    return float(0.5 ** (span.age_days / HALF_LIFE_DAYS))


def _by_key(moved: Iterable[Moved]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for it in moved:
        for key in ((it.source, it.target), (ANY, it.target), (ANY, ANY)):
            found[key] = found.get(key, 0.0) + it.part
    return found
