"""Errors as RFC 9457 problem documents: one form for every refusal, with our code, what happened and what to do."""

from typing import Any, Final

import msgspec

from hashwright.error_codes import CODES
from hashwright.errors import EXIT_CONFIG, EXIT_LIMIT, EXIT_NOTHING, EXIT_UNREACHABLE, HashwrightError

MEDIA_TYPE: Final = "application/problem+json"
STATUS_OF_CODE: Final = {
    "HW-740": 401,
    "HW-741": 403,
    "HW-742": 401,
    "HW-743": 429,
    "HW-744": 410,
    "HW-745": 400,
    "HW-746": 403,
    "HW-747": 421,
    "HW-748": 404,
    "HW-749": 405,
    "HW-750": 413,
    "HW-752": 422,
    "HW-753": 409,
    "HW-755": 422,
    "HW-756": 422,
    "HW-757": 409,
    "HW-758": 400,
    "HW-762": 422,
    "HW-970": 409,
    "HW-971": 409,
    "HW-972": 422,
    "HW-973": 422,
    "HW-768": 503,
    "HW-769": 503,
    "HW-612": 503,
    "HW-703": 501,
    "HW-704": 503,
    "HW-708": 404,
    "HW-605": 503,
    "HW-626": 404,
    "HW-901": 500,
    "HW-867": 404,
    "HW-966": 422,
    "HW-960": 409,
    "HW-961": 409,
    "HW-965": 409,
}
STATUS_OF_EXIT: Final = {EXIT_CONFIG: 422, EXIT_NOTHING: 404, EXIT_UNREACHABLE: 503, EXIT_LIMIT: 409}
STATUS_OTHER: Final = 409
"""A refusal of the running program: the request was understood, and the state of things forbids it."""


class Place(msgspec.Struct, frozen=True):
    """One problem in what was sent, with its place."""

    place: str
    message: str
    hint: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong (RFC 9457). `code` is what to search for, `hint` what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    findings: tuple[Place, ...] = ()


def problem_of(error: HashwrightError) -> Problem:
    """Write an error of ours as a problem."""
    status = STATUS_OF_CODE.get(error.code) or STATUS_OF_EXIT.get(error.exit_code, STATUS_OTHER)
    findings: tuple[Any, ...] = getattr(error, "findings", ())
    places = tuple(Place(it.place, it.message, it.hint) for it in findings)
    return problem(error.code, error.message, hint=error.hint, status=status, findings=places)


def problem(
    code: str, detail: str, *, hint: str | None = None, status: int | None = None, findings: tuple[Place, ...] = ()
) -> Problem:
    """Make a problem of a code; its title and what is to be done are those of the table."""
    entry = CODES[code]
    return Problem(
        type=f"urn:hashwright:error:{code}",
        title=entry.title,
        status=STATUS_OF_CODE[code] if status is None else status,
        detail=detail,
        code=code,
        hint=entry.action if hint is None else hint,
        findings=findings,
    )


def encoded(found: Problem) -> bytes:
    """Write a problem as JSON."""
    return msgspec.json.encode(found)
