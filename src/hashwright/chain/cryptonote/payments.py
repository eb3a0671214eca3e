"""Prove whom a Monero transaction pays, and how much, from the keys by which it was made.

A wallet that was asked to pay could sign something else, and on this chain nobody would see it. But it gives the secret
keys of the transaction with it (`get_tx_key`), and with them each payee's share can be computed as he himself would:

    D = 8 r A                  what only sender and payee know (r: transaction key, A: the payee's view key)
    s = H(D, number)           of the output with this number
    s G + B                    must be its one-time key (B: the payee's spend key)
    amount xor H("amount", s)  is what stands in it; and its commitment must be to that amount

A payment to a subaddress among several payees has a key of its own; an integrated address is paid alone, and its
payment id stands masked in the extra bytes. Points are multiplied by pycryptodome, and nothing here is secret for long:
the keys belong to one transaction. Sources: Monero `crypto.cpp`, `rctOps.cpp`, `device_default.cpp`.
"""

from collections.abc import Sequence
from typing import Final

from Crypto.PublicKey.ECC import EccPoint

from hashwright.chain.cryptonote.address import D as CURVE_D
from hashwright.chain.cryptonote.address import P, is_point, read_address
from hashwright.chain.cryptonote.keccak import keccak256
from hashwright.chain.cryptonote.payee import address_of_payee
from hashwright.chain.cryptonote.transaction import KEY, HiddenOutput, HiddenTransaction
from hashwright.chain.cryptonote.varint import write_varint

ORDER: Final = 2**252 + 27742317777372353535851937790883648493
COFACTOR: Final = 8
BASE: Final = bytes.fromhex("5866666666666666666666666666666666666666666666666666666666666666")
AMOUNT_BASE: Final = bytes.fromhex("8b655970153799af2aeadc9ff1add0ea6c7251d54154cfa92c173a0dd39c1f94")
"""The second base, H, of commitments."""
PAYMENT_ID_TAIL: Final = b"\x8d"
PAYMENT_ID_HEAD: Final = b"\x02\x09\x01"
"""An extra nonce of nine bytes that holds a masked payment id."""
_ROOT: Final = pow(2, (P - 1) // 4, P)
"""A square root of -1."""


def payments_of(transaction: HiddenTransaction, keys: bytes, payees: Sequence[bytes]) -> tuple[tuple[bytes, int], ...]:
    """Return what each output pays to one of the payees: (payee, piconero), in the order of the outputs.

    Args:
        keys: the transaction's secret key, and one an output where subaddresses are among several payees.

    Raises:
        ValueError: the keys are of another transaction, or an amount is not the one committed to.
    """
    if len(keys) not in (KEY, KEY * (1 + len(transaction.outputs))):
        raise ValueError(f"{len(keys)} bytes are no keys of a transaction with {len(transaction.outputs)} outputs")
    scalars = [_scalar(keys[at : at + KEY]) for at in range(0, len(keys), KEY)]
    found = []
    for number, output in enumerate(transaction.outputs):
        for payee in dict.fromkeys(payees):
            secret = _secret_of(payee, scalars, number)
            shared = _shared(secret, number)
            if _is_paid(payee, output, secret, shared, number):
                found.append((payee, _amount(output, shared)))
                _check_payment_id(transaction, payee, secret)
                break
    return tuple(found)


def _secret_of(payee: bytes, scalars: Sequence[int], number: int) -> bytes:
    address = read_address(address_of_payee(payee))
    has_own = address.kind == "subaddress" and len(scalars) > 1
    return _multiplied(address.view_key, COFACTOR * scalars[1 + number if has_own else 0])


def _shared(secret: bytes, number: int) -> int:
    return _scalar(keccak256(secret + write_varint(number)))


def _is_paid(payee: bytes, output: HiddenOutput, secret: bytes, shared: int, number: int) -> bool:
    """Tell whether an output is the payee's. The tag sorts nearly all others out without a multiplication."""
    if output.view_tag >= 0 and keccak256(b"view_tag" + secret + write_varint(number))[0] != output.view_tag:
        return False
    spend_key = read_address(address_of_payee(payee)).spend_key
    return _packed(_point(BASE) * shared + _point(spend_key)) == output.key


def _amount(output: HiddenOutput, shared: int) -> int:
    packed = shared.to_bytes(KEY, "little")
    mask = keccak256(b"amount" + packed)
    amount = int.from_bytes(bytes(a ^ b for a, b in zip(output.masked_amount, mask, strict=False)), "little")
    blinding = _scalar(keccak256(b"commitment_mask" + packed))
    if _packed(_point(BASE) * blinding + _point(AMOUNT_BASE) * amount) != output.commitment:
        raise ValueError("an output is committed to another amount than it tells its payee")
    return amount


def _check_payment_id(transaction: HiddenTransaction, payee: bytes, secret: bytes) -> None:
    payment_id = read_address(address_of_payee(payee)).payment_id
    if not payment_id:
        return
    mask = keccak256(secret + PAYMENT_ID_TAIL)
    wanted = PAYMENT_ID_HEAD + bytes(a ^ b for a, b in zip(payment_id, mask, strict=False))
    if wanted not in transaction.extra:
        raise ValueError("the payment id of an integrated address is missing")


# ---------------------------------------------------------------- the curve


def _scalar(data: bytes) -> int:
    return int.from_bytes(data, "little") % ORDER


def _multiplied(key: bytes, scalar: int) -> bytes:
    return _packed(_point(key) * scalar)


def _point(key: bytes) -> EccPoint:
    """Return the point of a key (RFC 8032, section 5.1.3)."""
    if not is_point(key):
        raise ValueError("a key is no point of the curve")
    number = int.from_bytes(key, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    square = (y * y - 1) * pow(CURVE_D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _ROOT % P
    return EccPoint(P - x if x & 1 != sign else x, y, curve="Ed25519")


def _packed(point: EccPoint) -> bytes:
    x, y = int(point.x), int(point.y)
    return (y | (x & 1) << 255).to_bytes(KEY, "little")
