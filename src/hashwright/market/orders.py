"""The life of an order, and the money that goes with each step.

    asked --> checking --its pool is good--> active <--> paused
                 |                              \\          /
                 +--not good: refused            closing --> cancelled, fulfilled, expired

Money is held before anything else happens. `closing` sends no new hash power and still pays for shares on their way;
at its end the last settlement is made and the rest is released, both in one step. What is over is forgotten but for its
last words: the table of orders has it.
"""

from hashwright.market import contract, settlement
from hashwright.market.answers import answer, known_answer
from hashwright.market.checks import Problem, funds_of, problem_of_change, problem_of_funds, problem_of_order
from hashwright.market.effects import (
    LookAtPool,
    MarketEffect,
    OrderNoted,
    PoolUnwanted,
    PoolWanted,
    TradeNoted,
)
from hashwright.market.events import ChangeAsked, FundsAsked, FundsMoved, OrderAsked, OrderBarred, OrderChecked
from hashwright.market.records import MarketState, Order, OrderState, Terms
from hashwright.signals import ORDER_PREFIX, Alert

ENDED_KEPT = 20_000
REST_MS = 600_000
"""After too many rejects an order rests before its pool is tried again."""
BY_CHECK = ("check", "rejects", "silent")
"""Pauses that a good look at the pool ends; the others end when the pool is back, or when the buyer pays."""
WORK_BYTES = 32

Effects = list[MarketEffect]


# ---------------------------------------------------------------- asked


def take_order(state: MarketState, event: OrderAsked, *, least_fixed: int | None, now: int) -> Effects:
    """Take a new order: hold its budget and have its pool looked at, or say why not."""
    known = known_answer(state, event)
    if known is not None:
        return [known]
    terms = state.terms.get(event.algorithm)
    if terms is None:
        return [answer(state, event, order="", code="HW-860", text=f"There is no market for {event.algorithm}.")]
    problem = problem_of_order(state, terms, event, least_fixed=least_fixed)
    if problem is not None:
        return [answer(state, event, order="", code=problem.code, text=problem.text)]
    order = _new_order(state, terms, event, now=now)
    state.orders[order.id] = order
    entry = _hold(state, terms, order, event.budget, now=now)
    text = f"{order.id} stands; its pool is looked at first."
    return [entry, answer(state, event, order=order.id, text=text), LookAtPool(order.id), note(order)]


def bar_order(state: MarketState, event: OrderBarred) -> Effects:
    """Say no to an order whose pool's address is not allowed; one that stands already keeps its answer."""
    known = known_answer(state, event.asked)
    return [known or answer(state, event.asked, order="", code=event.code, text=event.text)]


def _new_order(state: MarketState, terms: Terms, event: OrderAsked, *, now: int) -> Order:
    state.orders_made += 1
    return Order(
        id=f"{ORDER_PREFIX}{state.orders_made}",
        number=state.orders_made,
        account=event.account,
        algorithm=event.algorithm,
        kind=event.kind,
        price=event.price,
        limit_hs=event.limit_hs,
        minimum_hs=event.minimum_hs,
        budget=event.budget,
        pool=event.pool,
        created_at=now,
        expires_at=now + (event.life_ms or terms.life_max_ms),
        locked_until=now + event.lock_ms if event.kind == "fixed" else 0,
        fee_ppm=terms.fee_ppm,
    )


def take_change(state: MarketState, event: ChangeAsked, *, now: int) -> Effects:
    """Change an order as its buyer wants, or say why not."""
    known = known_answer(state, event)
    if known is not None:
        return [known]
    order = state.orders.get(event.order)
    if order is None or order.account != event.account:
        return [_unknown(state, event)]
    terms = state.terms[order.algorithm]
    problem = problem_of_change(terms, order, event, now=now)
    if problem is None and event.what == "refill":
        problem = problem_of_funds(state, terms, event.account, event.minor)
    if problem is not None:
        return [answer(state, event, order=order.id, code=problem.code, text=problem.text)]
    state.is_dirty = True
    effects, text = _change(state, terms, order, event, now=now)
    return [*effects, answer(state, event, order=order.id, text=text), note(order)]


def _unknown(state: MarketState, event: ChangeAsked) -> MarketEffect:
    """Answer about an order that is over, or never was, or is somebody else's: nobody learns which."""
    ended = state.ended.get(event.order)
    if ended is None or ended[0] != event.account:
        text = f"{event.account} has no order {event.order}."
        return answer(state, event, order="", code="HW-867", text=text)
    code = "" if event.what == "cancel" else "HW-867"
    return answer(state, event, order=event.order, code=code, text=f"{event.order} is {ended[1]} already: {ended[2]}.")


