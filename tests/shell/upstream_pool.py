"""A scripted upstream on loopback, for tests: answers by the book unless told otherwise, and notes what it was sent."""

import asyncio
import contextlib
import itertools
import json
import random
from types import SimpleNamespace

import uvloop

from hashwright.clock import ManualClock
from hashwright.pool.effects import SubmitUpstream
from hashwright.pool.events import (
    ChannelClosed,
    ChannelOpened,
    SharesAnswered,
    UpstreamChanged,
    UpstreamJobSeen,
)
from hashwright.runtime.upstream import Upstream, UpstreamLimits
from hashwright.runtime.upstream_settings import parse_upstream

PREV = "00" * 28 + "0000abcd"
QUICK = UpstreamLimits(
    connect_s=20.0,
    handshake_s=20.0,
    first_job_s=20.0,
    back_off_first_s=0.02,
    back_off_max_s=0.05,
    refused_s=0.05,
    sweep_s=0.02,
    drain_s=0.2,
    home_s=0.1,
    log_s=0.0,
)
"""Short pauses; the time-outs that a test is not about are long, for slow machines."""


def job_params(job="j1", *, clean=True, ntime=0x68000000, prefix="01000000"):
    return [job, PREV, prefix, "00000000", ["11" * 32], "20000000", "1d00ffff", f"{ntime:08x}", clean]


class Client:
    """The server's side of one connection."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.asked = []
        self.ended = asyncio.Event()

    def send(self, message):
        self.send_raw(json.dumps(message).encode() + b"\n")

    def send_raw(self, data):
        if not self.writer.is_closing():
            self.writer.write(data)

    def tell(self, method, *params):
        self.send({"id": None, "method": method, "params": list(params)})

    def reply(self, request, result=True, error=None):
        self.send({"id": request["id"], "result": result, "error": error})

    def job(self, job="j1", **options):
        self.tell("mining.notify", *job_params(job, **options))

    def of(self, method):
        return [request for request in self.asked if request["method"] == method]

    def close(self):
        self.writer.close()

    def abort(self):
        self.writer.transport.abort()


class Pool:
    """Listens on 127.0.0.1. `on[method]` is called instead of the answer by the book: `on(client, request)`."""

    def __init__(self, *, prefix="aabbccdd", size=8, difficulty=2.0, gives_jobs=True):
        self.prefix, self.size, self.difficulty, self.gives_jobs = prefix, size, difficulty, gives_jobs
        self.on = {}
        self.clients = []
        self.server = None
        self.port = 0
        self.tasks = set()

    async def start(self, *, port=0, tls=None):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        if self.server is not None:
            self.server.close()
        for client in self.clients:
            client.abort()
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def url(self):
        return f"stratum+tcp://127.0.0.1:{self.port}"

    @property
    def client(self):
        return self.clients[-1]

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        client = Client(self, reader, writer)
        self.clients.append(client)
        try:
            if "connect" in self.on:
                self.on["connect"](client, None)
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                while line := await reader.readline():
                    self._hear(client, json.loads(line))
        finally:
            client.ended.set()
            self.tasks.discard(task)
            if not getattr(client, "stays_open", False):
                writer.close()

    def _hear(self, client, request):
        client.asked.append(request)
        method = request.get("method")
        handler = self.on.get(method) or getattr(self, str(method).replace(".", "_"), None)
        if handler is not None:
            handler(client, request)

    def mining_configure(self, client, request):
        client.reply(request, {"version-rolling": True, "version-rolling.mask": "1fffe000"})

    def mining_subscribe(self, client, request):
        client.reply(request, [[["mining.notify", "s"]], self.prefix, self.size])

    def mining_extranonce_subscribe(self, client, request):
        client.reply(request)

    def mining_suggest_difficulty(self, client, request):
        client.reply(request)

    def mining_authorize(self, client, request):
        client.reply(request)
        if len(client.of("mining.authorize")) == 1:
            client.tell("mining.set_difficulty", self.difficulty)
            if self.gives_jobs:
                client.job()

    def mining_submit(self, client, request):
        client.reply(request)


class Desk:
    """Takes the events, in order."""

    def __init__(self):
        self.events = []

    def tell(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if type(event) is kind]

    @property
    def opened(self):
        return self.of(ChannelOpened)

    @property
    def closed(self):
        return self.of(ChannelClosed)

    @property
    def jobs(self):
        return self.of(UpstreamJobSeen)

    @property
    def verdicts(self):
        return [verdict for event in self.of(SharesAnswered) for verdict in event.verdicts]

    @property
    def states(self):
        return [event.state for event in self.of(UpstreamChanged)]


async def until(predicate, seconds=30.0):
    """Wait for a condition, with a bound; the message shows the predicate's place."""
    try:
        async with asyncio.timeout(seconds):
            while not predicate():
                await asyncio.sleep(0.005)
    except TimeoutError:
        code = predicate.__code__
        raise AssertionError(f"never true: {code.co_filename}:{code.co_firstlineno}") from None


def settings_for(*urls, **options):
    return parse_upstream({"name": "far", "urls": list(urls), "user": "acct.main", **options})


@contextlib.asynccontextmanager
async def running(*urls, limits=QUICK, clock=None, **options):
    """Run one upstream; yields its parts. Everything ends, and nothing stays open."""
    desk = Desk()
    channels = itertools.count(101)
    upstream = Upstream(
        settings_for(*urls, **options),
        clock=clock or ManualClock(1_800_000_000_000),
        desk=desk,
        next_channel=lambda: next(channels),
        rng=random.Random(7),
        limits=limits,
    )
    task = asyncio.get_running_loop().create_task(upstream.run())
    try:
        yield SimpleNamespace(upstream=upstream, desk=desk, clock=upstream.clock)
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await upstream.aclose()


def share(number=1, *, channel=101, worker="kai.r01", job="j1", bits=0x2000, destination="far"):
    return SubmitUpstream(
        destination=destination,
        channel=channel,
        share=number,
        worker=worker,
        job=job,
        extranonce2=bytes(8),
        ntime=0x68000000,
        nonce=number,
        version_bits=bits,
    )


def play(story, **options):
    """Run a story with a pool of its own: `story(pool)`, on both kinds of loop."""

    async def run():
        pool = await Pool(**options).start()
        try:
            await story(pool)
        finally:
            await pool.stop()

    for new_loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(run())


@contextlib.asynccontextmanager
async def pools(*several):
    """Start more pools, and stop them in the end."""
    try:
        yield [await pool.start() for pool in several]
    finally:
        for pool in several:
            await pool.stop()
