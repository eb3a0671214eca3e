"""`hw pool`: destinations, with a node of your own or at somebody else's pool: add, remove, look, and try one."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.terminal import Terminal, clean
from hashwright.errors import EXIT_NOTHING, HashwrightError

if TYPE_CHECKING:
    from hashwright.cli.overview import Overview

PRACTICE_ADDRESSES = {
    "bitcoin": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "litecoin": "rltc1qw508d6qejxtdg4y5r3zarvary0c5xw7k693xs3",
}
"""The key of BIP 173's example, on regtest: everybody knows it, so nobody mistakes practice coins for money."""
PRACTICE_START_BITS = {"bitcoin": 0x1E0FFFFF, "litecoin": 0x1F0FFFFF}
"""Some million hashes of sha256d or 4,096 of scrypt a block at first: a second or two of one processor core."""


@click.group(
    cls=LazyGroup,
    lazy={
        "try": "pool_try:try_",
        "add": "pool_add:add",
        "members": "payouts:members",
        "address": "payouts:address",
        "payouts": "payouts:payouts",
        "payout": "payouts:payout",
        "luck": "payouts:luck",
        "rates": "rates:rates",
        "scheme": "schemes:scheme",
        "reserve": "schemes:reserve",
        "release": "schemes:release",
        "account": "accounts:account",
        "accounts": "accounts:accounts",
    },
)
def pool() -> None:
    """Set up and look at destinations: your own node, or somebody else's pool.

    Example: hw pool try
    """


@pool.command()
@click.argument("name")
@pass_terminal
def remove(terminal: Terminal, name: str) -> None:
    """Remove a destination; its machines are disconnected, its history stays.

    Example: hw pool remove home
    """
    config = terminal.load_config()
    document = run_async(ask_process(config.data_dir, "status"))
    known = [item["destination"] for item in (*document["destinations"], *document["broken"])]
    if name not in known:
        raise NothingMatched(f"There is no destination {name!r}.", f"There are: {', '.join(known) or 'none'}.")
    result = run_async(ask_process(config.data_dir, "pool-remove", name=name))
    if terminal.is_json:
        terminal.document(result)
    else:
        terminal.note(f"Removed {clean(name)}. Its history stays: hw pool blocks")


@pool.command()
@pass_terminal
def status(terminal: Terminal) -> None:
    """Show each destination: own nodes with height, upstreams with their connection, and machines.

    Example: hw pool status
    """
    from hashwright.cli.route_views import upstreams_table
    from hashwright.cli.views import destinations_table

    config = terminal.load_config()
    document = run_async(ask_process(config.data_dir, "status"))
    upstreams = run_async(ask_process(config.data_dir, "route-status"))["upstreams"]
    if terminal.is_json:
        destinations, broken = document["destinations"], document["broken"]
        terminal.document({"destinations": destinations, "upstreams": upstreams, "broken": broken})
        return
    theirs = {item["destination"] for item in upstreams}
    own = [item for item in document["destinations"] if item["destination"] not in theirs]
    if own or not upstreams:
        terminal.table(destinations_table(own))
    if upstreams:
        terminal.line()
        terminal.table(upstreams_table(upstreams, now_ms=document["now"]))
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


async def ask_process(data_dir: Any, command: str, **arguments: Any) -> Any:  # noqa: ANN401 (JSON)
    """Ask the running process."""
    from hashwright.runtime.control import ask

    return await ask(data_dir, command, **arguments)
