"""Bad machines kill only themselves: the wire error or a closed session, one log line, and the others go on."""

import asyncio
import contextlib
import random
import socket

import pytest
from fuzz.stratum_lines import stream_of

from hashwright.runtime.tcp import Limits, address_group
from shell.app import ScriptedNode, Wire, running, until

SHORT = Limits(login_s=0.5, idle_s=2.0)


def story(test, tmp_path, **options):
    """Run a test against a running program, with an honest machine that must be served before and after."""

    async def play():
        node = ScriptedNode(bits="1d00ffff")
        async with running(tmp_path, node, **options) as app:
            honest = await Wire.connect(app)
            await honest.login("honest.r01", "d=0.0000000002")
            await test(app)
            session = next(item for item in app.kernel.pool.sessions.values() if item.worker == "honest.r01")
            job = list(session.sent)[-1]
            answer = await honest.ask(
                "mining.submit", "honest.r01", job, "00" * 8, f"{1_800_000_000:08x}", "00000001", id=99
            )
            assert answer == {"id": 99, "result": True, "error": None}
            assert app.kernel.poisoned == 0
            await honest.close()

    asyncio.run(play())


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"{" * 3000,
        b'{"id":1,"method":"mining.subscribe","params":' + b"[" * 3000,
        b'{"id":1,"method":"mining.submit","params":["a","b","c","d","e"]}\n' * 20,
        b"\x00" * 100 + b"\n",
        b'{"id":NaN,"method":"mining.subscribe","params":[]}\n',
        b"\xff\xfe\xff\n" * 30,
        b'{"id":1e999,"method":"mining.authorize","params":["a","b"]}\n' * 3,
        b'{"id":1,"method":"mining.authorize","params":[null,null]}\n{"id":2,"method":1,"params":{}}\n',
    ],
)
def test_nonsense_never_touches_the_others(line, tmp_path):
    async def test(app):
        wire = await Wire.connect(app)
        wire.send_raw(line)
        wire.writer.write_eof()
        await wire.ended()
        await wire.close()

    story(test, tmp_path)


def test_an_endless_line_is_cut_off(tmp_path):
    async def test(app):
        wire = await Wire.connect(app)
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                wire.send_raw(b"x" * 16384)
                await wire.writer.drain()
        await wire.ended()
        await wire.close()

    story(test, tmp_path)


def test_who_does_not_log_in_is_closed_and_who_drips_too(tmp_path):
    async def test(app):
        silent = [await Wire.connect(app) for _ in range(20)]
        dripping = await Wire.connect(app)
        drip = asyncio.ensure_future(drip_bytes(dripping))
        await asyncio.gather(*(wire.ended() for wire in silent), dripping.ended())
        drip.cancel()
        for wire in (*silent, dripping):
            await wire.close()

    story(test, tmp_path, limits=SHORT)


async def drip_bytes(wire):
    with contextlib.suppress(ConnectionError):
        for byte in b'{"id":1,"method":"mining.subscribe","params":[' * 50:
            wire.send_raw(bytes([byte]))
            await asyncio.sleep(0.02)


def test_a_slow_reader_is_let_go_and_memory_stays_bounded(tmp_path):
    """S10: it never reads; thousands of jobs go to it until its buffer is full."""

    async def test(app):
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.setblocking(False)
        listener = app.shell.listeners[0]
        loop = asyncio.get_running_loop()
        await loop.sock_connect(plain, (listener.host, listener.port))
        login = b'{"id":1,"method":"mining.subscribe","params":[]}\n'
        login += b'{"id":2,"method":"mining.authorize","params":["slow.r","x"]}\n'
        await loop.sock_sendall(plain, login)
        await until(lambda: any(session.worker == "slow.r" for session in app.kernel.pool.sessions.values()))
        node = app.links["pool"].node
        for _ in range(2000):
            template = await node.template(None)
            app.links["pool"]._newest = None
            app.links["pool"]._announce(app_template(template))
            if not any(session.worker == "slow.r" for session in app.kernel.pool.sessions.values()):
                break
            await asyncio.sleep(0)
        await until(lambda: not any(session.worker == "slow.r" for session in app.kernel.pool.sessions.values()))
        plain.close()

    story(test, tmp_path)


def app_template(answer):
    from hashwright.chain.coins.bitcoin import COIN
    from hashwright.chain.template import template_of_gbt

    return template_of_gbt(answer, COIN)


def test_half_closed_and_reset_connections_end_their_session(tmp_path):
    async def test(app):
        before = len(app.shell.connections)
        wires = [await Wire.connect(app) for _ in range(10)]
        for number, wire in enumerate(wires):
            await wire.login(f"eva.r{number}")
            if number % 2:
                wire.writer.write_eof()
            else:
                wire.writer.transport.abort()
        await until(lambda: len(app.shell.connections) == before)
        assert len(app.kernel.pool.sessions) == before
        for wire in wires:
            await wire.close()

    story(test, tmp_path)


