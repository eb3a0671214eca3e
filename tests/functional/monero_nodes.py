"""A real monerod and its wallet, on a chain of their own: started on free loopback ports, stopped by their ids."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.request

START_S = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


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
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "error" not in found, f"{what}: {found['error']}"
        return found


@contextlib.contextmanager
def _running(command, rpc, ready, log):
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + START_S
        while True:
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, f"{command[0]} did not answer in {START_S} s"
            try:
                rpc(ready)
                break
            except OSError:
                time.sleep(0.2)
        yield rpc
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def monero_regtest(folder, *, difficulty=1):
    """A node on a regtest chain, whose addresses are those of the main network."""
    folder.mkdir(parents=True, exist_ok=True)
    rpc = JsonRpc(free_port())
    command = [
        "monerod", "--regtest", "--offline", "--fixed-difficulty", str(difficulty), "--data-dir", str(folder),
        "--rpc-bind-ip", "127.0.0.1", "--rpc-bind-port", str(rpc.port), "--p2p-bind-ip", "127.0.0.1",
        "--p2p-bind-port", str(free_port()), "--no-igd", "--no-zmq", "--non-interactive", "--keep-fakechain",
    ]  # fmt: skip
    with _running(command, rpc, "get_info", folder / "out.log") as node:
        yield node


@contextlib.contextmanager
def monero_wallet(folder, node):
    """A wallet of that node, made new."""
    folder.mkdir(parents=True, exist_ok=True)
    rpc = JsonRpc(free_port())
    command = [
        "monero-wallet-rpc", "--daemon-address", f"127.0.0.1:{node.port}", "--trusted-daemon", "--rpc-bind-ip",
        "127.0.0.1", "--rpc-bind-port", str(rpc.port), "--disable-rpc-login", "--wallet-dir", str(folder),
        "--log-file", str(folder / "wallet.log"),
    ]  # fmt: skip
    with _running(command, rpc, "get_version", folder / "out.log") as wallet:
        wallet("create_wallet", filename="pool", password="", language="English")
        yield wallet
