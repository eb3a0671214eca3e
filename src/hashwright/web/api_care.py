"""The care of an instance: who is told of alerts, copies of the database, and what is set, without its secrets.

An address of notices holds a token. It is taken here and never given back: it stands in a file of its own (0600) below
the data folder, and the program is told the file. References to other files are not taken from a page.
"""

import asyncio
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody

from hashwright.errors import HashwrightError, OperatorError, TimedOut
from hashwright.runtime.web_backup import backup_web, web_file_of
from hashwright.web import overview
from hashwright.web.acting import ACTING, ASKING, Answered, Command, send
from hashwright.web.context import AnyRequest, IdempotencyKey, act, needs, problems, site_of
from hashwright.web.documents import Document

SEND_S: Final = 90.0
BACKUP_S: Final = 3600.0
SECRETS: Final = "secrets"
BACKUPS: Final = "backups"
ADDRESS_MAX: Final = 1_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
Code = Annotated[str, msgspec.Meta(max_length=10, pattern="^HW-[0-9]{3}$")]


class TargetWish(Document, frozen=True, kw_only=True):
    """How somebody is told. `address` is one of Apprise's; without one, that which was given before stays."""

    address: Annotated[str, msgspec.Meta(max_length=ADDRESS_MAX)] = ""
    level: Literal["info", "warning", "critical"] = "warning"
    muted: Annotated[tuple[Code, ...], msgspec.Meta(max_length=100)] = ()
    also: Annotated[tuple[Code, ...], msgspec.Meta(max_length=100)] = ()
    quiet: Annotated[str, msgspec.Meta(max_length=20)] = ""
    zone: Annotated[str, msgspec.Meta(max_length=64)] = "UTC"
    repeat_minutes: Annotated[int, msgspec.Meta(ge=1, le=10_080)] = 60


class TargetDocument(Document, frozen=True, kw_only=True):
    """Somebody who is told; the address is never shown."""

    name: str
    level: str
    muted: tuple[str, ...]
    also: tuple[str, ...]
    quiet: str
    zone: str
    repeat_minutes: int
    sent: int
    waiting: int
    problem: str


class TargetList(Document, frozen=True, kw_only=True):
    """All who are told."""

    targets: tuple[TargetDocument, ...]


class BackupDocument(Document, frozen=True, kw_only=True):
    """A copy of the database in the folder `backups` of the data folder. `has_web`: accounts are with it."""

    name: str
    bytes: int
    made_ms: int
    has_web: bool


class BackupList(Document, frozen=True, kw_only=True):
    """All copies, newest first, and where they are."""

    folder: str
    backups: tuple[BackupDocument, ...]


class Overview(Document, frozen=True, kw_only=True):
    """What is set: sites, own pools and accounts with the address that is paid, and how payouts go; no secret."""

    sites: tuple[dict[str, Any], ...]
    wallets: tuple[dict[str, Any], ...]
    markets: tuple[str, ...]
    feeds: tuple[dict[str, Any], ...]


