"""The tables of the books: entries, postings, balances, payouts, addresses. Migration 0003 creates them from here.

The database defends the books by itself (design.md, law 8): postings come before their entry, and the entry is refused
unless they balance in every currency; nothing is ever changed or deleted; balances follow by trigger, and an account
that nobody may overdraw cannot be overdrawn.
"""

from typing import Any

from sqlalchemy import CheckConstraint, Column, Connection, Index, LargeBinary, MetaData, Table, Text, event

LARGEST = 2**62
OWED = ("liability:member:", "liability:immature:", "liability:escrow:", "liability:payout:")
"""As `ledger.accounts.NEVER_NEGATIVE`; a test compares them."""


def add_tables(metadata: MetaData, number: Any) -> tuple[Table, ...]:
    """Describe the tables; `number` is the type of 64-bit integers."""
    strict: dict[str, Any] = {"sqlite_strict": True}
    packed: dict[str, Any] = {**strict, "sqlite_with_rowid": False}

    def whole(name: str, **options: Any) -> Column[int]:
        return Column(name, number, **options)

    def text(name: str, **options: Any) -> Column[str]:
        return Column(name, Text, **{"nullable": False, **options})

    def within(name: str, lowest: int = 0) -> CheckConstraint:
        return CheckConstraint(f"{name} BETWEEN {lowest} AND {LARGEST}", name=f"{name}_range")

    currency = Table("currency", metadata, text("code", primary_key=True), whole("exponent", nullable=False), **packed)
    entry = Table(
        "entry",
        metadata,
        whole("id", primary_key=True, autoincrement=False),
        text("source", unique=True),
        text("kind"),
        whole("at_ms", nullable=False),
        text("text"),
        text("link"),
        text("facts"),
        Column("previous_digest", LargeBinary, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        within("id", 1),
        within("at_ms"),
        CheckConstraint("length(previous_digest) = 32 AND length(digest) = 32", name="digest_size"),
        **strict,
    )
    Index("entry_at_ms", entry.c.at_ms)
    Index("entry_link", entry.c.link)
    posting = Table(
        "posting",
        metadata,
        whole("entry", primary_key=True, autoincrement=False),
        whole("line", primary_key=True, autoincrement=False),
        text("account"),
        text("currency"),
        whole("minor", nullable=False),
        CheckConstraint(f"minor BETWEEN -{LARGEST} AND {LARGEST} AND minor <> 0", name="minor_range"),
        **packed,
    )
    Index("posting_account", posting.c.account)
    balance = Table(
        "balance",
        metadata,
        text("account", primary_key=True),
        text("currency", primary_key=True),
        whole("minor", nullable=False),
        CheckConstraint(f"minor BETWEEN -{LARGEST} AND {LARGEST}", name="minor_range"),
        CheckConstraint(
            "minor <= 0 OR NOT (" + " OR ".join(f"account LIKE '{prefix}%'" for prefix in OWED) + ")",
            name="not_overdrawn",
        ),
        **packed,
    )
    payout = Table(
        "payout",
        metadata,
        text("id", primary_key=True),
        text("pool"),
        text("wallet"),
        text("currency"),
        text("state"),
        text("fee_payer"),
        whole("total", nullable=False),
        whole("fee_limit", nullable=False),
        whole("created_ms", nullable=False),
        whole("changed_ms", nullable=False),
        text("detail"),
        CheckConstraint("state IN ('planned', 'signed', 'sent', 'settled', 'cancelled')", name="state_known"),
        CheckConstraint("fee_payer IN ('members', 'pool')", name="fee_payer_known"),
        within("total", 1),
        within("fee_limit"),
        within("created_ms"),
        within("changed_ms"),
        **packed,
    )
    Index("payout_state", payout.c.state)
    payout_part = Table(
        "payout_part",
        metadata,
        text("payout", primary_key=True),
        text("member", primary_key=True),
        text("address"),
        whole("minor", nullable=False),
        within("minor", 1),
        **packed,
    )
    payout_transaction = Table(
        "payout_transaction",
        metadata,
        text("payout", primary_key=True),
        whole("attempt", primary_key=True, autoincrement=False),
        text("txid"),
        Column("raw", LargeBinary, nullable=False),
        whole("fee", nullable=False),
        whole("signed_ms", nullable=False),
        within("fee"),
        within("attempt", 1),
        **packed,
    )
    payout_input = Table(
        "payout_input",
        metadata,
        text("wallet", primary_key=True),
        text("txid", primary_key=True),
        whole("output", primary_key=True, autoincrement=False),
        text("payout"),
        **packed,
    )
    member_address = Table(
        "member_address",
        metadata,
        text("pool", primary_key=True),
        text("member", primary_key=True),
        whole("asked_ms", primary_key=True, autoincrement=False),
        text("address"),
        whole("active_ms", nullable=False),
        whole("cancelled_ms"),
        within("asked_ms"),
        within("active_ms"),
        **packed,
    )
    explained = Table(
        "explained",
        metadata,
        text("wallet", primary_key=True),
        text("txid", primary_key=True),
        text("reason"),
        whole("at_ms", nullable=False),
        within("at_ms"),
        **packed,
    )
    tables = (currency, entry, posting, balance, payout, payout_part, payout_transaction, payout_input)
    return (*tables, member_address, explained)


IMMUTABLE = ("entry", "posting", "currency", "payout_part", "payout_transaction")
KEPT = (*IMMUTABLE, "payout", "member_address", "explained")
UNBALANCED = (
    "(SELECT count(*) FROM posting WHERE entry = NEW.id) < 2"
    " OR EXISTS (SELECT 1 FROM posting WHERE entry = NEW.id GROUP BY currency HAVING sum(minor) <> 0)"
)
ADD_TO_BALANCE = (
    "INSERT INTO balance VALUES (NEW.account, NEW.currency, NEW.minor)"
    " ON CONFLICT (account, currency) DO UPDATE SET minor = balance.minor + excluded.minor"
)


def sqlite_triggers() -> list[str]:
    """Return the statements that make the triggers on SQLite."""

    def refuse(name: str, when: str, condition: str, words: str) -> str:
        return f"CREATE TRIGGER {name} {when}\n{condition}BEGIN SELECT RAISE(ABORT, '{words}'); END"

    return [
        *(
            refuse(f"{it}_is_immutable", f"BEFORE UPDATE ON {it}", "", f"a row of {it} never changes")
            for it in IMMUTABLE
        ),
        *(refuse(f"{it}_is_kept", f"BEFORE DELETE ON {it}", "", f"a row of {it} is never deleted") for it in KEPT),
        refuse(
            "entry_balances", "BEFORE INSERT ON entry", f"WHEN {UNBALANCED}\n", "an entry balances in each currency"
        ),
        refuse(
            "posting_comes_first",
            "BEFORE INSERT ON posting",
            "WHEN EXISTS (SELECT 1 FROM entry WHERE id = NEW.entry)\n",
            "an entry is closed",
        ),
        refuse(
            "payout_ends",
            "BEFORE UPDATE ON payout",
            "WHEN OLD.state IN ('settled', 'cancelled') OR NEW.total <> OLD.total OR NEW.id <> OLD.id\n",
            "a payout that ended never changes",
        ),
        f"CREATE TRIGGER posting_moves_balance AFTER INSERT ON posting\nBEGIN {ADD_TO_BALANCE}; END",
    ]


def postgresql_triggers() -> list[str]:
    """Return the statements that make the same triggers on PostgreSQL."""
    statements = []

    def refuse(name: str, when: str, condition: str, words: str) -> None:
        body = f"IF {condition} THEN RAISE EXCEPTION '{words}' USING ERRCODE = '23514'; END IF;"
        _define(statements, name, when, body)

    for it in IMMUTABLE:
        refuse(f"{it}_is_immutable", f"BEFORE UPDATE ON {it}", "true", f"a row of {it} never changes")
    for it in KEPT:
        refuse(f"{it}_is_kept", f"BEFORE DELETE ON {it}", "true", f"a row of {it} is never deleted")
    refuse("entry_balances", "BEFORE INSERT ON entry", UNBALANCED, "an entry balances in each currency")
    closed = "EXISTS (SELECT 1 FROM entry WHERE id = NEW.entry)"
    refuse("posting_comes_first", "BEFORE INSERT ON posting", closed, "an entry is closed")
    ended = "OLD.state IN ('settled', 'cancelled') OR NEW.total <> OLD.total OR NEW.id <> OLD.id"
    refuse("payout_ends", "BEFORE UPDATE ON payout", ended, "a payout that ended never changes")
    _define(statements, "posting_moves_balance", "AFTER INSERT ON posting", f"{ADD_TO_BALANCE};")
    return statements


def _define(statements: list[str], name: str, when: str, body: str) -> None:
    result = "OLD" if "DELETE" in when else "NEW"
    statements.append(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN {result}; END $$"
    )
    statements.append(f"CREATE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION {name}()")


def create_triggers(connection: Connection) -> None:
    """Create the triggers in the dialect of the connection."""
    statements = sqlite_triggers() if connection.dialect.name == "sqlite" else postgresql_triggers()
    for statement in statements:
        connection.exec_driver_sql(statement)


def listen(metadata: MetaData) -> None:
    """Create the triggers whenever the metadata's tables are created."""

    def create(_target: MetaData, connection: Connection, **_options: object) -> None:
        create_triggers(connection)

    event.listen(metadata, "after_create", create)
