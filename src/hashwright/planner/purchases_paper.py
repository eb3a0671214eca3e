"""A rehearsal's orders, and what became of any purchase: on paper and for real by the same accounting.

A paper order is served for a stretch of time where its price was at least what being served took, at its begin and at
its end; then it gets its limit until its amount is used up, and pays its own price and the market's fees. That is all a
rehearsal can know: its own weight on the book, and the market's rejects, show only in real orders, whose `delivered` is
learned.

    paid     what left our hands, fees included
    implied  the work that this money is for: paid, less fees, by the order's price
    work     the work that came: by our own judge, else by the market's count; on paper what is implied
    expected implied work, times what a hash was worth at the begin       earned: work, times its worth at the end
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Final

import msgspec

from hashwright.market.renting import DAY_S, EH
from hashwright.planner.purchases import SAT, PaperOrder, PaperRental, Purchase, SeenOrder, SeenPurchase

DAY_MS: Final = 86_400_000
LONG_AGO_S: Final = 1e9
TINY: Final = Decimal("1e-16")
"""Paper is not rounded to what a coin can be split into: a minute of a small order is less than that."""


class PurchaseOutcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of a purchase in a span. Work [hashes], None where nobody counted it; money is estimated USD."""

    name: str
    market: str
    is_paper: bool
    paid_usd: float
    implied_work: float
    work: float | None
    expected_usd: float
    earned_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseSum:
    """What became of one rental over many spans [USD]; `earned_usd` is None while no work of it was counted."""

    name: str
    market: str
    is_paper: bool
    paid_usd: float
    expected_usd: float
    earned_usd: float | None


def summed(found: Iterable[PurchaseOutcome]) -> tuple[PurchaseSum, ...]:
    """Sum spans by rental, on paper and for real apart."""
    sums: dict[tuple[str, bool], PurchaseSum] = {}
    for it in found:
        key = (it.name, it.is_paper)
        old = sums.get(key) or PurchaseSum(
            name=it.name, market=it.market, is_paper=it.is_paper, paid_usd=0.0, expected_usd=0.0, earned_usd=None
        )
        earned = old.earned_usd if it.earned_usd is None else (old.earned_usd or 0.0) + it.earned_usd
        sums[key] = replace(
            old, paid_usd=old.paid_usd + it.paid_usd, expected_usd=old.expected_usd + it.expected_usd, earned_usd=earned
        )  # fmt: skip
    return tuple(sums[key] for key in sorted(sums))


# ---------------------------------------------------------------- on paper


def carried_out(seen: SeenPurchase, bought: Purchase, *, at_ms: int) -> PaperRental:
    """Return a rehearsal's rental after a turn did on paper what it found right."""
    paper = seen.paper or PaperRental()
    order, amount = paper.order, Decimal(bought.amount)
    match bought.kind:
        case "place":
            placed = PaperOrder(price=bought.price, amount=bought.amount)
            return _committed(paper, seen, amount, Decimal(seen.order_fee), placed, at_ms)
        case "refill" if order is not None:
            filled = msgspec.structs.replace(order, amount=f"{Decimal(order.amount) + amount:f}")
            return _committed(paper, seen, amount, Decimal(0), filled, at_ms)
        case "reprice" if order is not None:
            is_down = Decimal(bought.price) < Decimal(order.price)
            lowered = at_ms if is_down else order.lowered_ms
            priced = msgspec.structs.replace(order, price=bought.price, lowered_ms=lowered)
            return msgspec.structs.replace(paper, order=priced)
        case "cancel":
            return msgspec.structs.replace(paper, order=None)
        case _:
            return paper


def _committed(
    paper: PaperRental, seen: SeenPurchase, amount: Decimal, fee: Decimal, order: PaperOrder, at_ms: int
) -> PaperRental:  # fmt: skip
    cost = amount * (1 + Decimal(seen.fee_part)) + fee
    kept = tuple(it for it in paper.of_day if it[0] > at_ms - DAY_MS)
    return PaperRental(
        order=order,
        committed=f"{Decimal(paper.committed) + cost:f}",
        of_day=(*kept, (at_ms, f"{cost:f}")),
        paid=f"{Decimal(paper.paid) + fee:f}",
        work=paper.work,
    )


