"""Named group `data`: JSONTestSuite as lines, and a recorded Bitaxe session.

Sources are in the README of the data folder.
"""

import base64
import json

import pytest

from hashwright.stratum.client import ClientSession
from hashwright.stratum.messages import Authorize, Configure, Submit, Subscribe, SuggestDifficulty
from hashwright.stratum.server import ServerSession
from hashwright.stratum.states import State
from hashwright.stratum.strict import Malformed
from hashwright.stratum.wire import read_line

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def suite(test_data):
    cases = json.loads((test_data / "test_vectors" / "json_test_suite.json").read_text())
    return {name: base64.b64decode(content) for name, content in cases.items()}


def test_every_case_is_answered_or_ends_the_session(suite):
    assert len(suite) > 300
    for name, content in suite.items():
        session, upstream = ServerSession(), ClientSession(agent="x")
        assert session.receive_data(content + b"\n") == [], name
        upstream.receive_data(content + b"\n")
        is_blank = not content.strip()
        assert session.output or session.should_close or is_blank, name
        assert session.garbage or session.should_close or is_blank, name
        for line in bytes(session.output).splitlines():
            assert json.loads(line)["error"][0] == 20, name


def test_as_a_parameter_the_right_cases_are_read_and_the_wrong_ones_refused(suite):
    blank = {"n_single_space.json", "n_structure_no_data.json"}  # between brackets they are an empty list
    equal_keys = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}  # legal JSON, not for us
    wrong = set()
    for name, content in suite.items():
        was_read = _is_read(b'{"id":1,"method":"m","params":[%b]}' % content)
        if name[0] != "i" and was_read != (name[0] == "y"):
            wrong.add(name)
    assert wrong == blank | equal_keys


def _is_read(line):
    try:
        return read_line(line).id == 1
    except Malformed:
        return False


def test_a_recorded_bitaxe_session_passes(test_data):
    recorded = json.loads((test_data / "test_vectors" / "stratum_session_bitaxe_testnet.json").read_text())
    steps = ["MINING_SUBSCRIBE", "MINING_CONFIGURE", "MINING_AUTHORIZE", "MINING_SUGGEST_DIFFICULTY", "MINING_SUBMIT"]
    lines = [json.dumps(recorded[step]).encode() + b"\n" for step in steps]
    session = ServerSession()
    (subscribe, configure, authorize, suggested) = session.receive_data(b"".join(lines[:4]))
    assert isinstance(subscribe, Subscribe)
    assert configure == Configure(2, ("version-rolling",), 0xFFFFFFFF, 0, None)
    assert isinstance(authorize, Authorize)
    assert suggested == SuggestDifficulty(4, 512.0)
    session.subscribed(1, bytes.fromhex(recorded["EXTRA_NONCE"]), 4)
    session.authorized(3, authorize.user)
    assert session.state is State.READY
    assert session.receive_data(lines[4]) == [
        Submit(5, authorize.user, "1", bytes.fromhex("c7080000"), 0x64B3F3EC, 0xED460D91, 0x2000)
    ]
