"""What machines would have earned in the past: real days and real difficulties, for machines that are told.

    history = history_of(table, rigs, first_day=..., last_day=...)

`history.revenue_usd_day` is (days, ways): what each whole machine group earned with each coin, before power. A coin is
left out, with a finding, where nothing is known of what its blocks pay, or where it has no known day in the span. Ways
whose numbers were computed or interpolated, not observed, on any day are labelled so in the report.

The *even rig* is a machine for experiments. For each coin it has the hash rate that earned one dollar a day when the
span began, and it is replaced by a newer one of the same kind on every anniversary, at that day's dollar: so no coin
has an advantage at the start, and the difficulty of ten years does not make the whole experiment idle. Where a coin
changed its algorithm, hashes before and after are not the same thing: the rig cannot mine it for `START_DAYS`, and then
has a dollar's worth of the new ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashwright import registry
from hashwright.chain.coin import Coin
from hashwright.chain.economy import PPM
from hashwright.economics.hashprice import PH, hashprice_usd_ph_day
from hashwright.errors import Finding, OperatorError
from hashwright.planner.decide import FloatArray, Layout, Way
from hashwright.planner.rewards import hashprice_series, heights
from hashwright.planner.series import CoinSeries, CoinTable, day_of, text_of_day

RENEW_DAYS: Final = 365
START_DAYS: Final = 30
EVEN: Final = "even rig"
ALGORITHM_CHANGES: Final = {
    "XMR": ("2018-04-06", "2018-10-18", "2019-03-09", "2019-11-30"),
    "BTG": ("2018-07-03",),
    "VTC": ("2019-02-01", "2021-01-29"),
}
"""Days of the forks: Monero variants 1, 2, 4 and RandomX; Equihash-BTG; Vertcoin's by the break in its hash rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one machine does with one coin: hash rate [hash/s] and power [W]."""

    coin: str
    hashrate_hs: float
    power_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Some machines of one kind, and each coin that they can mine."""

    name: str
    rates: tuple[Rate, ...]
    count: int = 1
    net: float = 0.98
    """What is left after the pool's fee and stale shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What running and moving cost. A move costs `move_usd` a machine and `move_minutes` of the group's power bill.

    `pass_through`: the part of a merged coin (Dogecoin) that pools declare to pass on.
    """

    power_price_usd_kwh: float = 0.05
    move_usd: float = 0.0
    move_minutes: float = 15.0
    pass_through: float = 0.0


DEFAULT_COSTS: Final = Costs()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Days of what each way earned. Arrays are (days, ways) or (days, coins); day `first_day + index`."""

    layout: Layout
    first_day: int
    revenue_usd_day: FloatArray
    coins: tuple[str, ...]
    price_usd: FloatArray
    computed_share: Mapping[str, float]
    """The part of each coin's days whose network numbers were computed, not observed."""
    findings: tuple[Finding, ...]
    source: str

    @property
    def days(self) -> int:
        """Return how many days there are."""
        return len(self.revenue_usd_day)

    def cut(self, days: int) -> "History":
        """Return the same, without anything after the first so many days."""
        return History(
            layout=self.layout,
            first_day=self.first_day,
            revenue_usd_day=self.revenue_usd_day[:days].copy(),
            coins=self.coins,
            price_usd=self.price_usd[:days].copy(),
            computed_share=self.computed_share,
            findings=self.findings,
            source=self.source,
        )


def coins_by_ticker() -> dict[str, Coin]:
    """Return every coin that is known by its ticker."""
    coins = [registry.load("coins", name).COIN for name in registry.names("coins")]
    return {coin.ticker: coin for coin in coins}


def usable_coins(
    table: CoinTable, tickers: Sequence[str], *, first_day: int, last_day: int, pass_through: float = 0.0
) -> tuple[dict[str, FloatArray], tuple[Finding, ...]]:
    """Return the hashprice of each coin on each day [USD/PH/day], and which coins were left out and why."""
    known = coins_by_ticker()
    prices: dict[str, FloatArray] = {}
    findings = []
    for ticker in tickers:
        coin, series = known.get(ticker), table.coins.get(ticker)
        if coin is None or coin.economy is None:
            findings.append(_left_out(ticker, "nothing is known here of what its blocks pay"))
        elif series is None:
            findings.append(_left_out(ticker, f"{table.source} has no days of it"))
        else:
            found = _hashprice(series.between(first_day, last_day), coin)
            if np.isfinite(found).any():
                prices[ticker] = found
                findings += _gaps(ticker, found, first_day)
            else:
                findings.append(_left_out(ticker, "no day of the span has price, difficulty and reward"))
    _merge(prices, known, pass_through, findings)
    return prices, tuple(findings)


