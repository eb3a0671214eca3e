"""Coinbases: built, split around the extranonce, and read back."""

import pytest

from hashwright.chain.coinbase import build_coinbase, decode_coinbase, push_height, tag_of, with_witness
from hashwright.chain.proof import sha256d

SCRIPT = bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6")
COMMITMENT = bytes.fromhex("6a24aa21a9ed" + "11" * 32)
GENESIS = bytes.fromhex(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054"
    "696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420"
    "666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61"
    "deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"
)


def built(height=700_000, *, outputs=((625_000_000, SCRIPT),), tag=b"/Hashwright/", extranonce=b"\xee" * 12, **more):
    parts = build_coinbase(height, outputs, tag=tag, extranonce_size=len(extranonce), **more)
    return parts.prefix + extranonce + parts.suffix


@pytest.mark.parametrize(
    ("height", "pushed"),
    [
        (0, "00"),
        (1, "51"),
        (16, "60"),
        (17, "0111"),
        (127, "017f"),
        (128, "028000"),
        (255, "02ff00"),
        (256, "020001"),
        (32_767, "02ff7f"),
        (32_768, "03008000"),
        (227_836, "03fc7903"),
        (8_388_607, "03ffff7f"),
        (8_388_608, "0400008000"),
        (2**31 - 1, "04ffffff7f"),
    ],
)
def test_the_height_is_pushed_as_bip_34_wants(height, pushed):
    assert push_height(height).hex() == pushed
    assert decode_coinbase(built(height)).height == height


@pytest.mark.parametrize("height", [-1, 2**31])
def test_what_is_no_height(height):
    with pytest.raises(ValueError, match="is no height"):
        push_height(height)


def test_every_byte_of_a_coinbase():
    expected = (
        "01000000" + "01" + "00" * 32 + "ffffffff"
        "25"  # 37 bytes of script: height, what makes the job unlike others, extranonce, tag
        "0360ae0a" + "080102030405060708" + "0c" + "ee" * 12 + "0a2f48617368777269742f" + "ffffffff"
        "02" + "40be402500000000" + "16" + SCRIPT.hex() + "0000000000000000" + "26" + COMMITMENT.hex() + "00000000"
    )
    assert built(tag=b"/Hashwrit/", extra=bytes(range(1, 9)), witness_commitment=COMMITMENT).hex() == expected


def test_the_script_fills_its_100_bytes_and_no_more():
    largest = 100 - 4 - 13 - 2
    assert len(decode_coinbase(built(tag=b"t" * largest)).script_sig) == 100
    with pytest.raises(ValueError, match="101 bytes, of 100"):
        built(tag=b"t" * (largest + 1))


@pytest.mark.parametrize("size", [-1, 0, 76])
def test_an_extranonce_has_a_size_that_one_opcode_can_push(size):
    with pytest.raises(ValueError, match="the extranonce cannot have"):
        build_coinbase(1, (), tag=b"", extranonce_size=size)


@pytest.mark.parametrize("value", [-1, 2**63])
def test_a_value_that_no_output_can_hold(value):
    with pytest.raises(ValueError, match="is no value"):
        built(outputs=((value, SCRIPT),))


def test_many_outputs_are_counted_in_the_longer_form():
    many = tuple((n, SCRIPT) for n in range(300))
    assert decode_coinbase(built(outputs=many)).outputs == many


def test_the_witness_goes_in_for_the_block_and_is_not_part_of_the_id():
    plain = built(witness_commitment=COMMITMENT)
    full = with_witness(plain)
    assert full == plain[:4] + b"\x00\x01" + plain[4:-4] + b"\x01\x20" + bytes(32) + bytes(4)
    assert decode_coinbase(full) == decode_coinbase(plain)


def test_the_first_coinbase_of_all():
    assert sha256d(GENESIS)[::-1].hex() == "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
    read = decode_coinbase(GENESIS)
    assert read.tag == "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks"
    assert [value for value, _ in read.outputs] == [5_000_000_000]


def test_a_tag_of_more_than_31_bytes_is_read_without_its_length():
    assert (
        decode_coinbase(built(tag=b"/Hashwright/ with a long text in it/")).tag
        == "/Hashwright/ with a long text in it/"
    )


@pytest.mark.parametrize(
    ("script_sig", "tag"),
    [
        (b"\x03\xfc\x79\x03/pool/", "/pool/"),
        (b"\x03\xfc\x79\x03\xfa\xbe/pool name/\x00\x01abc", "/pool name/"),
        (b"\x03\xfc\x79\x03\x03abc\x02de", ""),
        (b"\x03\xfc\x79\x03\x4c\x04abcd", "abcd"),
        (b"\x03\xfc\x79\x03\x1b[31mred", "[31mred"),
        (b"\xff\xfe\xfd\xfc", ""),
        (b"\x51\x00", ""),
    ],
)
def test_tags_as_pools_write_them(script_sig, tag):
    assert tag_of(script_sig) == tag


@pytest.mark.parametrize(
    ("script_sig", "height"),
    [
        (b"\x51\x00", 1),
        (b"\x00\x00", 0),
        (b"\x01\x05", None),  # 5 is OP_5
        (b"\x02\x11\x00", None),  # not the shortest form
        (b"\x03\x01", None),
        (b"\x4f\x00", None),
        (b"/no height/", None),
    ],
)
def test_a_height_is_read_only_in_its_one_form(script_sig, height):
    made = built(1)
    end = 42 + made[41]
    assert decode_coinbase(made[:41] + bytes((len(script_sig),)) + script_sig + made[end:]).height == height


@pytest.mark.parametrize("cut", [0, 3, 40, 45, 60, -1, -5])
def test_a_coinbase_that_was_cut_off(cut):
    with pytest.raises(ValueError, match=r"."):
        decode_coinbase(built()[:cut])


def test_more_behind_a_coinbase():
    with pytest.raises(ValueError, match="1 bytes are left over"):
        decode_coinbase(built() + b"\0")


@pytest.mark.parametrize(
    ("place", "value"),
    [(5, b"\x01"), (37, b"\x00\x00\x00\x00")],
)
def test_an_input_that_spends_something_is_no_coinbase(place, value):
    made = built()
    with pytest.raises(ValueError, match="this is no coinbase"):
        decode_coinbase(made[:place] + value + made[place + len(value) :])


@pytest.mark.parametrize("size", [1, 101])
def test_a_script_of_another_size_than_consensus_allows(size):
    made = built()
    with pytest.raises(ValueError, match="2 to 100"):
        decode_coinbase(made[:41] + bytes((size,)) + bytes(size) + made[42 + made[41] :])
