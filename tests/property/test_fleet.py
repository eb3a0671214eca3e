"""Whatever machines do (obey, refuse, lie, hang, go away), the engine keeps its rules."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.fleet import events as seen
from hashwright.fleet.effects import CommandDevice, ProtectDevice
from unit.fleet.fleet_story import Story

MANNERS = ("obeys", "obeys", "obeys", "refuses", "disobeys", "silent", "lies", "cannot", "hot")
RAMP = seen.RulesSet(
    is_live=True, start_part=0.2, stop_part=0.4, ramp_ms=10_000, dwell_ms=0, settle_ms=5_000, starts_a_day=3
)


class Machines:
    """Machines with manners, and what they are at; each acts when it is told, if it does."""

    def __init__(self, story, manners):
        self.story, self.manners = story, dict(zip(story.names, manners, strict=True))
        self.awake = dict.fromkeys(story.names, True)
        self.answers = defaultdict(lambda: "ok", refuses="refused", silent="unreachable", cannot="unsupported")

    def act(self):
        for command in self.story.take():
            manner = self.manners[command.device]
            if manner in ("obeys", "lies", "hot"):
                is_pause = isinstance(command, ProtectDevice) or command.action == "pause"
                self.awake[command.device] = not is_pause
            self.story.answer(command, self.answers[manner])

    def speak(self):
        for name, manner in self.manners.items():
            if manner == "silent":
                self.story.say(name, answer="unreachable")
                continue
            is_awake = self.awake[name]
            power = 1000.0 if is_awake else 20.0
            heat = 120.0 if manner == "hot" and is_awake else 60.0
            self.story.say(
                name, activity="hashing" if is_awake else "asleep",
                power_w=power / 10 if manner == "lies" else power, temperature_c=heat,
            )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(MANNERS), min_size=1, max_size=20), st.lists(st.sampled_from(["run", "sleep"]), max_size=4)
)
def test_the_rules_hold_whatever_machines_do(manners, orders):
    story = Story(machines=len(manners), rules=RAMP)
    machines = Machines(story, manners)
    machines.speak()
    machines.speak()
    machines.speak()
    sent = []
    for order in [*orders, "sleep"]:
        story.override(order)
        for _ in range(40):
            story.tick()
            sent += [(story.now, command) for command in story.commands]
            machines.act()
            machines.speak()
    assert_ramp(sent, len(manners))
    assert_quiet(story, machines, sent)
    for name, manner in machines.manners.items():
        told = story.state.devices[name].told
        if manner in ("obeys", "hot", "lies"):
            assert not machines.awake[name], (name, manner)
        assert ("HW-503" in told) == (manner == "disobeys" and machines.awake[name])
        assert ("HW-108" in told) == (manner == "refuses")
        assert ("HW-107" in told) == (manner == "silent")


def assert_ramp(sent, count):
    """Within any one span of the ramp no more machines are switched than its two spans' worth; heat is free of it."""
    for action, part in (("resume", RAMP.start_part), ("pause", RAMP.stop_part)):
        times = [at for at, it in sent if isinstance(it, CommandDevice) and it.action == action]
        most = 2 * max(1, int(part * count))
        assert all(sum(at <= other < at + RAMP.ramp_ms for other in times) <= most for at in times), action


def assert_quiet(story, machines, sent):
    """One command at a time, each with a key of its own, never to who was not heard, nor more starts than allowed."""
    keys = [command.key for _, command in sent]
    assert len(set(keys)) == len(keys)
    for name, manner in machines.manners.items():
        mine = [command for _, command in sent if command.device == name]
        assert manner != "silent" or mine == []
        assert sum(isinstance(it, CommandDevice) and it.action == "resume" for it in mine) <= RAMP.starts_a_day
        assert len(story.state.devices[name].starts) <= RAMP.starts_a_day
