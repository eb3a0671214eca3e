"""Paying for work at once: what is credited, out of which reserve, and when no work is taken any more."""

import random

import msgspec
import pytest

from hashwright.chain.target import target_of_bits, work_of_target
from hashwright.ledger.balances import balances_of, owed
from hashwright.money import Currency
from hashwright.pool.blocks import MATURE_DEPTH
from hashwright.pool.effects import Alert, AnswerAuthorize, CloseSession, CreditWork
from hashwright.pool.events import (
    AuthorizeAsked,
    BlockAnswered,
    BlockReleased,
    BlockSeen,
    DestinationRemoved,
    ProcessStarted,
    ReserveMoved,
    SessionOpened,
    SubscribeAsked,
)
from hashwright.pool.records import OWN_CHANNEL
from hashwright.pool.reserve import CREDIT_MS, GRACE_MS, solvency
from hashwright.pool.step import TICK_KEY
from hashwright.routing.events import RouteSet, Target
from hashwright.runtime.engines import Engines
from hashwright.runtime.engines import step as engines_step
from hashwright.runtime.replay import snapshot_of, state_of
from hashwright.signals import ClockTicked, DestinationChanged
from unit.pool.pool_world import EASY_BITS, World, destination, template
from unit.pool.test_members import entries, share

BTC = Currency("BTCREGTEST", 8)
BLOCK = 5_000_000_000
HASHES = work_of_target(target_of_bits(EASY_BITS))
PRICE = BLOCK * 99 // 100
"""Of a share as hard as a block, less the fee; a few are harder."""
RESERVE = "equity:reserve:btc"


def settings(scheme="pps", **changes):
    return destination(scheme=scheme, scheme_settings=msgspec.json.encode({"fee_ppm": 10_000, **changes}))


def pool(scheme="pps", *, reserve=100 * BLOCK, **changes):
    world = World(nbits=EASY_BITS, settings=settings(scheme, **changes))
    if reserve:
        world.do(ReserveMoved("btc", reserve, "first"))
    world.machine(1, "kai.r01")
    world.machine(2, "lea.r01")
    return world


def tick(world, ms=10_000):
    world.now += ms
    return world.do(ClockTicked(TICK_KEY))


def alerts(world):
    return [it.code for it in world.effects if isinstance(it, Alert)]


def balance(world, account):
    return balances_of(entries(world)).get((account, BTC), 0)


def credits_of(world):
    return [it for it in world.effects if isinstance(it, CreditWork) and it.outcome in ("accepted", "block")]


def earned(world, member):
    """What a member's work was worth, by what each share was credited with: one block at most."""
    credits = [it for it in world.effects if isinstance(it, CreditWork) and it.worker.startswith(f"{member}.")]
    work = sum(min(work_of_target(int.from_bytes(it.target_be, "big")), HASHES) for it in credits)
    return work * PRICE // HASHES


def funds(world):
    return world.state.reserves["btc"].funds["BTCREGTEST"]


def test_work_is_paid_when_it_is_accepted_block_or_no_block():
    world = pool()
    for _ in range(3):
        share(world, 1, "kai.r01", "block")
    share(world, 2, "lea.r01", "block")
    assert balance(world, "liability:member:btc:kai") == 0, "work waits for company"
    tick(world, CREDIT_MS)
    assert -balance(world, "liability:member:btc:kai") == earned(world, "kai") >= 3 * PRICE
    assert -balance(world, "liability:member:btc:lea") == earned(world, "lea") >= PRICE
    assert -balance(world, RESERVE) == 100 * BLOCK - earned(world, "kai") - earned(world, "lea")
    assert funds(world) == -balance(world, RESERVE)
    assert [it.kind for it in entries(world)] == ["reserve-moved", "work-credited"]


