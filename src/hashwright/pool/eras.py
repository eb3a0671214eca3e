"""Which payout scheme is in force, since when, and what is left of those before.

A change of scheme, or of one setting, starts a new era. Nothing is rewritten: work belongs to the era in which it was
accepted, and is paid by its terms. Three rules follow.

* What an era paid at once (PPS, FPPS) is paid. It enters no window, and the blocks go to the reserve.
* What an era has in its window is still owed. The window *runs off*: new work pushes the old out as before, but under
  the name of `HOUSE`; a block is first divided by the oldest window, and what falls to `HOUSE` there is divided by the
  next era. So nobody loses or gains by the day of a change, and a new window has no lucky beginning.
* When nothing but `HOUSE` is in a window, the era is over.

What no era pays is the reserve's. This file must not know the ledger: recipes turn the splits into entries.
"""

from dataclasses import dataclass

from hashwright.money import Amount
from hashwright.pool.schemes.base import HOUSE, Scheme, Split
from hashwright.pool.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Era:
    """A time of one scheme with one set of settings: `since` [ms since 1970 UTC] until the next begins."""

    number: int
    since: int
    key: str
    scheme: Scheme


@dataclass(slots=True)
class OpenEra:
    """An era that still has to do with blocks: the present one, or one whose window runs off."""

    era: Era
    window: Window


class Eras:
    """The eras that are not over, oldest first."""

    __slots__ = ("open",)

    def __init__(self, first: Era) -> None:
        self.open: list[OpenEra] = [OpenEra(first, Window())]

    def __repr__(self) -> str:
        return f"<Eras: {', '.join(f'{held.era.number} {held.era.key}' for held in self.open)}>"

    @property
    def present(self) -> Era:
        """Return the era that is in force."""
        return self.open[-1].era

    def begin(self, key: str, scheme: Scheme, *, now: int) -> Era:
        """Start a new era, or go on with the present one where nothing differs.

        Raises:
            ValueError: it would begin before the present one did.
        """
        last = self.present
        if (last.key, last.scheme) == (key, scheme):
            return last
        if now < last.since:
            raise ValueError(f"era {last.number} began at {last.since}, the next cannot begin at {now}")
        self.open.append(OpenEra(Era(number=last.number + 1, since=now, key=key, scheme=scheme), Window()))
        self._forget()
        return self.present

    def add(self, member: str, work: int, *, network_work: int) -> None:
        """Add accepted work [hashes] to the present window, and push the windows of earlier eras on.

        Raises:
            ValueError: the member has no name, or the work is not above zero.
        """
        if member == HOUSE or work <= 0:
            raise ValueError("work is somebody's, and above zero")
        for held in self.open:
            if limit := held.era.scheme.window_work(network_work):
                held.window.add(member if held is self.open[-1] else HOUSE, work, limit=limit)
        if len(self.open) > 1:
            self._forget()

    def split_block(self, gross: Amount, *, finder: str, network_work: int) -> tuple[tuple[Era, Split], ...]:
        """Divide what a block pays, oldest era first; the last split's `rest` is the reserve's.

        Each era divides the `rest` of the one before: what all members and the pool get, and the last rest, sum to the
        gross. Add the finder's share before you ask.
        """
        splits = []
        for held in self.open:
            scheme = held.era.scheme
            work = held.window.work(scheme.window_work(network_work))
            split = scheme.split_block(gross, finder=finder, work=work)
            splits.append((held.era, split))
            gross = split.rest
        return tuple(splits)

    def _forget(self) -> None:
        self.open[:-1] = [held for held in self.open[:-1] if any(name != HOUSE for name in held.window.members)]
