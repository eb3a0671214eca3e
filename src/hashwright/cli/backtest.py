"""`hw backtest`: what would have happened."""

import rich_click as click

from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Terminal


@click.command(cls=Command)
@click.option("--site", metavar="FILE", required=True, help="A site's file (TOML).")
@click.option("--data", metavar="FOLDER", required=True, help="Folder of recorded prices and coins.")
@click.option("--from", "first", metavar="DAY", help="First day (UTC), such as 2024-01-01.")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="How many days.")
@click.option("--policy", "policies", multiple=True, metavar="NAME", help="May be repeated; default: all.")
@pass_terminal
def backtest(
    terminal: Terminal, /, site: str, data: str, first: str | None, days: int, policies: tuple[str, ...]
) -> None:
    """Walk a site through recorded days: the planner beside simple rules, and beside perfect foresight.

    Example: hw backtest --site docs/examples/farm.toml --data ./data --from 2024-03-01 --days 14
    """
    from hashwright.cli.energy_walk import walk_site

    walk_site(terminal, site=site, data=data, first=first, days=days, policies=policies)
