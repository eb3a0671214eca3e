"""RandomX by its own library (Debian's `librandomx0`, BSD), through ctypes.

A cache of 256 MiB is made from a key, once; each thread that hashes has a machine of its own over it, because one is
not safe in two threads. The library releases the interpreter while it hashes, so threads help. Light mode needs the
cache only and takes some 40 ms a hash; full mode needs 2 GiB more, made ahead, and takes some 7 ms.

Source: RandomX `randomx.h`, version 1.1.10.
"""

import ctypes
import ctypes.util
import functools
import itertools
import os
import threading
from typing import Any, Final

from hashwright.errors import NotSupported

LIBRARY: Final = "librandomx.so.0"
HASH_BYTES: Final = 32
KEY_MAX: Final = 60
FLAG_FULL_MEMORY: Final = 4
"""RANDOMX_FLAG_FULL_MEM."""
_POINTER_CALLS: Final = {
    "randomx_alloc_cache": (ctypes.c_int,),
    "randomx_alloc_dataset": (ctypes.c_int,),
    "randomx_create_vm": (ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
}
_PLAIN_CALLS: Final = {
    "randomx_init_cache": (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
    "randomx_release_cache": (ctypes.c_void_p,),
    "randomx_init_dataset": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong),
    "randomx_release_dataset": (ctypes.c_void_p,),
    "randomx_destroy_vm": (ctypes.c_void_p,),
    "randomx_calculate_hash": (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p),
}


@functools.cache
def library() -> Any:  # noqa: ANN401 (a library has no type)
    """Load the library.

    Raises:
        NotSupported: it is not installed (HW-209).
    """
    try:
        loaded = ctypes.CDLL(ctypes.util.find_library("randomx") or LIBRARY)
    except OSError as error:
        raise NotSupported(
            "RandomX is not installed, so no Monero share can be checked here.",
            code="HW-209",
            hint="On Debian and Ubuntu: sudo apt install librandomx0",
        ) from error
    for name, arguments in (_POINTER_CALLS | _PLAIN_CALLS).items():
        function = getattr(loaded, name)
        function.argtypes = arguments
        function.restype = ctypes.c_void_p if name in _POINTER_CALLS else None
    loaded.randomx_get_flags.restype = ctypes.c_int
    loaded.randomx_dataset_item_count.restype = ctypes.c_ulong
    return loaded


class RandomX:
    """Hashes under one key. Made in about a second (light) or half a minute (full): never on the event loop.

    Raises:
        NotSupported: the library is not installed (HW-209).
        ValueError: the key is empty or too long.
        MemoryError: the cache or the dataset found no room.
    """

    def __init__(self, key: bytes, *, is_full: bool = False) -> None:
        if not 1 <= len(key) <= KEY_MAX:
            raise ValueError(f"a RandomX key has 1 to {KEY_MAX} bytes, not {len(key)}")
        self.key = key
        self.is_full = is_full
        self._library = library()
        self._flags = self._library.randomx_get_flags() | (FLAG_FULL_MEMORY if is_full else 0)
        self._machines: list[int] = []
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._cache: int | None = self._allocated("randomx_alloc_cache", self._flags & ~FLAG_FULL_MEMORY)
        self._library.randomx_init_cache(self._cache, key, len(key))
        self._dataset = self._make_dataset() if is_full else None

    def __repr__(self) -> str:
        return f"<RandomX {'full' if self.is_full else 'light'} {self.key.hex()[:16]}>"

    def hash(self, blob: bytes) -> bytes:
        """Return the 32 bytes of the hash; may be called from any thread."""
        out = ctypes.create_string_buffer(HASH_BYTES)
        self._library.randomx_calculate_hash(self._machine(), blob, len(blob), out)
        return out.raw

    def close(self) -> None:
        """Give the memory back. Nothing may hash any more."""
        with self._lock:
            for machine in self._machines:
                self._library.randomx_destroy_vm(machine)
            self._machines.clear()
            self._mine = threading.local()
            if self._dataset is not None:
                self._library.randomx_release_dataset(self._dataset)
            if self._cache is not None:
                self._library.randomx_release_cache(self._cache)
            self._cache = self._dataset = None

    def _machine(self) -> int:
        machine: int | None = getattr(self._mine, "machine", None)
        if machine is None:
            with self._lock:
                if self._cache is None:
                    raise RuntimeError("this RandomX was closed")
                machine = self._allocated("randomx_create_vm", self._flags, self._cache, self._dataset)
                self._machines.append(machine)
            self._mine.machine = machine
        return machine

    def _make_dataset(self) -> int:
        """Fill the dataset with all processor cores."""
        dataset = self._allocated("randomx_alloc_dataset", self._flags)
        items, parts = self._library.randomx_dataset_item_count(), os.cpu_count() or 1
        edges = [items * part // parts for part in range(parts + 1)]
        threads = [
            threading.Thread(target=self._library.randomx_init_dataset, args=(dataset, self._cache, low, high - low))
            for low, high in itertools.pairwise(edges)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return dataset

    def _allocated(self, name: str, *arguments: object) -> int:
        found: int | None = getattr(self._library, name)(*arguments)
        if not found:
            raise MemoryError(f"{name} found no room: RandomX needs 256 MiB, and 2.3 GiB more in full mode")
        return found
