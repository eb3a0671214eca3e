"""The program `hw`: the list of commands, and what becomes of an error.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration, 4 nothing matched, 5 unreachable, 6 safety limit,
7 partly done, 130 interrupted. An error of ours is one line: code, what happened, what to do. A traceback is shown
only with HW_DEBUG=1.
"""

import os
import sys
from typing import NoReturn

import rich_click as click
from rich_click.utils import CommandGroupDict

import hashwright
from hashwright.cli.command import LazyGroup, pass_terminal
from hashwright.cli.terminal import Terminal, error_document, error_lines
from hashwright.errors import EXIT_FAILED, EXIT_INTERRUPTED, HashwrightError

COMMANDS = {
    "demo": "demo:demo",
    "up": "up:up",
    "web": "web:web",
    "status": "status:status",
    "doctor": "doctor:doctor",
    "find": "find:find",
    "fleet": "fleet:fleet",
    "pool": "pool:pool",
    "route": "route:route",
    "autopilot": "autopilot:autopilot",
    "plan": "plan:plan",
    "calc": "calc:calc",
    "compare": "compare:compare",
    "trends": "trends:trends",
    "backtest": "backtest:backtest",
    "audit": "audit:audit",
    "market": "market:market",
    "ledger": "ledger:ledger",
    "miner": "miner:miner",
    "admin": "admin:admin",
    "completion": "completion:completion",
}
SUMMARIES = {
    "demo": "Show everything at work: a PRACTICE chain, two practice miners, the real server.",
    "up": "Run Hashwright in the foreground.",
    "web": "Serve the dashboard and the HTTP interface, until Ctrl-C or SIGTERM.",
    "status": "Show machines, destinations, shares, blocks and alerts.",
    "doctor": "Check clock, ports, disk, database, nodes, pools, addresses, routes and the certificate.",
    "find": "Look for mining machines on your networks: each is shown when it answers.",
    "fleet": "Look at machines and command them.",
    "pool": "Set up and look at destinations: your own node, or somebody else's pool.",
    "route": "Split machines between destinations, below one machine too, and see what each really got.",
    "autopilot": "Let the route follow what pays, within your limits.",
    "plan": "Plan what each machine does next, and say why.",
    "calc": "Tell what a machine earns on a coin now, and whether it pays.",
    "compare": "Put choices side by side: what a budget may become, or machines.",
    "trends": "Show what became of each coin, what comes next, and what changed in the choice of what to mine.",
    "backtest": "Walk policies through history with the same decisions as a plan.",
    "audit": "Audit an offer of cloud mining or hosting, from a file or from flags.",
    "market": "Buy and sell hash power: an order is one more destination, paid by accepted work.",
    "ledger": "Read the books: balances, days, single entries, proof, exports.",
    "miner": "Mine with this computer's processor, for tests and practice.",
    "admin": "Look after an instance: settings, backup, restore, proof.",
    "completion": "Print the completion script of a shell.",
}
"""The first sentence of each command, so that `hw --help` imports none of them; a test compares."""
PANELS: list[CommandGroupDict] = [
    {"name": "Start", "commands": ["demo", "up", "web"]},
    {"name": "Look", "commands": ["status", "find", "ledger", "doctor"]},
    {"name": "Decide", "commands": ["plan", "autopilot", "backtest", "calc", "compare", "audit", "trends"]},
    {"name": "Mine", "commands": ["pool", "route", "fleet", "market", "miner"]},
    {"name": "Care", "commands": ["admin", "completion"]},
]


def _set_help_style() -> None:
    style = click.rich_click
    style.COMMAND_GROUPS = {"hw": PANELS, "hashwright": PANELS}
    style.TEXT_MARKUP = "ansi"  # help texts are texts: no brackets of theirs are markup
    style.STYLE_COMMANDS_TABLE_SHOW_LINES = False
    style.STYLE_OPTIONS_PANEL_BORDER = style.STYLE_COMMANDS_PANEL_BORDER = "dim"
    style.TEXT_PARAGRAPH_LINEBREAKS = "\n\n"
    style.MAX_WIDTH = 100
    style.SHOW_ARGUMENTS = True


_set_help_style()


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    summaries=SUMMARIES,
    is_root=True,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(hashwright.__version__, prog_name="hashwright", message="%(prog)s %(version)s")
@pass_terminal
@click.pass_context
def cli(context: click.Context, terminal: Terminal) -> None:
    """One address for every mining machine: your own node and other pools, in the shares you set.

    `hw` alone shows the state and what to do next. The global flags may stand before or after a command.

    Example: hw demo
    """
    if context.invoked_subcommand is None:
        from hashwright.cli.status import show_short_status

        show_short_status(terminal)


def main() -> NoReturn:
    """Run the program and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; every error becomes a line and an exit code."""
    terminal = Terminal()
    try:
        # `sys.exit(code)` inside a command arrives as SystemExit; click's own exits arrive as the return value.
        result = cli.main(arguments, prog_name="hw", obj=terminal, standalone_mode=False)
    except HashwrightError as error:
        return _tell_error(terminal, error)
    except click.ClickException as error:
        return _tell_usage(terminal, error)
    except (KeyboardInterrupt, click.Abort):
        print("Interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:
        return _tell_fault(terminal, error)
    return result if isinstance(result, int) else 0


def _tell_error(terminal: Terminal, error: HashwrightError) -> int:
    if os.environ.get("HW_DEBUG"):
        raise error
    if terminal.is_json:
        terminal.document(error_document(error))
    _print_error(terminal, error_lines(error))
    return error.exit_code


def _tell_usage(terminal: Terminal, error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    lines = [error.format_message()]
    if context is not None:
        lines.append(f"See: {context.command_path} --help")
    _print_error(terminal, lines)
    return error.exit_code


def _tell_fault(terminal: Terminal, error: Exception) -> int:
    """Name a fault of ours in one line: nobody can act on a traceback, but anybody can report this."""
    if os.environ.get("HW_DEBUG"):
        raise error
    ours = HashwrightError(
        f"Hashwright itself failed: {type(error).__name__}: {error}",
        code="HW-901",
        hint="Please report this; HW_DEBUG=1 shows where it happened.",
    )
    return _tell_error(terminal, ours)


def _print_error(terminal: Terminal, lines: list[str]) -> None:
    from rich.text import Text

    console = terminal.console(stderr=True)
    for line in lines:
        head, space, rest = line.partition(" ")
        is_code = head.startswith("HW-")
        console.print(Text.assemble((head, "bold red" if is_code else ""), space, rest))


if __name__ == "__main__":
    main()
