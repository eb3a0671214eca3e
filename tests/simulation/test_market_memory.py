"""The market's long memory on real databases: what moved to tables is asked for again, also after a kill in between."""

import asyncio

import pytest

from engines import SqliteEngine
from hashwright.errors import Unavailable
from hashwright.market.events import ChangeAsked, FundsAsked, OrderAsked
from hashwright.market.records import Pool
from hashwright.runtime import replay
from hashwright.runtime.market_deposits import times_moved
from hashwright.runtime.market_memory import LongMemory
from hashwright.store.market_memory import read_placed
from simulation.market_house import ALGO, House, Killed, assert_books_whole

POOL = Pool("stratum+tcp://pool.example:3333", "w")
COUNT = 6


class Rig:
    """A house with a long memory that keeps nothing which can go."""

    def __init__(self, engine, folder, *, deaths=()):
        self.house = House(engine, folder, deaths=deaths)

    def start(self):
        self.house.start()
        self.memory = LongMemory(self.house.kernel, self.house.store, self.house.writer, kept=1)

    def ask(self, event):
        """As `MarketService.ask` does it: first what tables hold, then the request."""
        asyncio.run(self.memory.recall(event))
        return self.house.ask(event)

    def fund(self, number):
        asyncio.run(self.memory.recall_deposit(f"tx{number}:0#1"))
        self.house.deposit("bea", 1_000_000, number)

    def sweep(self):
        """Move all that can go; a death of the writer is one of the process."""
        try:
            while asyncio.run(self.memory.sweep()):
                self.house.commit()
        except Unavailable as error:
            raise Killed from error

    @property
    def sizes(self):
        state = self.house.market
        return len(state.given), len(state.deposits), len(state.ended)


def requests():
    for number in range(1, COUNT + 1):
        yield OrderAsked("bea", f"buy{number}", ALGO, "standard", 1_000_000, 1e6, 0.0, 100_000, POOL)
        yield ChangeAsked("bea", f"stop{number}", f"order-{number}", "cancel")
    yield FundsAsked(ALGO, "bea", "out", 50_000)
    yield FundsAsked(ALGO, "bea", "too-much", 10**12)


def begin(rig):
    rig.start()
    rig.house.open_market()
    for number in range(1, COUNT + 1):
        rig.fund(number)
    answers = [rig.ask(event) for event in requests()]
    rig.house.tick(3)
    return answers


def test_what_moved_is_answered_as_before_and_counted_once(engine, tmp_path):
    rig = Rig(engine, tmp_path)
    answers = begin(rig)
    funds = dict(rig.house.market.funds[ALGO])
    assert min(rig.sizes) >= COUNT
    rig.sweep()
    assert rig.sizes == (1, 1, 1)
    placed = rig.house.store.read_books(lambda connection: read_placed(connection, "bea", "buy"))
    assert placed == {f"order-{number}": f"buy{number}" for number in range(1, COUNT + 1)}
    for _ in range(2):
        rig.house.die()
        rig.start()
        assert [rig.ask(event) for event in requests()] == answers
        for number in range(1, COUNT + 1):
            rig.fund(number)
        again = rig.ask(ChangeAsked("bea", "new", "order-1", "refill", 5))
        assert (again.code, "cancelled already" in again.text) == ("HW-867", True)
        rig.house.answers.clear()  # the house holds that a request has one answer; this is another request
        other = rig.ask(OrderAsked("bea", "buy1", ALGO, "standard", 2_000_000, 1e6, 0.0, 100_000, POOL))
        rig.house.answers.clear()
        assert (other.code, other.order) == ("HW-864", "order-1")
        assert (rig.house.market.funds[ALGO], rig.house.market.orders_made) == (funds, COUNT)
        rig.sweep()
        assert rig.sizes == (1, 1, 1)
    assert_books_whole(rig.house)
    rig.house.stop()


@pytest.mark.parametrize("is_done", [False, True])
def test_a_kill_while_memory_moves_loses_no_answer(tmp_path, is_done):
    """At each commit of a move: the rows, and the event after them."""
    plain = Rig(SqliteEngine(), tmp_path / "plain")
    answers = begin(plain)
    first = plain.house.commits + 1
    plain.sweep()
    last = plain.house.commits
    plain.house.stop()
    assert last > first
    for commit in range(first, last + 1):
        rig = Rig(SqliteEngine(), tmp_path / str(commit), deaths=((commit, is_done),))
        begin(rig)
        with pytest.raises(Killed):
            rig.sweep()
        rig.house.die()
        rig.start()
        assert [rig.ask(event) for event in requests()] == answers
        assert rig.house.market.orders_made == COUNT
        rig.sweep()
        assert rig.sizes == (1, 1, 1)
        assert_books_whole(rig.house)
        rig.house.stop()


def test_a_row_that_is_not_as_the_engine_has_it_lets_nothing_go(tmp_path):
    rig = Rig(SqliteEngine(), tmp_path)
    begin(rig)
    wrong = ("bea/buy1", "another digest", "", "", "")
    rig.house.writer.transact(
        lambda it: it.execute("INSERT INTO market_answer VALUES (?, ?, ?, ?, ?)", wrong)
    ).result(30)  # fmt: skip
    rig.sweep()
    assert "bea/buy1" in rig.house.market.given
    assert "bea/stop1" not in rig.house.market.given
    rig.house.stop()


def test_a_folder_of_before_has_all_with_the_engine_and_its_snapshot_is_read(tmp_path):
    """A state that was written without the last field says that no table need be asked."""
    import msgspec

    rig = Rig(SqliteEngine(), tmp_path)
    begin(rig)
    raw = msgspec.msgpack.decode(replay.snapshot_of(rig.house.kernel.engines))
    market = raw[3]
    assert market.pop() == 0, "the last field of the market's state is how often memory moved"
    old = replay.state_of(msgspec.msgpack.encode(raw))
    assert (old.market.memory_moves, len(old.market.given)) == (0, len(rig.house.market.given))
    rig.house.stop()


def test_an_output_counts_its_moves_in_the_table_and_with_the_engine(tmp_path):
    rig = Rig(SqliteEngine(), tmp_path)
    begin(rig)
    rig.sweep()
    kept = asyncio.run(rig.memory.moves_kept())
    assert kept == {f"tx{number}:0": 1 for number in range(1, COUNT)}
    assert [times_moved(rig.house.market, f"tx{number}:0", kept) for number in (1, COUNT, COUNT + 1)] == [1, 1, 0]
    rig.house.deposit("bea", 5, COUNT + 1)
    rig.house.deposit("bea", 5, COUNT + 2)
    rig.sweep()
    assert kept[f"tx{COUNT + 1}:0"] == 1, "what moves later is counted as well"
    rig.house.stop()
