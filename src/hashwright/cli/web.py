"""`hw web`: the web in the foreground. It is a process of its own, so this one becomes it."""

import os

import rich_click as click

from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Terminal


@click.command(cls=Command)
@click.option("--listen", metavar="HOST:PORT", help="Where pages are served. [127.0.0.1:8080]")
@click.option("--new-link", is_flag=True, help="Print a new one-time link that sets an owner's password.")
@pass_terminal
def web(terminal: Terminal, listen: str | None, new_link: bool) -> None:
    """Serve the dashboard and the HTTP interface, until Ctrl-C or SIGTERM.

    The first start prints a one-time link that sets the owner's password. It shows what the running program says, and
    history where none runs. Pages are served on this computer only until you name another address.

    Example: hw web --listen 192.168.1.20:8080
    """
    from hashwright.runtime.web_process import COMMAND, NEW_LINK, environment_of

    config = terminal.load_config(web_listen=listen)
    arguments = [*COMMAND, *([NEW_LINK] if new_link else [])]
    os.execve(COMMAND[0], arguments, environment_of(config))  # noqa: S606 (our own interpreter, no shell)
