"""Our side of one downstream connection, without a socket.

`receive_data` turns bytes into messages. What the protocol itself answers (errors, pong, a repeated subscription) goes
to `output`, which the shell takes and clears; everything that needs a decision is returned. The decisions come back
through the encoders (`subscribed`, `authorized`, `share_answer` ...), which return the bytes to send and move the
state.

Rules
* No bytes make it raise. A line that breaks the rules costs an error answer, one in `garbage` and a short escaped text
  in `problems` for a rate-limited log; too many of them, or a line that is too long, set `should_close`.
* Same bytes, same messages, however they were cut; the order of calls is all that matters.
* An unknown method is answered and is not garbage: firmware asks for what it would like to have.

Must not know: jobs, accounts, difficulty rules, the time, the socket.
"""

from collections.abc import Collection, Iterator

from hashwright.stratum import replies, requests, states
from hashwright.stratum.framing import LINE_LIMIT_NEW, LINE_LIMIT_WORKING, LineSplitter
from hashwright.stratum.lines import (
    message_line,
    notify_line,
    reconnect_line,
    set_difficulty_line,
    set_extranonce_line,
    set_mask_line,
    version_line,
)
from hashwright.stratum.messages import Answer, Authorize, Configure, Message, Ping, RequestId, Submit, Subscribe
from hashwright.stratum.states import ADMISSION, Admission, State, Step
from hashwright.stratum.strict import Malformed, escaped, printable
from hashwright.stratum.wire import UNSET, Line, read_error, read_line, readable_id

__all__ = [
    "ServerSession",
    "message_line",
    "notify_line",
    "reconnect_line",
    "set_difficulty_line",
    "set_extranonce_line",
    "set_mask_line",
    "version_line",
]

WORKERS_LIMIT = 64
"""Most names on one session: a proxy brings a few dozen, and 64 names of 100 bytes fit the 20 KB a session may take."""

PENDING_LIMIT = 4
"""Most unanswered `mining.configure` of a session: one is usual, and each keeps its names until it is answered."""

PROBLEMS_LIMIT = 4
"""Most texts kept for the log: the shell writes one line at a time, the rest is in `garbage`."""

STRIKE_COST, STRIKE_LIMIT = 5, 50
"""A bad line costs 5, a good one gives 1 back, at 50 the session ends: ten bad lines in a row, or one in six for ever.
Half-broken firmware with a few odd requests stays; a machine that sends another protocol is gone at once."""

BLANK_LINES_LIMIT = 16
"""Most blank lines of a session that cost nothing: some firmware ends its lines twice at the start."""

_REFUSALS = {
    Admission.BUSY: replies.reply_tail(None, (replies.OTHER, "An earlier request is not answered yet")),
    Admission.UNAUTHORIZED: replies.SHARE_TAILS["unauthorized"],
    Admission.NOT_SUBSCRIBED: replies.reply_tail(None, (replies.NOT_SUBSCRIBED, "Not subscribed")),
}
_TOO_MANY_WORKERS = replies.reply_tail(None, (replies.UNAUTHORIZED, f"At most {WORKERS_LIMIT} workers a connection"))


