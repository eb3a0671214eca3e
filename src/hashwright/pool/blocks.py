"""What became of our blocks. The chain is the judge (hash at height, depth), never one word of a node.

`submitblock` says "duplicate" or "inconclusive" about good blocks too, and a node that crashed comes back shorter than
it was: a refusal is written down as such, but only another block at our height, seen deep enough, makes an orphan.
"""

from hashwright import registry
from hashwright.money import Amount
from hashwright.pool import members, recipes, reserve
from hashwright.pool.effects import Alert, BlockChanged, PoolEffect
from hashwright.pool.events import BlockAnswered, BlockRecovered, BlockReleased, BlockSeen, DestinationSet
from hashwright.pool.posting import post
from hashwright.pool.records import BlockRecord, PoolState
from hashwright.pool.schemes.base import HOUSE

GOOD_ANSWERS = ("", "duplicate", "inconclusive", "duplicate-inconclusive")
"""Accepted; known already (we or another of our nodes sent it); valid, but not the best chain at this moment."""
SETTLED_DEPTH = 6
MATURE_DEPTH = 101
"""A coinbase can be spent 100 blocks later (Bitcoin's and Litecoin's `COINBASE_MATURITY`); a coin may say otherwise."""
WATCHED_DEPTH = 2 * MATURE_DEPTH
"""A reorganisation of 101 blocks is still noticed."""
WATCHED_EVERY = 10
"""Blocks between two questions about one that could be spent."""


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
    found = Alert(level="warning", code="HW-413", text=text)
    return (_changed(block, "submitted", "found in the chain"), found, *divide(state, block))


def take_sight(state: PoolState, event: BlockSeen, *, now: int) -> tuple[PoolEffect, ...]:
    """Note how deep a block of ours is, or that another stands in its place."""
    block = state.blocks.get(event.block_hash)
    if block is None or event.confirmations == 0:
        return ()  # no verdict: the node does not know it (yet), or is shorter than it was (reliability.md P7)
    if block.is_matured:
        return _watch_matured(state, block, event.confirmations, now=now)
    if event.confirmations < 0:
        return (*_orphan(block), *_take_out(state, block, now=now))
    was = block.state, block.depth
    block.state, block.depth = "confirmed", event.confirmations
    effects: list[PoolEffect] = list(_enter(state, block, now=now))
    if was[0] != "confirmed" or min(was[1], SETTLED_DEPTH) != min(block.depth, SETTLED_DEPTH):
        effects.append(_changed(block, "confirmed", "", confirmations=block.depth))
    if block.depth >= mature_depth(state, block):
        if not (matured := _mature(state, block, now=now)):
            del state.blocks[event.block_hash]
        effects.extend(matured)
        effects.append(_changed(block, "confirmed", "", confirmations=block.depth))
    return tuple(effects)


def must_be_asked(state: PoolState, block: BlockRecord) -> bool:
    """Tell whether the chain should be asked about a block now: while it is young, and when it could be spent."""
    if block.is_matured:
        return _tip_depth(state, block) - block.depth >= WATCHED_EVERY
    if block.state != "confirmed" or block.depth < SETTLED_DEPTH:
        return True
    return _tip_depth(state, block) >= mature_depth(state, block)


def mature_depth(state: PoolState, block: BlockRecord) -> int:
    """Return how deep a block must be until its reward can be spent."""
    settings = _settings(state, block)
    depth: int = MATURE_DEPTH if settings is None else registry.load("coins", settings.coin).COIN.spendable_depth
    return depth


def divide(state: PoolState, block: BlockRecord) -> tuple[PoolEffect, ...]:
    """Say who gets what of a block, by the work of this moment; hold it where it pays far more than expected."""
    settings = _settings(state, block)
    if settings is None:
        return ()
    books = state.books.get(block.destination, members.Books())
    reward = Amount(block.reward, members.currency_of(settings.coin, settings.network))
    network_work = max(1, int.from_bytes(block.network_work_be, "big"))
    block.parts, block.rest = members.divide(books, reward, finder=block.worker, network_work=network_work)
    worth = state.worths.get(block.destination)
    block.is_held = books.eras is not None and worth is not None and worth.is_abnormal(block.reward)
    if not block.is_held:
        return ()
    expected = Amount(0 if worth is None else worth.expected, reward.currency)
    text = f"Block {block.height} of {block.destination} pays {reward}, and {expected} was expected."
    text += " Nobody is credited before you say whose it is: hw pool release."
    return (Alert(level="critical", code="HW-648", text=text),)


