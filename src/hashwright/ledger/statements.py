"""Statements: what the books say about a span of time. Sums of postings and nothing else."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from hashwright.ledger.accounts import MEMBERS, RESERVES, parts_of
from hashwright.ledger.entries import Entry
from hashwright.ledger.lots import RESERVE_MOVED
from hashwright.money import Amount, Currency, apportion

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
    elif account.startswith(RESERVES) and kind != RESERVE_MOVED:
        total.earned += max(-minor, 0)
        total.spent += max(minor, 0)
    elif account.startswith("liability:payout:") and kind == "payout-settled":
        total.paid += minor


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPart:
    """A worker's part of what a destination earned in a span, by its part of the work: an estimate for people.

    `work` is accepted work [hashes], `part` its part of the work that shares in this money.
    """

    worker: str
    destination: str
    work: int
    part: float
    amount: Amount


def by_worker(
    entries: Iterable[Entry], work: Mapping[tuple[str, str], int], *, member_of: Callable[[str], str]
) -> list[WorkerPart]:
    """Divide what was earned by work [hashes by destination and worker]; the parts sum to what the books say.

    What a member was credited falls to his workers, what is the owner's to all workers of that destination. A block
    pays work of days before, so the parts are fair over long spans only. Money for which nobody worked in the span
    stands under no worker.
    """
    pots: dict[tuple[str, str, Currency], int] = {}
    for entry in entries:
        for posting in entry.postings:
            parts = parts_of(posting.account)
            if posting.account.startswith(MEMBERS) and not entry.kind.startswith("payout"):
                key = (parts[2], parts[3], posting.amount.currency)
            elif posting.account.startswith("income:mined:"):
                key = (parts[2], "", posting.amount.currency)
            else:
                continue
            pots[key] = pots.get(key, 0) - posting.amount.minor
    found: list[WorkerPart] = []
    for (destination, member, currency), minor in pots.items():
        theirs = {
            worker: hashes
            for (place, worker), hashes in work.items()
            if place == destination and hashes > 0 and member in ("", member_of(worker))
        }
        found.extend(_parts(destination, theirs or {"": 0}, Amount(minor, currency)))
    return sorted(found, key=lambda it: (it.destination, it.amount.currency.code, -it.work, it.worker))


def _parts(destination: str, work: Mapping[str, int], pot: Amount) -> Iterator[WorkerPart]:
    workers, total = sorted(work), sum(work.values())
    amounts = apportion(pot, [work[it] for it in workers]) if total else (pot,)
    for worker, amount in zip(workers, amounts, strict=True):
        part = work[worker] / total if total else 0.0
        yield WorkerPart(worker=worker, destination=destination, work=work[worker], part=part, amount=amount)
