"""`hw doctor`: what must hold before machines connect; each cross comes with what to do about it."""

from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.terminal import Terminal
from hashwright.errors import EXIT_FAILED

if TYPE_CHECKING:
    from hashwright.cli.checkup import Section


@click.command(cls=Command)
@pass_terminal
def doctor(terminal: Terminal) -> None:
    """Check clock, ports, disk, database, nodes, pools, addresses, routes and the certificate.

    Changes nothing. Each cross comes with its fix; exit 1 when there is one.

    Example: hw doctor
    """
    from hashwright.cli.checkup import examine

    sections = run_async(examine(terminal.load_config()))
    checks = [check for section in sections for check in section.checks]
    failed = [check for check in checks if check.state == "failed"]
    if terminal.is_json:
        import msgspec

        terminal.document({"healthy": not failed, "sections": msgspec.to_builtins(sections)})
    else:
        _show(terminal, sections)
        warned = sum(check.state == "warning" for check in checks)
        terminal.line()
        terminal.line(f"{len(checks)} checks: {len(failed)} failed, {warned} with a warning.")
    if failed:
        raise Exit(EXIT_FAILED)


def _show(terminal: Terminal, sections: "list[Section]") -> None:
    for section in sections:
        terminal.line()
        terminal.line(section.title)
        for check in section.checks:
            terminal.tick(check.state, check.title + (f" ({check.code})" if check.code else ""), check.fix)
