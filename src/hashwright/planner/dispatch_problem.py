"""What dispatch decides about, and what it answers: groups of machines, a site, scenarios of the next hours, a plan.

Power is whole watts and time is slots of 15 minutes, so that a plan's balance closes exactly. Money is a float in the
site's currency: a plan is a forecast, and no ledger takes it. Arrays of scenarios are (scenarios, slots). The rows of
scenario 0 are what is expected most; with one scenario the rest of the words about scenarios mean nothing.

A **group** is `count` machines that are alike, with the same levels. All machines of a group that run in a slot may run
at different levels; what is decided is how many at each. A level's draw includes the group's cooling share.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashwright.energy.slots import SLOT_H, Grid
from hashwright.errors import Finding

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]

UNLIMITED_W: Final = 10**9
"""A gigawatt: more than any site; stands where there is no limit."""
LONG_AGO: Final = 10**6
"""Slots since a change that nothing depends on any more."""
KW: Final = 1000.0
Method = Literal["exact", "prices", "threshold", "last plan", "always on", "solar only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One power level of a machine: its draw with cooling [W], its hash rate [unit of `earn`]."""

    power_w: int
    hashrate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineGroup:
    """Machines that are alike.

    `earn` [currency per hour and unit of hash rate, (scenarios, slots)], net of fees and rejects; `start_cost`
    [currency a machine]; `up_min`, `down_min` [slots]; `running` machines are on now, since `age` slots, and the
    others off as long.
    """

    name: str
    count: int
    levels: tuple[Level, ...]
    earn: FloatArray
    start_cost: float = 0.0
    up_min: int = 1
    down_min: int = 1
    running: int = 0
    age: int = LONG_AGO
    level_now: int = 0
    """The level [index] that the running machines are at; for the first step of a ramp."""
    may_stop: bool = False
    """What runs now may stop before its time: set where a limit leaves no other way."""

    def money(self) -> FloatArray:
        """Return what one machine earns in a slot at each level [currency, (levels, scenarios, slots)]."""
        rates = np.array([level.hashrate for level in self.levels])
        return np.asarray(rates[:, None, None] * self.earn[None, :, :] * SLOT_H, dtype=np.float64)

    def power_w(self) -> IntArray:
        """Return the draw of one machine at each level [W]."""
        return np.array([level.power_w for level in self.levels], dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryTerms:
    """A battery as dispatch sees it. `end_value` [currency/kWh] is what a kWh is worth at the horizon's end."""

    capacity_wh: int
    charge_w: int
    discharge_w: int
    energy_wh: int
    reserve_wh: int = 0
    efficiency: float = 0.95
    """One way; the square is the round trip."""
    wear: float = 0.0
    """Currency per kWh that is taken out."""
    end_value: float = 0.0

    @property
    def floor_wh(self) -> int:
        """Return what it is never taken below: the reserve, or what is in it where that is less."""
        return min(self.reserve_wh, self.energy_wh)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTerms:
    """The limits of a site [W] and its further prices.

    `machines_w` is the breaker of the machines. `ramp_w` is what all machines together may rise by from slot to slot.
    `peak_price` [currency/kW] is paid for what the highest import rises above `peak_w`. `heat_price` [currency/kWh] is
    what heat of the machines saves, up to `heat_w` [W, by slot].
    """

    import_w: int = UNLIMITED_W
    export_w: int = 0
    machines_w: int = UNLIMITED_W
    ramp_w: int = UNLIMITED_W
    peak_price: float = 0.0
    peak_w: int = 0
    heat_price: float = 0.0
    heat_w: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    battery: BatteryTerms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All that a plan is made of. `price` and `export_price` [currency/kWh], `sun_w`, `wind_w`, `load_w` [W].

    `risk` (0 to 1) is how much the mean of the worst `tail` share of scenarios counts beside the mean of all.
    """

    grid: Grid
    groups: tuple[MachineGroup, ...]
    site: SiteTerms
    price: FloatArray
    export_price: FloatArray
    sun_w: IntArray
    wind_w: IntArray
    load_w: IntArray
    probability: FloatArray
    risk: float = 0.0
    tail: float = 0.1

    def __post_init__(self) -> None:
        shape = (len(self.probability), self.grid.count)
        for name in ("price", "export_price", "sun_w", "wind_w", "load_w"):
            value = getattr(self, name)
            if value.shape != shape or not np.isfinite(value).all():
                raise ValueError(f"{name} is {value.shape} and must be {shape}, with every number finite")
        for group in self.groups:
            if group.earn.shape != shape or not 0 <= group.running <= group.count or not group.levels:
                raise ValueError(f"{group.name}: earn must be {shape}, and 0 to {group.count} machines run")

    @property
    def scenarios(self) -> int:
        """Return how many scenarios there are."""
        return len(self.probability)

    @property
    def own_w(self) -> IntArray:
        """Return sun and wind together [W]."""
        return self.sun_w + self.wind_w

    @property
    def power_before_w(self) -> int:
        """Return what the machines draw now [W]."""
        return sum(it.running * it.levels[it.level_now].power_w for it in self.groups)

    def unserved_w(self) -> IntArray:
        """Return what of the site's own load no import can carry in a slot [W]; more than zero is a finding."""
        return np.asarray(np.maximum(self.load_w - self.own_w - self.site.import_w, 0), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Where power comes from and goes to [W, (scenarios, slots)], and what the battery holds at slots' ends [Wh]."""

    import_w: IntArray
    export_w: IntArray
    curtailed_w: IntArray
    charge_w: IntArray
    discharge_w: IntArray
    unserved_w: IntArray
    energy_wh: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many machines of each group run at each level in each slot (`counts`: one (levels, slots) array a group).

    `value` is the expected money of the horizon [currency], `bound` what no plan can exceed (None: no solver said so).
    `notes` say in words why it is not better: a banner for people.
    """

    grid: Grid
    method: Method
    counts: tuple[IntArray, ...]
    flows: Flows
    value: float
    bound: float | None = None
    notes: tuple[Finding, ...] = ()

    @property
    def gap(self) -> float | None:
        """Return how far the plan may be from the best one [share of its value]; None where nobody knows."""
        if self.bound is None:
            return None
        return max(self.bound - self.value, 0.0) / max(abs(self.value), 1e-9)

    def machines_w(self, problem: Problem) -> IntArray:
        """Return what the machines draw [W, by slot]."""
        return machine_power(problem, self.counts)


def machine_power(problem: Problem, counts: tuple[IntArray, ...]) -> IntArray:
    """Return what machines draw together [W, by slot]."""
    total = np.zeros(problem.grid.count, dtype=np.int64)
    for group, chosen in zip(problem.groups, counts, strict=True):
        total += group.power_w() @ chosen
    return total


def starts_of(group: MachineGroup, counts: IntArray) -> IntArray:
    """Return how many machines of a group start in each slot."""
    on = counts.sum(axis=0)
    return np.asarray(np.maximum(np.diff(on, prepend=group.running), 0), dtype=np.int64)
