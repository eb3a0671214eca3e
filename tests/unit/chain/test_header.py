"""The 80 bytes."""

import pytest

from hashwright.chain.header import Header, hash_display, header_bytes, parse_header, swap_words

HEADER = Header(
    version=0x20000004,
    prevhash_le=bytes(range(32)),
    merkle_root_le=bytes(range(32, 64)),
    ntime=0x64C25820,
    nbits=0x17056102,
    nonce=0x01020304,
)


def test_each_field_stands_in_its_place_and_order():
    expected = "04000020" + bytes(range(64)).hex() + "2058c264" + "02610517" + "04030201"
    assert header_bytes(HEADER).hex() == expected
    assert parse_header(bytes.fromhex(expected)) == HEADER


@pytest.mark.parametrize("size", [0, 79, 81, 160])
def test_other_sizes_are_no_header(size):
    with pytest.raises(ValueError, match=f"this one {size}"):
        parse_header(bytes(size))


def test_hash_display_reverses_the_bytes():
    assert hash_display(bytes.fromhex("6fe28c0a") + bytes(28)) == "00" * 28 + "0a8ce26f"


def test_swap_words_reverses_each_word_and_is_its_own_inverse():
    assert swap_words(bytes.fromhex("0102030405060708")).hex() == "0403020108070605"
    assert swap_words(swap_words(bytes(range(32)))) == bytes(range(32))
