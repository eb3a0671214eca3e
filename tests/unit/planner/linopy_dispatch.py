"""Dispatch written a second time, as the textbook has it, with another library: the judge of our own matrices.

Every slot has its binaries (we leave out those that cannot pay), and what looks back in time is a matrix product, not
index arithmetic. Only the statement of the problem is shared.
"""

import warnings

import linopy
import numpy as np
import xarray

MARGIN_KW = 0.003


def best_value(problem, *, gap=0.0):
    """Return the best value of a problem [currency], solved by linopy, within a gap."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Textbook(problem)
        model.build()
        model.model.solve("highs", io_api="direct", mip_rel_gap=gap, mip_abs_gap=1e-9, output_flag=False)
    assert model.model.status == "ok"
    battery = problem.site.battery
    already = problem.site.peak_price * problem.site.peak_w / 1000  # constants that an objective cannot hold
    return (
        float(model.model.objective.value) + already - (battery.end_value * battery.energy_wh / 1000 if battery else 0)
    )


class Textbook:
    def __init__(self, problem):
        self.problem, self.model = problem, linopy.Model()
        self.slots = range(problem.grid.count)
        self.cases = range(len(problem.probability))

    def over(self, values, *dims):
        """Give numbers names: t is a slot, s a scenario, k a level, r a slot whose rule is meant."""
        sizes = {"t": self.slots, "r": self.slots, "s": self.cases}
        coords = {d: sizes.get(d, range(np.shape(values)[i])) for i, d in enumerate(dims)}
        return xarray.DataArray(np.asarray(values, dtype=float), dims=dims, coords=coords)

    def var(self, *dims, lower=0.0, upper=np.inf, **kind):
        sizes = {"t": self.slots, "s": self.cases}
        coords = [xarray.DataArray(list(sizes[d]), dims=d, name=d).to_index() for d in dims]
        if kind.get("binary"):
            return self.model.add_variables(coords=coords, dims=dims, binary=True)
        return self.model.add_variables(lower=lower, upper=upper, coords=coords, dims=dims, **kind)

    def window(self, length):
        """Give the matrix that sums what happened in the `length` slots up to slot r."""
        r, t = np.indices((len(self.slots),) * 2)
        return self.over((t <= r) & (t > r - length), "r", "t")

    def step(self):
        """Give the matrix of what changed from the slot before to slot r."""
        return self.over(np.eye(len(self.slots)) - np.eye(len(self.slots), k=-1), "r", "t")

    def first(self, value):
        """Give `value` for the first slot, and nothing for the rest."""
        return self.over([value] + [0.0] * (len(self.slots) - 1), "r")

    def rule(self, constraint):
        self.model.add_constraints(constraint)

    def build(self):
        site, price, export = self.problem.site, self.problem.price, self.problem.export_price
        power, money = self.machines()
        grid_in, grid_out = site.import_w / 1000 - MARGIN_KW, max(site.export_w / 1000 - MARGIN_KW, 0)
        own = self.over(self.problem.own_w / 1000, "s", "t")
        bought, sold = self.var("s", "t", upper=grid_in), self.var("s", "t", upper=grid_out)
        wasted, buys = self.var("s", "t"), self.var("s", "t", binary=True)
        self.rule(wasted <= own)
        self.rule(bought - grid_in * buys <= 0)
        self.rule(sold + grid_out * buys <= grid_out)
        balance = bought - sold - wasted - power
        profit = money - (0.25 * self.over(price, "s", "t") * bought).sum("t")
        profit = profit + (0.25 * self.over(export, "s", "t") * sold).sum("t")
        if site.battery is not None:
            flow, worth = self.battery(site.battery)
            balance, profit = balance + flow, profit + worth
        self.rule(balance == self.over(self.problem.load_w / 1000, "s", "t") - own)
        if site.peak_price:
            peak = self.var("s", lower=site.peak_w / 1000)
            self.rule(peak - bought >= 0)
            profit = profit - site.peak_price * peak
        self.objective(profit)

    def machines(self):
        power, money = 0, 0
        for group in self.problem.groups:
            levels = [self.var("t", upper=group.count, integer=True) for _ in group.levels]
            starts = self.var("t", upper=group.count, integer=True)
            stops = self.var("t", upper=group.count, integer=True)
            on = sum(levels[1:], 1 * levels[0])
            at = self.over(np.eye(len(self.slots)), "r", "t")

            def summed(matrix, expression):
                return (matrix * expression).sum("t")

            change = summed(self.step(), on) - summed(at, 1 * starts) + summed(at, 1 * stops)
            self.rule(change == self.first(group.running))
            self.rule(summed(self.window(group.up_min), 1 * starts) - summed(at, on) <= 0)
            self.rule(summed(self.window(group.down_min), 1 * stops) + summed(at, on) <= group.count)
            early = np.arange(len(self.slots))
            self.rule(on >= self.over(np.where(early < group.up_min - group.age, group.running, 0), "t"))
            self.rule(on <= self.over(np.where(early < group.down_min - group.age, group.running, group.count), "t"))
            for level, chosen in zip(group.levels, levels, strict=True):
                power = power + level.power_w / 1000 * chosen
                money = money + (0.25 * level.hashrate * self.over(group.earn, "s", "t") * chosen).sum("t")
            money = money - (self.over(np.full(group.earn.shape, group.start_cost), "s", "t") * starts).sum("t")
        site = self.problem.site
        self.rule(power <= site.machines_w / 1000)
        rise = (self.step() * power).sum("t")
        self.rule(rise <= site.ramp_w / 1000 + self.first(self.problem.power_before_w / 1000))
        if site.heat_price:
            heat = self.var("t")
            self.rule(heat <= self.over(site.heat_w / 1000, "t"))
            self.rule(1 * heat - power <= 0)
            money = money + (self.over(np.full(self.problem.price.shape, site.heat_price / 4), "s", "t") * heat).sum(
                "t"
            )
        return power, money

    def battery(self, it):
        charge = self.var("s", "t", upper=it.charge_w / 1000)
        discharge = self.var("s", "t", upper=it.discharge_w / 1000)
        held = self.var("s", "t", lower=it.floor_wh / 1000, upper=it.capacity_wh / 1000)
        fills = self.var("s", "t", binary=True)
        self.rule(charge - it.charge_w / 1000 * fills <= 0)
        self.rule(discharge + it.discharge_w / 1000 * fills <= it.discharge_w / 1000)
        at = self.over(np.eye(len(self.slots)), "r", "t")
        gain = it.efficiency * 0.25 * charge - 0.25 / it.efficiency * discharge
        change = (self.step() * (1 * held)).sum("t") - (at * gain).sum("t")
        self.rule(change == self.first(it.energy_wh / 1000))
        last = self.over([0.0] * (len(self.slots) - 1) + [it.end_value], "t")
        worth = (last * held).sum("t") - (it.wear * 0.25 * discharge).sum("t")
        return discharge - charge, worth

    def objective(self, profit):
        problem = self.problem
        total = ((1 - problem.risk) * self.over(problem.probability, "s") * profit).sum("s")
        if problem.risk:
            eta, z = self.var(lower=-np.inf), self.var("s")
            self.rule(z + eta + profit >= 0)
            worst = (self.over(problem.probability / problem.tail, "s") * z).sum("s")
            total = total - problem.risk * (1 * eta) - problem.risk * worst
        self.model.add_objective(total, sense="max")
