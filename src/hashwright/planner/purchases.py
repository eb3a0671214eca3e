"""Hash power that could be bought, as columns beside the ways of own machines: what was seen of each offer, and what
should be done about it. Pure: a kept sight gives the same answer again.

A purchase is one rental of `hw market rent set`: a market, a pool, a limit, a budget. It is bought where

    ask * (1 + fee) / (1 - pool fee)  <  hashprice * sure * (1 - margin)

by the one rule of `market.renting`, which repricing, refilling and ending go by too. `hashprice` is what the pool's own
promise is worth in the market's coin; `pool fee` also holds what the pool was seen not to keep of its promises, and
what the market was seen not to deliver. `sure` takes luck and change off it.

Every budget binds: the rental's own (all, and a day), the market's and the total of a day [USD]. The best ratio of
worth to cost is served first. Money here is coins as text, or USD as a float: estimates that no ledger takes.

Must not know: how a market is reached.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

import msgspec

from hashwright.economics.realised import DRIFT_MAX
from hashwright.market.renting import EH, Action, Bounds, Standing, affordable, highest_price, judge, sure_part

PH_OF_EH: Final = 1000
LIFE_MAX_DAYS: Final = 10.0
"""A standard order of NiceHash ends after so long; what changes later is another order's risk."""
SAT: Final = Decimal("1e-8")
ActionKind = Literal["wait", "place", "reprice", "refill", "cancel"]


class PaperOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The order that a rehearsal has. Price and amounts in coins."""

    price: str
    amount: str
    spent: str = "0"
    lowered_ms: int | None = None


class PaperRental(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a rehearsal bought so far: its order, what it committed [coins, with fees], what that paid for [hashes]."""

    order: PaperOrder | None = None
    committed: str = "0"
    of_day: tuple[tuple[int, str], ...] = ()
    paid: str = "0"
    work: str = "0"


class SeenOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Our order as it stands: its price, what is left of it [coins], and how long ago its price was lowered."""

    price: str
    left: str
    lowered_ago_s: float
    id: str = ""
    speed_hs: float = 0.0


class SeenPurchase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rental, and its market as it stands now.

    `ask` is what being served takes [coins for one EH/s and day], "" where nobody is served; `served` are the
    cheapest orders that are, with their speeds [H/s]. `budget_left` [coins] is what the rental's own budgets
    leave. `coin` is what the market is paid in; `is_same_coin` says that the pool pays the very same. `paid` and
    `work` are sums since the rental began, on paper where `is_paper`; `work` is None where nobody counts it.
    `blocks_a_day` is how many blocks its pool is expected to find with it, None where the pool pays each share.
    `spread_a_day` and `drift_a_day` are how its worth changes; `of_day` was committed in 24 hours [coins];
    `delivered` was learned: the part of what was paid for that came. `why_paper` says what keeps a live autopilot
    from acting.
    """

    name: str
    market: str
    destination: str
    coin: str
    limit_hs: float
    coin_price_usd: float | None = None
    coin_price_at_ms: int = 0
    is_same_coin: bool = False
    ask: str = ""
    served: tuple[tuple[str, float], ...] = ()
    fee_part: str = "0"
    order_fee: str = "0"
    pool_fee_part: str = "0"
    margin_part: str = "0"
    price_step: str = "0.0001"
    price_down: str = "0"
    down_every_s: int = 600
    minimum_amount: str = "0"
    budget_left: str = "0"
    order: SeenOrder | None = None
    paid: str = "0"
    work: str | None = None
    is_paper: bool = True
    paper: PaperRental | None = None
    spread_a_day: float = 0.0
    drift_a_day: float = 0.0
    blocks_a_day: float | None = None
    delivered: float = 1.0
    of_day: str = "0"
    why_not: str = ""
    why_paper: str = ""


class BuyRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may be committed within 24 hours [USD], in all and by market (None, or not named: no bound of that kind).

    `risk` is how many standard deviations are taken off what an order is expected to earn.
    """

    usd_day: float | None = None
    usd_day_of: dict[str, float] = {}
    risk: float = 0.3


class Purchase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What should be done about a rental, and the numbers behind it. `cost` and `worth` [USD a PH/s and day].

    `cost` is the ask with all fees; `worth` is what the pool is expected to pay for it. None is unknown.
    """

    name: str
    kind: ActionKind
    why: str
    price: str = "0"
    amount: str = "0"
    most: str = ""
    sure: float = 1.0
    life_days: float = 0.0
    cost_usd_ph_day: float | None = None
    worth_usd_ph_day: float | None = None
    gain_usd_day: float | None = None
    bound: str = ""

    @property
    def acts(self) -> bool:
        """Tell whether something should be done."""
        return self.kind != "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the pool of a rental promises: coins of the market for one EH/s and day, the part of it that is kept.

    `why_not` says why it is not known.
    """

    hashprice: Decimal = Decimal(0)
    kept: Decimal = Decimal(1)
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    seen: SeenPurchase
    action: Action
    promise: Promise
    bounds: Bounds
    life_days: float

    @property
    def ratio(self) -> Decimal:
        """Return what is earned for one coin that is paid."""
        ask = Decimal(self.seen.ask or 0)
        worth = self.promise.hashprice * self.promise.kept * self.bounds.sure
        return worth / (ask * (1 + self.bounds.fee_part)) if ask > 0 else Decimal(0)


def buy(
    purchases: Sequence[SeenPurchase],
    promises: Mapping[str, Promise],
    rules: BuyRules,
    *,
    spent_usd: Mapping[str, float],
    left_out: Mapping[str, str] | None = None,
) -> tuple[Purchase, ...]:
    """Say for each rental what should be done now.

    Args:
        purchases: the rentals, as they were seen.
        promises: by rental, what its pool pays.
        rules: the day's budgets and the risk.
        spent_usd: what was committed within 24 hours, by market.
        left_out: by rental, why nothing new may be bought for it (the price of its coin is too old).
    """
    judged = [_judged(it, promises[it.name], rules.risk) for it in purchases]
    spent, found = dict(spent_usd), {}
    for it in sorted(judged, key=lambda it: (it.action.kind != "cancel", -it.ratio, it.seen.name)):
        why_not = (left_out or {}).get(it.seen.name, "")
        action, bound = _within(it, rules, spent, why_not)
        found[it.seen.name] = _told(it, action, bound)
    return tuple(found[it.name] for it in purchases)


def bounds_of(seen: SeenPurchase, promise: Promise, *, sure: float) -> Bounds:
    """Return the rules of the market and of the rental, as `market.renting` takes them."""
    return Bounds(
        fee_part=Decimal(seen.fee_part),
        pool_fee_part=1 - promise.kept,
        order_fee=Decimal(seen.order_fee),
        margin_part=Decimal(seen.margin_part),
        price_step=Decimal(seen.price_step),
        price_down=Decimal(seen.price_down),
        down_every_s=seen.down_every_s,
        minimum_amount=Decimal(seen.minimum_amount),
        budget_left=Decimal(seen.budget_left),
        sure=Decimal(str(round(sure, 6))),
    )


def _judged(seen: SeenPurchase, promise: Promise, risk: float) -> _Judged:
    standing = standing_of(seen)
    plain = bounds_of(seen, promise, sure=1.0)
    life = life_days(seen, plain)
    sure = sure_part(
        risk=risk,
        blocks=None if seen.blocks_a_day is None else seen.blocks_a_day * life,
        spread_a_day=seen.spread_a_day,
        life_days=life,
    )
    bounds = replace(plain, sure=Decimal(str(round(sure, 6))))
    drift = math.exp(min(max(seen.drift_a_day * life / 2, -DRIFT_MAX), DRIFT_MAX))
    promise = replace(promise, hashprice=promise.hashprice * Decimal(str(round(drift, 6))))
    if seen.why_not:
        action = Action(kind="wait", why=seen.why_not)
    elif promise.why_not and standing is not None:
        action = Action(kind="cancel", why=f"nobody knows what its work is worth: {promise.why_not}")
    elif promise.why_not:
        action = Action(kind="wait", why=promise.why_not)
    else:
        ask = Decimal(seen.ask) if seen.ask else None
        action = judge(ask, standing, hashprice=promise.hashprice, bounds=bounds)
    return _Judged(seen=seen, action=action, promise=promise, bounds=bounds, life_days=life)


def standing_of(seen: SeenPurchase) -> Standing | None:
    """Return our order as `market.renting` takes it."""
    order = seen.order
    if order is None:
        return None
    return Standing(price=Decimal(order.price), left=Decimal(order.left), lowered_ago_s=order.lowered_ago_s)


def life_days(seen: SeenPurchase, bounds: Bounds) -> float:
    """Return how long the order that stands, or the one that could be placed, would last at its limit [days]."""
    price = Decimal(seen.order.price if seen.order else seen.ask or 0)
    amount = Decimal(seen.order.left) if seen.order else affordable(bounds)
    a_day = price * Decimal(str(seen.limit_hs)) / EH
    return min(float(amount / a_day), LIFE_MAX_DAYS) if a_day > 0 else 0.0


def _within(it: _Judged, rules: BuyRules, spent: dict[str, float], why_not: str) -> tuple[Action, str]:
    """Cut an action down to what the day's budgets leave, and count what it commits."""
    action, seen = it.action, it.seen
    if action.kind not in ("place", "refill"):
        return action, ""
    usd = seen.coin_price_usd
    if why_not or usd is None:
        return Action(kind="wait", why=why_not or f"no price of {seen.coin} is known"), ""
    left, whose = _left_usd(rules, spent, seen.market)
    amount, bound = action.amount, ""
    fees = it.bounds.order_fee if action.kind == "place" else Decimal(0)
    if left is not None and usd > 0:
        most = (Decimal(str(left / usd)) - fees) / (1 + it.bounds.fee_part)
        if most < amount:
            amount, bound = max(most, Decimal(0)).quantize(SAT, rounding="ROUND_DOWN"), whose
    if amount < it.bounds.minimum_amount:
        return Action(kind="wait", why=f"{bound}: less is left than the smallest order takes"), bound
    spent[seen.market] = spent.get(seen.market, 0.0) + float(amount * (1 + it.bounds.fee_part) + fees) * usd
    return replace(action, amount=amount), bound


