"""Renting on a market, one look at a time: read, decide, and with `live` act once, journaled before it is done.

    read rules, book, our orders -> look at what was begun and not answered -> decide -> note -> act -> note the answer

`hw market rent` and the autopilot go this one way. Each action has an id of ours and stands in the outbox before it
goes out, with what was seen, so that a crash or a lost answer leaves a question, never a second order: an open question
is settled by looking at the market before anything else is decided. The budget is the sum of what was ever committed
under a name; it cannot be passed, whatever the market says. One action at a time is under way for a name.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from hashwright.adapters.markets.base import Access, Plugin, PublicMarket, Rental, Rules, Wish, plain
from hashwright.adapters.secret import read_secret
from hashwright.clock import Instant
from hashwright.errors import HashwrightError, LimitRefused, OperatorError, TimedOut
from hashwright.market.renting import DAY_S, Action, Bounds, Offer, Standing, affordable, asking_price, decide
from hashwright.runtime.market_settings import parse_limit
from hashwright.runtime.rent_report import Committed, Realised, document_of, realised, seen_work
from hashwright.runtime.rent_settings import KIND, Noted, RentSettings, amount, must_have_budget, parse_rent
from hashwright.runtime.rent_worth import hashprice, market_of
from hashwright.store.base import OutboxItem
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

LONG_AGO_S: Final = 1e9
QUESTION_S: Final = 120.0
"""An order that a market took shows up in its list within seconds; after this, a lost action was not done."""
Author = Literal["person", "autopilot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found. `ask` is what being served takes; `rental` our order that is open, `own` all of ours."""

    rules: Rules
    offers: tuple[Offer, ...]
    ask: Decimal | None
    rental: Rental | None
    own: tuple[Rental, ...]
    notes: tuple[Noted, ...]
    committed: Committed
    today: Committed
    realised: Realised
    open_questions: tuple[str, ...]


