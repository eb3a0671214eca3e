"""The judge of the practice chain: each rule broken alone is refused, in the node's word for that rule.

Blocks are built by the chain room, which shares no code with the judge, piece by piece so that one piece can be wrong.
"""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from hashwright.adapters.nodes import _practice_rules as rules
from hashwright.adapters.nodes.practice import SUBSIDY, Config, PracticeNode
from hashwright.chain.coinbase import push_height
from hashwright.chain.coins.bitcoin import COIN as BITCOIN
from hashwright.chain.coins.litecoin import COIN as LITECOIN
from hashwright.chain.header import Header, header_bytes
from hashwright.chain.merkle import merkle_root
from hashwright.chain.proof import ALGORITHMS, sha256d
from hashwright.chain.target import target_of_bits
from hashwright.chain.template import template_of_gbt
from hashwright.chain.transaction import (
    Input,
    Output,
    Transaction,
    parse_transaction,
    transaction_bytes,
    txid_le,
    varint,
    wtxid_le,
)
from hashwright.clock import ManualClock
from hashwright.pool.blocks import GOOD_ANSWERS

NOW = 1_800_000_000_000
NOW_S = NOW // 1000
TRIVIAL = 0x207FFFFF
HARD_ENOUGH = {"bitcoin": 0x1F00FFFF, "litecoin": 0x2000FFFF}
"""So hard that a changed header does not meet it by chance: 65,536 and 256 hashes."""
OPENING = Input(txid_le=bytes(32), index=0xFFFFFFFF, script_sig=b"", sequence=0xFFFFFFFF, witness=(bytes(32),))


def node(coin=BITCOIN, **config):
    return PracticeNode(Config(**({"start_bits": TRIVIAL} | config)), coin=coin, clock=ManualClock(NOW))


def opening(height=1, *, value=SUBSIDY, script_sig=None, lock_time=0, **changes):
    """A coinbase, without a commitment."""
    script_sig = push_height(height) + b"/test/" if script_sig is None else script_sig
    return Transaction(
        version=2,
        inputs=(replace(OPENING, script_sig=script_sig, **changes),),
        outputs=(Output(value=value, script=b"\x51"),),
        lock_time=lock_time,
    )


def committed(coinbase, others):
    """The coinbase with the commitment to what follows it."""
    root = merkle_root([bytes(32), *(wtxid_le(item) for item in others)])
    script = rules.WITNESS_MARK + sha256d(root + bytes(32))
    return replace(coinbase, outputs=(*coinbase.outputs, Output(value=0, script=script)))


def mined(practice, transactions, *, coin=BITCOIN, **changes):
    """A block of these transactions on the practice chain's tip; returns its header and its body."""
    tip = practice.chain[-1]
    fields = {
        "version": 0x20000000,
        "prevhash_le": tip.block_hash,
        "merkle_root_le": merkle_root([txid_le(item) for item in transactions]) if transactions else bytes(32),
        "ntime": max(NOW_S, practice.median_time() + 1),
        "nbits": practice.next_bits(),
    } | changes
    for nonce in range(2_000_000):
        header = header_bytes(Header(**fields, nonce=nonce))
        if int.from_bytes(ALGORITHMS[coin.algorithm].hash(header), "little") <= target_of_bits(practice.next_bits()):
            return header, varint(len(transactions)) + b"".join(transaction_bytes(item) for item in transactions)
    raise AssertionError("no nonce found")


def offered(practice):
    """The transactions on offer; of any two neighbours, one has a witness."""
    return [parse_transaction(raw) for raw in practice._pool]


def good(practice, *, coin=BITCOIN, transactions=None, height=1, **changes):
    others = offered(practice) if transactions is None else transactions
    return b"".join(mined(practice, [committed(opening(height), others), *others], coin=coin, **changes))


def word(practice, block):
    return asyncio.run(practice.submit(block))


# ---------------------------------------------------------------- accepted, and then every byte


