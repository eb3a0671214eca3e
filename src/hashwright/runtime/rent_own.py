"""The own market as one that can be rented on, so that one bot and one rule serve it and the public ones.

A buyer is an account with funds here (`hw market deposit`). Its order gets our id as its reference: the engine gives
the same reference the same answer, so a place that is asked twice is one order. What is sent and not answered in time
may have been done, and says so (HW-883).

The book is told in the words of the public ones, as orders that are served: a machine that works for somebody else's
order costs a step more than that order pays; one that is free, or works for ours, costs its seller's floor.
"""

import asyncio
from collections.abc import Awaitable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from hashwright.adapters.markets.base import Level, Plugin, Rental, Rules, Wish
from hashwright.errors import TimedOut, Unavailable
from hashwright.market import contract
from hashwright.market.delivery import rate_of
from hashwright.market.records import OPEN, MarketState, Order, Terms
from hashwright.market.steering import sale_key
from hashwright.money import decimal_text
from hashwright.runtime import market_commands
from hashwright.store import market as rows
from hashwright.store.market_memory import read_placed

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright
    from hashwright.store.connection import Connection

EH_POWER: Final = 18
LIMIT_MAX_HS: Final = 1e24
PLACED: Final = "hw-"
"""How the references of requests that place an order begin."""


