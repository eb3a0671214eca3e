"""Costs in the database, as a person said them."""

from collections.abc import Mapping
from typing import Any

from hashwright.errors import InvariantBroken
from hashwright.ledger.costs import CostSaid, cost_entry, refused
from hashwright.store.connection import Connection
from hashwright.store.ledger import post


def book_cost(connection: Connection, said: Mapping[str, Any], *, now_ms: int) -> dict[str, Any]:
    """Post the entry of a cost within the open transaction; the same again changes nothing.

    Raises:
        OperatorError: it cannot be booked so, or its reference stands there for another cost (HW-651).
    """
    entry = cost_entry(CostSaid(**said), now=now_ms)
    try:
        return {"source": entry.source, "is_new": post(connection, entry)}
    except InvariantBroken as problem:
        raise refused(f"{said['reference']!r} is booked already, with another amount, day or place") from problem
