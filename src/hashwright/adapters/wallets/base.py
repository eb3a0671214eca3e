"""What a wallet is to us: the port that the payer uses and each file in this folder fills.

A wallet is asked for small things only: to sign exactly this payment and send nothing, to send these bytes, and what
the *chain* says about them. It never chooses amounts or addresses, and it is never told "pay": a lost answer to that
question is how pools have paid twice. Whether it chooses the coins, or we do, is the adapter's business (`_coins`):
what it spends is stored before anything is sent, and is reserved from then on.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import msgspec

from hashwright.errors import OperatorError

Broadcast = Literal["accepted", "already-known", "already-mined", "conflict", "missing-inputs", "refused", "unknown"]
"""`conflict` and `missing-inputs` may mean that it can never confirm, or that the node is behind: only the chain tells.
`refused` names a reason of the node's policy; `unknown` is everything else, a time-out above all: it may be out."""


@dataclass(frozen=True, slots=True, order=True)
class Outpoint:
    """One output of a transaction, whose id is written as nodes show it."""

    txid_display: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a wallet is to pay. `payments_at(fee)` are (script, minor units) where the network's fee is so much.

    It raises ValueError where the fee is above the limit. `total` is what is paid in all, a fee that the payees bear
    included; where it `is_fee_on_top` they bear none. `dust` is the least that the network carries.
    """

    payout: str
    total: int
    scripts: tuple[bytes, ...]
    payments_at: Callable[[int], Sequence[tuple[bytes, int]]]
    dust: int
    is_fee_on_top: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A payment, signed and not sent.

    `inputs` are what it spends, each so that no two payments can spend the same: an output, or Monero's key image (with
    index 0). `payments` were made for `shared_fee`; `fee` is what the network really gets, and may be some more.
    """

    txid_display: str
    raw: bytes
    inputs: tuple[Outpoint, ...]
    payments: tuple[tuple[bytes, int], ...]
    fee: int
    shared_fee: int


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


def with_others(_: str) -> bool:
    """Tell that an address can be paid together with others."""
    return False


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

    async def prepare(self, order: Order, *, reserved: Collection[tuple[str, int]]) -> Prepared:
        """Sign a payment that spends nothing `reserved` (as `Outpoint`s), and send nothing.

        Raises:
            OperatorError: there is not enough that is free (HW-623), or the wallet says no (HW-624).
            ValueError: the fee is above what the order allows.
        """
        ...

    async def broadcast(self, raw: bytes) -> tuple[Broadcast, str]:
        """Send these bytes; the same ones any number of times. Return the node's answer, sorted, and its words."""
        ...

    async def sight(self, txid_display: str, inputs: Sequence[Outpoint]) -> Sight:
        """Ask the chain, not the wallet's memory, what became of a transaction."""
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

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A kind of wallet: its name for people, its settings, how it is reached, and what limits its payments.

    `open(config, *, currency, network)` raises OperatorError where there is no such wallet, Unavailable where nothing
    answers. A payment has `payees_max` payees at most, and one address where `is_paid_alone(address)` says so.
    """

    title: str
    config: type[msgspec.Struct]
    open: Callable[..., Awaitable[Wallet]]
    payees_max: int = 500
    """Some 17 kB, well below the 100 kB that nodes relay."""
    is_paid_alone: Callable[[str], bool] = with_others
    settled_depth: int = 6


@runtime_checkable
class DepositWallet(Wallet, Protocol):
    """A wallet that gives each account an address of its own and sees what reaches it."""

    async def new_address(self, label: str) -> str:
        """Make an address that nobody has yet."""
        ...

    async def deposits(self) -> list[Deposit]:
        """List the outputs that pay addresses of the wallet."""
        ...


def refuse_watch_only() -> OperatorError:
    """Build the error for a wallet that pays nothing."""
    return OperatorError(
        "This wallet can only watch: it has no keys here. Nothing was paid.",
        code="HW-624",
        hint="Pay by hand from the wallet that has the keys, or set one that can sign.",
    )


def refuse_other(payout: str) -> OperatorError:
    """Build the error for a wallet that signed something else than it was asked for, to the last unit."""
    return OperatorError(
        f"The wallet signed something else than payout {payout}. It was thrown away; nothing was sent.",
        code="HW-624",
        hint="Find out which program answers as the wallet before you pay again.",
    )
