"""A real monerod and its wallet, on a chain of their own: started on free loopback ports, stopped by their ids."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request

from functional.nodes import free_port

START_S = 60


class JsonRpc:
    """Asks a Monero program."""

    def __init__(self, port):
        self.port = port

    def __call__(self, method, **params):
        body = json.dumps({"jsonrpc": "2.0", "id": "0", "method": method, "params": params})
        return self._ask("json_rpc", body, method)["result"]

    def list(self, method, params):
        """Ask a method that takes a list."""
        body = json.dumps({"jsonrpc": "2.0", "id": "0", "method": method, "params": params})
        return self._ask("json_rpc", body, method)["result"]

    def plain(self, path, **params):
        """Ask one of the older calls, which have a path of their own."""
        return self._ask(path, json.dumps(params), path)

    def _ask(self, path, body, what):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}", body.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=150) as answer:
            found = json.load(answer)
        assert "error" not in found, f"{what}: {found['error']}"
        return found


class Process:
    """One program, that can be killed and started again on the same folder and ports."""

    def __init__(self, command, rpc, ready, log):
        self.command, self.rpc, self.ready, self.log = command, rpc, ready, log
        self.process = None

    def start(self):
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        deadline = time.monotonic() + START_S
        while True:
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, f"{self.command[0]} did not answer in {START_S} s"
            try:
                self.rpc(self.ready)
                return
            except urllib.error.HTTPError:
                return  # it wants a password: it is there
            except OSError:
                time.sleep(0.1)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


@contextlib.contextmanager
def _running(command, rpc, ready, log):
    rpc.process = Process(command, rpc, ready, log)
    rpc.process.start()
    try:
        yield rpc
    finally:
        rpc.process.stop()


@contextlib.contextmanager
def monero_regtest(folder, *, difficulty=1, zmq_port=None, login="", port=0):
    """A node on a regtest chain, whose addresses are those of the main network. It keeps its chain in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rpc = JsonRpc(port or free_port())
    command = [
        "monerod", "--regtest", "--offline", "--fixed-difficulty", str(difficulty), "--data-dir", str(folder),
        "--rpc-bind-ip", "127.0.0.1", "--rpc-bind-port", str(rpc.port), "--p2p-bind-ip", "127.0.0.1",
        "--p2p-bind-port", str(free_port()), "--no-igd", "--non-interactive", "--keep-fakechain",
    ]  # fmt: skip
    if zmq_port is None:
        command += ["--no-zmq"]
    else:
        command += ["--zmq-rpc-bind-port", str(free_port()), "--zmq-pub", f"tcp://127.0.0.1:{zmq_port}"]
    command += ["--rpc-login", login] if login else []
    with _running(command, rpc, "get_info", folder / "out.log") as node:
        yield node


@contextlib.contextmanager
def monero_wallet(folder, node, *, name="pool", login=""):
    """A wallet of that node, made new; the folder may hold others."""
    folder.mkdir(parents=True, exist_ok=True)
    rpc = JsonRpc(free_port())
    command = [
        "monero-wallet-rpc", "--daemon-address", f"127.0.0.1:{node.port}", "--trusted-daemon", "--rpc-bind-ip",
        "127.0.0.1", "--rpc-bind-port", str(rpc.port), "--wallet-dir", str(folder),
        # else all wallets of this user, of all chains, remember their rings in one file of the home folder
        "--shared-ringdb-dir", str(folder / "rings"),
        "--log-file", str(folder / "wallet.log"), *(["--rpc-login", login] if login else ["--disable-rpc-login"]),
    ]  # fmt: skip
    with _running(command, rpc, "get_version", folder / "out.log") as wallet:
        if not login:
            wallet("create_wallet", filename=name, password="", language="English")
        yield wallet
