"""Real nodes on regtest and loopback, for functional tests: started by a context manager, stopped by their own id.

    with litecoin_regtest(tmp_path, mweb=True) as node:
        node.mine(1)

Each node has free ports, a wallet, a ZMQ publisher of block hashes, and takes two credentials: its cookie, and the
user and password of `USER` and `PASSWORD`. litecoind comes from Debian stable, and a test without it fails. bitcoind
is unpacked by `scripts/judges` into a folder (`HW_JUDGES`, else `.judges`): without it a test is skipped, by name.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

import msgspec
import pytest

from hashwright import registry
from hashwright.adapters.nodes import bitcoind as bitcoind_plugin
from hashwright.runtime.system import SystemClock

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
USER, PASSWORD = "hashwright", "regtest only"
START_S = 30.0
STOP_S = 20.0
MWEB_HEIGHT = 432
"""The first block of Litecoin's regtest that must hold an extension block."""

WARMING_UP = -28

COMMON = {
    "server": 1,
    "dnsseed": 0,
    "discover": 0,
    "listenonion": 0,
    "fallbackfee": "0.0001",
    "rpcallowip": "127.0.0.1",
    "rpcbind": "127.0.0.1",
    "rpcworkqueue": 128,
    "rpcthreads": 8,
    "keypool": 5,
}


class RpcRefused(Exception):
    """The node's own error object."""

    def __init__(self, method, error):
        super().__init__(f"{method}: {error}")
        self.code = error["code"]


