"""Machines as people see them: who is connected joined with what was accepted, and a state in one word.

The limit of silence is not a fixed one: a machine is silent when so long a pause has less than one chance in ten
thousand at its own pace. A machine that is away although it worked within a day is offline.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from hashwright.units import hashrate_est
from hashwright.web.fleet import NO_FLEET, Device, Fleet
from hashwright.web.rates import RateBook, Worked

SILENT_CHANCE: Final = 1e-4
SILENT_MIN_S: Final = 30.0
"""A shorter pause is never called silence."""
MachineState = Literal["hashing", "starting", "silent", "offline", "asleep"]
"""`asleep` is off on purpose: no alarm, and not offline."""
WINDOWS: Final = ("10m", "1h", "24h")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One worker name over all its connections, with the machine of the fleet that has its name.

    Rates are estimates from accepted work [H/s]; ages are [ms]. What the machine says of itself (`said_hs`, `power_w`,
    `temperature_c`) is measured by it; `expected_hs` is what it should do by its settings. `device` is empty where the
    fleet does not know it: then nothing is known of these, and unknown is null.
    """

    worker: str
    state: MachineState
    destinations: tuple[str, ...]
    connections: int
    agent: str
    peer: str
    difficulty: float | None
    last_share_age_ms: int | None
    connected_ms: int | None
    hashrate_10m_hs: float
    hashrate_1h_hs: float
    hashrate_24h_hs: float
    accepted_1h: int
    refused_1h: int
    accepted_24h: int
    refused_24h: int
    device: str = ""
    device_state: str = ""
    model: str = ""
    site: str = ""
    group: str = ""
    tags: tuple[str, ...] = ()
    host: str = ""
    said_hs: float | None = None
    expected_hs: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    efficiency_j_th: float | None = None
    part: float | None = None
    wish: str = ""
    wish_by: str = ""
    is_settled: bool | None = None
    note: str = ""
    can: tuple[str, ...] = ()


class Seen(msgspec.Struct, kw_only=True, gc=False):
    """What the program said of one worker's connections, summed; ages are of the time at which it said it [ms]."""

    connections: int = 0
    destinations: tuple[str, ...] = ()
    agent: str = ""
    peer: str = ""
    difficulty: float | None = None
    age_ms: int | None = None
    connected_ms: int | None = None


NOBODY: Final = Seen()
NOTHING: Final = Worked()


