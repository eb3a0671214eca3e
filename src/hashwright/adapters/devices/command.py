"""A smart plug, a relay, a script: any command that switches a machine on and off.

Commands are lists of words and never go through a shell. `state` tells how it is: its first word is `on`, `off`, or the
watts that are drawn; without it what was commanded last is believed, and before the first command nothing is known.
"""

import asyncio
import contextlib

import msgspec

from hashwright.adapters.devices.base import Plugin, denied, misread, number
from hashwright.errors import OperatorError
from hashwright.fleet.events import Activity, Reading

OUTPUT_MAX = 4096
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
            self._is_on, watts = state_of(await _run(self._config.state), self._config.state[0])
        activity: Activity = "unknown" if self._is_on is None else "hashing" if self._is_on else "asleep"
        if watts is None and self._is_on is not None:
            watts = self._config.power_w if self._is_on else 0.0
        return Reading(device="", at=0, answer="ok", activity=activity, power_w=watts, model="switch")

    async def pause(self) -> None:
        """Switch off."""
        await _run(self._config.off)
        self._is_on = False

    async def resume(self) -> None:
        """Switch on."""
        await _run(self._config.on)
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


async def _run(words: tuple[str, ...]) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except (OSError, IndexError) as error:
        name = words[0] if words else "an empty command"
        raise OperatorError(f"{name} could not be started: {type(error).__name__}.", code="HW-114") from error
    assert process.stdout is not None
    try:
        output = await process.stdout.read(OUTPUT_MAX)
        code = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code != 0:
        raise denied(words[0], f"it ended with {code}")
    return output.decode(errors="replace")


def build(config: Config, *, secret: str = "") -> Command:
    """Build the driver; secrets are the command's own business."""
    return Command(config)


PLUGIN = Plugin(title="any command (smart plug)", config=Config, build=build)
