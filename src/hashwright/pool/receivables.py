"""From readings of an account at an upstream to entries of the books. Pure.

    opening    what it owed when it was read first: the owner's, earned before we looked
    credited   what it says to have credited since: income, owed by the upstream
    paid       what it says to have sent since; no wallet of ours has shown it

What work was *worth* is an estimate and makes no entry.
"""

from dataclasses import dataclass

from hashwright.ledger import accounts
from hashwright.ledger.entries import Entry, entry_of
from hashwright.money import Amount, Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an upstream said at `read_ms`, and what our accepted work since the reading before was worth.

    `work` [hashes] is what it accepted up to the minute `until_minute`, `expected` its worth after the fee [minor
    units]. `unpaid` and `paid` [minor units] and `hashrate` [hash/s] are its own words; None: it did not tell.
    """

    upstream: str
    read_ms: int
    until_minute: int
    work: int
    expected: int
    unpaid: int | None
    paid: int | None
    hashrate: int | None

    @property
    def credited(self) -> int | None:
        """Return all that the upstream ever credited, as it says."""
        return None if self.unpaid is None or self.paid is None else self.unpaid + self.paid


def entries_between(before: Reading | None, now: Reading, currency: Currency) -> list[Entry]:
    """Say what two readings mean for the books. What was credited before the first one is no income of ours to tell."""
    if now.credited is None or now.paid is None:
        return []
    if before is None or before.credited is None or before.paid is None:
        opening = Amount(now.unpaid or 0, currency)
        return _entry(now, "opening", accounts.receivable(now.upstream, "credited"), accounts.OWNER, opening)
    credited = Amount(now.credited - before.credited, currency)
    sent = Amount(now.paid - before.paid, currency)
    return [
        *_entry(now, "credited", accounts.receivable(now.upstream, "credited"), accounts.mined(now.upstream), credited),
        *_entry(
            now,
            "paid",
            accounts.receivable(now.upstream, "paid"),
            accounts.receivable(now.upstream, "credited"),
            sent,
        ),
    ]


def _entry(reading: Reading, kind: str, gets: str, gives: str, amount: Amount) -> list[Entry]:
    if not amount.minor:
        return []
    words = {
        "opening": f"{reading.upstream} owed {amount} when its account was read first.",
        "credited": f"{reading.upstream} says that it credited {amount} since the reading before.",
        "paid": f"{reading.upstream} says that it sent {amount}; no wallet of ours has shown it.",
    }
    return [
        entry_of(
            f"account:{reading.upstream}:{reading.read_ms}:{kind}",
            f"upstream-{kind}",
            reading.read_ms,
            (gets, amount),
            (gives, -amount),
            text=words[kind],
            link=f"account:{reading.upstream}",
        )
    ]
