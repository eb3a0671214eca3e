"""The guard: a small process beside `hw up` that puts machines to sleep when nobody else can any more.

    hw up --orders, a beat every 2 s--> guard          the pipe ends, or the beat stops: it counts
    hw up <--heard--------------------- guard          so a guard that hangs is noticed as well
    hw up --end-----------------------> guard          an orderly end: it goes, and touches no machine

Rules
* It acts after `silence_s` without a beat, counted only while it runs itself: a computer that was asleep is no death.
* It never acts while another process owns the data folder, and lets go for good when one looks after the fleet.
* It reads before it commands: who sleeps already is left alone. It reads after it commanded: only that counts. Who was
  not heard is tried again, for ten minutes.
* What it needs (drivers, passwords) is in its memory before the trouble: then the disk may be gone.
* It writes down what it did, and ends.

Must not know: plans, prices, the journal.
"""

import sys

if __name__ == "__main__":
    # Nothing here speaks TLS, and it is a quarter of the memory.
    sys.modules["ssl"] = None  # type: ignore[assignment]

import asyncio
import contextlib
import gc
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import msgspec

from hashwright import registry
from hashwright.adapters.devices.base import CanPause, CanRead, attempt, read_device
from hashwright.errors import HashwrightError
from hashwright.fleet.events import Rest
from hashwright.runtime import guard_files
from hashwright.runtime.guard_files import Orders, Report

LOOK_S: Final = 0.5
LOOK_MAX_S: Final = 2 * LOOK_S
AT_ONCE: Final = 128
READ_S: Final = 5.0
COMMAND_S: Final = 15.0
BACKS: Final = 12
BACK_S: Final = 1.0
"""A machine is read back so often, so far apart: most stop within seconds, some write their flash first."""
PAUSES_S: Final = (5.0, 15.0, 30.0, 60.0)
"""Between rounds over those that were not heard; the last one repeats."""
ACT_S: Final = 600.0
DONE: Final = frozenset({"slept", "asleep", "unsupported"})
IGNORED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Whoever ends a whole group of processes ends what is to outlive it as well; the pipe says when to go."""


@dataclass(slots=True, kw_only=True)
class Silence:
    """How long nothing was heard [s], by looks of its own: time in which it did not run itself is not counted."""

    limit_s: float = 60.0
    counted_s: float = 0.0

    def hear(self) -> None:
        """Take a word from the program."""
        self.counted_s = 0.0

    def look(self, passed_s: float, *, is_in_use: bool) -> bool:
        """Count the time since the last look, and tell whether it is time to act."""
        if is_in_use:
            return False
        self.counted_s += min(passed_s, LOOK_MAX_S)
        return self.counted_s >= self.limit_s


@dataclass(slots=True, kw_only=True)
class Guard:
    """One guard: the program that it watches, the machines in its charge, and what became of them."""

    data: Path
    parent: int
    machines: dict[str, CanRead] = field(default_factory=dict)
    outcomes: dict[str, Rest] = field(default_factory=dict)
    silence: Silence = field(default_factory=Silence)
    cause: Literal["gone", "silent"] | None = None
    is_over: bool = False
    is_parent_gone: bool = False
    heard_ms: int = 0
    began_ms: int = 0

    # ---------------------------------------------------------------- listening

    def take(self, line: bytes) -> bool:
        """Take a line from the program; tell whether it is to be answered."""
        self.silence.hear()
        self.heard_ms = _now_ms()
        if self.cause is not None:
            self.is_over = True  # it is back: machines are its business again, and the report says what was done
        elif line == guard_files.END:
            self.is_over = True
        elif line != guard_files.BEAT:
            self.obey(msgspec.json.decode(line, type=Orders))
        return not self.is_over

    def obey(self, orders: Orders) -> None:
        """Take whom to watch; a machine whose driver cannot be built is left out, as the program leaves it out."""
        self.silence.limit_s = orders.silence_s
        self.machines = {}
        for charge in orders.charges:
            with contextlib.suppress(HashwrightError, msgspec.ValidationError):
                plugin = registry.load("devices", charge.kind).PLUGIN
                settings = msgspec.convert(charge.settings, plugin.config)
                self.machines[charge.name] = plugin.build(settings, secret=charge.secret)
        if any(charge.kind == "asic" for charge in orders.charges):
            from hashwright.adapters.devices._asic import library

            library()
        gc.collect()
        gc.freeze()

    def may_act(self) -> bool:
        """Tell whether nobody else looks after the machines: the program is not back, and no new one is there."""
        return not self.is_over and not self._is_relieved() and not self._is_in_use()

    def _is_relieved(self) -> bool:
        following = guard_files.announced(self.data)
        return following not in (0, self.parent) and guard_files.is_alive(following)

    def _is_in_use(self) -> bool:
        return self.is_parent_gone and guard_files.is_in_use(self.data, but=self.parent)

    # ---------------------------------------------------------------- watching

    async def watch(self) -> None:
        """Look twice a second until it is over, or time to act; then act."""
        last = time.monotonic()
        while not self.is_over:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            passed, last = now - last, now
            self.is_parent_gone = self.is_parent_gone or os.getppid() != self.parent
            if self.is_parent_gone and (not self.machines or self._is_relieved()):
                return
            if self.silence.look(passed, is_in_use=self._is_in_use()):
                await self.act()
                return

    async def act(self) -> None:
        """Put every machine to sleep, and try again with who was not heard; what was done is kept after each round."""
        if not self.machines:
            self.is_over = True
            return
        self.cause, self.began_ms = ("gone" if self.is_parent_gone else "silent"), _now_ms()
        _say(f"process {self.parent} is {self.cause}: {len(self.machines)} machines are put to sleep")
        end, tries = time.monotonic() + ACT_S, 0
        while todo := [name for name in self.machines if self.outcomes.get(name) not in DONE]:
            await self.round(todo)
            if self.is_over or self._is_relieved() or time.monotonic() >= end:
                break
            if any(self.outcomes.get(name) not in DONE for name in todo):
                await self._wait(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1
        slept = sum(it == "slept" for it in self.outcomes.values())
        _say(f"{slept} of {len(self.machines)} machines were put to sleep")

    async def _wait(self, seconds: float) -> None:
        for _ in range(round(seconds / LOOK_S)):
            if self.is_over or self._is_relieved():
                return
            await asyncio.sleep(LOOK_S)

    async def round(self, names: list[str]) -> None:
        """Go over machines once, many at a time."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> None:
            async with places:
                if self.may_act():
                    self.outcomes[name] = await put_to_sleep(self.machines[name], name)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))
        self.report()

    def report(self) -> None:
        """Keep what was done so far; where nothing was, nothing is kept."""
        if not self.outcomes or self.cause is None:
            return
        report = Report(
            name=f"{self.began_ms}-{os.getpid()}",
            cause=self.cause,
            since=self.heard_ms,
            at=self.began_ms,
            outcomes=tuple(self.outcomes.items()),
        )
        try:
            guard_files.write_report(self.data, report)
        except OSError as error:
            _say(f"what was done cannot be kept: {error.strerror}")


