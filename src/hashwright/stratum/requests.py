"""What a machine asks: from JSON parameters to records.

One small reader a method, in one table; a method that is not in the table is not supported. The readers know formats
and limits only. Whether a request may come now is `states`; what it leads to is the engine.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from hashwright.stratum.messages import (
    Authorize,
    Configure,
    ExtranonceSubscribe,
    Message,
    Ping,
    RequestId,
    Submit,
    Subscribe,
    SuggestDifficulty,
)
from hashwright.stratum.proof import RENTED_AGENT
from hashwright.stratum.strict import (
    CONTROL_CHARACTERS,
    EXTRANONCE2_LIMIT,
    JOB_LIMIT,
    TEXT_LIMIT,
    Malformed,
    hex32,
    hex_bytes,
    number_above_zero,
    printable,
    text,
    whole,
)

EXTENSIONS_LIMIT = 16
"""Most extensions in one `mining.configure`: BIP 310 defines four; sixteen leave room for those to come."""

EXTENSION_NAME_LIMIT = 64
"""Longest name of an extension [characters]: the longest of BIP 310 has 20."""

_EVERY_BIT = 0xFFFFFFFF
_SUBMIT_WITHOUT_BITS = 5
_SUBMIT_WITH_BITS = 6


_HEX = "[0-9a-fA-F]"
_TEXT = f"[^{CONTROL_CHARACTERS}]"
_SHARE = (
    rf"{_TEXT}{{0,{TEXT_LIMIT}}}\n{_TEXT}{{0,{JOB_LIMIT}}}\n(?:{_HEX}{_HEX}){{0,{EXTRANONCE2_LIMIT}}}"
    rf"\n{_HEX}{{8}}\n{_HEX}{{8}}"
)
_is_plain_share = re.compile(_SHARE).fullmatch
_is_plain_share_with_bits = re.compile(rf"{_SHARE}\n{_HEX}{{8}}").fullmatch


def submit(request: RequestId, params: list[Any]) -> Submit:
    """Read `[worker, job, extranonce2, ntime, nonce (, version_bits)]`. Hot path: one call a share.

    One pattern over all fields at once costs half of the six readers. It is exact because there is one pattern for each
    count of fields, and no field may hold the line end that stands between them. What it does not take is read again
    field by field, for the error text and for a `version_bits` of null.
    """
    count = len(params)
    try:
        if count == _SUBMIT_WITH_BITS and _is_plain_share_with_bits("\n".join(params)):
            worker, job, extranonce2, ntime, nonce, bits = params
            # allow hex: matched in full by the pattern above
            fields = bytes.fromhex(extranonce2), int(ntime, 16), int(nonce, 16), int(bits, 16)
            return Submit(request, worker, job, *fields)
        if count == _SUBMIT_WITHOUT_BITS and _is_plain_share("\n".join(params)):
            worker, job, extranonce2, ntime, nonce = params
            # allow hex: matched in full by the pattern above
            return Submit(request, worker, job, bytes.fromhex(extranonce2), int(ntime, 16), int(nonce, 16), None)
    except TypeError:
        pass  # one of them is no text: the careful reader says which
    return submit_by_field(request, params)


def submit_by_field(request: RequestId, params: list[Any]) -> Submit:
    """Read what `submit` reads, one field after the other."""
    if len(params) not in (_SUBMIT_WITHOUT_BITS, _SUBMIT_WITH_BITS):
        raise Malformed("mining.submit takes 5 or 6 parameters")
    worker, job, extranonce2, ntime, nonce, bits = (*params, None)[:_SUBMIT_WITH_BITS]
    return Submit(
        request,
        text(worker, "worker"),
        text(job, "job id", limit=JOB_LIMIT),
        hex_bytes(extranonce2, "extranonce2", limit=EXTRANONCE2_LIMIT),
        hex32(ntime, "ntime"),
        hex32(nonce, "nonce"),
        None if bits is None else hex32(bits, "version_bits"),
    )


def subscribe(request: RequestId, params: list[Any]) -> Subscribe:
    """Read `[agent?, session?, ...]` or NiceHash's `[agent, time in ms, proof]`; what follows is ignored.

    Its specification says a number and shows a text of digits; both are read.
    """
    agent = _agent(params[0]) if params else ""
    second = params[1] if len(params) > 1 else None
    if len(params) > 2 and agent.startswith(RENTED_AGENT) and type(second) is str and _MS.fullmatch(second):
        second = int(second)
    if type(second) is int:
        proof = text(params[2], "proof") if len(params) > 2 else ""
        time_ms = whole(second, "time", lowest=0, highest=2**63 - 1)
        return Subscribe(request, agent, "", proof_time_ms=time_ms, proof=proof)
    return Subscribe(request, agent, "" if second is None else text(second, "session"))


def _agent(value: object) -> str:
    """An agent is shown and never compared, so an odd one is shortened and escaped and the machine is kept."""
    if value is None:
        return ""
    if type(value) is not str:
        raise Malformed("agent must be a text")
    return printable(value)


_MS: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def authorize(request: RequestId, params: list[Any]) -> Authorize:
    """Read `[user, password?]`."""
    if not params:
        raise Malformed("mining.authorize needs a user")
    user = text(params[0], "user")
    if not user:
        raise Malformed("user must not be empty")
    password = params[1] if len(params) > 1 else None
    return Authorize(request, user, "" if password is None else text(password, "password"))


def configure(request: RequestId, params: list[Any]) -> Configure:
    """Read `[[extension, ...], {"extension.parameter": value}]` (BIP 310)."""
    names = params[0] if params else None
    values = params[1] if len(params) > 1 else {}
    if type(names) is not list or type(values) is not dict or len(names) > EXTENSIONS_LIMIT:
        raise Malformed(f"mining.configure takes a list of at most {EXTENSIONS_LIMIT} extensions and an object")
    extensions = tuple(dict.fromkeys(text(name, "extension", limit=EXTENSION_NAME_LIMIT) for name in names))
    mask, minimum_bits, minimum_difficulty = None, 0, None
    if "version-rolling" in extensions:
        mask = hex32(values["version-rolling.mask"], "mask") if "version-rolling.mask" in values else _EVERY_BIT
        minimum_bits = whole(values.get("version-rolling.min-bit-count", 0), "min-bit-count", lowest=0, highest=32)
    if "minimum-difficulty" in extensions:
        minimum_difficulty = number_above_zero(values.get("minimum-difficulty.value"), "minimum-difficulty.value")
    return Configure(request, extensions, mask, minimum_bits, minimum_difficulty)


def suggest_difficulty(request: RequestId, params: list[Any]) -> SuggestDifficulty:
    """Read `[difficulty]`."""
    return SuggestDifficulty(request, number_above_zero(params[0] if params else None, "difficulty"))


def extranonce_subscribe(request: RequestId, _params: list[Any]) -> ExtranonceSubscribe:
    """Read `[]`; firmware that sends more is not wrong enough to be refused."""
    return ExtranonceSubscribe(request)


def ping(request: RequestId, _params: list[Any]) -> Ping:
    """Read `[]`."""
    return Ping(request)


READERS: Final[dict[str, Callable[[RequestId, list[Any]], Message]]] = {
    "mining.submit": submit,
    "mining.subscribe": subscribe,
    "mining.authorize": authorize,
    "mining.configure": configure,
    "mining.suggest_difficulty": suggest_difficulty,
    "mining.extranonce.subscribe": extranonce_subscribe,
    "mining.ping": ping,
}
