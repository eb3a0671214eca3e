"""Who mines what: the mean-CVaR programme of Rockafellar and Uryasev (2000), as one linear programme for HiGHS.

    maximise   mean . w  -  cost . u  -  risk * CVaR(loss)          CVaR = eta + 1/((1 - a) S) sum z
    such that  z_s + eta + r_s . w >= 0                              one row a scenario
               sum of a group's weights = 1                          each machine group, `idle` is one of its columns
               sum spend . w = money                                 power money: spent on power, coins, rent, or kept
               sum share . w <= cap                                  each venue (what one counter-party may hold)
               u_j >= w_j - held_j                                   what is moved costs money
               0 <= w_j <= width_j                                   thin markets come in pieces of falling worth

Columns are ordinary: a machine group mining a coin at a venue, `idle`, selling hash power at a bid, renting it at an
ask, buying a coin, keeping the money. A coin where our own hash power thins the reward (`x / (x + L)`) is split into
pieces, each with a slope of its own; the slopes fall, so the programme fills them in order.

The matrix goes to HiGHS by arrays; its expression layer is slower than its solver. Numbers are scaled to about one
first (planning.md 3b). Where the solver gives nothing in time, `without_solver` gives each group its
best column: machines never stay without a plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from highspy import Highs, HighsLp

FloatArray: TypeAlias = NDArray[np.float64]
Kind = Literal["mine", "idle", "sell", "rent", "buy", "cash"]

TAIL: Final = 0.95
PIECES: Final = 4
TIME_LIMIT_S: Final = 10.0
BINDING: Final = 1e-7
DUST: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One way to use a machine group, or money. A weight of 1 is the whole group, or all the money of `spend_usd`.

    `spend_usd` comes out of the common purse, and is taken off what a scenario gives for a weight of 1. `exposure` is
    how much of the venue's cap a weight of 1 takes, `width` bounds the weight, `held` is what it is now.
    """

    key: str
    kind: Kind
    group: str = ""
    coin: str = ""
    venue: str = ""
    spend_usd: float = 0.0
    exposure: float = 0.0
    width: float = 1.0
    held: float = 0.0
    move_usd: float = 0.0
    """What moving the whole group here costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is to be decided. `gross_usd` is (scenarios, columns); `purse_usd` what may be spent in all."""

    columns: tuple[Column, ...]
    gross_usd: FloatArray
    purse_usd: float = 0.0
    venue_caps: tuple[tuple[str, float], ...] = ()
    risk: float = 0.0
    """How many dollars of mean a dollar of CVaR is worth."""
    tail: float = TAIL

    @property
    def net_usd(self) -> FloatArray:
        """Return what each scenario leaves for a weight of one: gross less what is spent."""
        spent = np.array([column.spend_usd for column in self.columns])
        net: FloatArray = self.gross_usd - spent
        return net

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the machine groups, in the order of the columns."""
        return tuple(dict.fromkeys(column.group for column in self.columns if column.group))


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A limit that holds the result back. `worth_usd` is what one more unit of it would add to the objective."""

    what: str
    worth_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The answer. Money is in dollars over the horizon; `outcome_usd` has one number a scenario."""

    weights: FloatArray
    outcome_usd: FloatArray
    objective_usd: float
    mean_usd: float
    cvar_usd: float
    """The mean loss of the worst scenarios; negative where even those gain."""
    moved_usd: float
    bindings: tuple[Binding, ...] = ()
    reduced_usd: FloatArray = field(default_factory=lambda: np.zeros(0))
    """How much more each column would have to give to be used, 0 where it is."""
    solver: Literal["highs", "none"] = "highs"


def cvar(outcome_usd: FloatArray, tail: float = TAIL) -> float:
    """Return the mean loss of the worst (1 - tail) of outcomes, the border scenario in part (Rockafellar, Uryasev)."""
    losses = np.sort(-outcome_usd)[::-1]
    worst = (1 - tail) * len(losses)
    whole = min(int(worst + 1e-9), len(losses))
    total = float(losses[:whole].sum())
    if worst - whole > 1e-9 and whole < len(losses):
        total += (worst - whole) * float(losses[whole])
    return total / worst


def dilution_pieces(ours: float, others: float, pieces: int = PIECES) -> list[tuple[float, float]]:
    """Cut what a growing part of our hash power earns in a thin market into (width, factor) pieces.

    Alone against `others` [hash/s] a part w of `ours` earns w * others / (others + w * ours) of what it would without
    thinning: concave, so the pieces' factors fall. Each factor is the slope of the chord.
    """
    if ours <= 0 or others <= 0:
        return [(1.0, 1.0)]
    if ours / (ours + others) < 0.002:
        return [(1.0, others / (others + ours))]
    edges = np.linspace(0, 1, pieces + 1)
    earned = edges * others / (others + edges * ours)
    return [(1 / pieces, float(slope)) for slope in np.diff(earned) * pieces]


# -------------------------------------------------------------------- the programme


@dataclass(slots=True)
class _Rows:
    """Rows of a sparse matrix while they are collected."""

    starts: list[int] = field(default_factory=list)
    index: list[NDArray[np.int32]] = field(default_factory=list)
    value: list[FloatArray] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, places: Sequence[int], values: Sequence[float], bounds: tuple[float, float], name: str) -> None:
        """Add one row."""
        self.starts.append(self.size)
        self.index.append(np.array(places, np.int32))
        self.value.append(np.array(values, np.float64))
        self.size += len(places)
        self.lower.append(bounds[0])
        self.upper.append(bounds[1])
        self.names.append(name)


def _side_rows(problem: Problem, scale: float) -> _Rows:
    """Return all rows but the scenarios'. Columns: w, then u for those that cost to move."""
    rows, columns = _Rows(), problem.columns
    infinite = float("inf")
    for group in problem.groups:
        places = [i for i, column in enumerate(columns) if column.group == group]
        rows.add(places, [1.0] * len(places), (1.0, 1.0), f"all of {group}")
    spending = [i for i, column in enumerate(columns) if column.spend_usd]
    if spending and problem.purse_usd > 0:
        values = [columns[i].spend_usd / scale for i in spending]
        rows.add(spending, values, (-infinite, problem.purse_usd / scale), "money to spend")
    for venue, cap in problem.venue_caps:
        places = [i for i, column in enumerate(columns) if column.venue == venue and column.exposure]
        if places:
            rows.add(places, [columns[i].exposure for i in places], (-infinite, cap), f"cap of {venue}")
    for order, i in enumerate(_movers(problem)):
        rows.add([i, len(columns) + order], [1.0, -1.0], (-infinite, columns[i].held), f"move to {columns[i].key}")
    return rows


