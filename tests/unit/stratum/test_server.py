import json

import pytest

from hashwright.stratum.messages import (
    Answer,
    Authorize,
    Configure,
    ExtranonceSubscribe,
    Ping,
    Submit,
    Subscribe,
    SuggestDifficulty,
)
from hashwright.stratum.server import (
    BLANK_LINES_LIMIT,
    PENDING_LIMIT,
    PROBLEMS_LIMIT,
    STRIKE_COST,
    STRIKE_LIMIT,
    WORKERS_LIMIT,
    ServerSession,
)
from hashwright.stratum.states import State

SUBSCRIBE = b'{"id":1,"method":"mining.subscribe","params":["cgminer"]}\n'
AUTHORIZE = b'{"id":2,"method":"mining.authorize","params":["acct.rig","x"]}\n'
SHARE = b'{"id":4,"method":"mining.submit","params":[%b]}\n' % (
    b'"acct.rig","1a","0a00000000000000","64c25820","591d28da","00092000"'
)
OTHER_SHARE = SHARE.replace(b"acct.rig", b"acct.other")


def asked(method, params, request=9):
    return json.dumps({"id": request, "method": method, "params": params}).encode() + b"\n"


def sent(session):
    """Take the output as (id, result, error code) tuples."""
    found = [json.loads(line) for line in bytes(session.output).splitlines()]
    session.output.clear()
    return [(line["id"], line["result"], line["error"] and line["error"][0]) for line in found]


def ready():
    session = ServerSession()
    session.receive_data(SUBSCRIBE + AUTHORIZE)
    session.subscribed(1, b"\x11\x65\x08\x04", 8)
    session.authorized(2, "acct.rig")
    return session


def test_a_machine_comes_in_and_sends_golden_vector_1():
    session = ServerSession()
    assert session.receive_data(SUBSCRIBE) == [Subscribe(1, "cgminer", "")]
    assert json.loads(session.subscribed(1, b"\x11\x65\x08\x04", 8)) == {
        "id": 1,
        "result": [[["mining.set_difficulty", "11650804"], ["mining.notify", "11650804"]], "11650804", 8],
        "error": None,
    }
    assert session.receive_data(AUTHORIZE) == [Authorize(2, "acct.rig", "x")]
    assert session.authorized(2, "acct.rig") == b'{"id":2,"result":true,"error":null}\n'
    assert session.receive_data(SHARE) == [
        Submit(4, "acct.rig", "1a", b"\x0a" + bytes(7), 0x64C25820, 0x591D28DA, 0x00092000)
    ]
    assert session.share_answer(4, "accepted") == b'{"id":4,"result":true,"error":null}\n'
    assert not session.output
    assert repr(session) == "<ServerSession ready, workers 1, bad lines 0>"


def test_some_firmware_authorizes_first():
    session = ServerSession()
    session.receive_data(AUTHORIZE)
    session.authorized(2, "acct.rig")
    assert session.state is State.NAMED
    assert session.receive_data(SHARE) == []
    assert sent(session) == [(4, None, 25)]
    session.receive_data(SUBSCRIBE)
    session.subscribed(1, b"\1\2\3\4", 8)
    assert session.state is State.READY
    assert len(session.receive_data(SHARE)) == 1


def test_a_share_needs_a_subscription_and_a_name():
    session = ServerSession()
    assert session.receive_data(SHARE) == []
    assert sent(session) == [(4, None, 25)]
    session.receive_data(SUBSCRIBE)
    session.subscribed(1, b"\1\2\3\4", 8)
    assert session.receive_data(SHARE) == []
    assert sent(session) == [(4, None, 24)]
    assert session.garbage == 0


def test_a_name_that_was_not_authorized_here_gets_24():
    session = ready()
    assert session.receive_data(OTHER_SHARE) == []
    assert sent(session) == [(4, None, 24)]
    session.authorized(5, "acct.other")
    assert [share.worker for share in session.receive_data(OTHER_SHARE + SHARE)] == ["acct.other", "acct.rig"]


