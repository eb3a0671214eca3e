"""A Monero node's answers, one by one: what each becomes, who must act. A real one is in the functional group."""

import asyncio
import http.server
import json
import threading

import pytest

from hashwright import registry
from hashwright.adapters.nodes import _rpc
from hashwright.adapters.nodes._http import read_json
from hashwright.adapters.nodes._monero_rpc import MoneroError, MoneroLogin, MoneroRpc
from hashwright.adapters.nodes.monerod import PLUGIN, Config
from hashwright.chain.cryptonote.template import template_of_answer
from hashwright.clock import ManualClock
from hashwright.errors import (
    AuthRejected,
    Disconnected,
    NodeSyncing,
    OperatorError,
    TimedOut,
    Unavailable,
)
from unit.chain.test_monero_template import ANSWER, BLOB, GENESIS

PAYEE = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
COIN = registry.load("coins", "monero").COIN
HASH, OTHER = "ab" * 32, "cd" * 32
INFO = {"height": 8, "nettype": "fakechain", "synchronized": True, "version": "0.18.0.0", "status": "OK"}
FIRST = {"block_header": {"hash": GENESIS, "height": 0, "timestamp": 0}}
READY = {
    "get_info": INFO,
    "get_block_header_by_height": FIRST,
    "get_block_template": ANSWER,
    "get_miner_data": {"prev_id": GENESIS, "already_generated_coins": 5},
}


def refused(number, text="its own words"):
    return MoneroError("The node refused it", number=number, text=text)


def header(height=7, depth=2, block_hash=HASH):
    return {"block_header": {"hash": block_hash, "height": height, "timestamp": 100, "depth": depth}}


def node_of(network="regtest", **answers):
    """A node whose RPC says what a test wants: a value, an error, or what comes of the parameters."""
    node = PLUGIN.build(Config(), coin=COIN, network=network, clock=ManualClock(0), address=PAYEE)
    node.calls = []

    async def ask(method, params=None, *, timeout_s=None):
        node.calls.append((method, params))
        answer = answers[method]
        answer = answer(params) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return dict(answer) if isinstance(answer, dict) else answer

    node._rpc.ask = node._rpc.call = ask
    return node


def asked(story, network="regtest", **answers):
    async def run():
        node = node_of(network, **answers)
        try:
            return await story(node)
        finally:
            await node.aclose()

    return asyncio.run(run())


def test_a_template_has_the_coins_so_far_and_what_it_builds_on():
    answer = asked(lambda node: node.template(None), **READY)
    assert (answer["already_generated_coins"], answer["previousblockhash"]) == (5, GENESIS)
    assert template_of_answer(answer).height == 1


def test_coins_of_another_block_are_not_taken_for_this_one():
    answers = {**READY, "get_miner_data": {"prev_id": OTHER, "already_generated_coins": 5}}
    answers["get_block_template"] = {key: it for key, it in ANSWER.items() if key != "already_generated_coins"}
    assert template_of_answer(asked(lambda node: node.template(None), **answers)).new_coins is None


@pytest.mark.parametrize(
    ("changes", "kind", "code", "words"),
    [
        (
            {"get_info": {**INFO, "nettype": "mainnet"}},
            OperatorError,
            "HW-409",
            "is on main, the destination on regtest",
        ),
        ({"get_info": {**INFO, "synchronized": False, "target_height": 90}}, NodeSyncing, "HW-403", "block 8 of 90"),
        ({"get_info": {**INFO, "busy_syncing": True}}, NodeSyncing, "HW-403", "block 8 of 8"),
        ({"get_block_header_by_height": header(0, block_hash=OTHER)}, OperatorError, "HW-409", "is no Monero node"),
        ({"get_block_template": refused(-4)}, OperatorError, "HW-416", "makes no block for this address"),
        ({"get_block_template": refused(-12)}, OperatorError, "HW-416", "makes no block for this address"),
        ({"get_block_template": refused(-5)}, Unavailable, "HW-411", "its own words"),
        ({"get_block_template": refused(-3)}, MoneroError, "HW-411", "its own words"),
        ({"get_block_template": [1]}, OperatorError, "HW-410", "not of the form"),
        ({"get_miner_data": {"prev_id": 7}}, OperatorError, "HW-410", "not of the form"),
    ],
)
def test_what_keeps_a_node_from_giving_templates(changes, kind, code, words):
    with pytest.raises(kind) as caught:
        asked(lambda node: node.template(None), **{**READY, **changes})
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message


