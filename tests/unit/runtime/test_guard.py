"""The guard: when it counts, when it acts, and that it never acts beside anybody else."""

import asyncio
import concurrent.futures
import fcntl
import os
import time
from types import SimpleNamespace

import msgspec
import pytest

from hashwright.adapters.devices.base import unreachable
from hashwright.errors import Unavailable
from hashwright.fleet.events import Reading
from hashwright.runtime import guard, guard_files, guard_process
from hashwright.runtime.guard import GuardKeeper
from hashwright.runtime.guard_files import Charge, Orders, Report
from hashwright.runtime.guard_process import Guard, Silence, put_to_sleep

NOBODY = 2**22 - 3
"""A process id that no process has here."""


class Driver:
    """A machine with a manner; `told` is what it was commanded."""

    def __init__(self, manner="obeys", *, asleep=False):
        self.manner, self.is_asleep, self.told = manner, asleep, []

    async def read(self):
        if self.manner == "dead" or (self.manner == "plug" and self.told):
            raise unreachable("127.0.0.1", "nothing listens there")
        return Reading(device="", at=0, answer="ok", activity="asleep" if self.is_asleep else "hashing")

    async def pause(self):
        self.told.append("pause")
        if self.manner == "dead":
            raise unreachable("127.0.0.1", "nothing listens there")
        if self.manner == "fails":
            raise ZeroDivisionError
        self.is_asleep = self.manner == "obeys"

    async def aclose(self):
        pass


class Plain:
    """A machine that can only be read."""

    async def read(self):
        return Reading(device="", at=0, answer="ok", activity="hashing")

    async def aclose(self):
        pass


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(guard_process, "LOOK_S", 0.005)
    monkeypatch.setattr(guard_process, "BACK_S", 0.001)
    monkeypatch.setattr(guard_process, "PAUSES_S", (0.01,))


@pytest.fixture
def data(tmp_path):
    (tmp_path / "hashwright.lock").write_text(f"{NOBODY}\n")
    return tmp_path


def guard_of(data, *drivers, parent=NOBODY, gone=True, limit_s=0.0):
    guard = Guard(data=data, parent=parent, silence=Silence(limit_s=limit_s), is_parent_gone=gone, heard_ms=7)
    guard.machines = {f"m{number}": driver for number, driver in enumerate(drivers)}
    return guard


def reports(data):
    return [report for _, report in guard_files.read_reports(data)]


def test_time_in_which_the_guard_did_not_run_itself_is_not_counted():
    silence = Silence(limit_s=3.0)
    assert not silence.look(3600.0, is_in_use=False), "the computer slept, or the guard was stopped"
    assert not silence.look(1.0, is_in_use=False)
    silence.hear()
    assert not silence.look(1.0, is_in_use=False)
    assert not silence.look(1.0, is_in_use=True), "somebody else owns the folder: that time is not counted"
    assert not silence.look(1.0, is_in_use=False)
    assert silence.look(1.0, is_in_use=False)


@pytest.mark.parametrize(
    ("driver", "outcome", "told"),
    [
        (Driver(), "slept", ["pause"]),
        (Driver(asleep=True), "asleep", []),
        (Driver("dead"), "unreachable", ["pause"]),
        (Driver("plug"), "slept", ["pause"]),
        (Driver("disobeys"), "not obeyed", ["pause"]),
        (Driver("fails"), "refused", ["pause"]),
        (Plain(), "unsupported", None),
    ],
)
def test_each_machine_has_an_outcome_and_none_is_told_that_slept(driver, outcome, told):
    assert asyncio.run(put_to_sleep(driver, "m")) == outcome
    assert getattr(driver, "told", None) == told


def test_it_acts_after_the_silence_keeps_what_it_did_and_tries_again_whom_it_did_not_hear(data, monkeypatch):
    monkeypatch.setattr(guard_process, "ACT_S", 0.2)
    late = Driver("dead")
    guard = guard_of(data, Driver(), late, Driver(asleep=True))
    real = guard.report

    def wake_up():
        real()
        late.manner = "obeys"

    monkeypatch.setattr(Guard, "report", lambda _: wake_up())
    asyncio.run(guard.watch())
    (report,) = reports(data)
    assert dict(report.outcomes) == {"m0": "slept", "m1": "slept", "m2": "asleep"}
    assert (report.cause, report.since, late.told) == ("gone", 7, ["pause", "pause"])


def test_an_orderly_end_touches_no_machine_and_leaves_no_report(data):
    driver = Driver()
    guard = guard_of(data, driver)
    assert not guard.take(guard_files.END)
    asyncio.run(guard.watch())
    assert (driver.told, reports(data)) == ([], [])


def test_a_program_that_hung_and_is_back_stops_the_guard_which_tells_what_it_did(data):
    slow, other = Driver(), Driver()
    guard = guard_of(data, slow, other, gone=False, parent=os.getppid())
    real = slow.pause

    async def pause():
        await real()
        guard.take(guard_files.BEAT)

    slow.pause = pause
    guard_process_places, guard_process.AT_ONCE = guard_process.AT_ONCE, 1
    try:
        asyncio.run(guard.watch())
    finally:
        guard_process.AT_ONCE = guard_process_places
    (report,) = reports(data)
    assert (report.cause, dict(report.outcomes), other.told) == ("silent", {"m0": "slept"}, [])