class RegtestNode:
    """One node process with its folder, ports and wallet."""

    def __init__(self, program, folder, *, coin, options):
        self.coin = coin
        self.has_wallet = not options.get("disablewallet")
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rpc_port, self.zmq_port = free_port(), free_port()
        self.zmq_address = f"tcp://127.0.0.1:{self.zmq_port}"
        self.rpc_url = f"http://127.0.0.1:{self.rpc_port}"
        self.cookie_file = self.folder / "regtest" / ".cookie"
        self.password_file = self.folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.process = None
        self.address = ""
        self._log = self.folder / "output.txt"
        self._command = [program, f"-datadir={self.folder}"]
        own = {"rpcport": self.rpc_port, "zmqpubhashblock": self.zmq_address, "rpcauth": rpcauth(USER, PASSWORD)}
        settings = "".join(f"{key}={value}\n" for key, value in (COMMON | own | options).items())
        (self.folder / f"{coin}.conf").write_text(f"regtest=1\n[regtest]\n{settings}")

    def __repr__(self):
        return f"<RegtestNode {self.coin} {self.rpc_url} pid {self.process and self.process.pid}>"

    # ---------------------------------------------------------------- the process

    def launch(self):
        """Start the process and return at once."""
        assert self.process is None, "it runs already"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)

    def start(self):
        """Start the process and wait until it answers with its wallet loaded."""
        self.launch()
        self.wait_until(self._answers, START_S, "the node answers")
        if self.has_wallet:
            self._open_wallet()

    def stop(self):
        """End the process in order (SIGTERM); kill it when it does not end."""
        self._end(signal.SIGTERM)

    def kill(self):
        """End the process as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def restart(self):
        """Stop in order and start again on the same folder and ports."""
        self.stop()
        self.start()

    def _end(self, number):
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answers(self):
        try:
            return self.rpc("getblockcount") >= 0
        except (OSError, http.client.HTTPException):
            return False
        except RpcRefused as refusal:
            if refusal.code == WARMING_UP:
                return False
            raise

    def wait_until(self, condition, seconds, what):
        """Wait for something; fail at once, with the node's own words, when the process ends meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process is None or self.process.poll() is not None:
                pytest.fail(f"{self} ended before {what}: {self._log.read_text()[-2000:]}")
            if time.monotonic() > deadline:
                pytest.fail(f"{self}: not in {seconds} s: {what}")
            time.sleep(0.02)

    # ---------------------------------------------------------------- its answers

    def rpc(self, method, *params, timeout=30.0):
        """Call the node; its error is an `RpcRefused`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rpc_port, timeout=timeout)
        try:
            body = json.dumps({"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
            connection.request("POST", "/", body, {"Authorization": basic(USER, PASSWORD)})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer["error"] is not None:
            raise RpcRefused(method, answer["error"])
        return answer["result"]

    def mine(self, count, address=None):
        """Mine blocks to the wallet or to an address; return their hashes."""
        return self.rpc("generatetoaddress", count, address or self.address)

    def send(self, amount="0.5"):
        """Send coins from the wallet to itself; return the transaction id."""
        return self.rpc("sendtoaddress", self.rpc("getnewaddress"), amount)

    @property
    def height(self):
        return self.rpc("getblockcount")

    @property
    def best(self):
        return self.rpc("getbestblockhash")

    def settings(self, **changes):
        """Return the settings of the `bitcoind` plug-in for this node, as a destination stores them."""
        return {"rpc_url": self.rpc_url, "cookie_file": str(self.cookie_file)} | changes

    def adapter(self, *, coin="", network="regtest", **changes):
        """Return our adapter for this node, as a destination of a coin and network would build it."""
        config = msgspec.convert(self.settings(**changes), bitcoind_plugin.Config)
        coin = registry.load("coins", coin or self.coin).COIN
        return bitcoind_plugin.PLUGIN.build(config, coin=coin, network=network, clock=SystemClock())

    def _open_wallet(self):
        if self.rpc("listwallets"):
            return
        if self.address:
            self.rpc("loadwallet", "test")
        else:
            self.rpc("createwallet", "test")
            self.address = self.rpc("getnewaddress")


# ---------------------------------------------------------------- what tests use


@contextlib.contextmanager
def litecoin_regtest(folder, *, blocks=101, mweb=False):
    """Run litecoind with a second one as its peer: alone it gives no template (-9), not even on regtest.

    Args:
        blocks: how many to mine to the wallet; the coins of the first `blocks - 100` may be spent.
        mweb: mine on until MWEB is active, so that templates hold an extension block.
    """
    program, port = litecoind(), free_port()
    listen = {"listen": 1, "bind": f"127.0.0.1:{port}", "connect": 0, "upnp": 0}
    dial = {"listen": 0, "connect": f"127.0.0.1:{port}", "upnp": 0, "disablewallet": 1}
    node = RegtestNode(program, pathlib.Path(folder) / "litecoin", coin="litecoin", options=listen)
    peer = RegtestNode(program, pathlib.Path(folder) / "litecoin-peer", coin="litecoin", options=dial)
    with running(node), running(peer):
        node.wait_until(lambda: node.rpc("getconnectioncount"), START_S, "the peer is connected")
        node.mine(MWEB_HEIGHT - 1 if mweb else blocks)
        if mweb:
            activate_mweb(node)
        yield node


@contextlib.contextmanager
def bitcoin_regtest(folder, *, blocks=101):
    """Run bitcoind alone; skip the test, by name, where it could not be unpacked."""
    options = {"listen": 0, "connect": 0, "fixedseeds": 0, "natpmp": 0, "i2pacceptincoming": 0}
    program = bitcoind()
    node = RegtestNode(program, pathlib.Path(folder) / "bitcoin", coin="bitcoin", options=options)
    with running(node):
        node.mine(blocks)
        yield node


@contextlib.contextmanager
def running(node):
    """Run a node and stop it at the end, whatever happens."""
    try:
        node.start()
        yield node
    finally:
        node.stop()


def litecoind():
    """Return the path of litecoind; without it the test fails."""
    program = shutil.which("litecoind")
    assert program, "litecoind is missing: run scripts/judges"
    return program


def bitcoind():
    """Return the path of the unpacked bitcoind."""
    folder = pathlib.Path(os.environ.get("HW_JUDGES", "") or REPOSITORY / ".judges")
    program = folder / "bin" / "bitcoind"
    if not program.exists():
        pytest.skip(f"MISSING JUDGE: bitcoind is not unpacked in {folder}; scripts/judges says why")
    return str(program)


def activate_mweb(node):
    """Mine the block at which MWEB becomes active; it is refused unless it holds a peg-in."""
    node.rpc("sendtoaddress", node.rpc("getnewaddress", "", "mweb"), 1)
    node.mine(1)
    assert node.height == MWEB_HEIGHT


def free_port():
    """Return a port below those that the kernel gives to callers: none of them takes it while a node is restarted."""
    for _ in range(100):
        port = random.SystemRandom().randrange(15_000, 32_000)  # not seeded: workers of a run must not meet
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def basic(user, password):
    """Return an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def rpcauth(user, password, salt="5eed"):
    """Return the setting that lets a user in without writing the password down."""
    digest = hmac.new(salt.encode(), password.encode(), hashlib.sha256).hexdigest()
    return f"{user}:{salt}${digest}"
