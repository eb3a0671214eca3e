"""Known prices, for showing coins in dollars too: each with its age and source. Nobody is asked for them here."""

import asyncio

from litestar import Controller, get

from hashwright import registry
from hashwright.runtime.market_data import load_market
from hashwright.web.context import AnyRequest, needs, problems, site_of
from hashwright.web.documents import Document


class Price(Document, frozen=True, kw_only=True):
    """What a coin is known to cost [USD], since when, and by whom. `is_snapshot`: it came with the package."""

    coin: str
    ticker: str
    usd: float
    at_ms: int
    sources: tuple[str, ...]
    is_snapshot: bool


class PriceList(Document, frozen=True, kw_only=True):
    """Known prices."""

    at_ms: int
    prices: tuple[Price, ...]


class PriceController(Controller):
    """Known prices."""

    path = "/api/v1/prices"
    tags = ("look",)
    guards = (needs("view"),)

    @get("", responses=problems(401, 403), operation_id="listPrices", summary="Known prices with their age")
    async def prices(self, request: AnyRequest) -> PriceList:
        """List the price of each coin; one that is not known is left out."""
        site = site_of(request)
        market = await asyncio.to_thread(load_market, site.live.folder)
        found = []
        for name in registry.names("coins"):
            coin = registry.load("coins", name).COIN
            fact = market.fact(coin.key, "price_usd")
            if fact is None:
                continue
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
        return PriceList(at_ms=site.clock.now(), prices=tuple(found))
