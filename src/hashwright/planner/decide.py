"""One decision: where each machine group works next. The same function serves plans, backtests and the live autopilot.

A snapshot goes in: what was known at `now`, and nothing later. A decision with its reasons comes out. Pure: the same
snapshot gives the same decision, which is how a backtest can be believed and a look ahead be found.

A policy proposes; this file judges each proposed move, group by group, by one rule for all policies: move only if the
expected gain over the holding time exceeds the cost of moving and a margin; and never more than `step_cap` of a group
at once, because everybody who jumps at the best price at once ends it (Bissias, Levine, Thibodeau 2019).

The owner's limits are judged here as well, so that a backtest rests and saves as the live autopilot does: a group that
moved stays for `dwell_ms`, and moves cost at most `budget_usd_day` in a day. `Decision.bound` names those that bind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashwright.economics.realised import DRIFT_MAX, PRIOR_PAIRS
from hashwright.planner.series import DAY_MS

FloatArray: TypeAlias = NDArray[np.float64]
WayKind = Literal["mine", "sell", "idle"]
Verdict = Literal["moved", "stays", "too-little-gain", "no-better", "rests", "no-budget"]
ALIKE: Final = 1e-9
NO_LIMIT: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One thing that a machine group can do: mine a coin at a place, or idle."""

    key: str
    group: str
    kind: WayKind = "mine"
    coin: str = ""
    venue: str = ""
    cost_usd_day: float = 0.0
    """Power, while the whole group does this."""
    move_usd: float = 0.0
    """What moving the whole group here costs: lost minutes, warm-up, wear."""
    width: float = 1.0
    """The largest part of the group that it takes: an order on a market wants so much and no more."""


@dataclass(frozen=True, slots=True)
class Layout:
    """All ways, with what is asked of them on every day kept at hand."""

    ways: tuple[Way, ...]
    costs: FloatArray = field(init=False)
    moves: FloatArray = field(init=False)
    widths: FloatArray = field(init=False)
    is_wide: bool = field(init=False)
    """Every way takes a whole group."""
    idle: NDArray[np.bool_] = field(init=False)
    groups: tuple[tuple[str, NDArray[np.intp]], ...] = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "costs", np.array([way.cost_usd_day for way in self.ways], np.float64))
        put(self, "moves", np.array([way.move_usd for way in self.ways], np.float64))
        put(self, "widths", np.array([way.width for way in self.ways], np.float64))
        put(self, "is_wide", all(way.width >= 1 for way in self.ways))
        put(self, "idle", np.array([way.kind == "idle" for way in self.ways]))
        names = dict.fromkeys(way.group for way in self.ways)
        place = [(name, np.array([i for i, way in enumerate(self.ways) if way.group == name])) for name in names]
        put(self, "groups", tuple(place))

    def all_idle(self) -> FloatArray:
        """Return the weights of machines that are all off."""
        return self.idle.astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the owner allows. `hold_days`: how long a move is expected to last; `margin_usd` of gain asked besides."""

    hold_days: float = 7.0
    margin_usd: float = 0.0
    step_cap: float = 1.0
    """The largest part of a group that moves in one step."""
    venue_caps: tuple[tuple[str, float], ...] = ()
    risk: float = 0.5
    dwell_ms: int = 0
    """How long a group stays as it was put."""
    budget_usd_day: float = NO_LIMIT
    """What moves may cost within any 24 hours."""
    learn_days: int = 0
    """From how many days the drift of each way's worth is learned (`economics.realised`); 0: it is expected to stay."""


DEFAULT_RULES: Final = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was done before: when each group moved last [ms], and what moves of the last day cost, with their times."""

    changed_ms: Mapping[str, int] = field(default_factory=dict)
    spent: tuple[tuple[int, float], ...] = ()

    def spent_usd(self, now_ms: int) -> float:
        """Return what moves of the last 24 hours cost."""
        return sum(usd for at_ms, usd in self.spent if at_ms > now_ms - DAY_MS)

    def after(self, decision: "Decision") -> "Past":
        """Return the same with a decision that was carried out."""
        now_ms = decision.now_ms
        moved = {reason.group: now_ms for reason in decision.reasons if reason.verdict == "moved"}
        kept = tuple(it for it in self.spent if it[0] > now_ms - DAY_MS)
        spent = ((now_ms, decision.moved_usd),) if decision.moved_usd else ()
        return Past(changed_ms={**self.changed_ms, **moved}, spent=(*kept, *spent))


NO_PAST: Final = Past()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known at `now_ms`. `revenue_usd_day` is (days, ways), oldest first, NaN where a day is unknown.

    The last row is the newest day that was over; each row is what the whole group earned before power.
    """

    now_ms: int
    layout: Layout
    revenue_usd_day: FloatArray
    held: FloatArray
    rules: Rules = DEFAULT_RULES
    scenarios_usd: FloatArray | None = None
    """Where a plan has drawn them: what each way earns over the horizon in each scenario, (scenarios, ways)."""
    past: Past = NO_PAST

    @property
    def newest(self) -> FloatArray:
        """Return what each way earned on the newest day; unknown is nothing."""
        newest: FloatArray = np.nan_to_num(self.revenue_usd_day[-1])
        return newest

    @property
    def day(self) -> int:
        """Return the day that begins now [days since 1970]."""
        return self.now_ms // DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a policy wants: a weight for each way, and what it expects each to earn a day before power [USD]."""

    weights: FloatArray
    expected_usd_day: FloatArray
    why: str
    is_forced: bool = False
    """The policy has no opinion on gains (it is a rule, not a forecast): its moves are not weighed."""


