"""The market: its book, orders, sales, funds. What is seen of others is cut here; what is done, the engine judges.

An owner acts for every account. A buyer acts for the account of his own name and for no other; a member sells his own
machines. An operator sees the book without money, and may end an order, for that spends nothing.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Controller, Response, post
from litestar.params import FromPath, FromQuery, JSONBody

from hashwright.errors import HashwrightError, OperatorError, Unavailable
from hashwright.runtime.market_settings import KIND, check_account
from hashwright.web import market_sight
from hashwright.web.acting import ASKING, Answered, Command, reference_of, send
from hashwright.web.context import AnyRequest, IdempotencyKey, caller_of, needs_any, site_of
from hashwright.web.documents import Document
from hashwright.web.operations import acting, asking
from hashwright.web.roles import Caller

Short = Annotated[str, msgspec.Meta(max_length=200)]
Number = Annotated[str, msgspec.Meta(max_length=60)]
Algorithm = Annotated[str, msgspec.Meta(max_length=20)]
SPENDS: Final = ("refill", "reprice", "limit")


class Markets(Document, frozen=True, kw_only=True):
    """The book of each market, cut to what the caller may see; amounts are decimals as text."""

    at_ms: int
    account: str
    books: tuple[dict[str, Any], ...]


class QuoteWish(Document, frozen=True, kw_only=True):
    """What would it cost, or earn? `limit` to buy, or `sell`; an estimate."""

    algorithm: Algorithm = ""
    limit: Number = ""
    price: Number = ""
    budget: Number = ""
    sell: Number = ""
    floor: Number = ""


class OrderWish(Document, frozen=True, kw_only=True):
    """An order for hash power. `account` is for an owner only: whose funds are held."""

    price: Number
    limit: Number
    budget: Number
    pool: Short
    user: Short
    password: Short = "x"  # noqa: S105 (what pools take for any)
    minimum: Number = ""
    lock_hours: Annotated[float, msgspec.Meta(ge=0, le=240)] = 0.0
    days: Annotated[float, msgspec.Meta(ge=0, le=365)] = 0.0
    algorithm: Algorithm = ""
    account: Short = ""


class OrderChange(Document, frozen=True, kw_only=True):
    """End an order, add to its budget, or give it another price or limit."""

    what: Literal["cancel", "refill", "reprice", "limit"]
    value: Number = ""


class SaleWish(Document, frozen=True, kw_only=True):
    """Sell an account's machines from a price up, or stop it."""

    floor: Number = ""
    stop: bool = False
    algorithm: Algorithm = ""


class FundWish(Document, frozen=True, kw_only=True):
    """An amount of the market's coin."""

    amount: Number
    algorithm: Algorithm = ""


class WithdrawalWish(FundWish, frozen=True, kw_only=True):
    """An amount of the market's coin. `account` is for an owner only: whose free funds they are."""

    account: Short = ""


class MarketWish(Document, frozen=True, kw_only=True):
    """Settings of a market to change."""

    changes: Annotated[dict[str, str | float | bool], msgspec.Meta(max_length=30)]