@pytest.mark.parametrize("coin", [BITCOIN, LITECOIN], ids=lambda coin: coin.key)
@pytest.mark.parametrize("offers", [0, 1, 4])
def test_no_block_with_one_byte_changed_is_good_news_for_a_pool(coin, offers):
    """Asked through the node's own call: `inconclusive` and `duplicate` would count as good news."""
    practice = node(coin, transactions=offers, start_bits=HARD_ENOUGH[coin.key])
    block = good(practice, coin=coin)
    broken = [bytes((*block[:at], block[at] ^ flip, *block[at + 1 :])) for at in range(len(block)) for flip in (1, 128)]
    broken += [block[:length] for length in range(len(block))] + [block + b"\x00", block + block]
    answers = {word(practice, item) for item in broken if not is_good_by_chance(practice, block, item)}
    assert answers.isdisjoint(GOOD_ANSWERS)
    assert word(practice, block) == ""


def is_good_by_chance(practice, block, changed):
    """Tell whether only version, time or nonce changed and the work is there: another good block, not a broken one."""
    free = (slice(4), slice(68, 72), slice(76, 80))
    restored = bytearray(changed)
    for field in free:
        restored[field] = block[field]
    work = int.from_bytes(practice._hash(changed[:80]), "little") if len(changed) == len(block) else 2**256
    return restored == block and work <= target_of_bits(practice.next_bits())


def test_a_block_without_commitment_and_witness_is_good():
    practice = node()
    plain = [item for item in offered(practice) if not item.has_witness]
    assert plain
    coinbase = replace(opening(), inputs=(replace(opening().inputs[0], witness=()),))
    assert word(practice, b"".join(mined(practice, [coinbase, *plain]))) == ""


def test_the_last_of_two_commitments_counts():
    practice = node()
    others = offered(practice)
    wrong = Output(value=0, script=rules.WITNESS_MARK + bytes(32))
    right = committed(opening(), others)
    first = replace(right, outputs=(wrong, *right.outputs))
    last = replace(right, outputs=(*right.outputs, wrong))
    assert word(practice, b"".join(mined(practice, [last, *others]))) == "bad-witness-merkle-match"
    assert word(practice, b"".join(mined(practice, [first, *others]))) == ""


@pytest.mark.parametrize("script_sig", [push_height(1) + b"x", push_height(1) + b"x" * 99])
def test_the_bounds_of_a_coinbase_script_are_allowed(script_sig):
    practice = node()
    assert len(script_sig) in (2, 100)
    assert word(practice, b"".join(mined(practice, [opening(script_sig=script_sig, witness=())]))) == ""


@pytest.mark.parametrize("ntime", [NOW_S - 599, NOW_S + 7200])
def test_the_bounds_of_a_time_are_allowed(ntime):
    """The first block is 600 s old, and is the median."""
    practice = node()
    assert word(practice, good(practice, ntime=ntime)) == ""


# ---------------------------------------------------------------- each rule, broken alone


def foreign():
    """A transaction of another faucet."""
    return parse_transaction(node(seed=99)._pool[0])


def coinbase_block(**changes):
    """Make a block of nothing but a coinbase, without witness unless the changes say so."""
    return lambda practice: b"".join(mined(practice, [opening(**({"witness": ()} | changes))]))


def header_block(**changes):
    return lambda practice: good(practice, **changes)


def listed(choose):
    """Make a block of a list of transactions, committed to in full."""

    def build(practice):
        coinbase, others = opening(), offered(practice)
        return b"".join(mined(practice, choose(committed(coinbase, others), others)))

    return build


def unoffered(choose):
    def build(practice):
        others = choose(offered(practice))
        return b"".join(mined(practice, [committed(opening(), others), *others]))

    return build


def bytewise(change):
    """Make a good block and change its parts: header, count of transactions, the rest."""

    def build(practice):
        block = good(practice)
        return change(block[:80], block[80:81], block[81:])

    return build


