"""Shares that were credited already, by the hash of their header.

The key is the 32-byte hash and never a text: six open pools could be paid twice for one share because they compared
hex strings (reference reliability.md S2). The window outlives every job change (S3): a flush on a new job, or on a
tip that goes A, B, A, would open it again. It is kept in generations, so that forgetting is one step and not a walk.
"""

import msgspec

GENERATION_MS = 30 * 60 * 1000
GENERATIONS_MAX = 5
"""Five of 30 minutes: a hash is remembered for 2 h at least, the longest time a header may run ahead of the clock."""


class Generation(msgspec.Struct, array_like=True):
    """The hashes of one span of time."""

    since: int
    hashes: set[bytes]


class Duplicates(msgspec.Struct, array_like=True):
    """A set of header hashes that forgets after two hours. About 110 bytes of memory a share."""

    generations: list[Generation] = msgspec.field(default_factory=list)

    def has(self, hash_le: bytes) -> bool:
        """Tell whether this header hash was credited within the window."""
        # a plain loop: `any` over a generator costs three times as much
        for generation in self.generations:  # noqa: SIM110
            if hash_le in generation.hashes:
                return True
        return False

    def add(self, hash_le: bytes, *, now: int) -> None:
        """Remember a header hash."""
        newest = self.generations[-1] if self.generations else None
        if newest is None or now - newest.since >= GENERATION_MS:
            newest = Generation(since=now, hashes=set())
            self.generations.append(newest)
            if len(self.generations) > GENERATIONS_MAX:
                del self.generations[0]
        newest.hashes.add(hash_le)

    def count(self) -> int:
        """Count the remembered hashes."""
        return sum(len(generation.hashes) for generation in self.generations)
