"""Monero's machines at the real program: what they send, what they are told, and what nobody gets away with."""

import asyncio
import threading

import msgspec
import pytest

from hashwright.chain.cryptonote.block import read_block
from hashwright.chain.cryptonote.randomx import RandomX
from hashwright.errors import AuthRejected, NotSupported
from hashwright.runtime import randomx
from hashwright.runtime.route_probe import ProbeOptions
from hashwright.runtime.route_test import probe
from hashwright.runtime.upstream_checks import check_upstream
from hashwright.signals import MoveMachine
from shell.app import until
from shell.monero_app import BlobWire, ScriptedMonero, drop_machines, running, seed_of, some_address, upstream


@pytest.fixture(scope="module", autouse=True)
def caches():
    yield
    drop_machines()


def story(tale, folder, node=None, **changes):
    async def scene():
        async with running(folder, node, **changes) as app:
            await tale(app)

    asyncio.run(scene())


def test_a_machine_logs_in_works_and_is_judged(tmp_path):
    node = ScriptedMonero()

    async def tale(app):
        wire = await BlobWire.connect(app)
        job = await wire.login(rigid="rack")
        assert (job["algo"], job["height"], job["seed_hash"]) == ("rx/0", 101, seed_of(101).hex())
        assert await wire.share(job, 1) == "OK"
        assert await wire.share(job, 1) == "Duplicate share"
        assert await wire.share(job, 2, result="ff" * 32) == "Wrong result: the hash is another one"
        assert await wire.share(job, 2, result="ff" * 31) == "result must be 64 hex digits"
        assert await wire.share(job, 2, nonce="0102") == "nonce must be 8 hex digits"
        assert await wire.share(job, 2, job_id="0") == "Invalid job id"
        assert (await wire.ask("keepalived", id=8))["result"] == {"status": "KEEPALIVED"}
        node.new_tip()
        newer = await wire.job()
        assert newer["job_id"] != job["job_id"]
        assert await wire.share(job, 3) == "Block expired"
        assert await wire.share(newer, 3) == "OK"
        assert (await wire.ask("login", login="again"))["error"]["message"].startswith("this connection has logged in")
        await wire.close()

    story(tale, tmp_path, node)


def test_a_block_goes_to_the_node_as_the_bytes_that_were_hashed(tmp_path):
    node = ScriptedMonero(difficulty=1)

    async def tale(app):
        wire = await BlobWire.connect(app)
        job = await wire.login()
        assert await wire.share(job, 7) == "OK"
        await until(lambda: node.submitted)
        block = read_block(node.submitted[0])
        assert block.hashing_blob[:39].hex() == job["blob"][:78]
        assert block.hashing_blob[39:43] == b"\x07\0\0\0"
        assert block.hashing_blob[43:].hex() == job["blob"][86:]
        assert block.id.hex() in app.kernel.pool.blocks
        await wire.close()

    story(tale, tmp_path, node)


def test_a_key_that_changes_is_made_ahead_and_both_are_hashed_under(tmp_path):
    node = ScriptedMonero(height=2110, next_seed=seed_of(2113))

    async def tale(app):
        wire = await BlobWire.connect(app)
        job = await wire.login()
        assert job["next_seed_hash"] == seed_of(2113).hex()
        assert set(app._randomx.seeds) == {seed_of(2111), seed_of(2113)}
        assert await wire.share(job, 1) == "OK"
        node.next_seed = b""
        node.new_tip(2112)
        newer = await wire.job()
        assert newer["seed_hash"] == seed_of(2113).hex() != job["seed_hash"]
        assert "next_seed_hash" not in newer
        assert await wire.share(newer, 1) == "OK"
        forged = {**newer, "seed_hash": job["seed_hash"]}
        assert await wire.share(forged, 2) == "Wrong result: the hash is another one", "hashed under the old key"
        assert len(app._randomx.seeds) == 2
        await wire.close()

    story(tale, tmp_path, node)


def test_without_the_library_the_node_judges(tmp_path, monkeypatch):
    def missing(seed, *, is_full):
        raise NotSupported("not here", code="HW-209")

    monkeypatch.setattr(randomx, "RandomX", missing)
    node = ScriptedMonero()

    async def tale(app):
        wire = await BlobWire.connect(app)
        job = await wire.login()
        assert await wire.share(job, 1) == "OK"
        assert await wire.share(job, 2, result="00" * 32) == "Wrong result: the hash is another one"
        assert node.judged == 2
        await wire.close()

    story(tale, tmp_path, node)


