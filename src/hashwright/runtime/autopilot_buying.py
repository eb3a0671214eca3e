"""Buying by the autopilot: it sees the markets of its owner's rentals, and does what a turn found right about them.

    see    each rental's market, all at once and bounded in time; one that is silent is left out and says so
    think  `planner.purchases`, with the rest of the turn
    do     dry-run: on paper. advise: a person is asked. live: for a rental that its owner set live, within every budget

All acts go by `runtime.rent`, as `hw market rent run` does: journaled before they go out, never sent twice. What a live
autopilot may not do (rental not live, no budget of the day) it rehearses on paper. Where nobody would tend an order any
more (pause, another mode, a rental that is taken away, turns that fail for long), orders are ended; where a market does
not answer, that is told (HW-978) and tried again at each turn.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from hashwright.adapters.markets.base import plain
from hashwright.economics.coin_facts import CoinFacts
from hashwright.economics.realised import ForecastError, forecast_error
from hashwright.errors import HashwrightError
from hashwright.market.renting import Action
from hashwright.planner.autopilot import Seen, State, Thought
from hashwright.planner.purchases import PaperRental, Purchase, SeenOrder, SeenPurchase
from hashwright.planner.purchases_paper import carried_out, paper_day, paper_left, paper_order, walked
from hashwright.runtime.autopilot_settings import AutopilotSettings
from hashwright.runtime.autopilot_sight import Memory
from hashwright.runtime.market_data import load_market
from hashwright.runtime.rent import Look, Renter, noted
from hashwright.runtime.rent_commands import kept
from hashwright.runtime.rent_settings import SETTING, RentSettings
from hashwright.runtime.rent_worth import blocks_a_day, destination_of, is_same_coin, play_problem
from hashwright.signals import Alert
from hashwright.store.decisions import DecisionRow

if TYPE_CHECKING:
    from hashwright.runtime.autopilot import AutopilotService
    from hashwright.runtime.wiring import Hashwright

LOOK_S: Final = 20.0
SERVED_MAX: Final = 12
DAY_MS: Final = 86_400_000
SPAN_MAX_MS: Final = 6 * 3_600_000
"""A rehearsal that was off for longer bought nothing in that time."""
SPREAD_PRIOR: Final = 0.03
PRIOR_PAIRS: Final = 14
"""What work is worth changes by three percent a day, until days were seen: so many days of it."""
FAILING_MS: Final = 900_000
"""Turns that fail for so long leave nobody to tend an order."""


class Buyer:
    """The buying part of one autopilot."""

    def __init__(self, app: "Hashwright", service: "AutopilotService") -> None:
        self._app, self._service = app, service
        self._told: dict[str, str] = {}
        self.failing_since: int | None = None

    @property
    def _settings(self) -> AutopilotSettings:
        return self._service.settings

    def follow(self, before: "Buyer") -> None:
        """Take over what was told already."""
        self._told = before._told

    # ---------------------------------------------------------------- see

    async def see(self, seen: Seen, memory: Memory, before: "Before | None") -> Seen:
        """Return a sight with the rentals in it; `before` is the turn before."""
        if not self._settings.buy:
            return seen
        market = await asyncio.to_thread(load_market, self._app.config.data_dir)
        found = await asyncio.gather(
            *(self._one(name, seen, memory, market, rental_of(before, name)) for name in self._settings.buy)
        )
        bought_usd = await self._bought_by_others(market, seen.at_ms)
        for it in found:
            usd = float(it.of_day) * (it.coin_price_usd or 0.0)
            bought_usd[it.market] = bought_usd.get(it.market, 0.0) + usd
        return msgspec.structs.replace(
            seen, purchases=tuple(found), buying=self._settings.buying, bought_usd=bought_usd
        )

    async def _one(
        self, name: str, seen: Seen, memory: Memory, market: CoinFacts, before: "RentalBefore"
    ) -> SeenPurchase:
        """Return a rental as it stands."""
        blank = SeenPurchase(name=name, market="", destination="", coin="", limit_hs=0.0, paper=before.rental)
        try:
            renter = Renter(self._app, kept(self._app, name))
            blank = self._named(renter, blank, market, seen.at_ms)
            blank = msgspec.structs.replace(blank, of_day=plain(await renter.of_day()))
            problem = self._unsuited(renter)
            if problem:
                return _blind(blank, before, problem)
            async with asyncio.timeout(LOOK_S):
                look = await renter.see()
            found = self._seen(renter, look, blank, memory)
        except TimeoutError:
            return _blind(blank, before, f"HW-880 its market did not answer within {LOOK_S:.0f} s")
        except (HashwrightError, OSError) as error:
            return _blind(blank, before, words_of_error(error))
        if found.is_paper:
            return _on_paper(renter, look, found, before, seen.at_ms)
        return _for_real(renter, look, found)

    async def _bought_by_others(self, market: CoinFacts, now: int) -> dict[str, float]:
        """Return what the autopilot committed within 24 hours for rentals that it buys by no more [USD], by market."""
        found: dict[str, float] = {}
        if self._settings.mode == "dry-run":
            return found
        for note, answer in await asyncio.to_thread(self._app.store.read_books, noted):
            is_of_day = note.at_ms > now - DAY_MS and note.author == "autopilot" and note.name not in self._settings.buy
            if is_of_day and note.kind in ("place", "refill") and not answer.startswith("refused"):
                price = market.fact(str(note.saw.get("coin", "")), "price_usd")
                usd = float(note.amount) * (0.0 if price is None else float(price.value))
                found[note.market] = found.get(note.market, 0.0) + usd
        return found

    def _named(self, renter: Renter, blank: SeenPurchase, market: CoinFacts, now: int) -> SeenPurchase:
        """Return what is known of a rental before its market is asked."""
        it, plugin = renter.settings, renter.plugin
        price = market.fact(plugin.coin, "price_usd") if plugin.coin else None
        is_play = plugin.network != "main" and not self._settings.is_play_worth
        why_paper = self._why_paper(it)
        return msgspec.structs.replace(
            blank,
            market=it.market,
            destination=it.destination,
            coin=plugin.coin,
            limit_hs=renter.limit_hs,
            coin_price_usd=0.0 if is_play else None if price is None else float(price.value),
            coin_price_at_ms=now if is_play or price is None else price.at_ms,
            is_paper=bool(why_paper),
            why_paper=why_paper,
        )

    def _seen(self, renter: Renter, look: Look, blank: SeenPurchase, memory: Memory) -> SeenPurchase:
        app, it = self._app, renter.settings
        destination, bounds = destination_of(app, it), renter.bounds(look)
        is_same = is_same_coin(it, renter.plugin, destination)
        error = worth_error(memory, it.destination, is_same_coin=is_same)
        learned = memory.learning.delivered.get(it.name)
        return msgspec.structs.replace(
            blank,
            is_same_coin=is_same,
            ask="" if look.ask is None else plain(look.ask),
            served=_cheapest(look),
            fee_part=plain(bounds.fee_part),
            order_fee=plain(bounds.order_fee),
            pool_fee_part=plain(bounds.pool_fee_part),
            margin_part=plain(bounds.margin_part),
            price_step=plain(bounds.price_step),
            price_down=plain(bounds.price_down),
            down_every_s=bounds.down_every_s,
            minimum_amount=plain(bounds.minimum_amount),
            spread_a_day=_spread(error),
            drift_a_day=error.bias if self._settings.learn_days else 0.0,
            blocks_a_day=blocks_a_day(app, it, destination, renter.limit_hs),
            delivered=1.0 if learned is None else min(learned.factor, 1.0),
            why_not=_question(look),
        )

    def _why_paper(self, it: RentSettings) -> str:
        """Say why a rental is only rehearsed; empty where it may act (or a person is asked)."""
        settings = self._settings
        if settings.mode == "dry-run":
            return "the autopilot is a dry run"
        if not it.budget or not it.budget_day:
            return f"{it.name} has no budget in all and of a day"
        if settings.buy_usd_day is None:
            return "no budget of a day is set for all markets: hw autopilot set --buy-budget USD"
        if settings.mode == "live" and not it.is_live:
            return f"{it.name} is not live: hw market rent set {it.name} --live"
        return ""

    def _unsuited(self, renter: Renter) -> str:
        """Say why a rental is not for this autopilot; its market is not even asked then. Empty where it is."""
        it, settings = renter.settings, self._settings
        if it.algorithm != settings.algorithm:
            return f"it rents {it.algorithm}"
        if it.account and it.account == settings.sell_as:
            return f"{it.account} sells here: it would buy from itself"
        destination = destination_of(self._app, it)
        if destination.settings.network != "main" and not settings.is_play_worth:
            return f"{it.destination} mines a test network, whose coins are worth nothing (--play-worth values them)"
        return play_problem(it, renter.plugin, destination)

    # ---------------------------------------------------------------- do

    async def act(self, seen: Seen, purchases: Sequence[Purchase]) -> "Acts":
        """Rehearse, ask, or do what was found right, as far as it may."""
        sights = {it.name: it for it in seen.purchases}
        acting = [it for it in purchases if it.acts]
        mine = [it for it in acting if not sights[it.name].is_paper]
        words = [_would(it) for it in acting if sights[it.name].is_paper]
        if self._settings.mode == "advise":
            asked = tuple(f"{it.name} {it.kind}" for it in mine)
            words += [f"{it.name}: {_plain(it)}?" for it in mine]
            return Acts(
                state="asked" if asked else "rehearsed" if acting else "kept", words="; ".join(words), asked=asked
            )
        done = await self.carry_out(seen, mine)
        state: State = "applied" if mine else "rehearsed" if acting else "kept"
        return Acts(state=state, words="; ".join([*words, *([done] if done else [])]))

    async def carry_out(self, seen: Seen, purchases: Sequence[Purchase]) -> str:
        """Do it, each on its own; return what was done or refused, in words."""
        sights = {it.name: it for it in seen.purchases}
        return "; ".join([f"{it.name}: {await self._do(sights[it.name], it)}" for it in purchases])

    async def _do(self, sight: SeenPurchase, bought: Purchase) -> str:
        action = Action(kind=bought.kind, why=bought.why, price=Decimal(bought.price), amount=Decimal(bought.amount))
        saw = {
            "coin": sight.coin, "ask": sight.ask, "most": bought.most, "sure": bought.sure,
            "cost_usd_ph_day": bought.cost_usd_ph_day, "worth_usd_ph_day": bought.worth_usd_ph_day,
            "budget_left": sight.budget_left, "life_days": bought.life_days,
        }  # fmt: skip
        try:
            renter = Renter(self._app, kept(self._app, bought.name))
            order = "" if sight.order is None else sight.order.id
            done = await renter.carry_out(action, order=order, saw=saw, is_wanted=lambda: not self._settings.is_paused)
        except (HashwrightError, OSError) as error:
            self._tell(bought.name, words_of_error(error))
            return words_of_error(error)
        self._told.pop(bought.name, None)
        return f"{done} ({bought.why})"

    async def apply(self, asked: Sequence[Purchase], seen: Seen, fresh: Sequence[Purchase]) -> str:
        """Do what a person said yes to, where a fresh look finds the same right at no higher price or amount."""
        now = {it.name: it for it in fresh}
        agreed, words = [], []
        for it in (it for it in asked if it.acts):
            found = now.get(it.name)
            if found is None or found.kind != it.kind:
                words.append(f"{it.name}: not done, now it is: {'gone' if found is None else found.why}")
            elif Decimal(found.price) > Decimal(it.price) or Decimal(found.amount) > Decimal(it.amount):
                words.append(f"{it.name}: not done, it would now take {found.price} and {found.amount}")
            else:
                agreed.append(found)
        return "; ".join([*words, *([done] if (done := await self.carry_out(seen, agreed)) else [])])

    # ---------------------------------------------------------------- let go

    async def sweep(self, why: str) -> dict[str, str]:
        """End the autopilot's orders of rentals that nobody tends now; return for each what was done, or why not."""
        settings = self._settings
        is_off = settings.is_paused or settings.mode == "dry-run"
        tended = set() if is_off else {name for name in settings.buy if self._is_tended(name)}
        known = self._app.store.settings(SETTING)
        return await self.end(why, [name for name in sorted(known) if name not in tended])

    def _is_tended(self, name: str) -> bool:
        """Tell whether a rental can be judged here at all: it is ours, and its destination is there."""
        try:
            return not self._unsuited(Renter(self._app, kept(self._app, name)))
        except HashwrightError:
            return False

    async def end(self, why: str, names: Sequence[str]) -> dict[str, str]:
        """End the autopilot's orders of these rentals of its algorithm; return for each what was done, or why not.

        All at once, so that a silent market keeps nobody waiting for longer than its own time.
        """
        words = await asyncio.gather(*(self._end_one(name, why) for name in names))
        return {name: text for name, text in zip(names, words, strict=True) if text}

    async def _end_one(self, name: str, why: str) -> str:
        try:
            renter = Renter(self._app, kept(self._app, name))
            if renter.settings.algorithm != self._settings.algorithm or not await renter.may_stand():
                return ""
            async with asyncio.timeout(LOOK_S):
                done = await renter.end(why)
        except TimeoutError:
            return self._stands(name, "its market does not answer")
        except (HashwrightError, OSError) as error:
            return self._stands(name, words_of_error(error))
        self._told.pop(name, None)
        return done

    def _stands(self, name: str, problem: str) -> str:
        words = f"an order of it may still stand: {problem.rstrip('.')}. The next turn tries again"
        self._tell(name, words)
        return words

    def _tell(self, name: str, words: str) -> None:
        """Tell a person once of each trouble."""
        if self._told.get(name) != words:
            self._told[name] = words
            self._app.warn(Alert(level="warning", code="HW-978", text=f"Rental {name}: {words}"[:500]))

    async def failed(self, now: int) -> str:
        """Note that a turn failed; once turns fail for long, end orders, and say so."""
        if self.failing_since is None:
            self.failing_since = now
        if now - self.failing_since < FAILING_MS:
            return ""
        ended = await self.end("no turn could be thought for long", self._settings.buy)
        return "".join(f"; {name}: {words}" for name, words in ended.items())


