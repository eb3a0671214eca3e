"""Should hash power be rented, and at which price? Pure: the book, our own order, what the work is expected to earn.

Renting pays only where

    ask * (1 + fee) / (1 - pool fee)  <  hashprice * (1 - margin)

with the ask as the lowest price that is served now, and everything in coins for one EH/s and day. The bot goes up at
once and down by the market's own rules; it never goes above what pays, and ends an order that pays no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Literal

EH = Decimal(10) ** 18
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One order of a public book: price, limit (0: none) and speed [H/s]."""

    price: Decimal
    limit_hs: float
    speed_hs: float
    is_ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Our order: its price, what is left of its amount [coins], and how long ago its price was lowered."""

    price: Decimal
    left: Decimal
    lowered_ago_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The market's rules and ours. Fees are parts; `budget_left` is what may still be committed [coins]."""

    fee_part: Decimal
    pool_fee_part: Decimal
    order_fee: Decimal
    margin_part: Decimal
    price_step: Decimal
    price_down: Decimal
    down_every_s: int
    minimum_amount: Decimal
    budget_left: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What to do, and why, in words. `price` and `amount` where they belong to it."""

    kind: Literal["wait", "place", "reprice", "refill", "cancel"]
    why: str
    price: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)


def highest_price(hashprice: Decimal, bounds: Bounds) -> Decimal:
    """Return the highest price that still pays, on a step."""
    most = hashprice * (1 - bounds.margin_part) * (1 - bounds.pool_fee_part) / (1 + bounds.fee_part)
    return _on_step(most, bounds.price_step, ROUND_DOWN)


def asking_price(book: Sequence[Offer], wanted_hs: float, step: Decimal) -> Decimal | None:
    """Return the lowest price at which an order of this limit would be served; None for an empty book.

    Who is served is seen from the speeds: an order needs a step above the cheapest ones whose power it would take.
    """
    served = sorted((it for it in book if it.speed_hs > 0 and not it.is_ours), key=lambda it: it.price)
    if not served:
        return None
    taken = 0.0
    for offer in served:
        taken += offer.speed_hs
        if taken >= wanted_hs:
            return _on_step(offer.price, step, ROUND_UP) + step
    return _on_step(served[-1].price, step, ROUND_UP) + step


def effective(price: Decimal, bounds: Bounds) -> Decimal:
    """Return what a price costs with all fees, to compare with the hashprice."""
    return price * (1 + bounds.fee_part) / (1 - bounds.pool_fee_part)


def affordable(bounds: Bounds) -> Decimal:
    """Return the largest amount that stays within the budget together with the fees on it, to the satoshi."""
    most = (bounds.budget_left - bounds.order_fee) / (1 + bounds.fee_part)
    return max(most, Decimal(0)).quantize(Decimal("1e-8"), rounding=ROUND_DOWN)


def decide(
    book: Sequence[Offer], standing: Standing | None, *, wanted_hs: float, hashprice: Decimal, bounds: Bounds
) -> Action:
    """Say what to do now."""
    most = highest_price(hashprice, bounds)
    ask = asking_price(book, wanted_hs, bounds.price_step)
    if ask is None:
        return Action(kind="wait", why="the book shows no order that is served")
    if standing is None:
        return _begin(ask, most, bounds)
    if standing.price > most:
        return _too_dear(standing, ask, most, bounds)
    if ask > most:
        return Action(kind="wait", why=f"being served takes {ask:f}, and {most:f} is the most that pays")
    if ask > standing.price:
        return Action(kind="reprice", why="outbid", price=ask)
    if standing.price - ask >= 2 * bounds.price_step and _may_lower(standing, bounds):
        return Action(kind="reprice", why="served for less", price=_lower(standing, ask, bounds))
    if standing.left < bounds.minimum_amount / 2 and affordable(bounds) >= bounds.minimum_amount:
        return Action(kind="refill", why="nearly spent", amount=bounds.minimum_amount)
    return Action(kind="wait", why="it stands as it should")


def _begin(ask: Decimal, most: Decimal, bounds: Bounds) -> Action:
    if ask > most:
        return Action(kind="wait", why=f"it does not pay: {ask:f} is asked, {most:f} is the most that pays")
    amount = affordable(bounds)
    if amount < bounds.minimum_amount:
        return Action(kind="wait", why=f"the budget left is below the smallest order of {bounds.minimum_amount:f}")
    return Action(kind="place", why="it pays", price=ask, amount=amount)


def _too_dear(standing: Standing, ask: Decimal, most: Decimal, bounds: Bounds) -> Action:
    """Lower a price that pays no more, where that is allowed now and is enough; else end the order."""
    if _may_lower(standing, bounds) and ask <= most:
        price = _lower(standing, ask, bounds)
        if price <= most:
            return Action(kind="reprice", why="it pays no more at this price", price=price)
    return Action(kind="cancel", why=f"{standing.price:f} is above {most:f}, the most that pays")


def _may_lower(standing: Standing, bounds: Bounds) -> bool:
    return standing.lowered_ago_s >= bounds.down_every_s


def _lower(standing: Standing, aim: Decimal, bounds: Bounds) -> Decimal:
    least = standing.price - bounds.price_down if bounds.price_down > 0 else aim
    return max(aim, least)


def _on_step(price: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (price / step).to_integral_value(rounding=rounding) * step
