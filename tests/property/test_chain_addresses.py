"""Addresses: any text is an address or is refused, and one wrong letter never pays somebody else."""

import embit.script
import pytest
from embit.networks import NETWORKS
from hypothesis import given
from hypothesis import strategies as st

from hashwright import registry
from hashwright.chain.address import AddressError, address_of_script, script_of_address
from hashwright.chain.address_codec import decode_base58, decode_segwit, encode_base58, encode_segwit

COINS = {name: registry.load("coins", name).COIN for name in ("bitcoin", "litecoin")}
HASH = st.binary(min_size=20, max_size=20)
SCRIPTS = st.one_of(
    HASH.map(lambda payload: b"\x76\xa9\x14" + payload + b"\x88\xac"),
    HASH.map(lambda payload: b"\xa9\x14" + payload + b"\x87"),
    HASH.map(lambda payload: b"\x00\x14" + payload),
    st.binary(min_size=32, max_size=32).map(lambda payload: b"\x00\x20" + payload),
    st.binary(min_size=32, max_size=32).map(lambda payload: b"\x51\x20" + payload),
)
ALPHABET = "".join(chr(code) for code in range(33, 127))


@given(st.sampled_from(["bc", "tltc", "x"]), st.integers(0, 16), st.binary(min_size=2, max_size=40))
def test_witness_programs_come_back_in_both_cases(prefix, version, program):
    if version == 0:
        program = (program * 16)[:32]
    text = encode_segwit(prefix, version, program)
    assert decode_segwit(text) == decode_segwit(text.upper()) == (prefix, version, program)


@given(st.binary(max_size=60))
def test_base58_comes_back(data):
    assert decode_base58(encode_base58(data)) == data


@given(SCRIPTS, st.sampled_from(list(COINS)), st.data())
def test_one_or_two_wrong_letters_are_never_another_address(script, name, data):
    coin = COINS[name]
    text = address_of_script(script, coin, "main")
    damaged = list(text)
    for _ in range(data.draw(st.integers(1, 2))):
        damaged[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from(ALPHABET))
    damaged = "".join(damaged)
    if damaged == text or (damaged.lower() == text and damaged.isupper()):
        return
    with pytest.raises(AddressError):
        script_of_address(damaged, coin, "main")


@given(st.text(max_size=100) | st.text(alphabet=ALPHABET, max_size=95), st.sampled_from(list(COINS)))
def test_any_text_is_an_address_or_refused_in_printable_words(text, name):
    for network in ("main", "test"):
        try:
            script = script_of_address(text, COINS[name], network)
        except AddressError as error:
            message = error.message
        else:
            message = address_of_script(script, COINS[name], network)
        assert message
        assert message.isprintable()
        assert message.isascii()


@pytest.mark.parametrize(("network", "theirs"), [("main", "main"), ("test", "test"), ("regtest", "regtest")])
@given(script=SCRIPTS)
def test_embit_writes_the_same_addresses_of_bitcoin(network, theirs, script):
    """embit is an oracle in tests only."""
    expected = embit.script.Script(script).address(NETWORKS[theirs])
    assert address_of_script(script, COINS["bitcoin"], network) == expected
    assert script_of_address(expected, COINS["bitcoin"], network) == script
