"""Requests and answers of simulated machines' web pages, without sockets."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


class Request(NamedTuple):
    """What was asked: the fields of its head in lower case, the body as it was decoded (None without one)."""

    method: str
    path: str
    fields: Mapping[str, str]
    body: Any


class Answer(NamedTuple):
    """What is said: status, document (a text is sent as a page) and more fields of the head."""

    status: int
    document: Any
    fields: Mapping[str, str] = {}


def digest_fields(header: str) -> dict[str, str]:
    """Read the fields of a `Digest` authorization; nothing where it is another one."""
    if not header.lower().startswith("digest "):
        return {}
    return {name: quoted or plain for name, quoted, plain in _FIELD.findall(header)}
