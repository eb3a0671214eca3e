"""What each machine did over time, thinned: means of five minutes for two days, means of an hour for ninety days.

A row is the chunk of one machine: its points of an hour, or those of a day. So a point costs 15 bytes and its share of
a row, reading one machine touches a few dozen rows, and what is too old goes chunk by chunk. Chunks begin with their
span's hour or day, so that all that is written together stands together.

The numbers are for looking at, never for money: half and single precision, and unknown is not zero.
"""

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hashwright.store import migrations
from hashwright.store.connection import Connection

_POINT: Final = struct.Struct("<Beeeff")
"""Place in the chunk, temperature [deg C], power [kW], refused part, own word and accepted work [H/s]."""
_HALF_MAX: Final = 65_504.0
"""The largest number of half precision (IEEE 754)."""
UPSERT: Final = (
    "INSERT INTO machine_history VALUES (?, ?, ?, ?) ON CONFLICT (span_s, begin_s, machine)"
    " DO UPDATE SET body = excluded.body"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grain:
    """How fine points are [s], how long the chunk of a row is [s], and how long it is kept [s]."""

    span_s: int
    chunk_s: int
    kept_s: int

    def chunk_of(self, at_s: int) -> int:
        """Return when the chunk of a moment begins [s]."""
        return at_s // self.chunk_s * self.chunk_s

    def span_of(self, at_s: int) -> int:
        """Return when the span of a moment begins [s]."""
        return at_s // self.span_s * self.span_s


FINE: Final = Grain(span_s=300, chunk_s=3_600, kept_s=48 * 3_600)
COARSE: Final = Grain(span_s=3_600, chunk_s=86_400, kept_s=90 * 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a machine did over the span that begins at `at_s`: means; what nobody told is None."""

    at_s: int
    temperature_c: float | None = None
    power_w: float | None = None
    refused_part: float | None = None
    said_hs: float | None = None
    credited_hs: float | None = None


# ---------------------------------------------------------------- one chunk


def packed(point: Point, grain: Grain) -> bytes:
    """Write a point as it stands in its chunk."""
    place = (point.at_s - grain.chunk_of(point.at_s)) // grain.span_s
    power = point.power_w
    return _POINT.pack(
        place,
        _half(point.temperature_c),
        _half(None if power is None else power / 1000),
        _half(point.refused_part),
        _single(point.said_hs),
        _single(point.credited_hs),
    )


def unpacked(body: bytes, begin_s: int, grain: Grain) -> list[Point]:
    """Read a chunk, oldest first; of two points of one span the later one counts, and half a point does not."""
    found = {}
    for place, temperature, power, refused, said, credited in _POINT.iter_unpack(
        body[: len(body) // _POINT.size * _POINT.size]
    ):
        at_s = begin_s + place * grain.span_s
        watts = _known(power)
        found[at_s] = Point(
            at_s=at_s,
            temperature_c=_known(temperature),
            power_w=None if watts is None else watts * 1000,
            refused_part=_known(refused),
            said_hs=_known(said),
            credited_hs=_known(credited),
        )
    return [found[at_s] for at_s in sorted(found)]


def places(body: bytes) -> set[int]:
    """Return which places of a chunk are taken."""
    return set(body[:: _POINT.size])


def mean_of(points: Iterable[Point], at_s: int) -> Point:
    """Return the mean of points as one; each number over those points that know it."""
    all_ = list(points)

    def mean(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    return Point(
        at_s=at_s,
        temperature_c=mean(it.temperature_c for it in all_),
        power_w=mean(it.power_w for it in all_),
        refused_part=mean(it.refused_part for it in all_),
        said_hs=mean(it.said_hs for it in all_),
        credited_hs=mean(it.credited_hs for it in all_),
    )


def _half(value: float | None) -> float:
    return math.nan if value is None else max(-_HALF_MAX, min(value, _HALF_MAX))


def _single(value: float | None) -> float:
    return math.nan if value is None else min(value, 3e38)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


# ---------------------------------------------------------------- the table


def write(connection: Connection, grain: Grain, begin_s: int, bodies: Iterable[tuple[str, bytes]]) -> None:
    """Write chunks that begin at one moment, in place of what stood there: machine and body."""
    connection.executemany(UPSERT, [(grain.span_s, begin_s, machine, body) for machine, body in bodies])


def read_chunks(connection: Connection, grain: Grain, begin_s: int) -> dict[str, bytes]:
    """Read the chunks of all machines that begin at one moment."""
    query = "SELECT machine, body FROM machine_history WHERE span_s = ? AND begin_s = ?"
    return {str(machine): bytes(body) for machine, body in connection.execute(query, (grain.span_s, begin_s))}


def read_machine(connection: Connection, machine: str, grain: Grain, *, since_s: int, until_s: int) -> list[Point]:
    """Read the points of one machine from a moment to before another, oldest first."""
    if not migrations.has(connection, "machine_history"):
        return []
    begins = range(grain.chunk_of(since_s), until_s, grain.chunk_s)
    marks = ", ".join("?" * len(begins))
    query = (
        "SELECT begin_s, body FROM machine_history"  # noqa: S608 (question marks)
        f" WHERE span_s = ? AND machine = ? AND begin_s IN ({marks}) ORDER BY begin_s"
    )
    rows = connection.execute(query, (grain.span_s, machine, *begins)).fetchall() if begins else []
    points = [point for begin_s, body in rows for point in unpacked(bytes(body), int(begin_s), grain)]
    return [it for it in points if since_s <= it.at_s < until_s]


def begins_after(connection: Connection, grain: Grain, after_s: int) -> int | None:
    """Return the first beginning of a chunk after a moment."""
    query = "SELECT min(begin_s) FROM machine_history WHERE span_s = ? AND begin_s > ?"
    row: tuple[int | None] = connection.execute(query, (grain.span_s, after_s)).fetchone()
    return row[0]


def newest_chunk(connection: Connection, grain: Grain) -> int | None:
    """Return when the newest chunk begins."""
    query = "SELECT max(begin_s) FROM machine_history WHERE span_s = ?"
    row: tuple[int | None] = connection.execute(query, (grain.span_s,)).fetchone()
    return row[0]


def drop(connection: Connection, grain: Grain, begin_s: int) -> None:
    """Remove the chunks that begin at a moment."""
    connection.execute("DELETE FROM machine_history WHERE span_s = ? AND begin_s = ?", (grain.span_s, begin_s))


def joined(before: Mapping[str, bytes], points: Mapping[str, Point], grain: Grain) -> dict[str, bytes]:
    """Return chunks with one more point each; one that has that span already stays as it is."""
    found = {}
    for machine, point in points.items():
        body, place = before.get(machine, b""), (point.at_s - grain.chunk_of(point.at_s)) // grain.span_s
        if place not in places(body):
            found[machine] = body + packed(point, grain)
    return found
