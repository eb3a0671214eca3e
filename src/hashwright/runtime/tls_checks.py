"""Can TLS be offered to machines, and for how long still? Shown by a handshake with ourselves, in memory.

A whole handshake, and not a look into the file: it proves that certificate, chain and key work together, and it is the
one way of the standard library to learn when a certificate ends. Names are not compared: machines do that, or do not.
"""

import datetime
import ssl

from hashwright.clock import Clock
from hashwright.errors import ConfigError
from hashwright.runtime.checks import Check, failed, ok
from hashwright.runtime.tls import tls_context

DAYS_WARNED = 14
"""Renewals are due 30 days before the end: one that did not come for a fortnight needs a person."""
DAY_S = 86_400
ROUNDS_MAX = 8
"""A handshake takes three; a bound against one that goes in a circle."""
OUR_WORD = {9: "is not valid yet: is the clock right?", 10: "has ended"}
"""By OpenSSL's number (X509_V_ERR_...)."""
RENEW = "Renew the certificate; SIGHUP (systemctl reload hashwright) lets a running Hashwright read it again."


def check_tls(certificate: str, key: str, *, clock: Clock) -> list[Check]:
    """Check the certificate and key of TLS listeners, by the paths of their PEM files; never raises for bad ones."""
    try:
        server = tls_context(certificate, key)
    except ConfigError as error:
        return [failed(f"{item.place}: {item.message}", item.code, item.hint) for item in error.findings]
    try:
        end_s = end_of(server, certificate)
    except ssl.SSLCertVerificationError as error:
        word = OUR_WORD.get(error.verify_code, f"is not usable: {error.verify_message}")
        return [failed(f"the certificate {certificate} {word}", "HW-713", RENEW)]
    except (ssl.SSLError, OSError) as error:
        return [failed(f"the certificate {certificate} is not usable: {error}", "HW-713", RENEW)]
    return [_time_check(certificate, end_s, now_s=clock.now() // 1000)]


def end_of(server: ssl.SSLContext, certificate: str) -> int:
    """Return when the certificate that a server shows ends [s since 1970].

    Raises:
        ssl.SSLError: the handshake fails; `SSLCertVerificationError` with its code where the time is outside.
    """
    client = ssl.create_default_context(cafile=certificate)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it vouches for itself, whoever signed it
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(ROUNDS_MAX):
        is_done = [_goes_on(side) for side in (ours, theirs)]
        if all(is_done):
            break
    shown = ours.getpeercert() or {}
    return int(ssl.cert_time_to_seconds(str(shown["notAfter"])))


def _goes_on(side: ssl.SSLObject) -> bool:
    """Take one side of a handshake as far as it goes; tell whether it is done."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _time_check(certificate: str, end_s: int, *, now_s: int) -> Check:
    day = datetime.datetime.fromtimestamp(end_s, tz=datetime.UTC).date().isoformat()
    days = (end_s - now_s) // DAY_S
    if days >= DAYS_WARNED:
        return ok(f"the certificate for machines is valid until {day}, and its key fits")
    text = f"the certificate {certificate} ends on {day}"
    return Check(state="warning", title=text, code="HW-713", fix=RENEW)
