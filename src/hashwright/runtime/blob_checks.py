"""Can we mine at this CryptoNote upstream? It is asked as it will be used: by a real connection, up to a first job."""

import asyncio
from dataclasses import dataclass

import msgspec

from hashwright.errors import HashwrightError, TimedOut
from hashwright.pool.events import PoolEvent, UpstreamJobSeen
from hashwright.runtime.checks import Check, failed, ok
from hashwright.runtime.system import SystemClock, system_rng
from hashwright.runtime.upstream import Upstream
from hashwright.runtime.upstream_settings import UpstreamSettings, parse_address

LOOK_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one address of an upstream gave."""

    url: str
    first_job_ms: int
    job: UpstreamJobSeen
    is_split: bool


class _Desk:
    """Keeps the first job."""

    def __init__(self) -> None:
        self.job: UpstreamJobSeen | None = None

    def tell(self, event: PoolEvent) -> None:
        """Take an event."""
        if isinstance(event, UpstreamJobSeen) and self.job is None:
            self.job = event


async def check_blob_upstream(settings: UpstreamSettings) -> list[Check]:
    """Check all addresses at once; the primary must give a job, a fall-back that does not is a warning."""
    primary, *others = await asyncio.gather(*(_look(settings, url) for url in settings.urls))
    checks = _primary_checks(settings, primary)
    for url, found in zip(settings.urls[1:], others, strict=True):
        if isinstance(found, HashwrightError):
            text = f"fall-back {url} does not take us: {found.message}".rstrip(".")
            checks.append(Check(state="warning", title=text, code=found.code, fix=found.hint))
        else:
            checks.append(ok(f"fall-back {url} answers, first job in {found.first_job_ms} ms"))
    return checks


def _primary_checks(settings: UpstreamSettings, found: Look | HashwrightError) -> list[Check]:
    if isinstance(found, HashwrightError):
        return [failed(f"primary {found.message}", found.code, found.hint)]
    told = found.job.blob
    height = 0 if told is None else told.height
    checks = [
        ok(f"{found.url} takes the user {settings.user}; first job in {found.first_job_ms} ms"),
        ok(f"its job is for height {height}, fork {found.job.version}, difficulty {found.job.difficulty:,.0f}"),
    ]
    if found.is_split:
        text = "it splits the nonce itself: each machine needs a connection of its own there"
        checks.append(Check(state="warning", title=text, code="HW-310", fix="Better name the pool behind that proxy."))
    else:
        checks.append(ok("one connection carries 255 machines, told apart by a byte of the nonce"))
    skipped = "whom its blocks pay cannot be seen: a Monero job hides it"
    return [*checks, Check(state="skipped", title=skipped)]


async def _look(settings: UpstreamSettings, url: str) -> Look | HashwrightError:
    desk, loop = _Desk(), asyncio.get_running_loop()
    one = msgspec.structs.replace(settings, urls=[url])
    upstream = Upstream(one, clock=SystemClock(), desk=desk, next_channel=lambda: 1, rng=system_rng())
    began_s = loop.time()
    try:
        async with asyncio.timeout(LOOK_S):
            link = await upstream.connect_once(parse_address(url))
        if desk.job is None:
            return TimedOut(f"{url}: no job came.", code="HW-430")
        is_split = not link.extranonce2_size
        return Look(url=url, first_job_ms=round((loop.time() - began_s) * 1000), job=desk.job, is_split=is_split)
    except TimeoutError:
        return TimedOut(f"{url}: no job in {LOOK_S:g} s.", code="HW-430", hint="Check host and port.")
    except HashwrightError as error:
        return error
    finally:
        await upstream.aclose()
