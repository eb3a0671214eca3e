"""The practice chain: what its judge accepts is a good block, and every byte of it matters."""

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.adapters.nodes import _practice_rules as rules
from hashwright.adapters.nodes.practice import PLUGIN, START_BITS, Config, PracticeNode
from hashwright.chain.coinbase import build_coinbase
from hashwright.chain.coins.bitcoin import COIN as BITCOIN
from hashwright.chain.coins.litecoin import COIN as LITECOIN
from hashwright.chain.header import Header, header_bytes
from hashwright.chain.merkle import root_from_branch
from hashwright.chain.proof import ALGORITHMS, sha256d
from hashwright.chain.target import bits_of_target, target_of_bits
from hashwright.chain.template import assemble_block, template_of_gbt
from hashwright.chain.transaction import parse_transaction, plain_bytes, txid_le, wtxid_le
from hashwright.clock import ManualClock
from hashwright.errors import OperatorError

NOW = 1_800_000_000_000
TRIVIAL = 0x207FFFFF


def node(coin=BITCOIN, **config):
    return PracticeNode(Config(**({"start_bits": TRIVIAL} | config)), coin=coin, clock=ManualClock(NOW))


def build(practice, *, coin=BITCOIN, mend=None, **changes):
    """Build a block on the practice chain's own template; `changes` break header fields or the coinbase."""
    template = template_of_gbt(asyncio.run(practice.template(None)), coin)
    parts = build_coinbase(
        changes.pop("height", template.height),
        ((changes.pop("value", template.coinbase_value), b"\x51"),),
        tag=b"/test/",
        extranonce_size=4,
        witness_commitment=changes.pop("commitment", template.witness_commitment),
    )
    coinbase = parts.prefix + bytes(4) + parts.suffix
    fields = {
        "version": template.version,
        "prevhash_le": template.prevhash_le,
        "merkle_root_le": root_from_branch(sha256d(coinbase), template.branch),
        "ntime": template.curtime,
        "nbits": template.nbits,
    } | changes
    hash_header = ALGORITHMS[coin.algorithm].hash
    for nonce in range(2_000_000):
        header = header_bytes(Header(**fields, nonce=nonce))
        if int.from_bytes(hash_header(header), "little") <= target_of_bits(template.nbits):
            return assemble_block(template, header, coinbase)
    raise AssertionError("no nonce found")


def submit(practice, block):
    return asyncio.run(practice.submit(block))


@pytest.mark.parametrize("coin", [BITCOIN, LITECOIN], ids=lambda coin: coin.key)
def test_blocks_are_built_accepted_and_deepen(coin):
    practice = node(coin)
    hashes = []
    for height in range(1, 6):
        block = build(practice, coin=coin)
        assert submit(practice, block) == ""
        hashes.append(sha256d(block[:80])[::-1].hex())
        assert asyncio.run(practice.tip()).height == height
    assert asyncio.run(practice.block_state(hashes[0])).confirmations == 5
    assert len(practice.chain[-1].transactions) == 3


def test_every_byte_of_an_accepted_block_matters():
    """The target is hard enough that a changed header does not meet it by chance."""
    practice = node(transactions=2, start_bits=0x1F00FFFF)
    block = build(practice)
    expected = practice._expected()
    assert rules.judge_block(block, expected)
    for place in range(len(block)):
        for flip in (0x01, 0x80, 0xFF):
            broken = block[:place] + bytes([block[place] ^ flip]) + block[place + 1 :]
            with pytest.raises(rules.Refused):
                rules.judge_block(broken, expected)


