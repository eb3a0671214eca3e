"""A sale of coins that an upstream sent to a wallet that these books do not watch, as a person says it.

    equity:conversion  coins   <-  asset:receivable:UPSTREAM:paid
    asset:cash:PLACE   money   <-  equity:conversion

It never sells more than the upstream says it sent. Sales out of an own pool's wallet are not said but read from the
chain: `hw ledger reconcile POOL --txid ... --as sale`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hashwright.errors import OperatorError
from hashwright.ledger import accounts
from hashwright.ledger.costs import NAME_MAX
from hashwright.ledger.entries import Entry, entry_of
from hashwright.ledger.lots import SALE
from hashwright.ledger.prices import FIAT_EXPONENT
from hashwright.money import Amount, Currency, MoneyError, amount_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleSaid:
    """A sale as a person says it: `coins` such as `0.5 LTC`, `money` such as `40.00 EUR`."""

    upstream: str
    coins: str
    money: str
    place: str
    reference: str
    at_ms: int


def sale_entry(said: SaleSaid, currencies: Mapping[str, int], sent: Mapping[str, int], *, now: int) -> Entry:
    """Build the entry. `currencies` gives exponents by code, `sent` what the upstream sent by code [minor units].

    Raises:
        OperatorError: it cannot be booked so (HW-653).
    """
    for what, text in (("the upstream", said.upstream), ("the place", said.place), ("the reference", said.reference)):
        if not 1 <= len(text) <= NAME_MAX:
            raise unsold(f"{what} has 1 to {NAME_MAX} characters")
    if said.at_ms > now:
        raise unsold("it lies in the future")
    coins = _amount(said.coins, currencies, "coins of these books, such as '0.5 LTC'")
    money = _amount(said.money, {}, "money of a state, such as '40.00 EUR'")
    if coins.currency.exponent <= FIAT_EXPONENT:
        raise unsold(f"{coins} is no coin")
    there = Amount(sent.get(coins.currency.code, 0), coins.currency)
    if coins.minor > there.minor:
        raise unsold(f"{said.upstream} sent {there} that is not sold yet, and this is {coins}")
    return entry_of(
        f"sale:{accounts.part(said.upstream)}:{accounts.part(said.reference)}",
        SALE,
        said.at_ms,
        (accounts.CONVERSION, coins),
        (accounts.receivable(said.upstream, "paid"), -coins),
        (accounts.cash(said.place), money),
        (accounts.CONVERSION, -money),
        text=f"The owner sold {coins} of {said.upstream} for {money}, {said.reference}.",
        link=f"sale:{accounts.part(said.reference)}",
    )


def _amount(text: str, currencies: Mapping[str, int], wanted: str) -> Amount:
    number, _, code = text.strip().partition(" ")
    try:
        exponent = currencies[code] if currencies else FIAT_EXPONENT
        amount = amount_of(number, Currency(code, exponent))
    except (KeyError, MoneyError) as problem:
        raise unsold(f"{text[:40]!r} is not {wanted}") from problem
    if amount.minor <= 0 or (not currencies and len(code) != 3):
        raise unsold(f"{text[:40]!r} is not {wanted}, above zero")
    return amount


def unsold(problem: str) -> OperatorError:
    """Build the error for a sale that cannot be booked as it was said."""
    return OperatorError(
        f"The sale was not booked: {problem}.",
        code="HW-653",
        hint="hw ledger balance asset:receivable shows what upstreams sent; from own wallets: hw ledger reconcile.",
    )