def test_too_many_connections_of_one_address_are_refused(tmp_path):
    async def test(app):
        wires = [await Wire.connect(app) for _ in range(6)]
        await until(lambda: sum(app.shell.listeners[0].refused.values()) >= 3)
        for wire in wires:
            await wire.close()

    story(test, tmp_path, limits=Limits(per_address=4))


def test_an_address_is_banned_only_when_none_of_its_machines_works(tmp_path):
    async def play():
        async with running(tmp_path, ScriptedNode()) as app:
            bad = await Wire.connect(app)
            bad.send_raw(b"nonsense\n" * 30)
            await bad.ended()
            again = await Wire.connect(app)
            await again.ended()
            assert app.shell.listeners[0].refused["banned for a minute"] == 1
            await bad.close()
            await again.close()

    asyncio.run(play())


def test_submitting_before_login_and_for_others_is_refused(tmp_path):
    async def test(app):
        wire = await Wire.connect(app)
        assert (await wire.ask("mining.submit", "a", "1", "00" * 8, "0" * 8, "0" * 8))["error"][0] == 25
        await wire.ask("mining.subscribe", "t", id=2)
        assert (await wire.ask("mining.submit", "a", "1", "00" * 8, "0" * 8, "0" * 8))["error"][0] == 24
        await wire.ask("mining.authorize", "eva.r", "x", id=3)
        assert (await wire.ask("mining.submit", "other.r", "1", "00" * 8, "0" * 8, "0" * 8))["error"][0] == 24
        assert (await wire.ask("mining.submit", "eva.r", "1", "00" * 8, "0" * 8, "0" * 8))["error"][0] == 21
        await wire.close()

    story(test, tmp_path)


def test_text_variants_of_one_share_are_one_share(tmp_path):
    """S2: hex in any case is the same bytes; anything else is no hex."""

    async def test(app):
        wire = await Wire.connect(app)
        await wire.login("eva.r", "d=0.0000000002")
        job = (await wire.note("mining.notify"))[0]
        ntime = f"{1_800_000_000:08x}"
        good = ("eva.r", job, "00000000000000ab", ntime, "000000cd")
        assert (await wire.ask("mining.submit", *good, id=5))["result"] is True
        variants = [
            ("eva.r", job, "00000000000000AB", ntime, "000000CD"),
            ("eva.r", job, "00000000000000Ab", ntime.upper(), "000000cD"),
        ]
        for variant in variants:
            assert (await wire.ask("mining.submit", *variant, id=6))["error"][0] == 22
        for nonce in ("cd", "0000_0cd", " 00000cd", "000000c\u0664", "0x0000cd", "000000cdzz"):
            assert (await wire.ask("mining.submit", *good[:4], nonce, id=7))["error"][0] == 20
        await wire.close()

    story(test, tmp_path)


def test_500_fuzzed_sessions_leave_the_program_well(tmp_path):
    async def test(app):
        rng = random.Random(20261123)
        for start in range(0, 500, 25):
            await asyncio.gather(*(fuzz_one(app, start + i, rng.random()) for i in range(25)))
        await until(lambda: len(app.shell.connections) == 1)
        # the fuzzers' address is the honest machine's, which works: no ban may have hit it
        assert not app.shell.listeners[0]._banned_until

    story(test, tmp_path)


async def fuzz_one(app, seed, cut):
    wire = await Wire.connect(app)
    with contextlib.suppress(ConnectionError):
        if seed % 2:
            await wire.login("fuzz.r")
        data = stream_of(seed, 20)
        for start in range(0, len(data), 700):
            wire.send_raw(data[start : start + 700])
            await wire.writer.drain()
        if cut < 0.5:
            wire.writer.transport.abort()
        else:
            wire.writer.write_eof()
            await wire.ended()
    await wire.close()


@pytest.mark.parametrize(
    ("host", "group"),
    [("10.0.0.7", "10.0.0.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("::ffff:10.0.0.7", "10.0.0.7"), ("x", "x")],
)
def test_an_address_is_a_host_or_a_64(host, group):
    assert address_group(host) == group


def test_a_login_and_a_share_may_come_in_one_piece(tmp_path):
    async def together(app):
        wire = await Wire.connect(app)
        await wire.login("first.r01", "d=0.0000000002")
        session = next(item for item in app.kernel.pool.sessions.values() if item.worker == "first.r01")
        job = list(session.sent)[-1]
        wire.send("mining.authorize", "second.r01", "x", id=51)
        wire.send("mining.submit", "second.r01", job, "00" * 8, f"{1_800_000_000:08x}", "00000002", id=52)
        assert await wire.answer(52) == {"id": 52, "result": True, "error": None}
        await wire.close()

    story(together, tmp_path)
