"""Machines come, are given a place to search, and go."""

import pytest

from hashwright.pool.effects import (
    AnswerAuthorize,
    AnswerConfigure,
    AnswerSubscribe,
    BroadcastJob,
    CloseSession,
    SendDifficulty,
    SendJob,
    WakeAt,
)
from hashwright.pool.events import (
    AuthorizeAsked,
    ClockTicked,
    ConfigureAsked,
    DestinationRemoved,
    DifficultyAsked,
    ProcessStarted,
    SessionClosed,
    SessionOpened,
    SubscribeAsked,
)
from hashwright.pool.jobs import RENTED_EVERY_MS
from hashwright.pool.step import TICK_KEY
from hashwright.pool.workers import worker_name
from unit.pool.pool_world import NOW, World, destination, template


def kinds(effects):
    return [type(effect).__name__ for effect in effects]


def test_the_first_job_comes_after_subscribe_and_authorize_in_either_order():
    for first, second in ((SubscribeAsked(1, 1, "a"), AuthorizeAsked(1, 2, "kai.r", "x")),) * 1 + (
        (AuthorizeAsked(1, 2, "kai.r", "x"), SubscribeAsked(1, 1, "a")),
    ):
        world = World()
        world.do(SessionOpened(1, "l", "btc", "p"))
        assert "SendJob" not in kinds(world.do(first))
        assert kinds(world.do(second))[1:] == ["SendDifficulty", "SendJob", "MachineReady"]


def test_two_sessions_never_share_a_prefix():
    world = World()
    prefixes = set()
    for session in range(1, 50):
        world.machine(session)
        prefixes.add(world.state.sessions[session].prefix)
        if session % 3 == 0:
            world.do(SessionClosed(session, "x"))
    assert len(prefixes) == 49


def test_a_second_subscribe_gives_the_same_prefix_and_no_second_job():
    world = World()
    world.machine()
    effects = world.do(SubscribeAsked(1, 7, "again"))
    assert kinds(effects) == ["AnswerSubscribe"]
    assert isinstance(effects[0], AnswerSubscribe)
    assert effects[0].prefix == world.state.sessions[1].prefix


@pytest.mark.parametrize(
    ("user", "worker"),
    [("kai.r01", "kai.r01"), (".r01", "default.r01"), ("kai", "kai"), ("a b", ""), ("", ""), ("kai.", ""),
     ("x" * 129, ""),
     ("é.r", ""), ("a\n", ""), ("bc1qxyz.r:1", "bc1qxyz.r:1")],
)  # fmt: skip
def test_worker_names(user, worker):
    assert worker_name(user) == worker


def test_a_bad_worker_name_is_refused_in_words():
    world = World()
    world.do(SessionOpened(1, "l", "btc", "p"))
    world.do(SubscribeAsked(1, 1, "a"))
    effects = world.do(AuthorizeAsked(1, 2, "bad name", "x"))
    assert isinstance(effects[0], AnswerAuthorize)
    assert "128" in effects[0].problem
    assert not world.state.sessions[1].is_authorized


def test_the_mask_is_what_both_sides_want():
    world = World()
    world.do(SessionOpened(1, "l", "btc", "p"))
    effects = world.do(ConfigureAsked(1, 1, ("version-rolling", "nonsense"), 0x3FFFE000, None))
    assert effects == (AnswerConfigure(1, 1, ("version-rolling",), 0x1FFFE000, None),)


def test_password_options_fix_or_bound_the_difficulty():
    world = World()
    world.machine(1, password="x,d=64")
    world.machine(2, password="md=2")
    world.machine(3, password="d=banana,d=1e400,d=-1")
    assert (world.state.sessions[1].difficulty, world.state.sessions[1].pace.is_fixed) == (1.0, True)
    assert world.state.sessions[2].difficulty == 2.0
    assert not world.state.sessions[3].pace.is_fixed


def test_difficulty_is_capped_at_the_networks():
    """nbits 1d00ffff is difficulty 1: a share harder than a block hides work."""
    world = World()
    world.machine()
    world.do(DifficultyAsked(1, 3, 1e18))
    assert world.state.sessions[1].difficulty == 1.0


def test_suggested_difficulty_comes_with_a_job_it_holds_for():
    world = World()
    world.machine()
    before = world.job_of(1)
    effects = world.do(DifficultyAsked(1, 3, 0.5))
    assert kinds(effects) == ["Answer", "SendDifficulty", "SendJob"]
    assert world.job_of(1) != before
    assert world.state.sessions[1].sent[world.job_of(1)].difficulty == 0.5
    assert world.state.sessions[1].sent[before].difficulty == 1e-9


def test_difficulty_never_goes_below_the_floor():
    world = World(settings=destination(minimum_difficulty=0.25))
    world.machine()
    world.do(DifficultyAsked(1, 3, 1e-12))
    assert world.state.sessions[1].difficulty == 0.25


def test_a_template_goes_to_all_at_once_and_is_clean_on_a_new_tip():
    world = World()
    world.machine(1)
    world.machine(2, user="eva.r")
    effects = world.do(template(2))
    assert effects == (BroadcastJob("btc", world.state.destinations["btc"].job, True),)
    effects = world.do(template(2, template=3))
    assert effects == (BroadcastJob("btc", world.state.destinations["btc"].job, False),)


