"""What two Stratum peers say to each other, as records.

The server session gives the requests of a machine, the client session the answers and notifications of an upstream. Hex
is gone from all of them: a value that was decoded strictly can no longer have two spellings, which is what makes a
duplicate share visible (reference/reliability.md S2). They are `msgspec.Struct` because one is made for every share.

Source of the fields: reference/stratum.md 2.1 and BIP 310.
"""

import msgspec

RequestId = int | str | None
"""The `id` of a JSON-RPC request, as the peer sent it: |int| < 2**63, at most 64 characters, or null."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One thing that the peer said."""


# ---------------------------------------------------------------- from the downstream


class Subscribe(Message, frozen=True):
    """`mining.subscribe`. `session_hint` is the session that the machine would like to resume.

    NiceHash signs its traffic: `[agent, time in ms, HMAC-SHA256 in hex]` instead of a session. Those are in
    `proof_time_ms` and `proof`, unchecked; `proof_time_ms` is None for everybody else.
    """

    request: RequestId
    agent: str
    session_hint: str
    proof_time_ms: int | None = None
    proof: str = ""


class Configure(Message, frozen=True):
    """`mining.configure` (BIP 310). `mask` and `minimum_difficulty` are None where they were not asked for."""

    request: RequestId
    extensions: tuple[str, ...]
    mask: int | None
    minimum_bits: int
    minimum_difficulty: float | None


class Authorize(Message, frozen=True):
    """`mining.authorize`. The password may carry options such as `d=1024`; it is not read here."""

    request: RequestId
    user: str
    password: str


class Submit(Message, frozen=True):
    """`mining.submit`: a share. `version_bits` is None where the machine sent none (BIP 310)."""

    request: RequestId
    worker: str
    job: str
    extranonce2: bytes
    ntime: int
    nonce: int
    version_bits: int | None


class SuggestDifficulty(Message, frozen=True):
    """`mining.suggest_difficulty`: a wish, finite and above zero, not yet clamped to anything."""

    request: RequestId
    difficulty: float


class ExtranonceSubscribe(Message, frozen=True):
    """`mining.extranonce.subscribe`: this machine can take a new extranonce while it runs."""

    request: RequestId


class Ping(Message, frozen=True):
    """`mining.ping`. The session has already answered `pong`; it is told so that a shell can see the sign of life."""

    request: RequestId


class Answer(Message, frozen=True):
    """The peer answered a request of ours that no other record stands for, such as `client.get_version`.

    `result` is its text, fit to be shown, and empty when it was none; `error` is empty when there was none.
    """

    request: RequestId
    result: str
    error: str


# ---------------------------------------------------------------- from the upstream


class Subscribed(Message, frozen=True):
    """Our subscription: the extranonce prefix (extranonce1) and the size of extranonce2 [bytes]."""

    request: int
    prefix: bytes
    extranonce2_size: int


class Configured(Message, frozen=True):
    """What the upstream granted of `mining.configure`. `mask` is None where version rolling was not granted."""

    request: int
    extensions: tuple[str, ...]
    mask: int | None


class Authorized(Message, frozen=True):
    """The answer to `mining.authorize`; `code` and `reason` are 0 and empty when it is allowed."""

    request: int
    user: str
    is_allowed: bool
    code: int
    reason: str


class ShareAnswered(Message, frozen=True):
    """The answer to `mining.submit`; `code` and `reason` are 0 and empty when it is accepted."""

    request: int
    is_accepted: bool
    code: int
    reason: str


class SetDifficulty(Message, frozen=True):
    """`mining.set_difficulty`: for the jobs after this one. Finite and above zero."""

    difficulty: float


class SetExtranonce(Message, frozen=True):
    """`mining.set_extranonce`: from the next job on."""

    prefix: bytes
    extranonce2_size: int


class SetVersionMask(Message, frozen=True):
    """`mining.set_version_mask`: valid at once (BIP 310)."""

    mask: int


class Notify(Message, frozen=True):
    """`mining.notify`: a job. `prevhash_le` and `branch` are in header order, as they are hashed.

    The coinbase is `coinbase_prefix + extranonce prefix + extranonce2 + coinbase_suffix`, in txid form (no witness).
    """

    job: str
    prevhash_le: bytes
    coinbase_prefix: bytes
    coinbase_suffix: bytes
    branch: tuple[bytes, ...]
    version: int
    nbits: int
    ntime: int
    is_clean: bool


class Reconnect(Message, frozen=True):
    """`client.reconnect`: the upstream would like us elsewhere. An empty host or port 0 means the same one.

    Whether to obey is not decided here: it is the way by which shares were stolen in 2014 (reliability.md S1).
    """

    host: str
    port: int
    wait_s: int


class ShowMessage(Message, frozen=True):
    """`client.show_message`: text for a person, shortened, with control characters escaped."""

    text: str


class GetVersion(Message, frozen=True):
    """`client.get_version`. The session has already answered with its agent."""

    request: RequestId


class Fault(Message, frozen=True):
    """The upstream broke the rules. After a fatal fault the session is closed."""

    text: str
    is_fatal: bool
