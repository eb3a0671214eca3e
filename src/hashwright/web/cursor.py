"""Cursors: where the next page begins, as a word that a caller hands back unread."""

import base64
import binascii

from hashwright.errors import OperatorError

CURSOR_MAX = 400


def cursor_of(position: str) -> str:
    """Write a position as a cursor."""
    return base64.urlsafe_b64encode(position.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def position_of(cursor: str) -> str:
    """Read a cursor.

    Raises:
        OperatorError: it is none of ours (HW-758).
    """
    try:
        if len(cursor) > CURSOR_MAX or not cursor.isascii():
            raise ValueError
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as problem:
        raise _unusable() from problem


def number_of(cursor: str | None, *, start: int) -> int:
    """Read a cursor that holds a number; without one, `start`."""
    if cursor is None:
        return start
    position = position_of(cursor)
    if not (position.isascii() and position.isdecimal() and len(position) <= 18):
        raise _unusable()
    return int(position)


def _unusable() -> OperatorError:
    return OperatorError("This cursor is none of ours.", code="HW-758", hint="Begin without a cursor.")
