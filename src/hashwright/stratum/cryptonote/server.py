"""Our side of one CryptoNote machine's connection, without a socket.

    NEW --login--> LOGGING_IN --the first job--> READY          any -> CLOSED

A machine logs in and is answered together with its first job: there is no answer without one. So a login that was
admitted waits for the engine's job, and the job completes it.

Rules
* No bytes make it raise. A line that breaks the rules costs an error answer, one in `garbage` and a short escaped text
  in `problems`; too many of them set `should_close`. A login that comes again is such a line: a machine has one.
* `keepalived` is answered at once, by the protocol itself: xmrig waits 20 s and hangs up (reference stratum.md 2.3).
* The text of an error decides what xmrig does: one that begins with "Unauthenticated" or "Invalid job id" makes it
  connect again, which is right for a share before a login, or for a job that we never sent; no other text does.
* No job is sent twice: xmrig takes the same id for an error of ours and connects again. The caller sees to it.

Must not know: jobs, accounts, addresses, difficulty rules, the time, the socket.
"""

import enum
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hashwright.stratum.cryptonote.messages import BlobJobSent, BlobShare, KeepAlive, Login
from hashwright.stratum.cryptonote.reading import read_request
from hashwright.stratum.cryptonote.targets import target_text
from hashwright.stratum.framing import LINE_LIMIT_NEW, LINE_LIMIT_WORKING, LineSplitter
from hashwright.stratum.messages import Message, RequestId
from hashwright.stratum.server import BLANK_LINES_LIMIT, PROBLEMS_LIMIT, STRIKE_COST, STRIKE_LIMIT
from hashwright.stratum.strict import Malformed, escaped
from hashwright.stratum.wire import readable_id

EXTENSIONS: Final = ("algo", "nicehash", "keepalive")
"""What we tell xmrig that we know: algorithms by name, a fixed byte of the nonce, and signs of life."""
UNAUTHENTICATED: Final = "Unauthenticated"
SHARE_TEXTS: Final = {
    "stale": "Block expired",
    "unknown-job": "Invalid job id",
    "duplicate": "Duplicate share",
    "low-difficulty": "Low difficulty share",
    "unauthorized": UNAUTHENTICATED,
    "bad-time": "Block expired",
    "bad-version": "Malformed share",
    "malformed": "Malformed nonce: is another proxy splitting it?",
    "bad-hash": "Wrong result: the hash is another one",
}
"""What a machine is told about a share that does not count, by the outcome's word."""
_encode: Final = msgspec.json.encode


class Stage(enum.Enum):
    """Where a session is in its life."""

    NEW = "new"
    LOGGING_IN = "logging in"
    READY = "ready"
    CLOSED = "closed"


