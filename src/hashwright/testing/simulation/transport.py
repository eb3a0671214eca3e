"""One end of a simulated connection, and the stream of bytes from one end to the other.

`network` explains what is simulated; here is how. A `Stream` holds what is under way in one direction as a queue of
(arrival, piece), and every piece sets a timer in the *receiver's* context, so that the timer dies with the receiver. A
timer delivers all that has arrived and can be taken: order is that of the queue, whatever the timers do.
"""

import asyncio
import contextvars
import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hashwright.testing.simulation.process import SimProcess

if TYPE_CHECKING:
    from hashwright.testing.simulation.network import SimNetwork

KERNEL_BUFFER = 128 * 1024
"""What the kernels of both ends take before the transport has to keep bytes."""
HIGH_WATER = 64 * 1024
"""asyncio's own limit of a transport's buffer."""
END = b""
"""In a stream: no more will come."""


class SimSocket:
    """What little code asks of the socket under a transport."""

    def __init__(self, name: tuple[str, int], peer: tuple[str, int]) -> None:
        self.family, self.type = socket.AF_INET, socket.SOCK_STREAM
        self._name, self._peer = name, peer
        self._options: dict[tuple[int, int], int] = {}

    def fileno(self) -> int:
        """Return -1: there is no file behind it, and nobody may write past the transport."""
        return -1

    def getsockname(self) -> tuple[str, int]:
        """Return the address of this end."""
        return self._name

    def getpeername(self) -> tuple[str, int]:
        """Return the address of the other end."""
        return self._peer

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set an option; SO_SNDBUF has an effect, as on Linux at twice its value."""
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int) -> int:
        """Return an option, or 0."""
        return self._options.get((level, option), 0)

    @property
    def kernel_buffer(self) -> int:
        """What the kernel takes [bytes]."""
        return 2 * self.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) or KERNEL_BUFFER


class SimStream:
    """The bytes of one direction."""

    def __init__(self, sender: "SimTransport", receiver: "SimTransport") -> None:
        self.size = 0
        """What is under way [bytes]."""
        self._sender, self._receiver = sender, receiver
        self._queue: deque[tuple[float, bytes]] = deque()
        self._last_arrival = 0.0

    def push(self, piece: bytes) -> None:
        """Send a piece, or the end."""
        network = self._sender.network
        arrival = self.arrival()
        if piece and self._queue and self._queue[-1][1] and network.rng.random() < network.join_rate:
            piece = self._queue.pop()[1] + piece
            network.loop.coverage["joined"] += 1
        self._queue.append((arrival, piece))
        self._at(arrival, self.deliver)

    def deliver(self) -> None:
        """Give the receiver what has arrived, as far as it reads."""
        loop = self._sender.network.loop
        while self._queue and self._queue[0][0] <= loop.time() and self._receiver.takes():
            _, piece = self._queue.popleft()
            self.size -= len(piece)
            loop.note(self._receiver.serial, piece)
            self._receiver.take(piece)
        if self._sender.waits():
            loop.call_soon(self._sender.drained, context=self._sender.context)

    def cut_short(self) -> None:
        """Lose a random part of what is under way, from the end; the peer hears of the break after the rest."""
        kept = self._sender.network.rng.randint(0, len(self._queue))
        while len(self._queue) > kept:
            self.size -= len(self._queue.pop()[1])

    def break_off(self) -> None:
        """Let the receiver see a reset, when it arrives; it overtakes a reader that does not read."""
        self._at(self.arrival(), self._receiver.was_reset)

    def arrival(self) -> float:
        """Draw when the next thing arrives: not before the last one, nor before a partition heals."""
        network = self._sender.network
        healed = network.healed_at(self._sender.host, self._receiver.host)
        arrival = max(network.loop.time(), healed) + network.latency()
        self._last_arrival = max(self._last_arrival, arrival)
        return self._last_arrival

    def _at(self, arrival: float, action: Callable[[], None]) -> None:
        self._sender.network.loop.call_at(arrival, action, context=self._receiver.context)


class SimTransport(asyncio.Transport):
    """One end of a connection. `is_open` until `connection_lost` is under way; `host` is whose end it is."""

    def __init__(
        self,
        network: "SimNetwork",
        *,
        host: str,
        serial: int,
        names: tuple[tuple[str, int], tuple[str, int]],
        process: SimProcess | None,
    ) -> None:
        plain = SimSocket(*names)
        super().__init__({"peername": names[1], "sockname": names[0], "socket": plain})
        self.network, self.host, self.serial = network, host, serial
        self.context = process.context if process is not None else contextvars.copy_context()
        self.protocol: Any = None
        self.peer: SimTransport
        self.is_open = True
        self.has_vanished = False
        self._socket = plain
        self._out: SimStream
        self._is_started = self._is_closing = self._has_ended = False
        self._is_reading, self._is_paused = True, False
        self._high, self._low = HIGH_WATER, HIGH_WATER // 4

    def __repr__(self) -> str:
        return f"<SimTransport {self.serial} of {self.host} {'open' if self.is_open else 'closed'}>"

    def join(self, peer: "SimTransport") -> None:
        """Connect both ends."""
        self.peer, peer.peer = peer, self
        self._out, peer._out = SimStream(self, peer), SimStream(peer, self)

    def start(self, protocol: Any, started: "asyncio.Future[None] | None" = None) -> None:  # noqa: ANN401
        """Introduce the protocol to its transport, from the loop."""
        self.protocol = protocol
        self.network.loop.call_soon(self._start, started, context=self.context)

    def _start(self, started: "asyncio.Future[None] | None") -> None:
        self._is_started = True
        if self.is_open:
            self.protocol.connection_made(self)
        if started is not None and not started.done():
            started.set_result(None)

    # ---------------------------------------------------------------- asyncio.Transport

    def is_closing(self) -> bool:
        """Tell whether the end was asked for, or came."""
        return self._is_closing or not self.is_open

    def is_reading(self) -> bool:
        """Tell whether bytes are taken in."""
        return self._is_reading and not self.is_closing()

    def pause_reading(self) -> None:
        """Take nothing more in."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Take in what waited."""
        if not self._is_reading:
            self._is_reading = True
            self.network.loop.call_soon(self.peer._out.deliver, context=self.context)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when `pause_writing` and `resume_writing` are called [bytes]."""
        self._high = (HIGH_WATER if low is None else 4 * low) if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self) -> int:
        """Return what the kernel could not take yet [bytes]."""
        return max(0, self._out.size - self._socket.kernel_buffer)

    def write(self, data: Any) -> None:  # noqa: ANN401
        """Send bytes, in pieces, after a while."""
        if self._has_ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.is_closing() or not data:
            return
        data = bytes(data)
        self._out.size += len(data)
        for piece in self.network.pieces(data):
            self._out.push(piece)
        if not self._is_paused and self.get_write_buffer_size() > self._high:
            self._is_paused = True
            self.network.loop.record("slow_readers", self.serial)
            self.protocol.pause_writing()

    def can_write_eof(self) -> bool:
        """A half-closed connection is possible."""
        return True

    def write_eof(self) -> None:
        """Say that no more will be written, and go on reading."""
        if not self._has_ended and not self.is_closing():
            self._has_ended = True
            self._out.push(END)

    def close(self) -> None:
        """Hear nothing more; send what was written, then end."""
        if self.is_closing():
            return
        if not self._has_ended:
            self._out.push(END)
        self._is_closing = True
        self.drained()

    def abort(self) -> None:
        """End at once; the peer sees a reset after some of what was under way."""
        if self.is_open:
            self._out.cut_short()
            self._out.break_off()
            self._lose(None)

    # ---------------------------------------------------------------- what the network does to it

    def reset(self) -> None:
        """Break the connection as a network does, for both ends."""
        self.network.loop.record("resets", self.serial)
        for end in (self, self.peer):
            end._lose(ConnectionResetError(104, "Connection reset by peer"))

    def vanish(self, *, is_silent: bool) -> None:
        """The host crashed: its program hears nothing; the peer sees a reset, now or when it writes to a host again."""
        self.forget()
        self.has_vanished = True
        self._out.cut_short()
        if not is_silent:
            self._out.break_off()

    def was_reset(self) -> None:
        """A reset arrived."""
        self._lose(ConnectionResetError(104, "Connection reset by peer"))

    def takes(self) -> bool:
        """Tell whether what arrives can be taken in now; a closed end takes all and drops it."""
        return self._is_reading or self.is_closing()

    def take(self, piece: bytes) -> None:
        """Hand a piece to the protocol, unless it meets a closed end or a reset."""
        if self.is_closing():
            if piece and not self.network.is_dark(self.host):
                self._out.break_off()
        elif self.network.reset_rate and self.network.rng.random() < self.network.reset_rate:
            self.reset()
        else:
            self._hand_over(piece)

    def _hand_over(self, piece: bytes) -> None:
        try:
            if piece:
                self.protocol.data_received(piece)
            elif not self.protocol.eof_received():
                self.close()
        except Exception as problem:
            self.network.loop.call_exception_handler({"message": "a protocol failed", "exception": problem})
            self._out.break_off()
            self._lose(problem)

    def waits(self) -> bool:
        """Tell whether somebody must hear that the buffer has shrunk."""
        return self.is_open and (self._is_paused or self._is_closing)

    def drained(self) -> None:
        """Go on where a full buffer was waited for."""
        if not self.is_open:
            return
        size = self.get_write_buffer_size()
        if self._is_closing and size == 0:
            self._lose(None)
        elif self._is_paused and size <= self._low:
            self._is_paused = False
            self.protocol.resume_writing()

    def _lose(self, problem: Exception | None) -> None:
        if self.is_open:
            self.forget()
            self.network.loop.call_soon(self.protocol.connection_lost, problem, context=self.context)

    def forget(self) -> None:
        """Be closed without a word."""
        self.is_open = False
        self._is_closing = True
        self.network.transports.pop(self.serial, None)
