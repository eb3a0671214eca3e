"""The Lab's sliders: one calculation with levers moved, answered at once by the same engine as `hw calc`."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from hashwright.economics.calculation import Calculation
from hashwright.economics.what_if import Lever, Swing, left_usd
from hashwright.runtime.what_if import WhatIf, what_if
from hashwright.web.documents import Document

Word = Annotated[str, msgspec.Meta(max_length=80, pattern="^[^\\x00-\\x1f\\x7f]*$")]
Number = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]


class WhatIfWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine of the catalogue and levers; a lever that is left out stays as the facts and defaults have it."""

    machine: Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern="^[^\\x00-\\x1f\\x7f]*$")]
    coin: Word = ""
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 365
    power_price: Number | None = None
    price: Number | None = None
    growth: Number | None = None
    efficiency: Number | None = None
    pool_fee: Number | None = None


class LeverDocument(Document, frozen=True, kw_only=True):
    """A lever with its unit: its value by facts and defaults, and as it was moved."""

    lever: Literal["power_price", "price", "growth", "efficiency", "pool_fee"]
    unit: str
    base: float
    value: float


class AnswerDocument(Document, frozen=True, kw_only=True):
    """What mining earns, costs and leaves a day, and over the days ahead beside buying the coin [USD, estimated]."""

    revenue_usd_day: float
    power_usd_day: float
    profit_usd_day: float
    left_usd: float
    mined_usd: float
    mined_coins: float
    spent_usd: float
    bought_coins: float
    running_days: float
    break_even_power_usd_kwh: float


class SwingDocument(Document, frozen=True, kw_only=True):
    """A lever moved alone, low and high, and what mining leaves there over the days ahead [USD, estimated]."""

    lever: str
    unit: str
    now: float
    low: float
    high: float
    low_left_usd: float
    high_left_usd: float


class FactDocument(Document, frozen=True, kw_only=True):
    """A fact that the answer rests on: when it was true, and who says so."""

    name: str
    value: float
    at_ms: int
    sources: tuple[str, ...]


class WhatIfDocument(Document, frozen=True, kw_only=True):
    """The answer before and after, levers, and the tornado around the moved case; `command` gives the same."""

    machine: str
    coin: str
    ticker: str
    days: int
    levers: tuple[LeverDocument, ...]
    before: AnswerDocument
    after: AnswerDocument
    tornado: tuple[SwingDocument, ...]
    facts: tuple[FactDocument, ...]
    command: str


def answered(folder: Path, wish: WhatIfWish, *, now_ms: int) -> WhatIfDocument:
    """Reckon a wish.

    Raises:
        OperatorError: the machine, the coin or a lever's value is not one (HW-801, HW-802, HW-815, HW-837).
    """
    names: tuple[Lever, ...] = ("power_price", "price", "growth", "efficiency", "pool_fee")
    levers: dict[Lever, float] = {name: getattr(wish, name) for name in names if getattr(wish, name) is not None}
    found = what_if(folder, wish.machine, coin=wish.coin, days=wish.days, levers=levers, now_ms=now_ms)
    units = {it.lever: it.unit for it in found.swings}
    return WhatIfDocument(
        machine=found.machine,
        coin=found.coin,
        ticker=found.ticker,
        days=wish.days,
        levers=tuple(
            LeverDocument(lever=name, unit=units[name], base=found.base[name], value=found.levers[name])
            for name in names
        ),
        before=_answer(found.before),
        after=_answer(found.answer),
        tornado=tuple(map(_swing, found.swings)),
        facts=tuple(
            FactDocument(name=name, value=float(it.value), at_ms=it.at_ms, sources=tuple(it.sources))
            for name, it in found.facts.items()
        ),
        command=command_of(found, wish),
    )


def command_of(found: WhatIf, wish: WhatIfWish) -> str:
    """Return the command that gives the same answer in a terminal."""
    it, power_w = found.levers, found.answer.rig.power_w
    moved = {
        "--power-price": f"{it['power_price']:.6g}",
        "--price": f"{it['price']:.8g}" if wish.price is not None else "",
        "--growth": f"{it['growth']:.6g}x",
        "--power": f"{power_w:.6g}W" if wish.efficiency is not None else "",
        "--pool-fee": f"{100 * it['pool_fee']:.6g}%",
        "--coin": wish.coin,
        "--days": str(wish.days),
    }
    flags = " ".join(f"{flag} {value}" for flag, value in moved.items() if value)
    return f'hw calc "{found.machine}" {flags} --tornado'


def _answer(it: Calculation) -> AnswerDocument:
    return AnswerDocument(
        revenue_usd_day=it.revenue_usd_day.value,
        power_usd_day=it.power_cost_usd_day.value,
        profit_usd_day=it.profit_usd_day.value,
        left_usd=left_usd(it),
        mined_usd=it.mined_usd.value,
        mined_coins=it.mined_coins,
        spent_usd=it.bought_usd.value,
        bought_coins=it.bought_coins,
        running_days=it.running_days,
        break_even_power_usd_kwh=it.break_even_power_usd_kwh,
    )


def _swing(it: Swing) -> SwingDocument:
    return SwingDocument(
        lever=it.lever,
        unit=it.unit,
        now=it.now,
        low=it.low.value,
        high=it.high.value,
        low_left_usd=it.low.left_usd,
        high_left_usd=it.high.left_usd,
    )
