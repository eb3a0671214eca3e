"""Balances are sums of postings, and nothing else."""

from collections.abc import Iterable, Iterator

from hashwright.ledger.entries import Entry
from hashwright.money import Amount, Currency

Balances = dict[tuple[str, Currency], int]
"""Minor units by account and currency; plain integers, because a sum of many may exceed what one amount can hold."""


def balances_of(entries: Iterable[Entry]) -> Balances:
    """Sum entries by account and currency; accounts with nothing left are left out."""
    sums: Balances = {}
    for entry in entries:
        for posting in entry.postings:
            key = (posting.account, posting.amount.currency)
            sums[key] = sums.get(key, 0) + posting.amount.minor
    return {key: minor for key, minor in sums.items() if minor}


def under(balances: Balances, prefix: str) -> Iterator[tuple[str, Amount]]:
    """Yield accounts below a prefix with their balance, sorted."""
    for (account, currency), minor in sorted(balances.items(), key=lambda item: (item[0][0], item[0][1].code)):
        if account == prefix or account.startswith(prefix.rstrip(":") + ":"):
            yield account, Amount(minor, currency)


def owed(balances: Balances, prefix: str, currency: Currency) -> int:
    """Sum what we owe on all accounts below a prefix [minor units], as a positive number."""
    return -sum(amount.minor for _, amount in under(balances, prefix) if amount.currency == currency)
