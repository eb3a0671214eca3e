"""Should hash power be rented, and at which price? Pure: the book, our own order, what the work is expected to earn.

Renting pays only where

    ask * (1 + fee) / (1 - pool fee)  <  hashprice * sure * (1 - margin)

with the ask as the lowest price that is served now, and everything in coins for one EH/s and day. `sure` is what is
left of the hashprice after the risk of luck and of what may change while an order is used up (`sure_part`). The bot
goes up at once and down by the market's own rules; it never goes above what pays, and ends an order that pays no
more. The margin is asked for before something is bought or raised; what stands is kept as long as it pays without it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    """The market's rules and ours. Fees are parts; `budget_left` is what may still be committed [coins].

    `sure` is the part of the hashprice that is counted with.
    """

    fee_part: Decimal
    pool_fee_part: Decimal
    order_fee: Decimal
    margin_part: Decimal
    price_step: Decimal
    price_down: Decimal
    down_every_s: int
    minimum_amount: Decimal
    budget_left: Decimal
    sure: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What to do, and why, in words. `price` and `amount` where they belong to it."""

    kind: Literal["wait", "place", "reprice", "refill", "cancel"]
    why: str
    price: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)


def highest_price(hashprice: Decimal, bounds: Bounds) -> Decimal:
    """Return the highest price that still pays with the margin, on a step."""
    most = hashprice * bounds.sure * (1 - bounds.margin_part) * (1 - bounds.pool_fee_part) / (1 + bounds.fee_part)
    return _on_step(most, bounds.price_step, ROUND_DOWN)


def even_price(hashprice: Decimal, bounds: Bounds) -> Decimal:
    """Return the highest price that pays without any margin, on a step: what stands is ended above it."""
    return highest_price(hashprice, replace(bounds, margin_part=Decimal(0)))


def sure_part(*, risk: float, blocks: float | None, spread_a_day: float, life_days: float) -> float:
    """Return what part of an expectation to count with: so many standard deviations are taken off it, 0 to 1.

    Args:
        risk: how many standard deviations; 0 goes by the mean alone.
        blocks: how many blocks the pool is expected to find while the order is used up, where it pays by its luck
            (Poisson: a deviation of one by the root of it); None where it pays each share.
        spread_a_day: root mean square of the daily change of what the work is worth (its logarithm).
        life_days: how long the order lasts [days]; the mean of a walk over it deviates by a root of a third of it.
    """
    if risk <= 0:
        return 1.0
    luck = 0.0 if blocks is None else 1 / blocks if blocks > 0 else math.inf
    return max(1 - risk * math.sqrt(luck + spread_a_day**2 * max(life_days, 0.0) / 3), 0.0)


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
    return judge(asking_price(book, wanted_hs, bounds.price_step), standing, hashprice=hashprice, bounds=bounds)


def judge(ask: Decimal | None, standing: Standing | None, *, hashprice: Decimal, bounds: Bounds) -> Action:
    """Say what to do where being served takes `ask` now; None: the book shows nobody who is served."""
    most, even = highest_price(hashprice, bounds), even_price(hashprice, bounds)
    if standing is not None and standing.price > even:
        return _too_dear(standing, ask, even, bounds)
    if ask is None:
        return Action(kind="wait", why="the book shows no order that is served")
    if standing is None:
        return _begin(ask, most, bounds)
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


def _too_dear(standing: Standing, ask: Decimal | None, even: Decimal, bounds: Bounds) -> Action:
    """Lower a price that pays no more, where that is allowed now and is enough; else end the order."""
    if ask is not None and ask <= even and _may_lower(standing, bounds):
        price = _lower(standing, ask, bounds)
        if price <= even:
            return Action(kind="reprice", why="it pays no more at this price", price=price)
    return Action(kind="cancel", why=f"{standing.price:f} is above {even:f}, the most that pays")


def _may_lower(standing: Standing, bounds: Bounds) -> bool:
    return standing.lowered_ago_s >= bounds.down_every_s


def _lower(standing: Standing, aim: Decimal, bounds: Bounds) -> Decimal:
    least = standing.price - bounds.price_down if bounds.price_down > 0 else aim
    return max(aim, least)


def _on_step(price: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (price / step).to_integral_value(rounding=rounding) * step
