"""A machine that takes no new extranonce is asked to come again: to the same place, politely, and not for ever."""

from hashwright.routing.events import PinSet
from hashwright.runtime import live
from shell.app import settings, until
from shell.full_disk import story


def test_it_is_sent_to_no_other_host_and_let_go_when_it_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "RECONNECT_SPREAD_S", 0.0)
    monkeypatch.setattr(live, "RECONNECT_PATIENCE_S", 0.2)

    async def move(it):
        it.app.set_destination(settings(name="mine"))
        await until(lambda: it.app.kernel.pool.destinations["mine"].state == "ready")
        wire = await it.machine(moves=False)
        assert it.session().destination == "up"
        it.app.kernel.handle(PinSet("kai.r01", "mine"))
        assert await wire.note("client.reconnect") == [], "no host is named: it keeps the address that its owner set"
        await wire.ended()
        await until(lambda: not it.sessions())

    story(move, tmp_path)
