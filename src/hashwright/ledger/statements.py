"""Statements: what the books say about a span of time. Sums of postings and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from hashwright.ledger.accounts import parts_of
from hashwright.ledger.entries import Entry
from hashwright.money import Amount, Currency

Grouping = Literal["", "member", "destination"]


@dataclass(slots=True, kw_only=True)
class DayTotal:
    """One day (UTC) in one currency [minor units]. `credited` is what members can be paid since then.

    `group` is the member or destination that it is of, and empty where days are not divided.
    """

    day: str
    currency: Currency
    group: str = ""
    earned: int = 0
    credited: int = 0
    paid: int = 0
    spent: int = 0

    def text(self, minor: int) -> str:
        """Write one of its numbers as a decimal."""
        return Amount(minor, self.currency).text()


def by_day(entries: Iterable[Entry], *, last: int, by: Grouping = "") -> list[DayTotal]:
    """Sum entries by day, currency and group, newest first; the `last` days that have any.

    By member only what is owed and paid to members counts; by destination, what names a pool, an upstream or a wallet.
    """
    days: dict[tuple[str, str, str], DayTotal] = {}
    for entry in entries:
        day = datetime.fromtimestamp(entry.at_ms / 1000, UTC).date().isoformat()
        for posting in entry.postings:
            group = _group_of(posting.account, by)
            if group is None:
                continue
            currency = posting.amount.currency
            key = (day, currency.code, group)
            total = days.setdefault(key, DayTotal(day=day, currency=currency, group=group))
            count = _count_member if by == "member" else _count
            count(total, entry.kind, posting.account, posting.amount.minor)
    kept = sorted({key[0] for key in days}, reverse=True)[:last]
    order = sorted(days, key=lambda key: (key[1], key[2]))
    return [days[key] for key in sorted(order, key=lambda key: key[0], reverse=True) if key[0] in kept]


def _group_of(account: str, by: Grouping) -> str | None:
    """Return the group of an account, or None where it belongs to none."""
    if not by:
        return ""
    parts = parts_of(account)
    if by == "destination":
        return parts[2] if len(parts) > 2 else None
    return parts[3] if account.startswith("liability:member:") else None


def _count_member(total: DayTotal, kind: str, _account: str, minor: int) -> None:
    if kind.startswith("payout"):
        total.paid += minor
    else:
        total.credited -= minor


def _count(total: DayTotal, kind: str, account: str, minor: int) -> None:
    if account.startswith("income:"):
        total.earned -= minor
    elif account.startswith("expense:"):
        total.spent += minor
    elif account.startswith("liability:member:") and not kind.startswith("payout"):
        total.credited -= minor
    elif account.startswith("liability:payout:") and kind == "payout-settled":
        total.paid += minor
