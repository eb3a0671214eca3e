"""`hw admin notify`: who is told of alerts, by Telegram, Discord, ntfy, e-mail, a webhook and others."""

from typing import Any

import rich_click as click

from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Table, Terminal

SEND_S = 90.0


@click.group(cls=LazyGroup)
def notify() -> None:
    """Say who is told of alerts, and how.

    Example: hw admin notify add phone --address-from file:/etc/hw/ntfy --quiet-hours 22:00-07:00 --zone Europe/Berlin
    """


@notify.command()
@click.argument("name")
@click.option("--address-from", required=True, metavar="REF", help="file:PATH, env:NAME or credential:NAME.")
@click.option("--level", type=click.Choice(["info", "warning", "critical"]), default="warning", show_default=True,
              help="The least that is told.")  # fmt: skip
@click.option("--mute", "muted", multiple=True, metavar="CODE", help="Never told; may be repeated.")
@click.option("--also", multiple=True, metavar="CODE", help="Told whatever its level, such as HW-304, a block.")
@click.option("--quiet-hours", "quiet", default="", metavar="22:00-07:00", help="Only what is critical is told then.")
@click.option("--zone", default="UTC", show_default=True, metavar="ZONE", help="Time zone of the quiet hours.")
@click.option("--repeat-minutes", type=click.IntRange(1, 10080), default=60, show_default=True,
              help="The same alert is not told again within this time.")  # fmt: skip
@pass_terminal
def add(terminal: Terminal, /, name: str, **flags: Any) -> None:  # noqa: ANN401
    """Tell somebody from now on. The address is one of Apprise's, and a secret: it stays where it is.

    Example: hw admin notify add phone --address-from file:/etc/hw/ntfy --also HW-304
    """
    answer = run_async(
        ask_process(terminal.load_config().data_dir, "notify-set", notify={"name": name, **flags}, timeout_s=SEND_S)
    )
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"{answer['name']} is told by {answer['service']}.")
        terminal.note(f"Try it: hw admin notify test {name}")


@notify.command()
@pass_terminal
def ls(terminal: Terminal) -> None:
    """List who is told, and whether the last notice was taken.

    Example: hw admin notify ls
    """
    rows = run_async(ask_process(terminal.load_config().data_dir, "notify-list"))
    if terminal.is_json:
        terminal.document({"notify": rows})
        return
    heads = ("name", "address from", "level", "quiet", "told", "waiting", "problem")
    keys = ("name", "address_from", "level", "quiet", "sent", "waiting", "problem")
    cells = tuple(tuple(str(row[key]) for key in keys) for row in rows)
    empty = "Nobody is told. Add somebody: hw admin notify add --help"
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(("told", "waiting")), empty=empty))


@notify.command()
@click.argument("name")
@pass_terminal
def test(terminal: Terminal, name: str) -> None:
    """Send a notice now.

    Example: hw admin notify test phone
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "notify-test", name=name, timeout_s=SEND_S))
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"{name} was told.")


@notify.command()
@click.argument("name")
@pass_terminal
def remove(terminal: Terminal, name: str) -> None:
    """Tell somebody no more.

    Example: hw admin notify remove phone
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "notify-remove", name=name))
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"{name} is told no more.")
