"""The bitcoind adapter's own judgement, on answers that a test writes; real nodes judge it in `functional`."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from hashwright import registry
from hashwright.adapters.nodes._rpc import RpcError
from hashwright.adapters.nodes._tips import PAUSES_S
from hashwright.adapters.nodes.bitcoind import LONGPOLL_TIMEOUT_S, PLUGIN, BitcoindNode, Config
from hashwright.clock import ManualClock
from hashwright.errors import ConfigError, Disconnected, HashwrightError, OperatorError, Unavailable

HASH, OTHER = "aa" * 32, "bb" * 32
GENESIS = registry.load("coins", "bitcoin").COIN.networks["regtest"].genesis_display


def refused(number):
    return RpcError("method", number=number, text="its own words")


class Answers:
    """Stands for the RPC client: one answer a method, or an iterator over them; an exception is raised."""

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []

    async def call(self, method, *params, timeout_s=None):
        self.calls.append((method, params, timeout_s))
        answer = self.answers[method]
        if isinstance(answer, Iterator):
            answer = next(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer(*params) if callable(answer) else answer

    ask = call

    async def aclose(self):
        pass


def asked(story, *, coin="bitcoin", network="regtest", **answers):
    async def run():
        node = BitcoindNode(Config(cookie_file="none"), coin=registry.load("coins", coin).COIN, network=network)
        await node.aclose()
        node._rpc = Answers(**answers)
        return await story(node)

    return asyncio.run(run())


def header(confirmations, height=7):
    return {"confirmations": confirmations, "height": height, "mediantime": 1, "difficulty": "not read"}


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ({"getblockheader": header(3), "getblockhash": HASH}, (3, 7)),
        ({"getblockheader": header(-1), "getblockhash": OTHER}, (-1, 7)),
        ({"getblockheader": header(-1), "getblockhash": refused(-8)}, (0, 7)),
        ({"getblockheader": header(3), "getblockhash": OTHER}, (-1, 7)),
        ({"getblockheader": header(-1), "getblockhash": HASH}, (1, 7)),
        ({"getblockheader": refused(-5)}, (0, 0)),
    ],
    ids=["in the chain", "another stands there", "chain is shorter", "reorg meanwhile", "and back", "unknown"],
)
def test_a_block_is_judged_by_what_stands_at_its_height(answers, state):
    found = asked(lambda node: node.block_state(HASH), **answers)
    assert (found.confirmations, found.height) == state


@pytest.mark.parametrize(
    ("answer", "word"),
    [(None, ""), ("duplicate", "duplicate"), ("bad-txnmrklroot", "bad-txnmrklroot"), (refused(-22), "its own words")],
)
def test_every_answer_to_a_block_is_a_word(answer, word):
    assert asked(lambda node: node.submit(b"block"), submitblock=answer) == word


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(-25), Unavailable),  # the node's own trouble: the block may be good
        (refused(-32601), OperatorError),
        (Disconnected("gone", code="HW-414"), Disconnected),
        ({}, OperatorError),
        ("", OperatorError),
    ],
)
def test_what_is_no_judgement_of_a_block_is_an_error(answer, kind):
    with pytest.raises(kind):
        asked(lambda node: node.submit(b"block"), submitblock=answer)


@pytest.mark.parametrize("nonsense", [None, 1, "text", [], {"height": "7"}, {"confirmations": 1}])
def test_answers_of_another_form_are_our_errors(nonsense):
    for story in (
        lambda node: node.tip_header(HASH),
        lambda node: node.tip(),
        lambda node: node.coinbases(1),
        lambda node: node.template(None),
        lambda node: node.script_of_address("a"),
    ):
        with pytest.raises(OperatorError) as caught:
            asked(
                story,
                getblockheader=nonsense,
                getbestblockhash=HASH,
                getblock=nonsense,
                getblockchaininfo=nonsense,
                validateaddress=nonsense,
            )
        assert caught.value.code == "HW-410"


CHAIN = {"chain": "regtest", "blocks": 5, "headers": 5, "initialblockdownload": True}
READY = {
    "getblockchaininfo": CHAIN,
    "getnetworkinfo": {"subversion": "/Satoshi:29/"},
    "getblockhash": GENESIS,
    "getblocktemplate": {},
}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "ready"),
        ({"getblocktemplate": refused(-8)}, "refused"),
        ({"getblockhash": OTHER}, "refused"),
        ({"getblockchaininfo": {}}, "refused"),
        ({"getblockchaininfo": Disconnected("gone", code="HW-414")}, "unreachable"),
        ({"getblockchaininfo": CHAIN | {"chain": "main", "headers": 9}}, "syncing"),
        ({"getblockchaininfo": CHAIN | {"chain": "main", "initialblockdownload": False}}, "ready"),
        ({"getblockchaininfo": CHAIN | {"headers": 9}}, "syncing"),
        ({"getblockchaininfo": CHAIN | {"headers": 9, "initialblockdownload": False}}, "ready"),
        ({"getblockchaininfo": CHAIN | {"chain": "testnet4"}}, "ready"),
    ],
)
def test_a_probe_says_how_the_node_is(changes, state):
    probe = asked(lambda node: node.probe(), **(READY | changes))
    assert probe.state == state
    assert bool(probe.detail) == (state != "ready")
    assert probe.network in ("regtest", "main", "test", "")


def test_a_template_of_another_chain_is_never_given():
    for answers in ({"getblockhash": OTHER}, {"getblockchaininfo": CHAIN | {"chain": "main"}}):
        with pytest.raises(HashwrightError) as caught:
            asked(lambda node: node.template(None), **(READY | answers))
        assert caught.value.code == "HW-409"


def test_the_address_has_a_default_for_each_coin_and_network():
    assert asked(lambda node: asyncio.sleep(0, node.url)) == "http://127.0.0.1:18443"
    assert asked(lambda node: asyncio.sleep(0, node.url), coin="litecoin", network="main") == "http://127.0.0.1:9332"


# ---------------------------------------------------------------- templates and proposals


def test_a_template_is_asked_for_with_the_coins_rules_and_a_long_poll_may_last():
    async def story(node):
        await node.template(None)
        await node.template("an id")
        await node.propose(b"\xab")
        return [call[1:] for call in node._rpc.calls if call[0] == "getblocktemplate"]

    rules = ["mweb", "segwit"]
    genesis = registry.load("coins", "litecoin").COIN.networks["regtest"].genesis_display
    templates = iter([{}, {}, None])
    answers = READY | {"getblockhash": genesis, "getblocktemplate": templates}
    (plain,), plain_s = (calls := asked(story, coin="litecoin", **answers))[0]
    (held,), held_s = calls[1]
    (proposal,), proposal_s = calls[2]
    for request in (plain, held, proposal):
        assert sorted(request.pop("rules")) == rules
    assert (plain, held) == ({}, {"longpollid": "an id"})
    assert proposal == {"mode": "proposal", "data": "ab"}
    assert held_s == LONGPOLL_TIMEOUT_S
    assert max(plain_s, proposal_s) < held_s


# ---------------------------------------------------------------- the watcher, with a sleep that takes no time


def test_a_watcher_waits_longer_and_longer_up_to_a_bound_and_looks_at_the_chain_again(monkeypatch):
    pauses = []
    really_sleep = asyncio.sleep

    async def sleep(seconds):
        pauses.append(seconds)
        await really_sleep(0)

    async def story(node):
        await node.template(None)
        async with contextlib.aclosing(node.watch()) as tips:
            first = await anext(tips)
            second = await anext(tips)
        with pytest.raises(OperatorError, match="is no Bitcoin node"):  # another node listens at the address now
            await node.template(None)
        return first.block_hash, second.block_hash

    gone = Disconnected("gone", code="HW-414")
    outage = [gone] * (len(PAUSES_S) + 3)
    answers = READY | {
        "getbestblockhash": iter([HASH, HASH, *outage, HASH, gone, OTHER]),
        "getblockheader": header(1),
        "getblockhash": iter([GENESIS, OTHER]),
    }
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr("hashwright.adapters.nodes.bitcoind.BitcoindNode._hints", lambda _: NoHints())
    assert asked(story, **answers) == (HASH, OTHER), "the tip that was known before is not told again"
    assert pauses == [*PAUSES_S, *[PAUSES_S[-1]] * 3, PAUSES_S[0]], "and the next outage begins from the first pause"


class NoHints:
    """It is always time to ask."""

    async def wait(self):
        pass

    renew = aclose = wait


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        ({}, ["cookie_file"]),
        ({"rpc_user": "kai"}, ["rpc_password_from"]),
        ({"cookie_file": "c", "rpc_url": "127.0.0.1:8332"}, ["rpc_url"]),
        ({"cookie_file": "c", "rpc_url": "ftp://127.0.0.1"}, ["rpc_url"]),
        ({"cookie_file": "c", "rpc_url": "http://kai:s3cret@127.0.0.1:8332"}, ["rpc_url"]),
        ({"cookie_file": "c", "zmq_hashblock": "127.0.0.1:28332"}, ["zmq_hashblock"]),
        ({"rpc_url": "http://", "zmq_hashblock": "tcp://"}, ["rpc_url", "cookie_file", "zmq_hashblock"]),
    ],
)
def test_settings_that_cannot_work_are_all_named_at_once(settings, places):
    with pytest.raises(ConfigError) as caught:
        build(**settings)
    assert [finding.place for finding in caught.value.findings] == places
    assert "s3cret" not in f"{caught.value} {caught.value.hint} {caught.value.findings}"


def test_a_coin_without_a_usual_port_needs_an_address():
    with pytest.raises(ConfigError) as caught:
        build(network="another", cookie_file="c")
    assert [finding.place for finding in caught.value.findings] == ["rpc_url"]


@pytest.mark.parametrize(
    "settings",
    [
        {"cookie_file": "c"},
        {"rpc_user": "kai", "rpc_password_from": "env:RPC"},
        {"cookie_file": "c", "rpc_url": "https://[::1]:8332", "zmq_hashblock": "tcp://[::1]:28332"},
        {"cookie_file": "c", "zmq_hashblock": "ipc:///run/block"},
    ],
)
def test_settings_that_may_work_are_taken(settings):
    assert isinstance(build(**settings), BitcoindNode)


def build(*, network="regtest", **settings):
    async def run():
        coin = registry.load("coins", "bitcoin").COIN
        node = PLUGIN.build(Config(**settings), coin=coin, network=network, clock=ManualClock())
        await node.aclose()
        return node

    return asyncio.run(run())
