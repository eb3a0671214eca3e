"""Bad news, in three forms, and every code it can carry.

Expected outcomes are values (a stale share is no exception). Problems in data are `Finding`s, all of them at once.
Exceptions are sorted by who must act:

    HashwrightError
    +-- OperatorError            a person must change something; trying again does not help
    |   +-- ConfigError          settings that are not usable, with their findings
    |   +-- AuthRejected         a node, a pool or a device refuses our credentials
    |   +-- NotSupported         this coin, device or pool cannot do that
    |   +-- PluginError          a plug-in cannot be imported or built
    |   +-- LimitRefused         a safety limit of the owner says no
    +-- ProtocolError            somebody broke the rules of the wire
    |   +-- LocalProtocolError   we were about to
    |   +-- RemoteProtocolError  the peer did
    +-- Unavailable              passes by itself: try again later
    |   +-- TimedOut, Disconnected, RateLimited, NodeSyncing
    +-- StaleInput               the newest data is older than a decision may use
    +-- InvariantBroken          our own rule is violated; never caught, never survived

`error_codes.CODES` is the one table of codes; an unknown code cannot be raised.
"""

from dataclasses import dataclass
from typing import Final

from hashwright.error_codes import CODES

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_CONFIG: Final = 3
EXIT_NOTHING: Final = 4
EXIT_UNREACHABLE: Final = 5
EXIT_LIMIT: Final = 6
EXIT_PARTLY: Final = 7
EXIT_INTERRUPTED: Final = 130


def _require_known(code: str) -> None:
    if code not in CODES:
        raise LookupError(f"{code} is not in the table of error codes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem in data, with its place (`file:line`, a setting's name, an event's number)."""

    code: str
    place: str
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        _require_known(self.code)


class HashwrightError(Exception):
    """Any error of ours: what happened, a code to search for, and what to do."""

    exit_code: int = EXIT_FAILED

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        _require_known(code)
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint or CODES[code].action


class OperatorError(HashwrightError):
    """A person must change something."""


class ConfigError(OperatorError):
    """Settings are not usable; `findings` names every problem."""

    exit_code = EXIT_CONFIG

    def __init__(self, message: str, *, code: str, hint: str | None = None, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message, code=code, hint=hint)
        self.findings = findings


class AuthRejected(OperatorError):
    """Our credentials are refused."""


class NotSupported(OperatorError):
    """This coin, device or pool cannot do that."""


class PluginError(OperatorError):
    """A plug-in cannot be found, imported or built."""


class LimitRefused(OperatorError):
    """A safety limit of the owner says no."""

    exit_code = EXIT_LIMIT


class ProtocolError(HashwrightError):
    """Somebody broke the rules of the wire."""


class LocalProtocolError(ProtocolError):
    """We were about to break them: a fault of our caller."""


class RemoteProtocolError(ProtocolError):
    """The peer broke them. `wire_code` is what to answer; `disconnect` tells whether the connection must end."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "HW-902",
        hint: str | None = None,
        wire_code: int = 20,
        disconnect: bool = False,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.wire_code = wire_code
        self.disconnect = disconnect


class Unavailable(HashwrightError):
    """Passes by itself. `retry_after_s` is known where the peer said so."""

    exit_code = EXIT_UNREACHABLE

    def __init__(self, message: str, *, code: str, hint: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after_s = retry_after_s


class TimedOut(Unavailable):
    """No answer in time; whether it was done is unknown."""


class Disconnected(Unavailable):
    """No connection, or a lost one."""


class RateLimited(Unavailable):
    """The peer asks us to slow down."""


class NodeSyncing(Unavailable):
    """The node is warming up or loading blocks."""


class StaleInput(HashwrightError):
    """The newest data is older than a decision may use."""


class InvariantBroken(HashwrightError):
    """Our own rule is violated: never caught, never survived."""


def reason_of(problem: Exception) -> str:
    """Say in plain words why a file cannot be read, without the library's own wording of an error."""
    if isinstance(problem, OSError):
        return (problem.strerror or "it is damaged").lower()
    if isinstance(problem, EOFError):
        return "it ends too early"
    if isinstance(problem, UnicodeDecodeError):
        return f"byte {problem.start} is no UTF-8 text"
    return str(problem).rstrip(".")
