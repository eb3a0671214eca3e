"""`hw fleet`: look at machines, put them to sleep and wake them, set power and pools, measure them."""

import sys
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from hashwright.cli.command import Command, LazyGroup, pass_terminal, run_async
from hashwright.cli.terminal import Terminal
from hashwright.errors import EXIT_PARTLY, OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hashwright.cli.fleet_work import Choice

F = TypeVar("F", bound="Callable[..., Any]")
ALL = ("name", "power", "rate", "heat", "efficiency", "state")
MINUS = "\N{MINUS SIGN}"
BY = ("group", "site", "tag", "model", "kind", "state")


def filters(function: F) -> F:
    """Add the filters that every command of machines takes."""
    for name, help_ in (
        ("--tag", "Only those with this tag."), ("--group", "Only those of this group."),
        ("--site", "Only those of this site."), ("--model", "Only those whose model has this in its name."),
        ("--state", "Only those in this state: hashing, asleep, unreachable, hot, fault ..."),
        ("--rack", "Only those with the tag rack-TEXT."), ("--kind", "Only those of this driver."),
    ):  # fmt: skip
        function = click.option(name, metavar="TEXT", help=help_)(function)
    return click.argument("names", nargs=-1, metavar="[MACHINE...]")(function)


def acting(function: F) -> F:
    """Add the flags of a command that acts on machines."""
    function = click.option("--yes", is_flag=True, help="Do not ask; it was thought over.")(function)
    return click.option("--live", is_flag=True, help="Really do it. Without it, only what would be done is shown.")(
        function
    )


def for_option(function: F) -> F:
    """Add the time for which a person's word holds."""
    return click.option("--for", "for_", metavar="TIME", default="", help="90s, 30m, 2h or 1d; then the plan decides.")(
        function
    )


@click.group(cls=LazyGroup)
def fleet() -> None:
    """Look at machines and command them. MACHINE is a name, or a pattern with *; without one, all that fit the filters.

    Commands that act show what they would do until you say --live.

    Example: hw fleet pause --tag rack-7 --live
    """


@fleet.command()
@filters
@click.option("--sort", type=click.Choice(ALL), default="name", show_default=True, help="The order.")
@pass_terminal
def ls(terminal: Terminal, /, names: tuple[str, ...], sort: str, **filters_: str | None) -> None:
    """List machines. Where nothing runs, as they were heard last.

    Example: hw fleet ls --state unreachable
    """
    from hashwright.cli.fleet_work import load, show_fleet

    view = run_async(load(terminal, names, filters_))
    view.sort(sort)
    if terminal.is_json:
        terminal.document(view.document)
    else:
        show_fleet(terminal, view)
    view.refuse_empty()


@fleet.command()
@filters
@click.option("--sort", type=click.Choice(ALL), default="state", show_default=True, help="What comes first.")
@click.option("--by", type=click.Choice(BY), default="group", show_default=True, help="What the sums are of.")
@click.option("--once", is_flag=True, help="Show it once.")
@pass_terminal
def top(terminal: Terminal, /, names: tuple[str, ...], sort: str, by: str, once: bool, **filters_: str | None) -> None:
    """Watch groups, and the machines that need a look first; again every two seconds until Ctrl-C.

    Example: hw fleet top --sort heat
    """
    from hashwright.cli.fleet_work import watch

    is_once = once or terminal.is_json or not terminal.can_animate
    run_async(watch(terminal, names, filters_, order=(sort, by), once=is_once))


@fleet.command()
@filters
@click.option("--by", type=click.Choice(BY), default="group", show_default=True, help="What the sums are of.")
@pass_terminal
def groups(terminal: Terminal, /, names: tuple[str, ...], by: str, **filters_: str | None) -> None:
    """Show the sums of groups, sites, tags, models, kinds or states.

    Example: hw fleet groups --by site
    """
    from hashwright.cli.fleet_views import grouped, groups_table, sums_of
    from hashwright.cli.fleet_work import load, person_width

    view = run_async(load(terminal, names, filters_))
    if terminal.is_json:
        sums = [{"name": name, **sums_of(members)} for name, members in grouped(view.rows, by).items()]
        terminal.document({"is_running": view.page is not None, "by": by, "groups": sums})
    else:
        terminal.table(groups_table(view.rows, width=person_width(terminal), by=by))
    view.refuse_empty()


@fleet.command()
@click.argument("machine", metavar="MACHINE")
@click.option("--hours", type=click.IntRange(1, 48), default=24, show_default=True, help="By five minutes, so long.")
@click.option("--days", type=click.IntRange(0, 90), default=0, help="By the hour instead, so many days.")
@pass_terminal
def history(terminal: Terminal, machine: str, hours: int, days: int) -> None:
    """Show heat, power, hash rate and refused shares of one machine over time, also while nothing runs.

    MACHINE is its name, or that of a worker that is not of the fleet.

    Example: hw fleet history m-10-21-7-14 --days 7
    """
    from hashwright.cli.fleet_history import show

    show(terminal, machine, hours=hours, days=days)


