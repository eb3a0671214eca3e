"""What a power turn expected of the time until the next one, beside what was measured: earned by shares, paid by meter.

    earn    expected: the plan's machines at their measured rates, times what a hash earns
            real:     the work that shares of the same machines proved, times what a hash earned at the end
    cost    expected: the plan's import at its price less its export at its own
            real:     the meter's import and export at the same prices; without a meter the machines' own power, and
                      then what was expected is what the plan's machines would draw

Both are estimates in the site's currency. What was credited stands in the books.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import msgspec

from hashwright.economics.realised import Evidence, Learned, learned
from hashwright.planner.power import PowerSeen, PowerThought

SLOT_MS: Final = 900_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
SPAN_MAX_MS: Final = 6 * HOUR_MS
"""A longer span is not judged: the program was off."""
TH_DAY: Final = 1e12 * 86_400
A_KWH: Final = 4000
"""Watts over a slot of 15 minutes that make a kWh."""
Source = Literal["meter", "machines", "unknown"]
Share = tuple[int, int, float]
"""A slot's start [ms], its number in the plan, and the part of it that is in a span."""


class PowerOutcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The time from a turn to the next [s] and its money [currency, estimated]. None: not known.

    `is_driven`: the plan drove the fleet. `source` says who measured the energy. `estimated_part` is the part of the
    machines' energy that was reckoned by their ratings, because they do not say what they draw.
    """

    seconds: int
    currency: str
    is_driven: bool
    source: Source
    expected_earn: float
    earned: float
    expected_cost: float | None
    cost: float | None
    expected_kwh: float
    kwh: float | None
    estimated_part: float = 0.0

    @property
    def expected(self) -> float | None:
        """Return what the plan expected to be left."""
        return None if self.expected_cost is None else self.expected_earn - self.expected_cost

    @property
    def left(self) -> float | None:
        """Return what was left."""
        return None if self.cost is None else self.earned - self.cost


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of a span. `work` by group [hashes]; `machines_wh` by slot's start; `estimated_wh` of it.

    `covered_ms` is how much of the span the machines were looked at; `meter` has (start, import W, export W) by slot.
    """

    work: dict[str, int]
    machines_wh: dict[int, float]
    estimated_wh: float
    covered_ms: int
    meter: tuple[tuple[int, float, float], ...] = ()


COVERED_MIN: Final = 0.8
"""Less of a span than this says nothing of its energy."""


class _Bill(msgspec.Struct, frozen=True, kw_only=True):
    """Energy and money of a span, as expected and as measured by one source."""

    source: Source
    expected_kwh: float
    expected_cost: float | None = None
    kwh: float | None = None
    cost: float | None = None


def outcome_of(
    seen: PowerSeen, thought: PowerThought, measured: Measured, *, span: tuple[int, int], is_driven: bool
) -> PowerOutcome | None:
    """Say what became of a turn in its span [ms]; None where that cannot be judged."""
    at_ms, until_ms = span
    if not 0 < until_ms - at_ms <= SPAN_MAX_MS or not thought.earn or until_ms > thought.plan.end_ms:
        return None
    shares = list(_shares(thought.plan.start_ms, thought.plan.slots, at_ms, until_ms))
    bill = _metered(seen, thought, measured, shares) or _drawn(seen, thought, measured, shares, until_ms - at_ms)
    total_wh = sum(measured.machines_wh.values())
    return PowerOutcome(
        seconds=(until_ms - at_ms) // 1000,
        currency=seen.currency,
        is_driven=is_driven,
        source=bill.source,
        expected_earn=round(sum(thought.earn[slot] * part for _, slot, part in shares), 6),
        earned=round(_earned(seen, measured.work, shares), 6),
        expected_cost=_rounded(bill.expected_cost),
        cost=_rounded(bill.cost),
        expected_kwh=round(bill.expected_kwh, 6),
        kwh=_rounded(bill.kwh),
        estimated_part=round(measured.estimated_wh / total_wh, 4) if total_wh else 0.0,
    )


def _metered(seen: PowerSeen, thought: PowerThought, measured: Measured, shares: Sequence[Share]) -> _Bill | None:
    """Return the grid's part by the meter; None where it does not know every slot."""
    meter = {start: (bought, sold) for start, bought, sold in measured.meter}
    if any(start not in meter for start, _, _ in shares):
        return None
    planned = [(slot, thought.import_w[slot], thought.export_w[slot], part) for _, slot, part in shares]
    real = [(slot, *meter[start], part) for start, slot, part in shares]
    return _Bill(
        source="meter",
        expected_kwh=sum(bought * part / A_KWH for _, bought, _, part in planned),
        expected_cost=sum(_grid_money(seen, slot, bought, sold) * part for slot, bought, sold, part in planned),
        kwh=sum(bought * part / A_KWH for _, bought, _, part in real),
        cost=sum(_grid_money(seen, slot, bought, sold) * part for slot, bought, sold, part in real),
    )


