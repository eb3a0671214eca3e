"""What a person reads whose address is not usable: which coin, which network, which character."""

import pytest

from hashwright import registry
from hashwright.chain.address import AddressError, address_of_script, script_of_address, witness_program
from hashwright.chain.address_codec import encode_base58check, encode_segwit
from hashwright.errors import NotSupported

BITCOIN, LITECOIN, ETHEREUM = (registry.load("coins", name).COIN for name in ("bitcoin", "litecoin", "ethereum"))
HASH = bytes(range(20))
BTC = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
MWEB = (
    "tmweb1qqgcnc55aga7jssqedtn4e29j0x94e59s7q27s2zq5gznfsjvsm54jqhz8wya4gzq9h3w9ukkagpnj5xwulwn2gx5fy6wwsn8ghh58f3lhqa"
    "av65u"
)  # of a litecoind wallet on regtest


def refusal(text, coin=BITCOIN, network="main"):
    with pytest.raises(AddressError) as caught:
        script_of_address(text, coin, network)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("text", "coin", "network", "code", "words"),
    [
        (encode_segwit("ltc", 0, HASH), BITCOIN, "main", "HW-201", "is a Litecoin address, not one of Bitcoin"),
        (encode_base58check(b"\x30" + HASH), BITCOIN, "main", "HW-201", "is a Litecoin address, not one of Bitcoin"),
        (encode_base58check(b"\x32" + HASH), BITCOIN, "main", "HW-201", "is a Litecoin address, not one of Bitcoin"),
        (encode_base58check(b"\x00" + HASH), LITECOIN, "main", "HW-201", "is a Bitcoin address, not one of Litecoin"),
        (encode_segwit("dgb", 0, HASH), BITCOIN, "main", "HW-201", "of no coin known here"),
        (encode_base58check(b"\x1e" + HASH), BITCOIN, "main", "HW-201", "of no coin known here"),
        (encode_segwit("tb", 0, HASH), BITCOIN, "main", "HW-204", "of the test network, but main is set"),
        (encode_segwit("bc", 1, HASH + bytes(12)), BITCOIN, "regtest", "HW-204", "of the main network, but regtest"),
        (encode_base58check(b"\x6f" + HASH), BITCOIN, "main", "HW-204", "of the test network, but main is set"),
        (encode_base58check(b"\x6f" + HASH), LITECOIN, "main", "HW-204", "is a Litecoin address of the test network"),
        (encode_base58check(b"\x00" + HASH + b"\1"), BITCOIN, "main", "HW-207", "it holds 21 bytes, not 20"),
        (BTC[:-1] + "5", BITCOIN, "main", "HW-206", "look at character 42"),
        (BTC.replace("w508", "W508"), BITCOIN, "main", "HW-207", "mixes capital and small letters"),
        (BTC.replace("508", "5O8".lower()), BITCOIN, "main", "HW-207", "character 7, 'o', cannot stand"),
        (" " + BTC, BITCOIN, "main", "HW-207", "character 1 is a blank"),
        (BTC + "\n", BITCOIN, "main", "HW-207", "character 43 is a blank"),
        (BTC[:10] + "\u00a0" + BTC[10:], BITCOIN, "main", "HW-207", "character 11 is a blank"),
        (BTC[:10] + "\u200b" + BTC[10:], BITCOIN, "main", "HW-207", r"character 11 is '\u200b'"),
        ("\u0430" + BTC, BITCOIN, "main", "HW-207", "is no plain letter"),
        ("bc1" + "q" * 200, BITCOIN, "main", "HW-207", "203 characters"),
        ("", BITCOIN, "main", "HW-207", "is empty"),
        ("kai.rack-12", BITCOIN, "main", "HW-207", "is not an address of Bitcoin"),
        ("0x52908400098527886E0F7030069857D2E4169EE7", BITCOIN, "main", "HW-207", "character 1, '0'"),
        (encode_base58check(b"\x80" + bytes(32)), BITCOIN, "main", "HW-207", "it holds 32 bytes"),  # a key
    ],
)
def test_the_words(text, coin, network, code, words):
    was_code, message = refusal(text, coin, network)
    assert (was_code, words in message) == (code, True), message


@pytest.mark.parametrize("network", ["main", "test", "regtest"])
@pytest.mark.parametrize("coin", [BITCOIN, LITECOIN], ids=lambda coin: coin.key)
def test_an_mweb_address_is_named_as_one(coin, network):
    code, message = refusal(MWEB, coin, network)
    assert code == "HW-208"
    assert "is an MWEB address" in message
    assert MWEB not in message  # it is long: its beginning is enough


@pytest.mark.parametrize("version", [8, 9])
def test_outputs_that_bind_the_extension_block_are_no_addresses(version):
    """litecoind refuses a coinbase that pays to version 9: `bad-tx-unexpected-pegin`."""
    text = encode_segwit("rltc", version, bytes(32))
    assert refusal(text, LITECOIN, "regtest")[0] == "HW-208"
    assert address_of_script(bytes((0x50 + version, 32)) + bytes(32), LITECOIN, "regtest") == ""
    assert script_of_address(encode_segwit("bc", version, bytes(32)), BITCOIN, "main")[0] == 0x50 + version


def test_a_coin_that_cannot_be_mined_says_why():
    with pytest.raises(NotSupported, match="2022-09-15"):
        script_of_address(BTC, ETHEREUM, "main")


@pytest.mark.parametrize(
    ("old", "new", "network"), [("\x05", "\x32", "main"), ("\xc4", "\x3a", "test"), ("\xc4", "\x3a", "regtest")]
)
def test_both_forms_of_litecoin_s_script_addresses_pay_the_same_script(old, new, network):
    first, second = (encode_base58check(version.encode("latin-1") + HASH) for version in (old, new))
    script = script_of_address(first, LITECOIN, network)
    assert script == script_of_address(second, LITECOIN, network) == b"\xa9\x14" + HASH + b"\x87"
    assert address_of_script(script, LITECOIN, network) == second


@pytest.mark.parametrize(
    ("text", "script"),
    [  # getnewaddress and getaddressinfo of Litecoin Core 0.21.2.1 on regtest
        ("movXK2QpRC9KvnKZC237MdYhXQZPBz8XGW", "76a9145c362266c7bd1320d2c1e6a99049edb3124359f988ac"),
        ("QTdfdBpeo5QgW1rR2PwE1CKsTfFKS7BNeA", "a9144d1a483ca6def1e99c638b60d8441a898b6dc6e587"),
        ("rltc1qff69gjw8wqy9u5w8dxh9r6vt20tk72wdjcjaxg", "00144a745449c770085e51c769ae51e98b53d76f29cd"),
    ],
)
def test_addresses_of_a_real_litecoin_wallet(text, script):
    assert script_of_address(text, LITECOIN, "regtest").hex() == script
    assert address_of_script(bytes.fromhex(script), LITECOIN, "regtest") == text


@pytest.mark.parametrize(
    "script",
    [
        "",
        "51",
        "6a0400000000",
        "0015" + "00" * 21,
        "0014" + "00" * 21,
        "5129" + "00" * 41,
        "5101" + "00",
        "6102" + "0000",
        "4f02" + "0000",
        "76a914" + "00" * 20 + "88ad",
        "a914" + "00" * 20 + "88",
    ],
)
def test_scripts_without_an_address(script):
    assert address_of_script(bytes.fromhex(script), BITCOIN, "main") == ""
    assert witness_program(bytes.fromhex(script)) is None
