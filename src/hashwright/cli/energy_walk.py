"""`hw backtest --site`: a site walked through recorded days, rendered. The walk itself is `planner/site_year`."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hashwright.cli.command import run_async
from hashwright.cli.terminal import Table, Terminal
from hashwright.errors import OperatorError

if TYPE_CHECKING:
    from hashwright.planner.dispatch_problem import Problem
    from hashwright.planner.net_metering import Surplus
    from hashwright.planner.site_year import Policy, Walked

MONEY = ("coins", "bought", "sold", "wear + starts", "left")
OLD_RATE = "HW-715"
HEADS = ("policy", *MONEY, "of hindsight", "run", "kWh used", "starts")


def walk_site(
    terminal: Terminal, *, site: str, data: str, first: str | None, days: int, policies: tuple[str, ...]
) -> None:
    """Walk a site through days and show what each policy would have left.

    Raises:
        OperatorError: a policy is unknown (HW-708), or the data do not reach (HW-853).
    """
    from hashwright.planner.site_year import POLICIES, walk

    chosen: list[Policy] = [it for it in POLICIES if not policies or it in policies]
    unknown = [it for it in policies if it not in POLICIES]
    if unknown:
        raise OperatorError(
            f"There is no policy {unknown[0][:40]!r}.", code="HW-708", hint=f"Known: {', '.join(POLICIES)}."
        )
    whole, currency, start, surplus = _whole(terminal, site, data, first, days)
    walked = []
    for policy in chosen:
        terminal.note(f"Walking {days} days: {policy} ...")
        walked.append(walk(whole, policy, surplus=surplus))
    if terminal.is_json:
        rows = [{**dataclasses.asdict(it), "value": it.value} for it in walked]
        terminal.document({"from": start, "days": days, "currency": currency, "policies": rows})
        return
    _show(terminal, walked, f"{days} days from {start}, {currency}")


def _whole(
    terminal: Terminal, site: str, data: str, first: str | None, days: int
) -> "tuple[Problem, str, str, Surplus | None]":
    import msgspec

    from hashwright.energy.site import Risk
    from hashwright.energy.slots import Grid, ms_of
    from hashwright.planner.net_metering import Surplus
    from hashwright.planner.site_problem import problem_of
    from hashwright.runtime.site_file import gather, load_site

    try:
        start = datetime.fromisoformat(first or "2024-01-02").replace(tzinfo=UTC)
    except ValueError as problem:
        raise OperatorError(f"{first!r} is no day such as 2024-01-02.", code="HW-708", hint="--from") from problem
    setup = load_site(Path(site).expanduser(), data=Path(data).expanduser())
    grid = Grid(start_ms=ms_of(start), count=days * 96)
    data_dir = terminal.load_config().data_dir
    gathered = run_async(gather(setup, grid, now_ms=ms_of(start), data_dir=data_dir))
    for told in (it for it in gathered.findings if it.code == OLD_RATE):
        terminal.tick("warning", f"{told.code} {told.place}: {told.message}.", told.hint)
    # What really happened is one scenario; the planner makes its own out of what it had seen by then.
    what_happened = msgspec.structs.replace(setup.site, risk=Risk())
    whole, _ = problem_of(what_happened, gathered.known)
    if whole.grid.count < grid.count:
        end = start + timedelta(minutes=15 * whole.grid.count)
        raise OperatorError(
            f"The recorded prices have a hole at {end:%Y-%m-%d %H:%M} UTC.", code="HW-853", hint="Walk fewer days."
        )
    net = setup.net_metering
    surplus = None if net is None else Surplus(price=net.surplus_price, zone=setup.site.site.zone)
    return whole, gathered.currency, start.strftime("%Y-%m-%d"), surplus


def _show(terminal: Terminal, walked: "list[Walked]", title: str) -> None:
    best = next((it.value for it in walked if it.policy == "hindsight"), None)
    rows = tuple(_row(it, best) for it in walked)
    if not terminal.is_text:
        terminal.line(title)
    terminal.table(Table(heads=HEADS, rows=rows, right=frozenset(HEADS[1:])))
    shed = sum(it.shed_slots for it in walked)
    if shed:
        terminal.note(f"In {shed} quarters of an hour machines had to stop, because the sun was less than planned.")
    by_rule = sum(it.plans_by_rule for it in walked)
    if by_rule:
        terminal.note(f"{by_rule} plans were made by the threshold rule, because the solver gave none.")


def _row(it: "Walked", best: float | None) -> tuple[str, ...]:
    share = "" if not best or best <= 0 else f"{100 * it.value / best:.1f} %"
    money = (it.coins, it.bought, it.sold + it.settled, it.wear + it.starts_cost, it.value)
    return (
        it.policy,
        *(f"{value:,.2f}" for value in money),
        share,
        f"{100 * it.run_share:.0f} %",
        f"{it.machines_kwh:,.0f}",
        f"{it.starts:,}",
    )
