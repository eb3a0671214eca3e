"""What a commanded battery is told, whether it obeys, and when it is left to itself: pure, one step at a time.

    Looked     what it says of itself, and what the plan wants of it now (None: nothing, it is its own master)
    Answered   what became of an order
    Tell       say this to it            Report   say this to a person            PlanAgain   plan with or without it

Rules of this file:

- **Automatic is the safe state.** A battery is its own master whenever no plan stands behind it: at the end, when the
  plan is over, when it does not obey, does not answer, or says what cannot be. It is given back once, and again until
  it said yes.
- **An order names a state and expires.** It is repeated long before that, so that a battery whose inverter knows a time
  limit becomes its own master soon after Hashwright dies.
- **The reserve is never crossed.** No order to give at or below it, none without a level that can be believed, and
  never more than would reach it before the order expires.
- **Read back.** An order counts when the battery's own power says so, and its level moves as it must. Three looks in a
  row that say otherwise are a battery that does not obey: a person is told, and plans are made without it for a while,
  twice as long each time.

It must not know: vendors, time of day, files, prices.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

Action = Literal["charge", "discharge", "idle", "automatic"]
Answer = Literal["ok", "unsupported", "unreachable", "refused"]

LEVEL_SLACK: Final = 2.0
"""So far below 0 or above 100 a level is a calibration; beyond it nothing it says is believed [percent]."""
EXPIRE_MS: Final = 180_000
"""How long an order holds where the battery can count; three times as long as it takes until it is repeated."""
REPEAT_MS: Final = 60_000
RETRY_MS: Final = 15_000
SETTLE_MS: Final = 30_000
"""Inverters ramp; what is read sooner says nothing of obedience."""
MISSES_MAX: Final = 3
SILENT_MAX: Final = 3
OUT_MS: Final = 30 * 60_000
OUT_DOUBLINGS_MAX: Final = 4
"""Half an hour, then an hour, up to eight hours."""
NEAR_W: Final = 150.0
NEAR_SHARE: Final = 0.2
"""What a battery may be off by and still obey: standby, metering, the conversion that some report and some do not."""
TAPER_HIGH: Final = 95.0
TAPER_LOW: Final = 3.0
"""Near full it charges slower by itself; so near to its reserve it may stop giving [percent]."""
LEVEL_PROOF: Final = 0.05
"""After so much of the capacity was moved by order, the level must show a third of it."""
LEVEL_SHOWN: Final = 1 / 3


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a battery is to do until `until_ms`: take or give `watts`, neither, or what it does by itself."""

    action: Action
    watts: int = 0
    until_ms: int = 0
    turn: int = 0
    reason: str = ""

    @property
    def signed_w(self) -> int:
        """Return the watts, positive where it takes."""
        return self.watts if self.action == "charge" else -self.watts if self.action == "discharge" else 0


