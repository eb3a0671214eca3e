"""Two real litecoinds behind one destination: the first is killed under us, and comes back."""

import asyncio
import contextlib

import pytest

from functional.blocks import hash_of, mine_block
from functional.nodes import START_S, RegtestNode, free_port, litecoind, running
from hashwright import registry
from hashwright.chain.template import template_of_gbt
from hashwright.errors import Unavailable
from hashwright.runtime.node_group import NodeGroup
from hashwright.runtime.node_members import Patience
from hashwright.runtime.system import SystemClock

pytestmark = [pytest.mark.functional, pytest.mark.timeout(180)]

COIN = registry.load("coins", "litecoin").COIN
PATIENCE = Patience(hedge_s=5.0, check_s=0.5, return_s=2.0)
TAKEN = ("", "duplicate")
"""The nodes are connected: one may hear of a block from another before it hears of it from us."""


@contextlib.contextmanager
def row_of_nodes(folder, count=3):
    """Run nodes, each the peer of the one before: when the first is gone, the others still have one."""
    ports, nodes = [free_port() for _ in range(count)], []
    with contextlib.ExitStack() as stack:
        for number, port in enumerate(ports):
            options = {"listen": 1, "bind": f"127.0.0.1:{port}", "upnp": 0}
            options["connect"] = f"127.0.0.1:{ports[number - 1]}" if number else 0
            options |= {"disablewallet": 1} if number else {}
            node = RegtestNode(litecoind(), folder / f"node{number}", coin="litecoin", options=options)
            nodes.append(stack.enter_context(running(node)))
        for node in nodes:
            node.wait_until(lambda node=node: node.rpc("getconnectioncount"), START_S, "a peer is connected")
        nodes[0].mine(101)
        wait_for_height(101, nodes)
        yield nodes


def wait_for_height(height, nodes):
    for node in nodes:
        node.wait_until(lambda node=node: node.height >= height, START_S, f"block {height} is there")


async def mined(group):
    template = template_of_gbt(await group.template(None), COIN)
    return mine_block(template, COIN)


async def ready(group, condition):
    """Ask for the tip, as the node link does, until something is true."""
    async with asyncio.timeout(60):
        while not condition():
            with contextlib.suppress(Unavailable):
                await group.tip()
            await asyncio.sleep(0.2)


def test_a_killed_node_stops_nothing_and_comes_back_to_its_place(tmp_path):
    async def story(first, second, third):
        named = [("first", first.adapter()), ("second", second.adapter())]
        group = NodeGroup(named, clock=SystemClock(), patience=PATIENCE)
        try:
            assert await group.submit(await mined(group)) in TAKEN
            wait_for_height(102, (first, second, third))
            first.kill()
            block = await mined(group)
            assert await group.submit(block) in TAKEN
            assert (await group.tip()).block_hash == hash_of(block)
            assert (await group.block_state(hash_of(block))).confirmations == 1
            assert "first failed" in repr(group)
            assert (await group.probe()).state == "ready"
            await asyncio.to_thread(first.start)
            await ready(group, lambda: "first failed" not in repr(group))
            assert first.height == second.height == 103
            assert await group.submit(await mined(group)) in TAKEN
            wait_for_height(104, (first, second, third))
        finally:
            await group.aclose()

    with row_of_nodes(tmp_path) as nodes:
        asyncio.run(story(*nodes))


def test_a_node_that_lost_blocks_is_not_mined_on(tmp_path):
    """The first node is cut off and falls back, as after a crash; it calls itself ready all the while."""

    async def story(first, second, third):
        named = [("first", first.adapter()), ("second", second.adapter())]
        group = NodeGroup(named, clock=SystemClock(), patience=PATIENCE)
        try:
            assert template_of_gbt(await group.template(None), COIN).height == 102
            first.rpc("invalidateblock", first.rpc("getblockhash", 90))
            assert first.height == 89
            for _ in range(3):
                assert template_of_gbt(await group.template(None), COIN).height == 102
                assert (await group.tip()).height == 101
            first.rpc("reconsiderblock", second.rpc("getblockhash", 90))
            wait_for_height(101, [first])
            assert (await group.tip()).height == 101
        finally:
            await group.aclose()

    with row_of_nodes(tmp_path) as nodes:
        asyncio.run(story(*nodes))
