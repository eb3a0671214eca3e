"""The fleet in the running program: asks the machines, tells the engine what they said, and does what it wants.

    poller --Reading--> DevicesSeen --> kernel --> fleet engine --CommandDevice--> driver --> CommandAnswered
                                                                                     +--> read back soon after

Every question has a deadline of its own and a place among a bounded number, so that a machine that hangs costs one
place for that long and nothing else. What says nothing new is not journaled each time: a sleeping or steady fleet is
cheap. Nothing here decides anything.
"""

import asyncio
import contextlib
import heapq
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from hashwright.adapters.devices.base import (
    CanLimit,
    CanPause,
    CanRead,
    CanResume,
    Outcome,
    attempt,
    capabilities_of,
    read_device,
    unsupported,
)
from hashwright.errors import HashwrightError
from hashwright.fleet.effects import CommandDevice, ProtectDevice, RehearseCommand
from hashwright.fleet.events import CommandAnswered, DeviceRemoved, DevicesSeen, FailSafe, Reading, ShutdownBegun
from hashwright.fleet.records import Device
from hashwright.runtime.device_settings import (
    KIND,
    RULES_KIND,
    RULES_NAME,
    DeviceSettings,
    RulesSettings,
    build_driver,
    event_of_device,
    event_of_rules,
    parse_device,
    parse_rules,
)
from hashwright.runtime.guard import GuardKeeper
from hashwright.signals import Alert
from hashwright.store import fleet as rows
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()

ASKED_AT_ONCE = 256
"""Questions on their way: some 1,000 machines in a second where they answer, 50 a second where all hang."""
BURST = 8
"""So many connections are begun in one turn of the loop: shares are answered between them."""
COMMAND_DEADLINE_S = 15.0
"""Commands take longer than questions: firmware writes them to flash."""
BATCH_S = 0.25
BATCH_MAX = 200
READ_BACK_S = 1.5
SAVE_S = 30.0
SAVE_MAX_S = 2.0
LOST_FACTOR = 4
"""A machine that does not answer is asked this much less often."""
LOST_MISSES = 5
COMMANDS_MAX = 50_000
NAMED_MAX = 5
FAIL_SAFE_LOOK_S = 0.02
FAIL_SAFE_S = 2.5
"""An orderly end waits this long for machines that are put to sleep: it is promised to take less than five seconds."""


