"""The JSON of plans, backtests, comparisons and audits: one record a document, the unit in the name of each number.

`DOCUMENTS` is the list; the reference page is made from it, and the tests read each command's output strictly by it.
Money is USD unless a field says otherwise; what is drawn from scenarios ends in `_est`. `null` is unknown.
"""

import msgspec

from hashwright.cli.documents import FactDocument, FindingDocument


class OutcomeDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What one way gives over the horizon, if a whole machine group (or all power money) goes there."""

    key: str
    kind: str
    """`mine`, `idle`, `sell` (to a market), `rent`, `buy` (the coin), `compare` (no session here mines it)."""
    group: str
    coin: str
    venue: str
    weight: float
    """The part of the group that the plan puts there."""
    mean_usd_est: float
    p5_usd_est: float
    p50_usd_est: float
    p95_usd_est: float
    cvar_usd_est: float
    """The mean loss of the worst 5 % of scenarios; negative where even those gain."""
    loss_chance: float
    days_on_est: float
    today_usd_per_day_est: float
    power_cost_usd_per_day: float
    break_even_power_usd_per_kwh_est: float | None
    short_usd_est: float
    """How much more it would have to give over the horizon to be used."""


class ReasonDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Why a machine group goes where it goes."""

    group: str
    verdict: str
    held: str
    wanted: str
    gain_usd_est: float
    move_cost_usd_est: float
    second: str
    second_short_usd_per_day_est: float
    text: str


class BindingDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A limit that holds the result back, and what one more unit of it would add."""

    what: str
    worth_usd_est: float


class StressDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What the plan would leave in a world that turns at once."""

    name: str
    mean_usd_est: float
    p5_usd_est: float
    days_on_share_est: float


class SpreadDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """How a coin's price and difficulty spread, relative to now: 5, 25, 50, 75 and 95 % on each of some days."""

    coin: str
    days: list[int]
    price_ratio_est: list[list[float]]
    difficulty_ratio_est: list[list[float]]


class HistogramDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """How the scenarios end: `shares` of them between neighbouring `edges_usd`; the outermost hold all beyond, too."""

    edges_usd: list[float]
    shares: list[float]


class PlanDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw plan --json`."""

    verdict: list[str]
    loses: bool
    made_at: str
    horizon_days: int
    scenarios: int
    seed: int
    risk: float
    power_price_usd_per_kwh: float
    is_power_price_assumed: bool
    is_hardware_assumed: bool
    hold_rule: str
    stale_share: float | None = None
    """Work that is late, rejected or lost: measured by the own router, told, or assumed."""
    sources: list[str] = []
    """Where that share and the rules for mined coins come from."""
    mean_usd_est: float
    p5_usd_est: float
    p50_usd_est: float
    p95_usd_est: float
    loss_chance: float
    histogram: HistogramDocument | None = None
    solver: str
    outcomes: list[OutcomeDocument]
    reasons: list[ReasonDocument]
    bindings: list[BindingDocument]
    turning_points: list[str]
    stresses: list[StressDocument]
    spreads: list[SpreadDocument]
    changes_source: str
    is_changes_made: bool
    """No history was given: the scenarios are drawn from changes made from published statistics."""
    difficulty_growth_per_year_log: dict[str, float]
    price_drift_per_year_log: float
    what_if: str
    facts: list[FactDocument]
    findings: list[FindingDocument]


class ExplainDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw plan --explain TIME --json`: what was planned and decided by then."""

    plan: PlanDocument | None
    decisions: list[dict[str, object]]
    """The last decision of each autopilot by then, as `hw autopilot explain --json` gives it."""


class RunDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One policy, or one thing that anybody could have done."""

    name: str
    title: str
    is_baseline: bool
    profit_usd: float
    revenue_usd: float
    power_usd: float
    drawdown_usd: float
    cvar_week_usd: float
    moves: int
    hours_off: float
    share_of_foresight: float | None
    sum_by_day_usd: list[float]


class DayDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A day on which something was decided, by the first policy named."""

    day: str
    weights: dict[str, float]
    reasons: list[str]


class LookAheadDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The proof that no decision saw the future."""

    policy: str
    cuts: list[str]
    changed_on: list[str]


class BacktestDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw backtest --json`."""

    first_day: str
    last_day: str
    coins: list[str]
    machines: str
    power_price_usd_per_kwh: float | None
    hold_rule: str
    hold_days: float
    runs: list[RunDocument]
    days: list[DayDocument]
    computed_share: dict[str, float]
    look_ahead: list[LookAheadDocument]
    source: str
    findings: list[FindingDocument]


class ChoiceDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One thing to do with the budget; money of the currency that was asked for."""

    name: str
    what: str
    mean_est: float
    p5_est: float
    p50_est: float
    p95_est: float
    worst_month_est: float
    below_buying_chance: float | None
    """How often it ends below just buying the coin; `null` for buying itself."""
    loss_chance: float
    custody: str
    is_possible: bool


class CompareDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw compare --json`."""

    verdict: list[str]
    budget: float
    currency: str
    usd_per_currency: float
    months: int
    coin: str
    machine: str
    choices: list[ChoiceDocument]
    scenarios: int
    changes_source: str
    is_changes_made: bool
    facts: list[FactDocument]
    findings: list[FindingDocument]


class CheckDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One check of an offer, with its arithmetic."""

    name: str
    verdict: str
    """`good`, `warning`, `bad`, `impossible`, or `unknown` where the offer does not say enough."""
    arithmetic: str


class AuditDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw audit --json`."""

    verdict: str
    summary: list[str]
    seller: str
    coin: str
    days: int
    price_usd: float
    gross_coins_now: float
    """What it would mine at today's difficulty, before its fees."""
    coins_bought: float
    mined_coins_5_est: float
    mined_coins_50_est: float
    mined_coins_95_est: float
    net_usd_5_est: float
    net_usd_50_est: float
    net_usd_95_est: float
    static_break_even_days: float | None
    forecast_break_even_days_50: float | None
    paid_back_chance: float
    stopped_chance: float
    below_buying_chance: float
    levelised_cost_usd_per_th_day: float
    hashprice_usd_per_th_day: float
    checks: list[CheckDocument]
    changes_source: str
    facts: list[FactDocument]
    findings: list[FindingDocument]


DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "hw plan": PlanDocument,
    "hw plan --explain": ExplainDocument,
    "hw backtest": BacktestDocument,
    "hw compare": CompareDocument,
    "hw audit": AuditDocument,
}
