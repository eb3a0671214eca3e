"""`hw pool try`: the whole way of a block, on a practice chain inside this process, in well under a minute."""

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Terminal
from hashwright.errors import TimedOut

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright
    from hashwright.store.base import BlockRecord

ALGORITHMS = {"bitcoin": "sha256d", "litecoin": "scrypt"}
START_DIFFICULTY = {"bitcoin": 2.0**-19, "litecoin": 2.0**-13}
"""Some 8,000 hashes of sha256d, 8 of scrypt: a fraction of a second of one processor core, less than a block."""
LOOK_S = 0.1


@click.command("try", cls=Command)
@click.option("--coin", type=click.Choice(list(ALGORITHMS)), default="bitcoin", show_default=True, help="Whose format.")
@click.option("--max-seconds", type=click.FloatRange(1, 600), default=60.0, show_default=True, help="Give up after.")
@pass_terminal
def try_(terminal: Terminal, coin: str, max_seconds: float) -> None:
    """Mine one PRACTICE block, step by step, and stop.

    Everything is real except the value: the server, a miner on one thread of this computer, a chain with a block's
    real format that judges as strictly as a node. Loopback only, nothing is left behind.

    Example: hw pool try --coin litecoin
    """
    from hashwright.cli.practice import silence_logs

    silence_logs()
    folder = Path(tempfile.mkdtemp(prefix="hw-try-"))
    try:
        document = asyncio.run(_try(terminal, folder, coin, max_seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if terminal.is_json:
        terminal.document(document)
    else:
        terminal.note("Nothing was left behind. Next: hw up, then hw pool add --help")


async def _try(terminal: Terminal, folder: Path, coin: str, max_seconds: float) -> dict[str, Any]:
    from hashwright.cli.practice import practice_app
    from hashwright.runtime.commands import status_of

    app = practice_app(folder, algorithms=(ALGORITHMS[coin],))
    await app.start()
    try:
        async with asyncio.timeout(max_seconds):
            url = status_of(app)["listeners"][0]["url"]
            _step(terminal, f"server runs, machines connect at {url}")
            return await _mine_block(terminal, app, coin, url)
    except TimeoutError as error:
        raise TimedOut(
            f"No block was accepted in {max_seconds:g} s.", code="HW-412", hint="Try again with a larger --max-seconds."
        ) from error
    finally:
        await app.stop()


async def _mine_block(terminal: Terminal, app: "Hashwright", coin: str, url: str) -> dict[str, Any]:
    from hashwright.cli.practice import add_practice
    from hashwright.runtime.commands import status_of
    from hashwright.testing.miner import mine
    from hashwright.testing.talk import MinerEvent, MinerOptions

    await add_practice(app, coin=coin, start_difficulty=START_DIFFICULTY[coin])
    while (destination := status_of(app)["destinations"][0])["height"] is None:  # noqa: ASYNC110 (the status is asked)
        await asyncio.sleep(LOOK_S)
    _step(terminal, f"PRACTICE chain with {coin}'s block format gives a template for height {destination['height']}")
    told: set[str] = set()

    def tell(event: MinerEvent) -> None:
        titles = {
            "connected": "miner connected, on one thread of this computer",
            "job": "miner was sent a job",
            "accepted": "first share was judged, stored durably and accepted",
        }
        if event.kind in titles and event.kind not in told:
            told.add(event.kind)
            _step(terminal, titles[event.kind])

    options = MinerOptions(url=url, user="try.cpu", algorithm=ALGORITHMS[coin])
    # allow task: cancelled and awaited below
    mining = asyncio.ensure_future(mine(options, tell))
    try:
        block = await _wait_for_block(app, mining)
    finally:
        mining.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await mining
    _step(terminal, f"block {block.height} was found by {block.worker}: {block.block_hash}")
    _step(terminal, f"PRACTICE chain took the block: {coins_text(block.reward)} of no value")
    return {"coin": coin, "height": block.height, "block_hash": block.block_hash, "state": block.state, "url": url}


async def _wait_for_block(app: "Hashwright", mining: "asyncio.Future[Any]") -> "BlockRecord":
    """Wait until the books show a block that the chain took."""
    while True:
        if mining.done():
            mining.result()
        blocks = await asyncio.to_thread(app.store.blocks, 100)
        taken = [block for block in blocks if block.state in ("submitted", "confirmed") and block.height is not None]
        if taken:
            return taken[-1]
        await asyncio.sleep(LOOK_S)


def coins_text(reward: int | None) -> str:
    """Write a reward in coins, without ever making a float of it."""
    whole, part = divmod(reward or 0, 10**8)
    return f"{whole}.{part:08d}".rstrip("0").rstrip(".") + " coins"


def _step(terminal: Terminal, text: str) -> None:
    if not terminal.is_json:
        terminal.tick("ok", text)
