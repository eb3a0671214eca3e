"""Server-sent events: what changed since the last picture, at most twice a second, made once for all who listen.

A stream begins with everything. After that a section is sent only when it differs from the one that this listener has.
The plot and the list of machines are not in it: a page fetches those when it is told that they are new.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from litestar import Controller, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from hashwright.errors import OperatorError
from hashwright.web import present
from hashwright.web.api_view import instance_name
from hashwright.web.context import AnyRequest, Site, needs, problems, site_of
from hashwright.web.live import Picture
from hashwright.web.steering import Helm, Steer

MIN_PAUSE_S: Final = 0.5
HEARTBEAT_S: Final = 15.0
STREAMS_MAX: Final = 500
RETRY_MS: Final = 2_000
CHECKED_S: Final = 5.0
"""How often a quiet stream looks whether its session is still good; before anything is sent it always does."""
OLDER_MAX: Final = 64
"""How many pictures are kept for listeners that missed some."""
SLOW: Final = ("at_ms",)
"""What changes with every picture and says nothing new by itself."""


class Deltas:
    """The sections of the newest picture as JSON, and what differs from an older one: made once for all who listen."""

    def __init__(self) -> None:
        self.number = -1
        self._sections: dict[str, bytes] = {}
        self._older: OrderedDict[int, dict[str, bytes]] = OrderedDict()
        self._events: dict[int, bytes] = {}

    def of(self, picture: Picture, instance: str, steers: tuple[Steer, ...] = ()) -> dict[str, bytes]:
        """Return the sections of a picture."""
        if picture.number > self.number:
            document = msgspec.to_builtins(present.status_of(picture, instance=instance))
            document["machines_at_ms"] = picture.machines_at_ms
            document["alert_number"] = picture.alerts[0].number if picture.alerts else 0
            document["steers"] = steers
            self._sections = {name: msgspec.json.encode(value) for name, value in document.items()}
            self.number = picture.number
            self._older[picture.number] = self._sections
            self._events = {}
            while len(self._older) > OLDER_MAX:
                self._older.popitem(last=False)
        return self._sections

    def event(self, since: int) -> bytes:
        """Return the event that brings a listener from picture `since` to the newest; empty where nothing changed.

        Who has a picture that is not kept any more, or none, gets everything.
        """
        if since not in self._events:
            data = delta(self._older.get(since, {}), self._sections)
            self._events[since] = event_of(self.number, data) if data else b""
        return self._events[since]


def delta(before: dict[str, bytes], after: dict[str, bytes]) -> bytes:
    """Return what changed as one JSON object; empty where nothing did but the time."""
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    if not set(changed) - set(SLOW):
        return b""
    return b"{" + b",".join(b'"' + name.encode() + b'":' + value for name, value in changed.items()) + b"}"


def event_of(number: int, data: bytes) -> bytes:
    """Write one event of the stream."""
    return b"id: %d\nevent: status\ndata: %b\n\n" % (number, data)


class StreamController(Controller):
    """The stream of changes."""

    path = "/api/v1"
    tags = ("look",)
    guards = (needs("view"),)

    @get(
        "/events",
        responses={
            **problems(401, 403, 503),
            200: ResponseSpec(str, description="Events `status`.", media_type="text/event-stream"),
        },
        operation_id="followEvents",
        summary="Changes as server-sent events",
    )
    async def events(self, request: AnyRequest) -> Stream:
        """Follow what changes: sections of the status document."""
        site = site_of(request)
        if site.live.watchers >= STREAMS_MAX:
            raise OperatorError(f"{STREAMS_MAX} streams are open already.", code="HW-769", hint="Close some pages.")
        deltas: Deltas = request.app.state.deltas
        cookie = request.cookies.get(site.cookie, "") if request.user is not None and request.user.by_cookie else ""
        return Stream(
            follow(site, request.app.state.helm, deltas, await instance_name(site), cookie),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )


async def follow(site: Site, helm: Helm, deltas: Deltas, instance: str, cookie: str) -> AsyncIterator[bytes]:
    """Yield events until the listener is gone or his session is over."""
    site.live.watchers += 1
    site.live.touch()
    number, checked, spoke = -1, -1e9, site.clock.monotonic()
    try:
        yield b"retry: %d\n\n" % RETRY_MS
        while True:
            picture, data = await _newer(site, number), b""
            if picture is not None:
                steers = (await helm.look()).steers
                deltas.of(picture, instance, steers)
                data, number = deltas.event(number), deltas.number
            now = site.clock.monotonic()
            if cookie and (data or now - checked >= CHECKED_S):
                checked = now
                if site.accounts.caller(cookie, now=site.clock.now()) is None:
                    yield b"event: over\ndata: {}\n\n"
                    return
            if data or picture is None or now - spoke >= HEARTBEAT_S:
                spoke = now
                yield data or b": still here\n\n"
            if data:
                await asyncio.sleep(MIN_PAUSE_S)
    finally:
        site.live.watchers -= 1


async def _newer(site: Site, number: int) -> Picture | None:
    """Wait for a newer picture; None when it is time for a sign of life."""
    if number < 0 and site.live.picture.number > 0:
        return site.live.picture
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return await site.live.next_picture(max(number, 0))
    except TimeoutError:
        return None
