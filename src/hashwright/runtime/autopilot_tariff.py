"""The price of power now: what the owner said, or the slot of a site's tariff that the power autopilot planned by.

A site's tariff is asked by whoever plans its power, in a process of its own; here its answer is only looked up. A price
in another currency than dollars is converted by the stored rate, and the rate is kept with the decision. Where there is
no answer for now, or no young rate, what the owner said stands, and why is told; a rate is never assumed.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from hashwright.economics.coin_facts import CoinFacts
from hashwright.economics.exchange import USD, YOUNG_MS, Exchange, exchange_of
from hashwright.errors import OperatorError, StaleInput
from hashwright.runtime.autopilot_settings import AutopilotSettings

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

SLOT_MS: Final = 900_000
SAID: Final = "what you said"


class PlannedPower(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a planned turn: a price a slot from `start_ms` on [currency/kWh], None where it is not known."""

    start_ms: int
    currency: str
    price: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPrice:
    """What power costs now [USD/kWh], and whose word that is.

    `exchange` is the rate that it was converted by, where its tariff is in another currency; `problem` says why a
    tariff's price could not be converted.
    """

    usd_kwh: float
    source: str
    exchange: Exchange | None = None
    problem: str = ""


def power_price(app: "Hashwright", settings: AutopilotSettings, market: CoinFacts) -> PowerPrice:
    """Return the price of power now. `market` has the exchange rates."""
    said = settings.power_price_usd_kwh
    if not settings.power_of:
        return PowerPrice(usd_kwh=said, source=SAID)
    service = app.power.services.get(settings.power_of)
    turn = None if service is None else service.planned
    if turn is None:
        return PowerPrice(usd_kwh=said, source=f"{SAID}: no plan of power for {settings.power_of} is known")
    seen, now = msgspec.json.decode(turn.row.seen, type=PlannedPower), app.clock.now()
    slot = (now - seen.start_ms) // SLOT_MS
    price = seen.price[slot] if 0 <= slot < len(seen.price) else None
    if price is None:
        return PowerPrice(usd_kwh=said, source=f"{SAID}: the tariff of {settings.power_of} does not know this hour")
    whose = f"the tariff of {settings.power_of}"
    if seen.currency == USD:
        return PowerPrice(usd_kwh=price, source=whose)
    return _converted(price, seen.currency, whose, said, market, now)


def _converted(price: float, currency: str, whose: str, said: float, market: CoinFacts, now: int) -> PowerPrice:
    try:
        rate = exchange_of(market, currency, now_ms=now, age_max_ms=YOUNG_MS)
    except (OperatorError, StaleInput) as error:
        problem = f"{error.code} {whose} is in {currency}: {error.message}"
        return PowerPrice(usd_kwh=said, source=f"{SAID}: {problem}", problem=problem)
    words = f"{whose}, {price:.4f} {currency}/kWh; {rate.words}"
    return PowerPrice(usd_kwh=price * rate.usd, source=words, exchange=rate)
