"""Sockets for Stratum machines: bytes in, bytes out, and the limits that let one bad connection kill only itself.

A `Connection` owns a socket and a sans-IO session; it knows no jobs and no accounts. What it hears it hands to its
`Desk` (the live shell). Each limit stands here with its reason. Time-outs are kept by one sweep over all connections
and not by a timer each: ten thousand timers cost more than one walk.
"""

import asyncio
import dataclasses
import functools
import ipaddress
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Protocol, cast

import structlog

from hashwright.errors import OperatorError
from hashwright.runtime.dialects import dialect_of
from hashwright.runtime.tls import TlsDoor
from hashwright.runtime.tls import tls_context as tls_context
from hashwright.stratum.messages import Message

log = structlog.get_logger()

LOGIN_S = 10.0
"""From connect to authorise. ckpool and btcpool: 10 to 60 s; a machine needs one second."""
IDLE_S = 600.0
"""No byte at all for this long: the machine is gone. Vardiff keeps an honest one well below."""
SEND_BUFFER_MAX = 256 * 1024
"""A slow reader may hold back some hundred notifies, no more (reliability.md S10)."""
KERNEL_BUFFER = 64 * 1024
"""The kernel would let a slow reader hold 4 MB more; Linux doubles this number and counts its own books into it."""
PER_ADDRESS_MAX = 12_000
"""A farm of 10,000 machines behind one router must fit."""
PENDING_PER_ADDRESS_MAX = 3_000
"""Connections of one address that have not authorised: a farm that comes back after a power cut must fit too."""
BAN_S = 60.0
"""A short ban: an address is a whole farm, and only one without any working machine is banned at all."""
BACKLOG = 4096
"""Listen backlog: a storm of reconnects queues here and not in time-outs (the kernel caps it at somaxconn)."""
SWEEP_S = 1.0


class Desk(Protocol):
    """What a connection needs of the live shell."""

    def opened(self, connection: "Connection") -> None:
        """A machine is connected."""

    def heard(self, connection: "Connection", message: Message) -> None:
        """A machine said something."""

    def closed(self, connection: "Connection", reason: str) -> None:
        """A machine is gone."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of a listener; tests make them small."""

    login_s: float = LOGIN_S
    idle_s: float = IDLE_S
    per_address: int = PER_ADDRESS_MAX
    pending_per_address: int = PENDING_PER_ADDRESS_MAX
    total: int = 60_000


