"""Connects a link: the name through the gate, each of its addresses in turn, and TLS where the URL says so.

Every failure becomes one of our errors: `AuthRejected` where a person must act (a certificate that is not trusted),
`Disconnected` or `TimedOut` where it may pass.
"""

import asyncio
import ssl
from typing import Any

from hashwright.errors import AuthRejected, Disconnected, HashwrightError, TimedOut
from hashwright.runtime.outgoing import Guard, check_outgoing
from hashwright.runtime.upstream_link import UpstreamLink
from hashwright.runtime.upstream_settings import UpstreamAddress
from hashwright.runtime.upstream_socket import client_context as client_context

SHUTDOWN_S = 2.0
"""TLS says goodbye; a peer that does not answer is left after this."""


async def dial(
    link: UpstreamLink, context: ssl.SSLContext | None, *, connect_s: float, for_others: bool | Guard
) -> None:
    """Connect a link within a time [s].

    Raises:
        HashwrightError: nobody there, not let through by the gate, or not trusted.
    """
    try:
        async with asyncio.timeout(connect_s):
            await _dial(link, context, connect_s=connect_s, for_others=for_others)
    except TimeoutError as error:
        raise TimedOut(f"{link.address}: no connection in {connect_s:g} s.", code="HW-430") from error


async def _dial(
    link: UpstreamLink, context: ssl.SSLContext | None, *, connect_s: float, for_others: bool | Guard
) -> None:
    address = link.address
    hosts = await check_outgoing(address.host, address.port, for_others=for_others)
    failure: HashwrightError | None = None
    for place, host in enumerate(hosts, start=1):
        share_s = connect_s / len(hosts) if place < len(hosts) else None  # the last one has what is left
        try:
            async with asyncio.timeout(share_s):
                await _connect(link, host, context)
                return
        except TimeoutError:
            failure = TimedOut(f"{address}: {host} does not take the connection.", code="HW-430")
        except (OSError, ValueError) as error:  # ValueError: a host that TLS cannot take
            failure = _failure_of(address, error)
    assert failure is not None
    raise failure


async def _connect(link: UpstreamLink, host: str, context: ssl.SSLContext | None) -> None:
    options: dict[str, Any] = {}
    if context is not None:
        options = {"ssl": context, "server_hostname": link.address.host.rstrip("."), "ssl_shutdown_timeout": SHUTDOWN_S}
    await asyncio.get_running_loop().create_connection(lambda: link, host, link.address.port, **options)


def _failure_of(address: UpstreamAddress, error: OSError | ValueError) -> HashwrightError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return AuthRejected(
            f"{address}: its certificate is not trusted: {error.verify_message}. No password was sent.",
            code="HW-435",
            hint="Correct the host name, or pin the certificate with pin_sha256.",
        )
    if isinstance(error, ssl.SSLError):
        return Disconnected(f"{address}: no TLS there: {error.reason or error}.", code="HW-430")
    return Disconnected(f"{address}: {getattr(error, 'strerror', None) or error}.", code="HW-430")
