"""The sockets of simulated machines, on an address of their own in 127.0.0.0/8, never elsewhere.

Most kinds answer on one port. Machines of the makers that pyasic-rs drives answer on two: the fixed ones of real ones.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any, Final

import msgspec

from hashwright.errors import OperatorError
from hashwright.testing.machines import answers, antminer, braiins, whatsminer
from hashwright.testing.machines.model import Kind, Machine
from hashwright.testing.machines.pages import Answer, Request

REQUEST_MAX = 64 * 1024
LENGTH = 4
"""API 3 of a WhatsMiner writes the length of each message in so many bytes before it."""
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
            except (ValueError, KeyError, IndexError, TypeError, AttributeError, msgspec.DecodeError):
                self.transport.abort()
                return
            if answer is not None:
                self.transport.write(answer)
                self.transport.close()

    def answer(self) -> bytes | None:
        """Return the answer to the whole question; None while a part of it is missing."""
        raise NotImplementedError


def _axeos(machine: Machine, request: Request, *, now: float) -> Answer:
    return Answer(*answers.axeos(machine, request.method, request.path, request.body or {}, now=now))


def _xmrig(machine: Machine, request: Request, *, now: float) -> Answer:
    return Answer(*answers.xmrig(machine, request.method, request.path, request.body or {}, now=now))


WEB: Final[dict[Kind, Callable[..., Answer]]] = {
    "axeos": _axeos,
    "xmrig": _xmrig,
    "antminer": antminer.web,
    "braiins": braiins.web,
}


def _cgminer(machine: Machine, question: dict[str, Any], *, now: float) -> dict[str, Any]:
    command, parameter = str(question.get("command", "")), str(question.get("parameter", ""))
    return answers.cgminer(machine, command, parameter, now=now)


RPC: Final[dict[Kind, Callable[..., dict[str, Any]]]] = {
    "cgminer": _cgminer,
    "avalon": _cgminer,
    "antminer": antminer.rpc,
    "braiins": braiins.rpc,
    "whatsminer": whatsminer.rpc,
}


class HttpProtocol(_Protocol):
    """The web pages of a machine."""

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
        request = Request(method, path, fields, _decode(body) if body else None)
        return page_of(WEB[self.machine.kind](self.machine, request, now=self.clock()))


def page_of(answer: Answer) -> bytes:
    """Return an answer as it goes over the wire."""
    is_text = isinstance(answer.document, str)
    payload = answer.document.encode() if is_text else _encode(answer.document)
    lines = [f"HTTP/1.1 {answer.status} X", f"Content-Type: {'text/html' if is_text else 'application/json'}"]
    lines += [f"Content-Length: {len(payload)}", "Connection: close"]
    lines += [f"{key}: {value}" for key, value in answer.fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + payload


class CgMinerProtocol(_Protocol):
    """The cgminer API, and what other makers put on its port."""

    def answer(self) -> bytes | None:
        """Answer a command when it is whole."""
        question: Any = _decode(self.buffer.rstrip(b"\0\n")) if self.buffer.rstrip().endswith((b"}", b"\0")) else None
        if not isinstance(question, dict):
            return None
        return _encode(RPC[self.machine.kind](self.machine, question, now=self.clock())) + b"\0"


class BtMinerProtocol(_Protocol):
    """API 3 of a WhatsMiner."""

    def answer(self) -> bytes | None:
        """Answer a command when as much is there as its length says."""
        size = int.from_bytes(self.buffer[:LENGTH], "little")
        if len(self.buffer) < LENGTH + size:
            return None
        found = _encode(whatsminer.api(self.machine, _decode(self.buffer[LENGTH:]), now=self.clock()))
        return len(found).to_bytes(LENGTH, "little") + found


def places_of(machine: Machine) -> tuple[tuple[int, type[_Protocol]], ...]:
    """Return the ports of a machine and what answers there."""
    match machine.kind:
        case "axeos" | "xmrig":
            return ((machine.port, HttpProtocol),)
        case "antminer" | "braiins":
            return ((80, HttpProtocol), (4028, CgMinerProtocol))
        case "whatsminer":
            return ((4028, CgMinerProtocol), (4433, BtMinerProtocol))
        case _:
            return ((machine.port, CgMinerProtocol),)


async def serve(machine: Machine, clock: Clock) -> list[asyncio.Server]:
    """Let a machine answer on its own loopback address.

    Raises:
        OperatorError: its address is not loopback (HW-106), its port is not allowed (HW-113) or taken (HW-103).
    """
    if ipaddress.ip_address(machine.host) not in LOOPBACK:
        raise OperatorError(
            f"{machine.host} is no loopback address.", code="HW-106", hint="Simulate on 127.x.y.z only."
        )
    machine.born = machine.clock = clock()
    servers: list[asyncio.Server] = []
    try:
        for port, kind in places_of(machine):
            servers.append(await _listen(machine, port, kind, clock))
    except OperatorError:
        for server in servers:
            server.close()
        raise
    return servers


async def _listen(machine: Machine, port: int, kind: type[_Protocol], clock: Clock) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(lambda: kind(machine, clock), machine.host, port, backlog=16)
    except PermissionError as error:
        raise OperatorError(f"Port {port} of {machine.host} is not allowed.", code="HW-113") from error
    except OSError as error:
        raise OperatorError(f"{machine.host}:{port} is taken: {error.strerror}.", code="HW-103") from error
