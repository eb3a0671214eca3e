"""Dispatch as rows and columns: numpy arrays that go to the solver as they are, money scaled to a size it likes.

    maximise   (1 - risk) * mean(profit) + risk * cvar(profit)
    balance    import - export - curtailed + discharge - charge + unserved - machines = load - sun - wind     by s, t
    battery    energy[t] - energy[t-1] - eta * charge * dt + discharge * dt / eta = 0                        by s, t
    breaker    machines <= machines_w,  ramp: machines[t] - machines[t-1] <= ramp_w                             by t
    peak       peak - import >= 0,  heat: heat - machines <= 0
    cvar       z + eta + profit >= 0    (Rockafellar and Uryasev)                                               by s

Machines are the same in every scenario; grid and battery follow each. Two choices need a whole number, and only where
they can pay: charging *and* discharging (only at a negative price), and importing *and* exporting (only where export
pays more than import costs). Elsewhere doing both at once is never better, so the relaxation is exact.

The site's rows and columns are the same for the exact model, whose machine columns are `machine_block`, and for the
one by columns of whole schedules (`dispatch_prices`). Power is in kW here.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hashwright.energy.slots import SLOT_H
from hashwright.planner.dispatch_problem import KW, FloatArray, IntArray, MachineGroup, Problem

INF: Final = float("inf")
MARGIN_KW: Final = 0.003
"""Flows are rounded to whole watts afterwards: the solver stays so far below each limit of the grid."""


class Model:
    """Columns, rows and entries, collected as arrays. Costs are minimised."""

    def __init__(self) -> None:
        self.cost: list[FloatArray] = []
        self.lower: list[FloatArray] = []
        self.upper: list[FloatArray] = []
        self.whole: list[Any] = []
        self.row_lower: list[FloatArray] = []
        self.row_upper: list[FloatArray] = []
        self.entries: list[tuple[IntArray, IntArray, FloatArray]] = []
        self.columns = 0
        self.rows = 0

    def add_columns(self, count: int, *, lower: Any = 0.0, upper: Any = INF, is_whole: Any = False) -> IntArray:  # noqa: ANN401 (number or array)
        """Add columns and return their numbers."""
        numbers = np.arange(self.columns, self.columns + count)
        self.cost.append(np.zeros(count))
        self.lower.append(np.broadcast_to(np.asarray(lower, dtype=np.float64), count))
        self.upper.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), count))
        self.whole.append(np.broadcast_to(np.asarray(is_whole, dtype=bool), count))
        self.columns += count
        return numbers

    def add_rows(self, count: int, *, lower: Any = -INF, upper: Any = INF) -> IntArray:  # noqa: ANN401 (number or array)
        """Add rows and return their numbers."""
        numbers = np.arange(self.rows, self.rows + count)
        self.row_lower.append(np.broadcast_to(np.asarray(lower, dtype=np.float64), count))
        self.row_upper.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), count))
        self.rows += count
        return numbers

    def put(self, rows: Any, columns: Any, values: Any) -> None:  # noqa: ANN401 (numbers or arrays of one shape)
        """Add entries; rows, columns and values are broadcast to one shape. Entries of one place are summed."""
        shaped = np.broadcast_arrays(rows, columns, np.asarray(values, dtype=np.float64))
        self.entries.append((shaped[0].ravel(), shaped[1].ravel(), shaped[2].ravel()))

    def pay(self, columns: IntArray, amounts: Any) -> None:  # noqa: ANN401 (number or array)
        """Add to the cost of columns that were added one after another in one call."""
        first = int(columns[0])
        for block in self.cost:
            if first < len(block):
                block[first : first + len(columns)] += amounts
                return
            first -= len(block)

    def fix(self, numbers: IntArray, values: FloatArray) -> None:
        """Hold columns at values."""
        for blocks in (self.lower, self.upper):
            joined = np.concatenate(blocks).copy()
            joined[numbers] = values
            blocks[:] = [joined]

    def whole_columns(self) -> IntArray:
        """Return the columns that must be whole numbers."""
        return np.flatnonzero(np.concatenate(self.whole)).astype(np.int64)

    def matrix(self) -> "tuple[IntArray, IntArray, FloatArray]":
        """Return the entries by column: starts, rows, values; doubled places summed, zeros left out."""
        rows = np.concatenate([it[0] for it in self.entries])
        columns = np.concatenate([it[1] for it in self.entries])
        values = np.concatenate([it[2] for it in self.entries])
        key = columns.astype(np.int64) * max(self.rows, 1) + rows
        order = np.argsort(key, kind="stable")
        key, values = key[order], values[order]
        firsts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1]))) if len(key) else np.zeros(0, np.int64)
        summed = np.add.reduceat(values, firsts) if len(key) else values
        key = key[firsts]
        kept = summed != 0
        key, summed = key[kept], summed[kept]
        starts = np.searchsorted(key, np.arange(self.columns + 1, dtype=np.int64) * max(self.rows, 1))
        return starts, key % max(self.rows, 1), summed


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteBlock:
    """Where the site's columns and rows are. Those by scenario are (scenarios, slots); None: the site has none."""

    balance: IntArray
    curtailed: IntArray
    charge: IntArray | None
    discharge: IntArray | None
    breaker: IntArray | None
    ramp: IntArray | None
    heat: IntArray | None
    cvar: IntArray | None
    weights: FloatArray
    """What a unit of a scenario's profit counts in the objective."""


