"""The life of a downstream session, as two tables.

A machine subscribes (and is given an extranonce prefix) and authorizes (and is given a name). Most do it in this order,
some firmware the other way round, so both are legal and there are two ways from NEW to READY:

    NEW -> SUBSCRIBING -> SUBSCRIBED ----------------> READY
     \\-> NAMED -> NAMED_SUBSCRIBING ------------------/         any -> CLOSED

Responsibilities
* `ADMISSION` says for each state and each kind of message whether it may pass, and else what the machine is told.
* `NEXT` says where each step leads. A step that a row does not name is not legal there and leaves the state as it is.

Rules
* An unanswered subscribe is a state of its own. The engine answers later than the question comes; without it, two
  subscribes in one packet would take two prefixes.
* A second subscribe after the answer repeats the answer. A new prefix would make the running job's shares worthless,
  and a way to empty the allocator.
* `mining.configure` is legal at any time: BIP 310 wants it first, some firmware sends it later.
* A share needs both: without a prefix it is 25 (not subscribed), without a name 24 (unauthorized). Whether the name in
  the share is one of this session's is asked by the session, which knows the names.
* CLOSED is final, and everything that still comes is dropped.

Must not know: what a job is, who may authorize, the time, the socket.
"""

import enum
from collections.abc import Mapping
from typing import Final

from hashwright.stratum.messages import (
    Answer,
    Authorize,
    Configure,
    ExtranonceSubscribe,
    Message,
    Ping,
    Submit,
    Subscribe,
    SuggestDifficulty,
)


class State(enum.Enum):
    """Where a session is in its life."""

    NEW = "new"
    SUBSCRIBING = "subscribing"
    SUBSCRIBED = "subscribed"
    NAMED = "named"
    NAMED_SUBSCRIBING = "named, subscribing"
    READY = "ready"
    CLOSED = "closed"


class Step(enum.Enum):
    """What moves a session from state to state."""

    SUBSCRIBE_ASKED = "subscribe asked"
    SUBSCRIBE_ANSWERED = "subscribe answered"
    SUBSCRIBE_REFUSED = "subscribe refused"
    AUTHORIZED = "authorized"
    CLOSED = "closed"


class Admission(enum.Enum):
    """What happens to a message in a state."""

    PASS = "given to the shell"  # noqa: S105 - the word, not a secret
    REPEAT = "the subscription is answered again"
    BUSY = "error 20: a subscribe is not answered yet"
    UNAUTHORIZED = "error 24"
    NOT_SUBSCRIBED = "error 25"
    DROP = "dropped without an answer"


NEXT: Final[Mapping[State, Mapping[Step, State]]] = {
    State.NEW: {
        Step.SUBSCRIBE_ASKED: State.SUBSCRIBING,
        Step.AUTHORIZED: State.NAMED,
        Step.CLOSED: State.CLOSED,
    },
    State.SUBSCRIBING: {
        Step.SUBSCRIBE_ANSWERED: State.SUBSCRIBED,
        Step.SUBSCRIBE_REFUSED: State.NEW,
        Step.AUTHORIZED: State.NAMED_SUBSCRIBING,
        Step.CLOSED: State.CLOSED,
    },
    State.SUBSCRIBED: {
        Step.AUTHORIZED: State.READY,
        Step.CLOSED: State.CLOSED,
    },
    State.NAMED: {
        Step.SUBSCRIBE_ASKED: State.NAMED_SUBSCRIBING,
        Step.CLOSED: State.CLOSED,
    },
    State.NAMED_SUBSCRIBING: {
        Step.SUBSCRIBE_ANSWERED: State.READY,
        Step.SUBSCRIBE_REFUSED: State.NAMED,
        Step.CLOSED: State.CLOSED,
    },
    State.READY: {
        Step.CLOSED: State.CLOSED,
    },
    State.CLOSED: {},
}

_ANYTIME: Final = (Configure, Authorize, SuggestDifficulty, ExtranonceSubscribe, Ping, Answer)


def _row(subscribe: Admission, submit: Admission, others: Admission) -> Mapping[type[Message], Admission]:
    return {Subscribe: subscribe, Submit: submit, **dict.fromkeys(_ANYTIME, others)}


ADMISSION: Final[Mapping[State, Mapping[type[Message], Admission]]] = {
    State.NEW: _row(Admission.PASS, Admission.NOT_SUBSCRIBED, Admission.PASS),
    State.SUBSCRIBING: _row(Admission.BUSY, Admission.NOT_SUBSCRIBED, Admission.PASS),
    State.SUBSCRIBED: _row(Admission.REPEAT, Admission.UNAUTHORIZED, Admission.PASS),
    State.NAMED: _row(Admission.PASS, Admission.NOT_SUBSCRIBED, Admission.PASS),
    State.NAMED_SUBSCRIBING: _row(Admission.BUSY, Admission.NOT_SUBSCRIBED, Admission.PASS),
    State.READY: _row(Admission.REPEAT, Admission.PASS, Admission.PASS),
    State.CLOSED: _row(Admission.DROP, Admission.DROP, Admission.DROP),
}


def after(state: State, step: Step) -> State:
    """Return the state after a step; a step that is not legal here changes nothing."""
    return NEXT[state].get(step, state)
