"""How machines are asked: small HTTP and the cgminer API over plain sockets, each bounded in size.

The machines' servers are tiny: one connection a request, no redirects, no compression. Nothing here logs what it sends.
"""

import asyncio
import contextlib
import errno
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hashwright.adapters.devices.base import denied, misread, refused, unreachable, unsupported

ANSWER_MAX: Final = 1024 * 1024
HEAD_MAX: Final = 16 * 1024
CONTROLS: Final = bytes(range(32))
NO_WAY: Final = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


async def http_json(
    method: str, place: tuple[str, int], path: str, *, body: object = None, headers: Mapping[str, str] | None = None
) -> Any:  # noqa: ANN401 (JSON)
    """Ask for a JSON document; None for an answer without one.

    Raises:
        Unavailable: nothing answers. AuthRejected: 401 or 403. NotSupported: 404, 405 or 501.
        OperatorError: it says no otherwise, or is not understood.
    """
    host, port = place
    status, answer = await _http(method, host, port, path, body=body, headers=headers or {})
    if status in (401, 403):
        raise refused(host, f"HTTP {status}")
    if status in (404, 405, 501):
        raise unsupported(host, f"{method} {path}")
    if not 200 <= status < 300:
        raise denied(host, f"HTTP {status} {answer[:80].decode(errors='replace')}".rstrip())
    if not answer.strip():
        return None
    try:
        return _decode(answer)
    except msgspec.DecodeError:
        if method != "GET":  # some say "ok" in plain words to a command
            return None
        raise misread(host, "it is no JSON") from None


async def _http(
    method: str, host: str, port: int, path: str, *, body: object, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    payload = b"" if body is None else _encode(body)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", f"Content-Length: {len(payload)}"]
    lines += ["Content-Type: application/json"] if payload else []
    lines += [f"{key}: {value}" for key, value in headers.items()]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode() + payload
    try:
        reader, writer = await asyncio.open_connection(host, port, limit=HEAD_MAX)
        try:
            writer.write(request)
            return await _http_answer(reader, host)
        finally:
            writer.close()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise unreachable(host, words_of(error)) from error


def words_of(error: Exception) -> str:
    """Say in words why nothing was heard."""
    match error:
        case ConnectionRefusedError():
            return "nothing listens there"
        case ConnectionResetError() | BrokenPipeError() | asyncio.IncompleteReadError():
            return "it closed the connection"
        case asyncio.LimitOverrunError():
            return "its answer has no end"
        case OSError() if error.errno in NO_WAY:
            return "there is no way to it"
        case _:
            return type(error).__name__


async def _http_answer(reader: asyncio.StreamReader, host: str) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    words = head[0].split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
        raise misread(host, "it is no HTTP")
    fields = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in head[1:])}
    if "chunked" in fields.get("transfer-encoding", ""):
        return int(words[1]), await _chunks(reader, host)
    length = fields.get("content-length", "")
    if length.isdecimal() and len(length) < 10:
        _bound(int(length), host)
        return int(words[1]), await reader.readexactly(int(length))
    return int(words[1]), await _to_the_end(reader, host)


async def _chunks(reader: asyncio.StreamReader, host: str) -> bytes:
    parts = bytearray()
    while True:
        word = (await reader.readuntil(b"\r\n")).strip().partition(b";")[0]
        if not word or len(word) > 6 or not word.isalnum():
            raise misread(host, "a chunk has no size")
        try:
            size = int(word, 16)  # allow hex: letters and digits only, and bounded, by the line above
        except ValueError:
            raise misread(host, "a chunk has no size") from None
        _bound(len(parts) + size, host)
        if size == 0:
            return bytes(parts)
        parts += await reader.readexactly(size)
        await reader.readexactly(2)


async def _to_the_end(reader: asyncio.StreamReader, host: str) -> bytes:
    parts = bytearray()
    while piece := await reader.read(65536):
        parts += piece
        _bound(len(parts), host)
    return bytes(parts)


def _bound(size: int, host: str) -> None:
    if size > ANSWER_MAX:
        raise misread(host, f"it has more than {ANSWER_MAX} bytes")


# ---------------------------------------------------------------- cgminer


async def cgminer(place: tuple[str, int], command: str, parameter: str = "") -> dict[str, Any]:
    """Ask the cgminer API one thing: a JSON object out, one back that ends with NUL or with the connection.

    Raises:
        Unavailable: nothing answers. NotSupported: it knows no such command. AuthRejected: it is not for us.
        OperatorError: it says no otherwise, or is not understood.
    """
    host, port = place
    question = {"command": command} | ({"parameter": parameter} if parameter else {})
    try:
        reader, writer = await asyncio.open_connection(host, port, limit=ANSWER_MAX)
        try:
            writer.write(_encode(question))
            raw = await _until_nul(reader, host)
        finally:
            writer.close()
    except OSError as error:
        raise unreachable(host, words_of(error)) from error
    answer = read_cgminer(raw, host)
    _judge_status(answer, host, command)
    return answer


async def _until_nul(reader: asyncio.StreamReader, host: str) -> bytes:
    with contextlib.suppress(asyncio.IncompleteReadError):
        return (await reader.readuntil(b"\0"))[:-1]
    raise unreachable(host, "it closed in the middle of an answer")


def read_cgminer(raw: bytes, host: str) -> dict[str, Any]:
    """Read an answer, with the two faults that old firmware has: `}{` without a comma, and control characters."""
    clean = raw.replace(b"}{", b"},{").translate(None, CONTROLS)
    try:
        answer = _decode(clean)
    except msgspec.DecodeError:
        raise misread(host, "it is no JSON") from None
    if not isinstance(answer, dict):
        raise misread(host, "it is no object")
    return answer


def _judge_status(answer: dict[str, Any], host: str, command: str) -> None:
    status = answer.get("STATUS")
    first = status[0] if isinstance(status, list) and status else {}
    if not isinstance(first, dict) or first.get("STATUS") not in ("E", "F"):
        return
    words, code = str(first.get("Msg", "no reason given"))[:80], first.get("Code")
    if code == 14 or "invalid command" in words.lower():
        raise unsupported(host, command)
    if code == 45 or "access denied" in words.lower():
        raise refused(host, words)
    raise denied(host, words)
