"""Our side of one connection to a CryptoNote upstream, without a socket: login, jobs, shares, signs of life.

The words of the upstream become records: the login's answer and the job in it are two of them. What cannot be read is a
`Fault`; a job that cannot be read is a lost job, a login that cannot be read ends the session.

Rules
* Ids of our requests count up from 1. An answer is believed only for a question that is open; open ones are bounded.
* Whatever the upstream sends, nothing is raised.

Must not know: what a job is worth, other upstreams, the time, the socket.
"""

from typing import Any, Final

import msgspec

from hashwright.stratum import replies
from hashwright.stratum.client import GARBAGE_LIMIT, OPEN_LIMIT
from hashwright.stratum.cryptonote.messages import BlobJobSent, BlobShare, LoggedIn
from hashwright.stratum.cryptonote.targets import read_target
from hashwright.stratum.framing import LINE_LIMIT_UPSTREAM, LineSplitter
from hashwright.stratum.messages import Answer, Fault, Message, ShareAnswered
from hashwright.stratum.strict import JOB_LIMIT, Malformed, hex_bytes, hex_exact, printable, text, whole
from hashwright.stratum.wire import UNSET, Line, read_error, read_line

BLOB_LIMIT: Final = 256
"""Longest hashing blob [bytes]: Monero's has some 76."""
ALGORITHM_LIMIT: Final = 64
_HASH: Final = 32
STALE_WORDS: Final = ("expired", "stale", "old")
STALE: Final = replies.JOB_NOT_FOUND


class BlobClientSession:
    """The protocol state of one connection to an upstream."""

    __slots__ = (
        "_agent",
        "_algorithm",
        "_lines",
        "_open",
        "_request",
        "_session",
        "garbage",
        "output",
        "should_close",
    )  # fmt: skip

    def __init__(self, *, agent: str, algorithm: str) -> None:
        self.output = bytearray()
        self.should_close = ""
        self.garbage = 0
        self._agent = agent
        self._algorithm = algorithm
        self._lines = LineSplitter(LINE_LIMIT_UPSTREAM)
        self._open: dict[int, str] = {}
        self._request = 0
        self._session = ""

    def __repr__(self) -> str:
        return f"<BlobClientSession open questions {len(self._open)}, bad lines {self.garbage}>"

    @property
    def session(self) -> str:
        """Return the id that the upstream gave this connection; empty before the login."""
        return self._session

    # ------------------------------------------------------------ questions out

    def login(self, user: str, password: str = "x", rig: str = "") -> int:  # noqa: S107 - Stratum's word for "none"
        """Ask to log in, offering our one algorithm. Returns the id."""
        params: dict[str, Any] = {"login": user, "pass": password, "agent": self._agent, "algo": [self._algorithm]}
        return self._ask("login", params | ({"rigid": rig} if rig else {}))

    def submit(self, share: BlobShare) -> int:
        """Send a share. Returns the id of the request; the one in `share` belongs to somebody else."""
        return self._ask(
            "submit",
            {
                "id": self._session,
                "job_id": share.job,
                "nonce": share.nonce.to_bytes(4, "little").hex(),
                "result": share.result_le.hex(),
                "algo": self._algorithm,
            },
        )

    def keep_alive(self) -> int:
        """Give a sign of life. Returns the id; the answer is an `Answer`."""
        return self._ask("keepalived", {"id": self._session})

    def _ask(self, method: str, params: dict[str, Any]) -> int:
        self._request += 1
        if len(self._open) >= OPEN_LIMIT:
            self._open.pop(next(iter(self._open)))
        self._open[self._request] = method
        request = {"id": self._request, "jsonrpc": "2.0", "method": method, "params": params}
        self.output += msgspec.json.encode(request) + b"\n"
        return self._request

    # ------------------------------------------------------------ bytes in

    def receive_data(self, data: bytes) -> list[Message]:
        """Take bytes as they came and return what they say. Never raises on any bytes."""
        messages: list[Message] = []
        if self.should_close:
            return messages
        for line in self._lines.feed(data):
            if self.should_close:
                break
            if line.strip():
                messages.extend(self._receive_line(line))
        if self._lines.is_overflowing and not self.should_close:
            messages.append(self._fault(f"a line was longer than {self._lines.limit} bytes", is_fatal=True))
        return messages

    def _receive_line(self, line: bytes) -> list[Message]:
        try:
            decoded = read_line(line)
        except Malformed as problem:
            return [self._fault(str(problem))]
        is_login = self._open.get(decoded.id) == "login" if type(decoded.id) is int else False
        try:
            return self._receive_request(decoded) if type(decoded.method) is str else self._receive_answer(decoded)
        except Malformed as problem:
            return [self._fault(str(problem), is_fatal=is_login)]

    def _fault(self, problem: str, *, is_fatal: bool = False) -> Fault:
        self.garbage += 1
        if self.garbage >= GARBAGE_LIMIT and not is_fatal:
            problem, is_fatal = f"too many lines that break the rules, the last one: {problem}", True
        if is_fatal:
            self.should_close = problem
        return Fault(problem, is_fatal)

    def _receive_request(self, line: Line) -> list[Message]:
        return [read_job(line.params, self._algorithm)] if line.method == "job" else []

    def _receive_answer(self, line: Line) -> list[Message]:
        method = self._open.pop(line.id, None) if type(line.id) is int else None
        if method is None or type(line.id) is not int:
            raise Malformed("an answer to no open question")
        error = read_error(line.error)
        if error is None and (line.result is UNSET or line.result is None):
            raise Malformed("neither a result nor an error")
        if method == "submit":
            return [_verdict(line.id, error)]
        if method == "login":
            return self._logged_in(line.id, line.result, error)
        return [Answer(line.id, "", "" if error is None else error[1])]

    def _logged_in(self, request: int, result: object, error: tuple[int, str] | None) -> list[Message]:
        if error is not None:
            return [LoggedIn(request, False, error[1])]
        if type(result) is not dict:
            raise Malformed("the answer to login must be an object")
        self._session = text(result.get("id", ""), "id")
        return [LoggedIn(request, True, ""), read_job(result.get("job"), self._algorithm)]


def read_job(params: object, algorithm: str) -> BlobJobSent:
    """Read a job. Raises Malformed."""
    if type(params) is not dict:
        raise Malformed("a job must be an object")
    named = params.get("algo", algorithm)
    if text(named, "algo", limit=ALGORITHM_LIMIT) != algorithm:
        raise Malformed(f"a job of {printable(named, limit=ALGORITHM_LIMIT)}, and we mine {algorithm}")
    height, following = params.get("height", 0), params.get("next_seed_hash") or ""
    return BlobJobSent(
        text(params.get("job_id"), "job_id", limit=JOB_LIMIT),
        hex_bytes(params.get("blob"), "blob", limit=BLOB_LIMIT),
        read_target(params.get("target")),
        named,
        whole(height, "height", lowest=0, highest=2**63 - 1),
        hex_exact(params.get("seed_hash"), "seed_hash", size=_HASH),
        hex_exact(following, "next_seed_hash", size=_HASH) if following else b"",
    )


def _verdict(request: int, error: tuple[int, str] | None) -> ShareAnswered:
    """Every error has the code -1 here; what it is about stands in its words."""
    if error is None:
        return ShareAnswered(request, True, 0, "")
    reason = error[1]
    lower = reason.lower()
    if lower.startswith("unauthenticated"):
        return ShareAnswered(request, False, replies.UNAUTHORIZED, reason)
    is_stale = any(word in lower for word in STALE_WORDS)
    return ShareAnswered(request, False, STALE if is_stale else replies.OTHER, reason)
