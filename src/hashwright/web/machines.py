"""Machines as people see them: who is connected joined with what was accepted, and a state in one word.

The limit of silence is not a fixed one: a machine is silent when so long a pause has less than one chance in ten
thousand at its own pace. A machine that is away although it worked within a day is offline.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from hashwright.units import hashrate_est
from hashwright.web.fleet import NO_FLEET, Device, Fleet
from hashwright.web.rates import Key, RateBook, Total

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """All machines by name, and what is counted of them once for everybody who asks."""

    machines: tuple[Machine, ...] = ()
    states: Mapping[str, int] = field(default_factory=dict)
    connected: int = 0
    hashrate_hs: float = 0.0
    said_hs: float | None = None
    expected_hs: float | None = None
    power_w: float | None = None
    power_known: int = 0
    """Of how many machines the power is known."""


class _Seen:
    """What is known of one worker while the list is made."""

    __slots__ = ("age", "agent", "connected", "connections", "destinations", "difficulty", "peer", "totals")

    def __init__(self) -> None:
        self.connections = 0
        self.destinations: set[str] = set()
        self.agent = self.peer = ""
        self.difficulty: float | None = None
        self.age: int | None = None
        self.connected: int | None = None
        self.totals = {window: Total() for window in WINDOWS}


def join_machines(
    sessions: Iterable[Mapping[str, Any]],
    book: RateBook,
    *,
    now_ms: int,
    asked_ms: int,
    since: int,
    fleet: Fleet = NO_FLEET,
) -> Joined:
    """Return all machines by name, and their sums.

    Args:
        sessions: who is connected, as the program says.
        book: what was accepted.
        now_ms: the time.
        asked_ms: when the program said it.
        since: the first minute in which anything can have been done.
        fleet: the machines that are looked after.
    """
    seen: defaultdict[str, _Seen] = defaultdict(_Seen)
    late_ms = max(now_ms - asked_ms, 0)
    for session in sessions:
        _add_session(seen[session["worker"]], session, late_ms)
    for window in WINDOWS:
        for key, total in book.of(window).items():
            _add_total(seen[key[0]], window, key, total)
    seconds = {window: book.windows[window].seconds(now_ms, since) for window in WINDOWS}
    known = _devices_of(seen, fleet)
    for device in fleet.devices.keys() - {it.device for it in known.values()}:
        known[device] = fleet.devices[device]
    return joined(
        tuple(_machine(name, seen[name], seconds, known.get(name)) for name in sorted(seen.keys() | known.keys()))
    )


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


def joined(machines: tuple[Machine, ...]) -> Joined:
    """Count and sum machines."""
    powers = [it.power_w for it in machines if it.power_w is not None]
    return Joined(
        machines=machines,
        states=Counter(machine.state for machine in machines),
        connected=sum(machine.connections > 0 for machine in machines),
        hashrate_hs=sum(machine.hashrate_10m_hs for machine in machines),
        said_hs=_sum(it.said_hs for it in machines),
        expected_hs=_sum(it.expected_hs for it in machines),
        power_w=sum(powers) if powers else None,
        power_known=len(powers),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    """Sum what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _add_session(item: _Seen, session: Mapping[str, Any], late_ms: int) -> None:
    item.connections += 1
    if session["destination"]:
        item.destinations.add(session["destination"])
    item.agent, item.peer = session["agent"], session["peer"]
    item.difficulty = session["difficulty"]
    age, connected = session["last_share_ms"] + late_ms, session["connected_ms"] + late_ms
    item.age = age if item.age is None else min(item.age, age)
    item.connected = connected if item.connected is None else max(item.connected, connected)


def _add_total(item: _Seen, window: str, key: Key, total: Total) -> None:
    sums = item.totals[window]
    sums.work += total.work
    sums.accepted += total.accepted
    sums.refused += total.refused
    if item.connections == 0:
        item.destinations.add(key[1])


def _machine(name: str, item: _Seen, seconds: Mapping[str, float], device: Device | None) -> Machine:
    totals = item.totals
    rates = {window: hashrate_est(totals[window].work, seconds[window]) for window in WINDOWS}
    state = state_of(
        is_connected=item.connections > 0,
        age_ms=item.age,
        connected_ms=item.connected,
        shares_a_second=totals["1h"].accepted / seconds["1h"],
    )
    is_asleep = device is not None and device.is_asleep and state != "hashing"
    return Machine(
        worker=name,
        state="asleep" if is_asleep else state,
        destinations=tuple(sorted(item.destinations)),
        connections=item.connections,
        agent=item.agent,
        peer=item.peer,
        difficulty=item.difficulty,
        last_share_age_ms=item.age,
        connected_ms=item.connected,
        hashrate_10m_hs=rates["10m"],
        hashrate_1h_hs=rates["1h"],
        hashrate_24h_hs=rates["24h"],
        accepted_1h=totals["1h"].accepted,
        refused_1h=totals["1h"].refused,
        accepted_24h=totals["24h"].accepted,
        refused_24h=totals["24h"].refused,
        **({} if device is None else device.fields),
    )


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
