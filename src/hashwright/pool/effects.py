"""What the pool engine wants done. Only `runtime` does it, and only `store` writes it down.

**Held** effects wait until the batch that holds their event is durable: a share is never answered before that.
**Immediate** ones go out at once: a block and a job lose value by the millisecond and can be repeated without harm.
"""

from typing import Literal

import msgspec

from hashwright.pool.events import RequestId

Outcome = Literal[
    "accepted",
    "block",
    "stale",
    "unknown-job",
    "duplicate",
    "low-difficulty",
    "bad-time",
    "bad-version",
    "malformed",
    "unauthorized",
]
"""The judgement on a share. Only `accepted` and `block` are credited."""


class Effect(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """One thing to do outside of the engine."""


class AnswerShare(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. Answer `mining.submit`."""

    session: int
    request: RequestId
    outcome: Outcome


class CreditWork(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. Count one share of a worker; only `accepted` and `block` are worth its work.

    `target_be` is the share target that the job was sent with: 32 bytes, big-endian, because the journal's integers
    end at 64 bits. Its work is `chain.target.work_of_target` of that number; all shares of one target have the same.
    """

    worker: str
    destination: str
    target_be: bytes
    outcome: Outcome


class AnswerSubscribe(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Answer `mining.subscribe` with this prefix (Stratum's extranonce1) and the size of extranonce2 [bytes]."""

    session: int
    request: RequestId
    prefix: bytes
    extranonce2_size: int


class AnswerConfigure(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Answer `mining.configure`: what was granted. `mask` is None where version rolling was not asked for."""

    session: int
    request: RequestId
    extensions: tuple[str, ...]
    mask: int | None
    minimum_difficulty: float | None


class AnswerAuthorize(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Answer `mining.authorize`. `problem` is empty when it is allowed."""

    session: int
    request: RequestId
    user: str
    problem: str


class Answer(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Answer any other request with true, or with this error text."""

    session: int
    request: RequestId
    problem: str


class SendDifficulty(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Tell a machine its difficulty, for the jobs after this."""

    session: int
    difficulty: float


class SendJob(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Send one machine a job."""

    session: int
    job: str
    clean: bool


class BroadcastJob(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Send a job to every working session of a destination: serialised once. New-block path."""

    destination: str
    job: str
    clean: bool


class CloseSession(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Close a connection, for this reason."""

    session: int
    reason: str


class SubmitBlock(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Give a block to the node at once. Key: the block hash; the shell adds the transactions of `template`."""

    destination: str
    template: int
    height: int
    block_hash: str
    header: bytes
    coinbase: bytes
    worker: str
    reward: int


class BlockChanged(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. A block of ours has a new state, judged by the chain."""

    destination: str
    block_hash: str
    state: Literal["submitted", "refused", "confirmed", "orphaned"]
    detail: str
    confirmations: int


class Alert(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. Something that a person should know: a journaled record and a log line."""

    level: Literal["info", "warning", "critical"]
    code: str
    text: str


class WakeAt(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Tell me `ClockTicked(key)` at this instant [ms since 1970 UTC]."""

    at: int
    key: str


PoolEffect = (
    AnswerShare
    | CreditWork
    | AnswerSubscribe
    | AnswerConfigure
    | AnswerAuthorize
    | Answer
    | SendDifficulty
    | SendJob
    | BroadcastJob
    | CloseSession
    | SubmitBlock
    | BlockChanged
    | Alert
    | WakeAt
)
HELD = frozenset((AnswerShare, CreditWork, BlockChanged, Alert))
BOOKED = frozenset((CreditWork, SubmitBlock, BlockChanged, Alert))
"""Those that change a table."""
