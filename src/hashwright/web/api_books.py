"""The books: balances, days, stories, proof, exports. Settled money only; a forecast is never among it."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from litestar import Controller, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from hashwright.errors import OperatorError
from hashwright.ledger.statements import DayTotal, Grouping
from hashwright.store.connection import Connection
from hashwright.store.ledger import ledger_findings, read_head
from hashwright.store.payout_checks import payout_findings
from hashwright.web import books
from hashwright.web.api_view import Cursor, Limit
from hashwright.web.context import AnyRequest, Site, needs, problems, site_of
from hashwright.web.cursor import cursor_of, number_of
from hashwright.web.documents import Document
from hashwright.web.problems import Place

T = TypeVar("T")
DAYS_MAX: Final = 3_660
Days = Annotated[int, QueryParameter(name="days", ge=1, le=DAYS_MAX)]
Account = Annotated[str, QueryParameter(name="account", max_length=200)]
Currency = Annotated[str, QueryParameter(name="currency", max_length=12, pattern="^[A-Za-z0-9]*$")]


class Balance(Document, frozen=True, kw_only=True):
    """What an account holds; credits without their sign."""

    account: str
    amount: str
    currency: str


class Balances(Document, frozen=True, kw_only=True):
    """Balances of settled money."""

    at_ms: int
    balances: tuple[Balance, ...]


class Day(Document, frozen=True, kw_only=True):
    """One day (UTC) in one currency; `group` is the member or destination, where days are divided."""

    day: str
    group: str
    currency: str
    earned: str
    credited: str
    paid: str
    spent: str
    net: str


class DayList(Document, frozen=True, kw_only=True):
    """Days that have entries, newest first."""

    at_ms: int
    days: tuple[Day, ...]


class BookPosting(Document, frozen=True, kw_only=True):
    """One line of an entry; debit without, credit with a minus sign."""

    account: str
    amount: str
    currency: str


class BookEntry(Document, frozen=True, kw_only=True):
    """One event of the books."""

    number: int
    at_ms: int
    source: str
    kind: str
    text: str
    link: str
    facts: dict[str, str]
    postings: tuple[BookPosting, ...]


class EntryPage(Document, frozen=True, kw_only=True):
    """A page of entries, newest first."""

    next_cursor: str | None
    entries: tuple[BookEntry, ...]


class Proof(Document, frozen=True, kw_only=True):
    """What a proof of the books from their raw rows found; no finding is a good one."""

    at_ms: int
    entries: int
    findings: tuple[Place, ...]


class BooksController(Controller):
    """Reading the books."""

    path = "/api/v1/ledger"
    tags = ("books",)
    guards = (needs("money"),)

    @get("/balances", responses=problems(401, 403, 409, 503), operation_id="listBalances", summary="Balances")
    async def balances(self, request: AnyRequest, account: Account = "") -> Balances:
        """Show what each account holds, or those below one."""
        site = site_of(request)
        rows = await read_books(site, lambda connection: books.balances(connection, account))
        return Balances(at_ms=site.clock.now(), balances=tuple(Balance(**row) for row in rows))

    @get("/days", responses=problems(401, 403, 409, 503), operation_id="listDays", summary="Days")
    async def days(self, request: AnyRequest, days: Days = 30, by: FromQuery[Grouping] = "") -> DayList:
        """Show what was earned, credited, paid and spent on each day (UTC)."""
        site, book = site_of(request), request.app.state.days
        found = await read_books(site, lambda connection: book.days(connection, last=days, by=by))
        return DayList(at_ms=site.clock.now(), days=tuple(day_of(it) for it in found))

    @get("/entries", responses=problems(401, 403, 409, 503), operation_id="listEntries", summary="Entries")
    async def entries(self, request: AnyRequest, limit: Limit = 50, cursor: Cursor = None) -> EntryPage:
        """List entries, newest first."""
        before = number_of(cursor, start=2**62)
        rows = await read_books(
            site_of(request), lambda connection: books.newest(connection, before=before, limit=limit)
        )
        more = bool(rows) and rows[-1]["number"] > 1
        return EntryPage(
            next_cursor=cursor_of(str(rows[-1]["number"])) if more else None,
            entries=tuple(entry_of(row) for row in rows),
        )

    @get(
        "/explain/{name:str}",
        responses=problems(401, 403, 404, 409, 503),
        operation_id="explainEntry",
        summary="Every entry of one story",
    )
    async def explain(self, request: AnyRequest, name: FromPath[str]) -> EntryPage:
        """Show every entry of a payout, a block, or one number."""
        rows = await read_books(site_of(request), lambda connection: books.story(connection, name))
        return EntryPage(next_cursor=None, entries=tuple(entry_of(row) for row in rows))

    @get("/check", responses=problems(401, 403, 409, 503), operation_id="checkBooks", summary="Prove the books")
    async def check(self, request: AnyRequest) -> Proof:
        """Prove the books from their raw rows: balance, order, digests, overdrafts, payouts."""
        site = site_of(request)

        def prove(connection: Connection) -> tuple[int, list[Place]]:
            found = [*ledger_findings(connection), *payout_findings(connection)]
            return read_head(connection)[0], [Place(it.place, it.message, it.hint) for it in found]

        async with request.app.state.proving:
            entries, findings = await read_books(site, prove)
        return Proof(at_ms=site.clock.now(), entries=entries, findings=tuple(findings))

    @get(
        "/exports/{form:str}",
        responses={
            **problems(401, 403, 404, 409, 503),
            200: ResponseSpec(str, description="The books.", media_type="text/plain"),
        },
        operation_id="exportBooks",
        summary="The books for another program",
    )
    async def export(self, request: AnyRequest, form: FromPath[str], currency: Currency = "") -> Response[bytes]:
        """Write the books as json, csv, beancount, hledger, koinly, cointracker, gains or hold."""
        wanted = books.form_of(form)
        text = await read_books(site_of(request), lambda connection: books.export(connection, wanted, currency))
        suffix = {"json": "jsonl", "beancount": "beancount", "hledger": "journal"}.get(form, "csv")
        return Response(
            text.encode(),
            media_type=f"{books.TYPES.get(form, 'text/csv')}; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="hashwright-{form}.{suffix}"'},
        )


def day_of(total: DayTotal) -> Day:
    """Write a day; `net` is what was earned less what was spent and what members were credited."""
    return Day(
        day=total.day,
        group=total.group,
        currency=total.currency.code,
        earned=total.text(total.earned),
        credited=total.text(total.credited),
        paid=total.text(total.paid),
        spent=total.text(total.spent),
        net=total.text(total.earned - total.spent),
    )


def entry_of(row: dict[str, Any]) -> BookEntry:
    """Write an entry."""
    return BookEntry(**{**row, "postings": tuple(BookPosting(**it) for it in row["postings"])})


async def read_books(site: Site, query: Callable[[Connection], T]) -> T:
    """Ask the books on a thread.

    Raises:
        OperatorError: there is no database yet (HW-612).
    """
    store = await asyncio.to_thread(site.live.store)
    if store is None:
        raise OperatorError("There is no database yet.", code="HW-612")
    return await asyncio.to_thread(store.read_books, query)
