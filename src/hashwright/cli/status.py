"""`hw` alone and `hw status`: what is going on, from the running process or from the database."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Group as RichGroup

    from hashwright.cli.overview import Overview

WATCH_S = 2.0
WATCHED_A_SECOND = 1_000
"""More machines are asked for less often: the program lists them in the loop that judges shares."""
SCREEN_WIDE = 120
SCREEN_ROWS = 100
"""More machines than a screen has lines; a farm looks at them with `hw fleet top`."""


@click.command(cls=Command)
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@pass_terminal
def status(terminal: Terminal, watch: bool) -> None:
    """Show machines, destinations, shares, blocks and alerts.

    Asks the running process; where none runs, it reads the database and says so.

    Example: hw status --watch
    """
    from hashwright.cli.overview import document_of, read_overview

    config = terminal.load_config()
    if watch:
        run_async(_watch(terminal))
        return
    overview = run_async(read_overview(config.data_dir))
    if terminal.is_json:
        terminal.document(document_of(overview))
    else:
        _show(terminal, overview)


async def _watch(terminal: Terminal) -> None:
    """Show the state again and again: in place where that is possible, else one below the other."""
    import asyncio

    from hashwright.cli.overview import DayCounts, document_of, read_overview

    config, day = terminal.load_config(), DayCounts()
    if terminal.can_animate:
        await _watch_screen(terminal, config.data_dir)
        return
    while True:
        overview = await read_overview(config.data_dir, day=day)
        if terminal.is_json:
            terminal.document(document_of(overview))
        else:
            _show(terminal, overview)
        await asyncio.sleep(WATCH_S)


async def _watch_screen(terminal: Terminal, data_dir: "Path") -> None:
    """Draw the state on a screen of its own, in place; the terminal is as it was before when it ends."""
    import asyncio

    from rich.live import Live

    from hashwright.cli.overview import DayCounts, read_overview

    day = DayCounts()
    console, overview = terminal.console(), await read_overview(data_dir, day=day)
    with Live(console=console, auto_refresh=False, screen=True, vertical_overflow="crop") as live:
        while True:
            live.update(screen_of(overview, width=console.width), refresh=True)
            await asyncio.sleep(max(WATCH_S, len(overview.workers) / WATCHED_A_SECOND))
            overview = await read_overview(data_dir, day=day)


def screen_of(overview: "Overview", *, width: int = SCREEN_WIDE) -> "RichGroup":
    """Draw everything for one screen, the most important first: what does not fit is cut at the bottom."""
    from rich.console import Group
    from rich.text import Text

    from hashwright.cli import views
    from hashwright.cli.terminal import clean, drawn

    lines, troubles = source_lines(overview)
    parts: list[Any] = [Text("hw status --watch   Ctrl-C ends it", style="dim"), *(Text(clean(it)) for it in lines)]
    parts += [Text(clean(it), style="bold red") for it in troubles]
    tables = [views.alerts_table(overview.alerts, now_ms=overview.now_ms, is_short=True)]
    if overview.status is not None:
        tables.append(views.destinations_table(overview.status["destinations"]))
    workers, is_short = overview.workers[:SCREEN_ROWS], width < SCREEN_WIDE
    tables.append(views.workers_table(workers, window_s=overview.window_s, is_short=is_short))
    tables.append(views.blocks_table(overview.blocks, now_ms=overview.now_ms, is_short=True))
    for table in tables:
        if table.rows:
            parts += [Text(), drawn(table)]
    parts += [Text(), Text(f"Shares of 24 h: {views.outcomes_text(overview.shares_by_outcome)}")]
    return Group(*parts)


def _show(terminal: Terminal, overview: "Overview") -> None:
    from hashwright.cli import views

    _show_source(terminal, overview)
    if overview.status is not None:
        terminal.line()
        terminal.table(views.destinations_table(overview.status["destinations"]))
        for broken in overview.status["broken"]:
            terminal.tick("failed", f"{broken['destination']} is disabled: {broken['problem']}")
    if overview.has_database:
        terminal.line()
        terminal.table(views.workers_table(overview.workers, window_s=overview.window_s))
        terminal.line()
        terminal.line(f"Shares of 24 h: {views.outcomes_text(overview.shares_by_outcome)}")
    for table in (
        views.blocks_table(overview.blocks, now_ms=overview.now_ms, is_short=not terminal.is_text),
        views.alerts_table(overview.alerts, now_ms=overview.now_ms, is_short=not terminal.is_text),
    ):
        if table.rows:
            terminal.line()
            terminal.table(table)


def _show_source(terminal: Terminal, overview: "Overview") -> None:
    lines, troubles = source_lines(overview)
    for line in lines[:2]:
        terminal.line(line)
    for trouble in troubles:
        terminal.tick("failed", trouble)
    for line in lines[2:]:
        terminal.line(line)


def source_lines(overview: "Overview") -> tuple[list[str], list[str]]:
    """Say first whether this is now or history, and what is wrong."""
    from hashwright.cli.overview import mode_of
    from hashwright.cli.views import age_text, headline

    state = overview.status
    if state is None:
        history = "What follows is history, from the database read only." if overview.has_database else ""
        return [
            f"No Hashwright runs on {overview.data_dir}.",
            history or "There is no database there yet either.",
        ], []
    lines = [
        f"{mode_of(state['destinations'])}. Running for {age_text(state['now'] - state['started_at'])}.",
        headline(overview),
        *([f"  {randomx_text(state['randomx'])}"] if state.get("randomx") else []),
        *(f"  {it['url']}  {it['algorithm']}, {it['connections']} connected" for it in state["listeners"]),
    ]
    text = "The journal cannot be written: nothing is credited. Shares for upstreams pass through, others wait."
    return lines, [] if state["journal"]["state"] == "ok" else [f"{text} (HW-605)"]


def randomx_text(found: dict[str, Any]) -> str:
    """Say who checks RandomX shares, and whether all of them are."""
    if found["judge"] == "node":
        return "RandomX: its library is missing, so the node checks every share (HW-209)"
    threads = f"{found['threads']} thread{'s' * (found['threads'] > 1)}"
    every = "every share" if not found["believed"] else f"all but {found['believed']} shares"
    waiting = f", {found['waiting']} wait" if found["waiting"] else ""
    debts = f"; {len(found['debts'])} workers pay for forged shares" if found["debts"] else ""
    return f"RandomX: {every} checked here, {found['mode']} mode, {threads}{waiting}{debts}"


def show_short_status(terminal: Terminal) -> None:
    """Show a few lines and the two most useful next commands."""
    from hashwright.cli.overview import document_of, read_overview

    config = terminal.load_config()
    overview = run_async(read_overview(config.data_dir, blocks=1, alerts=1))
    if terminal.is_json:
        terminal.document(document_of(overview))
        return
    _show_source(terminal, overview)
    if overview.blocks:
        block = overview.blocks[0]
        terminal.line(f"Newest block: height {block.height}, {block.state}, on {block.destination}.")
    terminal.note("")
    for command, purpose in next_commands(overview):
        terminal.note(f"  {command:<22} {purpose}")


def next_commands(overview: "Overview") -> list[tuple[str, str]]:
    """Choose the two commands that help most now."""
    state = overview.status
    if state is None:
        first = ("hw up", "run it") if overview.has_database else ("hw demo", "see it work, nothing is left behind")
        return [first, ("hw doctor", "check this computer") if overview.has_database else ("hw up", "run it")]
    if not state["destinations"]:
        return [("hw pool try", "mine a practice block"), ("hw pool add --help", "add your own node")]
    if not any(worker.connections for worker in overview.workers):
        return [("hw miner --help", "mine for practice"), ("hw doctor", "check ports and nodes")]
    return [("hw status --watch", "follow it"), ("hw pool blocks", "list blocks")]
