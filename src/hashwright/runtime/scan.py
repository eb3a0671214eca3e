"""Look for machines on networks of one's own: each address has its deadline, and what is found is told at once.

An address is knocked at on a few ports first. Only where something is open is it asked what it is: AxeOS, xmrig, an
ASIC that pyasic-rs knows, or anything with the cgminer API. Public networks are not scanned: they are other people's.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hashwright.adapters.devices import asic, axeos, cgminer, xmrig
from hashwright.adapters.devices.base import CanRead, read_device
from hashwright.errors import ConfigError, HashwrightError
from hashwright.fleet.events import Reading

ADDRESSES_MAX: Final = 65_536
AT_ONCE: Final = 200
KNOCK_S: Final = 1.0
ASK_S: Final = 4.0
LIBRARY_S: Final = 12.0
PORTS: Final = (80, 4028, 8080)
ASICS: Final = frozenset((4028,))
"""Ports of machines alone: who is silent there is worth a word; a web page without an answer may be anything."""
SILENT: Final = "says nothing"
NAME_FORM: Final = "m-{}"
BRIDGES: Final = tuple(ipaddress.IPv4Network(f"172.{number}.0.0/16") for number in range(17, 32))
"""The networks that Docker makes for containers, in its default order."""
Network = ipaddress.IPv4Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A machine at an address: its kind and settings, or why it does not let us in or says nothing."""

    host: str
    kind: str
    settings: dict[str, Any]
    model: str
    hashrate_hs: float | None
    power_w: float | None
    problem: str = ""

    @property
    def is_silent(self) -> bool:
        """Tell whether nothing is known but that something listens there."""
        return self.problem.startswith(SILENT)


def parse_range(text: str) -> Network:
    """Read `192.168.1.0/24` or one address.

    Raises:
        ConfigError: it is none, too large, or not a private network (HW-112).
    """
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise _refuse(f"{text!r} is not a network such as 192.168.1.0/24") from None
    if not isinstance(network, ipaddress.IPv4Network):
        raise _refuse(f"{text} is IPv6, which cannot be tried address by address")
    if network.num_addresses > ADDRESSES_MAX:
        raise _refuse(f"{text} has {network.num_addresses} addresses, more than {ADDRESSES_MAX}")
    if not network.is_private:
        raise _refuse(f"{text} is a public network: only private ones are scanned")
    return network


def settings_of(found: Found) -> dict[str, Any]:
    """Return a found machine as it is stored; its name is its address."""
    return {"name": NAME_FORM.format(found.host.replace(".", "-")), "kind": found.kind, "settings": found.settings}


def hosts_of(network: Network) -> Iterable[str]:
    """List the addresses to try, without the two that are no machine's."""
    return map(str, network.hosts())


def is_bridge(networks: Iterable[Network], *, marker: Path = Path("/.dockerenv")) -> bool:
    """Tell whether a range looks like Docker's own network, or this program runs in a container."""
    return marker.exists() or any(network.subnet_of(bridge) for network in networks for bridge in BRIDGES)


async def scan(network: Network, *, tell: Callable[[Found], None], tried: Callable[[], None]) -> int:
    """Try every address; `tell` each machine when it is found, `tried` after each address. Return how many."""
    places, found = asyncio.Semaphore(AT_ONCE), 0

    async def one(host: str) -> None:
        nonlocal found
        try:
            machine = await identify(host)
            if machine is not None:
                found += 1
                tell(machine)
        finally:
            places.release()
            tried()

    async with asyncio.TaskGroup() as group:
        for host in hosts_of(network):
            await places.acquire()
            group.create_task(one(host))
    return found


async def identify(host: str) -> Found | None:
    """Find out what answers at an address; None where nothing does that we know."""
    knocks = await asyncio.gather(*(_is_open(host, port) for port in PORTS))
    opened = {port for port, is_open in zip(PORTS, knocks, strict=True) if is_open}
    problem = ""
    is_silent = True
    for kind, where, deadline_s in _candidates(host, opened):
        reading, driver = await _try(kind, where, deadline_s)
        if driver is not None:
            await driver.aclose()
        if reading.answer == "ok":
            return _found(host, kind, where, reading)
        is_silent = is_silent and reading.answer == "unreachable"
        if reading.answer == "refused" and "HTTP 40" in reading.detail:
            problem = reading.detail
    if opened & ASICS and is_silent:
        problem = f"{SILENT}: port {', '.join(map(str, sorted(opened)))} is open"
    if not problem:
        return None
    return Found(host=host, kind="", settings={}, model="", hashrate_hs=None, power_w=None, problem=problem)


def _candidates(host: str, opened: set[int]) -> list[tuple[str, dict[str, Any], float]]:
    place: dict[str, Any] = {"host": host}
    found: list[tuple[str, dict[str, Any], float]] = []
    if 80 in opened:
        found.append(("axeos", place, ASK_S))
    if 8080 in opened:
        found.append(("xmrig", place, ASK_S))
    if opened & {80, 4028}:
        found.append(("asic", place, LIBRARY_S))
    if 4028 in opened:
        found.append(("cgminer", place, ASK_S))
    return found


async def _try(kind: str, where: dict[str, Any], deadline_s: float) -> tuple[Reading, CanRead | None]:
    modules = {"axeos": axeos, "xmrig": xmrig, "asic": asic, "cgminer": cgminer}
    plugin = modules[kind].PLUGIN
    driver = plugin.build(plugin.config(**where))
    try:
        return await read_device(driver, "", at=0, deadline_s=deadline_s), driver
    except HashwrightError as error:
        return Reading(device="", at=0, answer="refused", detail=str(error)), driver


def _found(host: str, kind: str, where: dict[str, Any], reading: Reading) -> Found:
    return Found(
        host=host,
        kind=kind,
        settings=where,
        model=reading.model,
        hashrate_hs=reading.hashrate_hs,
        power_w=reading.power_w,
    )


async def _is_open(host: str, port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(KNOCK_S):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return True
    return False


def _refuse(problem: str) -> ConfigError:
    return ConfigError(f"{problem}.", code="HW-112", hint="Write your own network, usually 192.168.1.0/24.")
