"""`hw autopilot power pin`: hours in which you, not money, say whether a group runs. They end by themselves."""

from datetime import UTC, datetime
from typing import Any, Final

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Table, Terminal

DAY_MS: Final = 86_400_000
WORDS: Final = {"run": "runs", "rest": "rests"}


@click.command(cls=Command)
@click.argument("name")
@click.argument("group")
@click.argument("begin", metavar="FROM")
@click.argument("end", metavar="TO")
@click.option("--run", "want", flag_value="run", help="All its machines run, as far as limits allow.")
@click.option("--rest", "want", flag_value="rest", help="All its machines rest.")
@click.option("--plan", "want", flag_value="plan", help="The plan decides again.")
@pass_terminal
def pin(terminal: Terminal, /, name: str, group: str, begin: str, end: str, want: str | None) -> None:
    """Pin hours of a group of a site: it runs or rests in them, whatever the plan would earn otherwise.

    FROM and TO are times in UTC, such as 18:00 or 2026-11-28T18:00, in whole quarters of an hour. TO is when the pin
    ends by itself; a bare hour is the next one after FROM. The next turn plans by it; in a dry
    run it is only planned, as everything.

    Example: hw autopilot power pin home garage 18:00 21:00 --rest
    """
    if want is None:
        raise click.UsageError("Say --run, --rest or --plan.")
    first = moment_of(begin, after_ms=None)
    asked = {"group": group, "from_ms": first, "to_ms": moment_of(end, after_ms=first), "author": "terminal"}
    asked["want"] = None if want == "plan" else want
    _show(terminal, name, run_async(ask_process(terminal.load_config().data_dir, "power-pin", name=name, pin=asked)))


@click.command(cls=Command)
@click.argument("name")
@pass_terminal
def pins(terminal: Terminal, name: str) -> None:
    """List the pins of a site that are not over.

    Example: hw autopilot power pins home
    """
    states = run_async(ask_process(terminal.load_config().data_dir, "power-status"))
    found = next((it["pins"] for it in states if it["name"] == name), {"change": 0, "pins": []})
    _show(terminal, name, found)


@click.command(name="pin-undo", cls=Command)
@click.argument("name")
@click.argument("change", type=int)
@pass_terminal
def pin_undo(terminal: Terminal, name: str, change: int) -> None:
    """Take the newest change of a site's pins back; CHANGE is its number.

    Example: hw autopilot power pin-undo home 3
    """
    folder = terminal.load_config().data_dir
    _show(terminal, name, run_async(ask_process(folder, "power-pin-undo", name=name, change=change)))


def moment_of(text: str, *, after_ms: int | None) -> int:
    """Read a time in UTC [ms]; a bare 18:00 is today's, or the next one after `after_ms`."""
    from hashwright.cli.plan_parts import moment_ms

    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    at = moment_ms(text, now_ms if after_ms is None else after_ms)
    is_bare = len(text.strip()) <= len("18:00")
    return at + DAY_MS if is_bare and after_ms is not None and at <= after_ms else at


def _show(terminal: Terminal, name: str, found: dict[str, Any]) -> None:
    if terminal.is_json:
        terminal.document({"name": name, **found})
        return
    rows = tuple(
        (it["group"], _time(it["from_ms"]), _time(it["to_ms"]), WORDS[it["want"]], it["author"]) for it in found["pins"]
    )
    heads = ("group", "from (UTC)", "until (UTC)", "what it does", "by")
    terminal.table(Table(heads=heads, rows=rows, empty=f"Nothing of {name} is pinned."))
    if found["change"]:
        terminal.note(f"Take the newest change back: hw autopilot power pin-undo {name} {found['change']}")


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%a %Y-%m-%d %H:%M")
