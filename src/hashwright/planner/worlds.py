"""From what is known now to a world of scenarios: where each coin starts, and what changes are drawn from.

Facts come from the market (feeds, or the dated snapshot of the package), changes from a history where one is given,
else from published statistics. A coin of which something is missing is left out, and the plan says which and why.
"""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from hashwright.chain.coin import Coin
from hashwright.chain.economy import PPM
from hashwright.economics.changes import DAYS_MIN, Changes, changes_of, changes_of_statistics
from hashwright.economics.coin_facts import CoinFacts, height_est
from hashwright.economics.scenarios import Assumptions, CoinStart, World
from hashwright.economics.statistics import statistics_of
from hashwright.errors import Finding, HashwrightError, OperatorError
from hashwright.planner.series import DAY_MS, CoinTable, aligned, text_of_day

HISTORY_DAYS: Final = 4 * 365
"""How much of a history counts: the years before it were another market."""
STATISTICS_SEED: Final = 2016
APART_DAYS: Final = 180


def start_of(coin: Coin, market: CoinFacts, *, days: int, now_ms: int) -> CoinStart:
    """Return where a coin starts.

    Raises:
        OperatorError: its price or difficulty is not known (HW-815).
        NotSupported: nothing is known of what its blocks pay (HW-817).
    """
    price = float(market.need(coin, "price_usd").value)
    difficulty = float(market.need(coin, "difficulty").value)
    economy = coin.economy
    assert economy is not None
    height = height_est(coin, market, now_ms=now_ms)
    per_day = 86_400 / coin.mean_interval_s
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    rewards = tuple(
        economy.emission.subsidy(int(height + day * per_day))
        / 10**coin.decimals
        * economy.miner_share_ppm((today + timedelta(days=day)).isoformat())
        / PPM
        for day in range(days)
    )
    epoch = economy.adjustment.epoch_blocks
    hashrate = market.fact(coin.key, "hashrate_hs")
    return CoinStart(
        coin=coin.ticker,
        price_usd=price,
        work_hashes=economy.work_hashes(difficulty),
        interval_s=coin.mean_interval_s,
        adjustment=economy.adjustment,
        reward_coins=rewards,
        hashrate_hs=float(hashrate.value) if hashrate is not None else 0.0,
        epoch_done=height % epoch / epoch if epoch else 0.0,
    )


def changes_for(tickers: Sequence[str], table: CoinTable | None, *, until_day: int | None = None) -> Changes:
    """Return what is drawn from: the last years that all these coins share, or made changes where there is no history.

    Raises:
        OperatorError: a coin is not in the history (HW-815), or too few days are known (HW-821).
    """
    if table is None:
        rng = np.random.default_rng(STATISTICS_SEED)
        return changes_of_statistics([statistics_of(ticker) for ticker in tickers], rng=rng)
    spans = [_known_span(table, ticker) for ticker in tickers]
    last = min(span[1] for span in spans)
    last = min(last, until_day) if until_day is not None else last
    first = max(max(span[0] for span in spans), last - HISTORY_DAYS)
    if last - first < DAYS_MIN:
        raise OperatorError(
            f"{table.source} has no {DAYS_MIN} days that {', '.join(tickers)} share.", code="HW-821"
        )  # fmt: skip
    days = aligned(table, tickers, first_day=first, last_day=last)
    with np.errstate(divide="ignore", invalid="ignore"):
        fees = np.where(days.issuance_native > 0, days.fees_native / days.issuance_native, 0.0)
    return changes_of(
        tickers, price_usd=days.price_usd, hashrate_hs=days.hashrate_hs, fees_ratio=fees, source=table.source
    )


def _known_span(table: CoinTable, ticker: str) -> tuple[int, int]:
    series = table.coin(ticker)
    known = np.flatnonzero((series.price_usd > 0) & (series.hashrate_hs > 0))
    if len(known) < DAYS_MIN:
        raise OperatorError(f"{table.source} has {len(known)} usable days of {ticker}.", code="HW-821")
    return series.first_day + int(known[0]), series.first_day + int(known[-1])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A world, its coins in the same order, and what was left out."""

    world: World
    coins: tuple[Coin, ...]
    findings: tuple[Finding, ...]

    def place(self, ticker: str) -> int:
        """Return a coin's place among the coins."""
        return next(i for i, coin in enumerate(self.coins) if coin.ticker == ticker)


