"""Audit an offer: its own words, the scenarios, and where there are payouts, what mining would have paid."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from hashwright.chain.coin import Coin
from hashwright.economics import contract
from hashwright.economics.changes import FloatArray
from hashwright.economics.contract import Check, Offer, Today
from hashwright.economics.contract_paths import NEVER, ContractPaths
from hashwright.economics.scenarios import Progress, simulate
from hashwright.errors import Finding, OperatorError
from hashwright.planner.rewards import block_reward_coins
from hashwright.planner.series import CoinSeries, day_of
from hashwright.planner.worlds import Prepared

PATHS: Final = 2000
DECAY_MIN: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The answer."""

    offer: Offer
    today: Today
    verdict: contract.Verdict
    checks: tuple[Check, ...]
    paths: ContractPaths

    @property
    def bought_coins(self) -> float:
        """Return the coins that the price buys now."""
        return self.offer.price_usd / self.today.price_usd

    @property
    def stopped_chance(self) -> float:
        """Return how often the seller ends it early."""
        return float((self.paths.stop_day != NEVER).mean())

    @property
    def paid_back_chance(self) -> float:
        """Return how often it pays back."""
        return float((self.paths.even_day != NEVER).mean())


def audit(
    prepared: Prepared,
    offer: Offer,
    today: Today,
    *,
    sold_hs: float | None,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Audit:
    """Judge an offer without payouts; `with_payouts` adds those."""
    coin = prepared.coins[0]
    paths = ContractPaths(offer, today, 0, PATHS)
    days = offer.days + offer.starts_after_days
    simulate(prepared.world, days=days, paths=PATHS, rng=rng, watchers=[paths], progress=progress)
    checks = (
        contract.check_coins(offer, today),
        contract.check_levelised(offer, today),
        _check_growth(offer, today, paths),
        _check_stop(offer, paths),
        contract.check_promise(offer, today),
        contract.check_blocks(offer, today, sold_hs),
        contract.check_facts(offer),
        contract.check_referral(offer),
        contract.check_payout(offer, coin.ticker),
        contract.check_terms(offer, today),
    )
    return Audit(offer=offer, today=today, verdict=contract.overall(checks), checks=checks, paths=paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What an audit expects of a contract that is bought all the same [coins]: the terms that it is tracked by.

    `per_day` is left of a day at the start after all fees; `decay_day` is the part by which each day is less, so that
    all days together give the median of the scenarios.
    """

    cost: float
    per_day: float
    decay_day: float
    median: float


def accepted(found: Audit) -> Accepted:
    """Return what a contract should pay, as the audit expects it.

    Raises:
        OperatorError: its fees leave nothing of a day, so there is nothing to track (HW-979).
    """
    offer, today = found.offer, found.today
    fees = offer.maintenance_usd_th_day * today.th / today.price_usd
    per_day, median = today.coins_day * (1 - offer.pool_fee) - fees, float(np.median(found.paths.coins))
    if per_day <= 0 or median <= 0:
        raise OperatorError("Its fees leave nothing of what it mines, so there is nothing to track.", code="HW-979")
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        is_more = per_day * (1 - (1 - middle) ** offer.days) / middle > median
        low, high = (middle, high) if is_more else (low, middle)
    return Accepted(
        cost=found.bought_coins, per_day=per_day, decay_day=high if high > DECAY_MIN else 0.0, median=median
    )


def with_payouts(found: Audit, checks: Iterable[Check]) -> Audit:
    """Return the audit with checks of payouts."""
    every = (*found.checks, *checks)
    return Audit(
        offer=found.offer, today=found.today, verdict=contract.overall(every), checks=every, paths=found.paths
    )  # fmt: skip


def _check_growth(offer: Offer, today: Today, paths: ContractPaths) -> Check:
    """Put the static break-even beside that of the scenarios."""
    static = contract.static_break_even_days(offer, today)
    told = "never" if static is None else f"{static:.0f} days"
    spread = [paths.break_even_days(percent) for percent in (5, 50, 95)]
    words = " / ".join("never" if it is None else f"{it:.0f}" for it in spread)
    chance = float((paths.even_day != NEVER).mean())
    text = (
        f"if nothing ever changed: {told}; with difficulty and price as drawn, 5/50/95 %: {words} days;"
        f" {chance:.0%} of {paths.paths} scenarios pay back within {offer.days} days"
    )
    verdict: contract.Verdict = "bad" if chance < 0.5 else "warning" if chance < 0.9 else "good"
    return Check(name="break-even", verdict=verdict, arithmetic=text)


def _check_stop(offer: Offer, paths: ContractPaths) -> Check:
    """Value the seller's right to end it."""
    name = "termination clause"
    if offer.stop_after_days is None:
        return Check(name=name, verdict="unknown", arithmetic="it is not told when the seller may end it")
    stopped = paths.stop_day[paths.stop_day != NEVER]
    chance = len(stopped) / paths.paths
    when = f", half of those by day {int(np.median(stopped))}" if len(stopped) else ""
    text = (
        f"{offer.stop_after_days} days in a row with fees above income end it:"
        f" in {chance:.0%} of scenarios{when}; what comes after is the seller's"
    )
    return Check(name=name, verdict="bad" if chance > 0.5 else "warning" if chance > 0.1 else "good", arithmetic=text)


# -------------------------------------------------------------------- payouts


def payouts_of(lines: Iterable[str], *, source: str) -> tuple[dict[int, float], tuple[Finding, ...]]:
    """Read `date,amount` lines [coins]; several a day are added.

    Raises:
        OperatorError: the columns are others, or no line can be used (HW-825).
    """
    reader = csv.DictReader(lines)
    if not {"date", "amount"} <= set(reader.fieldnames or ()):
        raise OperatorError(f"{source} needs the columns date and amount.", code="HW-825")
    days: dict[int, float] = {}
    findings = []
    for number, row in enumerate(reader, start=2):
        try:
            day, amount = day_of(row["date"][:10]), float(row["amount"])
            if not amount >= 0 or amount > 1e12:
                raise ValueError(f"{row['amount']} is no payout")
        except (ValueError, TypeError) as problem:
            findings.append(Finding(code="HW-825", place=f"{source}, line {number}", message=str(problem)))
            continue
        days[day] = days.get(day, 0.0) + amount
    if not days:
        raise OperatorError(f"{source} has no line that is a payout.", code="HW-825")
    return days, tuple(findings)


def payout_checks(
    paid: dict[int, float], series: CoinSeries | None, coin: Coin, *, hashrate_hs: float
) -> tuple[Check, ...]:
    """Compare payouts with what the hash power would have found on the same days."""
    if series is None or coin.economy is None:
        text = "it needs the network's difficulty on those days: --data FOLDER"
        return (Check(name="payouts follow mining", verdict="unknown", arithmetic=text),)
    first, last = min(paid), max(paid)
    span = series.between(first, last)
    with np.errstate(divide="ignore", invalid="ignore"):
        work = np.where(span.difficulty > 0, span.difficulty, np.nan) * coin.economy.work_factor
        expected: FloatArray = hashrate_hs * 86_400 / work * block_reward_coins(span, coin)
    given = np.array([paid.get(day, np.nan) for day in range(first, last + 1)])
    known = np.isfinite(expected) & np.isfinite(given)
    return contract.check_payouts(given[known], expected[known])
