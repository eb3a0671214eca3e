"""What became of decisions, and what that teaches: spans are closed as turns follow, and factors are learned from them.

    decision k ---- span ---- decision k+1        closed when k+1 is seen, from the shares of the minutes between
    expected: the work that was planned, times what a hash was worth at its begin
    earned:   the work that shares proved, times what a hash was worth at its end
    would:    on paper (dry run), the same proven work split as the paper route wanted

All three are estimates in USD after fees, before power; what was really credited stands in the books, and the factor
`credited` of each pool is learned from there. A span longer than `SPAN_MAX_MS` is not judged: the program was off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from hashwright.economics.claims import Claim, Proof, merged
from hashwright.economics.realised import Evidence, ForecastError, Learned, forecast_error, learned, machine_factor
from hashwright.economics.receivables import Realisation
from hashwright.planner.autopilot import IDLE, MARKET, Seen, SeenWay, Thought, is_change, paper_after
from hashwright.planner.purchases_paper import PurchaseOutcome, PurchaseSum, became_of, summed
from hashwright.runtime.autopilot_moves import Losses, Moved, Span, documents_of, losses_of, moves_between
from hashwright.runtime.receivables import realisations
from hashwright.signals import is_order
from hashwright.store import outcomes
from hashwright.store.connection import Connection
from hashwright.store.decisions import DecisionRow
from hashwright.store.outcomes import OutcomeRow
from hashwright.store.rates import Done, read_done

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
SPAN_MAX_MS: Final = 6 * 3_600_000
LEARN_DAYS: Final = 30
SELECT_RETURNS = (
    "SELECT destination, state, work FROM delivery WHERE minute >= ? AND minute < ?"
    " AND state IN ('accepted', 'rejected', 'stale', 'lost')"
)


class WayOutcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One destination in a span. Work [hashes]; `returned_work` is what its upstream answered about, good or not."""

    destination: str
    coin: str
    part: float
    expected_work: float
    proven_work: float
    expected_usd: float
    earned_usd: float
    accepted_work: float = 0.0
    returned_work: float = 0.0


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of a decision in its span [s]. Money is estimated USD after fees; `earned` is before `power`.

    `paper_*` are those of a dry run's paper route, None where there was none. `claimed_work` is what machines said they
    hashed, `claimants_work` what shares of the same machines proved. `moved` is what it moved where, as it began.
    """

    seconds: int
    ways: tuple[WayOutcome, ...]
    expected_usd: float
    earned_usd: float
    paper_expected_usd: float | None = None
    paper_earned_usd: float | None = None
    claimed_work: float = 0.0
    claimants_work: float = 0.0
    power_usd: float = 0.0
    paper_power_usd: float | None = None
    bought: tuple[PurchaseOutcome, ...] = ()
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySum:
    """The spans of a day together [USD, estimated]. `paper_usd` is None where there was no paper route."""

    expected_usd: float = 0.0
    earned_usd: float = 0.0
    paper_usd: float | None = None
    gain_usd: float | None = None
    """What the paper route would have left more than what was done, after power."""

    def plus(self, it: Outcome) -> "DaySum":
        """Return the sum with one more span."""
        paper, gain = self.paper_usd, self.gain_usd
        if it.paper_earned_usd is not None:
            paper = (paper or 0.0) + it.paper_earned_usd
            saved = it.power_usd - (it.paper_power_usd or 0.0)
            gain = (gain or 0.0) + it.paper_earned_usd - it.earned_usd + saved
        return DaySum(
            expected_usd=self.expected_usd + it.expected_usd,
            earned_usd=self.earned_usd + it.earned_usd,
            paper_usd=paper,
            gain_usd=gain,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What is learned at a moment: by pool `accepted` and `credited`, by coin `forecasts`, by rental `delivered`."""

    at_ms: int = 0
    accepted: Mapping[str, Learned] = field(default_factory=dict)
    credited: Mapping[str, Realisation] = field(default_factory=dict)
    forecasts: Mapping[str, ForecastError] = field(default_factory=dict)
    prices: Mapping[str, ForecastError] = field(default_factory=dict)
    machines: Learned | None = None
    machine: float = 1.0
    delivered: Mapping[str, Learned] = field(default_factory=dict)
    purchases: tuple[PurchaseSum, ...] = ()
    spans: Mapping[int, DaySum] = field(default_factory=dict)
    moves: Losses = field(default_factory=dict)

    def factors_of(self, destination: str, *, fee: float) -> dict[str, float]:
        """Return what a promise of a destination is multiplied by: fee, accepted, credited."""
        accepted, credited = self.accepted.get(destination), self.credited.get(destination)
        return {
            "fee": 1.0 - fee,
            "accepted": 1.0 if accepted is None else min(accepted.factor, 1.0),
            "credited": 1.0 if credited is None else credited.factor,
        }


