"""The simulated network does what real ones do to honest code."""

import asyncio
import socket

import pytest

from hashwright.testing.simulation.loop import UnhandledError, run
from hashwright.testing.simulation.network import SimHost, SimNetwork


class Recorder(asyncio.Protocol):
    """Notes what happens to it."""

    def __init__(self, *, keeps_open=False):
        self.keeps_open = keeps_open
        self.happened = []
        self.received = bytearray()
        self.pieces = 0

    def connection_made(self, transport):
        self.transport = transport
        self.happened.append("made")

    def data_received(self, data):
        self.received += data
        self.pieces += 1

    def eof_received(self):
        self.happened.append("eof")
        return self.keeps_open

    def pause_writing(self):
        self.happened.append("paused")

    def resume_writing(self):
        self.happened.append("resumed")

    def connection_lost(self, exc):
        self.happened.append(f"lost {type(exc).__name__}")


class Pair:
    """Two ends of a connection, `here` and `there`."""

    def __init__(self, loop, **options):
        self.loop, self.network = loop, SimNetwork(loop)
        self.here, self.there = Recorder(**options), Recorder(**options)

    async def connect(self):
        self.server = await self.loop.create_server(lambda: self.there, "pool", 3333)
        await self.loop.create_connection(lambda: self.here, "pool", 3333)
        return self


def simulate(story, *, seed=1, **options):
    async def connected(loop):
        await story(await Pair(loop, **options).connect())

    run(seed, connected)


def test_names_and_options_of_a_connection():
    async def story(pair):
        here, there = pair.here.transport, pair.there.transport
        assert here.get_extra_info("peername") == there.get_extra_info("sockname") == ("pool", 3333)
        assert here.get_extra_info("sockname") == there.get_extra_info("peername") == ("10.0.0.1", 40001)
        assert here.get_extra_info("socket").getpeername() == ("pool", 3333)
        assert here.get_extra_info("sslcontext", "none") == "none"

    simulate(story)


