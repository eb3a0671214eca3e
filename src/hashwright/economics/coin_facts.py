"""What is known of coins right now: facts with their time and source, made from what several sources say.

`combine` takes observations of any number of sources and gives one `Fact` for each coin and field: the median, after
what is stale, alone against the others, or too good to be true was left out; each of those is a finding. A source that
stands alone is judged by the fact that was known before. The snapshot in the package serves where nothing else is
known; it is old, and every fact says its age.

Values are Decimals, read from text; what is reckoned from them is an estimate.
"""

import csv
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Final, Literal, get_args

from hashwright.chain.coin import Coin
from hashwright.chain.economy import PPM
from hashwright.economics.difficulty import economy_of
from hashwright.errors import Finding, OperatorError, StaleInput
from hashwright.units import duration_text

FieldName = Literal["price_usd", "difficulty", "fees_coins", "hashrate_hs", "height"]
FIELDS: Final[tuple[FieldName, ...]] = get_args(FieldName)
DAY_MS: Final = 86_400_000
STALE_MS: Final = DAY_MS
"""What is a day older than the newest source does not count beside it."""
BAIT: Final = Decimal(7)
"""+600 %: an offer that good is bait (planning.md 5, row 10)."""
APART: Final = {
    "price_usd": Decimal("1.1"),
    "difficulty": Decimal("1.5"),
    "fees_coins": Decimal(20),
    "hashrate_hs": Decimal(2),
    "height": Decimal("1.01"),
}
"""How far a source may be from the others, as a factor; fees and hash rates are measured over different spans."""
MEMORY_MS: Final = 30 * DAY_MS
"""A fact that is older does not judge a single new one, but for a factor of `FORGOTTEN`."""
FORGOTTEN: Final = Decimal(30)
SNAPSHOT: Final = "snapshot"
MONIES: Final = ("EUR", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "CAD", "AUD", "JPY")
"""Money of states of which a price in dollars may be known; its code stands in the place of a coin's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One number of one source: true at `at_ms`, learned at `known_at_ms` [ms since 1970 UTC]."""

    coin: str
    field: FieldName
    value: Decimal
    at_ms: int
    known_at_ms: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What counts as known. `sources` are those it rests on; `is_snapshot`: it came with the package."""

    value: Decimal
    at_ms: int
    known_at_ms: int
    sources: tuple[str, ...]
    is_snapshot: bool = False

    def age_ms(self, now_ms: int) -> int:
        """Return how long ago it was true [ms]."""
        return max(now_ms - self.at_ms, 0)

    def words(self, now_ms: int) -> str:
        """Say where it is from and how old it is."""
        origin = self.sources[0] if len(self.sources) == 1 else f"median of {len(self.sources)}"
        day = datetime.fromtimestamp(self.at_ms / 1000, UTC).date().isoformat()
        age = duration_text(self.age_ms(now_ms) / 1000)
        return f"{origin}, {day} ({age.split(' ')[0]} {age.split(' ')[1]} old)"


Facts = Mapping[tuple[str, FieldName], Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinFacts:
    """All facts by coin and field, and what was wrong with what the sources said."""

    facts: Facts = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def fact(self, coin: str, name: FieldName) -> Fact | None:
        """Return a fact, or None where nothing is known."""
        return self.facts.get((coin, name))

    def need(self, coin: Coin, name: FieldName) -> Fact:
        """Return a fact.

        Raises:
            OperatorError: no source and no snapshot knows it (HW-815).
        """
        found = self.fact(coin.key, name)
        if found is None:
            raise OperatorError(
                f"Nothing is known of {coin.title}'s {name.removesuffix('_usd').replace('_', ' ')}.",
                code="HW-815",
                hint="Say it (--price, --difficulty), or: hw admin data fetch, hw admin data import FILE.",
            )
        return found

    def over(self, older: "CoinFacts") -> "CoinFacts":
        """Put these facts over older ones."""
        return CoinFacts(facts={**older.facts, **self.facts}, findings=(*older.findings, *self.findings))


def require_fresh(fact: Fact, *, now_ms: int, age_max_ms: int, what: str) -> Fact:
    """Return a fact that a decision may use.

    Raises:
        StaleInput: it is older than allowed (HW-401).
    """
    if fact.age_ms(now_ms) > age_max_ms:
        raise StaleInput(f"{what} is {duration_text(fact.age_ms(now_ms) / 1000)} old.", code="HW-401")
    return fact


# -------------------------------------------------------------------- many sources, one fact


def combine(observations: Iterable[Observation], *, before: Facts, now_ms: int) -> CoinFacts:
    """Make one fact of what all sources say of each coin and field; what was left out is told."""
    groups: dict[tuple[str, FieldName], list[Observation]] = {}
    for seen in observations:
        groups.setdefault((seen.coin, seen.field), []).append(seen)
    facts: dict[tuple[str, FieldName], Fact] = {}
    findings: list[Finding] = []
    for key, group in sorted(groups.items()):
        kept = _sound(group, now_ms, findings)
        kept = _fresh(kept, findings)
        kept = _agreeing(kept, before.get(key), now_ms, findings)
        if kept:
            facts[key] = _fact(kept)
    return CoinFacts(facts=facts, findings=tuple(findings))


def _place(seen: Observation) -> str:
    return f"{seen.source}, {seen.coin} {seen.field}"


def _sound(group: Sequence[Observation], now_ms: int, findings: list[Finding]) -> list[Observation]:
    kept = []
    for seen in group:
        is_number = seen.value.is_finite() and (seen.value > 0 or (seen.value == 0 and seen.field == "fees_coins"))
        if not is_number:
            findings.append(Finding(code="HW-808", place=_place(seen), message=f"{seen.value} is no {seen.field}"))
        elif seen.at_ms > now_ms + DAY_MS:
            findings.append(Finding(code="HW-810", place=_place(seen), message="its time lies in the future"))
        else:
            kept.append(seen)
    return kept


def _fresh(group: list[Observation], findings: list[Finding]) -> list[Observation]:
    newest = max((seen.at_ms for seen in group), default=0)
    old = [seen for seen in group if newest - seen.at_ms > STALE_MS]
    for seen in old:
        age = duration_text((newest - seen.at_ms) / 1000)
        findings.append(Finding(code="HW-401", place=_place(seen), message=f"it is {age} older than another source"))
    return [seen for seen in group if seen not in old]


def _agreeing(group: list[Observation], before: Fact | None, now_ms: int, findings: list[Finding]) -> list[Observation]:
    """Leave out what is far from the middle; where there is no middle, from what was known before."""
    if len(group) >= 3:
        return _near(group, statistics.median(seen.value for seen in group), findings, "the others")
    if not group:
        return group
    apart = APART[group[0].field]
    if len(group) == 2 and _factor(group[0].value, group[1].value) <= apart:
        return group
    if before is None:
        if len(group) == 2:
            _tell(group[1], group[0].value, findings, group[0].source)
            return [min(group, key=lambda seen: seen.value)] if group[0].field == "price_usd" else [group[0]]
        return group
    is_old = before.age_ms(now_ms) > MEMORY_MS
    allowed = FORGOTTEN if is_old else BAIT
    kept = [seen for seen in group if _factor(seen.value, before.value) <= allowed]
    for seen in group:
        if seen not in kept:
            _tell(seen, before.value, findings, "what was known before")
    if len(kept) == 2:
        far, near = sorted(kept, key=lambda seen: _factor(seen.value, before.value), reverse=True)
        _tell(far, near.value, findings, near.source)
        return [near]
    return kept


def _near(group: list[Observation], middle: Decimal, findings: list[Finding], whom: str) -> list[Observation]:
    kept = []
    for seen in group:
        if _factor(seen.value, middle) <= APART[seen.field]:
            kept.append(seen)
        else:
            _tell(seen, middle, findings, whom)
    return kept


def _factor(one: Decimal, other: Decimal) -> Decimal:
    low, high = sorted((one, other))
    return Decimal(1) if low == high else high / low if low > 0 else Decimal("Infinity")


def _tell(seen: Observation, middle: Decimal, findings: list[Finding], whom: str) -> None:
    is_bait = seen.field == "price_usd" and middle > 0 and seen.value / middle >= BAIT
    factor = _factor(seen.value, middle)
    side = "above" if seen.value > middle else "below"
    message = f"{seen.value:.6g} is {factor:.4g} times {side} {whom} ({middle:.6g}); it was left out"
    findings.append(Finding(code="HW-402" if is_bait else "HW-814", place=_place(seen), message=message))


def _fact(kept: Sequence[Observation]) -> Fact:
    return Fact(
        value=statistics.median(seen.value for seen in kept),
        at_ms=min(seen.at_ms for seen in kept),
        known_at_ms=max(seen.known_at_ms for seen in kept),
        sources=tuple(sorted({seen.source for seen in kept})),
    )


# -------------------------------------------------------------------- the snapshot, and what follows from facts


def load_snapshot() -> CoinFacts:
    """Read the facts that came with the package."""
    text = (files("hashwright.economics") / "facts" / "snapshot.csv").read_text(encoding="utf-8")
    facts: dict[tuple[str, FieldName], Fact] = {}
    for row in csv.DictReader(text.splitlines()):
        at_ms = _day_ms(row["day"])
        name: FieldName = next(it for it in FIELDS if it == row["fact"])
        source = f"{SNAPSHOT}: {row['source']}"
        fact = Fact(value=Decimal(row["value"]), at_ms=at_ms, known_at_ms=at_ms, sources=(source,), is_snapshot=True)
        facts[row["coin"], name] = fact
    return CoinFacts(facts=facts)


def _day_ms(day: str) -> int:
    return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def height_est(coin: Coin, market: CoinFacts, *, now_ms: int) -> int:
    """Return the height of a chain: as a source saw it, gone on at the planned pace; an estimate.

    Raises:
        NotSupported: nothing is known of what the coin pays (HW-817).
    """
    seen = market.fact(coin.key, "height")
    if seen is not None:
        start, at_ms = int(seen.value), seen.at_ms
    else:
        start, day = economy_of(coin).known_block
        at_ms = _day_ms(day) if day else now_ms
    return start + int(max(now_ms - at_ms, 0) / 1000 / coin.mean_interval_s)


def reward_coins(coin: Coin, market: CoinFacts, *, now_ms: int) -> tuple[float, float]:
    """Return what a block gives its miner now: new coins, and mean fees [coins]; unknown fees count as none.

    Raises:
        NotSupported: nothing is known of what the coin pays (HW-817).
    """
    economy = economy_of(coin)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()
    height = height_est(coin, market, now_ms=now_ms)
    subsidy = economy.emission.subsidy(height) / 10**coin.decimals * economy.miner_share_ppm(today) / PPM
    fees = market.fact(coin.key, "fees_coins")
    return subsidy, float(fees.value) if fees is not None else 0.0


def next_emission_change(coin: Coin, market: CoinFacts, *, now_ms: int) -> tuple[int, date] | None:
    """Return the height and the day (estimated) at which a block pays something else; None where it never does."""
    height = height_est(coin, market, now_ms=now_ms)
    following = economy_of(coin).emission.next_change(height)
    if following is None or following == height + 1:
        return None
    seconds = (following - height) * coin.mean_interval_s
    return following, datetime.fromtimestamp(now_ms / 1000 + seconds, UTC).date()
