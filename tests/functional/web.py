"""The web as a process beside a program, and a hostile machine."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from functional.program import HW, environment
from hashwright.runtime.control import ask

PASSWORD = "four random words"
EVIL_AGENT = '<img src=x onerror="window.hacked=1">\'; DROP TABLE work; --'


class Web:
    """`hw web` on a data folder, and somebody who asks it."""

    def __init__(self, folder, data, *flags):
        self.log = folder / "web.log"
        self._file = self.log.open("wb")
        command = [*HW, "web", "--data-dir", str(data), "--listen", "127.0.0.1:0", *flags]
        self.process = subprocess.Popen(command, stdout=self._file, stderr=self._file, env=environment(folder))
        self.address = self._find(r'"url": "([^"]+)"')
        self.csrf = self.cookie = ""

    def text(self):
        return self.log.read_text()

    def link(self):
        return re.search(r"http\S+#/setup/\S+", self.text())[0]

    def _find(self, pattern):
        deadline = time.monotonic() + 30
        while not (found := re.search(pattern, self.text())):
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.05)
        return found[1]

    def call(self, method, path, body=None, **headers):
        """Ask; return status, headers and the body as JSON where it is."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        words = {"content-type": "application/json", "x-hw-csrf": self.csrf} | headers
        if self.cookie:
            words["cookie"] = self.cookie
        request = urllib.request.Request(self.address + path, data=data, method=method, headers=words)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, _read(answer.read())
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, _read(answer.read())

    def become_owner(self, name="kai"):
        word = self.link().rpartition("/")[2]
        status, headers, body = self.call("POST", "/api/v1/setup", {"token": word, "name": name, "password": PASSWORD})
        assert status == 200, body
        self.cookie, self.csrf = headers["set-cookie"].partition(";")[0], body["csrf"]

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._file.close()


def _read(raw):
    try:
        return json.loads(raw)
    except ValueError:
        return raw


@contextlib.contextmanager
def web(folder, data, *flags):
    item = Web(folder, data, *flags)
    try:
        yield item
    finally:
        item.close()


def add_practice(program, **changes):
    """Add the practice chain as `hw demo` does."""
    from hashwright.cli.pool import PRACTICE_ADDRESSES, PRACTICE_START_BITS

    settings = {
        "name": "practice", "coin": "bitcoin", "network": "regtest", "address": PRACTICE_ADDRESSES["bitcoin"],
        "node": "practice", "scheme": "pplns", "start_difficulty": 2.0**-15, "shares_per_minute": 60.0,
        "node_settings": {"block_interval_s": 4.0, "start_bits": PRACTICE_START_BITS["bitcoin"]},
    }  # fmt: skip
    asyncio.run(ask(program.folder, "pool-add", destination=settings | changes))


async def add_fleet(program):
    """Add two machines of the fleet that nobody answers for: they can be chosen, labelled and commanded."""
    devices = [
        {"name": f"sim-{number}", "kind": "cgminer", "settings": {"host": "127.0.0.1", "port": 9}, "rated_w": 3000.0}
        for number in (1, 2)
    ]
    await ask(program.folder, "fleet-set", devices=devices)


@contextlib.contextmanager
def mining(program, *users):
    """Reference miners, at low priority, until the end."""
    url = f"stratum+tcp://127.0.0.1:{program.port}"
    miners = [
        subprocess.Popen(
            [*HW, "miner", "--quiet", "--url", url, "--user", user],
            env=environment(program.folder.parent), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.nice(10),
        )
        for user in users
    ]  # fmt: skip
    try:
        yield
    finally:
        for miner in miners:
            miner.kill()
            miner.wait()


@contextlib.contextmanager
def hostile_machine(port):
    """A machine that calls its software by a piece of markup and of SQL, and stays."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        for number, method, params in ((1, "subscribe", [EVIL_AGENT]), (2, "authorize", ["evil.rig", "x"])):
            wire.sendall(json.dumps({"id": number, "method": f"mining.{method}", "params": params}).encode() + b"\n")
            wire.recv(4096)
        yield