def site_block(model: Model, problem: Problem) -> SiteBlock:
    """Add the site: grid, sun, wind, battery, limits, peak, heat and risk."""
    weights, cvar = _risk(model, problem)
    shape, size = problem.price.shape, problem.price.size
    need = (problem.load_w - problem.own_w) / KW
    balance = model.add_rows(size, lower=need.ravel(), upper=need.ravel()).reshape(shape)
    site = problem.site
    limit_in, limit_out = (max(limit / KW - MARGIN_KW, 0.0) for limit in (site.import_w, site.export_w))
    imported = model.add_columns(size, upper=limit_in).reshape(shape)
    exported = model.add_columns(size, upper=limit_out).reshape(shape)
    curtailed = model.add_columns(size, upper=(problem.own_w / KW).ravel()).reshape(shape)
    # A load that no import carries is left unserved here and told as a finding; a battery may carry it, at a price.
    unserved = model.add_columns(size, upper=np.maximum(need - limit_in, 0.0).ravel()).reshape(shape)
    for columns, sign in ((imported, 1), (exported, -1), (curtailed, -1), (unserved, 1)):
        model.put(balance, columns, sign)
    _earn(model, weights, cvar, imported, -problem.price * SLOT_H)
    _earn(model, weights, cvar, exported, problem.export_price * SLOT_H)
    _earn(model, weights, cvar, unserved, np.full(shape, -1000.0 * SLOT_H))
    _either(model, imported, exported, (limit_in, limit_out), problem.export_price > problem.price)
    charge, discharge = _battery(model, problem, balance, weights, cvar)
    if site.peak_price:
        _peak(model, problem, imported, weights, cvar)
    breaker, ramp, heat = _machine_rows(model, problem, weights, cvar)
    return SiteBlock(
        balance=balance,
        curtailed=curtailed,
        charge=charge,
        discharge=discharge,
        breaker=breaker,
        ramp=ramp,
        heat=heat,
        cvar=cvar,
        weights=weights,
    )


def _risk(model: Model, problem: Problem) -> tuple[FloatArray, IntArray | None]:
    weights = problem.probability * (1 - problem.risk)
    if not problem.risk:
        return weights, None
    eta = model.add_columns(1, lower=-INF)
    z = model.add_columns(problem.scenarios)
    model.pay(eta, problem.risk)
    model.pay(z, problem.risk * problem.probability / problem.tail)
    rows = model.add_rows(problem.scenarios, lower=0.0)
    model.put(rows, eta, 1.0)
    model.put(rows, z, 1.0)
    return weights, rows


