"""The fleet engine's memory: each machine as set, as last heard, as wished for, and the command on its way.

Three numbers of power are kept apart: what was commanded, what the machine says it was told, and what it says it draws.
Plain data only, so that a snapshot is the whole of it.

Must not know: addresses, passwords, vendors, prices.
"""

import msgspec

from hashwright.fleet.events import Action, DeviceSet, Mode, PowerPlan, Reading, RulesSet, SiteLimitSet

DAY_MS = 86_400_000


class Wish(msgspec.Struct, frozen=True, array_like=True):
    """What a machine should do, who says so, and why. `part` is of its rated power."""

    mode: Mode
    part: float
    author: str
    reason: str


class Override(msgspec.Struct, frozen=True, array_like=True):
    """A person's decision, until `until` [ms]."""

    mode: Mode
    part: float
    until: int
    author: str


class Pending(msgspec.Struct, array_like=True):
    """A command on its way: sent at `sent_at`, to be obeyed by `obey_by` [ms]. `is_taken`: the machine said yes."""

    key: str
    action: Action
    part: float
    sent_at: int
    obey_by: int
    is_taken: bool = False


class Device(msgspec.Struct, array_like=True):
    """One machine.

    `reading` is its last answer of use, `answer` the last answer of any kind, since `answer_since`. `part` is the power
    that it was last brought to; `changed_at` when it last went to sleep or woke by a command of ours. `starts` are the
    times of the last day's. `told` are the codes of the alerts that stand. `seen_w` is the most it drew at full power.
    `plan_key` is whose plan its wish is from. `is_safe`: it was put to sleep when Hashwright ended, or by its guard,
    and is to wake. `is_shed`: it sleeps because its site would draw more than it may.
    `left_by` is whose plan ended while it slept by that plan.
    """

    settings: DeviceSet
    reading: Reading | None = None
    answer: str = ""
    answer_since: int = 0
    detail: str = ""
    misses: int = 0
    plan_wish: Wish | None = None
    override: Override | None = None
    is_hot: bool = False
    part: float = 1.0
    changed_at: int = 0
    starts: list[int] = msgspec.field(default_factory=list)
    serial: int = 0
    pending: Pending | None = None
    tries: int = 0
    retry_at: int = 0
    unsupported: list[str] = msgspec.field(default_factory=list)
    told: list[str] = msgspec.field(default_factory=list)
    would: str = ""
    seen_w: float = 0.0
    is_asleep_by_us: bool = False
    waits: str = ""
    plan_key: str = ""
    is_safe: bool = False
    is_shed: bool = False
    left_by: str = ""


class Ramp(msgspec.Struct, array_like=True):
    """Starts and stops of a site within the span that began at `since`, when it had `size` machines."""

    since: int = 0
    starts: int = 0
    stops: int = 0
    size: int = 0


class Breaker(msgspec.Struct, array_like=True):
    """What the machines of a plan may draw together at the moment `at`, as far as anybody knows [W]."""

    at: int = -1
    drawn_w: float = 0.0


class SiteLimit(msgspec.Struct, array_like=True):
    """A site's limit: its meter's last word, and who sleeps for it, the last one last.

    `shed_at` is when the last was put to sleep, `calm_since` since when there is room for the next to come back.
    `room_w` is what it had left at the moment `room_at` [W], `counted_at` when machines were counted last.
    """

    settings: SiteLimitSet
    meter_at: int = -1
    meter_w: float = 0.0
    shed: list[str] = msgspec.field(default_factory=list)
    shed_at: int = 0
    calm_since: int = -1
    told: list[str] = msgspec.field(default_factory=list)
    room_at: int = -1
    room_w: float = 0.0
    counted_at: int = -1


class FleetState(msgspec.Struct, array_like=True):
    """Everything the fleet engine knows.

    `busy` are the machines that something is to be done about, `hand` where the round through all others stands.
    `plan` is the plan without a key, `plans` are those with one. `slots` is the slot that each group of each plan
    follows, by `key/group`. `is_going`: the program ends, and nothing more is commanded. `guards` are the last reports
    of guards that were taken, `limits` what sites may draw.
    """

    devices: dict[str, Device] = msgspec.field(default_factory=dict)
    rules: RulesSet = msgspec.field(default_factory=RulesSet)
    plan: PowerPlan | None = None
    slots: dict[str, int] = msgspec.field(default_factory=dict)
    busy: dict[str, bool] = msgspec.field(default_factory=dict)
    ramps: dict[str, Ramp] = msgspec.field(default_factory=dict)
    hand: int = 0
    is_ticking: bool = False
    told: list[str] = msgspec.field(default_factory=list)
    replan: dict[str, int] = msgspec.field(default_factory=dict)
    plans: dict[str, PowerPlan] = msgspec.field(default_factory=dict)
    breakers: dict[str, Breaker] = msgspec.field(default_factory=dict)
    is_going: bool = False
    guards: list[str] = msgspec.field(default_factory=list)
    limits: dict[str, SiteLimit] = msgspec.field(default_factory=dict)
