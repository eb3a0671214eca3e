"""A market with its real kernel, writer and database, whose machines hash for real; it can be killed at any commit.

What the asyncio shell does beside (look at a pool, connect to it, answer who asked) is done here by hand, in order, so
that the n-th commit of a life is always the same one.
"""

import threading

from hashwright.chain.coinbase import build_coinbase
from hashwright.chain.proof import sha256d
from hashwright.clock import ManualClock
from hashwright.errors import OperatorError
from hashwright.market.effects import LookAtPool, PoolUnwanted, PoolWanted, RequestAnswered
from hashwright.market.events import FundsMoved, MarketSet, OrderChecked, SaleSet
from hashwright.market.records import Terms
from hashwright.market.step import TICK_KEY
from hashwright.pool import judge
from hashwright.pool.effects import AnswerShare, SubmitUpstream
from hashwright.pool.events import (
    AuthorizeAsked,
    ChannelClosed,
    ChannelOpened,
    DestinationRemoved,
    ExtranonceAsked,
    ProcessStarted,
    SessionOpened,
    ShareHashed,
    SharesAnswered,
    ShareVerdict,
    SubscribeAsked,
    UpstreamJobSeen,
)
from hashwright.pool.work import Rolled
from hashwright.runtime import replay
from hashwright.runtime.engines import Engines
from hashwright.runtime.kernel import Kernel
from hashwright.signals import ClockTicked, PostEntry, is_order
from hashwright.store import ledger
from hashwright.store.market import read_orders, read_trades
from hashwright.store.writer import GroupCommitWriter
from unit.pool.pool_world import HARD_BITS, NOW, SCRIPT, destination, template
from unit.pool.upstream_world import EASY, upstream
from unit.store.test_writer import Tampered

ALGO = "sha256d"
TERMS = Terms(
    algorithm=ALGO, books="home", currency="BTCREGTEST", exponent=8, unit=0, minimum_amount=1, fee_ppm=25_000,
    cooldown_ms=0, closing_ms=1_000, window_ms=1_000,
)  # fmt: skip
SELLERS = ("sam", "sue")
PREFIX, SIZE = b"\xaa\xbb\xcc\xdd", 8
OFTEN = 100_000.0
"""Shares a minute: nobody's difficulty is ever raised."""
WAIT_S = 30
DEATHS_MAX = 40


class Killed(Exception):
    """The process died at a commit."""


