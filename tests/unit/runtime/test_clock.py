"""Time as engines see it."""

import gc

import pytest

from hashwright.runtime.system import COLLECT_AFTER, SteadyClock, calm_collector


class Clocks:
    def __init__(self):
        self.wall, self.mono = 1_800_000_000_000.0, 50.0
        self.steady = SteadyClock(wall_ms=lambda: self.wall, monotonic=lambda: self.mono)

    def wait(self, seconds):
        self.mono += seconds
        self.wall += seconds * 1000
        return self.steady.now()


@pytest.fixture
def clocks():
    return Clocks()


def test_it_is_the_wall_clock(clocks):
    assert clocks.wait(10) == 1_800_000_010_000


def test_a_step_forward_is_followed_at_once(clocks):
    clocks.wall += 3_600_000
    assert clocks.wait(1) == 1_800_003_601_000


def test_a_step_back_slows_time_until_the_wall_clock_has_caught_up(clocks):
    before = clocks.wait(1)
    clocks.wall -= 60_000
    assert clocks.wait(10) == before + 5_000
    assert clocks.wait(100) == before + 55_000
    assert clocks.wait(20) == clocks.wall


def test_many_readings_do_not_stop_it(clocks):
    clocks.wait(1)
    before = clocks.steady.now()
    clocks.wall -= 3_600_000
    for _ in range(10_000):
        clocks.wait(0.0005)
    assert clocks.steady.now() == pytest.approx(before + 2_500, abs=2)


def test_the_collector_is_calmed_and_still_works():
    before = gc.get_threshold()
    try:
        calm_collector()
        assert gc.isenabled()
        assert gc.get_threshold()[0] == COLLECT_AFTER > before[0]
        assert gc.get_freeze_count() > 0
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
