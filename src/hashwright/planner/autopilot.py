"""One turn of the autopilot: what was seen goes in, a thought comes out; nothing is asked, nothing is done.

    Seen  --think-->  Thought            the same `decide` as plans and backtests use

`Seen` holds every number that the thought rests on, so that a stored turn can be thought again and must give the same
answer: that is how a decision is explained, and how "this is what it knew" is proved. Both go through a process border
and into the database as JSON.

Money is USD as a float: an estimate that no ledger takes. Rules: a way whose price is unknown or too old is left out
and named (HW-401), and a destination that is not ready likewise; where nothing is left, everything stays as it is. The
part of all work that moves in one turn is bounded by `Limits.step`. Where every way of mining costs more than it earns,
the thought says so first; machines sleep only by whoever drives their power.

numpy is loaded by whoever thinks, not by whoever asks: the running program only knows the records.
"""

from typing import TYPE_CHECKING

import msgspec

from hashwright import registry

if TYPE_CHECKING:
    from hashwright.planner.decide import FloatArray, Snapshot

GROUP = "machines"
IDLE = "idle"
PH = 1e15
DAY_S = 86_400
HOUR_MS = 3_600_000
POINTS = 10_000
"""Routes are written in hundredths of a percent."""


class SeenWay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A destination, as it stands now.

    `coins_per_hash` is what its newest job or template promises a hash [coins]; `price_at_ms` is when the price was
    true. `net` is what is left after its fee, times what part of promises it was seen to keep.
    """

    destination: str
    coin: str
    is_ready: bool
    coins_per_hash: float | None
    price_usd: float | None
    price_at_ms: int
    price_source: str
    net: float


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the owner allows: `step` is the largest part of all work that one turn moves, 0 to 1."""

    policy: str = "best_hashprice"
    step: float = 0.25
    hold_days: float = 1.0
    margin_usd: float = 0.0
    price_age_max_ms: int = HOUR_MS


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that a turn knows. `held` are the parts of work that destinations have now.

    `history` is what each destination was worth on days before, oldest first [USD/(PH/s)/day]; None is unknown.
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

    @property
    def power_usd_day(self) -> float:
        """Return what power costs while all machines run [USD/day]; 0 where the owner did not say."""
        watts = self.efficiency_j_th * self.hashrate_hs / 1e12
        return watts / 1000 * 24 * self.power_price_usd_kwh


class Thought(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The answer. `parts` are hundredths of a percent of all mining work; empty where everything stays as it is.

    `worth` is what each way would earn if it had all work [USD/day, before power]; `idle` the part that should rest.
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

    @property
    def gain_usd_day(self) -> float:
        """Return how much more the thought is expected to leave a day than what is done now."""
        return self.expected_usd_day - self.held_usd_day


def usd_ph_day(way: SeenWay) -> float | None:
    """Return what 1 PH/s earns a day at a destination, after its fee [USD]; None where it is not known."""
    if way.coins_per_hash is None or way.price_usd is None:
        return None
    return way.coins_per_hash * PH * DAY_S * way.price_usd * way.net


def think(seen: Seen) -> Thought:
    """Return what should be done from now on, and why."""
    from hashwright.planner.decide import decide

    usable, left_out = _sorted_out(seen)
    if not usable or seen.hashrate_hs <= 0:
        why = "no machine works here now" if usable else "nothing can be compared; everything stays as it is"
        return _stay(seen, why, left_out)
    snapshot = _snapshot(seen, usable)
    policy = registry.load("policies", seen.limits.policy).POLICY()
    decision = decide(snapshot, policy)
    weights = {way.key: float(weight) for way, weight in zip(snapshot.layout.ways, decision.weights, strict=True)}
    idle = weights.pop(IDLE)
    worth = dict(zip(weights, (float(it) for it in snapshot.newest[:-1]), strict=True))
    best = max(worth.values()) - seen.power_usd_day
    profit = snapshot.newest - snapshot.layout.costs
    return Thought(
        parts=parts_of(weights),
        worth=worth,
        idle=idle,
        expected_usd_day=float(decision.weights @ profit),
        held_usd_day=float(snapshot.held @ profit),
        why=decision.why,
        reasons=tuple(reason.text for reason in decision.reasons),
        left_out=left_out,
        is_loss=best < 0,
    )


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
    if not way.is_ready:
        return "it is not ready"
    if way.coins_per_hash is None:
        return "its job has not told what a hash is worth"
    if way.price_usd is None:
        return f"no price of {way.coin} is known"
    if seen.at_ms - way.price_at_ms > seen.limits.price_age_max_ms:
        minutes = (seen.at_ms - way.price_at_ms) // 60_000
        return f"HW-401 the price of {way.coin} is {minutes:,} min old"
    return ""


def _snapshot(seen: Seen, usable: tuple[SeenWay, ...]) -> "Snapshot":
    """Lay the ways out for `decide`: one group, with resting as the last way."""
    import numpy as np

    from hashwright.planner.decide import Layout, Rules, Snapshot, Way

    power = seen.power_usd_day
    mining = [
        Way(key=it.destination, group=GROUP, coin=it.coin, venue=it.destination, cost_usd_day=power) for it in usable
    ]
    layout = Layout(ways=(*mining, Way(key=IDLE, group=GROUP, kind="idle")))
    scale = seen.hashrate_hs / PH
    rows = [[_scaled(day.get(it.destination), scale) for it in usable] + [0.0] for day in seen.history]
    rows.append([_scaled(usd_ph_day(it), scale) for it in usable] + [0.0])
    return Snapshot(
        now_ms=seen.at_ms,
        layout=layout,
        revenue_usd_day=np.array(rows, np.float64),
        held=_held(seen, usable),
        rules=Rules(hold_days=seen.limits.hold_days, margin_usd=seen.limits.margin_usd, step_cap=seen.limits.step),
    )


def _scaled(value: float | None, scale: float) -> float:
    return float("nan") if value is None else value * scale


def _held(seen: Seen, usable: tuple[SeenWay, ...]) -> "FloatArray":
    """Return what the usable ways hold of the work now; work at others must go somewhere, and counts as resting."""
    import numpy as np

    held = np.array([max(seen.held.get(it.destination, 0.0), 0.0) for it in usable] + [0.0])
    held[-1] = max(1.0 - held.sum(), 0.0)
    normal: FloatArray = held / held.sum()
    return normal


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
    )
