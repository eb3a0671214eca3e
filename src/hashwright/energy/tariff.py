"""What a tariff is, what it answers, and what it costs at the end: energy, the highest draw, and what is sold.

A tariff answers with `Span`s of a price [currency/kWh]; where it comes from is the business of `adapters/tariffs`. Two
further prices are not of a slot:

* A **demand charge** is paid once a month for the highest quarter of an hour [currency/kW].
* **Net metering** counts what was sold against what was bought in the same month, and pays only for the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from hashwright.energy.slots import Grid, Slotted, Span, on_grid
from hashwright.errors import Finding

PRICE_MAX: Final = Decimal("5")
"""EUR or USD/kWh. Europe's day-ahead market is capped at 4 (2023), Texas' real-time one at 5 (2022)."""
PRICE_MIN: Final = Decimal("-0.5")
"""Europe's day-ahead market has this floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffAnswer:
    """What a tariff says of a time: prices [`currency`/kWh], when that became known, and what is odd about it."""

    currency: str
    spans: tuple[Span, ...]
    known_at_ms: int
    findings: tuple[Finding, ...] = ()


class Tariff(Protocol):
    """A built tariff. It may ask a service; it never answers with a price that it does not know."""

    async def prices(self, start_ms: int, end_ms: int, *, now_ms: int) -> TariffAnswer:
        """Answer what is known of the prices of a time [ms since 1970 UTC].

        Raises:
            Unavailable: a service does not answer (HW-844).
            OperatorError: its answer is not understood (HW-843).
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """What a retailer makes of a market's price: `price * factor + add` [currency/kWh]."""

    factor: Decimal = Decimal(1)
    add: Decimal = Decimal(0)

    def of(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """Return the spans with the retail price."""
        return tuple(
            Span(start_ms=it.start_ms, end_ms=it.end_ms, value=it.value * self.factor + self.add) for it in spans
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCharge:
    """What the highest draw of a local month costs. `per_kw` [currency/kW and month]."""

    per_kw: Decimal
    zone: str = "UTC"


def slotted_prices(answer: TariffAnswer, grid: Grid, *, what: str = "tariff") -> Slotted:
    """Bring an answer onto a grid. A price out of all bounds is used as it is, and is a finding (HW-845)."""
    slotted = on_grid(answer.spans, grid, what=what)
    return Slotted(
        grid=grid,
        values=slotted.values,
        findings=(*answer.findings, *slotted.findings, *_unbelievable(slotted, answer.currency, what)),
    )


def _unbelievable(slotted: Slotted, currency: str, what: str) -> tuple[Finding, ...]:
    known = [value for value in slotted.values if value is not None]
    odd = [value for value in known if not PRICE_MIN <= value < PRICE_MAX]
    if not odd:
        return ()
    return (
        Finding(
            code="HW-845",
            place=what,
            message=f"{len(odd)} slots have a price from {min(odd)} to {max(odd)} {currency}/kWh",
            hint="They are used as they are. Is the unit right? Markets quote per MWh, tariffs per kWh.",
        ),
    )


def net_metering_bill(*, bought_kwh: Decimal, sold_kwh: Decimal, price: Decimal, surplus_price: Decimal) -> Decimal:
    """Return what a month costs under net metering [currency]; it may be negative.

    What was sold counts against what was bought at `price`; only what is left over is paid, at `surplus_price`
    [currency/kWh].
    """
    net = bought_kwh - sold_kwh
    return net * price if net >= 0 else net * surplus_price
