"""A pool with members: work enters the window, a block is divided when found, the chain moves it through the books."""

import random

import msgspec
import pytest

from hashwright.chain.target import target_of_bits, work_of_target
from hashwright.ledger.balances import balances_of, owed
from hashwright.ledger.entries import Entry, Posting
from hashwright.money import Amount, Currency
from hashwright.pool.blocks import MATURE_DEPTH, WATCHED_DEPTH, WATCHED_EVERY, must_be_asked
from hashwright.pool.effects import Alert, CreditWork, PostEntry, SubmitBlock
from hashwright.pool.events import BlockAnswered, BlockRecovered, BlockSeen, ReserveMoved
from hashwright.pool.members import luck_report
from hashwright.pool.schemes.base import HOUSE
from hashwright.pool.window import SlotImage, Window, window_of
from hashwright.runtime.engines import Engines
from hashwright.runtime.replay import snapshot_of, state_of
from unit.pool.pool_world import EASY_BITS, World, destination, template

BTC = Currency("BTCREGTEST", 8)
REWARD = 5_000_000_000


def pool(scheme="pplns", **settings):
    world = World(
        nbits=EASY_BITS,
        settings=destination(scheme=scheme, scheme_settings=msgspec.json.encode({"fee_ppm": 10_000, **settings})),
    )
    world.machine(1, "kai.r01")
    world.machine(2, "lea.r01")
    return world


def share(world, session, worker, want):
    event = msgspec.structs.replace(world.share(session, want=want), worker=worker)
    world.do(event)
    return next((effect.block_hash for effect in world.effects[::-1] if isinstance(effect, SubmitBlock)), "")


def find(world):
    """Kai works three shares, Lea one, and Lea finds the block."""
    for _ in range(3):
        share(world, 1, "kai.r01", "block")
    block = share(world, 2, "lea.r01", "block")
    world.do(BlockAnswered("btc", block, ""))
    return block


def entries(world):
    found = []
    for effect in world.effects:
        if isinstance(effect, PostEntry):
            postings = tuple(
                Posting(account=account, amount=Amount(minor, Currency(code, exponent)))
                for account, code, exponent, minor in effect.postings
            )
            found.append(Entry(source=effect.source, kind=effect.kind, at_ms=0, postings=postings, link=effect.link))
    return found


def test_a_block_is_divided_by_the_work_of_the_moment_it_was_found():
    world = pool(window_percent=10_000)
    block = find(world)
    parts = dict(world.state.blocks[block].parts)
    assert sum(parts.values()) == REWARD
    assert parts[HOUSE] == REWARD // 100
    assert parts["kai"] + parts["lea"] == REWARD * 99 // 100
    before = dict(parts)
    share(world, 1, "kai.r01", "block")
    assert dict(world.state.blocks[block].parts) == before


