"""`hw pool`: destinations with a node of your own: add, remove, look, and try one without a node."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.terminal import Terminal, clean
from hashwright.errors import EXIT_NOTHING, ConfigError, HashwrightError, OperatorError, Unavailable

if TYPE_CHECKING:
    from hashwright.cli.overview import Overview
    from hashwright.runtime.destination_checks import Check

PRACTICE_ADDRESSES = {
    "bitcoin": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "litecoin": "rltc1qw508d6qejxtdg4y5r3zarvary0c5xw7k693xs3",
}
"""The key of BIP 173's example, on regtest: everybody knows it, so nobody mistakes practice coins for money."""
PRACTICE_START_BITS = {"bitcoin": 0x1E0FFFFF, "litecoin": 0x1F0FFFFF}
"""Some million hashes of sha256d or 4,096 of scrypt a block at first: a second or two of one processor core."""
NODE_GONE = ("HW-414", "HW-403", "HW-412")
"""What passes by itself: with --anyway such a destination is saved all the same."""


@click.group(cls=LazyGroup, lazy={"try": "pool_try:try_"})
def pool() -> None:
    """Set up and look at your own pool on your own node.

    Example: hw pool try
    """


@pool.command()
@click.argument("name")
@click.option("--coin", default="bitcoin", show_default=True, help="What is mined: bitcoin, litecoin.")
@click.option("--network", help="main, test or regtest. [main; regtest for practice]")
@click.option("--address", help="Who is paid: an address of that coin and network.")
@click.option(
    "--node", type=click.Choice(["bitcoind", "practice"]), default="bitcoind", show_default=True, help="Kind."
)
@click.option("--rpc-url", metavar="URL", help="The node's RPC, such as http://127.0.0.1:8332.")
@click.option("--cookie-file", metavar="FILE", help="The node's .cookie, instead of user and password.")
@click.option("--rpc-user", metavar="USER", help="The node's RPC user.")
@click.option("--rpc-password-from", metavar="REF", help="file:PATH, env:NAME or credential:NAME; never the password.")
@click.option("--zmq", metavar="URL", help="The node's zmqpubhashblock, to hear of new blocks at once.")
@click.option("--tag", metavar="TEXT", help="Text in the coinbase of your blocks. [/Hashwright/]")
@click.option("--start-difficulty", type=float, help="Difficulty of a new machine.")
@click.option("--shares-per-minute", type=float, help="How often each machine should send a share. [6]")
@click.option("--block-interval", type=float, metavar="SECONDS", help="Practice only: time between blocks. [15]")
@click.option("--dry-run", is_flag=True, help="Check and show only; save nothing.")
@click.option("--anyway", is_flag=True, help="Save although the node does not answer or is not synced yet.")
@pass_terminal
def add(terminal: Terminal, /, dry_run: bool, anyway: bool, **flags: Any) -> None:  # noqa: ANN401 (one a setting)
    """Add a destination, or change the one of that name.

    Everything is checked first: the coin, the address, the node, its network, its template, and whether it reads your
    address as we do. Nothing is saved when a check fails. An --rpc-password-from names where the password is.

    Example: hw pool add home --address bc1q... --cookie-file ~/.bitcoin/.cookie --zmq tcp://127.0.0.1:28332

    Example: hw pool add toy --node practice
    """
    config = terminal.load_config()
    destination = destination_of(flags)
    checks = run_async(_check(config.data_dir, destination, needs_process=not dry_run))
    refusal = refusal_of(checks, anyway=anyway)
    if not terminal.is_json:
        _tick_all(terminal, checks, is_refused=refusal is not None)
    if refusal is not None:
        raise refusal
    saved = None if dry_run else run_async(_ask(config.data_dir, "pool-add", destination=destination))
    _tell_added(terminal, destination, checks, is_saved=saved is not None)


def destination_of(flags: dict[str, Any]) -> dict[str, Any]:
    """Make the settings of a destination from the flags; what was not given is left to its default."""
    is_practice = flags["node"] == "practice"
    destination = {
        "name": flags["name"],
        "coin": flags["coin"],
        "network": flags["network"] or ("regtest" if is_practice else "main"),
        "address": flags["address"] or (PRACTICE_ADDRESSES.get(flags["coin"], "") if is_practice else ""),
        "node": flags["node"],
        "node_settings": _node_settings(flags, is_practice=is_practice),
        "coinbase_tag": flags["tag"],
        "start_difficulty": flags["start_difficulty"] or (1e-5 if is_practice else None),
        "shares_per_minute": flags["shares_per_minute"],
    }
    return {key: value for key, value in destination.items() if value is not None}


def _node_settings(flags: dict[str, Any], *, is_practice: bool) -> dict[str, Any]:
    names = {
        "start_bits": PRACTICE_START_BITS.get(flags["coin"]) if is_practice else None,
        "rpc_url": flags["rpc_url"],
        "cookie_file": flags["cookie_file"],
        "rpc_user": flags["rpc_user"],
        "rpc_password_from": flags["rpc_password_from"],
        "zmq_hashblock": flags["zmq"],
        "block_interval_s": flags["block_interval"],
    }
    if "@" in (flags["rpc_url"] or ""):
        raise ConfigError(
            "The --rpc-url holds a user or a password. Nothing was saved.",
            code="HW-702",
            hint="Leave it out of the address: --rpc-user, and --rpc-password-from file:PATH.",
        )
    return {key: value for key, value in names.items() if value is not None}


