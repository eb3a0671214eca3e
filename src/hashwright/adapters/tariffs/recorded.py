"""Recorded prices of a file, for `--data`, back-tests and work without a network.

The file is CSV, or CSV packed by gzip, with a head: `time_utc, zone, price, currency` (price per MWh; `zone` picks the
rows), such as the shared data set's. A row holds until the next row of its zone, at most an hour.
"""

import csv
import gzip
import io
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from hashwright.adapters.fetch import misread
from hashwright.adapters.tariffs.base import CODES, PER, MarketConfig, TariffPlugin
from hashwright.energy.slots import HOUR_MS, Span, ms_of
from hashwright.energy.tariff import TariffAnswer
from hashwright.errors import OperatorError, reason_of

ROWS_MAX = 2_000_000


class RecordedConfig(MarketConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file and the zone whose rows count. A relative `file` is looked for in the folder of `--data`."""

    zone: str
    file: str = "electricity_dayahead.csv.gz"
    folder: str = ""


class RecordedTariff:
    """Prices out of a file, read once."""

    def __init__(self, config: RecordedConfig) -> None:
        self.config = config
        self._rows: tuple[str, tuple[Span, ...]] | None = None

    async def prices(self, start_ms: int, end_ms: int, *, now_ms: int) -> TariffAnswer:
        """Answer with what the file holds of a time."""
        if self._rows is None:
            self._rows = read_zone(Path(self.config.folder) / self.config.file, self.config.zone)
        currency, spans = self._rows
        found = [it for it in spans if it.start_ms < end_ms and it.end_ms > start_ms]
        return TariffAnswer(currency=currency, spans=self.config.markup().of(found), known_at_ms=now_ms)


def read_zone(path: Path, zone: str) -> tuple[str, tuple[Span, ...]]:
    """Read the currency and the spans [currency/kWh] of a zone.

    Raises:
        OperatorError: there is no such file or zone (HW-853), or a row is not understood (HW-843).
    """
    rows: list[tuple[int, Decimal]] = []
    currency, zones = "", set()
    for number, row in enumerate(_table(path), start=2):
        zones.add(row.get("zone") or "")
        if row.get("zone") == zone:
            rows.append(_row(row, f"{path.name}:{number}"))
            currency = str(row.get("currency"))
    if not rows:
        raise OperatorError(
            f"{path.name} has no zone {zone[:40]!r}.", code="HW-853", hint=f"It has: {', '.join(sorted(zones))[:300]}."
        )
    rows.sort()
    ends = [start for start, _ in rows[1:]] + [rows[-1][0] + HOUR_MS]
    spans = tuple(
        Span(start_ms=start, end_ms=min(end, start + HOUR_MS), value=price * PER["MWh"])
        for (start, price), end in zip(rows, ends, strict=True)
        if end > start
    )
    return currency, spans


def _table(path: Path) -> "list[dict[str, str | None]]":
    try:
        packed = path.read_bytes()
        text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as problem:
        raise OperatorError(
            f"{path} cannot be read: {reason_of(problem)}.",
            code="HW-853",
            hint="Name the folder with --data, and the file in the tariff's settings.",
        ) from problem
    rows = list(csv.DictReader(io.StringIO(text)))
    if len(rows) > ROWS_MAX or (rows and not {"time_utc", "zone", "price", "currency"} <= set(rows[0])):
        misread(f"{path.name} has not the columns time_utc, zone, price, currency", CODES)
    return rows


def _row(row: "dict[str, str | None]", place: str) -> tuple[int, Decimal]:
    try:
        price = Decimal(row["price"] or "")
        start = ms_of(datetime.fromisoformat(str(row["time_utc"])))
    except (InvalidOperation, ValueError):
        misread(f"{place} holds no time and price", CODES)
    if not price.is_finite():
        misread(f"{place} holds no price", CODES)
    return start, price


PLUGIN = TariffPlugin(title="Recorded prices of a file", seen="recorded", config=RecordedConfig, build=RecordedTariff)
