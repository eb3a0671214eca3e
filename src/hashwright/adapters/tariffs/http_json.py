"""Any JSON over HTTP: the settings say where the list is, which fields are time and price, and in which unit.

[tariff]
kind = "http_json"
url = "https://example.net/prices?from={start}&to={end}"    # {start} {end}: ISO in UTC; {day}: the UTC day
currency = "EUR"
items = "data.prices"          # the way to the list, by dots; left out: the document is the list
start = "from"                 # field of the start; `end`, or `step_minutes`, says how long it holds
end = "until"
price = "invoicePrice"
per = "kWh"                    # kWh, MWh or cent/kWh
time = "iso"                   # iso, unix_s, unix_ms
zone = "Europe/Amsterdam"      # of times that name none
token_from = "env:MY_TOKEN"    # sent as `Authorization: Bearer ...`, if set
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from hashwright.adapters.fetch import Question, day_utc, iso_utc, json_of, misread, number_of
from hashwright.adapters.secret import read_secret
from hashwright.adapters.tariffs.base import (
    CODES,
    PER,
    CurrencyCode,
    MarketConfig,
    MarketTariff,
    Read,
    TariffPlugin,
    Unit,
)
from hashwright.energy.calendar import zone_of
from hashwright.energy.settings import Problem
from hashwright.energy.slots import MINUTE_MS, Span, ms_of
from hashwright.energy.tariff import Tariff

ROWS_MAX = 20_000


class HttpJsonConfig(MarketConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a service's JSON is read; see the example above."""

    currency: CurrencyCode
    start: str
    price: str
    items: str = ""
    end: str = ""
    step_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 0
    per: Unit = "kWh"
    time: Literal["iso", "unix_s", "unix_ms"] = "iso"
    zone: str = "UTC"
    token_from: str = ""

    def problems(self) -> Iterator[Problem]:
        """Find what no single field can know."""
        if not self.url:
            yield Problem(field="url", message="is missing")
        if bool(self.end) == bool(self.step_minutes):
            yield Problem(field="end", message="either end or step_minutes says how long a price holds", hint="One.")
        try:
            zone_of(self.zone)
        except ValueError as problem:
            yield Problem(field="zone", message=str(problem))


def build(config: HttpJsonConfig) -> Tariff:
    """Build the tariff that the settings describe."""

    def ask(start_ms: int, end_ms: int) -> Sequence[Question]:
        url = config.url
        for name, text in (("start", iso_utc(start_ms)), ("end", iso_utc(end_ms)), ("day", day_utc(start_ms))):
            url = url.replace("{" + name + "}", text)
        headers = {"Authorization": f"Bearer {read_secret(config.token_from)}"} if config.token_from else {}
        return (Question(url=url, headers=headers),)

    return MarketTariff(ask=ask, read=lambda answer: read(answer, config), markup=config.markup())


def read(answer: bytes, config: HttpJsonConfig) -> Read:
    """Read an answer as the settings say."""
    found = json_of(answer, CODES)
    rows = _walk(found, config.items) if config.items else found
    if not isinstance(rows, list) or len(rows) > ROWS_MAX:
        misread(f"{config.items or 'the document'} is no list, or too long", CODES)
    return Read(currency=config.currency, spans=tuple(_span(row, config) for row in rows))


def _span(row: object, config: HttpJsonConfig) -> Span:
    start = _time(_walk(row, config.start), config)
    end = _time(_walk(row, config.end), config) if config.end else start + config.step_minutes * MINUTE_MS
    price: Decimal = number_of(_walk(row, config.price), CODES)
    try:
        return Span(start_ms=start, end_ms=end, value=price * PER[config.per])
    except ValueError as problem:
        misread(str(problem), CODES)


def _walk(found: Any, path: str) -> Any:  # noqa: ANN401 (a stranger's document)
    for name in path.split("."):
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            misread(f"{path} is missing", CODES)
    return found


def _time(value: object, config: HttpJsonConfig) -> int:
    if config.time != "iso":
        return int(number_of(value, CODES) * (1000 if config.time == "unix_s" else 1))
    try:
        when = datetime.fromisoformat(str(value))
        return ms_of(when if when.tzinfo else when.replace(tzinfo=zone_of(config.zone)))
    except ValueError:
        misread(f"{str(value)[:40]!r} is no time", CODES)


PLUGIN = TariffPlugin(title="Any JSON over HTTP", seen="recorded", config=HttpJsonConfig, build=build)
