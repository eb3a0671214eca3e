"""One line to one checked JSON-RPC object.

msgspec decodes into a fixed record, so a wrong type costs an error and never a surprise; it agrees with every definite
case of JSONTestSuite. Three of its habits are tightened here: it takes the last of two equal keys, it does not look at
the bytes of values that it skips, and it may raise UnicodeDecodeError or RecursionError beside its own.
"""

import json
from typing import Annotated, Any

import msgspec

from hashwright.stratum.messages import RequestId
from hashwright.stratum.strict import Malformed, printable

UNSET = msgspec.UNSET
OTHER = 20

_WholeId = Annotated[int, msgspec.Meta(ge=-(2**63) + 1, le=2**63 - 1)]
_TextId = Annotated[str, msgspec.Meta(max_length=64)]


class Line(msgspec.Struct, gc=False):
    """The fields of JSON-RPC as they came; what is missing is UNSET."""

    id: _WholeId | _TextId | msgspec.UnsetType | None = UNSET
    method: str | msgspec.UnsetType | None = UNSET
    params: list[Any] | dict[str, Any] | msgspec.UnsetType | None = UNSET
    result: Any = UNSET
    error: Any = UNSET


class _OnlyId(msgspec.Struct):
    id: _WholeId | _TextId | None = None


_decode = msgspec.json.Decoder(Line).decode
_decode_id = msgspec.json.Decoder(_OnlyId).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_line(line: bytes) -> Line:
    """Decode one line strictly. Raises Malformed."""
    try:
        decoded = _decode(line)
    except msgspec.ValidationError:
        raise Malformed("wrong type in a request") from None
    except _UNREADABLE:
        raise Malformed("not one JSON object") from None
    # Each key has a colon of its own: where there are no more colons than fields, no key came twice.
    if line.count(b":") > _fields_present(decoded):
        _refuse_equal_keys(line)
    return decoded


def readable_id(line: bytes) -> RequestId:
    """Return the id of a line that broke the rules elsewhere, null when it cannot be read."""
    try:
        return _decode_id(line).id
    except _UNREADABLE:
        return None


def read_error(value: object) -> tuple[int, str] | None:
    """Read an error in any of the forms that are seen: `[code, text, ...]`, `{code, message}` or a bare text.

    Returns None for no error; a code that cannot be read is 20. The text can be shown as it is.
    """
    if value is None or value is UNSET or value is False:
        return None
    code: object = OTHER
    problem: object = value
    if isinstance(value, list):
        code, problem = (*value, OTHER, "")[:2] if len(value) > 1 else (OTHER, value[0] if value else "")
    elif isinstance(value, dict):
        code, problem = value.get("code"), value.get("message")
    reason = printable(problem) if type(problem) is str and problem else "no reason given"
    return (code if type(code) is int and abs(code) < 2**31 else OTHER), reason


def _fields_present(line: Line) -> int:
    return (
        (line.id is not UNSET)
        + (line.method is not UNSET)
        + (line.params is not UNSET)
        + (line.result is not UNSET)
        + (line.error is not UNSET)
    )


def _refuse_equal_keys(line: bytes) -> None:
    try:
        json.loads(line.decode("utf-8"), object_pairs_hook=_without_equal_keys)
    except (ValueError, RecursionError):
        raise Malformed("not one JSON object") from None


def _without_equal_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("equal keys")
    return found
