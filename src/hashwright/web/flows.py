"""Where money came from and went: gross, members' parts, fees, power, and what is left, by day and currency.

gross     what blocks and pools brought, members' parts with it
members   of that, what members were credited
fees      network fees of payouts, and rewards that were orphaned after they were paid
power     what energy cost, as it was booked
other     expenses of no such kind
net       gross less all of these
paid      what reached members; it is no cost, but what was owed before
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hashwright.ledger.accounts import MEMBERS, RESERVES
from hashwright.ledger.lots import RESERVE_MOVED
from hashwright.money import Currency

if TYPE_CHECKING:
    from hashwright.ledger.entries import Entry


@dataclass(slots=True)
class Flow:
    """One day (UTC) in one currency [minor units]."""

    day: str
    currency: Currency
    gross: int = 0
    members: int = 0
    fees: int = 0
    power: int = 0
    other: int = 0
    paid: int = 0

    @property
    def spent(self) -> int:
        """Return what mining cost, members' parts apart."""
        return self.fees + self.power + self.other

    @property
    def net(self) -> int:
        """Return what was left."""
        return self.gross - self.members - self.spent


def add_flows(flows: dict[tuple[str, str], Flow], entries: "Iterable[Entry]") -> None:
    """Add entries to the sums by day and currency."""
    for entry in entries:
        day = datetime.fromtimestamp(entry.at_ms / 1000, UTC).date().isoformat()
        for posting in entry.postings:
            currency = posting.amount.currency
            flow = flows.setdefault((day, currency.code), Flow(day, currency))
            _add(flow, entry.kind, posting.account, posting.amount.minor)


def _add(flow: Flow, kind: str, account: str, minor: int) -> None:
    if account.startswith("income:"):
        flow.gross -= minor
    elif account.startswith("expense:energy:"):
        flow.power += minor
    elif account.startswith(("expense:network-fee:", "expense:orphaned:")):
        flow.fees += minor
    elif account.startswith("expense:"):
        flow.other += minor
    elif account.startswith(MEMBERS) and not kind.startswith("payout"):
        flow.members -= minor
        flow.gross -= minor
    elif account.startswith(RESERVES) and kind != RESERVE_MOVED:
        flow.gross -= minor
    elif account.startswith("liability:payout:") and kind == "payout-settled":
        flow.paid += minor


def total_of(flows: Iterable[Flow]) -> dict[str, Flow]:
    """Sum flows by currency."""
    sums: dict[str, Flow] = {}
    for flow in flows:
        total = sums.setdefault(flow.currency.code, Flow("", flow.currency))
        for name in ("gross", "members", "fees", "power", "other", "paid"):
            setattr(total, name, getattr(total, name) + getattr(flow, name))
    return sums
