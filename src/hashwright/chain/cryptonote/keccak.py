"""Keccak-256 with the padding of before SHA-3: hashlib has only the later one.

A job for one of two thousand machines takes eight of these, and the public class costs three times what the hash itself
does. So the library's own functions are called, on one state a thread; where a later version has other ones, the class.

The library is loaded with the first hash: who mines nothing of Monero's kind never waits for it.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any, Final

SIZE: Final = 32
PADDING: Final = 1
"""SHA-3 has 6."""


def by_class(data: bytes) -> bytes:
    """Return the same by the library's public class."""
    from Crypto.Hash import keccak

    return keccak.new(data=data, digest_bits=8 * SIZE).digest()


ROUNDS: Final = 24


class _Sponge(threading.local):
    """The state of one thread: it lives as long as the thread."""

    def __init__(self, library: Any) -> None:  # noqa: ANN401 (a library has no type)
        from Crypto.Util import _raw_api

        make_buffer: Any = _raw_api.create_string_buffer  # its stub forgets that a size alone will do
        pointer = _raw_api.VoidPointer()
        if library.keccak_init(pointer.address_of(), _raw_api.c_size_t(2 * SIZE), ROUNDS):
            raise MemoryError("there is no room for Keccak's state")
        self.state = pointer.get()
        self.owner = _raw_api.SmartPointer(self.state, library.keccak_destroy)
        self.out: Any = make_buffer(SIZE)


@functools.cache
def _quick() -> Callable[[bytes], bytes]:
    from Crypto.Hash import keccak
    from Crypto.Util import _raw_api

    library: Any = getattr(keccak, "_raw_keccak_lib", None)
    if library is None:
        return by_class
    sponge, read = _Sponge(library), _raw_api.get_raw_buffer
    reset, absorb, digest = library.keccak_reset, library.keccak_absorb, library.keccak_digest

    def hashed(data: bytes) -> bytes:
        state, out = sponge.state, sponge.out
        reset(state)
        absorb(state, data, len(data))
        digest(state, out, SIZE, PADDING)
        return read(out)

    return hashed if hashed(b"") == by_class(b"") else by_class


def keccak256(data: bytes) -> bytes:
    """Return the 32 bytes that Monero calls `cn_fast_hash`."""
    return _quick()(data)
