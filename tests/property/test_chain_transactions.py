"""Transactions and coinbases survive the way to bytes and back; other bytes are refused, never misread."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from hashwright.chain.coinbase import SCRIPT_SIG_MAX, build_coinbase, decode_coinbase, with_witness
from hashwright.chain.transaction import (
    Input,
    Output,
    Transaction,
    parse_transaction,
    plain_bytes,
    read_varint,
    transaction_bytes,
    txid_le,
    varint,
)

WORDS = st.integers(0, 2**32 - 1)
VALUES = st.integers(0, 2**63 - 1)
SCRIPTS = st.binary(max_size=40) | st.binary(min_size=250, max_size=260)
INPUTS = st.builds(
    Input,
    txid_le=st.binary(min_size=32, max_size=32),
    index=WORDS,
    script_sig=SCRIPTS,
    sequence=WORDS,
    witness=st.lists(SCRIPTS, max_size=3).map(tuple),
)
OUTPUTS = st.builds(Output, value=VALUES, script=SCRIPTS)
TRANSACTIONS = st.builds(
    Transaction,
    version=WORDS,
    inputs=st.lists(INPUTS, min_size=1, max_size=4).map(tuple),
    outputs=st.lists(OUTPUTS, max_size=4).map(tuple),
    lock_time=WORDS,
    is_hogex=st.booleans(),
)


@given(st.integers(0, 2**64 - 1))
def test_varints_come_back(number):
    written = varint(number)
    assert read_varint(written, 0) == (number, len(written))


@given(TRANSACTIONS)
def test_a_transaction_comes_back(transaction):
    assert parse_transaction(transaction_bytes(transaction)) == transaction


@given(TRANSACTIONS)
def test_the_id_does_not_know_of_witnesses(transaction):
    plain = parse_transaction(plain_bytes(transaction))
    assert not plain.has_witness
    assert txid_le(plain) == txid_le(transaction)


@given(TRANSACTIONS, st.data())
def test_changed_bytes_are_refused_or_read_as_what_they_are(transaction, data):
    whole = bytearray(transaction_bytes(transaction))
    for _ in range(3):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    _same_or_refused(bytes(whole))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read_as_what_they_are(data):
    _same_or_refused(data)


def _same_or_refused(data):
    with contextlib.suppress(ValueError):
        read = parse_transaction(data)
        if all(output.value < 2**63 for output in read.outputs):
            assert transaction_bytes(read) == data


@given(
    height=st.integers(0, 2**31 - 1),
    outputs=st.lists(st.tuples(VALUES, SCRIPTS), max_size=5).map(tuple),
    tag=st.binary(max_size=90),
    extra=st.binary(max_size=90),
    extranonce=st.binary(min_size=1, max_size=75),
    commitment=st.just(b"") | st.just(bytes.fromhex("6a24aa21a9ed") + bytes(32)),
)
def test_a_coinbase_comes_back_or_is_too_long(height, outputs, tag, extra, extranonce, commitment):
    try:
        parts = build_coinbase(
            height, outputs, tag=tag, extra=extra, extranonce_size=len(extranonce), witness_commitment=commitment
        )
    except ValueError:
        assert len(tag) + len(extra) + len(extranonce) > SCRIPT_SIG_MAX - 10
        return
    made = parts.prefix + extranonce + parts.suffix
    read = decode_coinbase(made)
    assert read.height == height
    assert read.outputs == (*outputs, *([(0, commitment)] if commitment else []))
    assert extranonce in read.script_sig
    assert 2 <= len(read.script_sig) <= SCRIPT_SIG_MAX
    assert decode_coinbase(with_witness(made)) == read


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=4, max_size=60))
def test_our_tag_is_read_back(text):
    parts = build_coinbase(700_000, (), tag=text.encode(), extranonce_size=12, extra=bytes(8))
    assert decode_coinbase(parts.prefix + bytes(12) + parts.suffix).tag == text