class ServerSession:
    """The protocol state of one machine's connection."""

    __slots__ = (
        "_blank_lines",
        "_configures",
        "_lines",
        "_strikes",
        "_subscribe_request",
        "extranonce2_size",
        "garbage",
        "output",
        "prefix",
        "problems",
        "should_close",
        "state",
        "workers",
    )

    def __init__(self) -> None:
        self.state = State.NEW
        self.output = bytearray()
        self.should_close = ""
        self.garbage = 0
        self.problems: list[str] = []
        self.workers: set[str] = set()
        self.prefix = b""
        self.extranonce2_size = 0
        self._lines = LineSplitter(LINE_LIMIT_NEW)
        self._configures: list[tuple[RequestId, tuple[str, ...]]] = []
        self._subscribe_request: RequestId = None
        self._strikes = 0
        self._blank_lines = 0

    def __repr__(self) -> str:
        return f"<ServerSession {self.state.value}, workers {len(self.workers)}, bad lines {self.garbage}>"

    # ------------------------------------------------------------ bytes in

    def receive_data(self, data: bytes) -> list[Message]:
        """Take bytes as they came and return the messages that they complete. Never raises on any bytes."""
        return list(self.messages(data))

    def messages(self, data: bytes) -> Iterator[Message]:
        """Take bytes as they came and give one message after the other, each line read only when it is its turn.

        So an answer that is given to one message holds for the next, also where both came in one piece: a machine may
        send its login and its first share together.
        """
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
        self.state = states.after(self.state, Step.CLOSED)

    def _receive_line(self, line: bytes) -> Message | None:
        try:
            decoded = read_line(line)
            if decoded.method == "mining.submit" and type(decoded.params) is list and decoded.id is not UNSET:
                return self._admit_share(requests.submit(decoded.id, decoded.params))
            return self._receive_other(decoded)
        except Malformed as problem:
            self._receive_garbage(line, str(problem))
            return None

    def _receive_other(self, line: Line) -> Message | None:
        message = self._read_other(line)
        if message is None:
            return None
        self._strikes = max(0, self._strikes - 1)
        return self._admit(message)

    def _read_other(self, line: Line) -> Message | None:
        if line.id is UNSET:
            raise Malformed("a request needs an id")
        if line.method is UNSET or line.method is None:
            return _answer(line.id, line)
        reader = requests.READERS.get(line.method)
        if reader is None:
            self.output += replies.reply(line.id, replies.NOT_SUPPORTED)
            return None
        if line.params is not UNSET and line.params is not None and type(line.params) is not list:
            raise Malformed("params must be a list")
        return reader(line.id, line.params or [])

    def _receive_garbage(self, line: bytes, problem: str) -> None:
        if not line.strip() and self._blank_lines < BLANK_LINES_LIMIT:
            self._blank_lines += 1
            return
        self.garbage += 1
        self._strikes += STRIKE_COST
        if len(self.problems) < PROBLEMS_LIMIT:
            self.problems.append(f"{problem}: {escaped(line)}")
        self.output += replies.error_reply(readable_id(line), replies.OTHER, problem)
        if self._strikes >= STRIKE_LIMIT:
            self.close("too many lines that are no Stratum requests")

    # ------------------------------------------------------------ what may pass

    def _admit_share(self, share: Submit) -> Submit | None:
        if self.state is State.READY and share.worker in self.workers:
            if self._strikes:
                self._strikes -= 1
            return share
        verdict = ADMISSION[self.state][Submit]
        self._refuse(share.request, Admission.UNAUTHORIZED if verdict is Admission.PASS else verdict)
        return None

    def _admit(self, message: Message) -> Message | None:
        verdict = ADMISSION[self.state][type(message)]
        if verdict is not Admission.PASS:
            self._refuse(getattr(message, "request", None), verdict)
            return None
        return self._note(message)

    def _note(self, message: Message) -> Message | None:
        match message:
            case Subscribe(request=request):
                self._subscribe_request = request
                self.state = states.after(self.state, Step.SUBSCRIBE_ASKED)
            case Configure(request=request, extensions=extensions):
                if len(self._configures) >= PENDING_LIMIT:
                    self._refuse(request, Admission.BUSY)
                    return None
                self._configures.append((request, extensions))
            case Authorize(request=request, user=user) if self._is_full_for(user):
                self.output += replies.reply(request, _TOO_MANY_WORKERS)
                return None
            case Ping(request=request):
                self.output += replies.reply(request, replies.PONG)
            case _:
                pass
        return message

    def _refuse(self, request: RequestId, verdict: Admission) -> None:
        if verdict is Admission.REPEAT:
            self.output += self._subscription(request)
        else:
            self.output += replies.reply(request, _REFUSALS[verdict])

    def _is_full_for(self, user: str) -> bool:
        return len(self.workers) >= WORKERS_LIMIT and user not in self.workers

    # ------------------------------------------------------------ answers out

    def subscribed(self, request: RequestId, prefix: bytes, extranonce2_size: int) -> bytes:
        """Answer `mining.subscribe` with an extranonce prefix and the size of extranonce2 [bytes]."""
        self.prefix, self.extranonce2_size = prefix, extranonce2_size
        self.state = states.after(self.state, Step.SUBSCRIBE_ANSWERED)
        return self._subscription(request)

    def configured(
        self,
        request: RequestId,
        granted: Collection[str],
        mask: int | None = None,
        minimum_difficulty: float | None = None,
    ) -> bytes:
        """Answer `mining.configure`: true for each extension that was asked for and is in `granted`, else false.

        Version rolling without a mask and minimum difficulty without a value are not granted (BIP 310).
        """
        result: dict[str, bool | str] = {name: name in granted for name in self._asked_extensions(request, granted)}
        if "version-rolling" in result:
            result["version-rolling"] = mask is not None
            if mask is not None:
                result["version-rolling.mask"] = f"{mask:08x}"
        if "minimum-difficulty" in result:
            result["minimum-difficulty"] = minimum_difficulty is not None
        return replies.reply(request, replies.reply_tail(result))

    def authorized(self, request: RequestId, user: str) -> bytes:
        """Answer `mining.authorize` with yes; from now on this name may submit on this session.

        Where the session already has its most names, the answer is 24: several were asked for at once.
        """
        if self._is_full_for(user):
            return replies.reply(request, _TOO_MANY_WORKERS)
        self.workers.add(user)
        self.state = states.after(self.state, Step.AUTHORIZED)
        self._lines.limit = LINE_LIMIT_WORKING
        return replies.reply(request, replies.TRUE)

    def refused(self, request: RequestId, code: int, text: str) -> bytes:
        """Answer any request with an error; a refused subscribe may be asked again."""
        if request == self._subscribe_request:
            self.state = states.after(self.state, Step.SUBSCRIBE_REFUSED)
        self._asked_extensions(request, ())
        return replies.error_reply(request, code, text)

    def true(self, request: RequestId) -> bytes:
        """Answer any request with true."""
        return replies.reply(request, replies.TRUE)

    def share_answer(self, request: RequestId, outcome: str) -> bytes:
        """Answer `mining.submit` by the outcome's word. Raises KeyError for a word that is not an outcome."""
        return replies.reply(request, replies.SHARE_TAILS[outcome])

    def set_extranonce(self, prefix: bytes, extranonce2_size: int) -> bytes:
        """Give the machine a new prefix, which a repeated subscribe will repeat. Size in [bytes]."""
        self.prefix, self.extranonce2_size = prefix, extranonce2_size
        return set_extranonce_line(prefix, extranonce2_size)

    def _subscription(self, request: RequestId) -> bytes:
        name = self.prefix.hex()
        kinds = [["mining.set_difficulty", name], ["mining.notify", name]]
        return replies.reply(request, replies.reply_tail([kinds, name, self.extranonce2_size]))

    def _asked_extensions(self, request: RequestId, otherwise: Collection[str]) -> Collection[str]:
        for position, (asked_by, extensions) in enumerate(self._configures):
            if asked_by == request:
                del self._configures[position]
                return extensions
        return otherwise


def _answer(request: RequestId, line: Line) -> Answer:
    if line.result is UNSET and line.error is UNSET:
        raise Malformed("neither a request nor an answer")
    result = line.result if type(line.result) is str else ""
    error = read_error(line.error)
    return Answer(request, printable(result), "" if error is None else error[1])
