"""`hw market deposit`, `fund` and `withdraw`: how a buyer's money gets in and out."""

import rich_click as click

from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.market import algo_option, ask, id_option, reference_of, tell
from hashwright.cli.overview import time_text
from hashwright.cli.terminal import Table, Terminal


@click.command(cls=Command)
@click.argument("account")
@algo_option
@pass_terminal
def deposit(terminal: Terminal, account: str, algorithm: str | None) -> None:
    """Show the address that funds an account, and what came there. Coins count after the market's confirmations.

    Example: hw market deposit kim
    """
    answer = ask(terminal, "market-deposit", account=account, algorithm=algorithm)
    if terminal.is_json:
        terminal.document(answer)
        return
    terminal.line(answer["address"])
    cells = tuple(
        (it["txid"][:16], it["amount"], str(it["confirmations"]), it["state"], time_text(it["at_ms"])[:16])
        for it in answer["deposits"]
    )
    heads = ("transaction", "amount", "confirmations", "state", "seen (UTC)")
    empty = f"Nothing came yet. Coins count after {answer['needed']} confirmations."
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads[1:3]), empty=empty))
    terminal.note(f"Free: {answer['free']}")


@click.command(cls=Command)
@click.argument("account")
@click.argument("amount", metavar="COINS")
@algo_option
@id_option
@pass_terminal
def fund(terminal: Terminal, account: str, amount: str, algorithm: str | None, reference: str) -> None:
    """Credit an account with money that you got outside of the wallet: your word, and the books say so.

    Example: hw market fund kim 0.05
    """
    answer = ask(
        terminal, "market-fund", account=account, amount=amount, algorithm=algorithm,
        reference=reference_of(reference),
    )  # fmt: skip
    tell(terminal, answer, f"{account} has {answer['free']} free.")


@click.command(cls=Command)
@click.argument("account")
@click.argument("amount", metavar="COINS")
@algo_option
@id_option
@pass_terminal
def withdraw(terminal: Terminal, account: str, amount: str, algorithm: str | None, reference: str) -> None:
    """Take free funds out: the payouts of the market's pool pay them to the account's address.

    Example: hw market withdraw kim 0.01
    """
    answer = ask(
        terminal, "market-withdraw", account=account, amount=amount, algorithm=algorithm,
        reference=reference_of(reference),
    )  # fmt: skip
    tell(terminal, answer, answer["text"], f"{account} has {answer['free']} free.")
