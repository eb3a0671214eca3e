"""What became of a turn: expected by the plan's own numbers, earned by shares, paid by the meter or by machines."""

import msgspec
import pytest

from hashwright.planner.power import KeptPlan, PowerSeen, PowerThought
from hashwright.planner.power_outcome import DAY_MS, TH_DAY, Measured, document_of, drift_of, outcome_of, sums_of

SLOT_MS = 900_000
START = 1_760_000_400_000 // SLOT_MS * SLOT_MS
SEEN = PowerSeen(
    at_ms=START, name="x", currency="EUR", start_ms=START, price=(0.2, 0.4, 0.1, 0.1), export=(0.1, 0.1, 0.1, 0.1),
    site={"revenue": {"fee": 0.02, "rejects": 0.01}, "groups": [{"name": "a"}, {"name": "b", "per_th_day": 0.1}]},
    sun_w=(0.0,) * 4, wind_w=(0.0,) * 4, per_th_day=(0.05,) * 4, earns_source="", machines=(),
)  # fmt: skip
THOUGHT = PowerThought(
    rule="plan", method="exact", groups=(), blocks=(), machines=1, value=0.0, value_always=0.0, value_off=0.0,
    plan=KeptPlan(start_ms=START, slots=4, groups=("a", "b"), counts=(), charge_w=(), discharge_w=()), bound=None,
    totals={}, break_even={}, machines_w=(4000, 4000, 0, 0), own_w=(), import_w=(2000, 3000, 0, 0),
    export_w=(0, 0, 1000, 1000), battery_wh=(), told=(), left_out=(), earn=(0.3, 0.3, 0.0, 0.0),
)  # fmt: skip
HALF = SLOT_MS // 2


def outcome(*, begin=HALF, end=SLOT_MS + HALF, thought=THOUGHT, is_driven=True, **measured):
    values = {"work": {}, "machines_wh": {}, "estimated_wh": 0.0, "covered_ms": 0}
    span = START + begin, START + end
    return outcome_of(SEEN, thought, Measured(**(values | measured)), span=span, is_driven=is_driven)


def test_slots_count_by_their_part_in_the_span():
    """Half of the first slot and half of the second: 1 kWh of import in all, at 0.2 and 0.4."""
    meter = ((START, 2400.0, 0.0), (START + SLOT_MS, 3000.0, 400.0))
    found = outcome(meter=meter)
    assert (found.source, found.seconds) == ("meter", 900)
    assert found.expected_earn == pytest.approx(0.3)
    assert found.expected_cost == pytest.approx(0.25 * 0.2 + 0.375 * 0.4)
    assert found.cost == pytest.approx(0.3 * 0.2 + 0.375 * 0.4 - 0.05 * 0.1)
    assert (found.expected_kwh, found.kwh) == (pytest.approx(0.625), pytest.approx(0.675))
    assert document_of(found)["left"] == pytest.approx(0.0 - found.cost)


def test_without_a_meter_the_machines_own_power_counts_and_a_gap_is_scaled_or_unknown():
    drawn = {START: 400.0, START + SLOT_MS: 450.0}
    found = outcome(machines_wh=drawn, estimated_wh=85.0, covered_ms=round(0.9 * SLOT_MS))
    assert (found.source, found.estimated_part) == ("machines", 0.1)
    assert found.expected_cost == pytest.approx(0.5 * 0.2 + 0.5 * 0.4)
    assert found.cost == pytest.approx((0.4 * 0.2 + 0.45 * 0.4) / 0.9)
    blind = outcome(machines_wh=drawn, covered_ms=SLOT_MS // 2, meter=((START, 1.0, 0.0),))
    assert (blind.source, blind.cost, blind.expected, blind.left) == ("unknown", None, None, None)


def test_work_is_worth_what_its_group_earns_less_the_fee():
    found = outcome(work={"a": 10 * int(TH_DAY), "b": 2 * int(TH_DAY), "c": 10**30})
    assert found.earned == pytest.approx((10 * 0.05 + 2 * 0.1) * 0.98)


def test_what_cannot_be_judged_has_no_outcome():
    assert outcome(begin=0, end=0) is None
    assert outcome(begin=0, end=7 * 4 * SLOT_MS) is None, "the program was off"
    assert outcome(end=5 * SLOT_MS) is None, "the plan was over"
    old = msgspec.structs.replace(THOUGHT, earn=())
    assert outcome(thought=old) is None, "turns of an earlier version expected nothing by slot"


def test_drift_is_learned_slowly_and_only_from_turns_that_drove_machines():
    good = outcome(meter=((START, 2000.0, 0.0), (START + SLOT_MS, 3000.0, 0.0)), work={"a": 3 * int(TH_DAY)})
    assert good.earned == pytest.approx(0.147)
    rows = [(START + day * DAY_MS, START + (day + 1) * DAY_MS, good) for day in range(10)]
    drift = drift_of(rows, now=START + 10 * DAY_MS)
    assert 0.5 < drift.earn.factor < 0.65, "half of what was expected came; two days of the prior hold against it"
    assert drift.cost.factor == pytest.approx(1.0)
    paper = msgspec.structs.replace(good, is_driven=False)
    assert drift_of([(0, DAY_MS, paper)], now=DAY_MS).earn.factor == 1.0
    sums = sums_of([*rows, (START, START + 1, outcome())], now=START + 10 * DAY_MS)
    assert (sums["turns"], sums["priced_turns"], sums["sources"]) == (11, 10, ["meter", "unknown"])
    assert sums["expected"] == pytest.approx(10 * good.expected)
    assert sums_of([], now=0) is None
