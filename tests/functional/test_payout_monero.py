"""Payouts from a real Monero wallet: killed at every step, the wallet and the node too; exact to the last piconero."""

import asyncio
import contextlib
import shutil
import time

import pytest

from functional.monero_nodes import monero_regtest, monero_wallet
from hashwright import registry
from hashwright.adapters.wallets.monero_wallet import PLUGIN, Config
from hashwright.chain.address import script_of_address
from hashwright.errors import HashwrightError
from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.money import Amount
from hashwright.runtime.payer import Payer
from hashwright.runtime.reconcile import Reconciler
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.store.payout_checks import payout_findings
from hashwright.store.sqlite import SqliteStore
from unit.runtime.paying import Killed, PlainBooks, policy
from unit.runtime.test_payer import POINTS

pytestmark = [pytest.mark.functional, pytest.mark.timeout(580)]
COIN = registry.load("coins", "monero").COIN
XMR = COIN.currency("regtest")
SHARES = {"kai": 500_000_000_001, "lea": 300_000_000_000, "mia": 199_999_999_999}
NOBODY = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"


class Chain:
    """A node, the pool's wallet program, and the members' one; each with its own wallet open."""

    def __init__(self, node, wallet, theirs):
        self.node, self.wallet, self.theirs = node, wallet, theirs
        self.own = wallet("get_address", account_index=0)["address"]
        new = [theirs("create_address", account_index=0)["address"] for _ in range(2)]
        self.addresses = dict(zip(SHARES, [theirs("get_address", account_index=0)["address"], *new], strict=True))
        self.integrated = theirs("make_integrated_address", payment_id="0123456789abcdef")["integrated_address"]

    def mine(self, count, address=NOBODY):
        self.node("generateblocks", amount_of_blocks=count, wallet_address=address, starting_nonce=0)

    def received(self, address):
        """What the members' wallet found at an address [piconero]."""
        for _ in range(20):
            with contextlib.suppress(AssertionError):  # the node was just started again
                self.theirs("refresh")
                break
            time.sleep(0.5)
        found = self.theirs("get_transfers", **{"in": True, "account_index": 0}).get("in", [])
        return sum(it["amount"] for it in found if it["address"] == address)


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monero")
    with (
        monero_regtest(folder / "node") as node,
        monero_wallet(folder / "own", node) as wallet,
        monero_wallet(folder / "theirs", node, name="members") as theirs,
    ):
        made = Chain(node, wallet, theirs)
        made.mine(12, made.own)
        made.mine(66)
        yield made


@pytest.fixture
def own_wallet_again(chain):
    """Leave the pool's own wallet open, whatever a test opened in its place: the others come in any order."""
    yield
    with contextlib.suppress(AssertionError):
        chain.wallet("close_wallet")
    chain.wallet("open_wallet", filename="pool", password="")
    chain.wallet("refresh")


class Pool:
    """The books of a pool whose wallet is the chain's. Everything that the wallet held before is taken for deposits."""

    def __init__(self, chain, connection, **addresses):
        self.chain, self.connection = chain, connection
        self.now = 10**12
        self.booked = 0
        self.addresses = addresses or chain.addresses
        self.before = {name: chain.received(address) for name, address in self.addresses.items()}
        for name, address in self.addresses.items():
            rows.write_address(connection, "p", name, rows.MemberAddress(address=address, asked_ms=1, active_ms=1))
        self.run(self.take_over)

    async def take_over(self, wallet):
        """Explain the past, as a person would, and enter what the wallet holds."""
        books = PlainBooks(self.connection)
        for txid in [*await wallet.outgoing(), *(it.txid_display for it in await wallet.arrivals())]:
            await books.write(lambda it, txid=txid: rows.explain(it, "hot", txid, reason="before", now=1))
        held = Amount(await wallet.balance(), XMR)
        entry = entry_of("deposit", "deposit", 1, (accounts.wallet("hot"), held), (accounts.OWNER, -held))
        await books.write(lambda connection: ledger.post(connection, entry))

    def run(self, story, **config):
        async def run():
            settings = Config(
                rpc_url=f"http://127.0.0.1:{self.chain.wallet.port}",
                node_rpc_url=f"http://127.0.0.1:{self.chain.node.port}",
                **{"wallet": "pool", **config},
            )
            wallet = await PLUGIN.open(settings, currency=XMR, network="regtest")
            try:
                return await story(wallet)
            finally:
                await wallet.aclose()

        return asyncio.run(run())

    def earn(self, shares=None):
        """Members are owed coins that the owner had put in."""
        shares = shares or SHARES
        self.booked += sum(shares.values())
        moves = [(accounts.member("p", name), Amount(-minor, XMR)) for name, minor in shares.items()]
        self.now += 1
        source = f"mature:{self.now}"
        entry = entry_of(source, "block-matured", self.now, (accounts.OWNER, Amount(sum(shares.values()), XMR)), *moves)
        asyncio.run(PlainBooks(self.connection).write(lambda connection: ledger.post(connection, entry)))

    def tick(self, *, killed_at="", at=None, **changes):
        self.now += 2 * 3_600_000

        def failpoint(name):
            if name == killed_at:
                raise Killed
            if at is not None:
                at(name)

        rules = policy_of(**changes)

        async def tick(wallet):
            payer = Payer(rules, wallet, PlainBooks(self.connection), script_of=script_of, failpoint=failpoint)
            return await payer.tick(now=self.now)

        with contextlib.suppress(Killed):
            return self.run(tick)

    def settle(self):
        for _ in range(6):
            report = self.tick()
            if not report.open and not report.planned:
                return report
            self.chain.mine(3)
        return pytest.fail(f"still open: {rows.open_payouts(self.connection, 'p')}, {report.stopped}")

    def received(self, name):
        return self.chain.received(self.addresses[name]) - self.before[name]

    def owed(self, name):
        return -ledger.read_balance(self.connection, accounts.member("p", name), XMR.code)

    def check(self):
        """Books, wallet and chain agree to the last piconero."""
        assert ledger.ledger_findings(self.connection) == []
        assert payout_findings(self.connection) == []
        in_books = ledger.read_balance(self.connection, accounts.wallet("hot"), XMR.code)
        assert in_books == self.run(lambda wallet: wallet.balance())
        fees = sum(
            rows.read_transaction(self.connection, payout.id).fee
            for payout in rows.last_payouts(self.connection, "p", 100)
            if payout.state == "settled"
        )
        received = sum(self.received(name) for name in self.addresses)
        on_top = ledger.read_balance(self.connection, "expense:network-fee:hot", XMR.code)
        assert received + sum(map(self.owed, self.addresses)) + fees - on_top == self.booked


