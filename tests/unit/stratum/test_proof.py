"""A market proves by an HMAC that a connection is its own."""

import pytest

from hashwright.errors import ConfigError
from hashwright.runtime.rented import SKEW_MAX_MS, read_proof
from hashwright.stratum.messages import Subscribe
from hashwright.stratum.proof import is_proven, proof_of

KEY = "8f485301-e1e1-46a2-b5c4-0be884b9179f"
SECRET = "d373d733-d1a7-417f-84a3-3c363f8949bbddf62675-16f1-4e35-b6d4-7057e888b8b9"
TIME_MS = 1662637786319
PROOF = "8208b4f5c4af69936ce57716d770180d670871be5fa22a146ceeb9f85235af91"
"""Of the key and secret of the vendor's example, by `openssl dgst -sha256 -hmac`; its own example is of another key."""


def test_the_proof_is_that_of_openssl():
    assert proof_of(KEY, SECRET, TIME_MS) == PROOF
    assert is_proven(KEY, SECRET, time_ms=TIME_MS, proof=PROOF.upper())


@pytest.mark.parametrize(
    ("time_ms", "proof"),
    [(TIME_MS + 1, PROOF), (TIME_MS, ""), (TIME_MS, PROOF[:-1]), (TIME_MS, "\u00e9" * 64), (None, PROOF)],
)
def test_anything_else_proves_nothing(time_ms, proof):
    assert not is_proven(KEY, SECRET, time_ms=time_ms, proof=proof)


@pytest.fixture
def proof(monkeypatch):
    monkeypatch.setenv("HW_TEST_PROOF", f"{KEY}:{SECRET}")
    return read_proof("env:HW_TEST_PROOF")


@pytest.mark.parametrize(
    ("agent", "said", "now_ms", "name"),
    [
        ("NiceHash/1.0.0", (TIME_MS, PROOF), TIME_MS + SKEW_MAX_MS, "NiceHash/1.0.0"),
        ("NiceHash/1.0.0", (TIME_MS, PROOF), TIME_MS + SKEW_MAX_MS + 1, "unproven NiceHash/1.0.0"),
        ("NiceHash/1.0.0", (TIME_MS, "ab" * 32), TIME_MS, "unproven NiceHash/1.0.0"),
        ("NiceHash/1.0.0", (None, ""), TIME_MS, "unproven NiceHash/1.0.0"),
        ("bmminer/2.0", (None, ""), TIME_MS, "bmminer/2.0"),
    ],
)
def test_a_name_that_is_not_proven_says_so(proof, agent, said, now_ms, name):
    message = Subscribe(1, agent, "", proof_time_ms=said[0], proof=said[1])
    assert proof.judged(message, now_ms=now_ms).agent == name


def test_without_a_secret_nobody_is_asked_and_half_of_one_is_refused(monkeypatch):
    assert read_proof("") is None
    monkeypatch.setenv("HW_TEST_PROOF", KEY)
    with pytest.raises(ConfigError, match="KEY:SECRET"):
        read_proof("env:HW_TEST_PROOF")
