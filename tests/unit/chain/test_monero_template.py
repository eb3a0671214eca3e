"""A Monero node's template: what is made of it, and what is refused. The answer is one of a real node on regtest."""

import pytest

from hashwright.chain.cryptonote.block import read_block
from hashwright.chain.cryptonote.template import (
    assemble_block,
    id_of_block,
    target_of_difficulty,
    template_of_answer,
)
from hashwright.errors import OperatorError

BLOB = (
    "1010acc1a9d806418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e300000000023d01ff0101808080f0ffff0703"
    "5e2cbccf278ca8b8f39ca38be3c894c8d7afcac0fd12893a06b969398d40d0375c3701bc21c6f64ce2e5cd87fe79a081cd7b718b6633fdfdbe"
    "c4dbccfc8dd994f7bb16021400000000000000000000000000000000000000000000"
)
HASHING = (
    "1010acc1a9d806418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3000000005b131fac153ad06e9251f825a0b0"
    "d484611a4e7d41df72c6d6ffc121c9c8d6fd01"
)
GENESIS = "418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3"
BLOCK = "a9ae20d7c99b69bfaf4c2e06b9bd0c2226c5f9283efdaf6f6b0f01e85b1b925c"
"""The id that the node gave to the block with nonce 0 and nothing written into the room."""
ANSWER = {
    "blocktemplate_blob": BLOB,
    "blockhashing_blob": HASHING,
    "difficulty": 1,
    "difficulty_top64": 0,
    "expected_reward": 35184338534400,
    "height": 1,
    "next_seed_hash": "",
    "prev_hash": GENESIS,
    "reserved_offset": 126,
    "seed_hash": GENESIS,
    "seed_height": 0,
    "status": "OK",
    "untrusted": False,
    "wide_difficulty": "0x1",
    "already_generated_coins": 17592186044415,
}
OURS = b"mark8byt" + b"unique8b" + b"who?"


def refused(**changes):
    with pytest.raises(OperatorError) as caught:
        template_of_answer({**ANSWER, **changes})
    return caught.value.code, caught.value.message


def changed(at, text):
    return BLOB[: 2 * at] + text + BLOB[2 * at + len(text) :]


def test_a_template_in_parts():
    found = template_of_answer(ANSWER)
    assert (found.height, found.major_version, found.room, found.difficulty) == (1, 16, 20, 1)
    assert found.prevhash_display == GENESIS
    assert (found.seed.hex(), found.next_seed) == (GENESIS, b"")
    assert (found.reward, found.new_coins) == (35184338534400, 35184338534400)
    assert len(found.head) == 39
    assert found.network_target == 2**256 - 1
    assert found.hashing_blob(bytes(20)).hex() == HASHING


def test_without_the_coins_so_far_fees_are_not_known():
    told = {key: value for key, value in ANSWER.items() if key != "already_generated_coins"}
    assert template_of_answer(told).new_coins is None


def test_a_block_of_the_template():
    found = template_of_answer(ANSWER)
    same = assemble_block(found, found.hashing_blob(bytes(20)), found.miner_transaction(bytes(20)))
    assert same.hex() == BLOB
    assert id_of_block(same) == BLOCK
    hashed = found.hashing_blob(OURS, 0xA1B2C3D4)
    block = read_block(assemble_block(found, hashed, found.miner_transaction(OURS)))
    assert block.hashing_blob == hashed
    assert block.blob[39:43].hex() == "d4c3b2a1"
    assert OURS in block.blob
    assert (block.height, block.reward, block.tx_hashes) == (1, found.reward, ())
    with pytest.raises(ValueError, match="has 20 bytes, and 3 were given"):
        found.miner_transaction(b"abc")


def test_a_fork_that_is_not_known_is_not_mined_and_it_is_said_why():
    code, words = refused(blocktemplate_blob=changed(0, "11"))
    assert code == "HW-210"
    assert "fork 17, and this program knows 12 to 16" in words


def test_a_key_of_another_height_is_not_mined():
    code, words = refused(seed_height=2048)
    assert code == "HW-211"
    assert "names block 2048 for the key of RandomX at height 1, and the rule says 0" in words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"height": 2}, "height is 2, and the block has 1"),
        ({"expected_reward": 1}, "expected_reward is 1"),
        ({"prev_hash": "ab" * 32}, "prev_hash is abab"),
        ({"blockhashing_blob": HASHING[:-2] + "02"}, "blockhashing_blob is"),
        ({"blocktemplate_blob": BLOB[:-2]}, "the data ends within a number"),
        ({"blocktemplate_blob": BLOB + "00"}, "1 bytes follow the block"),
        ({"blocktemplate_blob": "xx"}, "blocktemplate_blob is not hex"),
        ({"blocktemplate_blob": 7}, "blocktemplate_blob"),
        ({"blocktemplate_blob": changed(44, "3e")}, "the unlock height is 62"),
        ({"reserved_offset": 0}, "outside of the miner transaction's extra bytes"),
        ({"reserved_offset": 125}, "no empty room"),
        ({"reserved_offset": 127}, "no empty room"),
        ({"seed_hash": "ab"}, "seed_hash is not 32 bytes"),
        ({"next_seed_hash": "ab"}, "next_seed_hash is not 32 bytes"),
        ({"wide_difficulty": "0x0"}, "wide_difficulty is '0x0'"),
        ({"wide_difficulty": "12"}, "wide_difficulty is '12'"),
        ({"wide_difficulty": "0x" + "f" * 33}, "wide_difficulty"),
        ({"height": "1"}, "height"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(changes, words):
    code, message = refused(**changes)
    assert (code, words in message) == ("HW-408", True), message


def test_a_room_that_is_not_empty_is_not_ours():
    filled = changed(130, "01")
    code, message = refused(
        blocktemplate_blob=filled, blockhashing_blob=read_block(bytes.fromhex(filled)).hashing_blob.hex()
    )
    assert (code, "no empty room" in message) == ("HW-408", True)


def test_the_target_of_a_difficulty():
    assert target_of_difficulty(1) == 2**256 - 1
    assert target_of_difficulty(2**64) == 2**192 - 1
    for difficulty in (3, 12345, 2**40 + 7):
        target = target_of_difficulty(difficulty)
        assert target * difficulty < 2**256 <= (target + 1) * difficulty
    with pytest.raises(ValueError, match="0 is no difficulty"):
        target_of_difficulty(0)
