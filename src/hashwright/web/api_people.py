"""Letting others in: accounts, keys, links, and the trail of who did what. Only an owner may.

A key's or a link's word is shown once, in the answer that makes it. That answer is not stored, so these requests take
no idempotency key: who repeats one makes a second, and sees both in the list.
"""

import asyncio
import dataclasses
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody

from hashwright.web.api_view import Cursor, Limit
from hashwright.web.context import AnyRequest, caller_of, needs, note, problems, site_of
from hashwright.web.cursor import cursor_of, number_of
from hashwright.web.documents import Document
from hashwright.web.roles import Permission, Role

Short = Annotated[str, msgspec.Meta(max_length=300)]
Days = Annotated[int, msgspec.Meta(ge=1, le=3660)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
MANAGING: Final = problems(401, 403, 404, 409, 422)


class Person(Document, frozen=True, kw_only=True):
    """An account."""

    name: str
    role: Role
    pool: str
    member: str
    has_totp: bool
    created_ms: int
    disabled_ms: int | None


class NewPerson(Document, frozen=True, kw_only=True):
    """An account to make; a member names his pool and his name in it."""

    name: Short
    role: Literal["owner", "operator", "member", "buyer"]
    password: Short
    pool: Short = ""
    member: Short = ""


class People(Document, frozen=True, kw_only=True):
    """All accounts."""

    people: tuple[Person, ...]


class KeyDocument(Document, frozen=True, kw_only=True):
    """A key without its word."""

    id: int
    note: str
    scopes: tuple[Permission, ...]
    made_by: str
    created_ms: int
    expires_ms: int | None
    used_ms: int | None
    revoked_ms: int | None


class KeyList(Document, frozen=True, kw_only=True):
    """All keys."""

    keys: tuple[KeyDocument, ...]


class NewKey(Document, frozen=True, kw_only=True):
    """A key to make; without days it lives until it is revoked."""

    note: Short
    scopes: tuple[Literal["view", "money", "operate", "pay"], ...]
    days: Days | None = None


class LinkDocument(Document, frozen=True, kw_only=True):
    """A read-only link without its word."""

    id: int
    note: str
    shows_money: bool
    made_by: str
    created_ms: int
    expires_ms: int
    used_ms: int | None
    revoked_ms: int | None


class LinkList(Document, frozen=True, kw_only=True):
    """All links."""

    links: tuple[LinkDocument, ...]


class NewLink(Document, frozen=True, kw_only=True):
    """A link to make."""

    note: Short
    days: Days
    shows_money: bool = False


class Word(Document, frozen=True, kw_only=True):
    """A secret that is shown this once."""

    word: str


class AuditDocument(Document, frozen=True, kw_only=True):
    """Who did what, and what came of it."""

    id: int
    at_ms: int
    who: str
    peer: str
    action: str
    target: str
    outcome: str


class AuditPage(Document, frozen=True, kw_only=True):
    """A page of the trail, newest first."""

    next_cursor: str | None
    rows: tuple[AuditDocument, ...]


class PeopleController(Controller):
    """Who may look and act."""

    path = "/api/v1"
    tags = ("people",)
    guards = (needs("manage"),)

    @get("/people", responses=MANAGING, operation_id="listPeople", summary="Accounts")
    async def people(self, request: AnyRequest) -> People:
        """List accounts."""
        found = await asyncio.to_thread(site_of(request).accounts.listed)
        return People(
            people=tuple(
                Person(
                    name=it.name,
                    role=it.role,
                    pool=it.pool,
                    member=it.member,
                    has_totp=bool(it.totp),
                    created_ms=it.created_ms,
                    disabled_ms=it.disabled_ms,
                )
                for it in found
            )
        )

    @post("/people", status_code=200, responses=MANAGING, operation_id="addPerson", summary="Make an account")
    async def add_person(self, request: AnyRequest, data: JSONBody[NewPerson]) -> People:
        """Make an account."""
        site = site_of(request)
        await asyncio.to_thread(
            site.accounts.add,
            data.name,
            data.role,
            data.password,
            pool=data.pool,
            member=data.member,
            now=site.clock.now(),
        )
        await note(request, "make account", f"{data.name} ({data.role})", "done")
        return await self.people.fn(self, request)  # type: ignore[no-any-return]

    @delete("/people/{name:str}", status_code=200, responses=MANAGING, operation_id="disablePerson", summary="Let out")
    async def disable(self, request: AnyRequest, name: FromPath[str]) -> People:
        """Let an account in no more; its sessions end at once."""
        site = site_of(request)
        await asyncio.to_thread(site.accounts.disable, name, now=site.clock.now())
        await note(request, "disable account", name, "done")
        return await self.people.fn(self, request)  # type: ignore[no-any-return]

    @get("/keys", responses=MANAGING, operation_id="listKeys", summary="Keys")
    async def keys(self, request: AnyRequest) -> KeyList:
        """List keys."""
        found = await asyncio.to_thread(site_of(request).keys.keys)
        return KeyList(keys=tuple(KeyDocument(**dataclasses.asdict(it)) for it in found))

    @post("/keys", status_code=200, responses=MANAGING, operation_id="addKey", summary="Make a key")
    async def add_key(self, request: AnyRequest, data: JSONBody[NewKey]) -> Word:
        """Make a key; its word is shown this once."""
        site = site_of(request)
        scopes: tuple[Any, ...] = tuple(dict.fromkeys(data.scopes))
        word = await asyncio.to_thread(
            site.keys.add_key, data.note, scopes, days=data.days, by=caller_of(request).who, now=site.clock.now()
        )
        await note(request, "make key", f"{data.note} ({' '.join(scopes)})", "done")
        return Word(word=word)

    @delete("/keys/{number:int}", status_code=200, responses=MANAGING, operation_id="revokeKey", summary="Revoke a key")
    async def revoke_key(self, request: AnyRequest, number: FromPath[Number]) -> KeyList:
        """Let a key count no more."""
        site = site_of(request)
        await asyncio.to_thread(site.keys.revoke_key, number, now=site.clock.now())
        await note(request, "revoke key", str(number), "done")
        return await self.keys.fn(self, request)  # type: ignore[no-any-return]

    @get("/links", responses=MANAGING, operation_id="listLinks", summary="Read-only links")
    async def links(self, request: AnyRequest) -> LinkList:
        """List links."""
        found = await asyncio.to_thread(site_of(request).keys.links)
        return LinkList(links=tuple(LinkDocument(**dataclasses.asdict(it)) for it in found))

    @post("/links", status_code=200, responses=MANAGING, operation_id="addLink", summary="Make a read-only link")
    async def add_link(self, request: AnyRequest, data: JSONBody[NewLink]) -> Word:
        """Make a link; its word is shown this once."""
        site = site_of(request)
        word = await asyncio.to_thread(
            site.keys.add_link,
            data.note,
            shows_money=data.shows_money,
            days=data.days,
            by=caller_of(request).who,
            now=site.clock.now(),
        )
        await note(request, "make link", f"{data.note} ({data.days} days)", "done")
        return Word(word=word)

    @delete("/links/{number:int}", status_code=200, responses=MANAGING, operation_id="revokeLink", summary="End a link")
    async def revoke_link(self, request: AnyRequest, number: FromPath[Number]) -> LinkList:
        """End a link and the sessions that came by it."""
        site = site_of(request)
        await asyncio.to_thread(site.keys.revoke_link, number, now=site.clock.now())
        await note(request, "end link", str(number), "done")
        return await self.links.fn(self, request)  # type: ignore[no-any-return]

    @get("/audit", responses=MANAGING, operation_id="listAudit", summary="Who did what")
    async def audit(self, request: AnyRequest, limit: Limit = 100, cursor: Cursor = None) -> AuditPage:
        """List what was done, newest first."""
        before = number_of(cursor, start=2**62)
        rows = await asyncio.to_thread(site_of(request).audit.rows, before=before, limit=limit + 1)
        more = len(rows) > limit
        return AuditPage(
            next_cursor=cursor_of(str(rows[limit - 1].id)) if more else None,
            rows=tuple(AuditDocument(**dataclasses.asdict(it)) for it in rows[:limit]),
        )
