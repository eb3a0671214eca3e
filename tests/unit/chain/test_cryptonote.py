"""Monero's addresses, rules and blocks against published vectors; a real node judges them in the functional group."""

import itertools

import pytest

from hashwright.chain.cryptonote.address import (
    AddressFault,
    MoneroAddress,
    decode_base58,
    encode_base58,
    is_point,
    read_address,
)
from hashwright.chain.cryptonote.block import block_id, read_block, tree_hash
from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.chain.cryptonote.rules import base_reward, block_reward, next_difficulty, seed_height
from hashwright.chain.cryptonote.varint import read_varint, write_varint

PROJECT = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
"""Where donations to the Monero project go."""
SPEND = bytes.fromhex("42f18fc61586554095b0799b5c4b6f00cdeb26a93b20540d366932c6001617b7")
VIEW = read_address(PROJECT).view_key


def test_keccak_is_the_one_of_before_sha3():
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_a_known_address_holds_its_known_key():
    found = read_address(PROJECT)
    assert found == MoneroAddress(network="main", kind="standard", spend_key=SPEND, view_key=VIEW)
    assert found.text == PROJECT


def test_every_network_and_kind_is_written_and_read_back():
    heads = {}
    for network, kind in itertools.product(("main", "test", "stage"), ("standard", "subaddress", "integrated")):
        payment_id = b"12345678" if kind == "integrated" else b""
        it = MoneroAddress(network=network, kind=kind, spend_key=SPEND, view_key=VIEW, payment_id=payment_id)
        assert read_address(it.text) == it
        assert len(it.text) == (106 if payment_id else 95)
        heads[network, kind] = it.text[0]
    assert heads["main", "standard"] == heads["main", "integrated"] == "4"
    assert heads["main", "subaddress"] == "8"
    assert heads["stage", "standard"] == heads["stage", "integrated"] == "5"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has 0 letters"),
        ("4" * 111, "has 111 letters"),
        (PROJECT[:-1], "letters 89 to 94 are too large a number"),
        (PROJECT[:50] + "0" + PROJECT[51:], "letter 51 is '0'"),
        (PROJECT[:50] + "l" + PROJECT[51:], "letter 51 is 'l'"),
        (PROJECT[:50] + ("2" if PROJECT[50] != "2" else "3") + PROJECT[51:], "checksum"),
        ("z" * 95, "too large a number"),
        (encode_base58(b"\x00" * 69), "checksum"),
        (encode_base58((body := b"\x07" + SPEND + VIEW) + keccak256(body)[:4]), "no network"),
        (encode_base58((long := b"\x12" + SPEND + VIEW + b"x" * 8) + keccak256(long)[:4]), "holds 73 bytes"),
        (encode_base58((none := b"\x12" + b"\x02" + b"\x00" * 31 + VIEW) + keccak256(none)[:4]), "no point"),
    ],
)
def test_what_is_no_address_is_refused_in_words(text, problem):
    with pytest.raises(AddressFault, match=problem):
        read_address(text)


def test_every_single_wrong_letter_is_seen():
    for place in range(0, 95, 7):
        for letter in "AzZ9":
            if PROJECT[place] != letter:
                with pytest.raises(AddressFault):
                    read_address(PROJECT[:place] + letter + PROJECT[place + 1 :])


@pytest.mark.parametrize("size", range(18))
def test_base58_goes_there_and_back(size):
    for data in (bytes(size), b"\xff" * size, bytes(range(size))):
        assert decode_base58(encode_base58(data)) == data


def test_points_of_the_curve():
    base = bytes.fromhex("5866666666666666666666666666666666666666666666666666666666666666")
    assert is_point(base)
    assert is_point(b"\x01" + bytes(31))
    assert not is_point(b"\x01" + bytes(30) + b"\x80")
    assert not is_point(b"\xff" * 32)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**32, 2**63, 2**64 - 1])
def test_numbers_go_there_and_back(number):
    written = write_varint(number)
    assert read_varint(b"x" + written + b"y", 1) == (number, 1 + len(written))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 9 + b"\x02", b"\xff" * 10])
def test_numbers_that_are_wrong_are_refused(data):
    with pytest.raises(ValueError, match="number"):
        read_varint(data, 0)


def test_emission_by_the_published_points():
    """Monero `tests/unit_tests/block_reward.cpp`, for blocks of one minute as it has them."""
    assert base_reward(0, block_s=60) == 17_592_186_044_415
    assert base_reward(17_592_186_044_415, block_s=60) == 17_592_169_267_200
    assert base_reward(2_756_434_948_434_199_641, block_s=60) == 14_963_444_829_249
    assert base_reward(2**64 - 1) == 600_000_000_000, "the tail: 0.6 XMR a block"


