"""Bytes to lines.

Both peers speak one JSON object a line, ended by `\\n`; a `\\r` before it is white space to JSON. The buffer holds
at most one incomplete line, and a line above the limit ends the stream: nothing after it can be trusted. Each byte is
looked at once, also when they come one by one.
"""

LINE_LIMIT_NEW = 4096
"""Before authorize [bytes]: a subscribe, a configure and an authorize are below 1 KiB each (reliability.md S8)."""

LINE_LIMIT_WORKING = 8192
"""After authorize [bytes]: twice the above, for proxies with long names (reference/stratum.md 6, row 23)."""

LINE_LIMIT_UPSTREAM = 1 << 20
"""From an upstream [bytes]: a job with a large coinbase and 14 branches is below 64 KiB; 1 MiB leaves room."""


class LineSplitter:
    """Cut a byte stream into lines of at most `limit` bytes.

    Once a line was too long, `is_overflowing` is true and no more lines come.
    """

    __slots__ = ("_buffer", "is_overflowing", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.is_overflowing = False
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that these bytes complete, without their line ends."""
        if self.is_overflowing:
            return []
        lines = data.split(b"\n")
        rest = lines.pop()
        if self._buffer and lines:
            lines[0] = bytes(self._buffer) + lines[0]
            self._buffer.clear()
        self._buffer += rest
        return self._within_limit(lines)

    def _within_limit(self, lines: list[bytes]) -> list[bytes]:
        limit = self.limit
        for position, line in enumerate(lines):
            if len(line) > limit:
                self._overflow()
                return lines[:position]
        if len(self._buffer) > limit:
            self._overflow()
        return lines

    def _overflow(self) -> None:
        self.is_overflowing = True
        self._buffer.clear()
