"""From machines to flows without a solver, what a plan is worth, and the check that every plan must pass.

`exact_flows` takes a solver's battery as a wish, in whole watts, and closes the balance:

    import + sun + wind - curtailed + discharge + unserved  =  load + machines + charge + export

`plan_findings` trusts nobody: it recomputes every limit from the plan's numbers alone.
"""

from collections.abc import Iterator

import numpy as np

from hashwright.energy.slots import SLOT_H, utc_text
from hashwright.errors import Finding
from hashwright.planner.dispatch_problem import (
    KW,
    BatteryTerms,
    FloatArray,
    Flows,
    IntArray,
    MachineGroup,
    Plan,
    Problem,
    machine_power,
    starts_of,
)

WH_TOLERANCE = 1.0
"""Rounding of a battery's content: one watt-hour."""


def exact_flows(
    problem: Problem,
    machines_w: IntArray,
    charge_w: FloatArray,
    discharge_w: FloatArray,
    curtailed_w: FloatArray | None = None,
) -> Flows:
    """Return flows of whole watts that close, for machines and a wish for the battery [W, (scenarios, slots)].

    `curtailed_w` is a wish too, and counts at negative prices only, where importing instead of own sun is paid for.
    """
    charge, discharge, energy = _battery_path(problem, machines_w, charge_w, discharge_w)
    need = problem.load_w + machines_w[None, :] + charge - discharge - problem.own_w
    instead = np.zeros_like(need)
    if curtailed_w is not None:
        room = np.minimum(np.where(problem.price < 0, curtailed_w, 0), problem.own_w)
        instead = np.floor(np.clip(room, 0, np.maximum(problem.site.import_w - need, 0)) + 1e-6).astype(np.int64)
    need = need + instead
    unserved = np.minimum(np.maximum(need - problem.site.import_w, 0), problem.load_w)
    net = need - unserved
    surplus = np.maximum(-net, 0)
    # Where selling costs money own power is curtailed instead; what the battery gives has no other way out.
    least = np.where(problem.export_price >= 0, surplus, surplus + instead - problem.own_w)
    export = np.clip(least, 0, problem.site.export_w)
    return Flows(
        import_w=np.maximum(net, 0),
        export_w=export,
        curtailed_w=surplus - export + instead,
        charge_w=charge,
        discharge_w=discharge,
        unserved_w=unserved,
        energy_wh=energy,
    )


