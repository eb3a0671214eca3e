"""An offer of cloud mining or hosting, and what it must survive: each check is one formula, shown with its numbers.

The patterns by which offers mislead are those of planning.md 7: no difficulty growth, maintenance as an option of the
seller, returns that do not depend on mining, hash power that is not there, earnings without luck, payouts in a token of
one's own, commissions for friends. A check answers `good`, `warning`, `bad`, `impossible`, or `unknown` where the offer
does not say enough; unknown is never counted as good.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
import numpy as np

from hashwright.economics.changes import FloatArray

Verdict = Literal["good", "warning", "bad", "impossible", "unknown"]
RANK: Final = {"impossible": 4, "bad": 3, "warning": 2, "unknown": 1, "good": 0}
DAY_S: Final = 86_400
TH: Final = 1e12
POSSIBLE: Final = 1.2
"""A promise up to this times the whole hashprice could still be mining (planning.md 7)."""
CORRELATION_MIN: Final = 0.9
STEP_SHARE: Final = 0.5
FLAT: Final = 1e-9
P_LOW: Final = 0.001
FACTS: Final = ("location", "pool", "machines", "custody", "registration")
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Above = Annotated[float, msgspec.Meta(gt=0)]
NotBelow = Annotated[float, msgspec.Meta(ge=0)]


class Offer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What the seller says. Only coin, price, hash rate and days are needed; the rest counts as not said."""

    coin: str
    price_usd: Above
    hashrate: str
    """With its unit: 10 TH/s."""
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)]
    seller: str = ""
    maintenance_usd_th_day: NotBelow = 0.0
    pool_fee: Share = 0.0
    starts_after_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 0
    stop_after_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None
    """The seller ends it after so many days in a row on which fees exceed the income."""
    promised_percent_day: NotBelow | None = None
    """A return that is promised whatever happens [percent of the price a day]."""
    referral_percent: NotBelow | None = None
    payout_asset: str = ""
    """What is paid out; empty: the coin."""
    fee_may_change: bool = False
    deposit_is_one_way: bool = False
    withdrawal_min_coins: NotBelow | None = None
    location: str = ""
    pool: str = ""
    """An account, a worker or a coinbase tag that the buyer can look at."""
    machines: str = ""
    custody: str = ""
    registration: str = ""
    sold_hashrate: str = ""
    """All hash power that the seller has sold, with its unit."""
    blocks_seen: Annotated[int, msgspec.Meta(ge=0)] | None = None
    blocks_seen_days: NotBelow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: what it says, with the numbers it says it from."""

    name: str
    verdict: Verdict
    arithmetic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What an offer is judged by now: its own hash power; a block's work [hash] and reward [coins]; the price [USD]."""

    hashrate_hs: float
    work_hashes: float
    reward_coins: float
    price_usd: float

    @property
    def th(self) -> float:
        """Return the hash power [TH/s]."""
        return self.hashrate_hs / TH

    @property
    def coins_day(self) -> float:
        """Return the gross coins a day."""
        return self.hashrate_hs * DAY_S / self.work_hashes * self.reward_coins

    @property
    def hashprice_usd_th_day(self) -> float:
        """Return what a TH/s earns a day [USD]."""
        return self.coins_day * self.price_usd / self.th


def levelised_usd_th_day(offer: Offer, today: Today) -> float:
    """Return what a TH/s costs a day over the whole contract [USD]: the price spread, and the maintenance."""
    return offer.price_usd / (today.th * offer.days) + offer.maintenance_usd_th_day


def static_break_even_days(offer: Offer, today: Today) -> float | None:
    """Return the days that the seller's own sum gives: the price by today's income less fees; None: never."""
    left = (today.hashprice_usd_th_day * (1 - offer.pool_fee) - offer.maintenance_usd_th_day) * today.th
    return offer.price_usd / left if left > 0 else None


def poisson_at_most(seen: int, expected: float) -> float:
    """Return the chance of so few blocks or fewer, where so many are expected (a Poisson law)."""
    if expected <= 0:
        return 1.0
    term = total = math.exp(-expected) if expected < 700 else 0.0
    if expected >= 700:  # far beyond what the sum can hold: the bell curve is exact enough
        return 0.5 * math.erfc((expected - seen - 0.5) / math.sqrt(2 * expected))
    for count in range(1, seen + 1):
        term *= expected / count
        total += term
    return min(total, 1.0)


# -------------------------------------------------------------------- checks of the offer alone