class Joined:
    """What is counted of all machines, once for everybody who asks; their list is made when it is wanted."""

    def __init__(self, inputs: "Inputs") -> None:
        """Count.

        Args:
            inputs: what is known.
        """
        self._inputs = inputs
        self._machines: tuple[Machine, ...] | None = None
        self.at_ms = inputs.now_ms
        self.total = len(inputs.names)
        self.states: Mapping[str, int] = Counter(inputs.state(name) for name in inputs.names)
        self.connected = len(inputs.seen)
        self.window_s = inputs.seconds["10m"]
        self.hashrate_hs = hashrate_est(inputs.book.total("10m").work, self.window_s)
        day = inputs.book.total("24h")
        self.accepted_24h, self.refused_24h = day.accepted, day.refused
        self.said_hs = inputs.fleet.said_hs
        self.expected_hs = inputs.fleet.expected_hs
        self.power_w = inputs.fleet.power_w

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Return all machines by name; made at the first call, which belongs on a thread where they are many."""
        if self._machines is None:
            self._machines = tuple(self._inputs.machine(name) for name in self._inputs.names)
        return self._machines


class Inputs:
    """What is known at one instant, joined by worker."""

    def __init__(
        self, sessions: "Sessions", book: RateBook, *, now_ms: int, asked_ms: int, since: int, fleet: Fleet
    ) -> None:
        """Join; see `join_machines`."""
        self.book, self.fleet, self.now_ms = book, fleet, now_ms
        self.late_ms = max(now_ms - asked_ms, 0)
        self.seen = sessions.workers
        self.closed = {window: book.of(window) for window in WINDOWS}
        self.running = book.running()
        self.seconds = {window: book.windows[window].seconds(now_ms, since) for window in WINDOWS}
        worked = self.closed["24h"].keys() | self.running.keys() | self.seen.keys()
        self.devices = _devices_of(worked, fleet)
        for device in fleet.devices.keys() - {it.device for it in self.devices.values()}:
            self.devices[device] = fleet.devices[device]
        self.names = sorted(worked | self.devices.keys())

    def state(self, name: str) -> MachineState:
        """Say in one word how a machine is."""
        item = self.seen.get(name, NOBODY)
        state: MachineState = "offline"
        if item.connections:
            hour, now = self.closed["1h"].get(name, NOTHING), self.running.get(name, NOTHING)
            state = state_of(
                is_connected=True,
                age_ms=None if item.age_ms is None else item.age_ms + self.late_ms,
                connected_ms=None if item.connected_ms is None else item.connected_ms + self.late_ms,
                shares_a_second=(hour.accepted + now.accepted) / self.seconds["1h"],
            )
        device = self.devices.get(name)
        return "asleep" if state != "hashing" and device is not None and device.is_asleep else state

    def machine(self, name: str) -> Machine:
        """Write one machine."""
        item, running = self.seen.get(name, NOBODY), self.running.get(name, NOTHING)
        ten, hour, day = (self.closed[window].get(name, NOTHING).plus(running) for window in WINDOWS)
        device = self.devices.get(name)
        return Machine(
            worker=name,
            state=self.state(name),
            destinations=item.destinations if item.connections else day.destinations,
            connections=item.connections,
            agent=item.agent,
            peer=item.peer,
            difficulty=item.difficulty,
            last_share_age_ms=None if item.age_ms is None else item.age_ms + self.late_ms,
            connected_ms=None if item.connected_ms is None else item.connected_ms + self.late_ms,
            hashrate_10m_hs=hashrate_est(ten.work, self.seconds["10m"]),
            hashrate_1h_hs=hashrate_est(hour.work, self.seconds["1h"]),
            hashrate_24h_hs=hashrate_est(day.work, self.seconds["24h"]),
            accepted_1h=hour.accepted,
            refused_1h=hour.refused,
            accepted_24h=day.accepted,
            refused_24h=day.refused,
            **({} if device is None else device.fields),
        )


class Sessions:
    """Who is connected, by worker: summed once for each answer of the program."""

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self.workers: dict[str, Seen] = {}
        for row in rows:
            _add_session(self.workers.setdefault(row["worker"], Seen()), row)


def join_machines(
    sessions: Sessions, book: RateBook, *, now_ms: int, asked_ms: int, since: int, fleet: Fleet = NO_FLEET
) -> Joined:
    """Count all machines.

    Args:
        sessions: who is connected, as the program said.
        book: what was accepted.
        now_ms: the time.
        asked_ms: when the program said it.
        since: the first minute in which anything can have been done.
        fleet: the machines that are looked after.
    """
    return Joined(Inputs(sessions, book, now_ms=now_ms, asked_ms=asked_ms, since=since, fleet=fleet))


def _devices_of(workers: Iterable[str], fleet: Fleet) -> dict[str, Device]:
    """Find the machine of the fleet for each worker: that of its name, or of what stands behind its account's dot."""
    if not fleet.devices:
        return {}
    found: dict[str, Device] = {}
    taken: set[str] = set()
    for worker in sorted(workers):
        for name in (worker, worker.partition(".")[2]):
            if name in fleet.devices and name not in taken:
                found[worker] = fleet.devices[name]
                taken.add(name)
                break
    return found


def _add_session(item: Seen, session: Mapping[str, Any]) -> None:
    item.connections += 1
    where = session["destination"]
    if where and where not in item.destinations:
        item.destinations = tuple(sorted((*item.destinations, where)))
    item.agent, item.peer = session["agent"], session["peer"]
    item.difficulty = session["difficulty"]
    age, connected = session["last_share_ms"], session["connected_ms"]
    item.age_ms = age if item.age_ms is None else min(item.age_ms, age)
    item.connected_ms = connected if item.connected_ms is None else max(item.connected_ms, connected)


def state_of(
    *, is_connected: bool, age_ms: int | None, connected_ms: int | None, shares_a_second: float
) -> MachineState:
    """Say in one word how a machine is; `shares_a_second` is its own pace over the last hour."""
    if not is_connected:
        return "offline"
    if shares_a_second <= 0:
        return "starting"
    limit_s = max(-math.log(SILENT_CHANCE) / shares_a_second, SILENT_MIN_S)
    is_late = age_ms is not None and age_ms / 1000 > limit_s
    return "silent" if is_late and (connected_ms or 0) / 1000 > limit_s else "hashing"
