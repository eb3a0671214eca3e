"""Looking for machines from a page: one scan at a time, of home and farm networks only, kept until the next.

The scan runs here, beside the program, so that what answers oddly never holds up a share. It is bounded: so many
networks and addresses, a limit of time, one at once. Who reloads the page finds it where it is; who cancels keeps what
was found. It changes nothing: machines are added by a request of their own, as this scan heard them.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog

from hashwright.clock import Clock
from hashwright.errors import EXIT_NOTHING, ConfigError, OperatorError

if TYPE_CHECKING:
    from hashwright.runtime.scan import Found, Network

log = structlog.get_logger()

RANGES_MAX: Final = 8
ADDRESSES_MAX: Final = 65_536
FOUND_MAX: Final = 20_000
LIMIT_S: Final = 3_600.0
"""The largest network takes some minutes; machines that hang each take their deadline."""
HOMES: Final = tuple(ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""Networks of one's own (RFC 1918). This computer itself and addresses of a link are not looked at from a page."""
ScanState = Literal["running", "done", "cancelled", "failed"]


@dataclass(slots=True, kw_only=True)
class Scan:
    """A scan: how far it is, and what it found, in the order in which machines answered."""

    number: int
    who: str
    ranges: tuple[str, ...]
    total: int
    began_ms: int
    tried: int = 0
    state: ScanState = "running"
    ended_ms: int | None = None
    found: "list[Found]" = field(default_factory=list)
    problem: str = ""


class Scanner:
    """The scan of a site."""

    def __init__(self, *, clock: Clock, limit_s: float = LIMIT_S) -> None:
        self.current: Scan | None = None
        self._clock = clock
        self._limit_s = limit_s
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def start(self, who: str, texts: Sequence[str]) -> Scan:
        """Begin to look.

        Raises:
            ConfigError: a text is no network of one's own, or they are too many (HW-112, HW-436).
            OperatorError: another scan runs (HW-437).
        """
        networks = networks_of(texts)
        if self.current is not None and self.current.state == "running":
            raise OperatorError(
                f"{self.current.who} looks for machines already.", code="HW-437", hint="Wait, or cancel that."
            )
        number = 1 if self.current is None else self.current.number + 1
        total = sum(_addresses(it) for it in networks)
        ranges = tuple(map(str, networks))
        self.current = Scan(number=number, who=who, ranges=ranges, total=total, began_ms=self._clock.now())
        # allow task: kept here, cancelled by `cancel` and `close`, and bounded in time
        self._task = asyncio.get_running_loop().create_task(self._run(self.current, networks))
        return self.current

    def scan(self, number: int) -> Scan:
        """Return the scan of a number.

        Raises:
            OperatorError: it is not the newest (HW-438).
        """
        if self.current is None or self.current.number != number:
            error = OperatorError(
                f"There is no scan {number} any more.", code="HW-438", hint="Look for machines again."
            )
            error.exit_code = EXIT_NOTHING
            raise error
        return self.current

    async def cancel(self, number: int) -> Scan:
        """End a scan; what was found stays."""
        scan = self.scan(number)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        return scan

    async def close(self) -> None:
        """End with the site."""
        if self.current is not None:
            await self.cancel(self.current.number)

    async def change(self, *, within_s: float) -> None:
        """Wait until something was tried or found, but not longer than a time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._changed.wait()

    async def _run(self, scan: Scan, networks: "Sequence[Network]") -> None:
        try:
            async with asyncio.timeout(self._limit_s):
                for network in networks:
                    await looked(network, tell=lambda it: self._tell(scan, it), tried=lambda: self._tried(scan))
            scan.state = "done"
        except asyncio.CancelledError:
            scan.state = "cancelled"
        except TimeoutError:
            scan.state, scan.problem = "failed", f"It took longer than {self._limit_s / 60:.0f} minutes."
        except Exception as error:  # what a stranger on the network answers is never the site's fault
            log.exception("a scan failed")
            scan.state, scan.problem = "failed", f"Looking failed: {type(error).__name__}."
        finally:
            scan.ended_ms = self._clock.now()
            self._wake()

    def _tell(self, scan: Scan, found: "Found") -> None:
        if len(scan.found) < FOUND_MAX:
            scan.found.append(found)
        self._wake()

    def _tried(self, scan: Scan) -> None:
        scan.tried += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


async def looked(network: "Network", *, tell: "Callable[[Found], None]", tried: Callable[[], None]) -> None:
    """Try every address of a network."""
    from hashwright.runtime.scan import scan

    await scan(network, tell=tell, tried=tried)


def networks_of(texts: Sequence[str]) -> "list[Network]":
    """Read networks that may be looked at from a page.

    Raises:
        ConfigError: one is none (HW-112), not of home or farm, or they are too many (HW-436).
    """
    from hashwright.runtime.scan import parse_range

    if not 1 <= len(texts) <= RANGES_MAX:
        raise ConfigError(f"A scan has 1 to {RANGES_MAX} networks.", code="HW-436", hint="Write fewer at once.")
    networks = [parse_range(text) for text in texts]
    for network in networks:
        if not any(network.subnet_of(home) for home in HOMES):
            raise ConfigError(
                f"{network} is not looked at from a page: only 10.x, 172.16-31.x and 192.168.x are.",
                code="HW-436",
                hint="On the machine itself: hw find.",
            )
    if sum(_addresses(it) for it in networks) > ADDRESSES_MAX:
        raise ConfigError(f"These are more than {ADDRESSES_MAX} addresses.", code="HW-436", hint="Look part by part.")
    return networks


def _addresses(network: "Network") -> int:
    return max(network.num_addresses - (2 if network.prefixlen < 31 else 0), 1)


def chosen(scan: Scan, hosts: Sequence[str]) -> "list[Found]":
    """Return found machines by their addresses.

    Raises:
        OperatorError: one was not found, or does not let us in (HW-439).
    """
    known = {it.host: it for it in scan.found if not it.problem}
    missing = [host for host in hosts if host not in known]
    if missing:
        raise OperatorError(
            f"{missing[0][:40]} is no machine that this scan found and that lets us in. Nothing was added.",
            code="HW-439",
            hint="Choose from the list.",
        )
    return [known[host] for host in dict.fromkeys(hosts)]


def document_of(found: "Found") -> dict[str, Any]:
    """Return a found machine for a page."""
    names = ("host", "kind", "model", "hashrate_hs", "power_w", "problem")
    return {name: getattr(found, name) for name in names} | {"is_silent": found.is_silent}
