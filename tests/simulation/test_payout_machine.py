"""A life of payouts with every fault, in any order: Hypothesis drives, the chain judges.

At each moment the books hold and nobody got more than he earned. At the end all is healed, and everybody has his money:
on the chain, or owed to him, to the last unit but for the fees that the chain took.
"""

import asyncio
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.money import Amount
from hashwright.pool.payouts import ADDRESS_DELAY_MS
from hashwright.runtime.reconcile import Reconciler
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.store.payout_checks import payout_findings
from hashwright.store.sqlite import SqliteStore
from hashwright.testing.wallet import OWN, Transaction
from unit.runtime.paying import LTC, MEMBERS, PlainBooks, Scene, policy, script_of
from unit.runtime.test_payer import FAULTS, POINTS

DEEP = 6
OWNER_TAKES = 10_000
HEAL_ROUNDS = 60
DEPOSIT = 1_000_000_000
"""What the owner keeps in the wallet beside: with it a second payment would be possible, and so can be caught."""


class PayoutLife(RuleBasedStateMachine):
    """Members earn and are paid; processes die, wallets lie, nodes reorganise, disks are restored."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = SqliteStore.open(Path(self.folder.name))
        self.scene = Scene(self.store.connect())
        self.deposit()
        self.scene.chain.mine(DEEP)
        self.addresses = {name: [f"addr-{name}"] for name in MEMBERS}
        self.taken = 0

    def deposit(self):
        for number in range(4):
            self.scene.chain.fund(OWN, DEPOSIT // 4)
            amount = Amount(DEPOSIT // 4, LTC)
            moves = (accounts.wallet("hot"), amount), (accounts.OWNER, -amount)
            ledger.post(self.scene.connection, entry_of(f"deposit:{number}", "deposit", self.scene.now, *moves))

    # ------------------------------------------------------------ what happens

    @initialize()
    def begin(self):
        self.scene.tick()

    @precondition(lambda self: self.scene.earned < 8)
    @rule()
    def a_block_matures(self):
        self.scene.earn(self.scene.earned + 1)
        self.scene.chain.mine(DEEP)

    @rule(fault=st.sampled_from(FAULTS), hours=st.sampled_from((0, 1, 25)))
    def time_passes(self, fault, hours):
        self.scene.now += hours * 3_600_000
        self.scene.wallet.faults = [fault]
        self.scene.tick()

    @rule(point=st.sampled_from(POINTS), fault=st.sampled_from(FAULTS))
    def the_process_dies(self, point, fault):
        self.scene.now += 3_600_000
        self.scene.wallet.faults = [fault]
        self.scene.tick(killed_at=point)

    @rule(count=st.integers(1, 7))
    def blocks_are_mined(self, count):
        self.scene.chain.mine(count)

    @rule(depth=st.integers(1, 5), drops=st.booleans())
    def the_chain_reorganises(self, depth, drops):
        """Another branch, one block longer; never as deep as what is settled."""
        self.scene.chain.reorganise(depth, drops=drops)
        if drops:
            self.scene.chain.mempool.clear()
        for _ in range(depth + 1):
            self.scene.chain.blocks.append([])

    @rule(is_locked=st.booleans(), is_paused=st.booleans())
    def a_person_locks_or_pauses_for_an_hour(self, is_locked, is_paused):
        self.scene.wallet.is_locked, self.scene.policy = is_locked, policy(is_paused=is_paused)
        self.scene.now += 3_600_000
        self.scene.tick()
        self.scene.wallet.is_locked, self.scene.policy = False, policy()

    @rule()
    def a_good_day_passes(self):
        """What is due is paid, and settles."""
        self.scene.wallet.faults = []
        for _ in range(3):
            self.scene.now += 9 * 3_600_000
            self.scene.tick()
            self.scene.chain.mine(DEEP)

    @rule(member=st.sampled_from(sorted(MEMBERS)))
    def a_member_moves(self, member):
        address = f"addr-{member}-{len(self.addresses[member])}"
        self.addresses[member].append(address)
        self.scene.set_address(member, address)

    @rule()
    def the_delay_passes(self):
        self.scene.now += ADDRESS_DELAY_MS

    @precondition(lambda self: self.taken < 3)
    @rule()
    def the_owner_spends_by_hand(self):
        coins = {it: found for it, found in self.scene.chain.coins(OWN).items() if found[1]}
        if not coins:
            return
        coin, (minor, _) = max(coins.items(), key=lambda item: item[1][0])
        self.taken += 1
        outputs = ((b"owner", OWNER_TAKES), (OWN, minor - OWNER_TAKES))
        self.scene.chain.take(Transaction(f"{self.taken:064x}"[::-1], (coin,), outputs))

    @rule(point=st.sampled_from(("", *POINTS)), has_paid=st.booleans())
    def the_database_of_before_is_restored(self, point, has_paid):
        """Payments go on after a copy was taken; then the copy comes back.

        What the chain tells about blocks is found again; what was paid since is not.
        """
        copy = sqlite3.connect(":memory:")
        self.scene.connection.backup(copy)
        if has_paid:
            self.a_good_day_passes()
        self.scene.tick(killed_at=point)
        copy.backup(self.scene.connection)
        copy.close()
        for number in range(1, self.scene.earned + 1):
            self.scene.book(number)

    # ------------------------------------------------------------ what holds at each moment

    def paid(self):
        return {
            name: sum(self.scene.chain.paid(script_of(it)) for it in known) for name, known in self.addresses.items()
        }

    @invariant()
    def the_books_hold(self):
        assert ledger.ledger_findings(self.scene.connection) == []
        assert payout_findings(self.scene.connection) == []

    @invariant()
    def nobody_is_paid_twice(self):
        for name, minor in self.paid().items():
            assert minor <= MEMBERS[name] * self.scene.earned, f"{name} was paid more than he earned"

    # ------------------------------------------------------------ the end

    def teardown(self):
        try:
            self.heal()
            self.everybody_has_his_money()
        finally:
            self.scene.connection.close()
            self.store.close()
            self.folder.cleanup()

    def heal(self):
        """The wallet opens, the node answers, a person explains what he did; then time passes."""
        scene = self.scene
        scene.wallet.is_locked, scene.wallet.faults = False, []
        scene.policy = policy()
        for _ in range(HEAL_ROUNDS):
            report = scene.tick()
            scene.chain.mine(DEEP)
            self.explain()
            scene.now += 3_600_000
            if report is not None and not report.stopped and not report.open and not report.planned:
                return
        raise AssertionError(f"it never came to rest: {report}")

    def explain(self):
        reconciler = Reconciler(
            self.scene.policy, self.scene.wallet, PlainBooks(self.scene.connection), script_of=self.script_of_any
        )
        for spent, _ in asyncio.run(reconciler.differences()).unexplained:
            if spent.confirmations >= DEEP:
                meaning = "owner" if (b"owner", OWNER_TAKES) in spent.outputs else "members"
                asyncio.run(reconciler.explain(spent.txid_display, meaning, None, now=self.scene.now))

    def script_of_any(self, address):
        return script_of(address)

    def everybody_has_his_money(self):
        scene, connection = self.scene, self.scene.connection
        self.the_books_hold()
        self.nobody_is_paid_twice()
        books = ledger.read_balance(connection, accounts.wallet("hot"), LTC.code)
        assert books == asyncio.run(scene.wallet.balance()), "wallet and books differ"
        assert all(it.state in ("settled", "cancelled") for it in rows.last_payouts(connection, "p", 1000))
        owed, paid = scene.owed(), self.paid()
        come = DEPOSIT + (sum(MEMBERS.values()) + 1_000_000) * scene.earned
        fees = (
            come
            - books
            - sum(paid.values())
            - OWNER_TAKES * sum((b"owner", OWNER_TAKES) in it.outputs for _, it in scene.chain.mined())
        )
        for name, part in MEMBERS.items():
            earned = part * scene.earned
            assert earned - fees <= owed[name] + paid[name] <= earned, f"{name} was forgotten"
        assert fees >= 0


PayoutLife.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestPayoutLife = PayoutLife.TestCase
