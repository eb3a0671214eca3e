"""`hw completion`: what a shell needs to complete commands and options."""

import rich_click as click

from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Terminal


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_terminal
def completion(terminal: Terminal, shell: str) -> None:
    """Print the completion script of a shell.

    Example: hw completion bash >> ~/.bashrc
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    from hashwright.cli.main import cli

    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    template = kind(cli, {}, "hw", "_HW_COMPLETE")
    terminal.line(template.source_template % template.source_vars())
