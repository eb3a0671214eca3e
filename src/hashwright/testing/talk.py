"""What the reference miners have in common: what they are told, one connection to a pool, and its answers.

The rule that both keep: a pool is never sent more shares without an answer than `OPEN_SHARES_MAX`, nor more than are
still wanted. How a dialect is spoken and what is searched is each miner's own (`miner`, `blob_miner`).
"""

import asyncio
import dataclasses
import re
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from hashwright.errors import OperatorError, Unavailable
from hashwright.stratum import messages as said
from hashwright.stratum.messages import Message

AGENT = "hashwright-miner/0.1"
OPEN_SHARES_MAX = 32
"""Shares without an answer. With a very low difficulty a miner could flood its pool; it waits instead."""
CONNECT_S = 10.0
_URL = re.compile(r"(?:stratum\+tcp://)?(\[[0-9a-fA-F:]+\]|[^:/\[\]]+):([0-9]{1,5})/?", re.ASCII)

Kind = Literal["connected", "job", "difficulty", "accepted", "rejected", "message", "closed"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MinerOptions:
    """Where to mine, as whom, and for how long (0: no bound)."""

    url: str
    user: str
    password: str = "x"
    algorithm: str = "sha256d"
    threads: int = 1
    max_seconds: float = 0.0
    max_shares: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MinerEvent:
    """Something a person would like to see."""

    kind: Kind
    text: str


@dataclasses.dataclass(slots=True)
class MinerSummary:
    """What was done. `accepted` and `rejected` are the pool's answers."""

    submitted: int = 0
    accepted: int = 0
    rejected: int = 0
    hashes: int = 0
    seconds: float = 0.0
    reason: str = ""


def parse_url(url: str) -> tuple[str, int]:
    """Split `stratum+tcp://host:port`.

    Raises:
        OperatorError: it is of another form.
    """
    match = _URL.fullmatch(url.strip())
    if match is None or int(match[2]) > 65535:
        raise OperatorError(
            f"{url!r} is not the address of a Stratum server.",
            code="HW-104",
            hint="Write stratum+tcp://host:port, such as stratum+tcp://127.0.0.1:3333.",
        )
    return match[1].strip("[]"), int(match[2])


async def connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a pool.

    Raises:
        Unavailable: nothing answers there.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            return await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        raise Unavailable(
            f"Nothing answers on {host}:{port}.", code="HW-105", hint="Is `hw up` running, and is this its address?"
        ) from error


async def first_to_end(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run jobs beside each other until the first ends, well or not; the others are cancelled."""
    # allow task: awaited and cancelled below; the first that ends decides, which no TaskGroup does
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Talk:
    """One connection to a pool: what is heard, what is sent, and how many shares wait for an answer."""

    def __init__(self, options: MinerOptions, on_event: Callable[[MinerEvent], None], *, session: Any) -> None:  # noqa: ANN401 (one of a dialect)
        self.options = options
        self.summary = MinerSummary()
        self._say = on_event
        self._session = session
        self._writer: asyncio.StreamWriter | None = None
        self._open = 0
        self._may_submit = asyncio.Event()
        self._may_submit.set()

    def _hear(self, message: Message) -> None:
        """Take what the pool said."""
        raise NotImplementedError

    @property
    def _is_over(self) -> bool:
        """Tell whether the miner itself wants this connection no longer."""
        return False

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65536):
            for message in self._session.receive_data(data):
                self._hear(message)
            self._flush()
            if self._is_over:
                return
            if self._session.should_close:
                self.summary.reason = self._session.should_close
                return
            if self.options.max_shares and self.summary.accepted >= self.options.max_shares:
                self.summary.reason = f"{self.summary.accepted} shares were accepted"
                return
        self.summary.reason = self.summary.reason or "the pool closed the connection"

    def _take_verdict(self, answer: said.ShareAnswered) -> None:
        self._open -= 1
        self._may_submit.set()
        if answer.is_accepted:
            self.summary.accepted += 1
            self._say(MinerEvent(kind="accepted", text=str(answer.request)))
        else:
            self.summary.rejected += 1
            self._say(MinerEvent(kind="rejected", text=self._refusal_text(answer)))

    def _refusal_text(self, answer: said.ShareAnswered) -> str:
        return f"{answer.code} {answer.reason}"

    async def _wait_for_room(self) -> None:
        """Wait until one more share may be sent."""
        while self._open >= self._open_max():
            self._may_submit.clear()
            await self._may_submit.wait()

    def _open_max(self) -> int:
        """Return how many shares may wait for an answer: never more than are still wanted."""
        if not self.options.max_shares:
            return OPEN_SHARES_MAX
        return min(OPEN_SHARES_MAX, self.options.max_shares - self.summary.accepted)

    def _flush(self) -> None:
        assert self._writer is not None
        self._writer.write(bytes(self._session.output))
        self._session.output.clear()
