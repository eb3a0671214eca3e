"""CryptoNote's Stratum, both sides: what xmrig sends, what it must be told, and what nobody may send."""

import json

import pytest

from hashwright.stratum.cryptonote.client import BlobClientSession
from hashwright.stratum.cryptonote.messages import BlobJobSent, BlobShare, KeepAlive, LoggedIn, Login
from hashwright.stratum.cryptonote.server import SHARE_TEXTS, BlobServerSession
from hashwright.stratum.cryptonote.targets import TOP_64, read_target, target_64_of, target_be_of, target_text
from hashwright.stratum.messages import Answer, Fault, ShareAnswered
from hashwright.stratum.strict import Malformed

JOB = BlobJobSent("1a", bytes(range(76)), 2**50, "rx/0", 100, b"\x11" * 32, b"\x22" * 32)
ADDRESS = "4" + "A" * 94


def line(**fields):
    return json.dumps({"jsonrpc": "2.0", **fields}).encode() + b"\n"


def login(request=1, **params):
    return line(id=request, method="login", params={"login": ADDRESS, "pass": "x", "agent": "XMRig/6.22", **params})


def submit(request=2, **params):
    fields = {"id": "5", "job_id": "1a", "nonce": "01020304", "result": "ab" * 32, "algo": "rx/0"}
    return line(id=request, method="submit", params=fields | params)


def server():
    session = BlobServerSession(algorithm="rx/0")
    session.name = "5"
    return session


def logged_in():
    session = server()
    session.receive_data(login(algo=["rx/0", "rx/wow"]))
    session.admitted(ADDRESS)
    assert session.job(JOB)
    return session


def said(session):
    answers = [json.loads(it) for it in bytes(session.output).splitlines()]
    session.output.clear()
    return answers


# -------------------------------------------------------------------- the machine's side of the wire


def test_a_login_is_answered_with_its_first_job():
    session = server()
    messages = session.receive_data(login(7, rigid="rack", algo=["cn/r", "rx/0"]))
    assert messages == [Login(7, ADDRESS, "x", "XMRig/6.22", "rack", ("cn/r", "rx/0"))]
    assert session.job(JOB) == b"", "nobody has admitted it yet"
    session.admitted(ADDRESS)
    answer = json.loads(session.job(JOB))
    assert answer["id"] == 7
    assert answer["error"] is None
    assert answer["result"]["id"] == "5"
    assert answer["result"]["status"] == "OK"
    job = answer["result"]["job"]
    assert (job["blob"], job["job_id"], job["algo"], job["height"]) == (JOB.blob.hex(), "1a", "rx/0", 100)
    assert job["seed_hash"] == "11" * 32
    assert job["next_seed_hash"] == "22" * 32
    assert session.workers == {ADDRESS}
    pushed = json.loads(session.job(JOB))
    assert (pushed["method"], pushed["params"]["job_id"]) == ("job", "1a")


def test_a_share_is_decoded_to_its_nonce_and_its_hash():
    session = logged_in()
    assert session.receive_data(submit(9)) == [BlobShare(9, "1a", 0x04030201, b"\xab" * 32, "rx/0")]
    assert json.loads(session.share_answer(9, "accepted"))["result"] == {"status": "OK"}
    error = json.loads(session.share_answer(9, "stale"))["error"]
    assert error == {"code": -1, "message": "Block expired"}


def test_a_sign_of_life_is_answered_at_once():
    session = logged_in()
    assert session.receive_data(line(id=3, method="keepalived", params={"id": "5"})) == [KeepAlive(3)]
    assert said(session) == [{"id": 3, "jsonrpc": "2.0", "error": None, "result": {"status": "KEEPALIVED"}}]


def test_only_what_is_lost_makes_xmrig_connect_again():
    closing = ("Unauthenticated", "your IP is banned", "IP Address currently banned", "Invalid job id")
    close = {word for word, text in SHARE_TEXTS.items() if text.startswith(closing)}
    assert close == {"unauthorized", "unknown-job"}


def test_a_share_before_a_login_is_not_authenticated():
    session = server()
    assert session.receive_data(submit()) == []
    assert said(session)[0]["error"]["message"] == "Unauthenticated"
    session.receive_data(login())
    session.admitted(ADDRESS)
    assert session.receive_data(submit()) == [], "its first job is not there yet"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"nonce": "010203"}, "nonce must be 8 hex digits"),
        ({"nonce": "0102030405"}, "nonce must be 8 hex digits"),
        ({"nonce": "0x020304"}, "nonce must be 8 hex digits"),
        ({"nonce": " 1020304"}, "nonce must be 8 hex digits"),
        ({"nonce": 1020304}, "submit takes job_id, nonce and result"),
        ({"result": "ab" * 31}, "result must be 64 hex digits"),
        ({"result": "ab" * 33}, "result must be 64 hex digits"),
        ({"result": "zz" * 32}, "result must be 64 hex digits"),
        ({"result": None}, "submit takes job_id, nonce and result"),
        ({"job_id": "x" * 65}, "job_id must be a text of at most 64 characters"),
    ],
)
def test_a_share_of_another_form_is_refused_in_words(fields, text):
    session = logged_in()
    assert session.receive_data(submit(**fields)) == []
    assert said(session)[0]["error"]["message"] == text
    assert session.garbage == 1


def test_a_key_that_comes_twice_is_refused():
    session = logged_in()
    twice = submit().replace(b'"nonce"', b'"nonce": "01020304", "nonce"')
    assert session.receive_data(twice) == []
    assert "not one JSON object" in said(session)[0]["error"]["message"]