def _movers(problem: Problem) -> list[int]:
    return [i for i, column in enumerate(problem.columns) if column.move_usd > 0]


def _programme(problem: Problem, net: FloatArray, scale: float) -> tuple["HighsLp", _Rows]:
    """Build the programme: columns are w, u, eta, z."""
    import highspy

    scenarios, n = net.shape
    movers = _movers(problem)
    rows = _side_rows(problem, scale)
    is_risky = problem.risk > 0
    tails = scenarios if is_risky else 0
    size = n + len(movers) + (1 + tails if is_risky else 0)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = size, len(rows.starts) + tails
    cost = np.zeros(size)
    cost[:n] = -net.mean(axis=0)
    cost[n : n + len(movers)] = [problem.columns[i].move_usd / scale for i in movers]
    lower, upper = np.zeros(size), np.full(size, highspy.kHighsInf)
    # a group's own row bounds its columns; a second bound there would share the worth of a column between two rows
    upper[:n] = [highspy.kHighsInf if it.group and it.width >= 1 else it.width for it in problem.columns]
    if is_risky:
        eta = n + len(movers)
        cost[eta] = problem.risk
        cost[eta + 1 :] = problem.risk / ((1 - problem.tail) * scenarios)
        lower[eta] = -highspy.kHighsInf
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, lower, upper
    lp.row_lower_ = np.concatenate((rows.lower, np.zeros(tails)))
    lp.row_upper_ = np.concatenate((rows.upper, np.full(tails, highspy.kHighsInf)))
    _set_matrix(lp, rows, net if is_risky else net[:0], n + len(movers))
    return lp, rows


def _set_matrix(lp: "HighsLp", rows: _Rows, net: FloatArray, eta: int) -> None:
    import highspy

    tails, n = net.shape
    per_row = n + 2
    index = np.empty((tails, per_row), np.int32)
    index[:, :n] = np.arange(n)
    index[:, n] = eta
    index[:, n + 1] = eta + 1 + np.arange(tails)
    value = np.concatenate((net, np.ones((tails, 2))), axis=1)
    starts = np.array([*rows.starts, *(rows.size + np.arange(tails + 1) * per_row)], np.int32)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = lp.num_col_, lp.num_row_
    lp.a_matrix_.start_ = starts
    lp.a_matrix_.index_ = np.concatenate((*rows.index, index.ravel())).astype(np.int32)
    lp.a_matrix_.value_ = np.concatenate((*rows.value, value.ravel()))


