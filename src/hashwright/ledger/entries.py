"""An entry: money that moved between accounts, because of one event. It balances in every currency, or does not exist.

Corrections are new entries (`reversal`); nothing is ever changed. `source` names the event, and the books hold each
source once: posting the same entry again is no second movement.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hashwright.errors import InvariantBroken
from hashwright.ledger.accounts import is_account
from hashwright.money import Amount, Currency

SOURCE_MAX: Final = 200
TEXT_MAX: Final = 500
POSTINGS_MAX: Final = 100_000
"""A block that is shared by more members than that is split by mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """An amount that an account gets (debit, positive) or gives (credit, negative)."""

    account: str
    amount: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event in the books.

    `source` is unique: `block:HASH:1`, `payout:ID:settled`. `kind` is a word to group by. `at_ms` is when it was true
    [ms since 1970 UTC]. `link` ties entries of one story together: a block's hash, a payout's id.

    Raises:
        InvariantBroken: it does not balance, is empty, or names what is no account (HW-620).
    """

    source: str
    kind: str
    at_ms: int
    postings: tuple[Posting, ...]
    text: str = ""
    link: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the numbers rest on, as text: a price and its feed, a work, a height."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.source) <= SOURCE_MAX or len(self.text) > TEXT_MAX:
            raise unsound(self.source, f"its source has 1 to {SOURCE_MAX} characters, its text up to {TEXT_MAX}")
        if not 2 <= len(self.postings) <= POSTINGS_MAX:
            raise unsound(self.source, f"it has {len(self.postings)} postings, and needs 2 to {POSTINGS_MAX}")
        for posting in self.postings:
            if not is_account(posting.account):
                raise unsound(self.source, f"{posting.account[:80]!r} is no account")
            if posting.amount.minor == 0:
                raise unsound(self.source, f"it moves nothing on {posting.account}")
        for currency, minor in sums_of(self.postings).items():
            if minor:
                raise unsound(self.source, f"it is out of balance by {minor} minor units of {currency.code}")

    def __hash__(self) -> int:
        return hash(self.source)


def sums_of(postings: Iterable[Posting]) -> dict[Currency, int]:
    """Sum postings by currency [minor units]; of a sound entry each is 0."""
    sums: dict[Currency, int] = {}
    for posting in postings:
        currency = posting.amount.currency
        sums[currency] = sums.get(currency, 0) + posting.amount.minor
    return sums


def entry_of(source: str, kind: str, at_ms: int, *moves: tuple[str, Amount], text: str = "", link: str = "") -> Entry:
    """Build an entry of (account, amount) pairs; an amount of nothing is left out."""
    postings = tuple(Posting(account=account, amount=amount) for account, amount in moves if amount.minor)
    return Entry(source=source, kind=kind, at_ms=at_ms, postings=postings, text=text, link=link)


def reversal(entry: Entry, source: str, *, kind: str, at_ms: int, text: str) -> Entry:
    """Build the entry that undoes another, under a source of its own."""
    postings = tuple(Posting(account=it.account, amount=-it.amount) for it in entry.postings)
    return Entry(source=source, kind=kind, at_ms=at_ms, postings=postings, text=text, link=entry.link or entry.source)


def unsound(source: str, problem: str) -> InvariantBroken:
    """Build the error for an entry that cannot stand in the books."""
    return InvariantBroken(
        f"Entry {source[:80]!r} cannot be posted: {problem}. Nothing was posted.",
        code="HW-620",
        hint="Report this with the log: it is a fault of ours.",
    )
