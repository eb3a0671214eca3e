"""`hw compare`: the group; each comparison is a file of its own."""

import rich_click as click

from hashwright.cli.command import LazyGroup

COMPARISONS = {"hardware": "compare_hardware:hardware"}


@click.group(cls=LazyGroup, lazy=COMPARISONS)
def compare() -> None:
    """Put choices side by side.

    Example: hw compare hardware --power-price 0.08
    """
