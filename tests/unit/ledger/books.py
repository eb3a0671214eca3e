"""Books with everything in them: blocks, members, a payout, a sale, money of a state, odd names."""

from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.ledger.lots import RESERVE_MOVED, SALE
from hashwright.money import Amount, Currency

LTC = Currency("LTC", 8)
EUR = Currency("EUR", 2)
DAY = 86_400_000
START = 1_790_000_000_000
TXID = "ab" * 32


def ltc(minor):
    return Amount(minor, LTC)


def every_kind():
    """Entries of a short life, oldest first."""
    return [*income(), *outgo()]


def income():
    return [
        entry_of(
            "block:" + "cd" * 32 + ":1",
            "block-confirmed",
            START - 1,
            (accounts.immature("home"), ltc(1_250_000_000)),
            (accounts.unearned("home"), ltc(-1_250_000_000)),
            link="block:" + "cd" * 32,
        ),
        entry_of(
            "block:" + "cd" * 32 + ":matured",
            "block-matured",
            START,
            (accounts.wallet("hot"), ltc(1_250_000_000)),
            (accounts.immature("home"), ltc(-1_250_000_000)),
            (accounts.unearned("home"), ltc(1_250_000_000)),
            (accounts.member("home", "kai"), ltc(-600_000_000)),
            (accounts.member("home", "Kai"), ltc(-400_000_000)),
            (accounts.fee("home"), ltc(-250_000_000)),
            text='=Block 7 "matured"; (a | b) \\ done.\nnext',
            link="block:" + "cd" * 32,
        ),
        entry_of(
            "solo:1",
            "mined",
            START + DAY,
            (accounts.wallet("hot"), ltc(1_000_000_000)),
            (accounts.mined("söl o%"), ltc(-1_000_000_000)),
            text="Mined alone.",
        ),
    ]


def outgo():
    return [
        entry_of(
            "payout:home-000001:planned",
            "payout-planned",
            START + DAY,
            (accounts.member("home", "kai"), ltc(600_000_000)),
            (accounts.payout("home", "home-000001"), ltc(-600_000_000)),
            text="On its way.",
            link="payout:home-000001",
        ),
        entry_of(
            "payout:home-000001:settled",
            "payout-settled",
            START + 2 * DAY,
            (accounts.payout("home", "home-000001"), ltc(600_000_000)),
            (accounts.network_fee("hot"), ltc(1_000)),
            (accounts.wallet("hot"), ltc(-600_001_000)),
            text="Confirmed.",
            link="payout:home-000001",
        ),
        entry_of(
            f"spent:{TXID}",
            SALE,
            START + 10 * DAY,
            (accounts.CONVERSION, ltc(500_000_000)),
            (accounts.wallet("hot"), ltc(-500_000_000)),
            (accounts.cash("exchange"), Amount(45_000, EUR)),
            (accounts.CONVERSION, Amount(-45_000, EUR)),
            text="The owner sold.",
            link=f"spent:{TXID}",
        ),
    ]


def numbered(entries=None):
    return list(enumerate(entries or every_kind(), start=1))


def reserve_books():
    """A block fills a reserve, work is paid from it, the owner moves coins into it, brings some, and sells."""
    kinds = ("block-matured", "work-credited", RESERVE_MOVED, "deposit")
    moves = (
        ((accounts.wallet("hot"), 1_000), (accounts.reserve("home"), -1_000)),
        (
            (accounts.reserve("home"), 600),
            (accounts.member("home", "kai"), -400),
            (accounts.member("home", "lea"), -200),
        ),
        ((accounts.OWNER, 300), (accounts.reserve("home"), -300)),
        ((accounts.wallet("hot"), 50), (accounts.OWNER, -50)),
    )
    return [
        entry_of(f"e:{at}", kind, START + at, *((account, ltc(minor * 10**6)) for account, minor in postings))
        for at, (kind, postings) in enumerate(zip(kinds, moves, strict=True))
    ]
