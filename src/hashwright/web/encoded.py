"""Answers that are the same for everybody, made once: the JSON text, and the same compressed.

A list of ten thousand machines takes longer to write and to compress than to send. So it is made once a picture, on a
thread, and whoever asks for the same picture gets the same bytes.
"""

import asyncio
import gzip
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar import Response

from hashwright.web.context import AnyRequest

LEVEL: Final = 1
"""Of compression: the lists shrink to a tenth even so, and a higher one takes three times as long."""
COMPRESS_FROM: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One answer in both forms; `packed` is empty where it is too short to gain."""

    plain: bytes
    packed: bytes
    made_at: float
    """By the monotonic clock [s]: how old it is says only this process to itself."""


class Kept:
    """The newest answer of each name, with what it was made of."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Hashable, Encoded]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._making: dict[str, asyncio.Task[Encoded]] = {}

    def known(self, name: str, key: Hashable) -> Encoded | None:
        """Return an answer where it is made already."""
        found = self._found.get(name)
        return found[1] if found is not None and found[0] == key else None

    async def soon(self, name: str, key: Hashable, make: Callable[[], Any], *, age_max_s: float) -> Encoded:
        """Return an answer at once where one is not older than `age_max_s` [s], and make the newer one beside it."""
        answer = self.known(name, key)
        if answer is not None:
            return answer
        found = self._found.get(name)
        if found is None or time.monotonic() - found[1].made_at > age_max_s:
            return await self.of(name, key, make)
        if name not in self._making:
            # allow task: kept here until it is done; who asks next gets what it made
            self._making[name] = asyncio.get_running_loop().create_task(self.of(name, key, make))
            self._making[name].add_done_callback(lambda _: self._making.pop(name, None))
        return found[1]

    async def of(self, name: str, key: Hashable, make: Callable[[], Any]) -> Encoded:
        """Return an answer; it is made, on a thread, only where `key` is another than the last time."""
        answer = self.known(name, key)
        if answer is not None:
            return answer
        async with self._turns.setdefault(name, asyncio.Lock()):  # of many who ask at once, one makes it
            answer = self.known(name, key)
            if answer is None:
                answer = await asyncio.to_thread(encode, make)
                self._found[name] = (key, answer)
            return answer


def encode(make: Callable[[], Any]) -> Encoded:
    """Make a document and write it in both forms."""
    plain = msgspec.json.encode(make())
    packed = gzip.compress(plain, LEVEL) if len(plain) >= COMPRESS_FROM else b""
    return Encoded(plain=plain, packed=packed, made_at=time.monotonic())


def respond(request: AnyRequest, found: Encoded) -> Response[Any]:
    """Send it in the form that the caller takes. The handler says `is_packed`, so that nobody compresses it again."""
    takes_packed = bool(found.packed) and "gzip" in request.headers.get("accept-encoding", "")
    headers = {"vary": "accept-encoding"} | ({"content-encoding": "gzip"} if takes_packed else {})
    return Response(found.packed if takes_packed else found.plain, media_type="application/json", headers=headers)