class BatteryReading(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a battery said at `at_ms`: level [percent], power [W, positive where it takes], whether orders hold."""

    at_ms: int = 0
    answer: Answer = "ok"
    level: float | None = None
    power_w: float | None = None
    mode: Literal["automatic", "commanded", ""] = ""
    detail: str = ""


class ControlTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A battery as it is commanded. `reserve` [percent]; orders are whole steps of `step_w`, none below `least_w`."""

    capacity_wh: int
    charge_w: int
    discharge_w: int
    reserve: float = 10.0
    efficiency: float = 0.95
    step_w: int = 10
    least_w: int = 50


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """It was asked how it is; `wanted` is what the plan in force wants of it."""

    reading: BatteryReading
    wanted: Order | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the order that was sent last."""

    answer: Answer
    detail: str = ""


class Considered(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that an order follows from: kept with it, so that it can be decided again.

    `level` is what it reported [percent], `is_heard` whether it answered this time, `last` what it was told before.
    """

    terms: ControlTerms
    wanted: Order | None = None
    level: float | None = None
    is_heard: bool = True
    trouble: str = ""
    last: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Send an order to the battery."""

    order: Order
    considered: Considered


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Tell a person; `level` info says that it is over."""

    level: Literal["info", "warning", "critical"]
    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAgain:
    """Whether the battery can be counted on has changed."""

    is_out: bool


Effect = Tell | Report | PlanAgain


@dataclass(slots=True, kw_only=True)
class BatteryState:
    """What is remembered of one battery. `order` is what it was told last, None where nothing ever was."""

    order: Order | None = None
    answer: Answer = "ok"
    sent_at: int = 0
    began_at: int = 0
    reading: BatteryReading | None = None
    misses: int = 0
    silent: int = 0
    refusals: int = 0
    failures: int = 0
    out_until: int = 0
    trouble: str = ""
    why: str = ""
    anchor: float | None = None
    moved_wh: float = 0.0
    moved_at: int = 0
    told: set[str] = field(default_factory=set)

    @property
    def is_out(self) -> bool:
        """Tell whether no plan may count on it."""
        return bool(self.trouble)


def step(state: BatteryState, event: Looked | Answered, terms: ControlTerms, *, now: int) -> tuple[Effect, ...]:
    """Take one event and return what is to be done."""
    was_out = state.is_out
    effects = _looked(state, event, terms, now) if isinstance(event, Looked) else _answered(state, event, now)
    if state.is_out != was_out:
        effects.append(PlanAgain(is_out=state.is_out))
    return tuple(effects)


def believed(level: float | None) -> float | None:
    """Return a level within 0 and 100 [percent]; None for one that cannot be, or is not known."""
    if level is None or level != level or not -LEVEL_SLACK <= level <= 100 + LEVEL_SLACK:
        return None
    return min(max(level, 0.0), 100.0)


def limited(order: Order, level: float | None, terms: ControlTerms) -> Order:
    """Return what an order may become at a level [percent]: whole steps, within the battery, never below its reserve.

    It is rounded toward nothing: an order never exceeds what was planned.
    """
    if order.action in ("automatic", "idle"):
        return order
    content = believed(level)
    if content is None:
        return automatic(order, "its level is not known")
    most, why = _most_w(order, content, terms)
    watts = min(order.watts, most) // terms.step_w * terms.step_w
    if watts < max(terms.least_w, 1):
        why = why if most < terms.least_w else f"less than {terms.least_w} W"
        return msgspec.structs.replace(order, action="idle", watts=0, reason=why)
    return msgspec.structs.replace(order, watts=watts, reason=why if watts < order.watts and most < order.watts else "")


def _most_w(order: Order, content: float, terms: ControlTerms) -> tuple[int, str]:
    """Return what it can take or give until the order expires [W], and what stands in the way."""
    hours = EXPIRE_MS / 3_600_000
    if order.action == "charge":
        room_wh = (100 - content) / 100 * terms.capacity_wh
        return min(terms.charge_w, int(room_wh / terms.efficiency / hours)), "it is full"
    over_wh = (content - terms.reserve) / 100 * terms.capacity_wh
    return min(terms.discharge_w, max(int(over_wh * terms.efficiency / hours), 0)), "it is at its reserve"


def automatic(order: Order | None, reason: str) -> Order:
    """Return the order to be its own master."""
    return Order(action="automatic", turn=0 if order is None else order.turn, reason=reason)


# ---------------------------------------------------------------- a look


def _looked(state: BatteryState, event: Looked, terms: ControlTerms, now: int) -> list[Effect]:
    reading = event.reading
    effects = _notice(state, reading, now)
    if not state.trouble and reading.answer == "ok":
        effects += _judge(state, reading, terms, now)
    if reading.answer == "ok":
        state.reading = reading
    considered = Considered(
        terms=terms,
        wanted=event.wanted,
        level=reading.level,
        is_heard=reading.answer == "ok",
        trouble=state.why if state.trouble else "",
        last=state.order,
    )
    order = decide(considered)
    if order is not None and _is_due(state, order, reading, now):
        effects.append(_tell(state, order, considered, now))
    return effects


def decide(it: Considered) -> Order | None:
    """Return what a battery is to be told; None where it never was told anything and no plan wants it."""
    if it.wanted is None:
        return None if it.last is None else automatic(it.last, "no plan drives it")
    if it.trouble:
        return automatic(it.wanted, it.trouble)
    if not it.is_heard and it.last is not None:
        return msgspec.structs.replace(it.last, until_ms=it.wanted.until_ms)  # one silent look changes nothing
    return limited(it.wanted, it.level if it.is_heard else None, it.terms)


def _notice(state: BatteryState, reading: BatteryReading, now: int) -> list[Effect]:
    """Count silence, and levels that cannot be; let a battery in again whose time is over."""
    if reading.answer != "ok":
        state.silent += 1
        if state.silent == SILENT_MAX and not state.trouble:
            return _out(state, "HW-892", f"it gave no usable answer {SILENT_MAX} times: {reading.detail}", 0)
        return []
    state.silent = 0
    is_odd = reading.level is not None and believed(reading.level) is None
    if is_odd:
        return [] if state.trouble else _out(state, "HW-891", f"it reports {reading.level:g} %", 0)
    if state.trouble and now >= state.out_until:
        return _back(state)
    return []


def _out(state: BatteryState, code: str, why: str, out_ms: int, *, now: int = 0) -> list[Effect]:
    state.trouble, state.why, state.out_until = code, why, now + out_ms if out_ms else 0
    state.misses = state.refusals = 0
    state.anchor = None
    state.told.add(code)
    text = f"{why}. It is left to itself, and plans are made without it."
    return [Report(level="warning", code=code, text=text)]


def _back(state: BatteryState) -> list[Effect]:
    code, state.trouble, state.why = state.trouble, "", ""
    state.told.discard(code)
    return [Report(level="info", code=code, text="It is counted on again.")]


def _judge(state: BatteryState, reading: BatteryReading, terms: ControlTerms, now: int) -> list[Effect]:
    """Hold what it says against what it was told."""
    order = state.order
    if order is None or order.action == "automatic" or state.answer != "ok" or now - state.began_at < SETTLE_MS:
        return []
    problem = _power_problem(order, reading, terms)
    state.misses = state.misses + 1 if problem else 0
    if not problem:
        lie = _level_problem(state, order, reading, terms, now)
        if lie:
            return _disobeyed(state, lie, now)
        if state.failures and now - state.began_at > SETTLE_MS * 4:
            state.failures = 0
    if state.misses >= MISSES_MAX:
        return _disobeyed(state, problem, now)
    return []


def _disobeyed(state: BatteryState, why: str, now: int) -> list[Effect]:
    wait = OUT_MS * 2 ** min(state.failures, OUT_DOUBLINGS_MAX)
    state.failures += 1
    return _out(state, "HW-890", why, wait, now=now)


def _power_problem(order: Order, reading: BatteryReading, terms: ControlTerms) -> str:
    """Say what its power shows instead of what was ordered; nothing where it obeys, or does not say."""
    power = reading.power_w
    if power is None:
        return ""
    near = max(NEAR_W, NEAR_SHARE * order.watts, 2.0 * terms.step_w)
    least = most = float(order.signed_w)
    level = believed(reading.level)
    if order.action == "charge" and (level is None or level >= TAPER_HIGH):
        least = 0.0
    if order.action == "discharge" and (level is None or level <= terms.reserve + TAPER_LOW):
        most = 0.0
    if least - near <= power <= most + near:
        return ""
    return f"it was told {words_of(order)}, and its power is {power:+,.0f} W"


def _level_problem(state: BatteryState, order: Order, reading: BatteryReading, terms: ControlTerms, now: int) -> str:
    """Say where its level does not move as its power must have moved it: such a battery reports what it likes."""
    level = believed(reading.level)
    if level is None or level >= TAPER_HIGH or level <= terms.reserve + TAPER_LOW or not order.signed_w:
        state.anchor = None
        return ""
    if state.anchor is None:
        state.anchor, state.moved_wh, state.moved_at = level, 0.0, now
        return ""
    state.moved_wh += order.signed_w * (now - state.moved_at) / 3_600_000
    state.moved_at = now
    if abs(state.moved_wh) < LEVEL_PROOF * terms.capacity_wh:
        return ""
    shown_wh = (level - state.anchor) / 100 * terms.capacity_wh
    moved_wh, state.anchor = state.moved_wh, None
    if shown_wh * (1 if moved_wh > 0 else -1) >= LEVEL_SHOWN * abs(moved_wh):
        return ""
    return f"it says that it obeys, and after {abs(moved_wh):,.0f} Wh by order its level moved by {shown_wh:+,.0f} Wh"


def _is_due(state: BatteryState, order: Order, reading: BatteryReading, now: int) -> bool:
    """Tell whether an order is to be sent: it is another, the last failed, or it would expire."""
    last = state.order
    if last is None or (last.action, last.watts) != (order.action, order.watts):
        return True
    if state.answer != "ok":
        return now - state.sent_at >= RETRY_MS
    if order.action == "automatic":
        return reading.mode == "commanded" and now - state.sent_at >= REPEAT_MS
    return now - state.sent_at >= REPEAT_MS


def _tell(state: BatteryState, order: Order, considered: Considered, now: int) -> Tell:
    last = state.order
    if last is None or (last.action, last.watts) != (order.action, order.watts):
        state.began_at, state.misses, state.anchor = now, 0, None
    state.order, state.sent_at = order, now
    return Tell(order=order, considered=considered)


def _answered(state: BatteryState, event: Answered, now: int) -> list[Effect]:
    """Take the answer to an order: a battery that says no twice to one is not counted on for a while."""
    state.answer = event.answer
    if event.answer == "ok":
        state.refusals = 0
        return []
    state.began_at = now
    if event.answer == "unreachable" or state.trouble:
        return []  # the next looks say whether it is silent
    state.refusals += 1
    if state.refusals < 2 and event.answer == "refused":
        return []
    wait = OUT_MS * 2 ** min(state.failures, OUT_DOUBLINGS_MAX)
    state.failures += 1
    return _out(state, "HW-893", f"an order was {event.answer}: {event.detail}", wait, now=now)


def words_of(order: Order) -> str:
    """Write an order for people."""
    match order.action:
        case "charge":
            return f"to take {order.watts:,} W"
        case "discharge":
            return f"to give {order.watts:,} W"
        case "idle":
            return "to rest"
        case "automatic":
            return "to be its own master"
