"""`hw miner`: the reference miner, in the foreground and under its own name."""

import dataclasses
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.terminal import Terminal, clean

if TYPE_CHECKING:
    from hashwright.testing.talk import MinerEvent, MinerOptions


@click.command(cls=Command)
@click.option("--url", required=True, metavar="URL", help="The Stratum server: stratum+tcp://HOST:PORT.")
@click.option(
    "--user", required=True, metavar="ACCOUNT.RIG", help="Who mines: account, dot, rig; for randomx also ADDRESS.RIG."
)
@click.option("--password", default="x", show_default=True, help="x, or options such as d=1024.")
@click.option(
    "--algo",
    "algorithm",
    type=click.Choice(["sha256d", "scrypt", "randomx"]),
    default="sha256d",
    show_default=True,
    help="Hash.",
)
@click.option("--max-seconds", type=click.FloatRange(min=0), default=0.0, help="End after so many seconds.")
@click.option("--max-shares", type=click.IntRange(min=0), default=0, help="End after so many accepted shares.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Search threads.")
@pass_terminal
def miner(terminal: Terminal, /, **flags: Any) -> None:  # noqa: ANN401 (the options of `MinerOptions`)
    """Mine with this computer's processor, for tests and practice.

    It earns nothing worth its power. It stays in the foreground, under its own name, and says what it does: it is made
    for your own machine and nobody else's. Ctrl-C ends it.

    Example: hw miner --url stratum+tcp://127.0.0.1:3333 --user kai.r01 --max-seconds 60

    Example: hw miner --algo randomx --url stratum+tcp://127.0.0.1:3337 --user kai.r01 --max-shares 3
    """
    from hashwright.testing.talk import MinerOptions

    options = MinerOptions(**flags)
    end = f"for {options.max_seconds:g} s" if options.max_seconds else "until Ctrl-C"
    threads = f"{options.threads} thread{'s' * (options.threads > 1)} of this computer"
    who = f"as {clean(options.user)} at {clean(options.url)}"
    click.echo(f"Mining {options.algorithm} on {threads}, {end}, {who}.", err=True)  # also with --quiet: it never hides
    _run(terminal, options)


def _run(terminal: Terminal, options: "MinerOptions") -> None:
    from hashwright.testing.blob_miner import BlobMiner
    from hashwright.testing.miner import Miner
    from hashwright.units import hashrate_text

    def tell(event: "MinerEvent") -> None:
        if event.kind != "accepted" or not terminal.is_quiet:
            terminal.note(f"{event.kind:<10} {clean(event.text)}")

    work = BlobMiner(options, tell) if options.algorithm == "randomx" else Miner(options, tell)
    try:
        run_async(work.run())
    except KeyboardInterrupt:
        work.summary.reason = "interrupted"
    summary = work.summary
    if terminal.is_json:
        terminal.document(dataclasses.asdict(summary))
        return
    rate = summary.hashes / summary.seconds if summary.seconds else 0.0
    terminal.line(
        f"{summary.accepted} shares accepted, {summary.rejected} rejected in {summary.seconds:.0f} s, "
        f"{hashrate_text(rate)} (measured); ended: {clean(summary.reason)}"
    )
