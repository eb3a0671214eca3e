"""Who mines where: whole machines first, with few moves; what is left over is cut into time slices.

    keep everybody in place -> take from whoever has too much -> give to whoever has too little, largest first
    -> a machine that fits nowhere whole is sliced

A machine fits where it does not lift the destination more than half a percent of all power above its goal; so with many
machines nobody is sliced, and with few at most one less than there are destinations. Goals are the shares, corrected by
what was delivered too much or too little so far.

Pinned machines, those whose rate is not known yet, and those that cannot move stay where they are and count. Machines
of old firmware come last: each change is a reconnect. They are moved where a destination has far too much and nobody
else can go, only as far as that helps, and they are never sliced.
"""

import dataclasses

from hashwright.routing.records import Group, Machine

TOLERANCE = 0.005
OLD_TOLERANCE = 0.02
"""An excess for which machines of old firmware are asked to reconnect."""
DWELL_MS = 30 * 60_000
"""A whole machine is moved at most every half an hour to correct the split: two moves an hour."""
HORIZON_MIN_MS = 120_000
HORIZON_MAX_MS = 3_600_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """The places that machines should have: whole ones by session, and those that are sliced."""

    whole: dict[int, str]
    sliced: tuple[int, ...]


@dataclasses.dataclass(slots=True, kw_only=True)
class Board:
    """An arrangement in the making: goals and loads by destination [H/s], rates and places by session."""

    goals: dict[str, float]
    rates: dict[int, float]
    load: dict[str, float]
    whole: dict[int, str]
    tolerance: float

    def put(self, session: int, name: str) -> None:
        """Place a machine whole."""
        self.whole[session] = name
        if name in self.load:
            self.load[name] += self.rates[session]

    def take(self, session: int) -> None:
        """Take a machine away."""
        self.load[self.whole.pop(session)] -= self.rates[session]

    def excess(self, name: str) -> float:
        """Return how much a destination has above its goal."""
        return self.load[name] - self.goals[name]

    def fits(self, session: int) -> list[str]:
        """List where a machine fits whole."""
        if len(self.goals) == 1:
            return list(self.goals)
        return [name for name in self.goals if self.excess(name) + self.rates[session] <= self.tolerance]

    def hungriest(self, names: list[str]) -> str:
        """Return who lacks most."""
        return min(names, key=self.excess)


def goals_of(group: Group, shares: dict[str, float], total_hs: float, *, now: int) -> dict[str, float]:
    """Return the rate that each destination should have now [H/s], so that debts vanish in time."""
    age = min(max(now - group.planned_at, HORIZON_MIN_MS), HORIZON_MAX_MS) / 1000
    wanted = {
        name: max(share * total_hs + group.accounts[name].debt / age, 0.0) for name, share in shares.items()
    }  # fmt: skip
    total = sum(wanted.values())
    return {name: rate / total * total_hs for name, rate in wanted.items()} if total > 0 else wanted


def arrange(
    group: Group, goals: dict[str, float], rates: dict[int, float], fixed: set[int], old: list[int], *, now: int
) -> Arrangement:
    """Give every machine a place.

    Args:
        group: the machines.
        goals: rates by destination [H/s].
        rates: rates by session [H/s].
        fixed: machines that stay where they are.
        old: those of the fixed that may be asked to reconnect.
        now: the time [ms since 1970].
    """
    tolerance = TOLERANCE * sum(rates.values())
    board = Board(goals=goals, rates=rates, load=dict.fromkeys(goals, 0.0), whole={}, tolerance=tolerance)
    free: list[int] = []
    for session, machine in group.machines.items():
        name = machine.wish or machine.destination
        if session not in fixed and (machine.is_sliced or name not in goals):
            free.append(session)
        else:
            board.put(session, name)
    for name in goals:
        free += _release(board, name, fixed)
    sliced = [session for session in _by_size(free, rates) if not _place(group, board, session, now=now)]
    if len(goals) > 1:
        _ask_old(board, _by_size(old, rates))
    return Arrangement(whole=board.whole, sliced=tuple(sliced))


def _ask_old(board: Board, old: list[int]) -> None:
    """Take old firmware from where there is far too much: the largest first, none so large that it overshoots."""
    least = OLD_TOLERANCE * sum(board.rates.values())
    for session in old:
        name = board.whole[session]
        target = board.hungriest(list(board.goals))
        gap = min(board.excess(name), -board.excess(target)) if name in board.goals else 0.0
        if gap > least and board.rates[session] <= gap:
            board.take(session)
            board.put(session, target)


def spread(ids: list[int], goals: dict[str, float], load: dict[str, float], rates: dict[int, float]) -> dict[int, str]:
    """Give machines to the destinations that lack most, largest first: for a failover, where nobody may wait."""
    board = Board(goals=goals, rates=rates, load=load, whole={}, tolerance=0.0)
    for session in _by_size(ids, rates):
        board.put(session, board.hungriest(list(goals)))
    return board.whole


def _release(board: Board, name: str, fixed: set[int]) -> list[int]:
    """Take machines from a destination that has too much: the largest that is not more than that, else the smallest."""
    released: list[int] = []
    if len(board.goals) == 1 or board.excess(name) <= board.tolerance:
        return released
    there = [session for session, place in board.whole.items() if place == name and session not in fixed]
    there = _by_size(there, board.rates)
    while there and board.excess(name) > board.tolerance:
        most = board.excess(name) + board.tolerance
        chosen = next((session for session in there if board.rates[session] <= most), there[-1])
        there.remove(chosen)
        board.take(chosen)
        released.append(chosen)
    return released


def _place(group: Group, board: Board, session: int, *, now: int) -> bool:
    """Place a free machine whole, where it is if it can be; False where it fits nowhere.

    One that was moved a short while ago may be sliced, but not be moved as a whole again.
    """
    machine = group.machines[session]
    present = machine.destination
    fits = board.fits(session)
    if present in board.goals and not may_leave(group, machine, now=now):
        fits = [name for name in fits if name == present]
    if not fits:
        return False
    board.put(session, present if present in fits else board.hungriest(fits))
    return True


def _by_size(sessions: list[int], rates: dict[int, float]) -> list[int]:
    return sorted(sessions, key=lambda session: (-rates[session], session))


def may_leave(group: Group, machine: Machine, *, now: int) -> bool:
    """Tell whether a whole machine has stayed long enough to be moved for the sake of the split."""
    return not machine.moved_at or now - machine.moved_at >= DWELL_MS or now < group.hurry_until
