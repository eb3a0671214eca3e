"""What a node may answer, and who must act: the table of `_rpc`, against a server that says what a test wants."""

import asyncio
import base64
import json
from decimal import Decimal

import pytest

from hashwright.adapters.nodes import _http, _rpc
from hashwright.adapters.nodes._rpc import Login, RpcClient, RpcError, WarmingUp, retried
from hashwright.errors import (
    AuthRejected,
    ConfigError,
    Disconnected,
    HashwrightError,
    NodeSyncing,
    OperatorError,
    RateLimited,
    TimedOut,
    Unavailable,
)


class ScriptedNode:
    """Answers each call by the next entry of a script: `(status, body)`, bytes for the wire as they are, or None.

    In a body, `ID` stands for the id of the call. None leaves the caller without an answer. The last entry repeats.
    """

    def __init__(self, *script):
        self.script = list(script)
        self.calls = []
        self.logins = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            secret = next(line for line in head.split("\r\n") if line.lower().startswith("authorization"))
            self.logins.append(base64.b64decode(secret.split()[-1]).decode())
            self.calls.append((body["method"], body["params"]))
            entry = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            if entry is None:
                await reader.read()
            else:
                writer.write(entry if isinstance(entry, bytes) else http_answer(*entry, number=body["id"]))
                await writer.drain()
        finally:
            writer.close()


def http_answer(status, body, *, number):
    data = (body if isinstance(body, bytes) else body.encode()).replace(b"ID", str(number).encode())
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data


def refusal(code, text="its own words", status=500):
    return status, json.dumps({"result": None, "error": {"code": code, "message": text}, "id": 1})


GOOD = (200, '{"result": {"height": 7}, "error": null, "id": ID}')


def asked(*script, method="call", login=None, timeout_s=2.0):
    """Ask a scripted node once; return what came back (an exception as a value) and the node."""

    async def run():
        async with ScriptedNode(*script) as node:
            client = RpcClient(
                node.url, login=login or Login(user="kai", password_from="env:PATH"), timeout_s=timeout_s
            )
            try:
                return await getattr(client, method)("getblock", "00", 1), node
            except HashwrightError as error:
                return error, node
            finally:
                await client.aclose()

    return asyncio.run(run())


def test_a_result_comes_back_and_the_call_is_as_the_node_wants_it():
    result, node = asked(GOOD)
    assert result == {"height": 7}
    assert node.calls == [("getblock", ["00", 1])]


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        ((401, ""), AuthRejected, "HW-415"),
        ((403, ""), AuthRejected, "HW-415"),
        (refusal(-28), WarmingUp, "HW-403"),
        (refusal(-10), NodeSyncing, "HW-403"),
        (refusal(-9), NodeSyncing, "HW-403"),
        (refusal(-8), RpcError, "HW-411"),
        (refusal(-32601, status=404), RpcError, "HW-411"),
        ((200, '{"result": null, "error": "a text", "id": ID}'), RpcError, "HW-411"),
        ((503, "Work queue depth exceeded"), RateLimited, "HW-412"),
        ((500, "Work queue depth exceeded"), RateLimited, "HW-412"),
        ((502, "<html>Bad Gateway</html>"), Unavailable, "HW-410"),
        ((200, "<html>a router's page</html>"), OperatorError, "HW-410"),
        ((302, ""), OperatorError, "HW-410"),
        ((200, '{"result": {"height": 7'), OperatorError, "HW-410"),
        ((200, "[]"), OperatorError, "HW-410"),
        ((200, "{}"), OperatorError, "HW-410"),
        ((200, b"\xff\xfe"), OperatorError, "HW-410"),
        ((200, "[" * 100_000), OperatorError, "HW-410"),
        ((200, '{"result": 1, "error": null, "id": 999999}'), OperatorError, "HW-410"),
        ((200, '{"result": 1, "error": null}'), OperatorError, "HW-410"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", Disconnected, "HW-414"),
        (b"SSH-2.0-OpenSSH\r\n", Disconnected, "HW-414"),
        (b"", Disconnected, "HW-414"),
    ],
)
def test_each_answer_is_sorted_by_who_must_act(script, kind, code):
    error, _ = asked(script)
    assert isinstance(error, kind)
    assert error.code == code
    if kind is OperatorError:
        assert type(error) is OperatorError


def test_a_nodes_own_words_are_kept_with_its_number():
    error, _ = asked(refusal(-5, "Block not found"))
    assert (error.number, error.text) == (-5, "Block not found")
    assert "Block not found (-5)" in error.message


def test_a_nodes_own_words_are_cut_to_a_length_that_a_log_can_take():
    error, _ = asked(refusal(-1, "a" * 100_000))
    assert len(error.text) <= 300