def test_machines_that_come_before_the_first_template_wait_and_an_alert_says_so():
    world = World()
    world.do(ProcessStarted(2, "test"))
    world.do(SessionOpened(1, "l", "btc", "p"))
    world.do(SubscribeAsked(1, 1, "a"))
    effects = world.do(AuthorizeAsked(1, 2, "kai.r", "x"))
    assert kinds(effects) == ["AnswerAuthorize", "Alert", "MachineReady"]
    assert kinds(world.do(template(5))) == ["SendDifficulty", "BroadcastJob", "DestinationChanged"]


def test_a_start_ends_every_session_and_no_job_id_comes_back():
    world = World()
    world.machine()
    old = set(world.state.jobs)
    effects = world.do(ProcessStarted(2, "test"))
    assert effects == (WakeAt(NOW + 10_000, TICK_KEY),)
    assert not world.state.sessions
    assert not world.state.jobs
    world.do(template(1))
    assert not old & set(world.state.jobs)


def test_an_address_without_destination_is_closed_with_the_reason():
    world = World()
    (effect,) = world.do(SessionOpened(1, "l", "", "p"))
    assert isinstance(effect, CloseSession)


def test_removing_a_destination_closes_its_machines():
    world = World()
    world.machine()
    assert kinds(world.do(DestinationRemoved("btc"))) == ["CloseSession", "DestinationChanged"]
    assert kinds(world.do(SessionClosed(1, "x"))) == ["MachineGone"]
    assert world.do(SessionClosed(1, "x")) == ()


def test_a_new_payout_script_is_in_the_next_job_at_once():
    world = World()
    world.machine()
    effects = world.do(destination(payout_script=b"\x51"))
    assert [e.clean for e in effects if isinstance(e, BroadcastJob)] == [True]
    job = world.state.jobs[world.state.destinations["btc"].job]
    assert b"\x01\x51" in job.coinbase_suffix


def test_silence_halves_the_difficulty():
    world = World(settings=destination(start_difficulty=1.0))
    world.machine()
    world.now += 61_000
    effects = world.do(ClockTicked(TICK_KEY))
    assert [e.difficulty for e in effects if isinstance(e, SendDifficulty)] == [0.5]
    assert any(isinstance(e, SendJob) for e in effects)


def test_a_flood_raises_the_difficulty_within_seconds():
    """S6: 2,000 shares a second from one machine."""
    world = World(settings=destination(start_difficulty=1e-9, shares_per_minute=6.0))
    world.machine()
    for number in range(60):
        world.now += 1
        world.do(world.share(hash_le=number.to_bytes(1, "little") + bytes(25) + b"\x01" + bytes(5)))
    assert world.state.sessions[1].difficulty > 1e-9 * 1000


@pytest.mark.parametrize(
    ("agent", "network", "password", "expected"),
    [
        ("NiceHash/1.0.0", "main", "x", 524_288.0), ("NiceHash/1.0.0", "main", "d=1000000", 1_000_000.0),
        ("NiceHash/1.0.0", "test", "x", 1.0), ("bmminer/2.0", "main", "x", 1.0),
    ],
)  # fmt: skip
def test_rented_hash_power_starts_where_many_machines_start(agent, network, password, expected):
    world = World()
    world.do(destination(network=network, start_difficulty=1.0))
    world.do(template(2, nbits=0x17034219))  # no share is harder than a block
    world.do(SessionOpened(1, "l", "btc", "p"))
    world.do(SubscribeAsked(1, 1, agent))
    world.do(AuthorizeAsked(1, 2, "kai.r", password))
    assert world.state.sessions[1].difficulty == expected


def test_rented_hash_power_gets_what_is_not_urgent_only_now_and_then():
    """Each job restarts the machines behind a market's connection; a new block is never kept back."""
    world = World()
    world.do(destination())
    world.do(template(1))
    for session, agent in ((1, "NiceHash/1.0.0"), (2, "bmminer/2.0")):
        world.do(SessionOpened(session, "l", "btc", "p"))
        world.do(SubscribeAsked(session, 1, agent))
        world.do(AuthorizeAsked(session, 2, "kai.r", "x"))
    tip = template(1).prevhash_le

    def got(number, *, after_ms, prevhash_le=tip, **changes):
        world.now += after_ms
        world.do(template(number, prevhash_le=prevhash_le, **changes))
        newest = next(reversed(world.state.jobs))
        return [newest in world.state.sessions[session].sent for session in (1, 2)]

    assert got(2, after_ms=RENTED_EVERY_MS - 1) == [False, True]
    assert got(3, after_ms=1) == [True, True], "its time has come"
    assert got(4, after_ms=1_000) == [False, True]
    assert got(5, after_ms=1_000, prevhash_le=b"\x05" * 32) == [True, True], "a new block"
    rich = template(1).coinbase_value * 102 // 100
    assert got(6, after_ms=1_000, prevhash_le=b"\x05" * 32, coinbase_value=rich) == [True, True], "fees that count"
    assert got(7, after_ms=1_000, prevhash_le=b"\x05" * 32, coinbase_value=rich) == [False, True]
