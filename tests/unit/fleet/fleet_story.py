"""A fleet in a test: set machines, let them speak, let time pass, and see what is commanded."""

from hashwright.fleet import events as seen
from hashwright.fleet.effects import CommandDevice, ProtectDevice, RehearseCommand
from hashwright.fleet.records import FleetState
from hashwright.fleet.step import TICK_KEY, step
from hashwright.signals import Alert, ClockTicked, ProcessStarted

LIVE = seen.RulesSet(is_live=True, start_part=1.0, stop_part=1.0, dwell_ms=0, settle_ms=10_000)


class Story:
    """An engine with a clock of its own; `commands`, `alerts` and `rehearsed` are all that it ever said."""

    def __init__(self, *, machines=3, rules=LIVE, rated_w=1000.0, **settings):
        self.state, self.now = FleetState(), 1_000_000
        self.commands, self.alerts, self.rehearsed = [], [], []
        self.tell(ProcessStarted(1, "test"))
        self.tell(rules)
        self.names = tuple(f"m{number:03d}" for number in range(machines))
        for name in self.names:
            fields = {"kind": "axeos", "group": "all", "site": "home", "rated_w": rated_w, "rated_hs": 1e14} | settings
            self.tell(seen.DeviceSet(device=name, **fields))

    def tell(self, event):
        effects = step(self.state, event, now=self.now)
        for effect in effects:
            match effect:
                case CommandDevice() | ProtectDevice():
                    self.commands.append(effect)
                case RehearseCommand():
                    self.rehearsed.append(effect)
                case Alert():
                    self.alerts.append(effect)
        return effects

    def tick(self, seconds=1):
        for _ in range(seconds):
            self.now += 1000
            self.tell(ClockTicked(TICK_KEY))

    def say(self, *names, activity="hashing", answer="ok", **fields):
        fields = {"hashrate_hs": 1e14 if activity == "hashing" else 0.0, "temperature_c": 60.0} | fields
        if answer != "ok":
            fields = {}
        self.tell(
            seen.DevicesSeen(
                tuple(
                    seen.Reading(device=name, at=self.now, answer=answer, activity=activity, **fields)
                    for name in names or self.names
                )
            )
        )

    def answer(self, command, answer="ok", detail=""):
        self.tell(seen.CommandAnswered(command.key, command.device, answer, detail))

    def override(self, mode, *names, part=1.0, for_ms=2**60):
        self.tell(seen.OverrideSet(names or self.names, mode, part, self.now + for_ms, "eva"))

    def plan(self, *watts, slot_ms=60_000):
        slots = tuple(seen.PlanSlot(self.now + n * slot_ms, "all", power) for n, power in enumerate(watts))
        self.tell(seen.PowerPlan("p1", slots, self.now + slot_ms * len(watts), "plan"))

    def take(self):
        taken, self.commands = self.commands, []
        return taken

    def codes(self):
        return [alert.code for alert in self.alerts]

    def obey(self, **fields):
        """Let every machine that was commanded do so and say so."""
        for command in self.take():
            self.answer(command)
            action = "pause" if isinstance(command, ProtectDevice) else command.action
            self.say(command.device, activity="asleep" if action == "pause" else "hashing", **fields)
