"""What a payout scheme is: the port that each file in this folder fills, and the division that they share.

A scheme is its settings and nothing else: no state, no clock, no ledger. It is asked at two moments:

    credit_work   a batch of accepted work is to be valued     PPS and FPPS pay for it, the others owe nothing yet
    split_block   a block of ours is to be divided             SOLO and PPLNS pay members, PPS and FPPS fill the reserve

Both answers are a `Split`: whole minor units that sum to what is paid, to the last one. Rules of this folder:

* Nobody gets less than nothing, and the order in which members are named changes nothing.
* The fee is rounded down, to the members' favour; what division leaves over is apportioned and belongs to members.
* Fractions of a minor unit are never lost: work that is paid at once carries them on to the next batch (`carried`).
* `HOUSE` stands among the members for work that is not, or no longer, this scheme's to pay; its part is the `rest`.

There is no PROP: paying the shares of one round invites machines that leave when a round grows long (reference
stratum.md 6, row 15).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal, Protocol

import msgspec

from hashwright.money import Amount, Currency, MoneyError, apportion

HOUSE: Final = ""
"""No worker can be called so: names of accounts are never empty."""
PPM: Final = 1_000_000
Pays = Literal["block", "work"]
"""When members are credited: when a block is found, or when their work is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a block is worth now: the hashes that one takes on average, its subsidy, and its fees on average."""

    network_work: int
    subsidy: Amount
    fees: Amount

    def __post_init__(self) -> None:
        if type(self.network_work) is not int or self.network_work < 1:
            raise ValueError(f"a block takes at least one hash, not {self.network_work}")
        if self.subsidy.minor < 0 or self.fees.minor < 0:
            raise MoneyError("a block is not worth less than nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Who gets what. `credits` are sorted by member, and each is more than nothing.

    `fee` is the pool's. `rest` is what this scheme pays to nobody: the reserve's, or another era's to divide.
    """

    credits: tuple[tuple[str, Amount], ...]
    fee: Amount
    rest: Amount

    @property
    def paid(self) -> Amount:
        """Return the sum of all parts."""
        credits = sum(amount.minor for _, amount in self.credits)
        return Amount(credits, self.fee.currency) + self.fee + self.rest


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCredit:
    """What a batch of work earned, and the fractions that are carried on [2**-62 minor units], by member."""

    split: Split
    carried: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solvency:
    """How safe a reserve is. The decision is of whole numbers; the probability is an estimate for people.

    `free` is what may be spent before the floor is met. `ruin_probability_est` is the chance that bad luck ever spends
    it, as long as difficulty, fees and settings stay as they are and nothing is taken out.
    """

    reserve: Amount
    floor: Amount
    free: Amount
    is_accepting: bool
    blocks_free_est: float
    ruin_probability_est: float


class Scheme(Protocol):
    """A payout scheme with its settings."""

    title: ClassVar[str]
    pays: ClassVar[Pays]

    def window_work(self, network_work: int) -> int:
        """Return how much of the newest work shares in a block [hashes]; 0 where the scheme keeps no window."""
        ...

    def credit_work(self, work: Mapping[str, int], *, terms: Terms, carried: Mapping[str, int]) -> WorkCredit:
        """Return what accepted work [hashes by member] earns at once."""
        ...

    def split_block(self, gross: Amount, *, finder: str, work: Mapping[str, int]) -> Split:
        """Divide what a block pays. `work` is the window's [hashes by member], the finder's share among it."""
        ...

    def solvency(self, *, terms: Terms, reserve: Amount, pending: Amount) -> Solvency | None:
        """Return how safe the reserve is, or None where the scheme needs none.

        `pending` is what accepted work earned that is not yet taken from the reserve.
        """
        ...


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every scheme can be told. `fee_ppm` is the pool's part [millionths of the gross]."""

    fee_ppm: Annotated[int, msgspec.Meta(ge=0, le=PPM)] = 10_000


class PaidByBlock(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What schemes share that owe nothing until there is a block, and therefore need no reserve."""

    pays: ClassVar[Pays] = "block"

    def credit_work(self, work: Mapping[str, int], *, terms: Terms, carried: Mapping[str, int]) -> WorkCredit:
        """Owe nothing for the work itself."""
        return WorkCredit(split=nothing(terms.subsidy.currency), carried=dict(carried))

    def solvency(self, *, terms: Terms, reserve: Amount, pending: Amount) -> None:
        """Need no reserve: only what a block brings is divided."""
        return


def nothing(currency: Currency) -> Split:
    """Return the split of nothing."""
    zero = Amount(0, currency)
    return Split(credits=(), fee=zero, rest=zero)


def all_rest(gross: Amount) -> Split:
    """Return the split that pays nobody."""
    zero = Amount(0, gross.currency)
    return Split(credits=(), fee=zero, rest=gross)


def fee_of(gross: Amount, fee_ppm: int) -> Amount:
    """Return the pool's part, rounded down."""
    return Amount(gross.minor * fee_ppm // PPM, gross.currency)


def share_out(gross: Amount, work: Mapping[str, int], *, fee_ppm: int) -> Split:
    """Divide an amount by work [hashes by member]; the part of `HOUSE`, or all if nobody worked, is the rest.

    Raises:
        MoneyError: the amount, or somebody's work, is less than nothing.
    """
    if gross.minor < 0:
        raise MoneyError(f"{gross} cannot be shared out: a block does not pay less than nothing")
    # Sorted: `apportion` breaks ties by position, and the order of a mapping must not decide who gets the last unit.
    members = sorted(name for name in work if name != HOUSE and work[name])
    if not members:
        return all_rest(gross)
    weights = [work[name] for name in members]
    ours, rest = apportion(gross, (sum(weights), work.get(HOUSE, 0)))
    fee = fee_of(ours, fee_ppm)
    parts = zip(members, apportion(ours - fee, weights), strict=True)
    return Split(credits=tuple((name, part) for name, part in parts if part.minor), fee=fee, rest=rest)
