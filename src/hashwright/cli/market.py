"""`hw market`: buy and sell hash power, here and on the public markets."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Terminal, clean

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHMS = ("sha256d", "scrypt")


@click.group(
    cls=LazyGroup,
    lazy={
        "rent": "market_rent:rent",
        "position": "market_position:position",
        "deposit": "market_funds:deposit",
        "fund": "market_funds:fund",
        "withdraw": "market_funds:withdraw",
        "depth": "market_series:depth",
        "delivery": "market_series:delivery",
    },
)
def market() -> None:
    """Buy and sell hash power: an order is one more destination, paid by accepted work.

    Example: hw market book
    """


def algo_option(command: Any) -> Any:  # noqa: ANN401 (click's own)
    """Let a command name the market."""
    text = "Hash. [the only market]"
    return click.option("--algo", "algorithm", type=click.Choice(ALGORITHMS), help=text)(command)


def id_option(command: Any) -> Any:  # noqa: ANN401
    """Let a command carry the id of its request."""
    text = "Id of this request: the same id gets the same answer, and is done once. [made up]"
    return click.option("--id", "reference", default="", metavar="ID", help=text)(command)


def reference_of(text: str) -> str:
    """Return the id of a request, a new one where none was given."""
    import uuid

    return text or f"hw-{uuid.uuid4().hex[:20]}"


def ask(terminal: Terminal, verb: str, **arguments: Any) -> Any:  # noqa: ANN401 (JSON)
    """Ask the running process. What was not given is left out."""
    arguments = {key: value for key, value in arguments.items() if value is not None}
    return run_async(ask_process(terminal.load_config().data_dir, verb, **arguments))


def tell(terminal: Terminal, answer: "Mapping[str, Any]", *lines: str) -> None:
    """Write an answer: the document for a program, lines for a person."""
    if terminal.is_json:
        terminal.document(answer)
        return
    for line in lines:
        terminal.line(clean(line))


@market.command()
@algo_option
@pass_terminal
def book(terminal: Terminal, algorithm: str | None) -> None:
    """Show the order book: who is served first, what each order gets, and who sells.

    Example: hw market book
    """
    from hashwright.cli.market_views import show_book

    answer = ask(terminal, "market-book", algorithm=algorithm)
    if terminal.is_json:
        terminal.document(answer)
    else:
        show_book(terminal, answer)


@market.command()
@click.option("--limit", default="", metavar="RATE", help="How much a buyer wants: 5TH/s.")
@click.option("--price", default="", metavar="PRICE", help="At this price. [that of the best order]")
@click.option("--budget", default="", metavar="COINS", help="How long would this last?")
@click.option("--sell", default="", metavar="RATE", help="What would this much earn? Instead of --limit.")
@click.option("--floor", default="", metavar="PRICE", help="Sell from this price up. [any]")
@algo_option
@pass_terminal
def quote(terminal: Terminal, /, algorithm: str | None, **options: Any) -> None:  # noqa: ANN401
    """Preview a clearing: what a buyer would get and pay, or a seller would earn. Estimates; nothing is changed.

    Example: hw market quote --limit 5TH/s --price 0.0005 --budget 0.01

    Example: hw market quote --sell 100TH/s --floor 0.0004
    """
    from hashwright.cli.market_views import show_quote

    if bool(options["limit"]) == bool(options["sell"]):
        raise click.UsageError("Give --limit to buy, or --sell to sell.", click.get_current_context(silent=True))
    answer = ask(terminal, "market-quote", algorithm=algorithm, **options)
    if terminal.is_json:
        terminal.document(answer)
    else:
        show_quote(terminal, answer)


@market.command()
@click.argument("account")
@click.option("--price", required=True, metavar="PRICE", help="For one unit of hash rate and day; see settings.")
@click.option("--limit", required=True, metavar="RATE", help="At most this hash rate: 5TH/s.")
@click.option("--budget", required=True, metavar="COINS", help="Held from the account's funds until it is spent.")
@click.option("--pool", required=True, metavar="URL", help="Where the work goes: stratum+tcp://host:port.")
@click.option("--user", required=True, help="The buyer's name at that pool.")
@click.option("--password", default="x", show_default=True, help="The password there, as it is.")
@click.option("--minimum", default="", metavar="RATE", help="Nothing rather than less than this.")
@click.option("--fixed", "lock_hours", type=float, default=0.0, metavar="HOURS", help="Lock the price so long.")
@click.option("--days", type=float, default=0.0, metavar="DAYS", help="It ends after so many. [as long as allowed]")
@algo_option
@id_option
@pass_terminal
def order(terminal: Terminal, /, algorithm: str | None, reference: str, **options: Any) -> None:  # noqa: ANN401
    """Buy hash power for a pool of your own choice. The pool is looked at before the order gets anything.

    Sellers are paid for work that we judged good on a live job of the order. What your pool refuses is your risk.

    Example: hw market order kim --price 0.0005 --limit 5TH/s --budget 0.01 --pool stratum+tcp://a.example:3333 --user k
    """
    answer = ask(terminal, "market-order", algorithm=algorithm, reference=reference_of(reference), **options)
    tell(terminal, answer, f"{answer['order']} at {answer['price']}.", answer["text"])
    terminal.note(f"Next: hw market book, or hw market history --order {answer['order']} to see what was found.")


def _change(terminal: Terminal, what: str, order_id: str, value: str, account: str, reference: str) -> None:
    answer = ask(
        terminal, "market-change", what=what, order=order_id, value=value, account=account,
        reference=reference_of(reference),
    )  # fmt: skip
    tell(terminal, answer, answer["text"])


ACCOUNT = click.option("--account", default="", help="Whose order it must be. [whoever's it is]")


@market.command()
@click.argument("order_id", metavar="ORDER")
@ACCOUNT
@id_option
@pass_terminal
def cancel(terminal: Terminal, order_id: str, account: str, reference: str) -> None:
    """End an order. Shares on their way are still paid; the rest is free again in some seconds.

    Example: hw market cancel order-3
    """
    _change(terminal, "cancel", order_id, "", account, reference)


@market.command()
@click.argument("order_id", metavar="ORDER")
@click.argument("amount", metavar="COINS")
@ACCOUNT
@id_option
@pass_terminal
def refill(terminal: Terminal, order_id: str, amount: str, account: str, reference: str) -> None:
    """Add to an order's budget, out of the account's funds.

    Example: hw market refill order-3 0.005
    """
    _change(terminal, "refill", order_id, amount, account, reference)


@market.command()
@click.argument("order_id", metavar="ORDER")
@click.argument("price", metavar="PRICE")
@click.option("--limit", "is_limit", is_flag=True, help="PRICE is a new limit (5TH/s), and the price stays.")
@ACCOUNT
@id_option
@pass_terminal
def reprice(terminal: Terminal, order_id: str, price: str, is_limit: bool, account: str, reference: str) -> None:
    """Give an order another price, up at any time and down once in a while; or another limit.

    Example: hw market reprice order-3 0.00055

    Example: hw market reprice order-3 8TH/s --limit
    """
    _change(terminal, "limit" if is_limit else "reprice", order_id, price, account, reference)


@market.command()
@click.argument("account")
@click.option("--floor", default="", metavar="PRICE", help="For nothing below this price. [the market's floor]")
@click.option("--stop", is_flag=True, help="Sell no longer: machines go back to the route.")
@algo_option
@pass_terminal
def sell(terminal: Terminal, account: str, floor: str, stop: bool, algorithm: str | None) -> None:
    """Sell the hash power of an account's machines: those whose worker name begins with it.

    Example: hw market sell kai --floor 0.0004

    Example: hw market sell kai --stop
    """
    answer = ask(terminal, "market-sell", account=account, floor=floor, stop=stop, algorithm=algorithm)
    if not answer["is_sold"]:
        tell(terminal, answer, f"{account} sells no longer.")
        return
    count = answer["machines"]
    machines = f"{count} machine{'' if count == 1 else 's'}"
    lines = [f"{account} sells from {answer['floor']} up, with {machines} connected now."]
    if answer["machines_that_cannot"]:
        lines.append(f"{answer['machines_that_cannot']} of them take no new extranonce while they run: not sold.")
    tell(terminal, answer, *lines)


@market.command()
@click.option("--account", default="", help="Of one buyer or seller.")
@click.option("--order", "order_id", default="", metavar="ORDER", help="Of one order.")
@pass_terminal
def history(terminal: Terminal, account: str, order_id: str) -> None:
    """Show orders that stand and stood, what sellers got of them, and what looks odd, with how likely chance is.

    Example: hw market history --account kim
    """
    from hashwright.cli.market_views import show_history

    answer = _history(terminal, account, order_id)
    if terminal.is_json:
        terminal.document(answer)
    else:
        show_history(terminal, answer)


def _history(terminal: Terminal, account: str, order_id: str) -> Any:  # noqa: ANN401 (JSON)
    """Ask the running process; where none runs, its database."""
    from hashwright.errors import Unavailable
    from hashwright.runtime.market_history import stored_history
    from hashwright.runtime.opening import open_store

    try:
        return ask(terminal, "market-history", account=account, order=order_id)
    except Unavailable as error:
        if error.code != "HW-704":
            raise
    store = open_store(terminal.load_config().data_dir, readonly=True)
    try:
        answer = stored_history(store, account, order_id)
    finally:
        store.close()
    terminal.note("No Hashwright runs; this is from its database, read only.")
    return answer


@market.command()
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be given again.")
@algo_option
@pass_terminal
def settings(terminal: Terminal, changes: tuple[str, ...], algorithm: str | None) -> None:
    """Show the market's published settings, or change them. `books` names the own pool whose coin is used.

    Example: hw market settings --algo sha256d --set books=home --set unit=PH --set fee_percent=2
    """
    from hashwright.cli.market_views import read_changes, show_settings

    answer = ask(terminal, "market-settings", algorithm=algorithm, changes=read_changes(changes))
    if terminal.is_json:
        terminal.document(answer)
    else:
        show_settings(terminal, answer)
