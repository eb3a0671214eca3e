"""Hold rules and sales in the database, as a person said them. A rule is never changed: another follows it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from hashwright.errors import InvariantBroken
from hashwright.ledger import accounts
from hashwright.ledger.hold import WHOLE_BP, HoldKind, HoldRule, hold_rule, refused, rule_at, rules_by_coin
from hashwright.ledger.sales import SaleSaid, sale_entry, unsold
from hashwright.store import dialect, migrations
from hashwright.store.connection import Connection
from hashwright.store.ledger import post, read_balance, read_currencies

if TYPE_CHECKING:
    from sqlalchemy import MetaData

TRIGGERS = dialect.history(("hold_rule",), ("hold_rule",))


def add_hold_rules(metadata: "MetaData") -> None:
    """Describe the table; migration 0017 creates it."""
    from sqlalchemy import CheckConstraint, Column, Table, Text

    from hashwright.store.ledger_schema import PACKED, text, whole, within

    Table(
        "hold_rule",
        metadata,
        text("coin", key=True),
        whole("since_ms", key=True),
        Column("kind", Text, nullable=False),
        whole("part_bp"),
        within("since_ms"),
        CheckConstraint("kind IN ('keep', 'cover', 'share')", name="kind_known"),
        CheckConstraint(f"part_bp BETWEEN 0 AND {WHOLE_BP}", name="part_range"),
        CheckConstraint("kind = 'share' OR part_bp = 0", name="part_of_share"),
        **PACKED,
    )


def set_rule(connection: Connection, said: Mapping[str, Any], *, now_ms: int) -> dict[str, Any]:
    """Write a rule of a coin that counts from now on; the same as the present one changes nothing.

    Raises:
        OperatorError: it is no rule, or one of a later time stands there (HW-652).
    """
    rule = hold_rule(str(said["coin"]), str(said["kind"]), str(said["part"]), since_ms=now_ms)
    known = rules_by_coin(read_rules(connection)).get(rule.coin, ())
    if known and known[-1].since_ms >= now_ms:
        raise refused(f"the newest rule of {rule.coin} is not older than this computer's clock: look at the clock")
    present = rule_at(known, now_ms)
    is_new = present is None or (present.kind, present.part_bp) != (rule.kind, rule.part_bp)
    if is_new:
        row = (rule.coin, rule.since_ms, rule.kind, rule.part_bp)
        connection.execute("INSERT INTO hold_rule (coin, since_ms, kind, part_bp) VALUES (?, ?, ?, ?)", row)
    return {"coin": rule.coin, "rule": rule.text, "is_new": is_new}


def read_rules(connection: Connection) -> list[HoldRule]:
    """Read all rules, in order; a database of before has none."""
    if not migrations.has(connection, "hold_rules"):
        return []
    rows = connection.execute("SELECT coin, since_ms, kind, part_bp FROM hold_rule ORDER BY coin, since_ms")
    return [HoldRule(coin=row[0], since_ms=row[1], kind=cast("HoldKind", row[2]), part_bp=row[3]) for row in rows]


def book_sale(connection: Connection, said: Mapping[str, Any], *, now_ms: int) -> dict[str, Any]:
    """Post the entry of a sale within the open transaction; the same again changes nothing.

    Raises:
        OperatorError: it cannot be booked so, or its reference stands there for another sale (HW-653).
    """
    sale = SaleSaid(**said)
    currencies = read_currencies(connection)
    account = accounts.receivable(sale.upstream, "paid")
    sent = {code: read_balance(connection, account, code) for code in currencies}
    sent_before = _sold_before(connection, sale)
    entry = sale_entry(sale, currencies, {code: minor + sent_before.get(code, 0) for code, minor in sent.items()},
                       now=now_ms)  # fmt: skip
    try:
        return {"source": entry.source, "is_new": post(connection, entry)}
    except InvariantBroken as problem:
        raise unsold(f"{sale.reference!r} is booked already, with another amount, day or place") from problem


def _sold_before(connection: Connection, sale: SaleSaid) -> dict[str, int]:
    """Return what the same sale took when it was booked before, so that saying it again is no overdraft."""
    source = f"sale:{accounts.part(sale.upstream)}:{accounts.part(sale.reference)}"
    query = (
        "SELECT posting.currency, posting.minor FROM posting JOIN entry ON entry.id = posting.entry"
        " WHERE entry.source = ? AND posting.account = ?"
    )
    rows = connection.execute(query, (source, accounts.CONVERSION)).fetchall()
    return {row[0]: row[1] for row in rows if row[1] > 0}
