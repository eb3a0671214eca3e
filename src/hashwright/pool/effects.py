"""What the pool engine wants done. Only `runtime` does it, and only `store` writes it down.

**Held** effects wait until the batch that holds their event is durable: a share is never answered before that.
**Immediate** ones go out at once: a block and a job lose value by the millisecond and can be repeated without harm.
"""

from typing import Literal

from hashwright.pool.events import RequestId
from hashwright.signals import Alert as Alert
from hashwright.signals import CreditWork as CreditWork
from hashwright.signals import DestinationChanged, Effect, MachineGone, MachineReady
from hashwright.signals import Outcome as Outcome
from hashwright.signals import PostEntry as PostEntry
from hashwright.signals import ReturnWork as ReturnWork
from hashwright.signals import WakeAt as WakeAt


class AnswerShare(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. Answer `mining.submit`."""

    session: int
    request: RequestId
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
    """Send a job to every working session that has terms for it: serialised once. The new-block path."""

    destination: str
    job: str
    clean: bool


class CloseSession(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Close a connection, for this reason."""

    session: int
    reason: str


class SubmitBlock(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Give a block to the node at once. Key: the block hash; the shell adds the transactions of `template`.

    `header` is what was hashed: 80 bytes, or a blob.
    """

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


# ---------------------------------------------------------------- a machine changes its destination


class SendExtranonce(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Give a machine another prefix and size [bytes], for the jobs after this."""

    session: int
    prefix: bytes
    extranonce2_size: int


class SendMask(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Tell a machine which version bits it may roll, from now on (BIP 310)."""

    session: int
    mask: int


class AskReconnect(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Ask a machine that takes no new extranonce to come again (`client.reconnect` to the same address).

    The shell adds jitter to `wait_ms`, and closes the connection when the machine stays.
    """

    session: int
    wait_ms: int


# ---------------------------------------------------------------- upstreams


class SubmitUpstream(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Forward a share at once. `share` is its number on the channel; `extranonce2` is all that the upstream left us.

    `hash_le` is what CryptoNote upstreams want to be told with it.
    """

    destination: str
    channel: int
    share: int
    worker: str
    job: str
    extranonce2: bytes
    ntime: int
    nonce: int
    version_bits: int | None
    hash_le: bytes = b""


class OpenChannel(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """One more connection to this upstream is needed: those that are open have no room for this session."""

    destination: str
    session: int


class CloseChannel(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """This connection has had no machine for long, or must not be mined on."""

    destination: str
    channel: int
    reason: str


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
    | SendExtranonce
    | SendMask
    | AskReconnect
    | SubmitUpstream
    | OpenChannel
    | CloseChannel
    | ReturnWork
    | PostEntry
    | MachineReady
    | MachineGone
    | DestinationChanged
)
HELD = frozenset((AnswerShare, CreditWork, BlockChanged, Alert, ReturnWork, PostEntry))
BOOKED = frozenset((CreditWork, SubmitBlock, BlockChanged, Alert, ReturnWork, PostEntry))
"""Those that change a table."""
