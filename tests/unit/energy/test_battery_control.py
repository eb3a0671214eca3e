"""What a commanded battery is told: within its reserve, given back in the end, and held to its word."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.energy.battery_control import (
    EXPIRE_MS,
    MISSES_MAX,
    OUT_MS,
    REPEAT_MS,
    SETTLE_MS,
    Answered,
    BatteryReading,
    BatteryState,
    ControlTerms,
    Looked,
    Order,
    PlanAgain,
    Report,
    Tell,
    believed,
    decide,
    limited,
    step,
)
from hashwright.testing.battery import SimulatedBattery

TERMS = ControlTerms(capacity_wh=10_000, charge_w=3_000, discharge_w=3_000, reserve=10.0, step_w=50, least_w=100)
LOOK_MS = 10_000


def give(watts, **more):
    return Order(action="discharge", watts=watts, until_ms=900_000, turn=7, **more)


def take(watts):
    return Order(action="charge", watts=watts, until_ms=900_000, turn=7)


@pytest.mark.parametrize(
    ("order", "level", "said"),
    [
        (give(1234), 50.0, ("discharge", 1200)),  # whole steps, toward nothing
        (give(9000), 50.0, ("discharge", 3000)),
        (give(1234), 10.0, ("idle", 0)),  # at its reserve
        (give(1234), 9.0, ("idle", 0)),
        (give(3000), 10.5, ("discharge", 950)),  # 50 Wh above it, and three minutes until the order expires
        (give(120), 50.0, ("discharge", 100)),
        (give(99), 50.0, ("idle", 0)),
        (take(1234), 100.0, ("idle", 0)),
        (take(1234), 101.5, ("idle", 0)),  # a calibration, not a fault
        (take(1234), 20.0, ("charge", 1200)),
        (give(1234), None, ("automatic", 0)),  # nothing is taken out of a battery that nobody knows
        (take(1234), 130.0, ("automatic", 0)),
        (Order(action="idle", until_ms=1), None, ("idle", 0)),
    ],
)
def test_an_order_is_limited_by_what_the_battery_holds(order, level, said):
    found = limited(order, level, TERMS)
    assert (found.action, found.watts) == said
    assert found.turn == order.turn


@given(st.floats(0, 20_000), st.floats(-50, 150) | st.none() | st.just(float("nan")), st.booleans())
def test_no_order_exceeds_plan_power_or_reserve(watts, level, is_charge):
    order = take(int(watts)) if is_charge else give(int(watts))
    found = limited(order, level, TERMS)
    content = believed(level)
    assert found.watts <= min(int(watts), 3_000)
    assert found.watts % TERMS.step_w == 0
    if found.action == "discharge":
        taken_wh = found.watts / TERMS.efficiency * EXPIRE_MS / 3_600_000
        assert content - 100 * taken_wh / TERMS.capacity_wh >= TERMS.reserve - 1e-6
    if found.action == "charge":
        assert content + 100 * found.watts * TERMS.efficiency * EXPIRE_MS / 3_600_000 / TERMS.capacity_wh <= 100 + 1e-6


class Rehearsal:
    """A battery and its watcher under a clock that the test moves."""

    def __init__(self, **battery):
        self.now = 0
        self.battery = SimulatedBattery(time_s=lambda: self.now / 1000, **battery)
        self.state = BatteryState()
        self.effects = []
        self.kept = []

    def reading(self):
        if {"gone", "hangs"} & self.battery.faults:
            return BatteryReading(at_ms=self.now, answer="unreachable", detail="nothing")
        said = self.battery.state()
        mode = "automatic" if said["mode"] == "auto" else "commanded"
        return BatteryReading(at_ms=self.now, level=said["soc"], power_w=said["power"], mode=mode)

    def look(self, wanted, times=1):
        for _ in range(times):
            self._do(Looked(reading=self.reading(), wanted=wanted))
            self.now += LOOK_MS
        return self.effects

    def _do(self, event):
        for effect in step(self.state, event, TERMS, now=self.now):
            self.effects.append(effect)
            if isinstance(effect, Tell):
                self.kept.append((effect.considered, effect.order))
                self._tell(effect.order)

    def _tell(self, order):
        if {"gone", "hangs"} & self.battery.faults:
            self._do(Answered(answer="unreachable"))
        elif "refuses" in self.battery.faults and order.action != "automatic":
            self._do(Answered(answer="refused", detail="HTTP 409"))
        else:
            if order.action == "automatic":
                self.battery.automatic()
            else:
                self.battery.command(order.signed_w, EXPIRE_MS / 1000)
            self._do(Answered(answer="ok"))

    def reports(self):
        return [(it.level, it.code) for it in self.effects if isinstance(it, Report)]

    def plans(self):
        return [it.is_out for it in self.effects if isinstance(it, PlanAgain)]


def test_a_battery_that_no_plan_ever_drove_is_told_nothing():
    world = Rehearsal()
    assert world.look(None, 50) == []
    assert world.battery.orders == []


def test_it_follows_the_plan_repeats_its_orders_and_is_given_back_once():
    world = Rehearsal()
    world.look(give(2000), 20)
    assert world.battery.orders == [-2000] * (1 + 190 * 1000 // REPEAT_MS)
    world.look(take(1000), 2)
    assert world.battery.orders[-1] == 1000
    world.look(None, 30)
    assert world.battery.orders[-2:] == [1000, None], "one word is enough"
    assert world.battery.is_automatic
    assert (world.reports(), world.plans()) == ([], [])


def test_the_reserve_is_never_crossed_and_orders_expire_when_nobody_repeats_them():
    world = Rehearsal(level=14.0, reserve_percent=0.0, speed=1.0)
    world.look(give(3000), 200)
    assert TERMS.reserve - 0.1 <= world.battery.lowest <= TERMS.reserve + 0.5
    assert world.reports() == [], "less than ordered near the reserve is no disobedience"

    dead = Rehearsal(level=10.6, reserve_percent=0.0)
    dead.look(give(3000), 1)  # and then nobody speaks to it any more
    dead.now += 3_600_000
    assert dead.battery.is_automatic
    assert dead.battery.lowest >= TERMS.reserve - 0.01, "an order never reaches beyond its own expiry"


@pytest.mark.parametrize("fault", ["does nothing", "lies"])
def test_a_battery_that_does_not_obey_is_left_alone_and_plans_do_without_it(fault):
    world = Rehearsal(faults={fault}, speed=1.0)
    world.look(give(2000), 120)
    assert world.reports() == [("warning", "HW-890")]
    assert world.plans() == [True]
    assert world.battery.orders[-1] is None, "it is given back"
    first = world.state.out_until - world.now
    assert 0 < first <= OUT_MS

    world.battery.faults.clear()
    world.now = world.state.out_until
    world.look(give(2000), 3)
    assert world.reports()[-1] == ("info", "HW-890")
    assert world.plans() == [True, False]
    assert world.battery.orders[-1] == -2000

    world.battery.faults.add("does nothing")
    world.battery.automatic()
    world.look(give(1000), (SETTLE_MS + MISSES_MAX * LOOK_MS) // LOOK_MS + 1)
    assert world.state.out_until - world.now > OUT_MS, "the second time it is left alone for longer"


@pytest.mark.parametrize(
    ("fault", "code"), [("reports 130", "HW-891"), ("hangs", "HW-892"), ("refuses", "HW-893"), ("gone", "HW-892")]
)
def test_each_fault_has_its_name_and_ends_in_automatic(fault, code):
    world = Rehearsal()
    world.look(give(2000), 5)
    world.battery.faults.add(fault)
    world.look(give(1500), 30)
    assert world.reports() == [("warning", code)]
    assert world.plans() == [True]
    assert world.battery.is_automatic, "told so, or because its order expired"
    world.battery.faults.clear()
    world.now = max(world.now, world.state.out_until)
    world.look(give(1500), 3)
    assert world.reports()[-1] == ("info", code)
    assert (world.plans()[-1], world.battery.orders[-1]) == (False, -1500)


def test_one_silent_look_changes_nothing():
    world = Rehearsal()
    world.look(give(2000), 3)
    world.battery.faults.add("gone")
    world.look(give(2000), 2)
    world.battery.faults.clear()
    world.look(give(2000), 3)
    assert (world.reports(), world.plans()) == ([], [])
    assert set(world.battery.orders) == {-2000}


def test_a_battery_that_takes_itself_back_is_told_again_and_one_near_full_may_taper():
    world = Rehearsal(level=97.0)
    world.look(take(3000), 60)
    assert world.reports() == []
    world = Rehearsal()
    world.look(give(1000), 2)
    world.look(None, 2)
    world.battery.command(500, 3600)  # somebody else's order, or ours that came late
    world.look(None, 10)
    assert world.battery.orders[-1] is None


def test_every_order_follows_from_what_is_kept_with_it():
    """A kept order is decided again from its own row alone, also through JSON."""
    world = Rehearsal(level=11.0, reserve_percent=0.0)
    for wanted in (give(2000), take(500), None, Order(action="idle", until_ms=900_000), give(700)):
        world.look(wanted, 25)
    world.battery.faults.add("reports 130")
    world.look(give(700), 5)
    assert len({order.action for _, order in world.kept}) == 4
    for considered, order in world.kept:
        again = msgspec.json.decode(msgspec.json.encode(considered), type=type(considered))
        assert decide(again) == order
