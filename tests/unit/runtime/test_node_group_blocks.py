"""Blocks through a group of nodes: who is asked, whose word counts, and what became of them."""

import asyncio

import pytest

from hashwright.adapters.nodes.base import BlockState, NodeProbe
from hashwright.errors import (
    Disconnected,
    OperatorError,
    TimedOut,
    Unavailable,
)
from hashwright.testing.fakes import START_HEIGHT
from unit.runtime.group_world import GONE, OTHER_CHAIN, PATIENCE, grouped
from unit.testing.test_fakes import mined

# ---------------------------------------------------------------- blocks


def test_a_block_goes_to_every_node():
    async def story(group, first, second, third):
        block = await mined(first)
        assert await group.submit(block) == ""
        await asyncio.sleep(1)
        assert [node.taken for node in (first, second, third)] == [[block]] * 3
        assert await group.submit(block) == "duplicate"

    grouped(story, nodes=3)


@pytest.mark.parametrize(
    ("words", "best"),
    [
        (["high-hash", "", "duplicate"], ""),
        (["high-hash", "duplicate", "inconclusive"], "duplicate"),
        (["high-hash", "inconclusive", "prev-blk-not-found"], "inconclusive"),
        (["prev-blk-not-found", "duplicate-inconclusive", "bad-cb-height"], "duplicate-inconclusive"),
        (["bad-cb-height", "prev-blk-not-found", "high-hash"], "bad-cb-height"),
    ],
)
def test_the_best_answer_wins(words, best):
    async def story(group, *nodes):
        for node, word in zip(nodes, words, strict=True):
            node.delay_s = (0.05, 0.05)
            node.words = [word]
        return await group.submit(await mined(nodes[0]))

    assert grouped(story, nodes=3) == best


def test_a_hanging_node_delays_no_block():
    async def story(group, first, second):
        block = await mined(second)
        first.hang()
        began_s = group.loop.time()
        assert await group.submit(block) == ""
        assert group.loop.time() - began_s < 1

    grouped(story)


def test_a_good_block_still_reaches_the_slow_node():
    async def story(group, first, second):
        block = await mined(second)
        first.delay_s = (7.0, 7.0)
        assert await group.submit(block) == ""
        assert first.taken == []
        await asyncio.sleep(8)
        assert first.taken == [block]

    grouped(story)


def test_a_no_waits_for_a_slower_yes():
    async def story(group, first, second):
        block = await mined(first)
        first.delay_s, second.words = (9.0, 9.0), ["prev-blk-not-found"]
        assert await group.submit(block) == ""

    grouped(story)


def test_a_no_is_given_when_the_others_say_nothing_for_long():
    async def story(group, first, second):
        block = await mined(first, is_good=False)
        second.hang()
        assert await group.submit(block) == "high-hash"
        assert group.loop.time() < PATIENCE.submit_s + 1

    grouped(story)


@pytest.mark.parametrize("word", ["inconclusive", "prev-blk-not-found"])
def test_a_word_that_decides_nothing_is_no_answer_while_a_node_is_down(word):
    async def story(group, first, second):
        block = await mined(first)
        first.problem, second.words = GONE, [word]
        with pytest.raises(Unavailable):
            await group.submit(block)
        first.problem, second.words = None, [word]
        assert await group.submit(block) == ""

    grouped(story)


def test_a_block_is_not_sent_again_to_a_node_that_is_still_at_it():
    async def story(group, first, second):
        block = await mined(first)
        first.delay_s, second.problem = (50.0, 50.0), GONE
        for _ in range(2):
            with pytest.raises(Unavailable):
                await group.submit(block)
        assert await group.submit(block) == ""
        assert first.calls.count("submit") == 1
        assert second.calls.count("submit") == 3

    grouped(story)


def test_a_block_that_nobody_can_judge_now_is_to_be_sent_again():
    async def story(group, first, second):
        block = await mined(first)
        first.problem, second.problem = OTHER_CHAIN, GONE
        with pytest.raises(Disconnected):
            await group.submit(block)
        second.problem = OTHER_CHAIN
        with pytest.raises(OperatorError):
            await group.submit(block)

    grouped(story)


# ---------------------------------------------------------------- what became of a block


@pytest.mark.parametrize(
    ("confirmations", "verdict"),
    [
        ((3, 3), 3),
        ((0, 2), 2),
        ((2, 0), 2),
        ((-1, 0), -1),
        ((0, -1), -1),
        ((-1, -1), -1),
        ((0, 0), 0),
        ((-1, 2), 0),
        ((7, -1), 0),
        ((None, 2), 2),
        ((-1, None), -1),
    ],
)
def test_a_verdict_needs_nodes_that_do_not_contradict_each_other(confirmations, verdict):
    async def story(group, *nodes):
        for node, depth in zip(nodes, confirmations, strict=True):
            if depth is None:
                node.problem = GONE
            else:
                node.states["ab"] = BlockState(confirmations=depth, height=101)
        return await group.block_state("ab")

    assert grouped(story).confirmations == verdict


def test_a_hanging_node_is_not_waited_for_about_a_block():
    async def story(group, first, second):
        first.hang()
        second.states["ab"] = BlockState(confirmations=4, height=101)
        assert await group.block_state("ab") == BlockState(confirmations=4, height=101)
        second.hang()
        with pytest.raises(TimedOut):
            await group.block_state("ab")
        first.wake()
        second.wake()
        first.problem = second.problem = GONE
        with pytest.raises(Disconnected):
            await group.block_state("ab")

    grouped(story)


# ---------------------------------------------------------------- the rest of the port


def test_what_one_node_does_not_know_the_next_one_may():
    async def story(group, first, second):
        second.move()
        assert (await group.tip_header(second.best.block_hash)).height == START_HEIGHT + 1
        assert repr(group) == "<NodeGroup n0, n1>"
        assert await group.script_of_address("x") is None
        second.script = b"\x51"
        assert await group.script_of_address("x") == b"\x51"
        first.problem = second.problem = GONE
        for call in (group.tip_header("ab"), group.script_of_address("x"), group.coinbases(3)):
            with pytest.raises(Disconnected):
                await call

    grouped(story)


def test_a_probe_tells_of_each_node():
    async def story(group, first, second, third):
        first.problem = GONE
        second.move()
        third.probe = lambda: asyncio.sleep(1e6)
        probe = await group.probe()
        assert (probe.state, probe.height, probe.network) == ("ready", START_HEIGHT + 1, "regtest")
        assert (
            probe.detail == "n0: unreachable, Nothing answers.; n1: ready; n2: unreachable, it gave no answer in 10 s"
        )
        second.problem = GONE
        assert (await group.probe()).state == "unreachable"

    grouped(story, nodes=3)


def test_nodes_of_two_networks_are_refused():
    async def story(group, first, second):
        async def elsewhere():
            return NodeProbe(state="ready", detail="", height=9, network="main", version="fake")

        second.probe = elsewhere
        probe = await group.probe()
        assert probe.state == "refused"
        assert "different networks (main, regtest)" in probe.detail

    grouped(story)


def test_closing_lets_go_of_all_nodes_and_of_blocks_on_their_way():
    async def story(group, first, second):
        block = await mined(second)
        first.hang()
        await group.submit(block)
        await group.aclose()
        await group.aclose()
        assert (first.closed, second.closed) == (2, 2)
        assert first.taken == []

    grouped(story)
