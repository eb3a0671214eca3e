"""One connection to an upstream: greets, takes jobs, sends shares, and ends with a reason.

    connected -> configure, subscribe -> subscribed -> extranonce.subscribe, authorize -> authorised (ChannelOpened)
    -> first job -> jobs, shares, answers -> ended (ChannelClosed, once)

`configure` is sent together with `subscribe`: pools that do not know it may never answer it. What comes too late, or
not at all, is decided by `check`, which the owner calls every second.

Rules
* The end is told from the loop and never from within `submit` or `close`: those are called by the kernel while it
  performs the effects of another event.
* What was answered is told before the end; after the end nothing is told.
* A job is told with the difficulty in force. The same job again (same id, content and difficulty) is not told; a new
  extranonce makes every job new.
* Whatever the upstream sends, the worst that happens is the end of this connection.

Must not know: which upstream is the better one, when to try again (`upstream` does), what a share is worth.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, cast

from hashwright.clock import Clock
from hashwright.errors import AuthRejected, Disconnected, HashwrightError
from hashwright.pool.channels import LEFT_BYTES_MIN
from hashwright.pool.effects import SubmitUpstream
from hashwright.pool.events import (
    ChannelClosed,
    ChannelOpened,
    PoolEvent,
    SharesAnswered,
    UpstreamJobSeen,
)
from hashwright.pool.extranonce import PREFIX_BYTES
from hashwright.runtime.upstream_limits import UpstreamLimits
from hashwright.runtime.upstream_names import NameBook
from hashwright.runtime.upstream_settings import UpstreamAddress, UpstreamSettings, pin_of
from hashwright.runtime.upstream_shares import OpenShare, ShareBook, is_refusal
from hashwright.runtime.upstream_socket import pin_problem as pin_problem
from hashwright.runtime.upstream_socket import tune
from hashwright.stratum import messages as said
from hashwright.stratum.client import ClientSession
from hashwright.stratum.messages import Message

AGENT = "hashwright/0.1"
VERSION_MASK = 0x1FFFE000
"""The bits of BIP 320."""
MINIMUM_BITS = 2
"""What machines are content with; an upstream that grants fewer is told apart by its mask."""
JOBS_KEPT = 8
"""Jobs that a repeated one is compared with; a clean job forgets them."""
NO_DIFFICULTY = 1.0
"""Before the first `mining.set_difficulty`: Stratum's own start."""

EndKind = Literal["lost", "hung-up", "refused", "ours"]
Stage = Literal["connecting", "subscribing", "authorizing", "open", "ended"]


