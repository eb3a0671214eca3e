"""What a server says on its own, as bytes: one serialisation, however many sessions it goes to."""

import math
import struct
from decimal import Decimal

import msgspec

from hashwright.stratum.messages import Notify, RequestId

_encode = msgspec.json.encode
_EXACT_INTEGERS = 2**53


def notify_line(job: Notify) -> bytes:
    """Return `mining.notify` for a job."""
    params = [
        job.job,
        swap_words(job.prevhash_le).hex(),
        job.coinbase_prefix.hex(),
        job.coinbase_suffix.hex(),
        [part.hex() for part in job.branch],
        f"{job.version & 0xFFFFFFFF:08x}",
        f"{job.nbits:08x}",
        f"{job.ntime:08x}",
        job.is_clean,
    ]
    return _line("mining.notify", _encode(params))


def set_difficulty_line(difficulty: float) -> bytes:
    """Return `mining.set_difficulty`. Raises ValueError unless it is finite and above zero."""
    return _line("mining.set_difficulty", f"[{difficulty_text(difficulty)}]".encode("ascii"))


def set_extranonce_line(prefix: bytes, extranonce2_size: int) -> bytes:
    """Return `mining.set_extranonce`; the machine uses it from the next job on. Size in [bytes]."""
    return _line("mining.set_extranonce", _encode([prefix.hex(), extranonce2_size]))


def set_mask_line(mask: int) -> bytes:
    """Return `mining.set_version_mask` (BIP 310); valid at once."""
    return _line("mining.set_version_mask", _encode([f"{mask:08x}"]))


def reconnect_line(host: str = "", port: int = 0, wait_s: int = 0) -> bytes:
    """Return `client.reconnect`; without a host the machine comes back to where it is, after `wait_s` [s]."""
    params = [host, port, wait_s] if host else []
    return _line("client.reconnect", _encode(params))


def message_line(text: str) -> bytes:
    """Return `client.show_message`."""
    return _line("client.show_message", _encode([text]))


def version_line(request: RequestId) -> bytes:
    """Return `client.get_version`, a request that the machine answers with its agent."""
    return b'{"id":%b,"method":"client.get_version","params":[]}\n' % _encode(request)


def difficulty_text(difficulty: float) -> str:
    """Return a difficulty as firmware can read it: no `.0`, and no exponent for small fractions."""
    if not 0.0 < difficulty < math.inf:
        raise ValueError(f"difficulty was {difficulty!r}, it must be finite and above zero")
    if difficulty < _EXACT_INTEGERS and difficulty != int(difficulty):
        return f"{Decimal(repr(float(difficulty))):f}"
    return str(int(difficulty))


def swap_words(thirty_two: bytes) -> bytes:
    """Reverse each 4-byte word of a hash: header order to Stratum's and back (reference/stratum.md 2.1)."""
    return struct.pack("<8I", *struct.unpack(">8I", thirty_two))


def _line(method: str, params: bytes) -> bytes:
    return b'{"id":null,"method":"%b","params":%b}\n' % (method.encode("ascii"), params)
