"""A smart plug, a relay, a script: any command that switches a machine on and off.

Commands are lists of words and never go through a shell. `state` tells how it is: its first word is `on`, `off`, or the
watts that are drawn; without it what was commanded last is believed, and before the first command nothing is known.
"""

import msgspec

from hashwright.adapters.devices.base import Plugin, misread, number
from hashwright.adapters.processes import run_words
from hashwright.fleet.events import Activity, Reading

OFF_W = 3.0
"""A plug that measures less than this is off but for itself."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The commands. `power_w` is what is drawn when on, where no command measures it."""

    on: tuple[str, ...]
    off: tuple[str, ...]
    state: tuple[str, ...] = ()
    power_w: float | None = None


class Command:
    """One machine behind a switch."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._is_on: bool | None = None

    async def read(self) -> Reading:
        """Run `state`, or believe the last command."""
        watts: float | None = None
        if self._config.state:
            self._is_on, watts = state_of(await run_words(self._config.state), self._config.state[0])
        activity: Activity = "unknown" if self._is_on is None else "hashing" if self._is_on else "asleep"
        if watts is None and self._is_on is not None:
            watts = self._config.power_w if self._is_on else 0.0
        return Reading(device="", at=0, answer="ok", activity=activity, power_w=watts, model="switch")

    async def pause(self) -> None:
        """Switch off."""
        await run_words(self._config.off)
        self._is_on = False

    async def resume(self) -> None:
        """Switch on."""
        await run_words(self._config.on)
        self._is_on = True

    async def aclose(self) -> None:
        """Nothing is held."""


def state_of(said: str, program: str) -> tuple[bool, float | None]:
    """Read what `state` wrote: on or off, and the watts where it says them."""
    words = said.split()
    word = words[0].lower() if words else ""
    watts = number(word)
    if word in ("on", "off"):
        return word == "on", None
    if watts is None or watts < 0:
        raise misread(program, f"{word[:20]!r} is not on, off or watts")
    return watts >= OFF_W, watts


def build(config: Config, *, secret: str = "") -> Command:
    """Build the driver; secrets are the command's own business."""
    return Command(config)


PLUGIN = Plugin(title="any command (smart plug)", config=Config, build=build)