def test_a_heavy_block_pays_less_and_too_heavy_a_one_is_refused():
    assert block_reward(2**64 - 1, weight=300_000, median_weight=0) == 600_000_000_000
    assert block_reward(2**64 - 1, weight=450_000, median_weight=300_000) == 450_000_000_000
    with pytest.raises(ValueError, match="twice the median"):
        block_reward(0, weight=600_001, median_weight=300_000)


@pytest.mark.parametrize(
    ("height", "seed"), [(0, 0), (2112, 0), (2113, 2048), (4160, 2048), (4161, 4096), (3_000_000, 2_998_272)]
)
def test_the_key_changes_64_blocks_after_an_epoch(height, seed):
    assert seed_height(height) == seed


@pytest.mark.data
def test_difficulty_by_moneros_own_1000_rows(test_data):
    times, cumulative, total = [], [], 0
    rows = (test_data / "test_vectors" / "monero_difficulty.txt").read_text().split("\n")
    wrong = []
    for number, row in enumerate(row for row in rows if row):
        stamp, difficulty = map(int, row.split())
        if next_difficulty(times, cumulative) != difficulty:
            wrong.append(number)
        total += difficulty
        times.append(stamp)
        cumulative.append(total)
    assert (len(times), wrong) == (1000, [])


def test_a_tree_pairs_the_leaves_that_are_too_many_first():
    leaves = [keccak256(bytes([it])) for it in range(9)]
    pair = lambda a, b: keccak256(a + b)  # noqa: E731
    assert tree_hash(leaves[:1]) == leaves[0]
    assert tree_hash(leaves[:2]) == pair(*leaves[:2])
    assert tree_hash(leaves[:3]) == pair(leaves[0], pair(*leaves[1:3]))
    assert tree_hash(leaves[:4]) == pair(pair(*leaves[:2]), pair(*leaves[2:4]))
    assert tree_hash(leaves[:5]) == pair(pair(*leaves[:2]), pair(leaves[2], pair(*leaves[3:5])))
    with pytest.raises(ValueError, match="at least one leaf"):
        tree_hash([])


def made_block(*, fork=16, extra=b"\x01" + b"\x02" * 32 + b"\x02\x08" + bytes(8), hashes=(), tail=b""):
    header = bytes((fork, fork)) + write_varint(1_700_000_000) + b"\xaa" * 32 + b"\x01\x02\x03\x04"
    output = write_varint(600_000_000_000) + b"\x03" + b"\xbb" * 32 + b"\x77"
    miner = b"\x02" + write_varint(160) + b"\x01\xff" + write_varint(100) + b"\x01" + output
    return (
        header
        + miner
        + write_varint(len(extra))
        + extra
        + b"\x00"
        + write_varint(len(hashes))
        + b"".join(hashes)
        + tail
    )


def test_a_block_is_taken_apart_and_its_nonce_stands_at_byte_39():
    block = read_block(made_block(hashes=(b"\x11" * 32, b"\x22" * 32)))
    assert (block.height, block.unlock_height, block.reward) == (100, 160, 600_000_000_000)
    assert block.nonce_at == 39
    assert block.blob[block.nonce_at : block.nonce_at + 4] == b"\x01\x02\x03\x04"
    assert block.blob[block.extra_start : block.extra_end][:1] == b"\x01"
    assert block.hashing_blob[:43] == block.blob[:43]
    assert block.hashing_blob[-1] == 3
    assert len(block.hashing_blob) == 76
    assert block.id == block_id(block.hashing_blob)
    other = block.with_bytes(39, b"\x05\x06\x07\x08")
    assert other.miner_tx_hash == block.miner_tx_hash
    assert other.id != block.id
    assert block.with_bytes(block.extra_end - 8, b"ourbytes").miner_tx_hash != block.miner_tx_hash
    with pytest.raises(ValueError, match="not within"):
        block.with_bytes(len(block.blob) - 1, b"ab")


@pytest.mark.parametrize(
    ("blob", "problem"),
    [
        (made_block(fork=17), "is of fork 17"),
        (made_block(fork=11), "is of fork 11"),
        (made_block(tail=b"x"), "1 bytes follow"),
        (made_block(extra=b"x" * 1061), "1061 bytes of extra"),
        (made_block().replace(b"\x01\xff", b"\x01\x02", 1), "other inputs"),
        (made_block().replace(b"\x03" + b"\xbb" * 32, b"\x09" + b"\xbb" * 32), "unknown kind 9"),
    ],
)
def test_a_block_that_nobody_understands_is_refused(blob, problem):
    with pytest.raises(ValueError, match=problem):
        read_block(blob)


def test_no_cut_of_a_block_is_read_as_a_block():
    whole = made_block(hashes=(b"\x11" * 32,))
    for size in range(len(whole)):
        with pytest.raises(ValueError, match=r"ends|number"):
            read_block(whole[:size])
