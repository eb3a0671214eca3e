"""What to keep and what to sell over HTTP: `hw ledger hold` and `hw ledger sale`. None of it sells."""

from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response
from litestar.params import FromPath, JSONBody

from hashwright.web.acting import Answered, Command, send
from hashwright.web.api_books import Currency, read_books
from hashwright.web.context import AnyRequest, IdempotencyKey, site_of
from hashwright.web.documents import Document
from hashwright.web.hold import HoldDocument, read_hold
from hashwright.web.operations import acting, asking

Money = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
LAST_MS = 4_102_444_800_000
"""The year 2100: a later day is a slip."""


class HoldWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rule of a coin from now on; `part` such as `50%` goes with `share`."""

    kind: Literal["keep", "cover", "share"]
    part: Annotated[str, msgspec.Meta(max_length=12)] = ""


class CoinSaleWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Coins that an upstream had paid out, and what they were sold for: `0.01 BTC`, `900.00 EUR`."""

    upstream: Name
    coins: Money
    money: Money
    at_ms: Annotated[int, msgspec.Meta(ge=0, le=LAST_MS)]
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    place: Name = "exchange"


class HoldController(Controller):
    """Coins to keep, and coins that were sold."""

    path = "/api/v1/ledger"
    tags = ("books",)

    @asking("/hold", "money", name="readHold", summary="What the rules recommend")
    async def hold(self, request: AnyRequest, currency: Currency = "") -> HoldDocument:
        """Show what the rule of each coin says to sell now, and what it and its owner sold until now."""
        now = site_of(request).clock.now()
        return await read_books(site_of(request), lambda it: read_hold(it, currency.upper(), now_ms=now))

    @acting("put /hold/{coin:str}", "pay", name="setHold", summary="Set the rule of a coin")
    async def set_rule(
        self, request: AnyRequest, coin: FromPath[str], data: JSONBody[HoldWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Set it from now on; what was before stays as it was."""
        arguments = {"coin": coin[:12].upper(), "kind": data.kind, "part": data.part}
        target = f"{arguments['coin']} {data.kind} {data.part}".strip()
        return await send(request, key, Command(verb="ledger-hold", target=target, arguments=arguments))

    @acting("post /sales", "pay", name="bookSale", summary="Book coins that were sold")
    async def sale(self, request: AnyRequest, data: JSONBody[CoinSaleWish], key: IdempotencyKey) -> Response[Answered]:
        """Book a sale; the same reference is booked once, also from another page."""
        target = f"{data.upstream}: {data.coins} for {data.money}, {data.reference}"
        arguments = msgspec.to_builtins(data)
        return await send(request, key, Command(verb="ledger-sale", target=target, arguments=arguments))