def check_levelised(offer: Offer, today: Today) -> Check:
    """Put the levelised cost beside the hashprice of today."""
    cost, price = levelised_usd_th_day(offer, today), today.hashprice_usd_th_day
    spread = offer.price_usd / (today.th * offer.days)
    margin = price / cost - 1 if cost > 0 else math.inf
    verdict: Verdict = "bad" if margin < 0 else "warning" if margin < 1 else "good"
    text = (
        f"{spread:.4f} (price over {offer.days} days) + {offer.maintenance_usd_th_day:.4f} (maintenance) ="
        f" {cost:.4f} USD/TH/day, against a hashprice of {price:.4f} today: {margin:+.0%}"
    )
    return Check(name="levelised cost", verdict=verdict, arithmetic=text)


def check_promise(offer: Offer, today: Today) -> Check:
    """A return that does not depend on hashprice is not mining; beyond all that the hashes earn it is impossible."""
    promised = offer.promised_percent_day
    if promised is None or promised == 0:
        return Check(name="fixed return", verdict="good", arithmetic="no fixed return is promised")
    year, compound = promised * 364, (1 + promised / 100) ** 364
    usd_th = offer.price_usd * promised / 100 / today.th
    limit = POSSIBLE * today.hashprice_usd_th_day
    text = (
        f"{promised:g} % a day is {year:.0f} % in 52 weeks, x{compound:.0f} if put in again; it needs {usd_th:.4f}"
        f" USD/TH/day for ever, all hashes earn {today.hashprice_usd_th_day:.4f} today"
    )
    return Check(name="fixed return", verdict="impossible" if usd_th > limit else "bad", arithmetic=text)


def check_blocks(offer: Offer, today: Today, sold_hs: float | None) -> Check:
    """Compare the blocks that the sold hash power should find with those that were seen."""
    name = "hash power exists"
    if sold_hs is None or offer.blocks_seen is None or not offer.blocks_seen_days:
        text = "it does not say how much it has sold, and which blocks it found: ask for its pool or coinbase tag"
        return Check(name=name, verdict="unknown", arithmetic=text)
    a_day = sold_hs * DAY_S / today.work_hashes
    expected = a_day * offer.blocks_seen_days
    chance = poisson_at_most(offer.blocks_seen, expected)
    share = offer.blocks_seen / expected if expected else math.inf
    text = (
        f"{sold_hs / 1e15:,.1f} PH/s find {a_day:.2f} blocks a day, {expected:.1f} in {offer.blocks_seen_days:g} days;"
        f" {offer.blocks_seen} were seen ({share:.1%}); luck does that with a chance of {chance:.2g}"
    )
    verdict: Verdict = "impossible" if chance < P_LOW else "warning" if chance < 0.05 else "good"
    return Check(name=name, verdict=verdict, arithmetic=text)


def check_facts(offer: Offer) -> Check:
    """Count what can be looked up."""
    said = [name for name in FACTS if getattr(offer, name)]
    missing = [name for name in FACTS if name not in said]
    verdict: Verdict = "good" if not missing else "warning" if len(said) >= 3 else "bad"
    text = f"{len(said)} of {len(FACTS)} facts are told" + (f"; not told: {', '.join(missing)}" if missing else "")
    return Check(name="facts", verdict=verdict, arithmetic=text)


def check_referral(offer: Offer) -> Check:
    """A commission for bringing others is paid by those who come."""
    if offer.referral_percent is None:
        return Check(name="referral", verdict="unknown", arithmetic="it is not told whether friends earn a commission")
    if offer.referral_percent == 0:
        return Check(name="referral", verdict="good", arithmetic="no commission for friends")
    paid = offer.price_usd * offer.referral_percent / 100
    text = f"{offer.referral_percent:g} % of {offer.price_usd:,.0f} USD is {paid:,.2f} USD that buy no hash power"
    return Check(name="referral", verdict="warning", arithmetic=text)


def check_payout(offer: Offer, ticker: str) -> Check:
    """Payouts in something else than the mined coin hide what was mined."""
    asset = offer.payout_asset.strip().upper()
    if asset in ("", ticker):
        return Check(name="payout", verdict="good", arithmetic=f"paid in {ticker}, the coin that is mined")
    return Check(
        name="payout", verdict="bad", arithmetic=f"mined is {ticker}, paid is {asset}: what is its price worth?"
    )


