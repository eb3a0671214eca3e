"""Keep the words of upstreams from filling the database: short, printable, and few a minute.

An upstream may give each rejected share a reason of its own ("share 4711 is late"). Each would be a row. So only the
first `REASONS_A_MINUTE` of one destination and minute keep their name; the work of all others is counted under
`other`. Having no reason, and `other` itself, are always allowed. The accumulator bounds a batch by this, and the
writer, which alone knows what the table holds, the whole minute.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hashwright.store.connection import Connection

REASON_CHARACTERS: Final = 64

REASONS_A_MINUTE: Final = 32
"""Real upstreams have about ten."""

OTHER: Final = "other"
_FREE: Final = ("", OTHER)

SELECT_REASONS = "SELECT DISTINCT reason FROM delivery WHERE minute = ? AND destination = ?"

Place = tuple[int, str]
"""Minute and destination."""


def bounded_reason(reason: str) -> str:
    """Cut a reason to 64 characters, with `?` for those that cannot be printed."""
    short = reason[:REASON_CHARACTERS]
    if short.isprintable():
        return short
    return "".join(character if character.isprintable() else "?" for character in short)


class ReasonSet:
    """The reasons that keep their name, of one destination and minute."""

    __slots__ = ("_named",)

    def __init__(self, named: frozenset[str] = frozenset()) -> None:
        self._named = set(named)

    def admit(self, reason: str) -> str:
        """Return the reason to count under: this one, or `other`."""
        text = bounded_reason(reason)
        if text in self._named or text in _FREE:
            return text
        if len(self._named) >= REASONS_A_MINUTE:
            return OTHER
        self._named.add(text)
        return text

    @property
    def named(self) -> frozenset[str]:
        """The reasons admitted so far."""
        return frozenset(self._named)


class StoredReasons:
    """The reasons that the table holds. What is admitted in a transaction is believed only after its commit."""

    __slots__ = ("_known", "_pending")

    def __init__(self) -> None:
        self._known: dict[Place, frozenset[str]] = {}
        self._pending: dict[Place, ReasonSet] = {}

    def admit(self, connection: "Connection", place: Place, reason: str) -> str:
        """Return the reason to count under, within the open transaction."""
        if reason in _FREE:
            return reason
        if place not in self._pending:
            self._pending[place] = ReasonSet(self._stored(connection, place))
        return self._pending[place].admit(reason)

    def commit(self, oldest_minute: int) -> None:
        """Believe what was admitted, and forget minutes before this one: they are read again when asked for."""
        for place, reasons in self._pending.items():
            self._known[place] = reasons.named
        self._pending = {}
        self._known = {place: named for place, named in self._known.items() if place[0] >= oldest_minute}

    def rollback(self) -> None:
        """Forget what was admitted since the last commit."""
        self._pending = {}

    def _stored(self, connection: "Connection", place: Place) -> frozenset[str]:
        known = self._known.get(place)
        if known is None:
            known = frozenset(reason for (reason,) in connection.execute(SELECT_REASONS, place)) - set(_FREE)
        return known
