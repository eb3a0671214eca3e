"""What a worker does for a power autopilot: read the site's file, ask tariff and weather, read the meter, and think.

Runs in a process of its own: numpy, the solver and slow services are there, and may hang or die without touching a
machine. Questions and answers are plain records; an error comes back as words, because it crosses a process border.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from hashwright.error_codes import CODES
from hashwright.errors import Finding, HashwrightError, StaleInput
from hashwright.planner.power import KeptPlan, PowerSeen, PowerThought, SeenMachines, Told
from hashwright.planner.power_pins import Pin

if TYPE_CHECKING:
    from hashwright.energy.meter import Meter

GATHER_S: Final = 40.0
METERED_MS: Final = 7 * 3_600_000
"""What became of a turn is asked over at most six hours."""


class PowerAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the worker. `worth` is what a TH/s of each coin earns a day [USD] with its source; `told` [W].

    `data_dir` has the stored exchange rates. `level` is what a commanded battery reports [percent]; it stands above the
    meter's.
    """

    name: str
    now_ms: int
    site_file: str
    data: str
    meter: str
    hours: float
    solver_s: float
    machines: tuple[SeenMachines, ...]
    worth: dict[str, tuple[float, str]]
    told: tuple[tuple[int, int], ...]
    last: KeptPlan | None
    data_dir: str = ""
    pins: tuple[Pin, ...] = ()
    level: float | None = None
    is_battery_out: bool = False
    battery_w: int = 0


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer: words and a code of the table."""

    code: str
    message: str


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What the site's file says of itself: its name, its groups, and its breaker for machines [W], 0 for none."""

    title: str
    groups: tuple[str, ...]
    machines_w: float
    import_w: float


def look_at_file(path: str, data: str) -> Looked | Failure:
    """Read a site's file and say what it is for."""
    from hashwright.runtime.site_file import load_site

    try:
        setup = load_site(Path(path), data=Path(data) if data else None)
    except HashwrightError as error:
        return _failure(error)
    limits = setup.site.limits
    return Looked(
        title=setup.site.site.name,
        groups=tuple(it.name for it in setup.site.groups),
        machines_w=(limits.machines_kw or 0.0) * 1000 / (1 + setup.site.cooling),
        import_w=limits.import_kw * 1000,
    )


def observe(ask: PowerAsk) -> PowerSeen | Failure:
    """Ask everything that a turn needs to know."""
    try:
        return asyncio.run(_observe(ask))
    except HashwrightError as error:
        return _failure(error)
    except TimeoutError:
        return Failure(code="HW-844", message=f"Tariff and weather did not answer within {GATHER_S:.0f} s.")


def think(seen: PowerSeen) -> PowerThought | Failure:
    """Plan."""
    from hashwright.planner.power_think import think_power

    try:
        return think_power(seen)
    except HashwrightError as error:
        return _failure(error)


def known_until(ask: PowerAsk) -> int | Failure:
    """Return until when the tariff knows its prices [ms]."""
    try:
        seen = asyncio.run(_prices(ask))
    except (HashwrightError, TimeoutError) as error:
        return _failure(error) if isinstance(error, HashwrightError) else Failure(code="HW-844", message=str(error))
    return seen


async def _prices(ask: PowerAsk) -> int:
    from hashwright.energy.slots import SLOT_MS, grid_of
    from hashwright.energy.tariff import slotted_prices
    from hashwright.runtime.site_file import load_site

    setup = load_site(Path(ask.site_file), data=Path(ask.data) if ask.data else None)
    grid = grid_of(ask.now_ms, ask.hours)
    async with asyncio.timeout(GATHER_S):
        answer = await setup.tariff.prices(grid.start_ms, grid.end_ms, now_ms=ask.now_ms)
    values = slotted_prices(answer, grid).values
    count = values.index(None) if None in values else len(values)
    return grid.start_ms + count * SLOT_MS


