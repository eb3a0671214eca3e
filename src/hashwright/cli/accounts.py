"""`hw pool account` and `accounts`: what other people's pools say they owe, beside what the work was worth."""

from typing import Any

import rich_click as click

from hashwright import registry
from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Table, Terminal

READ_S = 180.0
READERS = registry.names("upstreams")
UNKNOWN = "not told"


@click.command(cls=Command)
@click.argument("upstream")
@click.option("--reader", type=click.Choice(READERS), help="Whose pool it is.")
@click.option("--account", default="", metavar="NAME", help="The account there: an address, or a user.")
@click.option("--token-from", default="", metavar="REF", help="A token that may only read: file:, env:, credential:.")
@click.option("--fee", default=0.0, show_default=True, metavar="PERCENT", help="What the pool keeps.")
@click.option("--cap", default="", metavar="COINS", help="Warn when it owes more than you are ready to lose there.")
@click.option("--read-url", default="", metavar="URL", help="Another address than the reader's usual one; https.")
@click.option("--remove", is_flag=True, help="Read it no more; what was read stays in the books.")
@pass_terminal
def account(terminal: Terminal, /, upstream: str, **flags: Any) -> None:  # noqa: ANN401
    """Read your account at an upstream now and then. It can only look: no reader can move money.

    Example: hw pool account ocean --reader ocean --account bc1q... --fee 2 --cap 0.05
    """
    if flags["remove"] == bool(flags["reader"] and flags["account"]):
        raise click.UsageError("Give --reader and --account, or --remove.", click.get_current_context(silent=True))
    folder = terminal.load_config().data_dir
    if flags["remove"]:
        answer = run_async(ask_process(folder, "account-remove", upstream=upstream))
        if terminal.is_json:
            terminal.document(answer)
        else:
            terminal.line(f"The account at {upstream} is read no more.")
        return
    document = {
        "upstream": upstream,
        "reader": flags["reader"],
        "account": flags["account"],
        "token_from": flags["token_from"],
        "fee_percent": flags["fee"],
        "cap": flags["cap"],
        "url": flags["read_url"],
    }
    answer = run_async(ask_process(folder, "account-set", account=document))
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"The account at {upstream} is read every ten minutes.")
        terminal.note("See what it owes: hw pool accounts")


@click.command(cls=Command)
@click.option("--read", is_flag=True, help="Read all accounts now, then show them.")
@pass_terminal
def accounts(terminal: Terminal, read: bool) -> None:
    """Show what each upstream credited of what accepted work was worth, what it owes, and what it says to have paid.

    Example: hw pool accounts --read
    """
    verb = "account-read" if read else "accounts"
    found = run_async(ask_process(terminal.load_config().data_dir, verb, timeout_s=READ_S))
    if terminal.is_json:
        terminal.document({"accounts": found})
        return
    heads = ("upstream", "work was worth", "credited", "realised", "owes", "says it paid", "currency")
    cells = tuple(
        (
            it["upstream"],
            f"about {it['expected']}",
            it["credited"],
            f"{it['realisation']:.0%} ({it['days']} d)",
            UNKNOWN if it["unpaid"] is None else it["unpaid"] + (" OVER CAP" if it["exposure"] == "over" else ""),
            it["paid"] or UNKNOWN,
            it["currency"],
        )
        for it in found
    )
    right = frozenset(heads[1:6])
    terminal.table(Table(heads=heads, rows=cells, right=right, empty="No account is read. hw pool account --help"))
    for it in found:
        if it["problem"]:
            terminal.tick("failed", f"{it['upstream']}: {it['problem']}")
    if found:
        terminal.note("Worth is an estimate of the last 60 days; credited is what the upstream says, not what arrived.")
