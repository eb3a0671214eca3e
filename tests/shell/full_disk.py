"""A router in front of pools of our own, in process, on a disk that a test fills."""

import asyncio
import contextlib
import sqlite3
from collections import Counter

import pytest

from hashwright.chain.proof import sha256d
from hashwright.pool import judge
from hashwright.pool.work import Rolled
from hashwright.routing.events import RouteSet, Target
from hashwright.runtime.config import load_config
from hashwright.runtime.route_commands import change_route
from hashwright.runtime.upstream_settings import parse_upstream
from hashwright.runtime.wiring import Hashwright
from hashwright.store.sqlite import SqliteStore
from shell.app import ScriptedNode, Wire, running, until

EASY = 2e-10
"""Nearly every hash meets it, so that a test may send any nonce."""
HARD = 2e-9
"""Every ninth hash meets it."""
SQLITE_FULL = 13


class Disk:
    """Stands under one writer: while `is_full`, every commit fails as SQLite fails without room."""

    def __init__(self):
        self.is_full = False

    def connect(self, store):
        return Tampered(CONNECT(store), self)


CONNECT = SqliteStore.connect


class Tampered:
    def __init__(self, connection, disk):
        self.connection, self.disk = connection, disk
        self.executemany, self.close = connection.executemany, connection.close

    def execute(self, statement, parameters=()):
        if statement == "COMMIT" and self.disk.is_full:
            problem = sqlite3.OperationalError("database or disk is full")
            problem.sqlite_errorcode = SQLITE_FULL
            raise problem
        return self.connection.execute(statement, parameters)


class Stage:
    """A router in front of pools of our own, on a disk that a test fills."""

    def __init__(self, app, disk, pools, node):
        self.app, self.disk, self.pools, self.node = app, disk, pools, node
        self.wires = []

    @property
    def passing(self):
        return self.app.shell.passing

    def route(self, *targets, safe):
        wanted = tuple(Target(name, "share", 1.0) for name in targets)
        self.app.kernel.handle(RouteSet("sha256d", wanted, (), safe, 0, "t"))

    async def follow(self, **route):
        """Set a route as a person does: it is stored."""
        await change_route(self.app, {"algorithm": "sha256d", "author": "t"} | route)

    async def machine(self, worker="kai.r01", *, password="x", moves=True):
        wire = await Wire.connect(self.app)
        if moves:
            await wire.ask("mining.extranonce.subscribe", id=3)
        await wire.login(worker, password)
        await until(lambda: any(item.worker == worker and item.sent for item in self.sessions()))
        self.wires.append(wire)
        return wire

    def sessions(self):
        return self.app.kernel.pool.sessions.values()

    def session(self, worker="kai.r01"):
        return next(item for item in self.sessions() if item.worker == worker)

    async def fill(self):
        self.disk.is_full = True
        await until(lambda: self.app.write_state == "full")
        assert self.passing.is_on

    async def make_room(self):
        self.disk.is_full = False
        await until(lambda: self.app.write_state == "ok")
        assert not self.passing.is_on

    def share(self, nonce, *, worker="kai.r01"):
        session = self.session(worker)
        job = list(session.sent)[-1]
        ntime = self.app.kernel.pool.jobs[job].ntime
        return worker, job, "00" * session.extranonce2_size, f"{ntime:08x}", f"{nonce:08x}"

    def shares(self, fits, *, worker="kai.r01"):
        """The shares of a machine's newest job whose hash fits, one after the other."""
        session = self.session(worker)
        job, terms = judge.find_job(self.app.kernel.pool, session.id, list(session.sent)[-1])
        extranonce2 = bytes(session.extranonce2_size)
        for nonce in range(1_000):
            header = judge.input_of((job, terms), Rolled(extranonce2, job.ntime, nonce, None))
            if fits(job, sha256d(header)[::-1]):
                yield self.share(nonce, worker=worker)

    def sent(self, name="up"):
        return sum(link["submitted"] for link in self.app.upstreams[name].describe()["links"])


def reaches(job, hash_be):
    return hash_be <= job.upstream_target_be


def misses(job, hash_be):
    return not reaches(job, hash_be)


def is_block(job, hash_be):
    return hash_be <= job.network_target_be


def is_none(job, hash_be):
    return not is_block(job, hash_be)


def upstream(name, pool, difficulty):
    return {
        "name": name,
        "urls": [f"stratum+tcp://127.0.0.1:{pool.shell.listeners[0].port}"],
        "user": "acct.router",
        "password": f"d={difficulty:.12f}",
        "network": "regtest",
        "minimum_difficulty": 1e-12,
        "start_difficulty": EASY,
    }


@contextlib.asynccontextmanager
async def router(folder, disk, node):
    config = load_config(environ={}, flags={"data_dir": str(folder), "listen": "sha256d=127.0.0.1:0"})
    app = Hashwright(config, build_node=lambda _: node)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteStore, "connect", lambda store: disk.connect(store))
        await app.start()
    try:
        yield app
    finally:
        await app.stop()


@contextlib.asynccontextmanager
async def stage(tmp_path, *, names=("up",), difficulty=EASY):
    disk, node = Disk(), ScriptedNode()
    async with contextlib.AsyncExitStack() as stack:
        pools = {}
        for name in names:
            pool = running(tmp_path / name, ScriptedNode(bits="1d00ffff"))
            pools[name] = await stack.enter_async_context(pool)
        app = await stack.enter_async_context(router(tmp_path / "router", disk, node))
        it = Stage(app, disk, pools, node)
        for name, pool in pools.items():
            raw = upstream(name, pool, difficulty)
            app.set_destination(parse_upstream(raw))
            await asyncio.wrap_future(app.writer.put_setting("destination", name, raw, now=app.clock.now()))
        for name in names:
            await until(lambda name=name: app.kernel.pool.destinations[name].state == "ready")
        it.route(names[0], safe=names[0])
        yield it
        disk.is_full = False
        for wire in it.wires:
            await wire.close()


def story(test, tmp_path, **changes):
    async def play():
        async with stage(tmp_path, **changes) as it:
            await test(it)

    asyncio.run(play())


async def replies(wire, *, id=999):
    """Everything a machine was answered until now, by the request's number."""
    wire.send("mining.ping", id=id)
    seen = Counter(message["id"] for message in wire.notes if "method" not in message)
    while True:
        message = await wire.line()
        if message.get("id") == id:
            return seen
        if "method" not in message:
            seen[message["id"]] += 1
