"""The market in the running program: looks at buyers' pools, connects to them, and brings answers to who asked.

What an order is and gets, the engine says. This file only does it: an order's pool is an upstream like any other, but
its address is somebody else's, so it goes through the gate by the rules for buyers (`outgoing.Guard`). Its settings are
not stored: every start makes them anew from the engine's orders.
"""

import asyncio
import functools
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from hashwright.errors import Disconnected, HashwrightError, LimitRefused, OperatorError, Unavailable
from hashwright.market.answers import Request, key_of
from hashwright.market.effects import RequestAnswered
from hashwright.market.events import MarketSet, OrderAsked, OrderBarred, OrderChecked
from hashwright.market.records import MarketState, Order, Terms
from hashwright.runtime.market_deposits import DepositDesk
from hashwright.runtime.market_memory import LongMemory
from hashwright.runtime.market_settings import KIND, MarketSettings, parse_market
from hashwright.runtime.market_verify import AGENT, look_at
from hashwright.runtime.outgoing import Guard, check_outgoing
from hashwright.runtime.payouts import currency_of, own_pool
from hashwright.runtime.positions import PositionWatch
from hashwright.runtime.upstream_settings import UpstreamSettings, parse_address, parse_upstream
from hashwright.signals import Alert

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()

ANSWER_S = 20.0
RESOLVE_S = 5.0
BARRED = ("HW-106", "HW-871")
"""Codes of the gate."""
LOOKS_MAX = 8
"""Looks at pools at the same time."""
SWEEP_S = 1.0