def idle(practice):
    """A block whose work misses the target."""
    block = good(practice)
    for nonce in range(1_000):
        header = block[:76] + nonce.to_bytes(4, "little")
        if int.from_bytes(sha256d(header), "little") > target_of_bits(TRIVIAL):
            return header + block[80:]
    raise AssertionError("every nonce is good")


def with_witness_of(*items):
    """Make a good block whose coinbase has another witness."""

    def build(practice):
        others = offered(practice)
        coinbase = committed(opening(), others)
        coinbase = replace(coinbase, inputs=(replace(coinbase.inputs[0], witness=items),))
        return b"".join(mined(practice, [coinbase, *others]))

    return build


def uncommitted(practice):
    """Transactions with a witness that the coinbase does not commit to."""
    return b"".join(mined(practice, [opening(witness=()), *offered(practice)]))


def doubled(practice):
    """CVE-2012-2459: the last transaction again has the same root."""
    coinbase, others = opening(), offered(practice)[:2]
    header, body = mined(practice, [committed(coinbase, others), *others])
    return header + varint(4) + body[1:] + transaction_bytes(others[-1])


def superfluous(practice):
    """The witness form with an empty witness, where the plain form is due."""
    header, body = mined(practice, [opening(witness=())])
    plain = body[1:]
    return header + body[:1] + plain[:4] + b"\x00\x01" + plain[4:-4] + b"\x00" + plain[-4:]


def counted_wrong(practice):
    """More outputs announced than there are, the id taken over the wrong count."""
    plain = transaction_bytes(opening(witness=()))
    place = len(plain) - 4 - 10 - 1
    assert plain[place] == 1
    lying = plain[:place] + b"\xfd\x11\x27" + plain[place + 1 :]
    tip = practice.chain[-1]
    header = Header(
        version=4, prevhash_le=tip.block_hash, merkle_root_le=sha256d(lying), ntime=NOW_S, nbits=TRIVIAL, nonce=0
    )
    for nonce in range(1_000):
        data = header_bytes(replace(header, nonce=nonce))
        if int.from_bytes(sha256d(data), "little") <= target_of_bits(TRIVIAL):
            return data + b"\x01" + lying
    raise AssertionError("no nonce found")


def heavy(practice):
    coinbase = opening(witness=())
    output = Output(value=0, script=b"\x6a" + bytes(1_000_000))
    return b"".join(mined(practice, [replace(coinbase, outputs=(*coinbase.outputs, output))]))