class Policy(Protocol):
    """What a file under `policies` gives."""

    @property
    def title(self) -> str:
        """Say in one line what it does."""

    def propose(self, snapshot: Snapshot) -> Proposal:
        """Say what it wants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a group goes where it goes, with the arithmetic. Money is USD over the holding time."""

    group: str
    verdict: Verdict
    held: str
    wanted: str
    gain_usd: float
    cost_usd: float
    second: str = ""
    second_usd_day: float = 0.0
    """How much less the second best way is expected to give a day."""

    @property
    def text(self) -> str:
        """Say it in a sentence."""
        held, wanted = (key.removeprefix(f"{self.group}: ") for key in (self.held, self.wanted))
        match self.verdict:
            case "moved":
                return (
                    f"{self.group}: to {wanted}; expected {self.gain_usd:+.2f} USD over the holding time,"
                    f" moving costs {self.cost_usd:.2f}"
                )
            case "too-little-gain":
                return (
                    f"{self.group}: stays at {held}; {wanted} would gain {self.gain_usd:.2f} USD"
                    f" over the holding time, moving costs {self.cost_usd:.2f}"
                )
            case "no-better":
                return f"{self.group}: stays at {held}; nothing is expected to give more"
            case "rests":
                return f"{self.group}: stays at {held} for now; {wanted} would gain {self.gain_usd:.2f} USD"
            case "no-budget":
                return f"{self.group}: stays at {held}; the day's budget for moves is spent"
            case "stays":
                return f"{self.group}: stays at {held}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do from now on, and why. `weights` sum to one in each group."""

    now_ms: int
    weights: FloatArray
    why: str
    reasons: tuple[Reason, ...]
    moved_usd: float
    expected_usd_day: float
    """Expected profit after power."""
    profit_usd_day: FloatArray
    """What the policy expects each way to leave a day, if the whole group does it."""
    bound: tuple[str, ...] = ()
    """The owner's limits that held it back, in words."""


def decide(snapshot: Snapshot, policy: Policy) -> Decision:
    """Return where each group works from now on.

    Raises:
        ValueError: the policy's weights are no shares of each group.
    """
    layout, rules = snapshot.layout, snapshot.rules
    if rules.learn_days:
        rows = snapshot.revenue_usd_day.copy()
        rows[-1] *= drift_factors(snapshot)
        snapshot = replace(snapshot, revenue_usd_day=rows)
    proposal = policy.propose(snapshot)
    profit = proposal.expected_usd_day - layout.costs
    weights = snapshot.held.copy()
    reasons: list[Reason] = []
    bound: list[str] = []
    left_usd = rules.budget_usd_day - snapshot.past.spent_usd(snapshot.now_ms)
    for group, places in layout.groups:
        wanted, held = proposal.weights[places], snapshot.held[places]
        if abs(wanted.sum() - 1) > 1e-6 or wanted.min() < -ALIKE:
            raise ValueError(f"the policy's weights of {group} are no shares: {wanted.tolist()}")
        step = np.clip(wanted, 0, 1) - held
        if np.abs(step).max() < ALIKE:
            reasons.append(_reason(layout, group, places, wanted, held, profit, ("stays", 0.0, 0.0)))
            continue
        gain = float(step @ profit[places]) * rules.hold_days
        cost = float(np.clip(step, 0, None) @ layout.moves[places])
        pays = proposal.is_forced or gain > cost + rules.margin_usd
        verdict: Verdict = "moved" if pays else "too-little-gain" if gain > 0 else "no-better"
        if pays:
            part, verdict, words = _allowed(snapshot, group, float(np.clip(step, 0, None).sum()), cost, left_usd)
            weights[places] = held + part * step
            left_usd -= part * cost
            bound += [f"{group}: {words}"] if words else []
        reasons.append(_reason(layout, group, places, wanted, held, profit, (verdict, gain, cost)))
    moved = float(np.clip(weights - snapshot.held, 0, None) @ layout.moves)
    return Decision(
        now_ms=snapshot.now_ms,
        weights=weights,
        why=proposal.why,
        reasons=tuple(reasons),
        moved_usd=moved,
        expected_usd_day=float(weights @ profit),
        profit_usd_day=profit,
        bound=tuple(bound),
    )


