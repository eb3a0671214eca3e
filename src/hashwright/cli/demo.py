"""`hw demo`: the way in. What it runs is in `demonstration`."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.terminal import Terminal, clean

if TYPE_CHECKING:
    from hashwright.cli.overview import Overview

HW_UP = (
    ("hw up", "run it for real: your own data folder, your own machines"),
    ("hw pool add --help", "mine on your own Bitcoin or Litecoin node"),
)


@click.command(cls=Command)
@click.option("--seconds", type=click.FloatRange(min=1), help="End after so many seconds instead of at Ctrl-C.")
@click.option(
    "--machines", type=click.IntRange(min=1, max=2000), help="Add so many simulated machines: hw fleet works."
)
@click.option("--fault", "faults", multiple=True, metavar="FAULT=N", help="With --machines: dead=30%, lies=2, hangs=1.")
@click.option("--keep", is_flag=True, help="Keep the data folder and say where it is.")
@pass_terminal
def demo(terminal: Terminal, seconds: float | None, machines: int | None, faults: tuple[str, ...], keep: bool) -> None:
    """Show everything at work: a PRACTICE chain, two practice miners, the real server.

    On this computer only: no coin of value, no other computer, nothing left behind. The two miners use a processor core
    each, at low priority. Ctrl-C ends it.

    With --machines, simulated machines answer on loopback addresses as real ones do, mine at a tiny difficulty, and can
    be commanded: hw --data-dir FOLDER fleet ls. They are no real ones.

    Example: hw demo --seconds 60

    Example: hw demo --machines 50
    """
    from hashwright.cli.demonstration import run_demo
    from hashwright.cli.practice import silence_logs

    if faults:
        from hashwright.testing.machines.park import read_fault

        for text in faults:
            read_fault(text)
        if not machines:
            raise click.UsageError("--fault goes with --machines.")
    silence_logs()
    folder = Path(tempfile.mkdtemp(prefix="hw-demo-"))
    try:
        overview = run_async(run_demo(terminal, folder, seconds, machines=machines or 0, faults=faults))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    _summarise(terminal, overview, kept=folder if keep else None)


def _summarise(terminal: Terminal, overview: "Overview", *, kept: Path | None) -> None:
    from hashwright.cli.demonstration import good_blocks, where_we_are
    from hashwright.cli.overview import document_of

    if terminal.is_json:
        terminal.document({"demo": True, "practice": True, **document_of(overview)})
        return
    terminal.line()
    terminal.line(f"DEMO ended. {where_we_are(overview)}.")
    for block in good_blocks(overview)[:5]:
        terminal.line(f"  PRACTICE block {block.height} by {clean(block.worker or '-')}: {block.block_hash}")
    terminal.line(f"The data folder was kept: {kept}" if kept else "Nothing was left behind.")
    terminal.note("")
    terminal.note("How to go on:")
    for command, purpose in HW_UP:
        terminal.note(f"  {command:<22} {purpose}")
