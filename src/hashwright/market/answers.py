"""Answers to requests: the same account and reference get the same words again, a failed one stays failed."""

import hashlib

import msgspec

from hashwright.market.effects import RequestAnswered
from hashwright.market.events import ChangeAsked, FundsAsked, OrderAsked
from hashwright.market.records import Given, MarketState

Request = OrderAsked | ChangeAsked | FundsAsked
_encode = msgspec.msgpack.Encoder().encode


def known_answer(state: MarketState, event: Request) -> RequestAnswered | None:
    """Return what this request got when it came before; None where it is new."""
    given = state.given.get(key_of(event))
    if given is None:
        return None
    if given.digest != _digest(event):
        text = f"The reference {event.reference!r} stands for another request of {event.account}. Nothing was changed."
        return RequestAnswered(event.account, event.reference, given.order, "HW-864", text)
    return RequestAnswered(event.account, event.reference, given.order, given.code, given.text)


def answer(state: MarketState, event: Request, *, order: str, code: str = "", text: str) -> RequestAnswered:
    """Answer a request and remember the answer; a table has it for good later."""
    state.given[key_of(event)] = Given(digest=_digest(event), order=order, code=code, text=text)
    return RequestAnswered(event.account, event.reference, order, code, text)


def key_of(event: Request) -> str:
    """Return the key of a request's answer."""
    return f"{event.account}/{event.reference}"


def _digest(event: Request) -> str:
    return hashlib.sha256(_encode(event)).hexdigest()[:32]