def test_nothing_is_done_while_another_program_owns_the_folder(data, monkeypatch):
    driver = Driver()
    guard = guard_of(data, driver)
    path = data / "hashwright.lock"
    path.write_text(f"{os.getpid()}\n")
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert guard_files.is_in_use(data, but=NOBODY)
        assert not guard.may_act()

        async def look():
            async with asyncio.timeout(0.1):
                await guard.watch()

        with pytest.raises(TimeoutError):
            asyncio.run(look())
    assert driver.told == []
    assert not guard_files.is_in_use(data, but=NOBODY), "it died as well: the guard counts again"
    asyncio.run(guard.watch())
    assert driver.told == ["pause"]


def test_a_guard_lets_go_for_good_when_another_program_looks_after_the_fleet(data):
    driver = Driver()
    guard_files.announce(data, os.getpid())
    asyncio.run(guard_of(data, driver).watch())
    assert (driver.told, reports(data)) == ([], [])
    guard_files.announce(data, NOBODY)
    asyncio.run(guard_of(data, driver, parent=NOBODY - 1).watch())
    assert driver.told == ["pause"], "who announced itself is dead as well"


def test_two_guards_never_watch_at_once(data):
    first = guard_files.take_lock(data)
    assert guard_files.take_lock(data) is None
    os.close(first)
    second = guard_files.take_lock(data)
    os.close(second)


def test_what_it_is_told_is_kept_in_memory_and_a_broken_machine_is_left_out(data, capfd):
    guard = guard_of(data)
    charges = (
        Charge(name="a", kind="xmrig", settings={"host": "127.0.0.1"}, secret="hunter2"),
        Charge(name="b", kind="xmrig", settings={"hosts": 1}),
        Charge(name="c", kind="toaster", settings={}),
    )
    assert guard.take(msgspec.json.encode(Orders(charges=charges, silence_s=12.0)) + b"\n")
    assert (list(guard.machines), guard.silence.limit_s) == (["a"], 12.0)
    assert "hunter2" not in "".join(capfd.readouterr()) + "".join(it.read_text() for it in data.glob("**/*.*"))


def test_reports_are_read_the_oldest_first_and_a_broken_one_is_named(data):
    for number in (2, 1):
        guard_files.write_report(
            data, Report(name=str(number), cause="gone", since=0, at=number, outcomes=(("a", "slept"),))
        )
    (data / "guard" / "report-3.json").write_text("{")
    found = guard_files.read_reports(data)
    assert [None if report is None else report.at for _, report in found] == [None, 1, 2]


def test_it_listens_to_a_pipe_answers_each_word_and_ends_with_it(data):
    async def story():
        reader, said = asyncio.StreamReader(), []
        driver = Driver()
        guard = guard_of(data, driver, gone=False)
        reader.feed_data(guard_files.BEAT)
        reader.feed_eof()
        await guard_process.run(guard, reader, said.append)
        return said, driver.told

    assert asyncio.run(story()) == ([guard_files.HEARD], ["pause"])


class House:
    """The program, as far as the keeper of the guard knows it."""

    def __init__(self, folder):
        self.config = SimpleNamespace(data_dir=folder)
        self.clock = SimpleNamespace(monotonic=time.monotonic)
        self.alerts, self.events, self.can_write = [], [], True
        self.warn = self.alerts.append
        self.kernel = SimpleNamespace(handle=self.events.append, commit_now=lambda: None)
        self.writer = SimpleNamespace(transact=self._transact)
        self.write_state = "ok"
        self.settings, self.asked = {}, []
        self.rules = SimpleNamespace(guard_s=60.0)
        self.ask_soon = self.asked.append
        self.keeper = GuardKeeper(self, self)

    def _transact(self, _):
        done = concurrent.futures.Future()
        if self.can_write:
            done.set_result(None)
        else:
            done.set_exception(Unavailable("full", code="HW-605"))
        return done

    def run(self, condition):
        async def story():
            async with asyncio.TaskGroup() as group, asyncio.timeout(20):
                task = group.create_task(self.keeper.run())
                while not condition():
                    await asyncio.sleep(0.01)
                task.cancel()

        asyncio.run(story())


def test_a_start_takes_the_reports_in_order_and_removes_each_when_it_is_in_the_journal(data):
    for number in (2, 1):
        outcomes = ((f"m{number}", "slept"),)
        guard_files.write_report(data, Report(name=str(number), cause="gone", since=0, at=number, outcomes=outcomes))
    (data / "guard" / "report-3.json").write_text("{")
    house = House(data)
    house.can_write = False
    house.run(lambda: len(house.events) == 2)
    assert ([it.report for it in house.events], house.asked) == (["1", "2"], ["m1", "m2"])
    assert len(reports(data)) == 2, "the disk is full: they are read again, and count once"
    assert "cannot be read: report-3.json" in house.alerts[0].text
    assert (data / "guard" / "report-3.unreadable").exists()
    assert guard_files.announced(data) == os.getpid()
    again = House(data)
    again.run(lambda: reports(data) == [] and again.keeper.state == "off")
    assert again.keeper.document() == {"state": "off", "watches": 0, "process": None, "detail": ""}


def test_an_older_guard_that_does_not_let_go_is_told_and_waited_for(data, monkeypatch):
    monkeypatch.setattr(guard, "LET_GO_S", 0.0)
    monkeypatch.setattr(guard, "LOCK_S", 0.01)
    older = guard_files.take_lock(data)
    house = House(data)
    house.run(lambda: house.keeper.state == "missing")
    assert [(it.level, it.code) for it in house.alerts] == [("critical", "HW-886")]
    os.close(older)
    house.run(lambda: house.keeper.state == "off")


def test_a_folder_that_cannot_be_written_is_no_guard_and_is_told(tmp_path):
    (tmp_path / "guard").write_text("")
    house = House(tmp_path)
    with pytest.raises(ExceptionGroup):
        house.run(lambda: False)
    assert "no guard of the fleet" in house.alerts[0].text