@pytest.mark.parametrize("seed", range(5))
def test_bytes_keep_their_order_in_other_pieces(seed):
    async def story(pair):
        sent = b"".join(b"line %d\n" % number for number in range(200))
        for start in range(0, len(sent), 7):
            pair.here.transport.write(sent[start : start + 7])
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        assert pair.there.received == sent
        assert pair.there.pieces != -(-len(sent) // 7)
        assert pair.loop.coverage["pieces"] > 0
        assert pair.loop.coverage["joined"] > 0

    simulate(story, seed=seed)


def test_close_sends_what_was_written_and_ends_both():
    async def story(pair):
        pair.here.transport.write(b"last words")
        pair.here.transport.close()
        assert pair.here.happened == ["made"], "connection_lost comes from the loop, not from close()"
        await asyncio.sleep(1)
        assert pair.there.received == b"last words"
        assert pair.here.happened == ["made", "lost NoneType"]
        assert pair.there.happened == ["made", "eof", "lost NoneType"]
        assert pair.network.transports == {}

    simulate(story)


def test_a_closed_end_hears_nothing_and_answers_with_a_reset():
    async def story(pair):
        pair.here.transport.close()
        pair.there.transport.write(b"too late")
        await asyncio.sleep(1)
        assert pair.here.received == b""
        assert pair.there.happened[-1] in ("lost ConnectionResetError", "lost NoneType")
        assert pair.there.transport.is_closing()

    for seed in range(5):
        simulate(story, seed=seed)


def test_a_half_closed_stream_can_still_answer():
    async def story(loop):
        SimNetwork(loop)

        async def answer(reader, writer):
            writer.write((await reader.read()).upper())
            await asyncio.sleep(3)
            writer.close()

        await asyncio.start_server(answer, "pool", 3333)
        reader, writer = await asyncio.open_connection("pool", 3333)
        writer.write(b"question")
        writer.write_eof()
        with pytest.raises(RuntimeError, match="write_eof"):
            writer.write(b"more")
        assert await reader.read() == b"QUESTION"
        writer.close()
        await writer.wait_closed()

    run(1, story)


def test_abort_and_reset_are_seen_by_the_peer():
    async def abort(pair):
        pair.here.transport.abort()
        await asyncio.sleep(1)
        assert pair.here.happened[-1] == "lost NoneType"
        assert pair.there.happened[-1] == "lost ConnectionResetError"

    async def reset(pair):
        pair.network.reset_some(1.0)
        await asyncio.sleep(1)
        assert pair.here.happened[-1] == pair.there.happened[-1] == "lost ConnectionResetError"
        assert pair.loop.coverage["resets"] == 1

    simulate(abort)
    simulate(reset)


def test_a_reset_rate_breaks_a_long_talk():
    async def story(pair):
        pair.network.reset_rate = 0.02
        for _ in range(1000):
            pair.here.transport.write(b"x")
            await asyncio.sleep(0.05)
        assert "lost ConnectionResetError" in pair.here.happened

    simulate(story)


@pytest.mark.parametrize("other", ["", "client40001"])
def test_a_partition_holds_bytes_back_until_it_heals(other):
    async def story(pair):
        pair.network.partition("pool", 10.0, other)
        pair.here.transport.write(b"from the machine")
        pair.there.transport.write(b"from the pool")
        await asyncio.sleep(9.9)
        assert (pair.here.received, pair.there.received) == (b"", b"")
        await asyncio.sleep(0.5)
        assert (pair.here.received, pair.there.received) == (b"from the pool", b"from the machine")

    simulate(story)


def test_a_partition_between_others_is_not_felt():
    async def story(pair):
        pair.network.partition("pool", 10.0, "somebody else")
        pair.here.transport.write(b"x")
        await asyncio.sleep(0.5)
        assert pair.there.received == b"x"

    simulate(story)


def test_nobody_connects_through_a_partition():
    async def story(loop):
        network = SimNetwork(loop)
        await loop.create_server(Recorder, "pool", 3333)
        network.partition("pool", 10.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await loop.create_connection(Recorder, "pool", 3333)
        await loop.create_connection(Recorder, "pool", 3333)
        assert loop.time() >= 10

    run(1, story)


def test_a_reader_that_does_not_read_stops_the_writer():
    async def story(pair):
        writer = pair.there.transport
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * 1024)
        writer.set_write_buffer_limits(high=4 * 1024)
        pair.here.transport.pause_reading()
        writer.write(b"x" * 16 * 1024)
        assert (writer.get_write_buffer_size(), pair.there.happened) == (0, ["made"]), "the kernel takes this much"
        writer.write(b"x" * 5 * 1024)
        assert (writer.get_write_buffer_size(), pair.there.happened) == (5 * 1024, ["made", "paused"])
        await asyncio.sleep(100)
        assert pair.here.received == b""
        pair.here.transport.resume_reading()
        await asyncio.sleep(1)
        assert len(pair.here.received) == 21 * 1024
        assert pair.there.happened == ["made", "paused", "resumed"]
        assert pair.loop.coverage["slow_readers"] == 1

    simulate(story)


def test_drain_waits_for_a_slow_reader():
    async def story(loop):
        SimNetwork(loop)
        done = []

        async def serve(reader, writer):
            writer.write(b"x" * 1_000_000)
            await writer.drain()
            done.append(loop.time())
            writer.close()

        await asyncio.start_server(serve, "pool", 3333)
        reader, writer = await asyncio.open_connection("pool", 3333)
        await asyncio.sleep(50)
        assert done == []
        assert len(await reader.read()) == 1_000_000
        assert done[0] >= 50
        writer.close()

    run(1, story)


def test_a_protocol_that_fails_loses_its_connection_and_is_told_of():
    async def story(pair):
        pair.there.data_received = lambda data: 1 // 0
        pair.here.transport.write(b"x")
        await asyncio.sleep(1)
        assert pair.there.happened[-1] == "lost ZeroDivisionError"
        assert pair.here.happened[-1] == "lost ConnectionResetError"

    with pytest.raises(UnhandledError, match="a protocol failed"):
        simulate(story)


def test_a_port_is_taken_once_and_refused_when_closed():
    async def story(loop):
        SimNetwork(loop)
        server = await loop.create_server(Recorder, "pool", 0)
        name, port = server.sockets[0].getsockname()
        with pytest.raises(OSError, match="in use"):
            await loop.create_server(Recorder, name, port)
        server.close()
        assert not server.is_serving()
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Recorder, name, port)

    run(1, story)


