"""What is due for work, exactly: no fraction of a unit is lost, and none is paid twice.

A contract adds up `price * work`. What a seller has earned of it so far is that sum divided by the scale, rounded down;
each settlement pays the difference to what was paid before. So the fractions of all settlements together are less than
one minor unit a seller, and they stay with the buyer. The house's fee is taken the same way, off the sum.

    earned(due)   = due // scale            grows with each share, never falls
    fee(earned)   = earned * ppm // 10**6   grows by at most as much as `earned`

An order's sum of `due` never passes its budget times the scale: the share that would is paid what is left.
"""

import dataclasses

from hashwright.market.records import Contract, Order, Terms

PPM = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What one seller gets in one settlement [minor units]; `gross` is what the buyer pays, fee included."""

    seller: str
    gross: int
    fee: int


def add_work(order: Order, seller: str, work: int, *, scale: int, is_block: bool = False) -> int:
    """Add accepted work [hashes] at the order's price, and return the work that was paid for.

    The last share of an order is paid in part where the budget ends within it.
    """
    contract = order.contracts.get(seller)
    if contract is None:
        contract = order.contracts[seller] = Contract(seller)
    due = order.price * work
    left = order.budget * scale - order.due
    if due > left:
        work = left // order.price if order.price else work
        due = left
    contract.due += due
    contract.work += work
    contract.shares += 1
    contract.blocks += is_block
    order.due += due
    order.work += work
    return work


def payments(order: Order, terms: Terms) -> tuple[Payment, ...]:
    """Return what is due to sellers since the last settlement, and note it as paid."""
    scale, made = terms.scale, []
    for name in sorted(order.contracts):
        contract = order.contracts[name]
        gross = contract.due // scale - contract.gross
        if not gross:
            continue
        contract.gross += gross
        fee = contract.gross * order.fee_ppm // PPM - contract.fee
        contract.fee += fee
        made.append(Payment(seller=name, gross=gross, fee=fee))
    return tuple(made)


def estimate(order: Order, scale: int) -> int:
    """Return what sellers have earned by now [minor units], settled or not."""
    return sum(contract.due // scale for contract in order.contracts.values())


def is_spent(order: Order, *, scale: int, tail_s: float) -> bool:
    """Tell whether the budget that is left would be used up within `tail_s` at the rate that the order gets.

    The tail pays for shares that are on their way when the order stops.
    """
    tail = int(order.price * order.matched_hs * tail_s)
    return order.due + max(tail, order.price) >= order.budget * scale
