"""Pay for work at once, out of a reserve: what PPS and FPPS share.

A share is worth its part of a block on the day it is accepted, block or no block. The pool bears the luck, so it keeps
a reserve: blocks fill it, work is paid from it, and the fee that is not paid out stays in it as the premium for the
risk. A reserve without a fee is spent by bad luck sooner or later, however large it is; with one, the chance falls by
a constant factor with each block that is kept (`ruin_probability`). Below its floor no work is accepted any more:
promises that cannot be kept are not made.

A share is worth far less than a minor unit. Members are credited whole units; the fractions are kept in units of 2**-62
and carried to the next batch, so that cutting the work into other batches changes nobody by more than one unit, ever.
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

import msgspec

from hashwright.money import Amount
from hashwright.pool.schemes.base import HOUSE, PPM, Pays, Settings, Solvency, Split, Terms, WorkCredit, all_rest

FINE_BITS: Final = 62
"""Fractions below 2**62 fit a signed column; a year of batches each second loses less than 1e-11 of a unit."""
BISECTIONS: Final = 100


class PaidByWork(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What schemes share that pay accepted work from a reserve.

    `reserve_floor_percent` is the least the reserve may hold [percent of what a block is worth].
    """

    pays: ClassVar[Pays] = "work"
    reserve_floor_percent: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 100

    def worth(self, terms: Terms) -> Amount:
        """Return what the work of one block is worth, before the fee."""
        return terms.subsidy

    def window_work(self, network_work: int) -> int:
        """Keep no window."""
        return 0

    def credit_work(self, work: Mapping[str, int], *, terms: Terms, carried: Mapping[str, int]) -> WorkCredit:
        """Pay for work. The split's fee is what the pool kept of the price: it stays in the reserve.

        Raises:
            ValueError: somebody has no name, or worked less than nothing.
        """
        return pay_for_work(
            work, worth=self.worth(terms), network_work=terms.network_work, fee_ppm=self.fee_ppm, carried=carried
        )

    def split_block(self, gross: Amount, *, finder: str, work: Mapping[str, int]) -> Split:
        """Give all to the reserve: the work was paid for when it was accepted."""
        return all_rest(gross)

    def solvency(self, *, terms: Terms, reserve: Amount, pending: Amount) -> Solvency:
        """Compare the reserve, less what it owes, with its floor."""
        worth = self.worth(terms)
        floor = Amount(worth.minor * self.reserve_floor_percent // 100, worth.currency)
        free = reserve - pending - floor
        income = (terms.subsidy + terms.fees).minor
        cost = worth.minor * (PPM - self.fee_ppm) / PPM
        blocks = free.minor / income if income else 0.0
        return Solvency(
            reserve=reserve,
            floor=floor,
            free=free,
            is_accepting=free.minor >= 0,
            blocks_free_est=blocks,
            ruin_probability_est=ruin_probability(blocks, margin=1 - cost / income if income else 0.0),
        )


def pay_for_work(
    work: Mapping[str, int], *, worth: Amount, network_work: int, fee_ppm: int, carried: Mapping[str, int]
) -> WorkCredit:
    """Value work [hashes by member] at its part of a block; whole units are credited, fractions carried on.

    Raises:
        ValueError: somebody has no name, or worked less than nothing.
    """
    if HOUSE in work or any(type(hashes) is not int or hashes < 0 for hashes in work.values()):
        raise ValueError("work is whole, not negative, and somebody's")
    block_fine, divisor = worth.minor << FINE_BITS, network_work * PPM
    earned = {name: hashes * block_fine * (PPM - fee_ppm) // divisor for name, hashes in work.items()}
    earned[HOUSE] = sum(work.values()) * block_fine * fee_ppm // divisor
    kept = dict(carried)
    whole = {name: _whole(kept, name, fine) for name, fine in earned.items()}
    fee = Amount(whole.pop(HOUSE), worth.currency)
    credits = tuple((name, Amount(whole[name], worth.currency)) for name in sorted(whole) if whole[name])
    return WorkCredit(split=Split(credits=credits, fee=fee, rest=Amount(0, worth.currency)), carried=kept)


def _whole(kept: dict[str, int], name: str, fine: int) -> int:
    """Add to what is kept for a name, and take the whole units out of it."""
    fine += kept.pop(name, 0)
    if fraction := fine & ((1 << FINE_BITS) - 1):
        kept[name] = fraction
    return fine >> FINE_BITS


def ruin_probability(blocks: float, *, margin: float) -> float:
    """Return the chance that a reserve [blocks] is ever spent by bad luck.

    Work is paid steadily, `1 - margin` of a block for each one expected; blocks come by Poisson. So the chance is
    exactly `exp(-r * blocks)` with r the positive root of `r * (1 - margin) = 1 - exp(-r)` (Lundberg's equation of the
    dual risk model). For a small margin r is twice the margin: Rosenfeld 2011, section 3.3, `R = B ln(1/p) / 2f`.
    """
    if blocks < 0 or margin <= 0:
        return 1.0
    if margin >= 1:
        return 0.0
    low, high = 0.0, 1 / (1 - margin)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        is_below = -math.expm1(-middle) > middle * (1 - margin)
        low, high = (middle, high) if is_below else (low, middle)
    return math.exp(-low * blocks)
