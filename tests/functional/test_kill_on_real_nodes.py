"""kill -9 under load with real nodes: on regtest nearly every share is a block, so blocks are under way when it hits.

No acknowledged share is lost, none counts twice, and every block that the node took and that pays us is in the books.
"""

import asyncio
import random

import pytest

from functional.load import Machine, assert_kept, storm
from functional.nodes import bitcoin_regtest, litecoin_regtest
from functional.program import program, until
from functional.test_pool_on_nodes import add_pool, algorithm, destination, strip
from hashwright.chain.coinbase import decode_coinbase

pytestmark = [pytest.mark.functional, pytest.mark.timeout(240)]

KILLS = 3
MACHINES = 4


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(("bitcoin", bitcoin_regtest), id="bitcoin", marks=pytest.mark.sid),
        pytest.param(("litecoin", litecoin_regtest), id="litecoin"),
    ],
)
def test_shares_and_blocks_survive_kills(case, tmp_path):
    coin, start = case
    rng = random.Random(11)
    log = []
    machines = [Machine(number, log) for number in range(MACHINES)]
    with start(tmp_path) as node, program(tmp_path, algorithm=algorithm(coin)) as hw:
        before = node.height
        add_pool(hw, node, coin, zmq=False)
        for _ in range(KILLS):
            until(lambda: destination(hw)["height"], what="a template")
            wait = rng.uniform(1.0, 2.0)

            async def play(wait=wait, port=hw.port):
                load = asyncio.ensure_future(storm(port, log, 30, machines))
                await asyncio.sleep(wait)
                await asyncio.to_thread(hw.kill)
                await load

            asyncio.run(play())
            hw.start()
        until(lambda: destination(hw)["node"]["state"] == "ready", what="the node")
        ours = our_hashes(node, before)
        until(lambda: ours <= known(hw), what="all our blocks in the books")
        assert hw.json("status")["journal"]["poisoned"] == 0
        hw.stop()
    assert len(log) > 50, "the load was no load"
    assert ours, "no block was found"
    stored = assert_kept(hw.folder, log)
    print(f"\n{coin}: {KILLS} kills, {len(log)} shares acknowledged, {stored} stored, {len(ours)} blocks in the chain")


def our_hashes(node, before):
    """The blocks of the chain since the start that carry our tag."""
    found = set()
    for height in range(before + 1, node.height + 1):
        block_hash = node.rpc("getblockhash", height)
        raw = bytes.fromhex(node.rpc("getblock", block_hash, 2)["tx"][0]["hex"])
        if b"/Hashwright/" in decode_coinbase(strip(raw)).script_sig:
            found.add(block_hash)
    return found


def known(hw):
    from hashwright.store.sqlite import SqliteStore

    store = SqliteStore.open(hw.folder, readonly=True)
    try:
        return {block.block_hash for block in store.blocks(100_000)}
    finally:
        store.close()
