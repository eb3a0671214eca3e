"""Codes: a person searches for them, so each is in the table, of its range, and told apart from the others."""

import gzip
import re

import pytest

from hashwright.errors import (
    CODES,
    EXIT_UNREACHABLE,
    ConfigError,
    Disconnected,
    Finding,
    NodeSyncing,
    OperatorError,
    RateLimited,
    RemoteProtocolError,
    TimedOut,
    reason_of,
)


def test_a_finding_cannot_carry_an_unknown_code():
    assert Finding(code="HW-701", place="$.port", message="is no number").hint == ""
    with pytest.raises(LookupError, match="HW-799"):
        Finding(code="HW-799", place="$.port", message="is no number")


def test_codes_are_in_the_ranges_of_the_reference_and_in_order():
    assert all(re.fullmatch(r"HW-[1-9][0-9]{2}", code) for code in CODES)
    assert list(CODES) == sorted(CODES)


def test_no_two_codes_have_one_title():
    titles = [entry.title for entry in CODES.values()]
    assert len(titles) == len(set(titles))


def test_a_hint_of_its_own_replaces_the_one_of_the_table():
    assert OperatorError("x", code="HW-201", hint="Use the other one.").hint == "Use the other one."
    assert OperatorError("x", code="HW-201", hint=None).hint == CODES["HW-201"].action


def test_a_configuration_error_carries_every_finding():
    both = tuple(Finding(code="HW-701", place=place, message="is unknown") for place in ("a", "b"))
    assert ConfigError("2 problems.", code="HW-701", findings=both).findings == both
    assert ConfigError("x", code="HW-701").findings == ()


def test_a_remote_error_says_what_to_answer_and_whether_to_hang_up():
    plain = RemoteProtocolError("x")
    assert (plain.code, plain.wire_code, plain.disconnect) == ("HW-902", 20, False)
    told = RemoteProtocolError("x", wire_code=24, disconnect=True)
    assert (told.wire_code, told.disconnect) == (24, True)


@pytest.mark.parametrize("kind", [TimedOut, Disconnected, RateLimited, NodeSyncing])
def test_what_passes_by_itself_may_say_when(kind):
    assert kind("x", code="HW-414").retry_after_s is None
    error = kind("x", code="HW-414", retry_after_s=2.5)
    assert (error.retry_after_s, error.exit_code) == (2.5, EXIT_UNREACHABLE)


def test_why_a_file_cannot_be_read_is_said_without_the_librarys_words(tmp_path):
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    (tmp_path / "packed.gz").write_bytes(b"no gzip")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"some text")[:-4])
    read = {
        "no such file or directory": lambda: (tmp_path / "none").read_text(encoding="utf-8"),
        "is a directory": lambda: tmp_path.read_text(encoding="utf-8"),
        "byte 3 is no UTF-8 text": lambda: (tmp_path / "latin").read_text(encoding="utf-8"),
        "it is damaged": lambda: gzip.decompress((tmp_path / "packed.gz").read_bytes()),
        "it ends too early": lambda: gzip.decompress((tmp_path / "cut.gz").read_bytes()),
    }
    for said, reader in read.items():
        with pytest.raises((OSError, EOFError, UnicodeDecodeError)) as caught:
            reader()
        assert reason_of(caught.value) == said
    assert reason_of(ValueError("line 3 is odd.")) == "line 3 is odd"