@pytest.mark.parametrize(
    ("by_hash", "by_height", "state"),
    [
        (header(), header(), (3, 7)),
        (header(), header(block_hash=OTHER), (-1, 7)),
        (header(), refused(-2), (0, 7)),
        (refused(-5, "Internal error: can't get block by hash. Hash = abab."), None, (0, 0)),
    ],
    ids=["in the chain", "another stands there", "chain is shorter", "unknown"],
)
def test_a_block_is_judged_by_what_stands_at_its_height(by_hash, by_height, state):
    found = asked(
        lambda node: node.block_state(HASH), get_block_header_by_hash=by_hash, get_block_header_by_height=by_height
    )
    assert (found.confirmations, found.height) == state


def test_another_internal_error_is_no_word_on_a_block():
    with pytest.raises(MoneroError):
        asked(lambda node: node.block_state(HASH), get_block_header_by_hash=refused(-5, "disk on fire"))


@pytest.mark.parametrize(
    ("answer", "word"), [({"status": "OK"}, ""), (refused(-7), "its own words"), (refused(-6), "its own words")]
)
def test_every_answer_to_a_block_is_a_word(answer, word):
    known = header(0, block_hash=GENESIS)
    assert asked(lambda it: it.submit(bytes.fromhex(BLOB)), submit_block=answer, get_block_header_by_hash=known) == word
    assert asked(lambda it: it.submit(b"no block"), submit_block=answer, get_block_header_by_hash=known) == word


def test_a_block_on_one_that_the_node_has_not_heard_of_is_sent_again_and_not_given_up():
    unknown = refused(-5, "can't get block by hash")
    with pytest.raises(Unavailable, match="does not know block 418015bb"):
        asked(
            lambda it: it.submit(bytes.fromhex(BLOB)), submit_block=refused(-7), get_block_header_by_hash=unknown
        )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(refused(-5), Unavailable), (refused(-1), OperatorError), (Disconnected("gone", code="HW-414"), Disconnected)],
)
def test_what_is_no_judgement_of_a_block_is_an_error(answer, kind):
    with pytest.raises(kind):
        asked(lambda node: node.submit(b"block"), submit_block=answer)


def test_the_median_time_is_of_sixty_blocks():
    spans = []

    def headers(span):
        spans.append(span)
        return {"headers": [{"hash": HASH, "height": 1, "timestamp": it} for it in (10, 30, 20)]}

    tip = asked(
        lambda node: node.tip_header(HASH), get_block_header_by_hash=header(100), get_block_headers_range=headers
    )
    assert (tip.height, tip.mediantime, spans) == (100, 20, [{"start_height": 41, "end_height": 100}])


def test_miner_transactions_of_the_newest_blocks():
    answers = {
        "get_last_block_header": header(2),
        "get_block": lambda params: {"blob": BLOB, **header(params["height"])},
    }
    found = asked(lambda node: node.coinbases(5), **answers)
    assert [height for height, _, _ in found] == [2, 1], "the first block is nobody's"
    assert found[0][2].hex() in BLOB
    answers["get_block"] = lambda params: {"blob": "11" + BLOB[2:], **header(params["height"])}
    assert asked(lambda node: node.coinbases(1), **answers) == [(2, HASH, b"")], "of an unknown fork nothing is said"


@pytest.mark.parametrize(
    ("changes", "state", "detail"),
    [
        ({}, "ready", ""),
        ({"get_info": {**INFO, "synchronized": False, "offline": True}}, "ready", ""),
        ({"get_info": {**INFO, "synchronized": False, "target_height": 12}}, "syncing", "block 8 of 12"),
        ({"get_info": {**INFO, "nettype": "testnet"}}, "ready", ""),
        ({"get_info": Disconnected("gone", code="HW-414")}, "unreachable", "gone"),
        ({"get_info": NodeSyncing("loading", code="HW-403")}, "syncing", "loading"),
        ({"get_info": {"height": "x"}}, "refused", "not of the form"),
        ({"get_block_template": refused(-4)}, "refused", "makes no block"),
    ],
)
def test_a_probe_never_raises_and_says_what_is(changes, state, detail):
    probe = asked(lambda node: node.probe(), **{**READY, **changes})
    assert (probe.state, detail in probe.detail) == (state, True), probe
    if state == "ready":
        assert (probe.height, probe.version) == (7, "monerod 0.18.0.0")


