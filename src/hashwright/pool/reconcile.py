"""Entries for money that left or reached a wallet without one: what a person says it was, held against the chain.

    deposit   came in: the owner put it there, for a reserve above all
    upstream  came in: an upstream paid what it said that it had sent
    members   a payout that these books forgot: a database restored from before it. Each address says whom it paid
    owner     the owner took it out
    sale      the owner sold it, for money of a state

What the chain paid beyond what is owed is the owner's loss, and stands as such; nobody's debt is made up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hashwright.errors import OperatorError
from hashwright.ledger import accounts
from hashwright.ledger.entries import Entry, entry_of
from hashwright.ledger.lots import SALE
from hashwright.money import Amount, Currency

Meaning = Literal["members", "owner", "sale"]
Origin = Literal["deposit", "upstream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A transaction that left a wallet. `net` is what the wallet has less, `fee` included [minor units]."""

    pool: str
    wallet: str
    txid_display: str
    net: int
    fee: int
    currency: Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A transaction that brought a wallet `net` more [minor units]."""

    wallet: str
    txid_display: str
    net: int
    currency: Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a sale brought, and where the money lies."""

    amount: Amount
    place: str


def departure_entry(
    departure: Departure,
    meaning: Meaning,
    *,
    paid: Sequence[tuple[str, int]],
    owed: Mapping[str, int],
    received: Received | None,
    at_ms: int,
) -> Entry:
    """Build the entry. `paid` is (member, minor units) by the outputs, `owed` what each can be paid at most.

    Raises:
        OperatorError: the outputs do not fit the meaning (HW-629).
    """
    if departure.net <= 0 or not 0 <= departure.fee <= departure.net:
        raise refused(f"{departure.txid_display} took nothing out of the wallet")
    if meaning == "owner":
        moves, text = _taken(departure)
    elif meaning == "sale":
        moves, text = _sold(departure, received)
    else:
        moves, text = _forgotten(departure, paid, owed)
    return entry_of(
        f"spent:{departure.txid_display}",
        {"members": "payout-recovered", "owner": "withdrawn", "sale": SALE}[meaning],
        at_ms,
        *moves,
        (accounts.wallet(departure.wallet), Amount(-departure.net, departure.currency)),
        text=text,
        link=f"spent:{departure.txid_display}",
    )


def arrival_entry(arrived: Arrived, origin: Origin, *, upstream: str, sent: int, at_ms: int) -> Entry:
    """Build the entry of coins that came in. `sent` is what the upstream says to have sent and no wallet showed so far.

    Raises:
        OperatorError: the upstream did not say to have sent so much (HW-629).
    """
    coins = Amount(arrived.net, arrived.currency)
    if arrived.net <= 0:
        raise refused(f"{arrived.txid_display} brought the wallet nothing")
    if origin == "upstream" and arrived.net > sent:
        told = Amount(sent, arrived.currency)
        raise refused(f"{upstream} says that it sent {told} more than arrived so far, and this is {coins}")
    source, text = {
        "deposit": (accounts.OWNER, f"The owner put {coins} into the wallet."),
        "upstream": (accounts.receivable(upstream, "paid"), f"{coins} of {upstream} arrived in the wallet."),
    }[origin]
    return entry_of(
        f"arrived:{arrived.txid_display}:{arrived.wallet}",
        origin if origin == "deposit" else "upstream-arrived",
        at_ms,
        (accounts.wallet(arrived.wallet), coins),
        (source, -coins),
        text=text,
        link=f"arrived:{arrived.txid_display}",
    )


def _taken(it: Departure) -> tuple[list[tuple[str, Amount]], str]:
    return [(accounts.OWNER, Amount(it.net, it.currency))], "The owner took coins out of the wallet, fee included."


def _sold(it: Departure, received: Received | None) -> tuple[list[tuple[str, Amount]], str]:
    if received is None or received.amount.minor <= 0 or received.amount.currency == it.currency:
        raise refused("a sale brought something: say --received, in money of a state, and --place")
    sold = Amount(it.net - it.fee, it.currency)
    moves = [
        (accounts.CONVERSION, sold),
        (accounts.network_fee(it.wallet), Amount(it.fee, it.currency)),
        (accounts.cash(received.place), received.amount),
        (accounts.CONVERSION, -received.amount),
    ]
    return moves, f"The owner sold {sold} for {received.amount}."


def _forgotten(
    it: Departure, paid: Sequence[tuple[str, int]], owed: Mapping[str, int]
) -> tuple[list[tuple[str, Amount]], str]:
    by_member: dict[str, int] = {}
    for member, minor in paid:
        by_member[member] = by_member.get(member, 0) + minor
    if not by_member:
        raise refused(f"{it.txid_display} pays no address that a member of {it.pool} ever set")
    rest = it.net - it.fee - sum(by_member.values())
    if rest < 0:
        raise refused(f"{it.txid_display} pays members more than left the wallet")
    moves: list[tuple[str, Amount]] = []
    beyond = rest
    for member, minor in sorted(by_member.items()):
        covered = min(minor, max(0, owed.get(member, 0)))
        moves.append((accounts.member(it.pool, member), Amount(covered, it.currency)))
        beyond += minor - covered
    moves.append((accounts.network_fee(it.wallet), Amount(it.fee, it.currency)))
    moves.append((accounts.OWNER, Amount(beyond, it.currency)))
    text = f"The chain paid {len(by_member)} members by a payout that these books did not know."
    if beyond:
        text += f" {Amount(beyond, it.currency)} of it was owed to nobody and is the owner's."
    return moves, text


def refused(problem: str) -> OperatorError:
    """Build the error for what cannot be taken into the books as it was said."""
    return OperatorError(
        f"Not reconciled: {problem}. Nothing was changed.",
        code="HW-629",
        hint="hw ledger reconcile POOL shows what left the wallet; hw ledger reconcile --help shows what it can be.",
    )