def policy_of(**changes):
    rules = {
        "currency": XMR,
        "depth": 2,
        "daily_limit": 10**15,
        "approval_above": 10**15,
        "batch_max": PLUGIN.payees_max,
        "is_paid_alone": PLUGIN.is_paid_alone,
    }
    return policy(**{**rules, **changes})


def script_of(address):
    return script_of_address(address, COIN, "regtest")


@pytest.fixture
def books(tmp_path):
    store = SqliteStore.open(tmp_path / "books")
    connection = store.connect()
    yield store, connection
    connection.close()
    store.close()


@pytest.fixture
def pool(chain, books):
    return Pool(chain, books[1])


def test_killed_before_and_after_every_step_pays_once(pool):
    for point in POINTS:
        pool.earn()
        for _ in range(3):
            report = pool.tick(killed_at=point)
            if report is None:
                break
            pool.chain.mine(3)
        else:
            pytest.fail(f"{point} was never reached: {report}")
        pool.settle()
        assert sum(map(pool.owed, SHARES)) == 0
    pool.check()
    assert all(pool.received(name) > 0 for name in SHARES)


def test_the_wallet_is_killed_between_metadata_stored_and_relay(pool):
    pool.earn()

    def die(name):
        if name == "before broadcast":
            pool.chain.wallet.process.kill()

    pool.tick(at=die)
    (payout,) = rows.open_payouts(pool.connection, "p")
    assert payout.state == "signed"
    assert payout.detail.startswith("unknown"), "no answer is no answer"
    stored = rows.read_transaction(pool.connection, payout.id)
    pool.chain.wallet.process.start()  # with no wallet open: the adapter opens it
    pool.settle()
    assert rows.last_payouts(pool.connection, "p", 1)[0].detail == stored.txid_display
    pool.check()


def test_what_is_stored_and_not_relayed_is_not_spent_by_the_next_payout(pool):
    pool.earn()
    pool.tick(killed_at="before broadcast")
    (first,) = rows.open_payouts(pool.connection, "p")
    taken = set(rows.read_transaction(pool.connection, first.id).inputs)

    async def second(wallet):
        order = Payer(policy_of(), wallet, PlainBooks(pool.connection), script_of=script_of)._order(first)
        return await wallet.prepare(order, reserved=rows.reserved_inputs(pool.connection, "hot"))

    prepared = pool.run(second)
    assert not taken & {(it.txid_display, it.index) for it in prepared.inputs}
    pool.settle()
    pool.check()


def test_a_reorganisation_drops_the_payout_and_it_is_sent_again(pool):
    pool.earn()
    pool.tick()
    pool.chain.mine(1)
    pool.tick()
    pool.chain.node.plain("pop_blocks", nblocks=1)
    pool.chain.node("flush_txpool")
    assert pool.tick().stopped.startswith("the node is at block")
    pool.chain.mine(2)
    pool.settle()
    pool.check()


