"""Hours of a fleet under a clock that is set by hand: what is kept of each machine, thinned, and bounded."""

import asyncio
from concurrent.futures import Future
from types import SimpleNamespace

from hashwright.clock import ManualClock
from hashwright.fleet.events import Reading
from hashwright.runtime import machine_history
from hashwright.runtime.machine_history import Gatherer, MachineHistory, Means, hours_missing, points_of
from hashwright.store import machine_history as rows
from hashwright.store.machine_history import COARSE, FINE
from hashwright.store.rates import Done
from hashwright.store.sqlite import SqliteStore

HOUR = 1_800_000_000 // 86400 * 86400


def reading(name, at, power=3000.0, answer="ok"):
    return Reading(device=name, at=at, answer=answer, power_w=power, temperature_c=60.0, hashrate_hs=1e14)


class App:
    """A program with two machines that draw more each hour, on a store of its own."""

    def __init__(self, folder):
        self.clock = ManualClock(HOUR * 1000)
        self.store = SqliteStore.open(folder)
        self.write_state = "ok"
        self.fleet = SimpleNamespace(latest={}, drivers={"m-1": None, "m-2": None})
        self.writer = SimpleNamespace(transact=self.transact)
        self.written = 0

    def transact(self, apply):
        self.store.change_books(apply)
        self.written += 1
        done = Future()
        done.set_result(None)
        return done

    def read(self, machine, grain, hours=200):
        now = self.clock.now() // 1000
        return self.store.read_tables(
            lambda it: rows.read_machine(it, machine, grain, since_s=now - hours * 3600, until_s=now)
        )


async def live(app, minutes, history=None):
    history = history or MachineHistory(app)
    await history._begin()
    for _ in range(minutes):
        app.clock.advance(60_000)
        hour = (app.clock.now() // 1000 - HOUR) // 3600
        for name in app.fleet.drivers:
            app.fleet.latest[name] = reading(name, app.clock.now(), 1000.0 + 100 * hour)
        await history.turn()
    return history


def test_five_minutes_become_hours_and_a_restart_loses_no_hour_that_was_over(tmp_path):
    async def work():
        app = App(tmp_path)
        await live(app, 2 * 60 + 3)  # ends before the second hour was made up
        assert [it.at_s for it in app.read("m-1", COARSE)] == [HOUR]
        assert len(app.read("m-1", FINE)) == 24
        await live(app, 70)
        found = app.read("m-2", COARSE)
        assert [it.at_s - HOUR for it in found] == [0, 3600, 7200]
        assert [round(it.power_w, -1) for it in found] == [1000, 1100, 1200]
        assert found[1].temperature_c == 60
        assert found[1].refused_part is None
        assert app.store.read_tables(lambda it: hours_missing(it, before_s=HOUR + 10800)) == []
        app.store.close()

    asyncio.run(work())


def test_while_nothing_can_be_written_the_plot_has_a_gap_and_goes_on(tmp_path):
    async def work():
        app = App(tmp_path)
        history = await live(app, 11)
        app.write_state = "full"
        await live(app, 10, history)
        app.write_state = "ok"
        await live(app, 11, history)
        assert [it.at_s - HOUR for it in app.read("m-1", FINE)] == [0, 300, 1200, 1500]
        app.store.close()

    asyncio.run(work())


def test_what_is_too_old_goes_chunk_by_chunk(tmp_path, monkeypatch):
    async def work():
        app = App(tmp_path)
        old = HOUR - 5 * 86400

        def fill(connection):
            for hour in range(60):
                rows.write(connection, FINE, old + 3600 * hour, [("m-1", b"")])
            rows.write(connection, COARSE, HOUR - 100 * 86400, [("m-1", b"")])
            rows.write(connection, COARSE, HOUR - 89 * 86400, [("m-1", b"")])

        app.store.change_books(fill)
        await live(app, 70)
        ask = app.store.read_tables
        assert ask(lambda it: rows.begins_after(it, FINE, -1)) >= HOUR
        assert ask(lambda it: rows.begins_after(it, COARSE, -1)) == HOUR - 89 * 86400
        app.store.close()

    asyncio.run(work())


def test_a_machine_that_says_nothing_new_is_counted_once_and_one_that_is_gone_is_forgotten():
    gatherer = Gatherer()
    for _ in range(3):
        gatherer.look([("m-1", reading("m-1", 5)), ("m-2", reading("m-2", 5, answer="unreachable"))])
    gatherer.look([("m-1", reading("m-1", 6, power=None))])
    found = gatherer.take(0, ["m-2"])
    assert list(found) == ["m-1"]
    assert (found["m-1"].counts, found["m-1"].of(1)) == ([2, 1, 2], 3000.0)
    gatherer.look([("m-1", reading("m-1", 5))])
    assert list(gatherer.take(0, [])) == ["m-1"]  # it came back, with a clock of its own


def done(worker, work=300 * 10**6, accepted=9, refused=1):
    return Done(minute=0, worker=worker, destination="home", work=work, accepted=accepted, refused=refused)


def test_a_worker_belongs_to_the_machine_behind_its_accounts_dot():
    said = {"m-1": Means(sums=[60.0, 3000.0, 1e14], counts=[1, 1, 1])}
    found = points_of(300, 300, said=said, done=[done("kai.m-1"), done("kai.other")], devices=["m-1", "m-2"])
    assert found["m-1"].credited_hs == 1e6 == found["kai.other"].credited_hs
    assert (found["m-1"].refused_part, found["m-1"].temperature_c) == (0.1, 60.0)
    assert found["kai.other"].temperature_c is None
    assert "m-2" not in found  # it said nothing, and nothing was accepted of it


def test_names_without_end_are_not_kept(monkeypatch):
    monkeypatch.setattr(machine_history, "NAMES_MAX", 3)
    said = {"m-9": Means()}
    found = points_of(0, 300, said=said, done=[done(f"a{number}") for number in range(9)], devices=["m-9"])
    assert set(found) == {"m-9", "a0", "a1"}
