"""When things go wrong: failpoints, storms, and the proof that they did.

Code under test asks `sometimes(name, p)` at the places where an accident would hurt most: between a yes and its note,
before an answer, in the middle of a list. In production that port is `never`. In a simulation it is
`Buggify.sometimes`, which arms each failpoint for a part of the runs only: a run with few accidents goes deep into the
program, a run with all of them would never get anywhere (the idea is FoundationDB's).

A fault that was not injected is a class of bugs that was not looked for: with resets off, a missing check for
duplicates was found in none of 100 seeds, with resets on in 86. `require` makes that a failure.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from hashwright.testing.simulation.loop import SimLoop

GAP_S = (0.5, 3.0)
ARMED = 0.25


class NotCoveredError(AssertionError):
    """The runs went well, but did not try what they were made for."""


def never(name: str, p: float) -> bool:
    """Let no accident happen: the port's value in production."""
    return False


class Buggify:
    """The failpoints of one run. `armed` is the part of the runs in which a failpoint can fire at all."""

    def __init__(self, loop: SimLoop, *, armed: float = ARMED) -> None:
        self._loop = loop
        self._rng = loop.chance_of("failpoints")
        self._armed = armed
        self._is_armed: dict[str, bool] = {}

    def sometimes(self, name: str, p: float) -> bool:
        """Tell whether the accident `name` happens now; where it is armed, with probability `p`."""
        if name not in self._is_armed:
            self._is_armed[name] = self._rng.random() < self._armed
        if not self._is_armed[name] or self._rng.random() >= p:
            return False
        self._loop.record(f"failpoint {name}")
        return True


async def storm(
    loop: SimLoop,
    faults: Mapping[str, Callable[[], object]],
    *,
    seconds: float,
    gap_s: tuple[float, float] = GAP_S,
) -> None:
    """Let faults happen for a while, one at a time, each as likely as any other."""
    rng = loop.chance_of("storm")
    names = sorted(faults)
    end = loop.time() + seconds
    while (gap := rng.uniform(*gap_s)) < end - loop.time():
        await asyncio.sleep(gap)
        name = rng.choice(names)
        loop.record(name)
        faults[name]()
    await asyncio.sleep(end - loop.time())


def covered(loops: Iterable[SimLoop]) -> Counter[str]:
    """Add up what happened in several runs."""
    return sum((loop.coverage for loop in loops), start=Counter())


def require(coverage: Counter[str], kinds: Iterable[str]) -> None:
    """Raise NotCoveredError unless every kind happened at least once."""
    missing = [kind for kind in kinds if not coverage[kind]]
    if missing:
        raise NotCoveredError(f"never happened: {', '.join(missing)}; happened: {dict(sorted(coverage.items()))}")


def replay_text(loop: SimLoop) -> str:
    """Tell a person how to see this run again, and what happened in it."""
    lines = [f"seed {loop.seed}, {loop.now_s:.3f} virtual seconds, {loop.steps} steps, trace {loop.trace()}"]
    return "\n".join([*lines, *loop.history])
