"""What a Monero wallet signed, read and proven before it is kept: id, what it spends, whom it pays, what it costs."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from hashwright.adapters.wallets.base import Broadcast, refuse_other, refuse_watch_only
from hashwright.chain.cryptonote.address import MoneroAddress, read_address
from hashwright.chain.cryptonote.payee import payee_of_address
from hashwright.chain.cryptonote.payments import payments_of
from hashwright.chain.cryptonote.transaction import HiddenTransaction, read_transaction
from hashwright.errors import InvariantBroken, OperatorError

METADATA_HEAD: Final = b"\x01"
"""The wallet's bytes begin with a version and the whole transaction: so what it relays later is what we looked at."""
WEIGHT_OF_TWO: Final = 2_200
WEIGHT_MORE: Final = 450
"""Weight of a transaction with two inputs and two outputs, and of each further output; only a first guess."""
REFUSALS: Final = (
    "low_mixin",
    "invalid_input",
    "invalid_output",
    "too_big",
    "overspend",
    "fee_too_low",
    "too_few_outputs",
    "sanity_check_failed",
)
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


class SignedAnswer(msgspec.Struct, frozen=True):
    """What we read of `transfer`."""

    tx_hash: str
    tx_key: str
    tx_blob: str
    tx_metadata: str
    fee: int
    unsigned_txset: str = ""
    multisig_txset: str = ""


class KeptPayment(msgspec.Struct, frozen=True, array_like=True):
    """A payment as it is stored: what `relay_tx` takes, and how much of it is the transaction itself [bytes]."""

    txid_display: str
    metadata: bytes
    size: int

    @property
    def blob(self) -> bytes:
        """Return the transaction, as any node takes it."""
        return self.metadata[len(METADATA_HEAD) : len(METADATA_HEAD) + self.size]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPayment:
    """A payment that was signed and proven. Key images are hex, as nodes write them; `fee` is in piconero."""

    txid_display: str
    key_images: tuple[str, ...]
    fee: int
    kept: KeptPayment


def read_signed(payout: str, answer: object, payments: Sequence[tuple[bytes, int]], *, change: bytes) -> SignedPayment:
    """Read what a wallet signed and prove that it pays exactly these (payee, piconero), and the rest to `change`.

    Raises:
        OperatorError: it is something else, or the wallet has no keys (HW-624).
    """
    try:
        told = msgspec.convert(answer, SignedAnswer)
        if told.unsigned_txset and not told.tx_key:
            raise refuse_watch_only()
        if told.multisig_txset:
            raise refused("it needs the signatures of others (multisig)")
        return _proven(payout, told, payments, change)
    except (msgspec.ValidationError, ValueError) as error:
        raise refused(f"what it signed cannot be read ({error})") from error


def read_kept(raw: bytes) -> KeptPayment:
    """Read a payment as it was stored.

    Raises:
        InvariantBroken: it is none: what was stored was written by us.
    """
    try:
        return msgspec.msgpack.decode(raw, type=KeptPayment)
    except msgspec.DecodeError as error:
        raise InvariantBroken(
            f"A stored payment is not one of a Monero wallet: {error}.",
            code="HW-621",
            hint="Restore the last good backup: hw admin restore.",
        ) from error


def images_of(found: Mapping[str, Any]) -> set[str]:
    """Return the key images of a transaction as a node gives it, without its proofs."""
    try:
        return {it.hex() for it in read_transaction(_bytes(str(found.get("pruned_as_hex", "")))).key_images}
    except ValueError:
        return set()


def sorted_answer(answer: Mapping[str, Any]) -> tuple[Broadcast, str]:
    """Sort a node's answer to a transaction. Only what is plainly final is taken as such."""
    reasons = [name for name in REFUSALS if answer.get(name)]
    words = ", ".join([str(answer.get("reason") or ""), *reasons]).strip(", ")
    if answer.get("status") == "OK":
        return "accepted", ""
    if answer.get("double_spend"):
        return "conflict", f"double spend {words}".strip()
    return ("refused" if reasons else "unknown"), words or str(answer.get("status"))[:100]


def weight_of(payees: int) -> int:
    """Guess the weight of a payment [bytes]."""
    return WEIGHT_OF_TWO + WEIGHT_MORE * max(0, payees - 1)


def refused(problem: str) -> OperatorError:
    """Build the error for a wallet that did not sign."""
    return OperatorError(
        f"The wallet did not sign: {problem}. Nothing was sent.",
        code="HW-624",
        hint="Look at the wallet; it is tried again by itself.",
    )


def change_payee(primary: str, account: str) -> bytes:
    """Return to whom a wallet's change goes: an account's spend key, found by the view key of the whole wallet."""
    whole, part = read_address(primary), read_address(account)
    text = MoneroAddress(
        network=whole.network, kind="standard", spend_key=part.spend_key, view_key=whole.view_key
    ).text  # fmt: skip
    return payee_of_address(text)[0]


def _proven(payout: str, told: SignedAnswer, payments: Sequence[tuple[bytes, int]], change: bytes) -> SignedPayment:
    blob, metadata = _bytes(told.tx_blob), _bytes(told.tx_metadata)
    transaction: HiddenTransaction = read_transaction(blob)
    paid = payments_of(transaction, _bytes(told.tx_key), [*(payee for payee, _ in payments), change])
    others = [it for it in paid if it[0] != change or it in payments]
    is_same = (transaction.id, transaction.fee) == (told.tx_hash, told.fee)
    is_whole = len(paid) == len(transaction.outputs)  # no output is a stranger's
    if (
        not (is_same and is_whole)
        or _sums(others) != _sums(payments)
        or metadata[: 1 + len(blob)] != METADATA_HEAD + blob
    ):
        raise refuse_other(payout)
    return SignedPayment(
        txid_display=transaction.id,
        key_images=tuple(image.hex() for image in transaction.key_images),
        fee=transaction.fee,
        kept=KeptPayment(transaction.id, metadata, len(blob)),
    )


def _sums(payments: Sequence[tuple[bytes, int]]) -> Counter[bytes]:
    """Sum by payee: two members may share an address."""
    sums: Counter[bytes] = Counter()
    for payee, minor in payments:
        sums[payee] += minor
    return sums


def _bytes(text: str) -> bytes:
    if not _HEX.fullmatch(text):
        raise ValueError(f"{text[:20]!r} is not hex")
    # allow hex: matched in full by the pattern above
    return bytes.fromhex(text)
