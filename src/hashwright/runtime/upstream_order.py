"""Which address of an upstream comes next, and after what pause: ordered fall-backs, back-off with full jitter.

Rules
* Each failure of an address goes to the next one, round and round; one that refused us is left out for a while.
* The pause before a try is drawn evenly from zero to a bound that doubles with each failure in a row.
* A redirect that is obeyed stands in front of the address in use, until it fails once.

Must not know: sockets, the time (it is handed in).
"""

import random

from hashwright.runtime.upstream_limits import UpstreamLimits
from hashwright.runtime.upstream_settings import UpstreamAddress


class AddressOrder:
    """The addresses of one upstream, and where we are among them. Times are the loop's [s]."""

    def __init__(self, addresses: tuple[UpstreamAddress, ...], limits: UpstreamLimits, rng: random.Random) -> None:
        self.addresses = addresses
        self.position = 0
        self.failures = 0
        self.redirect: UpstreamAddress | None = None
        self._limits, self._rng = limits, rng
        self._closed_until_s = [0.0] * len(addresses)

    def __repr__(self) -> str:
        return f"<AddressOrder {self.current}, {self.failures} failures>"

    @property
    def current(self) -> UpstreamAddress:
        """The address in use, or the next one to try."""
        return self.redirect or self.addresses[self.position]

    @property
    def is_home(self) -> bool:
        """Tell whether the primary is in use."""
        return self.position == 0

    def failed(self, *, now_s: float, is_refusal: bool) -> None:
        """Go to the next address that may be tried, or to the one that may be first."""
        self.failures += 1
        if self.redirect is not None:
            self.redirect = None
            return
        if is_refusal:
            self._closed_until_s[self.position] = now_s + self._limits.refused_s * self._rng.uniform(0.5, 1.0)
        count = len(self.addresses)
        turn = [(self.position + step) % count for step in range(1, count + 1)]
        self.position = min(turn, key=lambda place: max(self._closed_until_s[place] - now_s, 0.0))

    def healthy(self) -> None:
        """Forget the failures: a connection held long enough."""
        self.failures = 0

    def pause_s(self, *, now_s: float) -> float:
        """Return how long to wait before the next try [s]."""
        closed_s = self._closed_until_s[self.position] - now_s if self.redirect is None else 0.0
        return max(closed_s, back_off_s(self.failures, self._limits, self._rng))

    def go_home(self) -> None:
        """Use the primary again."""
        self.position, self.redirect = 0, None
        self._closed_until_s[0] = 0.0

    def follow(self, address: UpstreamAddress) -> None:
        """Use the address that the upstream sent us to."""
        self.redirect = None if address == self.addresses[self.position] else address


def back_off_s(failures: int, limits: UpstreamLimits, rng: random.Random) -> float:
    """Draw a pause after so many failures in a row [s]: evenly from zero to a bound that doubles; none after none."""
    if not failures:
        return 0.0
    bound = min(limits.back_off_max_s, limits.back_off_first_s * 2 ** min(failures - 1, 32))
    return rng.uniform(0.0, bound)
