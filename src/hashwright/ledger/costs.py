"""What mining costs in money of a state: energy by site, and machines. A person says it, with an invoice or a day.

    energy     expense:energy:SITE   <-  asset:cash:PLACE
    hardware   asset:hardware:NAME   <-  asset:cash:PLACE

A machine is something that we have: it is not worn off here, because how fast it is depends on the country.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from hashwright.errors import OperatorError
from hashwright.ledger import accounts
from hashwright.ledger.entries import Entry, entry_of
from hashwright.ledger.prices import FIAT_EXPONENT
from hashwright.money import Amount, Currency, MoneyError, amount_of

Cost = Literal["energy", "hardware"]
COSTS: Final[tuple[str, ...]] = get_args(Cost)
NAME_MAX: Final = 64
_MONEY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ([A-Z]{3})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSaid:
    """A cost as a person says it: `money` such as `120.50 EUR`; the same `reference` again is the same cost."""

    kind: str
    name: str
    money: str
    place: str
    reference: str
    at_ms: int


def cost_entry(said: CostSaid, *, now: int) -> Entry:
    """Build the entry of a cost.

    Raises:
        OperatorError: something is missing, too long, in the future, or no money of a state (HW-651).
    """
    kind, name, place, reference = said.kind, said.name, said.place, said.reference
    if kind not in COSTS:
        raise refused(f"{kind[:40]!r} is not one of {', '.join(COSTS)}")
    for what, text in (("the name", name), ("the place", place), ("the reference", reference)):
        if not 1 <= len(text) <= NAME_MAX:
            raise refused(f"{what} has 1 to {NAME_MAX} characters")
    if said.at_ms > now:
        raise refused("it lies in the future")
    amount = _money(said.money)
    spent = accounts.energy(name) if kind == "energy" else accounts.hardware(name)
    return entry_of(
        f"cost:{kind}:{accounts.part(name)}:{accounts.part(reference)}",
        f"cost-{kind}",
        said.at_ms,
        (spent, amount),
        (accounts.cash(place), -amount),
        text=f"{amount} for {kind} of {name}, {reference}.",
        link=f"cost:{accounts.part(reference)}",
    )


def _money(text: str) -> Amount:
    found = _MONEY.fullmatch(text)
    try:
        amount = amount_of(found[1], Currency(found[2], FIAT_EXPONENT)) if found else None
    except MoneyError as problem:
        raise refused(str(problem)) from problem
    if amount is None or amount.minor <= 0:
        raise refused(f"{text[:40]!r} is no money of a state above zero, such as '120.50 EUR'")
    return amount


def refused(problem: str) -> OperatorError:
    """Build the error for a cost that cannot be booked as it was said."""
    return OperatorError(
        f"The cost was not booked: {problem}.", code="HW-651", hint="hw ledger cost --help shows an example."
    )