class BlobServerSession:
    """The protocol state of one machine's connection."""

    __slots__ = (
        "_blank_lines",
        "_lines",
        "_login",
        "_strikes",
        "_user",
        "algorithm",
        "garbage",
        "name",
        "output",
        "problems",
        "should_close",
        "stage",
        "workers",
    )

    def __init__(self, *, algorithm: str) -> None:
        self.algorithm = algorithm
        """The one algorithm that is mined here, by its name on the wire."""
        self.name = ""
        """What we call the session; a share may repeat it."""
        self.stage = Stage.NEW
        self.output = bytearray()
        self.should_close = ""
        self.garbage = 0
        self.problems: list[str] = []
        self.workers: set[str] = set()
        self._lines = LineSplitter(LINE_LIMIT_NEW)
        self._login: RequestId = None
        self._user = ""
        self._strikes = self._blank_lines = 0

    def __repr__(self) -> str:
        return f"<BlobServerSession {self.stage.value}, bad lines {self.garbage}>"

    # ------------------------------------------------------------ bytes in

    def receive_data(self, data: bytes) -> list[Message]:
        """Take bytes as they came and return the messages that they complete. Never raises on any bytes."""
        return list(self.messages(data))

    def messages(self, data: bytes) -> Iterator[Message]:
        """Take bytes as they came and give one message after the other, each line read only when it is its turn."""
        if self.should_close:
            return
        for line in self._lines.feed(data):
            if self.should_close:
                break
            message = self._receive_line(line)
            if message is not None:
                yield message
        if self._lines.is_overflowing:
            self.close(f"a line was longer than {self._lines.limit} bytes")

    def close(self, reason: str) -> None:
        """End the session; the first reason stays."""
        self.should_close = self.should_close or reason or "closed"
        self.stage = Stage.CLOSED

    def _receive_line(self, line: bytes) -> Message | None:
        try:
            request, asked = read_request(line)
            if asked is None:
                self.output += _error(request, "Not supported")
                return None
            admitted = self._admit(asked)
        except Malformed as problem:
            self._receive_garbage(line, str(problem))
            return None
        if self._strikes:
            self._strikes -= 1
        return admitted

    def _admit(self, message: Login | BlobShare | KeepAlive) -> Message | None:
        match message:
            case Login():
                return self._admit_login(message)
            case KeepAlive():
                self._answer(message.request, {"status": "KEEPALIVED"})
                return message
            case BlobShare() if self.stage is Stage.READY and message.algorithm in ("", self.algorithm):
                return message
            case BlobShare() if self.stage is Stage.READY:
                self.output += _error(message.request, f"This is {self.algorithm}, not that algorithm")
                return None
            case _:
                self.output += _error(message.request, UNAUTHENTICATED)
                return None

    def _admit_login(self, login: Login) -> Login | None:
        """A second one would be a second machine on one line.

        Raises:
            Malformed: this machine has logged in already.
        """
        if self.stage is not Stage.NEW:
            raise Malformed("this connection has logged in already")
        if login.algorithms and self.algorithm not in login.algorithms:
            text = f"This pool mines {self.algorithm}, and your machine offers {', '.join(login.algorithms)[:80]}"
            self.output += _error(login.request, text)
            self._strike()
            return None
        self.stage, self._login = Stage.LOGGING_IN, login.request
        return login

    def _receive_garbage(self, line: bytes, problem: str) -> None:
        if not line.strip() and self._blank_lines < BLANK_LINES_LIMIT:
            self._blank_lines += 1
            return
        self.garbage += 1
        if len(self.problems) < PROBLEMS_LIMIT:
            self.problems.append(f"{problem}: {escaped(line)}")
        self.output += _error(readable_id(line), problem)
        self._strike()

    def _strike(self) -> None:
        self._strikes += STRIKE_COST
        if self._strikes >= STRIKE_LIMIT:
            self.close("too many lines that are no requests")

    def _answer(self, request: RequestId, result: object) -> None:
        self.output += _reply(request, b'"error":null,"result":' + _encode(result))

    # ------------------------------------------------------------ answers out

    def admitted(self, user: str) -> None:
        """Note that a login is allowed: the first job completes it."""
        self._user = user

    def refused(self, request: RequestId, code: int, text: str) -> bytes:
        """Answer any request with an error (the code is always -1); a refused login may be tried again."""
        if self.stage is Stage.LOGGING_IN and request == self._login:
            self.stage = Stage.NEW
        return _error(request, text)

    def true(self, request: RequestId) -> bytes:
        """Accept a share."""
        return _reply(request, _OK)

    def share_answer(self, request: RequestId, outcome: str) -> bytes:
        """Answer `submit` by the outcome's word. Raises KeyError for a word that is not an outcome."""
        if outcome in ("accepted", "block"):
            return _reply(request, _OK)
        return _error(request, SHARE_TEXTS[outcome])

    def job(self, job: BlobJobSent) -> bytes:
        """Send a job: as the answer to a login that waits for it, else on its own; nothing before a login."""
        if self.stage is Stage.READY:
            return b'{"jsonrpc":"2.0","method":"job","params":%b}\n' % _encode(_job_fields(job))
        if self.stage is not Stage.LOGGING_IN or not self._user:
            return b""
        self.stage = Stage.READY
        self.workers.add(self._user)
        self._lines.limit = LINE_LIMIT_WORKING
        result = {
            "id": self.name,
            "job": _job_fields(job) | {"id": self.name},
            "extensions": EXTENSIONS,
            "status": "OK",
        }
        return _reply(self._login, b'"error":null,"result":' + _encode(result))


_OK: Final = b'"error":null,"result":{"status":"OK"}'


def _reply(request: RequestId, body: bytes) -> bytes:
    if type(request) is int:
        return b'{"id":%d,"jsonrpc":"2.0",%b}\n' % (request, body)
    return b'{"id":%b,"jsonrpc":"2.0",%b}\n' % (_encode(request), body)


def _error(request: RequestId, text: str) -> bytes:
    return _reply(request, b'"error":' + _encode({"code": -1, "message": text}))


def _job_fields(job: BlobJobSent) -> dict[str, Any]:
    """The key of RandomX is always told: without it xmrig refuses the job."""
    fields: dict[str, Any] = {
        "blob": job.blob.hex(),
        "job_id": job.job,
        "target": target_text(job.target_64),
        "algo": job.algorithm,
        "height": job.height,
        "seed_hash": job.seed.hex(),
    }
    if job.next_seed:
        fields["next_seed_hash"] = job.next_seed.hex()
    return fields
