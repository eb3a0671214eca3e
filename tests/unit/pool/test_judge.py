"""The rules of a share, each with its test (reference stratum.md 6, design law 5)."""

import pytest

from hashwright.pool.effects import AnswerShare, CreditWork, SubmitBlock
from hashwright.pool.events import ConfigureAsked, SessionClosed, ShareHashed
from hashwright.pool.records import Terms
from hashwright.pool.work import version_of
from unit.pool.pool_world import EASY_BITS, World, template


@pytest.fixture
def world():
    world = World()
    world.machine()
    return world


def with_(event, **changes):
    return ShareHashed(**{**{f: getattr(event, f) for f in event.__struct_fields__}, **changes})


def test_a_good_share_is_accepted_and_credited_at_its_jobs_target(world):
    share = world.share(want="share")
    terms = world.state.sessions[1].sent[share.job]
    effects = world.do(share)
    assert AnswerShare(1, 9, "accepted") in effects
    assert CreditWork("kai.r01", "btc", terms.target_be, "accepted", 1) in effects


def test_the_same_share_twice_is_a_duplicate(world):
    share = world.share(want="share")
    assert world.outcome(share) == "accepted"
    assert world.outcome(share) == "duplicate"


def test_a_duplicate_stays_one_under_a_new_job_and_when_the_tip_comes_back(world):
    """S3: the window is not flushed by a new job, nor by a tip that goes A, B, A."""
    share = world.share(want="share")
    assert world.outcome(share) == "accepted"
    world.do(template(2))
    assert world.outcome(share) == "stale"
    world.do(template(1, template=3))
    assert world.outcome(share) == "duplicate"


def test_a_share_of_an_older_tip_is_stale(world):
    share = world.share(want="share")
    world.do(template(2))
    assert world.outcome(share) == "stale"


def test_a_share_of_an_older_job_on_the_same_tip_is_good(world):
    share = world.share(want="share")
    world.do(template(1, template=2, coinbase_value=5_000_000_001))
    assert world.outcome(share) == "accepted"


def test_an_unknown_job_is_refused(world):
    assert world.outcome(with_(world.share(), job="ffff")) == "unknown-job"


def test_another_machines_job_is_unknown(world):
    world.do(template(1, template=2))
    job = world.state.destinations["btc"].job
    world.machine(2)
    world.do(template(1, template=3))
    newcomer_has = set(world.state.sessions[2].sent)
    old_job = next(id_ for id_ in world.state.sessions[1].sent if id_ not in newcomer_has)
    assert job in newcomer_has
    share = with_(world.share(1, want="share", job=old_job), session=2)
    assert world.outcome(share) == "unknown-job"


def test_a_wrong_size_has_no_hash_and_is_malformed(world):
    assert world.outcome(with_(world.share(), extranonce2=b"\x00" * 4, hash_le=b"")) == "malformed"


def test_low_difficulty_is_exact():
    world = World()
    world.machine(password="d=0.00001")
    share = world.share(want="share")
    low = world.share(want="low")
    assert world.outcome(share) == "accepted"
    assert world.outcome(low) == "low-difficulty"
    effects = world.do(low)
    assert [e.outcome for e in effects if isinstance(e, CreditWork)] == ["low-difficulty"]


def test_a_hash_equal_to_the_target_is_good_and_one_above_is_not():
    world = World(nbits=0x1C00FFFF)
    world.machine(password="d=4")
    share = world.share()
    target = int.from_bytes(world.state.sessions[1].sent[share.job].target_be, "big")
    assert world.outcome(with_(share, hash_le=target.to_bytes(32, "little"))) == "accepted"
    assert world.outcome(with_(share, hash_le=(target + 1).to_bytes(32, "little"))) == "low-difficulty"


@pytest.mark.parametrize(("offset", "outcome"), [(0, "accepted"), (7200, "accepted"), (7201, "bad-time")])
def test_ntime_may_run_two_hours_ahead(world, offset, outcome):
    assert world.outcome(world.share(want="share", ntime=1_800_000_000 + offset)) == outcome