class FleetService:
    """Every machine's driver, and the loops that use them."""

    def __init__(self, app: "Hashwright") -> None:
        self.settings: dict[str, DeviceSettings] = {}
        self.drivers: dict[str, CanRead] = {}
        self.latest: dict[str, Reading] = {}
        self.rules = RulesSettings()
        self.broken: dict[str, str] = {}
        self.polls = 0
        self.guard = GuardKeeper(app, self)
        self._app = app
        self._told: dict[str, Reading] = {}
        self._misses: dict[str, int] = {}
        self._due: list[tuple[float, str]] = []
        self._next: dict[str, float] = {}
        self._asking: set[str] = set()
        self._readings: list[Reading] = []
        self._unsaved: set[str] = set()
        self._commands: deque[CommandDevice | ProtectDevice] = deque(maxlen=COMMANDS_MAX)
        self._changed = asyncio.Event()
        self._commanded = asyncio.Event()

    # ---------------------------------------------------------------- settings

    def reload(self) -> None:
        """Bring machines and rules in line with the database; what is as it was is left alone."""
        store = self._app.store
        raw_rules = store.settings(RULES_KIND).get(RULES_NAME, {})
        self.set_rules(parse_rules(raw_rules))
        curves = store.read_books(rows.read_curves)
        stored = store.settings(KIND)
        for name in [name for name in (*self.settings, *self._app.kernel.fleet.devices) if name not in stored]:
            self.remove(name)
        for name, raw in stored.items():
            try:
                self.set_device(parse_device(raw), curve=curves.get(name, ()))
            except HashwrightError as error:
                self.remove(name)
                self.broken[name] = str(error)
                log.error("a machine is disabled", device=name, problem=str(error), code=error.code)

    def set_rules(self, rules: RulesSettings) -> None:
        """Take other rules; a machine that follows the fleet's fail-safe is told where that is another one now."""
        self.rules = rules
        event, fleet = event_of_rules(rules), self._app.kernel.fleet
        if fleet.rules != event:
            self._app.kernel.handle(event)
        for name, settings in self.settings.items():
            known = fleet.devices.get(name)
            if known is not None and known.settings.fail_safe != self.fail_safe_of(settings):
                self._app.kernel.handle(event_of_device(settings, known.settings.curve, fail_safe=rules.fail_safe))
        self.guard.change()

    def fail_safe_of(self, settings: DeviceSettings) -> FailSafe:
        """Return what becomes of a machine when nobody looks after it any more."""
        return settings.fail_safe or self.rules.fail_safe

    def set_device(self, settings: DeviceSettings, *, curve: rows.Curve = ()) -> None:
        """Look after a machine, or with other settings.

        Raises:
            HashwrightError: its driver cannot be built.
        """
        if self.settings.get(settings.name) != settings:
            driver = build_driver(settings)
            self._drop_driver(settings.name)
            self.drivers[settings.name] = driver
            self.settings[settings.name] = settings
            self.broken.pop(settings.name, None)
        self.guard.change()
        event = event_of_device(settings, curve, fail_safe=self.rules.fail_safe)
        known = self._app.kernel.fleet.devices.get(settings.name)
        if known is None or known.settings != event:
            self._app.kernel.handle(event)
        if settings.name not in self._next:
            self.ask_at(settings.name, self._now() + self._app.rng.uniform(0, min(self.rules.poll_s, 2.0)))

    def remove(self, name: str) -> None:
        """Look after a machine no longer; it stays as it is."""
        self.settings.pop(name, None)
        for table in (self.latest, self._told, self._misses, self._next, self.broken):
            table.pop(name, None)
        self._drop_driver(name)
        self.guard.change()
        if name in self._app.kernel.fleet.devices:
            self._app.kernel.handle(DeviceRemoved(name))

    def _drop_driver(self, name: str) -> None:
        driver = self.drivers.pop(name, None)
        if driver is not None:
            self._app.supervisor.start(f"closing device {name}", driver.aclose)

    # ---------------------------------------------------------------- the loops

    def start(self) -> None:
        """Run, supervised."""
        self._app.shell.fleet = self
        self.reload()
        self._app.supervisor.start("guard", self.guard.run)
        self._app.supervisor.start("fleet", self.run)

    async def run(self) -> None:
        """Ask, tell and command, for ever."""
        self._asking.clear()
        for name in self.drivers:
            self.ask_at(name, self._now() + self._app.rng.uniform(0, min(self.rules.poll_s, 2.0)))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_loop())
            group.create_task(self._save_loop())
            group.create_task(self._command_loop(group))
            group.create_task(self._ask_loop(group))

    def ask_at(self, name: str, at: float) -> None:
        """Ask a machine at a time of the loop [s], instead of when it was to be asked."""
        self._next[name] = at
        heapq.heappush(self._due, (at, name))
        self._changed.set()

    def ask_soon(self, name: str) -> None:
        """Ask a machine now, where there is one of that name."""
        if name in self.drivers:
            self.ask_at(name, self._now())

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _ask_loop(self, group: asyncio.TaskGroup) -> None:
        places, started = asyncio.Semaphore(ASKED_AT_ONCE), 0
        while True:
            self._changed.clear()
            while self._due and self._due[0][0] <= self._now():
                at, name = heapq.heappop(self._due)
                if self._next.get(name) != at or name in self._asking or name not in self.drivers:
                    continue
                await places.acquire()
                self._asking.add(name)
                group.create_task(self._ask(name, places))
                started += 1
                if started % BURST == 0:
                    await asyncio.sleep(0)
            wait = max(self._due[0][0] - self._now(), 0.01) if self._due else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    async def _ask(self, name: str, places: asyncio.Semaphore) -> None:
        asked_at = self._next.get(name)
        try:
            await self.read(name)
        except Exception:  # a driver's fault is that machine's, never the fleet's
            log.exception("a driver failed", device=name)
        finally:
            places.release()
            self._asking.discard(name)
        if name in self.drivers:
            lost = self._misses.get(name, 0) >= LOST_MISSES
            wait = self.rules.poll_s * (LOST_FACTOR if lost else 1) * self._app.rng.uniform(0.9, 1.1)
            if self._next.get(name) == asked_at:
                self.ask_at(name, self._now() + wait)
            else:  # somebody wants it sooner
                self.ask_at(name, self._next.get(name, self._now()))

    async def read(self, name: str) -> Reading:
        """Ask a machine now, and tell the engine where it says something new."""
        at = self._app.clock.now()
        reading = await read_device(self.drivers[name], name, at=at, deadline_s=self.rules.deadline_s)
        self.polls += 1
        self._misses[name] = 0 if reading.answer == "ok" else self._misses.get(name, 0) + 1
        if reading.answer == "ok" or name not in self.latest:
            self.latest[name] = reading
            self._unsaved.add(name)
        device = self._app.kernel.fleet.devices.get(name)
        must_tell = device is not None and (device.pending is not None or reading.answer != "ok")
        if must_tell or says_more(self._told.get(name), reading, every_ms=round(self.rules.silent_s * 1000 / 3)):
            self._told[name] = reading
            self._readings.append(reading)
        return reading

    async def _tell_loop(self) -> None:
        while True:
            await asyncio.sleep(BATCH_S)
            while self._readings and not self._app.kernel.is_congested:
                batch, self._readings = self._readings[:BATCH_MAX], self._readings[BATCH_MAX:]
                self._app.kernel.handle(DevicesSeen(tuple(batch)))
                await asyncio.sleep(0)
            del self._readings[: -len(self.drivers) - 1]  # while nothing can be written, only the newest are kept

    async def _save_loop(self) -> None:
        while True:
            await asyncio.sleep(SAVE_S)
            await self.save()

    async def save(self) -> None:
        """Write the last readings to the database, for who looks when nothing runs."""
        names, self._unsaved = self._unsaved, set()
        if not names or self._app.write_state != "ok":
            return
        lines = [
            (name, self.latest[name].at, msgspec.json.encode(document_of(self.latest[name])).decode())
            for name in names
            if name in self.latest
        ]

        def write(connection: Connection) -> None:
            rows.write_readings(connection, lines)  # type: ignore[arg-type]

        with contextlib.suppress(HashwrightError, TimeoutError):
            async with asyncio.timeout(SAVE_MAX_S):
                await asyncio.wrap_future(self._app.writer.transact(write))

    # ---------------------------------------------------------------- commands

    def perform(self, effect: CommandDevice | ProtectDevice | RehearseCommand) -> None:
        """Take a command of the engine; heat goes to the front."""
        if isinstance(effect, RehearseCommand):
            log.info("rehearsed", device=effect.device, action=effect.action, part=effect.part, reason=effect.reason)
        elif isinstance(effect, ProtectDevice):
            self._commands.appendleft(effect)
            self._commanded.set()
        else:
            self._commands.append(effect)
            self._commanded.set()

    async def _command_loop(self, group: asyncio.TaskGroup) -> None:
        places = asyncio.Semaphore(ASKED_AT_ONCE)
        while True:
            await self._commanded.wait()
            self._commanded.clear()
            while self._commands:
                await places.acquire()
                group.create_task(self._command(self._commands.popleft(), places))
                if len(self._commands) % BURST == 0:
                    await asyncio.sleep(0)

    async def _command(self, effect: CommandDevice | ProtectDevice, places: asyncio.Semaphore) -> None:
        try:
            outcome = await self._do(effect)
        except Exception as error:
            log.exception("a driver failed", device=effect.device)
            outcome = Outcome(answer="refused", detail=f"Its driver failed: {type(error).__name__}.")
        finally:
            places.release()
        self._app.kernel.handle(CommandAnswered(effect.key, effect.device, outcome.answer, outcome.detail))
        if effect.device in self.drivers:
            self.ask_at(effect.device, self._now() + READ_BACK_S)

    async def _do(self, effect: CommandDevice | ProtectDevice) -> Outcome:
        driver = self.drivers.get(effect.device)
        action = "pause" if isinstance(effect, ProtectDevice) else effect.action
        work = None
        if driver is None:
            return Outcome(answer="unreachable", detail="Its settings are not usable.")
        if action == "pause" and isinstance(driver, CanPause):
            work = driver.pause()
        elif action == "resume" and isinstance(driver, CanResume):
            work = driver.resume()
        elif isinstance(effect, CommandDevice) and action == "limit" and isinstance(driver, CanLimit):
            work = driver.limit(effect.part, effect.power_w)
        if work is None:
            error = unsupported(effect.device, action)
            return Outcome(answer="unsupported", detail=str(error))
        return await attempt(work, deadline_s=COMMAND_DEADLINE_S)

    def tell_not_obeyed(self, names: list[str], what: str) -> None:
        """Tell a person who took a command and does otherwise: many at once are one alert."""
        if names:
            more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
            text = f"{', '.join(names[:NAMED_MAX])}{more}: told to {what}, took it, and does otherwise."
            self._app.warn(Alert(level="warning", code="HW-503", text=text))

    async def fall_asleep(self) -> None:
        """Tell machines whose fail-safe is sleep to sleep, and wait for their answers, but not for long."""
        app = self._app
        app.kernel.handle(ShutdownBegun())
        app.kernel.commit_now()
        devices = app.kernel.fleet.devices
        told = {name: it.serial for name, it in devices.items() if it.is_safe and it.pending is not None}
        for _ in range(round(FAIL_SAFE_S / FAIL_SAFE_LOOK_S)):
            if not any(_waits(devices[name]) for name in told if name in devices):
                break
            await asyncio.sleep(FAIL_SAFE_LOOK_S)
        deaf = [name for name in told if name in devices and not devices[name].is_asleep_by_us]
        log.info("machines were told to sleep", told=len(told), not_heard=len(deaf))
        if deaf:
            text = f"{len(deaf)} of {len(told)} machines were to sleep at the end and did not say yes: {deaf[0]} ..."
            app.warn(Alert(level="critical", code="HW-958", text=text))

    async def aclose(self) -> None:
        """Let go of every machine; programs that were started here end, and the guard where this is no failure."""
        await self.guard.release(is_orderly=self._app.supervisor.failure is None)
        await self.save()
        await asyncio.gather(*(driver.aclose() for driver in self.drivers.values()), return_exceptions=True)

    def can(self, name: str) -> tuple[str, ...]:
        """Name what a machine can do."""
        driver = self.drivers.get(name)
        return () if driver is None else capabilities_of(driver)


def _waits(device: Device) -> bool:
    """Tell whether a machine has not answered the command that is on its way."""
    return device.pending is not None and not device.pending.is_taken


def says_more(told: Reading | None, reading: Reading, *, every_ms: int) -> bool:
    """Tell whether a reading says something that the engine should know, beside that the machine is alive."""
    if told is None or reading.at - told.at >= every_ms:
        return True
    same = (told.answer, told.activity, told.faults) == (reading.answer, reading.activity, reading.faults)
    return not same or any(
        moved(before, now, least)
        for before, now, least in (
            (told.power_w, reading.power_w, 0.0),
            (told.hashrate_hs, reading.hashrate_hs, 0.0),
            (told.temperature_c, reading.temperature_c, 2.0),
        )
    )


def moved(before: float | None, now: float | None, least: float) -> bool:
    """Tell whether a number changed by more than a twentieth and more than `least`."""
    if before is None or now is None:
        return before is not now
    return abs(now - before) > max(0.05 * abs(before), least)


def document_of(reading: Reading) -> dict[str, Any]:
    """Return a reading as names and values: its record is an array on the wire."""
    return {name: getattr(reading, name) for name in reading.__struct_fields__}
