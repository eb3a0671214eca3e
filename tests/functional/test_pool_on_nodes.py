"""Miners, the pool and real nodes, each a process of its own: blocks land on a real chain."""

import threading

import pytest

from functional.nodes import bitcoin_regtest, litecoin_regtest
from functional.program import program, until
from hashwright import registry
from hashwright.adapters.nodes.bitcoind import BitcoindNode
from hashwright.chain.address import script_of_address
from hashwright.chain.coinbase import decode_coinbase

pytestmark = [pytest.mark.functional, pytest.mark.timeout(240)]

BITCOIN = pytest.param(("bitcoin", bitcoin_regtest, {}), id="bitcoin", marks=pytest.mark.sid)
LITECOIN = pytest.param(("litecoin", litecoin_regtest, {}), id="litecoin")
MWEB = pytest.param(("litecoin", litecoin_regtest, {"mweb": True}), id="litecoin-mweb")


def add_pool(hw, node, coin, *, zmq=True):
    arguments = ["--rpc-url", node.rpc_url, "--cookie-file", node.cookie_file]
    if zmq:
        arguments += ["--zmq", node.zmq_address]
    hw.run(
        "pool", "add", "home", "--coin", coin, "--network", "regtest", "--address", node.address,
        "--start-difficulty", "1e-9", *arguments,
    )  # fmt: skip
    until(lambda: destination(hw)["height"], what="a template")


def destination(hw):
    return hw.json("status")["destinations"][0]


def our_blocks(node, coin):
    """The newest blocks of the node that carry our tag and pay our address: height, transactions."""
    script = script_of_address(node.address, registry.load("coins", coin).COIN, "regtest")
    found = []
    block_hash = node.best
    for _ in range(12):
        block = node.rpc("getblock", block_hash, 2)
        raw = bytes.fromhex(block["tx"][0]["hex"])
        decoded = decode_coinbase(strip(raw))
        if "/Hashwright/" in decoded.tag and any(paid == script for _, paid in decoded.outputs):
            found.append((block["height"], len(block["tx"])))
        block_hash = block.get("previousblockhash")
        if not block_hash:
            break
    return found


def strip(raw):
    return raw[:4] + raw[6:-38] + raw[-4:] if raw[4:6] == b"\x00\x01" else raw


SLOW = {"sha256d": "md=0.0001", "scrypt": "md=0.05"}
"""A share every half second or so of one CPU: regtest's own target is met by every second hash."""


def mine(hw, *arguments):
    return hw.mine("--password", SLOW[hw.algorithm], *arguments)


def algorithm(coin):
    return registry.load("coins", coin).COIN.algorithm


@pytest.mark.parametrize("case", [BITCOIN, LITECOIN, MWEB])
def test_a_miner_finds_a_block_with_transactions_that_the_node_takes(case, tmp_path):
    coin, start, options = case
    with start(tmp_path, **options) as node, program(tmp_path, algorithm=algorithm(coin)) as hw:
        for _ in range(3):
            node.send("0.1")
        if options:
            node.rpc("sendtoaddress", node.rpc("getnewaddress", "m", "mweb"), "0.2")
        before = node.height
        add_pool(hw, node, coin)
        done = mine(hw, "--max-shares", 3, "--max-seconds", 60)
        assert done.returncode == 0, done.stdout + done.stderr
        until(lambda: node.height > before, what="a new block")
        blocks = our_blocks(node, coin)
        assert any(transactions >= 4 for _, transactions in blocks), blocks
        known = until(
            lambda: [b for b in hw.json("pool", "blocks")["blocks"] if b["state"] == "confirmed"],
            what="a confirmed block",
        )
        assert known[0]["worker"] == "kai.r01"
        assert hw.json("status")["journal"]["poisoned"] == 0
        assert hw.stop() < 5
        verified = hw.run("admin", "replay", "--verify")
        assert verified.returncode == 0, verified.stdout


@pytest.mark.parametrize("case", [BITCOIN, LITECOIN])
def test_a_reorg_makes_an_orphan_and_mining_goes_on(case, tmp_path):
    coin, start, options = case
    with start(tmp_path, **options) as node, program(tmp_path, algorithm=algorithm(coin)) as hw:
        add_pool(hw, node, coin)
        mine(hw, "--max-shares", 1, "--max-seconds", 60)
        block = until(
            lambda: [b for b in hw.json("pool", "blocks")["blocks"] if b["state"] == "confirmed"], what="a block"
        )[0]
        height = node.height
        node.rpc("invalidateblock", node.rpc("getblockhash", block["height"]))
        node.mine(height - block["height"] + 2, node.rpc("getnewaddress"))
        until(
            lambda: any(b["state"] == "orphaned" for b in hw.json("pool", "blocks")["blocks"]),
            what="the orphan",
            seconds=40,
        )
        before = node.height
        assert mine(hw, "--max-shares", 1, "--max-seconds", 60).returncode == 0
        until(lambda: node.height > before, what="a block after the reorg")


@pytest.mark.parametrize("case", [BITCOIN, LITECOIN])
def test_a_node_restart_in_mid_run_is_survived(case, tmp_path):
    coin, start, options = case
    with start(tmp_path, **options) as node, program(tmp_path, algorithm=algorithm(coin)) as hw:
        add_pool(hw, node, coin, zmq=False)
        miner = threading.Thread(target=mine, args=(hw, "--max-seconds", 25), daemon=True)
        miner.start()
        until(lambda: destination(hw)["machines"] == 1, what="the miner")
        node.kill()
        until(lambda: destination(hw)["node"]["state"] == "unreachable", what="the loss of the node", seconds=60)
        assert destination(hw)["machines"] == 1, "the session is kept"
        node.start()
        if coin == "litecoin":
            node.wait_until(lambda: node.rpc("getconnectioncount"), 60, "the peer is back")
        until(lambda: destination(hw)["node"]["state"] == "ready", what="the node's return", seconds=60)
        before = node.height
        miner.join(60)
        mine(hw, "--max-shares", 1, "--max-seconds", 60)
        until(lambda: node.height > before, what="a block after the restart")
        assert hw.json("status")["journal"]["poisoned"] == 0


def test_the_adapter_under_test_is_the_real_one():
    assert BitcoindNode.__module__ == registry.load("nodes", "bitcoind").__name__
