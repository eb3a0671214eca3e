"""The one gate of outgoing addresses (design laws 9 and 10): a name becomes addresses here, once, and is judged here.

Who can make us connect to a host of their choice can make us speak to what only we can reach: the node's RPC, the
router, the metadata service of a cloud. So an address that somebody else gave us (a buyer's pool, a probe on behalf of
others) must be a public one. The caller connects to the addresses that it gets back and never to the name: a second
look-up could give another answer than the one that was judged.

A buyer's pool has more rules (`Guard`): only ports that pools use, and never this computer, because what we send to
ourselves comes back as somebody else's work.

An operator's own settings may name any address.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

from hashwright.errors import Disconnected, LimitRefused

ADDRESSES_MAX = 8
"""Addresses of one name that are tried; large pools publish two to six."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_CARRIERS = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "fec0::/10", "100::/64")
)
"""IPv6 networks that carry an IPv4 address inside, or lead nowhere: no public server needs to be reached by them."""


SERVICE_PORTS = frozenset(
    {
        *(1433, 1521, 2049, 2375, 2376, 2379, 3306, 3389, 5432, 5672, 5900, 5984, 5985, 6379, 6443, 8086, 8332, 9042),
        *(9092, 9200, 9332, 10250, 11211, 18081, 18082, 18083, 18332, 18443, 19332, 19443, 22555, 27017, 28081, 38081),
    }
)
"""Databases, nodes, brokers and remote desktops above 1024: nobody's pool listens there."""
PORT_MIN = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The rules for addresses of buyers. `own_ports` are those that this process listens on.

    `allows_private` is the operator's word that buyers live in his own network (or that this is practice).
    """

    allows_private: bool = False
    own_ports: frozenset[int] = frozenset()


async def check_outgoing(host: str, port: int, *, for_others: bool | Guard) -> tuple[str, ...]:
    """Resolve a host and return the addresses to connect to, as text.

    Args:
        host: a name or an address.
        port: the port that will be connected to.
        for_others: somebody else named the host: it may lead to public addresses only, every one of them; a guard has
            rules of its own.

    Raises:
        LimitRefused: an address of the host is not public.
        Disconnected: the name cannot be resolved.
    """
    if isinstance(for_others, Guard):
        _refuse_port(host, port)
    found = await _resolve(host, port)
    if isinstance(for_others, Guard):
        _refuse_ours(host, port, found, for_others)
        for_others = not for_others.allows_private
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


def _refuse_port(host: str, port: int) -> None:
    if (port >= PORT_MIN or port == 443) and port not in SERVICE_PORTS:
        return
    raise LimitRefused(
        f"{host}: port {port} is none that pools use. Nothing was sent.",
        code="HW-871",
        hint=f"Pools listen on 443, or on {PORT_MIN} and above, but not where databases and nodes do.",
    )


def _refuse_ours(host: str, port: int, addresses: tuple[str, ...], guard: Guard) -> None:
    for text in addresses:
        if is_this_computer(text) and (port in guard.own_ports or not guard.allows_private):
            raise LimitRefused(
                f"{host} leads to {text}, which is this computer itself. Nothing was sent.",
                code="HW-871",
                hint="An order cannot send work back to where it comes from.",
            )


def is_this_computer(text: str) -> bool:
    """Tell whether an address belongs to one of our network cards: only then a socket can be bound to it."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(text).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((text, 0))
    except (OSError, ValueError):
        return False
    return True


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
