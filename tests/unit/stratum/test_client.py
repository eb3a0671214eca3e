import json

import pytest

from hashwright.stratum.client import GARBAGE_LIMIT, OPEN_LIMIT, ClientSession
from hashwright.stratum.messages import (
    Answer,
    Authorized,
    Configured,
    Fault,
    GetVersion,
    Notify,
    Ping,
    Reconnect,
    SetDifficulty,
    SetExtranonce,
    SetVersionMask,
    ShareAnswered,
    ShowMessage,
    Submit,
    Subscribed,
)

SHARE = Submit(99, "acct.rig", "1a", b"\x0a" + bytes(7), 0x64C25820, 0x591D28DA, 0x00092000)


def told(method, params, request=None):
    return json.dumps({"id": request, "method": method, "params": params}).encode() + b"\n"


def answered(request, result, error=None):
    return json.dumps({"id": request, "result": result, "error": error}).encode() + b"\n"


def taken(client):
    found = [json.loads(line) for line in bytes(client.output).splitlines()]
    client.output.clear()
    return found


def test_questions_are_lines_with_rising_ids():
    client = ClientSession(agent="hw/1")
    ids = [
        client.configure(mask=0x1FFFE000, minimum_bits=2, takes_extranonce=True),
        client.subscribe(),
        client.subscribe("57a6"),
        client.authorize("acct.rig"),
        client.extranonce_subscribe(),
        client.suggest_difficulty(0.5),
        client.ping(),
        client.submit(SHARE),
    ]
    assert ids == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [(line["method"], line["params"]) for line in taken(client)] == [
        (
            "mining.configure",
            [
                ["version-rolling", "subscribe-extranonce"],
                {"version-rolling.mask": "1fffe000", "version-rolling.min-bit-count": 2},
            ],
        ),
        ("mining.subscribe", ["hw/1"]),
        ("mining.subscribe", ["hw/1", "57a6"]),
        ("mining.authorize", ["acct.rig", "x"]),
        ("mining.extranonce.subscribe", []),
        ("mining.suggest_difficulty", [0.5]),
        ("mining.ping", []),
        ("mining.submit", ["acct.rig", "1a", "0a00000000000000", "64c25820", "591d28da", "00092000"]),
    ]
    assert repr(client) == "<ClientSession open, open questions 8, bad lines 0>"


def test_configure_may_ask_for_new_extranonces_only():
    client = ClientSession(agent="hw")
    client.configure(takes_extranonce=True)
    assert taken(client)[0]["params"] == [["subscribe-extranonce"], {}]


def test_answers_are_typed_by_their_question():
    client = ClientSession(agent="hw/1")
    client.configure(mask=0x00FFE000)
    client.subscribe()
    client.authorize("acct.rig")
    client.submit(SHARE)
    client.ping()
    data = (
        answered(4, True)
        + answered(1, {"version-rolling": True, "version-rolling.mask": "1fffe000", "info": False})
        + answered(2, [[["mining.notify", "ae"]], "11650804a6c84c", 8])
        + answered(3, True)
        + answered(5, "pong")
    )
    assert client.receive_data(data) == [
        ShareAnswered(4, True, 0, ""),
        Configured(1, ("version-rolling",), 0x00FFE000),
        Subscribed(2, bytes.fromhex("11650804a6c84c"), 8),
        Authorized(3, "acct.rig", True, 0, ""),
        Answer(5, "pong", ""),
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"result": None, "error": [21, "Job not found", None]}, (False, 21, "Job not found")),
        ({"result": False, "error": {"code": 23, "message": "low"}}, (False, 23, "low")),
        ({"result": True, "error": "contradiction"}, (False, 20, "contradiction")),
        ({"result": False, "error": None}, (False, 20, "no reason given")),
        ({"result": "true", "error": None}, (False, 20, "no reason given")),
        ({"result": 1}, (False, 20, "no reason given")),
        ({"error": "bad"}, (False, 20, "bad")),
        ({"result": True}, (True, 0, "")),
        ({"result": True, "error": None, "jsonrpc": "2.0"}, (True, 0, "")),
    ],
)
def test_only_true_without_an_error_is_an_acceptance(answer, expected):
    client = ClientSession(agent="hw")
    request = client.submit(SHARE)
    assert client.receive_data(json.dumps({"id": request, **answer}).encode() + b"\n") == [
        ShareAnswered(request, *expected)
    ]


def test_a_pool_without_bip_310_grants_nothing():
    client = ClientSession(agent="hw")
    for reply in (answered(1, None, [20, "Not supported.", None]), answered(2, False), answered(3, {})):
        client.configure(mask=0xFFFFFFFF)
        (message,) = client.receive_data(reply)
        assert (message.extensions, message.mask) == ((), None)
    assert client.garbage == 0


