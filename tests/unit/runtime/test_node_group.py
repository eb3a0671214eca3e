"""Several nodes as one, in virtual time: who is asked, who is believed, and that nobody waits for a dead one."""

import asyncio
import contextlib
import inspect
import random

import pytest

from hashwright.adapters.nodes.base import BlockState, Node, NodeProbe, TipSeen
from hashwright.clock import ManualClock
from hashwright.errors import (
    AuthRejected,
    ConfigError,
    Disconnected,
    HashwrightError,
    NodeSyncing,
    OperatorError,
    TimedOut,
    Unavailable,
)
from hashwright.runtime.destinations import build_node, parse_destination
from hashwright.runtime.node_group import NodeGroup
from hashwright.runtime.node_members import Patience
from hashwright.testing.fakes import START_HEIGHT, FakeNode
from hashwright.testing.simulation.loop import SimClock, run
from unit.testing.test_fakes import mined

PATIENCE = Patience()
GONE = Disconnected("Nothing answers.", code="HW-414")
OTHER_CHAIN = OperatorError("It is on another chain.", code="HW-409")


class ToldNode(FakeNode):
    """A fake node that counts its calls, and can be told what to say."""

    def __init__(self, clock, seed):
        super().__init__(clock, random.Random(seed))
        self.calls, self.taken, self.closed = [], [], 0
        self.words, self.states, self.script = [], {}, None
        self.template_problem = None

    async def template(self, longpoll):
        self.calls.append("template")
        if self.template_problem:
            raise self.template_problem
        return await super().template(longpoll)

    async def tip(self):
        self.calls.append("tip")
        return await super().tip()

    async def submit(self, block):
        self.calls.append("submit")
        answer = await super().submit(block)
        self.taken.append(block)
        return self.words.pop(0) if self.words else answer

    async def block_state(self, block_hash):
        answer = await super().block_state(block_hash)
        return self.states.get(block_hash, answer)

    async def script_of_address(self, address):
        await self._answer()
        return self.script

    async def aclose(self):
        self.closed += 1

    def hang(self):
        self.freeze(1e6)

    def wake(self):
        self._frozen_until = 0.0


def grouped(story, *, nodes=2, seed=1, patience=PATIENCE):
    """Run `story(group, *nodes)` in virtual time, and leave no task behind."""

    async def told(loop):
        clock = SimClock(loop)
        fakes = [ToldNode(clock, seed + number) for number in range(nodes)]
        group = NodeGroup([(f"n{i}", node) for i, node in enumerate(fakes)], clock=clock, patience=patience)
        group.loop = loop
        try:
            return await story(group, *fakes)
        finally:
            await group.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return run(seed, told)


async def pulse(group, seconds, *, problems=()):
    """Ask for the tip as the node link does, for a while; return the tips."""
    tips = []
    for _ in range(int(seconds / 5)):
        await asyncio.sleep(5)
        try:
            tips.append(await group.tip())
        except HashwrightError as error:
            assert isinstance(error, problems), error  # noqa: PT017
    return tips


def height(template):
    return template["height"] - 1


# ---------------------------------------------------------------- who is asked


def test_it_has_every_call_of_the_port_with_the_same_parameters():
    for call, promised in inspect.getmembers(Node, inspect.isfunction):
        if not call.startswith("_"):
            assert list(inspect.signature(getattr(NodeGroup, call)).parameters) == list(
                inspect.signature(promised).parameters
            ), call


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
