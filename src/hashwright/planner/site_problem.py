"""From a site's settings and what is known of its next hours to a problem that dispatch can solve.

What is not known is not guessed: the horizon ends where the tariff has a hole, and without weather there is no sun. An
emission price is added to the power's price. A demand charge is for a month, a horizon for two days: the peak's price
is the charge times the part of the month's rest that the horizon covers, so that a peak at a month's start is not
refused for the sake of two days, nor one at its end taken for free.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np

from hashwright.energy.battery import content_wh
from hashwright.energy.calendar import local_times, zone_of
from hashwright.energy.forecast_error import ForecastError, scenarios_w
from hashwright.energy.site import GroupSettings, Site
from hashwright.energy.slots import SLOT_MINUTES, Grid, Slotted
from hashwright.errors import Finding, OperatorError
from hashwright.planner.dispatch_problem import (
    UNLIMITED_W,
    BatteryTerms,
    FloatArray,
    IntArray,
    Level,
    MachineGroup,
    Problem,
    SiteTerms,
)

UNTAUGHT: Final = ForecastError()
SLOTS_MIN: Final = 4
"""Less than an hour of known prices is no horizon."""
END_QUANTILE: Final = 0.25
"""What is left in a battery is worth a cheap hour's price: enough not to be thrown away, too little to buy for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a grid. `export` None: nothing is paid. Sun and wind [W, by slot], NaN where unknown.

    `per_th_day` is what a TH/s earns a day, gross [currency, by slot]. `running` counts machines that run now by group,
    `age` slots since that is so. `level` is the battery's report [percent].
    """

    price: Slotted
    export: Slotted | None
    sun_w: FloatArray
    wind_w: FloatArray
    per_th_day: FloatArray
    error: ForecastError = UNTAUGHT
    running: Mapping[str, int] = field(default_factory=dict)
    age: Mapping[str, int] = field(default_factory=dict)
    level: float | None = None
    peak_kw: float | None = None


def problem_of(site: Site, known: Known) -> tuple[Problem, tuple[Finding, ...]]:
    """Return the problem of a site's next hours, and what is odd about what is known.

    Raises:
        OperatorError: the price of the next hour is not known (HW-841).
    """
    grid, findings = _horizon(known)
    count = grid.count
    scenarios = site.risk.scenarios
    price = _row(known.price, count) + _emission_price(site)
    export = np.zeros(count) if known.export is None else _row(known.export, count, otherwise=0.0)
    battery, more = _battery(site, known, price)
    problem = Problem(
        grid=grid,
        groups=tuple(_group(site, it, known, count) for it in site.groups),
        site=_terms(site, known, grid, battery),
        price=np.tile(price, (scenarios, 1)),
        export_price=np.tile(export, (scenarios, 1)),
        sun_w=_own(known.sun_w[:count], known.error, scenarios, sum(it.dc_kw for it in site.sun)),
        wind_w=_own(known.wind_w[:count], known.error, scenarios, _wind_kw(site)),
        load_w=np.tile(_load_w(site, grid), (scenarios, 1)),
        probability=np.full(scenarios, 1 / scenarios),
        risk=site.risk.weight,
        tail=site.risk.tail,
    )
    return problem, (*known.price.findings, *findings, *more)


def _horizon(known: Known) -> tuple[Grid, tuple[Finding, ...]]:
    """Return the part of the grid before the first price that is not known."""
    grid, values = known.price.grid, known.price.values
    count = values.index(None) if None in values else len(values)
    if count < SLOTS_MIN:
        raise OperatorError(
            "The price of the next hour is not known. Nothing is planned on a price that is not known.",
            code="HW-841",
            hint="Look at the tariff's own findings; the last plan holds until then.",
        )
    if count == len(values):
        return grid, ()
    told = Finding(
        code="HW-841", place="tariff", message=f"The plan ends after {count / 4:g} hours, where the tariff has a hole"
    )
    return grid.part(0, count), (told,)


def _row(slotted: Slotted, count: int, otherwise: float | None = None) -> FloatArray:
    values = [Decimal(str(otherwise)) if it is None else it for it in slotted.values[:count]]
    return np.array([float(it) for it in values])


def _emission_price(site: Site) -> float:
    return 0.0 if site.emissions is None else site.emissions.kg_per_kwh * site.emissions.price_per_kg


def _own(forecast_w: FloatArray, error: ForecastError, scenarios: int, limit_kw: float) -> IntArray:
    known = np.nan_to_num(forecast_w, nan=0.0)
    return np.rint(scenarios_w(known, error, count=scenarios, limit_w=limit_kw * 1000)).astype(np.int64)


def _wind_kw(site: Site) -> float:
    return sum(max(it.powers_kw) * it.count for it in site.wind)


def _load_w(site: Site, grid: Grid) -> IntArray:
    hours = np.array(site.load.hours_kw or [0.0] * 24)
    at = [local.hour for local in local_times(grid, zone_of(site.site.zone))]
    return np.rint((hours[at] + site.load.base_kw) * 1000).astype(np.int64)


def _group(site: Site, it: GroupSettings, known: Known, count: int) -> MachineGroup:
    per_th_day = known.per_th_day[:count] if it.per_th_day is None else np.full(count, it.per_th_day)
    earn = per_th_day / 24 * site.revenue.kept
    levels = sorted(it.levels, key=lambda level: level.power_w)
    running = min(known.running.get(it.name, it.running), it.count)
    optional: dict[str, Any] = {"age": known.age[it.name]} if it.name in known.age else {}
    return MachineGroup(
        name=it.name,
        count=it.count,
        levels=tuple(
            Level(power_w=round(level.power_w * (1 + site.cooling)), hashrate=level.hashrate_ths) for level in levels
        ),
        earn=np.tile(earn, (site.risk.scenarios, 1)),
        start_cost=it.start_cost,
        up_min=max(-(-it.up_minutes // SLOT_MINUTES), 1),
        down_min=max(-(-it.down_minutes // SLOT_MINUTES), 1),
        running=running,
        level_now=len(levels) - 1,
        **optional,
    )


def _battery(site: Site, known: Known, price: FloatArray) -> tuple[BatteryTerms | None, tuple[Finding, ...]]:
    it = site.battery
    if it is None:
        return None, ()
    facts = it.facts()
    energy_wh, findings = content_wh(facts, it.level if known.level is None else known.level)
    terms = BatteryTerms(
        capacity_wh=round(it.capacity_kwh * 1000),
        charge_w=round(it.charge_kw * 1000),
        discharge_w=round(it.discharge_kw * 1000),
        energy_wh=energy_wh,
        reserve_wh=round(it.capacity_kwh * 1000 * it.reserve),
        efficiency=facts.one_way,
        wear=it.wear,
        end_value=max(float(np.quantile(price, END_QUANTILE)) * facts.one_way, 0.0),
    )
    return terms, findings


def _terms(site: Site, known: Known, grid: Grid, battery: BatteryTerms | None) -> SiteTerms:
    limits, demand, heat = site.limits, site.demand, site.heat
    heat_w = np.zeros(grid.count, dtype=np.int64)
    if heat is not None:
        months = np.array([local.month for local in local_times(grid, zone_of(site.site.zone))])
        wanted = np.isin(months, heat.months) if heat.months else np.ones(grid.count, dtype=bool)
        heat_w = np.where(wanted, round(heat.demand_kw * 1000), 0).astype(np.int64)
    peak_kw = 0.0 if demand is None else demand.peak_kw
    return SiteTerms(
        import_w=round(limits.import_kw * 1000),
        export_w=round(limits.export_kw * 1000),
        machines_w=UNLIMITED_W if limits.machines_kw is None else round(limits.machines_kw * 1000),
        ramp_w=UNLIMITED_W if limits.ramp_kw is None else round(limits.ramp_kw * 1000),
        peak_price=0.0 if demand is None else demand.per_kw * _part_of_month(grid, site.site.zone),
        peak_w=round((peak_kw if known.peak_kw is None else known.peak_kw) * 1000),
        heat_price=0.0 if heat is None else heat.price,
        heat_w=heat_w,
        battery=battery,
    )


def _part_of_month(grid: Grid, zone: str) -> float:
    """Return what part of the rest of the local month the horizon covers, 1 at most."""
    first = next(local_times(grid, zone_of(zone)))
    year, month = (first.year + 1, 1) if first.month == 12 else (first.year, first.month + 1)
    end = datetime(year, month, 1, tzinfo=first.tzinfo)
    left_ms = (end.timestamp() - first.timestamp()) * 1000
    return float(min((grid.end_ms - grid.start_ms) / max(left_ms, 1.0), 1.0))
