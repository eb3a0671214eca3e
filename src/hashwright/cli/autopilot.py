"""`hw autopilot`: let routes follow what pays, as far as you allow, and see what it knew and why it decided so."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from hashwright.cli.autopilot_views import show_decision, show_decisions, show_explained, show_learned
from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.ledger import read_books
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Terminal
from hashwright.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashwright.store.connection import Connection

DAY_MS: Final = 86_400_000
NOBODY: Final = "-"
LISTED_MAX: Final = 10_000
NAMED_MAX: Final = 6
MODES: Final = ("dry-run", "advise", "live")


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
@click.option("--power-of", metavar="SITE", help="Site whose tariff says what power costs now ('-': none).")
@click.option("--efficiency", "efficiency_j_th", type=float, metavar="J/TH", help="What your machines draw.")
@click.option("--step", "step_percent", type=float, metavar="PERCENT", help="Most work moved in one turn. [25]")
@click.option("--dwell", "dwell_s", type=int, metavar="SECONDS", help="How long a change is left alone. [1800]")
@click.option("--hold-days", type=float, metavar="DAYS", help="How long a gain is expected to last. [1]")
@click.option("--margin", "margin_usd", type=float, metavar="USD", help="Gain asked for beside costs. [0]")
@click.option("--price-age", "price_age_max_s", type=int, metavar="SECONDS", help="Oldest price it trusts. [3600]")
@click.option("--fee", "fees", multiple=True, metavar="DEST=PERCENT", help="What a destination keeps.")
@click.option("--fetch/--no-fetch", "is_fetching", default=None, help="Ask public price services. [no]")
@click.option(
    "--budget", "budget_usd_day", type=float, metavar="USD", help="Most that moves may cost a day. [no limit]"
)
@click.option("--move-minutes", type=float, metavar="MINUTES", help="Power bill that a move of all work costs. [0]")
@click.option("--temperature", "temperature_max_c", type=float, metavar="C", help="No machine is woken above it.")
@click.option(
    "--may-sleep", "sleep_groups", multiple=True, metavar="GROUP", help="Fleet group that may rest ('-': none)."
)
@click.option(
    "--learn-drift", "learn_days", type=int, metavar="DAYS", help="Days that a coin's drift is learned from. [0]"
)
@click.option("--sell-as", metavar="ACCOUNT", help="Whose machines may be sold on the own market ('-': nobody's).")
@click.option(
    "--sell-floor", "sell_floor_usd_ph_day", type=float, metavar="USD", help="Least to sell for, a PH/s and day."
)
@click.option(
    "--buy", "buy", multiple=True, metavar="RENTAL", help="Rental (hw market rent set) to buy by ('-': none)."
)
@click.option(
    "--buy-budget",
    "buy_budgets",
    multiple=True,
    metavar="USD",
    help="Most that buying commits a day; MARKET=USD: there.",
)
@click.option(
    "--buy-risk", type=float, metavar="N", help="Deviations of luck and change taken off what is expected. [0.3]"
)
@click.option("--play-worth/--no-play-worth", "is_play_worth", default=None, help="Value test coins like real ones.")
@pass_terminal
def set_(terminal: Terminal, /, algorithm: str, fees: tuple[str, ...], **flags: Any) -> None:  # noqa: ANN401
    """Set the autopilot of one algorithm; what you do not name stays as it was.

    Example: hw autopilot set sha256d --mode live --step 10 --may-sleep cellar
    """
    settings = {"algorithm": algorithm} | {name: value for name, value in flags.items() if value not in (None, ())}
    if fees:
        settings["fees_percent"] = dict(map(_read_fee, fees))
    for name in ("sleep_groups", "buy"):
        if settings.get(name) == (NOBODY,):
            settings[name] = ()
    settings |= _read_budgets(settings.pop("buy_budgets", ()))
    settings |= {name: "" for name in ("sell_as", "power_of") if settings.get(name) == NOBODY}
    folder = terminal.load_config().data_dir
    state = run_async(ask_process(folder, "autopilot-set", settings=settings))
    if terminal.is_json:
        terminal.document(state)
        return
    terminal.line(f"The autopilot of {algorithm} is on: {state['settings']['mode'].upper().replace('-', ' ')}.")
    _show_rentals(terminal, state["rentals"])
    terminal.note("See what it thinks: hw autopilot status. Stop everything: hw autopilot pause")


def _show_rentals(terminal: Terminal, found: dict[str, str]) -> None:
    """Say what became of orders that nobody tends any more."""
    for name, words in found.items():
        terminal.line(f"Rental {name}: {words}.")


def _read_budgets(texts: tuple[str, ...]) -> dict[str, Any]:
    """Read `20` (all markets) and `nicehash=10` (one) [USD a day]."""
    found: dict[str, Any] = {}
    for text in texts:
        market, _, usd = text.rpartition("=")
        try:
            value = float(usd)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not USD or MARKET=USD, such as nicehash=10") from None
        if market:
            found.setdefault("buy_usd_day_of", {})[market] = value
        else:
            found["buy_usd_day"] = value
    return found


def _read_fee(text: str) -> tuple[str, float]:
    name, _, percent = text.partition("=")
    try:
        return name, float(percent.removesuffix("%"))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not DEST=PERCENT, such as braiins=2.5") from None


@autopilot.command()
@click.option("--wake", is_flag=True, help="Wake the machines that they put to sleep, in stages.")
@pass_terminal
def pause(terminal: Terminal, wake: bool) -> None:
    """Stop all autopilots at once: the kill switch. Routes and machines stay; orders that it placed are ended.

    Hands off: who rests goes on resting, and is named; nobody puts a machine to sleep any more. Import limits, breakers
    and heat are kept as before.

    Example: hw autopilot pause

    Example: hw autopilot pause --wake
    """
    _switch(terminal, is_paused=True, is_waking=wake)


@autopilot.command()
@pass_terminal
def wake(terminal: Terminal) -> None:
    """Wake the machines that an autopilot left asleep: paused, taken away, or its plan has run out.

    Example: hw autopilot wake
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "autopilot-wake"))
    if terminal.is_json:
        terminal.document(answer)
    elif answer["woken"]:
        tell_woken(terminal, answer["woken"])
    else:
        terminal.line("No autopilot left a machine asleep.")


