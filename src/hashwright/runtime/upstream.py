"""One upstream destination, live: at least one connection is always open or being made, whatever the upstream does.

The first connection is the warm stand-by: it is there before a machine needs it, and made again when it is lost, at the
next address in order. More are made where the engine asks for them (`open_channel`). While a fall-back is in use the
primary is tried now and then; machines go back when it has given a job, and the old connection goes then.

What the upstream says becomes events (`upstream_link`); how it goes in words is `UpstreamChanged`, told when it changes
and not with each try: every event is journaled.

Rules
* `submit`, `open_channel` and `close_channel` are called while the kernel performs effects: they tell nothing
  themselves and never raise.
* Only the loss of the last connection counts as a failure of its address: when a thousand die together, that is one;
  and one that only stood by, and was hung up on, is none.
* `client.reconnect` is obeyed to the same host or one of `reconnect_hosts`, with the same kind of encryption, once a
  minute; the old connection stays until the new one has a job.

Must not know: what a share is worth, who mines where, the other destinations.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Literal, Protocol

import structlog

from hashwright.chain.proof import ALGORITHMS
from hashwright.clock import Clock
from hashwright.errors import AuthRejected, ConfigError, HashwrightError
from hashwright.pool.effects import SubmitUpstream
from hashwright.pool.events import PoolEvent, UpstreamChanged
from hashwright.runtime.outgoing import Guard
from hashwright.runtime.upstream_blob import BlobUpstreamLink
from hashwright.runtime.upstream_dial import dial
from hashwright.runtime.upstream_limits import UpstreamLimits as UpstreamLimits
from hashwright.runtime.upstream_link import LinkEnd, UpstreamLink
from hashwright.runtime.upstream_order import AddressOrder, back_off_s
from hashwright.runtime.upstream_settings import (
    UpstreamAddress,
    UpstreamSettings,
    parse_address,
    password_of,
    pin_of,
    same_host,
)
from hashwright.runtime.upstream_socket import client_context
from hashwright.stratum.messages import Reconnect

log = structlog.get_logger()

UpstreamState = Literal["connecting", "connected", "unreachable", "refused"]


class Desk(Protocol):
    """Who takes the events."""

    def tell(self, event: PoolEvent) -> None:
        """Take an event."""


class Upstream:
    """One upstream destination with its connections."""

    def __init__(
        self,
        settings: UpstreamSettings,
        *,
        clock: Clock,
        desk: Desk,
        next_channel: Callable[[], int],
        rng: random.Random,
        limits: UpstreamLimits | None = None,
    ) -> None:
        self.settings = settings
        self.limits = limits or UpstreamLimits()
        self.clock = clock
        self.next_channel = next_channel
        self.tell = desk.tell
        self.state: UpstreamState = "connecting"
        self.detail = ""
        self.for_others: bool | Guard = False
        """Set before `run`: somebody else gave us the addresses, so the gate lets only public ones through."""
        self._rng = rng
        self._order = AddressOrder(tuple(parse_address(url) for url in settings.urls), self.limits, rng)
        self._links: dict[UpstreamLink, None] = {}
        """Every connection, those being made too."""
        self._channels: dict[int, UpstreamLink] = {}
        self._wanted: dict[int, None] = {}
        """Sessions that wait for room, first come first."""
        self._dialing = self._misses = 0
        self._lost = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._context: ssl.SSLContext | None = None
        self._up_since_s = 0.0
        self._moved_s = self._told_s = self._missed_s = float("-inf")
        self._noted: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<Upstream {self.settings.name} {self.state}, {len(self._channels)} channels>"

    # ---------------------------------------------------------------- life

    async def run(self) -> None:
        """Work until cancelled."""
        name = self.settings.name
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_one(), name=f"stand-by of {name}")
            group.create_task(self._go_home(), name=f"primary of {name}")
            group.create_task(self._sweep(), name=f"time-outs of {name}")

    async def aclose(self) -> None:
        """End every connection; what was open is told as closed."""
        tasks, links = tuple(self._tasks), tuple(self._links)
        for task in tasks:
            task.cancel()
        for link in links:
            link.close("Hashwright lets go of this upstream", kind="ours")
        for link in links:
            await link.is_over.wait()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.limits.sweep_s)
            for link in tuple(self._links):
                link.check()

    # ---------------------------------------------------------------- at least one connection

    async def _keep_one(self) -> None:
        while True:
            self._lost.clear()
            if not self._channels:
                await self._bring_up()
            await self._lost.wait()

    async def _bring_up(self) -> None:
        """Try one address after the other until there is a connection."""
        while True:
            await asyncio.sleep(self._order.pause_s(now_s=self._now_s()))
            if self._channels:
                return  # another one came up meanwhile
            address = self._order.current
            if self.state == "connecting":
                self._change("connecting", str(address))
            try:
                link = await self._raise(address)
            except HashwrightError as error:
                self._failed(error.message, is_refusal=isinstance(error, AuthRejected | ConfigError))
                continue
            if len(self._channels) > 1 and address != self._order.current:
                link.close("another address came up meanwhile", kind="ours")
            return

    def _failed(self, reason: str, *, is_refusal: bool) -> None:
        """Note that the address in use failed, and go to the next."""
        self._order.failed(now_s=self._now_s(), is_refusal=is_refusal)
        self._change("refused" if is_refusal else "unreachable", reason)

    async def connect_once(self, address: UpstreamAddress) -> UpstreamLink:
        """Make one connection, up to its first job, to see whether this upstream can be used.

        Raises:
            HashwrightError: it did not come so far.
        """
        return await self._raise(address, opens_with_job=True)

    async def _raise(self, address: UpstreamAddress, *, opens_with_job: bool = False) -> UpstreamLink:
        """Make a connection, up to its login.

        Raises:
            HashwrightError: it did not come so far.
        """
        make = BlobUpstreamLink if ALGORITHMS[self.settings.algorithm].work == "blob" else UpstreamLink
        link = make(self, address, password=password_of(self.settings), opens_with_job=opens_with_job)
        self._links[link] = None
        try:
            context = self._tls() if address.is_tls else None
            await dial(link, context, connect_s=self.limits.connect_s, for_others=self.for_others)
            await (link.has_job if opens_with_job else link.turned).wait()
        except BaseException:
            link.close("it was given up", kind="ours")
            raise
        if not link.was_open or (opens_with_job and link.end is not None):
            raise link.failure()
        return link

    def _tls(self) -> ssl.SSLContext:
        self._context = self._context or client_context(pin_of(self.settings))
        return self._context

    # ---------------------------------------------------------------- back to the primary, and where it sends us

    async def _go_home(self) -> None:
        """While a fall-back is in use, try the primary now and then."""
        while True:
            await asyncio.sleep(self.limits.home_s * self._rng.uniform(0.75, 1.25))
            if self._order.is_home or not self._channels:
                continue
            try:
                link = await self._raise(self._order.addresses[0], opens_with_job=True)
            except HashwrightError as error:
                self.note("primary", "the primary address of an upstream is still away", problem=error.message)
                continue
            self._order.go_home()
            await self._retire(link, "the primary is back")

    async def _move(self, address: UpstreamAddress, wait_s: float) -> None:
        """Go where the upstream sent us, when that has given a job."""
        await asyncio.sleep(wait_s)
        try:
            link = await self._raise(address, opens_with_job=True)
        except HashwrightError as error:
            self.note("move", "an upstream sent us to an address that does not work", problem=error.message)
            return
        self._order.follow(address)
        await self._retire(link, "the upstream asked us to go elsewhere")

    async def _retire(self, newer: UpstreamLink, reason: str) -> None:
        """Close the connections to other addresses, each in a moment without open shares, if there is one soon."""
        self._change("connected", str(newer.address))
        until_s = self._now_s() + self.limits.drain_s
        older = [link for link in self._channels.values() if link is not newer]
        while older:
            is_late = self._now_s() >= until_s
            for link in older:
                if link.end is None and (is_late or not len(link.shares)):
                    link.close(reason, kind="ours")
            older = [link for link in older if link.end is None]
            if older:
                await asyncio.sleep(self.limits.drain_s / 50)

    def asked_away(self, link: UpstreamLink, message: Reconnect) -> None:
        """Obey `client.reconnect`, or say why not."""
        address = self._target_of(link, message)
        if address is None:
            text = "an upstream sends us to a host that is not allowed; ignored"
            self.note("redirect", text, code="HW-434", to=f"{message.host}:{message.port}")
        elif self._now_s() - self._moved_s < self.limits.reconnect_gap_s:
            self.note("moves", "an upstream sends us away again within a minute; ignored", to=str(address))
        else:
            self._moved_s = self._now_s()
            wait_s = min(float(message.wait_s), self.limits.reconnect_wait_s)
            log.info("an upstream sends us elsewhere", destination=self.settings.name, to=str(address), wait_s=wait_s)
            self._spawn(self._move(address, wait_s))

    def _target_of(self, link: UpstreamLink, message: Reconnect) -> UpstreamAddress | None:
        """Return where to go, with the encryption of the old connection; None where we may not."""
        old = link.address
        host = message.host.strip("[]") or old.host
        allowed = (old.host, *self.settings.reconnect_hosts)
        if not any(same_host(host, other) for other in allowed):
            return None
        return UpstreamAddress(host=host, port=message.port or old.port, is_tls=old.is_tls)

    # ---------------------------------------------------------------- what connections tell

    def link_opened(self, link: UpstreamLink) -> None:
        """A connection is ready: it is known before the engine hears of it."""
        if not self._channels:
            self._up_since_s = self._now_s()
        self._channels[link.channel] = link
        self._change("connected", str(link.address))

    def room_made(self, link: UpstreamLink) -> None:
        """A connection has taken in as many waiting sessions as it has room for."""
        for session in tuple(self._wanted)[: link.machines]:
            del self._wanted[session]
        self._make_wanted()

    def link_ended(self, link: UpstreamLink) -> None:
        """A connection is over."""
        self._links.pop(link, None)
        end = link.end
        assert end is not None
        if not link.was_open:
            return
        self._channels.pop(link.channel, None)
        if end.kind != "ours":
            self.note("ended", "a connection to an upstream ended", address=str(link.address), reason=end.reason)
        if not self._channels:
            self._last_ended(link, end)
            self._lost.set()
        elif end.kind != "ours" and link.lived_s() < self.limits.healthy_s:
            self._missed()

    def _last_ended(self, link: UpstreamLink, end: LinkEnd) -> None:
        """Judge the loss of the last connection. One that only stood by is made again where it was.

        Pools hang up on clients that send no shares for some minutes: that is no failure of theirs.
        """
        is_healthy = self._now_s() - self._up_since_s >= self.limits.healthy_s
        if is_healthy:
            self._order.healthy()
        if is_healthy and end.kind == "hung-up" and link.unused_s() >= self.limits.healthy_s:
            return
        if end.kind != "ours":
            self._failed(f"{link.address}: {end.reason}", is_refusal=end.kind == "refused")

    def note(self, kind: str, text: str, **facts: object) -> None:
        """Log a line, unless one of its kind was logged within a minute."""
        now = self._now_s()
        if now - self._noted.get(kind, float("-inf")) >= self.limits.log_s:
            self._noted[kind] = now
            log.warning(text, destination=self.settings.name, **facts)

    def _change(self, state: UpstreamState, detail: str) -> None:
        """Tell how it goes, when that is news; another detail of the same state at most once a minute."""
        detail = detail[:200]
        is_same = state == self.state and (detail == self.detail or self._now_s() - self._told_s < self.limits.log_s)
        is_told, self.state, self.detail = is_same and self._told_s > float("-inf"), state, detail
        if not is_told:
            self._told_s = self._now_s()
            self.tell(UpstreamChanged(self.settings.name, state, detail))

    # ---------------------------------------------------------------- what the engine asks

    def submit(self, effect: SubmitUpstream) -> None:
        """Send a share at once; what is for a connection that is gone was counted as lost with it."""
        link = self._channels.get(effect.channel)
        if link is not None:
            link.submit(effect)

    def open_channel(self, session: int) -> None:
        """Make one more connection, as soon as there is a first one."""
        if len(self._wanted) + len(self._links) < self.limits.links:
            self._wanted[session] = None
            self._make_wanted()
        else:
            self.note("links", "too many connections to an upstream are asked for", limit=self.limits.links)

    def close_channel(self, channel: int, reason: str) -> None:
        """End a connection. The last one is closed only where its jobs must not be mined: as good as a refusal."""
        link = self._channels.get(channel)
        if link is not None:
            link.close(reason, kind="ours" if len(self._channels) > 1 else "refused", code="HW-432")

    def _make_wanted(self) -> None:
        while self._channels and self._dialing < min(len(self._wanted), self.limits.dials):
            self._dialing += 1
            self._spawn(self._make_one())

    async def _make_one(self) -> None:
        try:
            await asyncio.sleep(self._pause_s())
            address = self._order.current
            link = await self._raise(address)
            if address != self._order.current:
                link.close("another address came up meanwhile", kind="ours")
        except HashwrightError as error:
            self._missed()
            self.note("another", "another connection to an upstream was not made", problem=error.message)
        finally:
            self._dialing -= 1
        self._make_wanted()

    def _missed(self) -> None:
        """Note that a connection beside the first one was not made, or did not hold: pools may limit their number."""
        self._pause_s()
        self._misses += 1
        self._missed_s = self._now_s()

    def _pause_s(self) -> float:
        """Return how long to wait before one more connection [s]; misses of long ago are forgotten."""
        if self._now_s() - self._missed_s > 2 * self.limits.back_off_max_s:
            self._misses = 0
        return back_off_s(self._misses, self.limits, self._rng)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # allow task: ends by itself or is cancelled by `aclose`; at most `dials` and one move at a time
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    # ---------------------------------------------------------------- for screens

    def describe(self) -> dict[str, Any]:
        """Return what screens show: the state, the address in use, and each connection."""
        return {
            "destination": self.settings.name,
            "state": self.state,
            "detail": self.detail,
            "address": str(self._order.current),
            "is_primary": self._order.is_home and self._order.redirect is None,
            "failures": self._order.failures,
            "waiting": len(self._wanted),
            "links": [link.describe() for link in self._links],
        }