class MarketService:
    """The market's hands. Made with the program, started when machines can connect."""

    def __init__(self, app: "Hashwright") -> None:
        self.settings: dict[str, MarketSettings] = {}
        self.deposits = DepositDesk(app)
        self._app = app
        self._waiting: dict[tuple[str, str], asyncio.Future[RequestAnswered]] = {}
        self._looks = asyncio.Semaphore(LOOKS_MAX)
        self._looking: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._met: set[str] = set()
        self._nonces: set[str] = set()

    @property
    def state(self) -> MarketState:
        """What the engine knows."""
        return self._app.kernel.engines.market

    @functools.cached_property
    def memory(self) -> LongMemory:
        """What tables hold for the engine."""
        return LongMemory(self._app.kernel, self._app.store, self._app.writer)

    def start(self) -> None:
        """Read the stored markets, open what orders need, and begin to look at pools now and then."""
        self._app.shell.market = self
        for name, raw in self._app.store.settings(KIND).items():
            try:
                self.take(dict(raw))
            except HashwrightError as error:
                text = f"The market of {name} is disabled: {error}"
                self._app.warn(Alert(level="critical", code="HW-876", text=text[:500]))
        for order in list(self.state.orders.values()):
            if order.state == "checking":
                self.look_at(order.id)
            else:
                self.open_pool(order.id)
        self._app.supervisor.start("market", self._sweep)
        self._app.supervisor.start("market deposits", self.deposits.run)
        self._app.supervisor.start("market memory", self.memory.run)
        self._app.supervisor.start("contracts", PositionWatch(self._app).run)

    def take(self, raw: dict[str, Any]) -> Terms:
        """Let a market have these settings.

        Raises:
            HashwrightError: they are not usable; nothing was changed.
        """
        currency = currency_of(self._app, str(raw.get("books", "")))
        settings, terms = parse_market(raw, currency)
        known = self.state.terms.get(settings.algorithm)
        if known != terms:
            self._app.kernel.handle(MarketSet(terms))
            if self.state.terms.get(settings.algorithm) != terms:
                raise OperatorError(
                    "Pool, coin and unit of a market stay while orders stand, pool and coin while buyers have funds."
                    " Nothing was changed.",
                    code="HW-876",
                    hint="Cancel the orders and let buyers withdraw first, or set the other values only.",
                )
        self.settings[settings.algorithm] = settings
        return terms

    def terms_of(self, algorithm: str) -> Terms:
        """Return the terms of a market; of the only one where none is named.

        Raises:
            OperatorError: there is none (HW-860).
        """
        known = self.state.terms
        name = algorithm or (next(iter(known)) if len(known) == 1 else "")
        if name not in known:
            raise OperatorError(
                f"There is no market for {algorithm or 'any algorithm'}.",
                code="HW-860",
                hint="Set one up: hw market settings --set books=POOL. With several, name one: --algo.",
            )
        return known[name]

    def guard(self, algorithm: str) -> Guard:
        """Return the rules for addresses of this market's buyers."""
        settings = self.settings.get(algorithm)
        ports = {listener.port for listener in self._app.shell.listeners}
        return Guard(allows_private=settings is not None and settings.allows_private_pools, own_ports=frozenset(ports))

    async def place(self, event: OrderAsked) -> RequestAnswered:
        """Give a new order to the engine, after the gate judged its pool's address: a refused one holds nothing.

        Raises:
            OperatorError: the engine or the gate says no, for good.
            Unavailable: the journal cannot be written now, or the pool's name cannot be resolved. Nothing was held.
        """
        await self.memory.recall(event)
        if key_of(event) in self.state.given:  # what it got before counts, whatever the address leads to today
            return await self.ask(event)
        address = parse_address(event.pool.url)
        try:
            async with asyncio.timeout(RESOLVE_S):
                await check_outgoing(address.host, address.port, for_others=self.guard(event.algorithm))
        except LimitRefused as refusal:
            words = refusal.message.removesuffix("Nothing was sent.") + "Nothing was held."
            return await self.ask(OrderBarred(event, refusal.code, words))
        except TimeoutError as error:
            raise Disconnected(f"{address.host} was not resolved in {RESOLVE_S:g} s.", code="HW-105") from error
        return await self.ask(event)

    async def ask(self, event: Request | OrderBarred) -> RequestAnswered:
        """Give a request to the engine and wait until its answer is durable.

        Raises:
            OperatorError: the engine says no; the code and the words are its own.
            Unavailable: the journal cannot be written now.
        """
        request = event.asked if isinstance(event, OrderBarred) else event
        if self._app.write_state != "ok":
            raise Unavailable("The journal cannot be written, so nothing was changed.", code="HW-605")
        if self._app.kernel.engines.market_fault:
            raise Unavailable("The market has failed and takes nothing until the next start.", code="HW-901")
        key = (request.account, request.reference)
        await self.memory.recall(request)
        future = self._waiting.setdefault(key, asyncio.get_running_loop().create_future())
        self._app.kernel.handle(event)
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await asyncio.shield(future)
        except TimeoutError as error:
            raise Unavailable(
                "The answer is not durable yet. Ask again with the same --id: it gets the same answer.", code="HW-605"
            ) from error
        finally:
            self._waiting.pop(key, None)
        if answer.code:
            raise (LimitRefused if answer.code in BARRED else OperatorError)(answer.text, code=answer.code)
        return answer

    # ---------------------------------------------------------------- what the engine wants

    def answered(self, effect: RequestAnswered) -> None:
        """Tell who asked."""
        future = self._waiting.get((effect.account, effect.reference))
        if future is not None and not future.done():
            future.set_result(effect)

    def met(self, agent: str) -> None:
        """Note a look of our own that came back to us."""
        if agent.startswith(AGENT) and agent in self._nonces:
            self._met.add(agent)

    def look_at(self, order: str) -> None:
        """Look whether an order's pool can be mined for, one look an order at a time."""
        if order not in self._looking:
            self._looking.add(order)
            self._spawn(self._look(order))

    def open_pool(self, order: str) -> None:
        """Connect to an order's pool as a destination."""
        item = self.state.orders.get(order)
        if item is None or order in self._app.upstreams:
            return
        try:
            self._app.set_destination(self._upstream_of(item))
        except HashwrightError as error:
            log.warning("an order's pool cannot be opened", order=order, problem=str(error))
            self._app.kernel.handle(OrderChecked(order, str(error)[:200]))

    def close_pool(self, order: str) -> None:
        """Let go of an order's pool; its machines are gone already."""
        if order in self._app.kernel.pool.destinations:
            self._app.remove_destination(order)

    # ---------------------------------------------------------------- inside

    def _upstream_of(self, order: Order) -> UpstreamSettings:
        own = own_pool(self._app, self.state.terms[order.algorithm].books)
        is_easy = own.network == "regtest" or own.is_practice
        return parse_upstream(
            {
                "name": order.id,
                "urls": [order.pool.url],
                "user": order.pool.user,
                "password": order.pool.password,
                "algorithm": order.algorithm,
                "network": own.network,
                "coin": own.coin if own.algorithm == order.algorithm else "",
                "minimum_difficulty": 1e-9 if is_easy else None,
                "start_difficulty": own.start_difficulty if own.algorithm == order.algorithm else None,
            }
        )

    async def _look(self, id_: str) -> None:
        try:
            async with self._looks:
                order = self.state.orders.get(id_)
                settings = None if order is None else self.settings.get(order.algorithm)
                if order is None or settings is None:
                    return
                agent = f"{AGENT}{self._app.rng.getrandbits(64):016x}"
                self._nonces.add(agent)
                guard = self.guard(order.algorithm)
                found = await look_at(order.pool, settings, guard=guard, agent=agent, met=lambda: self._met)
                self._nonces.discard(agent)
                self._met.discard(agent)
            self._app.kernel.handle(OrderChecked(id_, found.problem, found.latency_ms))
        finally:
            self._looking.discard(id_)

    async def _sweep(self) -> None:
        """Look again at the pools of open orders when it is time."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = self._app.clock.now()
            for order in list(self.state.orders.values()):
                settings = self.settings.get(order.algorithm)
                is_due = settings is not None and now - order.checked_at >= settings.verify_s * 1000
                if is_due and order.state in ("checking", "active", "paused"):
                    self.look_at(order.id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # allow task: bounded in time by the look's limits, at most one an order, kept until it is done
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
