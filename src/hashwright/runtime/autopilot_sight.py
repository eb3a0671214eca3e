"""What the autopilot sees: read from the running program and from what feeds said, with the time of each number."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from hashwright import registry
from hashwright.chain.coin import Coin
from hashwright.chain.target import work_of_target
from hashwright.economics.coin_facts import CoinFacts
from hashwright.economics.reward import RewardPerHash, reward_per_hash
from hashwright.errors import HashwrightError
from hashwright.planner.autopilot import AHEAD_MAX_MS, MARKET, Seen, SeenWay, usd_ph_day
from hashwright.pool.events import UpstreamSet
from hashwright.pool.records import Destination
from hashwright.routing.plan import shares_of
from hashwright.runtime.autopilot_learning import NOTHING_LEARNED, Learning, learn
from hashwright.runtime.autopilot_market import account_rate, lent_rate, market_way
from hashwright.runtime.autopilot_moves import loss_to
from hashwright.runtime.autopilot_settings import AutopilotSettings
from hashwright.runtime.autopilot_tariff import power_price
from hashwright.runtime.market_data import load_market
from hashwright.runtime.payouts import LiveBooks
from hashwright.runtime.receivables import worth_of_hash
from hashwright.signals import is_order
from hashwright.store import decisions
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()
DAY_MS: Final = 86_400_000
HISTORY_DAYS: Final = 30
LEARN_EVERY_MS: Final = 1_800_000
"""What is learned of weeks does not change with each turn."""


@dataclass(slots=True)
class Memory:
    """What an autopilot remembers between turns: its paper route, its changes, and what it learned.

    `moves` are the times and costs of the last day's changes. All of it can be read again from the decisions.
    """

    paper: dict[str, float] | None = None
    changed_ms: int | None = None
    moves: list[tuple[int, float]] = field(default_factory=list)
    days: dict[int, Seen | None] = field(default_factory=dict)
    learning: Learning = NOTHING_LEARNED

    def spent_usd(self, now: int) -> float:
        """Return what changes of the last 24 hours cost, and forget older ones."""
        self.moves = [it for it in self.moves if it[0] > now - DAY_MS]
        return sum(usd for _, usd in self.moves)


async def look(app: "Hashwright", settings: AutopilotSettings, memory: Memory, *, cause: str = "the clock") -> Seen:
    """Return everything that a turn knows."""
    now = app.clock.now()
    if settings.is_fetching:
        await _fetch(app, now)
    market = await asyncio.to_thread(load_market, app.config.data_dir)
    names = destinations_of(app, settings.algorithm)
    await LiveBooks(app).read(lambda connection: remember(connection, settings, names, memory, now=now))
    group = app.kernel.routing.groups.get(settings.algorithm)
    routed_hs = 0.0 if group is None else group.total_hs
    lent_hs, asleep_hs = lent_rate(app, settings, now=now), asleep_rate(app, settings, memory.learning.machine)
    awake_hs = routed_hs + lent_hs
    capacity = awake_hs + asleep_hs
    ways = [_way(app, name, settings, market, memory.learning) for name in names]
    rate_hs = min(account_rate(app, settings, now=now), capacity)
    own = market_way(app, settings, market, rate_hs=rate_hs, capacity_hs=capacity)
    power = power_price(app, settings, market)
    held = {} if group is None else shares_of(group, total_hs=routed_hs, now=now)
    if lent_hs > 0:
        held = {name: part * routed_hs / awake_hs for name, part in held.items()} | {MARKET: lent_hs / awake_hs}
    return Seen(
        at_ms=now,
        algorithm=settings.algorithm,
        hashrate_hs=capacity,
        efficiency_j_th=settings.efficiency_j_th,
        power_price_usd_kwh=power.usd_kwh,
        ways=tuple(_with_move(it, memory.learning, held) for it in (*ways, *([] if own is None else [own]))),
        held=held,
        limits=settings.limits,
        history=history_of(memory, now=now),
        cause=cause,
        paper=paper_of(settings, memory, held),
        changed_ms=memory.changed_ms,
        spent_usd=memory.spent_usd(now),
        asleep=asleep_hs / capacity if capacity > 0 else 0.0,
        hottest_c=hottest(app, settings),
        power_source=power.source,
        power_exchange=power.exchange,
        power_problem=power.problem,
    )


def destinations_of(app: "Hashwright", algorithm: str) -> list[str]:
    """List the destinations of an algorithm whose coin a session here mines; buyers' pools are the market's."""
    found = []
    for name, it in sorted(app.kernel.pool.destinations.items()):
        coin = it.settings.coin
        is_mined = not coin or registry.load("coins", coin).COIN.is_minable_here
        if it.settings.algorithm == algorithm and is_mined and not is_order(name):
            found.append(name)
    return found


def paper_of(settings: AutopilotSettings, memory: Memory, held: dict[str, float]) -> dict[str, float] | None:
    """Return the route of a dry run: the present one where it begins; None where decisions act."""
    if settings.mode != "dry-run":
        return None
    return dict(held) if memory.paper is None else memory.paper


def remember(
    connection: Connection, settings: AutopilotSettings, names: list[str], memory: Memory, *, now: int
) -> None:
    """Read what is not in memory: the last turn of each day before, and now and then what is to be learned."""
    today = now // DAY_MS
    for day in range(today - HISTORY_DAYS, today):
        if day not in memory.days:
            row = decisions.at(connection, settings.algorithm, (day + 1) * DAY_MS - 1)
            is_of_day = row is not None and row.at_ms >= day * DAY_MS
            memory.days[day] = msgspec.json.decode(row.seen, type=Seen) if row is not None and is_of_day else None
    for day in [day for day in memory.days if day < today - HISTORY_DAYS]:
        del memory.days[day]
    if now - memory.learning.at_ms >= LEARN_EVERY_MS:
        days = [memory.days[day] for day in sorted(memory.days)]
        memory.learning = learn(connection, settings.algorithm, names, days, now=now)


def history_of(memory: Memory, *, now: int) -> tuple[dict[str, float | None], ...]:
    """Return what ways were worth on the days before: the autopilot's own memory of them."""
    today = now // DAY_MS
    days = (memory.days.get(day) for day in range(today - HISTORY_DAYS, today))
    return tuple({way.destination: usd_ph_day(way) for way in seen.ways} for seen in days if seen is not None)


