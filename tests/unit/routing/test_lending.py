"""Machines lent to orders: out of the route while they are lent, and home in the step in which an order is gone."""

from hashwright.chain.target import work_of_target
from hashwright.routing.events import PinSet, RouteSet, Target
from hashwright.routing.plan import available
from hashwright.routing.records import RoutingState
from hashwright.routing.step import place, step
from hashwright.signals import (
    BindMachine,
    ClockTicked,
    CreditWork,
    DestinationChanged,
    MachineGone,
    MachineReady,
    MoveMachine,
    ProcessStarted,
)

ALGO = "sha256d"
NOW = 1_000_000
TARGET = ((1 << 256) // 10**6).to_bytes(32, "big")


class Farm:
    """A routing engine whose machines go where they are told at once, as free ones do."""

    def __init__(self, machines=4, homes=("home",), *, moves_freely=True):
        self.state, self.now, self.at = RoutingState(), NOW, {}
        self.tell(ProcessStarted(1, "test"))
        for name in homes:
            self.tell(DestinationChanged(name, ALGO, "ready", ""))
        for name in ("order-1", "order-2"):
            self.tell(DestinationChanged(name, ALGO, "ready", ""))
        for session in range(1, machines + 1):
            self.at[session] = homes[0]
            self.tell(MachineReady(session, f"kai.r{session}", ALGO, homes[0], moves_freely))
        self.moves_freely = moves_freely

    def tell(self, event):
        effects = step(self.state, event, now=self.now)
        for effect in effects:
            if isinstance(effect, MoveMachine):
                self.at[effect.session] = effect.destination
                self.tell(MachineReady(effect.session, f"kai.r{effect.session}", ALGO, effect.destination, True))
        return effects

    @property
    def group(self):
        return self.state.groups[ALGO]


def test_an_order_is_no_place_of_its_own_accord():
    farm = Farm()
    assert available(farm.group) == ["home"]
    assert {place(farm.state, ALGO, number=number) for number in range(50)} == {"home"}
    farm.tell(DestinationChanged("home", ALGO, "down", ""))
    assert set(farm.at.values()) == {"home"}, "without a home nobody is sent to a stranger's pool"


def test_a_lent_machine_works_for_its_order_and_comes_back():
    farm = Farm()
    farm.tell(BindMachine(1, "order-1"))
    assert farm.at[1] == "order-1"
    assert 1 not in farm.group.machines
    farm.tell(BindMachine(1, "order-2"))
    assert farm.at[1] == "order-2"
    farm.tell(BindMachine(1, ""))
    assert farm.at[1] == "home"
    assert 1 in farm.group.machines
    assert farm.group.lent == {}


def test_all_go_home_in_the_step_in_which_their_order_is_gone():
    for state in ("down", "waiting", "removed"):
        farm = Farm()
        for session in (1, 2):
            farm.tell(BindMachine(session, "order-1"))
        farm.tell(BindMachine(3, "order-2"))
        farm.tell(DestinationChanged("order-1", ALGO, state, "gone"))
        assert farm.at == {1: "home", 2: "home", 3: "order-2", 4: "home"}
        assert set(farm.group.lent) == {3}


def test_the_route_holds_over_those_that_are_not_lent():
    farm = Farm(machines=6, homes=("a", "b"))
    targets = (Target("a", "share", 1.0), Target("b", "share", 1.0))
    farm.tell(RouteSet(ALGO, targets, (), "", 0, ""))
    for session in (1, 2):
        farm.tell(BindMachine(session, "order-1"))
    for _ in range(300):
        farm.now += 1_000
        for session, place_ in list(farm.at.items()):
            farm.tell(CreditWork(f"kai.r{session}", place_, TARGET, "accepted", session))
        farm.tell(ClockTicked("routing-tick"))
    accounts = farm.group.accounts
    assert farm.at[1] == farm.at[2] == "order-1"
    assert sorted(place_ for session, place_ in farm.at.items() if session > 2) == ["a", "a", "b", "b"]
    assert accounts["order-1"].counted == 600 * work_of_target(int.from_bytes(TARGET, "big"))
    assert accounts["order-1"].asked == accounts["order-1"].debt == 0
    asked = accounts["a"].asked + accounts["b"].asked
    assert asked == accounts["a"].counted + accounts["b"].counted, "work for orders is asked of no home"


def test_a_pin_is_stronger_than_the_market_and_old_firmware_is_not_lent():
    farm = Farm()
    farm.tell(BindMachine(1, "order-1"))
    farm.tell(PinSet("kai.r1", "home"))
    assert farm.at[1] == "home"
    farm.tell(BindMachine(1, "order-1"))
    assert farm.at[1] == "home"
    old = Farm(moves_freely=False)
    old.tell(BindMachine(1, "order-1"))
    assert old.at[1] == "home"


def test_unknown_names_and_lost_machines_change_nothing():
    farm = Farm()
    for event in (BindMachine(99, "order-1"), BindMachine(1, "order-9"), BindMachine(1, "home"), BindMachine(99, "")):
        assert farm.tell(event) == ()
    farm.tell(BindMachine(1, "order-1"))
    farm.tell(MachineGone(1))
    assert farm.group.lent == {}
    farm.tell(BindMachine(2, "order-1"))
    farm.tell(ProcessStarted(2, "test"))
    assert farm.group.lent == farm.group.machines == {}