class LinkOwner(Protocol):
    """What a connection needs of its upstream."""

    settings: UpstreamSettings
    limits: UpstreamLimits
    clock: Clock

    def tell(self, event: PoolEvent) -> None:
        """Take an event."""

    def next_channel(self) -> int:
        """Draw a channel number that was never used."""

    def note(self, kind: str, text: str, **facts: object) -> None:
        """Log a line, unless one of its kind was just logged."""

    def link_opened(self, link: "UpstreamLink") -> None:
        """A connection is open; the engine hears of it next."""

    def room_made(self, link: "UpstreamLink") -> None:
        """The engine has heard of a connection."""

    def link_ended(self, link: "UpstreamLink") -> None:
        """A connection is over."""

    def asked_away(self, link: "UpstreamLink", message: said.Reconnect) -> None:
        """An upstream would like us elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnd:
    """Why a connection ended: `lost`, closed by the upstream, `refused` for a person to act on, or by our own wish."""

    reason: str
    kind: EndKind
    code: str = "HW-430"


class UpstreamLink(asyncio.Protocol):
    """One connection. Made by `Upstream`, connected by `upstream_dial`."""

    def __init__(
        self, owner: LinkOwner, address: UpstreamAddress, *, password: str, opens_with_job: bool = False
    ) -> None:  # fmt: skip
        self.address = address
        self.stage: Stage = "connecting"
        self.channel = 0
        self.end: LinkEnd | None = None
        self.was_open = False
        self.names = NameBook(owner.settings)
        self.shares = ShareBook(base=self.names.base)
        self.turned = asyncio.Event()
        """Open, or ended before."""
        self.has_job = asyncio.Event()
        """Gave a job, or ended before."""
        self.is_over = asyncio.Event()
        """Ended, and the end is told."""
        self._owner, self._password, self._opens_with_job = owner, password, opens_with_job
        self._loop = asyncio.get_running_loop()
        self._session = self._new_session()
        self._is_flushing = False
        self._transport: asyncio.Transport | None = None
        self._prefix, self.extranonce2_size, self._mask = b"", 0, 0
        self._difficulty = NO_DIFFICULTY
        self._early_job: Any = None
        self._jobs: dict[str, tuple[Any, float]] = {}
        self._since_s = self._job_s = self._news_s = self._loop.time()
        self._news_left = float(owner.limits.news_burst)
        self._opened_at = self._last_job_at = self._last_accepted_at = 0
        self._used_s = self._since_s

    def __repr__(self) -> str:
        return f"<UpstreamLink {self.channel} {self.address} {self.stage}>"

    # ---------------------------------------------------------------- the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Check who it is, then greet. With a wrong certificate not one byte is sent."""
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        if self.end is not None:
            transport.abort()
            return
        problem = pin_problem(pin_of(self._owner.settings), transport) if self.address.is_tls else ""
        if problem:
            self.close(f"{self.address.host} {problem}", kind="refused", code="HW-435")
            return
        tune(transport, send_buffer=self._owner.limits.send_buffer)
        self._greet()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take in what the upstream says."""
        if self.end is not None:
            return
        for message in self._session.receive_data(data):
            if self.end is not None:
                break
            hear = self._HEARD.get(type(message))
            if hear is not None:
                hear(self, message)
        self._tell_verdicts()
        self._flush()
        if self._session.should_close:
            self.close(f"it broke the protocol: {self._session.should_close}")

    def eof_received(self) -> None:
        """The upstream will say nothing more: a connection that only takes shares is worth nothing."""
        self.close("it closed its side of the connection", kind="hung-up")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.close(f"the connection broke: {exc}" if exc else "it closed the connection", kind="hung-up")

    def pause_writing(self) -> None:
        """The send buffer is full: an upstream that does not read is let go."""
        self.close("it does not read what we send")

    def _flush_soon(self) -> None:
        """Write once for all shares of this round of the loop: each write costs more than the share."""
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        output = self._session.output
        if not output:
            return
        data = bytes(output)
        output.clear()
        if self.end is None and self._transport is not None:
            self._transport.write(data)

    # ---------------------------------------------------------------- the end

    def close(self, reason: str, *, kind: EndKind = "lost", code: str = "HW-430") -> None:
        """End the connection, once; the end is told in the loop's next round."""
        if self.end is not None:
            return
        self.end = LinkEnd(reason=reason, kind=kind, code=code)
        self.stage = "ended"
        if self._transport is not None:
            if kind == "ours":
                self._transport.close()
            else:
                self._transport.abort()
        self.turned.set()
        self.has_job.set()
        self._loop.call_soon(self._tell_end)

    @property
    def machines(self) -> int:
        """Return how many machines it carries."""
        return room_of(self.extranonce2_size)

    def lived_s(self) -> float:
        """Return the time since the login [s]."""
        return self._loop.time() - self._since_s

    def unused_s(self) -> float:
        """Return for how long no share was sent [s]."""
        return self._loop.time() - max(self._used_s, self._since_s)

    def failure(self) -> HashwrightError:
        """Return the error that the end stands for."""
        end = self.end or LinkEnd(reason="it has not ended", kind="ours")
        text = f"{self.address}: {end.reason}."
        return AuthRejected(text, code=end.code) if end.kind == "refused" else Disconnected(text, code=end.code)

    def _tell_end(self) -> None:
        assert self.end is not None
        try:
            if self.was_open:
                self._owner.tell(ChannelClosed(self._owner.settings.name, self.channel, self.end.reason[:200]))
        finally:
            self.is_over.set()
            self._owner.link_ended(self)

    def check(self) -> None:
        """End the connection where something takes too long."""
        limits, waited_s = self._owner.limits, self._loop.time() - self._since_s
        if self.stage in ("subscribing", "authorizing"):
            if waited_s > limits.handshake_s:
                method = "subscribe" if self.stage == "subscribing" else "authorize"
                self.close(f"no answer to mining.{method} in {limits.handshake_s:g} s")
        elif self.stage == "open":
            self._check_work(limits, waited_s)

    def _check_work(self, limits: UpstreamLimits, waited_s: float) -> None:
        now = self._loop.time()
        if not self.has_job.is_set() and waited_s > limits.first_job_s:
            self.close(f"no job in the first {limits.first_job_s:g} s")
        elif now - self._job_s > limits.job_idle_s:
            self.close(f"no job for {limits.job_idle_s:g} s")
        elif self.shares.unanswered_s(now_s=now) > limits.answer_s:
            self.close(f"{len(self.shares)} shares, and no answer for {limits.answer_s:g} s")
        else:
            for name in self.names.overdue(now_s=now, answer_s=limits.handshake_s):
                self._settle_name(name, is_allowed=False, reason="no answer")
            self._flush()

    # ---------------------------------------------------------------- Bitcoin's words; other dialects have their own

    def _new_session(self) -> Any:  # noqa: ANN401 (one of a dialect)
        return ClientSession(agent=AGENT)

    def _greet(self) -> None:
        """Say the first words."""
        self._enter("subscribing")
        if self._owner.settings.version_rolling:
            self._session.configure(mask=VERSION_MASK, minimum_bits=MINIMUM_BITS, takes_extranonce=True)
        self._session.subscribe()

    def _write_share(self, share: SubmitUpstream, name: str) -> int:
        """Write a share and return the number of its request."""
        bits = share.version_bits if self._mask else None
        sent = said.Submit(None, name, share.job, share.extranonce2, share.ntime, share.nonce, bits)
        return int(self._session.submit(sent))

    def _event_of(self, job: Any) -> UpstreamJobSeen:  # noqa: ANN401 (one of a dialect)
        return job_event(self._owner.settings.name, self.channel, job, self._difficulty)

    # ---------------------------------------------------------------- what the upstream says

    def _enter(self, stage: Stage) -> None:
        self.stage, self._since_s = stage, self._loop.time()

    def _hear_subscribed(self, message: said.Subscribed) -> None:
        self._prefix, self.extranonce2_size = message.prefix, message.extranonce2_size
        settings = self._owner.settings
        self._session.extranonce_subscribe()
        if settings.suggest_difficulty is not None:
            self._session.suggest_difficulty(settings.suggest_difficulty)
        self._session.authorize(self.names.base, self._password)
        self._enter("authorizing")

    def _hear_authorized(self, message: said.Authorized) -> None:
        if message.user != self.names.base:
            self._settle_name(message.user, is_allowed=message.is_allowed, reason=message.reason)
        elif not message.is_allowed:
            text = f"it refuses the user {self.names.base}: {message.reason} ({message.code})"
            self.close(text, kind="refused", code="HW-431")
        elif self.stage == "authorizing":
            self._logged_in()
            if self._early_job is not None:
                self._hear_job(self._early_job)

    def _logged_in(self) -> None:
        self._opened_at = self._owner.clock.now()
        self._enter("open")
        self._job_s = self._since_s
        if not self._opens_with_job:
            self._open()

    def _open(self) -> None:
        self.was_open = True
        self.channel = self._owner.next_channel()
        self._owner.link_opened(self)
        self._tell_channel()
        self._owner.room_made(self)
        self.turned.set()

    def _tell_channel(self) -> None:
        name = self._owner.settings.name
        self._owner.tell(ChannelOpened(name, self.channel, self._prefix, self.extranonce2_size, self._mask))

    def _hear_configured(self, message: said.Configured) -> None:
        self._set_mask(message.mask or 0)

    def _hear_mask(self, message: said.SetVersionMask) -> None:
        if self._owner.settings.version_rolling:
            self._set_mask(message.mask & VERSION_MASK)

    def _set_mask(self, mask: int) -> None:
        if mask == self._mask:
            return
        self._mask = mask
        if self.was_open and self._may_tell():
            self._tell_channel()

    def _hear_extranonce(self, message: said.SetExtranonce) -> None:
        if (message.prefix, message.extranonce2_size) == (self._prefix, self.extranonce2_size):
            return
        self._prefix, self.extranonce2_size = message.prefix, message.extranonce2_size
        self._jobs.clear()
        if self.was_open and self._may_tell():
            self._tell_channel()

    def _hear_difficulty(self, message: said.SetDifficulty) -> None:
        self._difficulty = message.difficulty

    def _hear_job(self, job: Any) -> None:  # noqa: ANN401 (one of a dialect)
        if self.stage != "open":
            self._early_job = job
            return
        self._job_s = self._loop.time()
        if self._jobs.get(job.job) == (job, self._difficulty) or not self._may_tell():
            return
        self._remember(job)
        self._last_job_at = self._owner.clock.now()
        if not self.was_open:
            self._open()
        self._owner.tell(self._event_of(job))
        self.has_job.set()

    def _remember(self, job: Any) -> None:  # noqa: ANN401 (one of a dialect)
        if self._is_clean(job):
            self._jobs.clear()
        self._jobs.pop(job.job, None)
        self._jobs[job.job] = (job, self._difficulty)
        if len(self._jobs) > JOBS_KEPT:
            del self._jobs[next(iter(self._jobs))]

    def _is_clean(self, job: Any) -> bool:  # noqa: ANN401 (one of a dialect)
        return bool(job.is_clean)

    def _may_tell(self) -> bool:
        """Count one piece of news; an upstream that floods us with them is let go."""
        limits, now = self._owner.limits, self._loop.time()
        self._news_left = min(self._news_left + (now - self._news_s) * limits.news_per_s, limits.news_burst) - 1
        self._news_s = now
        if self._news_left < 0:
            self.close("it floods us with jobs")
        return self.end is None

    def _hear_reconnect(self, message: said.Reconnect) -> None:
        self._owner.asked_away(self, message)

    def _hear_text(self, message: said.ShowMessage) -> None:
        self._owner.note("message", "an upstream says", words=message.text)

    def _hear_fault(self, message: said.Fault) -> None:
        if not message.is_fatal:
            self._owner.note("fault", "an upstream sends a line without sense", problem=message.text)

    # ---------------------------------------------------------------- shares

    def submit(self, share: SubmitUpstream) -> None:
        """Send a share at once; nothing happens where the connection is not open."""
        if self.end is not None or not self.was_open:
            return
        if len(self.shares) + self.names.held >= self._owner.limits.open_shares:
            self.close(f"{len(self.shares) + self.names.held} shares without an answer")
            return
        self._used_s = self._loop.time()
        name = self.names.name_of(share.worker)
        if self.names.is_new(name, now_s=self._used_s):
            self._session.authorize(name, self._password)
        if not self.names.hold(name, share):
            self._send(share, name)
        self._flush_soon()

    def _send(self, share: SubmitUpstream, name: str) -> None:
        request = self._write_share(share, name)
        self.shares.sent(request, OpenShare(share.share, name, self._loop.time()))

    def _settle_name(self, name: str, *, is_allowed: bool, reason: str) -> None:
        """Take an answer about a worker's name, and send what waited for it."""
        if not is_allowed:
            text = "an upstream refuses a worker's name; its shares go under the base name"
            self._owner.note("name", text, user=name, reason=reason)
        for share in self.names.note(name, is_allowed=is_allowed):
            self._send(share, name if is_allowed else self.names.base)

    def _hear_answer(self, message: said.ShareAnswered) -> None:
        found = self.shares.answered(message, now_s=self._loop.time())
        if found is None:
            return
        if message.is_accepted:
            self._last_accepted_at = self._owner.clock.now()
        elif is_refusal(message) and found.name != self.names.base:
            self._settle_name(found.name, is_allowed=False, reason=message.reason)
        refusals = self.shares.counts.refusals
        if refusals >= self._owner.limits.refusals:
            text = f"it refused {refusals} shares in a row: {message.reason} ({message.code})"
            self.close(text, kind="refused", code="HW-431")

    def _tell_verdicts(self) -> None:
        verdicts = self.shares.take_verdicts()
        if verdicts:
            self._owner.tell(SharesAnswered(self._owner.settings.name, self.channel, verdicts))

    # ---------------------------------------------------------------- for screens

    def describe(self) -> dict[str, Any]:
        """Return what screens show; times are [ms since 1970], 0 for never; latencies [ms], None without answers."""
        counts = self.shares.counts
        return {
            "channel": self.channel,
            "address": str(self.address),
            "stage": self.stage,
            "connected_at": self._opened_at,
            "prefix": self._prefix.hex(),
            "extranonce2_size": self.extranonce2_size,
            "mask": f"{self._mask:08x}",
            "difficulty": self._difficulty,
            "last_job_at": self._last_job_at,
            "last_accepted_at": self._last_accepted_at,
            "submitted": counts.submitted,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "open": len(self.shares) + self.names.held,
            "latency_p50_ms": self.shares.latency_ms(0.50),
            "latency_p99_ms": self.shares.latency_ms(0.99),
            "users": self.names.in_use()[:32],
            "bad_lines": self._session.garbage,
        }

    _HEARD: ClassVar[dict[type[Message], Callable[..., None]]] = {
        said.Notify: _hear_job,
        said.ShareAnswered: _hear_answer,
        said.SetDifficulty: _hear_difficulty,
        said.SetExtranonce: _hear_extranonce,
        said.SetVersionMask: _hear_mask,
        said.Subscribed: _hear_subscribed,
        said.Configured: _hear_configured,
        said.Authorized: _hear_authorized,
        said.Reconnect: _hear_reconnect,
        said.ShowMessage: _hear_text,
        said.Fault: _hear_fault,
    }


def room_of(extranonce2_size: int) -> int:
    """Return how many sessions the engine lets share a connection: it keeps four bytes for each (pool/channels)."""
    own_bytes = min(max(extranonce2_size - LEFT_BYTES_MIN, 0), PREFIX_BYTES)
    return int(256**own_bytes)


def job_event(destination: str, channel: int, job: said.Notify, difficulty: float) -> UpstreamJobSeen:
    """Return what the engine is told of a job."""
    return UpstreamJobSeen(
        destination=destination,
        channel=channel,
        job=job.job,
        prevhash_le=job.prevhash_le,
        coinbase_prefix=job.coinbase_prefix,
        coinbase_suffix=job.coinbase_suffix,
        branch=job.branch,
        version=job.version,
        nbits=job.nbits,
        ntime=job.ntime,
        is_clean=job.is_clean,
        difficulty=difficulty,
    )