@fleet.command()
@filters
@for_option
@acting
@pass_terminal
def pause(
    terminal: Terminal, /, names: tuple[str, ...], for_: str, live: bool, yes: bool, **filters_: str | None
) -> None:
    """Put machines to sleep: until you resume them, or for a time.

    Example: hw fleet pause --group cellar --for 2h --live
    """
    order = {"mode": "sleep", "for_s": seconds_of(for_)}
    _order(terminal, _choice(names, filters_, live=live, yes=yes), order, "put to sleep")


@fleet.command()
@filters
@for_option
@acting
@pass_terminal
def resume(
    terminal: Terminal, /, names: tuple[str, ...], for_: str, live: bool, yes: bool, **filters_: str | None
) -> None:
    """Wake machines. They run whatever a plan says, until `hw fleet auto` or for a time.

    Example: hw fleet resume 'm-10-21-7-*' --live
    """
    order = {"mode": "run", "part": 1.0, "for_s": seconds_of(for_)}
    _order(terminal, _choice(names, filters_, live=live, yes=yes), order, "run")


@fleet.command()
@click.argument("part", metavar="PERCENT")
@filters
@for_option
@acting
@pass_terminal
def power(
    terminal: Terminal, /, part: str, names: tuple[str, ...], for_: str, live: bool, yes: bool, **filters_: str | None
) -> None:
    """Let machines draw a part of their rated power. A machine that cannot do that says so.

    Example: hw fleet power 70% --tag rack-7 --live
    """
    order = {"mode": "run", "part": part_of(part), "for_s": seconds_of(for_)}
    _order(terminal, _choice(names, filters_, live=live, yes=yes), order, f"run at {order['part']:.0%} of their power")


@fleet.command()
@filters
@acting
@pass_terminal
def auto(terminal: Terminal, /, names: tuple[str, ...], live: bool, yes: bool, **filters_: str | None) -> None:
    """Give machines back to the plan; without a plan they stay as they are.

    Example: hw fleet auto --live --yes
    """
    from hashwright.cli.fleet_work import act_simply

    choice = _choice(names, filters_, live=live, yes=yes)
    act_simply(terminal, choice, "fleet-auto", verb="be given back to the plan")


@fleet.command()
@filters
@click.option("--url", "urls", multiple=True, required=True, metavar="URL", help="stratum+tcp://HOST:PORT; up to 3.")
@click.option("--user", required=True, help="The account; {name} stands for the machine's name.")
@acting
@pass_terminal
def pools(
    terminal: Terminal, /, names: tuple[str, ...], urls: tuple[str, ...], user: str, live: bool, yes: bool,
    **filters_: str | None,
) -> None:  # fmt: skip
    """Tell machines where to mine. It stops when more than 2 % of them, or three, refuse.

    Example: hw fleet pools --url stratum+tcp://192.168.1.5:3333 --user 'kai.{name}' --live
    """
    from hashwright.cli.fleet_work import set_pools

    set_pools(terminal, _choice(names, filters_, live=live, yes=yes), urls=urls, user=user)


@fleet.command()
@filters
@click.option("--off", is_flag=True, help="Stop it.")
@pass_terminal
def blink(terminal: Terminal, /, names: tuple[str, ...], off: bool, **filters_: str | None) -> None:
    """Let machines blink, to find them on the shelf.

    Example: hw fleet blink m-10-21-7-14
    """
    from hashwright.cli.fleet_work import act_simply

    choice = _choice(names, filters_, live=True, yes=len(names) == 1)
    act_simply(terminal, choice, "fleet-blink", verb="blink", arguments={"on": not off})


@fleet.command()
@click.argument("speed", metavar="PERCENT|auto")
@filters
@acting
@pass_terminal
def fans(
    terminal: Terminal, /, speed: str, names: tuple[str, ...], live: bool, yes: bool, **filters_: str | None
) -> None:
    """Set the fans of machines, or give them back to their firmware. The temperature ceiling holds all the same.

    Example: hw fleet fans 60% --group cellar --live
    """
    from hashwright.cli.fleet_work import act_simply

    percent = None if speed == "auto" else round(100 * part_of(speed))
    verb = "take their fans back" if percent is None else f"run their fans at {percent}%"
    choice = _choice(names, filters_, live=live, yes=yes)
    act_simply(terminal, choice, "fleet-fans", verb=verb, arguments={"percent": percent})


class TagCommand(Command):
    """A command whose argument may begin with a dash: `-rack-7` is a tag to take away, no row of flags."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write the dash of a tag as a minus, which no flag begins with."""
        return super().parse_args(ctx, [MINUS + it[1:] if _is_tag_to_go(it) else it for it in args])


def _is_tag_to_go(word: str) -> bool:
    return word.startswith("-") and not word.startswith("--") and word not in ("-", "-h")


