"""The life of orders on a real database, with the process killed at its commits, on both databases.

Each thing that people and pools do is done again after a death, as who got no answer does. Then the books must be what
the journal says, every request has one answer, and every share that a machine was told to be good is paid.
"""

import contextlib
import shutil
import sqlite3

import pytest

from engines import SqliteEngine
from hashwright.market.events import ChangeAsked, FundsAsked, OrderAsked
from hashwright.market.records import Pool
from hashwright.market.step import TICK_KEY
from hashwright.signals import ClockTicked
from hashwright.store.folder import DATABASE_NAME
from simulation.market_house import ALGO, House, Killed, assert_books_whole, rows_of

POOL = Pool("stratum+tcp://pool.example:3333", "w")
DEPOSIT, BUDGET, REFILL, WITHDRAWN = 10_000_000, 1_000_000, 250_000, 3_000_000
LIMIT_HS = 1e6


def order(account, reference, price):
    return OrderAsked(account, reference, ALGO, "standard", price, LIMIT_HS, 0.0, BUDGET, POOL)


def change(account, reference, order_, what, minor=0):
    return ChangeAsked(account, reference, order_, what, minor)


def yes(answer):
    assert answer.code == "", answer
    return answer


def live(house):
    """Mine, be sent to who pays most, mine there, and let time pass: what is due is settled."""
    house.mine()
    house.tick()
    house.mine()
    house.tick(2)


def end(house, order_):
    for _ in range(5):
        if order_ in house.market.orders:
            house.tick()
    assert order_ not in house.market.orders


STORY = {
    "a market": lambda it: it.open_market(),
    "rates": lambda it: it.mine(6),
    "deposit of bea": lambda it: it.deposit("bea", DEPOSIT, 1),
    "deposit of bob": lambda it: it.deposit("bob", DEPOSIT, 2),
    "order, its look and its pool": lambda it: yes(it.ask(order("bea", "buy", 2_000_000))),
    "live": live,
    "outbid": lambda it: yes(it.ask(order("bob", "buy", 3_000_000))),
    "live for the other": live,
    "refill": lambda it: yes(it.ask(change("bea", "more", "order-1", "refill", REFILL))),
    "reprice": lambda it: yes(it.ask(change("bea", "up", "order-1", "reprice", 4_000_000))),
    "live again": live,
    "the pool dies": lambda it: it.pool_goes("order-1"),
    "while it is away": live,
    "the pool is back": lambda it: it.pool_returns("order-1"),
    "live after the pause": live,
    "cancel": lambda it: yes(it.ask(change("bea", "stop", "order-1", "cancel"))),
    "the last settlement and the release": lambda it: end(it, "order-1"),
    "live to the end": live,
    "cancel of the other": lambda it: yes(it.ask(change("bob", "stop", "order-2", "cancel"))),
    "its end": lambda it: end(it, "order-2"),
    "withdrawal": lambda it: yes(it.ask(FundsAsked(ALGO, "bea", "out", WITHDRAWN))),
}  # fmt: skip


def play(house, *, after="", until=""):
    """Play the story on, through as many deaths as come."""
    names = list(STORY)
    pending = names[names.index(after) + 1 :] if after else ["start", *names]
    while pending and pending[0] != until:
        try:
            if pending[0] == "start":
                house.start()
            else:
                STORY[pending[0]](house)
            pending.pop(0)
        except Killed:
            house.die()
            if pending[0] != "start":
                pending.insert(0, "start")


