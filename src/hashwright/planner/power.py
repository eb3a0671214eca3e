"""One turn of the power autopilot: what was seen goes in, a plan of machines comes out; nothing is asked or done.

    PowerSeen  --power_think.think_power-->  PowerThought           the same `plan_dispatch` as `hw plan energy`

`PowerSeen` holds every number that the plan rests on, so that a stored turn can be thought again: that is how it is
explained. Both go through a process border and into the database as JSON, so only plain records stand here; numpy and
the solver are loaded by whoever thinks (`power_think`), not by the running program.

Three rules stand behind each other, and each turn says which one it went by: the **plan** of the solver; the **last
plan**, as far as it reaches and keeps today's limits; the **threshold** rule. Money is a float in the site's currency:
an estimate that no ledger takes.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from hashwright.planner.power_pins import Pin

Rule = Literal["plan", "last plan", "threshold"]
RULES: dict[str, Rule] = {"exact": "plan", "prices": "plan", "last plan": "last plan", "threshold": "threshold"}
Runs = tuple[tuple[int, int], ...]
"""A series of whole numbers as (value, how often in a row): plans stay the same for hours."""


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A finding, as it is kept."""

    code: str
    place: str
    message: str
    hint: str = ""


class SeenMachines(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group of the fleet as a plan may count on it.

    `count` machines answer and have a known rating: `rated_w` and `rated_hs` are their means [W, H/s], 0 unknown.
    `min_part` is the least part of its rating that every one of them can run at, 1: on and off only. `curve` is the
    mean hash rate [H/s] at parts of the rating, where all were measured. `running` hash now, most of them since `age`
    slots. `lost_w` is what machines that do not answer may draw all the same.
    """

    group: str
    count: int
    rated_w: float
    rated_hs: float = 0.0
    min_part: float = 1.0
    curve: tuple[tuple[float, float], ...] = ()
    running: int = 0
    age: int | None = None
    lost: int = 0
    lost_w: float = 0.0
    unrated: int = 0


class KeptPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plan as it is kept: for each group its levels' counts by slot, and what the battery was meant to do [W]."""

    start_ms: int
    slots: int
    groups: tuple[str, ...]
    counts: tuple[tuple[Runs, ...], ...]
    charge_w: Runs
    discharge_w: Runs

    @property
    def end_ms(self) -> int:
        """Return the end of its last slot [ms]."""
        return self.start_ms + self.slots * 900_000


class PowerSeen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that a turn knows of a site's next hours.

    `site` is the site's file without plug-ins, as read. Series have a value a slot from `start_ms` on: `price` and
    `export` [currency/kWh], `sun_w` and `wind_w` [W], `per_th_day` (what a TH/s earns a day, gross), None where not
    known. `factor` and `spread` are what the meter taught of forecasts over `days` days. `is_battery_out`: it does not
    obey, or nobody hears it, and the plan is made without it; `battery_w` is what it takes all the same [W]. `metered`
    is what the meter saw of the last hours: (slot's start in ms, import, export) [W].
    """

    at_ms: int
    name: str
    currency: str
    site: dict[str, Any]
    start_ms: int
    price: tuple[float | None, ...]
    export: tuple[float | None, ...] | None
    sun_w: tuple[float | None, ...]
    wind_w: tuple[float | None, ...]
    per_th_day: tuple[float, ...]
    earns_source: str
    machines: tuple[SeenMachines, ...]
    strangers: tuple[tuple[str, int], ...] = ()
    level: float | None = None
    peak_kw: float | None = None
    factor: float = 1.0
    spread: float = 0.25
    days: int = 0
    told: tuple[Told, ...] = ()
    last: KeptPlan | None = None
    solver_s: float = 20.0
    has_solver: bool = True
    pins: tuple[Pin, ...] = ()
    is_battery_out: bool = False
    battery_w: int = 0
    metered: tuple[tuple[int, float, float], ...] = ()


class PowerSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From `from_ms` on, so many machines of a group run: `parts` are (part of their rating, machines), largest first.

    `power_w` is what they draw by their ratings, without cooling and without machines that do not answer.
    """

    group: str
    from_ms: int
    machines: int
    parts: tuple[tuple[float, int], ...]
    power_w: float


class PowerBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stretch of one number of machines and one reason, with means over it [kW, currency/kWh, percent]."""

    from_ms: int
    to_ms: int
    machines: int
    reason: str
    price: float
    earns: float
    machines_kw: float
    own_kw: float
    grid_kw: float
    battery_percent: float | None


class PowerThought(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The answer: which rule it is by, what each group does when, what that is expected to bring, and why.

    `value` is the expected money of the hours [currency]; `value_always` and `value_off` are that of machines that
    always run or never do, within the same limits. Series have a value a slot: `machines_w`, `own_w`, `import_w`,
    `export_w`, `battery_wh`.
    """

    rule: Rule
    method: str
    plan: KeptPlan
    groups: tuple[PowerSlot, ...]
    blocks: tuple[PowerBlock, ...]
    machines: int
    value: float
    value_always: float
    value_off: float
    bound: float | None
    totals: dict[str, float]
    break_even: dict[str, float]
    machines_w: tuple[int, ...]
    own_w: tuple[int, ...]
    import_w: tuple[int, ...]
    export_w: tuple[int, ...]
    battery_wh: tuple[int, ...]
    told: tuple[Told, ...]
    left_out: tuple[str, ...]
    earn: tuple[float, ...] = ()
    """What the machines are expected to earn in each slot, net of fees and rejects [currency]."""

    @property
    def gain(self) -> float:
        """Return how much more the plan is expected to leave than machines that always run [currency]."""
        return self.value - self.value_always


def packed(values: Iterable[int]) -> Runs:
    """Write a series as runs."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([int(value), 1])
    return tuple((value, length) for value, length in runs)


def unpacked(runs: Sequence[tuple[int, int]]) -> list[int]:
    """Return the series that runs stand for."""
    return [value for value, length in runs for _ in range(length)]


def slots_now(thought: PowerThought, *, now: int) -> dict[str, PowerSlot]:
    """Return what each group of a plan should do at a moment; nothing after the plan's end."""
    if not thought.plan.start_ms <= now < thought.plan.end_ms:
        return {}
    return {it.group: it for it in thought.groups if it.from_ms <= now}
