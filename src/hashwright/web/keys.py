"""Keys for programs and read-only links for people, what each may see, and the trail of who did what."""

from dataclasses import dataclass
from typing import Final, cast

from hashwright.errors import OperatorError
from hashwright.web import passwords
from hashwright.web.database import AccessDatabase
from hashwright.web.roles import KEY_SCOPES, Caller, Permission

DAY_MS: Final = 24 * 3_600_000
LINK_DAYS_MAX: Final = 366
NOTE_MAX: Final = 100
USED_EVERY_MS: Final = 60_000
KEY_COLUMNS: Final = "id, note, scopes, made_by, created_ms, expires_ms, used_ms, revoked_ms"
LINK_COLUMNS: Final = "id, note, shows_money, made_by, created_ms, expires_ms, used_ms, revoked_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A key without its secret."""

    id: int
    note: str
    scopes: tuple[Permission, ...]
    made_by: str
    created_ms: int
    expires_ms: int | None
    used_ms: int | None
    revoked_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A read-only link without its secret."""

    id: int
    note: str
    shows_money: bool
    made_by: str
    created_ms: int
    expires_ms: int
    used_ms: int | None
    revoked_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did what, and what came of it."""

    id: int
    at_ms: int
    who: str
    peer: str
    action: str
    target: str
    outcome: str


class Keys:
    """The keys and links of a data folder."""

    def __init__(self, database: AccessDatabase) -> None:
        self._database = database

    def add_key(self, note: str, scopes: tuple[Permission, ...], *, days: int | None, by: str, now: int) -> str:
        """Make a key and return its word, which is shown this once.

        Raises:
            OperatorError: note or scopes are not usable (HW-756).
        """
        _check_note(note)
        unknown = set(scopes) - set(KEY_SCOPES)
        if unknown or not scopes:
            raise _unusable(f"A key carries one or more of {', '.join(KEY_SCOPES)}. Nothing was saved")
        word = passwords.random_word("hwk")
        expires = None if days is None else now + days * DAY_MS
        self._database.change(
            "INSERT INTO access_key (digest, note, scopes, made_by, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)",
            (passwords.digest_of(word), note, " ".join(sorted(scopes)), by, now, expires),
        )
        return word

    def caller(self, word: str, *, now: int) -> Caller | None:
        """Return what a key may do, or None where it counts no more."""
        rows = self._database.read(
            "SELECT id, note, scopes, expires_ms, used_ms, revoked_ms FROM access_key WHERE digest = ?",
            (passwords.digest_of(word),),
        )
        if not rows:
            return None
        number, note, scopes, expires, used, revoked = rows[0]
        if revoked is not None or (expires is not None and expires <= now):
            return None
        if used is None or now - used > USED_EVERY_MS:
            self._database.change("UPDATE access_key SET used_ms = ? WHERE id = ?", (now, number))
        permissions = frozenset(cast("list[Permission]", scopes.split(" ")))
        return Caller(kind="key", name=f"{number} {note}", role="reader", permissions=permissions)

    def keys(self) -> list[AccessKey]:
        """List all keys, newest first."""
        rows = self._database.read(f"SELECT {KEY_COLUMNS} FROM access_key ORDER BY id DESC")  # noqa: S608 (constants)
        return [
            AccessKey(
                id=row[0],
                note=row[1],
                scopes=tuple(row[2].split(" ")),
                made_by=row[3],
                created_ms=row[4],
                expires_ms=row[5],
                used_ms=row[6],
                revoked_ms=row[7],
            )
            for row in rows
        ]

    def revoke_key(self, number: int, *, now: int) -> None:
        """Let a key count no more."""
        if not self._database.change("UPDATE access_key SET revoked_ms = ? WHERE id = ?", (now, number)):
            raise OperatorError(f"There is no key {number}.", code="HW-748", hint="See Settings, keys.")

    # ------------------------------------------------------------ links

    def add_link(self, note: str, *, shows_money: bool, days: int, by: str, now: int) -> str:
        """Make a read-only link and return its word, which is shown this once.

        Raises:
            OperatorError: note or days are not usable (HW-756).
        """
        _check_note(note)
        if not 1 <= days <= LINK_DAYS_MAX:
            raise _unusable(f"A link lives 1 to {LINK_DAYS_MAX} days. Nothing was saved")
        word = passwords.random_word("hwl")
        self._database.change(
            "INSERT INTO link (digest, note, shows_money, made_by, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)",
            (passwords.digest_of(word), note, int(shows_money), by, now, now + days * DAY_MS),
        )
        return word

    def follow_link(self, word: str, *, now: int) -> int:
        """Return the number of a link.

        Raises:
            OperatorError: it is revoked, over or wrong (HW-744).
        """
        rows = self._database.read(
            "SELECT id, expires_ms, revoked_ms FROM link WHERE digest = ?", (passwords.digest_of(word),)
        )
        if not rows or rows[0][1] <= now or rows[0][2] is not None:
            raise OperatorError("This link is over.", code="HW-744", hint="Ask the owner for a new one.")
        self._database.change("UPDATE link SET used_ms = ? WHERE id = ?", (now, rows[0][0]))
        return int(rows[0][0])

    def links(self) -> list[Link]:
        """List all links, newest first."""
        rows = self._database.read(f"SELECT {LINK_COLUMNS} FROM link ORDER BY id DESC")  # noqa: S608 (constants)
        return [
            Link(
                id=row[0],
                note=row[1],
                shows_money=bool(row[2]),
                made_by=row[3],
                created_ms=row[4],
                expires_ms=row[5],
                used_ms=row[6],
                revoked_ms=row[7],
            )
            for row in rows
        ]

    def revoke_link(self, number: int, *, now: int) -> None:
        """End a link and the sessions that came by it."""

        if not self._database.change("UPDATE link SET revoked_ms = ? WHERE id = ?", (now, number)):
            raise OperatorError(f"There is no link {number}.", code="HW-748", hint="See Settings, links.")
        self._database.change("DELETE FROM session WHERE link = ?", (number,))


class Audit:
    """The trail. A row never changes and is never deleted: the database refuses both."""

    def __init__(self, database: AccessDatabase) -> None:
        self._database = database

    def note(self, who: str, peer: str, action: str, target: str, outcome: str, *, now: int) -> None:
        """Write what somebody did; texts are cut to a bound."""
        row = (now, who[:100], peer[:64], action[:64], target[:200], outcome[:200])
        self._database.change(
            "INSERT INTO audit (at_ms, who, peer, action, target, outcome) VALUES (?, ?, ?, ?, ?, ?)", row
        )

    def rows(self, *, before: int, limit: int) -> list[AuditRow]:
        """List rows below a number, newest first."""
        rows = self._database.read(
            "SELECT id, at_ms, who, peer, action, target, outcome FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
            (before, limit),
        )
        names = ("id", "at_ms", "who", "peer", "action", "target", "outcome")
        return [AuditRow(**dict(zip(names, row, strict=True))) for row in rows]


def _check_note(note: str) -> None:
    if not 1 <= len(note) <= NOTE_MAX or not note.isprintable():
        raise _unusable(f"A note has 1 to {NOTE_MAX} printable characters. Nothing was saved")


def _unusable(problem: str) -> OperatorError:
    return OperatorError(f"{problem}.", code="HW-756")