def allocate(problem: Problem, *, time_limit_s: float = TIME_LIMIT_S) -> Allocation:
    """Return the best allocation; by `without_solver` where the solver gives none in time.

    Raises:
        ValueError: there are no columns, or a scenario holds no number.
    """
    net = problem.net_usd
    if not problem.columns or net.shape[1] != len(problem.columns) or not np.isfinite(net).all():
        raise ValueError("an allocation needs columns, and numbers in every scenario")
    scale = max(float(np.abs(net).mean()), 1e-9)
    solved = _solve(problem, net / scale, scale, time_limit_s)
    return solved if solved is not None else without_solver(problem)


def _solve(problem: Problem, net: FloatArray, scale: float, time_limit_s: float) -> Allocation | None:
    import highspy

    lp, rows = _programme(problem, net, scale)
    highs = _quiet_solver()
    highs.setOptionValue("time_limit", time_limit_s)
    highs.setOptionValue("threads", 1)
    highs.passModel(lp)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = highs.getSolution()
    n = len(problem.columns)
    weights = np.clip(np.array(solution.col_value[:n]), 0.0, None)
    weights[weights < DUST] = 0.0
    row_duals = np.array(solution.row_dual[: len(rows.names)]) * scale
    reduced = np.maximum(np.array(solution.col_dual[:n]) * scale, 0.0)
    return _answer(problem, weights, bindings=_bindings(rows, row_duals), reduced=reduced, solver="highs")


def _quiet_solver() -> "Highs":
    """Return a solver that prints nothing: switching its callbacks on writes a banner into our JSON."""
    import highspy

    class Quiet(highspy.Highs):
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]

        def enableCallbacks(self) -> None:  # noqa: N802, RUF100 (the library's name)
            self.silent()

    return Quiet()


def _bindings(rows: _Rows, duals: FloatArray) -> tuple[Binding, ...]:
    """Name the limits that cost something: money and caps; that a group is one group is no limit to lift."""
    found = [
        Binding(what=name, worth_usd=abs(float(dual)))
        for name, dual in zip(rows.names, duals, strict=True)
        if abs(dual) > BINDING and name.startswith(("money", "cap"))
    ]
    return tuple(sorted(found, key=lambda it: -it.worth_usd))


def _answer(
    problem: Problem,
    weights: FloatArray,
    *,
    bindings: tuple[Binding, ...] = (),
    reduced: FloatArray | None = None,
    solver: Literal["highs", "none"],
) -> Allocation:
    moved = sum(
        column.move_usd * max(weight - column.held, 0.0)
        for column, weight in zip(problem.columns, weights, strict=True)
    )
    outcome = problem.net_usd @ weights
    mean, tail = float(outcome.mean()), cvar(outcome, problem.tail)
    return Allocation(
        weights=weights,
        outcome_usd=outcome,
        objective_usd=mean - problem.risk * tail - moved,
        mean_usd=mean - moved,
        cvar_usd=tail + moved,
        moved_usd=moved,
        bindings=bindings,
        reduced_usd=reduced if reduced is not None else np.zeros(len(weights)),
        solver=solver,
    )


def reweighed(problem: Problem, found: Allocation, weights: FloatArray) -> Allocation:
    """Return the same answer with other weights, its outcome reckoned anew; bindings stay the programme's."""
    return _answer(problem, weights, bindings=found.bindings, reduced=found.reduced_usd, solver=found.solver)


def without_solver(problem: Problem) -> Allocation:
    """Give each group its best column by mean, within widths and caps, as far as the money goes; no risk is weighed."""
    mean = problem.net_usd.mean(axis=0)
    weights = np.zeros(len(problem.columns))
    room = dict(problem.venue_caps)
    purse = problem.purse_usd if problem.purse_usd > 0 else float("inf")
    for group in problem.groups:
        left = 1.0
        places = [i for i, column in enumerate(problem.columns) if column.group == group]
        for i in sorted(places, key=lambda place: -mean[place]):
            column = problem.columns[i]
            fits = min(left, column.width)
            if column.exposure and column.venue in room:
                fits = min(fits, max(room[column.venue], 0.0) / column.exposure)
                room[column.venue] -= fits * column.exposure
            if column.spend_usd > 0:
                fits = min(fits, purse / column.spend_usd)
                purse -= fits * column.spend_usd
            weights[i] = fits
            left -= fits
    return _answer(problem, weights, solver="none")
