"""Accounts at Braiins Pool, by a token with the right to read. Documented form only: no answer was recorded.

`confirmed_reward` is what is owed now; `all_time_reward` is all that was ever credited: what was paid is the rest.
"""

from collections.abc import Sequence

from hashwright.adapters.upstreams.base import (
    AccountReport,
    Question,
    Reader,
    amount,
    document,
    hashrate,
    inner,
    misread,
)
from hashwright.money import Currency

UNITS = {"h/s": 1, "kh/s": 10**3, "mh/s": 10**6, "gh/s": 10**9, "th/s": 10**12, "ph/s": 10**15, "eh/s": 10**18}


def ask(_account: str, token: str, currency: Currency) -> tuple[Question, ...]:
    """One question; the token travels in a header."""
    path = f"/accounts/profile/json/{currency.code.lower()}/"
    return (Question(path=path, headers={"Pool-Auth-Token": token}),)


def read(answers: Sequence[bytes], currency: Currency) -> AccountReport:
    """Read the profile."""
    found = inner(document(answers[0]), currency.code.lower())
    unit = UNITS.get(str(found.get("hash_rate_unit")).lower())
    if unit is None:
        misread(f"{str(found.get('hash_rate_unit'))[:20]!r} is no unit of hash rate")
    unpaid = amount(found.get("confirmed_reward"), currency)
    total = amount(found.get("all_time_reward"), currency)
    if total < unpaid:
        misread("it owes more than it ever credited")
    return AccountReport(hashrate=hashrate(found.get("hash_rate_60m"), unit=unit), unpaid=unpaid, paid=total - unpaid)


READER = Reader(
    title="Braiins Pool", url="https://pool.braiins.com", seen="documented", needs_token=True, ask=ask, read=read
)