class NotifyController(Controller):
    """Who is told of alerts."""

    path = "/api/v1/notify"
    tags = ("care",)
    guards = (needs("manage"),)

    @get("", responses=ASKING, operation_id="listTargets", summary="Who is told of alerts")
    async def listed(self, request: AnyRequest) -> TargetList:
        """List who is told, and how the last notices went."""
        names = TargetDocument.__struct_fields__
        rows = await site_of(request).live.ask("notify-list")
        return TargetList(
            targets=tuple(msgspec.convert({key: row[key] for key in names}, TargetDocument) for row in rows)
        )

    @put("/{name:str}", responses=ACTING, operation_id="setTarget", summary="Tell somebody")
    async def set_target(
        self, request: AnyRequest, name: FromPath[str], data: JSONBody[TargetWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Tell somebody from now on, or otherwise than before; the address is written and never read back."""
        site = site_of(request)
        file = secret_file(site.live.folder, name)

        async def work() -> Answered:
            before = {row["name"]: row for row in await site.live.ask("notify-list")}
            reference = before.get(name, {}).get("address_from", "")
            old = await asyncio.to_thread(write_secret, file, data.address) if data.address else None
            if not data.address and not reference:
                raise OperatorError("A new target needs an address.", code="HW-973")
            raw = msgspec.to_builtins(data) | {
                "name": name,
                "address_from": f"file:{file}" if data.address else reference,
            }
            del raw["address"]
            try:
                return Answered(result=await site.live.ask("notify-set", notify=raw, timeout_s=SEND_S))
            except TimedOut:
                raise  # nobody knows whether it counts: then the new address stays with the new target
            except HashwrightError:
                if data.address:
                    await asyncio.to_thread(take_back, file, old)
                raise

        return await act(request, key, "notify-set", f"{name} {data.level}", work)

    @post("/{name:str}/test", status_code=200, responses=ACTING, operation_id="testTarget", summary="Try it")
    async def test(self, request: AnyRequest, name: FromPath[str], key: IdempotencyKey) -> Response[Answered]:
        """Send a notice now."""
        return await send(
            request, key, Command(verb="notify-test", target=name, arguments={"name": name}, timeout_s=SEND_S)
        )

    @delete(
        "/{name:str}", status_code=200, responses=ACTING, operation_id="removeTarget", summary="Tell somebody no more"
    )
    async def remove(self, request: AnyRequest, name: FromPath[str], key: IdempotencyKey) -> Response[Answered]:
        """Tell somebody no more, and forget his address."""
        site = site_of(request)
        file = secret_file(site.live.folder, name)

        async def work() -> Answered:
            answer = Answered(result=await site.live.ask("notify-remove", name=name))
            await asyncio.to_thread(file.unlink, missing_ok=True)
            return answer

        return await act(request, key, "notify-remove", name, work)


class CareController(Controller):
    """Copies, and what is set."""

    path = "/api/v1"
    tags = ("care",)

    @get(
        "/backups",
        guards=[needs("manage")],
        responses=problems(401, 403),
        operation_id="listBackups",
        summary="Copies of the database",
    )
    async def backups(self, request: AnyRequest) -> BackupList:
        """List the copies that were made here."""
        folder = site_of(request).live.folder / BACKUPS
        return BackupList(folder=str(folder), backups=tuple(await asyncio.to_thread(found_backups, folder)))

    @post(
        "/backups",
        status_code=200,
        guards=[needs("manage")],
        responses=ACTING,
        operation_id="makeBackup",
        summary="Copy the database",
    )
    async def backup(self, request: AnyRequest, key: IdempotencyKey) -> Response[BackupDocument]:
        """Copy the books and the dashboard's accounts while they are in use; each copy is proven before it is named."""
        site = site_of(request)
        moment = datetime.fromtimestamp(site.clock.now() / 1000, UTC)
        target = site.live.folder / BACKUPS / f"hashwright-{moment:%Y%m%d-%H%M%S}.db"

        async def work() -> BackupDocument:
            await asyncio.to_thread(target.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
            await site.live.ask("backup", timeout_s=BACKUP_S, target=str(target))
            await asyncio.to_thread(backup_web, site.live.folder, target)
            return await asyncio.to_thread(backup_of, target)

        return await act(request, key, "backup", target.name, work)

    @get(
        "/overview",
        guards=[needs("money")],
        responses=problems(401, 403, 409, 503),
        operation_id="readOverview",
        summary="What is set, without secrets",
    )
    async def overview(self, request: AnyRequest) -> Overview:
        """Show sites, wallets and payouts as they are set."""
        store = await asyncio.to_thread(site_of(request).live.store)
        if store is None:
            return Overview(sites=(), wallets=(), markets=(), feeds=())
        found = await asyncio.to_thread(overview.read, store)
        return Overview(**found)


# ---------------------------------------------------------------- secrets


def secret_file(folder: Path, name: str) -> Path:
    """Return where the address of a target is written.

    Raises:
        OperatorError: the name cannot be that of a file (HW-762).
    """
    if not _NAME.fullmatch(name):
        raise OperatorError(
            f"{name[:40]!r} is no name for a target.", code="HW-762", hint="Letters, digits, dot, dash, underscore."
        )
    return folder / SECRETS / f"notify-{name}"


def write_secret(file: Path, text: str) -> str | None:
    """Write a secret durably (0600), and return what stood there before."""
    old = file.read_text(encoding="utf-8") if file.exists() else None
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.part")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(file)
    return old


def take_back(file: Path, old: str | None) -> None:
    """Put a secret back to what it was: what was written is not used."""
    if old is None:
        file.unlink(missing_ok=True)
    else:
        write_secret(file, old)


# ---------------------------------------------------------------- copies


def found_backups(folder: Path) -> list[BackupDocument]:
    """List copies, newest first."""
    files = sorted(folder.glob("hashwright-*.db"), reverse=True) if folder.exists() else []
    return [backup_of(file) for file in files]


def backup_of(file: Path) -> BackupDocument:
    """Return one copy."""
    found = file.stat()
    return BackupDocument(
        name=file.name, bytes=found.st_size, made_ms=int(found.st_mtime * 1000), has_web=web_file_of(file).exists()
    )
