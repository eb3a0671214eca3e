"""What machines claim against what their shares prove, merged into one report.

A machine says how fast it is (xmrig's summary, a firmware's average); its accepted shares prove how fast it was, within
the spread of chance. Shares come as a Poisson process, so n of them tell the rate within about 2.6/sqrt(n) at 99 %; the
bounds are the exact ones (Garwood 1936), by the Wilson-Hilferty form of the chi-squared quantile. A claim
outside of that range is told, in either direction: a claim above is electricity that earns nothing (wrong pool, stale
work, a bug, a lie); one below is a machine that counts wrong.

Unknown is not zero: a machine without a claim, or without shares, is told as such.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Judgement = Literal["agrees", "claims more", "claims less", "no claim", "no shares", "too few shares"]

SIGMA: Final = 2.5758
"""99 %: of a hundred machines one is out of range by chance at one look."""
SHARES_MIN: Final = 5
"""With fewer, the range is wider than a factor of five: nobody should be suspected by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a machine says of itself [hashes a second], and when it said so [ms]."""

    worker: str
    hashrate_hs: float
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a worker's accepted shares prove: their number, their work [hashes], and over how long [s]."""

    worker: str
    shares: int
    work: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One worker: claimed and proven [hashes a second], the range that chance allows, and what it means.

    `claimed_hs` and `proven_hs` are None where they are not known; `age_ms` is the age of the claim.
    """

    worker: str
    claimed_hs: float | None
    age_ms: int | None
    proven_hs: float | None
    low_hs: float
    high_hs: float
    shares: int
    judgement: Judgement


def merged(claims: Sequence[Claim], proofs: Sequence[Proof], *, now_ms: int) -> tuple[Row, ...]:
    """Return one row a worker, by name: everybody who claims something or has proved something."""
    said = {claim.worker: claim for claim in claims}
    proved = {proof.worker: proof for proof in proofs}
    return tuple(_row(name, said, proved, now_ms=now_ms) for name in sorted(said.keys() | proved.keys()))


def _row(name: str, said: Mapping[str, Claim], proved: Mapping[str, Proof], *, now_ms: int) -> Row:
    claim, proof = said.get(name), proved.get(name)
    low, high = (0.0, math.inf) if proof is None else bounds(proof)
    rate = None if proof is None or not proof.shares or proof.seconds <= 0 else proof.work / proof.seconds
    return Row(
        worker=name,
        claimed_hs=None if claim is None else claim.hashrate_hs,
        age_ms=None if claim is None else now_ms - claim.at_ms,
        proven_hs=rate,
        low_hs=low,
        high_hs=high,
        shares=0 if proof is None else proof.shares,
        judgement=_judge(claim, proof, low, high),
    )


def _judge(claim: Claim | None, proof: Proof | None, low: float, high: float) -> Judgement:
    if proof is None or not proof.shares:
        return "no shares"
    if claim is None:
        return "no claim"
    if proof.shares < SHARES_MIN:
        return "too few shares"
    if claim.hashrate_hs > high:
        return "claims more"
    return "claims less" if claim.hashrate_hs < low else "agrees"


def bounds(proof: Proof) -> tuple[float, float]:
    """Return the lowest and the highest rate that fit the shares [hashes a second]."""
    count = proof.shares
    if count <= 0 or proof.seconds <= 0:
        return 0.0, math.inf
    a_share = proof.work / count / proof.seconds
    return a_share * _quantile(count, -SIGMA), a_share * _quantile(count + 1, SIGMA)


def _quantile(count: int, sigma: float) -> float:
    """Return half of chi-squared's quantile with twice `count` degrees of freedom (Wilson and Hilferty 1931)."""
    spread = 1 / (9 * count)
    return float(count * max(1 - spread + sigma * math.sqrt(spread), 0.0) ** 3)
