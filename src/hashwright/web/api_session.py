"""Signing in and out, the first link, and one's own password and one-time codes."""

import asyncio

import segno
from litestar import Controller, Response, delete, get, post, put
from litestar.params import JSONBody

from hashwright.errors import OperatorError
from hashwright.web import passwords
from hashwright.web.context import (
    AnyRequest,
    Site,
    caller_of,
    note,
    problems,
    refuse_forged,
    signed_in,
    site_of,
)
from hashwright.web.documents import Document, SessionDocument
from hashwright.web.roles import PERMISSIONS, Caller


class SetUp(Document, frozen=True, kw_only=True):
    """The one-time word, and the owner's name and password."""

    token: str
    name: str
    password: str


class SignIn(Document, frozen=True, kw_only=True):
    """Name, password, and the one-time code where the account asks for one."""

    name: str
    password: str
    code: str = ""


class FollowLink(Document, frozen=True, kw_only=True):
    """The word of a read-only link."""

    token: str


class NewPassword(Document, frozen=True, kw_only=True):
    """The present password and the new one."""

    password: str
    new_password: str


class TotpOffer(Document, frozen=True, kw_only=True):
    """A secret for an authenticator; it counts once a code made from it was sent back."""

    secret: str
    address: str
    qr_svg: str


class TotpWish(Document, frozen=True, kw_only=True):
    """A secret with a code made from it; both empty to end one-time codes. The password is asked for again."""

    password: str
    secret: str = ""
    code: str = ""


class SessionController(Controller):
    """Who is signed in."""

    path = "/api/v1"
    tags = ("session",)

    @get("/session", responses=problems(), operation_id="readSession", summary="Who is signed in")
    async def read(self, request: AnyRequest) -> SessionDocument:
        """Tell who is signed in, and what he may."""
        return await session_document(request)

    @post(
        "/session",
        status_code=200,
        responses=problems(401, 403),
        operation_id="signIn",
        summary="Sign in by name and password",
    )
    async def sign_in(self, request: AnyRequest, data: JSONBody[SignIn]) -> Response[SessionDocument]:
        """Begin a session; the answer sets its cookie."""
        site = site_of(request)
        refuse_forged(request, None)
        try:
            word = await asyncio.to_thread(
                site.accounts.sign_in, data.name, data.password, data.code, now=site.clock.now()
            )
        except OperatorError:
            await note(request, "sign in", data.name, "refused", who="nobody")
            raise
        await note(request, "sign in", data.name, "done", who=f"account:{data.name}")
        return with_cookie(site, word)

    @post(
        "/session/link",
        status_code=200,
        responses=problems(403, 410),
        operation_id="followLink",
        summary="Sign in by a read-only link",
    )
    async def follow(self, request: AnyRequest, data: JSONBody[FollowLink]) -> Response[SessionDocument]:
        """Begin a session that may only look."""
        site = site_of(request)
        refuse_forged(request, None)
        now = site.clock.now()
        number = await asyncio.to_thread(site.keys.follow_link, data.token, now=now)
        word = await asyncio.to_thread(site.accounts.open_session, link=number, now=now)
        await note(request, "follow link", str(number), "done", who=f"link:{number}")
        return with_cookie(site, word)

    @post(
        "/setup",
        status_code=200,
        responses=problems(403, 410, 422),
        operation_id="setUp",
        summary="Set the owner's password by the one-time link",
    )
    async def set_up(self, request: AnyRequest, data: JSONBody[SetUp]) -> Response[SessionDocument]:
        """Make the owner, and sign in."""
        site = site_of(request)
        refuse_forged(request, None)
        now = site.clock.now()
        await asyncio.to_thread(site.accounts.set_up, data.token, data.name, data.password, now=now)
        word = await asyncio.to_thread(site.accounts.open_session, account=data.name, now=now)
        await note(request, "set up", data.name, "done", who=f"account:{data.name}")
        return with_cookie(site, word)

    @delete(
        "/session",
        status_code=200,
        guards=[signed_in],
        responses=problems(401, 403),
        operation_id="signOut",
        summary="Sign out",
    )
    async def sign_out(self, request: AnyRequest) -> Response[SessionDocument]:
        """End the session."""
        site, caller = site_of(request), caller_of(request)
        await asyncio.to_thread(site.accounts.sign_out, caller.session)
        await note(request, "sign out", caller.name, "done")
        response = Response(_nobody(site), status_code=200)
        response.delete_cookie(site.cookie, path="/")
        return response

    @put(
        "/session/password",
        status_code=200,
        guards=[signed_in],
        responses=problems(401, 403, 422),
        operation_id="changePassword",
        summary="Change one's own password",
    )
    async def change_password(self, request: AnyRequest, data: JSONBody[NewPassword]) -> SessionDocument:
        """Change the password and end all other sessions of the account."""
        site, caller = site_of(request), await own_account(request, data.password)
        await asyncio.to_thread(site.accounts.set_password, caller.name, data.new_password, keep=caller.session)
        await note(request, "change password", caller.name, "done")
        return await session_document(request)

    @get(
        "/session/totp",
        guards=[signed_in],
        responses=problems(401, 403),
        operation_id="offerTotp",
        summary="Draw a secret for one-time codes",
    )
    async def offer_totp(self, request: AnyRequest) -> TotpOffer:
        """Draw a secret; nothing changes yet."""
        site, caller = site_of(request), caller_of(request)
        secret = passwords.new_totp()
        instance = await asyncio.to_thread(instance_of, site)
        address = passwords.totp_address(secret, name=caller.name, instance=instance)
        return TotpOffer(secret=secret, address=address, qr_svg=segno.make(address).svg_data_uri(scale=4))

    @put(
        "/session/totp",
        status_code=200,
        guards=[signed_in],
        responses=problems(401, 403, 422),
        operation_id="setTotp",
        summary="Ask for one-time codes, or end that",
    )
    async def set_totp(self, request: AnyRequest, data: JSONBody[TotpWish]) -> SessionDocument:
        """Ask this account for one-time codes from now on, or no more."""
        site, caller = site_of(request), await own_account(request, data.password)
        if data.secret:
            _check_totp(data, site.clock.now())
        await asyncio.to_thread(site.accounts.set_totp, caller.name, data.secret)
        await note(request, "one-time codes", caller.name, "on" if data.secret else "off")
        return await session_document(request)


