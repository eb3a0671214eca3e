"""The one place that calls the solver (HiGHS): a model in, an answer with its bound out. Never without a limit.

Both gaps are set: a relative one alone never closes where the best plan is worth about nothing, as on a flat tariff at
the break-even price. What the solver holds when its time ends is an answer too, with the gap that it had.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hashwright.planner.dispatch_matrix import Model
from hashwright.planner.dispatch_problem import FloatArray

SCALE_AIM: Final = 1e3
"""The largest cost of a column as the solver sees it: its tolerances are absolute, money may be cents or millions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverLimits:
    """When to stop: time [s], relative gap, absolute gap [currency]."""

    time_s: float = 20.0
    gap: float = 0.01
    gap_abs: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the solver found: columns, the value [cost, minimised], a bound below which no answer is, duals of an LP."""

    columns: FloatArray
    cost: float
    bound: float
    duals: FloatArray


def solve(
    model: Model,
    limits: SolverLimits,
    *,
    is_relaxed: bool = False,
    upper: FloatArray | None = None,
    start: FloatArray | None = None,
) -> Answer | None:
    """Minimise a model's cost; None where no answer was found within the limits, or there is none.

    `upper` takes the place of the columns' upper bounds; `start` is a known answer to begin with.
    """
    import highspy

    scale = _scale(model)
    # The class above it writes a banner to standard output, where --json writes its document.
    solver = highspy._Highs()  # type: ignore[attr-defined]
    for name, value in _options(limits, scale).items():
        solver.setOptionValue(name, value)
    program = _linear_program(highspy, model, scale, is_relaxed=is_relaxed)
    if upper is not None:
        program.col_upper_ = upper
    solver.passModel(program)
    if start is not None:
        known = highspy.HighsSolution()
        known.col_value = start.tolist()
        solver.setSolution(known)
    solver.run()
    info = solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    found = solver.getSolution()
    is_whole = not is_relaxed and bool(np.concatenate(model.whole).any())
    cost = info.objective_function_value / scale
    return Answer(
        columns=np.array(found.col_value),
        cost=cost,
        bound=info.mip_dual_bound / scale if is_whole else cost,
        duals=np.array(found.row_dual) / scale,
    )


def _scale(model: Model) -> float:
    largest = max((float(np.abs(block).max(initial=0.0)) for block in model.cost), default=0.0)
    return SCALE_AIM / largest if largest > 0 else 1.0


def _options(limits: SolverLimits, scale: float) -> dict[str, Any]:
    return {
        "output_flag": False,
        "threads": 1,
        "time_limit": float(limits.time_s),
        "mip_rel_gap": limits.gap,
        "mip_abs_gap": limits.gap_abs * scale,
    }


def _linear_program(highspy: Any, model: Model, scale: float, *, is_relaxed: bool) -> Any:  # noqa: ANN401 (the solver loads late)
    starts, rows, values = model.matrix()
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = model.columns, model.rows
    program.col_cost_ = np.concatenate(model.cost) * scale
    program.col_lower_, program.col_upper_ = np.concatenate(model.lower), np.concatenate(model.upper)
    program.row_lower_, program.row_upper_ = np.concatenate(model.row_lower), np.concatenate(model.row_upper)
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_, program.a_matrix_.index_ = starts.astype(np.int32), rows.astype(np.int32)
    program.a_matrix_.value_ = values
    whole = np.concatenate(model.whole)
    if whole.any() and not is_relaxed:
        kinds = highspy.HighsVarType
        program.integrality_ = [kinds.kInteger if it else kinds.kContinuous for it in whole]
    return program
