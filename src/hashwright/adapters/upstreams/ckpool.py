"""Accounts at pools of ckpool's kind (solo.ckpool, public-pool's cousins): a hash rate and no balance; they pay solo.

Seen: a recorded answer of `users/ADDRESS`. The rate of an hour is taken: a minute's is mostly luck.
"""

from collections.abc import Sequence

from hashwright.adapters.upstreams.base import AccountReport, Question, Reader, document, hashrate
from hashwright.money import Currency


def ask(account: str, _token: str, _currency: Currency) -> tuple[Question, ...]:
    """One question."""
    return (Question(path=f"/users/{account}", headers={}),)


def read(answers: Sequence[bytes], _currency: Currency) -> AccountReport:
    """Read the rate; a ckpool owes nothing, so there is nothing to tell."""
    return AccountReport(hashrate=hashrate(document(answers[0]).get("hashrate1hr")), unpaid=None, paid=None)


READER = Reader(title="ckpool", url="https://solo.ckpool.org", seen="recorded", needs_token=False, ask=ask, read=read)
