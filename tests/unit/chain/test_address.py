"""Addresses: the official valid ones, and every refusal in words."""

import bip_utils
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright import registry
from hashwright.chain.address import AddressError, address_of_script, script_of_address

BITCOIN, LITECOIN = (registry.load("coins", name).COIN for name in ("bitcoin", "litecoin"))
KEY_HASH = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")


@pytest.mark.parametrize(
    ("text", "network", "script"),
    [
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "main", "0014" + KEY_HASH.hex()),
        (
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "test",
            "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        ),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "main",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
        ("BC1SW50QGDZ25J", "main", "6002751e"),
    ],
)
def test_bip173_and_bip350_addresses(text, network, script):
    assert script_of_address(text, BITCOIN, network).hex() == script


@pytest.mark.parametrize(
    "text",
    [
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",  # BIP 350: version 0 with the checksum of Bech32m
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",  # BIP 350: a character that is none
        "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",  # BIP 350: version 17
        "bc1pw5dgrnzv",  # BIP 350: program of 1 byte
        "bc1rw5uspcuh",  # BIP 173: program of 1 byte
        "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",  # BIP 173: version 0 with 16 bytes
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7",  # BIP 173: mixed case
        "bc1gmk9yu",  # BIP 173: no data
        "",
        " " * 30,
        "x" * 200,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\n",
    ],
)
def test_invalid_addresses_are_refused(text):
    for network in ("main", "test", "regtest"):
        with pytest.raises(AddressError):
            script_of_address(text, BITCOIN, network)


@pytest.mark.parametrize(
    ("text", "coin", "network", "code"),
    [
        ("ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", BITCOIN, "main", "HW-201"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", LITECOIN, "main", "HW-201"),
        ("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", BITCOIN, "main", "HW-204"),
        ("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", BITCOIN, "main", "HW-204"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", BITCOIN, "main", "HW-206"),
        ("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMI", BITCOIN, "main", "HW-207"),
        ("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ", BITCOIN, "main", "HW-206"),
    ],
)
def test_the_refusal_says_what_is_wrong(text, coin, network, code):
    with pytest.raises(AddressError) as caught:
        script_of_address(text, coin, network)
    assert caught.value.code == code


def test_an_mweb_address_cannot_be_paid_by_a_block():
    text = "ltcmweb1qqfcpcx0zvn5sp3gq0lqq3u5g0yy8yd3tycl4gl2h28e9vf6s9tyhjqmkypr6fmmm"
    with pytest.raises(AddressError):
        script_of_address(text, LITECOIN, "main")


@pytest.mark.parametrize("coin", [BITCOIN, LITECOIN], ids=lambda coin: coin.key)
@pytest.mark.parametrize("network", ["main", "test", "regtest"])
@given(payload=st.binary(min_size=20, max_size=20), kind=st.sampled_from(["pubkey", "script", "witness", "taproot"]))
def test_every_script_survives_the_way_there_and_back(coin, network, payload, kind):
    script = {
        "pubkey": b"\x76\xa9\x14" + payload + b"\x88\xac",
        "script": b"\xa9\x14" + payload + b"\x87",
        "witness": b"\x00\x14" + payload,
        "taproot": b"\x51\x20" + payload + bytes(12),
    }[kind]
    assert script_of_address(address_of_script(script, coin, network), coin, network) == script


@pytest.mark.parametrize(
    ("coin", "prefix", "version"), [(BITCOIN, "bc", b"\x00"), (LITECOIN, "ltc", b"\x30")], ids=["bitcoin", "litecoin"]
)
@given(payload=st.binary(min_size=20, max_size=20))
def test_an_independent_library_writes_the_same_addresses(coin, prefix, version, payload):
    """bip_utils is the oracle; it is never part of the product."""
    witness = bip_utils.SegwitBech32Encoder.Encode(prefix, 0, payload)
    legacy = bip_utils.Base58Encoder.CheckEncode(version + payload)
    assert script_of_address(witness, coin, "main") == b"\x00\x14" + payload
    assert script_of_address(legacy, coin, "main") == b"\x76\xa9\x14" + payload + b"\x88\xac"
