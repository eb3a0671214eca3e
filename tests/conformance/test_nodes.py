"""What every node plug-in promises, asked of each file in `adapters/nodes` without a node behind it."""

import asyncio
import contextlib
import inspect

import msgspec
import pytest

from hashwright import registry
from hashwright.adapters.nodes.base import Node, Plugin, TipSeen
from hashwright.chain.cryptonote.template import template_of_answer
from hashwright.chain.template import template_of_gbt
from hashwright.clock import ManualClock
from hashwright.errors import ConfigError, HashwrightError

NOW = 1_800_000_000_000
NOWHERE = {
    "bitcoind": {"rpc_url": "http://127.0.0.1:1", "cookie_file": "no-such-cookie", "timeout_s": 2.0},
    "monerod": {"rpc_url": "http://127.0.0.1:1", "timeout_s": 2.0},
    "practice": {},
}
"""Settings of each plug-in that need nothing of the outside world. A new plug-in adds its line."""
UNKNOWN = "ab" * 32
PAYEES = {
    "bitcoin": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "monero": "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
}
COINS = {"bitcoin": "bitcoin", "cryptonote": "monero"}
READERS = {
    "bitcoin": lambda answer: template_of_gbt(answer, registry.load("coins", "bitcoin").COIN),
    "cryptonote": template_of_answer,
}


def plugin(name) -> Plugin:
    return registry.load("nodes", name).PLUGIN


def built(name):
    kind = plugin(name)
    settings = msgspec.convert(NOWHERE[name], kind.config)
    key = COINS[kind.family]
    coin = registry.load("coins", key).COIN
    return kind.build(settings, coin=coin, network="regtest", clock=ManualClock(NOW), address=PAYEES[key])


def asked(name, story):
    """Run `story(node)` and close the node, twice: closing is harmless."""

    async def run():
        node = built(name)
        try:
            async with asyncio.timeout(20):
                return await story(node)
        finally:
            await node.aclose()
            await node.aclose()

    return asyncio.run(run())


NAMES = registry.names("nodes")


def test_the_settings_of_every_plugin_are_known_here():
    assert set(NOWHERE) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestEveryNode:
    def test_it_is_a_plugin_with_a_title(self, name):
        assert isinstance(plugin(name), Plugin)
        assert plugin(name).title

    def test_it_refuses_settings_that_it_does_not_know(self, name):
        with pytest.raises(msgspec.ValidationError, match="no_such_setting"):
            msgspec.convert(NOWHERE[name] | {"no_such_setting": 1}, plugin(name).config)

    def test_it_has_every_call_of_the_port_with_the_same_parameters(self, name):
        node = built(name)
        for call, promised in inspect.getmembers(Node, inspect.isfunction):
            if not call.startswith("_"):
                offered = inspect.signature(getattr(type(node), call))
                assert list(offered.parameters) == list(inspect.signature(promised).parameters), call
        asyncio.run(node.aclose())

    def test_its_name_in_a_log_says_what_it_is_and_no_secret(self, name):
        async def story(node):
            assert type(node).__name__ in repr(node)
            assert "cookie" not in repr(node)

        asked(name, story)

    def test_its_probe_never_raises(self, name):
        probe = asked(name, lambda node: node.probe())
        assert probe.state in ("ready", "unreachable")
        assert probe.detail

    def test_its_errors_are_ours_and_its_answers_have_the_form_of_the_port(self, name):
        async def story(node):
            with contextlib.suppress(HashwrightError):
                answer = await node.template(None)
                assert {"height", "previousblockhash"} <= answer.keys()
                READERS[plugin(name).family](answer)
            with contextlib.suppress(HashwrightError):
                assert await node.submit(b"no block") != ""
            with contextlib.suppress(HashwrightError):
                assert (await node.block_state(UNKNOWN)).confirmations == 0
            with contextlib.suppress(HashwrightError):
                assert isinstance(await node.tip(), TipSeen)
            with contextlib.suppress(HashwrightError):
                assert (await node.tip_header((await node.tip()).block_hash)).height >= 0
            with contextlib.suppress(HashwrightError):
                assert len(await node.coinbases(3)) <= 3
            with contextlib.suppress(HashwrightError):
                assert await node.script_of_address("nonsense") is None

        asked(name, story)

    def test_its_watcher_can_be_cancelled_at_any_time(self, name):
        async def story(node):
            async def watch():
                async for _ in node.watch():
                    pass

            for pause_s in (0.0, 0.05):
                task = asyncio.ensure_future(watch())
                await asyncio.sleep(pause_s)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asked(name, story)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"rpc_url": "127.0.0.1:8332", "cookie_file": "c"}, "rpc_url"),
        ({"rpc_url": "http://kai:secret@127.0.0.1:8332", "cookie_file": "c"}, "rpc_url"),
        ({}, "cookie_file"),
        ({"rpc_user": "kai"}, "rpc_password_from"),
        ({"cookie_file": "c", "zmq_hashblock": "127.0.0.1:28332"}, "zmq_hashblock"),
    ],
)
def test_bitcoinds_settings_are_refused_with_their_place_and_without_the_secret(settings, place):
    kind = plugin("bitcoind")
    coin = registry.load("coins", "bitcoin").COIN
    with pytest.raises(ConfigError) as refused:
        kind.build(msgspec.convert(settings, kind.config), coin=coin, network="main", clock=ManualClock(NOW))
    assert [finding.place for finding in refused.value.findings] == [place]
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"rpc_url": "127.0.0.1:18081"}, "rpc_url"),
        ({"rpc_url": "http://kai:secret@127.0.0.1:18081"}, "rpc_url"),
        ({"rpc_user": "kai"}, "rpc_password_from"),
        ({"zmq_pub": "127.0.0.1:18083"}, "zmq_pub"),
    ],
)
def test_monerods_settings_are_refused_with_their_place_and_without_the_secret(settings, place):
    kind = plugin("monerod")
    coin = registry.load("coins", "monero").COIN
    with pytest.raises(ConfigError) as refused:
        kind.build(msgspec.convert(settings, kind.config), coin=coin, network="main", clock=ManualClock(NOW))
    assert [finding.place for finding in refused.value.findings] == [place]
    assert "secret" not in str(refused.value)
