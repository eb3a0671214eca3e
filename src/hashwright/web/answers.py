"""Stored answers: the same key and the same request get the same answer, and are done once.

A row is written before anything is done, and its answer after. Where the process dies in between, or the program does
not answer, nobody knows whether it was done: the same key is then refused, and a person looks before he repeats it.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

from hashwright.errors import OperatorError
from hashwright.web.database import AccessDatabase

KEEP_MS: Final = 24 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered."""

    status: int
    body: bytes


class Answers:
    """The stored answers of a data folder."""

    def __init__(self, database: AccessDatabase) -> None:
        self._database = database

    def begin(self, who: str, key: str, request: bytes, *, now: int) -> Answer | None:
        """Note that a request is about to be done; return its answer where it was done already.

        Raises:
            OperatorError: the key was used for another request (HW-752), or its outcome is not known (HW-753).
        """

        def write(connection: sqlite3.Connection) -> tuple[bytes, int | None, bytes | None] | None:
            connection.execute("DELETE FROM answer WHERE created_ms < ?", (now - KEEP_MS,))
            query = "SELECT request, status, body FROM answer WHERE who = ? AND key = ?"
            row: tuple[bytes, int | None, bytes | None] | None = connection.execute(query, (who, key)).fetchone()
            if row is None:
                connection.execute("INSERT INTO answer VALUES (?, ?, ?, ?, NULL, NULL)", (who, key, request, now))
            return row

        row = self._database.within(write)
        if row is None:
            return None
        if row[0] != request:
            raise OperatorError("This key was used for another request. Nothing was done.", code="HW-752")
        if row[1] is None:
            raise OperatorError(
                "A request with this key is under way, or its outcome is not known.",
                code="HW-753",
                hint="Look whether it was done. If not, repeat it with a new key.",
            )
        return Answer(status=row[1], body=row[2] or b"")

    def end(self, who: str, key: str, answer: Answer) -> None:
        """Store the answer."""
        self._database.change(
            "UPDATE answer SET status = ?, body = ? WHERE who = ? AND key = ?", (answer.status, answer.body, who, key)
        )

    def forget(self, who: str, key: str) -> None:
        """Take the note back: nothing was done, so the same key may be used again."""
        self._database.change("DELETE FROM answer WHERE who = ? AND key = ?", (who, key))
