"""One price for every hour."""

import msgspec

from hashwright.adapters.tariffs.base import CurrencyCode, PriceNumber, TariffPlugin
from hashwright.energy.slots import MINUTE_MS, Span
from hashwright.energy.tariff import TariffAnswer


class FlatConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`price` [currency/kWh], all taxes included."""

    kind: str
    price: PriceNumber
    currency: CurrencyCode = "EUR"


class FlatTariff:
    """A price that never changes."""

    def __init__(self, config: FlatConfig) -> None:
        self.config = config

    async def prices(self, start_ms: int, end_ms: int, *, now_ms: int) -> TariffAnswer:
        """Answer with one span over the whole time."""
        start, end = start_ms - start_ms % MINUTE_MS, end_ms + -end_ms % MINUTE_MS
        span = Span(start_ms=start, end_ms=end, value=self.config.price)
        return TariffAnswer(currency=self.config.currency, spans=(span,), known_at_ms=now_ms)


PLUGIN = TariffPlugin(title="One price", seen="own rules", config=FlatConfig, build=FlatTariff)
