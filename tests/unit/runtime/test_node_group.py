"""Several nodes as one, in virtual time: who is asked, who is believed, and that nobody waits for a dead one."""

import asyncio
import contextlib
import inspect
import random

import pytest

from hashwright.adapters.nodes.base import Node, TipSeen
from hashwright.clock import ManualClock
from hashwright.errors import (
    AuthRejected,
    ConfigError,
    HashwrightError,
    NodeSyncing,
    OperatorError,
    TimedOut,
    Unavailable,
)
from hashwright.runtime.destinations import build_node, parse_destination
from hashwright.runtime.node_group import NodeGroup
from hashwright.testing.fakes import START_HEIGHT
from unit.runtime.group_world import GONE, OTHER_CHAIN, PATIENCE, grouped, height, pulse

# ---------------------------------------------------------------- who is asked


def test_it_has_every_call_of_the_port_with_the_same_parameters():
    for call, promised in inspect.getmembers(Node, inspect.isfunction):
        if not call.startswith("_"):
            assert list(inspect.signature(getattr(NodeGroup, call)).parameters) == list(
                inspect.signature(promised).parameters
            ), call


def test_a_node_that_can_hash_does_it_for_the_group_and_none_is_blamed():
    async def calc_pow(*, major_version, height, blob, seed):
        return bytes([major_version]) + seed + blob

    async def story(group, first, second):
        asked = {"major_version": 16, "height": 5, "blob": b"b", "seed": b"s"}
        with pytest.raises(HashwrightError) as caught:
            await group.calc_pow(**asked)
        assert caught.value.code == "HW-209"
        second.calc_pow = calc_pow
        assert await group.calc_pow(**asked) == b"\x10sb"

    grouped(story)


def test_the_first_node_alone_is_asked_while_it_is_healthy():
    async def story(group, first, second):
        await group.template(None)
        await pulse(group, 100)
        await group.template(None)
        assert second.calls == []
        assert len(first.calls) == 22

    grouped(story)


@pytest.mark.parametrize("problem", [GONE, NodeSyncing("It loads blocks.", code="HW-403"), OTHER_CHAIN,
                                     AuthRejected("No.", code="HW-415")])  # fmt: skip
def test_a_node_that_says_no_is_followed_by_the_next_at_once(problem):
    async def story(group, first, second):
        first.problem = problem
        second.move()
        began_s = group.loop.time()
        assert height(await group.template(None)) == START_HEIGHT + 1
        assert (await group.tip()).height == START_HEIGHT + 1
        assert group.loop.time() - began_s < 1
        assert "n0 failed" in repr(group)
        assert "n1 failed" not in repr(group)

    grouped(story)


def test_a_node_that_hangs_is_waited_for_once_and_not_for_long():
    async def story(group, first, second):
        first.hang()
        began_s = group.loop.time()
        await group.template(None)
        assert PATIENCE.hedge_s <= group.loop.time() - began_s < PATIENCE.hedge_s + 1
        began_s = group.loop.time()
        await group.template(None)
        await group.tip()
        assert await group.coinbases(3) == []
        assert group.loop.time() - began_s < 1

    grouped(story)


def test_two_slow_nodes_are_no_failure():
    async def story(group, first, second):
        first.delay_s = second.delay_s = (4.0, 5.0)
        await group.template(None)
        assert repr(group) == "<NodeGroup n0, n1>"

    grouped(story)


def test_when_all_hang_it_is_said_in_time():
    async def story(group, first, second):
        first.hang()
        second.hang()
        with pytest.raises(TimedOut) as caught:
            await group.template(None)
        assert caught.value.code == "HW-412"
        assert group.loop.time() < PATIENCE.give_up_s + 1

    grouped(story)


def test_when_all_fail_the_first_one_says_why_and_any_that_comes_back_is_taken():
    async def story(group, first, second):
        first.problem, second.problem = OTHER_CHAIN, GONE
        with pytest.raises(OperatorError):
            await group.template(None)
        with pytest.raises(OperatorError):
            await group.tip()
        second.problem = None
        assert height(await group.template(None)) == START_HEIGHT

    grouped(story)


