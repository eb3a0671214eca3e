"""SIGHUP: settings are read again, nobody is disconnected, what cannot be read gives way to the safe destination."""

import asyncio

from hashwright.runtime.route_settings import ROUTE_KIND
from shell.app import ScriptedNode, Wire, running, settings, until

SECOND = {"name": "second", "start_difficulty": 1e-9, "minimum_difficulty": 1e-12}


def story(test, tmp_path):
    async def play():
        async with running(tmp_path, ScriptedNode(bits="1d00ffff")) as app:
            app.set_destination(settings(**SECOND))
            for name in ("pool", "second"):
                raw = {"name": name, "coin": "bitcoin", "network": "regtest", "address": settings().address}
                await store(app, "destination", name, raw | {"start_difficulty": 1e-9, "minimum_difficulty": 1e-12})
            await until(lambda: app.kernel.pool.destinations["second"].state == "ready")
            wire = await Wire.connect(app)
            await wire.login("kai.r01", "d=0.0000000002")
            await test(app, wire)
            assert len(app.kernel.pool.sessions) == 1, "nobody was disconnected"
            await wire.close()

    asyncio.run(play())


async def store(app, kind, name, value):
    await asyncio.wrap_future(app.writer.put_setting(kind, name, value, now=app.clock.now()))


def where(app):
    (session,) = app.kernel.pool.sessions.values()
    return session.destination


def route(**changes):
    return {"algorithm": "sha256d", "targets": ["pool=1"], "fallbacks": [], "safe": "second", "author": "t"} | changes


def test_a_stored_route_is_followed_after_a_reload(tmp_path):
    async def reload(app, _wire):
        await store(app, ROUTE_KIND, "sha256d", route(targets=["second=1"]))
        app.reload()
        await until(lambda: where(app) == "second")
        app.reload()
        assert app.kernel.routing.groups["sha256d"].plan.targets[0].destination == "second"

    story(reload, tmp_path)


def test_a_route_that_cannot_be_read_gives_way_to_the_safe_destination(tmp_path):
    async def reload(app, _wire):
        await store(app, ROUTE_KIND, "sha256d", route())
        app.reload()
        await until(lambda: where(app) == "pool")
        await store(app, ROUTE_KIND, "sha256d", {"algorithm": "sha256d", "targets": ["pool=seventy"]})
        app.reload()
        await until(lambda: where(app) == "second")
        assert app.kernel.routing.groups["sha256d"].failed.startswith("reload:")
        await store(app, ROUTE_KIND, "sha256d", route())
        app.reload()
        await until(lambda: where(app) == "pool")
        assert not app.kernel.routing.groups["sha256d"].failed

    story(reload, tmp_path)


def test_a_route_that_is_gone_from_the_store_is_followed_no_more(tmp_path):
    async def reload(app, _wire):
        await store(app, ROUTE_KIND, "sha256d", route(targets=["second=1"]))
        app.reload()
        await until(lambda: where(app) == "second")
        await asyncio.wrap_future(app.writer.delete_setting(ROUTE_KIND, "sha256d"))
        app.reload()
        assert app.kernel.routing.groups["sha256d"].plan is None

    story(reload, tmp_path)


def test_a_broken_destination_disables_itself_alone(tmp_path):
    async def reload(app, _wire):
        await store(app, "destination", "second", {"name": "second", "coin": "gold"})
        app.reload()
        assert "second" in app.broken
        assert "second" not in app.kernel.pool.destinations
        assert where(app) == "pool"

    story(reload, tmp_path)