# ---------------------------------------------------------------- parts


def words_of_error(error: HashwrightError | OSError) -> str:
    """Return what went wrong, in a line."""
    return f"{error.code} {error.message.rstrip('.')}" if isinstance(error, HashwrightError) else str(error)[:200]


def _question(look: Look) -> str:
    if look.open_questions:
        return f"HW-883 {look.open_questions[0]} was sent and not answered; it is looked for first"
    return ""


def _blind(blank: SeenPurchase, before: "RentalBefore", problem: str) -> SeenPurchase:
    """Return a rental whose market could not be seen: its counters stay as they were."""
    last = before.last
    if last is None or last.is_paper != blank.is_paper:
        return msgspec.structs.replace(blank, why_not=problem)
    return msgspec.structs.replace(last, why_not=problem, paper=before.rental, ask="", served=())


def _for_real(renter: Renter, look: Look, found: SeenPurchase) -> SeenPurchase:
    standing, rental, done = renter.standing(look), look.rental, look.realised
    order = None
    if standing is not None and rental is not None:
        order = SeenOrder(
            price=plain(standing.price), left=plain(standing.left), lowered_ago_s=standing.lowered_ago_s,
            id=rental.id, speed_hs=rental.speed_hs,
        )  # fmt: skip
    work = Decimal(done.seen) if done.seen is not None else done.told
    return msgspec.structs.replace(
        found, order=order, budget_left=plain(renter.bounds(look).budget_left), paid=plain(done.paid),
        work=None if work is None else plain(work), paper=None, of_day=plain(look.today.cost(look.rules)),
    )  # fmt: skip


