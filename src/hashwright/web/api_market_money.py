"""Money that comes to a market: the address of an account as a picture too, and what came there.

Who trades sees the address of his own account; an owner that of each, to hand it on.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Annotated, Any, Final

from litestar import Controller, get
from litestar.params import FromPath, QueryParameter

from hashwright import registry
from hashwright.economics import hashprice
from hashwright.economics.coin_facts import CoinFacts, reward_coins
from hashwright.errors import HashwrightError
from hashwright.runtime.market_data import load_market
from hashwright.web.acting import ASKING
from hashwright.web.api_market import own_account
from hashwright.web.context import AnyRequest, caller_of, needs, site_of
from hashwright.web.documents import Document
from hashwright.web.operations import asking

ADDRESS_MAX: Final = 500
"""No address of a coin is as long; more than that is no picture for a phone."""
QUIET_ZONE: Final = 4
"""Empty modules around a picture (ISO/IEC 18004)."""
LETTERS: Final = ("", "k", "M", "G", "T", "P", "E")
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


class MiningPrice(Document, frozen=True, kw_only=True):
    """What the same hash rate earns by mining the market's coin itself, before fees and power: estimated.

    `price` is in the market's unit; null where the coin pays nothing (a test chain) or its difficulty is not known.
    `at_ms` is when that difficulty was true.
    """

    algorithm: str
    unit: str
    price: float | None
    at_ms: int | None
    sources: tuple[str, ...]


class MarketMoneyController(Controller):
    """Funds that come in."""

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

    @asking("/mining-price", "view", "trade", "own", name="readMiningPrice", summary="What mining itself pays")
    async def mining_price(self, request: AnyRequest, algorithm: Algorithm = "") -> MiningPrice:
        """Show what hash rate earns by mining, to hold prices of the book against; it asks nobody outside."""
        site = site_of(request)
        terms = await site.live.ask("market-settings", algorithm=algorithm)
        market = await asyncio.to_thread(load_market, site.live.folder)
        return mining_price_of(market, terms, now_ms=site.clock.now())


def mining_price_of(market: CoinFacts, terms: Mapping[str, Any], *, now_ms: int) -> MiningPrice:
    """Return what a unit of hash rate earns a day in the market's coin."""
    code, unit = str(terms.get("currency", "")), str(terms.get("unit", ""))
    letter = unit.rpartition("H/day")[0].rpartition("/")[2]
    coins = [registry.load("coins", name).COIN for name in registry.names("coins")]
    coin = next((it for it in coins if it.ticker == code and it.economy is not None), None)
    known = None if coin is None else market.fact(coin.key, "difficulty")
    price = None
    if coin is not None and known is not None and letter in LETTERS:
        work = hashprice.work_hashes(float(known.value), coin.economy.work_factor)
        with contextlib.suppress(HashwrightError):  # nothing is known of what it pays: then nothing is said
            reward = sum(reward_coins(coin, market, now_ms=now_ms))
            price = hashprice.coins_per_day(1000.0 ** LETTERS.index(letter), work, reward)
    return MiningPrice(
        algorithm=str(terms.get("algorithm", "")),
        unit=unit,
        price=price,
        at_ms=None if price is None or known is None else known.at_ms,
        sources=() if price is None or known is None else known.sources,
    )


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
