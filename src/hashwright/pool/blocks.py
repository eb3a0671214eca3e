"""What became of our blocks. The chain is the judge (hash at height, depth), never one word of a node.

`submitblock` says "duplicate" or "inconclusive" about good blocks too, and a node that crashed comes back shorter than
it was: a refusal is written down as such, but only another block at our height, seen deep enough, makes an orphan.
"""

from hashwright.pool.effects import Alert, BlockChanged, PoolEffect
from hashwright.pool.events import BlockAnswered, BlockRecovered, BlockSeen
from hashwright.pool.records import BlockRecord, PoolState

GOOD_ANSWERS = ("", "duplicate", "inconclusive", "duplicate-inconclusive")
"""Accepted; known already (we or another of our nodes sent it); valid, but not the best chain at this moment."""
SETTLED_DEPTH = 6


def take_answer(state: PoolState, event: BlockAnswered, *, now: int) -> tuple[PoolEffect, ...]:
    """Note the node's answer to a submitted block."""
    block = state.blocks.get(event.block_hash)
    if block is None or block.state != "candidate":
        return ()
    if event.answer in GOOD_ANSWERS:
        block.state = "submitted"
        text = f"Block {block.height} of {block.destination} by {block.worker}: the node took it ({block.block_hash})."
        return (_changed(block, "submitted", event.answer), Alert(level="info", code="HW-304", text=text))
    del state.blocks[event.block_hash]
    text = f"Block {block.height} of {block.destination} was refused by the node: {event.answer} ({block.block_hash})."
    return (_changed(block, "refused", event.answer), Alert(level="critical", code="HW-404", text=text))


def take_recovered(state: PoolState, event: BlockRecovered, *, now: int) -> tuple[PoolEffect, ...]:
    """Take a block of ours into the books that was found in the chain only. Who found it is not known any more."""
    if event.block_hash in state.blocks:
        return ()
    block = state.blocks[event.block_hash] = BlockRecord(
        destination=event.destination,
        block_hash=event.block_hash,
        height=event.height,
        worker="",
        reward=event.reward,
        state="submitted",
        found_at=now,
    )
    text = f"Block {block.height} of {block.destination} is ours by its coinbase; the books did not know it yet."
    return (_changed(block, "submitted", "found in the chain"), Alert(level="warning", code="HW-413", text=text))


def take_sight(state: PoolState, event: BlockSeen, *, now: int) -> tuple[PoolEffect, ...]:
    """Note how deep a block of ours is, or that another stands in its place."""
    block = state.blocks.get(event.block_hash)
    if block is None or event.confirmations == 0:
        return ()  # no verdict: the node does not know it (yet), or is shorter than it was (reliability.md P7)
    if event.confirmations < 0:
        if block.state == "orphaned":
            return ()
        block.state = "orphaned"
        text = f"Block {block.height} of {block.destination} is not in the best chain now ({block.block_hash})."
        return (_changed(block, "orphaned", ""), Alert(level="warning", code="HW-405", text=text))
    if event.confirmations >= SETTLED_DEPTH:
        del state.blocks[event.block_hash]
    block.state = "confirmed"
    return (_changed(block, "confirmed", "", confirmations=event.confirmations),)


def _changed(block: BlockRecord, state: str, detail: str, *, confirmations: int = 0) -> BlockChanged:
    return BlockChanged(
        destination=block.destination,
        block_hash=block.block_hash,
        state=state,  # type: ignore[arg-type]
        detail=detail,
        confirmations=confirmations,
    )