async def _observe(ask: PowerAsk) -> PowerSeen:
    from hashwright.energy.meter import Meter
    from hashwright.energy.slots import grid_of
    from hashwright.runtime.site_file import gather, load_site
    from hashwright.runtime.site_meter import load_meter, with_meter

    setup = load_site(Path(ask.site_file), data=Path(ask.data) if ask.data else None)
    grid = grid_of(ask.now_ms, ask.hours)
    revenue, own = setup.site.revenue, {it.name for it in setup.site.groups}
    if revenue.coin and revenue.coin not in ask.worth and not ask.data:
        raise StaleInput(
            f"What a hash of {revenue.coin} earns is not known, or its price is too old.",
            code="HW-401",
            hint="hw admin data fetch, or per_th_day in the site's file.",
        )
    worth = {coin: value for coin, (value, _) in ask.worth.items()}
    async with asyncio.timeout(GATHER_S):
        data_dir = Path(ask.data_dir) if ask.data_dir else None
        gathered = await gather(setup, grid, now_ms=ask.now_ms, worth=worth, data_dir=data_dir)
    meter, odd = load_meter(Path(ask.meter)) if ask.meter else (Meter(), ())
    told = {at: float(watts) for at, watts in ask.told}
    metered = with_meter(setup, gathered, meter, told, now_ms=ask.now_ms, level=ask.level)
    known = metered.gathered.known
    source = "the site's file" if revenue.per_th_day is not None else ask.worth.get(revenue.coin, (0, "recorded"))[1]
    mine = tuple(it for it in ask.machines if it.group in own)
    return PowerSeen(
        at_ms=ask.now_ms,
        name=ask.name,
        currency=gathered.currency,
        site=msgspec.to_builtins(setup.site),
        start_ms=grid.start_ms,
        price=tuple(None if it is None else float(it) for it in known.price.values),
        export=None if known.export is None else tuple(None if it is None else float(it) for it in known.export.values),
        sun_w=_watts(known.sun_w.tolist()),
        wind_w=_watts(known.wind_w.tolist()),
        per_th_day=tuple(known.per_th_day.tolist()),
        earns_source=source,
        machines=mine,
        strangers=tuple((it.group, it.count + it.lost + it.unrated) for it in ask.machines if it.group not in own),
        level=known.level,
        peak_kw=known.peak_kw,
        factor=known.error.factor,
        spread=known.error.spread,
        days=known.error.days,
        told=tuple(map(_told, (*gathered.findings, *odd, *metered.findings, *known.price.findings))),
        last=ask.last,
        solver_s=ask.solver_s,
        has_solver=ask.solver_s > 0,
        pins=ask.pins,
        is_battery_out=ask.is_battery_out,
        battery_w=ask.battery_w,
        metered=_lately(meter, ask.now_ms),
    )


def _lately(meter: "Meter", now_ms: int) -> tuple[tuple[int, float, float], ...]:
    """Return the slots of the last hours that the meter saw import of; it need not know of export."""
    bought, sold = meter.slots.get("import_w", {}), meter.slots.get("export_w", {})
    known = sorted(at for at in bought if now_ms - METERED_MS <= at <= now_ms)
    return tuple((at, bought[at], sold.get(at, 0.0)) for at in known)


def _watts(values: list[float]) -> tuple[float | None, ...]:
    return tuple(None if value != value else float(round(value)) for value in values)


def _told(finding: Finding) -> Told:
    return Told(code=finding.code, place=finding.place, message=finding.message, hint=finding.hint)


def _failure(error: HashwrightError) -> Failure:
    findings = getattr(error, "findings", ())
    more = "; ".join(f"{it.place}: {it.message}" for it in findings[:3])
    message = f"{error.message} {more}".strip()[:400]
    return Failure(code=error.code if error.code in CODES else "HW-901", message=message)


def without_solver(seen: PowerSeen) -> PowerSeen:
    """Return the same sight for the rule that needs no solver."""
    return msgspec.structs.replace(seen, has_solver=False)