def _hashprice(series: CoinSeries, coin: Coin) -> FloatArray:
    """Return the hashprice of each day; where difficulty is unknown, from hash rate and the rule's pace of blocks.

    Ethereum's last year of mining is such a span. Its rows are labelled as computed by their source.
    """
    known = hashprice_series(series, coin)
    economy = coin.economy
    assert economy is not None
    shares = np.array([economy.miner_share_ppm(text_of_day(day)) / PPM for day in series.days])
    subsidy = np.array([economy.emission.subsidy(int(it)) for it in heights(series, coin)]) / 10.0**coin.decimals
    with np.errstate(divide="ignore", invalid="ignore"):
        work = np.where(series.hashrate_hs > 0, series.hashrate_hs, np.nan) * coin.mean_interval_s
        reckoned = hashprice_usd_ph_day(work, subsidy * shares, series.price_usd)
    # a difficulty of zero is no unknown one: that coin is dead
    filled: FloatArray = np.where(np.isnan(series.difficulty), reckoned, known)
    return filled


def _merge(
    prices: dict[str, FloatArray], known: Mapping[str, Coin], pass_through: float, findings: list[Finding]
) -> None:
    """Add what is mined along with another coin to that coin, as far as pools pass it on; alone it is no way."""
    tickers = {coin.key: ticker for ticker, coin in known.items()}
    for ticker in list(prices):
        economy = known[ticker].economy
        parent = tickers.get(economy.merged_parent, "") if economy is not None else ""
        if not parent:
            continue
        along = prices.pop(ticker)
        if pass_through > 0 and parent in prices:
            prices[parent] = prices[parent] + pass_through * np.nan_to_num(along)
            message = (
                f"mined along with {parent} and added to it at {pass_through:.0%}, as pools were told to pass it on"
            )
            findings.append(Finding(code="HW-820", place=ticker, message=message))
        else:
            findings.append(_left_out(ticker, f"it is mined along with {parent}, by pools that declare to pass it on"))


def _left_out(ticker: str, why: str) -> Finding:
    return Finding(code="HW-820", place=ticker, message=f"left out: {why}")


def _gaps(ticker: str, values: FloatArray, first_day: int) -> list[Finding]:
    unknown = np.flatnonzero(~np.isfinite(values))
    if not len(unknown):
        return []
    first, last = (text_of_day(first_day + int(at)) for at in (unknown[0], unknown[-1]))
    message = f"{len(unknown)} days without a known hashprice, from {first} to {last}; nothing is earned on them"
    return [Finding(code="HW-806", place=ticker, message=message)]


def history_of(
    table: CoinTable, rigs: Sequence[Rig], *, first_day: int, last_day: int, costs: Costs = DEFAULT_COSTS
) -> History:
    """Return what rigs would have earned.

    Raises:
        OperatorError: no coin of theirs can be used in the span (HW-827).
    """
    wanted = tuple(dict.fromkeys(rate.coin for rig in rigs for rate in rig.rates))
    prices, findings = usable_coins(
        table, wanted, first_day=first_day, last_day=last_day, pass_through=costs.pass_through
    )
    if not prices:
        raise _no_coin(table, findings, first_day, last_day)
    findings = (*findings, *_blank_other_algorithms(prices, first_day))
    ways, columns = [], []
    for rig in rigs:
        idle = Way(key=f"{rig.name}: idle", group=rig.name, kind="idle")
        ways.append(idle)
        columns.append(np.zeros(last_day - first_day + 1))
        for rate in rig.rates:
            if rate.coin in prices:
                ways.append(_way(rig, rate, costs))
                columns.append(prices[rate.coin] * (rate.hashrate_hs / PH * rig.count * rig.net))
    return _assembled(table, tuple(ways), columns, tuple(prices), findings, (first_day, last_day))


