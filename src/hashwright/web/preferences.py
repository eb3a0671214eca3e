"""What an owner chose for how pages show things: the money of a state beside coins. No rate is ever made up for it."""

from dataclasses import dataclass
from typing import Final

from hashwright.economics.coin_facts import MONIES, CoinFacts
from hashwright.errors import OperatorError
from hashwright.web.database import AccessDatabase

DOLLARS: Final = "USD"
CURRENCY: Final = "currency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one unit of a money is in dollars, since when, and by whom."""

    usd: float
    at_ms: int
    sources: tuple[str, ...]
    is_snapshot: bool


class Preferences:
    """The choices of a site."""

    def __init__(self, database: AccessDatabase) -> None:
        self._database = database

    @property
    def currency(self) -> str:
        """Return the money that worths are shown in; dollars until the owner says otherwise."""
        rows = self._database.read("SELECT value FROM preference WHERE name = ?", (CURRENCY,))
        return str(rows[0][0]) if rows else DOLLARS

    def set_currency(self, code: str) -> None:
        """Choose the money that worths are shown in.

        Raises:
            OperatorError: no source tells rates of it (HW-745).
        """
        if code not in (DOLLARS, *MONIES):
            raise OperatorError(
                f"{code[:12]!r} is no money that rates are known of. Nothing was changed.",
                code="HW-745",
                hint=f"One of {', '.join((DOLLARS, *MONIES))}.",
            )
        self._database.change(
            "INSERT INTO preference VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (CURRENCY, code),
        )


def rate_of(market: CoinFacts, code: str, *, now_ms: int) -> Rate | None:
    """Return the rate of a money to dollars as it is stored; None where none is."""
    if code == DOLLARS:
        return Rate(usd=1.0, at_ms=now_ms, sources=(), is_snapshot=False)
    fact = market.fact(code, "price_usd")
    if fact is None or fact.value <= 0:
        return None
    return Rate(usd=float(fact.value), at_ms=fact.at_ms, sources=fact.sources, is_snapshot=fact.is_snapshot)
