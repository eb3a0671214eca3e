"""What the fleet drew when it was last heard, from the database: for the page Energy where no program runs."""

import json
from typing import Final

import msgspec

from hashwright.fleet.events import Reading
from hashwright.store import fleet as rows
from hashwright.store.connection import Connection
from hashwright.web.energy import FleetPower, power_of

DEVICES: Final = "SELECT name, value FROM setting WHERE kind = 'device'"


def stored_power(connection: Connection, *, now: int) -> FleetPower | None:
    """Sum the last readings of machines by group, with the age of the oldest; None where no machine was ever added."""
    settings = {str(name): json.loads(value) for name, value in connection.execute(DEVICES, ())}
    if not settings:
        return None
    readings = rows.read_readings(connection)
    found: list[dict[str, object]] = []
    for name, device in settings.items():
        reading = _reading(readings.get(name))
        group = str(device.get("group") or "")
        watts = None if reading is None or reading.answer != "ok" else reading.power_w
        age = None if reading is None else now - reading.at
        found.append({"group": group, "power_w": watts, "age_ms": age, "troubles": []})
    return power_of(found, at_ms=now, is_live=False)


def _reading(text: str | None) -> Reading | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Reading)
    except msgspec.MsgspecError:  # written by another version
        return None