def _earn(model: Model, weights: FloatArray, cvar: IntArray | None, columns: IntArray, money: FloatArray) -> None:
    """Let columns (scenarios, slots) earn money in their own scenario."""
    model.pay(columns.ravel(), -(weights[:, None] * money).ravel())
    if cvar is not None:
        model.put(cvar[:, None], columns, money)


def _either(
    model: Model,
    one: IntArray,
    other: IntArray,
    limits: tuple[float, float],
    where: Any,  # noqa: ANN401 (a mask)
) -> None:
    """Let only one of two columns be above zero, by a whole number, where it could pay to use both."""
    first, second = one[where], other[where]
    if not len(first) or not min(limits):
        return
    choice = model.add_columns(len(first), upper=1.0, is_whole=True)
    rows = model.add_rows(len(first), upper=0.0)
    model.put(rows, first, 1.0)
    model.put(rows, choice, -limits[0])
    rows = model.add_rows(len(first), upper=limits[1])
    model.put(rows, second, 1.0)
    model.put(rows, choice, limits[1])


def _battery(
    model: Model, problem: Problem, balance: IntArray, weights: FloatArray, cvar: IntArray | None
) -> tuple[IntArray | None, IntArray | None]:
    battery = problem.site.battery
    if battery is None:
        return None, None
    shape, size = balance.shape, balance.size
    limits = battery.charge_w / KW, battery.discharge_w / KW
    charge = model.add_columns(size, upper=limits[0]).reshape(shape)
    discharge = model.add_columns(size, upper=limits[1]).reshape(shape)
    energy = model.add_columns(size, lower=battery.floor_wh / KW, upper=battery.capacity_wh / KW).reshape(shape)
    model.put(balance, charge, -1.0)
    model.put(balance, discharge, 1.0)
    before = np.zeros(shape)
    before[:, 0] = battery.energy_wh / KW
    rows = model.add_rows(size, lower=before.ravel(), upper=before.ravel()).reshape(shape)
    model.put(rows, energy, 1.0)
    model.put(rows[:, 1:], energy[:, :-1], -1.0)
    model.put(rows, charge, -battery.efficiency * SLOT_H)
    model.put(rows, discharge, SLOT_H / battery.efficiency)
    _earn(model, weights, cvar, discharge, np.full(shape, -battery.wear * SLOT_H))
    worth = np.zeros(shape)
    worth[:, -1] = battery.end_value
    _earn(model, weights, cvar, energy, worth)
    _either(model, charge, discharge, limits, (problem.price < 0) | (problem.export_price > problem.price))
    return charge, discharge


def _peak(model: Model, problem: Problem, imported: IntArray, weights: FloatArray, cvar: IntArray | None) -> None:
    peak = model.add_columns(problem.scenarios, lower=problem.site.peak_w / KW)
    rows = model.add_rows(imported.size, lower=0.0).reshape(imported.shape)
    model.put(rows, peak[:, None], 1.0)
    model.put(rows, imported, -1.0)
    _earn(model, weights, cvar, peak[:, None], np.full((problem.scenarios, 1), -problem.site.peak_price))


