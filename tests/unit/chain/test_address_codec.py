"""The letters of addresses: the lists of BIP 173 and BIP 350, and where a wrong letter is looked for."""

import pytest

from hashwright.chain.address_codec import (
    ChecksumError,
    decode_base58,
    decode_base58check,
    decode_segwit,
    encode_base58,
    encode_base58check,
    encode_segwit,
)

# BIP 350, "Test vectors for v0-v16 native segregated witness addresses"
VALID = {
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4": "0014751e76e8199196d454941c45d1b3a323f1433bd6",
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7": (
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"
    ),
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y": (
        "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6"
    ),
    "BC1SW50QGDZ25J": "6002751e",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs": "5210751e76e8199196d454941c45d1b3a323",
    "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy": (
        "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"
    ),
    "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c": (
        "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"
    ),
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0": (
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    ),
}
# BIP 350 and, behind the blank line, BIP 173: with the reason that each names.
INVALID = {
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd": "another witness version",
    "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf": "another witness version",
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL": "another witness version",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh": "another witness version",
    "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47": "another witness version",
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4": "character 60, 'o'",
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R": "not 0 to 16",
    "bc1pw5dgrnzv": "wrong length",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav": "wrong length",
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P": "wrong length",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq": "mixes",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf": "padding",
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j": "padding",
    "bc1gmk9yu": "not 0 to 16",
    #
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5": "checksum does not fit",
    "BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2": "not 0 to 16",
    "bc1rw5uspcuh": "another witness version",
    "bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90": "another witness version",
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7": "mixes",
    "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du": "another witness version",
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv": "padding",
    "bc1": "length",
    "1qyrz8wqd2c9m": "length",
    "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4": "length",
    "\x7f1g6xzxy": "its prefix has a character",
}
GENESIS_KEY_HASH = bytes.fromhex("62e907b15cbf27d5425399ebf6f0fb50ebb88f18")
GENESIS_ADDRESS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"


@pytest.mark.parametrize(("text", "script"), VALID.items())
def test_the_valid_addresses_of_the_bips(text, script):
    prefix, version, program = decode_segwit(text)
    opcode = 0x50 + version if version else 0
    assert bytes((opcode, len(program))).hex() + program.hex() == script
    assert encode_segwit(prefix, version, program) == text.lower()


@pytest.mark.parametrize(("text", "reason"), INVALID.items())
def test_the_invalid_addresses_of_the_bips(text, reason):
    with pytest.raises(ValueError, match=reason):
        decode_segwit(text)


def test_the_address_of_the_first_block_s_key():
    assert encode_base58check(b"\0" + GENESIS_KEY_HASH) == GENESIS_ADDRESS
    assert decode_base58check(GENESIS_ADDRESS) == b"\0" + GENESIS_KEY_HASH


@pytest.mark.parametrize(
    ("data", "text"), [("", ""), ("00", "1"), ("61", "2g"), ("0000287fb4cd", "11233QC4"), ("ff" * 4, "7YXq9G")]
)
def test_base58(data, text):
    assert encode_base58(bytes.fromhex(data)) == text
    assert decode_base58(text).hex() == data


@pytest.mark.parametrize("letter", "0OIl _é")
def test_letters_that_base58_does_not_have(letter):
    with pytest.raises(ValueError, match=f"character 3, '{letter}'"):
        decode_base58("1A" + letter + "B")


def test_base58_refuses_length_before_it_counts():
    with pytest.raises(ValueError, match="more than 90"):
        decode_base58("2" * 91)
    with pytest.raises(ValueError, match="too short"):
        decode_base58check("2g")


@pytest.mark.parametrize("place", range(34))
def test_one_wrong_letter_of_base58_is_pointed_at_but_not_corrected(place):
    wrong = "z" if GENESIS_ADDRESS[place] != "z" else "y"
    damaged = GENESIS_ADDRESS[:place] + wrong + GENESIS_ADDRESS[place + 1 :]
    with pytest.raises(ChecksumError) as refusal:
        decode_base58check(damaged)
    assert str(refusal.value) == f"its checksum does not fit: look at character {place + 1}"


@pytest.mark.parametrize("text", [next(iter(VALID)).lower(), list(VALID)[-1]])
def test_one_wrong_letter_of_bech32_is_pointed_at_wherever_it_is(text):
    for place in range(3, len(text)):
        wrong = "q" if text[place] != "q" else "p"
        with pytest.raises(ChecksumError, match=rf"look at character {place + 1}$"):
            decode_segwit(text[:place] + wrong + text[place + 1 :])


def test_two_wrong_letters_are_not_pointed_at():
    text = next(iter(VALID)).lower()
    with pytest.raises(ChecksumError, match="at least one character is wrong"):
        decode_segwit(text[:5] + "zz" + text[7:])
    with pytest.raises(ChecksumError, match="at least one character is wrong"):
        decode_base58check(GENESIS_ADDRESS[:5] + "zz" + GENESIS_ADDRESS[7:])
