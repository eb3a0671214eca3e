"""What renting brought: what was committed, what was paid for which work, and what that work was expected to earn.

The work of a rental is told twice: by the market's own counters, where it has any, and by our own judge, where the
hash power comes to a pool of ours. Both are shown; the price that was really paid rests on our own count first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from hashwright.adapters.markets.base import Rental, Rules, plain
from hashwright.market.renting import DAY_S, Action, Bounds, effective, highest_price
from hashwright.store.base import WorkTotal

if TYPE_CHECKING:
    from hashwright.runtime.rent import Look, Renter

EH: Final = 10**18
GOOD: Final = ("accepted", "block")


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What was ever committed: amounts [coins], and the number of orders, each with its own fee."""

    amount: Decimal
    orders: int

    def cost(self, rules: Rules) -> Decimal:
        """Return what that is with all fees on it [coins]."""
        return self.amount * (1 + rules.fee_part) + self.orders * rules.order_fee


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """What was paid so far, fees included [coins], for which work [hashes].

    `told` is the market's count, `seen` our own; None where there is none. Prices are coins for one EH/s and day.
    """

    paid: Decimal
    told: Decimal | None
    seen: int | None

    @property
    def price(self) -> Decimal | None:
        """Return what one EH/s and day really cost, by our own count where there is one."""
        work = Decimal(self.seen) if self.seen else self.told
        return self.paid / work * EH * DAY_S if work and self.paid > 0 else None

    def document(self, expected: Decimal) -> dict[str, Any]:
        """Return it for people and programs, beside what the work is expected to earn now."""
        price = self.price
        return {
            "paid": plain(self.paid),
            "work_told": None if self.told is None else plain(self.told),
            "work_seen": None if self.seen is None else str(self.seen),
            "price": None if price is None else short(price),
            "expected": short(expected),
            "gain_percent": None if price is None else float(round((expected / price - 1) * 100, 2)),
        }


def realised(rentals: Sequence[Rental], rules: Rules, *, orders: int, seen: int | None) -> Realised:
    """Sum our own rentals; `seen` is the work that came to a pool of ours."""
    spent = sum((it.spent for it in rentals), Decimal(0))
    told = sum((it.work for it in rentals), Decimal(0))
    paid = spent * (1 + rules.fee_part) + orders * rules.order_fee
    return Realised(paid=paid, told=told if told > 0 else None, seen=seen)


def seen_work(totals: Sequence[WorkTotal], *, destination: str, user: str) -> int:
    """Sum the good work that came to an own pool under a name, its rigs included [hashes]."""
    return sum(
        it.work
        for it in totals
        if it.destination == destination
        and it.outcome in GOOD
        and (it.worker == user or it.worker.startswith(f"{user}."))
    )


def short(value: Decimal) -> str:
    """Write a price to the satoshi."""
    return plain(value.quantize(Decimal("1e-8")))


def document_of(  # noqa: PLR0913 (the parts of one answer)
    renter: "Renter", look: "Look", bounds: Bounds, action: Action, *, hashprice: Decimal, done: str, mode: str
) -> dict[str, Any]:
    """Return a look for people and programs: what it takes, what it is expected to earn, what is or would be done."""
    rental, budget_day = look.rental, renter.budget_day
    return {
        "name": renter.settings.name,
        "market": renter.plugin.title,
        "seen": renter.plugin.seen,
        "mode": mode,
        "algorithm": renter.settings.algorithm,
        "coin": renter.plugin.coin,
        "limit_hs": renter.limit_hs,
        "fee_part": plain(bounds.fee_part),
        "ask": None if look.ask is None else plain(look.ask),
        "ask_with_fees": None if look.ask is None else short(effective(look.ask, bounds)),
        "hashprice": short(hashprice),
        "most": plain(highest_price(hashprice, bounds)),
        "action": action.kind,
        "why": action.why,
        "price": plain(action.price),
        "amount": plain(action.amount),
        "done": done,
        "committed": plain(look.committed.amount),
        "budget": renter.settings.budget or "0",
        "open_questions": list(look.open_questions),
        "budget_day": None if budget_day is None else plain(budget_day),
        "realised": look.realised.document(hashprice * (1 - bounds.pool_fee_part)),
        "order": None if rental is None else order_document(rental),
    }


def order_document(rental: Rental) -> dict[str, Any]:
    """Return an order of ours as it stands at its market."""
    return {
        "id": rental.id,
        "price": plain(rental.price),
        "limit_hs": rental.limit_hs,
        "amount": plain(rental.amount),
        "spent": plain(rental.spent),
        "estimated": plain(rental.estimated),
        "speed_hs": rental.speed_hs,
        "state": rental.state,
    }
