"""Monero's shares and blocks by the same engine as Bitcoin's: what differs, and that nothing else does."""

import pytest

from hashwright.chain.cryptonote.block import tree_hash
from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.chain.cryptonote.share import branch_of, read_hashing_blob, root_of
from hashwright.pool import judge
from hashwright.pool.effects import (
    Alert,
    AnswerAuthorize,
    AnswerShare,
    BlockChanged,
    CreditWork,
    SendDifficulty,
    SendJob,
    SubmitBlock,
)
from hashwright.pool.events import BlockAnswered, BlockSeen, LoginAsked, SessionClosed, SessionOpened
from hashwright.pool.logins import split_login
from hashwright.pool.work import BLOB, Rolled, is_marked, mark_of
from unit.pool.blob_world import REWARD, BlobWorld, destination, template


@pytest.fixture
def world():
    world = BlobWorld()
    world.machine()
    return world


def of_kind(effects, kind):
    return [effect for effect in effects if isinstance(effect, kind)]


# -------------------------------------------------------------------- jobs


@pytest.mark.parametrize("others", range(18))
def test_the_way_from_the_first_leaf_leads_to_the_root(others):
    hashes = [keccak256(bytes([n])) for n in range(others)]
    miner = b"a miner transaction"
    first = keccak256(keccak256(miner) + keccak256(b"\0") + bytes(32))
    assert root_of(miner, branch_of(hashes)) == tree_hash([first, *hashes])


def test_a_login_brings_a_job_and_no_word_of_difficulty():
    world = BlobWorld()
    effects = world.machine()
    assert of_kind(effects, AnswerAuthorize)[0].problem == ""
    assert len(of_kind(effects, SendJob)) == 1
    assert not of_kind(world.effects, SendDifficulty)


def test_no_two_machines_and_no_two_jobs_search_the_same_blob(world):
    world.machine(2)
    world.do(template(2))
    world.do(template(2))
    blobs = set()
    for session in (1, 2):
        for job in world.state.sessions[session].sent:
            found = judge.find_job(world.state, session, job)
            blobs.add(BLOB.input_of(*found, Rolled(b"", 0, 0, None)))
    assert len(blobs) == sum(len(world.state.sessions[it].sent) for it in (1, 2))


def test_a_new_difficulty_comes_with_a_new_job_never_with_the_same_again(world):
    for _ in range(12):
        world.now += 100
        world.do(world.share(want="share"))
    jobs = [effect.job for effect in of_kind(world.effects, SendJob)]
    assert len(jobs) == len(set(jobs)) >= 2
    sent = world.state.sessions[1].sent
    assert sent[jobs[-1]].difficulty > sent[jobs[0]].difficulty


def test_a_template_without_room_for_us_is_no_job():
    world = BlobWorld(has_template=False)
    with pytest.raises(ValueError, match="no room"):
        world.do(template(room=11))
    world.do(template(room=12))
    assert world.state.destinations["xmr"].job, "without the mark, but unlike any other"


def test_our_mark_is_known_to_us_alone():
    unique = b"\0\0\1\0\0\0\0\7"
    mark = mark_of(b"address", 100, unique)
    assert is_marked(b"xx" + mark + unique + b"yy", b"address", 100)
    assert not is_marked(b"xx" + mark + unique + b"yy", b"another", 100)
    assert not is_marked(b"xx" + mark + unique + b"yy", b"address", 101)
    assert not is_marked(b"", b"address", 100)


# -------------------------------------------------------------------- judging


def test_a_good_share_is_worth_the_work_of_the_target_that_was_sent(world):
    effects = world.do(world.share(want="share"))
    credit = of_kind(effects, CreditWork)[0]
    assert credit.outcome == "accepted"
    assert int.from_bytes(credit.target_be, "big") == (2**64 - 1) // 4 * 2**192 - 1


def test_the_order_of_judgement(world):
    good = world.share(want="share")
    assert world.outcome(good) == "accepted"
    assert world.outcome(good) == "duplicate"
    assert world.outcome(world.share(want="low")) == "low-difficulty"
    forged = world.share(want="low", claimed_le=bytes(32))
    assert world.outcome(forged) == "bad-hash"
    old = world.share(want="share")
    world.do(template(2))
    assert world.outcome(old) == "stale"
    assert world.outcome(world.share(want="share", job=None, hash_le=b"", claimed_le=b"")) == "malformed"


def test_a_stale_share_that_is_a_block_still_goes_to_the_node():
    world = BlobWorld(difficulty=16)
    world.machine()
    block = world.share(want="block")
    world.do(template(2, difficulty=16))
    effects = world.do(block)
    assert of_kind(effects, SubmitBlock)
    assert world.outcome(block) == "stale"


