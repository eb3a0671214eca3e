"""One turn of the autopilot: what was seen goes in, a thought comes out; nothing is asked, nothing is done.

    Seen  --think-->  Thought            the same `decide` as plans and backtests use
    Seen, Thought  --became-->  state    what a turn comes to in each mode

`Seen` holds every number that the thought rests on, so that a stored turn can be thought again and must give the same
answer: that is how a decision is explained, and how "this is what it knew" is proved. Both go through a process border
and into the database as JSON; fields are only ever added, with a default that means what was before them.

Money is USD as a float: an estimate that no ledger takes. Rules: a way whose price is unknown or too old is left out
and named (HW-401), and so is a destination that is not ready, or a market that pays less than the owner's floor; where
nothing is left, everything stays as it is. The owner's limits (part moved in one turn, rest after a change, what moves
cost a day, heat) are named in `Thought.bound` when they hold it back. Where every way of mining costs more than it
earns, the thought says so first.

A dry run follows a *paper* route: what it would have by now, had it acted. Its limits bind there as they would live,
so that a dry run of a month is the backtest of that month.

numpy is loaded by whoever thinks, not by whoever asks: the running program only knows the records.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from hashwright import registry
from hashwright.economics.exchange import Exchange
from hashwright.planner.purchases import BuyRules, Promise, Purchase, SeenPurchase, buy

if TYPE_CHECKING:
    from hashwright.planner.decide import Decision, FloatArray, Layout, Snapshot

GROUP: Final = "machines"
IDLE: Final = "idle"
MARKET: Final = "own market"
"""The way that sells to orders of the own market. No destination can have a name with a space."""
PH: Final = 1e15
DAY_S: Final = 86_400
HOUR_MS: Final = 3_600_000
AHEAD_MAX_MS: Final = 300_000
"""Clocks differ by a little; what is further ahead is not believed."""
POINTS: Final = 10_000
"""Routes are written in hundredths of a percent."""
ALIKE_POINTS: Final = 50
"""A route that differs by less than half a percent is the same route."""
Mode = Literal["dry-run", "advise", "live"]
State = Literal["rehearsed", "asked", "applied", "kept"]


class SeenWay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A destination, or the own market, as it stands now.

    `coins_per_hash` is what its newest job or template promises a hash [coins], or what orders would pay for one;
    `price_at_ms` is when the price was true. `net` is what is left after its fee, times what part of promises it was
    seen to keep; `factors` are the numbers that it is made of. `width` is the largest part of all work that it takes.
    `move_s` is how much of its work a move to it loses [s], learned from the moves of `move_spans` spans.
    """

    destination: str
    coin: str
    is_ready: bool
    coins_per_hash: float | None
    price_usd: float | None
    price_at_ms: int
    price_source: str
    net: float
    kind: Literal["pool", "market"] = "pool"
    width: float = 1.0
    floor_usd_ph_day: float = 0.0
    worth_source: str = ""
    factors: dict[str, float] = {}
    why_not: str = ""
    move_s: float = 0.0
    move_spans: int = 0


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the owner allows: `step` is the largest part of all work that one turn moves, 0 to 1.

    A move of all work costs `move_usd` and `move_minutes` of the power bill; `budget_usd_day` bounds what moves may
    cost in 24 hours. `may_sleep`: machines may be put to sleep. `learn_days`: from how many days the drift of what each
    way is worth is learned. Without `may_rest_on_paper` a dry run keeps the best of bad ways, as it would live. None is
    no limit.
    """

    policy: str = "best_hashprice"
    step: float = 0.25
    hold_days: float = 1.0
    margin_usd: float = 0.0
    price_age_max_ms: int = HOUR_MS
    dwell_ms: int = 0
    budget_usd_day: float | None = None
    move_usd: float = 0.0
    move_minutes: float = 0.0
    temperature_max_c: float | None = None
    may_sleep: bool = False
    learn_days: int = 0
    may_rest_on_paper: bool = True


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that a turn knows. `held` are the parts of work that destinations have now.

    `history` is what each destination was worth on days before, oldest first [USD/(PH/s)/day]; None is unknown.
    `paper` is the route of a dry run, with `idle`. `hashrate_hs` counts machines that the autopilot put to sleep;
    `asleep` is their part of it. `changed_ms` is when the route was last changed, `spent_usd` what the moves of the
    last 24 hours cost. `cause` is why this turn came now, `hottest_c` the hottest machine. `power_exchange` is the rate
    that power's price was converted by; `power_problem` says why it could not be. `purchases` are rentals that could be
    bought, `bought_usd` what was committed for them in 24 hours, by market.
    """

    at_ms: int
    algorithm: str
    hashrate_hs: float
    efficiency_j_th: float
    power_price_usd_kwh: float
    ways: tuple[SeenWay, ...]
    held: dict[str, float]
    limits: Limits
    history: tuple[dict[str, float | None], ...] = ()
    cause: str = "the clock"
    paper: dict[str, float] | None = None
    changed_ms: int | None = None
    spent_usd: float = 0.0
    asleep: float = 0.0
    hottest_c: float | None = None
    power_source: str = ""
    power_exchange: Exchange | None = None
    power_problem: str = ""
    purchases: tuple[SeenPurchase, ...] = ()
    buying: BuyRules = BuyRules()
    bought_usd: dict[str, float] = {}

    @property
    def power_usd_day(self) -> float:
        """Return what power costs while all machines run [USD/day]; 0 where the owner did not say."""
        watts = self.efficiency_j_th * self.hashrate_hs / 1e12
        return watts / 1000 * 24 * self.power_price_usd_kwh


