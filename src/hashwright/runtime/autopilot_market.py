"""The own market as a way beside pools and rest: what orders would pay for the machines that may be sold, and the sale.

Only machines of the account that the owner named (`--sell-as`) are counted and sold. While selling is the best way, the
account stands in the market with a floor: the owner's own, or what the best other way pays, whichever is higher. So an
order that pays less than the best pool gets nothing, and the machine is back at the pool as soon as no order pays more.
"""

import math
from typing import TYPE_CHECKING, Final

from hashwright.economics.coin_facts import CoinFacts
from hashwright.market.delivery import rate_of
from hashwright.market.events import SaleSet
from hashwright.market.records import DAY_S, Machine, Terms
from hashwright.market.steering import sale_key
from hashwright.planner.autopilot import MARKET, PH, Seen, SeenWay, Thought, usd_ph_day
from hashwright.runtime.autopilot_settings import AutopilotSettings
from hashwright.runtime.market_views import SellerQuote, seller_quote

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

FLOOR_MOVES: Final = 0.01
"""A floor that differs by less than this part is left as it is: each change is an event."""


def market_way(
    app: "Hashwright", settings: AutopilotSettings, market: CoinFacts, *, rate_hs: float, capacity_hs: float
) -> SeenWay | None:
    """Return what selling would earn; None where the algorithm has no market here.

    Args:
        app: the running program.
        settings: whose machines may be sold, and from which price up.
        market: prices of coins.
        rate_hs: what those machines hash [H/s].
        capacity_hs: what all machines of the algorithm hash [H/s].
    """
    found = seller_quote(app, settings.algorithm, rate_hs, leave_out={settings.sell_as} if settings.sell_as else ())
    if found is None:
        return None
    now = app.clock.now()
    price = market.fact(found.coin, "price_usd") if found.coin else None
    is_play = not settings.is_play_worth and _is_of_test_network(app, settings.algorithm)
    width = min(found.matched_hs / capacity_hs, 1.0) if capacity_hs > 0 else 0.0
    return SeenWay(
        destination=MARKET,
        coin=found.coin,
        is_ready=True,
        coins_per_hash=found.coins_per_hash,
        price_usd=0.0 if is_play else None if price is None else float(price.value),
        price_at_ms=now if is_play or price is None else price.at_ms,
        price_source="a test network's coins are worth nothing" if is_play else "" if price is None else
        str(price.words(now)),
        net=1.0,
        kind="market",
        width=width,
        floor_usd_ph_day=settings.sell_floor_usd_ph_day,
        worth_source=f"orders {', '.join(found.orders)}" if found.orders else "",
        why_not=_why_not(settings, found, rate_hs),
    )  # fmt: skip


def _why_not(settings: AutopilotSettings, found: SellerQuote, rate_hs: float) -> str:
    if not settings.sell_as:
        return "you named no account whose machines may be sold (--sell-as)"
    if rate_hs <= 0:
        return f"no machine of {settings.sell_as} works here now"
    return "" if found.matched_hs > 0 else "no order wants hash power now"


def _is_of_test_network(app: "Hashwright", algorithm: str) -> bool:
    destination = app.kernel.pool.destinations.get(app.market.state.terms[algorithm].books)
    return destination is None or destination.settings.network != "main"


def _machines(app: "Hashwright", settings: AutopilotSettings) -> list[Machine]:
    who = (settings.sell_as, settings.algorithm)
    everybody = app.market.state.machines.values() if settings.sell_as else ()
    return [it for it in everybody if (it.account, it.algorithm) == who]


def account_rate(app: "Hashwright", settings: AutopilotSettings, *, now: int) -> float:
    """Return what the machines hash that may be sold [H/s]."""
    return sum(rate_of(it, now=now) for it in _machines(app, settings))


def lent_rate(app: "Hashwright", settings: AutopilotSettings, *, now: int) -> float:
    """Return what the machines of the account hash that work for orders now [H/s]."""
    return sum(rate_of(it, now=now) for it in _machines(app, settings) if it.bound)


# ---------------------------------------------------------------- selling


def sell(app: "Hashwright", settings: AutopilotSettings, seen: Seen, thought: Thought, *, may_begin: bool) -> str:
    """Put the account's machines up for sale, or take them off, as a thought wants; return what was done, in words.

    A sale that stands is tended at each turn: its floor follows the best other way. Where nobody knows what that is, or
    the market is not worth it any more, the sale ends.
    """
    terms = app.market.state.terms.get(settings.algorithm)
    if terms is None or not settings.sell_as:
        return ""
    if thought.weights.get(MARKET, 0.0) <= 0:
        return end_sale(app, settings)
    stands = app.market.state.sales.get(sale_key(settings.sell_as, settings.algorithm))
    if stands is None and not may_begin:
        return ""
    floor = max(floor_of(seen, terms), terms.floor)
    if stands is not None and abs(stands.floor - floor) <= FLOOR_MOVES * stands.floor:
        return ""
    app.kernel.handle(SaleSet(settings.sell_as, settings.algorithm, floor, True))
    return f"{settings.sell_as} sells from {floor / 10**terms.exponent:g} {terms.currency} up"


def end_sale(app: "Hashwright", settings: AutopilotSettings) -> str:
    """Take the account's machines off the market, where they stand in it; return what was done, in words."""
    stands = app.market.state.sales.get(sale_key(settings.sell_as, settings.algorithm))
    if stands is None or not settings.sell_as:
        return ""
    app.kernel.handle(SaleSet(settings.sell_as, settings.algorithm, stands.floor, False))
    return f"{settings.sell_as} no longer sells"


def floor_of(seen: Seen, terms: Terms) -> int:
    """Return the lowest price to sell at [minor units a price unit]: the owner's floor, or the best other way's worth.

    The market's fee is added, because a floor is the price that a buyer pays.
    """
    own = next((way for way in seen.ways if way.kind == "market"), None)
    if own is None or not own.price_usd:
        return 0
    others = [usd_ph_day(way) or 0.0 for way in seen.ways if way.kind == "pool" and way.is_ready]
    usd = max([own.floor_usd_ph_day, *others])
    minor_per_hash: float = usd / (PH * DAY_S * own.price_usd) * 10.0**terms.exponent / (1 - terms.fee_ppm / 1e6)
    return math.ceil(minor_per_hash * terms.scale)