def assert_fair(house):
    """Nothing is lost, nothing is there twice, and both sides see the same."""
    balances = assert_books_whole(house)
    orders, trades = rows_of(house)
    assert {it.id: it.state for it in orders} == {"order-1": "cancelled", "order-2": "cancelled"}
    for row in orders:
        mine = [it for it in trades if it.order == row.id]
        assert row.committed == sum(it.gross for it in mine) > 0
        assert row.work == sum(it.work for it in mine)
    committed = {row.account: row.committed for row in orders}
    free = {name: -balances.get(f"liability:escrow:market-{ALGO}:{name}", 0) for name in ("bea", "bob")}
    assert free["bea"] == DEPOSIT - committed["bea"] - WITHDRAWN
    assert free["bob"] == DEPOSIT - committed["bob"]
    assert balances["asset:wallet:home"] == 2 * DEPOSIT
    assert balances["liability:member:home:bea"] == -WITHDRAWN
    earned = sum(balances[f"liability:member:home:{name}"] for name in ("sam", "sue"))
    assert -(earned + balances["income:fee:market-sha256d"]) == sum(committed.values())
    assert next(it for it in orders if it.id == "order-1").budget == BUDGET + REFILL
    assert {key: it.code for key, it in house.answers.items()} == dict.fromkeys(house.answers, "")
    assert len(house.answers) == 7


COMMITS = 75
"""Those of a life without a death, from the first start."""


@pytest.fixture(scope="module")
def empty_books(tmp_path_factory):
    """A folder with empty books: making them takes longer than the life."""
    folder = tmp_path_factory.mktemp("empty")
    SqliteEngine().open(folder).close()
    return folder


def life(engine, folder, *deaths, gap=0):
    """Live through deaths, `(commit, is it done before the process is gone)`, and judge the end."""
    house = House(engine, folder, deaths=deaths, gap=gap)
    play(house)
    assert_fair(house)
    house.stop()
    return house


def test_a_life_without_a_death_pays_every_share(engine, tmp_path):
    house = life(engine, tmp_path)
    assert (house.commits, house.deaths) == (COMMITS, 0)
    assert house.paid_shares == house.sent_shares


@pytest.mark.parametrize("is_done", [False, True])
def test_killed_once_nothing_is_lost_or_there_twice(empty_books, tmp_path, is_done):
    """At each third commit, before and after it in turn; the soak tests take all, both ways, on both databases."""
    for commit in range(1 + 3 * is_done, COMMITS + 1, 6):
        folder = shutil.copytree(empty_books, tmp_path / str(commit))
        assert life(SqliteEngine(), folder, (commit, is_done)).deaths == 1


def test_killed_again_and_again(engine, tmp_path):
    house = life(engine, tmp_path, gap=27)
    assert house.deaths >= 2


@pytest.mark.soak
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_killed_at_every_commit_before_and_after_it_on_both_databases(engine, tmp_path, commit):
    for is_done in (False, True):
        assert life(engine, tmp_path / str(is_done), (commit, is_done)).deaths == 1


@pytest.mark.soak
@pytest.mark.parametrize("gap", range(24, 50))
def test_killed_again_and_again_at_other_places(engine, tmp_path, gap):
    assert life(engine, tmp_path, gap=gap).deaths


# ---------------------------------------------------------------- somebody else holds the database


@contextlib.contextmanager
def locked(engine, folder):
    """Another program writes, and takes its time."""
    if engine.name == "sqlite":
        other = sqlite3.connect(folder / DATABASE_NAME, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
    else:
        import psycopg

        other = psycopg.connect(engine.url(folder))
        other.execute("LOCK TABLE market_order IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


@pytest.mark.parametrize("dies", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_a_lock_of_another_program_during_a_settlement(engine, tmp_path, dies):
    house = House(engine, tmp_path)
    play(house, until="outbid")
    order_, told = house.market.orders["order-1"], house.paid_shares["order-1"]
    work, held = order_.work, order_.held
    with locked(engine, tmp_path):
        house.mine_now()
        house.clock.advance(2_000)
        house.kernel.handle(ClockTicked(TICK_KEY))
        house.kernel.commit_now()
        house.wait_busy()
        assert house.paid_shares["order-1"] == told, "a share was answered before it was durable"
        if dies:
            house.die()
    if dies:
        house.start()
        assert (house.market.orders["order-1"].work, house.market.orders["order-1"].held) == (work, held)
    else:
        house.commit()
        assert house.paid_shares["order-1"] == house.sent_shares["order-1"] == told + 8
        assert order_.work > work
        assert order_.held < held
    play(house, after="live")
    assert_fair(house)
    house.stop()