def check_terms(offer: Offer, today: Today) -> Check:
    """Small print: fees that may change, deposits that do not come back, and money that lies with the seller."""
    found = []
    if offer.fee_may_change:
        found.append("the fee may be raised: then every sum here is void")
    if offer.deposit_is_one_way:
        found.append("deposits cannot be taken out again")
    if offer.withdrawal_min_coins:
        days = offer.withdrawal_min_coins / today.coins_day if today.coins_day else math.inf
        at_risk = offer.withdrawal_min_coins * today.price_usd
        found.append(f"{days:.0f} days of gross income ({at_risk:,.2f} USD) lie there before the first withdrawal")
    if offer.starts_after_days:
        found.append(f"it begins {offer.starts_after_days} days after it is paid")
    text = "; ".join(found) or "nothing in the small print that was given"
    return Check(name="small print", verdict="warning" if found else "good", arithmetic=text)


def check_coins(offer: Offer, today: Today) -> Check:
    """Put all coins of the contract, at today's difficulty and without any fee, beside those that its price buys."""
    mined, bought = today.coins_day * offer.days, offer.price_usd / today.price_usd
    verdict: Verdict = "bad" if mined < bought else "warning"
    words = (
        "even if difficulty never grew and there were no fees"
        if mined < bought
        else "but only if difficulty stood still"
    )
    text = f"{today.coins_day:.8f} x {offer.days} days = {mined:.6f} coins; its price buys {bought:.6f} today: {words}"
    return Check(name="coins against coins", verdict=verdict, arithmetic=text)


# -------------------------------------------------------------------- checks of payouts


def check_payouts(paid: FloatArray, expected: FloatArray) -> tuple[Check, ...]:
    """Ask whether payouts moved as mining must: with reward and difficulty, day by day.

    `paid` [coins a day] and `expected` [coins a day for the same hash power at the network's real difficulty].
    """
    if len(paid) < 14:
        text = f"{len(paid)} days of payouts with known difficulty; at least 14 are needed"
        return (Check(name="payouts follow mining", verdict="unknown", arithmetic=text),)
    spread, should = _variation(paid), _variation(expected)
    checks = []
    is_flat = min(spread, should) < FLAT
    correlation = 0.0 if is_flat else float(np.corrcoef(paid, expected)[0, 1])
    is_low = correlation < CORRELATION_MIN
    said = f"correlation of {len(paid)} payouts with what the hashes should give: {correlation:.2f}"
    text = f"{said} (at least {CORRELATION_MIN} where mining is real)"
    checks.append(Check(name="payouts follow mining", verdict="bad" if is_low else "good", arithmetic=text))
    smooth = spread < 0.2 * should
    text = f"payouts vary by {spread:.2%} from day to day, mining did by {should:.2%}"
    checks.append(Check(name="smooth earnings", verdict="bad" if smooth else "good", arithmetic=text))
    ratio = float(paid.sum() / expected.sum()) if expected.sum() else 0.0
    text = f"{paid.sum():.8f} coins were paid, {expected.sum():.8f} is what the hash power finds: {ratio:.0%}"
    verdict: Verdict = "good" if 0.8 <= ratio <= 1.2 else "warning" if 0.5 <= ratio < 0.8 else "bad"
    checks.append(Check(name="payouts in all", verdict=verdict, arithmetic=text))
    return (*checks, *_steps(paid, expected))


def _variation(values: FloatArray) -> float:
    mean = float(values.mean())
    return float(values.std()) / mean if mean else 0.0


def _steps(paid: FloatArray, expected: FloatArray) -> tuple[Check, ...]:
    """Look at the largest step of the difficulty or the reward: payouts must take it too."""
    week = 3
    if len(paid) < 2 * week + 1:
        return ()
    before = np.array([expected[i - week : i].mean() for i in range(week, len(expected) - week + 1)])
    after = np.array([expected[i : i + week].mean() for i in range(week, len(expected) - week + 1)])
    size = np.log(np.maximum(after, 1e-30) / np.maximum(before, 1e-30))
    at = int(np.abs(size).argmax())
    if abs(size[at]) < 0.05:
        return ()
    place = at + week
    moved = math.log(max(float(paid[place : place + week].mean()), 1e-30)) - math.log(
        max(float(paid[place - week : place].mean()), 1e-30)
    )
    took = moved / float(size[at])
    text = f"at the largest step mining changed by {math.expm1(size[at]):+.1%}, payouts by {math.expm1(moved):+.1%}"
    return (Check(name="retarget or halving", verdict="good" if took > STEP_SHARE else "bad", arithmetic=text),)


def overall(checks: Sequence[Check]) -> Verdict:
    """Return the gravest verdict."""
    return max((it.verdict for it in checks), key=RANK.__getitem__)