class Renter:
    """One rental under one name."""

    def __init__(self, app: "Hashwright", settings: RentSettings) -> None:
        self._app, self.settings = app, settings
        self.plugin: Plugin = market_of(app, settings)
        self.limit_hs = parse_limit(settings.limit)
        self._budget = amount(settings.budget) if settings.budget else Decimal(0)
        self.budget_day = amount(settings.budget_day) if settings.budget_day else None

    async def plan(self) -> dict[str, Any]:
        """Look and decide; act on nothing."""
        market = self._open()
        try:
            look = await self._look(market)
            price, bounds, action = self._decide(look)
            return document_of(self, look, bounds, action, hashprice=price, done="", mode="DRY RUN")
        finally:
            await market.aclose()

    async def run(self, *, is_live: bool) -> dict[str, Any]:
        """Look, decide and, live, act once.

        Raises:
            LimitRefused: live without a budget.
            TimedOut: an action was sent and its outcome is not known; the next look settles it first.
        """
        if is_live:
            must_have_budget(self.settings)
        market = self._open()
        try:
            async with self._alone():
                look = await self._look(market)
                price, bounds, action = self._decide(look)
                done = ""
                if is_live and action.kind != "wait" and not look.open_questions:
                    saw = saw_of(look, hashprice=price, bounds=bounds)
                    done = await self._act(market, look, action, bounds, saw=saw, author="person")
            mode = "LIVE" if is_live else "DRY RUN"
            return document_of(self, look, bounds, action, hashprice=price, done=done, mode=mode)
        finally:
            await market.aclose()

    async def see(self) -> Look:
        """Look only: at the market, at our orders, at what was done under the name."""
        market = self._open()
        try:
            async with self._alone():
                return await self._look(market)
        finally:
            await market.aclose()

    async def carry_out(
        self, action: Action, *, order: str, saw: dict[str, Any], is_wanted: Callable[[], bool] = lambda: True
    ) -> str:
        """Do what the autopilot found right, if nothing changed since; return what was done, in words.

        Args:
            action: what to do.
            order: our order that it saw, "" for none.
            saw: the numbers that it rests on; they are journaled with it.
            is_wanted: asked at the last moment: a pause may have come meanwhile.

        Raises:
            LimitRefused: there is no budget, or not so much of it (HW-510, HW-511).
            OperatorError: an order came or went since, or a question is open (HW-975); or the market says no.
            TimedOut: the outcome is not known; the next look settles it first.
        """
        must_have_budget(self.settings)
        market = self._open()
        try:
            async with self._alone():
                look = await self._look(market)
                if look.open_questions:
                    raise OperatorError(f"{look.open_questions[0]} was sent and not answered yet.", code="HW-975")
                if order != ("" if look.rental is None else look.rental.id):
                    raise OperatorError("An order came or went since. Nothing was done.", code="HW-975")
                if not is_wanted():
                    raise OperatorError("The autopilot was paused meanwhile. Nothing was done.", code="HW-975")
                return await self._act(market, look, action, self.bounds(look), saw=saw, author="autopilot")
        finally:
            await market.aclose()

    async def end(self, why: str) -> str:
        """End the autopilot's own orders of this name; return what was done, in words, or that none stood.

        Raises:
            HashwrightError: the market does not answer or says no; or what was sent before is not sure yet (HW-975).
        """
        market, ended = self._open(), []
        try:
            async with self._alone():
                look = await self._look(market, with_book=False)
                placed = {key for it in _by_autopilot(look.notes) for key in (it.client_id, it.order)}
                for rental in [it for it in look.own if it.is_open and (it.id in placed or it.client_id in placed)]:
                    action, mine = Action(kind="cancel", why=why), replace(look, rental=rental)
                    bounds = self.bounds(look)
                    ended.append(await self._act(market, mine, action, bounds, saw={}, author="autopilot"))
                if look.open_questions:
                    raise OperatorError(f"{look.open_questions[0]} was sent and not answered yet.", code="HW-975")
        finally:
            await market.aclose()
        return ", ".join(ended) or "no order stood"

    async def may_stand(self) -> bool:
        """Tell, from what was noted alone, whether an order that the autopilot placed may stand at the market."""
        notes = await self._notes()
        ended = {it.order for it in notes if it.kind == "cancel"}
        return any(not it.order or it.order not in ended for it in _by_autopilot(notes))

    async def of_day(self) -> Decimal:
        """Return what was committed within 24 hours, without fees [coins]; no market is asked."""
        since = self._app.clock.now() - DAY_S * 1000
        return committed_of([it for it in await self._notes() if it.at_ms > since]).amount

    def bounds(self, look: Look, *, sure: Decimal = Decimal(1)) -> Bounds:
        """Return the market's rules and ours, with what the budgets leave."""
        percent, rules = Decimal(100), look.rules
        left = self.budget(rules) - look.committed.cost(rules)
        if self.budget_day is not None:
            left = min(left, self.budget_day - look.today.cost(rules))
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
            sure=sure,
        )

    def budget(self, rules: Rules) -> Decimal:
        """Return all that may be committed [coins]; a rehearsal without a budget has two of the smallest orders."""
        return self._budget or rules.minimum_amount * 2

    def standing(self, look: Look) -> Standing | None:
        """Return our order as `market.renting` takes it."""
        if look.rental is None:
            return None
        lowered = [it.at_ms for it in look.notes if it.kind == "reprice-down"]
        ago_s = (self._app.clock.now() - max(lowered)) / 1000 if lowered else LONG_AGO_S
        return Standing(price=look.rental.price, left=look.rental.amount - look.rental.spent, lowered_ago_s=ago_s)

    def _alone(self) -> asyncio.Lock:
        key = (self.settings.name, self.settings.market)
        return self._app.renting.setdefault(key, asyncio.Lock())

    def _open(self) -> PublicMarket:
        it = self.settings
        access = Access(
            key=read_secret(it.key_from) if it.key_from else "",
            secret=read_secret(it.secret_from) if it.secret_from else "",
            organization=it.organization,
            url=it.url,
        )
        found: PublicMarket = self.plugin.open(access)
        return found

    # ---------------------------------------------------------------- look

    async def _look(self, market: PublicMarket, *, with_book: bool = True) -> Look:
        algorithm = self.settings.algorithm
        rules = await market.rules(algorithm)
        levels = await market.book(algorithm) if with_book else []
        rentals = tuple(await market.rentals(algorithm))
        questions = await self._settle_questions(rentals)
        notes = await self._notes()
        mine = {it.client_id for it in notes} | {it.order for it in notes if it.order}
        own = tuple(it for it in rentals if it.client_id in mine or it.id in mine)
        open_ = [it for it in own if it.is_open]
        ours = {it.id for it in open_}
        offers = tuple(
            Offer(price=it.price, limit_hs=it.limit_hs, speed_hs=it.speed_hs, is_ours=it.id in ours)
            for it in levels
            if it.is_alive
        )
        committed, since = committed_of(notes), self._app.clock.now() - DAY_S * 1000
        seen = await self._seen_work(notes)
        return Look(
            rules=rules,
            offers=offers,
            ask=asking_price(offers, self.limit_hs, rules.price_step),
            rental=open_[0] if open_ else None,
            own=own,
            notes=tuple(notes),
            committed=committed,
            today=committed_of([it for it in notes if it.at_ms > since]),
            realised=realised(own, rules, orders=committed.orders, seen=seen),
            open_questions=questions,
        )

    def _decide(self, look: Look) -> tuple[Decimal, Bounds, Action]:
        """Decide by what the work is expected to earn now; return that, the rules, and the action."""
        price, bounds = hashprice(self._app, self.settings, self.plugin), self.bounds(look)
        action = decide(look.offers, self.standing(look), wanted_hs=self.limit_hs, hashprice=price, bounds=bounds)
        return price, bounds, action

    async def _seen_work(self, notes: Sequence[Noted]) -> int | None:
        """Return the work that came to our own pool since the first action; None where the pool is not ours."""
        if not self.settings.books or not notes:
            return None
        since = min(it.at_ms for it in notes)
        totals = await asyncio.to_thread(self._app.store.work_totals, Instant(since))
        return seen_work(totals, destination=self.settings.books, user=self.settings.pool_user)

    # ---------------------------------------------------------------- act

    async def _act(
        self, market: PublicMarket, look: Look, action: Action, bounds: Bounds, *, saw: dict[str, Any], author: Author
    ) -> str:
        if action.amount > affordable(bounds):
            raise LimitRefused("The budget is reached. Nothing was done.", code="HW-510")
        note = self._note(action, look.rental, saw, author)
        key = f"rent:{note.client_id}"
        await asyncio.wrap_future(self._app.writer.put_outbox(key, KIND, msgspec.json.encode(note)))
        try:
            order = await self._send(market, note, action, look.rental)
        except TimedOut:
            raise  # the question stays open in the outbox
        except HashwrightError as error:
            await asyncio.wrap_future(self._app.writer.outbox_done(key, f"refused: {error}"[:300]))
            raise
        await asyncio.wrap_future(self._app.writer.outbox_done(key, f"done: {order}"))
        return f"{action.kind} {order}"

    def _note(self, action: Action, rental: Rental | None, saw: dict[str, Any], author: Author) -> Noted:
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
            author=author,
            why=action.why,
            saw=saw,
        )

    async def _send(self, market: PublicMarket, note: Noted, action: Action, rental: Rental | None) -> str:
        it = self.settings
        if action.kind == "place":
            wish = Wish(
                client_id=note.client_id, algorithm=it.algorithm, price=action.price, limit_hs=self.limit_hs,
                amount=Decimal(note.amount), pool_url=it.pool_url, pool_user=it.pool_user,
                pool_password=it.pool_password,
            )  # fmt: skip
            return await market.place(wish)
        assert rental is not None
        match action.kind:
            case "reprice":
                await market.reprice(rental, action.price, self.limit_hs, it.algorithm)
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
            note = note_of(item)
            if note is None or (note.name, note.market) != (self.settings.name, self.settings.market):
                continue
            found = next((it for it in rentals if it.client_id == note.client_id or it.id == note.order), None)
            age_s = (self._app.clock.now() - note.at_ms) / 1000
            if found is not None and note.kind == "cancel" and found.is_open:
                answer = f"refused: {found.id} still stands"
            elif found is not None:
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
        wanted = (self.settings.name, self.settings.market)
        found = await asyncio.to_thread(self._app.store.read_books, noted)
        mine = [(note, answer) for note, answer in found if (note.name, note.market) == wanted]
        return [_with_order(note, answer) for note, answer in mine if not answer.startswith("refused")]


