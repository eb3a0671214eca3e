"""How seldom the running program is asked: what it is asked for grows neither with listeners nor with shares."""

import asyncio
import collections

import pytest

from hashwright.clock import ManualClock
from hashwright.errors import Unavailable
from hashwright.web.asked import OLDEST_S, Asked

NOW = 1_800_000_000_000


class Program:
    """Answers as a program with so many machines, and counts what it was asked."""

    def __init__(self, machines=3, devices=0):
        self.machines, self.devices = machines, devices
        self.asked = collections.Counter()
        self.is_running = True

    async def ask(self, command, **arguments):
        self.asked[command] += 1
        if not self.is_running:
            raise Unavailable("No Hashwright runs.", code="HW-704")
        return getattr(self, command.replace("-", "_"))(**arguments)

    def status(self):
        return {"listeners": [{"connections": self.machines}], "destinations": [{"machines": self.machines}]}

    def workers(self, *, after, limit):
        numbers = range(max(after + 1, 0), self.machines)[:limit]
        row = {"destination": "home", "peer": "p", "agent": "a", "difficulty": 1.0, "connected_ms": 1}
        return [row | {"session": it, "worker": f"rig-{it}", "last_share_ms": 1} for it in numbers]

    def fleet_status(self, *, offset):
        rows = [{"device": f"rig-{it}", "state": "hashing"} for it in range(self.devices)]
        return {"total": self.devices, "is_live": False, "plan": None, "fault": "", "devices": rows[offset:][:500]}


def look(program, seconds, attention="page", *, each=lambda asked, second: None):
    """Look once a second, as `Live` does while somebody looks; return what was asked."""
    clock = ManualClock(NOW)
    asked = Asked(program.ask, clock)

    async def work():
        for second in range(seconds):
            each(asked, second)
            await asked.look(attention)
            clock.advance(1_000)

    asyncio.run(work())
    return asked


@pytest.mark.parametrize(
    ("attention", "machines", "devices", "workers", "fleet"),
    [
        ("page", 3, 3, 6, 2),  # every ten and thirty seconds
        ("list", 3, 3, 12, 6),  # every five and ten
        ("nobody", 3, 3, 1, 1),
        ("page", 5_000, 6_000, 6 * 6, 2 * 12),  # pages of a thousand and of five hundred
        ("page", 10_000, 10_000, 3 * 11, 2 * 20),
        ("list", 10_000, 10_000, 6 * 11, 3 * 20),
    ],
)
def test_lists_are_asked_for_the_less_often_the_longer_they_are(attention, machines, devices, workers, fleet):
    program = Program(machines, devices)
    asked = look(program, 60, attention)
    assert program.asked == {"status": 60, "workers": workers, "fleet-status": fleet}
    assert len(asked.sessions.workers) == machines
    assert len(asked.fleet.devices) == devices


def test_who_comes_is_seen_within_two_seconds():
    program = Program()
    seen = []

    def one_more(asked, second):
        seen.append(len(asked.sessions.workers))
        if second == 21:  # a second after the list was asked for
            program.machines += 1

    look(program, 25, each=one_more)
    assert seen[21:] == [3, 3, 4, 4]


def test_after_a_command_its_effect_is_looked_for():
    program = Program(devices=1)

    def command(asked, second):
        if second == 21:
            asked.commanded()

    look(program, 60, each=command)
    assert program.asked["fleet-status"] == 1 + 8  # at once, then every five seconds


def test_an_end_of_the_program_forgets_who_was_connected():
    program = Program(devices=1)

    def stop(asked, second):
        program.is_running = second < 3

    asked = look(program, 5, each=stop)
    assert (asked.status, asked.sessions.workers, len(asked.fleet.devices)) == (None, {}, 0)


def test_no_list_is_so_old_that_its_watts_would_not_be_summed():
    program = Program(devices=20_000)
    look(program, 2 * int(OLDEST_S) + 1)
    assert program.asked["fleet-status"] == 3 * 40
