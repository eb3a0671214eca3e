"""Our side of one upstream connection, without a socket: the mirror of `server`.

A question (`subscribe`, `submit` ...) writes its line to `output` and returns its id; `receive_data` gives the typed
answer with the same id, and what the upstream says on its own. The reference miner uses it, and the router will.

Rules
* No bytes make it raise. What breaks the rules is a `Fault`; after a fatal one `should_close` is set and no more comes.
* An answer is believed only for a question that is open. Open questions are bounded: an upstream that never answers
  costs no memory.
* Whether to obey `client.reconnect` is the caller's decision.

Must not know: what a job is worth, other upstreams, the time, the socket.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from hashwright.stratum import notifications, replies
from hashwright.stratum.framing import LINE_LIMIT_UPSTREAM, LineSplitter
from hashwright.stratum.messages import (
    Answer,
    Authorized,
    Configured,
    Fault,
    GetVersion,
    Message,
    Ping,
    RequestId,
    ShareAnswered,
    Submit,
    Subscribed,
)
from hashwright.stratum.strict import Malformed, printable
from hashwright.stratum.wire import UNSET, Line, read_error, read_line

OPEN_LIMIT = 4096
"""Most open questions: a proxy of 4,000 machines has about 100 shares under way; the oldest is given up beyond this."""

GARBAGE_LIMIT = 16
"""Most lines that break the rules: an upstream that speaks another protocol passes it with its first screen of HTML."""


class _Question(NamedTuple):
    kind: str
    user: str = ""
    mask: int | None = None


class ClientSession:
    """The protocol state of one connection to an upstream."""

    __slots__ = ("_agent", "_lines", "_open", "_request", "garbage", "given_up", "output", "should_close")

    def __init__(self, *, agent: str) -> None:
        self.output = bytearray()
        self.should_close = ""
        self.garbage = 0
        self.given_up = 0
        self._agent = agent
        self._lines = LineSplitter(LINE_LIMIT_UPSTREAM)
        self._open: dict[int, _Question] = {}
        self._request = 0

    def __repr__(self) -> str:
        state = "closed" if self.should_close else "open"
        return f"<ClientSession {state}, open questions {len(self._open)}, bad lines {self.garbage}>"

    # ------------------------------------------------------------ questions out

    def configure(self, *, mask: int | None = None, minimum_bits: int = 0, takes_extranonce: bool = False) -> int:
        """Ask `mining.configure` (BIP 310): version rolling if a mask is given, and new extranonces. Returns the id."""
        extensions, values = [], {}
        if mask is not None:
            extensions.append("version-rolling")
            values = {"version-rolling.mask": f"{mask:08x}", "version-rolling.min-bit-count": minimum_bits}
        if takes_extranonce:
            extensions.append("subscribe-extranonce")
        return self._ask("mining.configure", [extensions, values], _Question("configure", mask=mask))

    def subscribe(self, session_hint: str = "") -> int:
        """Ask `mining.subscribe`, with the session to resume if there was one. Returns the id."""
        params = [self._agent, session_hint] if session_hint else [self._agent]
        return self._ask("mining.subscribe", params, _Question("subscribe"))

    def authorize(self, user: str, password: str = "x") -> int:  # noqa: S107 - Stratum's word for "none"
        """Ask `mining.authorize`. Returns the id."""
        return self._ask("mining.authorize", [user, password], _Question("authorize", user=user))

    def extranonce_subscribe(self) -> int:
        """Ask `mining.extranonce.subscribe`. Returns the id; the answer is an `Answer`."""
        return self._ask("mining.extranonce.subscribe", [], _Question("other"))

    def suggest_difficulty(self, difficulty: float) -> int:
        """Ask `mining.suggest_difficulty`. Returns the id; the answer, if any, is an `Answer`."""
        return self._ask("mining.suggest_difficulty", [difficulty], _Question("other"))

    def ping(self) -> int:
        """Ask `mining.ping`. Returns the id; the answer is an `Answer`."""
        return self._ask("mining.ping", [], _Question("other"))

    def submit(self, share: Submit) -> int:
        """Send a share. Returns the id of the request; the one in `share` belongs to somebody else and is not sent."""
        params = [share.worker, share.job, share.extranonce2.hex(), f"{share.ntime:08x}", f"{share.nonce:08x}"]
        if share.version_bits is not None:
            params.append(f"{share.version_bits:08x}")
        return self._ask("mining.submit", params, _Question("submit"))

    def _ask(self, method: str, params: list[Any], question: _Question) -> int:
        self._request += 1
        if len(self._open) >= OPEN_LIMIT:
            self._open.pop(next(iter(self._open)))
            self.given_up += 1
        self._open[self._request] = question
        self.output += msgspec.json.encode({"id": self._request, "method": method, "params": params}) + b"\n"
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
            message = self._receive_line(line)
            if message is not None:
                messages.append(message)
        if self._lines.is_overflowing and not self.should_close:
            messages.append(self._fault(f"a line was longer than {self._lines.limit} bytes", is_fatal=True))
        return messages

    def _receive_line(self, line: bytes) -> Message | None:
        if not line.strip():
            return None
        try:
            decoded = read_line(line)
        except Malformed as problem:
            return self._fault(str(problem))
        is_vital = decoded.method in notifications.VITAL or self._kind_of(decoded) == "subscribe"
        try:
            return self._receive_answer(decoded) if type(decoded.method) is not str else self._receive_request(decoded)
        except Malformed as problem:
            return self._fault(str(problem), is_fatal=is_vital)

    def _fault(self, text: str, *, is_fatal: bool = False) -> Fault:
        self.garbage += 1
        if self.garbage >= GARBAGE_LIMIT and not is_fatal:
            text, is_fatal = f"too many lines that break the rules, the last one: {text}", True
        if is_fatal:
            self.should_close = text
        return Fault(text, is_fatal)

    # ------------------------------------------------------------ what the upstream asks

    def _receive_request(self, line: Line) -> Message | None:
        request: RequestId = None if line.id is UNSET else line.id
        if line.method == "mining.ping":
            self.output += replies.reply(request, replies.PONG)
            return Ping(request)
        if line.method == "client.get_version":
            self.output += replies.reply(request, replies.reply_tail(self._agent))
            return GetVersion(request)
        reader = notifications.READERS.get(str(line.method))
        if reader is None:
            if request is not None:
                self.output += replies.reply(request, replies.NOT_SUPPORTED)
            return None
        if type(line.params) is not list:
            raise Malformed("params must be a list")
        return reader(line.params)

    # ------------------------------------------------------------ what the upstream answers

    def _kind_of(self, line: Line) -> str:
        question = self._open.get(line.id) if type(line.id) is int and type(line.method) is not str else None
        return question.kind if question else ""

    def _receive_answer(self, line: Line) -> Message:
        question = self._open.pop(line.id, None) if type(line.id) is int else None
        if question is None or type(line.id) is not int:
            raise Malformed("an answer to no open question")
        if line.result is UNSET and line.error is UNSET:
            raise Malformed("neither a result nor an error")
        return _ANSWERS[question.kind](line.id, question, line)


def _subscribed(request: int, _question: _Question, line: Line) -> Message:
    error = read_error(line.error)
    if error is not None:
        raise Malformed(f"subscribe was refused: {error[1]}")
    if type(line.result) is not list:
        raise Malformed("the answer to subscribe must be a list")
    return Subscribed(request, *notifications.extranonce(line.result[1:]))


def _configured(request: int, question: _Question, line: Line) -> Message:
    result = None if read_error(line.error) else line.result
    return Configured(request, *notifications.granted(result, question.mask))


def _authorized(request: int, question: _Question, line: Line) -> Message:
    is_allowed, code, reason = _verdict(line)
    return Authorized(request, question.user, is_allowed, code, reason)


def _share_answered(request: int, _question: _Question, line: Line) -> Message:
    return ShareAnswered(request, *_verdict(line))


def _other(request: int, _question: _Question, line: Line) -> Message:
    result = line.result if type(line.result) is str else ""
    error = read_error(line.error)
    return Answer(request, printable(result), "" if error is None else error[1])


def _verdict(line: Line) -> tuple[bool, int, str]:
    """An error beats a result; only `true` is a yes."""
    error = read_error(line.error)
    if error is not None:
        return False, *error
    if line.result is True:
        return True, 0, ""
    return False, replies.OTHER, "no reason given"


_ANSWERS: Final[dict[str, Callable[[int, _Question, Line], Message]]] = {
    "subscribe": _subscribed,
    "configure": _configured,
    "authorize": _authorized,
    "submit": _share_answered,
    "other": _other,
}
