"""The books for pages: days that are summed once, balances, single stories, exports. Reads, never writes."""

import dataclasses
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from hashwright.errors import OperatorError
from hashwright.ledger.balances import under
from hashwright.ledger.statements import DayTotal, Grouping, by_day
from hashwright.store import ledger
from hashwright.store.connection import Connection
from hashwright.web.flows import Flow, add_flows

if TYPE_CHECKING:
    from hashwright.ledger.entries import Entry

Form = Literal["json", "csv", "beancount", "hledger", "koinly", "cointracker", "gains", "hold"]
FORMS: Final = get_args(Form)
IN_MONEY: Final = ("gains", "hold")
TYPES: Final[dict[str, str]] = {"json": "application/x-ndjson", "beancount": "text/plain", "hledger": "text/plain"}
ROOTS: Final = ("asset", "liability", "income", "expense", "equity")
CREDIT_ROOTS: Final = ("liability", "income", "equity")
EVER: Final = 2**31


class DayBook:
    """Sums of days, kept: an entry never changes, so each is read once."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._head = 0
        self._days: dict[Grouping, dict[tuple[str, str, str], DayTotal]] = {}
        self._flows: dict[tuple[str, str], Flow] = {}

    def days(self, connection: Connection, *, last: int, by: Grouping) -> list[DayTotal]:
        """Return the `last` days that have entries, newest first, by currency and group."""
        with self._turn:
            self._advance(connection)
            found = self._days.get(by, {})
            kept = set(sorted({key[0] for key in found}, reverse=True)[:last])
            keys = sorted((key for key in found if key[0] in kept), key=lambda key: (key[1], key[2]))
            return [found[key] for key in sorted(keys, key=lambda key: key[0], reverse=True)]

    def flows(self, connection: Connection, *, since: str) -> list[Flow]:
        """Return where money came from and went, by day and currency, from a day (UTC) on, oldest first."""
        with self._turn:
            self._advance(connection)
            return [dataclasses.replace(flow) for key, flow in sorted(self._flows.items()) if key[0] >= since]

    def _advance(self, connection: Connection) -> None:
        head, _ = ledger.read_head(connection)
        if head < self._head:  # the books were restored from a backup
            self._head, self._days, self._flows = 0, {}, {}
        if head == self._head:
            return
        entries = [entry for _, entry in ledger.read_entries(connection, after=self._head)]
        add_flows(self._flows, entries)
        for by in get_args(Grouping):
            sums = self._days.setdefault(by, {})
            for total in by_day(entries, last=EVER, by=by):
                _add(sums, total)
        self._head = head


def _add(sums: dict[tuple[str, str, str], DayTotal], total: DayTotal) -> None:
    key = (total.day, total.currency.code, total.group)
    known = sums.setdefault(key, DayTotal(day=total.day, currency=total.currency, group=total.group))
    known.earned += total.earned
    known.credited += total.credited
    known.paid += total.paid
    known.spent += total.spent


def balances(connection: Connection, account: str) -> list[dict[str, str]]:
    """Return what accounts hold, or those below one; credits without their sign."""
    found = ledger.read_balances(connection)
    rows = []
    for root in [account] if account else ROOTS:
        for name, amount in under(found, root):
            shown = -amount if name.partition(":")[0] in CREDIT_ROOTS else amount
            rows.append({"account": name, "amount": shown.text(), "currency": amount.currency.code})
    return rows


def story(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Return every entry of one story: an entry's number or source, a payout, or a block's hash.

    Raises:
        OperatorError: the books hold nothing of that name (HW-626).
    """
    wanted = {name, f"payout:{name}", f"block:{name}"}
    found = [
        _entry(number, entry)
        for number, entry in ledger.read_entries(connection)
        if str(number) == name or wanted & {entry.source, entry.link}
    ]
    if not found:
        raise OperatorError(f"The books hold nothing that is called {name[:80]}.", code="HW-626")
    return found


def newest(connection: Connection, *, before: int, limit: int) -> list[dict[str, Any]]:
    """Return entries below a number, newest first."""
    head, _ = ledger.read_head(connection)
    last = min(head, before - 1)
    rows = ledger.read_entries(connection, after=max(last - limit, 0))
    found = []
    for number, entry in rows:
        if number > last:
            break
        found.append(_entry(number, entry))
    return found[::-1]


def _entry(number: int, entry: "Entry") -> dict[str, Any]:
    return {
        "number": number,
        "at_ms": entry.at_ms,
        "source": entry.source,
        "kind": entry.kind,
        "text": entry.text,
        "link": entry.link,
        "facts": dict(entry.facts),
        "postings": [
            {"account": it.account, "amount": it.amount.text(), "currency": it.amount.currency.code}
            for it in entry.postings
        ],
    }


def form_of(name: str) -> Form:
    """Read the name of a form.

    Raises:
        OperatorError: there is none of that name (HW-748).
    """
    for form in FORMS:
        if name == form:
            found: Form = form
            return found
    raise OperatorError(f"There is no form {name[:40]!r}.", code="HW-748", hint=f"Use {', '.join(FORMS)}.")


def export(connection: Connection, form: Form, currency: str) -> str:
    """Write the books for another program, valued in a currency where a price of that time is known.

    Raises:
        OperatorError: gains need a currency (HW-745).
    """
    if form in IN_MONEY and not currency:
        raise OperatorError(f"{form.capitalize()} is counted in a currency.", code="HW-745", hint="Add currency=EUR.")
    entries = list(ledger.read_entries(connection))
    return "".join(f"{line}\n" for line in _lines(connection, form, entries, currency))


def _lines(connection: Connection, form: Form, entries: "list[tuple[int, Entry]]", currency: str) -> Iterator[str]:
    from hashwright.ledger import export_tax
    from hashwright.ledger.export_beancount import export_beancount
    from hashwright.ledger.export_csv import export_csv
    from hashwright.ledger.export_hledger import export_hledger
    from hashwright.ledger.export_json import export_json
    from hashwright.ledger.prices import Valuer, series_of
    from hashwright.store.prices import read_prices

    prices = read_prices(connection) if currency else []
    valuer: Valuer | None = Valuer(prices, quote=currency, feed="") if currency else None
    if form == "json":
        return export_json(entries, ledger.read_digests(connection), valuer)
    if form == "csv":
        return export_csv(entries, valuer)
    if form in ("beancount", "hledger"):
        write = export_beancount if form == "beancount" else export_hledger
        return write(entries, prices=series_of(prices, currency), quote=currency)
    if form == "hold":
        return _hold_lines(connection, currency)
    if form == "koinly":
        return export_tax.export_koinly(entries, valuer)
    if form == "cointracker":
        return export_tax.export_cointracker(entries)
    assert valuer is not None  # gains: `export` has asked for a currency
    return export_tax.export_gains(entries, valuer)


def _hold_lines(connection: Connection, currency: str) -> Iterator[str]:
    from hashwright.ledger.hold_report import export_hold
    from hashwright.web.hold import hold_report

    newest = max((entry.at_ms for _, entry in ledger.read_entries(connection)), default=0)
    return export_hold(hold_report(connection, currency, now_ms=newest))
