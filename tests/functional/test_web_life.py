"""The web beside a program: started by `hw up`, over TLS, killed while machines work, and through a restart."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import threading
import urllib.parse
from pathlib import Path

import pytest

from functional.program import Program, until
from functional.web import PASSWORD, add_practice, web
from tls_files import certificate, client_context

pytestmark = [pytest.mark.functional, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A program that starts its own web, with a certificate; kai has become its owner by the link in the log."""
    folder = tmp_path_factory.mktemp("life")
    files = certificate()
    settings = folder / "hw.toml"
    words = {"web_start": "yes", "web_listen": "127.0.0.1:0", "web_certificate": files[0], "web_key": files[1]}
    settings.write_text("".join(f'{name} = "{value}"\n' for name, value in words.items()))
    item = Program(folder, flags=["--config", str(settings)])
    try:
        item.start()
        address = served(item)
        word = re.search(r"https://\S+#/setup/(\S+)", item.log.read_text())[1]
        wish = {"token": word, "name": "kai", "password": PASSWORD}
        item.signed = call(address, "POST", "/api/v1/setup", wish)
        yield item
    finally:
        item.kill()


def served(item, *, beside=""):
    """The address at which the program's own web answers, once it does; another one than `beside`."""
    found = until(lambda: [it for it in addresses(item) if it != beside], what="the web of hw up")[-1]
    until(lambda: answers(found), what="the page")
    return found


def children(pid):
    return [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def addresses(item):
    return re.findall(r'"url": "(https://[^"]+)"', item.log.read_text())


def call(address, method, path, body=None, *, context=None, **headers):
    place = urllib.parse.urlsplit(address)
    wire = http.client.HTTPSConnection(place.hostname, place.port, timeout=10, context=context or client_context())
    with contextlib.closing(wire):
        data = None if body is None else json.dumps(body)
        wire.request(method, path, body=data, headers={"content-type": "application/json"} | headers)
        answer = wire.getresponse()
        return answer.status, answer.headers, answer.read()


def answers(address):
    try:
        return call(address, "GET", "/healthz")[0] == 200
    except OSError:
        return False


def test_hw_up_starts_the_web_and_passwords_travel_by_tls_only(running):
    status, headers, _ = running.signed
    assert status == 200
    cookie = headers["set-cookie"]
    assert cookie.startswith("__Host-hw=")
    assert {"Secure", "HttpOnly"} <= {it.strip() for it in cookie.split(";")}
    assert headers["strict-transport-security"].startswith("max-age=")
    address = served(running)
    assert call(address, "GET", "/api/v1/status", cookie=cookie.partition(";")[0])[0] == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        call(address, "GET", "/", context=ssl.create_default_context())
    assert in_clear(address) == b""


def in_clear(address):
    """What a client hears that speaks no TLS."""
    place = urllib.parse.urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=10) as wire:
        wire.sendall(f"GET / HTTP/1.1\r\nhost: {place.netloc}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            return wire.recv(100)
    return b""


def test_killing_the_web_touches_no_machine_and_it_comes_again(running):
    add_practice(running)
    address = served(running)
    before = running.json("status")
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as wire:
        lines = wire.makefile("rb")

        def ask(number, method, params):
            wire.sendall(json.dumps({"id": number, "method": f"mining.{method}", "params": params}).encode() + b"\n")
            while (found := json.loads(lines.readline())).get("id") != number:
                continue
            return found

        assert ask(1, "subscribe", ["test"])["error"] is None
        assert ask(2, "authorize", ["kai.r01", "x"])["result"] is True
        (child,) = children(running.process.pid)
        os.kill(child, signal.SIGKILL)
        assert ask(3, "subscribe", ["test"])["id"] == 3
        served(running, beside=address)
        assert ask(4, "subscribe", ["test"])["id"] == 4
    after = running.json("status")
    assert after["started_at"] == before["started_at"]
    assert after["journal"]["state"] == "ok"


def test_a_stream_lives_through_a_restart_of_the_program(running, tmp_path):
    with web(tmp_path, running.folder, "--new-link") as pages:
        pages.become_owner("mia")
        place = urllib.parse.urlsplit(pages.address)
        wire = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        wire.request("GET", "/api/v1/events", headers={"cookie": pages.cookie})
        stream = wire.getresponse()
        seen = []

        def read():
            with contextlib.suppress(OSError, ValueError):
                for line in stream:
                    if line.startswith(b"data: "):
                        seen.extend([json.loads(line[6:])])

        reader = threading.Thread(target=read, daemon=True)
        reader.start()

        def told():
            return [it["is_running"] for it in seen if "is_running" in it]

        until(lambda: told() == [True], what="the first state")
        own = children(running.process.pid)
        running.kill()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in own), what="the end of its own web")
        until(lambda: told() == [True, False], what="the end of the program")
        running.start()
        until(lambda: told() == [True, False, True], what="the program again")
        wire.sock.shutdown(socket.SHUT_RDWR)
        reader.join(10)
        wire.close()
