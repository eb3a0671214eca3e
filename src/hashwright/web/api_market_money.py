"""Money that comes to a market, and what orders got of it: addresses with their pictures, delivered against ordered.

Who trades sees the address of his own account; an owner that of each, to hand it on. The plot of an order is measured:
work that our judge accepted for it, five minutes by five minutes, as long as the day that the web remembers.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from litestar import Controller, get
from litestar.params import FromPath, QueryParameter

from hashwright.errors import EXIT_NOTHING, OperatorError
from hashwright.web.acting import ASKING
from hashwright.web.api_market import own_account
from hashwright.web.context import AnyRequest, caller_of, needs, needs_any, site_of
from hashwright.web.documents import Document
from hashwright.web.live import history_of
from hashwright.web.rates import RateBook

ADDRESS_MAX: Final = 500
"""No address of a coin is as long; more than that is no picture for a phone."""
QUIET_ZONE: Final = 4
"""Empty modules around a picture (ISO/IEC 18004)."""
Algorithm = Annotated[str, QueryParameter(name="algorithm", max_length=20)]


class Funding(Document, frozen=True, kw_only=True):
    """Where the funds of an account come in, and what came. `picture` is the address as a QR code."""

    account: str
    address: str
    needed: int
    free: str
    deposits: tuple[dict[str, Any], ...]
    picture: "Picture | None"


class Picture(Document, frozen=True, kw_only=True):
    """A QR code to draw: an SVG path of dark modules in a square of `size` modules, with its quiet zone."""

    size: int
    path: str


class Delivery(Document, frozen=True, kw_only=True):
    """What an order got against what it asked for, over a day [H/s].

    `delivered_hs` is measured by accepted work, null before the order and after its end; `ordered_hs` is the limit as
    it stands now.
    """

    at_ms: int
    order: str
    state: str
    times_s: tuple[int, ...]
    delivered_hs: tuple[float | None, ...]
    ordered_hs: float


class MarketMoneyController(Controller):
    """Funds that come in, and what they bought."""

    path = "/api/v1/market"
    tags = ("market",)

    @get(
        "/funding",
        guards=[needs("trade")],
        responses=ASKING,
        operation_id="readFunding",
        summary="Where one's own funds come in, as a picture too",
    )
    async def own_funding(self, request: AnyRequest, algorithm: Algorithm = "") -> Funding:
        """Show the address that credits the caller's account, with what came and how deep it is."""
        return await funding(request, own_account(caller_of(request)), algorithm)

    @get(
        "/funding/{account:str}",
        guards=[needs("pay")],
        responses=ASKING,
        operation_id="readFundingOf",
        summary="Where the funds of an account come in",
    )
    async def funding_of(self, request: AnyRequest, account: FromPath[str], algorithm: Algorithm = "") -> Funding:
        """Show the address of an account, for its owner to hand on."""
        return await funding(request, account[:200], algorithm)

    @get(
        "/orders/{order:str}/delivery",
        guards=[needs_any("money", "trade")],
        responses=ASKING,
        operation_id="readDelivery",
        summary="Delivered against ordered",
    )
    async def delivery(self, request: AnyRequest, order: FromPath[str]) -> Delivery:
        """Show what an order got over the last day; of one's own orders, where one is not the owner."""
        live, caller = site_of(request).live, caller_of(request)
        account = "" if caller.may("money") else own_account(caller)
        found = await live.ask("market-history", account=account)
        row = next((it for it in found["orders"] if it["order"] == order), None)
        if row is None:
            raise missing(order)
        await live.fresh()
        return delivery_of(live.book, row, now_ms=site_of(request).clock.now())


async def funding(request: AnyRequest, account: str, algorithm: str) -> Funding:
    """Ask for the address of an account, and draw it."""
    found: Mapping[str, Any] = await site_of(request).live.ask("market-deposit", account=account, algorithm=algorithm)
    return Funding(
        account=found["account"],
        address=found["address"],
        needed=found["needed"],
        free=found["free"],
        deposits=tuple(found["deposits"]),
        picture=picture_of(found["address"]),
    )


def picture_of(text: str) -> Picture | None:
    """Return a text as a QR code; None where it is too long for one that a phone reads."""
    if len(text) > ADDRESS_MAX:
        return None
    import segno

    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    runs = [
        f"M{begin + QUIET_ZONE} {line + QUIET_ZONE}h{length}v1h-{length}z"
        for line, row in enumerate(rows)
        for begin, length in _dark(row)
    ]
    return Picture(size=len(rows) + 2 * QUIET_ZONE, path="".join(runs))


def _dark(row: bytes) -> list[tuple[int, int]]:
    """Return where dark modules begin in a row, and how many stand together."""
    found: list[tuple[int, int]] = []
    for place, is_dark in enumerate(row):
        if not is_dark:
            continue
        if found and sum(found[-1]) == place:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((place, 1))
    return found


def delivery_of(book: RateBook, row: Mapping[str, Any], *, now_ms: int) -> Delivery:
    """Return the plot of an order by the rates that the web remembers."""
    plot = history_of(book, now_ms)
    times: list[int] = plot["times_s"]
    got = plot["destinations"].get(row["order"]) or [0.0] * len(times)
    is_open = row["state"] in ("active", "paused", "closing")
    begins, ends = row["created_ms"] / 1000, now_ms / 1000 if is_open else row["changed_ms"] / 1000
    return Delivery(
        at_ms=now_ms,
        order=row["order"],
        state=row["state"],
        times_s=tuple(times),
        delivered_hs=tuple(
            rate if begins < at + 300 and at <= ends else None for at, rate in zip(times, got, strict=True)
        ),
        ordered_hs=float(row["limit_hs"]),
    )


def missing(order: str) -> OperatorError:
    """Make the error of an order that is not there, or not the caller's: nobody is told which."""
    error = OperatorError(f"There is no order {order[:40]}.", code="HW-867", hint="hw market history lists them.")
    error.exit_code = EXIT_NOTHING
    return error
