"""Machines as people see them: who is connected joined with what was accepted, and a state in one word.

The limit of silence is not a fixed one: a machine is silent when so long a pause has less than one chance in ten
thousand at its own pace. A machine that is away although it worked within a day is offline.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from hashwright.units import hashrate_est
from hashwright.web.rates import Key, RateBook, Total

SILENT_CHANCE: Final = 1e-4
SILENT_MIN_S: Final = 30.0
"""A shorter pause is never called silence."""
MachineState = Literal["hashing", "starting", "silent", "offline"]
WINDOWS: Final = ("10m", "1h", "24h")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One worker name over all its connections. Rates are estimates from accepted work [H/s]; ages are [ms]."""

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
    sessions: Iterable[Mapping[str, Any]], book: RateBook, *, now_ms: int, asked_ms: int, since: int
) -> tuple[tuple[Machine, ...], float]:
    """Return all machines by name, and the sum of their hash rates over ten minutes [H/s].

    Args:
        sessions: who is connected, as the program says.
        book: what was accepted.
        now_ms: the time.
        asked_ms: when the program said it.
        since: the first minute in which anything can have been done.
    """
    seen: dict[str, _Seen] = {}
    late_ms = max(now_ms - asked_ms, 0)
    for session in sessions:
        _add_session(seen.setdefault(session["worker"], _Seen()), session, late_ms)
    for window in WINDOWS:
        for key, total in book.of(window).items():
            _add_total(seen.setdefault(key[0], _Seen()), window, key, total)
    seconds = {window: book.windows[window].seconds(now_ms, since) for window in WINDOWS}
    machines = tuple(_machine(name, seen[name], seconds) for name in sorted(seen))
    return machines, sum(machine.hashrate_10m_hs for machine in machines)


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


def _machine(name: str, item: _Seen, seconds: Mapping[str, float]) -> Machine:
    totals = item.totals
    rates = {window: hashrate_est(totals[window].work, seconds[window]) for window in WINDOWS}
    return Machine(
        worker=name,
        state=state_of(
            is_connected=item.connections > 0,
            age_ms=item.age,
            connected_ms=item.connected,
            shares_a_second=totals["1h"].accepted / seconds["1h"],
        ),
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