async def _fetch(app: "Hashwright", now: int) -> None:
    """Ask the feeds; each has its own pause, and one that fails leaves older facts, whose age is judged."""
    from hashwright.runtime.feeds import fetch_market

    try:
        fetched = await fetch_market((), data_dir=app.config.data_dir, now_ms=now, urls={})
        for problem in fetched.findings:
            log.warning("a feed", code=problem.code, place=problem.place, problem=problem.message)
    except (HashwrightError, OSError) as error:
        log.warning("feeds were not read", problem=str(error))


# ---------------------------------------------------------------- machines


def asleep_rate(app: "Hashwright", settings: AutopilotSettings, factor: float) -> float:
    """Return what the machines that may sleep and do would hash [H/s]: their rating, times what claims were worth."""
    devices = app.kernel.fleet.devices.values() if settings.sleep_groups else ()
    asleep = (it for it in devices if it.settings.group in settings.sleep_groups and it.is_asleep_by_us)
    return factor * sum(it.settings.rated_hs for it in asleep)


def hottest(app: "Hashwright", settings: AutopilotSettings) -> float | None:
    """Return the temperature of the hottest machine [C], of the groups that may sleep where any is named."""
    groups = settings.sleep_groups
    devices = app.kernel.fleet.devices.values() if settings.temperature_max_c is not None else ()
    readings = (it.reading for it in devices if not groups or it.settings.group in groups)
    found = [it.temperature_c for it in readings if it is not None and it.temperature_c is not None]
    return max(found, default=None)


