"""`hw find`: look for machines on networks of one's own, and add them."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.terminal import Terminal, clean
from hashwright.errors import EXIT_NOTHING, OperatorError

if TYPE_CHECKING:
    from hashwright.runtime.scan import Found, Network


@click.command(cls=Command)
@click.argument("ranges", nargs=-1, required=True, metavar="CIDR...")
@click.option("--add", is_flag=True, help="Add what is found to the running Hashwright.")
@click.option("--group", default="", help="With --add: the group of the new machines.")
@click.option("--site", default="", help="With --add: their site.")
@click.option("--tag", "tags", multiple=True, help="With --add: a tag of theirs; may be repeated.")
@pass_terminal
def find(terminal: Terminal, ranges: tuple[str, ...], add: bool, group: str, site: str, tags: tuple[str, ...]) -> None:
    """Look for mining machines on your networks: each is shown when it answers.

    Only private networks are tried, on the ports of miners (80, 4028, 8080). Nothing is changed on a machine. Exit code
    4 when none is found.

    Example: hw find 192.168.1.0/24

    Example: hw find --add --site cellar --tag rack-7 10.21.7.0/24
    """
    from hashwright.runtime.scan import is_bridge, parse_range, settings_of

    networks = [parse_range(text) for text in ranges]
    found = run_async(_scan(terminal, networks))
    if all(it.is_silent for it in found):
        raise nothing(ranges, is_bridge(networks))
    usable = [it for it in found if not it.problem]
    if add and usable:
        raws = [settings_of(it) | {"group": group, "site": site, "tags": list(tags)} for it in usable]
        run_async(_add(terminal, raws))
    if terminal.is_json:
        terminal.document({"found": [document_of(it) for it in found], "added": len(usable) if add else 0})
        return
    heard = sum(not it.is_silent for it in found)
    terminal.note(f"{heard} machine{'s' * (heard != 1)} found.")
    terminal.note("Next: hw fleet ls" if add else "Next: the same with --add, while `hw up` runs.")


def nothing(ranges: tuple[str, ...], is_bridge: bool) -> OperatorError:
    """Make the error of an empty scan."""
    hint = "Are they switched on, and is this the right range (usually 192.168.1.0/24)?"
    if is_bridge:
        hint = (
            "This is a Docker network, not your home network. Type your range (usually 192.168.1.0/24) or start with"
            " --network host."
        )
    error = OperatorError(f"Nothing answered on {', '.join(ranges)}.", code="HW-101", hint=hint)
    error.exit_code = EXIT_NOTHING
    return error


def document_of(found: "Found") -> dict[str, Any]:
    """Return a found machine for a program."""
    return {name: getattr(found, name) for name in ("host", "kind", "model", "hashrate_hs", "power_w", "problem")}


def line_of(found: "Found") -> str:
    """Write a found machine in one line."""
    from hashwright.units import hashrate_text, power_text

    if found.is_silent:
        return f"{found.host:<16} HW-107 {clean(found.problem)}. Look at it, or start it again."
    if found.problem:
        return f"{found.host:<16} HW-102 refuses us: {clean(found.problem)}"
    rate = "-" if found.hashrate_hs is None else hashrate_text(found.hashrate_hs)
    power = "-" if found.power_w is None else power_text(found.power_w)
    return f"{found.host:<16} {found.kind:<8} {rate:>10} {power:>9}  {clean(found.model)}"


async def _scan(terminal: Terminal, networks: "list[Network]") -> "list[Found]":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from hashwright.runtime.scan import scan

    found: list[Found] = []
    bar = BarColumn(bar_width=24)
    columns = (TextColumn("{task.description:<18}"), bar, MofNCompleteColumn(), TimeRemainingColumn())
    shows_bar = terminal.can_animate
    with Progress(*columns, console=terminal.console(stderr=True), transient=True, disable=not shows_bar) as progress:

        def tell(machine: "Found") -> None:
            found.append(machine)
            if terminal.is_json:
                return
            if shows_bar:
                progress.console.print(line_of(machine))
            else:
                terminal.line(line_of(machine))

        for network in networks:
            total = max(network.num_addresses - (2 if network.prefixlen < 31 else 0), 1)
            task = progress.add_task(str(network), total=total)
            await scan(network, tell=tell, tried=lambda task=task: progress.advance(task))  # type: ignore[misc]
    return found


async def _add(terminal: Terminal, raws: list[dict[str, Any]]) -> None:
    """Add machines that are not known by their address; what was set of known ones stays."""
    from hashwright.runtime.control import ask

    folder = terminal.load_config().data_dir
    known, offset = set(), 0
    while True:
        page = await ask(folder, "fleet-status", offset=offset)
        known |= {row.get("host") for row in page["devices"]}
        offset += len(page["devices"])
        if offset >= page["total"] or not page["devices"]:
            break
    new = [raw for raw in raws if raw["settings"]["host"] not in known]
    if new:
        await ask(folder, "fleet-set", devices=new)
    terminal.note(f"Added {len(new)}, known before {len(raws) - len(new)}.")
