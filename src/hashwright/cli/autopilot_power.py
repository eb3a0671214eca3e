"""`hw autopilot power`: let a site's dispatch plan drive its machines, as far as you allow, and see what it knew."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click
from click.exceptions import Exit

from hashwright.cli.autopilot import tell_resting
from hashwright.cli.autopilot_pins import pin, pin_undo, pins
from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.ledger import read_books
from hashwright.cli.pool import ask_process
from hashwright.cli.power_past import outcome_cells, released, show_battery, show_earned, show_orders
from hashwright.cli.terminal import Table, Terminal, clean
from hashwright.errors import EXIT_NOTHING, EXIT_PARTLY, OperatorError, Unavailable

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from hashwright.store.connection import Connection

TURN_S: Final = 240.0
"""A turn asks tariff and weather and then solves."""
DAY_MS: Final = 86_400_000
NARROW: Final = 100
MODES: Final = ("dry-run", "advise", "live")
WORDS: Final = {
    "rehearsed": "DRY RUN, nothing was switched",
    "asked": "waits for you",
    "applied": "drives the fleet",
    "kept": "nothing new",
    "failed": "no plan",
}
RULES: Final = {
    "plan": "the solver's plan",
    "last plan": "the LAST PLAN holds",
    "threshold": "by the THRESHOLD RULE",
}


@click.group(cls=LazyGroup)
def power() -> None:
    """Let a site's plan put machines to sleep and wake them. It is a dry run until you say live.

    Example: hw autopilot power set site.toml
    """


@power.command(name="set")
@click.argument("site", required=False)
@click.option("--name", metavar="NAME", help="What to call it; the site's own name by default.")
@click.option("--mode", type=click.Choice(MODES), help="dry-run: only look; advise: ask you; live: drive machines.")
@click.option("--at", metavar="PLACE", help="Only machines of this site of the fleet; without it, of all.")
@click.option("--data", metavar="FOLDER", help="Folder of recorded prices, for a site's file that wants one.")
@click.option("--meter", metavar="CSV", help="What your meter writes: sun, import, export, the battery's level.")
@click.option("--every", "every_s", type=int, metavar="SECONDS", help="Time between two turns. [900]")
@click.option("--hours", type=float, metavar="HOURS", help="How far to plan. [48]")
@click.option("--time-limit", "solver_s", type=float, metavar="SECONDS", help="What the solver may take. [20]")
@click.option("--price-age", "price_age_max_s", type=int, metavar="SECONDS", help="Oldest coin price it trusts. [7200]")
@click.option("--blind", type=click.Choice(["keep", "sleep"]), help="What machines do where nothing is known. [keep]")
@click.option("--start", "start_percent", type=float, metavar="PERCENT", help="This site's ramp up; 0: the fleet's.")
@click.option("--stop", "stop_percent", type=float, metavar="PERCENT", help="This site's ramp down; 0: the fleet's.")
@pass_terminal
def set_(terminal: Terminal, /, site: str | None, **flags: Any) -> None:  # noqa: ANN401
    """Set the power autopilot of one site; what you do not name stays as it was.

    SITE is the site's file (docs/energy.md); it is read anew at each turn. Its groups are those of the fleet.

    Example: hw autopilot power set site.toml --mode live
    """
    settings = {name: value for name, value in flags.items() if value is not None}
    paths = {"site_file": site, "data": flags["data"], "meter": flags["meter"]}
    settings |= {name: str(Path(path).expanduser().resolve()) for name, path in paths.items() if path}
    folder = terminal.load_config().data_dir
    state = run_async(ask_process(folder, "power-set", settings=settings))
    if terminal.is_json:
        terminal.document(state)
        return
    terminal.line(f"The power autopilot of {state['name']} is on: {mode_text(state['settings'])}.")
    if state["settings"]["mode"] == "live" and not state["fleet_is_live"]:
        terminal.note("HW-959 The fleet itself is not live yet: hw fleet rules --live")
    terminal.note("See what it plans: hw autopilot power status --now. Stop everything: hw autopilot pause")


@power.command()
@click.option("--now", is_flag=True, help="Take a turn of each now, then show it.")
@pass_terminal
def status(terminal: Terminal, now: bool) -> None:
    """Show each site's plan: which rule it is by, what machines do when and why, and what that brings.

    With nothing running it shows the last plan of the database.

    Example: hw autopilot power status --now
    """
    states = _states(terminal, is_now=now)
    if terminal.is_json:
        terminal.document({"sites": states})
        return
    _tell_age(terminal, states)
    if not states:
        terminal.line("No power autopilot is set. hw autopilot power set site.toml")
    for state in states:
        show_state(terminal, state)


def _tell_age(terminal: Terminal, states: list[dict[str, Any]]) -> None:
    """Say how old is what is shown, where nothing runs."""
    from hashwright.runtime.system import SystemClock
    from hashwright.units import duration_text

    ages = [SystemClock().now() - it["stored_ms"] for it in states if it["stored_ms"] is not None]
    if ages:
        terminal.note(f"Nothing runs here: this is how it was left, {duration_text(min(ages) / 1000)} ago. hw up")


def _states(terminal: Terminal, *, is_now: bool) -> list[dict[str, Any]]:
    folder = terminal.load_config().data_dir
    try:
        states: list[dict[str, Any]] = run_async(ask_process(folder, "power-status"))
    except Unavailable:
        if is_now:
            raise
        return list(read_books(terminal, _stored))
    if is_now:
        names = [state["name"] for state in states]
        states = [run_async(ask_process(folder, "power-turn", timeout_s=TURN_S, name=name)) for name in names]
    return states


def _stored(connection: "Connection") -> list[dict[str, Any]]:
    from hashwright.runtime.power_state import stored_states
    from hashwright.runtime.system import SystemClock

    return stored_states(connection, now=SystemClock().now())


@power.command()
@click.argument("name")
@pass_terminal
def remove(terminal: Terminal, name: str) -> None:
    """Take a site's power autopilot away; its turns are kept, machines stay as they are.

    Example: hw autopilot power remove home
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "power-remove", name=name))
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"The power autopilot of {name} is gone. Machines stay as they are.")
        tell_resting(terminal, list(answer["resting"]))


