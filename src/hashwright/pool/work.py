"""Two kinds of work, one engine: what differs between a header of 80 bytes and a CryptoNote blob, and nothing else.

A job is the same thing in both: fixed bytes, a room in them that is ours, a room that is the machine's, and a target.
So are its rules: who searches where, what is stale, what counts. What differs is asked here and nowhere else:

                   header (Bitcoin's family)              blob (Monero)
    our room       4 bytes of the coinbase                4 bytes of the miner transaction; at an upstream
                                                          the top byte of the nonce (NiceHash's way)
    the machine's  extranonce2, ntime, version, nonce     the nonce
    hash input     80 bytes, by sha256d trees             the blob, by Keccak trees
    share target   diff1 / difficulty                     as machines expand the 4 or 8 bytes that they are sent
    block's name   the hash of the header                 the hash of the blob with its length
    a new target   announced before the job               part of the job

A further family is one more class here. Must not know: sessions, sockets, who is paid.
"""

import functools
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from hashwright.chain import target
from hashwright.chain.coinbase import build_coinbase
from hashwright.chain.cryptonote.block import block_id
from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.chain.cryptonote.share import NONCE_AT, NONCE_BYTES, hashing_blob, root_of
from hashwright.chain.header import hash_display
from hashwright.chain.merkle import root_from_branch
from hashwright.chain.proof import ALGORITHMS, sha256d
from hashwright.pool.events import DestinationSet, TemplateSeen
from hashwright.pool.extranonce import EXTRANONCE2_BYTES, PREFIX_BYTES
from hashwright.pool.records import BlobWork, Job, Terms

ROOM_MAX: Final = 255
UNIQUE_BYTES: Final = 8
MARK_BYTES: Final = 8
ROOM_MIN: Final = UNIQUE_BYTES + PREFIX_BYTES
"""What a CryptoNote template must leave us: the boot and a counter, and who searches."""
ROOM_BYTES: Final = MARK_BYTES + ROOM_MIN
"""What we ask a node for: with this much our blocks carry a mark by which only we know them."""
TOP_64: Final = 2**64 - 1
TOP_32: Final = 2**32 - 1
SHORT_TARGET_MAX: Final = 4_000_000
"""Up to this difficulty a target goes out as four bytes, which every machine reads; above it they are too coarse."""


class Rolled(NamedTuple):
    """What a machine chose for a share."""

    extranonce2: bytes
    ntime: int
    nonce: int
    version_bits: int | None


class Made(NamedTuple):
    """The parts of a new job that depend on its kind."""

    prefix: bytes
    suffix: bytes
    blob: BlobWork | None
    network_target_be: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How the room is divided: our part, then the machine's, both in [bytes]."""

    own_bytes: int
    extranonce2_size: int


class WorkKind(Protocol):
    """What the engine asks of a kind of work."""

    key: str
    announces_difficulty: bool
    """Whether a difficulty is told before the job; else it is part of it."""

    def own_shape(self) -> Shape:
        """Return how an own node's room is divided."""
        ...

    def make(self, settings: DestinationSet, seen: TemplateSeen, unique: bytes) -> Made:
        """Build the parts of a job from a template; `unique` makes them unlike those of any other job.

        Raises:
            ValueError: they do not fit.
        """
        ...

    def target_of(self, difficulty: float, algorithm: str) -> int:
        """Return the share target that a machine really works for at a difficulty."""
        ...

    def fits(self, job: Job, terms: Terms, rolled: Rolled) -> bool:
        """Tell whether the machine kept to its room: another size, or another's nonce, is other work."""
        ...

    def input_of(self, job: Job, terms: Terms, rolled: Rolled) -> bytes:
        """Rebuild what the machine hashed."""
        ...

    def coinbase_of(self, job: Job, terms: Terms, rolled: Rolled) -> bytes:
        """Return the coinbase, or miner transaction, with both extranonces in it."""
        ...

    def block_name(self, hashed: bytes) -> str:
        """Return a block's name, as its node writes it, from what was hashed."""
        ...


class HeaderKind:
    """Bitcoin's family: 80 bytes."""

    key = "header"
    announces_difficulty = True

    def own_shape(self) -> Shape:
        """Return our 4 bytes and the machine's 8."""
        return Shape(own_bytes=PREFIX_BYTES, extranonce2_size=EXTRANONCE2_BYTES)

    def make(self, settings: DestinationSet, seen: TemplateSeen, unique: bytes) -> Made:
        """Build a coinbase that pays us."""
        parts = build_coinbase(
            seen.height,
            ((seen.coinbase_value, settings.payout_script),),
            tag=settings.coinbase_tag,
            extra=unique,
            extranonce_size=PREFIX_BYTES + EXTRANONCE2_BYTES,
            witness_commitment=seen.witness_commitment,
        )
        return Made(parts.prefix, parts.suffix, None, seen.network_target.to_bytes(32, "big"))

    def target_of(self, difficulty: float, algorithm: str) -> int:
        """Return the exact target: machines compute it from the difficulty themselves."""
        return target.target_of_difficulty(difficulty, ALGORITHMS[algorithm].diff1_target)

    def fits(self, job: Job, terms: Terms, rolled: Rolled) -> bool:
        """Tell whether the extranonce2 has exactly the size that was handed out: another size is another coinbase."""
        return len(rolled.extranonce2) == terms.extranonce2_size

    def input_of(self, job: Job, terms: Terms, rolled: Rolled) -> bytes:
        """Rebuild the 80 header bytes."""
        root = root_from_branch(sha256d(self.coinbase_of(job, terms, rolled)), job.branch)
        return b"".join(
            (
                version_of(job, terms, rolled.version_bits).to_bytes(4, "little"),
                job.prevhash_le,
                root,
                rolled.ntime.to_bytes(4, "little"),
                job.nbits.to_bytes(4, "little"),
                rolled.nonce.to_bytes(4, "little"),
            )
        )

    def coinbase_of(self, job: Job, terms: Terms, rolled: Rolled) -> bytes:
        """Return the coinbase transaction, in the form without witness."""
        return job.coinbase_prefix + terms.prefix + rolled.extranonce2 + job.coinbase_suffix

    def block_name(self, hashed: bytes) -> str:
        """Return sha256d of the header, reversed."""
        return hash_display(sha256d(hashed))


