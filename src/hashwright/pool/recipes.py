"""From events of a pool to entries of the books. Every entry balances; each names the block and how often it moved.

    confirmed   asset:immature  <-  liability:immature:MEMBER ..., liability:unearned (the pool's own part)
    orphaned    the same, the other way round
    matured     asset:wallet  <-  asset:immature;  members' immature -> members;  unearned -> income:fee, income:mined

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
    own = accounts.fee(pool) if has_members else accounts.mined(pool)
    moves: list[tuple[str, Amount]] = [
        (accounts.wallet(wallet), Amount(block.reward, currency)),
        (accounts.immature(pool), Amount(-block.reward, currency)),
    ]
    for member, minor in block.parts:
        before = accounts.unearned(pool) if member == HOUSE else accounts.member_immature(pool, member)
        after = own if member == HOUSE else accounts.member(pool, member)
        moves.append((before, Amount(minor, currency)))
        moves.append((after, Amount(-minor, currency)))
    return entry_of(
        f"block:{block.block_hash}:matured",
        "block-matured",
        now,
        *moves,
        text=f"Block {block.height} of {pool} can be spent.",
        link=f"block:{block.block_hash}",
    )


def _block_entry(block: BlockRecord, currency: Currency, *, now: int, sign: int, kind: str, what: str) -> Entry:
    pool = block.destination
    moves = [
        (
            accounts.unearned(pool) if member == HOUSE else accounts.member_immature(pool, member),
            Amount(-sign * minor, currency),
        )
        for member, minor in block.parts
    ]
    return entry_of(
        f"block:{block.block_hash}:{block.entries + 1}",
        kind,
        now,
        (accounts.immature(pool), Amount(sign * block.reward, currency)),
        *moves,
        text=f"Block {block.height} of {pool} {what}.",
        link=f"block:{block.block_hash}",
    )
