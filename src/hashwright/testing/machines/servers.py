"""The sockets of simulated machines: one listener each, on an address of its own in 127.0.0.0/8, never elsewhere."""

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any

import msgspec

from hashwright.errors import OperatorError
from hashwright.testing.machines import answers
from hashwright.testing.machines.model import Machine

REQUEST_MAX = 64 * 1024
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
Clock = Callable[[], float]


class _Protocol(asyncio.Protocol):
    """One connection to a machine: a question, an answer, the end."""

    def __init__(self, machine: Machine, clock: Clock) -> None:
        self.machine = machine
        self.clock = clock
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close at once where the machine is dead."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if "dead" in self.machine.faults:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Collect a question and answer it, unless the machine hangs."""
        self.buffer += data
        if len(self.buffer) > REQUEST_MAX:
            self.transport.abort()
        elif "hangs" not in self.machine.faults:
            try:
                answer = self.answer()
            except (ValueError, KeyError, IndexError, TypeError, msgspec.DecodeError):
                self.transport.abort()
                return
            if answer is not None:
                self.transport.write(answer)
                self.transport.close()

    def answer(self) -> bytes | None:
        """Return the answer to the whole question; None while a part of it is missing."""
        raise NotImplementedError


class HttpProtocol(_Protocol):
    """AxeOS and xmrig."""

    def answer(self) -> bytes | None:
        """Answer a request when its body is there."""
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return None
        lines = head.decode("latin-1").split("\r\n")
        fields = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
        if len(body) < int(fields.get("content-length", "0")):
            return None
        method, path, _ = lines[0].split(" ", 2)
        machine = self.machine
        respond = answers.axeos if machine.kind == "axeos" else answers.xmrig
        status, document = respond(machine, method, path, _decode(body) if body else {}, now=self.clock())
        payload = _encode(document)
        start = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
        return f"{start}Connection: close\r\n\r\n".encode() + payload


class CgMinerProtocol(_Protocol):
    """The cgminer API."""

    def answer(self) -> bytes | None:
        """Answer a command when it is whole."""
        question: Any = _decode(self.buffer.rstrip(b"\0\n")) if self.buffer.rstrip().endswith((b"}", b"\0")) else None
        if not isinstance(question, dict):
            return None
        command, parameter = str(question.get("command", "")), str(question.get("parameter", ""))
        return _encode(answers.cgminer(self.machine, command, parameter, now=self.clock())) + b"\0"


async def serve(machine: Machine, clock: Clock) -> asyncio.Server:
    """Let a machine answer on its own loopback address.

    Raises:
        OperatorError: its address is not loopback (HW-106), its port is not allowed (HW-113) or taken (HW-103).
    """
    if ipaddress.ip_address(machine.host) not in LOOPBACK:
        raise OperatorError(
            f"{machine.host} is no loopback address.", code="HW-106", hint="Simulate on 127.x.y.z only."
        )
    kind = HttpProtocol if machine.kind in ("axeos", "xmrig") else CgMinerProtocol
    loop = asyncio.get_running_loop()
    machine.born = machine.clock = clock()
    try:
        return await loop.create_server(lambda: kind(machine, clock), machine.host, machine.port, backlog=16)
    except PermissionError as error:
        raise OperatorError(f"Port {machine.port} of {machine.host} is not allowed.", code="HW-113") from error
    except OSError as error:
        raise OperatorError(f"{machine.host}:{machine.port} is taken: {error.strerror}.", code="HW-103") from error
