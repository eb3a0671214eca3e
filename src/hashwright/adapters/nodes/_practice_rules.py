"""The judge of the practice chain: is this block good? In the words a real node would use.

**This file shares no code with the block builder** (`hashwright.chain`) nor with the practice node's own maker of
templates: own parser, own merkle tree, own targets, straight from the rules. What it accepts was therefore judged by
somebody who did not build it. Sources: Bitcoin Core `validation.cpp` (names of the refusals), BIP 34, 141, 144, and
CVE-2012-2459 for doubled merkle leaves.

It knows its transactions: one that it did not offer itself is refused (`bad-txns-inputs-missingorspent`), so scripts
and signatures need no judgement here. PRACTICE: nothing on this chain is worth anything.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

WITNESS_MARK = b"\x6a\x24\xaa\x21\xa9\xed"
TIME_AHEAD_S = 2 * 3600
WEIGHT_MAX = 4_000_000
_NO_OUTPOINT = bytes(32) + b"\xff" * 4
_FINAL_SEQUENCE = b"\xff" * 4
_LOCK_TIMES_FROM = 500_000_000
"""A lock time from here on is a time, below it a height."""


class Refused(Exception):
    """The block breaks a rule; the text is the node's word for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the next block must be, by the chain so far."""

    prevhash: bytes
    height: int
    nbits: int
    median_time: int
    now_s: int
    subsidy: int
    known: Mapping[bytes, "Known"]
    """The transactions that may stand in it, by their bytes."""
    proof_of_work: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A transaction on offer. `spends` are the outputs that its inputs take."""

    fee: int
    spends: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A transaction in pieces, as far as the rules ask. `plain` is its form without witness."""

    raw: bytes
    plain: bytes
    txid: bytes
    wtxid: bytes
    inputs: tuple[tuple[bytes, bytes, bytes], ...]
    """Outpoint, script and sequence of each."""
    outputs: tuple[tuple[int, bytes], ...]
    witness: tuple[tuple[bytes, ...], ...]


