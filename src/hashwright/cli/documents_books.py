"""The JSON of what the books say of rules for mined coins, record by record.

Amounts are decimals as text, in the coin or in the `currency` of the document. `null` is unknown, which is not zero.
"""

import msgspec


class RuleDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A rule of a coin, and from when on it counts."""

    coin: str
    rule: str
    since_ms: int


class PeriodDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One coin on one day or in one month; a row without a coin holds a power bill only."""

    period: str
    coin: str
    rule: str
    mined: str
    mined_worth: str | None
    """At the price measured then."""
    rule_sells: str
    rule_worth: str | None
    sold: str
    received: str
    spent_or_taken: str
    """Coins that were paid as costs, or that the owner took out."""
    power_bill: str
    """All bills booked in the period, on its first row only."""
    currency: str


class BillDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Power bills that were booked while a rule covers them."""

    booked: str
    covered: str
    open: str


class PriceDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The last measured price of a coin."""

    value: str
    at_ms: int


class OutcomeOfRule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A coin at the end, had the rule been followed, or really."""

    sold: str
    brought: str | None
    kept: str
    """What is there, nobody else's, and not promised."""
    kept_worth: str | None
    unrealised: str | None
    """Worth of the lots that are left, less their worth when they were mined."""
    lots_sold_from: int
    lots: int


class CoinDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """One coin: its rule, what it says now, and both outcomes."""

    coin: str
    rule: str | None
    mined: str
    sell_now: str
    sell_now_worth: str | None
    sold_beyond_the_rule: str
    price: PriceDocument | None
    by_rule: OutcomeOfRule
    really: OutcomeOfRule


class HoldDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`hw ledger hold --json`."""

    currency: str
    rules: list[RuleDocument]
    periods: list[PeriodDocument]
    power_bill: BillDocument
    waited_for_a_price: int
    """How often a bill stood open and a coin had no measured price."""
    coins: list[CoinDocument]


DOCUMENTS: dict[str, type[msgspec.Struct]] = {"hw ledger hold": HoldDocument}
