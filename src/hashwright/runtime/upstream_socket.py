"""How sockets to upstreams are secured and tuned."""

import asyncio
import hashlib
import hmac
import socket
import ssl

KERNEL_BUFFER = 256 * 1024
"""The kernel would let an upstream that does not read hold 4 MB more."""
KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
"""A silent peer is noticed after two minutes, where no time-out of ours is quicker."""


def client_context(pin: str) -> ssl.SSLContext:
    """Return how servers are checked: by a pinned fingerprint (`pin_problem` does it), else by who signed."""
    context = ssl.create_default_context()
    if pin:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def pin_problem(pin: str, transport: asyncio.BaseTransport) -> str:
    """Say what is wrong with the server's certificate, measured by a pinned fingerprint; empty where nothing is."""
    if not pin:
        return ""
    secured = transport.get_extra_info("ssl_object")
    certificate = secured.getpeercert(binary_form=True) if secured is not None else None
    if not certificate:
        return "shows no certificate"
    found = hashlib.sha256(certificate).hexdigest()
    if hmac.compare_digest(found, pin):
        return ""
    return f"shows another certificate than the pinned one; its fingerprint is {found}"


def tune(transport: asyncio.Transport, *, send_buffer: int) -> None:
    """Bound what is held back [bytes], send small pieces at once, and notice a peer that is gone."""
    transport.set_write_buffer_limits(high=send_buffer)
    plain = transport.get_extra_info("socket")
    if plain is None:
        return
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE:
        option = getattr(socket, name, None)  # not every system has all three
        if option is not None:
            plain.setsockopt(socket.IPPROTO_TCP, option, value)
