"""A network of hosts: latency, pieces of any size, resets, partitions, slow readers, and hosts that crash.

A host is a name, and the name is its address. Code that runs in a `SimProcess` dials from its own host, and loopback or
wildcard addresses mean that host; code outside of one (a story, a crowd of machines) dials from a host of its own for
each connection. `SimHost` boots programs on a host, crashes it, and boots again.

What is as on a real network, because code breaks there:

- Bytes of one direction stay in order, but come in other pieces than they were sent in: cut, or joined.
- What is written goes to the kernel's buffer first, and only what that cannot take counts as the transport's. A peer
  that does not read, or a partition, fills both; then `pause_writing` is called, from within `write`.
- `connection_made`, `connection_lost` and `resume_writing` come from the loop, never from within `close` or `abort`.
- After `close` nothing is heard any more, what was written still goes out, and the peer sees the end of the stream.
  Data that meets a closed end is answered with a reset.
- A crash is a killed process (its kernel sends resets) or, `is_silent`, a power cut: the peer hears nothing until the
  host is up again and answers a later segment with a reset. What the host had under way arrives in part.

The counters of faults are the loop's `coverage`, under the names in `FAULTS`.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

from hashwright.testing.simulation.loop import SimLoop
from hashwright.testing.simulation.process import PROCESS, SimProcess
from hashwright.testing.simulation.transport import SimTransport

FAULTS = ("crashes", "partitions", "pieces", "joined", "resets", "slow_readers")
CLIENT = "10.0.0.1"
"""The address that connections from outside of all processes come from."""
LOCAL = frozenset((None, "", "0.0.0.0", "::", "127.0.0.1", "::1", "localhost"))
FIRST_FREE_PORT = 3333
REDIAL_S = 1.0
PIECE_MAX = 64 * 1024


class SimServer:
    """A listening address: what `create_server` returns."""

    def __init__(self, network: "SimNetwork", address: tuple[str, int], factory: Callable[[], Any]) -> None:
        self.address, self.factory = address, factory
        self.process = PROCESS.get()
        self.sockets = (self,)
        self._network = network

    def getsockname(self) -> tuple[str, int]:
        """Return the address."""
        return self.address

    def is_serving(self) -> bool:
        """Tell whether somebody can connect."""
        return self._network.listeners.get(self.address) is self

    def close(self) -> None:
        """Stop listening; connections stay."""
        if self.is_serving():
            del self._network.listeners[self.address]

    async def wait_closed(self) -> None:
        """Nothing takes time here."""

    async def __aenter__(self) -> "SimServer":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class SimNetwork:
    """All hosts of a run."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.listeners: dict[tuple[str, int], SimServer] = {}
        self.transports: dict[int, SimTransport] = {}
        """Open ends, by number: the order is that of connecting, on every run."""
        self.latency_s = (0.0005, 0.02)
        self.cut_rate = 0.3
        """How often a write arrives in two pieces."""
        self.join_rate = 0.1
        """How often a piece that is still under way is joined by the next one."""
        self.reset_rate = 0.0
        """How often a piece is met by a reset."""
        self.rng = loop.chance_of("network")
        self.counts = loop.coverage
        self._processes: dict[str, SimProcess] = {}
        self._cut_until: dict[tuple[str, str], float] = {}
        self._dark: set[str] = set()
        self._ports = 40_000
        self._serial = 0
        loop.network = self

    # ---------------------------------------------------------------- faults

    def partition(self, host: str, seconds: float, other: str = "") -> None:
        """Hold back everything between a host and another one, or all others, for a while."""
        self._cut_until[host, other] = self.loop.time() + seconds
        self.loop.record("partitions", host, other, f"{seconds:.3f}s")

    def reset_some(self, share: float) -> None:
        """Break a share of all connections."""
        for transport in tuple(self.transports.values()):
            if transport.is_open and self.rng.random() < share:
                transport.reset()

    def crash(self, host: str, *, is_silent: bool = False) -> None:
        """End what runs on a host, with its listeners, connections and buffers."""
        self.loop.record("crashes", host, "power" if is_silent else "killed")
        process = self._processes.pop(host, None)
        if process is not None:
            process.kill()
        for address in [address for address in self.listeners if address[0] == host]:
            del self.listeners[address]
        if is_silent:
            self._dark.add(host)
        for transport in [transport for transport in self.transports.values() if transport.host == host]:
            transport.vanish(is_silent=is_silent)

    def shut_down(self) -> None:
        """Forget every connection at the end of a run; nobody is told."""
        for transport in tuple(self.transports.values()):
            transport.forget()

    # ---------------------------------------------------------------- what transports ask

    def latency(self) -> float:
        """Draw the time of one packet [s]."""
        return self.rng.uniform(*self.latency_s)

    def healed_at(self, host: str, other: str) -> float:
        """Return when two hosts can hear each other again."""
        cut = self._cut_until
        if not cut:
            return 0.0
        return max(cut.get(pair, 0.0) for pair in ((host, ""), (other, ""), (host, other), (other, host)))

    def is_dark(self, host: str) -> bool:
        """Tell whether a host lost power and is not up again."""
        return host in self._dark

    def pieces(self, data: bytes) -> tuple[bytes, ...]:
        """Cut bytes as a network may, and where one reading ends in any case."""
        is_cut = len(data) > 1 and self.rng.random() < self.cut_rate
        if not is_cut and len(data) <= PIECE_MAX:
            return (data,)
        cuts = {*range(PIECE_MAX, len(data), PIECE_MAX)}
        if is_cut:
            cuts.add(self.rng.randrange(1, len(data)))
            self.loop.coverage["pieces"] += 1
        places = sorted(cuts | {0, len(data)})
        return tuple(data[start:end] for start, end in itertools.pairwise(places))

    # ---------------------------------------------------------------- hosts and addresses

    def boot(self, host: str) -> SimProcess:
        """Begin a new life of a host."""
        if host in self._processes:
            raise RuntimeError(f"{host} is up already")
        self._dark.discard(host)
        process = self._processes[host] = SimProcess(self.loop, host)
        return process

    def listen(self, factory: Callable[[], Any], host: str | None, port: int | None) -> SimServer:
        """Open a listening address; port 0 finds a free one."""
        name = _here(host)
        number = port or next(free for free in range(FIRST_FREE_PORT, 65536) if (name, free) not in self.listeners)
        address = (name, number)
        if address in self.listeners:
            raise OSError(98, "Address already in use")
        self._dark.discard(name)
        server = self.listeners[address] = SimServer(self, address, factory)
        return server

    async def connect(self, factory: Callable[[], Any], host: str | None, port: int) -> tuple[SimTransport, Any]:
        """Connect two ends."""
        self._ports += 1
        source_port = self._ports
        process = PROCESS.get()
        source = process.name if process is not None else f"client{source_port}"
        address = (_here(host), port)
        await self._reach(source, address[0])
        server = self.listeners.get(address)
        if server is None:
            raise ConnectionRefusedError(111, f"Connect call failed {address}")
        source_address = (source if process is not None else CLIENT, source_port)
        here = self._end(source, source_address, address, process)
        there = self._end(address[0], address, source_address, server.process)
        here.join(there)
        self.loop.record("connects", source, *address)
        there.start(server.factory())
        protocol = factory()
        started = self.loop.create_future()
        here.start(protocol, started)
        await started
        return here, protocol

    async def _reach(self, source: str, host: str) -> None:
        """Take the time of a handshake, or of many tries while nobody can be heard."""
        wait = 2 * self.latency()
        while wait > 0:
            await asyncio.sleep(wait)
            wait = REDIAL_S if self.is_dark(host) else self.healed_at(source, host) - self.loop.time()

    def _end(
        self, host: str, name: tuple[str, int], peer: tuple[str, int], process: SimProcess | None
    ) -> SimTransport:  # fmt: skip
        self._serial += 1
        end = SimTransport(self, host=host, serial=self._serial, names=(name, peer), process=process)
        self.transports[self._serial] = end
        return end


def _here(host: str | None) -> str:
    process = PROCESS.get()
    if host in LOCAL:
        return process.name if process is not None else host or "127.0.0.1"
    assert host is not None
    return host


class SimHost:
    """A machine that programs run on, one life after another."""

    def __init__(self, network: SimNetwork, name: str) -> None:
        self.name = name
        self.process: SimProcess | None = None
        self.on_crash: list[Callable[[], None]] = []
        """What else the crash takes along, such as the disk's buffers."""
        self._network = network

    @property
    def is_up(self) -> bool:
        """Tell whether a program runs."""
        return self.process is not None and self.process.is_alive

    def boot(self, program: Callable[[], Coroutine[Any, Any, Any]]) -> "asyncio.Task[Any]":
        """Start a program; everything it starts is part of this life."""
        self.process = self._network.boot(self.name)
        return self.process.context.run(lambda: self._start(program))

    def _start(self, program: Callable[[], Coroutine[Any, Any, Any]]) -> "asyncio.Task[Any]":
        assert self.process is not None
        return self.process.start(program())

    def crash(self, *, is_silent: bool = False) -> None:
        """End the program between two of its steps."""
        self._network.crash(self.name, is_silent=is_silent)
        for lose in self.on_crash:
            lose()
