"""The JSON of the commands that decide: one record a document, with the unit in the name of each number.

`DOCUMENTS` is the list; the reference page is made from it, and the tests read each command's output strictly by it.
Numbers are estimates unless a name ends in `_text`. `null` is unknown, which is not zero.
"""

import msgspec


class FactDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One fact: what it says, from when, and from whom."""

    coin: str
    field: str
    value_text: str
    """A plain decimal, in the unit that the field's name says."""
    at: str
    """When it was true (ISO 8601, UTC)."""
    known_at: str
    """When we learned it (ISO 8601, UTC)."""
    age_s: float
    sources: list[str]
    is_snapshot: bool
    """It came with the package: nothing newer is known."""


class FindingDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One problem in the data, with its place."""

    code: str
    place: str
    message: str


class EarningDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What the machine earns of one coin."""

    coin: str
    ticker: str
    price_usd: float
    difficulty: float
    work_hashes_per_block: float
    subsidy_coins_per_block: float
    """The miner's part."""
    fees_coins_per_block: float
    coins_per_day_est: float
    revenue_usd_per_day_est: float
    hashprice_usd_per_ph_day_est: float


class PaybackDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """When a machine has earned its price."""

    days_est: float | None
    """`null`: never."""
    naive_days: float | None
    """The price divided by today's profit, as advertisements do it; `null` where there is no profit."""
    last_profitable_day_est: float | None
    """`null`: no end in sight."""
    best_result_usd_est: float | None
    """The most that is ever left, its price taken off."""


class LevelDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A power level of the machine: what it leaves, and up to which price of power its last step up pays."""

    name: str
    hashrate_hs: float
    power_w: float
    profit_usd_per_day_est: float
    step_pays_to_usd_per_kwh_est: float
    is_best: bool


class SwingDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """An assumption moved alone, both ways, in its own unit: what is left a day, and over the horizon."""

    lever: str
    """`power_price`, `price`, `growth`, `efficiency`, `pool_fee`."""
    unit: str
    now: float
    low: float
    high: float
    low_profit_usd_per_day_est: float
    high_profit_usd_per_day_est: float
    low_left_usd_est: float
    high_left_usd_est: float


class CalcDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw calc --json`."""

    verdict: str
    machine: str
    hashrate_hs: float
    power_w: float
    efficiency_j_per_th: float
    machine_price_usd: float | None
    power_price_usd_per_kwh: float
    is_power_price_assumed: bool
    pool_fee_share: float
    stale_share: float
    uptime_share: float
    pass_through_share: float | None
    difficulty_growth_per_year_log: float
    earnings: list[EarningDocument]
    revenue_usd_per_day_est: float
    power_cost_usd_per_day_est: float
    profit_usd_per_day_est: float
    hashprice_usd_per_ph_day_est: float
    hashcost_usd_per_ph_day_est: float
    break_even_power_usd_per_kwh_est: float
    electricity_kwh_per_coin_est: float | None
    days_per_block_alone_est: float
    payback: PaybackDocument | None
    horizon_days: int
    interest_per_year: float
    present_value_usd_est: float | None
    """Price and what each day of the horizon leaves, at that interest; resale is not counted."""
    return_per_year_est: float | None
    """The rate at which that value would be nothing; `null`: there is none."""
    running_days_est: float
    mined_usd_est: float
    mined_coins_est: float
    bought_usd: float
    bought_coins: float
    facts: list[FactDocument]
    findings: list[FindingDocument]
    levels: list[LevelDocument] = []
    tornado: list[SwingDocument] = []
    """With `--tornado`: the assumption that moves the answer most first."""


class HardwareRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One machine of `hw compare hardware`."""

    model: str
    vendor: str
    kind: str
    algorithm: str
    coin: str
    is_minable_here: bool
    hashrate_hs: float
    power_w: float
    efficiency_j_per_th: float
    is_measured: bool
    source: str
    price_usd: float | None
    price_date: str
    break_even_power_usd_per_kwh_est: float
    profit_usd_per_day_est: float
    levelised_cost_usd_per_ph_day_est: float | None
    hashprice_usd_per_ph_day_est: float
    payback_days_5: float | None
    """At the slowest 5 % of growth in the past; `null`: never, or no price is known."""
    payback_days_50: float | None
    payback_days_95: float | None
    payback_chance: float | None
    """Share of the past growth rates at which it pays back; `null`: no price is known."""


class HardwareDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw compare hardware --json`."""

    power_price_usd_per_kwh: float
    is_power_price_assumed: bool
    pool_fee_share: float
    pass_through_share: float | None
    years: float
    rate_per_year: float
    growth_source: str
    machines: list[HardwareRow]
    left_out: list[str]
    facts: list[FactDocument]
    findings: list[FindingDocument]


class TrendRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One coin of `hw trends`."""

    coin: str
    ticker: str
    is_minable_here: bool
    first_day: str
    last_day: str
    price_usd: float | None
    price_change_share: float | None
    difficulty: float | None
    difficulty_change_share: float | None
    hashprice_usd_per_ph_day_est: float | None
    hashprice_change_share: float | None
    fee_share: float | None
    """Fees as a share of a block's reward, mean of the span."""
    is_computed: bool
    """Some network numbers of the span were computed or interpolated."""
    next_retarget_blocks_est: int | None
    next_retarget_days_est: float | None
    next_retarget_change_share_est: float | None
    next_emission_change_height: int | None
    next_emission_change_day_est: str | None
    emission_change: str


class EffectDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One number of now among those of then: what it alone does to a choice."""

    number: str
    """`price`, `difficulty`, `new coins` or `fees`."""
    choice: str
    gain_usd_per_day_est: float
    """How much more mining's best way gives."""
    is_enough: bool
    """It alone brings the choice of now about."""
    is_needed: bool
    """Without it the choice would be that of then."""


class TurnDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What one machine group would have done then and does now, by the same decision."""

    group: str
    then: str
    """A ticker, or `idle`."""
    now: str
    then_usd_per_day_est: float
    """Profit of mining's best way, also where idle was chosen because it is a loss."""
    now_usd_per_day_est: float
    drivers: list[str]
    """Numbers that drove a change; empty where nothing changed, or only all of them together did it."""
    effects: list[EffectDocument]


class TrendsDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw trends --json`."""

    days: int
    source: str
    coins: list[TrendRow]
    power_price_usd_per_kwh: float
    is_power_price_assumed: bool
    turns: list[TurnDocument]
    """What changed in the choice of each machine; empty without history."""
    findings: list[FindingDocument]


class DataDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw admin data show --json` and `hw admin data fetch --json`."""

    facts: list[FactDocument]
    asked: list[str]
    answered: list[str]
    findings: list[FindingDocument]


class ImportDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw admin data import --json`."""

    file: str
    coins: list[str]
    first_day: str
    last_day: str
    rows: int
    findings: list[FindingDocument]


DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "hw calc": CalcDocument,
    "hw compare hardware": HardwareDocument,
    "hw trends": TrendsDocument,
    "hw admin data show": DataDocument,
    "hw admin data fetch": DataDocument,
    "hw admin data import": ImportDocument,
}
