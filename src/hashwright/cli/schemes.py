"""`hw pool scheme`, `reserve` and `release`: how a pool divides, what it can promise, and abnormal rewards."""

from typing import Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.overview import time_text
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Table, Terminal


@click.command(cls=Command)
@click.argument("pool")
@pass_terminal
def scheme(terminal: Terminal, pool: str) -> None:
    """Show how a pool divides what it earns: each era that is not over, and the reserve that pays for work.

    Example: hw pool scheme home
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "pool-scheme", pool=pool))
    if terminal.is_json:
        terminal.document(answer)
        return
    cells = tuple(
        (
            str(it["era"]),
            it["scheme"].upper(),
            time_text(it["since_ms"])[:16].replace("T", " "),
            ", ".join(_words(key, value) for key, value in it["settings"].items()),
            "none" if it["window_full"] is None else f"{it['window_full']:.0%}",
            "in force" if it["is_present"] else "its window runs off",
        )
        for it in answer["eras"]
    )
    empty = "No scheme is set: what this pool earns is all the owner's."
    heads = ("era", "scheme", "since (UTC)", "settings", "window", "state")
    terminal.table(Table(heads=heads, rows=cells, empty=empty))
    if answer["reserve"] is not None:
        terminal.line()
        _show_reserve(terminal, answer["reserve"])


@click.command(cls=Command)
@click.argument("pool")
@click.option("--add", metavar="COINS", help="Put coins of the pool's wallet, owed to nobody, into the reserve.")
@click.option("--take", metavar="COINS", help="Take coins out of it; what is promised stays.")
@pass_terminal
def reserve(terminal: Terminal, pool: str, add: str | None, take: str | None) -> None:
    """Show or move the reserve out of which PPS and FPPS pay, and how likely bad luck is to spend it.

    Example: hw pool reserve home --add 12.5
    """
    if add and take:
        raise click.UsageError("Give --add or --take, not both.", click.get_current_context(silent=True))
    arguments = {"pool": pool, "add": add or "", "take": take or ""}
    answer = run_async(ask_process(terminal.load_config().data_dir, "pool-reserve", **arguments))
    if terminal.is_json:
        terminal.document(answer)
    elif answer["reserve"] is None:
        terminal.line(f"{pool} has no reserve and needs none: it pays when it finds a block.")
    else:
        _show_reserve(terminal, answer["reserve"])


@click.command(cls=Command)
@click.argument("pool")
@click.argument("block", default="")
@click.option("--as", "to", type=click.Choice(("members", "owner")), help="Whose it is; the owner can give it back.")
@pass_terminal
def release(terminal: Terminal, pool: str, block: str, to: str | None) -> None:
    """List rewards of more than three times the expected, which are held, or say whose one is.

    Example: hw pool release home 00000000000000000001c1b0... --as members
    """
    if bool(block) != bool(to):
        raise click.UsageError("A block and --as belong together.", click.get_current_context(silent=True))
    arguments = {"pool": pool, "block": block, "to": to or ""}
    answer = run_async(ask_process(terminal.load_config().data_dir, "pool-release", **arguments))
    if terminal.is_json:
        terminal.document(answer)
        return
    if block:
        terminal.line(f"Released to the {to}: hw ledger explain block:{block}:released")
    cells = tuple(
        (str(it["height"]), it["block"], it["reward"], it["currency"], "yes" if it["can_be_released"] else "not yet")
        for it in answer["held"]
    )
    heads = ("height", "block", "reward", "currency", "can be released")
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(("height", "reward")), empty="Nothing is held."))


def _words(key: str, value: int) -> str:
    """Say a setting of a scheme as a person would."""
    words = {
        "fee_ppm": f"fee {value / 10_000:g} %",
        "window_percent": f"window {value / 100:g} blocks",
        "reserve_floor_percent": f"floor {value} % of a block",
    }
    return words.get(key, f"{key} {value}")


def _show_reserve(terminal: Terminal, held: dict[str, Any]) -> None:
    rows = [("it holds", held["reserve"]), ("accepted work not credited yet", held.get("promised"))]
    rows += [("its floor", held.get("floor")), ("free above the floor", held.get("free"))]
    cells = tuple((words, amount, held["currency"]) for words, amount in rows if amount is not None)
    terminal.table(Table(heads=("reserve", "amount", "currency"), rows=cells, right=frozenset(("amount",))))
    if not held["is_accepting"]:
        terminal.note("STOPPED: no work is taken that could not be paid.")
        if "missing" in held:
            terminal.note(f"Fill it: hw pool reserve POOL --add {held['missing']}")
    if (chance := held.get("ruin_probability_est")) is not None and held["is_accepting"]:
        terminal.note(
            f"It bears {held['blocks_free_est']:.1f} blocks of bad luck; chance that luck ever spends it: {chance:.2g}."
        )
