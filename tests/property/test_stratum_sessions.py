"""Properties of both Stratum sessions, and of the two joined by a wire."""

import importlib.util
import itertools
import json
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.stratum.client import ClientSession
from hashwright.stratum.lines import (
    difficulty_text,
    notify_line,
    set_difficulty_line,
    set_extranonce_line,
    set_mask_line,
    swap_words,
)
from hashwright.stratum.messages import (
    Authorize,
    Authorized,
    Configure,
    Configured,
    Notify,
    SetDifficulty,
    SetExtranonce,
    SetVersionMask,
    ShareAnswered,
    Submit,
    Subscribe,
    Subscribed,
)
from hashwright.stratum.requests import submit, submit_by_field
from hashwright.stratum.server import ServerSession
from hashwright.stratum.states import ADMISSION, Admission, State, Step, after
from hashwright.stratum.strict import Malformed

FUZZER = pathlib.Path(__file__).parents[2] / "fuzz" / "stratum_lines.py"
_spec = importlib.util.spec_from_file_location("stratum_lines", FUZZER)
fuzzer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzzer)

words = st.integers(0, 2**32 - 1)
names = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]), min_size=1, max_size=40)
shares = st.builds(
    Submit,
    st.none(),
    names,
    names,
    st.binary(max_size=16),
    words,
    words,
    st.none() | words,
)
jobs = st.builds(
    Notify,
    names,
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=80),
    st.binary(max_size=80),
    st.lists(st.binary(min_size=32, max_size=32), max_size=14).map(tuple),
    words,
    words,
    words,
    st.booleans(),
)
REQUESTS = {
    Subscribe: b'{"id":1,"method":"mining.subscribe","params":["a"]}\n',
    Authorize: b'{"id":2,"method":"mining.authorize","params":["w","x"]}\n',
    Configure: b'{"id":3,"method":"mining.configure","params":[["info"]]}\n',
    Submit: b'{"id":4,"method":"mining.submit","params":["w","1","00","00000000","00000000"]}\n',
    None: b"not a request\n",
}


def fed(session, stream, cuts):
    """Feed a stream cut at the given places; return all that came out."""
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    found = [message for a, b in itertools.pairwise(edges) for message in session.receive_data(stream[a:b])]
    return found, bytes(session.output), session.should_close, session.garbage


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**5), max_size=30))
def test_any_split_of_the_byte_stream_gives_the_same_events_and_output(seed, cuts):
    stream = fuzzer.stream_of(seed, 15)
    assert fed(ServerSession(), stream, cuts) == fed(ServerSession(), stream, [])
    assert fed(ClientSession(agent="x"), stream, cuts) == fed(ClientSession(agent="x"), stream, [])


@given(st.integers(0, 10**6))
def test_bytes_that_drip_one_by_one_give_the_same(seed):
    stream = fuzzer.stream_of(seed, 3)
    assert fed(ServerSession(), stream, range(len(stream))) == fed(ServerSession(), stream, [])


@given(st.binary(max_size=400))
def test_no_bytes_raise(data):
    ServerSession().receive_data(data + b"\n")
    ClientSession(agent="x").receive_data(data + b"\n")


@pytest.mark.parametrize("seed", range(150))
def test_fuzzed_sessions_keep_their_promises(seed):
    stream = fuzzer.stream_of(seed)
    fuzzer.check_server(stream, seed)
    fuzzer.check_client(stream, seed)


def test_the_fuzzer_is_seeded_and_reaches_shares():
    assert fuzzer.stream_of(7) == fuzzer.stream_of(7) != fuzzer.stream_of(8)
    sessions = [fuzzer.check_server(fuzzer.stream_of(seed), seed) for seed in range(40)]
    assert {State.READY, State.CLOSED} <= {session.state for session in sessions}


@given(st.lists(st.sampled_from([*REQUESTS, *Step]), max_size=25))
def test_every_state_and_input_ends_in_a_legal_state_or_in_an_error_and_a_closed_session(inputs):
    session = ServerSession()
    for given_input in inputs:
        before, expected = session.state, session.state
        session.output.clear()
        if isinstance(given_input, Step):
            expected = after(before, given_input)
            _take_step(session, given_input)
        else:
            messages = session.receive_data(REQUESTS[given_input])
            expected = _check_answer(session, given_input, before, messages)
        assert session.state in (expected, State.CLOSED)
        assert (session.state is State.CLOSED) == bool(session.should_close)


