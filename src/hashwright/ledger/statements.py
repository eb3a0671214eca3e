"""Statements: what the books say about a span of time. Sums of postings and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from hashwright.ledger.entries import Entry
from hashwright.money import Amount, Currency


@dataclass(slots=True, kw_only=True)
class DayTotal:
    """One day (UTC) in one currency [minor units]. `credited` is what members can be paid since then."""

    day: str
    currency: Currency
    earned: int = 0
    credited: int = 0
    paid: int = 0
    spent: int = 0

    def text(self, minor: int) -> str:
        """Write one of its numbers as a decimal."""
        return Amount(minor, self.currency).text()


def by_day(entries: Iterable[Entry], *, last: int) -> list[DayTotal]:
    """Sum entries by day and currency, newest first; the `last` days that have any."""
    days: dict[tuple[str, str], DayTotal] = {}
    for entry in entries:
        day = datetime.fromtimestamp(entry.at_ms / 1000, UTC).date().isoformat()
        for posting in entry.postings:
            currency = posting.amount.currency
            total = days.setdefault((day, currency.code), DayTotal(day=day, currency=currency))
            _count(total, entry.kind, posting.account, posting.amount.minor)
    kept = sorted({day for day, _ in days}, reverse=True)[:last]
    return [days[key] for key in sorted(days, key=lambda key: (key[0], key[1]), reverse=True) if key[0] in kept]


def _count(total: DayTotal, kind: str, account: str, minor: int) -> None:
    if account.startswith("income:"):
        total.earned -= minor
    elif account.startswith("expense:"):
        total.spent += minor
    elif account.startswith("liability:member:") and not kind.startswith("payout"):
        total.credited -= minor
    elif account.startswith("liability:payout:") and kind == "payout-settled":
        total.paid += minor
