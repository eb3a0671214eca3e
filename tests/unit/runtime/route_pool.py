"""A small scripted pool on loopback, for tests that look at pools."""

import asyncio
import contextlib
import hashlib
import json
import ssl
from pathlib import Path

from hashwright.chain.coinbase import build_coinbase
from hashwright.chain.cryptonote.varint import write_varint
from tls_files import certificate


def fingerprint():
    """The SHA-256 of the pool's certificate, which nobody else has signed."""
    text = Path(certificate("pool")[0]).read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()


OUR_SCRIPT = bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6")
OUR_ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
"""The key of BIP 173's example."""
OTHER_SCRIPT = bytes.fromhex("a914" + "11" * 20 + "87")
COMMITMENT = bytes.fromhex("6a24aa21a9ed" + "22" * 32)


class Pool:
    """Answers as it is told: `answers` maps a method to its result; None stays silent, an exception is an error."""

    def __init__(self, *, script=OUR_SCRIPT, extranonce2_size=8, **changes):
        self.extranonce2_size = extranonce2_size
        self.coinbase = build_coinbase(
            850_001, [(312_500_000, script)], tag=b"/toy pool/", extranonce_size=4 + extranonce2_size,
            witness_commitment=COMMITMENT,
        )  # fmt: skip
        self.answers = {
            "mining.configure": {"version-rolling": True, "version-rolling.mask": "1fffe000"},
            "mining.subscribe": [[["mining.notify", "a"]], "0a0b0c0d", extranonce2_size],
            "mining.authorize": True,
        } | changes.pop("answers", {})
        self.job_after = changes.pop("job_after", "mining.subscribe")
        self.greeting = changes.pop("greeting", b"")
        self.extra = changes.pop("extra", ())
        self.heard = []
        self.url = ""
        assert not changes

    @contextlib.asynccontextmanager
    async def listen(self, *, tls=None):
        tasks = set()

        async def serve(reader, writer):
            tasks.add(asyncio.current_task())
            try:
                with contextlib.suppress(OSError):
                    await self._serve(reader, writer)
            finally:
                writer.transport.abort()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        self.url = f"stratum+{'ssl' if tls else 'tcp'}://127.0.0.1:{port}"
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        writer.write(self.greeting)
        while line := await reader.readline():
            request = json.loads(line)
            self.heard.append(request)
            answer = self.answers.get(request["method"])
            if answer is None:
                continue
            reply = {"id": request["id"], "result": answer, "error": None}
            if isinstance(answer, Exception):
                reply |= {"result": None, "error": [24, str(answer), None]}
            writer.write(json.dumps(reply).encode() + b"\n")
            if request["method"] == self.job_after:
                self._give_work(writer)

    def _give_work(self, writer):
        notes = [*self.extra, ("mining.set_difficulty", [1024]), ("mining.notify", self.job())]
        for method, params in notes:
            writer.write(json.dumps({"id": None, "method": method, "params": params}).encode() + b"\n")

    def job(self):
        halves = (self.coinbase.prefix.hex(), self.coinbase.suffix.hex())
        return ["j1", "00" * 28 + "01020304", *halves, ["33" * 32], "20000000", "1d00ffff", "66f00000", True]


def server_context():
    """Return the TLS side of a pool."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate("pool"))
    return context


FORK, TIME_S = 16, 1_800_000_000
SEED, NEXT_SEED, PREVIOUS = b"\x07" * 32, b"\x08" * 32, b"\x09" * 32


def hashing_blob(*, nonce=bytes(4), time_s=TIME_S, fork=FORK):
    """A blob as Monero's machines hash it."""
    return bytes([fork, fork]) + write_varint(time_s) + PREVIOUS + nonce + b"\x0a" * 32 + b"\x03"


class BlobPool(Pool):
    """A CryptoNote pool: its login brings the first job; `job` changes what that says, None leaves it out."""

    def __init__(self, *, job=(), **changes):
        super().__init__(job_after="", **changes)
        said = {"blob": hashing_blob().hex(), "job_id": "j7", "target": "b88d0600", "algo": "rx/0", "height": 3_000_000,
                "seed_hash": SEED.hex(), "next_seed_hash": NEXT_SEED.hex()} | dict(job)  # fmt: skip
        said = {name: value for name, value in said.items() if value is not None}
        login = {"id": "s-42", "job": said, "status": "OK", "extensions": ["algo", "keepalive"]}
        self.answers = {"login": login, "keepalived": {"status": "KEEPALIVED"}} | {
            name: value for name, value in self.answers.items() if name in ("login", "keepalived")
        }
