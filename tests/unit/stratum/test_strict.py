import itertools
import re

import pytest

from hashwright.stratum.strict import (
    CONTROL_CHARACTERS,
    Malformed,
    escaped,
    flag,
    hex32,
    hex_bytes,
    hex_exact,
    number_above_zero,
    printable,
    text,
    whole,
)

# What Python's own parsers accept, and more (reference/reliability.md S2).
NOT_HEX8 = [
    "",
    "0",
    "64c2582",
    "64c258200",
    " 64c2582",
    "64c2582 ",
    "64c2582\n",
    "64_c2582",
    "0x64c258",
    "+64c2582",
    "-64c2582",
    "64c2582g",
    "٣٣٣٣٣٣٣٣",
    "６４ｃ２５８２０",
    "64c2\x00820",
    "64 c2 58",
    64,
    64.0,
    None,
    True,
    ["64c25820"],
    b"64c25820",
]


def test_every_case_of_the_letters_is_the_same_number():
    spellings = {"".join(mix) for mix in itertools.product(*((char, char.upper()) for char in "abcdefab"))}
    assert len(spellings) == 256
    assert {hex32(spelling, "nonce") for spelling in spellings} == {0xABCDEFAB}
    assert {hex_bytes(spelling, "extranonce2", limit=16) for spelling in spellings} == {b"\xab\xcd\xef\xab"}


@pytest.mark.parametrize("value", NOT_HEX8)
def test_nothing_but_eight_hex_digits_is_a_field_of_the_header(value):
    with pytest.raises(Malformed, match="ntime must be 8 hex digits"):
        hex32(value, "ntime")


@pytest.mark.parametrize("value", ["0", "abc", "de ad", "de_ad", "٣٣", "0x", "zz", "00" * 17, 12, None, ["00"]])
def test_bytes_in_hex_are_even_ascii_and_bounded(value):
    with pytest.raises(Malformed):
        hex_bytes(value, "extranonce2", limit=16)


def test_bytes_in_hex_may_be_empty_and_as_long_as_the_limit():
    assert hex_bytes("", "prefix", limit=4) == b""
    assert hex_bytes("00fF00Ff", "prefix", limit=4) == b"\x00\xff\x00\xff"


@pytest.mark.parametrize("value", ["", "00", "0000000", "00 00 00", 0])
def test_exact_sizes_are_exact(value):
    assert hex_exact("00000001", "hash", size=4) == b"\0\0\0\1"
    with pytest.raises(Malformed, match="8 hex digits"):
        hex_exact(value, "hash", size=4)


@pytest.mark.parametrize("value", [0, -1, 0.0, -0.0, float("nan"), float("inf"), 10**400, "1", None, True, [1]])
def test_a_difficulty_is_a_finite_number_above_zero(value):
    with pytest.raises(Malformed):
        number_above_zero(value, "difficulty")


@pytest.mark.parametrize("value", [1, 0.5, 1e-9, 1e300, 2**70])
def test_a_difficulty_may_be_whole_or_not(value):
    assert number_above_zero(value, "difficulty") == float(value)


@pytest.mark.parametrize("value", ["5", 5.0, True, None, -1, 17, 10**30])
def test_whole_numbers_keep_type_and_bounds(value):
    with pytest.raises(Malformed, match="from 0 to 16"):
        whole(value, "size", lowest=0, highest=16)


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_a_flag_is_true_or_false(value):
    assert flag(True, "clean") is True
    with pytest.raises(Malformed):
        flag(value, "clean")


@pytest.mark.parametrize(
    "name", ["", "bc1q.rig", "ЗЕЛЁНЫЙ.rig", "😀", "'; DROP TABLE share; --", "<script>", "a b", "%n%s"]
)
def test_odd_names_are_data(name):
    assert text(name, "user") == name


@pytest.mark.parametrize(
    "name", ["a\x00b", "a\nb", "\x1b[2J", "a\x7f", "a\x85b", "a\u202eb", "x" * 257, 5, None, ["a"]]
)
def test_names_with_control_characters_or_too_long_are_refused(name):
    with pytest.raises(Malformed) as refusal:
        text(name, "user")
    assert str(refusal.value).isprintable()


def test_escaped_text_is_printable_ascii_and_short():
    assert escaped(b"\x00\xff\x1b[2J\\ok") == r"\x00\xff\x1b[2J\x5cok"
    assert escaped("é\n") == r"\xc3\xa9\x0a"
    assert escaped("x" * 500) == "x" * 96 + "..."
    assert escaped("\ud800") == r"\x5cud800"


def test_printable_text_keeps_scripts_and_shows_control_characters():
    assert printable("矿池\x1b[0m\u202e") == r"矿池\x1b[0m\x202e"
    assert printable("abcdef", limit=3) == "abc..."


def test_the_quick_way_through_a_text_lets_nothing_through_that_the_rule_refuses():
    """Printable text is not searched: so nothing that the rule names may be printable to Python."""
    banned = [chr(code) for code in range(0x3000) if re.fullmatch(f"[{CONTROL_CHARACTERS}]", chr(code))]
    assert len(banned) > 70
    assert not [ch for ch in banned if ch.isprintable()]
    for ch in banned:
        with pytest.raises(Malformed):
            text(f"a{ch}b", "login")
        assert printable(f"a{ch}b") == f"a\\x{ord(ch):02x}b"
