"""The shares of one connection: what is open, what was answered and how quickly.

An answer of "unauthorised" counts against the connection only under its base name; otherwise it is about that name.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from hashwright.pool.events import ShareVerdict
from hashwright.stratum.messages import ShareAnswered
from hashwright.stratum.replies import NOT_SUBSCRIBED, UNAUTHORIZED

LATENCIES_KEPT = 256
"""Answers that the shown latencies are taken from."""


class OpenShare(NamedTuple):
    """A share without an answer: its number, its user name, and when it went out (the loop's time [s])."""

    share: int
    name: str
    sent_s: float


@dataclass(slots=True)
class ShareCounts:
    """What went over a connection. `refusals` are those in a row."""

    submitted: int = 0
    accepted: int = 0
    rejected: int = 0
    refusals: int = 0


class ShareBook:
    """Open shares by the id of their request, oldest first."""

    __slots__ = ("_answered_s", "_base", "_latencies", "_open", "_verdicts", "counts")

    def __init__(self, *, base: str) -> None:
        self.counts = ShareCounts()
        self._base = base
        self._open: dict[int, OpenShare] = {}
        self._verdicts: list[ShareVerdict] = []
        self._latencies: deque[int] = deque(maxlen=LATENCIES_KEPT)
        self._answered_s = 0.0

    def __len__(self) -> int:
        return len(self._open)

    def __repr__(self) -> str:
        return f"<ShareBook {len(self._open)} open, {self.counts}>"

    def sent(self, request: int, share: OpenShare) -> None:
        """Note a share that went out."""
        self._open[request] = share
        self.counts.submitted += 1

    def answered(self, answer: ShareAnswered, *, now_s: float) -> OpenShare | None:
        """Note an answer and return the share that it belongs to; None where that is none of the open ones."""
        found = self._open.pop(answer.request, None)
        if found is None:
            return None
        self._answered_s = now_s
        latency_ms = max(round((now_s - found.sent_s) * 1000), 0)
        self._latencies.append(latency_ms)
        self._verdicts.append(
            ShareVerdict(found.share, answer.is_accepted, answer.code, answer.reason, latency_ms)
        )  # fmt: skip
        self._count(found, answer)
        return found

    def _count(self, found: OpenShare, answer: ShareAnswered) -> None:
        counts = self.counts
        if answer.is_accepted:
            counts.accepted += 1
        else:
            counts.rejected += 1
        if not is_refusal(answer):
            counts.refusals = 0
        elif found.name == self._base:
            counts.refusals += 1

    def take_verdicts(self) -> tuple[ShareVerdict, ...]:
        """Return the answers since the last call."""
        if not self._verdicts:
            return ()
        verdicts, self._verdicts = tuple(self._verdicts), []
        return verdicts

    def unanswered_s(self, *, now_s: float) -> float:
        """Return for how long shares are open without any answer [s]; 0 where none is open."""
        if not self._open:
            return 0.0
        return now_s - max(next(iter(self._open.values())).sent_s, self._answered_s)

    def latency_ms(self, part: float) -> int | None:
        """Return a quantile of the last latencies, None without answers."""
        ordered = sorted(self._latencies)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)] if ordered else None


def is_refusal(answer: ShareAnswered) -> bool:
    """Tell whether an answer says that the name may not submit here."""
    return not answer.is_accepted and answer.code in (UNAUTHORIZED, NOT_SUBSCRIBED)
