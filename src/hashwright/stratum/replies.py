"""Answers to a machine, as bytes.

A success always carries `"error":null`: NiceHash's client fails without it (reference/stratum.md 2.1). Integer ids,
which nearly all are, take a short way.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from hashwright.stratum.messages import RequestId

OTHER = 20
JOB_NOT_FOUND = 21
DUPLICATE = 22
LOW_DIFFICULTY = 23
UNAUTHORIZED = 24
NOT_SUBSCRIBED = 25

_encode = msgspec.json.encode


def reply_tail(result: object, error: tuple[int, str] | None = None) -> bytes:
    """Return what follows the id in an answer."""
    triple = None if error is None else [*error, None]
    return b',"result":%b,"error":%b}\n' % (_encode(result), _encode(triple))


def reply(request: RequestId, tail: bytes) -> bytes:
    """Join an id and the rest of an answer."""
    if type(request) is int:
        return b'{"id":%d%b' % (request, tail)
    return b'{"id":%b%b' % (_encode(request), tail)


def error_reply(request: RequestId, code: int, problem: str) -> bytes:
    """Return an error answer."""
    return reply(request, reply_tail(None, (code, problem)))


TRUE: Final = reply_tail(True)
PONG: Final = reply_tail("pong")
NOT_SUPPORTED: Final = reply_tail(None, (OTHER, "Not supported."))

SHARE_TAILS: Final[Mapping[str, bytes]] = {
    "accepted": TRUE,
    "block": TRUE,
    "stale": reply_tail(None, (JOB_NOT_FOUND, "Stale share")),
    "unknown-job": reply_tail(None, (JOB_NOT_FOUND, "Job not found")),
    "duplicate": reply_tail(None, (DUPLICATE, "Duplicate share")),
    "low-difficulty": reply_tail(None, (LOW_DIFFICULTY, "Low difficulty share")),
    "unauthorized": reply_tail(None, (UNAUTHORIZED, "Unauthorized worker")),
    "bad-time": reply_tail(None, (OTHER, "bad-time: ntime is outside of the window of the job")),
    "bad-version": reply_tail(None, (OTHER, "bad-version: version bits outside of the mask")),
    "bad-hash": reply_tail(None, (OTHER, "bad-hash: the hash is another one")),
    "malformed": reply_tail(None, (OTHER, "malformed: wrong size of extranonce2 or version bits not agreed")),
}
"""What a machine is told about a share, by the outcome's word."""