def test_a_node_comes_back_to_its_place_after_a_while_of_health():
    async def story(group, first, second):
        await group.template(None)
        first.problem = GONE
        await pulse(group, 30)
        first.problem = None
        first.calls.clear()
        await pulse(group, 40)
        assert "n0 failed" in repr(group)
        assert set(first.calls) == {"template"}
        await pulse(group, 60)
        assert repr(group) == "<NodeGroup n0, n1>"
        second.calls.clear()
        await group.template(None)
        await group.tip()
        assert second.calls == []

    grouped(story)


def test_a_node_that_fails_again_and_again_does_not_come_back():
    async def story(group, first, second):
        for _ in range(10):
            first.problem = GONE
            await pulse(group, 15)
            first.problem = None
            await pulse(group, 30)
            assert "n0 failed" in repr(group)

    grouped(story)


def test_a_node_that_answers_but_gives_no_template_does_not_come_back():
    async def story(group, first, second):
        first.template_problem = NodeSyncing("It loads blocks.", code="HW-403")
        await group.template(None)
        await pulse(group, 300)
        assert "n0 failed" in repr(group)

    grouped(story)


def test_a_template_without_a_height_is_passed_over():
    async def story(group, first, second):
        first._template = lambda: {"height": True, "previousblockhash": 7}
        assert height(await group.template(None)) == START_HEIGHT
        second.problem = GONE
        assert await group.template(None) == {"height": True, "previousblockhash": 7}

    grouped(story)


def test_a_long_poll_is_held_by_the_first_node():
    async def story(group, first, second):
        poll = (await group.template(None))["longpollid"]
        task = asyncio.ensure_future(group.template(poll))
        await asyncio.sleep(PATIENCE.give_up_s * 3)
        assert not task.done()
        first.move()
        assert height(await task) == START_HEIGHT + 1
        assert second.calls == []
        first.problem = GONE
        assert height(await group.template("no such id")) == START_HEIGHT + 1

    with pytest.raises(NodeSyncing, match=f"at block {START_HEIGHT}, behind block {START_HEIGHT + 1}"):
        grouped(story)


# ---------------------------------------------------------------- no step back


def test_a_node_that_comes_back_with_an_old_tip_is_not_believed():
    async def story(group, first, second):
        for node in (first, second):
            node.move(5)
        assert height(await group.template(None)) == START_HEIGHT + 5
        first.fall_back(3)
        assert height(await group.template(None)) == START_HEIGHT + 5
        assert all(tip.height == START_HEIGHT + 5 for tip in await pulse(group, 400))
        first.catch_up()
        second.calls.clear()
        assert height(await group.template(None)) == START_HEIGHT + 5
        assert second.calls == []

    grouped(story)


def test_a_failed_node_with_an_old_tip_does_not_come_back_before_it_has_caught_up():
    async def story(group, first, second):
        for node in (first, second):
            node.move(5)
        await group.template(None)
        first.problem = GONE
        await group.tip()
        first.problem = None
        first.fall_back(4)
        await pulse(group, 300)
        assert "n0 failed" in repr(group)
        first.catch_up()
        await pulse(group, 100)
        assert "n0 failed" not in repr(group)

    grouped(story)


def test_when_all_stand_behind_they_are_syncing_until_they_agree_for_long():
    async def story(group, first, second):
        for node in (first, second):
            node.move(5)
        await group.template(None)
        for node in (first, second):
            node.fall_back(2)
        with pytest.raises(NodeSyncing) as caught:
            await group.template(None)
        assert caught.value.code == "HW-403"
        assert await pulse(group, PATIENCE.agree_s - 10, problems=NodeSyncing) == []
        with pytest.raises(NodeSyncing):
            await group.tip()
        tips = await pulse(group, 30, problems=NodeSyncing)
        assert tips[-1].height == START_HEIGHT + 3
        assert height(await group.template(None)) == START_HEIGHT + 3

    grouped(story)


