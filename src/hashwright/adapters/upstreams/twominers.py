"""Accounts at 2Miners. Seen: a recorded answer of `/api/accounts/ADDRESS` (ETH, 2022), shortened.

Amounts are whole numbers of a billionth of Ethereum-like coins, and of a hundred-millionth of others. Each coin has an
address of its own.
"""

from collections.abc import Sequence

from hashwright.adapters.upstreams.base import AccountReport, Question, Reader, amount, document, hashrate, inner
from hashwright.money import Currency

BILLIONTHS = ("ETH", "ETC")


def ask(account: str, _token: str, _currency: Currency) -> tuple[Question, ...]:
    """One question."""
    return (Question(path=f"/api/accounts/{account}", headers={}),)


def read(answers: Sequence[bytes], currency: Currency) -> AccountReport:
    """Read rate, balance with what is not mature yet left out, and what was paid."""
    found = document(answers[0])
    stats = inner(found, "stats")
    places = 9 if currency.code in BILLIONTHS else 8
    return AccountReport(
        hashrate=hashrate(found.get("hashrate")),
        unpaid=amount(stats.get("balance", 0), currency, places=places),
        paid=amount(stats.get("paid", 0), currency, places=places),
    )


READER = Reader(title="2Miners", url="https://etc.2miners.com", seen="recorded", needs_token=False, ask=ask, read=read)
