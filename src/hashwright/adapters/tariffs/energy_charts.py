"""Day-ahead prices of Europe's bidding zones from Energy-Charts (Fraunhofer ISE): no token, documented form.

One object: `unix_seconds` and `price` side by side, and a `unit` such as `EUR / MWh`. The step is what lies between two
times: an hour, or a quarter since 2025-10-01.
"""

from collections.abc import Sequence
from itertools import pairwise

from hashwright.adapters.fetch import Question, iso_utc, json_of, misread, number_of
from hashwright.adapters.tariffs.base import CODES, PER, MarketConfig, MarketTariff, Read, TariffPlugin
from hashwright.energy.slots import HOUR_MS, MINUTE_MS, Span
from hashwright.energy.tariff import Tariff

URL = "https://api.energy-charts.info/price"


class EnergyChartsConfig(MarketConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`zone` is the bidding zone as Energy-Charts writes it: DE-LU, AT, NO2."""

    zone: str = "DE-LU"


def build(config: EnergyChartsConfig) -> Tariff:
    """Build the tariff of a zone."""

    def ask(start_ms: int, end_ms: int) -> Sequence[Question]:
        params = {"bzn": config.zone, "start": iso_utc(start_ms), "end": iso_utc(end_ms)}
        return (Question(url=config.url or URL, params=params),)

    return MarketTariff(ask=ask, read=read, markup=config.markup())


def read(answer: bytes) -> Read:
    """Read an answer."""
    found = json_of(answer, CODES)
    times, prices = (found.get(name) for name in ("unix_seconds", "price")) if isinstance(found, dict) else (0, 0)
    if not (isinstance(times, list) and isinstance(prices, list) and len(times) == len(prices) and len(times) > 1):
        misread("unix_seconds and price are no lists of one length", CODES)
    currency, _, unit = str(found.get("unit", "")).replace(" ", "").partition("/")
    if unit != "MWh" or len(currency) != 3:
        misread(f"a price in {str(found.get('unit'))[:20]!r}", CODES)
    starts = [int(number_of(it, CODES)) * 1000 for it in times]
    steps = [later - earlier for earlier, later in pairwise(starts)]
    if min(steps) < MINUTE_MS or any(it % MINUTE_MS for it in starts):
        misread("the times are not in order, or not on whole minutes", CODES)
    usual = min(min(steps), HOUR_MS)
    spans = [
        Span(start_ms=start, end_ms=start + min(step, HOUR_MS), value=number_of(price, CODES) * PER["MWh"])
        for start, step, price in zip(starts, [*steps, usual], prices, strict=True)
        if price is not None
    ]
    return Read(currency=currency, spans=tuple(spans))


PLUGIN = TariffPlugin(
    title="Day-ahead prices by Energy-Charts", seen="documented", config=EnergyChartsConfig, build=build
)
