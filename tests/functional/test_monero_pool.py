"""Monero by the pool itself, on a real monerod: our miner and a real xmrig find blocks, and the node is the judge."""

import json

import pytest

from functional.monero_nodes import monero_regtest
from functional.program import program, until

pytestmark = [pytest.mark.functional, pytest.mark.timeout(280)]

ADDRESS = "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H"
"""A subaddress: good for members, not for blocks."""


def wallet_address():
    """A primary address of which nobody knows the keys' secrets."""
    from hashwright.chain.cryptonote.address import MoneroAddress, is_point

    def point(start):
        return next(key for n in range(start, start + 100) if is_point(key := n.to_bytes(32, "little")))

    return MoneroAddress(network="main", kind="standard", spend_key=point(5), view_key=point(900)).text


def add_pool(hw, node, *extra):
    hw.run(
        "pool", "add", "xmr", "--coin", "monero", "--network", "regtest", "--address", wallet_address(),
        "--rpc-url", f"http://127.0.0.1:{node.port}", "--start-difficulty", "4", *extra,
    )  # fmt: skip
    until(lambda: hw.json("status")["destinations"][0]["height"], what="a template")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with monero_regtest(tmp_path_factory.mktemp("monerod"), difficulty=60) as node:
        yield node


def test_our_miner_finds_blocks_on_a_real_node(tmp_path, node):
    before = node("get_info")["height"]
    with program(tmp_path, algorithm="randomx") as hw:
        add_pool(hw, node)
        done = json.loads(hw.mine("--max-shares", "8", "--max-seconds", "100", "--json").stdout)
        assert (done["accepted"], done["rejected"]) == (8, 0), done
        until(lambda: node("get_info")["height"] > before, what="a block")
        found = hw.json("status")["blocks"][0]
        theirs = node("get_block_header_by_height", height=found["height"])["block_header"]
        assert theirs["hash"] == found["block_hash"]
