"""A node's block template (getblocktemplate, BIP 22, 23, 145), checked, and the block that is made of it.

Unknown keys are ignored; a key that we need and that is missing, or is of another form, is an error with its place.
MWEB (Litecoin): the node's last transaction, the HogEx, stays last, and the extension block follows the transactions
behind a byte 01; without it the block is refused (`mweb-missing`).

A rule that the node marks with `!` must be understood, or the block will be invalid (BIP 9): such a template is
refused, as is one of a signet, whose blocks need a signature.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from hashwright.chain.coin import Coin
from hashwright.chain.coinbase import with_witness
from hashwright.chain.merkle import merkle_branch
from hashwright.chain.subsidy import subsidy
from hashwright.chain.target import target_of_bits
from hashwright.chain.transaction import varint
from hashwright.errors import OperatorError

_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)
_COMMITMENT_HEAD: Final = bytes.fromhex("6a24aa21a9ed")
_COMMITMENT_SIZE_MIN: Final = 38
_HOGEX_FLAGS: Final = b"\x00\x08"


class TemplateTransaction(msgspec.Struct, frozen=True):
    """One transaction of a template, as far as we need it."""

    data: str
    txid: str
    hash: str = ""


class GbtAnswer(msgspec.Struct, frozen=True):
    """The keys of getblocktemplate that we need, by their own names."""

    version: int
    previousblockhash: str
    transactions: tuple[TemplateTransaction, ...]
    coinbasevalue: int
    bits: str
    height: int
    curtime: int
    mintime: int
    rules: tuple[str, ...] = ()
    default_witness_commitment: str = ""
    mweb: str = ""
    longpollid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A checked template. `branch` leads from the coinbase to the merkle root."""

    height: int
    version: int
    prevhash_le: bytes
    nbits: int
    curtime: int
    mintime: int
    coinbase_value: int
    witness_commitment: bytes
    branch: tuple[bytes, ...]
    transactions: tuple[bytes, ...]
    mweb: bytes
    longpoll: str

    @property
    def prevhash_display(self) -> str:
        """The block it builds on, as RPC writes it."""
        return self.prevhash_le[::-1].hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """What must be known of a new tip to mine an empty block on it. `mediantime` is of the last 11 blocks."""

    block_hash: str
    height: int
    mediantime: int


def template_of_gbt(answer: Mapping[str, Any], coin: Coin) -> Template:
    """Check a node's answer.

    Raises:
        OperatorError: a key is missing or of another form; the message names it (HW-408).
    """
    try:
        gbt = msgspec.convert(answer, GbtAnswer)
        _check_rules(gbt, coin)
        return _template(gbt)
    except (msgspec.ValidationError, ValueError) as error:
        raise OperatorError(
            f"The template of the {coin.title} node is not usable: {error}.",
            code="HW-408",
            hint="Check that the node is of a version that this Hashwright knows.",
        ) from error


def _check_rules(gbt: GbtAnswer, coin: Coin) -> None:
    unknown = [rule for rule in gbt.rules if rule.startswith("!") and rule[1:] not in coin.gbt_rules]
    if unknown:
        raise ValueError(f"it needs rules that are not known here: {', '.join(unknown)}")


def _template(gbt: GbtAnswer) -> Template:
    nbits = int.from_bytes(_bytes("bits", gbt.bits, size=4), "big")
    target_of_bits(nbits)
    _check_numbers(gbt)
    transactions = tuple(_bytes(f"transactions[{i}].data", item.data) for i, item in enumerate(gbt.transactions))
    return Template(
        height=gbt.height,
        version=gbt.version & 0xFFFFFFFF,
        prevhash_le=_bytes("previousblockhash", gbt.previousblockhash, size=32)[::-1],
        nbits=nbits,
        curtime=gbt.curtime,
        mintime=gbt.mintime,
        coinbase_value=gbt.coinbasevalue,
        witness_commitment=_commitment(gbt),
        branch=merkle_branch(
            [_bytes(f"transactions[{i}].txid", item.txid, size=32)[::-1] for i, item in enumerate(gbt.transactions)]
        ),
        transactions=transactions,
        mweb=_mweb(gbt, transactions),
        longpoll=gbt.longpollid,
    )


def _check_numbers(gbt: GbtAnswer) -> None:
    """Hold every number to what its place in a header or a coinbase can take."""
    limits = (
        ("height", gbt.height, 0, 2**31),
        ("coinbasevalue", gbt.coinbasevalue, 0, 2**63),
        ("version", gbt.version, -(2**31), 2**32),
        ("curtime", gbt.curtime, 0, 2**32),
        ("mintime", gbt.mintime, 0, 2**32),
    )
    for key, value, least, end in limits:
        if not least <= value < end:
            raise ValueError(f"{key} is {value}")


def _commitment(gbt: GbtAnswer) -> bytes:
    """Read the witness commitment; without one no transaction may carry a witness (BIP 141)."""
    script = _bytes("default_witness_commitment", gbt.default_witness_commitment)
    if script and (len(script) < _COMMITMENT_SIZE_MIN or not script.startswith(_COMMITMENT_HEAD)):
        raise ValueError("default_witness_commitment is no witness commitment")
    if not script and any(item.hash and item.hash != item.txid for item in gbt.transactions):
        raise ValueError("default_witness_commitment is missing, but there are transactions with witnesses")
    return script


def _mweb(gbt: GbtAnswer, transactions: tuple[bytes, ...]) -> bytes:
    """Read the extension block, which the last transaction binds to the chain."""
    mweb = _bytes("mweb", gbt.mweb)
    if mweb and not (transactions and transactions[-1][4:6] == _HOGEX_FLAGS):
        raise ValueError("there is an mweb part, but the last transaction is no HogEx")
    return mweb


def empty_template(newest: Template, tip: Tip, coin: Coin, *, now_s: int) -> Template | None:
    """Return a template for a block with nothing but the coinbase on a new tip, or None where that cannot be known.

    Not on a chain with an extension block (it must hold the HogEx), nor across a change of the target.
    """
    height = tip.height + 1
    if newest.mweb or height != newest.height + 1 or height % coin.retarget_blocks == 0:
        return None
    fees = newest.coinbase_value - subsidy(newest.height, coin)
    if fees < 0 or subsidy(height, coin) != subsidy(newest.height, coin):
        return None  # the subsidy is not the one we know (regtest halves early), so neither is the value
    return Template(
        height=height,
        version=newest.version,
        prevhash_le=_bytes("tip", tip.block_hash, size=32)[::-1],
        nbits=newest.nbits,
        curtime=max(now_s, tip.mediantime + 1),
        mintime=tip.mediantime + 1,
        coinbase_value=subsidy(height, coin),
        witness_commitment=b"",
        branch=(),
        transactions=(),
        mweb=b"",
        longpoll="",
    )


def assemble_block(template: Template, header: bytes, coinbase: bytes) -> bytes:
    """Put a block together.

    Args:
        header: the 80 bytes that were hashed.
        coinbase: the coinbase in the form without witness, as it was hashed.
    """
    first = with_witness(coinbase) if template.witness_commitment else coinbase
    extension = b"\x01" + template.mweb if template.mweb else b""
    return b"".join((header, varint(1 + len(template.transactions)), first, *template.transactions, extension))


def _bytes(key: str, text: str, *, size: int | None = None) -> bytes:
    if not _HEX.fullmatch(text) or (size is not None and len(text) != 2 * size):
        raise ValueError(f"{key} is not {'hex' if size is None else f'{size} bytes of hex'}: {text[:20]!r}")
    # allow hex: matched in full by the pattern above
    return bytes.fromhex(text)