def test_a_second_subscribe_repeats_the_first_answer():
    session = ServerSession()
    assert len(session.receive_data(SUBSCRIBE + SUBSCRIBE)) == 1
    assert sent(session) == [(1, None, 20)]
    first = session.subscribed(1, b"\1\2\3\4", 8)
    assert session.receive_data(SUBSCRIBE) == []
    assert bytes(session.output) == first
    session.output.clear()
    session.set_extranonce(b"\5\6\7\x08", 7)
    session.receive_data(SUBSCRIBE)
    assert sent(session)[0][1][1:] == ["05060708", 7]


def test_a_refused_subscribe_may_be_asked_again():
    session = ServerSession()
    session.receive_data(SUBSCRIBE)
    assert json.loads(session.refused(1, 20, "No work yet"))["error"] == [20, "No work yet", None]
    assert session.state is State.NEW
    assert len(session.receive_data(SUBSCRIBE)) == 1


def test_configure_is_answered_for_every_extension_that_was_asked_for():
    session = ServerSession()
    line = asked(
        "mining.configure",
        [["version-rolling", "minimum-difficulty", "info", "unknown"], {"minimum-difficulty.value": 64}],
        request="c",
    )
    extensions = ("version-rolling", "minimum-difficulty", "info", "unknown")
    assert session.receive_data(line) == [Configure("c", extensions, 0xFFFFFFFF, 0, 64.0)]
    answer = session.configured("c", ("version-rolling", "info"), 0x1FFFE000, None)
    assert json.loads(answer) == {
        "id": "c",
        "result": {
            "version-rolling": True,
            "version-rolling.mask": "1fffe000",
            "minimum-difficulty": False,
            "info": True,
            "unknown": False,
        },
        "error": None,
    }


def test_open_configures_are_bounded():
    session = ServerSession()
    line = asked("mining.configure", [["info"]])
    assert len(session.receive_data(line * (PENDING_LIMIT + 1))) == PENDING_LIMIT
    assert sent(session) == [(9, None, 20)]
    session.refused(8, 20, "another request")
    session.configured(9, ())
    session.refused(9, 20, "no")
    assert len(session.receive_data(line * 3)) == 2


def test_names_are_bounded():
    session = ready()
    for number in range(WORKERS_LIMIT - 1):
        session.authorized(number, f"acct.{number}")
    assert json.loads(session.authorized(5, "one.more"))["error"][0] == 24
    assert json.loads(session.authorized(5, "acct.rig"))["result"] is True
    assert len(session.workers) == WORKERS_LIMIT
    assert session.receive_data(asked("mining.authorize", ["one.more", "x"])) == []
    assert sent(session) == [(9, None, 24)]
    assert session.receive_data(AUTHORIZE) == [Authorize(2, "acct.rig", "x")]


@pytest.mark.parametrize(
    ("outcome", "code", "word"),
    [
        ("accepted", None, ""),
        ("block", None, ""),
        ("stale", 21, "Stale"),
        ("unknown-job", 21, "not found"),
        ("duplicate", 22, "Duplicate"),
        ("low-difficulty", 23, "Low difficulty"),
        ("unauthorized", 24, "Unauthorized"),
        ("bad-time", 20, "bad-time"),
        ("bad-version", 20, "bad-version"),
        ("malformed", 20, "malformed"),
    ],
)
def test_every_outcome_has_its_wire_code(outcome, code, word):
    answer = json.loads(ready().share_answer(77, outcome))
    assert answer["id"] == 77
    if code is None:
        assert (answer["result"], answer["error"]) == (True, None)
    else:
        assert answer["result"] is None
        assert answer["error"][0] == code
        assert word in answer["error"][1]
        assert answer["error"][2] is None


def test_a_word_that_is_no_outcome_is_never_an_acceptance():
    with pytest.raises(KeyError):
        ready().share_answer(1, "Accepted")


@pytest.mark.parametrize("request_id", [0, -5, 2**62, "a-b", 'q"uote', "é", None])
def test_ids_come_back_as_they_were(request_id):
    session = ready()
    assert json.loads(session.true(request_id))["id"] == request_id
    session.receive_data(asked("mining.ping", [], request=request_id))
    assert sent(session) == [(request_id, "pong", None)]