def test_a_proof_by_the_node():
    blob, seed = b"blob", bytes(32)
    call = {"major_version": 16, "height": 9, "blob": blob, "seed": seed}
    assert asked(lambda node: node.calc_pow(**call), calc_pow=HASH).hex() == HASH
    with pytest.raises(OperatorError, match="not hex"):
        asked(lambda node: node.calc_pow(**call), calc_pow="xx")


# ---------------------------------------------------------------- the wire


class Server:
    """Answers each call with the next of `answers`: (status, body)."""

    def __init__(self, *answers):
        left = list(answers)
        self.bodies = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.bodies.append(body)
                status, text = left.pop(0) if len(left) > 1 else left[0]
                text = text if isinstance(text, bytes) else json.dumps(text).encode()
                handler.send_response(status)
                handler.send_header("Content-Length", str(len(text)))
                handler.end_headers()
                handler.wfile.write(text)

            def log_message(handler, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def call(self, story, timeout_s=5.0):
        async def run():
            url = f"http://127.0.0.1:{self.server.server_port}"
            rpc = MoneroRpc(url, login=MoneroLogin(), timeout_s=timeout_s)
            try:
                return await story(rpc)
            finally:
                await rpc.aclose()

        return asyncio.run(run())


def error(number, text="its own words"):
    return {"id": "1", "jsonrpc": "2.0", "error": {"code": number, "message": text}}


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ((401, b""), AuthRejected, "HW-415"),
        ((403, b""), AuthRejected, "HW-415"),
        ((404, b"<html>"), OperatorError, "HW-410"),
        ((200, b"<html>"), OperatorError, "HW-410"),
        ((200, b'{"result": {"status": "OK"'), OperatorError, "HW-410"),
        ((502, b"<html>"), Unavailable, "HW-410"),
        ((200, {"id": "9", "result": {}}), OperatorError, "HW-410"),
        ((200, {"id": "1"}), OperatorError, "HW-410"),
        ((200, error(-9)), NodeSyncing, "HW-403"),
        ((200, error(-32601)), OperatorError, "HW-417"),
        ((200, error(-7)), MoneroError, "HW-411"),
        ((200, {"id": "1", "error": "words"}), MoneroError, "HW-411"),
        ((200, {"id": "1", "result": {"status": "BUSY"}}), NodeSyncing, "HW-403"),
        ((200, {"id": "1", "result": {"status": "PAYMENT REQUIRED"}}), OperatorError, "HW-418"),
        ((200, {"id": "1", "result": {"status": "Failed"}}), MoneroError, "HW-411"),
    ],
)
def test_every_failure_is_sorted_by_who_must_act(answer, kind, code):
    with Server(answer) as server, pytest.raises(kind) as caught:
        server.call(lambda rpc: rpc.call("get_info"))
    assert (type(caught.value), caught.value.code) == (kind, code)


def test_results_and_requests_have_monero_s_form():
    with Server((200, {"id": "1", "result": {"status": "OK", "height": 3}}), (200, {"status": "OK", "txs": []})) as it:
        assert it.call(lambda rpc: rpc.ask("get_info")) == {"status": "OK", "height": 3}
        assert it.call(lambda rpc: rpc.plain("get_transactions", {"txs_hashes": []})) == {"status": "OK", "txs": []}
    assert read_json(it.bodies[0]) == {"jsonrpc": "2.0", "id": "1", "method": "get_info", "params": {}}
    assert read_json(it.bodies[1]) == {"txs_hashes": []}


def test_nothing_listens_and_nothing_answers(monkeypatch):
    monkeypatch.setattr(_rpc, "FIRST_PAUSE_S", 0.001)

    async def nowhere():
        rpc = MoneroRpc("http://127.0.0.1:1", login=MoneroLogin(), timeout_s=2)
        try:
            await rpc.ask("get_info")
        finally:
            await rpc.aclose()

    with pytest.raises(Disconnected):
        asyncio.run(nowhere())

    async def silent():
        async def hold(reader, writer):
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hold, "127.0.0.1", 0)
        rpc = MoneroRpc(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", login=MoneroLogin(), timeout_s=0.05)
        try:
            await rpc.call("transfer")
        finally:
            await rpc.aclose()
            server.close()
            await asyncio.sleep(0.01)

    with pytest.raises(TimedOut, match=r"did not answer transfer in 0\.05 s"):
        asyncio.run(silent())
