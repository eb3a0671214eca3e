"""What `hw plan energy` remembers of a site between two calls: its last plan, and what sun and wind were told to give.

One small file a site in the data folder. It is a convenience, not a record: one that cannot be read counts as none.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from hashwright.planner.power import KeptPlan
from hashwright.runtime.market_data import write_text

FOLDER: Final = "energy"
TOLD_MS: Final = 40 * 86_400_000


class PlanMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The last plan of a solver, and what was told of each slot [W by its start in ms]."""

    plan: KeptPlan | None = None
    told: dict[int, int] = {}


def memory_file(data_dir: Path, name: str) -> Path:
    """Return where a site's memory lies."""
    return data_dir / FOLDER / f"{name}.json"


def recall(file: Path) -> PlanMemory:
    """Return what is remembered; nothing where there is no file or it is damaged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=PlanMemory)
    except (OSError, msgspec.MsgspecError):
        return PlanMemory()


def remember(file: Path, memory: PlanMemory, plan: KeptPlan | None, told: Mapping[int, int], *, now_ms: int) -> None:
    """Keep a plan (None: the old one stays) and what was told; what was told of a slot first counts.

    Raises:
        OSError: the file cannot be written.
    """
    kept = {at: watts for at, watts in ({**told, **memory.told}).items() if at >= now_ms - TOLD_MS}
    found = PlanMemory(plan=memory.plan if plan is None else plan, told=kept)
    write_text(file, msgspec.json.encode(found).decode())
