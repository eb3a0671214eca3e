"""The base of every command: the global flags before or after it, and groups that import a command when it is used."""

import importlib
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import click as plain_click
import rich_click as click

from hashwright.cli.terminal import Terminal

T = TypeVar("T")
HELP_COLUMNS = 100
pass_terminal = click.make_pass_decorator(Terminal, ensure=True)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. asyncio is imported here, not by each command: `hw --help` needs none of it."""
    import asyncio

    return asyncio.run(work)


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Note a global flag wherever it stands; one that was not given changes nothing."""
    if value not in (None, False):
        setattr(context.ensure_object(Terminal), str(parameter.name), value)


def global_options(*, is_hidden: bool) -> list[click.Parameter]:
    """Return the flags of every command, made anew for each."""

    def option(*names: str, help: str, metavar: str | None = None) -> click.Option:
        return click.Option(
            names, help=help, metavar=metavar, is_flag=metavar is None, hidden=is_hidden, expose_value=False,
            callback=_remember, default=None if metavar else False,
        )  # fmt: skip

    return [
        option("--data-dir", "data_dir", metavar="FOLDER", help="Folder of the database and the control socket."),
        option("--config", "config", metavar="FILE", help="Settings file (TOML) instead of ~/.config/hw/hw.toml."),
        option("--json", "is_json", help="Write one JSON document."),
        option("--plain", "is_plain", help="Write plain lines: no colour, no drawing, columns by tabs."),
        option("--quiet", "is_quiet", help="Write data and errors only."),
        option("--no-color", "no_color", help="Write without colour; NO_COLOR=1 does the same."),
    ]


def wants_plain_help(context: plain_click.Context) -> bool:
    """Tell whether help is drawn for a person at a terminal, or plain lines, without the cost of drawing."""
    return not sys.stdout.isatty() or context.ensure_object(Terminal).is_plain


def plain_help(command: plain_click.Command, context: plain_click.Context) -> str:
    """Return help as click alone would write it."""
    formatter = plain_click.HelpFormatter(width=HELP_COLUMNS)
    plain_click.Command.format_usage(command, context, formatter)
    plain_click.Command.format_help_text(command, context, formatter)
    plain_click.Command.format_options(command, context, formatter)
    if isinstance(command, plain_click.Group):
        plain_click.Group.format_commands(command, context, formatter)
    return formatter.getvalue().rstrip("\n")


class Command(click.RichCommand):
    """A command that also takes the global flags."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (click's own)
        super().__init__(*args, **kwargs)
        self.params.extend(global_options(is_hidden=True))

    def get_help(self, ctx: plain_click.Context) -> str:
        """Return the help text."""
        return plain_help(self, ctx) if wants_plain_help(ctx) else super().get_help(ctx)


class LazyGroup(click.RichGroup):
    """A group whose commands are imported when they are asked for.

    `lazy` maps a command's name to `module:attribute`. The modules are light; what is heavy they import when they run.
    `summaries` are first sentences of commands: with them the group's own help imports no command at all.
    """

    command_class = Command

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 (click's own)
        lazy: dict[str, str] | None = None,
        summaries: dict[str, str] | None = None,
        is_root: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}
        self.summaries = summaries or {}
        self._is_listing = False
        self.params.extend(global_options(is_hidden=not is_root))

    def get_help(self, ctx: plain_click.Context) -> str:
        """Return the help text."""
        self._is_listing = True
        try:
            return plain_help(self, ctx) if wants_plain_help(ctx) else super().get_help(ctx)
        finally:
            self._is_listing = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which a person meets them."""
        return [*self.lazy, *(name for name in self.commands if name not in self.lazy)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; for a list of commands only its name and summary are needed."""
        if self._is_listing and cmd_name in self.summaries:
            return click.RichCommand(name=cmd_name, help=self.summaries[cmd_name])
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"hashwright.cli.{module}"), attribute)
        return command
