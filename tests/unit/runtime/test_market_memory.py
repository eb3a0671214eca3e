"""The moment between a table and the engine: what moves while it is read is read again."""

import asyncio
from types import SimpleNamespace

import pytest

from hashwright.market.events import ChangeAsked, FundsAsked, MemoryMoved, MemoryRecalled
from hashwright.market.memory import surplus
from hashwright.market.records import Given, MarketState
from hashwright.market.step import step
from hashwright.runtime.market_memory import LongMemory

KEY = "bea/out"
ROW = (KEY, "digest", "", "", "done")
ASKED = FundsAsked("sha256d", "bea", "out", 5)


class Tables:
    """Answers a reading, and lets something happen while it is under way."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.reads = 0

    def read_books(self, _query):
        self.reads += 1
        meanwhile, answer = self.steps.pop(0)
        meanwhile()
        return answer


def memory(state, *steps):
    kernel = SimpleNamespace(
        engines=SimpleNamespace(market=state, market_fault=""), handle=lambda event: step(state, event, now=1)
    )
    tables = Tables(*steps)
    return LongMemory(kernel, tables, None), tables


def test_an_answer_that_moves_while_its_table_is_read_is_read_again():
    state = MarketState(memory_moves=1)

    def comes_and_goes():  # somebody else asked the same, and it moved at once
        state.given[KEY] = Given(*ROW[1:])
        step(state, MemoryMoved(answers=(KEY,)), now=1)

    mine, tables = memory(state, (comes_and_goes, MemoryRecalled()), (lambda: None, MemoryRecalled(answers=(ROW,))))
    asyncio.run(mine.recall(ASKED))
    assert tables.reads == 2
    assert state.given[KEY].text == "done"


def test_an_order_that_moves_while_the_answer_is_read_is_read_as_well():
    state = MarketState(memory_moves=1, ended={"order-1": ("bea", "cancelled", "so")})
    mine, tables = memory(
        state,
        (lambda: step(state, MemoryMoved(ended=("order-1",)), now=1), MemoryRecalled()),
        (lambda: None, MemoryRecalled(ended=(("order-1", "bea", "cancelled", "so"),))),
    )
    asyncio.run(mine.recall(ChangeAsked("bea", "x", "order-1", "cancel")))
    assert (tables.reads, state.ended["order-1"][1]) == (2, "cancelled")


@pytest.mark.parametrize("state", [MarketState(), MarketState(memory_moves=3, given={KEY: Given(*ROW[1:])})])
def test_no_table_is_asked_where_nothing_ever_moved_or_the_engine_knows(state):
    mine, tables = memory(state)
    asyncio.run(mine.recall(ASKED))
    assert tables.reads == 0


def test_the_oldest_go_and_the_newest_stay():
    state = MarketState(given={f"k{number}": Given("", "", "", "") for number in range(10)})
    assert surplus(state, kept=6, most=100) is None, "few are left alone"
    assert surplus(state, kept=5, most=100) == MemoryMoved(answers=("k0", "k1", "k2", "k3", "k4"))
    assert surplus(state, kept=1, most=2) == MemoryMoved(answers=("k0", "k1"))
