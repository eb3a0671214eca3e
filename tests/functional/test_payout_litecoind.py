"""Payouts from a real Litecoin wallet: killed at every step, the node too; books and wallet agree to the litoshi."""

import asyncio
import contextlib

import pytest

from functional.nodes import litecoin_regtest
from hashwright import registry
from hashwright.adapters.nodes._rpc import Login, RpcClient
from hashwright.adapters.wallets.bitcoind import Config, open_wallet
from hashwright.chain.address import address_of_script, script_of_address
from hashwright.errors import HashwrightError
from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.money import Amount, amount_of
from hashwright.runtime.payer import Payer
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.store.payout_checks import payout_findings
from hashwright.store.sqlite import SqliteStore
from unit.runtime.paying import Killed, PlainBooks, policy
from unit.runtime.test_payer import POINTS

pytestmark = [pytest.mark.functional, pytest.mark.timeout(240)]
COIN = registry.load("coins", "litecoin").COIN
LTC = COIN.currency("regtest")
SHARES = {"kai": 500_000_001, "lea": 300_000_000, "mia": 199_999_999}


def address_of(name):
    return address_of_script(b"\x00\x14" + name.encode().ljust(20, b"."), COIN, "regtest")


class Pool:
    """A real wallet of its own on a real node, and the books of a pool."""

    def __init__(self, node, connection):
        self.node = node
        self.connection = connection
        self.now = 10**12
        self.funded = 0
        node.rpc("createwallet", "pool")
        for name in SHARES:
            wish = rows.MemberAddress(address=address_of(name), asked_ms=1, active_ms=1)
            rows.write_address(connection, "p", name, wish)

    def call(self, wallet, method, *params):
        async def call():
            login = Login(cookie_file=str(self.node.cookie_file))
            rpc = RpcClient(f"{self.node.rpc_url}/wallet/{wallet}", login=login, timeout_s=20)
            try:
                return await rpc.ask(method, *params)
            finally:
                await rpc.aclose()

        return asyncio.run(call())

    def mine(self, count, owner="nobody"):
        self.node.mine(count, address_of(owner))

    def earn(self):
        """Coins arrive in the wallet, and members are owed them."""
        total = sum(SHARES.values())
        self.call("test", "sendtoaddress", self.call("pool", "getnewaddress"), Amount(total, LTC).text())
        self.mine(1)
        self.funded += 1
        moves = [(accounts.member("p", name), Amount(-minor, LTC)) for name, minor in SHARES.items()]
        entry = entry_of(
            f"mature:{self.funded}", "block-matured", self.now, (accounts.wallet("hot"), Amount(total, LTC)), *moves
        )
        asyncio.run(PlainBooks(self.connection).write(lambda connection: ledger.post(connection, entry)))

    def tick(self, *, killed_at="", at=None):
        """One tick of a payer with a connection of its own, as after a start; it dies at `killed_at`, or calls `at`."""
        self.now += 2 * 3_600_000

        def failpoint(name):
            if name == killed_at:
                raise Killed
            if at is not None:
                at(name)

        async def tick():
            config = Config(rpc_url=self.node.rpc_url, cookie_file=str(self.node.cookie_file), wallet="pool")
            wallet = await open_wallet(config, currency=LTC)
            payer = Payer(
                policy(currency=LTC),
                wallet,
                PlainBooks(self.connection),
                script_of=lambda address: script_of_address(address, COIN, "regtest"),
                failpoint=failpoint,
            )
            try:
                return await payer.tick(now=self.now)
            finally:
                await wallet.aclose()

        with contextlib.suppress(Killed):
            return asyncio.run(tick())

    def settle(self):
        for _ in range(4):
            report = self.tick()
            if not report.open:
                return
            self.mine(6)
        pytest.fail(f"still open: {rows.open_payouts(self.connection, 'p')}")

    def received(self, name):
        found = self.node.rpc("scantxoutset", "start", [f"addr({address_of(name)})"])
        return amount_of(f"{found['total_amount']:.8f}", LTC).minor

    def check(self):
        assert ledger.ledger_findings(self.connection) == []
        assert payout_findings(self.connection) == []
        in_books = ledger.read_balance(self.connection, accounts.wallet("hot"), LTC.code)
        in_wallet = sum(amount_of(f"{row['amount']:.8f}", LTC).minor for row in self.call("pool", "listunspent", 0))
        assert in_books == in_wallet
        fees = sum(
            rows.read_transaction(self.connection, payout.id).fee
            for payout in rows.last_payouts(self.connection, "p", 100)
        )
        paid = sum(self.received(name) for name in SHARES)
        owed = -sum(ledger.read_balance(self.connection, accounts.member("p", name), LTC.code) for name in SHARES)
        assert paid + owed + fees == self.funded * sum(SHARES.values())


