"""`hw plan energy`: the next hours of a site, drawn. The plan itself is `planner/dispatch`."""

import contextlib
import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.plan_parts import is_lab
from hashwright.cli.terminal import Table, Terminal, clean
from hashwright.errors import OperatorError
from hashwright.units import duration_text

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from hashwright.energy.meter import Meter
    from hashwright.energy.site import Site
    from hashwright.errors import Finding
    from hashwright.planner.dispatch_problem import FloatArray, Plan, Problem
    from hashwright.planner.dispatch_report import Block, Totals
    from hashwright.runtime.plan_memory import PlanMemory
    from hashwright.runtime.site_meter import Metered

BARS = " ▁▂▃▄▅▆▇█"
LABEL = 13
NARROW = 100
STRIP_MIN, STRIP_WIDE = 48, 96
METHODS = {
    "exact": "solved exactly",
    "prices": "solved by prices",
    "threshold": "by the threshold rule",
    "last plan": "the last plan holds",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """All that a screen, a page or a document shows of a plan."""

    site: "Site"
    problem: "Problem"
    plan: "Plan"
    currency: str
    findings: "tuple[Finding, ...]"
    zone: "ZoneInfo"
    metered: "Metered"
    month_bill: float | None

    def clock(self, slot: int) -> str:
        """Return the local time at which a slot begins."""
        start = self.plan.grid.start_ms + slot * 900_000
        return datetime.fromtimestamp(start / 1000, UTC).astimezone(self.zone).strftime("%a %H:%M")


@click.command(cls=Command)
@click.option("--site", metavar="FILE", default="site.toml", show_default=True, help="The site's file (TOML).")
@click.option("--data", metavar="FOLDER", help="Folder of recorded prices and coins; no network is used for them.")
@click.option("--at", metavar="TIME", help="Plan from this time on, such as 2024-08-20T12:00 (UTC); default: now.")
@click.option("--hours", type=click.FloatRange(1, 168), default=48, show_default=True, help="How far to plan.")
@click.option("--level", type=float, metavar="PERCENT", help="What the battery reports now.")
@click.option("--meter", metavar="CSV", help="What your meter wrote: corrects the sun, the battery and the peak.")
@click.option("--time-limit", type=click.FloatRange(0, 600), default=20, show_default=True, help="Seconds to solve.")
@click.option("--html", metavar="FILE", help="Also write one self-contained page.")
@pass_terminal
def energy(terminal: Terminal, /, **given: Any) -> None:  # noqa: ANN401 (click's values)
    """Plan the next hours of a site: when machines run, on what power, and why. Nothing is switched.

    The tariff, the sun, the wind, the battery and what a hash earns decide; every limit of the site is kept.

    Example: hw plan energy --site docs/examples/home.toml --at 2026-06-01T04:00
    """
    drawn = planned(given, terminal.load_config().data_dir)
    if given["html"]:
        from hashwright.cli.energy_page import page

        Path(given["html"]).expanduser().write_text(page(drawn), encoding="utf-8")
        terminal.note(f"Written: {given['html']}")
    if terminal.is_json:
        terminal.document(document(drawn))
    else:
        show(terminal, drawn)


def planned(given: dict[str, Any], data_dir: Path) -> Drawn:
    """Read the site, ask its plug-ins and its meter, and plan; a plan for now is kept as the last one."""
    from hashwright.energy.calendar import zone_of
    from hashwright.energy.forecast_error import error_findings
    from hashwright.energy.slots import grid_of
    from hashwright.planner.dispatch import Settings, plan_dispatch
    from hashwright.planner.dispatch_solver import SolverLimits
    from hashwright.planner.power_think import plan_of
    from hashwright.planner.site_problem import problem_of
    from hashwright.runtime.plan_memory import memory_file, recall
    from hashwright.runtime.power_settings import word_of
    from hashwright.runtime.site_file import gather, load_site
    from hashwright.runtime.site_meter import month_bill, with_meter

    now_ms = _now_ms(given["at"])
    data = given["data"]
    setup = load_site(Path(given["site"]).expanduser(), data=None if data is None else Path(data).expanduser())
    meter, unread = _meter(given["meter"])
    file = memory_file(data_dir, word_of(setup.site.site.name))
    memory = recall(file)
    told = {at: float(watts) for at, watts in memory.told.items()}
    grid = grid_of(now_ms, given["hours"])
    gathered = run_async(gather(setup, grid, now_ms=now_ms, level=given["level"], data_dir=data_dir))
    metered = with_meter(setup, gathered, meter, told, now_ms=now_ms, level=given["level"])
    known = metered.gathered.known
    problem, odd = problem_of(setup.site, known)
    settings = Settings(limits=SolverLimits(time_s=given["time_limit"]))
    plan = plan_dispatch(problem, settings=settings, last=plan_of(memory.plan, problem))
    drawn = Drawn(
        site=setup.site,
        problem=problem,
        plan=plan,
        currency=gathered.currency,
        findings=(
            *gathered.findings, *unread, *metered.findings, *error_findings(known.error), *odd, *plan.notes
        ),
        zone=zone_of(setup.site.site.zone),
        metered=metered,
        month_bill=month_bill(setup, metered.month, known.price.values[0]),
    )  # fmt: skip
    if given["at"] is None and not is_lab():
        _remember(file, memory, drawn, now_ms)
    return drawn


def _meter(path: str | None) -> "tuple[Meter, tuple[Finding, ...]]":
    from hashwright.energy.meter import Meter
    from hashwright.runtime.site_meter import load_meter

    return (Meter(), ()) if path is None else load_meter(Path(path).expanduser())


def _remember(file: Path, memory: "PlanMemory", drawn: Drawn, now_ms: int) -> None:
    """Keep the plan of a solver, and what sun and wind were told to give; a folder that is not writable keeps none."""
    from hashwright.planner.power_think import kept_plan
    from hashwright.runtime.plan_memory import remember
    from hashwright.runtime.site_meter import told_slots

    kept = kept_plan(drawn.problem, drawn.plan) if drawn.plan.method in ("exact", "prices") else None
    with contextlib.suppress(OSError):
        remember(file, memory, kept, told_slots(drawn.metered.gathered), now_ms=now_ms)


def _now_ms(at: str | None) -> int:
    if at is None:
        return round(datetime.now(UTC).timestamp() * 1000)
    try:
        when = datetime.fromisoformat(at)
    except ValueError as problem:
        raise OperatorError(
            f"{at[:40]!r} is no time.",
            code="HW-708",
            hint="Write it as 2024-08-20T12:00, in UTC unless it says a zone.",
        ) from problem
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


# ---------------------------------------------------------------- a screen


def show(terminal: Terminal, drawn: Drawn) -> None:
    """Draw a plan: the answer in a sentence, what is odd, the strip of hours, the blocks with reasons, the sums."""
    from hashwright.planner.dispatch_report import blocks_of, totals_of

    totals, blocks = totals_of(drawn.problem, drawn.plan), blocks_of(drawn.problem, drawn.plan)
    if not terminal.is_text:
        for line in headline(drawn, totals, blocks):
            terminal.line(line)
    for finding in drawn.findings:
        terminal.tick("warning", f"{finding.code} {finding.place}: {finding.message}.", finding.hint)
    if not terminal.is_text:
        _strip(terminal, drawn)
        terminal.line()
    is_narrow = not terminal.is_text and terminal.console().width < NARROW
    terminal.table(_block_table(drawn, blocks, is_narrow=is_narrow))
    if not terminal.is_text:
        terminal.line()
    terminal.table(_source_table(totals, drawn.currency))
    for line in meter_lines(drawn):
        terminal.note(line)


def headline(drawn: Drawn, totals: "Totals", blocks: "tuple[Block, ...]") -> list[str]:
    """Return the plan in sentences: what now, what next, what it brings, how sure."""
    machines = sum(it.count for it in drawn.problem.groups)
    now = blocks[0]
    name = clean(drawn.site.site.name)
    first = f"{name}: {now.machines} of {machines} machines run now ({now.reason})"
    changed = next((it for it in blocks[1:] if it.machines != now.machines), None)
    after = "no change ahead" if changed is None else (
        f"next {drawn.clock(changed.first)}: {changed.machines} ({changed.reason})"
    )  # fmt: skip
    span = duration_text(drawn.plan.grid.count * 900)
    verdict = "lose" if totals.value < 0 else "bring"
    gap = "its gap is not known" if drawn.plan.gap is None else f"at most {100 * drawn.plan.gap:.2f} % from the best"
    if drawn.plan.gap is not None and drawn.plan.bound is not None and drawn.plan.gap > 1:
        gap = f"at most {drawn.plan.bound - drawn.plan.value:.2f} {drawn.currency} from the best"
    return [
        f"{first}; {after}.",
        f"The next {span} {verdict} {abs(totals.value):.2f} {drawn.currency} (expected); money below in"
        f" {drawn.currency}, prices per kWh.",
        f"DRY RUN: nothing is switched. {METHODS[drawn.plan.method].capitalize()}, {gap}.",
    ]


def meter_lines(drawn: Drawn) -> list[str]:
    """Say what the meter saw of the month, what net metering makes of it, and what it taught about forecasts."""
    month, error = drawn.metered.month, drawn.metered.gathered.known.error
    lines = []
    if month.peak_kw is not None:
        text = f"This month so far, by the meter: {month.bought_kwh:,.1f} kWh bought, {month.sold_kwh:,.1f} kWh sold"
        bill = "" if drawn.month_bill is None else f"; net metering makes it {drawn.month_bill:,.2f} {drawn.currency}"
        lines.append(f"{text}, at most {month.peak_kw:.1f} kW{bill}.")
    if error.days:
        lines.append(f"Over {error.days} days the meter saw {error.factor:.0%} of the sun and wind that were told.")
    return lines


def _strip(terminal: Terminal, drawn: Drawn) -> None:
    """Draw the hours as bars, one line a subject; the largest value of each stands beside its name."""
    width = terminal.console().width
    slots = drawn.plan.grid.count
    cells = STRIP_WIDE if width >= STRIP_WIDE + LABEL + 22 else STRIP_MIN
    size = max(-(-slots // cells), 1)
    marks = _marks(drawn, size)
    terminal.line()
    terminal.line(f"{'':{LABEL}} {marks}")
    for name, values, text in strip_rows(drawn):
        means = [float(values[at : at + size].mean()) for at in range(0, slots, size)]
        terminal.line(f"{name:{LABEL}} {bars(means)}  {text}")


def strip_rows(drawn: Drawn) -> "list[tuple[str, FloatArray, str]]":
    """Return the lines of the strip: name, a value for each slot, and what its range is."""
    import numpy as np

    from hashwright.planner.dispatch_report import expected

    problem, plan = drawn.problem, drawn.plan
    price = expected(problem, problem.price)
    on = np.sum([it.sum(axis=0) for it in plan.counts], axis=0).astype(np.float64)
    grid = expected(problem, plan.flows.import_w) / 1000
    sold = expected(problem, plan.flows.export_w) / 1000
    rows = [
        ("machines", on, f"up to {on.max():.0f}"),
        ("price", price - min(price.min(), 0), f"{price.min():.3f} to {price.max():.3f}"),
        ("import", grid, f"up to {grid.max():.1f} kW"),
    ]
    if problem.own_w.any():
        own = expected(problem, problem.own_w) / 1000
        rows.append(("sun and wind", own, f"up to {own.max():.1f} kW"))
    if sold.any():
        rows.append(("export", sold, f"up to {sold.max():.1f} kW"))
    if problem.site.battery is not None:
        held = 100 * expected(problem, plan.flows.energy_wh) / problem.site.battery.capacity_wh
        rows.append(("battery", held, f"{held.min():.0f} to {held.max():.0f} %"))
    return rows


def bars(values: list[float]) -> str:
    """Draw values as bars of eight heights; nothing is drawn for nothing."""
    top = max(values, default=0.0)
    if top <= 0:
        return " " * len(values)
    return "".join(BARS[0 if value <= 0 else max(1, min(8, round(8 * value / top)))] for value in values)


def _marks(drawn: Drawn, size: int) -> str:
    """Return the line of times above the strip: every six hours, where it fits."""
    cells = -(-drawn.plan.grid.count // size)
    line = [" "] * (cells + 6)
    last = -9
    for cell in range(cells):
        clock = drawn.clock(cell * size)
        if int(clock[4:6]) % 6 == 0 and clock.endswith(":00") and cell - last >= 6:
            line[cell : cell + 5] = clock[4:]
            last = cell
    return "".join(line).rstrip()


def _block_table(drawn: Drawn, blocks: "tuple[Block, ...]", *, is_narrow: bool) -> Table:
    heads = ("from", "run", "why", "power", "earns", "machines kW", "own kW", "grid kW", "battery")
    has_battery, has_own = drawn.problem.site.battery is not None, bool(drawn.problem.own_w.any())
    machines = sum(it.count for it in drawn.problem.groups)
    left_out = {*(() if has_battery else ("battery",)), *(() if has_own else ("own kW",))}
    left_out |= {"machines kW", "own kW"} if is_narrow else set()
    kept = [head for head in heads if head not in left_out]
    rows = []
    for it in blocks:
        cells = {
            "from": drawn.clock(it.first),
            "run": f"{it.machines}/{machines}",
            "why": it.reason,
            "power": f"{it.price:.3f}",
            "earns": f"{it.earns:.3f}",
            "machines kW": f"{it.machines_kw:.1f}",
            "own kW": f"{it.own_kw:.1f}",
            "grid kW": signed(it.grid_kw, 1),
            "battery": "" if it.battery_percent is None else f"{it.battery_percent:.0f} %",
        }
        rows.append(tuple(cells[head] for head in kept))
    return Table(heads=tuple(kept), rows=tuple(rows), right=frozenset(kept) - {"from", "why"})


def sources(totals: "Totals") -> list[tuple[str, float, float | None]]:
    """Return where energy came from and went to [kWh], with its money where it has any [currency]."""
    rows: list[tuple[str, float, float | None]] = [
        ("from the grid", totals.import_kwh, totals.bought),
        ("sun and wind", totals.own_kwh, None),
        ("from the battery", totals.discharge_kwh, totals.wear),
        ("not served", totals.unserved_kwh, None),
        ("to machines", -totals.machines_kwh, totals.coins + totals.starts),
        ("to the site", -totals.load_kwh, None),
        ("to the battery", -totals.charge_kwh, totals.stored),
        ("sold", -totals.export_kwh, totals.sold),
        ("curtailed", -totals.curtailed_kwh, None),
        ("heat used", 0.0, totals.heat),
        ("highest draw", 0.0, totals.peak),
    ]
    return [row for row in rows if abs(row[1]) > 1e-9 or (row[2] is not None and abs(row[2]) > 1e-9)]


def signed(value: float, digits: int) -> str:
    """Write a number with its sign; what rounds to nothing has none."""
    text = f"{value:+,.{digits}f}"
    return text[1:] if float(text.replace(",", "")) == 0 else text


def _source_table(totals: "Totals", currency: str) -> Table:
    rows = [(name, signed(kwh, 1), "" if money is None else signed(money, 2)) for name, kwh, money in sources(totals)]
    rows.append(("sum", signed(sum(it[1] for it in sources(totals)), 1), signed(totals.value, 2)))
    heads = ("energy", "kWh", currency)
    return Table(heads=heads, rows=tuple(rows), right=frozenset(heads[1:]))


# ---------------------------------------------------------------- a document


def document(drawn: Drawn) -> dict[str, Any]:
    """Return a plan for a program: every slot, sums, break-even prices, findings."""
    from hashwright.energy.slots import utc_text
    from hashwright.planner.dispatch_report import blocks_of, break_even, expected, totals_of

    problem, plan = drawn.problem, drawn.plan
    flows = {
        name: [round(value) for value in expected(problem, getattr(plan.flows, name))]
        for name in ("import_w", "export_w", "curtailed_w", "charge_w", "discharge_w", "unserved_w")
    }
    return {
        "site": drawn.site.site.name,
        "mode": "DRY RUN",
        "start": utc_text(plan.grid.start_ms),
        "start_ms": plan.grid.start_ms,
        "slots": plan.grid.count,
        "currency": drawn.currency,
        "method": plan.method,
        "value": plan.value,
        "bound": plan.bound,
        "gap": plan.gap,
        "break_even_per_kwh": dict(break_even(problem)),
        "groups": {
            group.name: {"running": chosen.sum(axis=0).tolist(), "by_level": chosen.tolist()}
            for group, chosen in zip(problem.groups, plan.counts, strict=True)
        },
        "machines_w": plan.machines_w(problem).tolist(),
        "own_w": [round(value) for value in expected(problem, problem.own_w)],
        "price_per_kwh": expected(problem, problem.price).tolist(),
        "flows": flows,
        "battery_wh": expected(problem, plan.flows.energy_wh).tolist(),
        "blocks": [dataclasses.asdict(it) | {"from": drawn.clock(it.first)} for it in blocks_of(problem, plan)],
        "totals": dataclasses.asdict(totals_of(problem, plan)),
        "month": dataclasses.asdict(drawn.metered.month) | {"bill": drawn.month_bill},
        "forecast": dataclasses.asdict(drawn.metered.gathered.known.error),
        "findings": [dataclasses.asdict(it) for it in drawn.findings],
    }
