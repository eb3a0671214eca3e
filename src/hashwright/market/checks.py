"""What makes a request unusable, in words with a code. Pure: nothing is changed here."""

import math
from dataclasses import dataclass

from hashwright.market.events import ChangeAsked, OrderAsked
from hashwright.market.records import MarketState, Order, Terms
from hashwright.money import BOUND, Amount, Currency

RATE_MAX_HS = 1e21
"""More than all machines of any coin: a wrong unit."""
ORDERS_MAX = 10_000
TEXT_MAX = 128


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused."""

    code: str
    text: str


def problem_of_order(state: MarketState, terms: Terms, event: OrderAsked, *, least_fixed: int | None) -> Problem | None:
    """Say what is wrong with a new order; None where it can stand.

    Args:
        state: the market.
        terms: its terms.
        event: the order.
        least_fixed: the lowest price at which the whole limit would be served now: no fixed order locks less;
            None where there is no such price.
    """
    found = (
        _names(event)
        or problem_of_price(terms, event.price)
        or problem_of_rate(terms, event.limit_hs)
        or _minimum(event)
        or _times(terms, event)
        or _fixed(terms, event, least_fixed)
        or _budget(terms, event.budget)
        or problem_of_funds(state, terms, event.account, event.budget)
    )
    if found is None and len(state.orders) >= ORDERS_MAX:
        return Problem("HW-512", f"The market holds {ORDERS_MAX} orders, as many as it takes.")
    return found


def problem_of_price(terms: Terms, price: int) -> Problem | None:
    """Say what is wrong with a price [minor units]."""
    if type(price) is not int or not 0 < price < BOUND:
        return Problem("HW-861", f"The price {price} is not above zero and within bounds.")
    if price % terms.price_step:
        step = Amount(terms.price_step, Currency(terms.currency, terms.exponent))
        return Problem("HW-861", f"The price is no multiple of the market's step of {step}.")
    return None


def problem_of_rate(terms: Terms, rate_hs: float) -> Problem | None:
    """Say what is wrong with a limit [H/s]."""
    if not math.isfinite(rate_hs) or not 0 < rate_hs <= RATE_MAX_HS:
        return Problem("HW-863", "The limit is no hash rate above zero and at most 1000 EH/s.")
    if rate_hs < terms.minimum_limit_hs:
        return Problem("HW-863", f"The limit is below the market's smallest of {terms.minimum_limit_hs:g} H/s.")
    return None


def problem_of_funds(state: MarketState, terms: Terms, account: str, minor: int) -> Problem | None:
    """Say whether a buyer's free funds are too small."""
    free = funds_of(state, terms.algorithm, account)
    if minor <= free:
        return None
    currency = Currency(terms.currency, terms.exponent)
    lacks = Amount(min(minor - free, BOUND - 1), currency)  # no request makes the engine raise
    return Problem("HW-865", f"{account} has {Amount(free, currency)} free, {lacks} too little. Nothing was held.")


def problem_of_change(terms: Terms, order: Order, event: ChangeAsked, *, now: int) -> Problem | None:
    """Say what is wrong with a change of an order."""
    if order.state == "closing" and event.what != "cancel":
        return Problem("HW-867", f"{order.id} is being closed: {order.reason}.")
    match event.what:
        case "reprice":
            return problem_of_price(terms, event.minor) or _lower(terms, order, event.minor, now=now)
        case "limit":
            return problem_of_rate(terms, event.rate_hs) or _locked(order, now=now)
        case "refill":
            return _refill(terms, order, event.minor)
        case "cancel":
            return None


def funds_of(state: MarketState, algorithm: str, account: str) -> int:
    """Return a buyer's free funds [minor units]."""
    return state.funds.get(algorithm, {}).get(account, 0)


def _names(event: OrderAsked) -> Problem | None:
    if not event.account or not 1 <= len(event.reference) <= TEXT_MAX:
        return Problem("HW-867", f"An order needs an account and a reference of 1 to {TEXT_MAX} characters.")
    if not event.pool.url or not event.pool.user:
        return Problem("HW-871", "An order names the pool that is mined for, and the user there.")
    return None


def _minimum(event: OrderAsked) -> Problem | None:
    if math.isfinite(event.minimum_hs) and 0 <= event.minimum_hs <= event.limit_hs:
        return None
    return Problem("HW-863", "The minimum is not between zero and the limit.")


def _times(terms: Terms, event: OrderAsked) -> Problem | None:
    if not 0 <= event.life_ms <= terms.life_max_ms:
        return Problem("HW-863", f"An order may stand for {terms.life_max_ms / 86_400_000:g} days at most.")
    if event.kind == "standard" and event.lock_ms:
        return Problem("HW-869", "Only a fixed order locks its price.")
    if event.kind == "fixed" and not 0 < event.lock_ms <= terms.lock_max_ms:
        return Problem("HW-869", f"A fixed price is locked for up to {terms.lock_max_ms / 3_600_000:g} hours.")
    return None


def _fixed(terms: Terms, event: OrderAsked, least: int | None) -> Problem | None:
    if event.kind != "fixed":
        return None
    if least is None:
        return Problem("HW-869", "The machines that are for sale now cannot serve the whole limit, so none is locked.")
    if event.price >= least:
        return None
    price = Amount(least, Currency(terms.currency, terms.exponent))
    return Problem("HW-869", f"A fixed price must win its whole limit when it is locked: that takes {price} now.")


def _budget(terms: Terms, budget: int) -> Problem | None:
    if type(budget) is int and terms.minimum_amount <= budget < BOUND:
        return None
    least = Amount(terms.minimum_amount, Currency(terms.currency, terms.exponent))
    return Problem("HW-866", f"The budget is below the market's smallest of {least}, or out of bounds.")


def _refill(terms: Terms, order: Order, minor: int) -> Problem | None:
    if type(minor) is not int or minor <= 0 or order.budget + minor >= BOUND:
        return Problem("HW-866", "A refill is an amount above zero, within bounds.")
    return None


def _lower(terms: Terms, order: Order, price: int, *, now: int) -> Problem | None:
    locked = _locked(order, now=now)
    if locked is not None:
        return locked
    wait_ms = order.lowered_at + terms.cooldown_ms - now
    if price < order.price and order.lowered_at and wait_ms > 0:
        return Problem("HW-868", f"The price was lowered a short while ago; wait {-(-wait_ms // 1000)} s.")
    return None


def _locked(order: Order, *, now: int) -> Problem | None:
    if now < order.locked_until:
        wait_s = (order.locked_until - now) // 1000
        return Problem("HW-869", f"{order.id} is fixed; price and limit are locked for {wait_s} s more.")
    return None
