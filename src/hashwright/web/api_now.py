"""What a person asks first: what is left, what comes next, which shares were refused, and what coins cost."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

from litestar import Controller, Response, get
from litestar.params import FromQuery, QueryParameter

from hashwright.errors import OperatorError
from hashwright.ledger.lots import first_in_first_out
from hashwright.ledger.prices import Valuer
from hashwright.money import Amount
from hashwright.runtime import autopilot_settings, payouts
from hashwright.store import ledger
from hashwright.store.connection import Connection
from hashwright.store.prices import read_prices
from hashwright.store.share_log import Place, ShareRow, Wish, read_page, read_worker
from hashwright.web import present
from hashwright.web.acting import ASKING, AnsweredRows
from hashwright.web.api_books import Currency, read_books
from hashwright.web.api_plan import helm_of
from hashwright.web.api_prices import preferences_of
from hashwright.web.api_view import Cursor, Limit
from hashwright.web.books import DayBook
from hashwright.web.context import AnyRequest, needs, problems, site_of
from hashwright.web.cursor import cursor_of, number_of
from hashwright.web.documents import Document, Mode
from hashwright.web.encoded import Kept, encode, respond
from hashwright.web.live import Live, Picture
from hashwright.web.net import (
    NetSpan,
    NetToday,
    day_of,
    power_price_of,
    priced_in,
    spans_of,
    start_of,
    today_of,
)
from hashwright.web.operations import asking
from hashwright.web.upcoming import Upcoming, last_payouts, upcoming

if TYPE_CHECKING:
    from hashwright.store.base import Store

MINUTE_MS: Final = 60_000
DAY: Final = 1_440
KEPT_MS: Final = 10_000
"""So long everybody gets the same answer about money and about what comes next; its age is shown."""
Worker = Annotated[str, QueryParameter(name="worker", max_length=200)]


class PowerToday(Document, frozen=True, kw_only=True):
    """What machines drew today (UTC) by their own word, since the web began to listen: an estimate.

    `cost` is null where no price of power was told to an autopilot; it is in USD.
    """

    kwh: float
    since_ms: int
    power_w: float | None
    price_usd_kwh: float | None
    cost_usd: float | None


class Net(Document, frozen=True, kw_only=True):
    """What mining left, and what power draws now. `currency` is the money that worths are in.

    `wanted` is the owner's money; where it differs from `currency`, no measured price in it is stored.
    """

    at_ms: int
    currency: str
    wanted: str
    spans: tuple[NetSpan, ...]
    power: PowerToday | None
    today: NetToday


class ModeNow(Document, frozen=True, kw_only=True):
    """What this instance does, in one word: for who sees his own things only, and still should know it."""

    at_ms: int
    is_running: bool
    mode: Mode
    mode_text: str


class UpcomingList(Document, frozen=True, kw_only=True):
    """What happens next, soonest first."""

    at_ms: int
    upcoming: tuple[Upcoming, ...]


class ShareDocument(Document, frozen=True, kw_only=True):
    """Shares of one worker and minute that came to one end; `is_by_pool`: an upstream judged, with its reason."""

    at_ms: int
    destination: str
    worker: str
    outcome: str
    reason: str
    shares: int
    is_accepted: bool
    is_by_pool: bool


class SharePage(Document, frozen=True, kw_only=True):
    """A page of shares, newest minutes first."""

    next_cursor: str | None
    shares: tuple[ShareDocument, ...]


class LotDocument(Document, frozen=True, kw_only=True):
    """Coins that came in together, and what they were worth then; null where no price of that time is known."""

    at_ms: int
    source: str
    currency: str
    amount: str
    left: str
    cost: str | None


class LotList(Document, frozen=True, kw_only=True):
    """Lots of which something is left, newest first, by first in, first out."""

    at_ms: int
    quote: str
    total: int
    lots: tuple[LotDocument, ...]


class NowController(Controller):
    """What is left, and what comes."""

    path = "/api/v1"
    tags = ("look",)

    @get(
        "/net",
        guards=[needs("money")],
        responses=problems(401, 403, 409, 503),
        operation_id="readNet",
        summary="What mining left: today, 7 and 30 days",
        opt={"is_packed": True},
    )
    async def net(self, request: AnyRequest, currency: Currency = "") -> Response[Net]:
        """Say what was earned less what was spent, in coin, and worth in money where prices are known."""
        site, book = site_of(request), request.app.state.days
        now, kept = site.clock.now(), kept_of(request)
        store = await asyncio.to_thread(site.live.store) if site.live.instance == "" else site.live.store()
        if store is None:
            raise OperatorError("There is no database yet.", code="HW-612")

        def make() -> Net:
            told = currency.upper()
            wanted = told or preferences_of(request).currency
            return net_of(site.live, store, book, now=now, quote=told, wanted=wanted)

        if currency:  # a person's own choice is made for him alone
            return respond(request, await asyncio.to_thread(encode, make))
        return respond(request, await kept.of("net", now // KEPT_MS, make))

    @asking("/mode", "view", "own", "trade", "money", name="readMode", summary="DRY RUN, LIVE, PAUSED or PRACTICE")
    async def mode(self, request: AnyRequest) -> ModeNow:
        """Say what this instance does; nothing else of it."""
        picture = await site_of(request).live.fresh()
        found = present.status_of(picture, instance="")
        return ModeNow(at_ms=found.at_ms, is_running=found.is_running, mode=found.mode, mode_text=found.mode_text)

    @get(
        "/next",
        guards=[needs("view")],
        responses=problems(401, 403),
        operation_id="listNext",
        summary="What is next",
        opt={"is_packed": True},
    )
    async def upcoming(self, request: AnyRequest) -> Response[UpcomingList]:
        """List what happens next, as far as it is known."""
        live, kept = site_of(request).live, kept_of(request)
        picture = await live.fresh()
        key = (picture.at_ms // KEPT_MS, picture.status is None)
        found = kept.known("next", key)
        if found is None:
            helm = helm_of(request)
            if picture.status is not None:
                await helm.look()
            states = helm.states if picture.status is not None else {}
            found = await kept.of("next", key, lambda: next_of(live, picture, states))
        return respond(request, found)

    @get("/shares", guards=[needs("view")], responses=problems(401, 403), operation_id="listShares", summary="Shares")
    async def shares(
        self,
        request: AnyRequest,
        limit: Limit = 100,
        cursor: Cursor = None,
        refused: FromQuery[bool] = False,
        worker: Worker = "",
    ) -> SharePage:
        """List what became of shares, newest minutes first, as far back as a day; `refused` leaves out good ones."""
        live = site_of(request).live
        now = live.clock.now() // MINUTE_MS
        place = Place.of(min(number_of(cursor, start=Place(minute=now).number), Place(minute=now + 1).number))
        store = await asyncio.to_thread(live.store)
        if store is None:
            return SharePage(next_cursor=None, shares=())
        wish = Wish(oldest=now - DAY, limit=limit, refused_only=refused)

        def look(connection: Connection) -> tuple[list[ShareRow], Place | None]:
            if worker:
                return read_worker(connection, place, wish, worker=worker, destinations=live.destinations())
            return read_page(connection, place, wish)

        rows, following = await asyncio.to_thread(store.read_tables, look)
        return SharePage(
            next_cursor=None if following is None else cursor_of(str(following.number)),
            shares=tuple(share_of(row) for row in rows),
        )

    @get(
        "/accounts",
        guards=[needs("money")],
        responses=ASKING,
        operation_id="listAccounts",
        summary="What pools owe us",
    )
    async def accounts(self, request: AnyRequest) -> AnsweredRows:
        """List our accounts at pools: expected by our count, credited and unpaid by theirs."""
        return AnsweredRows(rows=tuple(await site_of(request).live.ask("accounts")))

    @get(
        "/ledger/lots",
        guards=[needs("money")],
        responses=problems(401, 403, 409, 503),
        operation_id="listLots",
        summary="Lots of coins",
    )
    async def lots(self, request: AnyRequest, currency: Currency = "EUR", limit: Limit = 100) -> LotList:
        """List coins that are left, with what they were worth when they came in: the cost for taxes."""
        site = site_of(request)
        found = await read_books(site, lambda connection: lots_left(connection, currency.upper() or "EUR"))
        return LotList(
            at_ms=site.clock.now(), quote=currency.upper() or "EUR", total=len(found), lots=tuple(found[:limit])
        )


def kept_of(request: AnyRequest) -> Kept:
    """Return the answers that are the same for everybody."""
    kept: Kept = request.app.state.kept
    return kept


def net_of(live: Live, store: "Store", book: DayBook, *, now: int, quote: str, wanted: str) -> Net:
    """Read the books, and say what was left (on a thread); `wanted` is taken where prices in it are stored."""
    currency, spans = store.read_books(
        lambda connection: spans_of(connection, book, now=now, quote=quote or priced_in(connection, wanted, now=now))
    )
    told = store.settings(autopilot_settings.KIND)
    power = power_today(live, now, told)
    cost = None if power is None else power.cost_usd
    return Net(
        at_ms=now,
        currency=currency,
        wanted=wanted,
        spans=tuple(spans),
        power=power,
        today=today_of(spans[0], power_cost_usd=cost),
    )


def next_of(live: Live, picture: Picture, states: Mapping[str, list[dict[str, Any]]]) -> UpcomingList:
    """Read what is set, and say what comes (on a thread)."""
    store = live.store()
    settings = {} if store is None else store.settings(payouts.KIND)
    last = {} if store is None else store.read_tables(last_payouts)
    pilots = {"autopilots": states.get("route", ()), "powers": states.get("power", ())}
    found = upcoming(picture, payouts=settings, last_payouts=last, **pilots)
    return UpcomingList(at_ms=picture.at_ms, upcoming=tuple(found))


def power_today(live: Live, now: int, told: Mapping[str, Mapping[str, object]]) -> PowerToday | None:
    """Return what machines drew today; None where none says what it draws."""
    drawn = live.trend.energy(start_of(day_of(now)))
    if drawn is None:
        return None
    price = power_price_of(told)
    return PowerToday(
        kwh=drawn.kwh,
        since_ms=drawn.since_ms,
        power_w=live.picture.joined.power_w,
        price_usd_kwh=price,
        cost_usd=None if price is None else drawn.kwh * price,
    )


def share_of(row: ShareRow) -> ShareDocument:
    """Write a row."""
    return ShareDocument(
        at_ms=row.minute * MINUTE_MS,
        destination=row.destination,
        worker=row.worker,
        outcome=row.outcome,
        reason=row.reason,
        shares=row.shares,
        is_accepted=row.is_accepted,
        is_by_pool=row.is_by_pool,
    )


def lots_left(connection: Connection, quote: str) -> list[LotDocument]:
    """Return lots of which something is left, newest first.

    Raises:
        OperatorError: the currency is none (HW-745).
    """
    if not 3 <= len(quote) <= 12 or not quote.isalnum():
        raise OperatorError("Lots are valued in a currency.", code="HW-745", hint="Add currency=EUR.")
    entries = [entry for _, entry in ledger.read_entries(connection)]
    valuer = Valuer(read_prices(connection), quote=quote)
    found = [lot for lots in first_in_first_out(entries, valuer).open.values() for lot in lots if lot.left]
    return [
        LotDocument(
            at_ms=lot.at_ms,
            source=lot.source,
            currency=lot.currency.code,
            amount=Amount(lot.minor, lot.currency).text(),
            left=Amount(lot.left, lot.currency).text(),
            cost=None if lot.cost is None else Amount(lot.cost, valuer.quote).text(),
        )
        for lot in sorted(found, key=lambda lot: -lot.at_ms)
    ]