@fleet.command(cls=TagCommand)
@click.argument("change", metavar="+TAG|-TAG")
@filters
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_terminal
def tag(terminal: Terminal, /, change: str, names: tuple[str, ...], yes: bool, **filters_: str | None) -> None:
    """Give machines a tag, or take one away. `group=NAME` and `site=NAME` set those.

    Example: hw fleet tag +rack-7 'm-10-21-7-*'

    Example: hw fleet tag -rack-7 m-10-21-7-14
    """
    from hashwright.cli.fleet_work import change_tags

    change_tags(terminal, _choice(names, filters_, live=True, yes=yes), change.replace(MINUS, "-", 1))


@fleet.command(name="fail-safe")
@click.argument("word", metavar="show|sleep|keep|default", type=click.Choice(("show", "sleep", "keep", "default")))
@filters
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_terminal
def fail_safe(terminal: Terminal, /, word: str, names: tuple[str, ...], yes: bool, **filters_: str | None) -> None:
    """Say what becomes of machines when Hashwright dies: `sleep`, or `keep` on as they are. `default` is the rule.

    A small process beside `hw up`, the guard, puts them to sleep after `guard_s` seconds (hw fleet rules).

    Example: hw fleet fail-safe sleep --group cellar
    """
    from hashwright.cli import fleet_safety

    choice = _choice(names, filters_, live=True, yes=yes)
    if word == "show":
        fleet_safety.show(terminal, choice)
    else:
        fleet_safety.change(terminal, choice, word)


@fleet.command()
@filters
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_terminal
def remove(terminal: Terminal, /, names: tuple[str, ...], yes: bool, **filters_: str | None) -> None:
    """Look after machines no longer. They go on as they are.

    Example: hw fleet remove m-10-21-7-14
    """
    from hashwright.cli.fleet_work import act_simply

    act_simply(terminal, _choice(names, filters_, live=True, yes=yes), "fleet-remove", verb="be forgotten")


@fleet.command()
@filters
@click.option("--levels", default="100%,85%,70%,55%", show_default=True, help="Parts of the rated power to measure at.")
@click.option("--hold", default="2m", show_default=True, metavar="TIME", help="How long each level is held.")
@acting
@pass_terminal
def profile(
    terminal: Terminal, /, names: tuple[str, ...], levels: str, hold: str, live: bool, yes: bool, **filters_: str | None
) -> None:
    """Measure what machines hash with their watts, level by level. Each runs at less power meanwhile.

    Example: hw fleet profile m-10-21-7-14 --levels 100%,80%,60% --live
    """
    from hashwright.cli.fleet_work import measure

    parts = [part_of(word) for word in levels.split(",")]
    measure(terminal, _choice(names, filters_, live=live, yes=yes), parts=parts, hold_s=seconds_of(hold))


@fleet.command()
@click.option("--live/--rehearsal", "live", default=None, help="Let plans act, or only rehearse them.")
@click.option("--set", "changes", multiple=True, metavar="RULE=VALUE", help="Change a rule; may be repeated.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_terminal
def rules(terminal: Terminal, /, live: bool | None, changes: tuple[str, ...], yes: bool) -> None:
    """Show or change the rules of power control: ramp, dwell, starts a day, heat, and whether plans act at all.

    Example: hw fleet rules --set start_percent=5 --set temperature_max_c=85
    """
    from hashwright.cli.fleet_work import change_rules

    change_rules(terminal, live=live, changes=changes, yes=yes)


def _order(terminal: Terminal, choice: "Choice", order: dict[str, Any], verb: str) -> None:
    from hashwright.cli.fleet_work import order_power

    if order_power(terminal, choice, order, verb=verb):
        sys.exit(EXIT_PARTLY)


def _choice(names: tuple[str, ...], filters_: dict[str, str | None], *, live: bool, yes: bool) -> "Choice":
    from hashwright.cli.fleet_work import Choice

    return Choice(names=names, filters=filters_, live=live, yes=yes)


def part_of(text: str) -> float:
    """Read `70%`.

    Raises:
        OperatorError: it is not between 5% and 100%.
    """
    try:
        part = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        part = 0.0
    if not 0.05 <= part <= 1:
        raise OperatorError(f"{text!r} is not between 5% and 100%.", code="HW-701", hint="hw fleet power 70%")
    return part


def seconds_of(text: str) -> float:
    """Read a time such as 90s, 30m, 2h, 1d; nothing is 0.

    Raises:
        OperatorError: it is none.
    """
    if not text:
        return 0.0
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        seconds = float(text[:-1]) * units[text[-1]]
    except (ValueError, KeyError):
        seconds = -1.0
    if not 0 < seconds <= 366 * 86400:
        raise OperatorError(f"{text!r} is no time such as 90s, 30m, 2h or 1d.", code="HW-701", hint="--for 2h")
    return seconds
