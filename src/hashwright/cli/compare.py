"""`hw compare`: the group; each comparison is a file of its own."""

from typing import Any

import rich_click as click

from hashwright.cli.command import LazyGroup, pass_terminal
from hashwright.cli.terminal import Terminal

COMPARISONS = {"hardware": "compare_hardware:hardware"}


@click.group(cls=LazyGroup, lazy=COMPARISONS, invoke_without_command=True)
@click.option("--budget", type=float, metavar="MONEY", help="Compare what this may become: mine, buy, rent, contract.")
@click.option("--currency", metavar="CODE", default="USD", show_default=True, help="Currency of the budget.")
@click.option("--rate", type=float, metavar="USD", help="What one unit of the currency is in USD.")
@click.option("--months", type=click.IntRange(1, 60), default=12, show_default=True, help="Months to look ahead.")
@click.option("--coin", metavar="COIN", default="btc", show_default=True, help="Coin to mine or to buy.")
@click.option("--machine", metavar="MODEL", help="Machine; default: the one that promises most.")
@click.option("--machine-price", type=float, metavar="USD", help="What one machine costs.")
@click.option("--power-price", metavar="USD", help="Price of power in USD a kWh (0.08) or in cents (8ct).")
@click.option("--contract", metavar="OFFER.toml", help="A cloud contract, as for hw audit; default: usual terms.")
@click.option("--price-drift", metavar="PERCENT", help="Drift of prices a year, such as +20%; default 0.")
@click.option("--growth", metavar="FACTOR", help="Growth of difficulty a year, such as 2x; default: as the past says.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same scenarios.")
@click.option("--data", metavar="FOLDER", help="Folder of tidy history; default: imported, else statistics.")
@click.option("--html", metavar="FILE", help="Write one self-contained page with charts.")
@pass_terminal
@click.pass_context
def compare(context: click.Context, terminal: Terminal, /, **given: Any) -> None:  # noqa: ANN401 (click's values)
    """Put choices side by side: what a budget may become, or machines.

    Example: hw compare --budget 2000 --currency EUR --months 12
    """
    if context.invoked_subcommand is not None:
        return
    if given["budget"] is None:
        raise click.UsageError(
            "Name a budget (hw compare --budget 2000), or what to compare: hw compare hardware.", context
        )
    from hashwright.cli.compare_budget import run

    run(terminal, given)
