"""What an upstream says on its own and how it answers: from JSON values to records.

Upstreams differ more than machines do, so the form is read liberally where no meaning is lost (ports as text, more
parameters than we know) and the values strictly. A job that cannot be read is a lost job; a difficulty or an extranonce
that cannot be read makes all later shares worthless, so those methods are in `VITAL`.
"""

from collections.abc import Callable
from typing import Any, Final

from hashwright.stratum.lines import swap_words
from hashwright.stratum.messages import (
    Message,
    Notify,
    Reconnect,
    SetDifficulty,
    SetExtranonce,
    SetVersionMask,
    ShowMessage,
)
from hashwright.stratum.strict import (
    EXTRANONCE2_LIMIT,
    JOB_LIMIT,
    Malformed,
    flag,
    hex32,
    hex_bytes,
    hex_exact,
    number_above_zero,
    printable,
    text,
    whole,
)

PREFIX_LIMIT = 32
"""Largest extranonce prefix [bytes]: a scriptSig has at most 100 bytes in all; 4 to 8 are usual."""

COINBASE_LIMIT = 1 << 19
"""Largest half of a coinbase [bytes]: what fits a line of 1 MiB in hex."""

BRANCH_LIMIT = 32
"""Longest merkle branch: 32 levels are more transactions than any block can hold."""

DIFFICULTY_LIMIT = 2.0**240
"""Highest difficulty: above it no hash at all is a share, for Litecoin's unit (2**224 for Bitcoin's)."""

_NOTIFY_FIELDS = 9
_HASH_SIZE = 32


def notify(params: list[Any]) -> Notify:
    """Read `[job, prevhash, coinb1, coinb2, [branch ...], version, nbits, ntime, clean, ...]`."""
    if len(params) < _NOTIFY_FIELDS:
        raise Malformed("mining.notify takes 9 parameters")
    job, prevhash, prefix, suffix, branch, version, nbits, ntime, clean = params[:_NOTIFY_FIELDS]
    if type(branch) is not list or len(branch) > BRANCH_LIMIT:
        raise Malformed(f"the merkle branch must be a list of at most {BRANCH_LIMIT} hashes")
    return Notify(
        text(job, "job id", limit=JOB_LIMIT),
        swap_words(hex_exact(prevhash, "prevhash", size=_HASH_SIZE)),
        hex_bytes(prefix, "coinbase prefix", limit=COINBASE_LIMIT),
        hex_bytes(suffix, "coinbase suffix", limit=COINBASE_LIMIT),
        tuple(hex_exact(part, "branch", size=_HASH_SIZE) for part in branch),
        hex32(version, "version"),
        hex32(nbits, "nbits"),
        hex32(ntime, "ntime"),
        flag(clean, "clean"),
    )


def set_difficulty(params: list[Any]) -> SetDifficulty:
    """Read `[difficulty]`."""
    difficulty = number_above_zero(params[0] if params else None, "difficulty")
    if difficulty > DIFFICULTY_LIMIT:
        raise Malformed("difficulty is so high that no hash can reach it")
    return SetDifficulty(difficulty)


def set_extranonce(params: list[Any]) -> SetExtranonce:
    """Read `[prefix, size of extranonce2]`."""
    return SetExtranonce(*extranonce(params))


def extranonce(values: list[Any]) -> tuple[bytes, int]:
    """Read a prefix and the size of extranonce2 [bytes] from the first two values."""
    if len(values) < 2:
        raise Malformed("an extranonce prefix and a size are missing")
    prefix = hex_bytes(values[0], "extranonce prefix", limit=PREFIX_LIMIT)
    return prefix, whole(values[1], "size of extranonce2", lowest=1, highest=EXTRANONCE2_LIMIT)


def set_version_mask(params: list[Any]) -> SetVersionMask:
    """Read `[mask]` (BIP 310)."""
    return SetVersionMask(hex32(params[0] if params else None, "mask"))


def reconnect(params: list[Any]) -> Reconnect:
    """Read `[host?, port?, wait?]`."""
    host, port, wait_s = (*params, None, None, None)[:3]
    return Reconnect(
        "" if host is None else text(host, "host"),
        _whole_or_text(port, "port", highest=65535),
        _whole_or_text(wait_s, "wait", highest=86400),
    )


def _whole_or_text(value: object, field: str, *, highest: int) -> int:
    if value is None or value == "":
        return 0
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= len(str(highest)):
        value = int(value)
    return whole(value, field, lowest=0, highest=highest)


def show_message(params: list[Any]) -> ShowMessage:
    """Read `[text]`."""
    if not params or type(params[0]) is not str:
        raise Malformed("client.show_message takes a text")
    return ShowMessage(printable(params[0]))


READERS: Final[dict[str, Callable[[list[Any]], Message]]] = {
    "mining.notify": notify,
    "mining.set_difficulty": set_difficulty,
    "mining.set_extranonce": set_extranonce,
    "mining.set_version_mask": set_version_mask,
    "client.reconnect": reconnect,
    "client.show_message": show_message,
}

VITAL: Final = frozenset({"mining.set_difficulty", "mining.set_extranonce", "mining.set_version_mask"})
"""Methods whose malformed use ends the session."""


def granted(result: object, asked_mask: int | None) -> tuple[tuple[str, ...], int | None]:
    """Read the answer to `mining.configure`: the granted extensions and the mask, never wider than what was asked."""
    if type(result) is not dict:
        return (), None
    names = tuple(printable(name) for name, value in result.items() if value is True)
    if asked_mask is None or "version-rolling" not in names:
        return names, None
    return names, hex32(result.get("version-rolling.mask"), "mask") & asked_mask
