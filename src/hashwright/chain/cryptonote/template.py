"""A Monero node's block template (`get_block_template`), checked, and the block that is made of it.

The node makes the miner transaction, because its output is a one-time key; ours in it is a room in the extra bytes.
What we write there changes the transaction's id, hence the tree's root, hence the blob that machines hash:

    block          head, nonce, miner transaction with our room filled, ids of the other transactions
    hashing blob   head, nonce, root of all ids, their count

Nothing is believed that can be computed: the blob is taken apart and put together again, the hashing blob must be the
node's own, the place of our room must be within the extra bytes and be empty, the reward must be what the outputs pay,
and the key of RandomX must be of the height that the rules say. A template of a fork that is newer than this program is
refused: what its fields mean then, nobody here knows. (Monero `core_rpc_server_commands_defs.h`.)

Not provable here: that the output pays *our* address. Only who holds the view key can tell; the wallet does, when the
block has matured.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from hashwright.chain.cryptonote.block import (
    HASH,
    NONCE_BYTES,
    BlockTemplate,
    UnknownFork,
    block_id,
    read_block,
    tree_hash,
)
from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.chain.cryptonote.rules import UNLOCK_BLOCKS, base_reward, seed_height
from hashwright.chain.cryptonote.varint import write_varint
from hashwright.errors import OperatorError

NONCE_AT: Final = 39
"""Where the nonce stands in both blobs while a time has five bytes, which it has from 1978 to 3058."""
RESERVE_BYTES: Final = 20
"""Room that we ask for: 8 bytes of mark, 8 that make a job unlike any other, 4 for who searches."""
EXTRA_NONCE_TAG: Final = 0x02
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)
_NUMBER: Final = re.compile(r"0x[0-9a-f]{1,32}", re.ASCII)
_NO_SIGNATURES: Final = b"\x00"


class TemplateAnswer(msgspec.Struct, frozen=True):
    """The keys that we need, by the node's own names. `already_generated_coins` is of `get_miner_data`."""

    blocktemplate_blob: str
    blockhashing_blob: str
    height: int
    prev_hash: str
    reserved_offset: int
    expected_reward: int
    seed_hash: str
    seed_height: int
    wide_difficulty: str
    next_seed_hash: str = ""
    already_generated_coins: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneroTemplate:
    """A checked template. Amounts are piconero.

    `head` is the block up to its nonce; `coinbase_prefix`, `room` [bytes] and `coinbase_suffix` are the miner
    transaction without its last byte, which says that it has no signatures. `seed` is the key of RandomX, `next_seed`
    the coming one, empty where it is not known. `new_coins` is the part of `reward` that is no fee; None where the node
    did not tell.
    """

    height: int
    major_version: int
    timestamp: int
    previous: bytes
    head: bytes
    coinbase_prefix: bytes
    room: int
    coinbase_suffix: bytes
    tx_hashes: tuple[bytes, ...]
    difficulty: int
    seed: bytes
    next_seed: bytes
    reward: int
    new_coins: int | None

    @property
    def prevhash_display(self) -> str:
        """The block it builds on, as RPC writes it."""
        return self.previous.hex()

    @property
    def fees(self) -> int:
        """What of the reward is fees; 0 while the node does not tell."""
        return 0 if self.new_coins is None else self.reward - self.new_coins

    @property
    def network_target(self) -> int:
        """The largest hash of a block."""
        return target_of_difficulty(self.difficulty)

    def miner_transaction(self, ours: bytes) -> bytes:
        """Return the miner transaction, without its last byte, with our room filled.

        Raises:
            ValueError: what we write does not fill the room exactly.
        """
        if len(ours) != self.room:
            raise ValueError(f"the room in the template has {self.room} bytes, and {len(ours)} were given")
        return self.coinbase_prefix + ours + self.coinbase_suffix

    def hashing_blob(self, ours: bytes, nonce: int = 0) -> bytes:
        """Return what machines hash, with our room and the nonce filled in."""
        body = keccak256(self.miner_transaction(ours))
        first = keccak256(body + keccak256(_NO_SIGNATURES) + bytes(HASH))
        root = tree_hash((first, *self.tx_hashes))
        count = write_varint(1 + len(self.tx_hashes))
        return self.head + nonce.to_bytes(NONCE_BYTES, "little") + root + count


def target_of_difficulty(difficulty: int) -> int:
    """Return the largest hash that meets a difficulty: their product fits 256 bits (Monero `check_hash_128`).

    Raises:
        ValueError: the difficulty is not positive.
    """
    if difficulty < 1:
        raise ValueError(f"{difficulty} is no difficulty")
    return (2**256 - 1) // difficulty


