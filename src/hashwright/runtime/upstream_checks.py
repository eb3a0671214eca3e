"""Can we mine at this upstream? The primary is looked at closely, each fall-back only for whether it takes us.

All addresses are asked at the same time: a person waits for the slowest, not for the sum. A fall-back that does not
answer is a warning, for that is what fall-backs are for.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import ConfigError, HashwrightError
from hashwright.pool.extranonce import PREFIX_BYTES
from hashwright.runtime.checks import Check, failed, ok, shortened, titled
from hashwright.runtime.route_probe import JobFound, Probe, ProbeLimits, ProbeOptions
from hashwright.runtime.route_test import probe, solo_problem
from hashwright.runtime.upstream_names import NameBook
from hashwright.runtime.upstream_settings import UpstreamSettings, parse_upstream, password_of

SLOW_MS = 1000
"""A share that takes longer to a pool is often stale there."""


async def check_upstream(raw: Mapping[str, Any], *, limits: ProbeLimits | None = None) -> list[Check]:
    """Check an upstream from its settings to its first job; never raises for bad ones."""
    try:
        settings = parse_upstream(raw)
        password = password_of(settings)
    except ConfigError as error:
        if not error.findings:
            return [failed(error.message, error.code, error.hint)]
        return [failed(titled(item), item.code, item.hint) for item in error.findings]
    if ALGORITHMS[settings.algorithm].work == "blob":
        from hashwright.runtime.blob_checks import check_blob_upstream  # sockets and logs: only where they are used

        return await check_blob_upstream(settings)
    looks = [_look(options_of(settings, url, password), limits) for url in settings.urls]
    primary, *fallbacks = await asyncio.gather(*looks)
    checks = _primary_checks(settings, primary)
    pairs = zip(settings.urls[1:], fallbacks, strict=True)
    return checks + [_fallback_check(url, found) for url, found in pairs]


def options_of(settings: UpstreamSettings, url: str, password: str) -> ProbeOptions:
    """Return what to look at for one address of an upstream."""
    return ProbeOptions(
        url=url,
        user=NameBook(settings).base,
        password=password,
        algorithm=settings.algorithm,
        coin=settings.coin,
        network=settings.network,
        solo_address=settings.solo_address,
        pin_sha256=settings.pin_sha256 if "+ssl" in url else "",
        version_rolling=settings.version_rolling,
    )


async def _look(options: ProbeOptions, limits: ProbeLimits | None) -> Probe | HashwrightError:
    try:
        return await probe(options, limits=limits)
    except HashwrightError as error:
        return error


def _primary_checks(settings: UpstreamSettings, found: Probe | HashwrightError) -> list[Check]:
    if isinstance(found, HashwrightError):
        return [failed(f"primary {found.message}", found.code, found.hint)]
    checks = [_connection_check(found)]
    if found.tls is not None:
        checks.append(ok(f"certificate is {found.tls.trusted}; its fingerprint is {found.tls.sha256}"))
    checks += [ok(f"user {NameBook(settings).base} is taken"), _room_check(found), _mask_check(settings, found)]
    return checks + ([] if found.job is None else _job_checks(settings, found, found.job))


def _connection_check(found: Probe) -> Check:
    text = f"{found.url} answers: connected in {found.connected_ms} ms, subscribed in {found.subscribed_ms} ms"
    if found.subscribed_ms < SLOW_MS:
        return ok(text)
    fix = "It is far or busy: more shares than usual will be stale."
    return Check(state="warning", title=text, code="HW-430", fix=fix)


def _room_check(found: Probe) -> Check:
    room = found.room
    size = f"extranonce2 has {room.extranonce2_size} bytes"
    if room.machines == 1:
        return ok(f"{size}: one connection a machine")
    few = "" if room.own_bytes == PREFIX_BYTES else f", {PREFIX_BYTES} bytes would be usual"
    return ok(f"{size}: one connection carries {room.machines} machines{few}")


def _mask_check(settings: UpstreamSettings, found: Probe) -> Check:
    if found.mask_bits:
        return ok(f"version rolling is granted, mask {found.mask}")
    if not settings.version_rolling:
        return Check(state="skipped", title="version rolling is not asked for")
    return Check(state="skipped", title="version rolling is not granted; machines get mask 0")


def _job_checks(settings: UpstreamSettings, found: Probe, job: JobFound) -> list[Check]:
    checks = [ok(f"first job in {found.first_job_ms} ms, difficulty {found.difficulty or 1:g}")]
    if job.problem:
        text = f"whom its blocks pay cannot be read: {job.problem}"
        checks.append(Check(state="warning", title=text, code="HW-432", fix="Ask the pool what its coinbase is."))
    else:
        checks.append(ok(f"coinbase of height {job.height}, tag {job.tag!r}, pays {payee_text(job)}"))
    problem = solo_problem(found, options_of(settings, found.url, ""))
    if problem:
        checks.append(failed(problem, "HW-432", "Do not mine to it, or leave --solo-address out."))
    elif settings.solo_address:
        checks.append(ok(f"its coinbase pays you: {settings.solo_address}"))
    return checks


def payee_text(job: JobFound) -> str:
    """Name who gets most of a block."""
    paid = [output for output in job.outputs if not output.is_data]
    if not paid:
        return "nobody"
    most = max(paid, key=lambda output: int(output.value))
    more = f" and {len(paid) - 1} more" if len(paid) > 1 else ""
    return (most.address or f"script {shortened(most.script)}") + more


def _fallback_check(url: str, found: Probe | HashwrightError) -> Check:
    if isinstance(found, HashwrightError):
        text = f"fall-back {url} does not take us: {found.message}".rstrip(".")
        return Check(state="warning", title=text, code=found.code, fix=found.hint)
    return ok(f"fall-back {url} answers, first job in {found.first_job_ms} ms")
