"""The plan: what each machine group does over the horizon, what that is expected to leave, and why.

Steps: scenarios -> what each way earns in each -> the allocation programme, with `idle`, markets and buying the coin as
ordinary columns -> `decide`, which lets no group move where the gain does not pay the move -> the explanation: what
binds, what would change the answer, what each alternative would give, and the risk taken.

Coins without a session here are reckoned with as "compare only" and are never a target. What a plan says of money is an
estimate over drawn scenarios, in dollars of the horizon, not discounted.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hashwright.chain.coin import Coin
from hashwright.economics.changes import FloatArray
from hashwright.economics.hardware import Group
from hashwright.economics.hashprice import PH, Terms
from hashwright.economics.hold import SELL_EVERY, HoldRules
from hashwright.economics.scenarios import Progress, simulate
from hashwright.economics.watchers import Earner, Fan, Totals
from hashwright.errors import Finding, OperatorError
from hashwright.planner.allocation import Allocation, Column, Problem, allocate, cvar, dilution_pieces, reweighed
from hashwright.planner.cara import Pool, Taste, best_split
from hashwright.planner.decide import Decision, Layout, Proposal, Rules, Snapshot, Way, decide
from hashwright.planner.worlds import Prepared

BUY_FEE: Final = 0.005
TAIL: Final = 0.95
MARKS: Final = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Where work may go: a pool with its fee, and the largest part of all value that its owner entrusts to it."""

    name: str
    fee: float = 0.01
    cap: float = 1.0
    pass_through: float = 0.0
    """What it passes on of coins mined along."""
    hashrate_hs: float = math.inf
    """Hash rate of a pool that pays by luck; infinite for one that pays by share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A market of hash power of one algorithm: what it pays (bid) and asks [USD/(PH/s)/day], and its own fee."""

    algorithm: str
    bid_usd_ph_day: float = 0.0
    ask_usd_ph_day: float = 0.0
    depth_ph: float = 1e9
    fee: float = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the owner asks for."""

    groups: tuple[Group, ...]
    power_price_usd_kwh: float
    terms: Terms
    venues: tuple[Venue, ...]
    markets: tuple[Market, ...] = ()
    horizon_days: int = 30
    scenarios: int = 2000
    risk: float = 0.3
    hold: HoldRules = SELL_EVERY
    move_minutes: float = 15.0
    seed: int = 1
    objective: Literal["cvar", "cara"] = "cvar"
    """`cara`: the pools of one coin share its work by dislike of luck (planner.cara)."""


Kind = Literal["mine", "idle", "sell", "rent", "buy", "cash", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one way gives over the horizon if the whole group, or all the money, goes there [USD]."""

    key: str
    kind: Kind
    group: str
    coin: str
    venue: str
    mean_usd: float
    p5_usd: float
    p50_usd: float
    p95_usd: float
    cvar_usd: float
    loss_chance: float
    days_on: float
    now_usd_day: float
    """Profit on a day like today."""
    cost_usd_day: float
    break_even_usd_kwh: float | None
    weight: float = 0.0
    short_usd: float = 0.0
    """How much more it would have to give to be used (the reduced cost); 0 where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a coin's price and difficulty spread over the horizon: (marks, 5/25/50/75/95 %) relative to now."""

    coin: str
    days: tuple[int, ...]
    price: FloatArray
    difficulty: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer."""

    wish: Wish
    outcomes: tuple[Outcome, ...]
    allocation: Allocation
    decision: Decision
    layout: Layout
    outcome_usd: FloatArray
    """What the plan leaves in each scenario."""
    spreads: tuple[Spread, ...]
    findings: tuple[Finding, ...]
    changes_source: str
    is_made: bool
    growth_per_year: dict[str, float]

    @property
    def mean_usd(self) -> float:
        """Return what the plan leaves on average over the horizon."""
        return float(self.outcome_usd.mean())

    @property
    def mining(self) -> tuple[Outcome, ...]:
        """Return the ways of mining."""
        return tuple(it for it in self.outcomes if it.kind == "mine")

    @property
    def loses(self) -> bool:
        """Tell whether every way of mining is expected to lose money, or to be paused nearly always."""
        return all(it.now_usd_day <= 0 for it in self.mining)


def coins_for(groups: Sequence[Group], coins: Sequence[Coin]) -> tuple[Coin, ...]:
    """Return the coins that the groups' algorithms can mine, and those that are mined along with them."""
    algorithms = {group.machine.algorithm for group in groups}
    return tuple(coin for coin in coins if coin.algorithm in algorithms)


