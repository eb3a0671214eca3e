"""What a CryptoNote machine asks: from one line to a record.

Parameters are an object here, so each method has a record of its own that msgspec decodes strictly; a key that is not
known is let through (xmrig forks send more), a key that comes twice is not.
"""

import json
import re
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec

from hashwright.stratum.cryptonote.messages import BlobShare, KeepAlive, Login
from hashwright.stratum.messages import RequestId
from hashwright.stratum.strict import JOB_LIMIT, TEXT_LIMIT, Malformed, printable, text

ALGORITHMS_LIMIT: Final = 64
"""Most names in a login: xmrig has some 40."""
NAME_LIMIT: Final = 64
_hex8 = re.compile(r"[0-9a-fA-F]{8}").fullmatch
_hex64 = re.compile(r"[0-9a-fA-F]{64}").fullmatch
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_WholeId = Annotated[int, msgspec.Meta(ge=-(2**63) + 1, le=2**63 - 1)]
_TextId = Annotated[str, msgspec.Meta(max_length=NAME_LIMIT)]


class Request(msgspec.Struct, gc=False):
    """A request as it came; its parameters are read when its method is known."""

    id: _WholeId | _TextId | msgspec.UnsetType | None = msgspec.UNSET
    jsonrpc: Any = msgspec.UNSET
    method: str | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _SubmitFields(msgspec.Struct, gc=False):
    job_id: str
    nonce: str
    result: str
    id: Any = msgspec.UNSET
    algo: str | msgspec.UnsetType | None = msgspec.UNSET


class _LoginFields(msgspec.Struct):
    login: str
    password: str | msgspec.UnsetType | None = msgspec.field(name="pass", default=msgspec.UNSET)
    agent: str | msgspec.UnsetType | None = msgspec.UNSET
    rigid: str | msgspec.UnsetType | None = msgspec.UNSET
    algo: list[str] | msgspec.UnsetType | None = msgspec.UNSET


_decode = msgspec.json.Decoder(Request).decode
_decode_submit = msgspec.json.Decoder(_SubmitFields).decode
_decode_login = msgspec.json.Decoder(_LoginFields).decode


def read_request(line: bytes) -> tuple[RequestId, "Asked | None"]:
    """Read one line: the id of the request, and what is asked; None where the method is not known.

    Raises:
        Malformed: it breaks the rules.
    """
    try:
        request = _decode(line)
    except msgspec.ValidationError:
        raise Malformed("wrong type in a request") from None
    except _UNREADABLE:
        raise Malformed("not one JSON object") from None
    if request.id is msgspec.UNSET:
        raise Malformed("a request needs an id")
    reader = _READERS.get(str(request.method))
    asked, fields = (None, 0) if reader is None else reader(request, request.id)
    # Each key has a colon of its own: where there are no more colons than fields, no key came twice.
    if line.count(b":") > fields + _outer_fields(request):
        _refuse_equal_keys(line)
    return request.id, asked


def _outer_fields(request: Request) -> int:
    unset = msgspec.UNSET
    return 1 + (request.jsonrpc is not unset) + (request.method is not unset) + (request.params is not unset)


def _share(request: Request, request_id: RequestId) -> tuple[BlobShare, int]:
    fields: _SubmitFields = _fields(_decode_submit, request, "submit takes job_id, nonce and result")
    if not _hex8(fields.nonce):
        raise Malformed("nonce must be 8 hex digits")
    if not _hex64(fields.result):
        raise Malformed("result must be 64 hex digits")
    if len(fields.job_id) > JOB_LIMIT:
        raise Malformed(f"job_id must be a text of at most {JOB_LIMIT} characters")
    unset = msgspec.UNSET
    present = 3 + (fields.id is not unset) + (fields.algo is not unset)
    algorithm = fields.algo[:NAME_LIMIT] if type(fields.algo) is str else ""
    # allow hex: matched in full by the patterns above
    nonce, result_le = int.from_bytes(bytes.fromhex(fields.nonce), "little"), bytes.fromhex(fields.result)
    return BlobShare(request_id, fields.job_id, nonce, result_le, algorithm), present


def _login(request: Request, request_id: RequestId) -> tuple[Login, int]:
    fields: _LoginFields = _fields(_decode_login, request, "login takes login, pass, agent, rigid and algo")
    if not fields.login:
        raise Malformed("login must not be empty")
    algorithms = fields.algo or []
    if len(algorithms) > ALGORITHMS_LIMIT:
        raise Malformed(f"algo must be a list of at most {ALGORITHMS_LIMIT} names")
    for name in algorithms:
        text(name, "algo", limit=NAME_LIMIT)
    login = Login(
        request_id,
        text(fields.login, "login"),
        text(fields.password or "", "pass"),
        printable(fields.agent or "", limit=TEXT_LIMIT),
        text(fields.rigid, "rigid", limit=NAME_LIMIT) if fields.rigid else "",
        tuple(algorithms),
    )
    unset = msgspec.UNSET
    outer = 1 + (fields.password is not unset) + (fields.agent is not unset)
    return login, outer + (fields.rigid is not unset) + (fields.algo is not unset)


def _keep_alive(_request: Request, request_id: RequestId) -> tuple[KeepAlive, int]:
    return KeepAlive(request_id), 0


Asked = Login | BlobShare | KeepAlive
_READERS: Final[dict[str, Callable[[Request, RequestId], tuple[Asked, int]]]] = {
    "submit": _share,
    "login": _login,
    "keepalived": _keep_alive,
}


def _fields(decode: Callable[[msgspec.Raw], Any], request: Request, otherwise: str) -> Any:  # noqa: ANN401 (one a method)
    if request.params is msgspec.UNSET:
        raise Malformed(otherwise)
    try:
        return decode(request.params)
    except _UNREADABLE:
        raise Malformed(otherwise) from None


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
