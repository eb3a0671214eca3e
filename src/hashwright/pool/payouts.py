"""Who is paid, how much, and what that does to the books. Pure: the wallet, the chain and the database are elsewhere.

A payout has five steps, and a crash between any two is harmless (design.md, law 4):

    planned     a row of intent; members' money moves to the account of this payout, in the same transaction
    signed      the whole transaction, its id and its inputs are stored; nothing was sent so far
    sent        the wallet's node took it; sending the same bytes again changes nothing
    settled     the chain holds it deep enough
    cancelled   it can never confirm any more; the money is the members' again

Rules of this file: nothing is paid that is not owed; an address that is too new waits; a payout that costs too much for
what it pays waits; the limits of the owner are never passed, and what is above one waits for a person.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hashwright.ledger import accounts
from hashwright.ledger.entries import Entry, entry_of
from hashwright.money import Amount, Currency, apportion

PayoutState = Literal["planned", "signed", "sent", "settled", "cancelled"]
FeePayer = Literal["members", "pool"]
PPM = 1_000_000
DAY_MS = 86_400_000
ADDRESS_DELAY_MS = 48 * 3_600_000
"""An address that a thief put in has this long to be noticed (reliability.md W2)."""
BATCH_MAX = 500
"""Outputs of one transaction: some 17 kB, well below the 100 kB that nodes relay."""
SETTLED_DEPTH = 6


def with_others(_: str) -> bool:
    """Tell that an address can be paid together with others."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutPolicy:
    """How a pool pays. Amounts are minor units of its currency.

    `threshold` is the least that is paid to a member; `dust` the least that the network carries. `fee_cap_ppm` bounds
    the network fee as a part of what is paid. Above `approval_above` a payout waits for a person, and more than
    `daily_limit` is never paid within 24 hours. What the wallet holds above `wallet_cap` should not be in a hot wallet.
    A transaction pays `batch_max` members at most, and an address alone where `is_paid_alone(address)` says so.
    """

    pool: str
    wallet: str
    currency: Currency
    threshold: int
    dust: int = 1_000
    fee_payer: FeePayer = "members"
    fee_cap_ppm: int = 20_000
    batch_max: int = BATCH_MAX
    daily_limit: int
    approval_above: int
    interval_ms: int = DAY_MS
    depth: int = SETTLED_DEPTH
    wallet_cap: int | None = None
    is_live: bool = False
    is_paused: bool = False
    is_paid_alone: Callable[[str], bool] = with_others

    def __post_init__(self) -> None:
        if self.threshold < max(1, self.dust):
            raise ValueError("the threshold is at least what the network carries")
        if not 1 <= self.batch_max <= BATCH_MAX or not 0 <= self.fee_cap_ppm <= PPM // 2:
            raise ValueError(f"a batch has 1 to {BATCH_MAX} parts, and costs at most half of what it pays")
        if self.wallet_cap is not None and self.wallet_cap < 0:
            raise ValueError("the wallet's cap is not negative")
        if self.depth < 1 or self.interval_ms < 0 or self.daily_limit < 0 or self.approval_above < 0:
            raise ValueError("depth, interval and limits are not negative, and the depth at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAddress:
    """Where a member wants his money from `active_ms` on; None while it was not taken back."""

    address: str
    asked_ms: int
    active_ms: int
    cancelled_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one member gets out of a payout, before a fee that members pay."""

    member: str
    address: str
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Whom to pay now, and why others wait."""

    parts: tuple[Part, ...]
    waiting: tuple[tuple[str, int, str], ...]
    """Member, what he is owed, and the reason in words."""
    problem: str = ""
    """Why nothing is paid though something could be: a limit."""

    @property
    def total(self) -> int:
        """Return what is paid in all."""
        return sum(part.minor for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A payout as it stands in the database."""

    id: str
    pool: str
    wallet: str
    currency: Currency
    state: PayoutState
    fee_payer: FeePayer
    total: int
    fee_limit: int
    created_ms: int
    detail: str
    parts: tuple[Part, ...]


def address_in_force(history: Sequence[MemberAddress], *, now: int) -> str:
    """Return the newest address whose delay is over and that was not taken back; an empty string where none is."""
    active = [it for it in history if it.active_ms <= now and (it.cancelled_ms is None or it.cancelled_ms > now)]
    return max(active, key=lambda it: (it.active_ms, it.asked_ms)).address if active else ""


def asked_address(history: Sequence[MemberAddress], address: str, *, now: int, delay_ms: int) -> MemberAddress:
    """Take a member's wish for an address. The first one counts at once: there is none before it to protect."""
    is_first = not any(it.active_ms <= now for it in history)
    return MemberAddress(address=address, asked_ms=now, active_ms=now if is_first else now + delay_ms)


def plan(
    policy: PayoutPolicy,
    owed: Mapping[str, int],
    addresses: Mapping[str, str],
    *,
    paid_today: int,
    is_approved: bool = False,
) -> Plan:
    """Choose whom to pay: first those who are paid alone, then the largest, up to the batch's size.

    `owed` is by member, `paid_today` of 24 hours. Who waits for want of room is paid by the next payout of the round.
    """
    parts: list[Part] = []
    waiting: list[tuple[str, int, str]] = []
    alone = {member: policy.is_paid_alone(address) for member, address in addresses.items()}
    for member, minor in sorted(owed.items(), key=lambda item: (not alone.get(item[0]), -item[1], item[0])):
        is_full = len(parts) >= policy.batch_max or (bool(parts) and alone[parts[0].member])
        reason = _reason_to_wait(policy, minor, addresses.get(member, ""), is_full=is_full)
        if reason:
            waiting.append((member, minor, reason))
        else:
            parts.append(Part(member=member, address=addresses[member], minor=minor))
    total = sum(part.minor for part in parts)
    problem = _limit(policy, total, paid_today=paid_today, is_approved=is_approved)
    if problem:
        waiting = [*((part.member, part.minor, problem) for part in parts), *waiting]
        parts = []
    return Plan(parts=tuple(parts), waiting=tuple(waiting), problem=problem)


def round_of(policy: PayoutPolicy, newest_first: Sequence[Payout]) -> tuple[int, frozenset[str], bool]:
    """Return when the last round of payouts began, whom it has paid, and whether it goes on.

    A round is as many payouts as it takes to pay everybody who is due: it goes on while the last one was full, or paid
    somebody who is paid alone.
    """
    began, paid = 0, set[str]()
    for number, payout in enumerate(newest_first):
        if number and not _is_full(policy, payout):
            break
        began = payout.created_ms
        paid.update(part.member for part in payout.parts)
    return began, frozenset(paid), bool(newest_first) and _is_full(policy, newest_first[0])


def _is_full(policy: PayoutPolicy, payout: Payout) -> bool:
    return len(payout.parts) >= policy.batch_max or any(policy.is_paid_alone(part.address) for part in payout.parts)


def _reason_to_wait(policy: PayoutPolicy, minor: int, address: str, *, is_full: bool) -> str:
    if minor < policy.threshold:
        return f"below the threshold of {Amount(policy.threshold, policy.currency)}"
    if not address:
        return "no address in force"
    return "this payout has no room; the next one has" if is_full else ""


def _limit(policy: PayoutPolicy, total: int, *, paid_today: int, is_approved: bool) -> str:
    if total and paid_today + total > policy.daily_limit:
        return f"{Amount(paid_today + total, policy.currency)} within a day is above the daily limit"
    if total > policy.approval_above and not is_approved:
        return f"{Amount(total, policy.currency)} waits for a person's approval"
    return ""


def fee_limit(policy: PayoutPolicy, total: int) -> int:
    """Return the most that a payout's transaction may cost [minor units]."""
    return total * policy.fee_cap_ppm // PPM


def outputs_of(payout: Payout, fee: int) -> tuple[tuple[Part, int], ...]:
    """Return what each part really receives: where members pay the fee, each bears his part of it, to the last unit.

    Raises:
        ValueError: the fee is above the payout's limit, or somebody would receive nothing.
    """
    if not 0 <= fee <= payout.fee_limit:
        raise ValueError(f"a fee of {fee} is above the limit of {payout.fee_limit} minor units")
    if payout.fee_payer == "pool" or not fee:
        return tuple((part, part.minor) for part in payout.parts)
    shares = apportion(Amount(fee, payout.currency), [part.minor for part in payout.parts])
    outputs = tuple((part, part.minor - share.minor) for part, share in zip(payout.parts, shares, strict=True))
    if any(minor <= 0 for _, minor in outputs):
        raise ValueError("the fee is more than somebody is paid")
    return outputs


# ---------------------------------------------------------------- what it does to the books


def planned_entry(payout: Payout) -> Entry:
    """Move what members are owed to the account of a payout."""
    moves = [(accounts.member(payout.pool, part.member), Amount(part.minor, payout.currency)) for part in payout.parts]
    return entry_of(
        f"payout:{payout.id}:planned",
        "payout-planned",
        payout.created_ms,
        *moves,
        (accounts.payout(payout.pool, payout.id), Amount(-payout.total, payout.currency)),
        text=f"Payout {payout.id} to {len(payout.parts)} members is on its way.",
        link=f"payout:{payout.id}",
    )


def settled_entry(payout: Payout, *, txid_display: str, fee: int, pool_fee: int, at_ms: int) -> Entry:
    """Take the money out of the wallet: the chain says that it is gone.

    Of the network fee `pool_fee` is on top of the payout, because the pool bears it, or too little to come back.
    """
    spent = payout.total + pool_fee
    return entry_of(
        f"payout:{payout.id}:settled",
        "payout-settled",
        at_ms,
        (accounts.payout(payout.pool, payout.id), Amount(payout.total, payout.currency)),
        (accounts.network_fee(payout.wallet), Amount(pool_fee, payout.currency)),
        (accounts.wallet(payout.wallet), Amount(-spent, payout.currency)),
        text=f"Payout {payout.id} is confirmed: {txid_display}, network fee {Amount(fee, payout.currency)}.",
        link=f"payout:{payout.id}",
    )


def undone_entry(payout: Payout, *, txid_display: str, pool_fee: int, at_ms: int) -> Entry:
    """Give members back what was settled: a deep reorganisation put `txid_display` in its transaction's place."""
    moves = [(accounts.member(payout.pool, part.member), Amount(-part.minor, payout.currency)) for part in payout.parts]
    return entry_of(
        f"payout:{payout.id}:undone",
        "payout-undone",
        at_ms,
        (accounts.wallet(payout.wallet), Amount(payout.total + pool_fee, payout.currency)),
        (accounts.network_fee(payout.wallet), Amount(-pool_fee, payout.currency)),
        *moves,
        text=f"Payout {payout.id} was undone by the chain: its coins were spent by {txid_display}.",
        link=f"payout:{payout.id}",
    )


def cancelled_entry(payout: Payout, *, reason: str, at_ms: int) -> Entry:
    """Give members back what was on its way, because it can never arrive."""
    moves = [(accounts.member(payout.pool, part.member), Amount(-part.minor, payout.currency)) for part in payout.parts]
    return entry_of(
        f"payout:{payout.id}:cancelled",
        "payout-cancelled",
        at_ms,
        (accounts.payout(payout.pool, payout.id), Amount(payout.total, payout.currency)),
        *moves,
        text=f"Payout {payout.id} was cancelled: {reason}"[:500],
        link=f"payout:{payout.id}",
    )
