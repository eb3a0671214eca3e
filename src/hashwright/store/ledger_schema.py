"""The tables of the books: entries, postings, balances, payouts, addresses. Migration 0003 creates them from here.

The database defends the books by itself (design.md, law 8): postings come before their entry, and the entry is refused
unless they balance in every currency; nothing is ever changed or deleted; balances follow by trigger, and an account
that nobody may overdraw cannot be overdrawn.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from hashwright.store import dialect
from hashwright.store.dialect import Trigger

LARGEST = 2**62
OWED = ("liability:member:", "liability:immature:", "liability:escrow:", "liability:payout:")
"""As `ledger.accounts.NEVER_NEGATIVE`; a test compares them."""


number = BigInteger().with_variant(Integer(), "sqlite")
STRICT: dict[str, Any] = {"sqlite_strict": True}
PACKED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def whole(name: str, *, key: bool = False, nullable: bool = False) -> Column[int]:
    """Describe a column of 64-bit integers."""
    if key:
        return Column(name, number, primary_key=True, autoincrement=False)
    return Column(name, number, nullable=nullable)


def text(name: str, *, key: bool = False, unique: bool = False) -> Column[str]:
    """Describe a column of text."""
    return Column(name, Text, primary_key=True) if key else Column(name, Text, nullable=False, unique=unique or None)


def within(name: str, lowest: int = 0) -> CheckConstraint:
    """Bound an integer column."""
    return CheckConstraint(f"{name} BETWEEN {lowest} AND {LARGEST}", name=f"{name}_range")


def add_tables(metadata: MetaData) -> None:
    """Describe all tables of the books."""
    add_entries(metadata)
    add_balances(metadata)
    add_payouts(metadata)
    add_transactions(metadata)
    add_addresses(metadata)


def add_entries(metadata: MetaData) -> None:
    """Describe what is posted."""
    Table("currency", metadata, text("code", key=True), whole("exponent"), **PACKED)
    entry = Table(
        "entry",
        metadata,
        whole("id", key=True),
        text("source", unique=True),
        text("kind"),
        whole("at_ms"),
        text("text"),
        text("link"),
        text("facts"),
        Column("previous_digest", LargeBinary, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        within("id", 1),
        within("at_ms"),
        CheckConstraint("length(previous_digest) = 32 AND length(digest) = 32", name="digest_size"),
        **STRICT,
    )
    Index("entry_at_ms", entry.c.at_ms)
    Index("entry_link", entry.c.link)
    posting = Table(
        "posting",
        metadata,
        whole("entry", key=True),
        whole("line", key=True),
        text("account"),
        text("currency"),
        whole("minor"),
        CheckConstraint(f"minor BETWEEN -{LARGEST} AND {LARGEST} AND minor <> 0", name="minor_range"),
        **PACKED,
    )
    Index("posting_account", posting.c.account)


def add_balances(metadata: MetaData) -> None:
    """Describe the sums that the triggers keep."""
    Table(
        "balance",
        metadata,
        text("account", key=True),
        text("currency", key=True),
        whole("minor"),
        CheckConstraint(f"minor BETWEEN -{LARGEST} AND {LARGEST}", name="minor_range"),
        CheckConstraint(
            "minor <= 0 OR NOT (" + " OR ".join(f"account LIKE '{prefix}%'" for prefix in OWED) + ")",
            name="not_overdrawn",
        ),
        **PACKED,
    )


def add_payouts(metadata: MetaData) -> None:
    """Describe intents to pay, and whom they pay."""
    payout = Table(
        "payout",
        metadata,
        text("id", key=True),
        text("pool"),
        text("wallet"),
        text("currency"),
        text("state"),
        text("fee_payer"),
        whole("total"),
        whole("fee_limit"),
        whole("created_ms"),
        whole("changed_ms"),
        text("detail"),
        CheckConstraint("state IN ('planned', 'signed', 'sent', 'settled', 'cancelled')", name="state_known"),
        CheckConstraint("fee_payer IN ('members', 'pool')", name="fee_payer_known"),
        within("total", 1),
        within("fee_limit"),
        within("created_ms"),
        within("changed_ms"),
        **PACKED,
    )
    Index("payout_state", payout.c.state)
    Table(
        "payout_part",
        metadata,
        text("payout", key=True),
        text("member", key=True),
        text("address"),
        whole("minor"),
        within("minor", 1),
        **PACKED,
    )


def add_transactions(metadata: MetaData) -> None:
    """Describe what was signed, and what it spends."""
    Table(
        "payout_transaction",
        metadata,
        text("payout", key=True),
        whole("attempt", key=True),
        text("txid"),
        Column("raw", LargeBinary, nullable=False),
        whole("fee"),
        whole("pool_fee"),
        whole("signed_ms"),
        within("fee"),
        within("attempt", 1),
        **PACKED,
    )
    Table(
        "payout_input",
        metadata,
        text("wallet", key=True),
        text("txid", key=True),
        whole("output", key=True),
        text("payout"),
        **PACKED,
    )


def add_addresses(metadata: MetaData) -> None:
    """Describe where members want their money, and what a person explained."""
    Table(
        "member_address",
        metadata,
        text("pool", key=True),
        text("member", key=True),
        whole("asked_ms", key=True),
        text("address"),
        whole("active_ms"),
        whole("cancelled_ms", nullable=True),
        within("asked_ms"),
        within("active_ms"),
        **PACKED,
    )
    Table(
        "explained",
        metadata,
        text("wallet", key=True),
        text("txid", key=True),
        text("reason"),
        whole("at_ms"),
        within("at_ms"),
        **PACKED,
    )


def add_prices(metadata: MetaData) -> None:
    """Describe measured prices; migration 0004 creates the table."""
    Table(
        "price",
        metadata,
        text("feed", key=True),
        text("base", key=True),
        text("quote", key=True),
        whole("at_ms", key=True),
        whole("known_ms"),
        text("value"),
        within("at_ms"),
        within("known_ms"),
        **PACKED,
    )


def add_readings(metadata: MetaData) -> None:
    """Describe what upstreams said of our accounts; migration 0005 creates the table."""
    Table(
        "account_reading",
        metadata,
        text("upstream", key=True),
        whole("read_ms", key=True),
        whole("until_minute"),
        text("work"),
        whole("expected"),
        whole("unpaid", nullable=True),
        whole("paid", nullable=True),
        Column("hashrate", Text),
        within("read_ms"),
        within("until_minute"),
        within("expected"),
        within("unpaid"),
        within("paid"),
        CheckConstraint("length(work) = 39", name="work_form"),
        **PACKED,
    )


IMMUTABLE = ("entry", "posting", "currency", "payout_part", "payout_transaction")
KEPT = (*IMMUTABLE, "payout", "member_address", "explained")
UNBALANCED = (
    "(SELECT count(*) FROM posting WHERE entry = NEW.id) < 2"
    " OR EXISTS (SELECT 1 FROM posting WHERE entry = NEW.id GROUP BY currency HAVING sum(minor) <> 0)"
)
ADD_TO_BALANCE = (
    "INSERT INTO balance VALUES (NEW.account, NEW.currency, 0) ON CONFLICT (account, currency) DO NOTHING;"
    " UPDATE balance SET minor = minor + NEW.minor WHERE account = NEW.account AND currency = NEW.currency"
)
"""Not one upsert: SQLite would check the bound on the part alone, before it is added."""


TRIGGERS = (
    *dialect.history(IMMUTABLE, KEPT),
    Trigger(
        name="entry_balances",
        when="BEFORE INSERT ON entry",
        condition=UNBALANCED,
        words="an entry balances in each currency",
    ),
    Trigger(
        name="posting_comes_first",
        when="BEFORE INSERT ON posting",
        condition="EXISTS (SELECT 1 FROM entry WHERE id = NEW.entry)",
        words="an entry is closed",
    ),
    Trigger(
        name="payout_ends",
        when="BEFORE UPDATE ON payout",
        condition="OLD.state IN ('settled', 'cancelled') OR NEW.total <> OLD.total OR NEW.id <> OLD.id",
        words="a payout that ended never changes",
    ),
    Trigger(name="posting_moves_balance", when="AFTER INSERT ON posting", action=ADD_TO_BALANCE),
)
PRICE_TRIGGERS = dialect.history(("price",), ("price",))
READING_TRIGGERS = dialect.history(("account_reading",), ("account_reading",))