@pytest.fixture
def pool(tmp_path):
    store = SqliteStore.open(tmp_path / "books")
    connection = store.connect()
    with litecoin_regtest(tmp_path / "node", blocks=110) as node:
        yield Pool(node, connection)
    connection.close()
    store.close()


def test_killed_before_and_after_every_step_pays_once(pool):
    for point in POINTS:
        pool.earn()
        for _ in range(3):
            if pool.tick(killed_at=point) is None:
                break
            pool.mine(6)
        else:
            pytest.fail(f"{point} was never reached")
        pool.settle()
        pool.check()
    assert all(pool.received(name) > 0 for name in SHARES)
    assert pool.call("pool", "listunspent", 0) == [], "everything was paid out"


def test_the_node_dies_between_signing_and_sending_and_forgets(pool):
    pool.earn()

    def die(name):
        if name == "before broadcast":
            pool.received("kai")  # litecoind writes its chain down before it scans; a younger one would be gone
            pool.node.kill()

    pool.tick(at=die)
    (payout,) = rows.open_payouts(pool.connection, "p")
    assert payout.state == "signed"
    assert payout.detail.startswith("unknown"), "no answer is no answer"
    stored = rows.read_transaction(pool.connection, payout.id)
    pool.node.start()
    if "pool" not in pool.node.rpc("listwallets"):
        pool.node.rpc("loadwallet", "pool")
    pool.settle()
    assert rows.last_payouts(pool.connection, "p", 1)[0].detail == stored.txid_display
    pool.check()


def test_a_reorganisation_drops_the_payout_and_it_is_sent_again(pool):
    pool.earn()
    pool.tick()
    pool.mine(1)
    pool.tick()
    pool.node.rpc("invalidateblock", pool.node.best)
    assert pool.tick().stopped.startswith("the node is at block")
    pool.mine(2, "somebody else")  # the same block again would still be invalid
    pool.settle()
    pool.check()


def test_what_somebody_else_sent_from_the_wallet_stops_payouts(pool):
    pool.earn()
    stolen = pool.call("pool", "sendtoaddress", address_of("thief"), "0.5")
    report = pool.tick()
    assert stolen in report.stopped
    assert rows.open_payouts(pool.connection, "p") == []


def test_a_watch_only_wallet_pays_nothing_and_an_unknown_one_is_named(pool):
    pool.node.rpc("createwallet", "eyes", True)
    config = Config(rpc_url=pool.node.rpc_url, cookie_file=str(pool.node.cookie_file), wallet="eyes")

    async def look():
        wallet = await open_wallet(config, currency=LTC)
        try:
            assert wallet.is_watch_only
            with pytest.raises(HashwrightError, match="only watch"):
                await wallet.sign([], inputs=[])
        finally:
            await wallet.aclose()

    asyncio.run(look())
    with pytest.raises(HashwrightError, match=r"nobody|not exist|not loaded"):
        asyncio.run(
            open_wallet(
                Config(rpc_url=pool.node.rpc_url, cookie_file=str(pool.node.cookie_file), wallet="nobody"), currency=LTC
            )
        )