def test_an_algorithm_that_is_not_offered_is_refused_in_words():
    session = server()
    assert session.receive_data(login(algo=["cn/r", "kawpow"])) == []
    text = said(session)[0]["error"]["message"]
    assert text == "This pool mines rx/0, and your machine offers cn/r, kawpow"
    assert session.receive_data(login()), "it may try again"
    session = logged_in()
    assert session.receive_data(submit(algo="rx/wow")) == []
    assert said(session)[0]["error"]["message"] == "This is rx/0, not that algorithm"


def test_ten_thousand_logins_in_a_row_end_the_connection_after_ten():
    session = logged_in()
    assert session.receive_data(login() * 10_000) == []
    assert session.should_close == "too many lines that are no requests"
    assert len(said(session)) == 10


def test_a_refused_login_may_come_again():
    session = server()
    session.receive_data(login(1))
    assert json.loads(session.refused(1, 0, "no such address"))["error"]["message"] == "no such address"
    assert session.receive_data(login(2))
    session.admitted("x")
    assert json.loads(session.job(JOB))["id"] == 2


def test_what_is_not_known_is_answered_and_is_no_garbage():
    session = logged_in()
    session.receive_data(line(id=4, method="getjob", params={}))
    assert said(session)[0]["error"]["message"] == "Not supported"
    assert session.garbage == 0


# -------------------------------------------------------------------- targets


@pytest.mark.parametrize("difficulty", [1, 2, 3, 1000, 4096, 100_003, 2**20, 3_999_999])
def test_a_short_target_is_what_xmrig_makes_of_it(difficulty):
    text = (0xFFFFFFFF // difficulty).to_bytes(4, "little").hex()
    target_64 = read_target(text)
    assert target_64 == TOP_64 // (0xFFFFFFFF // (0xFFFFFFFF // difficulty))
    assert target_text(target_64) == text
    assert target_64_of(target_be_of(target_64)) == target_64


def test_a_target_that_four_bytes_cannot_say_takes_eight():
    target_64 = TOP_64 // 123_456_789
    assert len(target_text(target_64)) == 16
    assert read_target(target_text(target_64)) == target_64
    for bad in ("00000000", "", "ffffff", "ff" * 9, 5, None):
        with pytest.raises(Malformed):
            read_target(bad)


# -------------------------------------------------------------------- our side toward an upstream


def client():
    session = BlobClientSession(agent="us", algorithm="rx/0")
    session.login("kai", "x")
    session.output.clear()
    return session


def job_fields(**changes):
    fields = {"blob": "07" * 76, "job_id": "j", "target": "b88d0600", "height": 5, "seed_hash": "33" * 32}
    return fields | changes


def test_our_login_asks_for_our_one_algorithm():
    session = BlobClientSession(agent="us", algorithm="rx/0")
    session.login("kai", "x", rig="r1")
    sent = json.loads(bytes(session.output))
    assert sent["params"] == {"login": "kai", "pass": "x", "agent": "us", "algo": ["rx/0"], "rigid": "r1"}


def test_the_answer_to_a_login_is_a_yes_and_a_job():
    session = client()
    told = session.receive_data(line(id=1, result={"id": "s", "job": job_fields(), "status": "OK"}))
    assert told[0] == LoggedIn(1, True, "")
    assert told[1].job == "j"
    assert told[1].seed == b"\x33" * 32
    session.submit(BlobShare(None, "j", 1, b"\xcd" * 32, ""))
    sent = json.loads(bytes(session.output))["params"]
    assert (sent["id"], sent["nonce"], sent["result"]) == ("s", "01000000", "cd" * 32)
    assert session.receive_data(line(id=2, result={"status": "OK"})) == [ShareAnswered(2, True, 0, "")]


def test_a_refused_login_says_why():
    session = client()
    assert session.receive_data(line(id=1, error={"code": -1, "message": "no address"})) == [
        LoggedIn(1, False, "no address")
    ]


@pytest.mark.parametrize(
    ("text", "code"), [("Block expired", 21), ("Low difficulty share", 20), ("Unauthenticated", 24)]
)
def test_the_words_of_a_no_tell_what_it_is_about(text, code):
    session = client()
    session.submit(BlobShare(None, "j", 1, bytes(32), ""))
    assert session.receive_data(line(id=2, error={"code": -1, "message": text})) == [
        ShareAnswered(2, False, code, text)
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"blob": "0"},
        {"blob": "07" * 300},
        {"target": "00000000"},
        {"seed_hash": ""},
        {"seed_hash": "33"},
        {"algo": "cn/r"},
        {"job_id": None},
        {"height": -1},
        {"next_seed_hash": "44"},
    ],
)
def test_a_job_that_cannot_be_read_is_a_lost_job_and_no_more(changes):
    session = client()
    told = session.receive_data(line(method="job", params=job_fields(**changes)))
    assert [type(it) for it in told] == [Fault]
    assert not told[0].is_fatal


def test_a_login_that_cannot_be_read_ends_the_connection():
    session = client()
    told = session.receive_data(line(id=1, result={"id": "s", "job": job_fields(blob="xx")}))
    assert told[-1].is_fatal
    assert session.should_close


def test_a_sign_of_life_is_answered_as_any_question():
    session = client()
    session.keep_alive()
    assert session.receive_data(line(id=2, result={"status": "KEEPALIVED"})) == [Answer(2, "", "")]
    assert isinstance(session.receive_data(line(id=77, result=1))[0], Fault)
