"""What a power plan may count on: the fleet's groups as they answer now, and what a hash of each coin earns.

Read in the running program from memory, without numpy; the rest (tariff, weather, meter) is asked by the worker.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, Final

import msgspec

from hashwright import registry
from hashwright.chain.target import work_of_target
from hashwright.economics.coin_facts import CoinFacts, reward_coins
from hashwright.economics.hashprice import hashprice_usd_ph_day, work_hashes
from hashwright.economics.reward import reward_per_hash
from hashwright.errors import HashwrightError
from hashwright.fleet import curve, health
from hashwright.fleet import plan as planning
from hashwright.fleet.records import Device, FleetState
from hashwright.planner.power import SeenMachines
from hashwright.pool.events import UpstreamSet
from hashwright.pool.records import Destination
from hashwright.runtime.power_settings import PowerSettings
from hashwright.runtime.receivables import worth_of_hash
from hashwright.signals import is_order

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

SLOT_MS: Final = 900_000
TH_DAY: Final = 1e12 * 86_400
PARTS: Final = tuple(number / 10 for number in range(4, 11))
"""Parts of a rating at which measured hash rates are compared: 40 % to 100 %."""
BREATH: Final = 100
"""After so many machines others have the loop: a share does not wait for a large fleet to be looked over."""


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What a TH/s of a coin earns a day [USD], when that was true [ms], and by what."""

    usd_th_day: float
    at_ms: int
    source: str


Signature = tuple[object, ...]
"""What, when it changes, asks for a new plan at once."""


async def signature_of(app: "Hashwright", settings: PowerSettings) -> Signature:
    """Return what a plan of a site depends on and nobody commands: its machines, the fleet's rules, the site's file."""
    state, now = app.kernel.fleet, app.clock.now()
    groups: dict[str, list[float]] = {}
    held = 0
    for number, device in enumerate(list(state.devices.values()), 1):
        if number % BREATH == 0:
            await asyncio.sleep(0)
        name = device.settings.group
        if not name or (settings.at and device.settings.site != settings.at):
            continue
        sums = groups.setdefault(name, [0, 0, 0, 0])
        rated, lost = curve.rated_w(device), health.is_lost(device)
        for place, value in enumerate((1, lost, 0 if lost else round(rated), _min_part(device))):
            sums[place] += value
        held += planning.is_held(device, now=now)
    changed = _changed_ns(Path(settings.site_file))
    return (*((name, *sums) for name, sums in sorted(groups.items())), held, state.rules.is_live, changed)


def _changed_ns(path: Path) -> int:
    """Return when a file was changed last [ns]; 0 where it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


async def machines_of(state: FleetState, *, at: str, now: int) -> tuple[SeenMachines, ...]:
    """Return each group of a place as it answers now; `at` empty: of every place. Machines of no group are left out."""
    groups: dict[str, list[Device]] = defaultdict(list)
    for device in state.devices.values():
        settings = device.settings
        if settings.group and (not at or settings.site == at):
            groups[settings.group].append(device)
    return tuple([await _group(name, members, state, now=now) for name, members in sorted(groups.items())])


async def _group(name: str, members: list[Device], state: FleetState, *, now: int) -> SeenMachines:
    silent_ms = state.rules.silent_ms
    lost = [it for it in members if health.is_lost(it)]
    rated = [it for it in members if curve.rated_w(it) > 0 and not health.is_lost(it)]
    running = [it for it in rated if health.is_asleep(it, silent_ms=silent_ms, now=now) is False]
    # A slot that was begun counts: otherwise a change could not be taken back within its quarter of an hour.
    ages = [max(-(-(now - it.changed_at) // SLOT_MS), 1) for it in rated if it.changed_at]
    return SeenMachines(
        group=name,
        count=len(rated),
        rated_w=_mean(map(curve.rated_w, rated)),
        rated_hs=_mean(map(curve.rated_hs, rated)) if all(curve.rated_hs(it) for it in rated) else 0.0,
        min_part=max((_min_part(it) for it in rated), default=1.0),
        curve=await _curve(rated),
        running=len(running),
        age=median_low(ages) if ages else None,
        lost=len(lost),
        lost_w=sum(map(health.worst_w, lost)),
        unrated=len(members) - len(lost) - len(rated),
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _min_part(device: Device) -> float:
    return 1.0 if "limit" in device.unsupported else device.settings.min_part


async def _curve(rated: list[Device]) -> tuple[tuple[float, float], ...]:
    """Return the mean hash rate at parts of the rating, where every machine was measured."""
    if not rated or not all(it.settings.curve for it in rated):
        return ()
    sums: dict[float, float] = dict.fromkeys(PARTS, 0.0)
    for number, device in enumerate(rated, 1):
        if number % BREATH == 0:
            await asyncio.sleep(0)
        for part in list(sums):
            rate = curve.hashrate_at(device.settings.curve, part * curve.rated_w(device))
            if rate is None:
                del sums[part]
            else:
                sums[part] += rate
    return tuple((part, total / len(rated)) for part, total in sums.items())


def worths(app: "Hashwright", market: CoinFacts) -> dict[str, Worth]:
    """Return what a TH/s of each coin earns a day, by ticker: by the newest job of ours, else by what feeds said."""
    now = app.clock.now()
    promised = _promises(app)
    found = {}
    for key in registry.names("coins"):
        coin = registry.load("coins", key).COIN
        price = market.fact(key, "price_usd")
        if price is None:
            continue
        if key in promised:
            usd = promised[key] * TH_DAY * float(price.value)
            found[coin.ticker] = Worth(usd_th_day=usd, at_ms=price.at_ms, source="the newest job, " + price.words(now))
            continue
        difficulty = market.fact(key, "difficulty")
        try:
            reward = sum(reward_coins(coin, market, now_ms=now))
        except HashwrightError:
            continue
        if difficulty is None or coin.economy is None:
            continue
        work = work_hashes(float(difficulty.value), coin.economy.work_factor)
        usd = hashprice_usd_ph_day(work, reward, float(price.value)) / 1000
        at_ms = min(price.at_ms, difficulty.at_ms)
        found[coin.ticker] = Worth(usd_th_day=usd, at_ms=at_ms, source="price and difficulty, " + price.words(now))
    return found


def _promises(app: "Hashwright") -> dict[str, float]:
    """Return what the best ready destination of each coin on its main network promises a hash [coins]."""
    found: dict[str, float] = {}
    for name, destination in app.kernel.pool.destinations.items():
        settings = destination.settings
        if is_order(name) or destination.state != "ready" or settings.network != "main":
            continue
        coins = _promise(app, name, destination)
        if coins is not None:
            found[settings.coin] = max(coins, found.get(settings.coin, 0.0))
    return found


def _promise(app: "Hashwright", name: str, destination: Destination) -> float | None:
    """Return what the newest job or template promises a hash [coins]; None where it does not say."""
    settings = destination.settings
    if not settings.coin:
        return None
    currency = registry.load("coins", settings.coin).COIN.currency(settings.network)
    if isinstance(settings, UpstreamSet):
        worth = worth_of_hash(app.kernel.pool, name, currency)
    elif destination.template is None:
        return None
    else:
        template = destination.template
        worth = reward_per_hash(template.coinbase_value, work_of_target(template.network_target), currency)
    return None if worth is None else float(worth.value / 10**currency.exponent)
