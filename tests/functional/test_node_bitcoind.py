"""Our adapter and our blocks before the real judges: litecoind (Debian stable) and bitcoind (Debian sid) on regtest."""

import asyncio
import contextlib
import dataclasses

import pytest

from functional.blocks import hash_of, mine_block
from functional.nodes import START_S, RegtestNode, RpcRefused, bitcoin_regtest, litecoin_regtest, litecoind
from hashwright import registry
from hashwright.chain.address import address_of_script, script_of_address
from hashwright.chain.coinbase import decode_coinbase
from hashwright.chain.template import template_of_gbt
from hashwright.errors import AuthRejected, Disconnected, NodeSyncing, OperatorError

pytestmark = [pytest.mark.functional, pytest.mark.timeout(180)]

STARTERS = {"bitcoin": bitcoin_regtest, "litecoin": litecoin_regtest}
COINS = [pytest.param("bitcoin", marks=pytest.mark.sid), "litecoin"]
LIMIT_S = 30.0
BIP34_HEIGHT = 501
"""Litecoin's regtest does not look at the height in a coinbase before."""


@pytest.fixture(scope="module", params=COINS)
def node(request, tmp_path_factory):
    """A node for tests that leave it as they found it, but for a longer chain. Litecoin's has MWEB active."""
    options = {"mweb": True} if request.param == "litecoin" else {}
    with STARTERS[request.param](tmp_path_factory.mktemp(request.param), **options) as started:
        started.mine(BIP34_HEIGHT - started.height)
        yield started


@pytest.fixture(params=COINS)
def own_node(request, tmp_path):
    """A node that a test may stop, kill and confuse."""
    with STARTERS[request.param](tmp_path) as started:
        yield started


def coin_of(node):
    return registry.load("coins", node.coin).COIN


def with_adapter(node, story, **changes):
    """Run `story(adapter)` in a loop of its own, and let the adapter go."""

    async def run():
        adapter = node.adapter(**changes)
        try:
            async with asyncio.timeout(LIMIT_S):
                return await story(adapter)
        finally:
            await adapter.aclose()

    return asyncio.run(run())


async def template_from(adapter, node, *, transactions=0):
    """Return a checked template that holds at least so many transactions."""
    for _ in range(transactions):
        await asyncio.to_thread(node.send)
    async with asyncio.timeout(LIMIT_S):  # a node keeps a template for some seconds while the tip stands
        while True:
            template = template_of_gbt(await adapter.template(None), coin_of(node))
            if len(template.transactions) >= transactions + bool(template.mweb):
                return template
            await asyncio.sleep(0.5)


# ---------------------------------------------------------------- blocks


def test_a_block_with_transactions_is_accepted(node):
    async def story(adapter):
        coin = coin_of(node)
        template = await template_from(adapter, node, transactions=3)
        assert template.witness_commitment
        script = script_of_address(node.address, coin, "regtest")
        block = mine_block(template, coin, script=script)
        assert await adapter.propose(block) == ""
        assert await adapter.submit(block) == ""
        assert await adapter.submit(block) == "duplicate"
        assert (await adapter.block_state(hash_of(block))).confirmations == 1
        assert node.rpc("getmempoolinfo")["size"] == 0
        ((height, block_hash, coinbase),) = await adapter.coinbases(1)
        assert (height, block_hash) == (template.height, hash_of(block))
        decoded = decode_coinbase(coinbase)
        assert decoded.height == template.height
        assert "/Hashwright/" in decoded.tag
        assert decoded.outputs[0] == (template.coinbase_value, script)

    with_adapter(node, story)


