"""What was delivered: work that our own judge accepted, and what the buyer's pool said to it.

**Sellers are paid for accepted work on a live job of the order**, whatever the buyer's pool says: proof is enough, and
a seller's claim is never asked for. What the pool rejects is the buyer's risk; who rejected, we or the pool, is
counted apart. A pool that rejects more than chance explains, or says nothing at all, gets no more work.
"""

import functools
import math

from hashwright.chain.target import work_of_target
from hashwright.market import contract, fraud
from hashwright.market.effects import MarketEffect
from hashwright.market.orders import close, pause
from hashwright.market.records import Answers, Machine, MarketState, Order
from hashwright.signals import CreditWork, ReturnWork

CREDITED = ("accepted", "block")
RATE_SPAN_MS = 300_000
RATE_SHARES_MIN = 4
ANSWERS_MIN = 50
ANSWERS_WINDOW = 400
SILENT_SHARES = 3
TAIL_S = 3.0
"""An order stops when what is left would be used up in this time: the tail pays for shares on their way."""
UNKNOWN = "unknown"

Effects = tuple[MarketEffect, ...]


@functools.lru_cache(maxsize=4096)
def work_of(target_be: bytes) -> int:
    """Return the work of one share [hashes]."""
    return work_of_target(int.from_bytes(target_be, "big"))


@functools.lru_cache(maxsize=32_768)
def seller_of(worker: str) -> str:
    """Return the account that a worker's work belongs to."""
    return worker.partition(".")[0] or UNKNOWN


def take_credit(state: MarketState, event: CreditWork, *, now: int) -> Effects:
    """Count one share: the machine's rate, and where it was for an order, what is due for it."""
    is_good = event.outcome in CREDITED
    if is_good:
        machine = state.machines.get(event.session)
        if machine is not None:
            _count(machine, work_of(event.target_be), now=now)
            if machine.shares == RATE_SHARES_MIN:
                state.is_dirty = True  # its rate is known from now on: it can be sold with the next tick
    order = state.orders.get(event.destination)
    if order is None:
        return ()
    if not is_good:
        order.answers.ours += 1
        return ()
    return _deliver(state, order, event, now=now)


def _deliver(state: MarketState, order: Order, event: CreditWork, *, now: int) -> Effects:
    work = work_of(event.target_be)
    order.debt -= work
    if order.state == "checking" or not order.is_ready:
        order.unpaid_work += work  # no job of the order is live: the share cannot have been of use to its buyer
        return ()
    scale = state.terms[order.algorithm].scale
    paid = contract.add_work(order, seller_of(event.worker), work, scale=scale, is_block=event.outcome == "block")
    order.unpaid_work += work - paid
    if order.state != "closing" and contract.is_spent(order, scale=scale, tail_s=TAIL_S):
        return tuple(close(state, order, "fulfilled", "its budget is spent", now=now))
    return ()


def take_return(state: MarketState, event: ReturnWork, *, now: int) -> Effects:
    """Count what the buyer's pool said, and pause the order where that is not honest."""
    order = state.orders.get(event.destination)
    if order is None or event.state == "late":
        return ()
    answers = order.answers
    if event.state == "submitted":
        answers.sent += 1
        answers.open += 1
        if answers.open == 1:
            answers.open_since = now
        return ()
    answers.open, answers.open_since = max(answers.open - 1, 0), now
    match event.state:
        case "accepted":
            answers.accepted += 1
            _roll(answers)
            return ()
        case "lost":
            answers.lost += 1
            return ()
        case "stale":
            answers.stale += 1
        case _:
            answers.rejected += 1
    answers.reason = event.reason
    _roll(answers)
    answers.recent_bad += 1
    return _judge(state, order, now=now)


def _roll(answers: Answers) -> None:
    """Count one answer; older ones weigh less in time."""
    if answers.recent >= ANSWERS_WINDOW:
        answers.recent, answers.recent_bad = answers.recent // 2, answers.recent_bad // 2
    answers.recent += 1


def _judge(state: MarketState, order: Order, *, now: int) -> Effects:
    answers, terms = order.answers, state.terms[order.algorithm]
    if answers.recent < ANSWERS_MIN or answers.recent_bad <= terms.reject_part_max * answers.recent:
        return ()
    found = fraud.rejects(answers.recent_bad, answers.recent, expected_part=terms.reject_part_expected)
    if found.p_value >= fraud.SURE:
        return ()
    text = f"its pool refused {found.seen} of {answers.recent} good shares, {found.expected:.1f} were expected"
    return tuple(pause(state, order, "rejects", f"{text}: {answers.reason or 'no reason given'}", now=now))


def watch_silence(state: MarketState, order: Order, *, now: int) -> list[MarketEffect]:
    """Pause an order whose pool takes shares and does not answer."""
    answers = order.answers
    is_silent = answers.open >= SILENT_SHARES and now - answers.open_since >= state.terms[order.algorithm].silent_ms
    if order.state != "active" or not is_silent:
        return []
    text = f"its pool has not answered {answers.open} shares for {(now - answers.open_since) // 1000} s"
    return pause(state, order, "silent", text, now=now)


# ---------------------------------------------------------------- rates


def _count(machine: Machine, work: int, *, now: int) -> None:
    age = now - machine.decayed_at
    machine.decayed = machine.decayed * math.exp(-age / RATE_SPAN_MS) + work
    machine.decayed_at = now
    machine.shares += 1


def rate_of(machine: Machine, *, now: int) -> float:
    """Return a machine's hash rate [H/s] from its own proven work; 0 while it is not known."""
    age = now - machine.joined_at
    if machine.shares < RATE_SHARES_MIN or age <= 0:
        return 0.0
    weighed = machine.decayed * math.exp(-(now - machine.decayed_at) / RATE_SPAN_MS)
    return weighed / (RATE_SPAN_MS / 1000 * -math.expm1(-age / RATE_SPAN_MS))