def _check_totp(data: TotpWish, now: int) -> None:
    is_secret = len(data.secret) == 32 and data.secret.isascii() and data.secret.isalnum()
    try:
        step = passwords.totp_step(data.secret, data.code, now_ms=now, after=0) if is_secret else None
    except ValueError:  # no base32
        step = None
    if step is None:
        raise OperatorError(
            "The code was not made from this secret now. Nothing was changed.",
            code="HW-742",
            hint="Is the clock of the telephone right? Scan the picture again.",
        )


async def own_account(request: AnyRequest, password: str) -> Caller:
    """Return the account that asks, after it has named its password again.

    Raises:
        OperatorError: it is no account (HW-741), or the password is wrong (HW-742).
    """
    site, caller = site_of(request), caller_of(request)
    account = site.accounts.find(caller.name) if caller.kind == "account" else None
    if account is None:
        raise OperatorError("Only an account has a password.", code="HW-741")
    if not await asyncio.to_thread(passwords.is_password, account.password, password):
        await note(request, "password asked again", caller.name, "refused")
        raise OperatorError("The password does not fit. Nothing was changed.", code="HW-742", hint="Try again.")
    return caller


async def session_document(request: AnyRequest) -> SessionDocument:
    """Return who is signed in."""
    site, caller = site_of(request), request.user
    return _nobody(site) if caller is None else document_of(site, caller)


def document_of(site: Site, caller: Caller) -> SessionDocument:
    """Return a caller's own view of himself."""
    account = site.accounts.find(caller.name) if caller.kind == "account" else None
    return SessionDocument(
        is_signed_in=True,
        needs_setup=False,
        version=site.version,
        name=caller.name,
        kind=caller.kind,
        role=caller.role,
        permissions=tuple(it for it in PERMISSIONS if caller.may(it)),
        pool=caller.pool,
        member=caller.member,
        csrf=caller.csrf,
        has_totp=bool(account and account.totp),
    )


def _nobody(site: Site) -> SessionDocument:
    return SessionDocument(is_signed_in=False, needs_setup=not site.accounts.has_owner(), version=site.version)


def with_cookie(site: Site, word: str) -> Response[SessionDocument]:
    """Answer with a new session's cookie: sent only to us, never to scripts, never from a page of somebody else."""
    caller = site.accounts.caller(word, now=site.clock.now())
    content = _nobody(site) if caller is None else document_of(site, caller)
    response = Response(content, status_code=200)
    response.set_cookie(
        site.cookie, word, path="/", secure=site.is_https, httponly=True, samesite="strict", max_age=30 * 86_400
    )
    return response


def instance_of(site: Site) -> str:
    """Return the short name of this database; empty where there is none."""
    store = site.live.store()
    return "" if store is None else store.instance[:8]