def test_integrated_addresses_are_paid_alone_and_others_in_the_same_round(chain, books):
    names = {"kai": chain.addresses["kai"], "shop": chain.integrated}
    pool = Pool(chain, books[1], **names)
    pool.before["kai"] = 0
    shares = {"kai": 400_000_000_000, "shop": 100_000_000_000}
    before = {name: chain.received(chain.addresses["kai"]) for name in ("kai",)}
    pool.earn(shares)
    report = pool.tick(interval_ms=10**9)
    assert [part.member for payout in report.open for part in payout.parts] == ["shop"]
    report = pool.tick(interval_ms=10**9)
    assert [[part.member for part in payout.parts] for payout in report.open] == [["shop"], ["kai"]]
    assert pool.tick(interval_ms=10**9).planned == ""
    chain.mine(3)
    pool.settle()
    fees = [rows.read_transaction(pool.connection, it.id).fee for it in rows.last_payouts(pool.connection, "p", 2)]
    found = chain.received(chain.addresses["kai"]) + chain.received(chain.integrated) - before["kai"]
    assert found == sum(shares.values()) - sum(fees)
    payments = chain.theirs("get_payments", payment_id="0123456789abcdef")["payments"]
    assert [it["amount"] for it in payments] == [100_000_000_000 - fees[1]]


def test_a_pool_that_bears_the_fee_pays_in_full(pool):
    pool.earn()
    pool.tick(fee_payer="pool")
    pool.chain.mine(3)
    pool.tick(fee_payer="pool")
    assert {name: pool.received(name) for name in SHARES} == SHARES
    pool.check()


def test_a_fee_above_the_cap_is_not_paid_and_it_is_said(pool):
    pool.earn({"kai": 20_000_000_000})
    pool.tick(fee_cap_ppm=1_000)
    (payout,) = rows.open_payouts(pool.connection, "p")
    assert payout.state == "planned"
    assert "is above the limit of 20000000" in payout.detail


def test_what_somebody_else_sent_stops_payouts_and_a_database_of_yesterday_is_put_right(chain, books, tmp_path):
    store, connection = books
    pool = Pool(chain, connection)
    pool.earn()
    store.backup(tmp_path / "yesterday.db")
    pool.settle()
    paid = {name: pool.received(name) for name in SHARES}
    (tmp_path / "restored").mkdir()
    shutil.move(tmp_path / "yesterday.db", tmp_path / "restored" / "hashwright.db")
    restored = SqliteStore.open(tmp_path / "restored")
    pool.connection = restored.connect()
    report = pool.tick()
    assert "1 transactions left the wallet that no payout explains" in report.stopped
    assert {name: pool.received(name) for name in SHARES} == paid, "nobody was paid a second time"

    async def explain(wallet):
        rules = policy_of()
        reconciler = Reconciler(rules, wallet, PlainBooks(pool.connection), script_of=script_of)
        found = await reconciler.differences()
        ((spent, members),) = found.unexplained
        assert members == ("kai", "lea", "mia")
        await reconciler.explain(spent.txid_display, "members", None, now=pool.now)
        return (await reconciler.differences()).left

    assert pool.run(explain) == 0
    assert pool.tick().stopped == ""
    assert {name: pool.owed(name) for name in SHARES} != SHARES
    assert ledger.ledger_findings(pool.connection) == []
    pool.connection.close()
    restored.close()


def test_a_node_that_was_started_again_goes_on(pool):
    pool.earn()
    pool.tick()
    pool.chain.node.process.stop()
    with pytest.raises(HashwrightError):
        pool.tick()
    pool.chain.node.process.start()
    pool.settle()
    pool.check()


def test_what_is_short_or_still_locked_waits(pool):
    held = pool.run(lambda wallet: wallet.balance())
    pool.earn({"kai": held + 1})
    assert "is owed" in pool.tick().stopped
    pool.earn({"kai": -2_000_000_000})
    pool.tick()
    (payout,) = rows.open_payouts(pool.connection, "p")
    assert payout.state == "planned"
    assert "locked for some blocks" in payout.detail or "holds less" in payout.detail


def test_a_wallet_that_is_closed_or_only_watches_pays_nothing_and_says_so(chain, books, own_wallet_again):
    pool = Pool(chain, books[1])
    key = chain.wallet("query_key", key_type="view_key")["key"]
    chain.wallet("close_wallet")
    with pytest.raises(HashwrightError, match="has no wallet open") as refused:
        pool.run(lambda wallet: wallet.balance(), wallet="")
    assert refused.value.code == "HW-630"
    chain.wallet(
        "generate_from_keys", filename="eyes", address=chain.own, viewkey=key, password="", restore_height=0
    )  # fmt: skip
    pool.earn()
    assert "only watch" in pool.tick().stopped
    assert rows.open_payouts(pool.connection, "p") == []
    pool.earn({"kai": 10**18})
    assert "only watch" in pool.tick().stopped
