"""Secrets are read when they are used, and are nowhere else: not in the data folder, the log, a status or an export."""

import asyncio
import base64
import contextlib
import json

import pytest

from hashwright.runtime import route_status
from hashwright.runtime.commands import status_of, workers_of
from hashwright.runtime.config import load_config
from hashwright.runtime.setups import parse_setup
from hashwright.runtime.wiring import Hashwright
from shell.app import Wire, until
from unit.cli.world import hw
from unit.runtime.route_pool import Pool

NODE_SECRET = "rpc-Zk3vq8Xw"
POOL_SECRET = "pool-7Lm2TfRd"
ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
NODE_LOGIN = base64.b64encode(f"rpc:{NODE_SECRET}".encode()).decode()


@contextlib.asynccontextmanager
async def refusing_node():
    """A node's port: notes what it is told, and refuses it."""
    heard = []

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    finally:
        server.close()


async def run_with_secrets(folder, secret_file, pool, node_url):
    """Run the program with a node and a pool, and return all that it says of itself."""
    config = load_config(environ={}, flags={"data_dir": str(folder), "listen": "sha256d=127.0.0.1:0"})
    app = Hashwright(config)
    await app.start()
    node = {"rpc_url": node_url, "rpc_user": "rpc", "rpc_password_from": f"file:{secret_file}"}
    own = {"name": "mine", "coin": "bitcoin", "network": "regtest", "address": ADDRESS, "node_settings": node}
    up = {"name": "up", "urls": [pool.url], "user": "acct", "password": "env:HW_TEST_POOL", "network": "regtest"}
    try:
        for raw in (own | {"node": "bitcoind"}, up):
            app.set_destination(parse_setup(raw))
            saved = app.writer.put_setting("destination", raw["name"], raw, now=app.clock.now())
            await asyncio.wrap_future(saved)
        state = app.kernel.pool.destinations
        await until(lambda: (state["mine"].node_state, state["up"].node_state) in EXPECTED)
        wire = await Wire.connect(app)
        await wire.ask("mining.subscribe", "test", id=1)
        await wire.close()
        return [status_of(app), workers_of(app), await route_status.read_status(app), repr(app.upstreams)]
    finally:
        await app.stop()


EXPECTED = (("refused", "connected"), ("refused", "refused"))


@pytest.mark.parametrize("answer", [True, RuntimeError("no such user")], ids=["taken", "refused"])
def test_a_secret_goes_to_its_node_or_pool_and_nowhere_else(tmp_path, monkeypatch, capsys, answer):
    monkeypatch.setenv("HW_TEST_POOL", POOL_SECRET)
    secret_file = tmp_path / "rpc-password"
    secret_file.write_text(NODE_SECRET + "\n")
    folder = tmp_path / "data"

    async def play():
        async with (
            Pool(answers={"mining.authorize": answer}).listen() as pool,
            refusing_node() as (url, heard),
        ):
            documents = await run_with_secrets(folder, secret_file, pool, url)
            return documents, json.dumps(pool.heard), "".join(heard)

    documents, pool_heard, node_heard = asyncio.run(play())
    assert POOL_SECRET in pool_heard, "it was used"
    assert NODE_LOGIN in node_heard, "it was used"
    said = hw(capsys, "--data-dir", folder, "admin", "config", "export")
    shown = {"log and screen": said.out + said.err, "documents": json.dumps(documents, default=str)}
    files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert "env:HW_TEST_POOL" in said.out, "the export names where it is"
    assert "hashwright.db" in files
    assert "recovered" in shown["log and screen"]
    for secret in (NODE_SECRET, POOL_SECRET, NODE_LOGIN):
        assert not [place for place, text in shown.items() if secret in text]
        assert not [name for name, content in files.items() if secret.encode() in content]