def _take_step(session, step):
    if step is Step.SUBSCRIBE_ASKED:
        session.receive_data(REQUESTS[Subscribe])
    elif step is Step.SUBSCRIBE_ANSWERED:
        session.subscribed(1, b"\1\2\3\4", 8)
    elif step is Step.SUBSCRIBE_REFUSED:
        session.refused(1, 20, "no")
    elif step is Step.AUTHORIZED:
        session.authorized(2, "w")
    else:
        session.close("end")


def _check_answer(session, kind, before, messages):
    if before is State.CLOSED:
        assert not messages
        assert not session.output
        return State.CLOSED
    if kind is None or ADMISSION[before][kind] is not Admission.PASS:
        assert not messages
        assert session.output.count(b"\n") == 1
        return before
    is_one_too_many = kind is Configure and not messages
    assert is_one_too_many or [type(message) for message in messages] == [kind]
    return after(before, Step.SUBSCRIBE_ASKED) if kind is Subscribe else before


@given(shares, st.sampled_from(["accepted", "stale", "duplicate"]))
def test_client_and_server_joined_by_a_wire_agree(share, outcome):
    client, server = ClientSession(agent="hw"), ServerSession()
    client.configure(mask=0x1FFFE000)
    client.subscribe()
    client.authorize(share.worker)
    configure, subscribe, authorize = server.receive_data(_taken(client))
    heard = client.receive_data(
        server.configured(configure.request, configure.extensions, configure.mask & 0x00FFF000)
        + server.subscribed(subscribe.request, b"\1\2\3\4", 8)
        + server.authorized(authorize.request, authorize.user)
    )
    assert heard == [
        Configured(1, ("version-rolling",), 0x00FFE000),
        Subscribed(2, b"\1\2\3\4", 8),
        Authorized(3, share.worker, True, 0, ""),
    ]
    request = client.submit(share)
    (received,) = server.receive_data(_taken(client))
    assert received == Submit(request, *[getattr(share, field) for field in Submit.__struct_fields__[1:]])
    (answer,) = client.receive_data(server.share_answer(received.request, outcome))
    assert answer == ShareAnswered(request, outcome == "accepted", answer.code, answer.reason)
    assert not server.output
    assert (server.garbage, client.garbage) == (0, 0)


def _taken(session):
    data = bytes(session.output)
    session.output.clear()
    return data


@given(jobs, st.floats(1e-12, 1e15), st.binary(max_size=8), st.integers(1, 16), words)
def test_what_a_server_says_is_what_a_client_hears(job, difficulty, prefix, size, mask):
    lines = notify_line(job) + set_difficulty_line(difficulty) + set_extranonce_line(prefix, size) + set_mask_line(mask)
    assert ClientSession(agent="x").receive_data(lines) == [
        job,
        SetDifficulty(difficulty),
        SetExtranonce(prefix, size),
        SetVersionMask(mask),
    ]


@given(st.binary(min_size=32, max_size=32))
def test_swapping_words_twice_changes_nothing(digest):
    assert swap_words(swap_words(digest)) == digest


@given(st.floats(min_value=0, exclude_min=True, max_value=1e15))
def test_a_difficulty_survives_the_wire_exactly_and_without_an_exponent(difficulty):
    shown = difficulty_text(difficulty)
    assert float(shown) == difficulty
    assert set(shown) <= set("0123456789.")
    assert not shown.endswith(".0")


fields = st.one_of(
    names,
    st.sampled_from(
        ["64c25820", "591D28DA", "0a00", "0", "", "٣٣٣٣٣٣٣٣", "0_0_0_0_", " 4c25820", "1\n2", "0a\n64c25820"]
    ),
    st.text("0123456789abcdefABCDEF \n_x", max_size=10),
    st.none(),
    st.integers(),
)


@settings(max_examples=300)
@given(st.lists(fields, max_size=7))
def test_the_fast_reader_of_shares_takes_and_refuses_what_the_careful_one_does(params):
    assert _outcome(submit, params) == _outcome(submit_by_field, params)


def _outcome(reader, params):
    try:
        return reader(1, params)
    except Malformed as problem:
        return str(problem)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists, max_leaves=8))
def test_an_id_comes_back_as_it_was_or_as_null(request_id):
    session = ServerSession()
    session.receive_data(json.dumps({"id": request_id, "method": "mining.unknown", "params": []}).encode() + b"\n")
    answer = json.loads(bytes(session.output))
    is_legal = request_id is None or type(request_id) is str or (type(request_id) is int and abs(request_id) < 2**63)
    assert answer["id"] == (request_id if is_legal else None)
    assert answer["error"][0] == 20