def _machine_rows(
    model: Model, problem: Problem, weights: FloatArray, cvar: IntArray | None
) -> tuple[IntArray | None, IntArray | None, IntArray | None]:
    site, slots = problem.site, problem.grid.count
    most_w = sum(it.count * int(it.power_w().max()) for it in problem.groups)
    breaker = model.add_rows(slots, upper=site.machines_w / KW) if site.machines_w < most_w else None
    ramp = None
    if site.ramp_w < most_w:
        upper = np.full(slots, site.ramp_w / KW)
        upper[0] += problem.power_before_w / KW
        ramp = model.add_rows(slots, upper=upper)
    if not site.heat_price:
        return breaker, ramp, None
    heat = model.add_columns(slots, upper=site.heat_w / KW)
    rows = model.add_rows(slots, upper=0.0)
    model.put(rows, heat, 1.0)
    everywhere = np.full((problem.scenarios, slots), site.heat_price * SLOT_H)
    model.pay(heat, -(weights @ everywhere))
    if cvar is not None:
        model.put(cvar[:, None], heat[None, :], everywhere)
    return breaker, ramp, rows


def couple(model: Model, block: SiteBlock, columns: IntArray, power_kw: FloatArray, slots: IntArray) -> None:
    """Let machine columns draw power [kW] in slots: one column, power and slot each."""
    model.put(block.balance[:, slots], columns[None, :], -power_kw[None, :])
    if block.breaker is not None:
        model.put(block.breaker[slots], columns, power_kw)
    if block.heat is not None:
        model.put(block.heat[slots], columns, -power_kw)
    if block.ramp is not None:
        model.put(block.ramp[slots], columns, power_kw)
        later = slots + 1 < len(block.ramp)
        model.put(block.ramp[slots[later] + 1], columns[later], -power_kw[later])


def earn_by_scenario(model: Model, block: SiteBlock, columns: IntArray, money: FloatArray) -> None:
    """Let machine columns earn money [currency, (scenarios, columns)]."""
    model.pay(columns, -(block.weights @ money))
    if block.cvar is not None:
        model.put(block.cvar[:, None], columns[None, :], money)


def machine_block(model: Model, problem: Problem, block: SiteBlock, group: MachineGroup) -> IntArray:
    """Add a group's machines for the exact model and return its columns (levels, slots)."""
    slots, levels = problem.grid.count, len(group.levels)
    chosen = model.add_columns(levels * slots, upper=group.count, is_whole=True).reshape(levels, slots)
    starts = model.add_columns(slots, upper=group.count)
    stops = model.add_columns(slots, upper=group.count)
    at = np.tile(np.arange(slots), levels)
    couple(model, block, chosen.ravel(), np.repeat(group.power_w() / KW, slots), at)
    money = group.money()
    earn_by_scenario(model, block, chosen.ravel(), money.transpose(1, 0, 2).reshape(problem.scenarios, -1))
    earn_by_scenario(model, block, starts, np.full((problem.scenarios, slots), -group.start_cost))
    before = np.zeros(slots)
    before[0] = group.running
    change = model.add_rows(slots, lower=before, upper=before)
    model.put(change[None, :], chosen, 1.0)
    model.put(change[None, 1:], chosen[:, :-1], -1.0)
    model.put(change, starts, -1.0)
    model.put(change, stops, 1.0)
    _dwell(model, group, chosen, starts, stops)
    return chosen


def _dwell(model: Model, group: MachineGroup, chosen: IntArray, starts: IntArray, stops: IntArray) -> None:
    """Keep machines on, and off, as long as they must be; both also for what runs and rests now."""
    slots = chosen.shape[1]
    on_lower, on_upper = np.zeros(slots), np.full(slots, float(group.count))
    if not group.may_stop:
        on_lower[: max(group.up_min - group.age, 0)] = group.running
    on_upper[: max(group.down_min - group.age, 0)] = group.running
    limits = model.add_rows(slots, lower=on_lower, upper=on_upper)
    model.put(limits[None, :], chosen, 1.0)
    for changes, length, sign, upper in ((starts, group.up_min, -1.0, 0.0), (stops, group.down_min, 1.0, group.count)):
        if length > 1:
            rows = model.add_rows(slots, upper=upper)
            model.put(rows[None, :], chosen, sign)
            for lag in range(min(length, slots)):
                model.put(rows[lag:], changes[: slots - lag], 1.0)
