"""While the journal cannot be written shares go through to the upstream, its answer comes back, nothing is credited."""

import asyncio
import contextlib

from hashwright.routing.events import RouteSet, Target
from hashwright.runtime import replay
from hashwright.runtime.config import load_config
from hashwright.runtime.upstream_settings import parse_upstream
from hashwright.runtime.wiring import Hashwright
from hashwright.store.writer import WriteFailure
from shell.app import ScriptedNode, Wire, running, until

SHARE = "0.0000000002"
NTIME = f"{1_800_000_000:08x}"


@contextlib.asynccontextmanager
async def router(folder, pool):
    """A router with the pool as its one upstream; its writer can be held."""
    config = load_config(environ={}, flags={"data_dir": str(folder), "listen": "sha256d=127.0.0.1:0"})
    app = Hashwright(config)
    await app.start()
    try:
        app.set_destination(
            parse_upstream(
                {
                    "name": "up",
                    "urls": [f"stratum+tcp://127.0.0.1:{pool.shell.listeners[0].port}"],
                    "user": "acct.router",
                    "password": f"d={SHARE}",
                    "network": "regtest",
                    "minimum_difficulty": 1e-12,
                    "start_difficulty": float(SHARE),
                }
            )
        )
        app.kernel.handle(RouteSet("sha256d", (Target("up", "share", 1.0),), (), "up", 0, "t"))
        await until(lambda: app.kernel.pool.destinations["up"].state == "ready")
        yield app
    finally:
        await app.stop()


class Held:
    """Stands before the writer: takes batches and keeps them, as a full disk would, until it is let go."""

    def __init__(self, app):
        self.app, self.batches = app, []
        self.submit = app.writer.submit
        app.writer.submit = self.batches.append
        app._write_failed(WriteFailure(kind="full", detail="No space left on device"))

    def let_go(self):
        self.app.writer.submit = self.submit
        for batch in self.batches:
            self.submit(batch)


def share_of(app, worker, nonce):
    session = next(item for item in app.kernel.pool.sessions.values() if item.worker == worker)
    return worker, list(session.sent)[-1], "00" * session.extranonce2_size, NTIME, f"{nonce:08x}"


def story(test, tmp_path):
    async def play():
        async with (
            running(tmp_path / "pool", ScriptedNode(bits="1d00ffff")) as pool,
            router(tmp_path / "r", pool) as app,
        ):
            wire = await Wire.connect(app)
            await wire.login("kai.r01", "x")
            await until(lambda: any(item.sent for item in app.kernel.pool.sessions.values()))
            await test(pool, app, wire)
            await wire.close()

    asyncio.run(play())


def test_shares_go_through_and_the_pool_s_own_answer_comes_back(tmp_path):
    async def full_disk(pool, app, wire):
        assert (await wire.ask("mining.submit", *share_of(app, "kai.r01", 1), id=11))["result"] is True
        held = Held(app)
        assert app.write_state == "full"
        events = app.kernel.events
        credited = app.kernel.routing.groups["sha256d"].accounts["up"].counted
        share = share_of(app, "kai.r01", 2)
        assert (await wire.ask("mining.submit", *share, id=12))["result"] is True
        refused = await wire.ask("mining.submit", *share, id=13)
        assert refused["error"][0] == 22, "the pool's own word: a duplicate"
        assert app.shell.passing.relayed == 2
        assert app.kernel.routing.groups["sha256d"].accounts["up"].counted == credited, "nothing is credited"
        assert app.kernel.events - events < 10
        shares_at_pool = [it.worker for it in pool.kernel.pool.sessions.values()]
        assert shares_at_pool == ["acct.router"]
        held.let_go()
        await until(lambda: app.write_state == "ok")
        assert not app.shell.passing.is_on
        assert (await wire.ask("mining.submit", *share_of(app, "kai.r01", 3), id=14))["result"] is True
        assert app.shell.passing.relayed == 2

    story(full_disk, tmp_path)


def test_what_was_judged_before_is_answered_once_when_the_disk_is_good_again(tmp_path):
    async def full_disk(_pool, app, wire):
        held = Held(app)
        app.shell.passing.is_on = False  # judged by us, a moment before the failure was known
        wire.send("mining.submit", *share_of(app, "kai.r01", 5), id=21)
        await until(lambda: held.batches)
        app.shell.passing.is_on = True
        assert (await wire.ask("mining.submit", *share_of(app, "kai.r01", 6), id=22))["result"] is True
        held.let_go()
        assert (await wire.answer(21))["result"] is True
        wire.send("mining.submit", *share_of(app, "kai.r01", 7), id=23)
        line = await wire.answer(23)
        assert line["result"] is True
        assert not [note for note in wire.notes if note.get("id") in (21, 22)], "no request has two answers"

    story(full_disk, tmp_path)


def test_the_journal_holds_after_all_of_it(tmp_path):
    async def full_disk(_pool, app, wire):
        await wire.ask("mining.submit", *share_of(app, "kai.r01", 1), id=31)
        held = Held(app)
        for nonce in range(2, 6):
            await wire.ask("mining.submit", *share_of(app, "kai.r01", nonce), id=30 + nonce)
        held.let_go()
        await until(lambda: app.write_state == "ok")
        await wire.ask("mining.submit", *share_of(app, "kai.r01", 9), id=41)
        app.kernel.commit_now()
        await until(lambda: app.kernel.unwritten == 0)
        verified = replay.verify_journal(app.store)
        assert not verified.findings
        assert verified.shares == 2, "shares that went through are in no book"

    story(full_disk, tmp_path)


def test_a_pool_that_goes_away_while_shares_pass_leaves_no_machine_without_an_answer(tmp_path):
    async def full_disk(pool, app, wire):
        Held(app)
        app.upstreams["up"].submit = lambda effect: None  # sent, and never answered
        wire.send("mining.submit", *share_of(app, "kai.r01", 2), id=51)
        await until(lambda: app.shell.passing.waiting)
        for connection in tuple(pool.shell.listeners[0].connections):
            connection.close("the pool goes down")
        answer = await wire.answer(51)
        assert answer["error"][0] == 20

    story(full_disk, tmp_path)