class Thought(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The answer. `parts` are hundredths of a percent of all mining work; empty where everything stays as it is.

    `worth` is what each way would earn if it had all work [USD/day, before power]; `idle` the part that should rest.
    `weights` are the exact parts, of the market and of rest too. `verdict` says whether anything moves; `second` is the
    best of the ways not chosen, and `second_usd_day` how much less it gives a day. `bound` are limits that bind,
    `drift` is what the learned drift multiplied the worth of ways with. `purchases` say what to do about each rental.
    """

    parts: dict[str, int]
    worth: dict[str, float]
    idle: float
    expected_usd_day: float
    held_usd_day: float
    why: str
    reasons: tuple[str, ...]
    left_out: tuple[str, ...]
    is_loss: bool
    weights: dict[str, float] = {}
    verdict: str = ""
    second: str = ""
    second_usd_day: float = 0.0
    moved_usd: float = 0.0
    bound: tuple[str, ...] = ()
    drift: dict[str, float] = {}
    purchases: tuple[Purchase, ...] = ()

    @property
    def gain_usd_day(self) -> float:
        """Return how much more the thought is expected to leave a day than what is done now."""
        return self.expected_usd_day - self.held_usd_day


def usd_ph_day(way: SeenWay) -> float | None:
    """Return what 1 PH/s earns a day at a destination, after its fee [USD]; None where it is not known."""
    if way.coins_per_hash is None or way.price_usd is None:
        return None
    return way.coins_per_hash * PH * DAY_S * way.price_usd * way.net


# ---------------------------------------------------------------- thinking


def think(seen: Seen) -> Thought:
    """Return what should be done from now on, and why."""
    from hashwright.planner.decide import decide

    usable, left_out = _sorted_out(seen)
    if not usable or seen.hashrate_hs <= 0:
        why = "no machine works here now" if usable else "nothing can be compared; everything stays as it is"
        return _stay(seen, why, left_out)
    if seen.power_problem and seen.efficiency_j_th > 0 and not seen.power_price_usd_kwh:
        why = f"what power costs is not known, and you said no price: {seen.power_problem} Everything stays as it is"
        return _stay(seen, why, left_out)
    snapshot = _snapshot(seen, usable)
    layout = snapshot.layout
    decision = decide(snapshot, registry.load("policies", seen.limits.policy).POLICY())
    decided, bound = _cooled(seen, snapshot, decision)
    weights = {way.key: float(weight) for way, weight in zip(layout.ways, decided, strict=True)}
    worth = {way.key: float(usd) for way, usd in zip(layout.ways[:-1], snapshot.newest[:-1], strict=True)}
    profit = decision.profit_usd_day
    reason = decision.reasons[0]
    return Thought(
        parts=parts_of({name: part for name, part in weights.items() if name not in (IDLE, MARKET)}),
        worth=worth,
        idle=weights[IDLE],
        expected_usd_day=float(decided @ profit),
        held_usd_day=float(_held(seen, usable, is_paper=False) @ profit),
        why=decision.why,
        reasons=tuple(it.text for it in decision.reasons),
        left_out=left_out,
        is_loss=max(worth.values()) < seen.power_usd_day,
        weights=weights,
        verdict=reason.verdict,
        second=reason.second,
        second_usd_day=reason.second_usd_day,
        moved_usd=float((decided - snapshot.held).clip(0) @ layout.moves),
        bound=bound,
        drift=_drifts(snapshot),
        purchases=bought(seen),
    )


def _drifts(snapshot: "Snapshot") -> dict[str, float]:
    """Return what the learned drift multiplied each way's worth with; nothing where none is learned."""
    from hashwright.planner.decide import drift_factors

    if not snapshot.rules.learn_days:
        return {}
    ways = zip(snapshot.layout.ways, drift_factors(snapshot), strict=True)
    return {way.key: float(factor) for way, factor in ways if factor != 1.0}


def parts_of(weights: dict[str, float]) -> dict[str, int]:
    """Write weights as whole hundredths of a percent that sum to all; the largest takes what rounding leaves."""
    total = sum(weights.values())
    if total <= 0:
        return {}
    parts = {name: round(weight / total * POINTS) for name, weight in weights.items()}
    parts[max(weights, key=lambda name: weights[name])] += POINTS - sum(parts.values())
    return {name: part for name, part in parts.items() if part > 0}


def _sorted_out(seen: Seen) -> tuple[tuple[SeenWay, ...], tuple[str, ...]]:
    """Return the ways that can be compared, and why each of the others cannot."""
    usable, left_out = [], []
    for way in seen.ways:
        why = _problem(way, seen)
        if why:
            left_out.append(f"{way.destination}: {why}")
        else:
            usable.append(way)
    return tuple(usable), tuple(left_out)


def _problem(way: SeenWay, seen: Seen) -> str:
    if way.why_not:
        return way.why_not
    if not way.is_ready:
        return "it is not ready"
    if way.coins_per_hash is None:
        return "its job has not told what a hash is worth"
    if way.price_usd is None:
        return f"no price of {way.coin} is known"
    if seen.at_ms - way.price_at_ms > seen.limits.price_age_max_ms:
        minutes = (seen.at_ms - way.price_at_ms) // 60_000
        return f"HW-401 the price of {way.coin} is {minutes:,} min old"
    if way.price_at_ms - seen.at_ms > AHEAD_MAX_MS:
        return f"the price of {way.coin} is from a time to come: look at the clock"
    worth = usd_ph_day(way)
    if worth is not None and worth < way.floor_usd_ph_day:
        return f"it pays {worth:,.2f} USD/PH/day, below your floor of {way.floor_usd_ph_day:,.2f}"
    return ""


def _snapshot(seen: Seen, usable: tuple[SeenWay, ...]) -> "Snapshot":
    """Lay the ways out for `decide`: one group, with resting as the last way."""
    import numpy as np

    from hashwright.planner.decide import NO_LIMIT, Past, Rules, Snapshot

    limits, scale = seen.limits, seen.hashrate_hs / PH
    rows = [[_scaled(day.get(it.destination), scale) for it in usable] + [0.0] for day in seen.history]
    rows.append([_scaled(usd_ph_day(it), scale) for it in usable] + [0.0])
    rules = Rules(
        hold_days=limits.hold_days,
        margin_usd=limits.margin_usd,
        step_cap=limits.step,
        dwell_ms=limits.dwell_ms,
        budget_usd_day=NO_LIMIT if limits.budget_usd_day is None else limits.budget_usd_day,
        learn_days=limits.learn_days,
    )
    changed = {} if seen.changed_ms is None else {GROUP: seen.changed_ms}
    return Snapshot(
        now_ms=seen.at_ms,
        layout=_layout(seen, usable),
        revenue_usd_day=np.array(rows, np.float64),
        held=_held(seen, usable, is_paper=True),
        rules=rules,
        past=Past(changed_ms=changed, spent=((seen.at_ms, seen.spent_usd),)),
    )


def lost_usd(way: SeenWay, seen: Seen) -> float:
    """Return what a move of all work to a way loses [USD]: what it would have earned while nothing came."""
    return (usd_ph_day(way) or 0.0) * seen.hashrate_hs / PH * way.move_s / DAY_S


def _layout(seen: Seen, usable: tuple[SeenWay, ...]) -> "Layout":
    from hashwright.planner.decide import Layout, Way

    power, limits = seen.power_usd_day, seen.limits
    move_usd = limits.move_usd + power * limits.move_minutes / 1440
    mining = [
        Way(
            key=it.destination,
            group=GROUP,
            kind="sell" if it.kind == "market" else "mine",
            coin=it.coin,
            venue=it.destination,
            cost_usd_day=power,
            move_usd=move_usd + lost_usd(it, seen),
            width=it.width,
        )
        for it in usable
    ]
    return Layout(ways=(*mining, Way(key=IDLE, group=GROUP, kind="idle")))


def _scaled(value: float | None, scale: float) -> float:
    return float("nan") if value is None else value * scale


def _held(seen: Seen, usable: tuple[SeenWay, ...], *, is_paper: bool) -> "FloatArray":
    """Return what the usable ways hold of the work now; work at others must go somewhere, and counts as resting.

    Where machines may be put to sleep, only those that were count as resting; work at others counts as held by each.
    """
    import numpy as np

    is_paper = is_paper and seen.paper is not None
    awake = 1.0 if is_paper else 1.0 - seen.asleep
    source = (seen.paper or {}) if is_paper else seen.held
    held = np.array([max(source.get(it.destination, 0.0), 0.0) * awake for it in usable] + [0.0])
    if seen.limits.may_sleep and not is_paper:
        total = held.sum()
        held = held * (awake / total) if total > 0 else np.array([awake / len(usable)] * len(usable) + [0.0])
    held[-1] = max(1.0 - held.sum(), 0.0)
    normal: FloatArray = held / held.sum()
    return normal


def _cooled(seen: Seen, snapshot: "Snapshot", decision: "Decision") -> tuple["FloatArray", tuple[str, ...]]:
    """Return the weights, without waking anybody while a machine is too hot, and the limits that bind."""
    prefix = f"{GROUP}: "
    weights, bound = decision.weights, tuple(it.removeprefix(prefix) for it in decision.bound)
    limit, rested = seen.limits.temperature_max_c, float(snapshot.held[-1])
    is_hot = limit is not None and seen.hottest_c is not None and seen.hottest_c > limit
    if not is_hot or not seen.limits.may_sleep or weights[-1] >= rested - 1e-9:
        return weights, bound
    cooled = weights.copy()
    cooled[:-1] *= (1 - rested) / max(float(weights[:-1].sum()), 1e-9)
    cooled[-1] = rested
    return cooled, (*bound, f"no machine is woken: the hottest has {seen.hottest_c:.0f} C, your limit is {limit:.0f} C")


def _stay(seen: Seen, why: str, left_out: tuple[str, ...]) -> Thought:
    return Thought(
        parts={},
        worth={},
        idle=0.0,
        expected_usd_day=0.0,
        held_usd_day=0.0,
        why=why,
        reasons=(),
        left_out=left_out,
        is_loss=False,
        purchases=bought(seen),
    )


# ---------------------------------------------------------------- hash power of others


def bought(seen: Seen) -> tuple[Purchase, ...]:
    """Return what should be done about each rental that the owner named."""
    ways = {way.destination: way for way in seen.ways}
    promises = {it.name: _promise(it, ways.get(it.destination), seen) for it in seen.purchases}
    left_out = {it.name: _coin_problem(it, seen) for it in seen.purchases}
    return buy(seen.purchases, promises, seen.buying, spent_usd=seen.bought_usd, left_out=left_out)


def _promise(it: SeenPurchase, way: SeenWay | None, seen: Seen) -> Promise:
    """Return what the pool of a rental promises, in the market's coin."""
    if way is None:
        return Promise(why_not=f"there is no destination {it.destination!r} here that says so")
    priced = msgspec.structs.replace(way, price_usd=1.0, price_at_ms=seen.at_ms) if it.is_same_coin else way
    why_not = _problem(priced, seen) or ("" if it.is_same_coin else _coin_problem(it, seen))
    if why_not or way.coins_per_hash is None:
        return Promise(why_not=why_not)
    if not it.is_same_coin and not it.coin_price_usd:
        return Promise(why_not=f"coins of a test network ({it.coin}) cannot be compared with others")
    ratio = 1.0 if it.is_same_coin else (way.price_usd or 0.0) / (it.coin_price_usd or 1.0)
    kept = (1 - Decimal(it.pool_fee_part)) * Decimal(str(round(way.net * it.delivered, 9)))
    return Promise(hashprice=Decimal(repr(way.coins_per_hash * 1e18 * DAY_S * ratio)), kept=kept)


def _coin_problem(it: SeenPurchase, seen: Seen) -> str:
    """Say why the price of a market's coin cannot be gone by; nothing new is bought without one."""
    if it.coin_price_usd is None:
        return f"no price of {it.coin or 'its coin'} is known"
    minutes = (seen.at_ms - it.coin_price_at_ms) // 60_000
    if minutes * 60_000 > seen.limits.price_age_max_ms:
        return f"HW-401 the price of {it.coin} is {minutes:,} min old"
    return "" if it.coin_price_at_ms - seen.at_ms <= AHEAD_MAX_MS else f"the price of {it.coin} is from a time to come"


# ---------------------------------------------------------------- what becomes of it


def became(seen: Seen, thought: Thought, mode: Mode) -> tuple[State, str]:
    """Return what a turn comes to in a mode, and why in words."""
    if not (thought.parts or thought.weights):
        return "kept", thought.why
    if not is_change(seen, thought):
        good = "what is done is good" if seen.paper is None else "what it has on paper is good"
        return "kept", thought.bound[0] if thought.bound else good
    match mode:
        case "dry-run":
            return "rehearsed", f"it would have {parts_text(thought)}"
        case "advise":
            return "asked", "a person is asked"
        case "live":
            return "applied", f"expected {thought.gain_usd_day:+.2f} USD a day beside what was done"


def parts_text(thought: Thought) -> str:
    """Return where machines would be, in words."""
    weights = thought.weights or {name: part / POINTS for name, part in thought.parts.items()}
    return ", ".join(f"{name} {part:.1%}" for name, part in weights.items() if part > 0)


def is_change(seen: Seen, thought: Thought) -> bool:
    """Tell whether a thought wants something else than what is done; on paper, each move counts."""
    if seen.paper is not None:
        return thought.verdict == "moved" and (seen.limits.may_rest_on_paper or _moves_on_paper(seen, thought))
    if thought.verdict in ("rests", "no-budget"):
        return False
    names = (set(thought.parts) | set(seen.held)) - {MARKET}
    mined = 1.0 - seen.held.get(MARKET, 0.0)
    held = {name: seen.held.get(name, 0.0) / mined if mined > 0 else 0.0 for name in names}
    if thought.parts and any(abs(thought.parts.get(it, 0) - held[it] * POINTS) >= ALIKE_POINTS for it in names):
        return True
    awake = max(1.0 - thought.idle, 1e-9)
    is_sold_otherwise = _differs(thought.weights.get(MARKET, 0.0) / awake, seen.held.get(MARKET, 0.0))
    return is_sold_otherwise or (seen.limits.may_sleep and _differs(thought.idle, seen.asleep))


def _moves_on_paper(seen: Seen, thought: Thought) -> bool:
    before, after = seen.paper or {}, paper_after(seen, thought) or {}
    return any(_differs(after.get(name, 0.0), before.get(name, 0.0)) for name in before.keys() | after.keys())


def _differs(wanted: float, held: float) -> bool:
    return abs(wanted - held) * POINTS >= ALIKE_POINTS


def paper_after(seen: Seen, thought: Thought) -> dict[str, float] | None:
    """Return the route of a dry run after a turn: where the thought would have brought it."""
    weights = dict(thought.weights) or seen.paper
    if weights is None or seen.limits.may_rest_on_paper:
        return weights
    total = sum(part for name, part in weights.items() if name != IDLE)
    return {name: part / total for name, part in weights.items() if name != IDLE} if total > 0 else seen.paper
