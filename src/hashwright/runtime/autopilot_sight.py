"""What the autopilot sees: read from the running program and from what feeds said, with the time of each number."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from hashwright import registry
from hashwright.chain.target import work_of_target
from hashwright.economics.market import Market
from hashwright.economics.receivables import Realisation
from hashwright.economics.reward import RewardPerHash, reward_per_hash
from hashwright.errors import HashwrightError
from hashwright.planner.autopilot import Seen, SeenWay, usd_ph_day
from hashwright.pool.events import UpstreamSet
from hashwright.pool.records import Destination
from hashwright.routing.plan import shares_of
from hashwright.runtime.autopilot_settings import AutopilotSettings
from hashwright.runtime.market_data import load_market
from hashwright.runtime.payouts import LiveBooks
from hashwright.runtime.receivables import realisations, worth_of_hash
from hashwright.signals import is_order
from hashwright.store import decisions
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()
DAY_MS: Final = 86_400_000
HISTORY_DAYS: Final = 30


async def look(app: "Hashwright", settings: AutopilotSettings) -> Seen:
    """Return everything that a turn knows."""
    now = app.clock.now()
    if settings.is_fetching:
        await _fetch(app, now)
    market = await asyncio.to_thread(load_market, app.config.data_dir)
    names = [
        name
        for name, it in app.kernel.pool.destinations.items()
        if it.settings.algorithm == settings.algorithm and not is_order(name)
    ]
    learned, history = await LiveBooks(app).read(
        lambda connection: (
            realisations(connection, dict.fromkeys(names), now=now),
            _days_before(connection, settings.algorithm, now),
        )
    )
    group = app.kernel.routing.groups.get(settings.algorithm)
    return Seen(
        at_ms=now,
        algorithm=settings.algorithm,
        hashrate_hs=0.0 if group is None else group.total_hs,
        efficiency_j_th=settings.efficiency_j_th,
        power_price_usd_kwh=settings.power_price_usd_kwh,
        ways=tuple(_way(app, name, settings, market, learned.get(name)) for name in sorted(names)),
        held={} if group is None else shares_of(group, total_hs=group.total_hs, now=now),
        limits=settings.limits,
        history=history,
    )


async def _fetch(app: "Hashwright", now: int) -> None:
    """Ask the feeds; each has its own pause, and one that fails leaves older facts, whose age is judged."""
    from hashwright.runtime.feeds import fetch_market

    try:
        fetched = await fetch_market((), data_dir=app.config.data_dir, now_ms=now, urls={})
        for problem in fetched.findings:
            log.warning("a feed", code=problem.code, place=problem.place, problem=problem.message)
    except (HashwrightError, OSError) as error:
        log.warning("feeds were not read", problem=str(error))


def _way(
    app: "Hashwright", name: str, settings: AutopilotSettings, market: Market, learned: Realisation | None
) -> SeenWay:
    destination = app.kernel.pool.destinations[name]
    coin = destination.settings.coin
    price = market.fact(coin, "price_usd") if coin else None
    is_play = destination.settings.network != "main" and not settings.is_play_worth
    fee = settings.fees_percent.get(name, 0.0) / 100
    return SeenWay(
        destination=name,
        coin=coin,
        is_ready=destination.state == "ready",
        coins_per_hash=_coins_per_hash(app, name, destination),
        price_usd=0.0 if is_play else None if price is None else float(price.value),
        price_at_ms=app.clock.now() if is_play or price is None else price.at_ms,
        price_source="a test network's coins are worth nothing" if is_play else _words(price, app.clock.now()),
        net=(1 - fee) * (1.0 if learned is None else learned.factor),
    )


def _words(price: Any, now: int) -> str:  # noqa: ANN401 (a fact, or None)
    return "" if price is None else str(price.words(now))


def _coins_per_hash(app: "Hashwright", name: str, destination: Destination) -> float | None:
    """Return what the newest job of an upstream, or the newest template of a node, promises a hash [coins]."""
    settings = destination.settings
    if not settings.coin:
        return None
    currency = registry.load("coins", settings.coin).COIN.currency(settings.network)
    worth: RewardPerHash | None
    if isinstance(settings, UpstreamSet):
        worth = worth_of_hash(app.kernel.pool, name, currency)
    elif destination.template is None:
        worth = None
    else:
        template = destination.template
        worth = reward_per_hash(template.coinbase_value, work_of_target(template.network_target), currency)
    return None if worth is None else float(worth.value / 10**currency.exponent)


def _days_before(connection: Connection, algorithm: str, now: int) -> tuple[dict[str, float | None], ...]:
    """Return the last turn of each day before today: the autopilot's own memory of what ways were worth."""
    found: dict[int, dict[str, float | None]] = {}
    today = now // DAY_MS
    for day in range(today - HISTORY_DAYS, today):
        row = decisions.at(connection, algorithm, (day + 1) * DAY_MS - 1)
        if row is not None and row.at_ms >= day * DAY_MS:
            seen = msgspec.json.decode(row.seen, type=Seen)
            found[day] = {way.destination: usd_ph_day(way) for way in seen.ways}
    return tuple(found[day] for day in sorted(found))
