"""A Hashwright for practice, as `hw demo` and `hw pool try` run it: loopback, free ports, a chain in the process."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashwright.cli.pool import PRACTICE_ADDRESSES, PRACTICE_START_BITS

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

NAME = "practice"


def silence_logs() -> None:
    """Keep the log out of the picture; what matters is in the books, which the picture shows. HW_DEBUG=1 shows it."""
    from hashwright.runtime import logs

    if os.environ.get("HW_DEBUG"):
        logs.configure(level="info", log_format="text")
    else:
        logs.configure(level="error", log_format="json", stream=Nowhere())


class Nowhere(io.StringIO):
    """A stream that keeps nothing."""

    def write(self, text: str, /) -> int:
        """Drop a text."""
        return len(text)


def practice_app(folder: Path, *, algorithms: tuple[str, ...] = ("sha256d",)) -> "Hashwright":
    """Build a Hashwright on a folder; the person's own settings have no part in it."""
    from hashwright.runtime.config import LOOPBACK, Config, ListenAddress
    from hashwright.runtime.wiring import Hashwright

    listen = tuple(ListenAddress(algorithm=name, host=LOOPBACK, port=0) for name in algorithms)
    return Hashwright(Config(data_dir=folder, listen=listen, log_level="error", log_format="text", origins={}))


async def add_practice(
    app: "Hashwright",
    *,
    coin: str,
    start_difficulty: float,
    node_settings: dict[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401
) -> None:
    """Add the practice chain as the destination, the way `hw pool add` does."""
    from hashwright.runtime.commands import table

    destination = {
        "name": NAME,
        "coin": coin,
        "network": "regtest",
        "address": PRACTICE_ADDRESSES[coin],
        "node": "practice",
        "node_settings": {"start_bits": PRACTICE_START_BITS[coin], **(node_settings or {})},
        "start_difficulty": start_difficulty,
        **changes,
    }
    await table(app)["pool-add"]({"destination": destination})
