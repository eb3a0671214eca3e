"""Accounts, their sessions, and the one-time link by which the owner sets the first password.

A session is a random word in a cookie; the database knows its hash. It ends twelve hours after it was last used, thirty
days after it began, and at once when the password changes or the account is disabled.
"""

import re
import sqlite3
from dataclasses import dataclass
from typing import Final, cast

from hashwright.errors import OperatorError
from hashwright.web import passwords
from hashwright.web.database import AccessDatabase
from hashwright.web.roles import OF_ROLE, Caller, Role, permissions_of_link

HOUR_MS: Final = 3_600_000
SESSION_IDLE_MS: Final = 12 * HOUR_MS
SESSION_MAX_MS: Final = 30 * 24 * HOUR_MS
SEEN_EVERY_MS: Final = 60_000
SETUP_MS: Final = HOUR_MS
SESSIONS_MAX: Final = 1_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
COLUMNS: Final = "name, role, password, totp, totp_step, pool, member, created_ms, disabled_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who may sign in. `totp` is the secret of his one-time codes, or empty."""

    name: str
    role: Role
    password: str
    totp: str
    totp_step: int
    pool: str
    member: str
    created_ms: int
    disabled_ms: int | None


class Accounts:
    """The accounts and sessions of a data folder."""

    def __init__(self, database: AccessDatabase) -> None:
        self._database = database

    # ------------------------------------------------------------ the first link

    def has_owner(self) -> bool:
        """Tell whether somebody may let others in."""
        return bool(self._database.read("SELECT 1 FROM account WHERE role = 'owner' AND disabled_ms IS NULL LIMIT 1"))

    def new_setup(self, *, now: int) -> str:
        """Make a one-time word that sets an owner's password within an hour; an earlier one ends."""
        word = passwords.random_word("hws")
        self._database.change(
            "INSERT INTO setup VALUES (1, ?, ?) ON CONFLICT (one)"
            " DO UPDATE SET digest = excluded.digest, expires_ms = excluded.expires_ms",
            (passwords.digest_of(word), now + SETUP_MS),
        )
        return word

    def set_up(self, word: str, name: str, password: str, *, now: int) -> None:
        """Make an owner, or give one a new password, by the one-time word, which is spent by it.

        Raises:
            OperatorError: the word is spent, old or wrong (HW-744), or name or password are not usable.
        """
        rows = self._database.read("SELECT digest, expires_ms FROM setup")
        if not rows or rows[0][0] != passwords.digest_of(word) or rows[0][1] <= now:
            raise _gone("This link was used, or its hour is over")
        check_name(name)
        passwords.check_password(password, name=name)
        hashed = passwords.hash_password(password)

        def write(connection: sqlite3.Connection) -> None:
            spent = connection.execute("DELETE FROM setup WHERE digest = ?", (passwords.digest_of(word),)).rowcount
            if not spent:
                raise _gone("This link was used just now")
            known = connection.execute("SELECT role FROM account WHERE name = ?", (name,)).fetchone()
            if known is not None and known[0] != "owner":
                raise OperatorError(f"{name} is not an owner.", code="HW-756", hint="Choose the owner's name.")
            connection.execute("DELETE FROM account WHERE name = ?", (name,))
            connection.execute("DELETE FROM session WHERE account = ?", (name,))
            row = (name, "owner", hashed, "", 0, "", "", now, None)
            connection.execute("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

        self._database.within(write)

    # ------------------------------------------------------------ accounts

    def listed(self) -> list[Account]:
        """List all, by name."""
        return [_account(row) for row in self._database.read(f"SELECT {COLUMNS} FROM account ORDER BY name")]  # noqa: S608 (constants)

    def find(self, name: str) -> Account | None:
        """Find one."""
        rows = self._database.read(f"SELECT {COLUMNS} FROM account WHERE name = ?", (name,))  # noqa: S608 (constants)
        return _account(rows[0]) if rows else None

    def add(self, name: str, role: Role, password: str, *, pool: str = "", member: str = "", now: int) -> None:
        """Add an account.

        Raises:
            OperatorError: name, role or password are not usable.
        """
        check_name(name)
        if role == "reader":
            raise _refused("A reader has no account. Nothing was saved", "Make a read-only link.")
        if (role == "member") != bool(pool and member):
            raise _refused("A member's account names his pool and his name in it. Nothing was saved", "Name both.")
        passwords.check_password(password, name=name)
        row = (name, role, passwords.hash_password(password), "", 0, pool, member, now, None)
        try:
            self._database.change("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as problem:
            raise _refused(f"There is an account {name} already. Nothing was saved", "Choose another.") from problem

    def disable(self, name: str, *, now: int) -> None:
        """Let an account in no more, and end its sessions.

        Raises:
            OperatorError: there is none (HW-748), or it is the last owner (HW-757).
        """

        def write(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT role FROM account WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise no_account(name)
            others = "SELECT 1 FROM account WHERE role = 'owner' AND disabled_ms IS NULL AND name <> ?"
            if row[0] == "owner" and connection.execute(others, (name,)).fetchone() is None:
                raise OperatorError(f"{name} is the last owner. Nothing was changed.", code="HW-757")
            connection.execute("UPDATE account SET disabled_ms = ? WHERE name = ?", (now, name))
            connection.execute("DELETE FROM session WHERE account = ?", (name,))

        self._database.within(write)

    def set_password(self, name: str, password: str, *, keep: bytes = b"") -> None:
        """Give an account a new password and end its other sessions; `keep` is the digest of the one that goes on.

        Raises:
            OperatorError: there is none, or the password is not usable.
        """
        passwords.check_password(password, name=name)
        hashed = passwords.hash_password(password)

        def write(connection: sqlite3.Connection) -> None:
            if not connection.execute("UPDATE account SET password = ? WHERE name = ?", (hashed, name)).rowcount:
                raise no_account(name)
            connection.execute("DELETE FROM session WHERE account = ? AND digest <> ?", (name, keep))

        self._database.within(write)

    def set_totp(self, name: str, secret: str) -> None:
        """Ask an account for one-time codes from now on; an empty secret ends that."""
        self._database.change("UPDATE account SET totp = ?, totp_step = 0 WHERE name = ?", (secret, name))

    # ------------------------------------------------------------ signing in

    def sign_in(self, name: str, password: str, code: str, *, now: int) -> str:
        """Check name, password and one-time code; return the word of a new session. Slow on purpose.

        Raises:
            OperatorError: they do not fit; which of them is not told (HW-742).
        """
        account = self.find(name)
        is_known = account is not None and account.disabled_ms is None
        fits = passwords.is_password(account.password if account is not None and is_known else "", password)
        if account is None or not fits or not self._takes_code(account, code, now=now):
            raise OperatorError("Name, password or code do not fit.", code="HW-742", hint="Try again.")
        return self.open_session(account=name, now=now)

    def _takes_code(self, account: Account, code: str, *, now: int) -> bool:
        if not account.totp:
            return True
        step = passwords.totp_step(account.totp, code, now_ms=now, after=account.totp_step)
        if step is None:
            return False
        spend = "UPDATE account SET totp_step = ? WHERE name = ? AND totp_step < ?"
        return self._database.change(spend, (step, account.name, step)) == 1

    def open_session(self, *, account: str = "", link: int = 0, now: int) -> str:
        """Begin a session of an account or of a link; the oldest ends where there are too many."""
        word, csrf = passwords.random_word("hwc"), passwords.random_word("hwf")

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM session WHERE seen_ms < ? OR created_ms < ?", (now - SESSION_IDLE_MS, now - SESSION_MAX_MS)
            )
            connection.execute(
                "DELETE FROM session WHERE digest IN (SELECT digest FROM session ORDER BY seen_ms DESC"
                " LIMIT -1 OFFSET ?)",
                (SESSIONS_MAX - 1,),
            )
            row = (passwords.digest_of(word), account, link, csrf, now, now)
            connection.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", row)

        self._database.within(write)
        return word

    def caller(self, word: str, *, now: int) -> Caller | None:
        """Return whose session a cookie's word is, or None where it is over."""
        digest = passwords.digest_of(word)
        rows = self._database.read(
            "SELECT s.account, s.link, s.csrf, s.created_ms, s.seen_ms, a.role, a.pool, a.member, a.disabled_ms,"
            " l.note, l.shows_money, l.expires_ms, l.revoked_ms"
            " FROM session s LEFT JOIN account a ON a.name = s.account LEFT JOIN link l ON l.id = s.link"
            " WHERE s.digest = ?",
            (digest,),
        )
        if not rows:
            return None
        account, link, csrf, created, seen, role, pool, member, disabled, note, money, expires, revoked = rows[0]
        if now - seen > SESSION_IDLE_MS or now - created > SESSION_MAX_MS:
            return None
        if now - seen > SEEN_EVERY_MS:
            self._database.change("UPDATE session SET seen_ms = ? WHERE digest = ?", (now, digest))
        if link:
            if expires is None or expires <= now or revoked is not None:
                return None
            permissions, name = permissions_of_link(shows_money=bool(money)), note or str(link)
            return Caller(
                kind="link",
                name=name,
                role="reader",
                permissions=permissions,
                by_cookie=True,
                csrf=csrf,
                session=digest,
            )
        if role is None or disabled is not None:
            return None
        return Caller(
            kind="account",
            name=account,
            role=cast("Role", role),
            permissions=OF_ROLE[cast("Role", role)],
            pool=pool,
            member=member,
            by_cookie=True,
            csrf=csrf,
            session=digest,
        )

    def sign_out(self, session: bytes) -> None:
        """End a session."""
        self._database.change("DELETE FROM session WHERE digest = ?", (session,))


def check_name(name: str) -> None:
    """Refuse a name that could be mistaken for something else.

    Raises:
        OperatorError: it has other characters than letters, digits and `._@+-` (HW-756).
    """
    if NAME.fullmatch(name) is None:
        raise _refused(
            "A name has 1 to 64 letters, digits or ._@+-, and begins with a letter or digit. Nothing was saved",
            "Choose another name.",
        )


def no_account(name: str) -> OperatorError:
    """Say that there is no such account."""
    return OperatorError(f"There is no account {name[:64]}.", code="HW-748", hint="See Settings, people.")


def _account(row: tuple[object, ...]) -> Account:
    return Account(**dict(zip(COLUMNS.split(", "), row, strict=True)))  # type: ignore[arg-type]


def _gone(problem: str) -> OperatorError:
    return OperatorError(f"{problem}. Nothing was changed.", code="HW-744", hint="Make a new one: hw web --new-link.")


def _refused(problem: str, hint: str) -> OperatorError:
    return OperatorError(f"{problem}.", code="HW-756", hint=hint)
