"""`hw market rent`: rent hash power here, on NiceHash or on Braiins Hashpower, where it pays and within a budget."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import rich_click as click

from hashwright import registry
from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Table, Terminal
from hashwright.errors import EXIT_PARTLY

ASK_S = 120.0
MARKETS = ("own", *registry.names("markets"))
Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(cls=LazyGroup)
def rent() -> None:
    """Rent hash power, only where it pays. Public markets are simulated so far: none was tried live.

    Example: hw market rent plan home --market nicehash --pool stratum+tcp://p.example:3333 --user k --limit 5PH/s
    """


def _options(command: Command) -> Command:
    """Let a command say what to rent, and where. What is not said is as it is kept under NAME, where it is."""
    wanted = [
        click.argument("name"),
        click.option("--market", type=click.Choice(MARKETS), help="Where."),
        click.option("--pool", "pool_url", metavar="URL", help="For which pool: stratum+tcp://host:port."),
        click.option("--user", "pool_user", help="Your name at that pool."),
        click.option("--limit", metavar="RATE", help="At most this hash rate: 5PH/s."),
        click.option("--budget", metavar="COINS", help="All that may ever be committed under NAME."),
        click.option("--budget-day", metavar="COINS", help="The most that is committed in 24 hours."),
        click.option("--algo", "algorithm", type=click.Choice(["sha256d", "scrypt"]), help="Hash. [sha256d]"),
        click.option("--pool-fee", "pool_fee_percent", type=float, help="What the pool keeps [%]."),
        click.option("--margin", "margin_percent", type=float, help="Gain wanted [%]. [2]"),
        click.option("--hashprice", metavar="PRICE", help="Expected, for one EH/s and day. [of --like, --books]"),
        click.option("--books", metavar="POOL", help="Own pool that the work comes to: it counts it and values it."),
        click.option("--like", metavar="DEST", help="Destination here whose newest job tells what work is worth."),
        click.option("--pool-rate", metavar="RATE", help="Hash rate of a pool that pays by its luck, or 'solo'."),
        click.option("--account", help="Own market: whose funds buy."),
        click.option("--key-from", metavar="REF", help="API key: file:PATH, env:NAME, credential:NAME."),
        click.option("--secret-from", metavar="REF", help="NiceHash: API secret, by reference."),
        click.option("--organization", metavar="ID", help="NiceHash: organisation id."),
        click.option("--url", metavar="URL", help="Another address than the market's own."),
    ]
    for option in reversed(wanted):
        command = option(command)
    return command


@rent.command()
@_options
@pass_terminal
def plan(terminal: Terminal, /, **options: Any) -> None:  # noqa: ANN401
    """Look at the market and say what would be done, and why. Nothing is bought.

    NAME is yours: what was committed is counted under it.

    Example: hw market rent plan n --market braiins --pool stratum+tcp://p.example:3333 --user k --limit 5PH/s
    """
    _show(terminal, _ask(terminal, "market-rent", rent=_said(options), plan=True))


@rent.command()
@_options
@click.option("--live", is_flag=True, help="Really act; needs --budget. Without it this is a dry run.")
@pass_terminal
@click.pass_context
def run(context: click.Context, terminal: Terminal, /, live: bool, **options: Any) -> None:  # noqa: ANN401
    """Look once and do what the plan says: place, reprice, refill or cancel. Call it again, or by a timer.

    An action without an answer is never repeated blindly: the next run looks for it first.

    Example: hw market rent run n --market braiins --pool stratum+tcp://p.example:3333 --user k --limit 5PH/s
    """
    answer = _ask(terminal, "market-rent", rent=_said(options), live=live)
    _show(terminal, answer)
    if answer["open_questions"]:
        context.exit(EXIT_PARTLY)


@rent.command(name="set")
@_options
@click.option("--live/--no-live", "is_live", default=None, help="A live autopilot may really buy by it. [no]")
@pass_terminal
def set_(terminal: Terminal, /, **options: Any) -> None:  # noqa: ANN401
    """Keep a rental under NAME: for `plan` and `run`, and for an autopilot (hw autopilot set --buy NAME).

    Nothing is bought by that. --live needs --budget and --budget-day. What you do not name stays as it was.

    Example: hw market rent set n --market nicehash --pool stratum+tcp://p.example:3333 --user k --limit 5PH/s --like p
    """
    found = _ask(terminal, "rent-set", rent=_said(options))
    if terminal.is_json:
        terminal.document(found)
        return
    mode = "a live autopilot may buy by it" if found["is_live"] else "an autopilot only rehearses it"
    terminal.line(f"{found['name']} is kept: {found['limit']} at {found['market']} for {found['pool']}; {mode}.")
    terminal.note(f"Let it be bought: hw autopilot set {found['algorithm']} --buy {found['name']} --buy-budget USD")


@rent.command(name="list")
@pass_terminal
def list_(terminal: Terminal) -> None:
    """List the rentals that are kept, their budgets, and who buys by them.

    Example: hw market rent list
    """
    found = _ask(terminal, "rent-list")
    if terminal.is_json:
        terminal.document({"rentals": found})
        return
    heads = ("rental", "market", "limit", "pool", "worth by", "budget", "a day", "margin", "mode", "bought by")
    terminal.table(
        Table(heads=heads, rows=tuple(map(_rental_row, found)), empty="None is kept. hw market rent set NAME")
    )


def _rental_row(it: Mapping[str, Any]) -> tuple[str, ...]:
    by = ", ".join(it["bought_by"]) or "nobody"
    if it["problem"]:
        return (it["name"], "broken", "", it["problem"], "", "", "", "", "", by)
    mode = "live" if it["is_live"] else "paper"
    budgets = (it["budget"] or "none", it["budget_day"] or "none")
    where = (it["name"], it["market"], it["limit"], it["pool"], it["worth_by"])
    return (*where, *budgets, f"{it['margin_percent']:g} %", mode, by)


@rent.command()
@click.argument("name")
@pass_terminal
def remove(terminal: Terminal, name: str) -> None:
    """Forget a rental that nobody buys by. What was done under its name stays counted.

    Example: hw market rent remove night
    """
    found = _ask(terminal, "rent-remove", name=name)
    if terminal.is_json:
        terminal.document(found)
    else:
        terminal.line(f"{name} is forgotten. What was done under it: hw market rent history {name}")


@rent.command()
@click.argument("name", default="")
@pass_terminal
def history(terminal: Terminal, name: str) -> None:
    """Show every action that was ever sent: by whom, on what it rested, and what the market answered.

    Example: hw market rent history night
    """
    from hashwright.cli.overview import time_text

    found = _ask(terminal, "rent-history", name=name)
    if terminal.is_json:
        terminal.document(found)
        return
    heads = ("at (UTC)", "rental", "market", "action", "price", "amount", "by", "ask then", "why", "id", "answer")
    rows = tuple(
        (
            time_text(it["at_ms"])[:19].replace("T", " "), it["name"], it["market"], it["kind"], it["price"],
            it["amount"], it["author"], str(it["saw"].get("ask") or "-"), it["why"] or "-", it["client_id"],
            it["answer"],
        )
        for it in found["actions"]
    )  # fmt: skip
    terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[4:6]), empty="Nothing was ever sent."))


def _said(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said; what was not is as it is kept."""
    return {name: value for name, value in options.items() if value is not None}


