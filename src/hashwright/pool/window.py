"""The newest work of a pool, by member: what PPLNS divides a block by.

A ring of slots. New work goes to the newest slot, added up by member, until it holds a 256th of the window; what the
window has outgrown leaves from the oldest. So memory hangs on slots and members and not on shares, and a block asks
only the running sums and the slots that are (partly) outside. All work is whole hashes.

The window is cut exactly at its limit: of the slot that lies across it, each member keeps the same part. Within a slot
the order of shares is not known: whose work leaves first is told to 1/256 of the window, and the sum is exact.

The limit comes with each piece of work, because it follows the network's difficulty. A shorter window lets go at once;
a longer one grows by new work, and what has left never comes back.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

SLOTS: Final = 256
"""A boundary within 0.4 % of the window; with 1,000 members in every slot it is 256,000 numbers, some 30 MB."""

SlotImage = tuple[tuple[str, bytes], ...]
"""Members and their work [hashes, big-endian bytes]: MessagePack's integers end at 64 bits."""
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(SlotImage).decode


@dataclass(slots=True)
class Slot:
    """Work that came together. `packed` is its image, made once when the slot is full: snapshots are taken of many."""

    total: int = 0
    work: dict[str, int] = field(default_factory=dict)
    packed: bytes = b""

    def add(self, member: str, work: int) -> None:
        """Add to a member's work."""
        self.work[member] = self.work.get(member, 0) + work
        self.total += work

    def image(self) -> bytes:
        """Return it in a form that a snapshot can hold."""
        return self.packed or _pack(tuple((name, _bytes(work)) for name, work in sorted(self.work.items())))

    def part(self, wanted: int) -> dict[str, int]:
        """Return the same part of everybody's work, `wanted` [hashes] in sum, exactly."""
        parts, before, seen = {}, 0, 0
        # Rounding the running sum instead of each member makes the parts sum up; sorted, so that no history matters.
        for member in sorted(self.work):
            seen += self.work[member]
            until = seen * wanted // self.total
            parts[member], before = until - before, until
        return parts


class Window:
    """The newest work, up to a limit."""

    __slots__ = ("_slots", "_sums", "total")

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque()
        self._sums: dict[str, int] = {}
        self.total = 0
        """All that is held [hashes]: the window and what its oldest slot has beyond it."""

    def __repr__(self) -> str:
        return f"<Window of {self.total} hashes, {len(self._sums)} members, {len(self._slots)} slots>"

    @property
    def members(self) -> Iterable[str]:
        """Return who has work in it."""
        return self._sums.keys()

    def add(self, member: str, work: int, *, limit: int) -> None:
        """Add a piece of accepted work [hashes]; the window is `limit` [hashes] now.

        Raises:
            ValueError: the work or the limit is not above zero.
        """
        if work <= 0 or limit <= 0:
            raise ValueError(f"work and limit are above zero, not {work} and {limit}")
        self._newest(limit).add(member, work)
        self._sums[member] = self._sums.get(member, 0) + work
        self.total += work
        while self.total - self._slots[0].total >= limit:
            self._drop()

    def work(self, limit: int) -> dict[str, int]:
        """Return the work of each member within the newest `limit` [hashes].

        The sum is exactly the limit, or everything where there is less. Nothing is changed by asking.
        """
        sums, over = dict(self._sums), self.total - limit
        for slot in self._slots:
            if over <= 0:
                break
            for member, outside in (slot.work if over >= slot.total else slot.part(over)).items():
                sums[member] -= outside
            over -= slot.total
        return {member: work for member, work in sums.items() if work}

    def image(self) -> tuple[bytes, ...]:
        """Return the slots, oldest first, in a form that a snapshot can hold."""
        return tuple(slot.image() for slot in self._slots)

    def _newest(self, limit: int) -> Slot:
        if not self._slots or self._slots[-1].total >= max(1, limit // SLOTS):
            if self._slots:
                self._slots[-1].packed = self._slots[-1].image()
            self._slots.append(Slot())
        return self._slots[-1]

    def _drop(self) -> None:
        oldest = self._slots.popleft()
        self.total -= oldest.total
        for member, work in oldest.work.items():
            left = self._sums[member] - work
            if left:
                self._sums[member] = left
            else:
                del self._sums[member]


def window_of(image: Sequence[bytes | SlotImage]) -> Window:
    """Read a window back from its image; programs before this one did not pack the slots.

    Raises:
        msgspec.DecodeError: it is damaged.
    """
    window = Window()
    for held in image:
        slot = Slot()
        for member, work in _unpack(held) if isinstance(held, bytes) else held:
            slot.add(member, int.from_bytes(work, "big"))
        if isinstance(held, bytes) and held is not image[-1]:
            slot.packed = held
        window._slots.append(slot)
        window.total += slot.total
        for member, hashes in slot.work.items():
            window._sums[member] = window._sums.get(member, 0) + hashes
    return window


def _bytes(work: int) -> bytes:
    return work.to_bytes((work.bit_length() + 7) // 8, "big")
