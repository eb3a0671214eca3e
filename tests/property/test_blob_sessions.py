"""Properties of CryptoNote's Stratum: any cut of the bytes, any line; and what one side says the other reads."""

import importlib.util
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.chain.cryptonote.keccak import by_class, keccak256
from hashwright.pool.work import sent_target
from hashwright.stratum.cryptonote.client import BlobClientSession
from hashwright.stratum.cryptonote.messages import BlobJobSent, BlobShare, LoggedIn, Login
from hashwright.stratum.cryptonote.server import BlobServerSession
from hashwright.stratum.cryptonote.targets import TOP_64, read_target, target_64_of, target_be_of, target_text

FUZZER = pathlib.Path(__file__).parents[2] / "fuzz" / "blob_lines.py"
_spec = importlib.util.spec_from_file_location("blob_lines", FUZZER)
fuzzer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzzer)

thirty_two = st.binary(min_size=32, max_size=32)
names = st.text("abcdefXYZ0123456789._-", min_size=1, max_size=40)
jobs = st.builds(
    BlobJobSent,
    names,
    st.binary(min_size=76, max_size=78),
    st.integers(1, TOP_64),
    st.just("rx/0"),
    st.integers(0, 2**40),
    thirty_two,
    st.just(b"") | thirty_two,
)


@pytest.mark.parametrize("seed", range(60))
def test_no_line_of_the_fuzzer_breaks_either_side(seed):
    stream = fuzzer.stream_of(seed)
    fuzzer.check_server(stream, seed)
    fuzzer.check_client(stream, seed)


@given(st.integers(0, 2**32), st.lists(st.integers(1, 60), min_size=1, max_size=30))
@settings(deadline=None, max_examples=60)
def test_any_cut_of_the_bytes_says_the_same(seed, sizes):
    stream = fuzzer.stream_of(seed, 12)
    whole, cut = BlobServerSession(algorithm="rx/0"), BlobServerSession(algorithm="rx/0")
    expected, found, at = whole.receive_data(stream), [], 0
    while at < len(stream):
        size = sizes[at % len(sizes)]
        found += cut.receive_data(stream[at : at + size])
        at += size
    assert (found, bytes(cut.output)) == (expected, bytes(whole.output))


@given(jobs, st.integers(0, 2**32 - 1), thirty_two)
@settings(deadline=None)
def test_what_one_side_says_the_other_reads(job, nonce, result):
    server, client = BlobServerSession(algorithm="rx/0"), BlobClientSession(agent="us", algorithm="rx/0")
    client.login("kai.r1", "x", "rack")
    (login,) = server.receive_data(bytes(client.output))
    assert isinstance(login, Login)
    server.admitted(login.user)
    told = client.receive_data(server.job(job))
    assert told == [LoggedIn(1, True, ""), job]
    assert client.receive_data(server.job(job)) == [job]
    client.output.clear()
    client.submit(BlobShare(None, job.job, nonce, result, ""))
    (share,) = server.receive_data(bytes(client.output))
    assert (share.job, share.nonce, share.result_le) == (job.job, nonce, result)


@given(st.integers(1, TOP_64))
def test_a_target_has_one_meaning_on_the_wire_and_in_the_judge(target_64):
    assert read_target(target_text(target_64)) == target_64
    assert target_64_of(target_be_of(target_64)) == target_64


@given(st.floats(1.0, 2.0**60), st.binary(max_size=8))
def test_a_machine_and_the_judge_agree_on_every_hash(difficulty, salt):
    target_64 = sent_target(difficulty)
    hash_le = keccak256(salt)
    by_machine = int.from_bytes(hash_le[24:], "little") < read_target(target_text(target_64))
    assert by_machine == (hash_le[::-1] <= target_be_of(target_64))


@given(st.integers(1, 2**50))
def test_a_rounded_target_is_never_far_from_what_was_meant(difficulty):
    assert TOP_64 // sent_target(float(difficulty)) == pytest.approx(difficulty, rel=2e-3)


@given(st.binary(max_size=500))
def test_keccak_is_what_the_public_class_says(data):
    assert keccak256(data) == by_class(data)
