"""Payments out of single coins (Bitcoin's family): we choose which, the wallet signs, and we read what it signed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from hashwright.adapters.wallets.base import Order, Outpoint, Prepared, refuse_other
from hashwright.errors import OperatorError

INPUT_VBYTES: Final = 149
"""A P2PKH input with the longest signature; witness inputs are smaller, so a fee by this is never too low."""
OVERHEAD_VBYTES: Final = 12
"""Version, lock time, witness marker, and the counts of inputs and outputs up to 252 each."""
LARGE_COUNT_VBYTES: Final = 4
INPUTS_MAX: Final = 400
"""Some 60 kB; nodes relay transactions up to 100 kB."""
FEE_TARGET_BLOCKS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Unspent:
    """A coin that a wallet can spend."""

    outpoint: Outpoint
    minor: int
    confirmations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """A signed transaction, decoded by us. Outputs are (script, minor units), in order."""

    txid_display: str
    raw: bytes
    inputs: tuple[Outpoint, ...]
    outputs: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Coins for a transaction, its fee, and what comes back.

    `extra` is what is too little to come back: the network would not carry it, so it goes to the fee as well.
    """

    inputs: tuple[Outpoint, ...]
    fee: int
    change: int
    extra: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a transaction costs: `fee_rate` [minor units a 1,000 virtual bytes], and its outputs with change [bytes].

    Change below `dust` does not come back. `is_on_top`: the fee is paid beside what is wanted, else out of it.
    """

    fee_rate: int
    output_bytes: int
    dust: int
    is_on_top: bool


class CoinWallet(Protocol):
    """A wallet that is told which coins to spend."""

    async def unspent(self, minimum_confirmations: int) -> list[Unspent]:
        """List what it can spend."""
        ...

    async def sign(self, outputs: Sequence[tuple[bytes, int]], *, inputs: Sequence[Outpoint]) -> SignedTransaction:
        """Sign exactly these inputs and outputs (script, minor units), and send nothing."""
        ...

    async def fee_rate(self, target_blocks: int) -> int:
        """Return what 1,000 virtual bytes should cost, within sane bounds."""
        ...

    async def change_script(self) -> bytes:
        """Return an output script of the wallet's own for what comes back."""
        ...


async def prepare_from_coins(wallet: CoinWallet, order: Order, *, reserved: Collection[tuple[str, int]]) -> Prepared:
    """Choose coins, let the wallet sign, and look at what it signed.

    Raises:
        OperatorError: there is not enough (HW-623), or the wallet signed something else (HW-624).
        ValueError: the fee is above what the order allows.
    """
    rate, change = await wallet.fee_rate(FEE_TARGET_BLOCKS), await wallet.change_script()
    cost = Cost(
        fee_rate=rate,
        output_bytes=size_of_outputs([*order.scripts, change]),
        dust=order.dust,
        is_on_top=order.is_fee_on_top,
    )
    choice = choose_inputs(await wallet.unspent(1), wanted=order.total, cost=cost, reserved=reserved)
    payments = tuple(order.payments_at(choice.fee))
    outputs = (*payments, (change, choice.change)) if choice.change else payments
    signed = await wallet.sign(outputs, inputs=choice.inputs)
    if signed.outputs != outputs or sorted(signed.inputs) != sorted(choice.inputs):
        raise refuse_other(order.payout)
    return Prepared(
        txid_display=signed.txid_display,
        raw=signed.raw,
        inputs=signed.inputs,
        payments=payments,
        fee=choice.fee + choice.extra,
        shared_fee=choice.fee,
    )


def choose_inputs(
    unspent: Sequence[Unspent], *, wanted: int, cost: Cost, reserved: Collection[tuple[str, int]]
) -> Choice:
    """Choose coins for `wanted` minor units, the largest first, so that few are needed; ties by outpoint.

    Raises:
        OperatorError: there is not enough that is not reserved (HW-623).
    """
    free = [it for it in unspent if (it.outpoint.txid_display, it.outpoint.index) not in reserved and it.minor > 0]
    chosen: list[Unspent] = []
    total = 0
    for coin in sorted(free, key=lambda it: (-it.minor, it.outpoint))[:INPUTS_MAX]:
        chosen.append(coin)
        total += coin.minor
        fee = fee_of(len(chosen), cost.output_bytes, cost.fee_rate)
        rest = total - wanted - (fee if cost.is_on_top else 0)
        if rest >= 0:
            change = rest if rest >= cost.dust else 0
            return Choice(inputs=tuple(it.outpoint for it in chosen), fee=fee, change=change, extra=rest - change)
    raise OperatorError(
        f"The wallet has {total} minor units that are free to spend, and {wanted} and a fee are needed."
        " Nothing was paid.",
        code="HW-623",
        hint="Fill the wallet, or wait until its coins are confirmed.",
    )


def fee_of(inputs: int, output_bytes: int, fee_rate: int) -> int:
    """Return the fee of a transaction at a rate [minor units a 1,000 virtual bytes], rounded up."""
    size = OVERHEAD_VBYTES + LARGE_COUNT_VBYTES + inputs * INPUT_VBYTES + output_bytes
    return -(-size * fee_rate // 1000)


def size_of_outputs(scripts: Sequence[bytes]) -> int:
    """Return the bytes of outputs with these scripts."""
    return sum(9 + len(script) for script in scripts)