def _change(state: MarketState, terms: Terms, order: Order, event: ChangeAsked, *, now: int) -> tuple[Effects, str]:
    match event.what:
        case "refill":
            order.budget += event.minor
            held = _hold(state, terms, order, event.minor, now=now)
            return [held], f"{order.id} is refilled."
        case "reprice":
            if event.minor < order.price:
                order.lowered_at = now
            order.price = event.minor
            return [], f"{order.id} has its new price."
        case "limit":
            order.limit_hs, order.minimum_hs = event.rate_hs, min(order.minimum_hs, event.rate_hs)
            return [], f"{order.id} has its new limit."
        case "cancel":
            return close(state, order, "cancelled", "its buyer cancelled it", now=now), _words_of_cancel(state, order)


def _words_of_cancel(state: MarketState, order: Order) -> str:
    if order.id in state.ended:
        return f"{order.id} is cancelled; what was left is free again."
    return f"{order.id} is being closed; what is left will be free in some seconds."


# ---------------------------------------------------------------- funds


def take_funds(state: MarketState, event: FundsMoved, *, now: int) -> Effects:
    """Credit a buyer's coins once, or take back what the chain took back."""
    terms = state.terms.get(event.algorithm)
    if terms is None or event.origin in state.deposits or not event.minor:
        return []
    state.deposits[event.origin] = (event.account, event.minor, now)
    return _add_funds(state, terms, event, now=now) if event.minor > 0 else _take_back(state, terms, event, now=now)


def _add_funds(state: MarketState, terms: Terms, event: FundsMoved, *, now: int) -> Effects:
    """Credit coins; what the buyer owes is paid of them first."""
    key = _debt_key(event)
    repaid = min(state.owed.get(key, 0), event.minor)
    funds = state.funds.setdefault(event.algorithm, {})
    funds[event.account] = funds.get(event.account, 0) + event.minor - repaid
    effects: Effects = [settlement.funded(terms, event, repaid=repaid, now=now)]
    if repaid:
        state.owed[key] -= repaid
        if not state.owed[key]:
            del state.owed[key]
            for order in [it for it in state.orders.values() if _is_of(it, event) and it.paused_by == "funds"]:
                effects.extend(resume(state, order, now=now))
    return effects


def _take_back(state: MarketState, terms: Terms, event: FundsMoved, *, now: int) -> Effects:
    """Take free funds back first; what was spent is owed, and the buyer's orders wait until it is paid."""
    funds = state.funds.setdefault(event.algorithm, {})
    gone = -event.minor
    covered = min(gone, funds.get(event.account, 0))
    funds[event.account] = funds.get(event.account, 0) - covered
    effects: Effects = [settlement.taken_back(terms, event, covered=covered, now=now)]
    if covered < gone:
        key = _debt_key(event)
        state.owed[key] = state.owed.get(key, 0) + gone - covered
        text = f"The chain took back a deposit that {event.account} had spent already; see hw ledger balance."
        effects.append(Alert(level="critical", code="HW-877", text=text))
        effects.extend(_pause_account(state, event, now=now))
    return effects


def _debt_key(event: FundsMoved) -> str:
    return f"{event.algorithm}/{event.account}"


def _is_of(order: Order, event: FundsMoved) -> bool:
    return (order.account, order.algorithm) == (event.account, event.algorithm)


def _pause_account(state: MarketState, event: FundsMoved, *, now: int) -> Effects:
    effects: Effects = []
    for order in [it for it in state.orders.values() if _is_of(it, event)]:
        effects.extend(pause(state, order, "funds", "a deposit of its buyer was taken back by the chain", now=now))
    return effects


def take_withdrawal(state: MarketState, event: FundsAsked, *, now: int) -> Effects:
    """Move free funds to what the pool owes the buyer; its payouts pay that."""
    known = known_answer(state, event)
    if known is not None:
        return [known]
    terms = state.terms.get(event.algorithm)
    if terms is None:
        return [answer(state, event, order="", code="HW-860", text=f"There is no market for {event.algorithm}.")]
    problem = Problem("HW-866", "An amount above zero is needed.") if event.minor <= 0 else None
    problem = problem or problem_of_funds(state, terms, event.account, event.minor)
    if problem is not None:
        return [answer(state, event, order="", code=problem.code, text=problem.text)]
    state.funds[event.algorithm][event.account] -= event.minor
    state.moves_made += 1
    entry = settlement.withdraw(terms, event.account, event.minor, number=state.moves_made, now=now)
    return [entry, answer(state, event, order="", text=f"The payouts of {terms.books} pay it.")]


def _hold(state: MarketState, terms: Terms, order: Order, minor: int, *, now: int) -> MarketEffect:
    assert minor <= funds_of(state, terms.algorithm, order.account)
    state.funds[terms.algorithm][order.account] -= minor
    order.held += minor
    return settlement.hold(terms, order, minor, now=now)


# ---------------------------------------------------------------- checked, paused, resumed