def test_a_step_back_that_was_over_in_time_is_counted_anew_the_next_time():
    async def story(group, first, second):
        for node in (first, second):
            node.move(5)
        await group.template(None)
        for _ in range(3):
            for node in (first, second):
                node.fall_back(2)
            assert await pulse(group, PATIENCE.agree_s - 20, problems=NodeSyncing) == []
            first.catch_up()
            second.catch_up()
            await pulse(group, 10)

    grouped(story)


def test_a_fallback_on_another_chain_is_never_followed():
    """It calls out a greater height. Only its template would show that it is not on our chain."""

    async def story(group, first, second):
        second.move(1_000)
        second.template_problem = OTHER_CHAIN
        seen = await tips_of(group, 60)
        assert [tip.height for tip in seen] == [START_HEIGHT]
        assert height(await group.template(None)) == START_HEIGHT
        first.problem = GONE
        with pytest.raises(Unavailable):
            await group.template(None)
        await pulse(group, 30, problems=HashwrightError)
        first.problem = None
        assert height(await group.template(None)) == START_HEIGHT

    grouped(story)


# ---------------------------------------------------------------- tips


async def tips_of(group, seconds, *deeds):
    """Watch for a while, with deeds in equal distances between; return the tips."""
    seen = []

    async def watch():
        async for tip in group.watch():
            seen.append(tip)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch())
        for deed in deeds:
            await asyncio.sleep(seconds / (len(deeds) + 1))
            deed()
        await asyncio.sleep(seconds / (len(deeds) + 1))
        task.cancel()
    return seen


def test_the_node_that_hears_first_tells():
    async def story(group, first, second):
        seen = await tips_of(group, 40, second.move, first.move, first.move, second.move)
        assert [tip.height - START_HEIGHT for tip in seen] == [0, 1, 2]
        assert height(await group.template(None)) == START_HEIGHT + 2

    grouped(story)


def test_a_new_tip_of_the_fallback_is_mined_on_at_once():
    async def story(group, first, second):
        async with contextlib.aclosing(group.watch()) as tips:
            assert (await anext(tips)).height == START_HEIGHT
            second.move()
            tip = await anext(tips)
            assert (await group.template(None))["previousblockhash"] == tip.block_hash == second.best.block_hash
            assert (await group.tip_header(tip.block_hash)).height == START_HEIGHT + 1

    grouped(story)


def test_of_two_blocks_at_one_height_that_of_the_preferred_node_counts():
    async def story(group, first, second):
        second._salt = 77
        seen = await tips_of(group, 30, second.move, first.move, lambda: second.reorganise(1))
        assert [tip.height - START_HEIGHT for tip in seen] == [0, 1, 1, 2]
        assert seen[2].block_hash in first.blocks
        assert seen[3].block_hash in second.blocks

    grouped(story)


def test_a_tip_behind_the_given_one_is_not_told():
    async def story(group, first, second):
        for node in (first, second):
            node.move(5)
        seen = await tips_of(group, 50, lambda: first.fall_back(2), lambda: second.fall_back(3), first.catch_up)
        assert [tip.height for tip in seen] == [START_HEIGHT + 5]

    grouped(story)


def test_a_reorganisation_to_a_shorter_chain_is_told_when_all_agree():
    async def story(group, first, second):
        for node in (first, second):
            node.move(5)

        async def watched():
            return await tips_of(group, 300, lambda: [node.fall_back(2) for node in (first, second)])

        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watched())
            await pulse(group, 290, problems=NodeSyncing)
        assert [tip.height - START_HEIGHT for tip in watching.result()] == [5, 3]

    grouped(story)


def test_a_watcher_can_be_cancelled_at_any_time():
    async def story(group, first, second):
        for pause_s in (0.0, 0.001, 0.05, 1.0):
            await tips_of(group, pause_s)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    grouped(story)