def test_a_block_fills_the_reserve_when_it_can_be_spent_and_no_member_a_second_time():
    world = pool()
    block = share(world, 1, "kai.r01", "block")
    world.do(BlockAnswered("btc", block, ""))
    world.do(BlockSeen("btc", block, 1))
    before = funds(world)
    assert balance(world, "liability:unearned:btc") == -BLOCK
    world.do(BlockSeen("btc", block, MATURE_DEPTH))
    assert funds(world) == before + BLOCK
    assert balance(world, RESERVE) == -funds(world)
    assert balance(world, "liability:unearned:btc") == balance(world, "income:fee:btc") == 0
    assert balance(world, "asset:wallet:btc") == BLOCK


def test_fpps_pays_average_fees_too_and_one_mistaken_fee_counts_three_times_at_most():
    world = pool("fpps", fee_ppm=0)
    worth = world.state.worths["btc"]
    for number, fees in enumerate((10, 20, 30, 90 * BLOCK), start=2):
        world.do(template(number, height=100 + number, nbits=EASY_BITS, coinbase_value=BLOCK + fees))
    world.do(template(9, height=110, nbits=EASY_BITS, coinbase_value=BLOCK + 70))
    # the first tip offered no fees; the fifth counts with three times what was expected
    assert worth.tip_fees == [0, 10, 20, 30, 3 * (BLOCK + 15) - BLOCK]
    expected = sum(worth.tip_fees) // 5
    tick(world, CREDIT_MS)
    share(world, 1, "kai.r01", "block")
    tick(world, CREDIT_MS)
    assert -balance(world, "liability:member:btc:kai") * PRICE == earned(world, "kai") * (BLOCK + expected)


def test_a_share_harder_than_a_block_is_paid_as_one():
    world = World(nbits=EASY_BITS, settings=settings())
    world.do(ReserveMoved("btc", 100 * BLOCK, "first"))
    world.machine(1, "kai.r01", "md=0.0000001")
    share(world, 1, "kai.r01", "block")
    while not any(it.target_be == world.state.sessions[1].terms.target_be for it in credits_of(world)):
        share(world, 1, "kai.r01", "block")
    tick(world, CREDIT_MS)
    assert -balance(world, "liability:member:btc:kai") == len(credits_of(world)) * PRICE


def test_newer_templates_of_one_tip_count_once():
    world = pool("fpps")
    for number, fees in ((2, 5), (3, 6), (4, 7)):
        world.do(template(number, prevhash_le=b"\x09" * 32, nbits=EASY_BITS, coinbase_value=BLOCK + fees))
    world.do(template(5, height=101, nbits=EASY_BITS))
    assert world.state.worths["btc"].tip_fees == [0, 7]


def test_a_new_difficulty_ends_the_terms_at_once():
    world = pool()
    share(world, 1, "kai.r01", "block")
    world.do(template(2, height=101, nbits=0x1F00FFFF))
    assert balance(world, "liability:member:btc:kai") == -earned(world, "kai"), "by the terms of its time"
    assert world.state.reserves["btc"].network_work_be == world.state.worths["btc"].network_work_be


def test_fractions_are_carried_and_nobody_gains_by_how_work_is_cut():
    chance = random.Random(7)
    world = pool(reserve_floor_percent=0)
    world.do(template(2, height=101, nbits=0x1B00FFFF))
    held = world.state.reserves["btc"]
    network_work = int.from_bytes(held.network_work_be, "big")
    total = 0
    for _ in range(50):
        work = chance.randrange(1, 10**6)
        total += work
        held.pending["kai"] = work.to_bytes(8, "big")
        tick(world, CREDIT_MS)
    exact = total * BLOCK * 99 // (network_work * 100)
    assert exact > 50
    assert abs(-balance(world, "liability:member:btc:kai") - exact) <= 1
    assert 0 < held.carried["kai"] < 2**62