class House:
    """One process after the other over one folder. `tell` takes an event and makes it durable, or dies."""

    def __init__(self, engine, folder, *, deaths=(), gap=0):
        self.engine, self.folder = engine, folder
        self.fates, self.gap = dict(deaths), gap
        self.clock = ManualClock(NOW)
        self.answers, self.paid_shares, self.sent_shares = {}, {}, {}
        self.commits = self.boots = self.deaths = 0
        self.nonce = 0
        self.closed_pools = set()
        self._session = self._channel = 1_000

    # ------------------------------------------------------------ process

    def start(self):
        """Recover, as `wiring` and `MarketService.start` do, and let the machines come again."""
        self.store, self.connection = self._opened()
        recovered = replay.recover(self.store)
        self.boots = self.store.next_boot()
        self.connection.is_postgresql = self.engine.name == "postgresql"
        self.connection.errors = getattr(self.connection.connection, "errors", None)
        self.connection.before = self._at
        self._said, self._acked, self._failures = threading.Condition(), [], []
        self.writer = GroupCommitWriter(lambda: self.connection, self._on_commit, self._on_failure)
        self.queue, self.machines, self.channels = [], {}, {}
        self.kernel = Kernel(
            recovered.state, clock=self.clock, writer=self.writer, timer=self, perform=self._perform,
            next_seq=recovered.last_seq + 1,
        )  # fmt: skip
        self.tell(ProcessStarted(self.boots, "test"))
        for name in [name for name in self.kernel.pool.destinations if is_order(name)]:
            self.tell(DestinationRemoved(name))
        self.tell(destination(destination="home", shares_per_minute=OFTEN))
        self.tell(template(destination="home"))
        for order in list(self.market.orders.values()):
            if order.state == "checking":
                self._look(order.id)
            else:
                self._connect(order.id)
        self.run()
        for seller in SELLERS:
            self._join(seller)

    def _opened(self):
        store = self.engine.open(self.folder)
        try:
            return store, Tampered(store.connect())
        except OperatorError:
            store.close()
            raise

    def die(self):
        """Let go of everything without a word; what was not committed is gone."""
        self.deaths += 1
        assert self.deaths < DEATHS_MAX, "it comes no further"
        self.connection.before = lambda _statement: None
        self.writer.close(0)
        self.connection.close()
        self.store.close()

    def stop(self):
        """End in order."""
        assert self.writer.close(WAIT_S)
        self.store.close()

    @property
    def _is_dead(self):
        return "fatal" in self._failures

    @property
    def market(self):
        return self.kernel.engines.market

    def call_later(self, delay, callback):
        """The kernel's timer: batches are sent by hand here."""

    def tell(self, event):
        self.kernel.handle(event)
        self.commit()

    def commit(self, while_it_waits=lambda: None):
        """Make durable what was taken, and let the held effects go; raise Killed where the process dies."""
        self.kernel.commit_now()
        while_it_waits()
        wanted = self.kernel.last_seq
        with self._said:
            assert self._said.wait_for(lambda: self._is_dead or wanted in self._acked, WAIT_S)
            if self._is_dead:
                raise Killed
        self.kernel.committed(wanted)

    def wait_busy(self):
        """Wait until the writer says that somebody else holds a lock; nothing is durable meanwhile."""
        with self._said:
            assert self._said.wait_for(lambda: "busy" in self._failures, WAIT_S)
            assert self.kernel.last_seq not in self._acked
        assert self.kernel.unwritten > 0

    def run(self):
        """Do what effects ask for, until there is nothing left."""
        while self.queue:
            self.queue.pop(0)()

    def _at(self, statement):
        if statement != "COMMIT":
            return
        self.commits += 1
        number = self.commits
        is_fated = number in self.fates or (self.gap and number % self.gap == 0)
        if is_fated:
            if self.fates.get(number, number // self.gap % 2 == 0 if self.gap else False):
                self.connection.connection.execute("COMMIT")
            raise RuntimeError("killed")

    def _on_commit(self, seq):
        with self._said:
            self._acked.append(seq)
            self._said.notify_all()

    def _on_failure(self, failure):
        with self._said:
            self._failures.append(failure.kind)
            self._said.notify_all()

    def _perform(self, effect):
        match effect:
            case RequestAnswered():
                known = self.answers.setdefault((effect.account, effect.reference), effect)
                assert known == effect, "the same request got another answer"
            case LookAtPool():
                self.queue.append(lambda: self._look(effect.order))
            case PoolWanted():
                self.queue.append(lambda: self._connect(effect.order))
            case PoolUnwanted():
                self.queue.append(lambda: self.tell(DestinationRemoved(effect.order)))
            case SubmitUpstream():
                verdict = ShareVerdict(effect.share, True, 0, "", 5)
                answer = SharesAnswered(effect.destination, effect.channel, (verdict,))
                self.queue.append(lambda: self.kernel.handle(answer))
            case AnswerShare() if effect.outcome == "accepted":
                where = self.machines[effect.session][1].pop(effect.request)
                self.paid_shares[where] = self.paid_shares.get(where, 0) + 1
            case _:
                pass

    # ------------------------------------------------------------ the world around

    def _look(self, order):
        self.tell(OrderChecked(order, "", 5))

    def _connect(self, order):
        if order in self.closed_pools:
            return
        self._channel += 1
        self.channels[order] = self._channel
        self.tell(upstream(order, coin="", minimum_difficulty=EASY, shares_per_minute=OFTEN))
        self.tell(ChannelOpened(order, self._channel, PREFIX, SIZE, 0))
        parts = build_coinbase(
            100, ((5_000_000_000, SCRIPT),), tag=b"/buyer/", extra=b"", extranonce_size=len(PREFIX) + SIZE,
            witness_commitment=b"",
        )  # fmt: skip
        self.tell(
            UpstreamJobSeen(
                order, self._channel, f"j{self._channel}", bytes([self._channel % 251]) * 32, parts.prefix,
                parts.suffix, (), 0x20000000, HARD_BITS, 1_800_000_000, True, EASY,
            )
        )  # fmt: skip

    def pool_goes(self, order):
        """The buyer's pool dies; no connection to it can be made."""
        self.closed_pools.add(order)
        if order in self.channels:
            self.tell(ChannelClosed(order, self.channels.pop(order), "the pool is gone"))
        self.run()

    def pool_returns(self, order):
        self.closed_pools.discard(order)
        if order not in self.channels:
            self._connect(order)
        self.run()

    def _join(self, seller):
        self._session += 1
        session = self._session + (self.boots << 32)
        self.machines[session] = (seller, {})
        for event in (
            SessionOpened(session, "l", "home", "127.0.0.1:1"), SubscribeAsked(session, 1, "test"),
            ExtranonceAsked(session, 3), AuthorizeAsked(session, 2, f"{seller}.r1", "x"),
        ):  # fmt: skip
            self.kernel.handle(event)
        self.commit()

    def mine(self, count=4):
        """Each machine hands in so many shares of its newest job, a quarter of a second apart, in one batch."""
        self.mine_now(count)
        self.commit()
        while self.queue:
            self.queue.pop(0)()
        self.commit()

    def mine_now(self, count=4):
        """The same, without a commit."""
        for _ in range(count):
            self.clock.advance(250)
            for session in self.machines:
                self.kernel.handle(self._share(session))

    def _share(self, session):
        seller, asked = self.machines[session]
        job_id = list(self.kernel.pool.sessions[session].sent)[-1]
        job, terms = judge.find_job(self.kernel.pool, session, job_id)
        while True:
            self.nonce += 1
            hash_le = sha256d(
                judge.input_of((job, terms), Rolled(bytes(terms.extranonce2_size), job.ntime, self.nonce, None))
            )
            if int.from_bytes(hash_le, "little") <= int.from_bytes(terms.target_be, "big"):
                break
        asked[self.nonce] = job.destination
        self.sent_shares[job.destination] = self.sent_shares.get(job.destination, 0) + 1
        return ShareHashed(
            session,
            self.nonce,
            f"{seller}.r1",
            job_id,
            bytes(terms.extranonce2_size),
            job.ntime,
            self.nonce,
            None,
            hash_le,
        )

    # ------------------------------------------------------------ what people do; to do it again is to do it once

    def open_market(self):
        self.tell(MarketSet(TERMS))
        for seller in SELLERS:
            self.tell(SaleSet(seller, ALGO, 0, True))

    def deposit(self, account, minor, number):
        self.tell(FundsMoved(ALGO, account, minor, "asset:wallet:home", f"tx{number}:0#1"))

    def ask(self, event):
        """Give a request, and return its answer."""
        self.tell(event)
        self.run()
        return self.answers[(event.account, event.reference)]

    def tick(self, seconds=1):
        for _ in range(seconds):
            self.clock.advance(1_000)
            self.tell(ClockTicked(TICK_KEY))
            self.run()


def assert_books_whole(house):
    """The books are what the journal says, once each; sums are zero; escrow is what orders hold, and nothing else."""
    entries = {}
    state = Engines()
    for batch in house.store.read_batches(0):
        for now, event, mark in batch.entries():
            for effect in replay.replay_entry(state, event, mark, now=now):
                if isinstance(effect, PostEntry):
                    assert effect.source not in entries, f"{effect.source} came twice"
                    entries[effect.source] = effect
    assert replay.verify_journal(house.store).findings == ()
    assert house.store.check(deep=True) == []
    found = house.store.read_books(ledger.read_balances)
    balances = {account: minor for (account, _), minor in found.items() if minor}
    expected = {}
    for entry in entries.values():
        for account, _, _, minor in entry.postings:
            expected[account] = expected.get(account, 0) + minor
    assert balances == {account: minor for account, minor in expected.items() if minor}
    assert sum(balances.values()) == 0
    escrow = {name.rpartition(":")[2]: -minor for name, minor in balances.items() if ":escrow:order-" in name}
    assert escrow == {it.id: it.held for it in house.market.orders.values() if it.held}
    return balances


def rows_of(house):
    """Orders and trades as people read them."""
    return house.store.read_books(lambda it: (read_orders(it), read_trades(it)))
