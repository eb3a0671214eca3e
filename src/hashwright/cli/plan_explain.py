"""`hw plan --explain TIME`: what was planned and what the autopilot decided by then, in one command."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hashwright.cli.autopilot_views import show_explained
from hashwright.cli.plan_parts import moment_ms
from hashwright.cli.terminal import Terminal
from hashwright.errors import HashwrightError, OperatorError

if TYPE_CHECKING:
    from hashwright.cli.documents_plan import PlanDocument
    from hashwright.store.connection import Connection


def explain(
    terminal: Terminal,
    text: str,
    *,
    now_ms: int,
    stored: Callable[[Terminal, str], "PlanDocument"],
    show: Callable[[Terminal, "PlanDocument"], None],
) -> None:
    """Show the plan of a time, and the last decision of each autopilot by then, thought again.

    Raises:
        OperatorError: there is neither (HW-828).
    """
    import msgspec

    found = decisions_by(terminal, moment_ms(text, now_ms))
    plan = None
    try:
        plan = stored(terminal, text)
    except OperatorError as error:
        if not found:
            raise
        terminal.note(error.message)
    if terminal.is_json:
        terminal.document({"plan": msgspec.to_builtins(plan), "decisions": found})
        return
    if plan is not None:
        show(terminal, plan)
    for document in found:
        terminal.line()
        terminal.line(f"The autopilot of {document['algorithm']} ({document['mode']}) by then:")
        show_explained(terminal, document)


def decisions_by(terminal: Terminal, at_ms: int) -> list[dict[str, Any]]:
    """Return the last decision of each autopilot by a moment; none where no data folder is there yet."""
    from hashwright.cli.ledger import read_books

    def ask(connection: "Connection") -> list[dict[str, Any]]:
        from hashwright.runtime import autopilot_views as views
        from hashwright.store import decisions

        rows = [decisions.at(connection, name, at_ms) for name in decisions.algorithms(connection)]
        return [views.explained(connection, row) for row in rows if row is not None]

    try:
        found: list[dict[str, Any]] = read_books(terminal, ask)
    except HashwrightError:  # nothing was ever started here: plans are kept all the same
        return []
    return found