def test_the_small_requests():
    session = ServerSession()
    data = (
        asked("mining.ping", [])
        + asked("mining.suggest_difficulty", [0.5])
        + asked("mining.extranonce.subscribe", [])
        + b'{"id":9,"result":"cgminer/4\\n","error":null}\n'
        + b'{"id":9,"result":null,"error":[20,"no",null]}\n'
        + b'{"id":9,"method":"mining.extranonce.subscribe"}\n'
        + b'{"id":9,"method":"mining.extranonce.subscribe","params":null}\n'
    )
    assert session.receive_data(data) == [
        Ping(9),
        SuggestDifficulty(9, 0.5),
        ExtranonceSubscribe(9),
        Answer(9, r"cgminer/4\x0a", ""),
        Answer(9, "", "no"),
        ExtranonceSubscribe(9),
        ExtranonceSubscribe(9),
    ]
    assert session.garbage == 0


@pytest.mark.parametrize(
    "method", ["mining.suggest_target", "mining.get_transactions", "mining.multi_version", "", "é", "login"]
)
def test_unknown_methods_are_answered_and_are_not_garbage(method):
    session = ServerSession()
    for _ in range(100):
        assert session.receive_data(asked(method, ["x"])) == []
    assert set(sent(session)) == {(9, None, 20)}
    assert (session.garbage, session.should_close) == (0, "")


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (b"nonsense", None),
        (b"[]", None),
        (b'{"id":7}', 7),
        (b'{"method":"mining.ping","params":[]}', None),
        (b'{"id":7,"method":"mining.ping","params":{}}', 7),
        (b'{"id":7,"method":"mining.submit","params":{"a":1}}', 7),
        (b'{"id":7,"method":"mining.submit","params":null}', 7),
        (b'{"id":7,"method":"mining.submit"}', 7),
        (b'{"method":"mining.submit","params":[]}', None),
        (b'{"id":7,"method":"mining.submit","params":["acct.rig","1a","00","64c2582","591d28da"]}', 7),
        (b'{"id":7,"method":null}', 7),
        (b'{"id":1.5,"method":"mining.ping","params":[]}', None),
        (b'{"id":7,"method":"mining.authorize","params":["a\\u0000b"]}', 7),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_bad_line_is_answered_counted_and_described(line, request_id):
    session = ready()
    assert session.receive_data(line + b"\n") == []
    assert sent(session) == [(request_id, None, 20)]
    assert session.garbage == 1
    assert len(session.problems) == 1
    assert session.problems[0].isascii()
    assert session.problems[0].isprintable()
    assert len(session.receive_data(SHARE)) == 1


def test_too_much_garbage_closes_the_session():
    session = ready()
    session.receive_data(b"x\n" * 1000 + SHARE)
    assert session.state is State.CLOSED
    assert "no Stratum" in session.should_close
    assert session.garbage == STRIKE_LIMIT // STRIKE_COST
    assert len(session.problems) == PROBLEMS_LIMIT
    session.output.clear()
    assert session.receive_data(SHARE + SUBSCRIBE + b"x\n") == []
    assert not session.output


def test_good_lines_forgive_bad_ones():
    session = ready()
    for _ in range(100):
        session.receive_data(b"x\n" + SHARE * STRIKE_COST)
    assert session.garbage == 100
    assert session.should_close == ""


def test_a_few_blank_lines_are_nothing_and_many_are_garbage():
    session = ready()
    session.receive_data(b"\n \r\n" * (BLANK_LINES_LIMIT // 2))
    assert (session.garbage, bytes(session.output)) == (0, b"")
    session.receive_data(b"\n" * 1000)
    assert session.should_close


def test_a_carriage_return_before_the_line_end_is_tolerated():
    assert len(ready().receive_data(SHARE.replace(b"\n", b"\r\n"))) == 1


@pytest.mark.parametrize(("session", "limit"), [(ServerSession(), 4096), (ready(), 8192)])
def test_the_longest_line_depends_on_who_sends_it(session, limit):
    padded = b'{"id":9,"method":"mining.ping","params":[]}'
    session.receive_data(padded.ljust(limit) + b"\n")
    assert sent(session) == [(9, "pong", None)]
    assert session.receive_data(asked("mining.ping", []) + b"[" * (limit + 1)) == [Ping(9)]
    assert str(limit) in session.should_close
    assert session.state is State.CLOSED


def test_the_first_reason_to_close_stays():
    session = ServerSession()
    session.close("idle")
    session.close("again")
    assert session.should_close == "idle"