def test_every_truncation_and_every_addition_is_refused():
    practice = node(transactions=2)
    block = build(practice)
    expected = practice._expected()
    for length in range(len(block)):
        with pytest.raises(rules.Refused):
            rules.judge_block(block[:length], expected)
    for tail in (b"\x00", b"\x01", block):
        with pytest.raises(rules.Refused, match="bad-blk-length"):
            rules.judge_block(block + tail, expected)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"height": 7}, "bad-cb-height"),
        ({"value": 50 * 10**8 + 3_001}, "bad-cb-amount"),
        ({"ntime": NOW // 1000 + 7201}, "time-too-new"),
        ({"ntime": NOW // 1000 - 100_000}, "time-too-old"),
        ({"version": 3}, "bad-version"),
        ({"nbits": 0x207FFFFE}, "bad-diffbits"),
        ({"merkle_root_le": bytes(32)}, "bad-txnmrklroot"),
        ({"prevhash_le": bytes(32)}, "prev-blk-not-found"),
        ({"commitment": b""}, "unexpected-witness"),
        ({"commitment": rules.WITNESS_MARK + bytes(32)}, "bad-witness-merkle-match"),
    ],
)
def test_each_broken_rule_has_the_nodes_word(changes, word):
    practice = node()
    assert submit(practice, build(practice, **changes)).startswith(word)


def test_work_that_misses_the_target_is_refused():
    practice = node(start_bits=0x1D00FFFF)
    block = build(node())
    assert (
        submit(
            practice,
            block[:4] + practice.chain[-1].block_hash + block[36:72] + (0x1D00FFFF).to_bytes(4, "little") + block[76:],
        )
        == "high-hash"
    )


def test_a_block_is_known_the_second_time():
    practice = node()
    block = build(practice)
    assert [submit(practice, block), submit(practice, block)] == ["", "duplicate"]


def test_a_transaction_that_nobody_offered_is_refused():
    practice, other = node(), node(seed=2)
    template = template_of_gbt(asyncio.run(other.template(None)), BITCOIN)
    foreign = build(other)
    assert template.transactions
    expected = other._expected()
    with pytest.raises(rules.Refused, match="missingorspent"):
        rules.judge_block(
            foreign,
            rules.Expected(
                **{name: getattr(expected, name) for name in expected.__slots__ if name != "known"},
                known=practice._known,
            ),
        )


def test_doubled_leaves_are_seen():
    """CVE-2012-2459: the same root for a list with its last leaves doubled."""
    leaves = [bytes([i]) * 32 for i in range(3)]
    root, doubled = rules.tree(leaves)
    assert not doubled
    again, doubled = rules.tree([*leaves, leaves[2]])
    assert again == root
    assert doubled


def test_a_reorg_drops_blocks_and_offers_their_transactions_again():
    practice = node()
    first, second = build(practice), None
    submit(practice, first)
    second = build(practice)
    submit(practice, second)
    hashes = [sha256d(block[:80])[::-1].hex() for block in (first, second)]
    included = practice.chain[1].transactions
    asyncio.run(practice.invalidate(hashes[0]))
    assert asyncio.run(practice.tip()).height == 0
    assert [asyncio.run(practice.block_state(known)).confirmations for known in hashes] == [0, 0], "nothing there yet"
    assert set(included) <= set(practice._pool)
    practice._clock.advance(1000)
    assert submit(practice, build(practice)) == ""
    assert [asyncio.run(practice.block_state(known)).confirmations for known in hashes] == [-1, 0]


def hash_of(block):
    return sha256d(block[:80])[::-1].hex()


def two_branches():
    """A chain of two blocks, and blocks of another branch that starts beside them: built by a twin of the node."""
    practice, twin = node(), node()
    ours = [build(practice)]
    assert submit(practice, ours[0]) == ""
    ours.append(build(practice))
    assert submit(practice, ours[1]) == ""
    theirs = []
    for _ in range(3):
        twin._clock.advance(1000)
        theirs.append(build(twin))
        assert submit(twin, theirs[-1]) == ""
    return practice, ours, theirs


def test_a_block_beside_the_best_chain_is_judged_kept_and_takes_over_with_more_work():
    practice, ours, theirs = two_branches()
    practice._clock.advance(60_000)
    assert [submit(practice, block) for block in theirs[:2]] == ["inconclusive", "inconclusive"]
    assert asyncio.run(practice.tip()).block_hash == hash_of(ours[1]), "the first of equals stays"
    assert submit(practice, theirs[0]) == "duplicate"
    assert submit(practice, theirs[2]) == ""
    assert asyncio.run(practice.tip()).block_hash == hash_of(theirs[2])
    states = [asyncio.run(practice.block_state(hash_of(block))).confirmations for block in (*theirs, *ours)]
    assert states == [3, 2, 1, -1, -1]
    assert submit(practice, build(practice)) == "", "transactions of the lost branch are on offer again, once each"


def test_a_broken_block_beside_the_best_chain_is_not_called_inconclusive():
    practice, _, theirs = two_branches()
    cut = theirs[0][:-1]
    assert submit(practice, cut) == "bad-blk-length"
    assert submit(practice, theirs[0][:36]) == "bad-blk-length"


def test_an_invalidated_branch_stays_out_and_the_next_best_takes_over():
    practice, ours, theirs = two_branches()
    practice._clock.advance(60_000)
    for block in theirs[:2]:
        submit(practice, block)
    asyncio.run(practice.invalidate(hash_of(ours[0])))
    assert asyncio.run(practice.tip()).block_hash == hash_of(theirs[1])
    assert [submit(practice, block) for block in ours] == ["duplicate-invalid", "duplicate-invalid"]
    child = build(practice)
    mined_on_bad = ours[1][:4] + sha256d(ours[1][:80]) + ours[1][36:]
    assert submit(practice, mined_on_bad) == "bad-prevblk"
    assert submit(practice, child) == ""


def test_only_a_known_block_that_somebody_mined_can_be_invalidated():
    practice = node()
    for block_hash in ("ab" * 32, "nonsense", practice.chain[0].block_hash[::-1].hex()):
        with pytest.raises(OperatorError, match="PRACTICE"):
            asyncio.run(practice.invalidate(block_hash))


def test_invalidating_a_block_beside_the_best_chain_changes_nothing():
    practice, ours, theirs = two_branches()
    practice._clock.advance(60_000)
    submit(practice, theirs[0])
    asyncio.run(practice.invalidate(hash_of(theirs[0])))
    assert asyncio.run(practice.tip()).block_hash == hash_of(ours[1])


def test_the_header_of_a_block_tells_the_median_time_up_to_it():
    practice, ours, _ = two_branches()
    start_s = practice.chain[0].ntime
    tips = [asyncio.run(practice.tip_header(hash_of(block))) for block in ours]
    assert [tip.height for tip in tips] == [1, 2]
    assert [tip.mediantime for tip in tips] == [NOW // 1000, NOW // 1000]
    first = practice.chain[0].block_hash[::-1].hex()
    assert asyncio.run(practice.tip_header(first)).mediantime == start_s


def test_an_offer_says_the_truth_about_its_transactions():
    answer = asyncio.run(node().template(None))
    for offer in answer["transactions"]:
        transaction = parse_transaction(bytes.fromhex(offer["data"]))
        assert offer["txid"] == txid_le(transaction)[::-1].hex()
        assert offer["hash"] == wtxid_le(transaction)[::-1].hex()
        plain = len(plain_bytes(transaction))
        assert offer["weight"] == 3 * plain + len(offer["data"]) // 2
    assert {offer["txid"] == offer["hash"] for offer in answer["transactions"]} == {True, False}, "both forms"
    assert answer["coinbasevalue"] == 50 * 10**8 + sum(offer["fee"] for offer in answer["transactions"])


def test_a_long_poll_answers_when_the_tip_has_changed():
    async def story():
        practice = node()
        known = (await practice.template(None))["longpollid"]
        waiting = asyncio.ensure_future(practice.template(known))
        await asyncio.sleep(0)
        assert not waiting.done()
        await practice.submit(await asyncio.to_thread(build, practice))
        async with asyncio.timeout(2):
            return (await waiting)["height"]

    assert asyncio.run(story()) == 2


@pytest.mark.parametrize(
    "settings_of_a_chain",
    [{"transactions": -1}, {"transactions": 5_001}, {"block_interval_s": 0.0}, {"start_bits": -1}, {"seed": "one"}],
)
def test_settings_that_make_no_chain_are_refused(settings_of_a_chain):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings_of_a_chain, Config)


def test_watchers_hear_of_a_block_at_once():
    async def story():
        practice = node()
        tips = practice.watch()
        assert (await anext(tips)).height == 0, "the best block comes at once"
        heard = asyncio.ensure_future(anext(tips))
        await asyncio.sleep(0)
        block = await asyncio.to_thread(build, practice)
        await practice.submit(block)
        async with asyncio.timeout(2):
            seen = await heard
        await tips.aclose()
        return seen.height

    assert asyncio.run(story()) == 1


def test_one_seed_one_chain():
    assert build(node()) == build(node())
    assert build(node(seed=2)) != build(node())


def test_difficulty_follows_the_miners_and_never_falls_below_the_start():
    practice = node(start_bits=START_BITS["sha256d"], block_interval_s=15.0)
    clock = practice._clock
    bits = []
    for _ in range(12):
        clock.advance(1000)
        submit(practice, build_fast(practice))
        bits.append(target_of_bits(practice.next_bits()))
    assert bits[-1] < bits[0] / 8
    for _ in range(20):
        clock.advance(120_000)
        submit(practice, build_fast(practice))
    assert practice.next_bits() == START_BITS["sha256d"]


def build_fast(practice):
    """Build without work: only the difficulty rule is of interest."""
    practice._hash = lambda header: bytes(32)
    template = template_of_gbt(asyncio.run(practice.template(None)), BITCOIN)
    parts = build_coinbase(
        template.height, ((1, b"\x51"),), tag=b"", extranonce_size=4, witness_commitment=template.witness_commitment
    )
    coinbase = parts.prefix + bytes(4) + parts.suffix
    header = Header(
        version=template.version,
        prevhash_le=template.prevhash_le,
        merkle_root_le=root_from_branch(sha256d(coinbase), template.branch),
        ntime=template.curtime,
        nbits=template.nbits,
        nonce=0,
    )
    return assemble_block(template, header_bytes(header), coinbase)


def test_the_newest_coinbases_can_be_read_back():
    practice = node()
    block = build(practice)
    submit(practice, block)
    ((height, block_hash, coinbase),) = asyncio.run(practice.coinbases(10))
    assert (height, block_hash) == (1, sha256d(block[:80])[::-1].hex())
    assert b"/test/" in coinbase
    assert sha256d(coinbase) != b""


def test_the_label_is_on_everything_it_says_of_itself():
    practice = node()
    assert "PRACTICE" in repr(practice)
    assert "PRACTICE" in PLUGIN.title
    assert "PRACTICE" in asyncio.run(practice.probe()).detail


@settings(max_examples=200)
@given(st.integers(min_value=1, max_value=2**255))
def test_two_codings_of_a_target_agree(target):
    """The judge's own arithmetic against the chain room's."""
    nbits = bits_of_target(target)
    assert rules.compact(target) == nbits
    assert rules.expand(nbits) == target_of_bits(nbits)
