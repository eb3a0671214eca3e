"""The one shape of everything that acts over HTTP: who may, once by its key, asked of the program, noted in the trail.

A handler says what the program is asked, and in words what is done to what; `send` does the rest. Whoever needs a step
before or behind gives `work` to `act` (in `context`) or `after` to `send`. Nothing here knows a verb of the program.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from litestar import Response

from hashwright.web.context import AnyRequest, act, problems, site_of
from hashwright.web.documents import Document
from hashwright.web.roles import Caller

ASK_S: Final = 30.0
ACTING: Final = problems(401, 403, 404, 409, 422, 501, 503)
"""The refusals of whatever acts."""
ASKING: Final = ACTING
"""The refusals of whatever only asks the running program."""


class Answered(Document, frozen=True, kw_only=True):
    """What the running program answered, as it says it."""

    result: dict[str, Any]


class AnsweredRows(Document, frozen=True, kw_only=True):
    """What the running program answered, as rows."""

    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A verb of the running program with what it is given, and to what, in words, for the trail."""

    verb: str
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = ASK_S
    action: str = ""
    """What is done in a person's words, for the trail; the verb where it is empty."""


async def send(
    request: AnyRequest, key: str, wanted: Command, *, after: Callable[[], None] | None = None
) -> Response[Answered]:
    """Send an acting command to the running program, once.

    Args:
        request: what was asked.
        key: the caller's idempotency key.
        wanted: the command.
        after: forgets what is known here and is old now; also where the command was refused, for it may have begun.
    """

    async def work() -> Answered:
        live = site_of(request).live
        return Answered(result=await live.ask(wanted.verb, timeout_s=wanted.timeout_s, **wanted.arguments))

    try:
        return await act(request, key, wanted.action or wanted.verb, wanted.target, work)
    finally:
        if after is not None:
            after()


def reference_of(caller: Caller, key: str) -> str:
    """Return the id of a request for an engine: the same caller and key give the same one, also after a restart."""
    return f"web-{hashlib.sha256(f'{caller.who} {key}'.encode()).hexdigest()[:28]}"
