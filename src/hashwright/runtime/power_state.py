"""A site's power autopilot as pages and commands show it, from the running program and from the database alone.

Both ways give the same names: what only a running program knows is null, or empty, in what is stored.
"""

import json
from typing import Any, Final

import msgspec

from hashwright.energy.battery_control import words_of
from hashwright.planner.power_outcome import PowerOutcome
from hashwright.planner.power_outcome import document_of as outcome_document
from hashwright.runtime.battery import KeptOrder
from hashwright.runtime.power_outcome import earned_document
from hashwright.runtime.power_settings import KIND, PowerSettings
from hashwright.store import power as rows
from hashwright.store import power_battery as kept
from hashwright.store.connection import Connection
from hashwright.store.power import PowerTurnRow

TURNS_SHOWN: Final = 24
ORDERS_SHOWN: Final = 20
STORED_SETTINGS: Final = "SELECT name, value FROM setting WHERE kind = ? ORDER BY name"


def settings_document(settings: PowerSettings) -> dict[str, Any]:
    """Return settings with every value named."""
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


def summary_of(row: PowerTurnRow) -> dict[str, Any]:
    """Return a kept turn without what it saw and thought."""
    return {
        "number": row.id,
        "at_ms": row.at_ms,
        "name": row.name,
        "mode": row.mode,
        "state": row.state,
        "note": row.note,
    }


def document_of(row: PowerTurnRow) -> dict[str, Any]:
    """Return a kept turn as a document; money in it is estimated, in the site's currency."""
    thought = msgspec.json.decode(row.thought)
    return summary_of(row) | {
        "seen": msgspec.json.decode(row.seen),
        "thought": thought,
        "gain": None if thought is None else thought["value"] - thought["value_always"],
    }


def history_of(connection: Connection, name: str, *, now: int) -> dict[str, Any]:
    """Return what is kept of a site: its last turns and what became of them, its battery's orders, what it earned."""
    turns = rows.briefs(connection, name, limit=TURNS_SHOWN)
    outcomes = outcomes_by_turn(connection, name, since_ms=turns[-1]["at_ms"] if turns else now)
    return {
        "turns": [it | {"outcome": outcomes.get(it["number"])} for it in turns],
        "earned": earned_document(connection, name, now=now),
        "battery_orders": orders_document(connection, name),
    }


def outcomes_by_turn(connection: Connection, name: str, *, since_ms: int) -> dict[int, dict[str, Any]]:
    """Return what became of turns since a moment, by their numbers."""
    found = kept.outcomes_since(connection, since_ms, name=name)
    return {it.turn: outcome_document(msgspec.json.decode(it.body, type=PowerOutcome)) for it in found}


def orders_document(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Return what a battery was told last and answered, newest first; an order that was repeated stands once."""
    answer: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    for row in kept.events_of(connection, name, limit=ORDERS_SHOWN * 20):
        body = json.loads(row.body)
        if row.kind == "answer":
            answer = body
            continue
        if row.kind == "trouble":
            found.append({"at_ms": row.at_ms, "kind": "trouble", "turn": 0, "words": f"{body['code']} {body['text']}"})
            continue
        order = _order_document(row.at_ms, row.body, answer)
        answer = {}
        if found and found[-1]["kind"] == "order" and found[-1]["words"] == order["words"]:
            found[-1] |= {"at_ms": row.at_ms, "times": found[-1]["times"] + 1}
        else:
            found.append(order)
    return found[:ORDERS_SHOWN]


def _order_document(at_ms: int, body: str, answer: dict[str, Any]) -> dict[str, Any]:
    it = msgspec.json.decode(body, type=KeptOrder)
    return {
        "at_ms": at_ms,
        "kind": "order",
        "turn": it.order.turn,
        "action": it.order.action,
        "watts": it.order.watts,
        "words": words_of(it.order),
        "reason": it.order.reason,
        "level": None if it.considered is None else it.considered.level,
        "answer": answer.get("answer", ""),
        "detail": answer.get("detail", ""),
        "times": 1,
        "is_repeated": it.is_repeated,
    }


def orders_of_turn(connection: Connection, number: int) -> list[dict[str, Any]]:
    """Return what a turn's plan told its battery, oldest first, each decided again."""
    found: list[dict[str, Any]] = []
    for row in kept.events_of_turn(connection, number):
        if row.kind == "order":
            found.append(_order_document(row.at_ms, row.body, {}))
        elif row.kind == "answer" and found:
            found[-1] |= {name: json.loads(row.body).get(name, "") for name in ("answer", "detail")}
    return found


def stored_states(connection: Connection, *, now: int) -> list[dict[str, Any]]:
    """Read each site as it was left, for who looks when nothing runs: settings, last plan and turns."""
    settings = {str(name): json.loads(value) for name, value in connection.execute(STORED_SETTINGS, (KIND,))}
    found = []
    for name in sorted({*rows.names(connection), *settings}):
        row, brief = rows.last_thought(connection, name), rows.briefs(connection, name, limit=1)
        found.append(
            {
                "name": name,
                "settings": None if name not in settings else {"mode": "dry-run", "is_paused": False} | settings[name],
                "banner": "",
                "next_at_ms": 0,
                "fleet_is_live": False,
                "driven_by": None,
                "battery": None,
                "last": brief[0] if brief else None,
                "plan": None if row is None else document_of(row),
                "is_stored": True,
                "stored_ms": brief[0]["at_ms"] if brief else None,
            }
            | history_of(connection, name, now=brief[0]["at_ms"] if brief else now)
        )
    return found
