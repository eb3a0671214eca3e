"""The server under test: the real Hashwright with a node that is only a template of 4,095 transactions (12 branches).

Started by bench/stratum.py as its own process. SIGUSR1 makes a new tip; the time of it goes to stdout.
"""

import asyncio
import hashlib
import signal
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from hashwright.adapters.nodes.base import BlockState, NodeProbe, TipSeen
from hashwright.runtime.config import load_config
from hashwright.runtime.wiring import Hashwright

TXIDS = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(4095)]


class TemplateNode:
    """Gives templates; knows no chain."""

    def __init__(self, algorithm):
        self.height = 800_000
        self.changed = asyncio.Event()
        self.bits = "1705ae3a" if algorithm == "sha256d" else "1a01cd2d"

    def new_tip(self):
        self.height += 1
        self.changed.set()

    def tip_hash(self):
        return hashlib.sha256(b"tip%d" % self.height).hexdigest()

    async def template(self, longpoll):
        now = int(time.time())
        return {
            "version": 0x20000000, "previousblockhash": self.tip_hash(), "height": self.height + 1,
            "transactions": [{"data": "00", "txid": txid, "fee": 100, "weight": 400} for txid in TXIDS],
            "coinbasevalue": 312500000, "bits": self.bits, "curtime": now, "mintime": now - 3600,
            "default_witness_commitment": "6a24aa21a9ed" + "11" * 32,
        }  # fmt: skip

    async def watch(self):
        while True:
            await self.changed.wait()
            self.changed.clear()
            print("tip", time.monotonic(), flush=True)
            yield TipSeen(height=self.height, block_hash=self.tip_hash())

    async def submit(self, block):
        return ""

    async def block_state(self, block_hash):
        return BlockState(confirmations=0, height=self.height)

    async def probe(self):
        return NodeProbe(state="ready", detail="", height=self.height, network="main", version="bench")

    async def tip(self):
        return TipSeen(height=self.height, block_hash=self.tip_hash())

    async def coinbases(self, count):
        return []

    async def aclose(self):
        pass


async def main(algorithm):
    with tempfile.TemporaryDirectory(dir=Path.cwd() / "build") as folder:
        config = load_config(environ={}, file=None, flags={"data_dir": folder, "listen": f"{algorithm}=127.0.0.1:0"})
        node = TemplateNode(algorithm)
        app = Hashwright(config, build_node=lambda settings: node)
        await app.start()
        coin = {"sha256d": "bitcoin", "scrypt": "litecoin"}[algorithm]
        address = {
            "bitcoin": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "litecoin": "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
        }
        from hashwright.runtime.destinations import DestinationSettings

        app.set_destination(
            DestinationSettings(
                name="bench",
                coin=coin,
                network="main",
                address=address[coin],
                start_difficulty=1.0,
                minimum_difficulty=1e-12,
            )
        )
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, node.new_tip)
        loop.add_signal_handler(signal.SIGTERM, app.supervisor.stop)
        while not app.kernel.pool.destinations["bench"].job:
            await asyncio.sleep(0.01)
        print("port", app.shell.listeners[0].port, folder, flush=True)
        await app.supervisor.wait()
        await app.stop()


if __name__ == "__main__":
    import logging

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    Path("build").mkdir(exist_ok=True)
    uvloop.run(main(sys.argv[1] if len(sys.argv) > 1 else "sha256d"))
