"""The fakes keep the promises of what they stand for, and break them as told."""

import asyncio
import random

import pytest

from hashwright.adapters.nodes.base import Node
from hashwright.chain.coinbase import build_coinbase
from hashwright.chain.coins.bitcoin import COIN
from hashwright.chain.proof import sha256d
from hashwright.chain.template import template_of_gbt
from hashwright.errors import Disconnected, NodeSyncing
from hashwright.testing.fakes import FakeNode, ScriptedTransport
from hashwright.testing.simulation.loop import SimClock, run


def asked(story, **options):
    """Run `story(node)` in virtual time."""

    async def told(loop):
        node: Node = FakeNode(SimClock(loop), random.Random(1), **options)
        node.loop = loop
        return await story(node)

    return run(1, told)


async def mined(node, *, is_good=True):
    """Make a block on the node's template, with a hash below the target or above it."""
    template = template_of_gbt(await node.template(None), COIN)
    parts = build_coinbase(
        height=template.height,
        outputs=((template.coinbase_value, b"\x51"),),
        tag=b"/t/",
        extranonce_size=12,
        witness_commitment=b"",
    )
    coinbase = parts.prefix + bytes(12) + parts.suffix
    head = b"".join(
        (
            template.version.to_bytes(4, "little"),
            template.prevhash_le,
            sha256d(coinbase),
            template.curtime.to_bytes(4, "little"),
            template.nbits.to_bytes(4, "little"),
        )
    )
    headers = (head + nonce.to_bytes(4, "little") for nonce in range(1000))
    header = next(header for header in headers if (sha256d(header)[31] < 0x7F) == is_good)
    return header + b"\x01" + coinbase


def name_of(block):
    return sha256d(block[:80])[::-1].hex()


def test_a_good_block_is_taken_once():
    async def story(node):
        block = await mined(node)
        assert await node.submit(block) == ""
        assert await node.submit(block) == "duplicate"
        assert (await node.tip()).block_hash == name_of(block)
        assert (await node.block_state(name_of(block))).confirmations == 1
        node.move(2)
        assert (await node.block_state(name_of(block))).confirmations == 3
        assert await node.coinbases(30) == [(101, name_of(block), block[81:])]
        assert [ours.block_hash for ours in node.ours()] == [name_of(block)]

    asked(story)


def test_bad_blocks_are_refused_by_their_reason():
    async def story(node):
        good, bad = await mined(node), await mined(node, is_good=False)
        assert await node.submit(bad) == "high-hash"
        assert await node.submit(good[:-1] + b"\x07") == "bad-txnmrklroot"
        assert await node.submit(good[:80] + b"\x02" + good[81:]) == "rejected"
        node.move()
        assert await node.submit(good) == "inconclusive"
        assert node.ours() == []

    asked(story)


def test_a_reorganisation_orphans_and_a_crash_does_not():
    async def story(node):
        block = await mined(node)
        await node.submit(block)
        node.fall_back(1)
        assert (await node.tip()).height == 100
        assert await node.block_state(name_of(block)) == await node.block_state("ab" * 32)
        assert (await node.probe()).state == "ready"
        node.catch_up()
        assert (await node.block_state(name_of(block))).confirmations == 1
        node.reorganise(1)
        assert (await node.tip()).height == 102
        assert (await node.block_state(name_of(block))).confirmations == -1
        with pytest.raises(ValueError, match="cannot be replaced"):
            node.reorganise(99)

    asked(story)


def test_an_answer_is_lost_after_the_deed():
    async def story(node):
        node.lost_answer_rate = 1.0
        block = await mined(node)
        with pytest.raises(Disconnected):
            await node.submit(block)
        assert node.lost_answers == 1
        assert (await node.tip()).block_hash == name_of(block)

    asked(story)


def test_a_frozen_node_answers_late_and_a_slow_one_always():
    async def story(node):
        node.freeze(60.0)
        await node.tip()
        assert 60.0 < node.loop.time() < 60.1
        node.delay_s = (5.0, 5.0)
        await node.tip()
        assert node.loop.time() > 65.0

    asked(story)


def test_a_problem_is_raised_while_it_lasts():
    async def story(node):
        node.problem = NodeSyncing("loading blocks", code="HW-403")
        with pytest.raises(NodeSyncing):
            await node.template(None)
        assert (await node.probe()).state == "unreachable"
        node.problem = None
        assert (await node.template(None))["height"] == 101

    asked(story)


def test_tips_are_seen_as_they_come():
    async def story(node):
        seen = []

        async def follow():
            async for tip in node.watch():
                seen.append(tip.height)

        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow())
            for _ in range(3):
                await asyncio.sleep(1)
                node.move()
            await asyncio.sleep(1)
            following.cancel()
        assert seen == [100, 101, 102, 103]

    asked(story)


def test_a_long_poll_waits_for_another_tip():
    async def story(node):
        first = await node.template(None)
        node.loop.call_later(30, node.move)
        second = await node.template(first["longpollid"])
        assert node.loop.time() >= 30
        assert (first["height"], second["height"]) == (101, 102)

    asked(story)


def test_a_header_is_known_by_its_hash():
    async def story(node):
        tip = await node.tip()
        assert (await node.tip_header(tip.block_hash)).height == 100
        with pytest.raises(Disconnected):
            await node.tip_header("ab" * 32)
        assert await node.script_of_address("bcrt1q") is None
        await node.aclose()

    asked(story)


class Recorder(asyncio.Protocol):
    def __init__(self):
        self.happened = []

    def connection_made(self, transport):
        self.happened.append(transport.get_extra_info("peername"))

    def pause_writing(self):
        self.happened.append("paused")

    def resume_writing(self):
        self.happened.append("resumed")

    def connection_lost(self, exc):
        self.happened.append(exc)


def test_a_scripted_transport_collects_and_pauses():
    protocol = Recorder()
    transport = ScriptedTransport(protocol)
    transport.set_write_buffer_limits(high=10)
    transport.write(b"one")
    assert (transport.take(), transport.take(), transport.high_bytes) == (b"one", b"", 10)
    transport.pause()
    transport.write(b"two")
    assert transport.get_write_buffer_size() == 3
    transport.resume()
    transport.pause_reading()
    assert (transport.get_write_buffer_size(), transport.is_reading_paused) == (0, True)
    transport.resume_reading()
    assert not transport.is_reading_paused
    assert protocol.happened == [("10.0.0.1", 40_001), "paused", "resumed"]


def test_a_scripted_transport_ends_when_told():
    protocol = Recorder()
    transport = ScriptedTransport(protocol)
    transport.close()
    transport.write(b"late")
    assert (transport.is_closing(), transport.take(), len(protocol.happened)) == (True, b"", 1)
    transport.abort()
    transport.lose()
    assert (transport.ending, protocol.happened[-1]) == ("aborted", None)
