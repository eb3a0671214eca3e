"""What every handler stands on: the site, who asks, what he may, and how an action is done once and noted.

A browser sends its cookie by itself, also for the page of a stranger: so a request that changes something and came by
cookie must carry the session's own word in a header, and its Origin, where the browser names one, must be ours.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter

from hashwright.clock import Clock
from hashwright.errors import HashwrightError, OperatorError, TimedOut, Unavailable
from hashwright.web.accounts import Accounts
from hashwright.web.answers import Answer, Answers
from hashwright.web.keys import Audit, Keys
from hashwright.web.live import Live
from hashwright.web.passwords import is_same
from hashwright.web.preferences import Preferences
from hashwright.web.problems import MEDIA_TYPE, Problem, encoded, problem_of
from hashwright.web.roles import WORDS, Caller, Permission
from hashwright.web.shield import peer_of

log = structlog.get_logger()

CSRF_HEADER: Final = "x-hw-csrf"
KEY_PREFIX: Final = "hwk_"
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
DESCRIPTIONS: Final = {
    400: "The request was not understood.",
    401: "Nobody is signed in.",
    403: "The caller may not do this.",
    404: "There is no such thing.",
    409: "The state of things forbids it.",
    410: "The link is over.",
    413: "The body is too large.",
    421: "The server is not known by this name.",
    422: "A value is not usable.",
    429: "Too many requests.",
    501: "The running program is of another version.",
    503: "No program runs, or it does not answer.",
}
IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=8,
        max_length=128,
        pattern="^[!-~]+$",
        description="A word of the caller's own. The same word and the same request: done once, same answer.",
    ),
]
AnyRequest = Request[Caller | None, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The parts of a running web."""

    live: Live
    accounts: Accounts
    keys: Keys
    audit: Audit
    answers: Answers
    preferences: Preferences
    clock: Clock
    origins: frozenset[str]
    cookie: str
    is_https: bool
    version: str


def site_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Site:
    """Return the site that serves a request."""
    site: Site = connection.app.state.site
    return site


def caller_of(request: AnyRequest) -> Caller:
    """Return who asks; a guard has made sure that somebody does."""
    if request.user is None:
        raise OperatorError("Nobody is signed in.", code="HW-740")
    return request.user


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Describe the refusals of a handler for the OpenAPI document; those of the outer wall are added."""
    return {
        status: ResponseSpec(Problem, description=DESCRIPTIONS[status], media_type=MEDIA_TYPE, generate_examples=False)
        for status in sorted({*statuses, 400, 413, 421, 429})
    }


class Doorman(AbstractAuthenticationMiddleware):
    """Finds out who asks: by a key in the Authorization header, else by the session cookie, else nobody."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """Return the caller, or None."""
        site = site_of(connection)
        now = site.clock.now()
        scheme, _, word = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and word.startswith(KEY_PREFIX):
            return AuthenticationResult(user=site.keys.caller(word.strip(), now=now), auth=None)
        cookie = connection.cookies.get(site.cookie, "")
        return AuthenticationResult(user=site.accounts.caller(cookie, now=now) if cookie else None, auth=None)


Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]
"""Guards are coroutines, though they wait for nothing: the framework runs any other on a thread at each request."""


def needs(permission: Permission) -> Guard:
    """Return a guard that lets in only who may."""
    return needs_any(permission)


def needs_any(*permissions: Permission) -> Guard:
    """Return a guard that lets in who may one of some things; what he may see of it, the handler cuts."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        caller: Caller | None = connection.user
        if caller is None:
            raise OperatorError("Nobody is signed in.", code="HW-740")
        if not any(caller.may(permission) for permission in permissions):
            raise OperatorError(f"You may not {WORDS[permissions[0]]}.", code="HW-741")
        refuse_forged(connection, caller)

    return guard


async def signed_in(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let in whoever is known (a guard)."""
    caller: Caller | None = connection.user
    if caller is None:
        raise OperatorError("Nobody is signed in.", code="HW-740")
    refuse_forged(connection, caller)


def refuse_forged(connection: ASGIConnection[Any, Any, Any, Any], caller: Caller | None) -> None:
    """Refuse a change that a page of somebody else could have sent.

    Raises:
        OperatorError: another origin, or the session's own word is missing (HW-746).
    """
    if connection.scope["method"] in SAFE_METHODS:  # type: ignore[typeddict-item]
        return
    origin = connection.headers.get("origin")
    if origin is not None and origin.lower() not in site_of(connection).origins:
        raise OperatorError("The request came from another page. Nothing was done.", code="HW-746")
    if caller is not None and caller.by_cookie and not is_same(connection.headers.get(CSRF_HEADER, ""), caller.csrf):
        raise OperatorError(
            "The request does not carry the word of its session. Nothing was done.",
            code="HW-746",
            hint="Load the page anew.",
        )


# ---------------------------------------------------------------- actions


async def act(
    request: AnyRequest, key: str, action: str, target: str, work: Callable[[], Awaitable[Any]]
) -> Response[Any]:
    """Do something once, store the answer, and note who did it.

    Args:
        request: what was asked.
        key: the caller's idempotency key.
        action: what is done, for the trail.
        target: to what, for the trail.
        work: does it and returns the answer.
    """
    site, caller = site_of(request), caller_of(request)
    digest = hashlib.sha256(f"{request.method} {request.scope['path']}\n".encode() + await request.body()).digest()
    stored = await asyncio.to_thread(site.answers.begin, caller.who, key, digest, now=site.clock.now())
    if stored is not None:
        return respond(stored, is_repeated=True)
    try:
        answer = Answer(status=200, body=msgspec.json.encode(await work()))
    except TimedOut:
        await note(request, action, target, "not known: the program did not answer")
        raise
    except Unavailable:
        await asyncio.to_thread(site.answers.forget, caller.who, key)
        raise
    except HashwrightError as error:
        found = problem_of(error)
        answer = Answer(status=found.status, body=encoded(found))
        await note(request, action, target, f"refused: {error.code} {error.message}")
    except BaseException:
        await note(request, action, target, "not known: the web failed")
        raise
    else:
        await note(request, action, target, "done")
    await asyncio.to_thread(site.answers.end, caller.who, key, answer)
    return respond(answer)


def respond(answer: Answer, *, is_repeated: bool = False) -> Response[Any]:
    """Send a stored answer."""
    is_good = answer.status < 400
    headers = {"Idempotent-Replayed": "true"} if is_repeated else {}
    return Response(
        content=answer.body,
        status_code=answer.status,
        media_type="application/json" if is_good else MEDIA_TYPE,
        headers=headers,
    )


async def note(request: AnyRequest, action: str, target: str, outcome: str, *, who: str = "") -> None:
    """Write a line of the trail, in the database and in the log."""
    site = site_of(request)
    who = who or (request.user.who if request.user else "nobody")
    peer = peer_of(request.scope)  # type: ignore[arg-type]
    log.info("somebody acted", who=who, peer=peer, action=action, target=target[:200], outcome=outcome[:200])
    await asyncio.to_thread(site.audit.note, who, peer, action, target, outcome, now=site.clock.now())
