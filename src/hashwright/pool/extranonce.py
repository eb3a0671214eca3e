"""Who searches where: each session gets a prefix of its own (Stratum's extranonce1), so that no two do the same work.

A prefix is handed out in counting order and comes back only after the whole space was used, and then never while a
session holds it or while a job of its last owner may still live. Random prefixes collide (birthday: 50 % at 77,000 of
four bytes), and a prefix that is reused at once lets a late share of the old owner count for the new one.
"""

import msgspec

PREFIX_BYTES = 4
"""Leaves 8 bytes of extranonce2: what hash-power markets ask of a pool (NiceHash 4, Braiins 7)."""
EXTRANONCE2_BYTES = 8
REST_MS = 10 * 60 * 1000
"""How long a returned prefix rests: longer than any job lives."""


class Prefixes(msgspec.Struct, array_like=True):
    """The allocator of all prefixes of `size` [bytes]."""

    space: int = 256**PREFIX_BYTES
    upcoming: int = 0
    live: set[int] = msgspec.field(default_factory=set)
    resting: dict[int, int] = msgspec.field(default_factory=dict)
    size: int = PREFIX_BYTES
    rest_ms: int = REST_MS

    def take(self, *, now: int) -> bytes | None:
        """Hand out a prefix that nobody can be using, or None when there is none."""
        self._wake(now)
        if len(self.live) + len(self.resting) >= self.space:
            return None
        while self.upcoming in self.live or self.upcoming in self.resting:
            self._advance()
        value = self.upcoming
        self.live.add(value)
        self._advance()
        return value.to_bytes(self.size, "big")

    def give_back(self, prefix: bytes, *, now: int) -> None:
        """Return a prefix; it rests before it is used again."""
        value = int.from_bytes(prefix, "big")
        self.live.discard(value)
        self.resting[value] = now + self.rest_ms

    def _advance(self) -> None:
        self.upcoming = (self.upcoming + 1) % self.space

    def _wake(self, now: int) -> None:
        """Drop the rested ones; the dict is in order of return, so the first that still rests ends the walk."""
        rested = []
        for value, until in self.resting.items():
            if until > now:
                break
            rested.append(value)
        for value in rested:
            del self.resting[value]