def _on_paper(renter: Renter, look: Look, found: SeenPurchase, before: "RentalBefore", now: int) -> SeenPurchase:
    paper = before.rental or PaperRental()
    if before.last is not None and now - before.at_ms <= SPAN_MAX_MS:
        seconds = (now - before.at_ms) / 1000
        paper = walked(paper, before.last, ask_now=found.ask, seconds=seconds)
    left = paper_left(paper, budget=renter.budget(look.rules), budget_day=renter.budget_day, at_ms=now)
    return msgspec.structs.replace(
        found, order=paper_order(paper, at_ms=now), budget_left=plain(left), paid=paper.paid, work=paper.work,
        paper=paper, of_day=plain(paper_day(paper, at_ms=now)),
    )  # fmt: skip


def _spread(error: ForecastError) -> float:
    """Return the daily change of what work is worth, drawn towards what is assumed until days were seen."""
    days = error.pairs + PRIOR_PAIRS
    return math.sqrt((error.spread**2 * error.pairs + SPREAD_PRIOR**2 * PRIOR_PAIRS) / days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acts:
    """What became of the rentals of a turn; `asked` is what a person would have to say yes to."""

    state: State
    words: str = ""
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The turn before: what it saw and thought."""

    seen: Seen
    thought: Thought | None

    @classmethod
    def of(cls, row: DecisionRow) -> "Before":
        """Read it from its row."""
        seen = msgspec.json.decode(row.seen, type=Seen)
        return cls(seen=seen, thought=msgspec.json.decode(row.thought, type=Thought | None))


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalBefore:
    """A rental at the turn before, and what its rehearsal had after it."""

    last: SeenPurchase | None = None
    rental: PaperRental | None = None
    at_ms: int = 0


def rental_of(before: Before | None, name: str) -> RentalBefore:
    """Return where a rental stood after the turn before."""
    last = None if before is None else next((it for it in before.seen.purchases if it.name == name), None)
    if before is None or last is None:
        return RentalBefore()
    bought = () if before.thought is None else before.thought.purchases
    mine = next((it for it in bought if it.name == name), None)
    at_ms = before.seen.at_ms
    rental = last.paper if mine is None or not last.is_paper else carried_out(last, mine, at_ms=at_ms)
    return RentalBefore(last=last, rental=rental, at_ms=at_ms)


def _cheapest(look: Look) -> tuple[tuple[str, float], ...]:
    """Return the cheapest orders that are served, for people who ask why."""
    served = sorted((it for it in look.offers if it.speed_hs > 0 and not it.is_ours), key=lambda it: it.price)
    return tuple((plain(it.price), it.speed_hs) for it in served[:SERVED_MAX])


def worth_error(memory: Memory, destination: str, *, is_same_coin: bool) -> ForecastError:
    """Return how what work is worth at a destination changed from day to day: in coins, or in dollars."""
    values: list[float | None] = []
    for day in sorted(memory.days):
        seen = memory.days[day]
        way = None if seen is None else next((it for it in seen.ways if it.destination == destination), None)
        known = None if way is None else way.coins_per_hash
        values.append(known if is_same_coin or way is None else (known or 0.0) * (way.price_usd or 0.0) or None)
    return forecast_error(values)


def _plain(it: Purchase) -> str:
    price = f" at {it.price}" if it.kind in ("place", "reprice") else ""
    amount = f", {it.amount} coins" if it.kind in ("place", "refill") else ""
    return f"{it.kind}{price}{amount} ({it.why})"


def _would(it: Purchase) -> str:
    return f"{it.name}: it would {_plain(it)}"