class OwnMarket:
    """The market of an algorithm here, for one buying account."""

    def __init__(self, app: "Hashwright", account: str, algorithm: str) -> None:
        self._app, self._account, self._algorithm = app, account, algorithm

    async def aclose(self) -> None:
        """Close nothing: it is this program."""

    async def rules(self, algorithm: str) -> Rules:
        """Return the published settings; a buyer pays no fee on top."""
        terms = self._app.market.terms_of(algorithm)
        return Rules(
            fee_part=Decimal(0),
            order_fee=Decimal(0),
            minimum_amount=_coins(terms.minimum_amount, terms),
            minimum_limit_hs=terms.minimum_limit_hs,
            maximum_limit_hs=LIMIT_MAX_HS,
            price_step=price_of(terms.price_step, terms),
            price_down=Decimal(0),
            down_every_s=terms.cooldown_ms // 1000,
        )

    async def book(self, algorithm: str) -> list[Level]:
        """Return what hash power costs here, machine by machine."""
        terms = self._app.market.terms_of(algorithm)
        return own_book(self._app.market.state, terms, self._account, now=self._app.clock.now())

    async def rentals(self, algorithm: str) -> list[Rental]:
        """Return the account's orders; those that are over come from the database."""
        terms, state = self._app.market.terms_of(algorithm), self._app.market.state
        account = self._account

        def look(connection: "Connection") -> tuple[list[rows.OrderRow], dict[str, str]]:
            return rows.read_orders(connection, account=account), read_placed(connection, account, PLACED)

        known, old = await asyncio.to_thread(self._app.store.read_books, look)
        begin = f"{account}/{PLACED}"
        live = {it.order: key.partition("/")[2] for key, it in state.given.items() if key.startswith(begin)}
        named = old | live  # the engine knows the newest answers only
        mine = [it for it in state.orders.values() if (it.account, it.algorithm) == (account, algorithm)]
        standing = {it.id: _rental(it, terms, named.get(it.id, "")) for it in mine}
        over = [it for it in known if it.algorithm == algorithm and it.id not in standing]
        return [*standing.values(), *(_rental_of_row(it, terms, named.get(it.id, "")) for it in over)]

    async def place(self, wish: Wish) -> str:
        """Place an order under our id; asked twice, it is one."""
        terms = self._app.market.terms_of(wish.algorithm)
        asked = {
            "account": self._account, "reference": wish.client_id, "algorithm": wish.algorithm,
            "price": decimal_text(minor_price(wish.price, terms), terms.exponent), "limit": f"{wish.limit_hs:.0f}H/s",
            "budget": decimal_text(int(wish.amount * Decimal(10) ** terms.exponent), terms.exponent),
            "pool": wish.pool_url, "user": wish.pool_user, "password": wish.pool_password,
        }  # fmt: skip
        answer = await self._sent(market_commands.place_order(self._app, asked))
        return str(answer["order"])

    async def reprice(self, rental: Rental, price: Decimal, limit_hs: float, algorithm: str) -> None:
        """Change the price; the limit stays as it was placed."""
        del limit_hs
        terms = self._app.market.terms_of(algorithm)
        await self._change(rental, "reprice", decimal_text(minor_price(price, terms), terms.exponent))

    async def refill(self, rental: Rental, amount: Decimal) -> None:
        """Add to an order's amount."""
        terms = self._app.market.terms_of(self._algorithm)
        minor = int(amount * Decimal(10) ** terms.exponent)
        await self._change(rental, "refill", decimal_text(minor, terms.exponent))

    async def cancel(self, rental: Rental) -> None:
        """End an order."""
        await self._change(rental, "cancel", "")

    async def _change(self, rental: Rental, what: str, value: str) -> None:
        reference = f"hc-{self._app.rng.getrandbits(80):020x}"
        asked = {"order": rental.id, "what": what, "value": value, "reference": reference, "account": self._account}
        await self._sent(market_commands.change_order(self._app, asked))

    async def _sent(self, asked: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        try:
            return await asked
        except Unavailable as problem:
            text = f"The own market did not answer: {problem.message} Whether it was done is not known."
            raise TimedOut(text, code="HW-883") from problem


def own_book(state: MarketState, terms: Terms, account: str, *, now: int) -> list[Level]:
    """Return what hash power costs an account here, as orders that are served at a price a step below."""
    levels = []
    for machine in state.machines.values():
        sale = state.sales.get(sale_key(machine.account, machine.algorithm))
        rate = rate_of(machine, now=now) if sale is not None else 0.0
        is_for_sale = machine.moves_freely and now >= machine.shy_until and machine.account != account
        if sale is None or rate <= 0 or machine.algorithm != terms.algorithm or not is_for_sale:
            continue
        order = state.orders.get(machine.bound)
        is_taken = order is not None and order.account != account
        below = order.price if order is not None and is_taken else max(sale.floor, terms.floor) - terms.price_step
        levels.append(
            Level(id="", price=price_of(max(below, 0), terms), limit_hs=rate, speed_hs=rate, is_alive=True)
        )  # fmt: skip
    return levels


def price_of(minor: int, terms: Terms) -> Decimal:
    """Return a price [coins for one EH/s and day]."""
    return _coins(minor, terms) * Decimal(10) ** (EH_POWER - terms.unit)


def minor_price(price: Decimal, terms: Terms) -> int:
    """Return a price as the market has it [minor units a price unit]; a part of one is cut off."""
    return int(price * Decimal(10) ** terms.exponent / Decimal(10) ** (EH_POWER - terms.unit))


def _coins(minor: int, terms: Terms) -> Decimal:
    return Decimal(minor) / Decimal(10) ** terms.exponent


def _rental(order: Order, terms: Terms, client_id: str) -> Rental:
    gross = sum(it.gross for it in order.contracts.values())
    return Rental(
        id=order.id,
        client_id=client_id,
        price=price_of(order.price, terms),
        limit_hs=order.limit_hs,
        amount=_coins(order.budget, terms),
        spent=_coins(gross, terms),
        estimated=_coins(contract.estimate(order, terms.scale), terms),
        speed_hs=order.matched_hs,
        work=Decimal(order.work),
        rejected=Decimal(0),
        is_open=order.state in OPEN and order.state != "closing",
        state=order.state,
    )


def _rental_of_row(row: rows.OrderRow, terms: Terms, client_id: str) -> Rental:
    committed = _coins(row.committed, terms)
    return Rental(
        id=row.id, client_id=client_id, price=price_of(row.price, terms), limit_hs=row.limit_hs,
        amount=_coins(row.budget, terms), spent=committed, estimated=committed, speed_hs=0.0, work=Decimal(row.work),
        rejected=Decimal(0), is_open=False, state=row.state,
    )  # fmt: skip


def plugin_of(app: "Hashwright", account: str, algorithm: str) -> Plugin:
    """Return the own market as a public one is told of.

    Raises:
        OperatorError: there is no market of that algorithm here (HW-860).
    """
    terms = app.market.terms_of(algorithm)
    destination = app.kernel.pool.destinations.get(terms.books)
    return Plugin(
        title="the own market",
        url="",
        seen="own",
        algorithms={algorithm: algorithm},
        open=lambda _: OwnMarket(app, account, algorithm),
        coin="" if destination is None else destination.settings.coin,
        network="" if destination is None else destination.settings.network,
    )
