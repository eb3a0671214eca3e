"""`hw autopilot`: let routes follow what pays, as far as you allow, and see what it knew and why it decided so."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.ledger import read_books
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Table, Terminal
from hashwright.errors import EXIT_NOTHING, OperatorError

if TYPE_CHECKING:
    from hashwright.store.connection import Connection

DAY_MS: Final = 86_400_000
MODES: Final = ("dry-run", "advise", "live")
WORDS: Final = {
    "rehearsed": "DRY RUN, nothing was changed",
    "asked": "waits for you",
    "applied": "applied",
    "kept": "nothing to change",
    "failed": "no decision",
}


@click.group(cls=LazyGroup, lazy={"power": "autopilot_power:power"})
def autopilot() -> None:
    """Let the route follow what pays, within your limits. It is a dry run until you say live.

    Example: hw autopilot set sha256d --power-price 0.08 --efficiency 17.5
    """


@autopilot.command(name="set")
@click.argument("algorithm")
@click.option("--mode", type=click.Choice(MODES), help="dry-run: only look; advise: ask you; live: set the route.")
@click.option("--policy", metavar="NAME", help="How it decides: best_hashprice, averaged, cvar, fixed, always_on.")
@click.option("--every", "every_s", type=int, metavar="SECONDS", help="Time between two turns. [300]")
@click.option("--power-price", "power_price_usd_kwh", type=float, metavar="USD", help="What power costs a kWh.")
@click.option("--efficiency", "efficiency_j_th", type=float, metavar="J/TH", help="What your machines draw.")
@click.option("--step", "step_percent", type=float, metavar="PERCENT", help="Most work moved in one turn. [25]")
@click.option("--dwell", "dwell_s", type=int, metavar="SECONDS", help="How long a change is left alone. [1800]")
@click.option("--hold-days", type=float, metavar="DAYS", help="How long a gain is expected to last. [1]")
@click.option("--margin", "margin_usd", type=float, metavar="USD", help="Gain asked for beside costs. [0]")
@click.option("--price-age", "price_age_max_s", type=int, metavar="SECONDS", help="Oldest price it trusts. [3600]")
@click.option("--fee", "fees", multiple=True, metavar="DEST=PERCENT", help="What a destination keeps.")
@click.option("--fetch/--no-fetch", "is_fetching", default=None, help="Ask public price services. [no]")
@click.option("--play-worth/--no-play-worth", "is_play_worth", default=None, help="Value test coins like real ones.")
@pass_terminal
def set_(terminal: Terminal, /, algorithm: str, fees: tuple[str, ...], **flags: Any) -> None:  # noqa: ANN401
    """Set the autopilot of one algorithm; what you do not name stays as it was.

    Example: hw autopilot set sha256d --mode live --step 10
    """
    settings = {"algorithm": algorithm} | {name: value for name, value in flags.items() if value is not None}
    if fees:
        settings["fees_percent"] = dict(map(_read_fee, fees))
    folder = terminal.load_config().data_dir
    state = run_async(ask_process(folder, "autopilot-set", settings=settings))
    if terminal.is_json:
        terminal.document(state)
        return
    terminal.line(f"The autopilot of {algorithm} is on: {state['settings']['mode'].upper().replace('-', ' ')}.")
    terminal.note("See what it thinks: hw autopilot status. Stop everything: hw autopilot pause")


def _read_fee(text: str) -> tuple[str, float]:
    name, _, percent = text.partition("=")
    try:
        return name, float(percent.removesuffix("%"))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not DEST=PERCENT, such as braiins=2.5") from None


@autopilot.command()
@pass_terminal
def pause(terminal: Terminal) -> None:
    """Stop all autopilots at once: the kill switch. Routes and machines stay as they are.

    Example: hw autopilot pause
    """
    _switch(terminal, is_paused=True)


@autopilot.command()
@pass_terminal
def go(terminal: Terminal) -> None:
    """Let paused autopilots go on, in the mode that they had.

    Example: hw autopilot go
    """
    _switch(terminal, is_paused=False)


def _switch(terminal: Terminal, *, is_paused: bool) -> None:
    answer = run_async(ask_process(terminal.load_config().data_dir, "autopilot-pause", is_paused=is_paused))
    if terminal.is_json:
        terminal.document(answer)
        return
    names = ", ".join((*answer["algorithms"], *(f"power {name}" for name in answer["power"]))) or "none is set"
    terminal.line(f"Autopilots are {'PAUSED' if is_paused else 'on'}: {names}.")


@autopilot.command()
@click.argument("algorithm")
@pass_terminal
def remove(terminal: Terminal, algorithm: str) -> None:
    """Take the autopilot of an algorithm away; its decisions are kept, the route stays.

    Example: hw autopilot remove sha256d
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "autopilot-remove", algorithm=algorithm))
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"The autopilot of {algorithm} is gone. The route stays as it is.")


@autopilot.command()
@click.option("--now", is_flag=True, help="Take a turn of each now, then show it.")
@pass_terminal
def status(terminal: Terminal, now: bool) -> None:
    """Show each autopilot: its mode, what each destination is worth, what it thinks and what became of it.

    Example: hw autopilot status --now
    """
    folder = terminal.load_config().data_dir
    states = run_async(ask_process(folder, "autopilot-status"))
    if now:
        names = [state["settings"]["algorithm"] for state in states]
        states = [run_async(ask_process(folder, "autopilot-turn", algorithm=name)) for name in names]
    if terminal.is_json:
        terminal.document({"autopilots": states})
        return
    if not states:
        terminal.line("No autopilot is set. hw autopilot set sha256d")
    for state in states:
        settings = state["settings"]
        mode = "PAUSED" if settings.get("is_paused") else settings["mode"].upper().replace("-", " ")
        terminal.line(f"{settings['algorithm']}: {mode}, every {settings.get('every_s', 300)} s")
        if state["problem"]:
            terminal.tick("failed", state["problem"])
        if state["last"] is None:
            terminal.note("It has not decided anything yet.")
        else:
            show_decision(terminal, state["last"])