def _left_usd(rules: BuyRules, spent: Mapping[str, float], market: str) -> tuple[float | None, str]:
    """Return what the tighter of both budgets leaves of the day [USD], and which one it is; None: neither is set."""
    total, own = rules.usd_day, rules.usd_day_of.get(market)
    found = []
    if total is not None:
        found.append((total - sum(spent.values()), f"buying may cost {total:.2f} USD a day"))
    if own is not None:
        found.append((own - spent.get(market, 0.0), f"buying at {market} may cost {own:.2f} USD a day"))
    return min(found) if found else (None, "")


def _told(it: _Judged, action: Action, bound: str) -> Purchase:
    seen, promise, usd = it.seen, it.promise, it.seen.coin_price_usd
    cost = worth = gain = None
    if usd is not None and not promise.why_not:
        worth = float(promise.hashprice * promise.kept) * usd / PH_OF_EH
    if usd is not None and seen.ask:
        cost = float(Decimal(seen.ask) * (1 + it.bounds.fee_part)) * usd / PH_OF_EH
    if worth is not None and cost is not None:
        gain = (worth - cost) * seen.limit_hs / 1e15
    is_known = not promise.why_not
    return Purchase(
        name=seen.name,
        kind=action.kind,
        why=action.why,
        price=f"{action.price:f}",
        amount=f"{action.amount:f}",
        most=f"{highest_price(promise.hashprice, it.bounds):f}" if is_known else "",
        sure=float(it.bounds.sure),
        life_days=it.life_days,
        cost_usd_ph_day=cost,
        worth_usd_ph_day=worth,
        gain_usd_day=gain,
        bound=bound,
    )


__all__ = [
    "BuyRules",
    "PaperOrder",
    "PaperRental",
    "Promise",
    "Purchase",
    "SeenOrder",
    "SeenPurchase",
    "bounds_of",
    "buy",
    "life_days",
    "standing_of",
]