def walked(paper: PaperRental, before: SeenPurchase, *, ask_now: str, seconds: float) -> PaperRental:
    """Return a rehearsal's rental after some time went by since a turn that saw `before`."""
    order = paper.order
    if order is None or not before.ask or not ask_now or seconds <= 0:
        return paper
    price = Decimal(order.price)
    if price < max(Decimal(before.ask), Decimal(ask_now)) or price <= 0:
        return paper
    left = Decimal(order.amount) - Decimal(order.spent)
    whole = price * Decimal(str(before.limit_hs)) * Decimal(str(seconds)) / (EH * DAY_S)
    cost = min(whole.quantize(TINY, rounding=ROUND_DOWN), left)
    spent = Decimal(order.spent) + cost
    is_over = Decimal(order.amount) - spent < 2 * SAT
    return msgspec.structs.replace(
        paper,
        order=None if is_over else msgspec.structs.replace(order, spent=f"{spent:f}"),
        paid=f"{Decimal(paper.paid) + cost * (1 + Decimal(before.fee_part)):f}",
        work=f"{Decimal(paper.work) + cost / price * EH * DAY_S:.0f}",
    )


def paper_order(paper: PaperRental, *, at_ms: int) -> SeenOrder | None:
    """Return a rehearsal's order as a sight has it."""
    order = paper.order
    if order is None:
        return None
    ago_s = LONG_AGO_S if order.lowered_ms is None else (at_ms - order.lowered_ms) / 1000
    left = Decimal(order.amount) - Decimal(order.spent)
    return SeenOrder(price=order.price, left=f"{left:f}", lowered_ago_s=ago_s, id="on paper")


def paper_left(paper: PaperRental, *, budget: Decimal, budget_day: Decimal | None, at_ms: int) -> Decimal:
    """Return what a rental's own budgets leave to a rehearsal [coins]."""
    left = budget - Decimal(paper.committed)
    return left if budget_day is None else min(left, budget_day - paper_day(paper, at_ms=at_ms))


def paper_day(paper: PaperRental, *, at_ms: int) -> Decimal:
    """Return what a rehearsal committed within 24 hours [coins]."""
    return sum((Decimal(cost) for at, cost in paper.of_day if at > at_ms - DAY_MS), Decimal(0))


# ---------------------------------------------------------------- what became of it


def became_of(
    before: SeenPurchase, bought: Purchase | None, after: SeenPurchase, *, worth_then: float, worth_now: float
) -> PurchaseOutcome | None:
    """Hold what was paid in a span against the work that came for it; None where nothing was, or nothing is known.

    Args:
        before: the rental at the begin of the span.
        bought: what was decided then.
        after: the rental at its end.
        worth_then: what a hash was worth at its pool, after all that it keeps [USD].
        worth_now: the same at the end.
    """
    usd = before.coin_price_usd
    paid = Decimal(after.paid) - Decimal(before.paid)
    if before.is_paper != after.is_paper or usd is None or paid <= 0:
        return None
    price = _price(before, bought)
    fee = Decimal(before.order_fee) if bought is not None and bought.kind == "place" else Decimal(0)
    net = max(paid - fee, Decimal(0)) / (1 + Decimal(before.fee_part))
    implied = float(net / price * EH * DAY_S) if price > 0 else 0.0
    work = None
    if after.work is not None:
        work = float(Decimal(after.work) - Decimal(before.work or 0))
    return PurchaseOutcome(
        name=before.name,
        market=before.market,
        is_paper=before.is_paper,
        paid_usd=float(paid) * usd,
        implied_work=implied,
        work=work,
        expected_usd=implied * worth_then * before.delivered,
        earned_usd=None if work is None else work * worth_now,
    )


def _price(before: SeenPurchase, bought: Purchase | None) -> Decimal:
    """Return the price at which a span was bought."""
    if bought is not None and bought.kind in ("place", "reprice"):
        return Decimal(bought.price)
    return Decimal(before.order.price) if before.order is not None else Decimal(0)