@autopilot.command()
@click.argument("number", type=int)
@pass_terminal
def apply(terminal: Terminal, number: int) -> None:
    """Set the route that a decision asks for.

    Example: hw autopilot apply 12
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "autopilot-apply", number=number))
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"The route of {answer['algorithm']} follows decision {number}.")


@autopilot.command()
@click.option("--days", type=click.IntRange(1, 365), default=1, show_default=True, help="How many days back.")
@pass_terminal
def decisions(terminal: Terminal, days: int) -> None:
    """List decisions, newest first, and what following them was expected to change.

    Example: hw autopilot decisions --days 7
    """

    def ask(connection: "Connection") -> list[dict[str, Any]]:
        from hashwright.runtime.autopilot import document_of
        from hashwright.store import decisions as rows

        newest = rows.newest(connection)
        since = newest[0].at_ms - days * DAY_MS if newest else 0
        return [document_of(row) for row in newest if row.at_ms >= since]

    from hashwright.cli.overview import time_text

    found = read_books(terminal, ask)
    if terminal.is_json:
        terminal.document({"decisions": found})
        return
    cells = tuple(
        (
            str(it["number"]),
            time_text(it["at_ms"])[:16].replace("T", " "),
            it["algorithm"],
            WORDS[it["state"]],
            _gain(it["thought"]),
            it["note"],
        )
        for it in found
    )
    heads = ("number", "at (UTC)", "algorithm", "what became of it", "USD a day (estimated)", "")
    terminal.table(Table(heads=heads, rows=cells, empty="No decision is kept. hw autopilot set sha256d"))
    if found:
        terminal.note("See what one knew and why: hw autopilot explain NUMBER")


@autopilot.command()
@click.argument("which")
@click.option("--algorithm", default="sha256d", show_default=True, help="Whose decision at that time.")
@pass_terminal
def explain(terminal: Terminal, which: str, algorithm: str) -> None:
    """Show what a decision knew, think it again from that, and say whether the answer is the same.

    WHICH is a number, or a time (UTC) such as 2026-11-28T14:00: the last decision before it.

    Example: hw autopilot explain 12
    """

    def ask(connection: "Connection") -> dict[str, Any]:
        return explained(connection, which, algorithm)

    found = read_books(terminal, ask)
    if terminal.is_json:
        terminal.document(found)
        return
    show_decision(terminal, found)
    if found["is_repeated"] is None:
        terminal.note("There was no thought to think again.")
    elif found["is_repeated"]:
        terminal.tick("ok", "Thought again from what it knew: the same answer.")
    else:
        terminal.tick("failed", "Thought again from what it knew, the answer differs: the program has changed since.")


def explained(connection: "Connection", which: str, algorithm: str) -> dict[str, Any]:
    """Return a kept decision with its thought repeated.

    Raises:
        OperatorError: there is none of that number or time (HW-774).
    """
    import msgspec

    from hashwright.planner.autopilot import Seen, think
    from hashwright.runtime.autopilot import document_of
    from hashwright.store import decisions as rows

    row = rows.numbered(connection, int(which)) if which.isdecimal() else rows.at(connection, algorithm, _moment(which))
    if row is None:
        error = OperatorError(f"No decision of {algorithm} is kept for {which}.", code="HW-774")
        error.exit_code = EXIT_NOTHING
        raise error
    document = document_of(row)
    is_repeated = None
    if document["thought"] is not None:
        again = think(msgspec.json.decode(row.seen, type=Seen))
        is_repeated = msgspec.json.decode(msgspec.json.encode(again)) == document["thought"]
    return document | {"is_repeated": is_repeated}


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number and no time such as 2026-11-28T14:00") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def show_decision(terminal: Terminal, document: dict[str, Any]) -> None:
    """Show a decision: loss first, then what each way is worth, then why."""
    seen, thought = document["seen"], document["thought"]
    power = seen["efficiency_j_th"] * seen["hashrate_hs"] / 1e15 * 24 * seen["power_price_usd_kwh"]
    if thought is not None and thought["is_loss"]:
        best = max(thought["worth"].values())
        terminal.line(
            f"MINING LOSES {power - best:,.2f} USD a day (estimated): the best way earns {best:,.2f},"
            f" power costs {power:,.2f}."
        )
    worth = {} if thought is None else thought["worth"]
    parts = {} if thought is None else thought["parts"]
    cells = tuple(
        (
            way["destination"],
            way["coin"] or "unknown",
            "unknown" if way["destination"] not in worth else f"{worth[way['destination']]:,.2f}",
            f"{seen['held'].get(way['destination'], 0.0):.1%}",
            f"{parts[way['destination']] / 100:.1f} %" if way["destination"] in parts else "-",
            way["price_source"] or "no price",
        )
        for way in seen["ways"]
    )
    heads = ("destination", "coin", "USD a day with all work (estimated)", "has now", "should have", "price")
    right = frozenset(heads[2:5])
    terminal.table(Table(heads=heads, rows=cells, right=right, empty="There is no destination of this algorithm."))
    terminal.line(f"Decision {document['number']}: {WORDS[document['state']]}. {document['note']}")
    for line in () if thought is None else (*thought["reasons"], *thought["left_out"]):
        terminal.note(line)


def _gain(thought: dict[str, Any] | None) -> str:
    if thought is None or not thought["parts"]:
        return "-"
    return f"{thought['expected_usd_day'] - thought['held_usd_day']:+,.2f}"
