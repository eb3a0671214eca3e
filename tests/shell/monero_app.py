"""The real program in process with a Monero node that a test controls, and machines that speak CryptoNote's Stratum."""

import asyncio
import contextlib
import hashlib
import json

from hashwright.adapters.nodes.base import BlockState, NodeProbe, TipSeen
from hashwright.chain.cryptonote.address import MoneroAddress, is_point
from hashwright.chain.cryptonote.block import read_block
from hashwright.chain.cryptonote.randomx import RandomX
from hashwright.chain.cryptonote.rules import seed_height
from hashwright.chain.cryptonote.varint import write_varint
from hashwright.runtime.config import load_config
from hashwright.runtime.destinations import DestinationSettings
from hashwright.runtime.upstream_settings import UpstreamSettings
from hashwright.runtime.wiring import Hashwright
from shell.app import until

ROOM = 20
REWARD = 600_000_000_000
TIME_S = 1_800_000_000


def some_address(network="main"):
    """A primary address whose secret keys nobody knows."""

    def point(start):
        return next(key for n in range(start, start + 100) if is_point(key := n.to_bytes(32, "little")))

    return MoneroAddress(network=network, kind="standard", spend_key=point(5), view_key=point(900)).text


def seed_of(height):
    return hashlib.sha256(f"seed {seed_height(height)}".encode()).digest()


def block_blob(height, previous, *, transactions=()):
    """Write a block as a node does, with an empty room in its miner transaction, and say where that is."""
    head = b"\x10\x10" + write_varint(TIME_S) + previous + bytes(4)
    extra = b"\x01" + bytes(32) + b"\x02" + bytes([ROOM])
    body = b"\x02" + write_varint(height + 60) + b"\x01\xff" + write_varint(height)
    body += b"\x01" + write_varint(REWARD) + b"\x03" + bytes(33)
    start = head + body + write_varint(len(extra) + ROOM) + extra
    rest = bytes(ROOM) + b"\x00" + write_varint(len(transactions)) + b"".join(transactions)
    return start + rest, len(start)


class ScriptedMonero:
    """A node that says what a test wants."""

    def __init__(self, *, height=100, difficulty=2**40, next_seed=b"", transactions=3):
        self.height = height
        self.difficulty = difficulty
        self.next_seed = next_seed
        self.transactions = transactions
        self.submitted = []
        self.judged = 0
        self._changed = asyncio.Event()

    def tip(self):
        return self._tip()

    def tip_hash(self):
        return hashlib.sha256(f"tip {self.height}".encode()).hexdigest()

    def new_tip(self, height=None):
        self.height = self.height + 1 if height is None else height
        self._changed.set()

    async def _tip(self):
        return TipSeen(height=self.height, block_hash=self.tip_hash())

    async def template(self, longpoll):
        height = self.height + 1
        others = tuple(hashlib.sha256(bytes([n])).digest() for n in range(self.transactions))
        blob, at = block_blob(height, bytes.fromhex(self.tip_hash()), transactions=others)
        return {
            "blocktemplate_blob": blob.hex(),
            "blockhashing_blob": read_block(blob).hashing_blob.hex(),
            "height": height,
            "prev_hash": self.tip_hash(),
            "previousblockhash": self.tip_hash(),
            "reserved_offset": at,
            "expected_reward": REWARD,
            "seed_hash": seed_of(height).hex(),
            "seed_height": seed_height(height),
            "wide_difficulty": hex(self.difficulty),
            "next_seed_hash": self.next_seed.hex(),
        }

    async def submit(self, block):
        self.submitted.append(block)
        self.new_tip()
        return ""

    async def block_state(self, block_hash):
        return BlockState(confirmations=1, height=self.height)

    async def probe(self):
        return NodeProbe(state="ready", detail="", height=self.height, network="regtest", version="scripted")

    async def watch(self):
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield TipSeen(height=self.height, block_hash=self.tip_hash())

    async def coinbases(self, count):
        return []

    async def calc_pow(self, *, major_version, height, blob, seed):
        self.judged += 1
        return await asyncio.to_thread(hashed, seed, blob)

    async def aclose(self):
        pass


MACHINES = {}


def hashed(seed, blob):
    """RandomX, one cache a key for the whole test run."""
    if seed not in MACHINES:
        MACHINES[seed] = RandomX(seed)
    return MACHINES[seed].hash(blob)


def drop_machines():
    while MACHINES:
        MACHINES.popitem()[1].close()


@contextlib.asynccontextmanager
async def running(folder, node=None, **changes):
    """Start the program; with a node, with a Monero pool on it."""
    config = load_config(environ={}, flags={"data_dir": str(folder), "listen": "randomx=127.0.0.1:0"})
    app = Hashwright(config, build_node=lambda _: node)
    await app.start()
    try:
        if node is not None:
            app.set_destination(settings(**changes))
            await until(lambda: app.kernel.pool.destinations["pool"].job)
        yield app
    finally:
        await app.stop()


def settings(**changes):
    values = {
        "name": "pool", "coin": "monero", "network": "regtest", "address": some_address(), "node": "monerod",
        "start_difficulty": 1.0, "minimum_difficulty": 1.0,
    }  # fmt: skip
    return DestinationSettings(**(values | changes))


def upstream(port, **changes):
    values = {
        "name": "far", "urls": [f"stratum+tcp://127.0.0.1:{port}"], "user": "kai.main", "algorithm": "randomx",
        "coin": "monero", "network": "regtest", "start_difficulty": 1.0, "minimum_difficulty": 1.0,
    }  # fmt: skip
    return UpstreamSettings(**(values | changes))


class BlobWire:
    """A raw connection of a machine."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.jobs = []

    @classmethod
    async def connect(cls, app):
        listener = app.shell.listeners[0]
        return cls(*await asyncio.open_connection(listener.host, listener.port))

    def send(self, method, id=1, **params):
        line = {"id": id, "jsonrpc": "2.0", "method": method, "params": params}
        self.writer.write(json.dumps(line).encode() + b"\n")

    async def line(self, *, seconds=20):
        async with asyncio.timeout(seconds):
            data = await self.reader.readline()
        return json.loads(data) if data else None

    async def answer(self, id=1):
        while True:
            message = await self.line()
            if message is None or ("method" not in message and message["id"] == id):
                return message
            self.jobs.append(message["params"])

    async def ask(self, method, id=1, **params):
        self.send(method, id, **params)
        return await self.answer(id)

    async def login(self, user="kai.r01", **more):
        answer = await self.ask("login", login=user, **({"pass": "x", "agent": "test", "algo": ["rx/0"]} | more))
        assert answer["error"] is None, answer
        return answer["result"]["job"]

    async def job(self):
        """The next job that is sent on its own."""
        while not self.jobs:
            message = await self.line()
            assert message is not None, "closed while waiting for a job"
            assert message["method"] == "job", message
            self.jobs.append(message["params"])
        return self.jobs.pop(0)

    async def share(self, job, number=1, *, id=5, **changes):
        """Hash one nonce of a job and submit it; at difficulty 1 every hash is good."""
        blob = bytearray.fromhex(job["blob"])
        place = int.from_bytes(blob[39:43], "little") | number
        blob[39:43] = place.to_bytes(4, "little")
        result = await asyncio.to_thread(hashed, bytes.fromhex(job["seed_hash"]), bytes(blob))
        fields = {"job_id": job["job_id"], "nonce": blob[39:43].hex(), "result": result.hex()}
        answer = await self.ask("submit", id, **(fields | changes))
        return "OK" if answer["error"] is None else answer["error"]["message"]

    async def close(self):
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
