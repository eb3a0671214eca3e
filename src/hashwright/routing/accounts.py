"""What each destination was asked for and what was counted for it, in hashes.

In every tick the work that the group has done since the last is what the destinations were to share: each is *asked*
for its part. Its own work is *counted* as it comes, and taken off again when the upstream rejects it or never answers.
The difference is its *debt*: what steering works off. All sums are whole numbers, and what is asked in sum is what was
counted in sum.
"""

import functools

from hashwright.chain.target import work_of_target
from hashwright.routing import rates
from hashwright.routing.effects import AskWork
from hashwright.routing.health import take_answer
from hashwright.routing.records import Account, Group
from hashwright.signals import CreditWork, ReturnWork, is_order

CREDITED = ("accepted", "block")
TAKEN_OFF = ("rejected", "stale", "lost")
BOOK_MS = 10_000
DEBT_MAX_S = 600
"""A destination catches up at most ten minutes of everybody's work."""
PARTS = 1_000_000_000


@functools.lru_cache(maxsize=4096)
def work_of(target_be: bytes) -> int:
    """Return the work of one share [hashes]."""
    return work_of_target(int.from_bytes(target_be, "big"))


def take_credit(group: Group, event: CreditWork, *, now: int) -> None:
    """Count a share of one of the group's machines."""
    if event.outcome not in CREDITED:
        return
    work = work_of(event.target_be)
    machine = group.machines.get(event.session) or group.lent.get(event.session)
    if machine is not None:
        rates.count(machine, work, now=now)
    account = group.accounts.get(event.destination)
    if account is not None and is_order(event.destination):
        account.counted += work  # asked for by the market, not by the route
    elif account is not None:
        account.counted += work
        account.debt -= work
        group.fresh += work


def take_return(group: Group, account: Account, event: ReturnWork, *, now: int) -> None:
    """Note what the upstream did with a share, and take off what it did not take."""
    take_answer(account.health, event, now=now)
    if event.state == "late":
        account.late += work_of(event.target_be)
    if event.state not in TAKEN_OFF or is_order(event.destination):
        return
    work = min(work_of(event.target_be), account.counted)
    account.returned += work
    account.counted -= work
    account.debt += work
    group.fresh -= work


def ask(group: Group, shares: dict[str, float]) -> None:
    """Ask the destinations for the work that was done since the last time."""
    if group.fresh <= 0 or not shares:
        return
    weights = {name: int(share * PARTS) for name, share in shares.items()}
    total = sum(weights.values()) or 1
    left = group.fresh
    for name, weight in weights.items():
        _ask_one(group.accounts[name], part := group.fresh * weight // total)
        left -= part
    _ask_one(group.accounts[max(weights, key=lambda name: weights[name])], left)
    group.fresh = 0


def bound_debts(group: Group) -> None:
    """Keep debts within what may be caught up, and forget those of destinations that are away."""
    most = int(group.total_hs * DEBT_MAX_S)
    for account in group.accounts.values():
        if account.state != "ready":
            account.debt = 0
        elif most > 0:
            account.debt = min(max(account.debt, -most), most)


def book(group: Group, *, now: int) -> tuple[AskWork, ...]:
    """Write down what was asked, every ten seconds."""
    if now - group.booked_at < BOOK_MS:
        return ()
    group.booked_at = now
    asked = [account for account in group.accounts.values() if account.unbooked > 0]
    effects = tuple(AskWork(it.destination, min(it.unbooked, 2**256 - 1).to_bytes(32, "big")) for it in asked)
    for account in asked:
        account.unbooked = 0
    return effects


def begin_anew(group: Group, *, now: int) -> None:
    """Start the sums of a new plan."""
    group.planned_at = now
    for account in group.accounts.values():
        account.asked = account.counted = account.returned = account.late = account.debt = 0
    group.fresh = 0


def _ask_one(account: Account, work: int) -> None:
    account.asked += work
    account.debt += work
    account.unbooked += work
