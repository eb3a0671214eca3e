"""A real monerod and its wallet judge our reading of blocks, ids, proofs, addresses and emission."""

import threading

import pytest

from functional.monero_nodes import monero_regtest, monero_wallet
from hashwright.chain.cryptonote.address import read_address
from hashwright.chain.cryptonote.block import NONCE_BYTES, read_block
from hashwright.chain.cryptonote.randomx import RandomX
from hashwright.chain.cryptonote.rules import base_reward, seed_height

pytestmark = [pytest.mark.functional, pytest.mark.timeout(240)]
RESERVED = 16
VECTOR = "639183aae1bf4c9a35884cb46b09cad9175f04efd7684e7262a0ac1c2f0b4e3f"


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monero")
    with monero_regtest(folder / "node") as node, monero_wallet(folder / "wallet", node) as wallet:
        address = wallet("get_address", account_index=0)["address"]
        node("generateblocks", amount_of_blocks=90, wallet_address=address, starting_nonce=0)
        wallet("refresh")
        yield node, wallet, address


def test_randomx_has_its_published_value():
    machine = RandomX(b"test key 000")
    try:
        assert machine.hash(b"This is a test").hex() == VECTOR
        found = []
        threads = [threading.Thread(target=lambda: found.append(machine.hash(b"This is a test"))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {it.hex() for it in found} == {VECTOR}, "each thread has a machine of its own"
    finally:
        machine.close()
    with pytest.raises(RuntimeError, match="closed"):
        machine.hash(b"x")
    with pytest.raises(ValueError, match="1 to 60 bytes"):
        RandomX(b"")


def test_addresses_of_the_wallet_are_read_and_written_as_it_does(chain):
    _, wallet, address = chain
    sub = wallet("create_address", account_index=0)["address"]
    integrated = wallet("make_integrated_address", payment_id="0123456789abcdef")["integrated_address"]
    for text, kind in ((address, "standard"), (sub, "subaddress"), (integrated, "integrated")):
        ours, theirs = read_address(text), wallet("validate_address", address=text, any_net_type=True)
        assert (ours.network, ours.kind, ours.text) == ("main", kind, text)
        assert (theirs["nettype"], theirs["integrated"], theirs["subaddress"]) == (
            "mainnet", kind == "integrated", kind == "subaddress",
        )  # fmt: skip
    assert read_address(integrated).payment_id.hex() == "0123456789abcdef"


def test_every_block_has_the_id_and_the_reward_that_the_node_says(chain):
    node, wallet, address = chain
    for _ in range(3):  # transactions, so that trees have more than one leaf
        wallet("transfer", destinations=[{"amount": 10**11, "address": address}], account_index=0)
        node("generateblocks", amount_of_blocks=11, wallet_address=address, starting_nonce=0)
        wallet("refresh")
    height, generated, leaves = node("get_info")["height"], 0, set()
    for at in range(height):
        found = node("get_block", height=at)
        header = found["block_header"]
        if at == 0:
            generated = header["reward"]
            continue  # the genesis block is of an older form
        block = read_block(bytes.fromhex(found["blob"]))
        assert block.id.hex() == header["hash"]
        assert block.miner_tx_hash.hex() == header["miner_tx_hash"]
        assert (block.height, block.unlock_height, block.reward) == (at, at + 60, header["reward"])
        fees = sum(
            it["rct_signatures"]["txnFee"]
            for it in _transactions(node, [it.hex() for it in block.tx_hashes])
        )  # fmt: skip
        assert block.reward - fees == base_reward(generated)
        generated += block.reward - fees
        leaves.add(len(block.tx_hashes))
    assert max(leaves) >= 1


def _transactions(node, hashes):
    import json

    if not hashes:
        return []
    found = node.plain("get_transactions", txs_hashes=hashes, decode_as_json=True)
    return [json.loads(it["as_json"]) for it in found["txs"]]


def test_a_template_becomes_a_block_and_the_node_agrees_on_every_hash(chain):
    node, _, address = chain
    for _ in range(3):
        template = node("get_block_template", wallet_address=address, reserve_size=RESERVED)
        assert seed_height(template["height"]) == template["seed_height"]
        block = read_block(bytes.fromhex(template["blocktemplate_blob"]))
        assert block.hashing_blob.hex() == template["blockhashing_blob"]
        assert block.extra_start <= template["reserved_offset"] <= block.extra_end - RESERVED
        ours = block.with_bytes(template["reserved_offset"], b"hashwright test!")
        machine = RandomX(bytes.fromhex(template["seed_hash"]))
        try:
            for nonce in range(4):
                tried = ours.with_bytes(ours.nonce_at, nonce.to_bytes(NONCE_BYTES, "little"))
                theirs = node(
                    "calc_pow", major_version=tried.major_version, height=tried.height,
                    block_blob=tried.hashing_blob.hex(), seed_hash=template["seed_hash"],
                )  # fmt: skip
                assert machine.hash(tried.hashing_blob).hex() == theirs
        finally:
            machine.close()
        assert node.list("submit_block", [tried.blob.hex()])["status"] == "OK"
        header = node("get_block_header_by_height", height=tried.height)["block_header"]
        assert header["hash"] == tried.id.hex()
