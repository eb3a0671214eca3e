"""Operations that change something all share one shape: who may, 200 for a yes, and the refusals of acting."""

from collections.abc import Callable
from typing import Any, Final

from litestar import delete, get, post, put

from hashwright.web.acting import ACTING, ASKING
from hashwright.web.context import needs_any
from hashwright.web.roles import Permission

VERBS: Final[dict[str, Callable[..., Any]]] = {"post": post, "put": put, "delete": delete}


def acting(verb_and_path: str, *permissions: Permission, name: str, summary: str) -> Callable[..., Any]:
    """Return the decorator of an operation that changes something: `post /orders`.

    Args:
        verb_and_path: the method, and the path below the controller's.
        permissions: one of them is needed.
        name: of the operation, in the OpenAPI document.
        summary: one line.
    """
    verb, _, path = verb_and_path.partition(" ")
    return VERBS[verb](  # type: ignore[no-any-return]
        path, status_code=200, guards=[needs_any(*permissions)], responses=ACTING, operation_id=name, summary=summary
    )


def asking(path: str, *permissions: Permission, name: str, summary: str) -> Callable[..., Any]:
    """Return the decorator of an operation that only looks."""
    return get(path, guards=[needs_any(*permissions)], responses=ASKING, operation_id=name, summary=summary)