class Reader:
    """Reads a block from the front; too little is `bad-blk-length`."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise Refused("bad-blk-length")
        self.at += count
        return part

    def number(self, size: int) -> int:
        """Return a little-endian number."""
        return int.from_bytes(self.take(size), "little")

    def count(self) -> int:
        """Return a compact size; one that could be shorter is refused, as nodes do.

        So is one of more things than bytes are left: whatever it counts has at least one byte, and no loop runs long.
        """
        first = self.number(1)
        size, least = {253: (2, 253), 254: (4, 2**16), 255: (8, 2**32)}.get(first, (0, 0))
        value = self.number(size) if size else first
        if value < least or value > len(self.data) - self.at:
            raise Refused("bad-blk-length")
        return value

    def chunk(self) -> bytes:
        """Return bytes behind their length."""
        return self.take(self.count())


def judge_block(block: bytes, expected: Expected) -> tuple[Parsed, ...]:
    """Judge a block; return its transactions, the coinbase first.

    Raises:
        Refused: with the first rule that is broken.
    """
    reader = Reader(block)
    header = reader.take(80)
    _judge_header(header, expected)
    transactions = [_transaction(reader) for _ in range(reader.count())]
    if reader.at != len(block) or not transactions:
        raise Refused("bad-blk-length")
    _judge_roots(header, transactions)
    _judge_weight(len(block), transactions)
    fees = _judge_transactions(transactions[1:], expected)
    _judge_coinbase(transactions[0], expected, fees)
    return tuple(transactions)


def _judge_header(header: bytes, expected: Expected) -> None:
    version, nbits = int.from_bytes(header[:4], "little", signed=True), int.from_bytes(header[72:76], "little")
    ntime = int.from_bytes(header[68:72], "little")
    if header[4:36] != expected.prevhash:
        raise Refused("inconclusive-not-best-prevblk")
    if nbits != expected.nbits:
        raise Refused("bad-diffbits")
    if int.from_bytes(expected.proof_of_work(header), "little") > expand(nbits):
        raise Refused("high-hash")
    if ntime <= expected.median_time:
        raise Refused("time-too-old")
    if ntime > expected.now_s + TIME_AHEAD_S:
        raise Refused("time-too-new")
    if version < 4:
        raise Refused(f"bad-version(0x{version & 0xFFFFFFFF:08x})")


def _transaction(reader: Reader) -> Parsed:
    start = reader.at
    version = reader.take(4)
    has_witness = reader.data[reader.at : reader.at + 2] == b"\x00\x01"
    if has_witness:
        reader.take(2)
    body_start = reader.at
    inputs = tuple(_input(reader) for _ in range(reader.count()))
    outputs = tuple((reader.number(8), reader.chunk()) for _ in range(reader.count()))
    body = reader.data[body_start : reader.at]
    witness = tuple(_witness(reader) for _ in inputs) if has_witness else ()
    if has_witness and not any(witness):
        raise Refused("bad-txns-superfluous-witness")
    lock_time = reader.take(4)
    raw, plain = reader.data[start : reader.at], version + body + lock_time
    return Parsed(
        raw=raw,
        plain=plain,
        txid=_twice(plain),
        wtxid=_twice(raw),
        inputs=inputs,
        outputs=outputs,
        witness=witness,
    )


def _input(reader: Reader) -> tuple[bytes, bytes, bytes]:
    return reader.take(36), reader.chunk(), reader.take(4)


def _witness(reader: Reader) -> tuple[bytes, ...]:
    return tuple(reader.chunk() for _ in range(reader.count()))


def _judge_roots(header: bytes, transactions: list[Parsed]) -> None:
    root, is_doubled = tree([item.txid for item in transactions])
    if root != header[36:68]:
        raise Refused("bad-txnmrklroot")
    if is_doubled:
        raise Refused("bad-txns-duplicate")
    promised = [script for _, script in transactions[0].outputs if script[:6] == WITNESS_MARK and len(script) >= 38]
    if not promised:
        if any(item.witness for item in transactions):
            raise Refused("unexpected-witness")
        return
    nonce = transactions[0].witness
    if len(nonce) != 1 or len(nonce[0]) != 1 or len(nonce[0][0]) != 32:
        raise Refused("bad-witness-nonce-size")
    witness_root, _ = tree([bytes(32), *(item.wtxid for item in transactions[1:])])
    if _twice(witness_root + nonce[0][0]) != promised[-1][6:38]:
        raise Refused("bad-witness-merkle-match")


def _judge_weight(block_size: int, transactions: list[Parsed]) -> None:
    witness_size = sum(len(item.raw) - len(item.plain) for item in transactions)
    if 4 * (block_size - witness_size) + witness_size > WEIGHT_MAX:
        raise Refused("bad-blk-weight")


def _judge_transactions(transactions: list[Parsed], expected: Expected) -> int:
    fees = 0
    spent: set[bytes] = set()
    for item in transactions:
        if any(outpoint == _NO_OUTPOINT for outpoint, _, _ in item.inputs):
            raise Refused("bad-cb-multiple")
        known = expected.known.get(item.raw)
        if known is None or spent & set(known.spends):
            raise Refused("bad-txns-inputs-missingorspent")
        spent |= set(known.spends)
        fees += known.fee
    return fees


def _judge_coinbase(coinbase: Parsed, expected: Expected, fees: int) -> None:
    if len(coinbase.inputs) != 1 or coinbase.inputs[0][0] != _NO_OUTPOINT:
        raise Refused("bad-cb-missing")
    _, script, sequence = coinbase.inputs[0]
    if not 2 <= len(script) <= 100:
        raise Refused("bad-cb-length")
    wanted = _pushed(expected.height)
    if script[: len(wanted)] != wanted:
        raise Refused("bad-cb-height")
    if not coinbase.outputs or sum(value for value, _ in coinbase.outputs) > expected.subsidy + fees:
        raise Refused("bad-cb-amount")
    if sequence != _FINAL_SEQUENCE and not _is_past(int.from_bytes(coinbase.raw[-4:], "little"), expected):
        raise Refused("bad-txns-nonfinal")


def _is_past(lock_time: int, expected: Expected) -> bool:
    """Tell whether a lock time has passed, by the chain's own median time (BIP 113)."""
    return lock_time < (expected.height if lock_time < _LOCK_TIMES_FROM else expected.median_time) or lock_time == 0


def tree(leaves: list[bytes]) -> tuple[bytes, bool]:
    """Return the merkle root, and whether two equal hashes stand side by side (another block would have this root)."""
    is_doubled = False
    while len(leaves) > 1:
        pairs = [(leaves[i], leaves[i + 1] if i + 1 < len(leaves) else None) for i in range(0, len(leaves), 2)]
        is_doubled = is_doubled or any(left == right for left, right in pairs)
        leaves = [_twice(left + (left if right is None else right)) for left, right in pairs]
    return leaves[0], is_doubled


def expand(nbits: int) -> int:
    """Return the target of a compact form."""
    size, mantissa = nbits >> 24, nbits & 0x7FFFFF
    shift = 8 * (size - 3)
    return mantissa << shift if shift >= 0 else mantissa >> -shift


def compact(target: int) -> int:
    """Return the compact form of a target, rounded down."""
    size = -(-target.bit_length() // 8)
    shift = 8 * (size - 3)
    mantissa = target >> shift if shift >= 0 else target << -shift
    return (size + 1 << 24) + (mantissa >> 8) if mantissa >= 0x800000 else (size << 24) + mantissa


def _pushed(height: int) -> bytes:
    if height <= 16:
        return bytes([0x50 + height if height else 0])
    digits = height.to_bytes(8, "little").rstrip(b"\0")
    if digits[-1] >= 0x80:
        digits += b"\0"
    return bytes([len(digits)]) + digits


def _twice(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()
