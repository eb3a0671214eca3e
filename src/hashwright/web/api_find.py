"""`hw find` from a page: look for machines on networks of one's own, watch it, add what was chosen; and pools.

Looking changes nothing and is for who operates. Where machines mine is whom they pay: only who pays may set that.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from hashwright.runtime.upstream_settings import parse_address
from hashwright.web.acting import ASKING, Answered, Command, send
from hashwright.web.api_fleet import FLEET_S, Label, Names, named
from hashwright.web.context import AnyRequest, IdempotencyKey, act, caller_of, needs, site_of
from hashwright.web.documents import Document
from hashwright.web.operations import acting, asking
from hashwright.web.scans import RANGES_MAX, Scan, Scanner, chosen, document_of

PAUSE_S: Final = 0.5
HEARTBEAT_S: Final = 15.0
ADDED_MAX: Final = 500
POOLS_S: Final = 300.0
"""Machines that start again for a new pool are waited for."""
Range = Annotated[str, msgspec.Meta(min_length=7, max_length=40)]
Host = Annotated[str, msgspec.Meta(min_length=7, max_length=40)]
Word = Annotated[str, msgspec.Meta(max_length=32)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ScanWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Networks to look at, such as `192.168.1.0/24`."""

    ranges: Annotated[tuple[Range, ...], msgspec.Meta(min_length=1, max_length=RANGES_MAX)]


class ScanDocument(Document, frozen=True, kw_only=True):
    """How far a scan is, and what it found. `problem` of a machine: why it does not let us in, or that it is silent."""

    number: int
    who: str
    ranges: tuple[str, ...]
    state: str
    tried: int
    total: int
    began_ms: int
    ended_ms: int | None
    problem: str
    found: tuple[dict[str, Any], ...]


class ScanList(Document, frozen=True, kw_only=True):
    """The newest scan; none was made since the web began where there is none."""

    scans: tuple[ScanDocument, ...]


class AddWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the found machines to look after from now on."""

    hosts: Annotated[tuple[Host, ...], msgspec.Meta(min_length=1, max_length=ADDED_MAX)]
    group: Word = ""
    site: Word = ""
    tags: Annotated[tuple[Label, ...], msgspec.Meta(max_length=8)] = ()


class PoolsWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where machines are to mine: up to three addresses, and a user, in which `{name}` is the machine's own name."""

    devices: Names
    urls: Annotated[tuple[Url, ...], msgspec.Meta(min_length=1, max_length=3)]
    user: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class FindController(Controller):
    """Looking for machines, and pointing them here."""

    path = "/api/v1/fleet"
    tags = ("fleet",)

    @asking("/scans", "operate", name="listScans", summary="The newest scan")
    async def listed(self, request: AnyRequest) -> ScanList:
        """Show the newest scan: a page that is loaded anew goes on with it."""
        scan = scanner_of(request).current
        return ScanList(scans=() if scan is None else (written(scan),))

    @acting("post /scans", "operate", name="startScan", summary="Look for machines")
    async def start(self, request: AnyRequest, data: JSONBody[ScanWish], key: IdempotencyKey) -> Response[ScanDocument]:
        """Knock at each address of one's own networks; nothing is changed on a machine, and none is added."""

        async def work() -> ScanDocument:
            return written(scanner_of(request).start(caller_of(request).name, data.ranges))

        return await act(request, key, "look for machines", " ".join(data.ranges), work)

    @acting("delete /scans/{number:int}", "operate", name="cancelScan", summary="End a scan")
    async def cancel(self, request: AnyRequest, number: FromPath[int], key: IdempotencyKey) -> Response[ScanDocument]:
        """End a scan; what was found stays."""

        async def work() -> ScanDocument:
            return written(await scanner_of(request).cancel(number))

        return await act(request, key, "end a scan", str(number)[:20], work)

    @get(
        "/scans/{number:int}/events",
        guards=[needs("operate")],
        responses={
            **ASKING,
            200: ResponseSpec(str, description="Events `scan`.", media_type="text/event-stream"),
        },
        operation_id="followScan",
        summary="A scan as server-sent events",
    )
    async def events(self, request: AnyRequest, number: FromPath[int]) -> Stream:
        """Follow a scan to its end: how far it is, and each machine once, when it is found."""
        scanner = scanner_of(request)
        return Stream(
            follow(scanner, scanner.scan(number)),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    @acting("post /scans/{number:int}/machines", "operate", name="addFound", summary="Add machines that were found")
    async def add(
        self, request: AnyRequest, number: FromPath[int], data: JSONBody[AddWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Look after machines from now on, as the scan heard them; one that is known by its address stays as it is."""
        site = site_of(request)

        async def work() -> Answered:
            from hashwright.runtime.scan import settings_of

            wanted = chosen(scanner_of(request).scan(number), data.hosts)
            known = {it.fields["host"] for it in (await site.live.fresh()).fleet.devices.values()}
            labels = {"group": data.group, "site": data.site, "tags": list(data.tags)}
            new = [settings_of(it) | labels for it in wanted if it.host not in known]
            saved = await site.live.ask("fleet-set", timeout_s=FLEET_S, devices=new) if new else {}
            site.live.fleet_is_old()
            return Answered(result={**saved, "added": [it["name"] for it in new], "known": len(wanted) - len(new)})

        return await act(request, key, "add machines", named(data.hosts), work)

    @acting("post /pools", "pay", name="setPools", summary="Tell machines where to mine")
    async def pools(self, request: AnyRequest, data: JSONBody[PoolsWish], key: IdempotencyKey) -> Response[Answered]:
        """Set the pools of machines and read them back; it ends where more than 2 % of them, or three, refuse."""
        pools = [{"url": str(parse_address(url)), "user": data.user} for url in data.urls]
        wanted = Command(
            verb="fleet-pools",
            action="set pools",
            target=f"{pools[0]['url']} as {data.user}: {named(data.devices)}",
            arguments={"devices": data.devices, "pools": pools},
            timeout_s=POOLS_S,
        )
        return await send(request, key, wanted, after=site_of(request).live.fleet_is_old)


def scanner_of(request: AnyRequest) -> Scanner:
    """Return the scanner of the site."""
    scanner: Scanner = request.app.state.scanner
    return scanner


def written(scan: Scan, *, after: int = 0) -> ScanDocument:
    """Write a scan, with what was found after the first so many."""
    return ScanDocument(
        number=scan.number,
        who=scan.who,
        ranges=scan.ranges,
        state=scan.state,
        tried=scan.tried,
        total=scan.total,
        began_ms=scan.began_ms,
        ended_ms=scan.ended_ms,
        problem=scan.problem,
        found=tuple(document_of(it) for it in scan.found[after:]),
    )


async def follow(scanner: Scanner, scan: Scan) -> AsyncIterator[bytes]:
    """Yield how far a scan is, at most twice a second, and last how it ended."""
    sent = 0
    while True:
        is_over = scan.state != "running"
        document = written(scan, after=sent)
        sent += len(document.found)
        yield b"event: scan\ndata: " + msgspec.json.encode(document) + b"\n\n"
        if is_over:
            return
        await scanner.change(within_s=HEARTBEAT_S)
        await asyncio.sleep(PAUSE_S)
