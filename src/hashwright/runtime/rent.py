"""Renting on a public market, one look at a time: read, decide, and with `live` act once, journaled before it is done.

    read rules, book, our orders -> look at what was begun and not answered -> decide -> note -> act -> note the answer

Each action has an id of ours and stands in the outbox before it goes out, so that a crash or a lost answer leaves a
question, never a second order: an open question is settled by looking at the market before anything else is decided.
The budget is the sum of what was ever committed under a name; it cannot be passed, whatever the market says.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright import registry
from hashwright.adapters.markets.base import Access, Plugin, PublicMarket, Rental, Rules, Wish, plain
from hashwright.adapters.secret import read_secret
from hashwright.clock import Instant
from hashwright.economics.reward import reward_per_hash
from hashwright.errors import HashwrightError, LimitRefused, OperatorError, TimedOut
from hashwright.market.renting import (
    DAY_S,
    Action,
    Bounds,
    Offer,
    Standing,
    affordable,
    asking_price,
    decide,
    effective,
)
from hashwright.market.renting import highest_price as most_that_pays
from hashwright.money import MoneyError, decimal_of
from hashwright.runtime.market_settings import parse_limit
from hashwright.runtime.payouts import currency_of, own_pool
from hashwright.runtime.rent_report import EH, Committed, Realised, realised, seen_work, short
from hashwright.store.base import OutboxItem
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

KIND: Final = "rent"
LONG_AGO_S: Final = 1e9


class RentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to rent, where, for which pool. Secrets by reference; rates, prices and amounts as text.

    `hashprice` is what the work is expected to earn [coins for one EH/s and day]; without it, it is computed from the
    newest template of the own pool `books`. `budget` bounds everything ever committed under `name`, `budget_day`
    what is committed in 24 hours.
    """

    name: str
    market: str
    pool_url: str
    pool_user: str
    limit: str
    budget: str = ""
    budget_day: str = ""
    pool_password: str = "x"  # noqa: S105 - Stratum's word for "none"
    algorithm: str = "sha256d"
    pool_fee_percent: float = 0.0
    margin_percent: float = 2.0
    hashprice: str = ""
    books: str = ""
    key_from: str = ""
    secret_from: str = ""
    organization: str = ""
    url: str = ""


class Noted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An action as it is journaled before it goes out."""

    name: str
    market: str
    client_id: str
    kind: str
    order: str
    price: str
    amount: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found."""

    rules: Rules
    offers: tuple[Offer, ...]
    rental: Rental | None
    rentals: tuple[Rental, ...]
    hashprice: Decimal
    committed: Committed
    realised: Realised
    bounds: Bounds
    action: Action
    open_questions: tuple[str, ...]