NOTHING_LEARNED: Final = Learning()


# ---------------------------------------------------------------- closing a span


def close_span(
    connection: Connection, row: DecisionRow, now_seen: Seen, claims: Sequence[Claim] = ()
) -> OutcomeRow | None:
    """Say what became of a decision by the time of the next sight; None where its span cannot be judged."""
    seen = msgspec.json.decode(row.seen, type=Seen)
    thought = msgspec.json.decode(row.thought, type=Thought | None)
    begin, end = row.at_ms // MINUTE_MS, now_seen.at_ms // MINUTE_MS
    if now_seen.at_ms - row.at_ms > SPAN_MAX_MS or (end <= begin and not _bought(seen, thought, now_seen)):
        return None
    done, returned = list[Done](), dict[str, tuple[float, float]]()
    if end > begin:
        done = [it for it in read_done(connection, begin=begin, end=end, span=end - begin + 1) if it.work]
        returned = _returns(connection, begin, end)
    outcome = outcome_of(row, seen, thought, now_seen, done=done, returned=returned, claims=claims)
    return OutcomeRow(
        decision=row.id,
        algorithm=row.algorithm,
        at_ms=row.at_ms,
        until_ms=now_seen.at_ms,
        body=msgspec.json.encode(outcome).decode(),
    )