def tell_woken(terminal: Terminal, names: "Sequence[str]") -> None:
    """Say who wakes."""
    terminal.line(f"{count_of(names)} woken, in stages: {listed(names)}. Follow it: hw fleet ls")


def tell_resting(terminal: Terminal, names: "Sequence[str]") -> None:
    """Say who goes on resting, and how they wake; nothing where nobody does."""
    if names:
        terminal.line(f"{count_of(names)} left asleep: {listed(names)}. To wake them: hw autopilot wake")


def count_of(names: "Sequence[str]") -> str:
    """Write how many machines there are, with their verb."""
    return f"{len(names)} machine{'s are' if len(names) != 1 else ' is'}"


def listed(names: "Sequence[str]") -> str:
    """Write some names, and how many more there are."""
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


@autopilot.command()
@pass_terminal
def go(terminal: Terminal) -> None:
    """Let paused autopilots go on, in the mode that they had.

    Example: hw autopilot go
    """
    _switch(terminal, is_paused=False)


def _switch(terminal: Terminal, *, is_paused: bool, is_waking: bool = False) -> None:
    folder = terminal.load_config().data_dir
    answer = run_async(ask_process(folder, "autopilot-pause", is_paused=is_paused, is_waking=is_waking))
    if terminal.is_json:
        terminal.document(answer)
        return
    names = ", ".join((*answer["algorithms"], *(f"power {name}" for name in answer["power"]))) or "none is set"
    terminal.line(f"Autopilots are {'PAUSED' if is_paused else 'on'}: {names}.")
    if answer["woken"]:
        tell_woken(terminal, answer["woken"])
    elif is_paused:
        tell_resting(terminal, list(answer["resting"]))
    _show_rentals(terminal, answer["rentals"])


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
        tell_resting(terminal, list(answer["resting"]))
        _show_rentals(terminal, answer["rentals"])


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
        terminal.line("No autopilot of a route is set: hw autopilot set sha256d. Of power: hw autopilot power status")
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
    """Do what a decision asks for: set its route, buy what a fresh look finds no dearer.

    Example: hw autopilot apply 12
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "autopilot-apply", number=number))
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"Decision {number} is done for {answer['algorithm']}.")
        if answer["rentals"]:
            terminal.line(answer["rentals"])


@autopilot.command()
@click.option("--days", type=click.IntRange(1, 365), default=1, show_default=True, help="How many days back.")
@click.option("--algorithm", default="", metavar="NAME", help="Only those of one algorithm.")
@pass_terminal
def decisions(terminal: Terminal, days: int, algorithm: str) -> None:
    """List decisions, newest first: what each expected of its time, and what the shares of that time were worth.

    Example: hw autopilot decisions --days 7
    """

    def ask(connection: "Connection") -> list[dict[str, Any]]:
        from hashwright.runtime import autopilot_views as views
        from hashwright.store import decisions as rows

        last = rows.page(connection, algorithm=algorithm, limit=1)
        since = last[0].at_ms - days * DAY_MS if last else 0
        newest = rows.newest(connection, since_ms=since, limit=LISTED_MAX)
        if len(newest) == LISTED_MAX:
            terminal.note(f"Only the newest {LISTED_MAX:,} are shown; ask for fewer days.")
        shown = [row for row in newest if algorithm in ("", row.algorithm)]
        found = views.outcomes_of(connection, shown)
        return [views.document_of(row, found.get(row.id)) for row in shown]

    found = read_books(terminal, ask)
    if terminal.is_json:
        terminal.document({"decisions": found})
        return
    show_decisions(terminal, found)


@autopilot.command()
@click.argument("which")
@click.option("--algorithm", default="sha256d", show_default=True, help="Whose decision at that time.")
@pass_terminal
def explain(terminal: Terminal, which: str, algorithm: str) -> None:
    """Show what a decision knew, think it again from that, and say whether the answer is the same.

    WHICH is a number, or a time (UTC) such as 2026-11-28T14:00: the last decision before it.

    Example: hw autopilot explain 12
    """
    found = explained(terminal, which, algorithm)
    if terminal.is_json:
        terminal.document(found)
    else:
        show_explained(terminal, found)


def explained(terminal: Terminal, which: str, algorithm: str) -> dict[str, Any]:
    """Return a kept decision with its thought repeated.

    Raises:
        OperatorError: there is none of that number or time (HW-774).
    """
    number = int(which) if which.isdecimal() else None
    at_ms = _moment(which) if number is None else 0

    def ask(connection: "Connection") -> dict[str, Any]:
        from hashwright.runtime import autopilot_views as views

        return views.explained(connection, views.found_row(connection, number, algorithm=algorithm, at_ms=at_ms))

    found: dict[str, Any] = read_books(terminal, ask)
    return found


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number and no time such as 2026-11-28T14:00") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@autopilot.command()
@pass_terminal
def learned(terminal: Terminal) -> None:
    """Show how much of what was expected became real: by pool, by forecast, by machine and by day.

    The factors multiply what is expected of each destination; docs/autopilot.md has the formula.

    Example: hw autopilot learned
    """
    import time

    folder, now = terminal.load_config().data_dir, int(time.time() * 1000)
    try:
        found = run_async(ask_process(folder, "autopilot-learned", is_fresh=True))["autopilots"]
    except Unavailable:
        terminal.note("Nothing runs here; this is from the database.")
        found = _learned_offline(terminal, now)
    if terminal.is_json:
        terminal.document({"autopilots": found})
    else:
        show_learned(terminal, found)


def _learned_offline(terminal: Terminal, now: int) -> list[dict[str, Any]]:
    """Learn from the database alone, while nothing runs."""
    from hashwright.runtime.autopilot_settings import KIND
    from hashwright.runtime.autopilot_views import learned_of_all
    from hashwright.runtime.opening import open_store

    store = open_store(terminal.load_config().data_dir, readonly=True)
    try:
        stored = store.settings(KIND)
        return store.read_books(lambda connection: learned_of_all(connection, stored, now=now))
    finally:
        store.close()
