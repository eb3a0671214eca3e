"""A network of hosts: latency, pieces of any size, resets, partitions, and hosts that crash.

Bytes of one direction stay in order. What a crashed host had not sent is gone; its peers see a reset. A partition holds
everything back until it heals. A peer that does not read fills the sender's buffer, and the sender is told.
"""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from hashwright.testing.simulation.loop import SimLoop

HIGH_WATER = 64 * 1024
TICK_S = 1e-6
"""Two arrivals of one direction are this far apart at least: a loop does not keep timers of one instant in order."""


class SimTransport(asyncio.Transport):
    """One end of a connection."""

    def __init__(self, network: "SimNetwork", host: str, peername: tuple[str, int]) -> None:
        super().__init__()
        self.network, self.host = network, host
        self.peer: SimTransport | None = None
        self.protocol: Any = None
        self.is_open = True
        self.serial = network.next_serial()
        self._peername = peername
        self._closing = False
        self._inbox: list[bytes] = []
        self._is_reading = True
        self._in_flight = 0
        self._high = HIGH_WATER
        self._is_paused = False
        self._last_arrival = 0.0

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """Return the peer's name; there is no real socket."""
        return self._peername if name == "peername" else default

    def is_closing(self) -> bool:
        """Tell whether the end was asked for."""
        return self._closing or not self.is_open

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set how much may be under way."""
        self._high = HIGH_WATER if high is None else high

    def get_write_buffer_size(self) -> int:
        """Return what is under way [bytes]."""
        return self._in_flight

    def pause_reading(self) -> None:
        """Take nothing more in."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Take in what waited."""
        self._is_reading = True
        self.network.loop.call_soon(self._drain)

    def write(self, data: Any) -> None:  # noqa: ANN401
        """Send bytes, in pieces, after a while."""
        if not self.is_open or self._closing:
            return
        data = bytes(data)
        self._in_flight += len(data)
        for piece in self.network.pieces(data):
            self._at_arrival(functools.partial(self._deliver, piece))
        if self._in_flight > self._high and not self._is_paused:
            self._is_paused = True
            self.protocol.pause_writing()

    def close(self) -> None:
        """Send what is under way, then end."""
        if not self._closing and self.is_open:
            self._closing = True
            self._at_arrival(lambda: self._end(None))

    def abort(self) -> None:
        """End at once; the peer sees a reset."""
        if self.is_open:
            self._end(None if self._closing else ConnectionAbortedError("aborted"))

    def reset(self) -> None:
        """Break the connection as a network does, for both ends."""
        self._end(ConnectionResetError("reset"))

    def vanish(self) -> None:
        """This end's host crashed: its program hears nothing, the peer sees a reset."""
        self.is_open = False
        peer = self.peer
        if peer is not None and peer.is_open:
            peer._at_arrival(lambda: peer._lose(ConnectionResetError("the peer crashed")))

    def _at_arrival(self, action: Callable[[], None]) -> None:
        loop = self.network.loop
        arrival = max(
            loop.time() + self.network.latency(), self._last_arrival + TICK_S, self.network.healed_at(self.host)
        )
        self._last_arrival = arrival
        loop.call_at(arrival, action)

    def _deliver(self, piece: bytes) -> None:
        peer = self.peer
        self._in_flight -= len(piece)
        if peer is None or not peer.is_open:
            return
        if peer._is_reading:
            peer.protocol.data_received(piece)
        else:
            peer._inbox.append(piece)
            self._in_flight += len(piece)
        if self._is_paused and self._in_flight <= self._high // 2 and self.is_open:
            self._is_paused = False
            self.protocol.resume_writing()

    def _drain(self) -> None:
        while self._inbox and self._is_reading and self.is_open:
            piece = self._inbox.pop(0)
            if self.peer is not None:
                self.peer._in_flight -= len(piece)
            self.protocol.data_received(piece)

    def _end(self, problem: Exception | None) -> None:
        peer = self.peer
        self._lose(problem)
        if peer is not None and peer.is_open:
            peer._at_arrival(lambda: peer._lose(problem))

    def _lose(self, problem: Exception | None) -> None:
        if self.is_open:
            self.is_open = False
            self.network.transports.discard(self)
            self.protocol.connection_lost(problem)


class SimServer:
    """A listening address."""

    def __init__(self, network: "SimNetwork", address: tuple[str, int]) -> None:
        self._network, self._address = network, address
        self.sockets = (self,)

    def getsockname(self) -> tuple[str, int]:
        """Return the address."""
        return self._address

    def close(self) -> None:
        """Stop listening."""
        self._network.listeners.pop(self._address, None)


class SimNetwork:
    """All hosts of a run. A host is a name; the server's is its listening address."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.listeners: dict[tuple[str, int], Callable[[], Any]] = {}
        self.transports: set[SimTransport] = set()
        self.latency_s = (0.0005, 0.02)
        self.counts = {"connects": 0, "resets": 0, "partitions": 0, "crashes": 0, "pieces": 0}
        self._partitions: dict[str, float] = {}
        self._ports = 40_000
        self._serial = 0
        loop.network = self

    def next_serial(self) -> int:
        """Number the ends of connections: sets have no order that a seed decides."""
        self._serial += 1
        return self._serial

    def latency(self) -> float:
        """Draw the time of one packet [s]."""
        return self.loop.rng.uniform(*self.latency_s)

    def pieces(self, data: bytes) -> list[bytes]:
        """Cut bytes as a network may."""
        rng = self.loop.rng
        if len(data) < 2 or rng.random() < 0.7:
            return [data]
        cut = rng.randrange(1, len(data))
        self.counts["pieces"] += 1
        return [data[:cut], data[cut:]]

    def healed_at(self, host: str) -> float:
        """Return when a host can be heard again."""
        return self._partitions.get(host, 0.0)

    def partition(self, host: str, seconds: float) -> None:
        """Hold back everything that a host sends, for a while."""
        self._partitions[host] = self.loop.time() + seconds
        self.counts["partitions"] += 1

    def reset_some(self, share: float) -> None:
        """Break a share of all connections."""
        for transport in sorted(self.transports, key=lambda item: item.serial):
            if self.loop.rng.random() < share and transport.is_open:
                transport.reset()
                self.counts["resets"] += 1

    def crash(self, host: str) -> None:
        """A host loses power: its listeners and connections are gone, its buffers too."""
        self.counts["crashes"] += 1
        for address in [address for address in self.listeners if address[0] == host]:
            del self.listeners[address]
        for transport in sorted(self.transports, key=lambda item: item.serial):
            if transport.host == host:
                transport.vanish()
                self.transports.discard(transport)

    def listen(self, factory: Callable[[], Any], host: str, port: int) -> SimServer:
        """Open a listening address."""
        address = (host, port or 3333)
        if address in self.listeners:
            raise OSError(98, "Address already in use")
        self.listeners[address] = factory
        return SimServer(self, address)

    async def connect(self, factory: Callable[[], Any], host: str, port: int) -> tuple[SimTransport, Any]:
        """Connect two ends."""
        await asyncio.sleep(self.latency())
        accept = self.listeners.get((host, port))
        if accept is None:
            raise ConnectionRefusedError(111, "Connection refused")
        self._ports += 1
        self.counts["connects"] += 1
        here = SimTransport(self, f"client{self._ports}", (host, port))
        there = SimTransport(self, host, ("10.0.0.1", self._ports))
        here.peer, there.peer = there, here
        here.protocol, there.protocol = factory(), accept()
        self.transports |= {here, there}
        here.protocol.connection_made(here)
        there.protocol.connection_made(there)
        return here, here.protocol