def _blank_other_algorithms(prices: dict[str, FloatArray], first_day: int) -> list[Finding]:
    """Take out the days before a coin had its present algorithm: a machine's hash rate says nothing of them."""
    findings = []
    for ticker, values in prices.items():
        since = max((day_of(day) for day in ALGORITHM_CHANGES.get(ticker, ())), default=first_day)
        if since > first_day and np.isfinite(values[: since - first_day]).any():
            prices[ticker] = np.where(np.arange(len(values)) < since - first_day, np.nan, values)
            message = f"not mined before {text_of_day(since)}: it had another algorithm"
            findings.append(Finding(code="HW-820", place=ticker, message=message))
    return findings


def _way(rig: Rig, rate: Rate, costs: Costs) -> Way:
    cost = rate.power_w / 1000 * 24 * costs.power_price_usd_kwh * rig.count
    move = costs.move_usd * rig.count + cost * costs.move_minutes / 1440
    return Way(key=f"{rig.name}: {rate.coin}", group=rig.name, coin=rate.coin, cost_usd_day=cost, move_usd=move)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvenRig:
    """The experiment's machine. Its power costs `cost_share` of the dollar that it earned at its start."""

    cost_share: float = 0.5
    move_days: float = 0.02
    """A move costs so many days of that dollar: half an hour of nothing."""
    renew_days: int = RENEW_DAYS
    pass_through: float = 0.0


def even_history(
    table: CoinTable, tickers: Sequence[str], *, first_day: int, last_day: int, rig: EvenRig | None = None
) -> History:
    """Return what the even rig would have earned.

    Raises:
        OperatorError: no coin can be used in the span (HW-827).
    """
    rig = rig or EvenRig()
    prices, findings = usable_coins(
        table, tickers, first_day=first_day - START_DAYS, last_day=last_day, pass_through=rig.pass_through
    )
    if not prices:
        raise _no_coin(table, findings, first_day, last_day)
    ways = [Way(key="idle", group=EVEN, kind="idle")]
    columns = [np.zeros(last_day - first_day + 1)]
    for ticker, values in prices.items():
        ways.append(
            Way(key=ticker, group=EVEN, coin=ticker, cost_usd_day=rig.cost_share, move_usd=rig.move_days)
        )  # fmt: skip
        changed = [day_of(day) - first_day for day in ALGORITHM_CHANGES.get(ticker, ())]
        columns.append(values[START_DAYS:] * _renewed_rate(values, rig.renew_days, changed))
    return _assembled(table, tuple(ways), columns, tuple(prices), findings, (first_day, last_day))


def _renewed_rate(values: FloatArray, renew_days: int, changed: Sequence[int]) -> FloatArray:
    """Return the rig's rate of each day: a dollar's worth by the mean of the days before each renewal.

    A coin that is not there yet, or has just changed its algorithm, gets its rate when it is `START_DAYS` old.
    """
    days = len(values) - START_DAYS
    rates = np.full(days, np.nan)
    current, since = np.nan, -START_DAYS
    for day in range(days):
        if day in changed:
            current, since = np.nan, day
        if (day % renew_days == 0 or np.isnan(current)) and day - since >= START_DAYS:
            before = values[day : day + START_DAYS]
            known = before[np.isfinite(before) & (before > 0)]
            current = 1 / float(known.mean()) if len(known) == START_DAYS else current
        rates[day] = current
    return rates


def _no_coin(table: CoinTable, findings: Sequence[Finding], first_day: int, last_day: int) -> OperatorError:
    why = "; ".join(f"{it.place}: {it.message}" for it in findings)
    span = f"{text_of_day(first_day)} to {text_of_day(last_day)}"
    return OperatorError(f"{table.source} has no coin to mine from {span}. {why}.", code="HW-827")


def _assembled(
    table: CoinTable,
    ways: tuple[Way, ...],
    columns: list[FloatArray],
    coins: tuple[str, ...],
    findings: tuple[Finding, ...],
    span: tuple[int, int],
) -> History:
    first, last = span
    series = [table.coin(coin).between(first, last) for coin in coins]
    return History(
        layout=Layout(ways),
        first_day=first,
        revenue_usd_day=np.stack(columns, axis=1),
        coins=coins,
        price_usd=np.stack([it.price_usd for it in series], axis=1),
        computed_share={coin: _computed(it) for coin, it in zip(coins, series, strict=True)},
        findings=findings,
        source=table.source,
    )


def _computed(series: CoinSeries) -> float:
    known: NDArray[np.bool_] = np.isfinite(series.difficulty) | np.isfinite(series.hashrate_hs)
    return float(series.is_computed[known].mean()) if known.any() else 0.0
