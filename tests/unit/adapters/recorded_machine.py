"""A machine that says what a real one once said: recorded answers on the ports where the real ones give them."""

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

LIMIT = 64 * 1024
BY_QUESTION = {"childSolvers": "boards", "poolGroups": "pools", "appeals": "events", "hostname": "system",
               "powerTarget": "tuning"}  # fmt: skip
"""Words of a GraphQL question and the recording that answers it."""


class RecordedMachine:
    """The answers of one folder. `model` and `version` are what a Braiins OS says of itself."""

    def __init__(self, folder: Path | None, *, host: str, model: str = "", version: str = "", says=None):
        self.folder, self.host, self.model, self.version = folder, host, model, version
        self.says = says or {}

    def text(self, name: str) -> str | None:
        """Return a recording, or what the test says in its place."""
        if name in self.says:
            return json.dumps(self.says[name])
        path = None if self.folder is None else self.folder / f"{name}.json"
        return None if path is None or not path.exists() else path.read_text()

    @asynccontextmanager
    async def serving(self, *ports):
        """Answer on 80, 4028 and 4433, or on some of them."""
        handlers = {80: self._web, 4028: self._rpc, 4433: self._btminer}
        servers = [await asyncio.start_server(handlers[port], self.host, port, limit=LIMIT) for port in ports]
        try:
            yield self.host
        finally:
            for server in servers:
                server.close()

    async def _web(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = next((int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
        body = (await reader.readexactly(size)).decode()
        found, fields = self._page(head.split(" ")[1], body), ""
        if "mutation" in body:
            fields = "Set-Cookie: session_id=abc\r\n"
        status = "404 Not Found" if found is None else "200 OK"
        text = found or ""
        size = len(text.encode())
        writer.write(f"HTTP/1.1 {status}\r\n{fields}Content-Length: {size}\r\nConnection: close\r\n\r\n{text}".encode())
        writer.close()

    def _page(self, path, body):
        if path == "/":
            return "<title>Braiins OS</title>" if self.version else ""
        if path == "/api/v1/auth/login":
            return '{"token": "abc", "timeout_s": 3600}'
        if path == "/graphql":
            return self._graphql(body)
        return self.text(path.removeprefix("/api/v1/").removeprefix("/cgi-bin/").replace("/", "_").replace("-", "_"))

    def _graphql(self, body):
        if "modelName" in body:
            return json.dumps({"data": {"bosminer": {"info": {"modelName": self.model}}}})
        if "mutation" in body or ("version" in body and "hostname" not in body):
            return json.dumps({"data": {"bos": {"info": {"version": {"full": self.version}}}}})
        return next((self.text(f"gql_{name}") for word, name in BY_QUESTION.items() if word in body), None)

    async def _rpc(self, reader, writer):
        question = json.loads((await reader.read(LIMIT)).decode())
        found = self.text(question["command"]) or '{"STATUS":[{"STATUS":"E","Code":14,"Msg":"Invalid command"}]}'
        writer.write(found.encode() + b"\0")
        writer.close()

    async def _btminer(self, reader, writer):
        size = int.from_bytes(await reader.readexactly(4), "little")
        question = json.loads(await reader.readexactly(size))
        name = "get_device_info" if question["cmd"] == "get.device.info" else f"get_miner_status_{question['param']}"
        found = self.text(name).encode()
        writer.write(len(found).to_bytes(4, "little") + found)
        writer.close()
