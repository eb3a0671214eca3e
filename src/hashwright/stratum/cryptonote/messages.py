"""What two CryptoNote Stratum peers say to each other, as records. Hex is gone from all of them.

Source of the fields: reference/stratum.md 2.3, and xmrig's `doc/STRATUM_EXT.md` and `ALGORITHMS.md`.
"""

from hashwright.stratum.messages import Message, RequestId


class Login(Message, frozen=True):
    """`login`. `algorithms` are what the machine can mine, empty where it does not say; `rig` is its `rigid`."""

    request: RequestId
    user: str
    password: str
    agent: str
    rig: str
    algorithms: tuple[str, ...]


class BlobShare(Message, frozen=True):
    """`submit`: a share. `nonce` is the number that stands in the blob, `result_le` the hash that was found there."""

    request: RequestId
    job: str
    nonce: int
    result_le: bytes
    algorithm: str


class KeepAlive(Message, frozen=True):
    """`keepalived`. The session has already answered."""

    request: RequestId


class LoggedIn(Message, frozen=True):
    """The answer to our login; `reason` is empty when it is allowed. The first job follows as a message of its own."""

    request: int
    is_allowed: bool
    reason: str


class BlobJobSent(Message, frozen=True):
    """A job. `target_64` is the target as it counts: a hash is good whose top 64 bits are below it.

    `seed` is the key of RandomX, `next_seed` the coming one, empty where it was not told.
    """

    job: str
    blob: bytes
    target_64: int
    algorithm: str
    height: int
    seed: bytes
    next_seed: bytes