def test_the_loop_answers_while_a_key_is_being_made(tmp_path, monkeypatch):
    gate = threading.Event()

    def slow(seed, *, is_full):
        assert gate.wait(30)
        return RandomX(seed, is_full=is_full)

    monkeypatch.setattr(randomx, "RandomX", slow)

    async def tale(app):
        wire = await BlobWire.connect(app)
        job = await wire.login()
        share = asyncio.ensure_future(wire.share(job, 1))
        await until(lambda: app.shell.hashing.waiting == 1)
        other = await BlobWire.connect(app)
        assert (await other.ask("keepalived", id=3))["result"] == {"status": "KEEPALIVED"}
        assert not share.done()
        gate.set()
        assert await share == "OK"
        await wire.close()
        await other.close()

    try:
        story(tale, tmp_path, ScriptedMonero())
    finally:
        gate.set()


@pytest.mark.parametrize(
    ("user", "text"),
    [
        (some_address("stage"), "of the stage network, but regtest is set"),
        (some_address()[:-1] + "2", "is damaged"),
        ("not a name", "Worker names have 1 to 128"),
    ],
)
def test_who_cannot_be_paid_is_told_so_and_may_try_again(tmp_path, user, text):
    async def tale(app):
        wire = await BlobWire.connect(app)
        answer = await wire.ask("login", login=user, agent="test")
        assert text in answer["error"]["message"]
        assert await wire.login(some_address() + ".r1")
        await wire.close()

    story(tale, tmp_path, ScriptedMonero())


def test_ten_thousand_logins_in_a_row_cost_the_others_nothing(tmp_path):
    async def tale(app):
        good = await BlobWire.connect(app)
        job = await good.login()
        bad = await BlobWire.connect(app)
        for number in range(10_000):
            bad.send("login", number, login="kai.r2", agent="test")
        assert await good.share(job, 1) == "OK"
        async with asyncio.timeout(20):
            try:
                while await bad.reader.read(65536):
                    pass
            except ConnectionError:
                pass
        await until(lambda: len(app.shell.listeners[0].connections) == 1)
        assert len(app.kernel.pool.sessions) == 1
        await good.close()

    story(tale, tmp_path, ScriptedMonero())


# -------------------------------------------------------------------- an upstream, which is another Hashwright


def test_machines_share_an_upstream_by_a_byte_of_the_nonce(tmp_path):
    async def scene():
        node = ScriptedMonero()
        async with running(tmp_path / "far", node) as far, running(tmp_path / "near") as near:
            near.set_destination(upstream(far.shell.listeners[0].port))
            await until(lambda: near.kernel.pool.destinations["far"].job)
            wires = [await BlobWire.connect(near) for _ in range(3)]
            jobs = [await wire.login(f"kai.r{n}") for n, wire in enumerate(wires)]
            bytes_of_nonce = {job["blob"][84:86] for job in jobs}
            assert len(bytes_of_nonce) == 3
            assert "00" not in bytes_of_nonce, "zero would leave the whole nonce to the machine"
            assert len({job["blob"][:84] + job["blob"][86:] for job in jobs}) == 1, "one blob, one connection"
            for wire, job in zip(wires, jobs, strict=True):
                assert await wire.share(job, 9) == "OK"
            assert await wires[0].share({**jobs[0], "blob": jobs[1]["blob"]}, 10) == SPLIT, "another's part"
            await until(lambda: accepted(near) == 3)
            assert len(far.kernel.pool.sessions) == 1
            node.new_tip()
            newer = [await wire.job() for wire in wires]
            assert await wires[0].share(jobs[0], 11) == "Block expired"
            assert await wires[0].share(newer[0], 11) == "OK"
            await until(lambda: accepted(near) == 4)
            for wire in wires:
                await wire.close()

    asyncio.run(scene())


