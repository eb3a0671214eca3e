"""Known prices, for showing coins in money too: each with its age and source. Nobody is asked for them here."""

import asyncio

from litestar import Controller, Response
from litestar.params import JSONBody

from hashwright import registry
from hashwright.runtime.market_data import load_market
from hashwright.web.context import AnyRequest, IdempotencyKey, act, site_of
from hashwright.web.documents import Document
from hashwright.web.operations import acting, asking
from hashwright.web.preferences import Preferences, rate_of


class Price(Document, frozen=True, kw_only=True):
    """What a coin is known to cost [USD], since when, and by whom. `is_snapshot`: it came with the package."""

    coin: str
    ticker: str
    usd: float
    at_ms: int
    sources: tuple[str, ...]
    is_snapshot: bool


class RateDocument(Document, frozen=True, kw_only=True):
    """What one unit of the owner's money is in dollars, since when, and by whom."""

    usd: float
    at_ms: int
    sources: tuple[str, ...]
    is_snapshot: bool


class PriceList(Document, frozen=True, kw_only=True):
    """Known prices, and the money that worths are shown in. `rate` is null where none is stored: then none is shown."""

    at_ms: int
    currency: str
    rate: RateDocument | None
    prices: tuple[Price, ...]


class CurrencyWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The money that worths are shown in."""

    currency: str


class PriceController(Controller):
    """Known prices."""

    path = "/api/v1/prices"
    tags = ("look",)

    @asking("", "view", "own", "trade", name="listPrices", summary="Known prices with their age")
    async def prices(self, request: AnyRequest) -> PriceList:
        """List the price of each coin; one that is not known is left out."""
        return await listed(request)

    @acting("put /currency", "manage", name="setCurrency", summary="Choose the money of all pages")
    async def currency(
        self, request: AnyRequest, data: JSONBody[CurrencyWish], key: IdempotencyKey
    ) -> Response[PriceList]:
        """Choose the money that worths are shown in, for everybody who looks; books and prices stay as they are."""

        async def work() -> PriceList:
            await asyncio.to_thread(preferences_of(request).set_currency, data.currency.strip().upper())
            return await listed(request)

        return await act(request, key, "set currency", data.currency[:12], work)


def preferences_of(request: AnyRequest) -> Preferences:
    """Return the choices of the site."""
    found: Preferences = request.app.state.preferences
    return found


async def listed(request: AnyRequest) -> PriceList:
    """Read prices and the rate of the owner's money."""
    site = site_of(request)
    now = site.clock.now()
    market = await asyncio.to_thread(load_market, site.live.folder)
    currency = await asyncio.to_thread(lambda: preferences_of(request).currency)
    rate = rate_of(market, currency, now_ms=now)
    found = []
    for name in registry.names("coins"):
        coin = registry.load("coins", name).COIN
        fact = market.fact(coin.key, "price_usd")
        if fact is not None:
            found.append(
                Price(
                    coin=coin.key,
                    ticker=coin.ticker,
                    usd=float(fact.value),
                    at_ms=fact.at_ms,
                    sources=fact.sources,
                    is_snapshot=fact.is_snapshot,
                )
            )
    return PriceList(
        at_ms=now,
        currency=currency,
        rate=None
        if rate is None
        else RateDocument(usd=rate.usd, at_ms=rate.at_ms, sources=rate.sources, is_snapshot=rate.is_snapshot),
        prices=tuple(found),
    )