def test_silence_ends_in_a_time_out_which_is_not_tried_again():
    error, node = asked(None, method="ask", timeout_s=0.2)
    assert isinstance(error, TimedOut)
    assert len(node.calls) == 1


def test_an_answer_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(_http, "ANSWER_MAX", 1_000)
    error, _ = asked((200, '{"result": "' + "a" * 5_000 + '", "error": null, "id": ID}'))
    assert error.code == "HW-410"
    assert "larger than 1000 bytes" in error.message


def test_no_amount_becomes_a_float():
    result, _ = asked((200, '{"result": {"amount": 0.1, "fee": 1e-8}, "error": null, "id": ID}'))
    assert result == {"amount": Decimal("0.1"), "fee": Decimal("1E-8")}


def test_no_proxy_of_the_environment_hears_of_the_node(monkeypatch):
    async def story():
        async with ScriptedNode(GOOD) as proxy, ScriptedNode(GOOD) as node:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url)
            for name in ("NO_PROXY", "no_proxy"):
                monkeypatch.delenv(name, raising=False)
            client = RpcClient(node.url, login=Login(user="kai", password_from="env:PATH"), timeout_s=2.0)
            await client.call("getblockcount")
            await client.aclose()
            return len(proxy.calls), len(node.calls)

    assert asyncio.run(story()) == (0, 1)


def test_nothing_that_listens_is_disconnected():
    async def story():
        async with ScriptedNode(GOOD) as node:
            url = node.url
        client = RpcClient(url, login=Login(user="kai", password_from="env:PATH"), timeout_s=2.0)
        with pytest.raises(Disconnected):
            await client.call("getblockcount")
        await client.aclose()

    asyncio.run(story())


# ---------------------------------------------------------------- credentials


def test_a_cookie_that_the_node_renewed_is_read_again(tmp_path):
    cookie = tmp_path / ".cookie"
    cookie.write_text("__cookie__:old\n")

    async def story():
        async with ScriptedNode(GOOD, (401, ""), GOOD, (401, "")) as node:
            client = RpcClient(node.url, login=Login(cookie_file=str(cookie)), timeout_s=2.0)
            await client.call("a")
            cookie.write_text("__cookie__:new\n")
            await client.call("b")
            with pytest.raises(AuthRejected):
                await client.call("c")
            await client.aclose()
            return node.logins

    assert asyncio.run(story()) == [
        "__cookie__:old",
        "__cookie__:old",
        "__cookie__:new",
        "__cookie__:new",
    ]


def test_a_node_without_a_cookie_is_not_running(tmp_path):
    with pytest.raises(Disconnected, match="No such file"):
        Login(cookie_file=str(tmp_path / "none")).read()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(Disconnected, match="it is no text"):
        Login(cookie_file=str(tmp_path / "binary")).read()


def test_a_cookie_that_may_not_be_read_needs_a_person(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    with pytest.raises(AuthRejected, match="may not be read"):
        Login(cookie_file="cookie").read()


def test_a_password_comes_from_where_it_is_named(tmp_path):
    (tmp_path / "password").write_text("s e c r e t\n")
    assert Login(user="kai", password_from=f"file:{tmp_path}/password").read() == "kai:s e c r e t"
    with pytest.raises(ConfigError):
        Login(user="kai", password_from="s e c r e t").read()


def test_no_error_and_no_name_shows_a_password(tmp_path):
    (tmp_path / "password").write_text("s3cret")
    login = Login(user="kai", password_from=f"file:{tmp_path}/password")
    for script in ((401, ""), (200, "nonsense"), b""):
        error, node = asked(script, login=login)
        assert node.logins[0] == "kai:s3cret"
        assert "s3cret" not in f"{error} {error.hint} {error!r} {login!r}"


# ---------------------------------------------------------------- trying again


def test_what_passes_by_itself_is_tried_again(monkeypatch):
    monkeypatch.setattr(_rpc, "FIRST_PAUSE_S", 0.001)
    result, node = asked(b"", (503, ""), GOOD, method="ask")
    assert result == {"height": 7}
    assert len(node.calls) == 3


@pytest.mark.parametrize("script", [refusal(-28), refusal(-5), (401, ""), (200, "nonsense")])
def test_what_does_not_pass_at_once_is_not_tried_again(script):
    error, node = asked(script, method="ask")
    assert isinstance(error, HashwrightError)
    assert len(node.calls) == 1


def test_the_tries_are_bounded_and_their_pauses_double(monkeypatch):
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    async def fail():
        raise Disconnected("gone", code="HW-414")

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(Disconnected):
        asyncio.run(retried(fail))
    assert len(pauses) == _rpc.TRIES - 1
    for number, pause in enumerate(pauses):
        middle = _rpc.FIRST_PAUSE_S * 2**number
        assert 0.5 * middle <= pause <= 1.5 * middle
