"""A battery by any command: a script of your inverter's maker, `mosquitto_pub` for MQTT, `modpoll` for Modbus.

[inverter]
kind = "command"
state = ["/usr/local/bin/battery-state"]     # writes: 55 -1200 commanded
charge = ["mosquitto_pub", "-t", "ess/power", "-m", "{watts}"]
discharge = ["mosquitto_pub", "-t", "ess/power", "-m", "-{watts}"]
idle = ["mosquitto_pub", "-t", "ess/power", "-m", "0"]
automatic = ["mosquitto_pub", "-t", "ess/mode", "-m", "auto"]

Commands are lists of words and never go through a shell. {watts}, {signed_watts} (positive takes) and {seconds} (how
long the order should hold) are filled in. `state` writes its level [percent], and if it knows them its power [W,
positive takes] and the word `automatic` or `commanded`.
"""

from collections.abc import Iterator

from hashwright.adapters.batteries.base import BatteryPlugin, CommonConfig, filled, reading_of
from hashwright.adapters.processes import run_words
from hashwright.energy.battery_control import BatteryReading, Order
from hashwright.energy.settings import Problem

COMMANDS = ("state", "charge", "discharge", "idle", "automatic")


class Config(CommonConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The five commands; all are needed, because a battery that cannot be given back is not taken."""

    state: tuple[str, ...]
    charge: tuple[str, ...]
    discharge: tuple[str, ...]
    idle: tuple[str, ...]
    automatic: tuple[str, ...]

    def problems(self) -> Iterator[Problem]:
        """Find commands without a word, and orders that do not say how much."""
        for name in COMMANDS:
            if not getattr(self, name) or not getattr(self, name)[0]:
                yield Problem(field=name, message="is an empty command")
        for name in ("charge", "discharge"):
            if not any("watts}" in word for word in getattr(self, name)):
                yield Problem(field=name, message="does not say how much", hint="Put {watts} where the watts belong.")


class CommandBattery:
    """One battery behind commands."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def read(self) -> BatteryReading:
        """Run `state`, and read what it writes."""
        words = (await run_words(self._config.state)).split()
        level, power, mode = (*words[:3], *[None] * 3)[:3]
        return reading_of(level, power, mode, self._config.state[0])

    async def command(self, order: Order) -> None:
        """Run the order's command."""
        words: tuple[str, ...] = getattr(self._config, order.action)
        await run_words(tuple(filled(word, order) for word in words))

    async def automatic(self) -> None:
        """Give it back to itself."""
        await run_words(self._config.automatic)


PLUGIN = BatteryPlugin(title="Any command (script, MQTT, Modbus)", config=Config, build=CommandBattery)
