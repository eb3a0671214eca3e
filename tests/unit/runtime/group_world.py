"""Nodes that do as they are told, in a group, in virtual time."""

import asyncio
import random

from hashwright.errors import (
    Disconnected,
    HashwrightError,
    OperatorError,
)
from hashwright.runtime.node_group import NodeGroup
from hashwright.runtime.node_members import Patience
from hashwright.testing.fakes import FakeNode
from hashwright.testing.simulation.loop import SimClock, run

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
