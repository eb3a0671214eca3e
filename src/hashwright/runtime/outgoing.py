"""The one gate of outgoing addresses (design laws 9 and 10): a name becomes addresses here, once, and is judged here.

Who can make us connect to a host of their choice can make us speak to what only we can reach: the node's RPC, the
router, the metadata service of a cloud. So an address that somebody else gave us (a buyer's pool, a probe on behalf of
others) must be a public one. The caller connects to the addresses that it gets back and never to the name: a second
look-up could give another answer than the one that was judged.

An operator's own settings may name any address.
"""

import asyncio
import ipaddress
import socket

from hashwright.errors import Disconnected, LimitRefused

ADDRESSES_MAX = 8
"""Addresses of one name that are tried; large pools publish two to six."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_CARRIERS = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "fec0::/10", "100::/64")
)
"""IPv6 networks that carry an IPv4 address inside, or lead nowhere: no public server needs to be reached by them."""


async def check_outgoing(host: str, port: int, *, for_others: bool) -> tuple[str, ...]:
    """Resolve a host and return the addresses to connect to, as text.

    Args:
        host: a name or an address.
        port: the port that will be connected to.
        for_others: somebody else named the host: it may lead to public addresses only, every one of them.

    Raises:
        LimitRefused: an address of the host is not public.
        Disconnected: the name cannot be resolved.
    """
    found = await _resolve(host, port)
    if for_others:
        for text in found:
            reason = why_not_public(text)
            if reason:
                raise LimitRefused(
                    f"{host} leads to {text}, which is {reason}. Nothing was sent.",
                    code="HW-106",
                    hint="Only public addresses are connected to on behalf of others.",
                )
    return found


async def _resolve(host: str, port: int) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise Disconnected(
            f"The name {host} cannot be resolved: {getattr(error, 'strerror', None) or error}.",
            code="HW-105",
            hint="Check the spelling, and that this machine can reach a name server.",
        ) from error
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))[:ADDRESSES_MAX]
    if not addresses:
        raise Disconnected(f"The name {host} has no address.", code="HW-105")
    return addresses


def why_not_public(text: str) -> str:
    """Say why an address is not a public one, in words; the empty string for a public one."""
    try:
        address: _Address = ipaddress.ip_address(text)
    except ValueError:
        return "not an address"
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "an address of one network card"
        if address.ipv4_mapped is not None:
            return "an IPv4 address in the form of IPv6"
    return next((words for words, holds in _JUDGEMENTS if holds(address)), "")


_JUDGEMENTS = (
    ("unspecified", lambda address: address.is_unspecified),
    ("loopback", lambda address: address.is_loopback),
    ("link-local", lambda address: address.is_link_local),
    ("multicast", lambda address: address.is_multicast),
    ("a carrier of another address", lambda address: any(address in network for network in _CARRIERS)),
    ("private", lambda address: address.is_private),
    ("reserved", lambda address: address.is_reserved),
    ("not public", lambda address: not address.is_global),
)
