"""How a hash-power market proves that a connection is its own: `mining.subscribe` with a time and its HMAC.

Source: nicehash/Specifications, traffic detection (reference stratum.md 2.4): `[agent, time in ms, hex]`, where the hex
is HMAC-SHA256 of key, a zero byte and the time as text, keyed by the secret. Key and secret are agreed with the market.

Must not know: what time it is, or what is done about a connection that proves nothing.
"""

import hashlib
import hmac
from typing import Final

RENTED_AGENT: Final = "NiceHash/"
"""So such a connection calls itself."""


def proof_of(key: str, secret: str, time_ms: int) -> str:
    """Return the proof of a time, in hex."""
    content = key.encode() + b"\0" + str(time_ms).encode()
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def is_proven(key: str, secret: str, *, time_ms: int | None, proof: str) -> bool:
    """Tell whether a proof is that of its time; compared without telling where it differs."""
    if time_ms is None:
        return False
    return hmac.compare_digest(proof_of(key, secret, time_ms).encode(), proof.lower().encode("utf-8", "replace"))
