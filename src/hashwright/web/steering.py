"""Which autopilots run and how far they may go: for the header of every page, asked once for all who look."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, Literal

import structlog

from hashwright.errors import HashwrightError
from hashwright.web.documents import Document
from hashwright.web.live import Live
from hashwright.web.plan import PlanMode, mode_of

log = structlog.get_logger()
EVERY_S: Final = 4.0
ASKED: Final = {"route": "autopilot-status", "power": "power-status"}


class Steer(Document, frozen=True, kw_only=True):
    """An autopilot: of a route (`name` is its algorithm) or of power (its site). `asks` is the decision that waits."""

    kind: Literal["route", "power"]
    name: str
    mode: PlanMode
    asks: int | None
    decided_ms: int | None
    problem: str


class Steering(Document, frozen=True, kw_only=True):
    """All autopilots of the running program."""

    at_ms: int
    is_running: bool
    steers: tuple[Steer, ...]


class Helm:
    """What was last heard of all autopilots."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._lock = asyncio.Lock()
        self._at = -1e9
        self.states: dict[str, list[dict[str, Any]]] = {}
        self.steering = Steering(at_ms=0, is_running=False, steers=())

    def forget(self) -> None:
        """Ask anew next time: something was changed."""
        self._at = -1e9

    async def look(self) -> Steering:
        """Return what is known, at most a few seconds old."""
        async with self._lock:
            if self._live.clock.monotonic() - self._at >= EVERY_S:
                self._at = self._live.clock.monotonic()
                await self._ask()
        return self.steering

    async def _ask(self) -> None:
        states: dict[str, list[dict[str, Any]]] = {}
        is_running = False
        for kind, command in ASKED.items():
            try:
                answer = await self._live.ask(command, timeout_s=10.0)
            except HashwrightError as error:
                log.debug("an autopilot did not answer", command=command, code=error.code)
                continue
            is_running = True
            states[kind] = rows_of(answer)
        self.states = states
        steers = (steer_of(kind, state) for kind, found in states.items() for state in found)
        self.steering = Steering(at_ms=self._live.clock.now(), is_running=is_running, steers=tuple(steers))


def rows_of(answer: object) -> list[dict[str, Any]]:
    """Return the states in an answer: it is their list, or names it."""
    if isinstance(answer, dict):
        answer = next((it for it in answer.values() if isinstance(it, list)), [])
    rows: Iterable[Any] = answer if isinstance(answer, list) else ()
    return [it for it in rows if isinstance(it, dict) and "settings" in it]


def steer_of(kind: str, state: dict[str, Any]) -> Steer:
    """Return one autopilot in a line."""
    settings, last = state["settings"], state.get("last") or {}
    asks = last.get("number") if last.get("state") == "asked" else None
    return Steer(
        kind="power" if kind == "power" else "route",
        name=str(settings.get("algorithm") or settings.get("name") or ""),
        mode=mode_of(settings),
        asks=asks,
        decided_ms=last.get("at_ms"),
        problem=str(state.get("problem") or state.get("banner") or ""),
    )
