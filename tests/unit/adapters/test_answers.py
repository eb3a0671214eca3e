"""What strangers may send, and what is made of it: the rules that every reader shares."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.adapters import answers

LIMIT = 1_000


def test_numbers_are_exact_and_never_were_floats() -> None:
    found = answers.document(b'{"price": 0.1000000000000000055, "rows": [12345678901234567890123]}', limit=LIMIT)
    assert found == {"price": Decimal("0.1000000000000000055"), "rows": [12345678901234567890123]}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"<html>", "web page"),
        (b"", "no JSON"),
        (b'{"a": 1', "no JSON"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b"1" * 61, "too long"),
        (b"0." + b"1" * 60, "too long"),
        (b"\xff\xfe\xfd", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b" " * 100_001, "bytes"),
    ],
)
def test_what_is_not_data_is_refused_with_the_reason(answer: bytes, why: str) -> None:
    with pytest.raises(answers.Unreadable, match=why):
        answers.document(answer, limit=100_000)


@pytest.mark.parametrize(
    "value", [True, None, 1.5, "", "x", "nan", "inf", "1e41", "1e-41", "1" * 42, [], {}, "1e999999999"]
)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(answers.Unreadable, match="is no number"):
        answers.number(value)


def test_a_number_may_be_text_and_bounded_closer() -> None:
    assert answers.number("0.00000001") == Decimal("1e-8")
    assert answers.number(10**13, digits=13) == 10**13
    with pytest.raises(answers.Unreadable):
        answers.number(10**14, digits=13)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(answer: bytes) -> None:
    why = ""
    try:
        answers.document(answer, limit=150)
    except answers.Unreadable as problem:
        why = str(problem)
    assert len(why) < 200


@pytest.mark.parametrize(
    ("url", "is_guarded"),
    [
        ("https://example.org/x", True),
        ("http://127.0.0.1:1/x", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://localhost.example.org", False),
        ("ftp://127.0.0.1", False),
        ("", False),
    ],
)
def test_a_line_is_guarded_or_stays_at_home(url: str, is_guarded: bool) -> None:
    assert answers.is_guarded(url) is is_guarded
