"""What rented work is expected to earn: by the newest job or template of a destination here, in the market's own coin.

Coins of a test network are never compared with those that a market really takes; at another address than the market's
own (`--url`, a rehearsal) both sides are taken to be play.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from hashwright import registry
from hashwright.adapters.markets.base import Plugin
from hashwright.chain.target import work_of_target
from hashwright.economics.coin_facts import CoinFacts
from hashwright.errors import OperatorError, StaleInput
from hashwright.market.renting import DAY_S, EH
from hashwright.pool.records import Destination
from hashwright.runtime.autopilot_sight import coins_per_hash
from hashwright.runtime.market_data import load_market
from hashwright.runtime.market_settings import parse_limit
from hashwright.runtime.rent_own import plugin_of
from hashwright.runtime.rent_settings import OWN, SOLO, RentSettings, amount

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

PRICE_AGE_MAX_MS: Final = 3_600_000


def market_of(app: "Hashwright", settings: RentSettings) -> Plugin:
    """Return the market of a rental.

    Raises:
        OperatorError: it does not trade the algorithm (HW-881), or there is none here (HW-860).
    """
    if settings.market == OWN:
        return plugin_of(app, settings.account, settings.algorithm)
    plugin: Plugin = registry.load("markets", settings.market).PLUGIN
    if settings.algorithm not in plugin.algorithms:
        raise OperatorError(f"{plugin.title} does not trade {settings.algorithm}.", code="HW-881")
    return plugin


def destination_of(app: "Hashwright", settings: RentSettings) -> Destination:
    """Return the destination whose promises say what the work is worth.

    Raises:
        OperatorError: none is named, there is none of that name, or it is of another algorithm (HW-974).
    """
    name = settings.destination
    found = app.kernel.pool.destinations.get(name)
    if not name:
        raise OperatorError("Nobody says what the work is worth.", code="HW-974", hint="--like DEST, or --books POOL.")
    if found is None:
        raise OperatorError(f"There is no destination {name!r}.", code="HW-974", hint="hw route lists them.")
    if found.settings.algorithm != settings.algorithm:
        words = f"{name} takes {found.settings.algorithm}, not {settings.algorithm}."
        raise OperatorError(words, code="HW-974", hint="Name a destination of the same algorithm.")
    return found


def is_same_coin(settings: RentSettings, plugin: Plugin, destination: Destination) -> bool:
    """Tell whether the pool pays the very coin that the market takes."""
    it = destination.settings
    return it.coin == plugin.coin and (it.network == plugin.network or bool(settings.url))


def play_problem(settings: RentSettings, plugin: Plugin, destination: Destination) -> str:
    """Say that a real market would be paid for coins of a test network; empty where that is not so."""
    it = destination.settings
    is_play = it.network != "main" and plugin.network == "main" and not settings.url
    return f"{settings.destination} mines a test network, whose coins are worth nothing" if is_play else ""


def hashprice(app: "Hashwright", settings: RentSettings, plugin: Plugin) -> Decimal:
    """Return what the work is expected to earn [coins of the market for one EH/s and day], before what a pool keeps.

    Raises:
        OperatorError: no job or template tells it (HW-406), or nobody is named who would (HW-974).
        StaleInput: the price of a coin is not known, or old (HW-401).
    """
    if settings.hashprice:
        return amount(settings.hashprice)
    destination = destination_of(app, settings)
    problem = play_problem(settings, plugin, destination)
    if problem:
        raise OperatorError(f"{problem}.", code="HW-974", hint="Rehearse with --url, or name a real destination.")
    market = load_market(app.config.data_dir)
    coins, _, why_not = coins_per_hash(app, settings.destination, destination, market)
    if coins is None:
        raise OperatorError(f"{settings.destination} has no template or job yet: {why_not}.", code="HW-406")
    ratio = Decimal(1)
    if not is_same_coin(settings, plugin, destination):
        now = app.clock.now()
        ratio = _price(market, destination.settings.coin, now) / _price(market, plugin.coin, now)
    return Decimal(repr(coins)) * EH * DAY_S * ratio


def _price(market: CoinFacts, coin: str, now: int) -> Decimal:
    fact = market.fact(coin, "price_usd") if coin else None
    if fact is None or fact.value <= 0:
        raise StaleInput(f"No price of {coin or 'the coin'} is known.", code="HW-401", hint="hw admin data fetch")
    minutes = fact.age_ms(now) // 60_000
    if minutes * 60_000 > PRICE_AGE_MAX_MS:
        raise StaleInput(f"The price of {coin} is {minutes:,} min old.", code="HW-401", hint="hw admin data fetch")
    return fact.value


def blocks_a_day(app: "Hashwright", settings: RentSettings, destination: Destination, limit_hs: float) -> float | None:
    """Return how many blocks the pool finds a day with the rented work; None where it pays each share.

    An own node pays nobody but by its blocks. 0 where the network's work is not known.
    """
    if not settings.pool_rate and not destination.is_own:
        return None
    others = 0.0 if settings.pool_rate in ("", SOLO) else parse_limit(settings.pool_rate)
    work = network_work(app, destination)
    return (limit_hs + others) * DAY_S / work if work else 0.0


def network_work(app: "Hashwright", destination: Destination) -> int:
    """Return the work of a block [hashes] by the newest template or job; 0 where none came."""
    if destination.is_own:
        return 0 if destination.template is None else work_of_target(destination.template.network_target)
    channels = [it for it in destination.channels.values() if it.job]
    newest = max(channels, key=lambda it: it.job_at, default=None)
    job = None if newest is None else app.kernel.pool.jobs.get(newest.job)
    return 0 if job is None else work_of_target(int.from_bytes(job.network_target_be, "big"))
