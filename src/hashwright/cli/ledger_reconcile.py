"""`hw ledger reconcile`: the wallet against the books, line by line, and a person's word on what left it."""

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Table, Terminal

WAIT_S = 120.0
"""A wallet with a long history may take long."""


@click.command(cls=Command)
@click.argument("pool")
@click.option("--txid", default="", metavar="TXID", help="A transaction of the wallet, to be explained.")
@click.option(
    "--as",
    "meaning",
    type=click.Choice(("members", "owner", "sale", "deposit", "upstream")),
    help="What left: a payout these books forgot, the owner's, a sale. What came: the owner's deposit, an upstream's.",
)
@click.option("--received", default="", metavar="'500.00 EUR'", help="What a sale brought.")
@click.option("--from", "upstream", default="", metavar="UPSTREAM", help="With --as upstream: who paid.")
@click.option("--place", default="", metavar="NAME", help="Where that money lies.  [exchange]")
@pass_terminal
def reconcile(terminal: Terminal, /, pool: str, txid: str, meaning: str | None, **said: str) -> None:
    """Compare an own pool's wallet with the books, and take in what left or reached it without an entry.

    Example: hw ledger reconcile home --txid 4a5e... --as owner
    """
    if bool(txid) != bool(meaning):
        raise click.UsageError("--txid and --as belong together.", click.get_current_context(silent=True))
    answer = run_async(
        ask_process(
            terminal.load_config().data_dir,
            "ledger-reconcile",
            pool=pool,
            txid=txid,
            meaning=meaning or "",
            **said,
            timeout_s=WAIT_S,
        )
    )
    if terminal.is_json:
        terminal.document(answer)
        return
    if "source" in answer:
        terminal.line(f"Taken into the books: hw ledger explain {answer['source']}")
    rows = (
        ("the wallet holds", answer["wallet_holds"]),
        ("the books say", answer["books_say"]),
        ("on its way out, not settled", answer["on_the_way"]),
        ("not accounted for", answer["left"]),
    )
    cells = tuple((words, amount, answer["currency"]) for words, amount in rows)
    terminal.table(Table(heads=("", "amount", "currency"), rows=cells, right=frozenset(("amount",))))
    if answer["unexplained"]:
        terminal.line()
        heads = ("left without a payout", "amount", "blocks deep", "pays members")
        found = tuple(
            (it["txid"], it["amount"], str(it["confirmations"]), ", ".join(it["pays_members"]) or "none")
            for it in answer["unexplained"]
        )
        terminal.table(Table(heads=heads, rows=found, right=frozenset(("amount", "blocks deep"))))
        terminal.note("Nothing new is paid before each is explained: add --txid TXID --as members, owner or sale.")
    if answer["arrived"]:
        terminal.line()
        heads = ("came in without an entry", "amount", "blocks deep", "what")
        came = tuple(
            (it["txid"], it["amount"], str(it["confirmations"]), "a block's reward" if it["is_block_reward"] else "")
            for it in answer["arrived"]
        )
        terminal.table(Table(heads=heads, rows=came, right=frozenset(("amount", "blocks deep"))))
        terminal.note("Take it into the books: add --txid TXID --as deposit, or --as upstream --from NAME.")
