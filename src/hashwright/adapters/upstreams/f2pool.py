"""Accounts at F2Pool, by its first interface. Seen: a recorded answer of 2020 (`/bitcoin/USER`), shortened.

Its balance has more places than the coin; they are cut.
"""

from collections.abc import Sequence

from hashwright.adapters.upstreams.base import AccountReport, Question, Reader, amount, document, hashrate, misread
from hashwright.money import Currency

COINS = {"BTC": "bitcoin", "LTC": "litecoin", "XMR": "monero", "ETC": "etc"}


def ask(account: str, _token: str, currency: Currency) -> tuple[Question, ...]:
    """One question; the coin stands in its path."""
    if currency.code not in COINS:
        misread(f"F2Pool's reader does not know {currency.code}")
    return (Question(path=f"/{COINS[currency.code]}/{account}", headers={}),)


def read(answers: Sequence[bytes], currency: Currency) -> AccountReport:
    """Read rate, balance and what was paid."""
    found = document(answers[0])
    return AccountReport(
        hashrate=hashrate(found.get("hashrate")),
        unpaid=amount(found.get("balance"), currency),
        paid=amount(found.get("paid"), currency),
    )


READER = Reader(title="F2Pool", url="https://api.f2pool.com", seen="recorded", needs_token=False, ask=ask, read=read)
