"""Feeds of own nodes ask the real programs. A chain of one's own is no market: its numbers are refused, with why."""

import asyncio

import pytest

from functional.monero_nodes import monero_regtest
from functional.nodes import PASSWORD, USER, litecoin_regtest
from hashwright import registry
from hashwright.adapters.feeds._fetch import fetch
from hashwright.errors import OperatorError

pytestmark = pytest.mark.functional


def asked(name, url):
    feed = registry.load("feeds", name).FEED
    return feed, asyncio.run(fetch(feed, feed.coins, url=url))


def as_on_main(answer, chain, main):
    """The program's own words, but for the name of the network."""
    assert chain in answer
    return answer.replace(chain, main, 1)


def test_litecoind(tmp_path):
    with litecoin_regtest(tmp_path / "node") as node:
        node.mine(3)
        url = node.rpc_url.replace("http://", f"http://{USER}:{PASSWORD.replace(' ', '%20')}@")
        feed, (answer,) = asked("litecoind", url)
    with pytest.raises(OperatorError, match="on regtest, not on the main network") as refusal:
        feed.read([answer], 0)
    assert refusal.value.code == "HW-811"
    found = feed.read([as_on_main(answer, b'"chain":"regtest"', b'"chain":"main"')], 0)
    values = {it.field: it.value for it in found}
    assert values["height"] == 101 + 3, "the blocks that make its wallet rich, and ours"
    assert 0 < values["difficulty"] < 1


def test_a_wrong_password_is_told(tmp_path):
    with litecoin_regtest(tmp_path / "node") as node, pytest.raises(OperatorError, match="refuses us"):
        asked("litecoind", node.rpc_url.replace("http://", "http://kai:wrong@"))


def test_monerod(tmp_path):
    with monero_regtest(tmp_path) as node:
        feed, (answer,) = asked("monerod", f"http://127.0.0.1:{node.port}")
    with pytest.raises(OperatorError, match="fakechain, not on the main network"):
        feed.read([answer], 0)
    found = feed.read([as_on_main(answer, b'"nettype": "fakechain"', b'"nettype": "mainnet"')], 0)
    assert {it.field: it.value for it in found}["difficulty"] == 1
