"""Is a connection really the market's that it calls itself? Only where the owner agreed a key and a secret with it.

A connection that says NiceHash gets another start and fewer jobs. With a secret set (`rented_proof_from`), one that
does not prove it is served like anybody else, and its name says so.
"""

from typing import Final

import msgspec

from hashwright.adapters.secret import read_secret
from hashwright.errors import ConfigError
from hashwright.stratum.messages import Subscribe
from hashwright.stratum.proof import RENTED_AGENT, is_proven

SKEW_MAX_MS: Final = 300_000
"""The market's clock and ours differ by less; an older proof was heard by somebody else."""
UNPROVEN: Final = "unproven "


class RentedProof:
    """Key and secret that were agreed with a market."""

    def __init__(self, key: str, secret: str) -> None:
        self._key, self._secret = key, secret

    def judged(self, message: Subscribe, *, now_ms: int) -> Subscribe:
        """Return a subscription; one that claims to be a market's and does not prove it has another name."""
        if not message.agent.startswith(RENTED_AGENT):
            return message
        is_of_now = message.proof_time_ms is not None and abs(now_ms - message.proof_time_ms) <= SKEW_MAX_MS
        if is_of_now and is_proven(self._key, self._secret, time_ms=message.proof_time_ms, proof=message.proof):
            return message
        return msgspec.structs.replace(message, agent=UNPROVEN + message.agent)


def read_proof(reference: str) -> RentedProof | None:
    """Read key and secret from where they are kept, as KEY:SECRET; None where no place is set.

    Raises:
        ConfigError: there is nothing, or it has another form (HW-702).
    """
    if not reference:
        return None
    key, _, secret = read_secret(reference).partition(":")
    if not key or not secret:
        raise ConfigError(
            f"{reference} does not hold KEY:SECRET.", code="HW-702", hint="Both as you agreed them with the market."
        )
    return RentedProof(key, secret)