def test_below_its_floor_a_pool_takes_no_work_and_lets_machines_go():
    world = pool(reserve=0)
    assert "HW-645" in alerts(world)
    assert world.state.destinations["btc"].state == "down"
    assert world.state.destinations["btc"].job == "", "no job was made for work that nobody could pay"
    refusal = [it for it in world.effects if isinstance(it, AnswerAuthorize)]
    assert all("reserve" in it.problem for it in refusal)
    world.do(ReserveMoved("btc", BLOCK, "a"))
    assert world.state.destinations["btc"].state == "down", "the floor alone is not enough to begin again"
    changed = world.do(ReserveMoved("btc", BLOCK // 10, "b"))
    assert [it.state for it in changed if isinstance(it, DestinationChanged)] == ["ready"]
    assert world.state.destinations["btc"].job
    assert "HW-646" in alerts(world)


def test_who_mines_when_the_reserve_runs_out_is_paid_for_it_and_let_go():
    world = pool(reserve=BLOCK * 12 // 10)
    assert world.state.destinations["btc"].state == "ready"
    share(world, 1, "kai.r01", "block")
    stopped = tick(world)
    assert [it.state for it in stopped if isinstance(it, DestinationChanged)] == ["down"]
    assert not [it for it in stopped if isinstance(it, CloseSession)], "routing may move them first"
    late = share(world, 1, "kai.r01", "block")
    world.do(template(2, height=101, nbits=EASY_BITS))
    closed = tick(world, GRACE_MS)
    assert {it.session for it in closed if isinstance(it, CloseSession)} == {1, 2}
    tick(world, CREDIT_MS)
    assert balance(world, "liability:member:btc:kai") == -earned(world, "kai") <= -2 * PRICE
    # its blocks bring it back
    for block in (it for it in list(world.state.blocks) if it):
        world.do(BlockAnswered("btc", block, ""))
        world.do(BlockSeen("btc", block, MATURE_DEPTH))
    assert world.state.blocks[late].is_matured
    assert world.state.destinations["btc"].state == "ready"


def test_a_machine_that_comes_while_it_is_stopped_is_told_why():
    world = pool(reserve=0)
    world.do(SessionOpened(7, "l", "btc", "127.0.0.1:7"))
    world.do(SubscribeAsked(7, 1, "test"))
    (answer,) = (it for it in world.do(AuthorizeAsked(7, 2, "mia.r01", "x")) if isinstance(it, AnswerAuthorize))
    assert answer.problem.startswith("btc: its reserve is at the floor")
    assert not world.state.sessions[7].is_authorized


def test_another_scheme_pays_what_waits_and_keeps_the_reserve():
    world = pool()
    share(world, 1, "kai.r01", "block")
    world.do(settings("pplns"))
    assert balance(world, "liability:member:btc:kai") == -earned(world, "kai")
    assert "HW-649" in alerts(world)
    kept = funds(world)
    block = share(world, 2, "lea.r01", "block")
    world.do(BlockAnswered("btc", block, ""))
    world.do(BlockSeen("btc", block, MATURE_DEPTH))
    assert balance(world, "liability:member:btc:lea") == -BLOCK * 99 // 100
    assert balance(world, "income:fee:btc") == -BLOCK // 100
    assert funds(world) == kept == -balance(world, RESERVE)
    world.do(settings("pps"))
    assert funds(world) == kept
    assert world.state.destinations["btc"].state == "ready"


def test_from_pplns_to_pps_the_old_window_is_paid_first_and_the_rest_is_the_reserves():
    world = pool("pplns", reserve=0, window_percent=10_000)
    share(world, 1, "kai.r01", "block")
    world.do(ReserveMoved("btc", 100 * BLOCK, "first"))
    world.do(settings("pps"))
    share(world, 2, "lea.r01", "block")
    block = share(world, 2, "lea.r01", "block")
    record = world.state.blocks[block]
    parts = dict(record.parts)
    assert set(parts) == {"", "kai"}
    assert parts["kai"] + parts[""] == BLOCK
    before = funds(world)
    world.do(BlockAnswered("btc", block, ""))
    world.do(BlockSeen("btc", block, MATURE_DEPTH))
    assert funds(world) == before + record.rest == -balance(world, RESERVE)
    assert -balance(world, "income:fee:btc") == parts[""] - record.rest > 0


def test_a_removed_pool_pays_what_waits_and_its_reserve_waits_for_it():
    world = pool()
    share(world, 1, "kai.r01", "block")
    world.do(DestinationRemoved("btc"))
    assert balance(world, "liability:member:btc:kai") == -earned(world, "kai")
    kept = funds(world)
    world.do(settings("pps"))
    world.do(template(3, height=102, nbits=EASY_BITS))
    assert funds(world) == kept
    assert world.state.destinations["btc"].state == "ready"


def test_another_coin_under_the_same_name_does_not_touch_the_first_coins_reserve():
    world = pool()
    share(world, 1, "kai.r01", "block")
    kept = funds(world) - earned(world, "kai")
    world.do(msgspec.structs.replace(settings("pps"), coin="litecoin", algorithm="scrypt"))
    assert world.state.reserves["btc"].funds == {"BTCREGTEST": kept}
    assert solvency(world.state, world.state.destinations["btc"].settings) is None, "no template of that coin so far"


def test_nobody_takes_more_out_of_a_reserve_than_it_holds():
    world = pool(reserve=BLOCK)
    world.do(ReserveMoved("btc", -BLOCK - 1, "b"))
    assert "HW-647" in alerts(world)
    assert funds(world) == BLOCK == -balance(world, RESERVE)
    world.do(ReserveMoved("btc", -BLOCK, "c"))
    assert funds(world) == balance(world, RESERVE) == 0


def test_a_snapshot_holds_what_is_promised():
    world = pool()
    for member in ("kai.r01", "lea.r01"):
        share(world, 1, member, "block")
    world.state.reserves["btc"].pending["whale"] = (2**80).to_bytes(11, "big")
    again = state_of(snapshot_of(Engines(pool=world.state))).pool
    assert again.reserves == world.state.reserves
    for state in (again, world.state):
        del state.reserves["btc"].pending["whale"]
    assert again.worths == world.state.worths
    same = world.state.destinations["btc"].settings
    assert solvency(again, same) == solvency(world.state, same)


def test_an_abnormal_reward_credits_nobody_before_a_person_has_looked():
    for to, kai, owner in (("members", BLOCK * 4 * 99 // 100, 0), ("owner", 0, BLOCK * 4)):
        world = pool("pplns", reserve=0)
        world.do(template(2, height=101, nbits=EASY_BITS, coinbase_value=4 * BLOCK))
        block = share(world, 1, "kai.r01", "block")
        assert "HW-648" in alerts(world)
        world.do(BlockAnswered("btc", block, ""))
        world.do(BlockReleased("btc", block, to))
        world.do(BlockSeen("btc", block, 1))
        assert balance(world, "liability:held:btc") == -4 * BLOCK
        world.do(BlockSeen("btc", block, MATURE_DEPTH))
        world.do(BlockSeen("btc", block, MATURE_DEPTH + 1))
        assert balance(world, "liability:held:btc") == -4 * BLOCK
        assert balance(world, "asset:wallet:btc") == 4 * BLOCK
        world.do(BlockReleased("btc", block, to))
        world.do(BlockReleased("btc", block, to))
        assert balance(world, "liability:held:btc") == 0
        assert -balance(world, "liability:member:btc:kai") == kai
        assert -balance(world, "equity:owner") == owner
        assert block not in world.state.blocks


def test_an_abnormal_reward_that_is_orphaned_leaves_nothing():
    world = pool("pps")
    world.do(template(2, height=101, nbits=EASY_BITS, coinbase_value=4 * BLOCK))
    block = share(world, 1, "kai.r01", "block")
    world.do(BlockAnswered("btc", block, ""))
    world.do(BlockSeen("btc", block, 1))
    world.do(template(3, height=120, nbits=EASY_BITS))
    world.do(BlockSeen("btc", block, -1))
    assert balance(world, "liability:held:btc") == 0
    assert funds(world) == -balance(world, RESERVE)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_the_engine_and_the_books_hold_the_same_reserve(seed):
    """Shares, blocks, orphans, schemes and moves in any order: sums agree, nobody owes, nothing is lost."""
    chance = random.Random(seed)
    world = pool(chance.choice(("pps", "fpps")), reserve=chance.choice((0, BLOCK, 30 * BLOCK)))
    height = 110
    for at in range(120):
        what = chance.randrange(8)
        destination_ = world.state.destinations["btc"]
        if what <= 2 and world.state.sessions.get(1) and world.state.sessions[1].sent:
            block = share(world, chance.choice((1, 2)), f"{chance.choice(('kai', 'lea', 'mia'))}.r01", "block")
            if block:
                world.do(BlockAnswered("btc", block, ""))
        elif what == 3:
            height += chance.choice((1, 1, 8))
            world.do(template(at + 10, height=height, nbits=EASY_BITS, prevhash_le=at.to_bytes(32, "big"),
                              coinbase_value=BLOCK + chance.randrange(BLOCK)))  # fmt: skip
        elif what == 4:
            tick(world, chance.choice((10_000, CREDIT_MS)))
        elif what == 5 and world.state.blocks:
            block = chance.choice(list(world.state.blocks))
            world.do(BlockSeen("btc", block, chance.choice((-1, 1, 6, MATURE_DEPTH))))
        elif what == 6:
            world.do(ReserveMoved("btc", chance.randrange(-BLOCK, 3 * BLOCK), str(at)))
        elif what == 7:
            world.do(settings(chance.choice(("pps", "fpps", "pplns"))))
        assert destination_.channels[OWN_CHANNEL] is not None
    balances = balances_of(entries(world))
    assert world.state.reserves["btc"].funds.get("BTCREGTEST", 0) == -balances.get((RESERVE, BTC), 0)
    assert sum(minor for (_, money), minor in balances.items() if money == BTC) == 0
    assert owed(balances, "liability:member:btc", BTC) >= 0
    assert all(minor <= 0 for (account, _), minor in balances.items() if account.startswith("liability:"))


def test_routing_takes_the_machines_elsewhere_when_a_reserve_is_at_its_floor():
    """The engines together: the pool says down, routing moves, and comes back when the reserve is filled."""
    world = World.__new__(World)
    engines = Engines()
    world.state, world.now, world.effects, world.nonce = engines.pool, 1_800_000_000_000, [], 0

    def do(event):
        effects = engines_step(engines, event, now=world.now)
        world.effects.extend(effects)
        return effects

    world.do = do
    do(ProcessStarted(1, "test"))
    do(settings("pps"))
    do(destination(destination="other"))
    for name in ("btc", "other"):
        do(msgspec.structs.replace(template(1, nbits=EASY_BITS), destination=name))
    do(ReserveMoved("btc", BLOCK * 12 // 10, "first"))
    do(RouteSet("sha256d", (Target("btc", "share", 1.0),), ("other",), "", 0, ""))
    do(SessionOpened(1, "l", "btc", "127.0.0.1:1"))
    do(SubscribeAsked(1, 1, "test"))
    do(AuthorizeAsked(1, 2, "kai.r01", "x"))
    assert world.state.sessions[1].destination == "btc"
    share(world, 1, "kai.r01", "block")
    tick(world)
    assert world.state.destinations["btc"].state == "down"
    for _ in range(15):
        world.now += 1_000
        do(ClockTicked("routing-tick"))
    assert world.state.sessions[1].destination == "other"
    assert not [it for it in world.effects if isinstance(it, CloseSession)]
