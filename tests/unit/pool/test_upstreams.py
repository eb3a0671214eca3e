"""Upstreams in the pool engine: places, jobs, forwarding, verdicts, and everything that an upstream can do to us."""

import pytest

from hashwright.chain.proof import sha256d
from hashwright.pool import judge
from hashwright.pool.effects import (
    AnswerConfigure,
    AnswerShare,
    AnswerSubscribe,
    AskReconnect,
    OpenChannel,
    SendDifficulty,
    SendExtranonce,
    SendJob,
    SendMask,
    SubmitBlock,
    SubmitUpstream,
)
from hashwright.pool.events import (
    ChannelClosed,
    ChannelOpened,
    ProcessStarted,
    SessionClosed,
    SessionOpened,
    SubscribeAsked,
)
from hashwright.signals import CreditWork, DestinationChanged, MachineGone, MachineReady, ReturnWork
from unit.pool.upstream_world import EASY, MASK, UpstreamWorld, kinds, only, upstream

# ---------------------------------------------------------------- places


@pytest.mark.parametrize(
    ("size", "left", "room"),
    [(16, 12, 256**4), (8, 4, 256**4), (6, 4, 256**2), (5, 4, 256), (4, 3, 1), (3, 2, 1), (2, 2, 1), (1, 1, 1)],
)
def test_what_an_upstream_leaves_decides_how_many_machines_a_connection_carries(size, left, room):
    world = UpstreamWorld(size=size)
    channel = world.state.destinations["up"].channels[11]
    assert (channel.extranonce2_size, channel.room) == (left, room)
    world.job()
    (answer,) = only(world.machine(), AnswerSubscribe)
    assert answer.prefix.startswith(b"\xaa\xbb\xcc\xdd")
    assert len(answer.prefix) + answer.extranonce2_size == 4 + size


def test_machines_of_a_shared_channel_have_prefixes_of_their_own():
    world = UpstreamWorld()
    for session in range(1, 30):
        world.machine(session)
    assert len({it.prefix for it in world.state.sessions.values()}) == 29


def test_a_machine_waits_with_its_subscription_until_a_channel_has_room():
    world = UpstreamWorld(size=4)
    world.job()
    world.machine(1)
    effects = world.machine(2)
    assert OpenChannel("up", 2) in effects
    assert not only(effects, AnswerSubscribe)
    effects = world.do(ChannelOpened("up", 12, b"\x01\x02", 4, MASK))
    assert [type(it) for it in effects][:1] == [AnswerSubscribe]
    assert effects[0].prefix == b"\x01\x02\x00"
    assert world.session(2).channel == 12
    world.prefix = b"\x01\x02"
    assert "BroadcastJob" in kinds(world.job(channel=12, id="k"))
    assert "12" not in world.session(1).sent


def test_a_place_that_is_given_up_goes_to_the_next_machine():
    world = UpstreamWorld(size=4)
    world.job()
    world.machine(1)
    world.machine(2)
    world.do(SessionClosed(1, "gone"))
    assert only(world.job(id="j2"), AnswerSubscribe)[0].session == 2


def test_a_subscription_asked_before_any_channel_is_answered_later():
    world = UpstreamWorld()
    world.do(upstream("late"))
    world.do(SessionOpened(5, "l", "late", "p"))
    assert world.do(SubscribeAsked(5, "s", "a")) == (OpenChannel("late", 5),)
    (answer, *_) = world.do(ChannelOpened("late", 31, b"\x09", 8, 0))
    assert (answer.request, answer.prefix, answer.extranonce2_size) == ("s", b"\x09\x00\x00\x00\x00", 4)


# ---------------------------------------------------------------- shares


def test_a_good_share_is_forwarded_at_once_and_answered_after_the_commit():
    world = UpstreamWorld()
    world.job(id="theirs")
    world.machine()
    event = world.share()
    effects = world.do(event)
    assert [kind for kind in kinds(effects) if kind != "MachineReady"] == [
        "SubmitUpstream", "ReturnWork", "AnswerShare", "CreditWork",
    ]  # fmt: skip
    (sent,) = only(effects, SubmitUpstream)
    assert (sent.job, sent.channel, sent.worker, sent.nonce) == ("theirs", 11, "kai.r01", event.nonce)
    assert sent.extranonce2 == world.session().prefix[4:] + event.extranonce2
    assert len(sent.extranonce2) == 8
    assert event.job != "theirs"


