"""Cloud-mining contracts that their owner accepted: kept as he set them, with what he says that they paid."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright.errors import EXIT_NOTHING, OperatorError
from hashwright.market.position import Contract, standing
from hashwright.money import Amount, Currency, MoneyError, amount_of, decimal_text
from hashwright.signals import Alert

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

KIND: Final = "position"
PAYMENTS_MAX: Final = 10_000
FIRST_LOOK_S: Final = 60.0
LOOK_S: Final = 3_600.0


class PositionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A contract, as it is stored. Amounts are decimals of `currency`, as text; payments are (time [ms], amount, id).

    `verdict` is the audit's, where it was accepted from one.
    """

    name: str
    seller: str
    cost: str
    per_day: str
    days: int
    currency: str = "BTC"
    exponent: int = 8
    decay_percent_day: float = 0.0
    pays_every_days: int = 1
    began_ms: int = 0
    payments: tuple[tuple[int, str, str], ...] = ()
    verdict: str = ""


async def change(app: "Hashwright", arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Add a position, note a payment, or only show all; return how they stand.

    Raises:
        OperatorError: it is not usable, or there is none of that name.
    """
    if arguments.get("add"):
        await _add(app, dict(arguments["add"]))
    elif arguments.get("paid"):
        await _note(app, str(arguments["name"]), str(arguments["paid"]), str(arguments["reference"]))
    return [describe(app, raw) for raw in app.store.settings(KIND).values()]


class PositionWatch:
    """Warns by itself when a contract falls behind: once, and again only after it had caught up."""

    def __init__(self, app: "Hashwright") -> None:
        self._app = app
        self._told: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Look for ever, now and then."""
        await asyncio.sleep(FIRST_LOOK_S)
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Tell a person what is new; one that cannot be read is shown by `hw market position`."""
        behind: dict[tuple[str, str], str] = {}
        for raw in self._app.store.settings(KIND).values():
            with contextlib.suppress(OperatorError):
                found = describe(self._app, raw)
                behind |= {(found["name"], it.partition(" ")[0]): it for it in found["warnings"]}
        for (name, kind), warning in behind.items():
            if (name, kind) not in self._told:
                self._app.warn(Alert(level="warning", code="HW-884", text=f"The contract {name}: {warning}."))
        self._told = set(behind)


async def _add(app: "Hashwright", raw: dict[str, Any]) -> None:
    settings = _parse({"began_ms": app.clock.now(), **raw})
    if settings.name in app.store.settings(KIND):
        raise OperatorError(f"There is a position {settings.name} already.", code="HW-708", hint="Choose another name.")
    await _save(app, settings)


async def _note(app: "Hashwright", name: str, amount: str, reference: str) -> None:
    raw = app.store.settings(KIND).get(name)
    if raw is None:
        error = OperatorError(f"There is no position {name!r}.", code="HW-708", hint="hw market position lists them.")
        error.exit_code = EXIT_NOTHING
        raise error
    settings = _parse(raw)
    _minor(amount, settings)
    if any(known == reference for _, _, known in settings.payments):
        return  # the same payment again
    payments = (*settings.payments, (int(app.clock.now()), amount, reference))[-PAYMENTS_MAX:]
    await _save(app, msgspec.structs.replace(settings, payments=payments))


async def _save(app: "Hashwright", settings: PositionSettings) -> None:
    saved = app.writer.put_setting(KIND, settings.name, msgspec.to_builtins(settings), now=app.clock.now())
    await asyncio.wrap_future(saved)


def describe(app: "Hashwright", raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a position stands now."""
    settings = _parse(raw)
    contract = Contract(
        name=settings.name,
        began_ms=settings.began_ms,
        days=settings.days,
        cost=_minor(settings.cost, settings),
        per_day=_minor(settings.per_day, settings),
        decay_day=settings.decay_percent_day / 100,
        pays_every_days=settings.pays_every_days,
    )
    payments = [(at, _minor(text, settings)) for at, text, _ in settings.payments]
    found = standing(contract, payments, now=app.clock.now())
    return {
        "name": settings.name,
        "seller": settings.seller,
        "currency": settings.currency,
        "days": round(found.days, 1),
        "of_days": settings.days,
        "cost": settings.cost,
        "expected": decimal_text(round(found.expected), settings.exponent),
        "paid": decimal_text(found.paid, settings.exponent),
        "drift": found.drift,
        "expected_whole": decimal_text(round(found.whole), settings.exponent),
        "verdict": settings.verdict,
        "warnings": list(found.warnings),
    }


def _parse(raw: Mapping[str, Any]) -> PositionSettings:
    try:
        settings = msgspec.convert(dict(raw), PositionSettings)
    except msgspec.ValidationError as error:
        raise OperatorError(f"This is no position: {error}.", code="HW-701") from error
    for text in (settings.cost, settings.per_day):
        _minor(text, settings)
    is_sound = settings.days > 0 and settings.pays_every_days > 0 and 0 <= settings.decay_percent_day < 100
    if not settings.name or not is_sound:
        raise OperatorError("A position needs a name, days above zero, and a decay of 0 to 100 %.", code="HW-701")
    return settings


def _minor(text: str, settings: PositionSettings) -> int:
    try:
        amount: Amount = amount_of(text, Currency(settings.currency, settings.exponent))
    except MoneyError as error:
        raise OperatorError(f"{error}.", code="HW-866") from error
    if amount.minor <= 0:
        raise OperatorError(f"{text} is not above zero.", code="HW-866")
    return amount.minor
