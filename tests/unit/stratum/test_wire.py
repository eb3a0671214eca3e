import pytest

from hashwright.stratum.strict import Malformed
from hashwright.stratum.wire import read_error, read_line, readable_id

TYPICAL_BAD_LINES = [
    b"",
    b"null",
    b"1",
    b'"text"',
    b"[]",
    b"{",
    b"}",
    b"{}{}",
    b"GET / HTTP/1.1",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"\xef\xbb\xbf{}",
    b"{'id':1}",
    b'{"id":1,}',
    b'{"id":01}',
    b'{"id":NaN}',
    b'{"id":Infinity}',
    b'{"id":1e999}',
    b'{"id":1.0}',
    b'{"id":true}',
    b'{"id":[]}',
    b'{"id":{}}',
    b'{"id":9223372036854775808}',
    b'{"id":-9223372036854775808}',
    b'{"id":' + b"9" * 5000 + b"}",
    b'{"id":"' + b"x" * 65 + b'"}',
    b'{"id":"\xff"}',
    b'{"id":"\\ud800"}',
    b'{"id":"a\x00b"}',
    b'{"id":1,"method":5}',
    b'{"id":1,"method":"m","params":"text"}',
    b'{"id":1,"id":2,"method":"m","params":[]}',
    b'{"id":1,"method":"a","method":"b","params":[]}',
    b'{"id":1,"method":"a","method":"b"}',
    b'{"id":1,"\\u0069d":2,"method":"m","params":[]}',
    b'{"id":1,"method":"m","params":[{"a":1,"a":2}]}',
    b'{"id":1,"method":"m","params":[],"x":"\xff"}',
    b'{"id":1,"method":"m","params":[1e999]}',
    b'{"id":1,"method":"m","params":[-]}',
    b'{"x":' + b"[" * 4000 + b"]" * 4000 + b"}",
    b'{"params":' + b"[" * 500_000,
    b'{"x":' * 500_000,
]


@pytest.mark.parametrize("line", TYPICAL_BAD_LINES, ids=lambda line: repr(line[:40]))
def test_what_is_not_one_request_is_refused(line):
    with pytest.raises(Malformed):
        read_line(line)


@pytest.mark.parametrize("request_id", [0, 1, -1, 2**31, 2**63 - 1, -(2**63) + 1, None])
def test_ids_that_firmware_uses_are_kept(request_id):
    shown = b"null" if request_id is None else b"%d" % request_id
    assert read_line(b'{"id":%b,"method":"m","params":[]}\r' % shown).id == request_id


def test_keys_may_come_in_any_order_and_unknown_keys_are_ignored():
    line = read_line(b'{"params": [":", {"a": 1}], "jsonrpc": "2.0", "method": "m", "worker": "x", "id": "a:b"}')
    assert (line.id, line.method, line.params) == ("a:b", "m", [":", {"a": 1}])


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (b'{"id":7,"params":5}', 7),
        (b'{"params":[1e999],"id":7}', 7),
        (b'{"id":"x","method":5}', "x"),
        (b'{"id":1.5}', None),
        (b'{"id":7', None),
        (b'{"id":' + b"9" * 5000 + b"}", None),
        (b"\xff", None),
        (b"[" * 500_000, None),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_the_id_of_a_bad_line_is_found_where_it_can_be(line, request_id):
    assert readable_id(line) == request_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (False, None),
        ([21, "Job not found", None], (21, "Job not found")),
        ([21, "Job not found"], (21, "Job not found")),
        ([-2, "Incorrect size of extranonce2", "trace", 5], (-2, "Incorrect size of extranonce2")),
        (["only text"], (20, "only text")),
        ([], (20, "no reason given")),
        ({"code": 23, "message": "Low\ndifficulty"}, (23, r"Low\x0adifficulty")),
        ({"code": "23"}, (20, "no reason given")),
        ({}, (20, "no reason given")),
        ("bad share", (20, "bad share")),
        ([True, 5], (20, "no reason given")),
        ([10**30, "x"], (20, "x")),
        (5, (20, "no reason given")),
    ],
)
def test_errors_are_read_in_every_form_that_is_seen(value, expected):
    assert read_error(value) == expected
