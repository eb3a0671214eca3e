"""The control socket: how `hw` talks to the running process.

A Unix socket in the data folder, readable by its owner only (0600). One JSON object a line in, one out:
`{"command": "status", "arguments": {...}}` gives `{"ok": true, "result": ...}` or `{"ok": false, "error": {...}}`.
"""

import asyncio
import contextlib
import dataclasses
import os
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from hashwright.errors import ConfigError, Finding, HashwrightError, NotSupported, OperatorError, TimedOut, Unavailable

log = structlog.get_logger()

SOCKET_NAME = "control.sock"
LINE_MAX = 1024 * 1024
ANSWER_MAX = 64 * 1024 * 1024
"""An answer may be longer than a command: it comes from ourselves."""
SOCKET_PATH_MAX = 100
"""The kernel takes 107 bytes of path for a Unix socket."""
CONNECT_S = 2.0
Command = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One command."""

    command: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)


def socket_path(data_dir: Path) -> Path:
    """Return the socket of a data folder, in a form short enough for the kernel."""
    path = data_dir / SOCKET_NAME
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise OperatorError(
            f"The path of the data folder is too long for a control socket: {path}.",
            code="HW-613",
            hint=f"Choose a data folder whose path has less than {SOCKET_PATH_MAX - len(SOCKET_NAME)} bytes.",
        )
    return path


class ControlServer:
    """Answers commands on the socket."""

    def __init__(self, path: Path, commands: Mapping[str, Command]) -> None:
        self._path = path
        self._commands = commands
        self._server: asyncio.Server | None = None
        self._wires: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen; a socket left behind by a dead process is replaced (the data folder's lock is ours)."""
        self._path.unlink(missing_ok=True)
        old_mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=LINE_MAX)
        finally:
            os.umask(old_mask)
        self._path.chmod(stat.S_IRUSR | stat.S_IWUSR)

    async def stop(self) -> None:
        """Stop listening, let go of who is connected, and remove the socket."""
        if self._server is not None:
            self._server.close()
        for wire in tuple(self._wires):  # what is written to them is still sent
            wire.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._wires.add(writer)
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass
        finally:
            self._wires.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = msgspec.json.decode(line, type=Request)
            command = self._commands.get(request.command)
            if command is None:
                raise NotSupported(
                    f"The running process knows no command {request.command!r}.",
                    code="HW-703",
                    hint="It may be an older version: restart it.",
                )
            return {"ok": True, "result": await command(request.arguments)}
        except HashwrightError as error:
            return {"ok": False, "error": _problem_of(error)}
        except msgspec.MsgspecError as error:
            return {"ok": False, "error": {"code": "HW-703", "message": f"Not a command: {error}", "hint": ""}}
        except Exception as error:
            log.exception("a command failed")
            return {"ok": False, "error": {"code": "HW-901", "message": f"Internal error: {error}", "hint": ""}}


async def ask(data_dir: Path, command: str, *, timeout_s: float = 30.0, **arguments: Any) -> Any:  # noqa: ANN401
    """Send one command to the running process and return its result.

    Raises:
        Unavailable: no process runs on this data folder (HW-704, exit 5), or it does not answer.
        OperatorError: it refused; the message and the hint are its own.
    """
    line = Line(data_dir)
    try:
        return await line.ask(command, timeout_s=timeout_s, **arguments)
    finally:
        line.close()


class Line:
    """A connection to the running process that is kept, for who asks again and again: one question at a time."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._wires: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def ask(self, command: str, *, timeout_s: float = 30.0, **arguments: Any) -> Any:  # noqa: ANN401
        """Send one command and return its result; a process that has begun anew since is connected to once more.

        Raises:
            Unavailable: no process runs on this data folder (HW-704, exit 5), or it does not answer.
            OperatorError: it refused; the message and the hint are its own.
        """
        request = msgspec.json.encode(Request(command=command, arguments=arguments)) + b"\n"
        async with self._turn:
            is_kept = self._wires is not None
            found = await self._exchange(request, command, timeout_s)
            if not found and is_kept:
                found = await self._exchange(request, command, timeout_s)
        if not found:
            raise TimedOut(f"The running Hashwright closed {command!r}.", code="HW-704", hint="Look at its log.")
        answer: dict[str, Any] = msgspec.json.decode(found)
        if answer["ok"]:
            return answer["result"]
        raise _refusal_of(answer["error"])

    def close(self) -> None:
        """Let go of the connection."""
        if self._wires is not None:
            self._wires[1].close()
            self._wires = None

    async def _exchange(self, request: bytes, command: str, timeout_s: float) -> bytes:
        """Send a line and read one; nothing where the process closed. After any trouble the connection is gone."""
        found = b""
        try:
            if self._wires is None:
                self._wires = await _connect(self._data_dir)
            reader, writer = self._wires
            with contextlib.suppress(ConnectionError):
                writer.write(request)
                async with asyncio.timeout(timeout_s):
                    found = await reader.readline()
        except TimeoutError as error:
            raise TimedOut(
                f"The running Hashwright did not answer {command!r}.", code="HW-704", hint="Look at its log."
            ) from error
        finally:
            if not found.endswith(b"\n"):  # also when we are cancelled: an answer that comes later is of no question
                self.close()
                found = b""
        return found


async def _connect(data_dir: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    path = socket_path(data_dir)
    try:
        async with asyncio.timeout(CONNECT_S):
            return await asyncio.open_unix_connection(str(path), limit=ANSWER_MAX)
    except (OSError, TimeoutError) as error:
        raise Unavailable(
            f"No Hashwright runs on {data_dir}.", code="HW-704", hint="Start it with `hw up`, or name its --data-dir."
        ) from error


def _problem_of(error: HashwrightError) -> dict[str, Any]:
    findings = [dataclasses.asdict(finding) for finding in getattr(error, "findings", ())]
    problem = {"code": error.code, "message": str(error), "hint": error.hint, "exit_code": error.exit_code}
    return problem | ({"findings": findings} if findings else {})


def _refusal_of(problem: Mapping[str, Any]) -> OperatorError:
    findings = tuple(Finding(**finding) for finding in problem.get("findings", ()))
    words = {"code": problem["code"], "hint": problem.get("hint", "")}
    refusal = (
        ConfigError(problem["message"], findings=findings, **words)
        if findings
        else OperatorError(problem["message"], **words)
    )
    refusal.exit_code = problem.get("exit_code", refusal.exit_code)
    return refusal