def _ask(terminal: Terminal, verb: str, **arguments: Any) -> Any:  # noqa: ANN401
    folder = terminal.load_config().data_dir
    return run_async(ask_process(folder, verb, timeout_s=ASK_S, **arguments))


def _show(terminal: Terminal, found: Mapping[str, Any]) -> None:
    if terminal.is_json:
        terminal.document(found)
        return
    unit = "a day for one EH/s"
    terminal.line(f"{found['mode']}: {found['market']} ({found['seen']} interface, simulated until seen live)")
    if found["ask"] is None:
        terminal.line("The book shows no order that is served.")
    else:
        terminal.line(f"Being served takes {found['ask']} {unit}, {found['ask_with_fees']} with all fees.")
    terminal.line(f"The work is expected to earn {found['hashprice']} {unit} (estimated); {found['most']} is the most.")
    order = found["order"]
    if order is not None:
        terminal.line(f"Order {order['id']}: {order['state']}, {order['spent']} of {order['amount']} spent.")
    _show_realised(terminal, found["realised"])
    terminal.line(f"Action: {found['action']}: {found['why']}.")
    if found["action"] in ("place", "reprice"):
        terminal.line(f"  at {found['price']}" + (f", amount {found['amount']}" if found["action"] == "place" else ""))
    if found["done"]:
        terminal.line(f"Done: {found['done']}. Committed before: {found['committed']} of {found['budget']}.")
    for question in found["open_questions"]:
        terminal.tick("warning", f"{question} was sent and not answered; nothing else is done before it is clear.")


def _show_realised(terminal: Terminal, found: Mapping[str, Any]) -> None:
    """Say what was paid for what, beside what it is expected to earn."""
    if found["price"] is None:
        if float(found["paid"]) > 0:
            terminal.line(f"Paid so far {found['paid']} (fees included); nobody has told for how much work.")
        return
    judge = "by our own count" if found["work_seen"] not in (None, "0") else "by the market's count"
    terminal.line(
        f"So far one EH/s and day cost {found['price']} (measured {judge}, fees included) and is expected to earn"
        f" {found['expected']}: {found['gain_percent']:+.1f} %."
    )
