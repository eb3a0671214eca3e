"""The market for plots: the depth of each book, and what was ordered and delivered over time."""

from litestar import Controller
from litestar.params import FromPath, FromQuery

from hashwright.errors import OperatorError
from hashwright.runtime.market_settings import check_account
from hashwright.web import market_sight
from hashwright.web.acting import Answered
from hashwright.web.api_market import account_of, own_account
from hashwright.web.context import AnyRequest, caller_of, site_of
from hashwright.web.documents import Document
from hashwright.web.operations import asking


class BidLevel(Document, frozen=True, kw_only=True):
    """What is wanted at one price [H/s]; a locked level is served before all others."""

    price: str
    is_locked: bool
    limit_hs: float
    matched_hs: float
    orders: int


class AskLevel(Document, frozen=True, kw_only=True):
    """What is offered at one floor price [H/s]."""

    floor: str
    rate_hs: float
    sold_hs: float
    machines: int


class Depth(Document, frozen=True, kw_only=True):
    """A book as levels: bids from the best price down, asks from the cheapest up. Nobody is named."""

    at_ms: int
    algorithm: str
    unit: str
    currency: str
    wanted_hs: float
    matched_hs: float
    offered_hs: float
    bids: tuple[BidLevel, ...]
    asks: tuple[AskLevel, ...]


class MarketDataController(Controller):
    """Buying and selling hash power, as numbers over price and time."""

    path = "/api/v1/market"
    tags = ("market",)

    @asking("/depth", "view", "trade", "own", name="readDepth", summary="Depth of a book")
    async def depth(self, request: AnyRequest, algorithm: FromQuery[str] = "") -> Depth:
        """Show what is wanted at each price and offered at each floor."""
        return Depth(**await site_of(request).live.ask("market-depth", algorithm=algorithm[:20]))

    @asking(
        "/orders/{order:str}/delivery", "view", "trade", name="readOrderDelivery", summary="Ordered against delivered"
    )
    async def of_order(
        self, request: AnyRequest, order: FromPath[str], hours: FromQuery[float] = 24.0, points: FromQuery[int] = 96
    ) -> Answered:
        """Show what an order asked for and what it got, in `points` steps up to now.

        Rates are means [H/s] of each step; `delivered_hs` is work that was paid for, `paid` what it cost.
        """
        caller = caller_of(request)
        found = await site_of(request).live.ask("market-delivery", order=order[:64], hours=hours, points=points)
        return Answered(result=market_sight.delivery_for(caller, account_of(caller), found))

    @asking(
        "/sellers/{account:str}/delivery", "money", "own", name="readSellerDelivery", summary="What a seller delivered"
    )
    async def of_seller(
        self, request: AnyRequest, account: FromPath[str], hours: FromQuery[float] = 24.0, points: FromQuery[int] = 96
    ) -> Answered:
        """Show what a seller delivered to orders and earned by it, market by market; a member sees his own."""
        caller = caller_of(request)
        if not caller.may("money") and account != own_account(caller):
            raise OperatorError("You may see your own sales only.", code="HW-741")
        seller = check_account(account)
        found = await site_of(request).live.ask("market-delivery", seller=seller, hours=hours, points=points)
        return Answered(result=found)