def test_behind_a_proxy_that_splits_the_nonce_each_machine_has_a_connection_of_its_own(tmp_path):
    async def scene():
        node = ScriptedMonero()
        async with (
            running(tmp_path / "pool", node) as pool,
            running(tmp_path / "proxy") as proxy,
            running(tmp_path / "near") as near,
        ):
            proxy.set_destination(upstream(pool.shell.listeners[0].port))
            await until(lambda: proxy.kernel.pool.destinations["far"].job)
            near.set_destination(upstream(proxy.shell.listeners[0].port))
            await until(lambda: near.kernel.pool.destinations["far"].job)
            await until(lambda: "HW-310" in told(near))
            assert "HW-310" not in told(proxy)
            wires = [await BlobWire.connect(near) for _ in range(2)]
            for number, wire in enumerate(wires):
                job = await wire.login(f"kai.r{number}")
                assert job["blob"][84:86] != "00"
                assert await wire.share(job, 9 + number) == "OK"
            await until(lambda: accepted(near) == 2)
            await until(lambda: accepted(proxy) == 2)
            assert len(proxy.kernel.pool.sessions) == 2
            for wire in wires:
                await wire.close()

    asyncio.run(scene())


def test_a_proxy_behind_us_is_named_where_we_split_the_nonce_too(tmp_path):
    async def scene():
        node = ScriptedMonero()
        async with running(tmp_path / "far", node) as far, running(tmp_path / "near") as near:
            near.set_destination(upstream(far.shell.listeners[0].port))
            await until(lambda: near.kernel.pool.destinations["far"].job)
            wire = await BlobWire.connect(near)
            await wire.login("farm.proxy", agent="xmrig-proxy/6.22.0")
            await until(lambda: "HW-311" in told(near))
            await wire.close()

    asyncio.run(scene())


def test_an_upstream_is_looked_at_before_it_is_saved(tmp_path):
    async def scene():
        async with running(tmp_path / "far", ScriptedMonero()) as far:
            raw = msgspec.to_builtins(upstream(far.shell.listeners[0].port))
            titles = [check.title for check in await check_upstream(raw)]
            assert "takes the user kai.main" in titles[0]
            assert titles[1] == "its job is for height 101, fork 16, difficulty 1"
            assert "255 machines" in titles[2]
            (refused,) = await check_upstream({**raw, "user": some_address("stage")})
            assert (refused.state, refused.code) == ("failed", "HW-431")
            asked = ProbeOptions(url=raw["urls"][0], user="kai.main", algorithm="randomx")
            found = await probe(asked)
            assert (found.job.height, found.job.version, found.job.seed) == (101, "16", seed_of(101).hex())
            assert (found.room.machines, found.difficulty, found.job.problem) == (255, 1, "")
            assert found.session
            assert found.alive_ms is not None
            with pytest.raises(AuthRejected, match="refuses the user"):
                await probe(msgspec.structs.replace(asked, user=some_address("stage")))
        (gone,) = await check_upstream(raw)
        assert (gone.state, gone.code) == ("failed", "HW-430")
        (wrong,) = await check_upstream({**raw, "names": "workers"})
        assert "a share names nobody" in wrong.title

    asyncio.run(scene())


def test_a_machine_goes_from_the_own_node_to_a_pool_and_back(tmp_path):
    async def scene():
        async with (
            running(tmp_path / "far", ScriptedMonero(height=500)) as far,
            running(tmp_path / "near", ScriptedMonero()) as near,
        ):
            near.set_destination(upstream(far.shell.listeners[0].port))
            await until(lambda: near.kernel.pool.destinations["far"].job)
            wire = await BlobWire.connect(near)
            first = await wire.login()
            (session,) = near.kernel.pool.sessions
            here = near.kernel.pool.sessions[session].destination
            there = "far" if here == "pool" else "pool"
            heights = {"far": 501, "pool": 101}
            jobs = [first]
            for place in (there, here, there):
                near.kernel.handle(MoveMachine(session, place, True))
                while jobs[-1]["height"] != heights[place]:
                    jobs.append(await wire.job())
                assert await wire.share(jobs[-1], len(jobs)) == "OK"
            assert len({job["job_id"] for job in jobs}) == len(jobs), "no job twice"
            await wire.close()

    asyncio.run(scene())


SPLIT = "Malformed nonce: is another proxy splitting it?"


def accepted(app):
    """What the upstream itself accepted."""
    app.kernel.commit_now()
    return sum(link.shares.counts.accepted for link in app.upstreams["far"]._links)


def told(app):
    app.kernel.commit_now()
    return {alert.code for alert in app.store.alerts(50)}
