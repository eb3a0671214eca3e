"""Machines that connect by TLS, on the loop of asyncio and on uvloop: they get what all get, and harm nobody else."""

import asyncio
import contextlib
import socket
import ssl

import pytest
import uvloop

from hashwright.runtime import tls
from hashwright.runtime.tcp import Limits, StratumListener, tls_context
from shell.app import ScriptedNode, Wire, running, until
from tls_files import certificate, client_context

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
HARD = "1d00ffff"


@pytest.fixture(params=LOOPS)
def story(request, tmp_path):
    """Run a story with the program, a TLS listener beside its plain one, and a node."""

    def told(tale, *, limits=None):
        async def scene():
            node = ScriptedNode(bits=HARD)
            async with running(tmp_path, node) as app:
                listener = StratumListener("tls", "sha256d", app.shell, limits=limits)
                await listener.start("127.0.0.1", 0, tls_context(*certificate()))
                app.shell.listeners.append(listener)
                await tale(app, listener, node)
            assert_quiet(listener)

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(scene())

    return told


def assert_quiet(listener):
    assert not listener._handshakes
    assert all(connection.is_closed for connection in listener.connections)


async def secured(listener, *, context=None):
    """A machine on the TLS listener."""
    return Wire(*await asyncio.open_connection(listener.host, listener.port, ssl=context or client_context()))


async def unsecured(listener):
    """A socket on the TLS listener that speaks as it likes."""
    return Wire(*await asyncio.open_connection(listener.host, listener.port))


def test_a_machine_logs_in_and_works_by_tls(story):
    async def tale(app, listener, node):
        wire = await secured(listener)
        assert wire.writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        subscribed = await wire.login()
        assert len(subscribed) == 3
        notify = await wire.note("mining.notify")
        answer = await wire.ask("mining.submit", "kai.r01", notify[0], "00" * 8, notify[7], "00000000", id=9)
        assert "result" in answer
        assert listener.url == f"stratum+ssl://127.0.0.1:{listener.port}"
        (connection,) = listener.connections
        assert connection.fileno == -1
        await wire.close()
        await until(lambda: not listener.connections)

    story(tale)


def test_plain_and_tls_machines_hear_of_a_new_block(story):
    async def tale(app, listener, node):
        wires = [await secured(listener) for _ in range(8)] + [await Wire.connect(app) for _ in range(8)]
        for number, wire in enumerate(wires):
            await wire.login(f"farm.r{number}")
            await wire.note("mining.notify")
        for _ in range(3):
            node.new_tip()
            jobs = {tuple((await wire.note("mining.notify"))[:2]) for wire in wires}
            assert len(jobs) == 1, "one job, serialised once"
        for wire in wires:
            await wire.close()

    story(tale)


def test_a_machine_that_does_not_trust_us_goes_and_another_stays(story):
    async def tale(app, listener, node):
        good = await secured(listener)
        await good.login()
        with pytest.raises(ssl.SSLCertVerificationError):
            await secured(listener, context=client_context("other"))
        await until(lambda: len(listener.connections) == 1)
        assert listener.refused["no TLS handshake"] == 1
        node.new_tip()
        await good.note("mining.notify")
        await good.close()

    story(tale)


@pytest.mark.parametrize(
    "data",
    [
        b'{"id":1,"method":"mining.subscribe","params":[]}\n',
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + b"\x00" * 5_000,
        b"\x00" * 100_000,
        b"\x16\x03\x01\x02\x00\x01",
        b"",
    ],
    ids=["stratum", "http", "record", "zeros", "torn hello", "nothing"],
)
def test_what_is_no_tls_harms_nobody(story, data):
    async def tale(app, listener, node):
        good = await secured(listener)
        await good.login()
        for _ in range(5):
            wire = await unsecured(listener)
            wire.send_raw(data)
            if data in (b"", b"\x16\x03\x01\x02\x00\x01"):
                wire.writer.write_eof()
            await wire.ended()
            await wire.close()
        await until(lambda: len(listener.connections) == 1)
        assert listener.refused["no TLS handshake"] == 5
        node.new_tip()
        await good.note("mining.notify")
        await good.close()

    story(tale)


def test_a_silent_socket_is_let_go_and_counts_from_its_first_moment(story, monkeypatch):
    monkeypatch.setattr(tls, "HANDSHAKE_S", 0.4)

    async def tale(app, listener, node):
        silent = [await unsecured(listener) for _ in range(4)]
        await until(lambda: listener.refused["too many connections of one address"] >= 1)
        assert len(listener.connections) <= 3
        for wire in silent:
            await wire.ended()
        await until(lambda: not listener.connections)
        monkeypatch.setattr(tls, "HANDSHAKE_S", 10.0)
        good = await secured(listener)
        await good.login()
        for wire in (*silent, good):
            await wire.close()

    story(tale, limits=Limits(per_address=3))