def make_plan(prepared: Prepared, wish: Wish, *, rng: np.random.Generator, progress: Progress | None = None) -> Plan:
    """Plan.

    Raises:
        OperatorError: no machine has a coin to mine (HW-818).
    """
    entries = mining_entries(prepared, wish)
    rents = _rents(prepared, wish)
    earners = [*(it.earner for it in entries), *(it.earner for it in rents)]
    totals = Totals(prepared.world.starts, earners, wish.scenarios)
    marks = tuple(sorted({max(round(wish.horizon_days * i / MARKS), 1) for i in range(1, MARKS + 1)}))
    fan = Fan(marks, wish.scenarios, len(prepared.coins))
    simulate(
        prepared.world,
        days=wish.horizon_days,
        paths=wish.scenarios,
        rng=rng,
        watchers=[totals, fan],
        progress=progress,
    )
    columns, gross, outcomes = _columns(prepared, wish, (entries, rents), totals)
    usable = [i for i, it in enumerate(outcomes) if it.kind != "compare"]
    caps = tuple((venue.name, venue.cap) for venue in wish.venues if venue.cap < 1)
    problem = Problem(
        columns=tuple(columns[i] for i in usable),
        gross_usd=gross[:, usable],
        purse_usd=_purse(wish),
        venue_caps=caps,
        risk=wish.risk,
        tail=TAIL,
    )
    found = allocate(problem)
    if wish.objective == "cara":
        found = _by_luck(prepared, wish, problem, found)
    layout, decision = _decided(problem, found, wish)
    told = [outcomes[i] for i in range(len(outcomes)) if i not in usable]
    placed = [
        dataclasses.replace(outcomes[i], weight=float(found.weights[at]), short_usd=float(found.reduced_usd[at]))
        if len(found.reduced_usd)
        else outcomes[i]
        for at, i in enumerate(usable)
    ]
    changes = prepared.world.changes
    findings = list(prepared.findings)
    if found.solver == "none":
        findings.append(Finding(code="HW-830", place="plan", message="made by the plain rule, without weighing risk"))
    growth = changes.growth_per_year(price_drift=prepared.world.assumptions.price_drift)
    told_growth = prepared.world.assumptions.growth
    return Plan(
        wish=wish,
        outcomes=(*_merged(placed), *told),
        allocation=found,
        decision=decision,
        layout=layout,
        outcome_usd=found.outcome_usd - found.moved_usd,
        spreads=_spreads(prepared, fan),
        findings=tuple(findings),
        changes_source=changes.source,
        is_made=changes.is_made,
        growth_per_year={
            coin: float(value) if told_growth is None else told_growth
            for coin, value in zip(changes.coins, growth, strict=True)
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One way of mining before it is a column."""

    group: Group
    coin: Coin
    venue: Venue
    earner: Earner
    along: tuple[Earner, ...] = ()
    """What the same hashes earn of merged coins; part of the same way."""
    pieces: tuple[tuple[float, float], ...] = ((1.0, 1.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rent:
    """Hash power that the power money rents at a market's ask, mining a coin at the cheapest venue."""

    coin: Coin
    earner: Earner


def _rents(prepared: Prepared, wish: Wish) -> list[_Rent]:
    found = []
    purse, fee = _purse(wish), min(venue.fee for venue in wish.venues)
    for market in wish.markets:
        if market.ask_usd_ph_day <= 0 or purse <= 0:
            continue
        ph = purse / (market.ask_usd_ph_day * (1 + market.fee) * wish.horizon_days)
        for place, coin in enumerate(prepared.coins):
            is_along = bool(coin.economy and coin.economy.merged_parent)
            if coin.algorithm == market.algorithm and coin.economy and coin.economy.session and not is_along:
                net = (1 - fee) * (1 - wish.terms.stale)
                rate = min(ph, market.depth_ph) * PH
                earner = Earner(
                    coin=place,
                    hashrate_hs=rate,
                    cost_usd_day=0.0,
                    net=net,
                    may_pause=False,
                    hold=wish.hold.of(coin.ticker),
                )
                found.append(_Rent(coin=coin, earner=earner))
    return found


def group_name(group: Group) -> str:
    """Return a group's name: `Antminer S21 x3`."""
    return f"{group.machine.model} x{group.count}" if group.count > 1 else group.machine.model


def mining_entries(prepared: Prepared, wish: Wish) -> list[_Entry]:
    """Return each way of mining: each group, coin of its algorithm, and venue.

    Raises:
        OperatorError: there is none (HW-818).
    """
    entries = []
    for group in wish.groups:
        fitting = [
            coin
            for coin in prepared.coins
            if coin.algorithm == group.machine.algorithm and not (coin.economy and coin.economy.merged_parent)
        ]
        for coin in fitting:
            entries += [_entry(prepared, wish, group, coin, venue) for venue in wish.venues]
    if not entries:
        machines = ", ".join(group.machine.model for group in wish.groups)
        raise OperatorError(f"No coin of which enough is known can be mined with: {machines}.", code="HW-818")
    return entries


def _entry(prepared: Prepared, wish: Wish, group: Group, coin: Coin, venue: Venue) -> _Entry:
    rate = group.machine.hashrate_hs * group.count
    cost = group.machine.power_w / 1000 * 24 * wish.power_price_usd_kwh * group.count * wish.terms.uptime
    net = (1 - venue.fee) * (1 - wish.terms.stale) * wish.terms.realisation * wish.terms.uptime
    place = prepared.place(coin.ticker)
    start = prepared.world.starts[place]
    aux = [it for it in prepared.coins if it.economy and it.economy.merged_parent == coin.key and venue.pass_through]
    earner = Earner(
        coin=place,
        hashrate_hs=rate,
        cost_usd_day=cost,
        net=net,
        hold=wish.hold.of(coin.ticker),
        along=tuple(
            (prepared.place(it.ticker), rate * 86_400 * net * venue.pass_through) for it in aux
        ),
    )  # fmt: skip
    others = start.work_hashes / start.interval_s
    return _Entry(
        group=group, coin=coin, venue=venue, earner=earner, pieces=tuple(dilution_pieces(rate, others))
    )  # fmt: skip


def _purse(wish: Wish) -> float:
    """Return what all machines' power costs over the horizon: the money that could buy coins instead."""
    watts = sum(group.machine.power_w * group.count for group in wish.groups)
    return max(watts / 1000 * 24 * wish.power_price_usd_kwh * wish.terms.uptime * wish.horizon_days, 0.0)


def _columns(
    prepared: Prepared, wish: Wish, ways: tuple[list[_Entry], list[_Rent]], totals: Totals
) -> tuple[list[Column], FloatArray, list[Outcome]]:
    """Return columns, what each gives in each scenario (spending included), and what each is worth alone."""
    entries, rents = ways
    columns: list[Column] = []
    gross: list[FloatArray] = []
    outcomes: list[Outcome] = []

    def add(column: Column, values: FloatArray, outcome: Outcome) -> None:
        columns.append(column)
        gross.append(values)
        outcomes.append(outcome)

    for group in wish.groups:
        name = group_name(group)
        nothing = np.zeros(wish.scenarios)
        idle = Column(key=f"{name}: idle", kind="idle", group=name)
        add(idle, nothing, _outcome(idle, "idle", nothing, days_on=0.0))
    for at, entry in enumerate(entries):
        for column, values, outcome in _mining(prepared, wish, entry, totals, at):
            add(column, values, outcome)
    for column, values in _selling(wish):
        add(column, values, _outcome(column, "sell", values - column.spend_usd, days_on=float(wish.horizon_days)))
    for at, rent in enumerate(rents, start=len(entries)):
        key = f"rent hash power for {rent.coin.ticker} with the power money"
        column = Column(key=key, kind="rent", coin=rent.coin.ticker, spend_usd=_purse(wish))
        values = totals.value_usd[at]
        add(column, values, _outcome(column, "rent", values - column.spend_usd, days_on=float(wish.horizon_days)))
    for column, values in _buying(prepared, wish, totals):
        add(column, values, _outcome(column, "buy", values - column.spend_usd, days_on=0.0))
    return columns, np.stack(gross, axis=1), outcomes


def _mining(
    prepared: Prepared, wish: Wish, entry: _Entry, totals: Totals, at: int
) -> list[tuple[Column, FloatArray, Outcome]]:
    name = group_name(entry.group)
    key = f"{name}: {entry.coin.ticker} at {entry.venue.name}"
    earned, power = totals.value_usd[at] + totals.power_usd[at], totals.power_usd[at]
    spend = float(power.mean())
    is_target = bool(entry.coin.economy and entry.coin.economy.session)
    move = entry.earner.cost_usd_day * wish.move_minutes / 1440
    share = entry.group.machine.hashrate_hs * entry.group.count / _all_hashes(wish, entry.group.machine.algorithm)
    found = []
    now = entry.earner.first_usd_day(prepared.world.starts)
    for number, (width, factor) in enumerate(entry.pieces):
        # what the pieces do not differ in is the power: it is paid whatever the market leaves
        values = earned * factor - power + spend
        column = Column(
            key=key if len(entry.pieces) == 1 else f"{key} ({number + 1}/{len(entry.pieces)})",
            kind="mine",
            group=name,
            coin=entry.coin.ticker,
            venue=entry.venue.name,
            spend_usd=spend,
            exposure=share,
            width=width,
            move_usd=move,
        )
        outcome = _outcome(
            column, "mine" if is_target else "compare", values - spend, days_on=float(totals.days_on[at].mean())
        )
        cost = entry.earner.cost_usd_day
        price = wish.power_price_usd_kwh
        outcome = dataclasses.replace(
            outcome,
            key=key,
            now_usd_day=now * factor - cost,
            cost_usd_day=cost,
            break_even_usd_kwh=now * factor / cost * price if cost > 0 and price > 0 else None,
        )
        found.append((column, values, outcome))
    return found


def _all_hashes(wish: Wish, algorithm: str) -> float:
    """Return the hash rate of all groups of an algorithm: a venue's cap is a part of it."""
    same = [it for it in wish.groups if it.machine.algorithm == algorithm]
    return sum(it.machine.hashrate_hs * it.count for it in same)


def _selling(wish: Wish) -> list[tuple[Column, FloatArray]]:
    """Return the columns of markets that pay for hash power: the bid is known, the price of power too."""
    found = []
    for market in wish.markets:
        for group in (it for it in wish.groups if it.machine.algorithm == market.algorithm):
            if market.bid_usd_ph_day <= 0:
                continue
            ph = group.machine.hashrate_hs * group.count / PH
            cost = group.machine.power_w / 1000 * 24 * wish.power_price_usd_kwh * group.count
            paid = market.bid_usd_ph_day * ph * (1 - market.fee) * (1 - wish.terms.stale)
            name = group_name(group)
            column = Column(
                key=f"{name}: sell its hash power",
                kind="sell",
                group=name,
                spend_usd=cost * wish.horizon_days,
                width=min(1.0, market.depth_ph / ph),
            )
            found.append((column, np.full(wish.scenarios, paid * wish.horizon_days)))
    return found


def _buying(prepared: Prepared, wish: Wish, totals: Totals) -> list[tuple[Column, FloatArray]]:
    """Return the columns of buying: the power money of each day into a coin, valued at the end."""
    purse = _purse(wish)
    if purse <= 0:
        return []
    found = []
    for place, coin in enumerate(prepared.coins):
        worth = totals.coins_a_dollar[place] * totals.end_price_usd[place] / wish.horizon_days * (1 - BUY_FEE)
        column = Column(key=f"buy {coin.ticker} with the power money", kind="buy", coin=coin.ticker, spend_usd=purse)
        found.append((column, worth * purse))
    return found


def _outcome(column: Column, kind: Kind, values: FloatArray, *, days_on: float) -> Outcome:
    low, middle, high = (float(it) for it in np.percentile(values, (5, 50, 95)))
    return Outcome(
        key=column.key,
        kind=kind,
        group=column.group,
        coin=column.coin,
        venue=column.venue,
        mean_usd=float(values.mean()),
        p5_usd=low,
        p50_usd=middle,
        p95_usd=high,
        cvar_usd=cvar(values, TAIL),
        loss_chance=float((values < 0).mean()),
        days_on=days_on,
        now_usd_day=0.0,
        cost_usd_day=0.0,
        break_even_usd_kwh=None,
    )


def _merged(outcomes: list[Outcome]) -> list[Outcome]:
    """Join the pieces of a thin market: its first piece's numbers are those of little hash power, weights add."""
    joined: dict[str, Outcome] = {}
    for outcome in outcomes:
        before = joined.get(outcome.key)
        if before is None:
            joined[outcome.key] = outcome
        else:
            joined[outcome.key] = dataclasses.replace(
                before,
                weight=before.weight + outcome.weight,
                short_usd=min(before.short_usd, outcome.short_usd),
            )
    return list(joined.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The programme's answer as a policy: `decide` has the last word on moves."""

    weights: FloatArray
    expected_usd_day: FloatArray
    title: str = "the plan"

    def propose(self, snapshot: Snapshot) -> Proposal:
        """Say what the programme found."""
        return Proposal(weights=self.weights, expected_usd_day=self.expected_usd_day, why="mean less risk")


def _by_luck(prepared: Prepared, wish: Wish, problem: Problem, found: Allocation) -> Allocation:
    """Share out anew what the programme gives to the pools of one coin, by the certainty equivalent of their luck."""
    weights = found.weights.copy()
    pools = {it.name: Pool(name=it.name, hashrate_hs=it.hashrate_hs, fee=it.fee) for it in wish.venues}
    for group in wish.groups:
        name, rate = group_name(group), group.machine.hashrate_hs * group.count
        for coin in prepared.coins:
            rows = [i for i, it in enumerate(problem.columns) if it.group == name and it.coin == coin.ticker]
            rows = [i for i in rows if problem.columns[i].venue in pools]
            total = float(weights[rows].sum())
            if total <= 0:
                continue
            start = prepared.world.starts[prepared.place(coin.ticker)]
            block = start.reward_coins[0] * (1 + start.fees_ratio) * start.price_usd
            # the aversion by which a day's income, lost for sure, weighs as much as `risk` times a lucky one
            taste = Taste(
                span_s=wish.horizon_days * 86_400.0,
                block_usd=block,
                work_hashes=start.work_hashes,
                aversion=wish.risk / max(_purse(wish), 1.0),
            )
            here = [pools[problem.columns[i].venue] for i in rows]
            split = best_split(here, rate * total, taste)
            weights[rows] = [part / rate for part in split]
    return reweighed(problem, found, weights)


def _decided(problem: Problem, found: Allocation, wish: Wish) -> tuple[Layout, Decision]:
    places = [i for i, column in enumerate(problem.columns) if column.group]
    ways = tuple(
        Way(
            key=problem.columns[i].key,
            group=problem.columns[i].group,
            kind="idle" if problem.columns[i].kind == "idle" else "mine",
            coin=problem.columns[i].coin,
            venue=problem.columns[i].venue,
            cost_usd_day=problem.columns[i].spend_usd / wish.horizon_days,
            move_usd=problem.columns[i].move_usd,
        )
        for i in places
    )
    layout = Layout(ways)
    weights = found.weights[places]
    for _, at in layout.groups:
        total = weights[at].sum()
        weights[at] = weights[at] / total if total > 0 else layout.all_idle()[at]
    gross = problem.gross_usd[:, places].mean(axis=0) / wish.horizon_days
    snapshot = Snapshot(
        now_ms=0,
        layout=layout,
        revenue_usd_day=gross[np.newaxis, :],
        held=layout.all_idle(),
        rules=Rules(hold_days=float(wish.horizon_days), risk=wish.risk),
        scenarios_usd=problem.gross_usd[:, places],
    )
    return layout, decide(snapshot, Planned(weights=weights, expected_usd_day=gross))


def _spreads(prepared: Prepared, fan: Fan) -> tuple[Spread, ...]:
    levels = (5, 25, 50, 75, 95)
    return tuple(
        Spread(
            coin=coin.ticker,
            days=tuple(fan.marks),
            price=np.percentile(fan.price[:, place].astype(np.float64), levels, axis=1).T,
            difficulty=np.percentile(fan.work[:, place].astype(np.float64), levels, axis=1).T,
        )
        for place, coin in enumerate(prepared.coins)
    )
