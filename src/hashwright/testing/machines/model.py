"""One simulated machine: what it draws, how warm it is, what it hashes, and how it misbehaves when it is told to.

Temperature follows power with a lag of first order, as a heat sink does. Part load is a little better than full, as
on real chips: the hash rate falls slower than the power. Time is handed in [s].
"""

import dataclasses
import math
from typing import Literal

Kind = Literal["axeos", "xmrig", "cgminer", "avalon", "antminer", "braiins", "whatsminer"]
Fault = Literal["hangs", "dead", "lies", "disobeys", "refuses", "hot", "no-pause"]
FAULTS: tuple[Fault, ...] = ("hangs", "dead", "lies", "disobeys", "refuses", "hot", "no-pause")
"""Never answers; closes connections at once; reports a tenth of its power; says yes and does nothing; says no; has lost
a fan; has firmware without that command."""
LAG_S = 20.0
AMBIENT_C = 25.0
RISE_C = 45.0
HOT_RISE_C = 90.0
SLEEP_PART = 0.02
"""What a sleeping machine still draws of its rated power: its controller and a fan."""
PART_EXPONENT = 0.85
LIE = 0.1
FAN_RPM = 6000
FAN_AUTO = 70
"""What the automatic does [%]."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Pool:
    """Where it mines."""

    url: str
    user: str
    password: str = "x"


@dataclasses.dataclass(slots=True, kw_only=True)
class Machine:
    """One machine. `part` is what it was limited to; `clock` [s] is when its temperature was last computed.

    `password` is empty where it has its maker's, or none; `token` is the session of who logged in.
    """

    name: str
    kind: Kind
    host: str
    port: int
    rated_w: float
    rated_hs: float
    model: str = "Simulated"
    algorithm: str = "sha256d"
    password: str = ""
    token: str = ""
    part: float = 1.0
    is_paused: bool = False
    is_blinking: bool = False
    fan_percent: int | None = None
    faults: set[Fault] = dataclasses.field(default_factory=set)
    pools: list[Pool] = dataclasses.field(default_factory=list)
    accepted: int = 0
    rejected: int = 0
    temperature_c: float = AMBIENT_C
    clock: float = 0.0
    born: float = 0.0
    commands: list[str] = dataclasses.field(default_factory=list)
    restarts: int = 0
    commanded_at: float = 0.0

    @property
    def power_w(self) -> float:
        """Return what it really draws [W]."""
        return self.rated_w * (SLEEP_PART if self.is_paused else self.part)

    @property
    def shown_power_w(self) -> float:
        """Return what it says it draws [W]."""
        return self.power_w * (LIE if "lies" in self.faults else 1.0)

    @property
    def hashrate_hs(self) -> float:
        """Return its hash rate [H/s]: the power to less than one, so that part load costs less a hash."""
        return 0.0 if self.is_paused else self.rated_hs * self.part**PART_EXPONENT

    def advance(self, now: float) -> None:
        """Let its temperature follow its power until `now` [s]."""
        rise = HOT_RISE_C if "hot" in self.faults else RISE_C
        goal = AMBIENT_C + rise * self.power_w / self.rated_w
        weight = 1 - math.exp(-max(now - self.clock, 0.0) / LAG_S)
        self.temperature_c += (goal - self.temperature_c) * weight
        self.clock = now

    def pause(self, now: float) -> None:
        """Take the command to sleep."""
        self._command("pause", now)
        if "disobeys" not in self.faults:
            self.is_paused = True

    def resume(self, now: float) -> None:
        """Take the command to hash."""
        self._command("resume", now)
        if "disobeys" not in self.faults:
            self.is_paused = False

    def limit(self, part: float, now: float) -> None:
        """Take a part of its power."""
        self._command(f"limit {part:.3f}", now)
        if "disobeys" not in self.faults:
            self.part = min(max(part, 0.05), 1.0)

    def set_pools(self, pools: list[Pool]) -> None:
        """Take other pools."""
        if "disobeys" not in self.faults:
            self.pools = pools

    def set_fans(self, percent: int | None) -> None:
        """Take a speed of the fans [%]; None for the automatic."""
        if "disobeys" not in self.faults:
            self.fan_percent = percent

    @property
    def fan_rpm(self) -> int:
        """Return how fast its slowest fan turns; one that was lost stands."""
        return 0 if "hot" in self.faults else round(FAN_RPM * (self.fan_percent or FAN_AUTO) / 100)

    def _command(self, text: str, now: float) -> None:
        self.advance(now)
        self.commands.append(text)
        del self.commands[:-100]
        self.commanded_at = now
