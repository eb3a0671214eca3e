"""What the fleet engine is told: by people, by plans, and by the machines through their drivers.

Journaled: fields are only ever added at the end, with a default. Unknown is None, never zero.
"""

from typing import Literal, get_args

import msgspec

from hashwright.signals import ClockTicked, Event, ProcessStarted

Activity = Literal["hashing", "asleep", "fault", "unknown"]
"""What a machine says it does. `asleep`: it answers and does not hash, because it was told so."""

Answer = Literal["ok", "unsupported", "unreachable", "refused"]
"""The four answers of a machine: a thing that cannot be done, one that nobody heard, and one that was denied differ."""

Mode = Literal["run", "sleep"]
FailSafe = Literal["keep", "sleep"]
Action = Literal["pause", "resume", "limit"]


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one machine said at `at` [ms]; or, where `answer` is not `ok`, that it said nothing of use.

    `limit_w` is the power limit that it reports. `faults` are its own words, short. `fan_percent` is what its fans are
    set to, `fan_rpm` how fast the slowest of them turns.
    """

    device: str
    at: int
    answer: Answer
    activity: Activity = "unknown"
    hashrate_hs: float | None = None
    power_w: float | None = None
    limit_w: float | None = None
    temperature_c: float | None = None
    accepted: int | None = None
    rejected: int | None = None
    pool: str = ""
    model: str = ""
    firmware: str = ""
    faults: tuple[str, ...] = ()
    detail: str = ""
    fan_percent: float | None = None
    fan_rpm: float | None = None


class DeviceSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A machine, as a person set it. 0 stands for "not set": the rule of its group, or what it shows itself.

    `fail_safe`: what should become of it when Hashwright dies (`GuardActed`), or ends in order (`ShutdownBegun`).
    `min_part` is the least part of its rated power at which it still hashes; 1 where it knows only on and off.
    """

    device: str
    kind: str
    group: str = ""
    site: str = ""
    tags: tuple[str, ...] = ()
    rated_w: float = 0.0
    rated_hs: float = 0.0
    min_part: float = 1.0
    temperature_max_c: float = 0.0
    starts_a_day: int = 0
    fail_safe: FailSafe = "keep"
    curve: tuple[tuple[float, float], ...] = ()


class DeviceRemoved(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A machine is no longer ours to look after; it goes on as it is."""

    device: str


class RulesSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The rules of power control, for all machines that set none of their own.

    `is_live`: plans act; otherwise they are only rehearsed. Of the machines of a site at most `start_part` are started
    and `stop_part` stopped within `ramp_ms`; 1 switches that rule off. `dwell_ms` is how long a machine stays as a plan
    put it. `settle_ms` is the time that a machine has to obey, `silent_ms` the age at which its numbers expire.
    """

    is_live: bool = False
    start_part: float = 0.1
    stop_part: float = 0.25
    ramp_ms: int = 10_000
    starts_a_day: int = 12
    dwell_ms: int = 600_000
    temperature_max_c: float = 90.0
    settle_ms: int = 120_000
    silent_ms: int = 120_000


class PlanSlot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From `at` [ms] on, a group draws at most `power_w`; 0 puts all of it to sleep.

    `parts` say how: (part of their rated power, number of machines), the largest part first. Without them machines run
    at full power as far as the watts reach.
    """

    at: int
    group: str
    power_w: float
    parts: tuple[tuple[float, int], ...] = ()


class PowerPlan(Event, frozen=True, array_like=True, tag=True, gc=False):
    """What each group is to draw, slot by slot, in the order of time, until `valid_until` [ms].

    A group that no slot names is left alone. When the plan runs out, machines stay as they are and a person is told.
    A plan replaces the one of the same `key` before it. It is for the machines of `site`, of every site where it is
    empty. Of these at most `limit_w` run at once, whoever wants it (a breaker; 0: no limit). `start_part` and
    `stop_part` stand above those of `RulesSet` where they are not 0.
    """

    plan: str
    slots: tuple[PlanSlot, ...]
    valid_until: int
    author: str
    key: str = ""
    site: str = ""
    limit_w: float = 0.0
    start_part: float = 0.0
    stop_part: float = 0.0


class PowerPlanEnded(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Nobody plans by this key any more: its machines stay as they are, and those that rest are left asleep."""

    key: str


class MachinesWoken(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A person wakes machines that a plan left asleep; a plan to come decides about them as about any other."""

    devices: tuple[str, ...]
    author: str


class ShutdownBegun(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Hashwright ends in order: machines whose fail-safe is sleep are told so now. The next start wakes them again."""


Rest = Literal["slept", "asleep", "unreachable", "refused", "unsupported", "not obeyed"]
"""What became of a machine that the guard told to sleep; `asleep`: it slept before, and was not told."""


class GuardActed(Event, frozen=True, array_like=True, tag=True, gc=False):
    """What the guard did while nobody else could: a process of its own, which outlives ours.

    `cause`: our process was gone, or said nothing; `since` is when it was last heard, `at` when machines were told
    [ms]. The same report may come twice, and counts once.
    """

    report: str
    cause: Literal["gone", "silent"]
    since: int
    at: int
    outcomes: tuple[tuple[str, Rest], ...]


class SiteLimitSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """What a site may draw from the grid, whatever a plan says [W]; `site` empty: all machines.

    `base_w` is what it draws without machines, `cooling` what it draws for each watt of theirs beside it. `export_w` is
    what it may sell, 0 where that is not known. `key` is whose limit it is.
    """

    key: str
    site: str
    import_w: float
    base_w: float = 0.0
    cooling: float = 0.0
    export_w: float = 0.0


class SiteLimitEnded(Event, frozen=True, array_like=True, tag=True, gc=False):
    """Nobody says any more what the site of this key may draw."""

    key: str


class SiteMetered(Event, frozen=True, array_like=True, tag=True, gc=False):
    """What the meter of the site of this key said at `at` [ms]: bought and sold [W]."""

    key: str
    at: int
    import_w: float
    export_w: float | None = None


class OverrideSet(Event, frozen=True, array_like=True, tag=True, gc=False):
    """A person decides for these machines until `until` [ms], whatever a plan says; only heat stands above it.

    `part` is of their rated power, 1 for all of it.
    """

    devices: tuple[str, ...]
    mode: Mode
    part: float
    until: int
    author: str


class OverrideEnded(Event, frozen=True, array_like=True, tag=True, gc=False):
    """The plan decides about these machines again."""

    devices: tuple[str, ...]


class DevicesSeen(Event, frozen=True, array_like=True, tag=True, gc=False):
    """What machines said, some at a time."""

    readings: tuple[Reading, ...]


class CommandAnswered(Event, frozen=True, array_like=True, tag=True, gc=False):
    """What a machine answered to the command of this key. `ok` means that it took it, not yet that it obeyed."""

    key: str
    device: str
    answer: Answer
    detail: str = ""


JOURNALED = (
    DeviceSet
    | DeviceRemoved
    | RulesSet
    | PowerPlan
    | PowerPlanEnded
    | MachinesWoken
    | ShutdownBegun
    | GuardActed
    | SiteLimitSet
    | SiteLimitEnded
    | SiteMetered
    | OverrideSet
    | OverrideEnded
    | DevicesSeen
    | CommandAnswered
)
FleetEvent = ProcessStarted | ClockTicked | JOURNALED
OWN = frozenset(get_args(JOURNALED))
"""The types of `JOURNALED`, for a quick look."""