def noted(connection: Connection) -> list[tuple[Noted, str]]:
    """Read every action that was ever noted, the oldest first, with its answer ("" while there is none)."""
    query = "SELECT payload, answer FROM outbox WHERE kind = ? ORDER BY created_ms, key"
    rows = connection.execute(query, (KIND,)).fetchall()
    found = [(msgspec.json.decode(bytes(payload), type=Noted), str(answer or "")) for payload, answer in rows]
    return sorted(found, key=lambda it: it[0].at_ms)


def _with_order(note: Noted, answer: str) -> Noted:
    order = answer.removeprefix("done: ").partition(" ")[0]
    return msgspec.structs.replace(note, order=note.order or order)


def saw_of(look: Look, *, hashprice: Decimal, bounds: Bounds) -> dict[str, Any]:
    """Return the numbers that an action rests on, for the journal."""
    return {
        "ask": None if look.ask is None else plain(look.ask),
        "hashprice": plain(hashprice),
        "sure": plain(bounds.sure),
        "fee_part": plain(bounds.fee_part),
        "pool_fee_part": plain(bounds.pool_fee_part),
        "margin_part": plain(bounds.margin_part),
        "budget_left": plain(bounds.budget_left),
    }


def _by_autopilot(notes: Sequence[Noted]) -> list[Noted]:
    return [it for it in notes if it.kind == "place" and it.author == "autopilot"]


def committed_of(notes: Sequence[Noted]) -> Committed:
    """Sum orders that were placed or refilled, or may have been."""
    total = sum((Decimal(it.amount) for it in notes if it.kind in ("place", "refill")), Decimal(0))
    return Committed(amount=total, orders=sum(it.kind == "place" for it in notes))


def note_of(item: OutboxItem) -> Noted | None:
    """Return the action of an outbox row; None for another kind of row."""
    return msgspec.json.decode(item.payload, type=Noted) if item.kind == KIND else None


__all__ = ["Look", "Renter", "committed_of", "note_of", "noted", "parse_rent", "saw_of"]
