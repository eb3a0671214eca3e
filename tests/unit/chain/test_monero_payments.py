"""Whom a Monero transaction pays, computed from its keys: on one of a real wallet, and on what is wrong in it."""

import contextlib
import json
from pathlib import Path

import pytest

from hashwright.chain.cryptonote.payee import payee_of_address
from hashwright.chain.cryptonote.payments import payments_of
from hashwright.chain.cryptonote.transaction import read_transaction

SIGNED = json.loads((Path(__file__).parents[2] / "vectors" / "monero_payment.json").read_text())
ANSWER = SIGNED["answer"]
BLOB, KEYS = bytes.fromhex(ANSWER["tx_blob"]), bytes.fromhex(ANSWER["tx_key"])
WANTED = [(payee_of_address(it["address"])[0], it["amount"]) for it in SIGNED["destinations"]]
PAYEES = [payee for payee, _ in WANTED]


def test_id_key_images_and_fee_are_those_that_the_wallet_says():
    found = read_transaction(BLOB)
    assert found.id == ANSWER["tx_hash"]
    assert [it.hex() for it in found.key_images] == ANSWER["spent_key_images"]["key_images"]
    assert found.fee == ANSWER["fee"]
    assert len(found.outputs) == len(WANTED) + 1, "and what comes back"


def test_everybody_s_part_is_found_to_the_piconero():
    assert sorted(payments_of(read_transaction(BLOB), KEYS, PAYEES)) == sorted(WANTED)
    assert payments_of(read_transaction(BLOB), KEYS, PAYEES[:1]) == (WANTED[0],)
    assert payments_of(read_transaction(BLOB), KEYS, []) == ()


def test_keys_of_another_transaction_find_nothing():
    wrong = bytes([KEYS[0] ^ 1]) + KEYS[1:32] + bytes(len(KEYS) - 32)
    assert payments_of(read_transaction(BLOB), wrong, PAYEES[:1]) == ()
    with pytest.raises(ValueError, match="are no keys of a transaction with 5 outputs"):
        payments_of(read_transaction(BLOB), KEYS[:-32], PAYEES)


def test_an_amount_that_is_not_the_one_committed_to_is_a_lie():
    found = read_transaction(BLOB)
    amounts = b"".join(it.masked_amount for it in found.outputs)
    at = BLOB.index(amounts)
    changed = BLOB[:at] + bytes(it ^ 1 for it in amounts) + BLOB[at + len(amounts) :]
    with pytest.raises(ValueError, match="committed to another amount"):
        payments_of(read_transaction(changed), KEYS, PAYEES)


def test_a_changed_byte_is_another_transaction():
    for at in range(0, len(BLOB), 97):
        changed = BLOB[:at] + bytes([BLOB[at] ^ 0x55]) + BLOB[at + 1 :]
        with contextlib.suppress(ValueError):  # or it is none any more
            assert read_transaction(changed).id != ANSWER["tx_hash"]


@pytest.mark.parametrize(
    ("blob", "problem"),
    [
        (b"", "the data ends within a number"),
        (b"\x01" + BLOB[1:], "not of version 2"),
        (b"\x02\x3c" + BLOB[2:], "or it locks what it pays"),
        (BLOB[:2] + b"\x00" + BLOB[3:], "has 0 inputs"),
        (BLOB[:3] + b"\xff" + BLOB[4:], "input of unknown kind"),
        (BLOB[:40], "32 more bytes belong to it"),
    ],
)
def test_what_is_no_transaction_is_refused_in_words(blob, problem):
    with pytest.raises(ValueError, match=problem):
        read_transaction(blob)
