"""Templates: what is taken from a node's answer, and each way in which it can be unusable."""

import pytest

from hashwright import registry
from hashwright.chain.coinbase import build_coinbase, with_witness
from hashwright.chain.merkle import merkle_branch
from hashwright.chain.template import Tip, assemble_block, empty_template, template_of_gbt
from hashwright.errors import OperatorError

BITCOIN, LITECOIN = (registry.load("coins", name).COIN for name in ("bitcoin", "litecoin"))
COMMITMENT = "6a24aa21a9ed" + "11" * 32
PREVHASH = "00" * 28 + "0a0b0c0d"
PLAIN = {"data": "0200aabb", "txid": "ab" * 31 + "01", "hash": "ab" * 31 + "01", "fee": 7, "weight": 16}
WITNESS = {"data": "0200ccdd", "txid": "ab" * 31 + "02", "hash": "ab" * 31 + "03", "fee": 7, "weight": 16}
HOGEX = {"data": "020000000008010203", "txid": "ab" * 31 + "04", "hash": "ab" * 31 + "04"}


def gbt(**changes):
    """An answer as Bitcoin Core 29 gives it, with keys that we do not need."""
    answer = {
        "capabilities": ["proposal"],
        "version": 0x20000000,
        "rules": ["csv", "!segwit", "taproot"],
        "vbavailable": {},
        "previousblockhash": PREVHASH,
        "transactions": [PLAIN, WITNESS],
        "coinbaseaux": {},
        "coinbasevalue": 5_000_000_014,
        "longpollid": PREVHASH + "7",
        "mintime": 1_700_000_000,
        "curtime": 1_700_000_600,
        "bits": "1d00ffff",
        "height": 102,
        "default_witness_commitment": COMMITMENT,
    }
    answer.update(changes)
    return {key: value for key, value in answer.items() if value is not None}


def test_what_is_kept():
    template = template_of_gbt(gbt(), BITCOIN)
    assert (template.height, template.version, template.nbits) == (102, 0x20000000, 0x1D00FFFF)
    assert (template.mintime, template.curtime) == (1_700_000_000, 1_700_000_600)
    assert template.prevhash_le.hex() == "0d0c0b0a" + "00" * 28
    assert template.prevhash_display == PREVHASH
    assert template.coinbase_value == 5_000_000_014
    assert template.witness_commitment.hex() == COMMITMENT
    assert template.transactions == (bytes.fromhex("0200aabb"), bytes.fromhex("0200ccdd"))
    assert template.branch == merkle_branch([bytes.fromhex(item["txid"])[::-1] for item in (PLAIN, WITNESS)])
    assert (template.mweb, template.longpoll) == (b"", PREVHASH + "7")


def test_a_template_without_transactions_has_no_branch():
    template = template_of_gbt(gbt(transactions=[]), BITCOIN)
    assert (template.branch, template.transactions) == ((), ())


def test_a_negative_version_is_its_32_bits():
    assert template_of_gbt(gbt(version=-1), BITCOIN).version == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"height": None}, "height"),
        ({"height": "102"}, r"\$\.height"),
        ({"height": True}, r"\$\.height"),
        ({"height": 1.5}, r"\$\.height"),
        ({"height": -1}, "height is -1"),
        ({"height": 2**31}, "height is"),
        ({"transactions": None}, "transactions"),
        ({"transactions": {}}, r"\$\.transactions"),
        ({"transactions": [{"data": "00"}]}, r"txid.*\$\.transactions\[0\]"),
        ({"transactions": [PLAIN, PLAIN | {"data": "0g"}]}, r"transactions\[1\]\.data is not hex"),
        ({"transactions": [PLAIN | {"data": "0_0a"}]}, r"transactions\[0\]\.data is not hex"),
        ({"transactions": [PLAIN | {"data": "abc"}]}, r"transactions\[0\]\.data is not hex"),
        ({"transactions": [PLAIN, PLAIN, PLAIN | {"txid": "ab"}]}, r"transactions\[2\]\.txid is not 32 bytes"),
        ({"coinbasevalue": -1}, "coinbasevalue is -1"),
        ({"coinbasevalue": 2**63}, "coinbasevalue is"),
        ({"previousblockhash": PREVHASH[2:]}, "previousblockhash is not 32 bytes"),
        ({"previousblockhash": PREVHASH.upper()}, "previousblockhash is not 32 bytes"),
        ({"bits": "1d00ff"}, "bits is not 4 bytes"),
        ({"bits": "1d80ffff"}, "nbits 1d80ffff stand for no target"),
        ({"version": 2**32}, "version is"),
        ({"curtime": 2**32}, "curtime is"),
        ({"mintime": -1}, "mintime is -1"),
        ({"rules": ["csv", "!signet"]}, "rules that are not known here: !signet"),
        ({"rules": ["!segwit", "!newfork", "!other"]}, "!newfork, !other"),
        ({"default_witness_commitment": None}, "default_witness_commitment is missing"),
        ({"default_witness_commitment": "6a24aa21a9ed"}, "no witness commitment"),
        ({"default_witness_commitment": "6a24" + "11" * 36}, "no witness commitment"),
        ({"mweb": "00"}, "last transaction is no HogEx"),
        ({"mweb": "00", "transactions": []}, "last transaction is no HogEx"),
        ({"mweb": "xy"}, "mweb is not hex"),
    ],
)
def test_an_unusable_answer_is_refused_with_the_place(changes, place):
    with pytest.raises(OperatorError, match=place) as refusal:
        template_of_gbt(gbt(**changes), BITCOIN)
    assert refusal.value.code == "HW-408"
    assert "Bitcoin node" in refusal.value.message