def test_what_is_forwarded_hashes_to_what_the_machine_found():
    world = UpstreamWorld()
    world.job()
    world.machine()
    event = world.share()
    (sent,) = only(world.do(event), SubmitUpstream)
    job = world.state.jobs[event.job]
    coinbase = job.coinbase_prefix + world.prefix + sent.extranonce2 + job.coinbase_suffix
    header = b"".join((
        job.version.to_bytes(4, "little"), job.prevhash_le, sha256d(coinbase), sent.ntime.to_bytes(4, "little"),
        job.nbits.to_bytes(4, "little"), sent.nonce.to_bytes(4, "little"),
    ))  # fmt: skip
    assert sha256d(header) == event.hash_le


def test_only_what_meets_the_upstream_s_own_target_is_forwarded():
    world = UpstreamWorld(start_difficulty=EASY)
    world.job(difficulty=EASY * 8)
    world.machine()
    weak = world.do(world.share(misses=EASY * 8))
    assert kinds(weak) == ["AnswerShare", "CreditWork"]
    assert weak[0].outcome == "accepted"
    strong = world.do(world.share(beats=EASY * 8))
    assert "SubmitUpstream" in kinds(strong)


def test_no_machine_gets_a_higher_difficulty_than_the_upstream_credits():
    world = UpstreamWorld(start_difficulty=EASY * 64)
    world.job(difficulty=EASY * 2)
    assert [it.difficulty for it in only(world.machine(), SendDifficulty)] == [EASY * 2]
    effects = world.job(id="j2", difficulty=EASY * 16)
    assert [it.difficulty for it in only(effects, SendDifficulty)] == [EASY * 16]


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        ({"is_accepted": True}, "accepted"),
        ({"is_accepted": False, "code": 23, "reason": "low difficulty"}, "rejected"),
        ({"is_accepted": False, "code": 21, "reason": "Job not found"}, "stale"),
        ({"is_accepted": False, "code": 20, "reason": "Stale-prevblk"}, "stale"),
    ],
)
def test_the_upstream_s_answer_decides_what_the_work_is(verdict, state):
    world = UpstreamWorld()
    world.job()
    world.machine()
    (sent,) = only(world.do(world.share()), SubmitUpstream)
    (returned,) = world.answer(sent.share, **verdict)
    assert (returned.destination, returned.state, returned.worker) == ("up", state, "kai.r01")
    assert returned.reason == verdict.get("reason", "")
    assert returned.latency_ms == 20
    assert world.answer(sent.share, **verdict) == (), "an answer counts once"


def test_an_answer_to_nobody_changes_nothing():
    world = UpstreamWorld()
    assert world.answer(77) == ()
    assert world.answer(1, channel=99) == ()
    assert world.answer(1, name="btc") == ()
    assert world.answer(1, name="nobody") == ()


def test_a_share_is_forwarded_once():
    world = UpstreamWorld()
    world.job()
    world.machine()
    event = world.share()
    world.do(event)
    again = world.do(event)
    assert kinds(again) == ["AnswerShare", "CreditWork"]
    assert again[0].outcome == "duplicate"


def test_shares_without_an_answer_are_lost_when_the_connection_closes():
    world = UpstreamWorld()
    world.job()
    world.machine()
    for _ in range(3):
        world.do(world.share())
    effects = world.do(ChannelClosed("up", 11, "reset by peer"))
    lost = only(effects, ReturnWork)
    assert [(it.state, it.reason) for it in lost] == [("lost", "reset by peer")] * 3
    assert only(effects, DestinationChanged) == [DestinationChanged("up", "sha256d", "down", "reset by peer")]


def test_a_share_of_a_closed_connection_is_stale_and_counted_as_late():
    world = UpstreamWorld()
    world.job()
    world.machine()
    late = world.share()
    world.do(ChannelClosed("up", 11, "gone"))
    world.move(where="btc")
    effects = world.do(late)
    assert only(effects, AnswerShare)[0].outcome == "stale"
    assert [(it.state, it.destination) for it in only(effects, ReturnWork)] == [("late", "up")]
    world.now += 60_000
    assert not only(world.do(world.share(job=late.job)), ReturnWork), "long after the move it is the machine's fault"