def drift_factors(snapshot: Snapshot) -> FloatArray:
    """Return what to multiply the newest worth of each way with for its mean over the holding time.

    The same as `economics.realised.forecast_error` and its factor, for all ways at once.
    """
    rows = snapshot.revenue_usd_day[-snapshot.rules.learn_days - 1 :]
    known = np.where(rows > 0, rows, np.nan)
    steps = np.diff(np.log(known), axis=0)
    pairs = np.isfinite(steps).sum(axis=0)
    bias = np.nansum(steps, axis=0) / (pairs + PRIOR_PAIRS)
    factors: FloatArray = np.exp(np.clip(bias * snapshot.rules.hold_days / 2, -DRIFT_MAX, DRIFT_MAX))
    return factors


def _allowed(
    snapshot: Snapshot, group: str, moving: float, cost_usd: float, left_usd: float
) -> tuple[float, Verdict, str]:
    """Return which part of a wished move the owner's limits allow now, and which limit holds it back."""
    rules, now_ms = snapshot.rules, snapshot.now_ms
    changed_ms = snapshot.past.changed_ms.get(group)
    if changed_ms is not None and now_ms - changed_ms < rules.dwell_ms:
        left_s = (changed_ms + rules.dwell_ms - now_ms) / 1000
        return 0.0, "rests", f"the last change stays for another {left_s:.0f} s"
    part, words = 1.0, ""
    if moving > rules.step_cap + ALIKE:
        part, words = rules.step_cap / moving, f"at most {rules.step_cap:.0%} of all work moves in one step"
    if part * cost_usd > left_usd:
        part = max(left_usd, 0.0) / cost_usd
        words = f"moves may cost {rules.budget_usd_day:.2f} USD a day, {max(left_usd, 0.0):.2f} of it are left"
    return (part, "moved", words) if part > ALIKE else (0.0, "no-budget", words)


def _reason(  # noqa: PLR0913 (one line of arithmetic, once)
    layout: Layout,
    group: str,
    places: NDArray[np.intp],
    wanted: FloatArray,
    held: FloatArray,
    profit: FloatArray,
    judged: tuple[Verdict, float, float],
) -> Reason:
    here = profit[places]
    first, second = int(wanted.argmax()), -1
    if len(places) > 1:
        others = here.copy()
        others[first] = -np.inf
        second = int(others.argmax())
    return Reason(
        group=group,
        verdict=judged[0],
        held=layout.ways[places[int(held.argmax())]].key,
        wanted=layout.ways[places[first]].key,
        gain_usd=judged[1],
        cost_usd=judged[2],
        second=layout.ways[places[second]].key if second >= 0 else "",
        second_usd_day=float(here[first] - here[second]) if second >= 0 else 0.0,
    )


def best_of_groups(layout: Layout, value: FloatArray, *, may_idle: bool = True) -> FloatArray:
    """Return weights that give each group its best way, up to its width; without `may_idle`, its best of mining."""
    usable = value if may_idle else np.where(layout.idle, -np.inf, value)
    weights = np.zeros(len(value))
    for _, places in layout.groups:
        if layout.is_wide:
            weights[places[int(usable[places].argmax())]] = 1.0
        else:
            _fill(weights, places[np.argsort(-usable[places], kind="stable")], layout.widths)
    return weights


def _fill(weights: FloatArray, best_first: NDArray[np.intp], widths: FloatArray) -> None:
    """Give the best way as much of the group as it takes, and the next one what is left."""
    left = 1.0
    for place in best_first:
        weights[place] = min(left, float(widths[place]))
        left -= float(weights[place])


def mean_of_days(rows: FloatArray, days: int) -> FloatArray:
    """Return the mean of the last days of each way; unknown days do not count, a way without a known one gives 0."""
    newest = rows[-days:]
    known = ~np.isnan(newest)
    result: FloatArray = np.where(known, newest, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return result


def named_weights(layout: Layout, weights: Sequence[float] | FloatArray) -> dict[str, float]:
    """Return the weights that are not zero by the ways' keys."""
    return {way.key: float(weight) for way, weight in zip(layout.ways, weights, strict=True) if weight > ALIKE}