def test_in_solo_the_finder_gets_it_and_without_a_scheme_the_owner():
    solo = pool("solo")
    assert dict(solo.state.blocks[find(solo)].parts) == {"lea": REWARD * 99 // 100, HOUSE: REWARD // 100}
    world = World(nbits=EASY_BITS)
    world.machine(1)
    block = share(world, 1, "kai.r01", "block")
    assert world.state.blocks[block].parts == ((HOUSE, REWARD),)


def test_the_chain_moves_a_block_through_the_books():
    world = pool(window_percent=10_000)
    block = find(world)
    world.do(BlockSeen("btc", block, 1))
    (entered,) = entries(world)
    assert entered.source == f"block:{block}:1"
    balances = balances_of([entered])
    assert balances["asset:immature:btc", BTC] == REWARD
    assert owed(balances, "liability:member:btc", BTC) == 0, "nobody can be paid yet"
    world.do(BlockSeen("btc", block, MATURE_DEPTH))
    balances = balances_of(entries(world))
    assert balances["asset:wallet:btc", BTC] == REWARD
    assert owed(balances, "liability:member:btc", BTC) == REWARD * 99 // 100
    assert balances["income:fee:btc", BTC] == -REWARD // 100
    assert "asset:immature:btc" not in {account for account, _ in balances}
    world.do(BlockSeen("btc", block, WATCHED_DEPTH))
    assert block not in world.state.blocks


@pytest.mark.parametrize("scheme", ["pplns", "pps", ""])
def test_a_block_that_is_orphaned_after_it_matured_is_the_pools_loss_and_may_come_back(scheme):
    world = pool(scheme) if scheme else World(nbits=EASY_BITS)
    world.do(ReserveMoved("btc", 100 * REWARD, "first"))
    world.machine(1, "kai.r01")
    world.machine(2, "lea.r01")
    block = find(world)
    for depth in (1, MATURE_DEPTH):
        world.do(BlockSeen("btc", block, depth))
    record = world.state.blocks[block]
    assert not must_be_asked(world.state, record)
    world.do(template(2, height=record.height + MATURE_DEPTH + WATCHED_EVERY, nbits=EASY_BITS))
    assert must_be_asked(world.state, record)
    before = balances_of(entries(world))
    theirs = owed(before, "liability:member:btc", BTC)
    world.do(BlockSeen("btc", block, -1))
    world.do(BlockSeen("btc", block, -1))
    after = balances_of(entries(world))
    assert ("asset:wallet:btc", BTC) not in after
    assert owed(after, "liability:member:btc", BTC) == theirs, "what was credited stays"
    assert after.get(("expense:orphaned:btc", BTC), 0) == sum(minor for name, minor in record.parts if name != HOUSE)
    assert "HW-650" in {it.code for it in world.effects if isinstance(it, Alert)}
    if scheme == "pps":
        assert world.state.reserves["btc"].funds["BTCREGTEST"] == -after["equity:reserve:btc", BTC]
    world.do(BlockSeen("btc", block, MATURE_DEPTH + 20))
    assert balances_of(entries(world)) == before
    world.do(BlockSeen("btc", block, -1))
    assert len({entry.source for entry in entries(world)}) == len(entries(world)), "each entry has its own source"
    world.do(template(3, height=record.height + WATCHED_DEPTH, nbits=EASY_BITS))
    world.do(BlockSeen("btc", block, -1))
    assert block not in world.state.blocks


def test_seen_twice_is_entered_once():
    world = pool(window_percent=10_000)
    block = find(world)
    for depth in (1, 1, 2, 6, 50):
        world.do(BlockSeen("btc", block, depth))
    assert len(entries(world)) == 1


def test_a_short_reorganisation_moves_nothing_and_a_deep_one_is_reversed_and_comes_back():
    world = pool(window_percent=10_000)
    block = find(world)
    world.do(BlockSeen("btc", block, 1))
    world.do(template(2, height=104, nbits=EASY_BITS))
    world.do(BlockSeen("btc", block, -1))
    assert len(entries(world)) == 1, "four blocks are not deep enough to believe"
    world.do(template(3, height=106, nbits=EASY_BITS))
    world.do(BlockSeen("btc", block, -1))
    world.do(BlockSeen("btc", block, -1))
    assert [entry.kind for entry in entries(world)] == ["block-confirmed", "block-orphaned"]
    assert balances_of(entries(world)) == {}
    world.do(BlockSeen("btc", block, 2))
    assert [entry.source.rsplit(":", 1)[1] for entry in entries(world)] == ["1", "2", "3"]
    assert balances_of(entries(world))["asset:immature:btc", BTC] == REWARD


def test_a_node_that_does_not_know_voids_nothing():
    world = pool(window_percent=10_000)
    block = find(world)
    world.do(BlockSeen("btc", block, 3))
    world.do(template(2, height=300, nbits=EASY_BITS))
    world.do(BlockSeen("btc", block, 0))
    assert len(entries(world)) == 1
    assert block in world.state.blocks


def test_the_chain_is_asked_while_a_block_is_young_and_when_it_can_be_spent():
    world = pool(window_percent=10_000)
    block = find(world)
    record = world.state.blocks[block]
    assert must_be_asked(world.state, record)
    world.do(BlockSeen("btc", block, 6))
    assert not must_be_asked(world.state, record)
    world.do(template(2, height=record.height + MATURE_DEPTH, nbits=EASY_BITS))
    assert must_be_asked(world.state, record)


def test_a_recovered_block_is_divided_by_the_window_that_there_is():
    world = pool(window_percent=10_000)
    find(world)
    world.do(BlockRecovered("btc", "ab" * 32, 101, REWARD))
    parts = dict(world.state.blocks["ab" * 32].parts)
    assert sum(parts.values()) == REWARD
    assert parts["kai"] > 0


def test_only_good_work_counts():
    world = pool(window_percent=10_000)
    event = world.share(1, want="block")
    world.do(event)
    world.do(event)
    (held,) = world.state.books["btc"].eras.open
    once = held.window.total
    assert once > 0
    world.do(msgspec.structs.replace(world.share(1, want="block"), ntime=1))
    assert held.window.total == once


def test_a_snapshot_holds_the_window_and_gives_the_same_division():
    world = pool(window_percent=10_000)
    find(world)
    again = state_of(snapshot_of(Engines(pool=world.state)))
    assert again.pool.blocks == world.state.blocks
    ours, theirs = (state.books["btc"].eras.open[0] for state in (world.state, again.pool))
    assert ours.era == theirs.era
    assert ours.window.image() == theirs.window.image()
    assert world.state.books["btc"].eras is not None, "the living state keeps its own"


def test_another_scheme_begins_an_era_and_none_ends_the_books():
    world = pool(window_percent=10_000)
    find(world)
    world.do(destination(scheme="solo", scheme_settings=b"{}"))
    assert [held.era.key for held in world.state.books["btc"].eras.open] == ["pplns", "solo"]
    world.do(destination())
    assert "btc" not in world.state.books


@pytest.mark.parametrize("settings", [b'{"fee_ppm": -1}', b'{"unknown": 1}'])
def test_settings_that_are_wrong_are_refused(settings):
    from hashwright.pool.members import scheme_of

    with pytest.raises(msgspec.ValidationError):
        scheme_of("pplns", settings)


def test_luck_is_counted_at_the_difficulty_of_the_time_and_survives_a_snapshot():
    world = pool()
    find(world)
    books = world.state.books["btc"]
    found = luck_report(books)
    assert found.pool.found == sum(it.found for it in found.accounts) > 0
    expected = {it.name: it.expected_blocks for it in found.accounts}
    counted = [it for it in world.effects if isinstance(it, CreditWork) and it.outcome in ("accepted", "block")]
    network_work = work_of_target(target_of_bits(EASY_BITS))
    for name in ("kai", "lea"):
        targets = [int.from_bytes(it.target_be, "big") for it in counted if it.worker.startswith(name)]
        hashes = (min(work_of_target(it), network_work) for it in targets)
        assert expected[name] == pytest.approx(sum(hashes) / network_work)
    restored = state_of(snapshot_of(Engines(pool=world.state)))
    assert luck_report(restored.pool.books["btc"]) == found


def test_a_window_comes_back_from_its_image_and_from_that_of_older_programs():
    chance = random.Random(3)
    window = Window()
    for _ in range(5_000):
        window.add(chance.choice(("kai", "lea", "mia")), chance.randrange(1, 2**70), limit=2**78)
    again = window_of(window.image())
    older = window_of([msgspec.msgpack.decode(it, type=SlotImage) for it in window.image()])
    for it in (again, older):
        assert (it.total, it.work(2**78), it.image()) == (window.total, window.work(2**78), window.image())
    for _ in range(2_000):
        piece = chance.choice(("kai", "zoe")), chance.randrange(1, 2**70)
        for it in (window, again, older):
            it.add(*piece, limit=2**78)
    assert window.image() == again.image() == older.image()
    assert window.work(2**77) == again.work(2**77) == older.work(2**77)