def test_what_was_open_at_a_restart_is_lost():
    world = UpstreamWorld()
    world.job()
    world.machine()
    world.do(world.share())
    effects = world.do(ProcessStarted(2, "test"))
    assert [it.state for it in only(effects, ReturnWork)] == ["lost"]
    assert not world.state.destinations["up"].channels


def test_open_shares_are_bounded():
    world = UpstreamWorld()
    world.job()
    world.machine()
    channel = world.state.destinations["up"].channels[11]
    world.do(world.share())
    channel.open.update(dict.fromkeys(range(2, 4097), channel.open[1]))
    channel.shares_sent = 4096
    effects = world.do(world.share())
    assert [it.state for it in only(effects, ReturnWork)] == ["lost", "submitted"]
    assert len(channel.open) == 4096


def test_a_block_at_an_upstream_is_forwarded_and_is_no_block_of_ours():
    world = UpstreamWorld()
    world.job(nbits=0x207FFFFF, difficulty=1e-3)
    world.machine()
    the_job, _ = judge.find_job(world.state, 1, world.newest())
    event = world.share(beats=1e-9)
    assert judge.is_block(the_job, event)
    effects = world.do(event)
    assert only(effects, SubmitUpstream)
    assert not only(effects, SubmitBlock)
    assert not world.state.blocks


# ---------------------------------------------------------------- jobs


def test_a_clean_job_makes_older_ones_stale_also_on_the_same_tip():
    world = UpstreamWorld()
    world.job(id="j1", tip=7)
    world.machine()
    old = world.share()
    world.job(id="j2", tip=7, clean=False)
    still_good = world.share(job=old.job)
    assert only(world.do(still_good), AnswerShare)[0].outcome == "accepted"
    world.job(id="j3", tip=7, clean=True)
    assert only(world.do(old), AnswerShare)[0].outcome == "stale"


def test_a_new_tip_makes_older_jobs_stale_whatever_the_flag_says():
    world = UpstreamWorld()
    world.job(id="j1", tip=7)
    world.machine()
    old = world.share()
    world.job(id="j2", tip=8, clean=False)
    assert only(world.do(old), AnswerShare)[0].outcome == "stale"


def test_a_job_whose_nbits_stand_for_nothing_is_left_out():
    world = UpstreamWorld()
    effects = world.job(nbits=0)
    assert kinds(effects) == ["Alert"]
    assert effects[0].code == "HW-433"
    assert world.job(id="j2", nbits=0xFF7FFFFF) == ()


def test_the_first_job_makes_a_destination_ready():
    world = UpstreamWorld()
    assert only(world.job(), DestinationChanged) == [DestinationChanged("up", "sha256d", "ready", "")]
    assert not only(world.job(id="j2"), DestinationChanged)


def test_jobs_are_bounded_and_the_one_that_machines_hold_is_kept():
    world = UpstreamWorld()
    world.job()
    world.machine()
    held = world.newest()
    for _ in range(300):
        world.move(where="btc")
        world.now += 5_000
        world.move(where="up")
    assert held in world.state.jobs or len(world.state.destinations["up"].channels[11].jobs) == 256
    assert len(world.state.jobs) <= 2 * 256


# ---------------------------------------------------------------- moves


def test_the_order_on_the_wire_is_mask_extranonce_difficulty_job():
    world = UpstreamWorld(mask=0x1FFF0000)
    world.job(difficulty=EASY / 2)
    world.machine(where="btc")
    effects = world.move(where="up")
    assert kinds(effects) == ["SendMask", "SendExtranonce", "SendDifficulty", "SendJob", "MachineReady"]
    assert effects[0].mask == 0x1FFF0000
    assert effects[3].clean is True
    back = world.move(where="btc")
    assert kinds(back) == ["SendMask", "SendExtranonce", "SendDifficulty", "SendJob", "MachineReady"]
    assert back[0].mask == MASK


def test_a_machine_without_version_rolling_hears_nothing_of_masks():
    world = UpstreamWorld(mask=0)
    world.job()
    world.machine(where="btc", mask=None)
    assert not only(world.move(where="up"), SendMask)


def test_an_upstream_that_rolls_no_bits_grants_none():
    world = UpstreamWorld(mask=0)
    world.job()
    assert only(world.machine(), AnswerConfigure)[0].mask == 0