def outcome_of(  # noqa: PLR0913 (the parts of one record)
    row: DecisionRow,
    seen: Seen,
    thought: Thought | None,
    now_seen: Seen,
    *,
    done: Sequence[Done],
    returned: Mapping[str, tuple[float, float]],
    claims: Sequence[Claim] = (),
) -> Outcome:
    """Hold what a decision expected of its span against what shares proved."""
    seconds = (now_seen.at_ms // MINUTE_MS - row.at_ms // MINUTE_MS) * 60
    then = {way.destination: way for way in now_seen.ways}
    parts = _in_effect(row, seen, thought)
    proven = _proven(done, {way.destination for way in seen.ways})
    capacity = seen.hashrate_hs * seconds
    ways = []
    for way in seen.ways:
        name = way.destination
        work, done_work = parts.get(name, 0.0) * capacity, proven.get(name, 0.0)
        good, all_ = returned.get(name, (0.0, 0.0))
        if work or done_work or all_:
            ways.append(
                WayOutcome(
                    destination=name, coin=way.coin, part=parts.get(name, 0.0), expected_work=work,
                    proven_work=done_work, expected_usd=work * _usd(way),
                    earned_usd=done_work * _usd(then.get(name), or_else=way), accepted_work=good, returned_work=all_,
                )
            )  # fmt: skip
    said, shown = _claimed(claims, done, seconds)
    paper = paper_after(seen, thought) if thought is not None and seen.paper is not None else None
    total = sum(proven.values())
    awake = max(1.0 - parts.get(IDLE, 0.0), 1e-9)
    power = seen.power_usd_day * seconds / 86_400
    return Outcome(
        seconds=seconds,
        ways=tuple(ways),
        expected_usd=sum(it.expected_usd for it in ways),
        earned_usd=sum(it.earned_usd for it in ways),
        paper_expected_usd=None if paper is None else sum(paper.get(w.destination, 0.0) * capacity * _usd(w)
                                                          for w in seen.ways),
        paper_earned_usd=None if paper is None else sum(paper.get(w.destination, 0.0) * total / awake
                                                        * _usd(then.get(w.destination), or_else=w) for w in seen.ways),
        claimed_work=said,
        claimants_work=shown,
        power_usd=power * awake,
        paper_power_usd=None if paper is None else power * (1.0 - paper.get(IDLE, 0.0)),
        bought=_bought(seen, thought, now_seen),
        moved=_moved(row, seen, parts),
    )  # fmt: skip


def _bought(seen: Seen, thought: Thought | None, now_seen: Seen) -> tuple[PurchaseOutcome, ...]:
    """Hold what was paid for rented work against what came, on paper and for real alike."""
    decided = {} if thought is None else {it.name: it for it in thought.purchases}
    later = {it.name: it for it in now_seen.purchases}
    ways = {it.destination: it for it in seen.ways}
    then = {it.destination: it for it in now_seen.ways}
    found = []
    for it in (it for it in seen.purchases if it.name in later):
        kept, way = 1.0 - float(it.pool_fee_part), ways.get(it.destination)
        outcome = became_of(
            it,
            decided.get(it.name),
            later[it.name],
            worth_then=kept * _usd(way),
            worth_now=kept * _usd(then.get(it.destination), or_else=way),
        )
        found += [] if outcome is None else [outcome]
    return tuple(found)


def _moved(row: DecisionRow, seen: Seen, parts: Mapping[str, float]) -> tuple[Moved, ...]:
    """Return what a decision that acted moved between destinations; who falls asleep or wakes up does not move."""
    if row.state != "applied":
        return ()
    before = {name: part * (1.0 - seen.asleep) for name, part in seen.held.items()}
    return moves_between(before, {name: part for name, part in parts.items() if name != IDLE})


def _in_effect(row: DecisionRow, seen: Seen, thought: Thought | None) -> dict[str, float]:
    """Return the parts of all capacity that destinations had in a span: as decided where it acted, else as held."""
    if row.state == "applied" and thought is not None and is_change(seen, thought):
        mined = {name: part / 10_000 for name, part in thought.parts.items()}
        weights = thought.weights or mined
        idle = weights.get(IDLE, 0.0) if seen.limits.may_sleep else 0.0
        sold = weights.get(MARKET, 0.0)
        rest = max(1.0 - idle - sold, 0.0)
        return {name: part * rest for name, part in mined.items()} | {MARKET: sold, IDLE: idle}
    return {name: part * (1.0 - seen.asleep) for name, part in seen.held.items()} | {IDLE: seen.asleep}


def _usd(way: SeenWay | None, *, or_else: SeenWay | None = None) -> float:
    """Return what a hash is worth at a way, after its factors [USD]; by the other sight where this one is blind."""
    for it in (way, or_else):
        if it is not None and it.coins_per_hash is not None and it.price_usd is not None:
            return it.coins_per_hash * it.price_usd * it.net
    return 0.0


def _proven(done: Sequence[Done], names: set[str]) -> dict[str, float]:
    """Sum proven work by way; what was done for buyers is the market's."""
    found: dict[str, float] = {}
    for it in done:
        name = MARKET if is_order(it.destination) else it.destination
        if name in names:
            found[name] = found.get(name, 0.0) + it.work
    return found


def _returns(connection: Connection, begin: int, end: int) -> dict[str, tuple[float, float]]:
    """Sum what upstreams answered: accepted work, and all work that they answered about or lost [hashes]."""
    found: dict[str, tuple[float, float]] = {}
    for destination, state, work in connection.execute(SELECT_RETURNS, (begin, end)):
        good, all_ = found.get(destination, (0.0, 0.0))
        found[destination] = (good + (int(work) if state == "accepted" else 0), all_ + int(work))
    return found


def _claimed(claims: Sequence[Claim], done: Sequence[Done], seconds: int) -> tuple[float, float]:
    """Return the work that machines claim for a span, and what shares of the same machines prove [hashes]."""
    said = {claim.worker: claim.hashrate_hs * seconds for claim in claims}
    shown = sum(it.work for it in done if it.worker in said)
    workers = {it.worker for it in done}
    return sum(work for worker, work in said.items() if worker in workers), float(shown)


# ---------------------------------------------------------------- learning


def learn(
    connection: Connection, algorithm: str, names: Sequence[str], days: Sequence[Seen | None], *, now: int
) -> Learning:
    """Return what the last weeks teach.

    Args:
        connection: a connection of the database.
        algorithm: whose decisions.
        names: the destinations of today.
        days: the last sight of each of the days before, oldest first.
        now: the present [ms].
    """
    rows = outcomes.since(connection, now - LEARN_DAYS * DAY_MS, algorithm=algorithm)
    spans = [(row, msgspec.json.decode(row.body, type=Outcome)) for row in rows]
    machines = learned([_evidence(row, now, it.claimed_work, it.claimants_work) for row, it in spans])
    coins = {way.coin for seen in days if seen is not None for way in seen.ways if way.coin}
    return Learning(
        at_ms=now,
        accepted={name: learned(_accepted(spans, name, now)) for name in names},
        credited=realisations(connection, dict.fromkeys(names), now=now),
        forecasts={coin: forecast_error(_worths(days, coin)) for coin in sorted(coins)},
        prices={coin: forecast_error(_prices(days, coin)) for coin in sorted(coins)},
        machines=machines,
        machine=machines.factor,
        delivered=_delivered(spans, now),
        purchases=summed(it for _, outcome in spans for it in outcome.bought),
        spans=_by_day(spans),
        moves=losses_of([_span(row, it, now) for row, it in spans]),
    )


def _span(row: OutcomeRow, outcome: Outcome, now: int) -> Span:
    return Span(
        age_days=(now - row.until_ms) / DAY_MS,
        seconds=outcome.seconds,
        expected=sum(it.expected_work for it in outcome.ways),
        proven=sum(it.proven_work for it in outcome.ways),
        moved=outcome.moved,
    )


def _evidence(row: OutcomeRow, now: int, expected: float, realised: float) -> Evidence:
    return Evidence(
        age_days=(now - row.until_ms) / DAY_MS,
        days=(row.until_ms - row.at_ms) / DAY_MS,
        expected=expected,
        realised=realised,
    )


def _accepted(spans: Sequence[tuple[OutcomeRow, Outcome]], name: str, now: int) -> list[Evidence]:
    return [
        _evidence(row, now, way.returned_work, way.accepted_work)
        for row, outcome in spans
        for way in outcome.ways
        if way.destination == name
    ]


def _delivered(spans: Sequence[tuple[OutcomeRow, Outcome]], now: int) -> dict[str, Learned]:
    """Learn for each rental what part of the work that was paid for came, where somebody counted it."""
    found: dict[str, list[Evidence]] = {}
    for row, outcome in spans:
        for it in outcome.bought:
            if not it.is_paper and it.work is not None:
                found.setdefault(it.name, []).append(_evidence(row, now, it.implied_work, it.work))
    return {name: learned(evidence) for name, evidence in found.items()}


def _worths(days: Sequence[Seen | None], coin: str) -> list[float | None]:
    """Return what a hash of a coin was worth on each day before fees [USD]: the mean over its pools."""
    return [_mean([_usd_plain(way) for way in _ways(seen, coin)]) for seen in days]


def _prices(days: Sequence[Seen | None], coin: str) -> list[float | None]:
    return [_mean([way.price_usd for way in _ways(seen, coin)]) for seen in days]


def _ways(seen: Seen | None, coin: str) -> list[SeenWay]:
    return [] if seen is None else [way for way in seen.ways if way.coin == coin and way.kind == "pool"]


def _usd_plain(way: SeenWay) -> float | None:
    known = way.coins_per_hash is not None and way.price_usd is not None
    return (way.coins_per_hash or 0.0) * (way.price_usd or 0.0) if known else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [it for it in values if it is not None and it > 0]
    return sum(known) / len(known) if known else None


def _by_day(spans: Sequence[tuple[OutcomeRow, Outcome]]) -> dict[int, DaySum]:
    found: dict[int, DaySum] = {}
    for row, outcome in spans:
        day = row.at_ms // DAY_MS
        found[day] = found.get(day, DaySum()).plus(outcome)
    return found


# ---------------------------------------------------------------- as a document


def document_of(algorithm: str, learning: Learning, *, hold_days: float = 1.0) -> dict[str, Any]:
    """Return what was learned as a document. Factors multiply what a pool promises; 1 says that nothing is known."""
    return {
        "algorithm": algorithm,
        "at_ms": learning.at_ms,
        "pools": [
            {
                "destination": name,
                "accepted_factor": round(accepted.factor, 6),
                "answered_days": round(accepted.days, 3),
                "credited_factor": round(credited.factor, 6) if credited is not None else 1.0,
                "credited_days": 0 if credited is None else credited.days,
            }
            for name, accepted in sorted(learning.accepted.items())
            for credited in [learning.credited.get(name)]
        ],
        "forecasts": [
            {
                "coin": coin,
                "pairs_of_days": error.pairs,
                "drift_a_day": error.bias,
                "spread_a_day": error.spread,
                "price_spread_a_day": learning.prices[coin].spread,
                "factor": round(error.factor(hold_days), 6),
            }
            for coin, error in learning.forecasts.items()
        ],
        "machines": {
            "factor": round(learning.machine, 6),
            "claimed_work": 0.0 if learning.machines is None else learning.machines.expected,
            "proven_work": 0.0 if learning.machines is None else learning.machines.realised,
            "days": 0.0 if learning.machines is None else round(learning.machines.days, 3),
        },
        "purchases": [_purchase(it, learning.delivered.get(it.name)) for it in learning.purchases],
        "moves": documents_of(learning.moves),
        "days": [
            {
                "day": day,
                "expected_usd_est": it.expected_usd,
                "earned_usd_est": it.earned_usd,
                "paper_earned_usd_est": it.paper_usd,
                "paper_gain_usd_est": it.gain_usd,
            }
            for day, it in sorted(learning.spans.items(), reverse=True)
        ],
    }


def _purchase(it: PurchaseSum, delivered: Learned | None) -> dict[str, Any]:
    return {
        "rental": it.name,
        "market": it.market,
        "is_paper": it.is_paper,
        "paid_usd_est": it.paid_usd,
        "expected_usd_est": it.expected_usd,
        "earned_usd_est": it.earned_usd,
        "gain_usd_est": None if it.earned_usd is None else it.earned_usd - it.paid_usd,
        "delivered_factor": 1.0 if delivered is None else round(min(delivered.factor, 1.0), 6),
        "counted_days": 0.0 if delivered is None else round(delivered.days, 3),
    }


def machines_of(claims: Sequence[Claim], done: Sequence[Done], *, seconds: float, now: int) -> list[dict[str, Any]]:
    """Return each machine that claims something: its claim, what its shares prove, and what it is believed."""
    sums: dict[str, tuple[int, int]] = {}
    for it in done:
        shares, work = sums.get(it.worker, (0, 0))
        sums[it.worker] = (shares + it.accepted, work + it.work)
    proofs = [Proof(worker=name, shares=it[0], work=it[1], seconds=seconds) for name, it in sums.items()]
    return [
        {
            "worker": row.worker,
            "claimed_hs": row.claimed_hs,
            "proven_hs": row.proven_hs,
            "shares": row.shares,
            "factor": round(machine_factor(row.claimed_hs, row.proven_hs or 0.0, row.shares), 6),
            "judgement": row.judgement,
        }
        for row in merged(claims, proofs, now_ms=now)
        if row.claimed_hs is not None
    ]