def test_a_litecoin_block_with_an_extension_block_is_accepted(node):
    """MWEB is active from block 432 on regtest: the HogEx stays last, and the extension block follows."""
    if node.coin != "litecoin":
        assert "mweb" not in node.rpc("getblocktemplate", {"rules": ["segwit"]})
        return

    async def story(adapter):
        coin = coin_of(node)
        node.rpc("sendtoaddress", node.rpc("getnewaddress", "", "mweb"), 2)
        template = await template_from(adapter, node, transactions=1)
        assert template.height > 432
        assert template.mweb
        without = mine_block(dataclasses.replace(template, mweb=b""), coin)
        assert await adapter.submit(without) == "Block decode failed"
        block = mine_block(template, coin)
        assert await adapter.propose(block) == ""
        assert await adapter.submit(block) == ""
        assert node.best == hash_of(block)

    with_adapter(node, story)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"has_work": False}, "high-hash"),
        ({"height": 7_000}, "bad-cb-height"),
        ({"value": 21_000_000 * 10**8}, "bad-cb-amount"),
        ({"merkle_root_le": bytes(32)}, "bad-txnmrklroot"),
        ({"nbits": 0x207FFFFE}, "bad-diffbits"),
        ({"ntime": 1_500_000_000}, "time-too-old"),
        ({"version": 1}, "bad-version(0x00000001)"),
        ({"commitment": b"\x6a\x24\xaa\x21\xa9\xed" + bytes(32)}, "bad-witness-merkle-match"),
        ({"prevhash_le": b"\x11" * 32}, "prev-blk-not-found"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_has_the_nodes_word(node, changes, word):
    async def story(adapter):
        before = node.best
        template = await template_from(adapter, node)
        assert await adapter.submit(mine_block(template, coin_of(node), **changes)) == word
        assert node.best == before

    with_adapter(node, story)


def test_bytes_that_are_no_block_and_a_block_known_as_bad(node):
    async def story(adapter):
        template = await template_from(adapter, node)
        block = mine_block(template, coin_of(node), value=template.coinbase_value + 1)
        assert await adapter.propose(block) == "bad-cb-amount"
        assert await adapter.submit(block) == "bad-cb-amount"
        assert await adapter.submit(block) == "duplicate-invalid"
        assert await adapter.submit(block[:100]) == "Block decode failed"

    with_adapter(node, story)


def test_a_good_block_beside_the_best_chain_is_inconclusive(node):
    async def story(adapter):
        coin = coin_of(node)
        template = await template_from(adapter, node)
        first, second = mine_block(template, coin, tag=b"/one/"), mine_block(template, coin, tag=b"/two/")
        assert await adapter.submit(first) == ""
        assert await adapter.submit(second) == "inconclusive"
        assert await adapter.submit(second) in ("duplicate", "duplicate-inconclusive")
        assert (await adapter.block_state(hash_of(first))).confirmations == 1
        assert (await adapter.block_state(hash_of(second))).confirmations == -1

    with_adapter(node, story)


# ---------------------------------------------------------------- the chain


def test_a_reorg_is_judged_by_what_stands_at_the_height(node):
    async def story(adapter):
        (lost,) = node.mine(1)
        height = node.height
        assert (await adapter.block_state(lost)).confirmations == 1
        node.rpc("invalidateblock", lost)
        state = await adapter.block_state(lost)
        assert (state.confirmations, state.height) == (0, height), "nothing stands there: no verdict"
        coin = coin_of(node)
        template = await template_from(adapter, node)
        assert await adapter.submit(mine_block(template, coin, tag=b"/another/")) == ""
        assert (await adapter.block_state(lost)).confirmations == -1
        assert (await adapter.block_state("00" * 32)).confirmations == 0
        return lost

    with_adapter(node, story)


def test_the_newest_coinbases_go_back_to_the_first_block(own_node):
    async def story(adapter):
        found = await adapter.coinbases(1_000)
        assert [height for height, _, _ in found] == list(range(own_node.height, 0, -1))
        for height, block_hash, coinbase in found[:5]:
            assert decode_coinbase(coinbase).height == height
            assert own_node.rpc("getblockhash", height) == block_hash

    with_adapter(own_node, story)


def test_the_node_reads_our_addresses_as_we_do(node):
    """HW-202 must never happen: our decoder and the node give the same script."""
    coin = coin_of(node)

    async def story(adapter):
        for kind in ("legacy", "p2sh-segwit", "bech32", *(["bech32m"] if node.coin == "bitcoin" else [])):
            address = node.rpc("getnewaddress", "", kind)
            script = script_of_address(address, coin, "regtest")
            assert await adapter.script_of_address(address) == script
            assert address_of_script(script, coin, "regtest") == address
        assert await adapter.script_of_address("nonsense") is None

    with_adapter(node, story)


def test_the_tips_header_says_what_an_empty_block_needs(node):
    async def story(adapter):
        tip = await adapter.tip()
        header = await adapter.tip_header(tip.block_hash)
        template = await template_from(adapter, node)
        assert (tip.height, tip.block_hash) == (node.height, node.best)
        assert (header.height, header.mediantime + 1) == (template.height - 1, template.mintime)

    with_adapter(node, story)


# ---------------------------------------------------------------- states and credentials


def test_a_ready_node_introduces_itself(node):
    probe = with_adapter(node, lambda adapter: adapter.probe())
    name = {"bitcoin": "/Satoshi:", "litecoin": "/LitecoinCore:"}[node.coin]
    assert (probe.state, probe.detail, probe.network, probe.height) == ("ready", "", "regtest", node.height)
    assert probe.version.startswith(name)


def test_a_user_with_a_password_file_is_let_in(node):
    login = {"cookie_file": "", "rpc_user": "hashwright", "rpc_password_from": f"file:{node.password_file}"}
    assert with_adapter(node, lambda adapter: adapter.probe(), **login).state == "ready"


def test_wrong_credentials_are_refused(node, tmp_path):
    wrong = tmp_path / "cookie"
    wrong.write_text("__cookie__:not this one")

    async def story(adapter):
        assert (await adapter.probe()).state == "refused"
        with pytest.raises(AuthRejected):
            await adapter.template(None)

    with_adapter(node, story, cookie_file=str(wrong))


def test_a_renewed_cookie_is_read_again(own_node):
    async def story(adapter):
        before = own_node.cookie_file.read_text()
        assert (await adapter.tip()).height == own_node.height
        await asyncio.to_thread(own_node.restart)
        assert own_node.cookie_file.read_text() != before
        assert (await adapter.tip()).height == own_node.height

    with_adapter(own_node, story)


def test_another_chain_is_refused(node, tmp_path):
    """A bitcoin destination on a litecoind, and any destination on a network that it does not name."""

    async def story():
        adapter = node.adapter(coin="bitcoin", network="main")
        with pytest.raises(OperatorError, match="is on regtest, the destination on main") as refused:
            await adapter.template(None)
        assert refused.value.code == "HW-409"
        await adapter.aclose()
        adapter = node.adapter(coin="bitcoin")
        if node.coin == "litecoin":
            with pytest.raises(OperatorError, match="is no Bitcoin node"):
                await adapter.template(None)
            assert (await adapter.probe()).state == "refused"
        else:
            assert (await adapter.template(None))["height"] > 0
        await adapter.aclose()

    asyncio.run(story())


def test_a_starting_node_passes_through_its_states(own_node):
    order = ["unreachable", "warming-up", "syncing", "ready"]

    async def story(adapter):
        await asyncio.to_thread(own_node.stop)
        assert (await adapter.probe()).state == "unreachable"
        with pytest.raises(Disconnected):
            await adapter.tip()
        await asyncio.to_thread(own_node.launch)
        states = ["unreachable"]
        while states[-1] != "ready":
            states.append((await adapter.probe()).state)
        assert set(states) <= set(order)
        assert states == sorted(states, key=order.index)

    with_adapter(own_node, story)


def test_litecoind_without_a_peer_is_told_apart(tmp_path):
    alone = RegtestNode(litecoind(), tmp_path / "alone", coin="litecoin", options={"listen": 0, "connect": 0})

    async def story(adapter):
        probe = await adapter.probe()
        assert probe.state == "syncing"
        assert "no connection to other nodes" in probe.detail
        with pytest.raises(NodeSyncing, match="no connection to other nodes"):
            await adapter.template(None)
        assert (await adapter.tip()).height == 1

    try:
        alone.start()
        alone.mine(1)
        with_adapter(alone, story)
    finally:
        alone.stop()


# ---------------------------------------------------------------- tips

WAYS = {
    "zmq": lambda node: {"zmq_hashblock": node.zmq_address},
    "longpoll": lambda _: {},
    "polling": lambda _: {"longpoll": False},
}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("end", ["restart", "kill"])
def test_tips_are_seen_through_the_end_of_the_node(own_node, how, end):
    async def story(adapter):
        async with contextlib.aclosing(adapter.watch()) as tips:
            first = await anext(tips)
            assert (first.height, first.block_hash) == (own_node.height, own_node.best)
            (block_hash,) = await in_mid_watch(tips, lambda: own_node.mine(1))
            assert block_hash == own_node.best
            await asyncio.to_thread(own_node.stop if end == "restart" else own_node.kill)
            seen = asyncio.ensure_future(anext(tips))
            await asyncio.sleep(0.3)
            assert not seen.done()
            await asyncio.to_thread(own_node.start)
            await asyncio.to_thread(outgrow, own_node, first.height + 1)
            assert await next_hash(tips, seen, own_node) == own_node.best

    with_adapter(own_node, story, **WAYS[how](own_node))


async def in_mid_watch(tips, action):
    """Do something while the next tip is waited for; return what the watcher saw."""
    seen = asyncio.ensure_future(anext(tips))
    await asyncio.sleep(0.3)
    assert not seen.done()
    await asyncio.to_thread(action)
    return [(await seen).block_hash]


def outgrow(node, height):
    """Mine beyond a height: a killed node may be behind, and only a peer brings its old blocks back."""
    if node.coin == "litecoin":
        node.wait_until(lambda: node.height >= height, START_S, "the peer brings the chain back")
    node.mine(height + 1 - node.height)


async def next_hash(tips, seen, node):
    """Return the tip that is seen last: a killed node may first come back with an older one."""
    tip = await seen
    while tip.block_hash != node.best:
        tip = await anext(tips)
    return tip.block_hash


@pytest.mark.parametrize("how", ["zmq", "longpoll"])
def test_a_push_comes_before_the_next_question(node, how):
    if (node.coin, how) == ("litecoin", "zmq"):
        with pytest.raises(RpcRefused, match="Method not found"):  # Debian's litecoind is built without ZMQ
            node.rpc("getzmqnotifications")
        return

    async def story(adapter):
        async with contextlib.aclosing(adapter.watch()) as tips:
            await anext(tips)
            for _ in range(3):
                (block_hash,) = await in_mid_watch(tips, lambda: node.mine(1))
                assert block_hash == node.best

    with_adapter(node, story, **WAYS[how](node), poll_s=LIMIT_S * 10)


def test_a_long_poll_answers_when_there_is_a_new_block(node):
    async def story(adapter):
        before = await adapter.template(None)
        waiting = asyncio.ensure_future(adapter.template(before["longpollid"]))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert (await adapter.tip()).height == before["height"] - 1, "other calls go on meanwhile"
        await asyncio.to_thread(node.mine, 1)
        assert (await waiting)["height"] == before["height"] + 1

    with_adapter(node, story)


@pytest.mark.parametrize("how", WAYS)
def test_a_cancelled_watcher_leaves_nothing_behind(node, how):
    async def story(adapter):
        async def watch():
            async for _ in adapter.watch():
                heard.set()

        heard = asyncio.Event()
        task = asyncio.ensure_future(watch())
        await heard.wait()
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with_adapter(node, story, **WAYS[how](node))