def test_coming_back_to_the_same_job_is_new_work():
    world = UpstreamWorld()
    world.job()
    world.machine()
    seen = set()
    for _ in range(20):
        place = (world.session().prefix, world.newest())
        assert place not in seen
        seen.add(place)
        assert world.do(world.share())[0] is not None
        world.move(where="btc")
        world.now += 5_000
        world.move(where="up")
    assert len({prefix for prefix, _ in seen}) == 20


def test_coming_back_with_one_byte_of_room_is_new_work_too():
    world = UpstreamWorld(size=4)
    world.job()
    world.machine()
    first = world.session().prefix
    world.move(where="btc")
    effects = world.move(where="up")
    assert only(effects, SendJob)
    assert world.session().prefix != first


def test_where_no_byte_is_left_a_machine_waits_for_the_next_job():
    world = UpstreamWorld(size=2)
    world.job()
    world.machine()
    world.move(where="btc")
    world.now += 700_000
    effects = world.move(where="up")
    assert not only(effects, SendJob), "the same job again would be the same work again"
    assert "BroadcastJob" in kinds(world.job(id="j2"))


def test_late_shares_go_to_the_destination_of_their_job():
    world = UpstreamWorld()
    world.job()
    world.machine()
    late = world.share()
    world.move(where="btc")
    effects = world.do(late)
    assert only(effects, SubmitUpstream)
    assert only(effects, CreditWork)[0].destination == "up"
    assert only(world.do(world.share()), CreditWork)[0].destination == "btc"


def test_a_machine_that_takes_no_extranonce_is_asked_to_reconnect_once():
    world = UpstreamWorld()
    world.job()
    world.machine(takes_extranonce=False)
    assert kinds(world.move(where="btc")) == ["AskReconnect", "MachineGone"]
    assert world.move(where="btc") == ()
    assert only(world.do(world.share()), AnswerShare)[0].outcome == "accepted", "it works on until it goes"
    assert MachineGone(1) not in world.do(SessionClosed(1, "reconnects")), "routing knows already"


def test_own_nodes_build_jobs_for_any_prefix():
    world = UpstreamWorld()
    world.do(upstream("x"))
    world.do(destination_two())
    world.do(template_two())
    world.machine(where="btc", takes_extranonce=False)
    before = world.session().prefix
    effects = world.move(where="two")
    assert not only(effects, AskReconnect)
    assert not only(effects, SendExtranonce)
    assert only(effects, SendJob)
    assert world.session().prefix == before
    assert only(world.do(world.share()), CreditWork)[0].destination == "two"


def destination_two():
    from unit.pool.pool_world import destination

    return destination(destination="two")


def template_two():
    from unit.pool.pool_world import template

    return template(5, destination="two")


def test_the_old_place_is_kept_until_the_new_one_is_there():
    world = UpstreamWorld(size=4)
    world.job()
    world.machine(1)
    world.machine(2, where="btc")
    assert world.move(2, where="up") == (OpenChannel("up", 2),)
    assert only(world.do(world.share(2)), CreditWork)[0].destination == "btc"
    world.prefix = b"\x05"
    effects = world.do(ChannelOpened("up", 12, b"\x05", 4, MASK))
    assert kinds(effects) == ["SendExtranonce", "Alert", "MachineReady"]
    assert MachineReady(2, "kai.r01", "sha256d", "up", True) in effects
    assert "BroadcastJob" in kinds(world.job(channel=12))


def test_no_machine_is_moved_to_another_algorithm():
    world = UpstreamWorld()
    world.do(upstream("ltc", algorithm="scrypt"))
    world.machine(where="btc")
    assert world.move(where="ltc") == ()
    assert world.move(where="nowhere") == ()
    assert world.move(99, where="up") == ()


def test_a_sliced_machine_gets_an_easier_difficulty_with_its_next_job():
    world = UpstreamWorld(start_difficulty=2.0**-20)
    world.job(difficulty=1.0)
    world.machine(where="btc")
    world.session().difficulty = 2.0**-20
    (told,) = only(world.move(where="up", is_sliced=True), SendDifficulty)
    assert told.difficulty == 2.0**-24
    world.move(where="up", is_sliced=False)
    assert world.session().difficulty == 2.0**-21
