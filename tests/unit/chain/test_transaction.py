"""Transactions in their three forms."""

import pytest

from hashwright.chain.transaction import (
    Input,
    Output,
    Transaction,
    output_bytes,
    parse_transaction,
    plain_bytes,
    read_transaction,
    read_varint,
    transaction_bytes,
    txid_le,
    varint,
    wtxid_le,
)

# BIP 143, "Native P2WPKH": the signed transaction and, in its text, the same without signatures.
SIGNED = bytes.fromhex(
    "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6"
    "a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4"
    "cc618ef3ed01eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb2"
    "06000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d5"
    "0ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c"
    "4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f6"
    "2fc70f07aeee635711000000"
)
# The last transaction of a template of litecoind 0.21.2.1 on regtest, with the id that the node gave.
HOGEX = bytes.fromhex(
    "020000000008014496bf9a118da157fb682962c8d8512e91786cfea8a723371c25b3bd0f94cda50000000000ffffffff01aa57814a0000"
    "0000225820966b81bfd42b42aa422561dc15938ed5803f2721ec30eab65ce827292ae6dc1d0000000000"
)
PLAIN = Transaction(
    version=1,
    inputs=(Input(txid_le=b"\x01" * 32, index=2, script_sig=b"\x51", sequence=3),),
    outputs=(Output(value=4, script=b"\x52\x53"),),
    lock_time=5,
)


def test_every_byte_of_the_plain_form():
    expected = "0100000001" + "01" * 32 + "0200000001510300000001040000000000000002525305000000"
    assert plain_bytes(PLAIN).hex() == transaction_bytes(PLAIN).hex() == expected
    assert parse_transaction(bytes.fromhex(expected)) == PLAIN
    assert txid_le(PLAIN) == wtxid_le(PLAIN)


def test_a_transaction_with_witnesses():
    read = parse_transaction(SIGNED)
    assert read.has_witness
    assert [len(item.witness) for item in read.inputs] == [0, 2]
    assert [output.value for output in read.outputs] == [112_340_000, 223_450_000]
    assert read.lock_time == 17
    assert transaction_bytes(read) == SIGNED
    assert txid_le(read)[::-1].hex() == "e8151a2af31c368a35053ddd4bdb285a8595c769a3ad83e0fa02314a602d4609"
    assert wtxid_le(read)[::-1].hex() == "c36c38370907df2324d9ce9d149d191192f338b37665a82e78e76a12c909b762"


def test_a_hogex():
    read = parse_transaction(HOGEX)
    assert read.is_hogex
    assert not read.has_witness
    assert transaction_bytes(read) == HOGEX
    named = "09b49c378b06823bdc5b943d969b80c78ee1fd2709e5e845a697841a97c224df"
    assert txid_le(read)[::-1].hex() == wtxid_le(read)[::-1].hex() == named


def test_reading_in_the_middle_of_a_block():
    data = b"\xaa\xbb" + SIGNED + HOGEX
    first, end = read_transaction(data, 2)
    second, last = read_transaction(data, end)
    assert (transaction_bytes(first), transaction_bytes(second), last) == (SIGNED, HOGEX, len(data))


@pytest.mark.parametrize("whole", [SIGNED, HOGEX, plain_bytes(PLAIN)])
def test_no_part_of_a_transaction_is_one(whole):
    for size in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            parse_transaction(whole[:size])


def test_what_no_block_may_hold():
    with pytest.raises(ValueError, match="has an MWEB part"):
        parse_transaction(HOGEX[:-5] + b"\x01" + HOGEX[-4:])
    with pytest.raises(ValueError, match="flags that are not known"):
        parse_transaction(HOGEX[:5] + b"\x10" + HOGEX[6:])
    with pytest.raises(ValueError, match="no inputs"):
        parse_transaction(HOGEX[:5] + b"\x00" + HOGEX[6:])
    with pytest.raises(ValueError, match="and has none"):
        parse_transaction(HOGEX[:5] + b"\x01" + HOGEX[6:-5] + b"\0" + HOGEX[-4:])
    with pytest.raises(ValueError, match="1 bytes are left over"):
        parse_transaction(SIGNED + b"\0")


def test_a_count_that_the_data_cannot_hold_is_refused_before_it_is_believed():
    with pytest.raises(ValueError, match="end too early"):
        parse_transaction(bytes.fromhex("01000000" + "ff" + "ff" * 8) + bytes(1000))


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "00"),
        (0xFC, "fc"),
        (0xFD, "fdfd00"),
        (0xFFFF, "fdffff"),
        (0x10000, "fe00000100"),
        (0xFFFFFFFF, "feffffffff"),
        (0x100000000, "ff0000000001000000"),
    ],
)
def test_varint(number, written):
    assert varint(number).hex() == written
    assert read_varint(b"\xee" + bytes.fromhex(written), 1) == (number, 1 + len(written) // 2)


@pytest.mark.parametrize("written", ["fdfc00", "feffff0000", "ffffffffff00000000", "", "fd", "fdff", "ff00"])
def test_a_varint_has_one_form(written):
    with pytest.raises(ValueError, match=r"."):
        read_varint(bytes.fromhex(written), 0)


@pytest.mark.parametrize("value", [-1, 2**63])
def test_a_value_that_no_output_can_hold(value):
    with pytest.raises(ValueError, match="is no value"):
        output_bytes(Output(value=value, script=b""))
