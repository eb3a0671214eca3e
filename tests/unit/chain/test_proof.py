"""The hashes, against values that the chains themselves carry."""

import hashlib

from hashwright.chain.header import parse_header
from hashwright.chain.proof import ALGORITHMS, DIFF1, scrypt, sha256d
from hashwright.chain.target import difficulty_of_target, target_of_bits

BITCOIN_GENESIS = bytes.fromhex(
    "01000000" + "00" * 32 + "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
)
LITECOIN_GENESIS = bytes.fromhex(
    "01000000" + "00" * 32 + "d9ced4ed1130f7b7faad9be25323ffafa33232a17c3edf6cfd97bee6bafbdd97b9aa8e4ef0ff0f1ecd513f7c"
)


def test_bitcoin_s_first_block():
    assert sha256d(BITCOIN_GENESIS)[::-1].hex() == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"


def test_litecoin_s_first_block_is_named_by_sha256d_and_proven_by_scrypt():
    assert sha256d(LITECOIN_GENESIS)[::-1].hex() == "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"
    proof = scrypt(LITECOIN_GENESIS)
    assert proof[::-1].hex() == "0000050c34a64b415b6b15b37f2216634b5b1669cb9a2e38d76f7213b0671e00"
    number = int.from_bytes(proof, "little")
    assert number <= target_of_bits(parse_header(LITECOIN_GENESIS).nbits)
    assert round(difficulty_of_target(number, ALGORITHMS["scrypt"].diff1_target), 4) == 50.7156


def test_the_table_of_algorithms():
    assert list(ALGORITHMS) == [item.name for item in ALGORITHMS.values()] == ["sha256d", "scrypt", "randomx"]
    assert ALGORITHMS["sha256d"].hash(BITCOIN_GENESIS) == sha256d(BITCOIN_GENESIS)
    assert ALGORITHMS["scrypt"].hash(LITECOIN_GENESIS) == scrypt(LITECOIN_GENESIS)
    assert not ALGORITHMS["sha256d"].is_slow
    assert ALGORITHMS["scrypt"].is_slow
    assert ALGORITHMS["sha256d"].diff1_target == DIFF1 == 0xFFFF * 2**208
    assert ALGORITHMS["scrypt"].diff1_target == DIFF1 * 65_536


def test_sha256d_is_sha256_of_sha256():
    assert sha256d(b"") == hashlib.sha256(hashlib.sha256(b"").digest()).digest()
