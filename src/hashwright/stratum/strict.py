"""Strict readers of single values.

Python's own parsers are too kind for a wire: `int("1_0", 16)`, `int(" 1", 16)`, `int("-1", 16)`, `int("0x1f", 16)` and
Arabic digits all pass, and `bytes.fromhex("de ad")` skips the blank. One share could be written in many ways, and each
would be paid. So an ASCII pattern with an exact length goes first, and only what it lets through is converted
(reference/reliability.md S2). Every reader raises `Malformed` with a text that names the field and never its content.
"""

import math
import re

TEXT_LIMIT = 256
"""Longest name, password or agent [characters]: a Monero address with a rig and options has about 160."""

JOB_LIMIT = 64
"""Longest job id [characters]: ours have below 20, the longest seen from a pool is 32."""

EXTRANONCE2_LIMIT = 16
"""Largest extranonce2 [bytes]: 16 are seen for Decred, 8 are usual (reference/stratum.md 2.4)."""

CONTROL_CHARACTERS = r"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""What no name may hold, as a pattern: C0, C1, line separators, and the marks that turn the direction of text."""

_hex8 = re.compile(r"[0-9a-fA-F]{8}").fullmatch
_hex_any = re.compile(r"[0-9a-fA-F]*").fullmatch
_control = re.compile(f"[{CONTROL_CHARACTERS}]")


class Malformed(ValueError):
    """A value on the wire breaks its format. Caught by the session, never seen outside of this room."""


def hex32(value: object, field: str) -> int:
    """Read exactly eight hex digits as a number (big-endian text)."""
    if type(value) is not str or not _hex8(value):
        raise Malformed(f"{field} must be 8 hex digits")
    return int(value, 16)


def hex_bytes(value: object, field: str, *, limit: int) -> bytes:
    """Read an even number of hex digits, at most `limit` bytes."""
    if type(value) is not str or len(value) & 1 or len(value) > 2 * limit or not _hex_any(value):
        raise Malformed(f"{field} must be at most {limit} bytes in hex")
    return bytes.fromhex(value)


def hex_exact(value: object, field: str, *, size: int) -> bytes:
    """Read exactly `size` bytes in hex."""
    if type(value) is not str or len(value) != 2 * size or not _hex_any(value):
        raise Malformed(f"{field} must be {2 * size} hex digits")
    return bytes.fromhex(value)


def text(value: object, field: str, *, limit: int = TEXT_LIMIT) -> str:
    """Read a text without control characters."""
    if type(value) is not str or len(value) > limit:
        raise Malformed(f"{field} must be a text of at most {limit} characters")
    if not value.isprintable() and _control.search(value):  # what is printable holds none, and this is quicker to ask
        raise Malformed(f"{field} must not hold control characters")
    return value


def number_above_zero(value: object, field: str) -> float:
    """Read a JSON number that is finite and above zero. A number in quotes is not one."""
    if type(value) is not int and type(value) is not float:
        raise Malformed(f"{field} must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (0.0 < number < math.inf):
        raise Malformed(f"{field} must be finite and above zero")
    return number


def whole(value: object, field: str, *, lowest: int, highest: int) -> int:
    """Read a JSON integer within bounds. True and false are not integers."""
    if type(value) is not int or not lowest <= value <= highest:
        raise Malformed(f"{field} must be a whole number from {lowest} to {highest}")
    return value


def flag(value: object, field: str) -> bool:
    """Read true or false."""
    if type(value) is not bool:
        raise Malformed(f"{field} must be true or false")
    return value


def printable(value: str, *, limit: int = TEXT_LIMIT) -> str:
    """Return text for a person: any script, but control characters escaped, shortened."""
    if len(value) <= limit and value.isprintable():
        return value
    shown = _control.sub(lambda found: f"\\x{ord(found[0]):02x}", value[:limit])
    return shown if len(value) <= limit else shown + "..."


def escaped(value: str | bytes, *, limit: int = 96) -> str:
    """Return text that is safe in a log line or on a screen: printable ASCII, shortened."""
    data = value if isinstance(value, bytes) else value[:limit].encode("utf-8", "backslashreplace")
    shown = "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in data[:limit])
    return shown if len(value) <= limit else shown + "..."
