"""The node plug-in on a real monerod: templates, blocks, push and poll, reorganisations, restarts, credentials."""

import asyncio
import contextlib

import pytest

from functional.monero_nodes import monero_regtest
from functional.nodes import free_port
from hashwright import registry
from hashwright.adapters.nodes.monerod import PLUGIN, Config
from hashwright.chain.address import script_of_block_address
from hashwright.chain.cryptonote.randomx import RandomX
from hashwright.chain.cryptonote.template import assemble_block, id_of_block, template_of_answer
from hashwright.clock import ManualClock
from hashwright.errors import AuthRejected, OperatorError

pytestmark = [pytest.mark.functional, pytest.mark.timeout(240)]
COIN = registry.load("coins", "monero").COIN
PAYEE = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    zmq_port = free_port()
    with monero_regtest(tmp_path_factory.mktemp("node"), zmq_port=zmq_port) as node:
        node.zmq = f"tcp://127.0.0.1:{zmq_port}"
        node("generateblocks", amount_of_blocks=3, wallet_address=PAYEE, starting_nonce=0)
        yield node


def adapter(node, *, network="regtest", address=PAYEE, **settings):
    config = Config(rpc_url=f"http://127.0.0.1:{node.port}", **settings)
    return PLUGIN.build(config, coin=COIN, network=network, clock=ManualClock(0), address=address)


def asked(node, story, **options):
    async def run():
        plugged = adapter(node, **options)
        try:
            async with asyncio.timeout(60):
                return await story(plugged)
        finally:
            await plugged.aclose()

    return asyncio.run(run())


def make_block(template, mark, nonce=0):
    ours = mark.ljust(template.room, b".")
    return assemble_block(template, template.hashing_blob(ours, nonce), template.miner_transaction(ours))


async def mined(plugged, mark=b"ours"):
    template = template_of_answer(await plugged.template(None))
    block = make_block(template, mark)
    assert await plugged.submit(block) == ""
    return template, block, id_of_block(block)


def test_a_block_with_our_extra_nonce_is_taken_and_found_again(chain):
    async def story(plugged):
        template, block, block_id = await mined(plugged, b"first mark")
        assert template.fees == 0
        assert (await plugged.tip()).block_hash == block_id
        assert (await plugged.block_state(block_id)).confirmations == 1
        assert await plugged.submit(block) == "", "asked twice, it says the same"
        ((height, found_id, miner_tx), *_) = await plugged.coinbases(3)
        assert (height, found_id) == (template.height, block_id)
        assert b"first mark" in miner_tx
        tip = await plugged.tip_header(block_id)
        assert tip.height == template.height
        assert (await plugged.block_state("ab" * 32)).confirmations == 0
        assert await plugged.submit(block[:60]) == "Wrong block blob"

    asked(chain, story)


def test_the_node_judges_our_hash_of_a_job(chain):
    async def story(plugged):
        template = template_of_answer(await plugged.template(None))
        machine = RandomX(template.seed)
        try:
            for nonce in range(3):
                blob = template.hashing_blob(bytes(template.room), nonce)
                theirs = await plugged.calc_pow(
                    major_version=template.major_version, height=template.height, blob=blob, seed=template.seed
                )
                assert machine.hash(blob) == theirs
        finally:
            machine.close()

    asked(chain, story)


@pytest.mark.parametrize("way", ["push", "poll"])
def test_new_blocks_are_noticed(chain, way):
    async def story(plugged):
        seen = []

        async def follow():
            async for tip in plugged.watch():
                seen.append(tip)

        task = asyncio.create_task(follow())
        heard = 0
        while len(seen) < 3:
            block_id = "" if not seen else (await mined(plugged, b"%d" % heard))[2]
            heard += 1
            with contextlib.suppress(TimeoutError):  # a subscription that is not yet there hears nothing: another block
                async with asyncio.timeout(1):
                    while not seen or (block_id and seen[-1].block_hash != block_id):
                        await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert seen[-1].block_hash == block_id

    settings = {"zmq_pub": chain.zmq, "poll_s": 50.0} if way == "push" else {"poll_s": 0.05}
    asked(chain, story, **settings)


def test_another_block_at_its_height_is_seen(chain):
    async def story(plugged):
        template, _, block_id = await mined(plugged, b"will be lost")
        rival = make_block(template, b"the rival")
        assert await plugged.submit(rival) == ""
        assert (await plugged.block_state(id_of_block(rival))).confirmations == -1
        chain(
            "generateblocks", amount_of_blocks=1, wallet_address=PAYEE, starting_nonce=0, prev_block=id_of_block(rival)
        )  # fmt: skip
        assert (await plugged.tip()).height == template.height + 1
        assert (await plugged.block_state(block_id)).confirmations == -1
        assert (await plugged.block_state(id_of_block(rival))).confirmations == 2

    asked(chain, story)


def test_a_node_that_was_killed_is_waited_for(chain):
    async def story(plugged):
        seen = []

        async def follow():
            async for tip in plugged.watch():
                seen.append(tip)

        task = asyncio.create_task(follow())
        while not seen:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(chain.process.kill)
        assert (await plugged.probe()).state == "unreachable"
        await asyncio.to_thread(chain.process.start)
        _, _, block_id = await mined(plugged, b"after")
        while seen[-1].block_hash != block_id:
            await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asked(chain, story, poll_s=0.1)


def test_a_probe_tells_state_network_and_version(chain):
    probe = asked(chain, lambda it: it.probe())
    assert (probe.state, probe.network, probe.version.split(".")[0]) == ("ready", "regtest", "monerod 0")
    probe = asked(chain, lambda it: it.probe(), network="main")
    assert probe.network == "regtest"
    with pytest.raises(OperatorError, match="is on regtest, the destination on main"):
        asked(chain, lambda it: it.template(None), network="main")


def test_an_address_that_a_block_cannot_pay_is_refused_by_both(chain):
    sub = "8" + "4" * 94
    with pytest.raises(OperatorError) as ours:
        script_of_block_address(sub, COIN, "regtest")
    assert ours.value.code in ("HW-206", "HW-207", "HW-208")
    with pytest.raises(OperatorError, match="makes no block for this address") as theirs:
        asked(chain, lambda it: it.template(None), address=sub)
    assert theirs.value.code == "HW-416"


def test_a_node_with_a_password(tmp_path, monkeypatch):
    monkeypatch.setenv("HW_TEST_MONERO", "s3cret")
    login = {"rpc_user": "kai", "rpc_password_from": "env:HW_TEST_MONERO"}
    with monero_regtest(tmp_path, login="kai:s3cret") as node:

        async def story(plugged):
            assert (await plugged.probe()).state == "ready"
            tips = await asyncio.gather(*(plugged.tip() for _ in range(6)))
            assert {tip.height for tip in tips} == {0}

        asked(node, story, **login)
        with pytest.raises(AuthRejected) as refused:
            asked(node, lambda it: it.tip())
        assert refused.value.code == "HW-415"
        monkeypatch.setenv("HW_TEST_MONERO", "wrong")
        probe = asked(node, lambda it: it.probe(), **login)
        assert (probe.state, "s3cret" in probe.detail) == ("refused", False)
