"""What `hw demo` runs: the real server, a practice chain and two practice miners, on this computer only.

The miners are real child processes (`hw miner`), so that everything between a machine and a block is what `hw up` does.
They are stopped by their process ids, whatever ends the demo, and they end by themselves when the server is gone.
"""

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashwright.cli.terminal import Terminal

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from rich.console import Group as RichGroup

    from hashwright.cli.overview import Overview
    from hashwright.runtime.wiring import Hashwright

RIGS = ("demo.rig-1", "demo.rig-2")
START_DIFFICULTY = 2.0**-15
"""131,000 hashes a share: a few shares a second of one processor core, and vardiff goes on from there."""
SHARES_PER_MINUTE = 60.0
BLOCK_INTERVAL_S = 8.0
REDRAW_S = 0.5
PLAIN_LINE_S = 5.0
MINER_STOP_S = 3.0
LOW_PRIORITY = 10
"""Niceness of the miners: they use what is left over, so the computer stays usable."""
NEWEST_EVENTS = 6
WORKERS_SHOWN = 12
"""Of hundreds of simulated machines the picture shows the first."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Demo:
    """One run: the program, its miners, and what was told so far."""

    app: "Hashwright"
    terminal: Terminal
    folder: Path
    ends: asyncio.Event
    miners: "list[Process]" = dataclasses.field(default_factory=list)
    told_alerts: int = 0


async def run_demo(
    terminal: Terminal, folder: Path, seconds: float | None, *, machines: int = 0, faults: tuple[str, ...] = ()
) -> "Overview":
    """Run until the seconds are over or a signal comes; return how it stood at the end."""
    from hashwright.cli.demo_machines import machines_of
    from hashwright.cli.overview import read_overview
    from hashwright.cli.practice import add_practice, practice_app

    ends = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ends.set)
    demo = Demo(app=practice_app(folder), terminal=terminal, folder=folder, ends=ends)
    await demo.app.start()
    try:
        await add_practice(
            demo.app,
            coin="bitcoin",
            start_difficulty=START_DIFFICULTY,
            shares_per_minute=SHARES_PER_MINUTE,
            node_settings={"block_interval_s": BLOCK_INTERVAL_S},
        )
        await _start_miners(demo)
        async with contextlib.AsyncExitStack() as stack:
            if machines:
                note = await stack.enter_async_context(machines_of(demo.app, machines, pool=_url(demo), faults=faults))
                for line in filter(None, (note, f"Command the machines: hw --data-dir {folder} fleet ls")):
                    terminal.note(line)
            await _show_until_end(demo, seconds)
        return await read_overview(folder, blocks=1000, alerts=NEWEST_EVENTS)
    finally:
        await _stop_miners(demo.miners)
        await demo.app.stop()


# ---------------------------------------------------------------- the miners


async def _start_miners(demo: Demo) -> None:
    import hashwright

    url = _url(demo)
    package = str(Path(hashwright.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))}
    for rig in RIGS:
        miner = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hashwright.cli.main", "miner", "--quiet", "--url", url, "--user", rig,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # a Ctrl-C is for us; we stop them ourselves
        )  # fmt: skip
        demo.miners.append(miner)
        os.setpriority(os.PRIO_PROCESS, miner.pid, LOW_PRIORITY)


def _url(demo: Demo) -> str:
    from hashwright.runtime.commands import status_of

    return str(status_of(demo.app)["listeners"][0]["url"])


async def _stop_miners(miners: "list[Process]") -> None:
    """End the child processes and wait for them; what does not end is killed."""
    for miner in miners:
        if miner.returncode is None:
            miner.terminate()
    for miner in miners:
        try:
            async with asyncio.timeout(MINER_STOP_S):
                await miner.wait()
        except TimeoutError:
            miner.kill()
            await miner.wait()


# ---------------------------------------------------------------- the picture


async def _show_until_end(demo: Demo, seconds: float | None) -> None:
    show = _show_pictures if demo.terminal.can_animate else _show_lines
    try:
        async with asyncio.timeout(seconds):
            await show(demo)
    except TimeoutError:
        return


async def _show_pictures(demo: Demo) -> None:
    from rich.live import Live

    from hashwright.cli.overview import read_overview

    overview = await read_overview(demo.folder, alerts=NEWEST_EVENTS)
    with Live(picture(overview), console=demo.terminal.console(), auto_refresh=False, screen=False) as live:
        while not demo.ends.is_set():
            overview = await read_overview(demo.folder, alerts=NEWEST_EVENTS)
            live.update(picture(overview), refresh=True)
            await _pause(demo.ends, REDRAW_S)


async def _show_lines(demo: Demo) -> None:
    """Tell the same in lines: each event once, and every few seconds where we are."""
    terminal = demo.terminal
    terminal.note("DEMO on a PRACTICE chain: nothing here has value, nothing leaves this computer, nothing stays.")
    next_line = 0.0
    now_s = asyncio.get_running_loop().time
    while not demo.ends.is_set():
        overview = await _overview(demo)
        _tell_events(demo, overview)
        if now_s() >= next_line:
            next_line = now_s() + PLAIN_LINE_S
            terminal.note(f"DEMO {where_we_are(overview)}")
        await _pause(demo.ends, REDRAW_S)


def _overview(demo: Demo) -> "Awaitable[Overview]":
    from hashwright.cli.overview import read_overview

    return read_overview(demo.folder, blocks=1000, alerts=50)


async def _pause(ends: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await ends.wait()
    except TimeoutError:
        return


def _tell_events(demo: Demo, overview: "Overview") -> None:
    from hashwright.cli import views

    for alert in reversed(overview.alerts):
        if alert.number > demo.told_alerts:
            demo.told_alerts = alert.number
            demo.terminal.note(f"DEMO PRACTICE {views.without_hash(alert.text)}")


def where_we_are(overview: "Overview") -> str:
    """Say in one line: machines, rate, shares, blocks."""
    from hashwright.cli.views import outcomes_text
    from hashwright.units import hashrate_text

    connected = sum(worker.connections for worker in overview.workers)
    return (
        f"{connected} machines, {hashrate_text(overview.hashrate_hs)} (estimated), "
        f"shares: {outcomes_text(overview.shares_by_outcome)}, blocks: {len(good_blocks(overview))}"
    )


def good_blocks(overview: "Overview") -> list[Any]:
    """List the blocks that the practice chain took."""
    return [block for block in overview.blocks if block.state in ("submitted", "confirmed")]


def picture(overview: "Overview") -> "RichGroup":
    """Draw the demo: what it is, machines, chain, blocks, newest events, how to end it."""
    from rich.console import Group
    from rich.text import Text

    from hashwright.cli import views
    from hashwright.cli.terminal import drawn

    head = Text.assemble(
        (" DEMO ", "bold black on yellow"),
        ("  PRACTICE chain: nothing here has value, nothing leaves this computer, nothing stays.", "yellow"),
    )
    url = overview.status["listeners"][0]["url"] if overview.status else ""
    rate = Text.assemble((views.headline(overview), "bold"), f"\nMachines connect at {url}")
    shown = sorted(overview.workers, key=lambda it: it.worker)[:WORKERS_SHOWN]
    machines = drawn(views.workers_table(shown, window_s=overview.window_s))
    shares = Text(f"Shares: {views.outcomes_text(overview.shares_by_outcome)}")
    parts = [head, Text(), rate, Text(), machines, Text(), shares, Text(), _blocks(overview)]
    return Group(*parts, Text(), *_events(overview), Text(), Text("Ctrl-C ends it and says how to go on.", style="dim"))


def _blocks(overview: "Overview") -> Any:  # noqa: ANN401 (something drawable)
    from rich.text import Text

    from hashwright.cli import views
    from hashwright.cli.terminal import drawn

    if not overview.blocks:
        return Text("PRACTICE blocks: none yet, the first takes a few seconds.")
    table = views.blocks_table(overview.blocks, now_ms=overview.now_ms, is_short=True)
    keep = [table.heads.index(head) for head in ("height", "found by", "state", "confirmations", "age", "hash")]
    heads = tuple(table.heads[index] for index in keep)
    rows = tuple(tuple(row[index] for index in keep) for row in table.rows)
    heads = ("PRACTICE block", *heads[1:])
    return drawn(
        dataclasses.replace(table, heads=heads, rows=rows, right=frozenset((heads[0], "confirmations", "age")))
    )


def _events(overview: "Overview") -> list[Any]:
    from rich.text import Text

    from hashwright.cli import views

    lines = [Text("Newest events", style="dim")]
    for alert in overview.alerts:
        age = views.age_text(overview.now_ms - alert.at_ms)
        lines.append(Text(f"{age:>8}  {views.without_hash(alert.text)}", no_wrap=True, overflow="ellipsis"))
    return lines
