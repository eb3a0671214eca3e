"""Runs the real program in process, on loopback and in a folder of its own, with a node that a test controls."""

import asyncio
import contextlib
import hashlib
import json

from hashwright.adapters.nodes.base import BlockState, NodeProbe, TipSeen
from hashwright.runtime.config import load_config
from hashwright.runtime.destinations import DestinationSettings
from hashwright.runtime.tcp import Limits
from hashwright.runtime.wiring import Hashwright

ADDRESS = {
    "bitcoin": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "litecoin": "rltc1qw508d6qejxtdg4y5r3zarvary0c5xw7k693xs3",
}


class ScriptedNode:
    """A node that says what a test wants: templates on a tip, any answer to a block."""

    def __init__(self, *, bits="207fffff", transactions=3):
        self.height = 100
        self.bits = bits
        self.transactions = transactions
        self.answer = ""
        self.submitted = []
        self.fail = None
        self.salt = ""
        self._changed = asyncio.Event()

    def tip_hash(self):
        return hashlib.sha256(f"tip {self.height} {self.salt}".encode()).hexdigest()

    def new_tip(self, height=None, salt=""):
        self.height = self.height + 1 if height is None else height
        self.salt = salt
        self._changed.set()

    async def template(self, longpoll):
        if self.fail is not None:
            raise self.fail
        return {
            "version": 0x20000000,
            "previousblockhash": self.tip_hash(),
            "height": self.height + 1,
            "transactions": [
                {"data": "00", "txid": hashlib.sha256(bytes([n])).hexdigest()} for n in range(self.transactions)
            ],
            "coinbasevalue": 312_500_000,
            "bits": self.bits,
            "curtime": 1_800_000_000,
            "mintime": 1_799_999_000,
            "default_witness_commitment": "6a24aa21a9ed" + "11" * 32,
        }

    async def submit(self, block):
        self.submitted.append(block)
        if self.answer == "":
            self.new_tip()
        return self.answer

    async def block_state(self, block_hash):
        return BlockState(confirmations=1, height=self.height)

    async def probe(self):
        return NodeProbe(state="ready", detail="", height=self.height, network="regtest", version="scripted")

    async def watch(self):
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield TipSeen(height=self.height, block_hash=self.tip_hash())

    async def tip(self):
        return TipSeen(height=self.height, block_hash=self.tip_hash())

    async def coinbases(self, count):
        return []

    async def aclose(self):
        pass


def settings(coin="bitcoin", **changes):
    values = {
        "name": "pool",
        "coin": coin,
        "network": "regtest",
        "address": ADDRESS[coin],
        "start_difficulty": 1e-9,
        "minimum_difficulty": 1e-12,
    }
    return DestinationSettings(**(values | changes))


@contextlib.asynccontextmanager
async def running(folder, node, *, coin="bitcoin", limits=None, **changes):
    """Start the program on a folder, with one destination, and stop it at the end."""
    algorithm = {"bitcoin": "sha256d", "litecoin": "scrypt"}[coin]
    config = load_config(environ={}, flags={"data_dir": str(folder), "listen": f"{algorithm}=127.0.0.1:0"})
    app = Hashwright(config, build_node=lambda _: node)
    app.limits = limits or Limits()
    await app.start()
    try:
        app.set_destination(settings(coin, **changes))
        await until(lambda: app.kernel.pool.destinations["pool"].job)
        yield app
    finally:
        await app.stop()


async def until(condition, *, seconds=10.0):
    """Wait until something is true; fail with its text when it does not become so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Wire:
    """A raw Stratum connection: sends lines, reads answers by id and notifications as they come."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.notes = []

    @classmethod
    async def connect(cls, app, index=0):
        listener = app.shell.listeners[index]
        return cls(*await asyncio.open_connection(listener.host, listener.port))

    def send(self, method, *params, id=1):
        self.writer.write(json.dumps({"id": id, "method": method, "params": list(params)}).encode() + b"\n")

    def send_raw(self, data):
        self.writer.write(data)

    async def line(self):
        async with asyncio.timeout(5):
            data = await self.reader.readline()
        return json.loads(data) if data else None

    async def answer(self, id=1):
        while True:
            message = await self.line()
            if message is None or ("method" not in message and message["id"] == id):
                return message
            self.notes.append(message)

    async def ask(self, method, *params, id=1):
        self.send(method, *params, id=id)
        return await self.answer(id)

    async def note(self, method):
        while True:
            for message in self.notes:
                if message["method"] == method:
                    self.notes.remove(message)
                    return message["params"]
            message = await self.line()
            assert message is not None, f"closed while waiting for {method}"
            self.notes.append(message)

    async def login(self, user="kai.r01", password="x"):
        subscribed = await self.ask("mining.subscribe", "test", id=1)
        assert (await self.ask("mining.authorize", user, password, id=2))["result"] is True
        return subscribed["result"]

    async def ended(self):
        """Read until the other side closes."""
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass

    async def close(self):
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
