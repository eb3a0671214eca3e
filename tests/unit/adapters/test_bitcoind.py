"""The bitcoind adapter's own judgement, on answers that a test writes; real nodes judge it in `functional`."""

import asyncio

import pytest

from hashwright import registry
from hashwright.adapters.nodes._rpc import RpcError
from hashwright.adapters.nodes.bitcoind import BitcoindNode, Config
from hashwright.errors import Disconnected, HashwrightError, OperatorError, Unavailable

HASH, OTHER = "aa" * 32, "bb" * 32
GENESIS = registry.load("coins", "bitcoin").COIN.networks["regtest"].genesis_display


def refused(number):
    return RpcError("method", number=number, text="its own words")


class Answers:
    """Stands for the RPC client: one answer a method; an exception is raised."""

    def __init__(self, **answers):
        self.answers = answers

    async def call(self, method, *params, timeout_s=None):
        answer = self.answers[method]
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
        (Disconnected("gone", code="HW-401"), Disconnected),
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
        ({"getblockchaininfo": Disconnected("gone", code="HW-401")}, "unreachable"),
        ({"getblockchaininfo": CHAIN | {"chain": "main", "headers": 9}}, "syncing"),
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