def take_check(state: MarketState, event: OrderChecked, *, now: int) -> Effects:
    """Take what a look at the buyer's pool found."""
    order = state.orders.get(event.order)
    if order is None:
        return []
    order.checked_at, order.latency_ms = now, event.latency_ms
    if event.problem:
        if order.state == "checking":
            return _end(state, order, "refused", event.problem, now=now)
        return pause(state, order, "check", event.problem, now=now) if order.state == "active" else []
    if order.state == "checking":
        state.is_dirty = True
        order.state, order.reason = "active", ""
        return [PoolWanted(order.id, order.algorithm, order.pool), note(order)]
    is_rested = order.paused_by == "check" or now - order.paused_at >= REST_MS
    return resume(state, order, now=now) if order.paused_by in BY_CHECK and is_rested else []


def pause(state: MarketState, order: Order, by: str, reason: str, *, now: int) -> Effects:
    """Send no more hash power to an order until its pool is good again."""
    if order.state != "active":
        return []
    order.state, order.reason, order.paused_by, order.paused_at = "paused", reason[:200], by, now
    order.matched_hs, order.debt, state.is_dirty = 0.0, 0.0, True
    order.answers.open = 0
    text = f"{order.id} is paused: {order.reason}."
    return [Alert(level="warning", code="HW-872", text=text), note(order)]


def resume(state: MarketState, order: Order, *, now: int) -> Effects:
    """Let a paused order go on, with its counts of late begun anew."""
    if order.state != "paused":
        return []
    order.state, order.reason, order.paused_by, order.paused_at = "active", "", "", now
    order.answers.recent = order.answers.recent_bad = order.answers.open = 0
    state.is_dirty = True
    return [Alert(level="info", code="HW-873", text=f"{order.id} goes on."), note(order)]


# ---------------------------------------------------------------- the end


def close(state: MarketState, order: Order, ends_as: OrderState, reason: str, *, now: int) -> Effects:
    """Begin to end an order. Where no share can be on its way it ends at once."""
    if order.state == "closing":
        return []
    if order.state == "checking" or not order.is_ready:
        return _end(state, order, ends_as, reason, now=now)
    order.state, order.ends_as, order.reason = "closing", ends_as, reason
    order.closes_at = now + state.terms[order.algorithm].closing_ms
    order.matched_hs, order.debt, state.is_dirty = 0.0, 0.0, True
    return [note(order)]


def finish(state: MarketState, order: Order, *, now: int) -> Effects:
    """End an order whose last shares had their time."""
    ends_as: OrderState = "fulfilled"
    if order.ends_as in ("cancelled", "expired"):
        ends_as = "cancelled" if order.ends_as == "cancelled" else "expired"
    return _end(state, order, ends_as, order.reason, now=now)


def _end(state: MarketState, order: Order, ends_as: OrderState, reason: str, *, now: int) -> Effects:
    effects = settle(state, order, now=now)
    if order.held:
        funds = state.funds.setdefault(order.algorithm, {})
        funds[order.account] = funds.get(order.account, 0) + order.held
        effects.append(settlement.release(state.terms[order.algorithm], order, now=now))
    order.state, order.reason = ends_as, reason[:200]
    del state.orders[order.id]
    state.ended[order.id] = (order.account, ends_as, order.reason)
    while len(state.ended) > ENDED_KEPT:
        del state.ended[next(iter(state.ended))]
    state.is_dirty = True
    text = f"{order.id} of {order.account} is {ends_as}: {order.reason}."
    return [*effects, PoolUnwanted(order.id), Alert(level="info", code="HW-874", text=text), note(order)]


def settle(state: MarketState, order: Order, *, now: int) -> Effects:
    """Pay what is due to sellers since the last time."""
    terms = state.terms[order.algorithm]
    made = contract.payments(order, terms)
    if not made:
        return []
    entry = settlement.settle(terms, order, made, now=now)
    trades = [_trade(order, it) for it in made]
    return [entry, *trades, note(order)]


def _trade(order: Order, payment: contract.Payment) -> TradeNoted:
    work = order.contracts[payment.seller].work
    return TradeNoted(
        order=order.id,
        settlement=order.settles,
        seller=payment.seller,
        gross=payment.gross,
        fee=payment.fee,
        work_be=_bytes(work),
        is_own=payment.seller == order.account,
    )


def note(order: Order) -> OrderNoted:
    """Return the row of an order as it is now."""
    return OrderNoted(
        order=order.id,
        account=order.account,
        algorithm=order.algorithm,
        kind=order.kind,
        state=order.state,
        reason=order.reason,
        price=order.price,
        limit_hs=order.limit_hs,
        budget=order.budget,
        committed=sum(it.gross for it in order.contracts.values()),
        work_be=_bytes(order.work),
        unpaid_be=_bytes(order.unpaid_work),
        pool=order.pool.url,
        created_at=order.created_at,
    )


def _bytes(work: int) -> bytes:
    return int(min(work, (1 << 8 * WORK_BYTES) - 1)).to_bytes(WORK_BYTES, "big")
