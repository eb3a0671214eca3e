"""`hw route`: split the machines, see what was delivered, pin single ones, and look at a pool before you mine there."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.terminal import Terminal, clean
from hashwright.errors import EXIT_PARTLY, ConfigError, OperatorError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hashwright.cli.route_views import Part

WATCH_S = 2.0
TEST_S = 60.0
"""More than a look at a pool may take."""
AUTHOR = "hw route set"


@click.group(cls=LazyGroup)
def route() -> None:
    """Split machines between destinations, below one machine too, and see what each really got.

    Example: hw route set far=70% home=30% --fallback home
    """


@route.command()
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@click.option(
    "--window",
    type=click.Choice(["10m", "1h", "24h"]),
    default="10m",
    show_default=True,
    help="The span that is shown.",
)
@pass_terminal
def status(terminal: Terminal, watch: bool, window: str) -> None:
    """Show for each destination what was asked and what was delivered, then pins and upstreams.

    Example: hw route status --watch --window 1h
    """
    from hashwright.cli.route_views import show, status_parts

    folder = terminal.load_config().data_dir
    if watch:
        run_async(_watch(terminal, folder, window))
        return
    document = run_async(_ask(folder, "route-status"))
    if terminal.is_json:
        terminal.document(document)
    else:
        show(terminal, status_parts(document, window))


async def _watch(terminal: Terminal, folder: "Path", window: str) -> None:
    """Show it again and again: in place where that is possible, else one below the other."""
    import asyncio

    from hashwright.cli.route_views import show

    document = await _ask(folder, "route-status")
    if terminal.can_animate:
        await _watch_in_place(terminal, folder, window)
        return
    while True:
        if terminal.is_json:
            terminal.document(document)
        else:
            show(terminal, _parts_of(document, window))
        await asyncio.sleep(WATCH_S)
        document = await _ask_patiently(folder)


async def _watch_in_place(terminal: Terminal, folder: "Path", window: str) -> None:
    import asyncio

    from rich.live import Live

    from hashwright.cli.route_views import drawing_of

    with Live(console=terminal.console(), auto_refresh=False, screen=True) as live:
        while True:
            document = await _ask_patiently(folder)
            live.update(drawing_of(_parts_of(document, window)), refresh=True)
            await asyncio.sleep(WATCH_S)


async def _ask_patiently(folder: "Path") -> "Mapping[str, Any]":
    """Ask for the status; who watches sees a restart through."""
    from hashwright.cli.terminal import error_document

    try:
        document: Mapping[str, Any] = await _ask(folder, "route-status")
    except Unavailable as error:
        return error_document(error)
    return document


def _parts_of(document: "Mapping[str, Any]", window: str) -> "Sequence[Part]":
    from hashwright.cli.route_views import status_parts

    if "error" in document:
        return [("failed", f"{document['error']['message']} {document['error']['code']}")]
    return status_parts(document, window)


@route.command("set")
@click.argument("targets", nargs=-1, required=True, metavar="DEST=SHARE...")
@click.option("--fallback", metavar="A,B", help="Who takes over, in order, when a destination is away; '' for nobody.")
@click.option("--safe", metavar="DEST", help="Who gets everything when the route cannot be followed; '' for none.")
@click.option(
    "--algo", "algorithm", type=click.Choice(["sha256d", "scrypt", "randomx"]), help="Hash. [that of the destinations]"
)
@click.option("--dry-run", is_flag=True, help="Check and show only; change nothing.")
@pass_terminal
def set_(
    terminal: Terminal, targets: tuple[str, ...], fallback: str | None, safe: str | None, algorithm: str | None,
    dry_run: bool,
) -> None:  # fmt: skip
    """Set how the work of all machines is split. No machine is disconnected.

    SHARE is a percentage (all of them make 100%), parts of any scale (7 and 3), or an absolute hash rate (120TH/s). A
    percentage or parts may have bounds: far=70%,min=10TH/s,max=2PH/s. Fall-backs and the safe destination stay as they
    are where they are not named.

    Example: hw route set far=70% home=30%

    Example: hw route set far=120TH/s home=1 --fallback home --safe home
    """
    route: dict[str, Any] = {"targets": list(targets), "author": AUTHOR}
    keep = [key for key, value in (("fallbacks", fallback), ("safe", safe)) if value is None]
    if fallback:
        route["fallbacks"] = [name.strip() for name in fallback.split(",")]
    if safe:
        route["safe"] = safe
    folder = terminal.load_config().data_dir
    answer = run_async(_set_route(folder, route, algorithm=algorithm, keep=keep, is_dry_run=dry_run))
    if terminal.is_json:
        terminal.document(answer)
    else:
        _tell_route(terminal, answer)


async def _set_route(
    folder: "Path", route: dict[str, Any], *, algorithm: str | None, keep: list[str], is_dry_run: bool
) -> "Mapping[str, Any]":
    """Ask the process; for a dry run without one, read the database."""
    try:
        known = {item["destination"]: item["algorithm"] for item in (await _ask(folder, "status"))["destinations"]}
    except Unavailable:
        if not is_dry_run:
            raise
        return _check_here(folder, route, algorithm=algorithm, keep=keep)
    route["algorithm"] = algorithm or algorithm_of(route["targets"], known)
    answer: Mapping[str, Any] = await _ask(folder, "route-set", route=route, keep=keep, dry_run=is_dry_run)
    return answer


def _check_here(folder: "Path", route: dict[str, Any], *, algorithm: str | None, keep: list[str]) -> dict[str, Any]:
    from hashwright.cli.fleet_file import algorithms_of
    from hashwright.cli.overview import open_readonly
    from hashwright.runtime.route_settings import ROUTE_KIND, document_of, keep_unnamed, parse_route

    store = open_readonly(folder)
    destinations, routes = {}, {}
    if store is not None:
        try:
            destinations, routes = store.settings("destination"), store.settings(ROUTE_KIND)
        finally:
            store.close()
    known = algorithms_of(destinations)
    route["algorithm"] = algorithm or algorithm_of(route["targets"], known)
    before = routes.get(route["algorithm"])
    settings = parse_route(keep_unnamed(route, before, keep), known=known)
    return {"route": document_of(settings), "before": before, "saved": False}


def algorithm_of(targets: list[str], known: "Mapping[str, str]") -> str:
    """Return the hash of the destinations that are named; sha256d where that is not one."""
    names = {target.partition("=")[0].strip() for target in targets}
    found = {known[name] for name in names if name in known}
    return found.pop() if len(found) == 1 else "sha256d"


def _tell_route(terminal: Terminal, answer: "Mapping[str, Any]") -> None:
    from hashwright.cli.route_views import route_text

    algorithm = answer["route"]["algorithm"]
    terminal.note(f"{algorithm}: {route_text(answer['route'])}")
    if answer["before"]:
        terminal.note(f"Before: {route_text(answer['before'])}")
    if answer["saved"]:
        terminal.note("Next: hw route status --watch")
    else:
        terminal.note("Dry run: nothing was changed.")


@route.command()
@click.argument("worker")
@click.argument("destination", metavar="DEST")
@pass_terminal
def move(terminal: Terminal, worker: str, destination: str) -> None:
    """Let a worker mine only for one destination, from now on. `auto` gives it back to the route.

    WORKER is a name, or one with * for any characters. What is pinned counts towards the route's shares.

    Example: hw route move 'kai.rack7-*' home

    Example: hw route move 'kai.rack7-*' auto
    """
    folder = terminal.load_config().data_dir
    answer = run_async(_ask(folder, "route-move", worker=worker, destination=destination))
    if terminal.is_json:
        terminal.document(answer)
        return
    count = len(answer["workers"])
    connected = f"{count} connected worker{'s' * (count != 1)}" if count else "no worker of that name is connected now"
    if destination == "auto":
        terminal.note(f"{clean(worker)} is placed by the route again ({connected}).")
    else:
        terminal.note(f"{clean(worker)} mines only for {clean(destination)} ({connected}).")
    terminal.note("Next: hw route status")


@route.command()
@click.argument("url")
@click.option("--user", default="", help="Log in as this user; many pools give no job without.")
@click.option("--password-from", metavar="REF", help="file:PATH, env:NAME or credential:NAME. [x]")
@click.option(
    "--algo",
    "algorithm",
    type=click.Choice(["sha256d", "scrypt", "randomx"]),
    default="sha256d",
    show_default=True,
    help="Hash.",
)
@click.option("--coin", default="", help="What is mined, to write addresses: bitcoin, litecoin.")
@click.option("--network", default="main", show_default=True, help="main, test or regtest.")
@click.option(
    "--solo-address", default="", metavar="ADDRESS", help="The coinbase must pay this address (needs --coin)."
)
@click.option("--pin-sha256", default="", metavar="HEX", help="The fingerprint that its certificate must have.")
@click.option("--for-others", is_flag=True, help="Somebody else gave you the address: public ones only.")
@pass_terminal
@click.pass_context
def test(context: click.Context, terminal: Terminal, /, password_from: str | None, **options: Any) -> None:  # noqa: ANN401 (`ProbeOptions`)
    """Look at a pool: its job, whom that pays, its extranonce room, mask, difficulty, certificate and latency.

    It connects, subscribes, logs in where a user is given, and waits for the first job. No share is sent. Works without
    a running Hashwright. A Monero pool (--algo randomx) says nothing before a login, and hides whom its job pays.

    Example: hw route test stratum+tcp://pool.example:3333 --user kai.probe --coin bitcoin
    Example: hw route test pool.example:3333 --algo randomx --user YOUR-ADDRESS
    """
    options["password"] = password_from or "x"
    if password_from and not password_from.startswith(("file:", "env:", "credential:")):
        raise ConfigError("--password-from names no secret.", code="HW-702", hint="Write file:PATH or env:NAME.")
    answer = run_async(_look(terminal.load_config().data_dir, options))
    found, problem = answer["found"], answer["solo_problem"]
    if terminal.is_json:
        terminal.document(answer)
    else:
        _show_probe(terminal, found, options)
    if problem:
        url = clean(found["url"])
        raise OperatorError(f"{url}: {problem}.", code="HW-432", hint="Do not mine to it until you know why.")
    if found["job"] is None:
        terminal.note("No job came. Many pools give one only to those who log in: --user.")
        context.exit(EXIT_PARTLY)


async def _look(folder: "Path", options: dict[str, Any]) -> "Mapping[str, Any]":
    """Look from the running process, which alone may hold the password; without one, from here."""
    from hashwright.runtime.route_commands import look_at_pool

    try:
        answer: Mapping[str, Any] = await _ask(folder, "route-test", timeout_s=TEST_S, options=options)
    except Unavailable as error:
        if error.code != "HW-704":
            raise
        return await look_at_pool(options)
    return answer


def _show_probe(terminal: Terminal, found: "Mapping[str, Any]", options: "Mapping[str, Any]") -> None:
    from hashwright.cli.route_views import probe_parts, show

    show(terminal, probe_parts(found, options))


async def _ask(folder: "Path", command: str, **arguments: Any) -> Any:  # noqa: ANN401 (JSON)
    from hashwright.runtime.control import ask

    return await ask(folder, command, **arguments)