def test_what_an_upstream_says_on_its_own():
    client = ClientSession(agent="hw/1")
    swapped = "03020100070605040b0a09080f0e0d0c13121110171615141b1a19181f1e1d1c"
    job = ["j", swapped, "01", "02", ["bb" * 32], "20000004", "17053026", "64c25820", False, "extra"]
    data = (
        told("mining.set_difficulty", [0.5])
        + told("mining.set_extranonce", ["0102", 6])
        + told("mining.set_version_mask", ["1fffe000"])
        + told("mining.notify", job)
        + told("client.reconnect", [])
        + told("client.reconnect", ["evil.example", "3333", 5])
        + told("client.show_message", ["hi\x1b[0m 矿池"])
        + told("client.get_version", [], request=2**40)
        + told("mining.ping", [], request="p")
        + told("mining.set_goal", ["x"])
        + told("mining.unknown", [], request=6)
        + b"\n"
    )
    assert client.receive_data(data) == [
        SetDifficulty(0.5),
        SetExtranonce(b"\1\2", 6),
        SetVersionMask(0x1FFFE000),
        Notify("j", bytes(range(32)), b"\1", b"\2", (b"\xbb" * 32,), 0x20000004, 0x17053026, 0x64C25820, False),
        Reconnect("", 0, 0),
        Reconnect("evil.example", 3333, 5),
        ShowMessage(r"hi\x1b[0m 矿池"),
        GetVersion(2**40),
        Ping("p"),
    ]
    assert [(line["id"], line["result"]) for line in taken(client)] == [(2**40, "hw/1"), ("p", "pong"), (6, None)]
    assert client.garbage == 0


@pytest.mark.parametrize(
    "line",
    [
        *[told("mining.set_difficulty", params) for params in ([], [0], [-1], ["512"], [1e300], [True], [None])],
        b'{"id":null,"method":"mining.set_difficulty","params":[0.0]}\n',
        b'{"id":null,"method":"mining.set_difficulty","params":null}\n',
        *[
            told("mining.set_extranonce", params)
            for params in ([], ["01"], ["01", 0], ["01", 17], ["0", 8], ["01", "8"])
        ],
        told("mining.set_extranonce", ["00" * 33, 8]),
        told("mining.set_version_mask", ["fff"]),
    ],
)
def test_what_would_make_later_shares_worthless_is_fatal(line):
    client = ClientSession(agent="hw")
    (fault,) = client.receive_data(line + told("mining.set_difficulty", [1]))
    assert isinstance(fault, Fault)
    assert fault.is_fatal
    assert client.should_close == fault.text
    assert client.receive_data(told("mining.set_difficulty", [1])) == []
    assert repr(client) == "<ClientSession closed, open questions 0, bad lines 1>"


@pytest.mark.parametrize(
    "reply",
    [
        answered(1, None, [20, "go away", None]),
        answered(1, None),
        answered(1, True),
        answered(1, []),
        answered(1, [[], "01"]),
        answered(1, [[], "01", 0]),
        answered(1, [[], "01", 17]),
        answered(1, [[], "xy", 8]),
        answered(1, [[], 5, 8]),
        b'{"id":1}\n',
    ],
)
def test_no_subscription_no_session(reply):
    client = ClientSession(agent="hw")
    client.subscribe()
    (fault,) = client.receive_data(reply)
    assert fault.is_fatal
    assert client.should_close


@pytest.mark.parametrize(
    "line",
    [
        b"<html>\n",
        b'{"id":null,"method":"mining.set_difficulty","params":[NaN]}\n',
        b'{"id":5,"result":true,"error":null}\n',
        b'{"id":"1","result":true,"error":null}\n',
        b'{"id":null,"result":true}\n',
        b"{}\n",
        told("mining.notify", []),
        told("mining.notify", ["j", "00" * 31, "", "", [], "00000000", "00000000", "00000000", True]),
        told("mining.notify", ["j", "00" * 32, "", "", ["00"], "00000000", "00000000", "00000000", True]),
        told("mining.notify", ["j", "00" * 32, "", "", ["00" * 32] * 33, "00000000", "00000000", "00000000", True]),
        told("mining.notify", ["j", "00" * 32, "", "", [], "00000000", "00000000", "0", True]),
        told("mining.notify", ["j", "00" * 32, "", "", [], "00000000", "00000000", "00000000", 1]),
        told("client.reconnect", ["h", "99999"]),
        told("client.reconnect", ["h", "٣"]),
        told("client.reconnect", ["h\n", 1]),
        told("client.show_message", [5]),
    ],
)
def test_a_line_that_breaks_the_rules_is_a_fault_and_many_are_fatal(line):
    client = ClientSession(agent="hw")
    (fault,) = client.receive_data(line)
    assert (fault.is_fatal, client.should_close) == (False, "")
    faults = client.receive_data(line * GARBAGE_LIMIT)
    assert [fault.is_fatal for fault in faults] == [False] * (GARBAGE_LIMIT - 2) + [True]
    assert client.should_close


def test_an_answer_counts_once():
    client = ClientSession(agent="hw")
    request = client.submit(SHARE)
    messages = client.receive_data(answered(request, True) * 2)
    assert messages == [ShareAnswered(request, True, 0, ""), Fault("an answer to no open question", False)]


def test_open_questions_are_bounded():
    client = ClientSession(agent="hw")
    for _ in range(OPEN_LIMIT + 3):
        client.submit(SHARE)
        client.output.clear()
    assert client.given_up == 3
    assert client.receive_data(answered(3, True)) == [Fault("an answer to no open question", False)]
    assert client.receive_data(answered(4, True)) == [ShareAnswered(4, True, 0, "")]


def test_an_endless_line_is_fatal_and_reported_once():
    client = ClientSession(agent="hw")
    assert client.receive_data(b"[" * (1 << 20)) == []
    (fault,) = client.receive_data(b"[")
    assert fault.is_fatal
    assert client.receive_data(b"[\n") == []