class BlobKind:
    """Monero: a blob with the nonce at byte 39."""

    key = "blob"
    announces_difficulty = False

    def own_shape(self) -> Shape:
        """Return our 4 bytes in the miner transaction; the nonce is not counted, it is the machine's anyway."""
        return Shape(own_bytes=PREFIX_BYTES, extranonce2_size=0)

    def make(self, settings: DestinationSet, seen: TemplateSeen, unique: bytes) -> Made:
        """Fill the room of the miner transaction: our mark, what is unique, and behind it place for who searches."""
        parts = seen.blob
        if parts is None or parts.room < ROOM_MIN or len(parts.head) != NONCE_AT:
            raise ValueError("the template has no room for the extra nonce, or its nonce stands elsewhere")
        mark = mark_of(settings.payout_script, seen.height, unique) if parts.room >= ROOM_BYTES else b""
        rest = bytes(parts.room - len(mark) - ROOM_MIN)
        work = BlobWork(parts.head, b"", parts.transactions, parts.seed, parts.next_seed)
        return Made(
            parts.coinbase_prefix + mark + unique, rest + parts.coinbase_suffix, work, parts.network_target_be
        )  # fmt: skip

    def target_of(self, difficulty: float, algorithm: str) -> int:
        """Return what machines make of the bytes that they are sent: the rounded value is the agreed one."""
        return (sent_target(difficulty) << 192) - 1

    def fits(self, job: Job, terms: Terms, rolled: Rolled) -> bool:
        """Tell whether a nonce is of the machine's own part, where the top byte is what tells machines apart."""
        blob = job.blob
        if blob is None or rolled.extranonce2:
            return False
        return not blob.tail or not terms.prefix or rolled.nonce >> 24 == terms.prefix[-1]

    def input_of(self, job: Job, terms: Terms, rolled: Rolled) -> bytes:
        """Rebuild the hashing blob."""
        blob = job.blob
        assert blob is not None
        if blob.tail:
            return blob.head + rolled.nonce.to_bytes(NONCE_BYTES, "little") + blob.tail
        root = root_of(self.coinbase_of(job, terms, rolled), job.branch)
        return hashing_blob(blob.head, rolled.nonce, root, blob.transactions)

    def coinbase_of(self, job: Job, terms: Terms, rolled: Rolled) -> bytes:
        """Return the miner transaction, without its last byte."""
        return job.coinbase_prefix + terms.prefix + job.coinbase_suffix

    def block_name(self, hashed: bytes) -> str:
        """Return Keccak of the blob with its length."""
        return block_id(hashed).hex()


HEADER: Final = HeaderKind()
BLOB: Final = BlobKind()
KINDS: Final[dict[str, WorkKind]] = {it.key: it for it in (HEADER, BLOB)}


def kind_of(algorithm: str) -> WorkKind:
    """Return the kind of work of an algorithm."""
    return KINDS[ALGORITHMS[algorithm].work]


def kind_of_job(job: Job) -> WorkKind:
    """Return the kind of work of a job."""
    return HEADER if job.blob is None else BLOB


def version_of(job: Job, terms: Terms, version_bits: int | None) -> int:
    """Return the header version that the machine hashed (BIP 310: the masked bits are the machine's).

    Bits outside of the mask are taken as they are: the share will be refused, but if it is a block it is one with
    the version that was really hashed.
    """
    if version_bits is None:
        return job.version
    return (job.version & ~(terms.mask | version_bits)) | version_bits


def mark_of(script: bytes, height: int, unique: bytes) -> bytes:
    """Return what our blocks carry: nobody who does not know the payout address can make one for another block."""
    return keccak256(b"hashwright block" + script + height.to_bytes(8, "big") + unique)[:MARK_BYTES]


def is_marked(extra: bytes, script: bytes, height: int) -> bool:
    """Tell whether the extra bytes of a miner transaction carry our mark, wherever in them."""
    last = len(extra) - MARK_BYTES - UNIQUE_BYTES
    return any(
        extra[at : at + MARK_BYTES] == mark_of(script, height, extra[at + MARK_BYTES : at + MARK_BYTES + UNIQUE_BYTES])
        for at in range(last + 1)
    )


@functools.lru_cache(maxsize=4096)
def sent_target(difficulty: float) -> int:
    """Return the 64-bit target that a machine works for when it is sent this difficulty.

    Four bytes become eight by two divisions in xmrig (reference stratum.md 2.3): we judge by the same number.
    """
    hashes = max(int(difficulty), 1)
    if hashes > SHORT_TARGET_MAX:
        return TOP_64 // hashes
    return expanded(TOP_32 // hashes)


def expanded(short: int) -> int:
    """Return the 64 bits that a target of 32 bits stands for."""
    return TOP_64 // (TOP_32 // short)