# ---------------------------------------------------------------- hosts


async def one_connection(loop, program):
    """Boot a program that listens, and connect to it."""
    network = SimNetwork(loop)
    host, machine = SimHost(network, "pool"), Recorder()
    host.boot(program)
    await asyncio.sleep(1)
    await loop.create_connection(lambda: machine, "pool", 3333)
    await asyncio.sleep(1)
    return host, machine


def test_a_crash_takes_tasks_timers_listeners_and_connections():
    happened = []

    async def story(loop):
        server = Recorder()

        async def program():
            loop.call_later(100, happened.append, "timer")
            await loop.create_server(lambda: server, "0.0.0.0", 3333)
            try:
                await asyncio.sleep(1000)
            finally:
                server.transport.write(b"farewell")
                happened.append("cleaned up")

        host, machine = await one_connection(loop, program)
        host.crash()
        assert not host.is_up
        await asyncio.sleep(200)
        assert machine.happened == ["made", "lost ConnectionResetError"]
        assert machine.received == b""
        assert server.happened == ["made"], "the dead hear nothing"
        assert happened == ["cleaned up"]
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Recorder, "pool", 3333)

    run(1, story)


def test_a_power_cut_is_not_heard_until_the_host_is_back():
    async def story(loop):
        async def program():
            await loop.create_server(Recorder, "0.0.0.0", 3333)
            await loop.create_future()

        host, machine = await one_connection(loop, program)
        host.crash(is_silent=True)
        machine.transport.write(b"anybody?")
        await asyncio.sleep(60)
        assert machine.happened == ["made"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await loop.create_connection(Recorder, "pool", 3333)
        host.boot(program)
        machine.transport.write(b"and now?")
        await asyncio.sleep(1)
        assert machine.happened == ["made", "lost ConnectionResetError"]

    run(1, story)


def test_what_a_crashed_host_had_under_way_arrives_in_part():
    arrived = set()

    async def story(loop):
        server = Recorder()

        async def program():
            await loop.create_server(lambda: server, "0.0.0.0", 3333)
            await loop.create_future()

        host, machine = await one_connection(loop, program)
        loop.network.cut_rate = loop.network.join_rate = 0.0
        for number in range(4):
            server.transport.write(b"%d" % number)
        host.crash()
        await asyncio.sleep(1)
        arrived.add(bytes(machine.received))

    for seed in range(30):
        run(seed, story)
    assert arrived == {b"", b"0", b"01", b"012", b"0123"}


def test_a_dead_process_starts_nothing_new():
    async def story(loop):
        late = []

        async def more():
            await asyncio.sleep(0)
            late.append(True)

        async def program():
            try:
                await asyncio.sleep(1000)
            finally:
                loop.more = loop.create_task(more())

        host = SimHost(SimNetwork(loop), "pool")
        host.boot(program)
        await asyncio.sleep(1)
        host.crash()
        await asyncio.sleep(10)
        assert late == []

    run(1, story)


def test_loopback_is_the_host_itself():
    async def story(loop):
        network = SimNetwork(loop)
        seen = []

        async def program():
            await loop.create_server(Recorder, "127.0.0.1", 3333)
            transport, _ = await loop.create_connection(Recorder, "127.0.0.1", 3333)
            seen.append((transport.get_extra_info("sockname")[0], transport.get_extra_info("peername")))

        await SimHost(network, "a").boot(program)
        await SimHost(network, "b").boot(program)
        assert seen == [("a", ("a", 3333)), ("b", ("b", 3333))]

    run(1, story)