class Connection(asyncio.Protocol):
    """One socket of a machine."""

    __slots__ = (
        "address",
        "destination",
        "dialect",
        "fileno",
        "garbage",
        "handshake",
        "heard_at",
        "id",
        "is_closed",
        "is_open",
        "listener",
        "opened_at",
        "peer",
        "reason",
        "session",
        "transport",
    )  # fmt: skip

    def __init__(self, listener: "StratumListener") -> None:
        self.listener = listener
        self.dialect = listener.dialect
        self.session = self.dialect.new_session(listener.algorithm)
        self.transport: asyncio.Transport | None = None
        self.handshake: asyncio.Task[None] | None = None
        """Of TLS; while it runs there is no transport."""
        self.id = 0
        self.peer = self.address = self.reason = ""
        self.opened_at = self.heard_at = 0.0
        self.garbage = 0
        self.fileno = -1
        self.is_closed = self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the machine, or close at once; one that comes through a TLS door was admitted there."""
        given = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        if self.handshake is not None:
            self.begin(given)
        elif self.arrive(given):
            plain = given.get_extra_info("socket")
            if plain is not None:
                self.fileno = plain.fileno()
            self.begin(given)

    def arrive(self, transport: asyncio.Transport) -> bool:
        """Count the machine and hold it to the limits; False where it was closed at once."""
        self.transport = transport
        host, port = (transport.get_extra_info("peername") or ("unknown", 0))[:2]
        self.peer, self.address = f"{host}:{port}", address_group(str(host))
        self.opened_at = self.heard_at = self.listener.now()
        plain = transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
        refusal = self.listener.admit(self)
        if refusal:
            self.is_closed = True
            self.listener.refused[refusal] += 1
            transport.abort()
        return not refusal

    def begin(self, transport: asyncio.Transport) -> None:
        """Begin the session, by a transport that carries Stratum's bytes as they are."""
        self.transport = transport
        if self.is_closed:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=SEND_BUFFER_MAX)
        self.is_open = True
        self.listener.desk.opened(self)

    def leave(self) -> None:
        """Forget a machine whose session never began."""
        self.is_closed = True
        self.listener.dismiss(self)

    def data_received(self, data: bytes) -> None:
        """Pass on what the machine said."""
        session = self.session
        desk = self.listener.desk
        for message in session.messages(data):
            if self.is_closed:
                return
            desk.heard(self, message)
        if session.output:
            self.flush()
        if session.garbage != self.garbage:
            self._note_garbage()
        if session.should_close:
            if session.garbage:
                self.listener.ban(self)
            self.close(session.should_close)
        self.heard_at = self.listener.clock_s

    def send(self, data: bytes) -> None:
        """Send bytes, unless the machine is gone; a machine that does not read is let go."""
        if self.is_closed or not data:
            return
        assert self.transport is not None
        self.transport.write(data)

    def send_now(self, data: bytes) -> None:
        """Send bytes by a system call of our own, where nothing waits: a new block to thousands of machines.

        uvloop queues writes until its round ends, which for 5,000 machines costs as much as the writes themselves.
        With TLS the descriptor is not ours to write to, and `fileno` stays -1.
        """
        if self.is_closed:
            return
        assert self.transport is not None
        if self.fileno < 0 or self.transport.get_write_buffer_size():
            self.transport.write(data)
            return
        try:
            sent = os.write(self.fileno, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # it is gone; the transport will say so
        if sent < len(data):
            self.transport.write(data[sent:])

    def flush(self) -> None:
        """Send what the session wrote by itself."""
        output = bytes(self.session.output)
        self.session.output.clear()
        self.send(output)

    def pause_writing(self) -> None:
        """The send buffer is full: a slow reader goes, so that nobody waits for it."""
        self.close("it does not read what we send", abort=True)

    def close(self, reason: str, *, abort: bool = False) -> None:
        """End the connection."""
        if self.is_closed:
            return
        self.is_closed = True
        self.reason = reason
        if self.transport is None:
            assert self.handshake is not None
            self.handshake.cancel()
        elif abort:
            self.transport.abort()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the desk once."""
        if not self.listener.dismiss(self) or not self.is_open:
            return
        self.is_closed = True
        self.listener.desk.closed(self, self.reason or (f"connection lost: {exc}" if exc else "the machine closed it"))

    def _note_garbage(self) -> None:
        self.garbage = self.session.garbage
        self.listener.note_garbage(self, tuple(self.session.problems))
        self.session.problems.clear()


class StratumListener:
    """One listening socket with its connections and limits."""

    def __init__(self, name: str, algorithm: str, desk: Desk, *, limits: Limits | None = None) -> None:
        self.name = name
        self.algorithm = algorithm
        self.dialect = dialect_of(algorithm)
        self.desk = desk
        self.limits = limits or Limits()
        self.connections: dict[Connection, None] = {}
        self.refused: Counter[str] = Counter()
        self.clock_s = 0.0
        """The loop's time at the last sweep: near enough for an idle time-out, and free."""
        self._by_address: Counter[str] = Counter()
        self._banned_until: dict[str, float] = {}
        self._logged_at: dict[str, float] = {}
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._context: ssl.SSLContext | None = None
        self._handshakes: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> None:
        """Listen; with a context, by TLS.

        Raises:
            OperatorError: the port is taken or not allowed.
        """
        self._loop = asyncio.get_running_loop()
        self._context = ssl_context
        self.clock_s = self._loop.time()
        try:
            self._server = await self._loop.create_server(
                self._protocol, host, port, backlog=BACKLOG, reuse_address=True
            )
        except OSError as error:
            raise OperatorError(
                f"Cannot listen on {host}:{port} for {self.name}: {error.strerror or error}.",
                code="HW-103",
                hint="Another program, or another Hashwright, may hold the port. Choose another with --listen.",
            ) from error
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)

    @property
    def port(self) -> int:
        """The port really bound, for port 0."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def host(self) -> str:
        """The address really bound."""
        assert self._server is not None
        return str(self._server.sockets[0].getsockname()[0])

    @property
    def url(self) -> str:
        """What a machine is given to connect."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"stratum+{'tcp' if self._context is None else 'ssl'}://{host}:{self.port}"

    def now(self) -> float:
        """The loop's own time [s]."""
        assert self._loop is not None
        return self._loop.time()

    def admit(self, connection: Connection) -> str:
        """Take a connection in, or say why not."""
        address = connection.address
        if self._banned_until.get(address, 0.0) > connection.opened_at:
            return "banned for a minute"
        if len(self.connections) >= self.limits.total:
            return "too many connections"
        if self._by_address[address] >= self.limits.per_address:
            return "too many connections of one address"
        self.connections[connection] = None
        self._by_address[address] += 1
        return ""

    def dismiss(self, connection: Connection) -> bool:
        """Forget a connection; False where it was never admitted."""
        if connection not in self.connections:
            return False
        del self.connections[connection]
        self._by_address[connection.address] -= 1
        if self._by_address[connection.address] <= 0:
            del self._by_address[connection.address]
        return True

    def ban(self, connection: Connection) -> None:
        """Keep an address out for a minute, unless one of its machines works: an address may be a whole farm."""
        works = any(other.address == connection.address and other.session.workers for other in self.connections)
        if not works:
            self._banned_until[connection.address] = self.now() + BAN_S

    def note_garbage(self, connection: Connection, problems: tuple[str, ...]) -> None:
        """Log one line an address and ten seconds, with the content escaped by the session."""
        if self._may_log(connection.address):
            log.warning("a machine sends lines without sense", peer=connection.peer, problems=problems[:3])

    def shake_hands(
        self, work: Coroutine[None, None, None], is_over: "Callable[[asyncio.Task[None]], None]"
    ) -> "asyncio.Task[None]":
        """Run a handshake beside everything else; it is bounded in time, and by the limits on connections."""
        assert self._loop is not None
        # allow task: ends by itself within its time; `is_over` takes its exception, closing its connection cancels it
        task = self._loop.create_task(work)
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)
        task.add_done_callback(is_over)
        return task

    def note_handshake(self, connection: Connection, problem: str) -> None:
        """Count a machine that failed its handshake; log one line an address and ten seconds."""
        self.refused["no TLS handshake"] += 1
        if self._may_log(connection.address):
            log.warning("a machine failed its TLS handshake", peer=connection.peer, problem=problem)

    def _may_log(self, address: str) -> bool:
        now = self.now()
        if now - self._logged_at.get(address, float("-inf")) < 10:
            return False
        if len(self._logged_at) > 1000:
            self._logged_at.clear()
        self._logged_at[address] = now
        return True

    def _protocol(self) -> asyncio.Protocol:
        connection = Connection(self)
        return connection if self._context is None else TlsDoor(self, connection, self._context)

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.close("Hashwright is going down")

    def pause(self) -> None:
        """Read nothing more: the store is behind."""
        for connection in self.connections:
            if connection.transport is not None and connection.is_open and not connection.is_closed:
                connection.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        for connection in self.connections:
            if connection.transport is not None and connection.is_open and not connection.is_closed:
                connection.transport.resume_reading()

    def _sweep(self) -> None:
        assert self._loop is not None
        now = self.clock_s = self._loop.time()
        pending: Counter[str] = Counter()
        for connection in tuple(self.connections):
            if connection.session.workers:
                if now - connection.heard_at > self.limits.idle_s:
                    connection.close("silent for too long")
                continue
            pending[connection.address] += 1
            is_late = now - connection.opened_at > self.limits.login_s
            if is_late or pending[connection.address] > self.limits.pending_per_address:
                connection.close("no login in time" if is_late else "too many connections without a login")
        self._banned_until = {address: until for address, until in self._banned_until.items() if until > now}
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)


@functools.lru_cache(maxsize=65_536)
def address_group(host: str) -> str:
    """Return what counts as one address: itself for IPv4, its /64 for IPv6. A farm's machines come again and again."""
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(getattr(address, "ipv4_mapped", None) or address)