# ---------------------------------------------------------------- ways


def _way(app: "Hashwright", name: str, settings: AutopilotSettings, market: CoinFacts, learning: Learning) -> SeenWay:
    destination, now = app.kernel.pool.destinations[name], app.clock.now()
    coin = destination.settings.coin
    price = market.fact(coin, "price_usd") if coin else None
    is_play = destination.settings.network != "main" and not settings.is_play_worth
    factors = learning.factors_of(name, fee=settings.fees_percent.get(name, 0.0) / 100)
    net = 1.0
    for factor in factors.values():
        net *= factor
    coins, source, why_not = coins_per_hash(app, name, destination, market)
    return SeenWay(
        destination=name,
        coin=coin,
        is_ready=destination.state == "ready",
        coins_per_hash=coins,
        price_usd=0.0 if is_play else None if price is None else float(price.value),
        price_at_ms=now if is_play or price is None else price.at_ms,
        price_source="a test network's coins are worth nothing" if is_play else _words(price, now),
        net=net,
        worth_source=source,
        factors=factors,
        why_not=why_not if destination.state == "ready" else "",
    )


def _with_move(way: SeenWay, learning: Learning, held: dict[str, float]) -> SeenWay:
    """Add what a move to a way was seen to lose."""
    loss = loss_to(learning.moves, held, way.destination)
    return way if loss is None else msgspec.structs.replace(way, move_s=loss.seconds, move_spans=loss.spans)


def _words(price: Any, now: int) -> str:  # noqa: ANN401 (a fact, or None)
    return "" if price is None else str(price.words(now))


def coins_per_hash(
    app: "Hashwright", name: str, destination: Destination, market: CoinFacts
) -> tuple[float | None, str, str]:
    """Return what a hash promises [coins], who says so, and why it is not known.

    The newest job of an upstream tells, or the newest template of a node. Jobs of CryptoNote pools hide their reward:
    there the network's difficulty and the rule of emission tell, where a feed knew the difficulty today.
    """
    settings = destination.settings
    if not settings.coin:
        return None, "", "its coin is not known"
    coin: Coin = registry.load("coins", settings.coin).COIN
    currency = coin.currency(settings.network)
    worth: RewardPerHash | None
    if isinstance(settings, UpstreamSet):
        worth = worth_of_hash(app.kernel.pool, name, currency)
    elif destination.template is None:
        worth = None
    else:
        template = destination.template
        worth = reward_per_hash(template.coinbase_value, work_of_target(template.network_target), currency)
    if worth is not None:
        return float(worth.value / 10**currency.exponent), "its own job", ""
    return _by_facts(coin, settings.network, market, app.clock.now())


def _by_facts(coin: Coin, network: str, market: CoinFacts, now: int) -> tuple[float | None, str, str]:
    """Return what a hash earns by the network's facts [coins], whose they are, and why it is not known."""
    from hashwright.economics.calculation import Rig, earning
    from hashwright.economics.hashprice import NO_LOSS

    silent = "its job has not told what a hash is worth"
    difficulty = market.fact(coin.key, "difficulty")
    if network != "main" or difficulty is None or difficulty.at_ms > now + AHEAD_MAX_MS:
        return None, "", silent
    age_ms = now - difficulty.at_ms
    if age_ms > DAY_MS:
        return None, "", f"{silent}, and the network's difficulty is {age_ms // 3_600_000:,} h old"
    try:
        found = earning(Rig(name="", hashrate_hs=1e6, power_w=0.0), coin, market, terms=NO_LOSS, now_ms=now)
    except (HashwrightError, ValueError, ArithmeticError) as error:
        return None, "", f"{silent}: {error}"[:200]
    return found.coins_day / (1e6 * 86_400), f"the network's difficulty: {difficulty.words(now)}", ""