def prepare(
    coins: Sequence[Coin],
    market: CoinFacts,
    table: CoinTable | None,
    *,
    days: int,
    now_ms: int,
    assumptions: Assumptions,
) -> Prepared:
    """Make a world of the coins that enough is known of.

    Raises:
        OperatorError: no coin is left (HW-815), or the history is too short (HW-821).
    """
    findings, kept, starts = [], [], []
    for coin in coins:
        apart = days_apart(coin, market)
        if apart > APART_DAYS:
            is_along = bool(coin.economy and coin.economy.merged_parent)
            findings.append(_apart_finding(coin, apart, is_left_out=is_along))
            if is_along:
                continue
        try:
            starts.append(start_of(coin, market, days=days, now_ms=now_ms))
            if table is not None:
                _refuse_dead(table, coin.ticker)
                _known_span(table, coin.ticker)
            kept.append(coin)
        except HashwrightError as problem:
            starts = starts[: len(kept)]
            message = f"left out of the plan: {problem.message}"
            findings.append(Finding(code="HW-820", place=coin.ticker, message=message))
    if not kept:
        why = "; ".join(it.message for it in findings)
        raise OperatorError(f"No coin is left to plan with. {why}", code="HW-815")
    changes = changes_for([coin.ticker for coin in kept], table)
    ratios = [_fees_ratio(coin, market, start) for coin, start in zip(kept, starts, strict=True)]
    changes = with_fees(changes, ratios)
    fees = changes.fees.mean(axis=0)
    starts = [dataclasses.replace(it, fees_ratio=float(fee)) for it, fee in zip(starts, fees, strict=True)]
    world = World(starts=tuple(starts), changes=changes, assumptions=assumptions)
    findings += _history_findings(table, coins)
    return Prepared(world=world, coins=tuple(kept), findings=tuple(findings))


def _refuse_dead(table: CoinTable, ticker: str) -> None:
    """Refuse a coin that the history says is dead: its last known difficulty is zero.

    Raises:
        OperatorError: it is dead (HW-809).
    """
    series = table.coin(ticker)
    known = np.flatnonzero(np.isfinite(series.difficulty))
    if len(known) and series.difficulty[known[-1]] == 0:
        alive = np.flatnonzero(series.difficulty > 0)
        day = series.first_day + (int(alive[-1]) + 1 if len(alive) else 0)
        raise OperatorError(f"{ticker} is dead: its difficulty is zero from {text_of_day(day)} on.", code="HW-809")


def _history_findings(table: CoinTable | None, coins: Sequence[Coin]) -> list[Finding]:
    """Return what is wrong with the history of these coins, those that end something first."""
    if table is None:
        return []
    others = {ticker for ticker in table.coins if ticker not in {coin.ticker for coin in coins}}
    found = [it for it in table.findings if it.place.rpartition(", ")[2] not in others]
    return sorted(found, key=lambda it: it.code != "HW-809")


def days_apart(coin: Coin, market: CoinFacts) -> int:
    """Return how many days lie between the price and the difficulty that are known of a coin."""
    price, difficulty = market.fact(coin.key, "price_usd"), market.fact(coin.key, "difficulty")
    return abs(price.at_ms - difficulty.at_ms) // DAY_MS if price is not None and difficulty is not None else 0


def _apart_finding(coin: Coin, days: int, *, is_left_out: bool) -> Finding:
    """Say that a price and a difficulty are of different times: what follows is of no day at all."""
    what = "left out" if is_left_out else "take what follows for no day at all, and fetch newer facts"
    message = f"its price and its difficulty are {days} days apart; {what}"
    return Finding(code="HW-819", place=coin.ticker, message=message)


def _fees_ratio(coin: Coin, market: CoinFacts, start: CoinStart) -> float | None:
    fees = market.fact(coin.key, "fees_coins")
    return float(fees.value) / start.reward_coins[0] if fees is not None and start.reward_coins[0] > 0 else None


def with_fees(changes: Changes, ratios: Sequence[float | None]) -> Changes:
    """Return changes whose fees have today's level on average and the ups and downs of the past.

    Fees of a busy year say nothing of a quiet one; where today's are unknown, the past's level stays.
    """
    mean = changes.fees.mean(axis=0)
    factors = [
        1.0 if ratio is None or mean[place] <= 0 else ratio / float(mean[place]) for place, ratio in enumerate(ratios)
    ]
    return dataclasses.replace(changes, fees=changes.fees * np.array(factors))


def what_if(world: World, *, price: float = 1.0, difficulty: float = 1.0, coin: str = "") -> World:
    """Return the same world from other prices and difficulties, as factors; with `coin` of that one only."""
    starts = tuple(
        dataclasses.replace(
            start,
            price_usd=start.price_usd * price,
            work_hashes=start.work_hashes * difficulty,
            hashrate_hs=start.hashrate_hs * difficulty,
        )
        if coin in ("", start.coin)
        else start
        for start in world.starts
    )
    return dataclasses.replace(world, starts=starts)
