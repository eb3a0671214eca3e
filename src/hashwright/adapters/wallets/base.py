"""What a wallet is to us: the port that the payer uses and each file in this folder fills.

A wallet is asked for small things only: which coins it has, to sign exactly this, to send these bytes, and what the
*chain* says about them. It never chooses coins, amounts or addresses, and it is never told "pay": a lost answer to that
question is how pools have paid twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from hashwright.errors import OperatorError

Broadcast = Literal["accepted", "already-known", "already-mined", "conflict", "missing-inputs", "refused", "unknown"]
"""`conflict` and `missing-inputs` may mean that it can never confirm, or that the node is behind: only the chain tells.
`refused` names a reason of the node's policy; `unknown` is everything else, a time-out above all: it may be out."""

INPUT_VBYTES: Final = 149
"""A P2PKH input with the longest signature; witness inputs are smaller, so a fee by this is never too low."""
OVERHEAD_VBYTES: Final = 12
"""Version, lock time, witness marker, and the counts of inputs and outputs up to 252 each."""
LARGE_COUNT_VBYTES: Final = 4
INPUTS_MAX: Final = 400
"""Some 60 kB; nodes relay transactions up to 100 kB."""


@dataclass(frozen=True, slots=True, order=True)
class Outpoint:
    """One output of a transaction, whose id is written as nodes show it."""

    txid_display: str
    index: int


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
class Sight:
    """What the chain says about a transaction or its inputs.

    `conflicted`: another transaction, `txid_display`, spends one of its inputs, `confirmations` deep. A transaction
    that does the same under another id (malleated) is `mined`, under that id.
    """

    state: Literal["absent", "mempool", "mined", "conflicted"]
    confirmations: int
    txid_display: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a transaction took out of a wallet: `net` in all, `fee` of it for the network; `outputs` are everybody's."""

    txid_display: str
    net: int
    fee: int
    outputs: tuple[tuple[bytes, int], ...]
    confirmations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A transaction that brought a wallet `net` more [minor units]; `block_hash` where a block paid it, else empty."""

    txid_display: str
    net: int
    confirmations: int
    block_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """An output that pays an address of the wallet [minor units]. Confirmations are 0 or less outside of the chain."""

    txid_display: str
    index: int
    address: str
    minor: int
    confirmations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletTip:
    """The best block of the wallet's node."""

    height: int
    block_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Coins for a transaction, its fee, and what comes back.

    `extra` is what is too little to come back: the network would not carry it, so it goes to the fee as well.
    """

    inputs: tuple[Outpoint, ...]
    fee: int
    change: int
    extra: int


class Wallet(Protocol):
    """A wallet. Amounts are minor units.

    Raises:
        OperatorError: a person must act: it is locked, or can only watch (HW-624).
        Unavailable: it does not answer; the outcome of what was asked is unknown.
    """

    @property
    def is_watch_only(self) -> bool:
        """Tell whether it can only look."""
        ...

    async def unspent(self, minimum_confirmations: int) -> list[Unspent]:
        """List what it can spend."""
        ...

    async def sign(self, outputs: Sequence[tuple[bytes, int]], *, inputs: Sequence[Outpoint]) -> SignedTransaction:
        """Sign exactly these inputs and outputs (script, minor units), and send nothing."""
        ...

    async def broadcast(self, raw: bytes) -> tuple[Broadcast, str]:
        """Send these bytes; the same ones any number of times. Return the node's answer, sorted, and its words."""
        ...

    async def sight(self, txid_display: str, inputs: Sequence[Outpoint]) -> Sight:
        """Ask the chain, not the wallet's memory, what became of a transaction."""
        ...

    async def fee_rate(self, target_blocks: int) -> int:
        """Return what 1,000 virtual bytes should cost, within sane bounds."""
        ...

    async def change_script(self) -> bytes:
        """Return an output script of the wallet's own for what comes back."""
        ...

    async def outgoing(self) -> list[str]:
        """List the ids of transactions that spent the wallet's coins and can still confirm, or have."""
        ...

    async def arrivals(self) -> list[Arrival]:
        """List what came in from elsewhere and can be spent or is on its way, oldest first."""
        ...

    async def spent(self, txid_display: str) -> Spent:
        """Return what one of `outgoing` took out."""
        ...

    async def balance(self) -> int:
        """Return what it holds: confirmed, or its own change."""
        ...

    async def tip(self) -> WalletTip:
        """Return the best block."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a transaction costs: `fee_rate` [minor units a 1,000 virtual bytes], and its outputs with change [bytes].

    Change below `dust` does not come back. `is_on_top`: the fee is paid beside what is wanted, else out of it.
    """

    fee_rate: int
    output_bytes: int
    dust: int
    is_on_top: bool


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


def refuse_watch_only() -> OperatorError:
    """Build the error for a wallet that pays nothing."""
    return OperatorError(
        "This wallet can only watch: it has no keys here. Nothing was paid.",
        code="HW-624",
        hint="Pay by hand from the wallet that has the keys, or set one that can sign.",
    )