async def put_to_sleep(driver: CanRead, name: str) -> Rest:
    """Put one machine to sleep and read it back; return what became of it."""
    try:
        return await _put_to_sleep(driver, name)
    except Exception as error:  # a driver's fault is that machine's, never the others'
        _say(f"the driver of {name} failed: {type(error).__name__}")
        return "refused"


async def _put_to_sleep(driver: CanRead, name: str) -> Rest:
    before = await read_device(driver, name, at=0, deadline_s=READ_S)
    if before.answer == "ok" and before.activity == "asleep":
        return "asleep"
    if not isinstance(driver, CanPause):
        return "unsupported"
    said = await attempt(driver.pause(), deadline_s=COMMAND_S)
    if said.answer != "ok":
        return said.answer
    for _ in range(BACKS):
        reading = await read_device(driver, name, at=0, deadline_s=READ_S)
        if reading.activity == "asleep" or reading.answer == "unreachable":  # a plug takes its machine off the network
            return "slept"
        await asyncio.sleep(BACK_S)
    return "not obeyed"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(f"hashwright guard: {text}", file=sys.stderr, flush=True)  # noqa: T201 (its log is where ours is)


async def run(guard: Guard, reader: asyncio.StreamReader, answer: Callable[[bytes], object]) -> None:
    """Listen to the program and watch until it is over."""

    async def listen() -> None:
        with contextlib.suppress(OSError, ValueError):
            while (line := await reader.readline()).endswith(b"\n"):
                if not guard.take(line):
                    return
                with contextlib.suppress(OSError):
                    answer(guard_files.HEARD)
        guard.is_parent_gone = True

    async with asyncio.TaskGroup() as group:
        listener = group.create_task(listen())
        await guard.watch()
        listener.cancel()


async def _main(guard: Guard) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=guard_files.LINE_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb"))
    await run(guard, reader, lambda word: os.write(1, word))


def main() -> None:
    """Be the guard of a data folder: its arguments are the folder, and the process that it watches."""
    import resource

    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # passwords are in its memory
    asyncio.run(_main(Guard(data=Path(sys.argv[1]), parent=int(sys.argv[2]), heard_ms=_now_ms())))


if __name__ == "__main__":
    main()
