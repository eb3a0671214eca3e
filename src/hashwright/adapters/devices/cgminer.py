"""Any firmware with the cgminer API on port 4028, where nothing better is known of it.

Reading works nearly everywhere. Pausing is the API's own `ascdisable` and `ascenable` of each chip board, which many
firmwares keep locked; then the answer is "refused", not silence. Watts cannot be set by it.
"""

from typing import Any

import msgspec

from hashwright.adapters.devices._wire import cgminer
from hashwright.adapters.devices.base import (
    Plugin,
    PoolEntry,
    check_user_names,
    denied,
    number,
    text,
    unsupported,
    whole,
)
from hashwright.errors import NotSupported, OperatorError
from hashwright.fleet.events import Activity, Reading

RATES = (("HS RT", 1e6), ("MHS 1m", 1e6), ("GHS 5s", 1e9), ("MHS 5s", 1e6), ("GHS av", 1e9), ("MHS av", 1e6))
"""Where a firmware says its rate, the newest figure first; `HS RT` of WhatsMiner counts megahashes."""
TEMPERATURES = ("Temperature", "temp1", "temp2", "temp3", "temp4", "Chip Temp Max", "temp2_1", "temp2_2", "temp2_3")
BOARDS_MAX = 16


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the machine is."""

    host: str
    port: int = 4028


class CgMiner:
    """One machine."""

    def __init__(self, config: Config) -> None:
        self._place = (config.host, config.port)

    async def read(self) -> Reading:
        """Ask for the summary, the boards and the pools: three small questions."""
        summary = _first(await cgminer(self._place, "summary"), "SUMMARY")
        boards = _rows(await cgminer(self._place, "devs"), "DEVS")
        try:
            stats = _rows(await cgminer(self._place, "stats"), "STATS")
        except (NotSupported, OperatorError):
            stats = []
        pools = _rows(await cgminer(self._place, "pools"), "POOLS")
        return reading_of(summary, boards, stats, pools)

    async def pause(self) -> None:
        """Switch every board off."""
        await self._each_board("ascdisable")

    async def resume(self) -> None:
        """Switch every board on."""
        await self._each_board("ascenable")

    async def set_pools(self, pools: tuple[PoolEntry, ...]) -> None:
        """Add the pools, go to the first, and take the old ones away."""
        version = _rows(await cgminer(self._place, "version"), "VERSION")
        check_user_names(pools, " ".join(str(value) for row in version for value in row.values()))
        if any("," in word for pool in pools for word in (pool.url, pool.user, pool.password)):
            raise denied(self._place[0], "a comma in a pool's name ends it there")
        old = [row["POOL"] for row in _rows(await cgminer(self._place, "pools"), "POOLS") if "POOL" in row]
        for pool in pools:
            await cgminer(self._place, "addpool", f"{pool.url},{pool.user},{pool.password}")
        ids = [row["POOL"] for row in _rows(await cgminer(self._place, "pools"), "POOLS") if "POOL" in row]
        new = [number for number in ids if number not in old]
        if not new:
            raise denied(self._place[0], "it took the pools and does not list them")
        await cgminer(self._place, "switchpool", str(new[0]))
        for identity in sorted(old, reverse=True):
            await cgminer(self._place, "removepool", str(identity))

    async def aclose(self) -> None:
        """Nothing is held."""

    async def _each_board(self, command: str) -> None:
        boards = _rows(await cgminer(self._place, "devs"), "DEVS")[:BOARDS_MAX]
        if not boards:
            raise unsupported(self._place[0], "name its boards")
        for board in boards:
            await cgminer(self._place, command, str(board.get("ASC", board.get("ID", 0))))


def reading_of(
    summary: dict[str, Any], boards: list[dict[str, Any]], stats: list[dict[str, Any]], pools: list[dict[str, Any]]
) -> Reading:
    """Make one reading of the answers; what a firmware does not say stays unknown."""
    is_off = bool(boards) and all(text(board.get("Enabled")) == "N" for board in boards)
    dead = tuple(f"board {board.get('ASC', '?')} {board['Status']}" for board in boards
                 if text(board.get("Status")) not in ("", "Alive") and not is_off)  # fmt: skip
    activity: Activity = "asleep" if is_off else "fault" if dead and len(dead) == len(boards) else "hashing"
    places = [summary, *stats, *boards]
    active = next((pool for pool in pools if pool.get("Stratum Active") is True), pools[0] if pools else {})
    return Reading(
        device="",
        at=0,
        answer="ok",
        activity=activity,
        hashrate_hs=0.0 if is_off else _rate(summary),
        power_w=number(summary.get("Power")),
        limit_w=number(summary.get("Power Limit")),
        temperature_c=_highest(places),
        accepted=whole(summary.get("Accepted")),
        rejected=whole(summary.get("Rejected")),
        pool=text(active.get("URL"), longest=128),
        model=next((text(place["Type"]) for place in stats if "Type" in place), ""),
        faults=dead,
    )


def _rate(summary: dict[str, Any]) -> float | None:
    for key, unit in RATES:
        found = number(summary.get(key))
        if found is not None:
            return found * unit
    return None


def _highest(places: list[dict[str, Any]]) -> float | None:
    found = [number(place.get(key)) for place in places for key in TEMPERATURES]
    known = [heat for heat in found if heat is not None and heat > 0]
    return max(known, default=None)


def _rows(answer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = answer.get(key, [])
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _first(answer: dict[str, Any], key: str) -> dict[str, Any]:
    rows = _rows(answer, key)
    return rows[0] if rows else {}


def build(config: Config, *, secret: str = "") -> CgMiner:
    """Build the driver; the cgminer API has no password."""
    return CgMiner(config)


PLUGIN = Plugin(title="cgminer API", config=Config, build=build, port=4028)