async def _check(data_dir: Any, destination: dict[str, Any], *, needs_process: bool) -> "list[Check]":  # noqa: ANN401
    """Check in the running process, which alone may hold the node's password; without one, here."""
    import msgspec

    from hashwright.runtime.control import ask
    from hashwright.runtime.destination_checks import Check, check_destination
    from hashwright.runtime.system import SystemClock

    try:
        answer = await ask(data_dir, "pool-check", destination=destination)
    except Unavailable:
        if needs_process:
            raise
        return await check_destination(destination, clock=SystemClock())
    return msgspec.convert(answer, list[Check])


def _tick_all(terminal: Terminal, checks: "list[Check]", *, is_refused: bool) -> None:
    """Show the checks; the one that the refusal is about is left to the refusal."""
    told = next((check for check in checks if check.state == "failed"), None) if is_refused else None
    for check in checks:
        if check is not told:
            terminal.tick(check.state, check.title + (f" ({check.code})" if check.code else ""), check.fix)


def refusal_of(checks: "list[Check]", *, anyway: bool) -> HashwrightError | None:
    """Return why this may not be saved, or None where it may."""
    failed = [check for check in checks if check.state == "failed"]
    if not failed or (anyway and all(check.code in NODE_GONE for check in failed)):
        return None
    first = failed[0]
    message = f"{first.title[:1].upper()}{first.title[1:]}. Nothing was saved."
    if first.code in NODE_GONE:
        return Unavailable(message, code=first.code, hint=f"{first.fix} To save it all the same: --anyway.")
    is_setting = first.code == "HW-701"
    return (ConfigError if is_setting else OperatorError)(message, code=first.code, hint=first.fix)


def _tell_added(terminal: Terminal, destination: dict[str, Any], checks: "list[Check]", *, is_saved: bool) -> None:
    import msgspec

    if terminal.is_json:
        done = {"saved": is_saved, "destination": destination, "checks": msgspec.to_builtins(checks)}
        terminal.document(done)
        return
    name, address = destination["name"], clean(destination["address"])
    kind = "PRACTICE, worth nothing" if destination["node"] == "practice" else destination["network"]
    if is_saved:
        terminal.note(f"Added {name}: pays {address} ({destination['coin']}, {kind}).")
        terminal.note("Next: point a machine at the address that `hw status` shows.")
    else:
        terminal.note(f"Dry run: {name} would pay {address} ({destination['coin']}, {kind}). Nothing was saved.")


@pool.command()
@click.argument("name")
@pass_terminal
def remove(terminal: Terminal, name: str) -> None:
    """Remove a destination; its machines are disconnected, its history stays.

    Example: hw pool remove home
    """
    config = terminal.load_config()
    document = run_async(_ask(config.data_dir, "status"))
    known = [item["destination"] for item in (*document["destinations"], *document["broken"])]
    if name not in known:
        raise NothingMatched(f"There is no destination {name!r}.", f"There are: {', '.join(known) or 'none'}.")
    result = run_async(_ask(config.data_dir, "pool-remove", name=name))
    if terminal.is_json:
        terminal.document(result)
    else:
        terminal.note(f"Removed {clean(name)}. Its history stays: hw pool blocks")


@pool.command()
@pass_terminal
def status(terminal: Terminal) -> None:
    """Show each destination: node, height, machines.

    Example: hw pool status
    """
    from hashwright.cli.views import destinations_table

    config = terminal.load_config()
    document = run_async(_ask(config.data_dir, "status"))
    if terminal.is_json:
        terminal.document({"destinations": document["destinations"], "broken": document["broken"]})
        return
    terminal.table(destinations_table(document["destinations"]))
    for broken in document["broken"]:
        terminal.tick("failed", f"{broken['destination']} is disabled: {broken['problem']}")


@pool.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@pass_terminal
def blocks(terminal: Terminal, limit: int) -> None:
    """List the blocks that your machines found, newest first.

    Example: hw pool blocks --limit 100
    """
    from hashwright.cli.overview import block_document
    from hashwright.cli.views import blocks_table

    overview = _overview(terminal, blocks=limit)
    if terminal.is_json:
        terminal.document({"blocks": [block_document(block) for block in overview.blocks]})
    else:
        terminal.table(blocks_table(overview.blocks, now_ms=overview.now_ms))


@pool.command()
@pass_terminal
def workers(terminal: Terminal) -> None:
    """List workers with their hash rate, estimated from accepted work.

    Example: hw pool workers --json
    """
    import dataclasses

    from hashwright.cli.views import workers_table

    overview = _overview(terminal)
    if terminal.is_json:
        listed = [dataclasses.asdict(worker) for worker in overview.workers]
        terminal.document({"window_s": overview.window_s, "kind": "estimated from accepted work", "workers": listed})
    else:
        terminal.table(workers_table(overview.workers, window_s=overview.window_s))


class NothingMatched(HashwrightError):
    """A name or a filter fits nothing."""

    exit_code = EXIT_NOTHING

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, code="HW-708", hint=hint)


def _overview(terminal: Terminal, *, blocks: int = 5) -> "Overview":
    from hashwright.cli.overview import read_overview

    overview = run_async(read_overview(terminal.load_config().data_dir, blocks=blocks))
    if overview.status is None:
        terminal.note("No Hashwright runs; this is history, from the database read only.")
    return overview


async def _ask(data_dir: Any, command: str, **arguments: Any) -> Any:  # noqa: ANN401 (JSON)
    from hashwright.runtime.control import ask

    return await ask(data_dir, command, **arguments)