class MarketController(Controller):
    """Buying and selling hash power."""

    path = "/api/v1/market"
    tags = ("market",)

    @asking("", "view", "trade", "own", name="readMarkets", summary="Order books")
    async def books(self, request: AnyRequest) -> Markets:
        """Show the book of each market."""
        site, caller = site_of(request), caller_of(request)
        store = await asyncio.to_thread(site.live.store)
        stored = {} if store is None else await asyncio.to_thread(store.settings, KIND)
        books = []
        for algorithm in sorted(stored):
            try:
                book = await site.live.ask("market-book", algorithm=algorithm)
                settings = await site.live.ask("market-settings", algorithm=algorithm)
            except Unavailable:
                raise
            except HashwrightError as error:  # one that cannot run now does not hide the others
                books.append({"algorithm": algorithm, "problem": str(error)})
                continue
            books.append(market_sight.book_for(caller, account_of(caller), {**book, "terms": settings}))
        return Markets(at_ms=site.clock.now(), account=account_of(caller), books=tuple(books))

    @post(
        "/quotes",
        status_code=200,
        guards=[needs_any("view", "trade", "own")],
        responses=ASKING,
        operation_id="quoteMarket",
        summary="What would it cost, or earn?",
    )
    async def quote(self, request: AnyRequest, data: JSONBody[QuoteWish]) -> Answered:
        """Preview a clearing; nothing is changed."""
        wish = {name: value for name, value in msgspec.to_builtins(data).items() if value}
        return Answered(result=await site_of(request).live.ask("market-quote", **wish))

    @asking("/orders", "money", "trade", "own", name="listOrders", summary="Orders and sales")
    async def orders(self, request: AnyRequest, account: FromQuery[str] = "") -> Answered:
        """Show orders that stand and stood, and what sellers got; of one's own account where one is not the owner."""
        caller = caller_of(request)
        name = account[:200] if caller.may("money") else own_account(caller)
        found = await site_of(request).live.ask("market-history", account=name)
        return Answered(result=market_sight.history_for(caller, name, found))

    @acting("post /orders", "pay", "trade", name="placeOrder", summary="Buy hash power")
    async def place(self, request: AnyRequest, data: JSONBody[OrderWish], key: IdempotencyKey) -> Response[Answered]:
        """Place an order: its budget is held at once, its pool is looked at before it gets anything."""
        caller = caller_of(request)
        wish = {name: value for name, value in msgspec.to_builtins(data).items() if value}
        wish |= {"account": acting_account(caller, data.account), "reference": reference_of(caller, key)}
        target = f"{wish['account']}: {data.limit} at {data.price}, {data.budget}, {data.pool}"
        return await send(request, key, Command(verb="market-order", target=target, arguments=wish))

    @acting(
        "post /orders/{order:str}/changes",
        "pay",
        "trade",
        "operate",
        name="changeOrder",
        summary="End, refill or reprice an order",
    )
    async def change(
        self, request: AnyRequest, order: FromPath[str], data: JSONBody[OrderChange], key: IdempotencyKey
    ) -> Response[Answered]:
        """Change an order. Who only operates may end it, and nothing else."""
        caller = caller_of(request)
        is_free = caller.may("pay") or (data.what == "cancel" and caller.may("operate"))
        if data.what in SPENDS and not (caller.may("pay") or caller.may("trade")):
            raise OperatorError("You may end an order, and change nothing else of it.", code="HW-741")
        arguments = {
            "order": order,
            "what": data.what,
            "value": data.value,
            "account": "" if is_free else own_account(caller),
            "reference": reference_of(caller, key),
        }
        return await send(
            request, key, Command(verb="market-change", target=f"{order} {data.what} {data.value}", arguments=arguments)
        )

    @acting("put /sales/{account:str}", "pay", name="setSale", summary="Sell an account's machines")
    async def sale(
        self, request: AnyRequest, account: FromPath[str], data: JSONBody[SaleWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Let the machines of an account be sold, or no longer."""
        return await sell(request, key, account, data)

    @acting("put /sale", "own", name="setOwnSale", summary="Sell one's own machines")
    async def own_sale(self, request: AnyRequest, data: JSONBody[SaleWish], key: IdempotencyKey) -> Response[Answered]:
        """Let a member's own machines be sold, or no longer."""
        return await sell(request, key, own_account(caller_of(request)), data)

    @asking("/deposit", "trade", "pay", name="readDeposit", summary="Where funds come in")
    async def deposit(
        self, request: AnyRequest, algorithm: FromQuery[str] = "", account: FromQuery[str] = ""
    ) -> Answered:
        """Show the address that credits an account, and what came there: the caller's own, or for an owner any."""
        name = acting_account(caller_of(request), account[:200])
        live = site_of(request).live
        return Answered(result=await live.ask("market-deposit", account=name, algorithm=algorithm[:20]))

    @acting("post /withdrawals", "trade", "pay", name="withdrawFunds", summary="Take free funds out")
    async def withdraw(
        self, request: AnyRequest, data: JSONBody[WithdrawalWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Move free funds to what the pool's payouts pay their account: the caller's own, or for an owner any."""
        return await move(request, key, "market-withdraw", acting_account(caller_of(request), data.account), data)

    @acting("post /funds/{account:str}", "pay", name="fundAccount", summary="Credit a buyer by the owner's word")
    async def fund(
        self, request: AnyRequest, account: FromPath[str], data: JSONBody[FundWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Credit a buyer with money that came outside of the wallet; the books say that it was the owner's word."""
        return await move(request, key, "market-fund", account, data)

    @acting("put /settings/{algorithm:str}", "pay", name="setMarket", summary="Open a market, or change its terms")
    async def settings(
        self, request: AnyRequest, algorithm: FromPath[str], data: JSONBody[MarketWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Open the market of an algorithm, or change its settings."""
        words = ", ".join(f"{name}={value}" for name, value in data.changes.items())
        arguments = {"algorithm": algorithm, "changes": data.changes}
        return await send(
            request, key, Command(verb="market-settings", target=f"{algorithm}: {words}", arguments=arguments)
        )


async def sell(request: AnyRequest, key: str, account: str, data: SaleWish) -> Response[Any]:
    """Set or end a sale."""
    arguments: Mapping[str, Any] = {
        "account": account,
        "floor": data.floor,
        "stop": data.stop,
        "algorithm": data.algorithm,
    }
    words = "stops" if data.stop else f"from {data.floor or 'the floor'}"
    return await send(request, key, Command(verb="market-sell", target=f"{account} {words}", arguments=arguments))


async def move(
    request: AnyRequest, key: str, verb: str, account: str, data: FundWish | WithdrawalWish
) -> Response[Any]:
    """Move funds of an account in or out."""
    arguments: Mapping[str, Any] = {
        "account": account,
        "amount": data.amount,
        "algorithm": data.algorithm,
        "reference": reference_of(caller_of(request), key),
    }
    return await send(request, key, Command(verb=verb, target=f"{account} {data.amount}", arguments=arguments))


def account_of(caller: Caller) -> str:
    """Return the market's account of a caller; empty where he has none."""
    if caller.role == "member":
        return caller.member
    return caller.name if caller.may("trade") else ""


def own_account(caller: Caller) -> str:
    """Return the market's account of a caller.

    Raises:
        OperatorError: his name cannot be one (HW-972).
    """
    name = account_of(caller)
    try:
        return check_account(name)
    except HashwrightError as error:
        raise OperatorError(f"{name[:40]!r} cannot be an account of the market.", code="HW-972") from error


def acting_account(caller: Caller, wanted: str) -> str:
    """Return for whom a caller buys: an owner for whom he says, anybody else for himself.

    Raises:
        OperatorError: an owner names nobody (HW-972), or somebody names another (HW-741).
    """
    if caller.may("pay"):
        if not wanted:
            raise OperatorError("Say whose funds are held.", code="HW-972", hint="Name an account.")
        return wanted
    if wanted not in ("", own_account(caller)):
        raise OperatorError("You may buy for your own account only.", code="HW-741")
    return own_account(caller)
