"""The price of power now: what the owner said, or the slot of a site's tariff that the power autopilot planned by.

A site's tariff is asked by whoever plans its power, in a process of its own; here its answer is only looked up. Where
there is no answer for now, or one in another currency than dollars, what the owner said stands, and why is told.
"""

from typing import TYPE_CHECKING, Final

import msgspec

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


def power_price(app: "Hashwright", settings: AutopilotSettings) -> tuple[float, str]:
    """Return the price of power [USD/kWh] and whose it is."""
    said = settings.power_price_usd_kwh
    if not settings.power_of:
        return said, SAID
    service = app.power.services.get(settings.power_of)
    turn = None if service is None else service.planned
    if turn is None:
        return said, f"{SAID}: no plan of power for {settings.power_of} is known"
    seen = msgspec.json.decode(turn.row.seen, type=PlannedPower)
    if seen.currency != "USD":
        return said, f"{SAID}: the tariff of {settings.power_of} is in {seen.currency}"
    slot = (app.clock.now() - seen.start_ms) // SLOT_MS
    price = seen.price[slot] if 0 <= slot < len(seen.price) else None
    if price is None:
        return said, f"{SAID}: the tariff of {settings.power_of} does not know this hour"
    return price, f"the tariff of {settings.power_of}"