@pytest.mark.parametrize(("ntime", "outcome"), [(1_799_999_000, "accepted"), (1_799_998_999, "bad-time")])
def test_ntime_may_go_back_to_the_templates_mintime(world, ntime, outcome):
    assert world.outcome(world.share(want="share", ntime=ntime)) == outcome


def test_version_bits_within_the_granted_mask_are_good(world):
    world.do(ConfigureAsked(1, 5, ("version-rolling",), 0xFFFFFFFF, None))
    world.do(template(2))
    assert world.state.sessions[1].terms.mask == 0x1FFFE000
    assert world.outcome(world.share(want="share", version_bits=0x00002000)) == "accepted"
    assert world.outcome(world.share(want="share", version_bits=0x80000000)) == "bad-version"


def test_version_bits_without_a_mask_are_refused(world):
    assert world.outcome(world.share(want="share", version_bits=0x00002000)) == "bad-version"


def test_a_mask_holds_for_the_jobs_after_it_only(world):
    """A job is judged by what was granted when it was sent (records.Terms)."""
    old_job = world.job_of(1)
    world.do(ConfigureAsked(1, 5, ("version-rolling",), 0xFFFFFFFF, None))
    assert world.outcome(world.share(want="share", job=old_job, version_bits=0x00002000)) == "bad-version"


def test_bip310_replaces_the_masked_bits():
    terms = Terms(b"", 8, 1.0, b"\xff" * 32, 0x1FFFE000)
    job = World().state.jobs
    the_job = next(iter(job.values()))
    assert version_of(the_job, terms, None) == 0x20000000
    assert version_of(the_job, terms, 0x00092000) == 0x20092000
    assert version_of(the_job, terms, 0) == 0x20000000


def test_a_block_is_submitted_even_when_a_share_rule_fails():
    """Row 11: the network target is asked before every other rule."""
    world = World(nbits=EASY_BITS)
    world.machine()
    late = world.share(want="block", ntime=1_800_000_000 + 7201)
    stale = world.share(want="block")
    effects = world.do(late)
    assert any(isinstance(e, SubmitBlock) for e in effects)
    assert AnswerShare(1, 9, "bad-time") in effects
    world.do(template(2, nbits=EASY_BITS))
    effects = world.do(stale)
    assert any(isinstance(e, SubmitBlock) for e in effects)
    assert AnswerShare(1, 9, "stale") in effects


def test_a_block_is_submitted_once():
    world = World(nbits=EASY_BITS)
    world.machine()
    block = world.share(want="block")
    first, second = world.do(block), world.do(block)
    assert sum(isinstance(e, SubmitBlock) for e in first) == 1
    assert AnswerShare(1, 9, "block") in first
    assert not any(isinstance(e, SubmitBlock) for e in second)
    assert AnswerShare(1, 9, "duplicate") in second


def test_a_block_that_misses_a_harder_share_target_is_worth_the_networks_work():
    world = World(nbits=EASY_BITS)
    world.machine(password="d=1")
    world.state.sessions[1].difficulty = 4.0
    world.do(template(2, nbits=EASY_BITS))
    effects = world.do(world.share(want="block"))
    job = world.state.jobs[world.job_of(1)]
    assert [e.target_be for e in effects if isinstance(e, CreditWork)] == [job.network_target_be]


def test_a_share_after_the_session_ended_is_unauthorized(world):
    share = world.share(want="share")
    world.do(SessionClosed(1, "gone"))
    effects = world.do(share)
    assert [type(e) for e in effects] == [AnswerShare]
    assert effects[0].outcome == "unauthorized"


def test_a_difficulty_change_does_not_touch_jobs_that_were_sent(world):
    """S5: credited exactly what the job was sent with, whatever the difficulty is now."""
    share = world.share(want="share")
    before = world.state.sessions[1].sent[share.job].target_be
    world.state.sessions[1].difficulty = 1e6
    effects = world.do(share)
    assert [e.target_be for e in effects if isinstance(e, CreditWork)] == [before]
