"""From events of a pool to entries of the books. Every entry balances; each names the block and how often it moved.

    confirmed   asset:immature  <-  liability:immature:MEMBER ..., liability:unearned (the pool's own part)
    orphaned    the same, the other way round
    matured     asset:wallet  <-  asset:immature;  members' immature -> members;  unearned -> income:fee, income:mined,
                                                   and equity:reserve where work is paid when it is accepted
    held        an abnormal reward: all of it stands under liability:held, before and after it matured
    released    liability:held -> as a block that matured, or equity:owner
    lost        orphaned after it matured: the wallet has less, and the pool bears what members were credited
                (expense:orphaned); back again, the other way round

A reorganisation is no correction of a row: it is one more entry, `block:HASH:2`, `block:HASH:3`.
"""

from hashwright.ledger import accounts
from hashwright.ledger.entries import Entry, entry_of
from hashwright.money import Amount, Currency
from hashwright.pool.records import BlockRecord
from hashwright.pool.schemes.base import HOUSE


def block_confirmed(block: BlockRecord, currency: Currency, *, now: int, is_back: bool) -> Entry:
    """Enter a block that stands in the chain but may still be orphaned."""
    what = "stands in the chain again" if is_back else "stands in the chain"
    return _block_entry(block, currency, now=now, sign=1, kind="block-confirmed", what=what)


def block_orphaned(block: BlockRecord, currency: Currency, *, now: int) -> Entry:
    """Take a block out again: another stands at its height, deep enough."""
    what = "was orphaned"
    return _block_entry(block, currency, now=now, sign=-1, kind="block-orphaned", what=what)


def block_matured(block: BlockRecord, currency: Currency, *, wallet: str, has_members: bool, now: int) -> Entry:
    """Move a block that can be spent to the wallet, and what members earned to what they can be paid."""
    pool = block.destination
    moves: list[tuple[str, Amount]] = [
        (accounts.wallet(wallet), Amount(block.reward, currency)),
        (accounts.immature(pool), Amount(-block.reward, currency)),
    ]
    if not block.is_held:
        moves += [(account, Amount(minor, currency)) for account, minor in _waiting(block)]
        moves += _earned(block, currency, has_members=has_members)
    return entry_of(
        f"block:{block.block_hash}:matured",
        "block-matured",
        now,
        *moves,
        text=f"Block {block.height} of {pool} can be spent.",
        link=f"block:{block.block_hash}",
    )


def block_lost(block: BlockRecord, currency: Currency, *, wallet: str, now: int, is_back: bool) -> Entry:
    """Take a block out of the wallet that a deep reorganisation orphaned, or put it back in."""
    pool, sign = block.destination, -1 if is_back else 1
    what = "is in the chain again" if is_back else "was orphaned after it matured"
    moves = [(accounts.wallet(wallet), Amount(-sign * block.reward, currency))]
    if block.is_held:
        moves.append((accounts.held(pool), Amount(sign * block.reward, currency)))
    else:
        has_members = any(name != HOUSE for name, _ in block.parts)
        for account, amount in _earned(block, currency, has_members=has_members):
            is_theirs = account.startswith(accounts.MEMBERS)
            moves.append((accounts.orphaned(pool) if is_theirs else account, -amount * sign))
    return entry_of(
        f"block:{block.block_hash}:{block.entries + 1}",
        "block-back" if is_back else "block-lost",
        now,
        *moves,
        text=f"Block {block.height} of {pool} {what}.",
        link=f"block:{block.block_hash}",
    )


def block_released(block: BlockRecord, currency: Currency, *, to: str, now: int) -> Entry:
    """Give an abnormal reward to whom a person says: the members, as it was divided, or the owner."""
    pool, reward = block.destination, Amount(block.reward, currency)
    given = [(accounts.OWNER, -reward)] if to == "owner" else _earned(block, currency, has_members=True)
    return entry_of(
        f"block:{block.block_hash}:released",
        "block-released",
        now,
        (accounts.held(pool), reward),
        *given,
        text=f"The abnormal reward of block {block.height} of {pool} was given to the {to}.",
        link=f"block:{block.block_hash}",
    )


def _waiting(block: BlockRecord) -> list[tuple[str, int]]:
    """Say under which accounts a block stands before it can be spent [minor units]."""
    pool = block.destination
    if block.is_held:
        return [(accounts.held(pool), block.reward)]
    return [
        (accounts.unearned(pool) if member == HOUSE else accounts.member_immature(pool, member), minor)
        for member, minor in block.parts
    ]


def _earned(block: BlockRecord, currency: Currency, *, has_members: bool) -> list[tuple[str, Amount]]:
    """Say what a block becomes that can be spent."""
    pool = block.destination
    own = accounts.fee(pool) if has_members else accounts.mined(pool)
    moves = []
    for member, minor in block.parts:
        kept = minor - block.rest if member == HOUSE else minor
        moves.append((own if member == HOUSE else accounts.member(pool, member), Amount(-kept, currency)))
    moves.append((accounts.reserve(pool), Amount(-block.rest, currency)))
    return moves


def _block_entry(block: BlockRecord, currency: Currency, *, now: int, sign: int, kind: str, what: str) -> Entry:
    pool = block.destination
    moves = [(account, Amount(-sign * minor, currency)) for account, minor in _waiting(block)]
    return entry_of(
        f"block:{block.block_hash}:{block.entries + 1}",
        kind,
        now,
        (accounts.immature(pool), Amount(sign * block.reward, currency)),
        *moves,
        text=f"Block {block.height} of {pool} {what}.",
        link=f"block:{block.block_hash}",
    )