def test_the_time_for_a_login_holds_within_the_handshake_too(story):
    async def tale(app, listener, node):
        wire = await unsecured(listener)
        await wire.ended()
        await until(lambda: not listener.connections)
        assert listener.refused["no TLS handshake"] == 1
        await wire.close()

    story(tale, limits=Limits(login_s=0.1))


class ByHand:
    """TLS on a blocking socket, record by record, to say things at the worst moment."""

    def __init__(self, listener):
        self.socket = socket.create_connection((listener.host, listener.port))
        self.socket.setblocking(False)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = client_context().wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")

    async def shake_hands(self):
        """Come to the end of the handshake; the last flight is not sent yet."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await loop.sock_sendall(self.socket, self.outgoing.read())
                self.incoming.write(await loop.sock_recv(self.socket, 65536))

    async def send(self):
        await asyncio.get_running_loop().sock_sendall(self.socket, self.outgoing.read())

    async def lines_until(self, text):
        found = b""
        async with asyncio.timeout(10):
            while text not in found:
                try:
                    found += self.tls.read(65536)
                except ssl.SSLWantReadError:
                    data = await asyncio.get_running_loop().sock_recv(self.socket, 65536)
                    assert data, f"closed before {text!r} came: {found!r}"
                    self.incoming.write(data)
        return found


SUBSCRIBE = b'{"id":1,"method":"mining.subscribe","params":["test"]}\n'
AUTHORIZE = b'{"id":2,"method":"mining.authorize","params":["kai.r01","x"]}\n'


def test_what_comes_with_the_end_of_the_handshake_is_not_lost(story):
    async def tale(app, listener, node):
        machine = ByHand(listener)
        with contextlib.closing(machine.socket):
            await machine.shake_hands()
            machine.tls.write(SUBSCRIBE)
            machine.tls.write(AUTHORIZE)
            await machine.send()
            assert b'"result"' in await machine.lines_until(b"mining.notify")

    story(tale)


def test_a_flood_with_the_end_of_the_handshake_ends_only_that_machine(story):
    async def tale(app, listener, node):
        good = await secured(listener)
        await good.login()
        machine = ByHand(listener)
        with contextlib.closing(machine.socket):
            await machine.shake_hands()
            machine.tls.write(b"x" * 60_000)
            with contextlib.suppress(ConnectionError):
                await machine.send()
            await until(lambda: len(listener.connections) == 1)
        node.new_tip()
        await good.note("mining.notify")
        await good.close()

    story(tale)


def test_a_machine_that_goes_right_after_its_handshake_leaves_nothing(story):
    async def tale(app, listener, node):
        for _ in range(5):
            machine = ByHand(listener)
            await machine.shake_hands()
            await machine.send()
            machine.socket.close()
        await until(lambda: not listener.connections)
        assert not app.shell.connections

    story(tale)


def test_a_machine_that_does_not_read_is_let_go(story):
    async def tale(app, listener, node):
        machine = ByHand(listener)
        machine.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await machine.shake_hands()
        machine.tls.write(SUBSCRIBE)
        machine.tls.write(AUTHORIZE)
        await machine.send()
        await machine.lines_until(b"mining.notify")
        (connection,) = listener.connections
        for _ in range(2_000):
            if connection.is_closed:
                break
            connection.send_now(b"x" * 4_000)
            await asyncio.sleep(0)
        assert connection.is_closed
        await until(lambda: not listener.connections)
        machine.socket.close()

    story(tale)


def test_reading_can_be_paused_while_machines_shake_hands(story):
    async def tale(app, listener, node):
        wire = await secured(listener)
        machine = ByHand(listener)
        with contextlib.closing(machine.socket):
            await until(lambda: len(listener.connections) == 2)
            listener.pause()
            wire.send("mining.subscribe", "test")
            await machine.shake_hands()
            listener.resume()
            assert (await wire.answer())["error"] is None
            machine.tls.write(SUBSCRIBE)
            await machine.send()
            await machine.lines_until(b'"result"')
        await wire.close()

    story(tale)


def test_stopping_ends_handshakes_too(story):
    async def tale(app, listener, node):
        wire = await unsecured(listener)
        await until(lambda: listener.connections)
        await listener.stop()
        await wire.ended()
        await until(lambda: not listener.connections)
        await wire.close()

    story(tale)