def test_without_segwit_no_commitment_is_needed():
    template = template_of_gbt(gbt(default_witness_commitment=None, transactions=[PLAIN]), BITCOIN)
    assert template.witness_commitment == b""


def coinbase_of(template):
    outputs = ((template.coinbase_value, b"\x51"),)
    parts = build_coinbase(
        template.height, outputs, tag=b"t", extranonce_size=4, witness_commitment=template.witness_commitment
    )
    return parts.prefix + bytes(4) + parts.suffix


def test_a_block_with_witnesses():
    template = template_of_gbt(gbt(), BITCOIN)
    coinbase = coinbase_of(template)
    block = assemble_block(template, bytes(80), coinbase)
    assert block == bytes(80) + b"\x03" + with_witness(coinbase) + bytes.fromhex("0200aabb0200ccdd")


def test_a_block_without_commitment_has_no_witness_in_its_coinbase():
    template = template_of_gbt(gbt(default_witness_commitment=None, transactions=[PLAIN]), BITCOIN)
    coinbase = coinbase_of(template)
    assert assemble_block(template, bytes(80), coinbase) == bytes(80) + b"\x02" + coinbase + bytes.fromhex("0200aabb")


def test_a_block_with_an_extension_block_ends_with_it():
    template = template_of_gbt(gbt(transactions=[PLAIN, HOGEX], mweb="beef"), LITECOIN)
    block = assemble_block(template, bytes(80), coinbase_of(template))
    assert block.endswith(bytes.fromhex(PLAIN["data"] + HOGEX["data"] + "01" + "beef"))


def test_more_than_252_transactions_are_counted_in_the_longer_form():
    many = [PLAIN | {"txid": f"{n:064x}", "hash": f"{n:064x}"} for n in range(300)]
    template = template_of_gbt(gbt(transactions=many), BITCOIN)
    block = assemble_block(template, bytes(80), coinbase_of(template))
    assert block[80:83] == b"\xfd" + (301).to_bytes(2, "little")


TIP = Tip(block_hash="00" * 28 + "01020304", height=102, mediantime=1_700_000_100)


def test_an_empty_block_on_a_new_tip():
    template = empty_template(template_of_gbt(gbt(), BITCOIN), TIP, BITCOIN, now_s=1_700_000_700)
    assert template is not None
    assert (template.height, template.coinbase_value) == (103, 5_000_000_000)
    assert template.prevhash_display == TIP.block_hash
    assert (template.mintime, template.curtime) == (1_700_000_101, 1_700_000_700)
    assert (template.nbits, template.version) == (0x1D00FFFF, 0x20000000)
    assert (template.transactions, template.branch, template.witness_commitment, template.longpoll) == ((), (), b"", "")


def test_an_empty_block_is_never_earlier_than_the_chain_allows():
    template = empty_template(template_of_gbt(gbt(), BITCOIN), TIP, BITCOIN, now_s=5)
    assert template is not None
    assert template.curtime == template.mintime == 1_700_000_101


@pytest.mark.parametrize(
    ("changes", "tip_height"),
    [
        ({}, 101),  # the template is already newer
        ({}, 103),  # a block between is not known
        ({"height": 2015}, 2015),  # the target changes
        ({"height": 209_999}, 209_999),  # the subsidy changes
        ({"coinbasevalue": 2_500_000_000}, 102),  # not the subsidy that we know
    ],
)
def test_no_empty_block_where_something_cannot_be_known(changes, tip_height):
    newest = template_of_gbt(gbt(**changes), BITCOIN)
    tip = Tip(block_hash=TIP.block_hash, height=tip_height, mediantime=TIP.mediantime)
    assert empty_template(newest, tip, BITCOIN, now_s=0) is None


def test_no_empty_block_where_the_extension_block_is_due():
    newest = template_of_gbt(gbt(transactions=[HOGEX], mweb="00"), LITECOIN)
    assert empty_template(newest, TIP, LITECOIN, now_s=0) is None