def _drawn(seen: PowerSeen, thought: PowerThought, measured: Measured, shares: Sequence[Share], span_ms: int) -> _Bill:
    """Return the machines' own power at the tariff's price, where they were looked at for nearly all of the span."""
    planned_kwh = {slot: thought.machines_w[slot] * part / A_KWH for _, slot, part in shares}
    expected_kwh = sum(planned_kwh.values())
    if measured.covered_ms < COVERED_MIN * span_ms:
        return _Bill(source="unknown", expected_kwh=expected_kwh)
    scale = span_ms / measured.covered_ms
    price = {start: _price(seen, slot) for start, slot, _ in shares}
    return _Bill(
        source="machines",
        expected_kwh=expected_kwh,
        expected_cost=sum(_price(seen, slot) * kwh for slot, kwh in planned_kwh.items()),
        kwh=scale * sum(measured.machines_wh.values()) / 1000,
        cost=scale * sum(price.get(start, 0.0) * wh / 1000 for start, wh in measured.machines_wh.items()),
    )


def _shares(start_ms: int, slots: int, at_ms: int, until_ms: int) -> Iterable[Share]:
    """Yield each slot of a span: its start, its number, and the part of it that is in the span."""
    first = max((at_ms - start_ms) // SLOT_MS, 0)
    for slot in range(first, slots):
        begin = start_ms + slot * SLOT_MS
        if begin >= until_ms:
            return
        yield begin, slot, (min(until_ms, begin + SLOT_MS) - max(at_ms, begin)) / SLOT_MS


def _price(seen: PowerSeen, slot: int) -> float:
    return seen.price[slot] or 0.0


def _grid_money(seen: PowerSeen, slot: int, import_w: float, export_w: float) -> float:
    """Return what a whole slot of import and export costs."""
    sold = 0.0 if seen.export is None else seen.export[slot] or 0.0
    return (_price(seen, slot) * import_w - sold * export_w) / A_KWH


def _earned(seen: PowerSeen, work: dict[str, int], shares: Sequence[Share]) -> float:
    """Return what proven work is worth after fees; its rejects were never in it."""
    revenue = seen.site["revenue"]
    kept = 1.0 - float(revenue.get("fee", 0.0))
    last = shares[-1][1] if shares else 0
    own = {it["name"]: it.get("per_th_day") for it in seen.site["groups"]}
    total = 0.0
    for group, hashes in work.items():
        if group not in own:
            continue
        per_th_day = own[group]
        worth = seen.per_th_day[last] if per_th_day is None else float(per_th_day)
        total += hashes / TH_DAY * worth
    return total * kept


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


# ---------------------------------------------------------------- what it teaches


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How much came of what turns that drove the fleet were expected to bring. It is shown, and changes no plan."""

    earn: Learned
    cost: Learned


def drift_of(outcomes: Iterable[tuple[int, int, PowerOutcome]], *, now: int) -> Drift:
    """Learn from turns that drove the fleet: (begin ms, end ms, outcome)."""
    earns, costs = [], []
    for at_ms, until_ms, it in outcomes:
        if not it.is_driven:
            continue
        age, days = (now - until_ms) / DAY_MS, (until_ms - at_ms) / DAY_MS
        earns.append(Evidence(age_days=age, days=days, expected=it.expected_earn, realised=it.earned))
        if it.cost is not None and it.expected_cost is not None and it.expected_cost > 0:
            costs.append(Evidence(age_days=age, days=days, expected=it.expected_cost, realised=it.cost))
    return Drift(earn=learned(earns), cost=learned(costs))


def document_of(it: PowerOutcome) -> dict[str, Any]:
    """Return an outcome as pages and commands show it."""
    found: dict[str, Any] = msgspec.to_builtins(it)
    return found | {"expected": _rounded(it.expected), "left": _rounded(it.left)}


def sums_of(outcomes: Sequence[tuple[int, int, PowerOutcome]], *, now: int) -> dict[str, Any] | None:
    """Return the sum of some turns and the drift that they teach; None where there is none."""
    if not outcomes:
        return None
    drift = drift_of(outcomes, now=now)
    priced = [it for _, _, it in outcomes if it.cost is not None and it.expected_cost is not None]
    return {
        "from_ms": outcomes[0][0],
        "to_ms": outcomes[-1][1],
        "turns": len(outcomes),
        "driven_turns": sum(it.is_driven for _, _, it in outcomes),
        "priced_turns": len(priced),
        "currency": outcomes[-1][2].currency,
        "sources": sorted({it.source for _, _, it in outcomes}),
        "expected_earn": round(sum(it.expected_earn for it in priced), 6),
        "earned": round(sum(it.earned for it in priced), 6),
        "expected_cost": round(sum(it.expected_cost or 0.0 for it in priced), 6),
        "cost": round(sum(it.cost or 0.0 for it in priced), 6),
        "expected": round(sum(it.expected or 0.0 for it in priced), 6),
        "left": round(sum(it.left or 0.0 for it in priced), 6),
        "earn_factor": round(drift.earn.factor, 4),
        "cost_factor": round(drift.cost.factor, 4),
        "learned_days": round(drift.earn.days, 3),
    }
