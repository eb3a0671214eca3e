import pytest

from hashwright.stratum.messages import (
    Answer,
    Authorize,
    Configure,
    ExtranonceSubscribe,
    Ping,
    Submit,
    Subscribe,
    SuggestDifficulty,
)
from hashwright.stratum.states import ADMISSION, NEXT, Admission, State, Step, after

KINDS = {Subscribe, Configure, Authorize, Submit, SuggestDifficulty, ExtranonceSubscribe, Ping, Answer}

SUBSCRIBE_AND_SUBMIT = {
    State.NEW: (Admission.PASS, Admission.NOT_SUBSCRIBED),
    State.SUBSCRIBING: (Admission.BUSY, Admission.NOT_SUBSCRIBED),
    State.SUBSCRIBED: (Admission.REPEAT, Admission.UNAUTHORIZED),
    State.NAMED: (Admission.PASS, Admission.NOT_SUBSCRIBED),
    State.NAMED_SUBSCRIBING: (Admission.BUSY, Admission.NOT_SUBSCRIBED),
    State.READY: (Admission.REPEAT, Admission.PASS),
    State.CLOSED: (Admission.DROP, Admission.DROP),
}

STEPS = [
    # state, subscribe asked, answered, refused, authorized
    (State.NEW, State.SUBSCRIBING, State.NEW, State.NEW, State.NAMED),
    (State.SUBSCRIBING, State.SUBSCRIBING, State.SUBSCRIBED, State.NEW, State.NAMED_SUBSCRIBING),
    (State.SUBSCRIBED, State.SUBSCRIBED, State.SUBSCRIBED, State.SUBSCRIBED, State.READY),
    (State.NAMED, State.NAMED_SUBSCRIBING, State.NAMED, State.NAMED, State.NAMED),
    (State.NAMED_SUBSCRIBING, State.NAMED_SUBSCRIBING, State.READY, State.NAMED, State.NAMED_SUBSCRIBING),
    (State.READY, State.READY, State.READY, State.READY, State.READY),
    (State.CLOSED, State.CLOSED, State.CLOSED, State.CLOSED, State.CLOSED),
]


@pytest.mark.parametrize("state", State)
def test_every_message_has_an_answer_in_every_state(state):
    assert set(ADMISSION[state]) == KINDS
    assert (ADMISSION[state][Subscribe], ADMISSION[state][Submit]) == SUBSCRIBE_AND_SUBMIT[state]
    others = {ADMISSION[state][kind] for kind in KINDS - {Subscribe, Submit}}
    assert others == {Admission.DROP if state is State.CLOSED else Admission.PASS}


@pytest.mark.parametrize(("state", "asked", "answered", "refused", "authorized"), STEPS)
def test_every_step_in_every_state(state, asked, answered, refused, authorized):
    assert after(state, Step.SUBSCRIBE_ASKED) is asked
    assert after(state, Step.SUBSCRIBE_ANSWERED) is answered
    assert after(state, Step.SUBSCRIBE_REFUSED) is refused
    assert after(state, Step.AUTHORIZED) is authorized
    assert after(state, Step.CLOSED) is State.CLOSED


def test_the_tables_name_every_state_and_every_state_can_be_reached():
    assert set(NEXT) == set(ADMISSION) == set(State)
    reachable = {State.NEW}
    for _ in State:
        reachable |= {target for state in reachable for target in NEXT[state].values()}
    assert reachable == set(State)
