"""Rules that move the difficulty with each block, as consensus computes them: whole numbers, cut toward zero.

The rule of 2,016 blocks stands in `retarget`, Monero's window in `cryptonote.rules`; rules that look at many blocks
(Dash, Ravencoin, Zcash, Bitcoin Gold, Vertcoin) stand in `windows`.
"""

from typing import Final

from hashwright.chain.target import bits_of_target, target_of_bits

DIGISHIELD_LIMIT: Final = 2**236 - 1
"""Dogecoin's easiest target."""
ASERT_HALF_LIFE_S: Final = 172_800
ASERT_LIMIT: Final = 2**224 - 1
DECRED_INTERVAL_S: Final = 300
DECRED_HALF_LIFE_S: Final = 43_200
_RADIX_BITS: Final = 16
ETHASH_BOUND: Final = 2048
ETHASH_MINIMUM: Final = 131_072


def digishield_bits(nbits: int, elapsed_s: int, *, interval_s: int = 60, limit: int = DIGISHIELD_LIMIT) -> int:
    """Return the nbits of the next block; `elapsed_s` lies between the last block and the one before it.

    An eighth of the deviation counts, within three quarters and one and a half of the plan. (Dogecoin
    `src/dogecoin.cpp`, `CalculateDogecoinNextWorkRequired`.)
    """
    counted_s = interval_s + cut(elapsed_s - interval_s, 8)
    counted_s = min(max(counted_s, interval_s - interval_s // 4), interval_s + interval_s // 2)
    return bits_of_target(min(target_of_bits(nbits) * counted_s // interval_s, limit))


def asert_bits(
    anchor_bits: int,
    *,
    since_anchor_s: int,
    blocks: int,
    interval_s: int = 600,
    half_life_s: int = ASERT_HALF_LIFE_S,
    limit: int = ASERT_LIMIT,
) -> int:
    """Return the nbits that the time and the blocks since an anchor give: twice as easy each half-life of delay.

    `since_anchor_s` is from the time of the anchor's parent to the last block; `blocks` from the anchor to the last
    block. (Bitcoin Cash, specification of aserti3-2d, 2020-11-15.) Decred (DCP-0011) counts from the anchor itself:
    `blocks` is one less there, for the same `since_anchor_s`, with `DECRED_INTERVAL_S` and `DECRED_HALF_LIFE_S`.
    """
    exponent = cut((since_anchor_s - interval_s * (blocks + 1)) << _RADIX_BITS, half_life_s)
    shifts, fraction = exponent >> _RADIX_BITS, exponent & 0xFFFF
    cubic = 195_766_423_245_049 * fraction + 971_821_376 * fraction**2 + 5127 * fraction**3 + 2**47
    target = target_of_bits(anchor_bits) * (2**16 + (cubic >> 48))
    shifts -= _RADIX_BITS
    target = target >> -shifts if shifts <= 0 else target << shifts
    return bits_of_target(min(max(target, 1), limit))


def ethash_difficulty(parent: int, elapsed_s: int, *, has_uncles: bool = False) -> int:
    """Return the difficulty of a block by its time after its parent. (EIP-100, since 2019 on Ethereum Classic.)"""
    steps = max((2 if has_uncles else 1) - elapsed_s // 9, -99)
    return max(parent + parent // ETHASH_BOUND * steps, ETHASH_MINIMUM)


def cut(number: int, divisor: int) -> int:
    """Divide and cut toward zero, as C++ and Go do; Python rounds down."""
    return number // divisor if number >= 0 else -(-number // divisor)
