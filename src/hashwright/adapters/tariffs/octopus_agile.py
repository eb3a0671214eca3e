"""Half-hourly prices of Octopus Energy's Agile tariffs in Great Britain, import or export: documented form.

Rates are listed newest first, in pence/kWh, with and without VAT, each with `valid_from` and `valid_to`. `product` and
`region` make the tariff's code: `E-1R-AGILE-24-10-01-C` is region C, London.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from hashwright.adapters.fetch import Question, iso_utc, json_of, misread, number_of
from hashwright.adapters.tariffs.base import CODES, PER, MarketConfig, MarketTariff, Read, TariffPlugin
from hashwright.energy.slots import HOUR_MS, Span, ms_of
from hashwright.energy.tariff import Tariff

URL = "https://api.octopus.energy/v1"
RATES_MAX = 1500


class OctopusConfig(MarketConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A product such as AGILE-24-10-01 and the region's letter. `vat = false` takes the prices without VAT."""

    product: Annotated[str, msgspec.Meta(pattern="^[A-Z0-9-]{4,40}$")]
    region: Annotated[str, msgspec.Meta(pattern="^[A-P]$")]
    vat: bool = True


def build(config: OctopusConfig) -> Tariff:
    """Build the tariff of a product and a region."""
    path = f"products/{config.product}/electricity-tariffs/E-1R-{config.product}-{config.region}/standard-unit-rates/"
    field = "value_inc_vat" if config.vat else "value_exc_vat"

    def ask(start_ms: int, end_ms: int) -> Sequence[Question]:
        params = {"period_from": iso_utc(start_ms), "period_to": iso_utc(end_ms), "page_size": str(RATES_MAX)}
        return (Question(url=f"{(config.url or URL).rstrip('/')}/{path}", params=params),)

    return MarketTariff(ask=ask, read=lambda answer: read(answer, field), markup=config.markup())


def read(answer: bytes, field: str = "value_inc_vat") -> Read:
    """Read a page of rates."""
    found = json_of(answer, CODES)
    rows = found.get("results") if isinstance(found, dict) else None
    if not isinstance(rows, list) or len(rows) > RATES_MAX or not all(isinstance(it, dict) for it in rows):
        misread("results is no list of rates", CODES)
    if found.get("next"):
        misread(f"more than {RATES_MAX} rates: ask for a shorter time", CODES)
    return Read(currency="GBP", spans=tuple(_span(it, field) for it in rows))


def _span(row: dict[str, Any], field: str) -> Span:
    start = _time(row.get("valid_from"))
    end = start + HOUR_MS // 2 if row.get("valid_to") is None else _time(row.get("valid_to"))
    try:
        return Span(start_ms=start, end_ms=end, value=number_of(row.get(field), CODES) * PER["cent/kWh"])
    except ValueError as problem:
        misread(str(problem), CODES)


def _time(value: object) -> int:
    try:
        return ms_of(datetime.fromisoformat(str(value)))
    except ValueError:
        misread(f"{str(value)[:40]!r} is no time with a zone", CODES)


PLUGIN = TariffPlugin(title="Octopus Agile (Great Britain)", seen="documented", config=OctopusConfig, build=build)
