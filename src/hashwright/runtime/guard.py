"""The guard, seen from the running program: started where a machine is to sleep when we die, and kept alive.

Each start first lets the guard of an earlier program go, and takes what it did into the fleet's journal. Then, where
any machine's fail-safe is `sleep`, a guard of our own runs (`guard_process`). It gets the machines and their passwords
through a pipe, a beat every two seconds, and at an orderly end the word that nothing is to be done. A guard that ended,
or does not answer, is told of and started again.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import structlog

import hashwright
from hashwright.adapters.secret import read_secret
from hashwright.errors import HashwrightError
from hashwright.fleet.events import GuardActed
from hashwright.runtime import guard_files
from hashwright.runtime.guard_files import Charge, Orders
from hashwright.runtime.web_process import NOT_FOR_CHILDREN
from hashwright.signals import Alert

if TYPE_CHECKING:
    from hashwright.runtime.fleet import FleetService
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()
BEAT_S: Final = 2.0
DEAF_S: Final = 30.0
"""A guard that answers nothing for so long hangs."""
LET_GO_S: Final = 10.0
"""An older guard lets go within a second, or when its commands that are on their way have ended."""
LOCK_S: Final = 0.2
PAUSES_S: Final = (0.5, 2.0, 10.0, 60.0)
STEADY_S: Final = 60.0
END_S: Final = 1.0
KEEP_S: Final = 5.0
State = Literal["off", "starting", "on", "missing"]


class GuardKeeper:
    """The guard of this program, or what stands in its way."""

    def __init__(self, app: "Hashwright", fleet: "FleetService") -> None:
        self.state: State = "off"
        self.detail = ""
        self.watched = 0
        self._app = app
        self._fleet = fleet
        self._process: asyncio.subprocess.Process | None = None
        self._heard_at = 0.0
        self._changed = asyncio.Event()
        self._is_told = False

    @property
    def process(self) -> int | None:
        """Return the process id of the guard that runs."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    def _data(self) -> Path:
        """Return the data folder: whole, for a process that may stand elsewhere."""
        return self._app.config.data_dir.absolute()

    def document(self) -> dict[str, Any]:
        """Return what pages and commands show of it."""
        return {"state": self.state, "watches": self.watched, "process": self.process, "detail": self.detail}

    def change(self) -> None:
        """Note that machines or rules are others now."""
        self._changed.set()

    def charges(self) -> tuple[Charge, ...]:
        """Return the machines that are to sleep when we die, with what it needs to reach them."""
        found = []
        for name, settings in self._fleet.settings.items():
            if self._fleet.fail_safe_of(settings) != "sleep":
                continue
            with contextlib.suppress(HashwrightError):  # a password that is gone: its driver was built with it before
                secret = read_secret(settings.password_from) if settings.password_from else ""
                found.append(Charge(name=name, kind=settings.kind, settings=settings.settings, secret=secret))
        return tuple(found)

    # ---------------------------------------------------------------- the loop

    async def run(self) -> None:
        """Keep a guard while one is wanted, for ever."""
        data = self._data()
        try:
            await self.release(is_orderly=True)  # one of ours, where this service failed and was started again
            await self._keep(data)
        except OSError as error:
            self._trouble(f"There is no guard of the fleet: {error.strerror} ({error.filename or data}).")
            raise

    async def _keep(self, data: Path) -> None:
        await asyncio.to_thread(guard_files.announce, data, os.getpid())
        failures = 0
        while True:
            lock = await self._take_lock(data)
            began = self._app.clock.monotonic()
            try:
                await self._collect(data)
                self._changed.clear()
                charges = self.charges()
                if charges:
                    await self._watch(data, lock, charges)
            finally:
                os.close(lock)
            if not charges:
                self._say("off")
                await self._changed.wait()
                continue
            failures = 0 if self._app.clock.monotonic() - began > STEADY_S else failures + 1
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S)) - 1] if failures else PAUSES_S[0])

    async def _take_lock(self, data: Path) -> int:
        """Take the lock of the guard, from one of before where there is one."""
        end = self._app.clock.monotonic() + LET_GO_S
        while True:
            descriptor = guard_files.take_lock(data)
            if descriptor is not None:
                return descriptor
            if self._app.clock.monotonic() > end:
                self._trouble("An older guard of this folder still runs and does not let go. No new one was started.")
            await asyncio.sleep(LOCK_S)

    async def _watch(self, data: Path, lock: int, charges: tuple[Charge, ...]) -> None:
        """Run one guard until it ends, or no machine needs one any more."""
        self._say("starting")
        self._process = process = await start(data, lock, secrets=self._secrets())
        self._heard_at = self._app.clock.monotonic()
        assert process.stdin is not None
        process.stdin.write(self._orders(charges))
        async with asyncio.TaskGroup() as group:
            listener = group.create_task(self._listen(process))
            beater = group.create_task(self._beat(process, process.stdin))
            code = await process.wait()
            listener.cancel()
            beater.cancel()
        self._process = None
        if self.charges() and not await asyncio.to_thread(guard_files.read_reports, data):
            words = f"was killed by signal {-code}" if code < 0 else f"ended by itself ({code})"
            self._trouble(f"The guard of the fleet {words}. It is started again.")

    def _secrets(self) -> set[str]:
        """Return the variables of the environment that hold a machine's password."""
        references = (it.password_from for it in self._fleet.settings.values())
        return {it.removeprefix("env:") for it in references if it.startswith("env:")}

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while await process.stdout.readline():
            self._heard_at = self._app.clock.monotonic()
            if self.state == "on":
                continue
            self._say("on")
            if self._is_told:
                self._is_told = False
                self._app.warn(Alert(level="info", code="HW-115", text="The guard of the fleet watches again."))

    async def _beat(self, process: asyncio.subprocess.Process, sink: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            if self._app.clock.monotonic() - self._heard_at > DEAF_S:
                process.kill()
                return
            charges: tuple[Charge, ...] = ()
            if self._changed.is_set():
                self._changed.clear()
                charges = self.charges()
                if not charges:
                    sink.write(guard_files.END)
                    return
            sink.write(self._orders(charges) if charges else guard_files.BEAT)

    def _orders(self, charges: tuple[Charge, ...]) -> bytes:
        self.watched = len(charges)
        return msgspec.json.encode(Orders(charges=charges, silence_s=self._fleet.rules.guard_s)) + b"\n"

    async def release(self, *, is_orderly: bool) -> None:
        """Tell the guard that we end in order; else only the pipe ends, and it does what it is for."""
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            return
        if not is_orderly:
            process.stdin.close()
            return
        process.stdin.write(guard_files.END)
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:  # it was only just started, or hangs
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    # ---------------------------------------------------------------- what an older guard did

    async def _collect(self, data: Path) -> None:
        """Take reports into the journal, and remove each when it is safely there."""
        for path, report in await asyncio.to_thread(guard_files.read_reports, data):
            if report is None:
                self._trouble(f"A report of the guard cannot be read: {path.name}.")
                path.replace(path.with_suffix(".unreadable"))
                continue
            self._app.kernel.handle(GuardActed(report.name, report.cause, report.since, report.at, report.outcomes))
            for name, _ in report.outcomes:
                self._fleet.ask_soon(name)
            if await self._is_kept():
                await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _is_kept(self) -> bool:
        app = self._app
        app.kernel.commit_now()
        try:
            async with asyncio.timeout(KEEP_S):
                await asyncio.wrap_future(app.writer.transact(lambda _: None))
        except (HashwrightError, TimeoutError):
            return False
        return app.write_state == "ok"

    # ---------------------------------------------------------------- telling

    def _say(self, state: State, detail: str = "") -> None:
        self.state, self.detail = state, detail
        if state != "on":
            self.watched = 0

    def _trouble(self, text: str) -> None:
        """Tell that there is no guard now, once until there is one."""
        self._say("missing", text)
        if not self._is_told:
            self._is_told = True
            self._app.warn(Alert(level="critical", code="HW-886", text=text))


async def start(data: Path, lock: int, *, secrets: Set[str] = frozenset()) -> asyncio.subprocess.Process:
    """Start a guard that holds the lock for as long as it lives; no password is in its arguments or environment."""
    package = str(Path(hashwright.__file__).parents[1])
    left_out = {*NOT_FOR_CHILDREN, *secrets}
    kept = {key: it for key, it in os.environ.items() if not key.startswith("HW_") and key not in left_out}
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hashwright.runtime.guard_process", str(data), str(os.getpid()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=kept | {"PYTHONPATH": path},
        pass_fds=(lock,),
        start_new_session=True,  # a Ctrl-C is for us
    )  # fmt: skip
