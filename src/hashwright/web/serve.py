"""Runs the web: its database, its picture of the program, its server, until SIGTERM or SIGINT."""

import asyncio
import contextlib
import gc
import socket
import ssl
import urllib.parse
from collections.abc import Iterator
from typing import Final

import structlog
import uvicorn

import hashwright
from hashwright.errors import OperatorError
from hashwright.runtime.config import Config
from hashwright.runtime.notify_systemd import keep_watchdog, notify
from hashwright.runtime.system import SystemClock
from hashwright.web.accounts import Accounts
from hashwright.web.answers import Answers
from hashwright.web.context import Site
from hashwright.web.database import AccessDatabase
from hashwright.web.keys import Audit, Keys
from hashwright.web.live import Live
from hashwright.web.preferences import Preferences
from hashwright.web.site import shielded

log = structlog.get_logger()

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
BACKLOG: Final = 1024
COLLECT: Final = (50_000, 20, 50)
"""When cycles are looked for: a list of ten thousand machines is half a million objects and has none, and with
Python's own thresholds looking through it took longer than making it."""
STOP_S: Final = 2
WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 (compared with, never bound to by itself)


def run(config: Config, *, wants_link: bool) -> None:
    """Serve until a signal asks for an end; print the one-time link where nobody is owner yet, or where it is wanted.

    Raises:
        OperatorError: the address cannot be listened on, a file of TLS is not usable, or `web.sqlite` is not.
    """
    database = AccessDatabase.open(config.data_dir)
    gc.set_threshold(*COLLECT)
    try:
        with listening(config.web_listen.host, config.web_listen.port) as wire:
            asyncio.run(_serve(config, database, wire, wants_link=wants_link))
    finally:
        database.close()


async def _serve(config: Config, database: AccessDatabase, wire: socket.socket, *, wants_link: bool) -> None:
    clock = SystemClock()
    port = wire.getsockname()[1]
    address = address_of(config, port)
    site = site_on(config, database, clock=clock, address=address)
    if wants_link or not site.accounts.has_owner():
        print(link_lines(address, site.accounts.new_setup(now=clock.now())), flush=True)  # noqa: T201 (for a person)
    tls = {"ssl_certfile": config.web_certificate, "ssl_keyfile": config.web_key} if config.web_certificate else {}
    server = uvicorn.Server(
        uvicorn.Config(
            shielded(site, hosts=hosts_of(config, address)),
            **tls,  # type: ignore[arg-type]
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(config.web_proxy),
            forwarded_allow_ips=",".join(config.web_proxy),
            timeout_graceful_shutdown=STOP_S,
            timeout_keep_alive=20,
            h11_max_incomplete_event_size=32 * 1024,
            limit_concurrency=2_000,
            ws="none",
            lifespan="off",
        )
    )
    log.info("the web is here", url=address, data=str(config.data_dir), version=hashwright.__version__)
    notify("READY=1\nSTATUS=Pages are served.")
    async with asyncio.TaskGroup() as group:
        look = group.create_task(site.live.run())
        watch = group.create_task(keep_watchdog())
        await server.serve(sockets=[wire])
        look.cancel()
        watch.cancel()
    notify("STOPPING=1")


def site_on(config: Config, database: AccessDatabase, *, clock: SystemClock, address: str) -> Site:
    """Build the parts of the web on a data folder."""
    is_https = address.startswith("https:")
    return Site(
        live=Live(config.data_dir, clock=clock),
        accounts=Accounts(database),
        keys=Keys(database),
        audit=Audit(database),
        answers=Answers(database),
        preferences=Preferences(database),
        clock=clock,
        origins=origins_of(config, address),
        cookie="__Host-hw" if is_https else "hw_session",
        is_https=is_https,
        version=hashwright.__version__,
    )


def address_of(config: Config, port: int) -> str:
    """Return the address that people type: the one that was set, or where we listen."""
    if config.web_url:
        return config.web_url.rstrip("/")
    host = "127.0.0.1" if config.web_listen.host in WILDCARDS else config.web_listen.host
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if config.web_certificate else 'http'}://{host}:{port}"


def hosts_of(config: Config, address: str) -> set[str]:
    """Return the names by which we may be asked: loopback, where we listen, and the address that was set."""
    named = urllib.parse.urlsplit(address).hostname or ""
    host = config.web_listen.host
    mine = {f"[{it}]" if ":" in it else it for it in (named, host) if it and it not in WILDCARDS}
    if host in WILDCARDS:
        mine |= {f"[{it}]" if ":" in it else it for it in own_addresses()}
    return {*LOOPBACK_NAMES, *mine}


def own_addresses() -> set[str]:
    """Return the addresses and the name of this computer, as far as it knows them."""
    found = {socket.gethostname().lower()}
    with contextlib.suppress(OSError):
        found |= {str(item[4][0]) for item in socket.getaddrinfo(socket.gethostname(), None)}
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as wire:
            wire.connect((target, 9))  # sends nothing: it only asks which address would be ours
            found.add(str(wire.getsockname()[0]))
    return found


def origins_of(config: Config, address: str) -> frozenset[str]:
    """Return the origins of our own pages."""
    scheme, port = urllib.parse.urlsplit(address).scheme, urllib.parse.urlsplit(address).port
    suffix = f":{port}" if port else ""
    return frozenset({address.lower(), *(f"{scheme}://{host.lower()}{suffix}" for host in hosts_of(config, address))})


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Bind the port before anything is started.

    Raises:
        OperatorError: it is taken, or not allowed (HW-103).
    """
    # TCP is named, because asyncio sends small answers at once (TCP_NODELAY) only where it knows that it is TCP;
    # without it a short answer waits 40 ms for the other side's acknowledgement
    wire = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wire.bind((host, port))
        wire.listen(BACKLOG)  # who comes before the server turns waits, instead of being turned away
        yield wire
    except OSError as error:
        raise OperatorError(
            f"The web cannot listen on {host}:{port}: {error.strerror or error}.",
            code="HW-103",
            hint="Choose another address with --listen, or stop the other program.",
        ) from error
    finally:
        wire.close()


def check_tls(config: Config) -> None:
    """Refuse certificate files that cannot be used, before anything is started.

    Raises:
        OperatorError: a file is missing, or the two do not belong together (HW-760).
    """
    if not config.web_certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.web_certificate, config.web_key or None)
    except (OSError, ssl.SSLError) as error:
        problem = f"The web's certificate cannot be used: {error}. Nothing was started."
        raise OperatorError(problem, code="HW-760") from error


def link_lines(address: str, word: str) -> str:
    """Say how the owner sets his password."""
    return (
        f"\nOpen this link within an hour to set the owner's password. It works once:\n\n"
        f"  {address}/#/setup/{word}\n\nWho has it becomes owner, so show it to nobody. A new one: hw web --new-link\n"
    )