def template_of_answer(answer: Mapping[str, Any]) -> MoneroTemplate:
    """Check a node's answer.

    Raises:
        OperatorError: it is of a fork that is not known here (HW-210), its key of RandomX is of another block than the
            rules say (HW-211), or something is missing or does not fit (HW-408).
    """
    try:
        told = msgspec.convert(answer, TemplateAnswer)
        block = read_block(_bytes("blocktemplate_blob", told.blocktemplate_blob))
        _check_seed(told)
        _check_block(told, block)
        return _template(told, block)
    except UnknownFork as error:
        raise OperatorError(
            f"The Monero node proposes a block that this program must not mine: {error}.",
            code="HW-210",
            hint="Update Hashwright. Until then point your machines at a pool: hw pool add --upstream.",
        ) from error
    except (msgspec.ValidationError, ValueError) as error:
        raise OperatorError(
            f"The template of the Monero node is not usable: {error}.",
            code="HW-408",
            hint="Check that the node is of a version that this Hashwright knows.",
        ) from error


def assemble_block(template: MoneroTemplate, hashed: bytes, miner_transaction: bytes) -> bytes:
    """Put a block together.

    Args:
        hashed: the hashing blob with the nonce that was found.
        miner_transaction: without its last byte, with our room filled.
    """
    hashes = template.tx_hashes
    head = hashed[: len(template.head) + NONCE_BYTES]
    return b"".join((head, miner_transaction, _NO_SIGNATURES, write_varint(len(hashes)), *hashes))


def id_of_block(blob: bytes) -> str:
    """Return a block's id, as nodes write it.

    Raises:
        ValueError: it does not parse.
    """
    return block_id(read_block(blob).hashing_blob).hex()


def _check_seed(told: TemplateAnswer) -> None:
    """The key is the hash of a block that lies a rule below; another one would make every hash worthless."""
    wanted = seed_height(told.height)
    if told.seed_height == wanted:
        return
    raise OperatorError(
        f"The Monero node names block {told.seed_height} for the key of RandomX at height {told.height},"
        f" and the rule says {wanted}. Nothing is mined with it.",
        code="HW-211",
        hint="Check that the node is of a version that this Hashwright knows, and fully synced.",
    )


def _check_block(told: TemplateAnswer, block: BlockTemplate) -> None:
    """Hold what the node says of the block against the block itself."""
    facts = (
        ("height", told.height, block.height),
        ("the unlock height", block.unlock_height, block.height + UNLOCK_BLOCKS),
        ("expected_reward", told.expected_reward, block.reward),
        ("prev_hash", told.prev_hash, block.previous.hex()),
        ("blockhashing_blob", told.blockhashing_blob, block.hashing_blob.hex()),
        ("the nonce's place", block.nonce_at, NONCE_AT),
    )
    for name, said, found in facts:
        if said != found:
            raise ValueError(f"{name} is {str(said)[:80]}, and the block has {str(found)[:80]}")


def _template(told: TemplateAnswer, block: BlockTemplate) -> MoneroTemplate:
    start, end = _room(told, block)
    new_coins = base_reward(told.already_generated_coins) if told.already_generated_coins >= 0 else None
    return MoneroTemplate(
        height=block.height,
        major_version=block.major_version,
        timestamp=block.timestamp,
        previous=block.previous,
        head=block.blob[: block.nonce_at],
        coinbase_prefix=block.blob[block.miner_tx_start : start],
        room=end - start,
        coinbase_suffix=block.blob[end : block.miner_tx_end - 1],
        tx_hashes=block.tx_hashes,
        difficulty=_difficulty(told.wide_difficulty),
        seed=_bytes("seed_hash", told.seed_hash, size=HASH),
        next_seed=_bytes("next_seed_hash", told.next_seed_hash, size=HASH if told.next_seed_hash else 0),
        reward=block.reward,
        new_coins=None if new_coins is None else min(new_coins, block.reward),
    )


def _room(told: TemplateAnswer, block: BlockTemplate) -> tuple[int, int]:
    """Find our room: so many zeros behind the tag of an extra nonce and its length."""
    start = told.reserved_offset
    if not block.extra_start + 2 <= start <= block.extra_end:
        raise ValueError(f"reserved_offset is {start}, outside of the miner transaction's extra bytes")
    tag, size = block.blob[start - 2], block.blob[start - 1]
    room = block.blob[start : start + size]
    if tag != EXTRA_NONCE_TAG or start + size > block.extra_end or any(room):
        raise ValueError(f"at reserved_offset {start} there is no empty room for an extra nonce")
    return start, start + size


def _difficulty(text: str) -> int:
    # allow hex: matched in full by the pattern, before it is read
    number = int(text, 16) if _NUMBER.fullmatch(text) else 0
    if not number:
        raise ValueError(f"wide_difficulty is {text[:40]!r}")
    return number


def _bytes(key: str, text: str, *, size: int | None = None) -> bytes:
    if not _HEX.fullmatch(text) or (size is not None and len(text) != 2 * size):
        raise ValueError(f"{key} is not {'hex' if size is None else f'{size} bytes of hex'}: {text[:20]!r}")
    # allow hex: matched in full by the pattern above
    return bytes.fromhex(text)
