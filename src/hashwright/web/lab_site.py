"""What a site's file may name in the Lab: plug-ins that reckon, none that read a file or ask a service.

A site is a text of somebody who may only ask. Its plug-ins would read files of this machine or go to addresses that he
chose; the worker forbids the second anyway, and the first would show him what is not his.
"""

import tomllib
from collections.abc import Mapping
from typing import Final

from hashwright.errors import OperatorError

MAY: Final[Mapping[str, frozenset[str]]] = {
    "tariff": frozenset({"flat", "time_of_use"}),
    "export": frozenset({"flat", "time_of_use", "net_metering"}),
    "weather": frozenset({"clear_sky"}),
}


def require_reckoning(text: str) -> None:
    """Refuse a site whose plug-ins reach out; a text that is no TOML is left to the command, which says where.

    Raises:
        OperatorError: a table names a plug-in that reads a file or asks a service (HW-838).
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for place, kinds in MAY.items():
        table = tables.get(place)
        if table is None:
            continue
        kind = table.get("kind") if isinstance(table, dict) else table
        if kind not in kinds:
            raise OperatorError(
                f"[{place}] is {str(kind)[:40]!r}: the Lab reads no file and asks no service for a site.",
                code="HW-838",
                hint=f"Take {' or '.join(sorted(kinds))}, or plan in a terminal: hw plan energy --site FILE.",
            )