def test_a_fault_of_ours_in_a_watcher_is_not_hidden():
    async def story(group, first, second):
        async def broken():
            raise ZeroDivisionError
            yield

        second.watch = broken
        with pytest.raises(ZeroDivisionError):
            async for _ in group.watch():
                pass

    grouped(story)


def test_a_watch_that_ends_is_begun_again():
    async def story(group, first, second):
        real, tries = first.watch, []

        async def short():
            tries.append(1)
            if len(tries) < 3:
                raise GONE
            async for tip in real():
                yield tip

        first.watch = short
        second.problem = GONE
        assert [tip.height for tip in await tips_of(group, 100)] == [START_HEIGHT]
        assert len(tries) == 3

    grouped(story)


# ---------------------------------------------------------------- many stories


def act(loop, rng, node):
    """Do something to a node: nothing at all, more often than not."""
    deeds = {
        "block": node.move,
        "gone": lambda: setattr(node, "problem", GONE),
        "back": lambda: setattr(node, "problem", None),
        "hang": node.hang,
        "wake": node.wake,
        "behind": lambda: node.fall_back(min(rng.randint(1, 3), node.best.height - START_HEIGHT)),
        "caught up": node.catch_up,
    }
    if node.best.height == START_HEIGHT:
        node.move()
    deeds[rng.choice(list(deeds))]()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_there_is_no_step_back_and_no_long_silence(seed):
    """The third node is always well and never behind: so there is always an answer, and never an older one."""

    async def story(group, first, second, third):
        rng, highest = random.Random(seed), START_HEIGHT
        for _ in range(150):
            act(group.loop, rng, rng.choice([first, second]))
            if rng.random() < 0.3:
                third.move()
            while third.best.height < max(first.best.height, second.best.height):
                third.move()
            await asyncio.sleep(rng.choice([0.1, 1, 5, 30]))
            began_s = group.loop.time()
            call = rng.choice([group.template, group.tip])
            answer = await (call(None) if call == group.template else call())
            assert group.loop.time() - began_s < 2 * PATIENCE.hedge_s + 1
            given = answer.height if isinstance(answer, TipSeen) else height(answer)
            assert given >= highest
            highest = given
        assert highest > START_HEIGHT

    grouped(story, nodes=3, seed=seed)


# ---------------------------------------------------------------- settings

SETTINGS = {
    "name": "home", "coin": "bitcoin", "network": "regtest", "node": "bitcoind",
    "address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "node_settings": {"cookie_file": "a"},
}  # fmt: skip


def test_a_destination_with_fallbacks_has_a_group():
    other = {"node": "bitcoind", "node_settings": {"cookie_file": "b", "rpc_url": "http://127.0.0.1:9"}}
    settings = parse_destination(SETTINGS | {"fallback_nodes": [other, other]})
    group = build_node(settings, clock=ManualClock())
    assert repr(group) == "<NodeGroup node 1 (bitcoind), node 2 (bitcoind), node 3 (bitcoind)>"
    asyncio.run(group.aclose())
    alone = build_node(parse_destination(SETTINGS), clock=ManualClock())
    assert "BitcoindNode" in repr(alone)
    asyncio.run(alone.aclose())


@pytest.mark.parametrize(
    ("fallbacks", "place"),
    [
        ([{"node": "practice"}], "fallback_nodes"),
        ([{"node_settings": {"cookie_file": "b"}}] * 8, "fallback_nodes"),
        ([{"url": "x"}], "destination"),
        ([{"node_settings": {"no_such": 1}}], "destination home, fallback_nodes[0], node_settings"),
    ],
)
def test_fallbacks_that_cannot_be_used_are_refused_with_their_place(fallbacks, place):
    with pytest.raises(ConfigError) as caught:
        build_node(parse_destination(SETTINGS | {"fallback_nodes": fallbacks}), clock=ManualClock())
    assert [finding.place for finding in caught.value.findings] == [place]
