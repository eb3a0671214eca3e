"""What machines said last, and what was measured of them, in the database: to be read when nothing runs.

Machines, groups and rules themselves are settings, as everything that a person can change. Watts and hash rates are
whole numbers here; a reading is the JSON text of its record, because it is only ever shown.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hashwright.clock import Instant
from hashwright.store import dialect, migrations
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from sqlalchemy import MetaData

Curve = tuple[tuple[float, float], ...]
UPSERT_READING = (
    "INSERT INTO device_reading VALUES (?, ?, ?) ON CONFLICT (device)"
    " DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body"
)


def add_tables(metadata: "MetaData") -> None:
    """Describe the tables of machines; migration 0010 creates them."""
    from sqlalchemy import Table

    from hashwright.store.ledger_schema import PACKED, text, whole, within

    Table(
        "device_reading",
        metadata,
        text("device", key=True),
        whole("at_ms"),
        text("body"),
        within("at_ms"),
        *dialect.is_json("body"),
        **PACKED,
    )
    Table(
        "device_curve",
        metadata,
        text("device", key=True),
        whole("power_w", key=True),
        whole("hashrate_hs"),
        whole("measured_ms"),
        within("power_w"),
        within("hashrate_hs"),
        within("measured_ms"),
        **PACKED,
    )


def write_readings(connection: Connection, rows: Iterable[tuple[str, Instant, str]]) -> None:
    """Write the last reading of machines: name, time, JSON text."""
    connection.executemany(UPSERT_READING, list(rows))


def read_readings(connection: Connection) -> dict[str, str]:
    """Read the last reading of each machine as JSON text."""
    if not migrations.has(connection, "fleet"):
        return {}
    return dict(connection.execute("SELECT device, body FROM device_reading").fetchall())


def write_curve(connection: Connection, device: str, curve: Curve, *, measured_ms: Instant) -> None:
    """Write what was measured of a machine in place of what was measured before."""
    connection.execute("DELETE FROM device_curve WHERE device = ?", (device,))
    rows = [(device, round(power), round(rate), measured_ms) for power, rate in curve]
    connection.executemany("INSERT INTO device_curve VALUES (?, ?, ?, ?)", rows)


def read_curves(connection: Connection) -> dict[str, Curve]:
    """Read every machine's curve, by power."""
    if not migrations.has(connection, "fleet"):
        return {}
    found: dict[str, list[tuple[float, float]]] = {}
    query = "SELECT device, power_w, hashrate_hs FROM device_curve ORDER BY device, power_w"
    for device, power, rate in connection.execute(query).fetchall():
        found.setdefault(device, []).append((float(power), float(rate)))
    return {device: tuple(curve) for device, curve in found.items()}


def forget(connection: Connection, device: str) -> None:
    """Remove what is known of a machine."""
    connection.execute("DELETE FROM device_reading WHERE device = ?", (device,))
    connection.execute("DELETE FROM device_curve WHERE device = ?", (device,))