def release(state: PoolState, event: BlockReleased, *, now: int) -> tuple[PoolEffect, ...]:
    """Give an abnormal reward that has matured to whom a person says."""
    block = state.blocks.get(event.block_hash)
    settings = None if block is None else _settings(state, block)
    if block is None or settings is None or not (block.is_matured and block.is_held and block.is_entered):
        return ()
    currency = members.currency_of(settings.coin, settings.network)
    del state.blocks[event.block_hash]
    if event.to == "members" and block.rest:
        reserve.fill(state, block.destination, Amount(block.rest, currency))
    return (post(recipes.block_released(block, currency, to=event.to, now=now)),)


def _watch_matured(state: PoolState, block: BlockRecord, confirmations: int, *, now: int) -> tuple[PoolEffect, ...]:
    """Believe the chain even after a block could be spent. What members were credited they keep: the pool bears it."""
    settings = _settings(state, block)
    if settings is None:
        return ()
    is_here, depth = confirmations > 0, max(confirmations, _tip_depth(state, block))
    effects: list[PoolEffect] = []
    if is_here != block.is_entered and (is_here or depth >= SETTLED_DEPTH):
        currency = members.currency_of(settings.coin, settings.network)
        wallet = settings.wallet or block.destination
        entry = recipes.block_lost(block, currency, wallet=wallet, now=now, is_back=is_here)
        block.is_entered, block.entries = is_here, block.entries + 1
        block.state = "confirmed" if is_here else "orphaned"
        if block.rest and not block.is_held:
            reserve.fill(state, block.destination, Amount(block.rest if is_here else -block.rest, currency))
        what = "is in the chain again" if is_here else "was taken out of the chain after it could be spent"
        text = f"Block {block.height} of {block.destination} {what}. The pool bears it; members keep their credit."
        effects = [
            _changed(block, block.state, "", confirmations=max(confirmations, 0)),
            post(entry),
            Alert(level="info" if is_here else "critical", code="HW-650", text=text),
        ]
    block.depth = depth
    if depth >= WATCHED_DEPTH and not (block.is_held and block.is_entered):
        del state.blocks[block.block_hash]
    return tuple(effects)


def _orphan(block: BlockRecord) -> tuple[PoolEffect, ...]:
    if block.state == "orphaned":
        return ()
    block.state, block.depth = "orphaned", 0
    text = f"Block {block.height} of {block.destination} is not in the best chain now ({block.block_hash})."
    return (_changed(block, "orphaned", ""), Alert(level="warning", code="HW-405", text=text))


def _enter(state: PoolState, block: BlockRecord, *, now: int) -> tuple[PoolEffect, ...]:
    settings = _settings(state, block)
    if block.is_entered or settings is None or not block.parts or not block.reward:
        return ()
    currency = members.currency_of(settings.coin, settings.network)
    entry = recipes.block_confirmed(block, currency, now=now, is_back=block.entries > 0)
    block.is_entered, block.entries = True, block.entries + 1
    return (post(entry),)


def _take_out(state: PoolState, block: BlockRecord, *, now: int) -> tuple[PoolEffect, ...]:
    """Reverse the entry only when the other block is deep: a short reorganisation comes and goes."""
    settings = _settings(state, block)
    if not block.is_entered or settings is None or _tip_depth(state, block) < SETTLED_DEPTH:
        return ()
    entry = recipes.block_orphaned(block, members.currency_of(settings.coin, settings.network), now=now)
    block.is_entered, block.entries = False, block.entries + 1
    return (post(entry),)


def _mature(state: PoolState, block: BlockRecord, *, now: int) -> tuple[PoolEffect, ...]:
    settings = _settings(state, block)
    if not block.is_entered or settings is None:
        return ()
    currency = members.currency_of(settings.coin, settings.network)
    wallet = settings.wallet or block.destination
    has_members = any(name != HOUSE for name, _ in block.parts)
    if block.rest and not block.is_held:
        reserve.fill(state, block.destination, Amount(block.rest, currency))
    block.is_matured = True
    return (post(recipes.block_matured(block, currency, wallet=wallet, has_members=has_members, now=now)),)


def _settings(state: PoolState, block: BlockRecord) -> DestinationSet | None:
    destination = state.destinations.get(block.destination)
    settings = None if destination is None else destination.settings
    return settings if isinstance(settings, DestinationSet) else None


def _tip_depth(state: PoolState, block: BlockRecord) -> int:
    """Return how deep the chain is at a block's height, whatever stands there; 0 while it is not known."""
    destination = state.destinations.get(block.destination)
    template = None if destination is None else destination.template
    return 0 if template is None else template.height - block.height


def _changed(block: BlockRecord, state: str, detail: str, *, confirmations: int = 0) -> BlockChanged:
    return BlockChanged(
        destination=block.destination,
        block_hash=block.block_hash,
        state=state,  # type: ignore[arg-type]
        detail=detail,
        confirmations=confirmations,
    )