class Renter:
    """One rental under one name."""

    def __init__(self, app: "Hashwright", settings: RentSettings) -> None:
        self._app, self.settings = app, settings
        self._plugin: Plugin = registry.load("markets", settings.market).PLUGIN
        if settings.algorithm not in self._plugin.algorithms:
            raise OperatorError(f"{self._plugin.title} does not trade {settings.algorithm}.", code="HW-881")
        self._limit_hs = parse_limit(settings.limit)
        self._budget = _amount(settings.budget) if settings.budget else Decimal(0)
        self._budget_day = _amount(settings.budget_day) if settings.budget_day else None

    async def plan(self) -> dict[str, Any]:
        """Look and decide; act on nothing."""
        market = self._open()
        try:
            return self._document(await self._look(market), done="", mode="DRY RUN")
        finally:
            await market.aclose()

    async def run(self, *, is_live: bool) -> dict[str, Any]:
        """Look, decide and, live, act once.

        Raises:
            LimitRefused: live without a budget.
            TimedOut: an action was sent and its outcome is not known; the next look settles it first.
        """
        if is_live and not self._budget:
            raise LimitRefused("Renting needs a budget. Nothing was done.", code="HW-511")
        market = self._open()
        try:
            look = await self._look(market)
            if not is_live or look.action.kind == "wait" or look.open_questions:
                return self._document(look, done="", mode="LIVE" if is_live else "DRY RUN")
            done = await self._act(market, look)
            return self._document(look, done=done, mode="LIVE")
        finally:
            await market.aclose()

    def _open(self) -> PublicMarket:
        it = self.settings
        access = Access(
            key=read_secret(it.key_from) if it.key_from else "",
            secret=read_secret(it.secret_from) if it.secret_from else "",
            organization=it.organization,
            url=it.url,
        )
        found: PublicMarket = self._plugin.open(access)
        return found

    # ---------------------------------------------------------------- look

    async def _look(self, market: PublicMarket) -> Look:
        algorithm = self.settings.algorithm
        rules, levels = await market.rules(algorithm), await market.book(algorithm)
        rentals = tuple(await market.rentals(algorithm))
        questions = await self._settle_questions(rentals)
        notes = await self._notes()
        mine = {it.client_id for it in notes} | {it.order for it in notes if it.order}
        open_ = [it for it in rentals if it.is_open and (it.client_id in mine or it.id in mine)]
        rental = open_[0] if open_ else None
        ours = {it.id for it in open_}
        offers = tuple(
            Offer(price=it.price, limit_hs=it.limit_hs, speed_hs=it.speed_hs, is_ours=it.id in ours)
            for it in levels
            if it.is_alive
        )
        committed = committed_of(notes)
        since = self._app.clock.now() - DAY_S * 1000
        bounds = self._bounds(rules, committed, today=committed_of([it for it in notes if it.at_ms > since]))
        hashprice = self._hashprice()
        own = [it for it in rentals if it.client_id in mine or it.id in mine]
        seen = await self._seen_work(notes)
        action = decide(
            offers, self._standing(rental, notes), wanted_hs=self._limit_hs, hashprice=hashprice, bounds=bounds
        )
        return Look(
            rules=rules, offers=offers, rental=rental, rentals=rentals, hashprice=hashprice, committed=committed,
            realised=realised(own, rules, orders=committed.orders, seen=seen), bounds=bounds, action=action,
            open_questions=questions,
        )  # fmt: skip

    async def _seen_work(self, notes: Sequence[Noted]) -> int | None:
        """Return the work that came to our own pool since the first action; None where the pool is not ours."""
        if not self.settings.books or not notes:
            return None
        since = min(it.at_ms for it in notes)
        totals = await asyncio.to_thread(self._app.store.work_totals, Instant(since))
        return seen_work(totals, destination=self.settings.books, user=self.settings.pool_user)

    def _bounds(self, rules: Rules, committed: Committed, *, today: Committed) -> Bounds:
        percent = Decimal(100)
        left = (self._budget or rules.minimum_amount * 2) - committed.cost(rules)
        if self._budget_day is not None:
            left = min(left, self._budget_day - today.cost(rules))
        return Bounds(
            fee_part=rules.fee_part,
            pool_fee_part=Decimal(str(self.settings.pool_fee_percent)) / percent,
            order_fee=rules.order_fee,
            margin_part=Decimal(str(self.settings.margin_percent)) / percent,
            price_step=rules.price_step,
            price_down=rules.price_down,
            down_every_s=rules.down_every_s,
            minimum_amount=rules.minimum_amount,
            budget_left=left,
        )

    def _standing(self, rental: Rental | None, notes: Sequence[Noted]) -> Standing | None:
        if rental is None:
            return None
        lowered = [it.at_ms for it in notes if it.kind == "reprice-down"]
        ago_s = (self._app.clock.now() - max(lowered)) / 1000 if lowered else LONG_AGO_S
        return Standing(price=rental.price, left=rental.amount - rental.spent, lowered_ago_s=ago_s)

    def _hashprice(self) -> Decimal:
        """Return what the work is expected to earn [coins for one EH/s and day]."""
        if self.settings.hashprice:
            return _amount(self.settings.hashprice)
        own = own_pool(self._app, self.settings.books)
        worth = self._app.kernel.pool.worths.get(self.settings.books)
        if worth is None:
            raise OperatorError(f"{own.destination} has no template yet.", code="HW-406")
        currency = currency_of(self._app, self.settings.books)
        terms = worth.terms(currency)
        value = reward_per_hash(terms.subsidy.minor + terms.fees.minor, terms.network_work, currency).value
        minor = value * EH * DAY_S
        return Decimal(minor.numerator) / Decimal(minor.denominator) / Decimal(10) ** currency.exponent

    # ---------------------------------------------------------------- act

    async def _act(self, market: PublicMarket, look: Look) -> str:
        action, rental = look.action, look.rental
        if action.amount > affordable(look.bounds):
            raise LimitRefused("The budget is reached. Nothing was done.", code="HW-510")
        note = self._note(action, rental)
        key = f"rent:{note.client_id}"
        await asyncio.wrap_future(self._app.writer.put_outbox(key, KIND, msgspec.json.encode(note)))
        try:
            order = await self._send(market, note, action, rental)
        except TimedOut:
            raise  # the question stays open in the outbox
        except HashwrightError as error:
            await asyncio.wrap_future(self._app.writer.outbox_done(key, f"refused: {error}"[:300]))
            raise
        await asyncio.wrap_future(self._app.writer.outbox_done(key, f"done: {order}"))
        return f"{action.kind} {order}"

    def _note(self, action: Action, rental: Rental | None) -> Noted:
        lowers = action.kind == "reprice" and rental is not None and action.price < rental.price
        return Noted(
            name=self.settings.name,
            market=self.settings.market,
            client_id=f"hw-{self._app.rng.getrandbits(80):020x}",
            kind="reprice-down" if lowers else action.kind,
            order="" if rental is None else rental.id,
            price=plain(action.price),
            amount=plain(action.amount),
            at_ms=self._app.clock.now(),
        )

    async def _send(self, market: PublicMarket, note: Noted, action: Action, rental: Rental | None) -> str:
        it = self.settings
        if action.kind == "place":
            wish = Wish(
                client_id=note.client_id, algorithm=it.algorithm, price=action.price, limit_hs=self._limit_hs,
                amount=Decimal(note.amount), pool_url=it.pool_url, pool_user=it.pool_user,
                pool_password=it.pool_password,
            )  # fmt: skip
            return await market.place(wish)
        assert rental is not None
        match action.kind:
            case "reprice":
                await market.reprice(rental, action.price, self._limit_hs, it.algorithm)
            case "refill":
                await market.refill(rental, Decimal(note.amount))
            case "cancel":
                await market.cancel(rental)
            case _:
                raise AssertionError(action.kind)
        return rental.id

    # ---------------------------------------------------------------- the journal

    async def _settle_questions(self, rentals: Sequence[Rental]) -> tuple[str, ...]:
        """Settle what was sent and never answered by what the market shows; what it lacks stays open a while."""
        left = []
        for item in self._app.store.pending_outbox():
            note = _note_of(item)
            if note is None or (note.name, note.market) != (self.settings.name, self.settings.market):
                continue
            found = next((it for it in rentals if it.client_id == note.client_id or it.id == note.order), None)
            age_s = (self._app.clock.now() - note.at_ms) / 1000
            if found is not None:
                answer = f"done: {found.id} (seen at the market)"
            elif age_s >= QUESTION_S:
                answer = "refused: the market never showed it"
            else:
                left.append(note.client_id)
                continue
            await asyncio.wrap_future(self._app.writer.outbox_done(item.key, answer))
        return tuple(left)

    async def _notes(self) -> list[Noted]:
        """Return every action under this name that was done, or may have been."""
        name, market = self.settings.name, self.settings.market

        def ask(connection: Connection) -> list[Noted]:
            query = "SELECT payload, answer FROM outbox WHERE kind = ? ORDER BY created_ms, key"
            found = []
            for payload, answer in connection.execute(query, (KIND,)).fetchall():
                note = msgspec.json.decode(bytes(payload), type=Noted)
                is_ours = (note.name, note.market) == (name, market)
                if is_ours and not str(answer or "").startswith("refused"):
                    order = str(answer or "").removeprefix("done: ").partition(" ")[0]
                    found.append(msgspec.structs.replace(note, order=note.order or order))
            return found

        return await asyncio.to_thread(self._app.store.read_books, ask)

    # ---------------------------------------------------------------- for people

    def _document(self, look: Look, *, done: str, mode: str) -> dict[str, Any]:
        rental, bounds = look.rental, look.bounds
        ask = asking_price(look.offers, self._limit_hs, bounds.price_step)
        expected = look.hashprice * (1 - bounds.pool_fee_part)
        return {
            "name": self.settings.name,
            "market": self._plugin.title,
            "seen": self._plugin.seen,
            "mode": mode,
            "ask": None if ask is None else plain(ask),
            "ask_with_fees": None if ask is None else short(effective(ask, bounds)),
            "hashprice": short(look.hashprice),
            "most": plain(most_that_pays(look.hashprice, bounds)),
            "action": look.action.kind,
            "why": look.action.why,
            "price": plain(look.action.price),
            "amount": plain(look.action.amount),
            "done": done,
            "committed": plain(look.committed.amount),
            "budget": plain(self._budget),
            "open_questions": list(look.open_questions),
            "budget_day": None if self._budget_day is None else plain(self._budget_day),
            "realised": look.realised.document(expected),
            "order": None
            if rental is None
            else {
                "id": rental.id,
                "price": plain(rental.price),
                "limit_hs": rental.limit_hs,
                "amount": plain(rental.amount),
                "spent": plain(rental.spent),
                "estimated": plain(rental.estimated),
                "speed_hs": rental.speed_hs,
                "state": rental.state,
            },
        }


QUESTION_S: Final = 120.0
"""An order that a market took shows up in its list within seconds; after this, a lost action was not done."""


def parse_rent(raw: dict[str, Any]) -> RentSettings:
    """Read what to rent.

    Raises:
        OperatorError: it is not usable.
    """
    try:
        return msgspec.convert(raw, RentSettings)
    except msgspec.ValidationError as error:
        raise OperatorError(f"This cannot be rented: {error}.", code="HW-701") from error


def committed_of(notes: Sequence[Noted]) -> Committed:
    """Sum orders that were placed or refilled, or may have been."""
    amount = sum((Decimal(it.amount) for it in notes if it.kind in ("place", "refill")), Decimal(0))
    return Committed(amount=amount, orders=sum(it.kind == "place" for it in notes))


def _note_of(item: OutboxItem) -> Noted | None:
    return msgspec.json.decode(item.payload, type=Noted) if item.kind == KIND else None


def _amount(text: str) -> Decimal:
    try:
        value = decimal_of(text)
    except MoneyError as error:
        raise OperatorError(f"{error}.", code="HW-866") from error
    if value <= 0:
        raise OperatorError(f"{text} is not above zero.", code="HW-866")
    return value