@power.command()
@click.argument("number", type=int)
@pass_terminal
def apply(terminal: Terminal, number: int) -> None:
    """Drive the fleet by a turn that waits for you.

    Example: hw autopilot power apply 12
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "power-apply", number=number))
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"The machines of {answer['name']} follow turn {number} until its hours are over.")


@power.command()
@pass_terminal
def release(terminal: Terminal) -> None:
    """Give every battery that takes orders back to itself, while nothing runs. `hw autopilot pause` does it otherwise.

    Exit 7 if one did not say yes.

    Example: hw autopilot power release
    """
    from hashwright.cli.overview import open_readonly

    folder = terminal.load_config().data_dir
    with contextlib.suppress(Unavailable):
        run_async(ask_process(folder, "status"))
        raise OperatorError(
            "Hashwright runs, and would tell them again.", code="HW-895", hint="hw autopilot pause gives them back."
        )
    store = open_readonly(folder)
    sites = [] if store is None else [(name, Path(it["site_file"])) for name, it in store.settings("power").items()]
    if store is not None:
        store.close()
    found = run_async(released(sites))
    if terminal.is_json:
        terminal.document({"batteries": found})
    else:
        rows = tuple((it["name"], it["answer"], it["detail"]) for it in found)
        terminal.table(Table(heads=("battery of", "answered", ""), rows=rows, empty="No battery takes orders here."))
    if any(it["answer"] != "ok" for it in found):
        raise Exit(EXIT_PARTLY)


@power.command()
@click.option("--days", type=click.IntRange(1, 60), default=1, show_default=True, help="How many days back.")
@pass_terminal
def turns(terminal: Terminal, days: int) -> None:
    """List turns, newest first: by which rule, what became of them, and what they were expected to bring.

    Example: hw autopilot power turns --days 7
    """

    def ask(connection: "Connection") -> list[dict[str, Any]]:
        from hashwright.runtime.power_state import document_of, outcomes_by_turn
        from hashwright.store import power as rows

        newest = rows.newest(connection)
        since = newest[0].at_ms - days * DAY_MS if newest else 0
        outcomes = outcomes_by_turn(connection, "", since_ms=since)
        return [document_of(row) | {"outcome": outcomes.get(row.id)} for row in newest if row.at_ms >= since]

    found = read_books(terminal, ask)
    if terminal.is_json:
        terminal.document({"turns": found})
        return
    cells = tuple(
        (
            str(it["number"]),
            datetime.fromtimestamp(it["at_ms"] / 1000, UTC).strftime("%Y-%m-%d %H:%M"),
            it["name"],
            WORDS[it["state"]],
            "-" if it["thought"] is None else RULES[it["thought"]["rule"]],
            "-" if it["gain"] is None else f"{it['gain']:+,.2f}",
            *outcome_cells(it["outcome"]),
            it["note"] if it["state"] in ("failed", "kept") else "",
        )
        for it in found
    )
    heads = ("turn", "at (UTC)", "site", "what became of it", "by", "beside always on", "expected", "left", "")
    right = frozenset({"turn", "beside always on", "expected", "left"})
    empty = "No turn is kept. hw autopilot power set site.toml"
    terminal.table(Table(heads=heads, rows=cells, empty=empty, right=right))
    if found:
        terminal.note("Money is estimated; expected and left are of the time until the next turn.")
        terminal.note("See what one knew and why: hw autopilot power explain NUMBER")


@power.command()
@click.argument("which")
@click.option("--name", default="", help="Whose turn at that time; needed with a time.")
@pass_terminal
def explain(terminal: Terminal, which: str, name: str) -> None:
    """Show what a turn knew, plan it again from that, and say whether the answer is the same.

    WHICH is a number, or a time (UTC) such as 2026-11-28T14:00: the last turn before it.

    Example: hw autopilot power explain 12
    """

    def ask(connection: "Connection") -> dict[str, Any]:
        return explained(connection, which, name)

    found = read_books(terminal, ask)
    if terminal.is_json:
        terminal.document(found)
        return
    terminal.line(f"Turn {found['number']} of {found['name']}: {WORDS[found['state']]}. {found['note']}")
    if found["thought"] is not None:
        show_plan(terminal, found)
    show_orders(terminal, found["orders"])
    if found["is_repeated"] is None:
        terminal.note("There was no plan to make again.")
    elif found["is_repeated"]:
        terminal.tick("ok", "Planned again from what it knew: the same answer.")
    else:
        terminal.tick("failed", "Planned again from what it knew, the answer differs: the program has changed since.")


def explained(connection: "Connection", which: str, name: str) -> dict[str, Any]:
    """Return a kept turn with its plan made again.

    Raises:
        OperatorError: there is none of that number or time (HW-957).
    """
    import msgspec

    from hashwright.planner.power import PowerSeen
    from hashwright.runtime.power_observe import think
    from hashwright.runtime.power_state import document_of, orders_of_turn, outcomes_by_turn
    from hashwright.store import power as rows

    row = rows.numbered(connection, int(which)) if which.isdecimal() else rows.at(connection, name, _moment(which))
    if row is None:
        error = OperatorError(f"No power turn is kept for {which}.", code="HW-957")
        error.exit_code = EXIT_NOTHING
        raise error
    document = document_of(row)
    is_repeated = None
    if document["thought"] is not None:
        again = think(msgspec.json.decode(row.seen, type=PowerSeen))
        thought = msgspec.json.decode(msgspec.json.encode(again))
        # What a later version thinks of beside it was not thought then.
        is_repeated = {name: thought.get(name) for name in document["thought"]} == document["thought"]
    outcome = outcomes_by_turn(connection, row.name, since_ms=row.at_ms).get(row.id)
    return document | {
        "is_repeated": is_repeated,
        "outcome": outcome,
        "orders": orders_of_turn(connection, row.id),
    }


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number and no time such as 2026-11-28T14:00") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


# ---------------------------------------------------------------- a screen


def mode_text(settings: dict[str, Any] | None) -> str:
    """Say in which mode an autopilot is."""
    if settings is None:
        return "NOT RUNNING"
    return "PAUSED" if settings["is_paused"] else settings["mode"].upper().replace("-", " ")


def show_state(terminal: Terminal, state: dict[str, Any]) -> None:
    """Show a site: its mode, what holds now, its battery, what it left so far, and its plan."""
    settings, plan = None if state["is_stored"] else state["settings"], state["plan"]
    every = "" if settings is None else f", every {settings['every_s'] / 60:g} min"
    terminal.line(f"{state['name']}: {mode_text(settings)}{every}")
    if state["banner"]:
        terminal.tick("failed", state["banner"])
    if settings is not None and settings["mode"] == "live" and not state["fleet_is_live"]:
        terminal.tick("warning", "HW-959 The fleet is not live: machines are only rehearsed.", "hw fleet rules --live")
    if plan is None:
        terminal.note("It has made no plan yet. hw autopilot power status --now")
    else:
        show_plan(terminal, plan)
    show_battery(terminal, state)
    show_earned(terminal, state)


def show_plan(terminal: Terminal, document: dict[str, Any]) -> None:
    """Show a plan: the money first, next to what else could be done, then blocks with reasons, then what is odd."""
    from hashwright.energy.calendar import zone_of
    from hashwright.units import duration_text

    seen, thought = document["seen"], document["thought"]
    zone = zone_of(seen["site"]["site"]["zone"])
    hours = duration_text(thought["plan"]["slots"] * 900)
    currency = clean(seen["currency"])
    at = _local(document["at_ms"], zone)
    terminal.line(f"Turn {document['number']} of {at}: {RULES[thought['rule']]}.")
    terminal.line(
        f"The next {hours} leave {thought['value']:,.2f} {currency}; always on {thought['value_always']:,.2f},"
        f" all off {thought['value_off']:,.2f} (estimated)."
    )
    if thought["value"] <= thought["value_off"]:
        terminal.line("MINING LOSES MONEY in these hours: the best plan leaves machines asleep.")
    is_narrow = not terminal.is_text and terminal.console().width < NARROW
    terminal.table(_block_table(thought, currency, zone, is_narrow=is_narrow))
    terminal.note(f"What a hash earns is from {seen['earns_source']}.")
    for it in thought["told"]:
        terminal.tick("warning", f"{it['code']} {it['place']}: {it['message']}.", it["hint"])
    for line in thought["left_out"]:
        terminal.tick("warning", f"left out: {line}")


def _block_table(thought: dict[str, Any], currency: str, zone: "ZoneInfo", *, is_narrow: bool) -> Table:
    heads = ("from", "run", "why", f"{currency}/kWh", "earns", "machines kW", "own kW", "grid kW", "battery")
    left_out = {"machines kW", "own kW"} if is_narrow else set()
    if not thought["battery_wh"]:
        left_out.add("battery")
    kept = [number for number, head in enumerate(heads) if head not in left_out]
    rows = []
    for it in thought["blocks"]:
        cells = (
            _local(it["from_ms"], zone),
            f"{it['machines']}/{thought['machines']}",
            it["reason"],
            f"{it['price']:.3f}",
            f"{it['earns']:.3f}",
            f"{it['machines_kw']:.1f}",
            f"{it['own_kw']:.1f}",
            f"{it['grid_kw']:+.1f}",
            "" if it["battery_percent"] is None else f"{it['battery_percent']:.0f} %",
        )
        rows.append(tuple(cells[number] for number in kept))
    shown = tuple(heads[number] for number in kept)
    return Table(heads=shown, rows=tuple(rows), right=frozenset(shown) - {"from", "why"})


def _local(at_ms: int, zone: "ZoneInfo") -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).strftime("%a %H:%M")


for _command in (pin, pins, pin_undo):
    power.add_command(_command)
