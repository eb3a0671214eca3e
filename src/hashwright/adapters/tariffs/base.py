"""What a file in this folder defines: `PLUGIN`, with its settings and how a tariff is built from them.

    PLUGIN = TariffPlugin(title="One price", seen="own rules", config=FlatConfig, build=build)

A tariff answers with spans [currency/kWh] of what it knows, in any steps. It fills nothing in: holes are found where
the spans come onto the grid. Tariffs of a market share `MarketTariff`: questions, a reader, and the retailer's markup.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec

from hashwright.adapters.fetch import Codes, Question, get
from hashwright.energy.slots import Span
from hashwright.energy.tariff import Markup, Tariff, TariffAnswer
from hashwright.errors import Finding

CODES: Final = Codes(silent="HW-844", misread="HW-843")
PriceNumber = Annotated[Decimal, msgspec.Meta(extra={"ge": -100, "le": 100})]
"""Currency per kWh: more is a price per MWh."""
CurrencyCode = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3,5}$")]
PER: Final = {"kWh": Decimal(1), "MWh": Decimal("0.001"), "cent/kWh": Decimal("0.01")}
Unit = Literal["kWh", "MWh", "cent/kWh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffPlugin:
    """A kind of tariff. `seen` says what stands behind it: own rules, recorded answers, or a documented form."""

    title: str
    seen: Literal["own rules", "recorded", "documented"]
    config: type[msgspec.Struct]
    build: Callable[[Any], Tariff]


class MarketConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every market tariff may set: the retailer makes `price * factor + add` [currency/kWh] of the market's."""

    kind: str
    factor: Annotated[Decimal, msgspec.Meta(extra={"ge": 0, "le": 10})] = Decimal(1)
    add: PriceNumber = Decimal(0)
    url: str = ""

    def markup(self) -> Markup:
        """Return the retailer's part."""
        return Markup(factor=self.factor, add=self.add)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What an answer says: spans [currency/kWh], the currency, and what is odd about it."""

    currency: str
    spans: tuple[Span, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTariff:
    """A tariff by HTTP: `ask` lists the questions for a time [ms], `read` reads one answer."""

    ask: Callable[[int, int], Sequence[Question]]
    read: Callable[[bytes], Read]
    markup: Markup

    async def prices(self, start_ms: int, end_ms: int, *, now_ms: int) -> TariffAnswer:
        """Ask the market, and return what it knows of a time with the retailer's markup."""
        parts = [self.read(await get(question, CODES)) for question in self.ask(start_ms, end_ms)]
        spans = [span for part in parts for span in part.spans if span.start_ms < end_ms and span.end_ms > start_ms]
        return TariffAnswer(
            currency=parts[0].currency,
            spans=self.markup.of(spans),
            known_at_ms=now_ms,
            findings=tuple(finding for part in parts for finding in part.findings),
        )
