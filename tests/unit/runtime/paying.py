"""A pool's books, a virtual wallet, and a payer that can be killed: what the tests of paying share."""

import asyncio

from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.money import Amount, Currency
from hashwright.pool.payouts import ADDRESS_DELAY_MS, PayoutPolicy, asked_address
from hashwright.runtime.payer import Payer
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.testing.wallet import OWN, VirtualChain, VirtualWallet

LTC = Currency("LTCREGTEST", 8)
MEMBERS = {"kai": 50_000_000, "lea": 30_000_000, "mia": 20_000_000}
HOUR_MS = 3_600_000


class Killed(BaseException):
    """The process ends here."""


def script_of(address):
    assert address.startswith("addr-")
    return b"\x00\x14" + address.encode().ljust(20, b".")


class PlainBooks:
    """Books on one connection, each change one transaction."""

    def __init__(self, connection):
        self.connection = connection

    async def write(self, apply):
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            result = apply(self.connection)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return result

    async def read(self, query):
        return query(self.connection)


def policy(**changes):
    settings = {
        "pool": "p",
        "wallet": "hot",
        "currency": LTC,
        "threshold": 1_000_000,
        "daily_limit": 10**12,
        "approval_above": 10**12,
        "interval_ms": HOUR_MS,
        "is_live": True,
    }
    return PayoutPolicy(**{**settings, **changes})


class Scene:
    """Three members who are owed money, a funded wallet, and time."""

    def __init__(self, connection, **changes):
        self.connection = connection
        self.chain = VirtualChain()
        self.wallet = VirtualWallet(self.chain)
        self.now = 10 * ADDRESS_DELAY_MS
        self.policy = policy(**changes)
        self.earned = 0
        for member in MEMBERS:
            self.set_address(member, f"addr-{member}")
        self.earn(1)

    def earn(self, number):
        """A block matures: coins in the wallet, and what members are owed."""
        self.chain.fund(OWN, sum(MEMBERS.values()) + 1_000_000)
        self.book(number)
        self.earned += 1

    def book(self, number):
        """Enter a matured block; one that the books know changes nothing."""
        total = sum(MEMBERS.values())
        moves = [(accounts.member("p", name), Amount(-minor, LTC)) for name, minor in MEMBERS.items()]
        entry = entry_of(
            f"mature:{number}",
            "block-matured",
            number,
            (accounts.wallet("hot"), Amount(total + 1_000_000, LTC)),
            (accounts.fee("p"), Amount(-1_000_000, LTC)),
            *moves,
        )
        asyncio.run(PlainBooks(self.connection).write(lambda connection: ledger.post(connection, entry)))

    def set_address(self, member, address):
        self.now += 1
        history = rows.read_addresses(self.connection, "p").get(member, [])
        wish = asked_address(history, address, now=self.now, delay_ms=ADDRESS_DELAY_MS)
        rows.write_address(self.connection, "p", member, wish)

    def tick(self, *, killed_at="", **options):
        """One tick of a new payer, as after a start; it dies where it is told to. Return its report, or None."""

        def failpoint(name):
            if name == killed_at:
                raise Killed

        payer = Payer(self.policy, self.wallet, PlainBooks(self.connection), script_of=script_of, failpoint=failpoint)
        self.now += 60_000
        try:
            return asyncio.run(payer.tick(now=self.now, **options))
        except Killed:
            return None

    def finish(self, ticks=12):
        """Let time and blocks pass until nothing is open."""
        for _ in range(ticks):
            report = self.tick()
            self.chain.mine(3)
            if report is not None and not report.open and not report.planned:
                return report
        return self.tick()

    def owed(self):
        return {name: -ledger.read_balance(self.connection, accounts.member("p", name), LTC.code) for name in MEMBERS}

    def paid(self):
        return {name: self.chain.paid(script_of(f"addr-{name}")) for name in MEMBERS}

    def check(self):
        """Everything that must hold after any fault, once all is quiet."""
        assert ledger.ledger_findings(self.connection) == []
        in_books = ledger.read_balance(self.connection, accounts.wallet("hot"), LTC.code)
        assert in_books == asyncio.run(self.wallet.balance())
        fees = 0
        for payout in rows.last_payouts(self.connection, "p", 1000):
            assert payout.state in ("settled", "cancelled"), payout
            if payout.state == "settled":
                fees += rows.read_transaction(self.connection, payout.id).fee
        earned = sum(MEMBERS.values()) * self.earned
        assert sum(self.paid().values()) + sum(self.owed().values()) + fees == earned
        for name, minor in self.paid().items():
            assert minor <= MEMBERS[name] * self.earned, "somebody was paid twice"
