"""`hw market rent`: rent hash power on NiceHash or Braiins Hashpower, where it pays and within a budget."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import rich_click as click

from hashwright import registry
from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Terminal
from hashwright.errors import EXIT_PARTLY

ASK_S = 120.0
MARKETS = registry.names("markets")
Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(cls=LazyGroup)
def rent() -> None:
    """Rent hash power on a public market, only where it pays. Simulated so far: no market was tried live.

    Example: hw market rent plan home --market nicehash --pool stratum+tcp://p.example:3333 --user k --limit 5PH/s
    """


def _options(command: Command) -> Command:
    """Let a command say what to rent, and where."""
    wanted = [
        click.argument("name"),
        click.option("--market", type=click.Choice(MARKETS), required=True, help="Where."),
        click.option(
            "--pool", "pool_url", required=True, metavar="URL", help="For which pool: stratum+tcp://host:port."
        ),
        click.option("--user", "pool_user", required=True, help="Your name at that pool."),
        click.option("--limit", required=True, metavar="RATE", help="At most this hash rate: 5PH/s."),
        click.option("--budget", default="", metavar="COINS", help="All that may ever be committed under NAME."),
        click.option("--budget-day", default="", metavar="COINS", help="The most that is committed in 24 hours."),
        click.option("--algo", "algorithm", type=click.Choice(["sha256d", "scrypt"]), default="sha256d", help="Hash."),
        click.option("--pool-fee", "pool_fee_percent", type=float, default=0.0, help="What the pool keeps [%]."),
        click.option("--margin", "margin_percent", type=float, default=2.0, show_default=True, help="Gain wanted [%]."),
        click.option("--hashprice", default="", metavar="PRICE", help="Expected, for one EH/s and day. [of --books]"),
        click.option("--books", default="", metavar="POOL", help="Own pool whose node tells what work is worth."),
        click.option("--key-from", default="", metavar="REF", help="API key: file:PATH, env:NAME, credential:NAME."),
        click.option("--secret-from", default="", metavar="REF", help="NiceHash: API secret, by reference."),
        click.option("--organization", default="", metavar="ID", help="NiceHash: organisation id."),
        click.option("--url", default="", metavar="URL", help="Another address than the market's own."),
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
    _show(terminal, _ask(terminal, options, plan=True))


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
    answer = _ask(terminal, options, live=live)
    _show(terminal, answer)
    if answer["open_questions"]:
        context.exit(EXIT_PARTLY)


def _ask(terminal: Terminal, options: Mapping[str, Any], **flags: bool) -> Mapping[str, Any]:
    folder = terminal.load_config().data_dir
    answer: Mapping[str, Any] = run_async(
        ask_process(folder, "market-rent", timeout_s=ASK_S, rent=dict(options), **flags)
    )
    return answer


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
