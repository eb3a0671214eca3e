"""How lucky were a pool and each of its accounts? A report, not an accusation.

Blocks come by chance: with expectation m, their number is Poisson. So of any number of blocks it can be said exactly
how often honest work brings so few, or so many. Somebody who withholds blocks (reference stratum.md 6, row 14) looks
like somebody unlucky, and a single look cannot tell them apart: among a thousand honest accounts, one has luck that
comes once in a thousand. Therefore `p_value` is two-sided and corrected for the number of accounts that were compared
(Bonferroni), and even what is called rare is a reason to look, and none to punish.

What is expected is counted in whole units of 2**-64 blocks, added up at the difficulty of the time; floats begin where
a probability does. The tails are summed term by term: no normal curve stands in for them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

UNIT_BITS: Final = 64
RARE: Final = 0.001
"""A healthy pool that looks once a week calls one account rare in twenty years."""
NEGLIGIBLE: Final = 1e-18


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """How many blocks came, and how often chance does that.

    `luck` is found by expected and `effort` expected by found: None where that is unknown. `p_fewer` is the chance of
    so few or fewer, `p_more` of so many or more.
    """

    name: str
    expected_blocks: float
    found: int
    luck: float | None
    effort: float | None
    p_fewer: float
    p_more: float
    p_value: float
    word: Literal["ordinary", "rare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LuckReport:
    """The pool's luck, and that of each account, the rarest first."""

    pool: Luck
    accounts: tuple[Luck, ...]


def expected_units(spans: Iterable[tuple[int, int]]) -> int:
    """Return the blocks to expect [2**-64] of spans: work, and the network's work at its time [hashes]."""
    return sum((work << UNIT_BITS) // network_work for work, network_work in spans)


def report(accounts: Mapping[str, tuple[int, int]]) -> LuckReport:
    """Judge the luck of accounts, each with what it was to find [2**-64 blocks] and what it found [blocks]."""
    judged = [luck_of(name, units, found, compared=len(accounts)) for name, (units, found) in accounts.items()]
    units, found = (sum(pair[place] for pair in accounts.values()) for place in (0, 1))
    return LuckReport(
        pool=luck_of("pool", units, found),
        accounts=tuple(sorted(judged, key=lambda luck: (min(luck.p_fewer, luck.p_more), luck.name))),
    )


def luck_of(name: str, units: int, found: int, *, compared: int = 1) -> Luck:
    """Judge one number of blocks; `units` is what was to be expected [2**-64 blocks].

    Raises:
        ValueError: a number is negative.
    """
    if units < 0 or found < 0:
        raise ValueError(f"neither work nor blocks are negative: {units}, {found}")
    expected = units / 2**UNIT_BITS
    p_fewer, p_more = at_most(found, expected), at_least(found, expected)
    p_value = min(1.0, 2 * min(p_fewer, p_more) * compared)
    return Luck(
        name=name,
        expected_blocks=expected,
        found=found,
        luck=found / expected if expected else None,
        effort=expected / found if found else None,
        p_fewer=p_fewer,
        p_more=p_more,
        p_value=p_value,
        word="rare" if p_value < RARE else "ordinary",
    )


def sentence(luck: Luck) -> str:
    """Say it in plain words."""
    blocks = f"{luck.name}: {luck.found} blocks found, {luck.expected_blocks:.2f} expected."
    if luck.word == "ordinary":
        return f"{blocks} Chance alone explains that."
    tail, side = (luck.p_fewer, "few") if luck.p_fewer < luck.p_more else (luck.p_more, "many")
    return f"{blocks} So {side} come by chance with probability {tail:.1g}: worth a look, and proof of nothing."


def at_most(found: int, expected: float) -> float:
    """Return the Poisson probability of `found` blocks or fewer."""
    if found < 0:
        return 0.0
    return _tail_below(found, expected) if found < expected else 1.0 - _tail_above(found + 1, expected)


def at_least(found: int, expected: float) -> float:
    """Return the Poisson probability of `found` blocks or more."""
    if found <= 0:
        return 1.0
    return _tail_above(found, expected) if found > expected else 1.0 - _tail_below(found - 1, expected)


def _term(count: int, expected: float) -> float:
    if not expected:
        return 0.0 if count else 1.0
    return math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))


def _tail_below(count: int, expected: float) -> float:
    """Sum from a count below the expectation downward, where each term is smaller than the one before."""
    term = total = _term(count, expected)
    while count and term > total * NEGLIGIBLE:
        term *= count / expected
        total += term
        count -= 1
    return total


def _tail_above(count: int, expected: float) -> float:
    """Sum from a count above the expectation upward, where each term is smaller than the one before."""
    term = total = _term(count, expected)
    while term > total * NEGLIGIBLE:
        count += 1
        term *= expected / count
        total += term
    return total
