"""Monero's addresses among those of the other coins: what is taken, what is refused, and in which words."""

import itertools

import pytest

from hashwright import registry
from hashwright.chain.address import AddressError, address_of_script, script_of_address, script_of_block_address
from hashwright.chain.cryptonote.address import MoneroAddress, encode_base58, read_address
from hashwright.chain.cryptonote.payee import address_of_payee
from hashwright.errors import NotSupported

MONERO, BITCOIN = (registry.load("coins", name).COIN for name in ("monero", "bitcoin"))
PROJECT = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
KEYS = read_address(PROJECT)


def address(network, kind):
    payment_id = b"12345678" if kind == "integrated" else b""
    found = MoneroAddress(
        network=network, kind=kind, spend_key=KEYS.spend_key, view_key=KEYS.view_key, payment_id=payment_id
    )
    return found.text


def refusal(text, coin=MONERO, network="main", read=script_of_address):
    with pytest.raises(AddressError) as caught:
        read(text, coin, network)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("network", "kind"), list(itertools.product(("main", "test", "stage"), ("standard", "subaddress", "integrated")))
)
def test_every_kind_is_a_payee_and_is_written_back(network, kind):
    text = address(network, kind)
    payee = script_of_address(text, MONERO, network)
    assert address_of_script(payee, MONERO, network) == text
    assert len(payee) == (73 if kind == "integrated" else 65)
    for other in {"main", "test", "stage"} - {network}:
        code, words = refusal(text, network=other)
        assert (code, f"address of the {network} network, but {other} is set" in words) == ("HW-204", True)


def test_regtest_has_the_addresses_of_the_main_network():
    assert script_of_address(PROJECT, MONERO, "regtest") == script_of_address(PROJECT, MONERO, "main")
    code, words = refusal(address("stage", "standard"), network="regtest")
    assert code == "HW-204"
    assert "but regtest is set, which has addresses of the main network" in words
    with pytest.raises(NotSupported, match="has no network 'signet'"):
        script_of_address(PROJECT, MONERO, "signet")


def test_a_block_pays_standard_addresses_only():
    assert script_of_block_address(PROJECT, MONERO, "main") == script_of_address(PROJECT, MONERO, "main")
    for kind, words in (("subaddress", "is a subaddress"), ("integrated", "is an integrated address")):
        code, message = refusal(address("main", kind), read=script_of_block_address)
        assert (code, words in message) == ("HW-208", True)
    btc = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    assert script_of_block_address(btc, BITCOIN, "main") == script_of_address(btc, BITCOIN, "main")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "HW-207", "is empty"),
        (PROJECT[:-1] + "\n", "HW-207", "character 95 is a blank"),
        (PROJECT + "4", "HW-207", "is not an address of Monero"),
        ("4" * 5000, "HW-207", "it has 5000 letters"),
        (PROJECT[:50] + ("2" if PROJECT[50] != "2" else "3") + PROJECT[51:], "HW-206", "is damaged"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "HW-201", "is a Bitcoin address, not one of Monero"),
        ("ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "HW-201", "is a Litecoin address, not one of Monero"),
        (encode_base58(b"\x00" * 69), "HW-206", "checksum"),
    ],
)
def test_the_words_for_what_is_none(text, code, words):
    was, message = refusal(text)
    assert (was, words in message) == (code, True), message
    assert len(message) < 300


def test_a_monero_address_is_named_where_another_coin_is_mined():
    for coin in ("bitcoin", "litecoin"):
        code, message = refusal(PROJECT, coin=registry.load("coins", coin).COIN)
        assert code == "HW-201"
        assert "44AFFq5kSiGB... is a Monero address" in message
    code, message = refusal("4" * 95, coin=BITCOIN)
    assert (code, "95 characters" in message) == ("HW-207", True)


def test_bytes_that_are_no_payee_have_no_address():
    assert address_of_payee(b"") == ""
    assert address_of_payee(bytes(65)) == ""