BROKEN = {
    "high-hash": [idle],
    "bad-diffbits": [header_block(nbits=TRIVIAL - 1)],
    "time-too-old": [header_block(ntime=NOW_S - 600)],
    "time-too-new": [header_block(ntime=NOW_S + 7201)],
    "bad-version(0x00000003)": [header_block(version=3)],
    "bad-version(0xffffffff)": [header_block(version=0xFFFFFFFF)],
    "prev-blk-not-found": [header_block(prevhash_le=bytes(32))],
    "bad-txnmrklroot": [header_block(merkle_root_le=bytes(32))],
    "bad-txns-duplicate": [doubled],
    "bad-txns-superfluous-witness": [superfluous],
    "unexpected-witness": [coinbase_block(witness=(bytes(32),)), uncommitted],
    "bad-witness-nonce-size": [
        with_witness_of(), with_witness_of(bytes(31)), with_witness_of(bytes(33)), with_witness_of(bytes(32), b"x"),
    ],
    "bad-witness-merkle-match": [
        with_witness_of(b"\x01" * 32),
        listed(lambda first, rest: [first, *rest[1:]]),
        listed(lambda first, rest: [first, *rest[::-1]]),
    ],
    "bad-cb-missing": [lambda practice: b"".join(mined(practice, [offered(practice)[0]]))],
    "bad-cb-multiple": [unoffered(lambda others: [*others, opening(2)])],
    "bad-cb-length": [coinbase_block(script_sig=b"\x51"), coinbase_block(script_sig=b"\x51" * 101)],
    "bad-cb-height": [
        coinbase_block(height=2), coinbase_block(height=0), coinbase_block(script_sig=b"\x01\x01/test/"),
    ],
    "bad-cb-amount": [coinbase_block(value=SUBSIDY + 1), coinbase_block(value=2**63 - 1)],
    "bad-txns-nonfinal": [
        coinbase_block(lock_time=1, sequence=0), coinbase_block(lock_time=NOW_S, sequence=0xFFFFFFFE),
    ],
    "bad-txns-inputs-missingorspent": [
        unoffered(lambda others: [foreign()]),
        unoffered(lambda others: [others[0], others[1], others[0]]),
        unoffered(lambda others: [replace(others[0], lock_time=1)]),
    ],
    "bad-blk-weight": [heavy],
    "bad-blk-length": [
        lambda practice: b"",
        lambda practice: b"no block",
        lambda practice: good(practice)[:79],
        lambda practice: good(practice)[:80],
        lambda practice: good(practice) + b"\x00",
        bytewise(lambda header, count, rest: header + b"\x00"),
        bytewise(lambda header, count, rest: header + b"\xfd" + count + b"\x00" + rest),
        bytewise(lambda header, count, rest: header + b"\xff" * 9 + rest),
        counted_wrong,
    ],
}  # fmt: skip
CASES = [(refusal, number) for refusal, builders in BROKEN.items() for number in range(len(builders))]


@pytest.mark.parametrize(("refusal", "number"), CASES)
def test_each_rule_broken_alone_is_refused_by_its_name(refusal, number):
    practice = node()
    assert word(practice, BROKEN[refusal][number](practice)) == refusal
    assert practice.chain[-1].height == 0
    assert word(practice, good(practice)) == "", "a refusal leaves no trace"


def test_every_word_of_the_judge_has_a_test():
    source = Path(rules.__file__).read_text(encoding="utf-8")
    words = set(re.findall(r'Refused\(f?"([a-z-]+)', source))
    assert len(words) > 15
    tested = {refusal.partition("(")[0] for refusal in BROKEN} | {"inconclusive-not-best-prevblk"}
    assert words <= tested


def test_the_judge_itself_refuses_another_parent_than_the_one_it_is_asked_about():
    practice = node()
    block = good(practice, prevhash_le=b"\x01" * 32)
    with pytest.raises(rules.Refused, match="inconclusive-not-best-prevblk"):
        rules.judge_block(block, practice._expected())


def test_a_coinbase_may_wait_for_a_height_that_has_passed():
    """Lock time one below the height (BIP 54), with a sequence that is not final."""
    practice = node()
    assert word(practice, coinbase_block(lock_time=0, sequence=0)(practice)) == ""
    assert word(practice, coinbase_block(height=2, lock_time=1, sequence=0xFFFFFFFE)(practice)) == ""


def test_a_transaction_stands_in_one_block_only():
    practice = node()
    once = offered(practice)
    assert word(practice, good(practice)) == ""
    again = good(practice, transactions=once, height=2)
    assert word(practice, again) == "bad-txns-inputs-missingorspent"


def test_the_fees_are_the_coinbases_and_not_one_unit_more():
    practice = node()
    others = offered(practice)
    most = SUBSIDY + 1_000 * len(others)
    template = template_of_gbt(asyncio.run(practice.template(None)), BITCOIN)
    assert template.coinbase_value == most
    for value, answer in ((most + 1, "bad-cb-amount"), (most, "")):
        block = b"".join(mined(practice, [committed(opening(value=value), others), *others]))
        assert word(practice, block) == answer


def test_nothing_is_shared_with_the_builder():
    source = Path(rules.__file__).read_text(encoding="utf-8")
    assert not re.search(r"^(?:from|import) hashwright", source, re.MULTILINE)