def test_a_forged_claim_beside_a_real_block_still_goes_to_the_node():
    world = BlobWorld(difficulty=16)
    world.machine()
    effects = world.do(world.share(want="block", claimed_le=b"\xff" * 32))
    assert of_kind(effects, SubmitBlock)
    assert not [it for it in of_kind(effects, CreditWork) if it.outcome in ("accepted", "block")]


def test_a_forged_share_costs_more_good_ones_than_it_could_have_brought(world):
    forged = world.share(want="share", claimed_le=bytes(32), chance=0.25)
    effects = world.do(forged)
    assert [alert.code for alert in of_kind(effects, Alert)] == ["HW-313"]
    outcomes = []
    for _ in range(10):
        world.now += 10_000  # at the rate that is wanted: the difficulty stays
        effects = world.do(world.share(want="share", chance=0.25))
        assert of_kind(effects, AnswerShare)[0].outcome == "accepted", "what it did now was right"
        outcomes.append(of_kind(effects, CreditWork)[0].outcome)
    assert outcomes == ["penalty"] * 8 + ["accepted"] * 2, "twice 1/p"


def test_the_debt_is_the_worker_s_and_outlives_the_connection(world):
    world.do(world.share(want="share", claimed_le=bytes(32), chance=0.5))
    world.do(SessionClosed(1, "gone"))
    world.machine(2)
    assert of_kind(world.do(world.share(2, want="share")), CreditWork)[0].outcome == "penalty"


def test_where_every_share_is_hashed_a_forged_one_is_refused_and_no_more(world):
    assert world.outcome(world.share(want="share", claimed_le=bytes(32))) == "bad-hash"
    assert of_kind(world.do(world.share(want="share")), CreditWork)[0].outcome == "accepted"
    assert not world.state.debts


# -------------------------------------------------------------------- blocks


def test_a_block_is_named_as_its_node_does_and_can_be_spent_after_sixty():
    world = BlobWorld(difficulty=16, settings=destination(scheme="pplns", wallet="w"))
    world.machine()
    share = world.share(want="block")
    submitted = of_kind(world.do(share), SubmitBlock)[0]
    blob = submitted.header
    assert submitted.block_hash == keccak256(bytes([len(blob)]) + blob).hex()
    assert read_hashing_blob(blob)[2] == world.state.destinations["xmr"].template.prevhash_le
    assert submitted.reward == REWARD
    name = submitted.block_hash
    assert of_kind(world.do(BlockAnswered("xmr", name, "")), BlockChanged)[0].state == "submitted"
    world.do(BlockSeen("xmr", name, 1))
    world.do(BlockSeen("xmr", name, 59))
    assert not world.state.blocks[name].is_matured
    world.do(BlockSeen("xmr", name, 60))
    assert world.state.blocks[name].is_matured


# -------------------------------------------------------------------- logins

MAIN = "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H"


@pytest.mark.parametrize(
    ("login", "found"),
    [("kai", ("kai", 0.0)), ("kai.r1+5000", ("kai.r1", 5000.0)), ("kai+x", ("kai+x", 0.0)), ("a+b+7", ("a+b", 7.0))],
)
def test_a_login_may_name_a_difficulty(login, found):
    assert split_login(login) == found


def test_a_difficulty_in_the_login_stays(world):
    world.do(SessionOpened(2, "l", "xmr", "p"))
    world.do(LoginAsked(2, 1, "kai.r2+5000", "x", "XMRig", 0.0))
    session = world.state.sessions[2]
    assert (session.worker, session.difficulty, session.pace.is_fixed) == ("kai.r2", 5000.0, True)


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        (MAIN, ""),
        (MAIN + ".rig", ""),
        (MAIN[:-1] + "X", "damaged"),
        ("A" + MAIN[1:], "damaged"),
        ("no spaces", "Worker names have"),
    ],
)
def test_an_address_that_cannot_be_paid_is_refused_in_words(user, problem):
    world = BlobWorld()
    answer = of_kind(world.machine(user=user), AnswerAuthorize)[0]
    assert problem in answer.problem
    assert bool(answer.problem) is bool(problem)


def test_an_address_of_another_network_is_refused_in_words():
    world = BlobWorld(settings=destination(network="stage"))
    answer = of_kind(world.machine(user=MAIN), AnswerAuthorize)[0]
    assert "of the main network, but stage is set" in answer.problem
    assert not world.state.sessions[1].is_authorized


def test_a_machine_that_goes_gives_its_place_back(world):
    world.do(SessionClosed(1, "gone"))
    assert not world.state.destinations["xmr"].channels[0].members
    assert not of_kind(world.effects, Alert)
