"""Decisions of the autopilot as documents: for `hw autopilot`, for the control socket, and for the web.

    listed(connection, ...)      newest first, a page at a time; each with what became of it, where that is known
    explained(connection, ...)   one, with all that it knew, thought again: is the answer the same?
    learned(connection, ...)     the factors, and what they rest on

All of it is read from the database, so that it can be read while nothing runs. Money is estimated USD.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from hashwright.errors import EXIT_NOTHING, OperatorError
from hashwright.planner.autopilot import Seen, Thought, think
from hashwright.runtime import autopilot_learning as learning
from hashwright.runtime.autopilot_settings import AutopilotSettings
from hashwright.runtime.autopilot_sight import Memory, remember
from hashwright.store import decisions, outcomes
from hashwright.store.connection import Connection
from hashwright.store.decisions import DecisionRow
from hashwright.store.outcomes import OutcomeRow

PAGE_MAX: Final = 1000
Think = Callable[[Seen], Thought]


def document_of(row: DecisionRow, outcome: OutcomeRow | None = None) -> dict[str, Any]:
    """Return a kept turn as a document; money in it is estimated USD a day, in `outcome` USD of its span."""
    return {
        "number": row.id,
        "at_ms": row.at_ms,
        "algorithm": row.algorithm,
        "mode": row.mode,
        "state": row.state,
        "note": row.note,
        "seen": msgspec.json.decode(row.seen),
        "thought": msgspec.json.decode(row.thought),
        "outcome": None if outcome is None else _outcome(outcome),
    }


def _outcome(row: OutcomeRow) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(row.body)
    return {"until_ms": row.until_ms, **body}


def brief_of(row: DecisionRow, outcome: OutcomeRow | None = None) -> dict[str, Any]:
    """Return a kept turn without all that it saw: for lists."""
    seen = msgspec.json.decode(row.seen, type=Seen)
    thought = msgspec.json.decode(row.thought, type=Thought | None)
    became = None if outcome is None else msgspec.json.decode(outcome.body, type=learning.Outcome)
    return {
        "number": row.id,
        "at_ms": row.at_ms,
        "algorithm": row.algorithm,
        "mode": row.mode,
        "state": row.state,
        "note": row.note,
        "cause": seen.cause,
        "parts": {} if thought is None else thought.parts,
        "weights": {} if thought is None else thought.weights,
        "verdict": "" if thought is None else thought.verdict,
        "is_loss": False if thought is None else thought.is_loss,
        "why": "" if thought is None else thought.why,
        "reasons": [] if thought is None else list(thought.reasons),
        "bound": [] if thought is None else list(thought.bound),
        "left_out": [] if thought is None else list(thought.left_out),
        "expected_usd_day_est": None if thought is None else thought.expected_usd_day,
        "gain_usd_day_est": None if thought is None else thought.gain_usd_day,
        "second": "" if thought is None else thought.second,
        "second_short_usd_day_est": None if thought is None or not thought.second else thought.second_usd_day,
        "seconds": None if became is None else became.seconds,
        "span_expected_usd_est": None if became is None else became.expected_usd,
        "span_earned_usd_est": None if became is None else became.earned_usd,
        "span_paper_earned_usd_est": None if became is None else became.paper_earned_usd,
    }


def listed(
    connection: Connection, *, algorithm: str = "", before: int | None = None, limit: int = 100
) -> dict[str, Any]:
    """Return a page of decisions, newest first; `next` is the `before` of the next page, None at the end."""
    rows = decisions.page(connection, algorithm=algorithm, before=before, limit=min(max(limit, 1), PAGE_MAX) + 1)
    shown, more = rows[:limit], rows[limit:]
    found = outcomes_of(connection, shown)
    return {
        "decisions": [brief_of(row, found.get(row.id)) for row in shown],
        "next": shown[-1].id if more else None,
    }


def outcomes_of(connection: Connection, rows: list[DecisionRow]) -> dict[int, OutcomeRow]:
    """Return what became of decisions, by their numbers."""
    numbers = [row.id for row in rows]
    return outcomes.between(connection, min(numbers), max(numbers)) if numbers else {}


# ---------------------------------------------------------------- one decision


def found_row(connection: Connection, which: int | None, *, algorithm: str, at_ms: int = 0) -> DecisionRow:
    """Read a decision by its number, or the last one of an algorithm before a moment.

    Raises:
        OperatorError: there is none (HW-774).
    """
    row = decisions.numbered(connection, which) if which is not None else decisions.at(connection, algorithm, at_ms)
    if row is None:
        words = (
            f"There is no decision {which}." if which is not None else f"No decision of {algorithm} is kept by then."
        )
        error = OperatorError(words, code="HW-774", hint="hw autopilot decisions lists them.")
        error.exit_code = EXIT_NOTHING
        raise error
    return row


def explained(connection: Connection, row: DecisionRow, *, think_again: Think = think) -> dict[str, Any]:
    """Return a kept decision with its thought repeated: is the answer the same?"""
    again = None if row.thought == "null" else think_again(msgspec.json.decode(row.seen, type=Seen))
    return repeated(row, again, outcomes_of(connection, [row]).get(row.id))


def repeated(row: DecisionRow, again: Thought | None, outcome: OutcomeRow | None) -> dict[str, Any]:
    """Return a kept decision beside what is thought today; what an older program did not say is not compared."""
    document = document_of(row, outcome)
    is_repeated = None
    if again is not None:
        answer = msgspec.json.decode(msgspec.json.encode(again))
        is_repeated = {name: answer.get(name) for name in document["thought"]} == document["thought"]
    return document | {"is_repeated": is_repeated}


# ---------------------------------------------------------------- what was learned


def learned(connection: Connection, settings: AutopilotSettings, names: list[str], *, now: int) -> dict[str, Any]:
    """Return the factors of an algorithm and what they rest on."""
    memory = Memory()
    remember(connection, settings, names, memory, now=now)
    return learning.document_of(settings.algorithm, memory.learning, hold_days=settings.hold_days)


def learned_of_all(connection: Connection, stored: dict[str, dict[str, Any]], *, now: int) -> list[dict[str, Any]]:
    """Return what was learned for each stored autopilot; destinations are those that its last decision saw."""
    from hashwright.runtime.autopilot_settings import parse_autopilot

    found = []
    for name, raw in sorted(stored.items()):
        last = decisions.page(connection, algorithm=name, limit=1)
        seen = msgspec.json.decode(last[0].seen, type=Seen) if last else None
        names = [] if seen is None else [way.destination for way in seen.ways if way.kind == "pool"]
        found.append(learned(connection, parse_autopilot(raw), names, now=now))
    return found