def _battery_path(
    problem: Problem, machines_w: IntArray, charge_w: FloatArray, discharge_w: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Walk the battery through its slots and keep it within its bounds and the import limit."""
    shape = (problem.scenarios, problem.grid.count)
    charge, discharge = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    battery = problem.site.battery
    energy = np.zeros(shape)
    if battery is None:
        return charge, discharge, energy
    held = np.full(problem.scenarios, float(battery.energy_wh))
    for t in range(problem.grid.count):
        net = problem.load_w[:, t] + machines_w[t] - problem.own_w[:, t]
        charge[:, t], discharge[:, t] = _battery_step(
            battery, held, net, (charge_w[:, t], discharge_w[:, t]), problem.site.import_w
        )
        held = held + (charge[:, t] * battery.efficiency - discharge[:, t] / battery.efficiency) * SLOT_H
        energy[:, t] = held
    return charge, discharge, energy


def _battery_step(
    battery: BatteryTerms, held: FloatArray, net: IntArray, wish: tuple[FloatArray, FloatArray], import_w: int
) -> tuple[IntArray, IntArray]:
    """Return what is charged and discharged in one slot [W]: the wish, within the battery and the import limit."""
    can_take = np.maximum((battery.capacity_wh - held) / battery.efficiency / SLOT_H, 0)
    can_give = np.maximum((held - battery.floor_wh) * battery.efficiency / SLOT_H, 0)
    charge = np.minimum(np.minimum(wish[0], can_take), battery.charge_w)
    charge = np.floor(np.clip(charge, 0, np.maximum(import_w - net, 0)) + 1e-6).astype(np.int64)
    discharge = np.maximum(np.minimum(wish[1], can_give), 0)
    # What the import cannot carry must come out of the battery, wished or not.
    discharge = np.maximum(np.minimum(np.maximum(discharge, net - import_w), can_give), 0)
    discharge = np.floor(np.minimum(discharge, battery.discharge_w) + 1e-6).astype(np.int64)
    return charge, np.where(charge > 0, np.minimum(discharge, np.maximum(wish[1], 0).astype(np.int64)), discharge)


def own_use_flows(problem: Problem, machines_w: IntArray, *, discharge_above: FloatArray | None = None) -> Flows:
    """Return flows of a battery that takes what is left over and gives what is missing: no solver, no forecast.

    It gives where the price is at least `discharge_above` [currency/kWh]; everywhere without it.
    """
    net = (problem.load_w + machines_w[None, :] - problem.own_w).astype(np.float64)
    missing = np.maximum(net, 0)
    if discharge_above is not None:
        missing = np.where(problem.price >= discharge_above, missing, 0)
    return exact_flows(problem, machines_w, np.maximum(-net, 0), missing)


def scenario_values(problem: Problem, counts: tuple[IntArray, ...], flows: Flows) -> FloatArray:
    """Return what a plan earns in each scenario [currency]: coins and sold power less power, starts, wear, peak."""
    site, kwh = problem.site, SLOT_H / KW
    values = -(problem.price * flows.import_w - problem.export_price * flows.export_w).sum(axis=1) * kwh
    for group, chosen in zip(problem.groups, counts, strict=True):
        values = values + np.einsum("kst,kt->s", group.money(), chosen.astype(np.float64))
        values = values - group.start_cost * starts_of(group, chosen).sum()
    if site.battery is not None:
        values = values - site.battery.wear * flows.discharge_w.sum(axis=1) * kwh
        values = values + site.battery.end_value * (flows.energy_wh[:, -1] - site.battery.energy_wh) / KW
    if site.peak_price:
        values = values - site.peak_price * np.maximum(flows.import_w.max(axis=1) - site.peak_w, 0) / KW
    if site.heat_price:
        heat = np.minimum(machine_power(problem, counts), site.heat_w)
        values = values + site.heat_price * heat.sum() * kwh
    return np.asarray(values, dtype=np.float64)


def risk_value(problem: Problem, values: FloatArray) -> float:
    """Return the mean of scenarios, with the mean of the worst ones as far as `risk` says [currency].

    The second is the conditional value at risk of Rockafellar and Uryasev (2000).
    """
    mean = float(problem.probability @ values)
    if not problem.risk:
        return mean
    order = np.argsort(values)
    left, worst = problem.tail, 0.0
    for number in order:
        part = min(float(problem.probability[number]), left)
        worst += part * float(values[number])
        left -= part
    return (1 - problem.risk) * mean + problem.risk * worst / problem.tail


def plan_value(problem: Problem, counts: tuple[IntArray, ...], flows: Flows) -> float:
    """Return what a plan is worth [currency]."""
    return risk_value(problem, scenario_values(problem, counts, flows))


# ---------------------------------------------------------------- the check


def plan_findings(problem: Problem, plan: Plan) -> tuple[Finding, ...]:
    """Return every broken limit of a plan (HW-855); none for a plan that may be followed."""
    return tuple(_finding(plan, slot, message) for slot, message in _broken(problem, plan))


def _finding(plan: Plan, slot: int, message: str) -> Finding:
    start = plan.grid.part(slot, 1).start_ms
    return Finding(code="HW-855", place=f"slot {slot}, {utc_text(start)}", message=message)


def _broken(problem: Problem, plan: Plan) -> Iterator[tuple[int, str]]:
    site, flows = problem.site, plan.flows
    machines = plan.machines_w(problem)
    supply = flows.import_w + problem.own_w - flows.curtailed_w + flows.discharge_w + flows.unserved_w
    demand = problem.load_w + machines[None, :] + flows.charge_w + flows.export_w
    rise = np.diff(machines, prepend=problem.power_before_w)
    tests = (
        (supply != demand, "the energy balance does not close"),
        (flows.import_w > site.import_w, f"more than {site.import_w} W are imported"),
        (flows.export_w > site.export_w, f"more than {site.export_w} W are exported"),
        (flows.curtailed_w > problem.own_w, "more sun and wind are curtailed than there are"),
        (flows.unserved_w > problem.load_w, "machines run on power that is not there"),
        ((flows.unserved_w > 0) & (machines > 0)[None, :], "machines run while the site's own load goes short"),
        ((machines > site.machines_w)[None, :], f"machines draw more than their breaker's {site.machines_w} W"),
        ((rise > site.ramp_w)[None, :], f"machines rise by more than {site.ramp_w} W in a slot"),
    )
    for broken, message in tests:
        yield from ((int(slot), message) for slot in np.flatnonzero(np.any(broken, axis=0)))
    for name in ("import_w", "export_w", "curtailed_w", "charge_w", "discharge_w", "unserved_w"):
        negative = np.any(getattr(flows, name) < 0, axis=0)
        yield from ((int(slot), f"{name} is negative") for slot in np.flatnonzero(negative))
    yield from _broken_battery(problem, flows)
    for group, chosen in zip(problem.groups, plan.counts, strict=True):
        yield from _broken_group(group, chosen)


def _broken_battery(problem: Problem, flows: Flows) -> Iterator[tuple[int, str]]:
    battery = problem.site.battery
    moved = flows.charge_w + flows.discharge_w
    if battery is None:
        yield from ((int(slot), "there is no battery") for slot in np.flatnonzero(np.any(moved > 0, axis=0)))
        return
    change = (flows.charge_w * battery.efficiency - flows.discharge_w / battery.efficiency) * SLOT_H
    held = battery.energy_wh + np.cumsum(change, axis=1)
    tests = (
        (np.abs(held - flows.energy_wh) > WH_TOLERANCE, "the battery's content does not follow from its flows"),
        (held > battery.capacity_wh + WH_TOLERANCE, "the battery is more than full"),
        (held < battery.floor_wh - WH_TOLERANCE, "the battery is below its reserve"),
        (flows.charge_w > battery.charge_w, "the battery is charged too fast"),
        (flows.discharge_w > battery.discharge_w, "the battery is discharged too fast"),
    )
    for broken, message in tests:
        yield from ((int(slot), message) for slot in np.flatnonzero(np.any(broken, axis=0)))


def _broken_group(group: MachineGroup, chosen: IntArray) -> Iterator[tuple[int, str]]:
    on = chosen.sum(axis=0)
    if chosen.min() < 0 or on.max() > group.count:
        yield int(on.argmax()), f"{group.name}: not 0 to {group.count} machines run"
    change = np.diff(on, prepend=group.running)
    starts, stops = np.maximum(change, 0), np.maximum(-change, 0)
    for slot in range(len(on)):
        if starts[max(slot - group.up_min + 1, 0) : slot + 1].sum() > on[slot]:
            yield slot, f"{group.name}: machines stop before they ran {group.up_min} slots"
        if stops[max(slot - group.down_min + 1, 0) : slot + 1].sum() > group.count - on[slot]:
            yield slot, f"{group.name}: machines start before they rested {group.down_min} slots"
    if len(on) and on[: max(group.down_min - group.age, 0)].max(initial=0) > group.running:
        yield 0, f"{group.name}: machines start before they rested {group.down_min} slots"
