"""`hw plan`: what machines will do."""

import rich_click as click

from hashwright.cli.command import LazyGroup


@click.group(cls=LazyGroup, lazy={"energy": "energy:energy"})
def plan() -> None:
    """Plan what machines do in the next hours. Nothing is switched by a plan alone.

    Example: hw plan energy --site docs/examples/home.toml
    """
