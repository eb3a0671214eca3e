"""The machines that the fleet looks after, read for pages: what each is, should do and says of itself.

The program makes this list in the loop that judges shares, so it is asked for page by page, and less often the more
machines there are. What is derived of a machine is derived once a reading, not once a picture.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hashwright.errors import HashwrightError

TH: Final = 1e12
UNKNOWN_COMMAND: Final = "HW-703"
ASLEEP: Final = ("asleep", "stopping")
Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One machine of the fleet; `fields` are those of the document `Machine`."""

    device: str
    is_asleep: bool
    until: int | None
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All of them. `plan` is the power plan that is followed, `fault` why power control rests."""

    at_ms: int = 0
    is_live: bool = False
    fault: str = ""
    plan: Mapping[str, Any] | None = None
    devices: Mapping[str, Device] = field(default_factory=dict)
    said_hs: float | None = None
    expected_hs: float | None = None
    power_w: float | None = None
    """Sums of what is known; None where nothing is."""


NO_FLEET: Final = Fleet()


async def read_fleet(ask: Ask, *, now: int) -> Fleet:
    """Ask the running program for all machines; a program of before the fleet has none.

    Raises:
        HashwrightError: it does not answer.
    """
    rows: list[Mapping[str, Any]] = []
    page: Mapping[str, Any] = {"total": 0, "devices": []}
    while True:
        try:
            page = await ask("fleet-status", offset=len(rows))
        except HashwrightError as error:
            if error.code == UNKNOWN_COMMAND:
                return NO_FLEET
            raise
        rows += page["devices"]
        if len(rows) >= page["total"] or not page["devices"]:
            break
    return fleet_of(
        rows,
        now=now,
        is_live=bool(page.get("is_live")),
        fault=str(page.get("fault") or ""),
        plan=page.get("plan"),
    )


def fleet_of(rows: Iterable[Mapping[str, Any]], *, now: int, **words: Any) -> Fleet:  # noqa: ANN401 (fields of Fleet)
    """Read machines as the program tells them, and sum what they say."""
    devices = {row["device"]: device_of(row) for row in rows}
    said, expected, power = (
        _sum(it.fields[name] for it in devices.values()) for name in ("said_hs", "expected_hs", "power_w")
    )
    return Fleet(at_ms=now, devices=devices, said_hs=said, expected_hs=expected, power_w=power, **words)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def device_of(row: Mapping[str, Any]) -> Device:
    """Read one machine as the program tells it."""
    state = str(row.get("state", ""))
    wish: Mapping[str, Any] | None = row.get("wish")
    return Device(
        device=row["device"],
        is_asleep=state in ASLEEP,
        until=row.get("until"),
        fields={
            "device": row["device"],
            "device_state": state,
            "model": str(row.get("model") or row.get("kind") or ""),
            "site": str(row.get("site") or ""),
            "group": str(row.get("group") or ""),
            "tags": tuple(row.get("tags") or ()),
            "host": str(row.get("host") or ""),
            "said_hs": row.get("hashrate_hs"),
            "expected_hs": expected_hs(row),
            "power_w": row.get("power_w"),
            "temperature_c": row.get("temperature_c"),
            "efficiency_j_th": efficiency_j_th(row.get("power_w"), row.get("hashrate_hs")),
            "part": row.get("part"),
            "wish": wish_text(wish),
            "wish_by": "" if wish is None else str(wish["author"]),
            "is_settled": row.get("is_settled"),
            "note": note_of(row),
            "can": tuple(row.get("can") or ()),
        },
    )


def efficiency_j_th(power_w: float | None, hashrate_hs: float | None) -> float | None:
    """Return what a terahash costs [J] by a machine's own word; None where it is not known, or it does not hash."""
    if power_w is None or not hashrate_hs:
        return None
    return power_w / (hashrate_hs / TH)


def expected_hs(row: Mapping[str, Any]) -> float | None:
    """Return what a machine should do now [H/s]: its rating at the part that it was brought to, nothing asleep."""
    rated: float | None = row.get("rated_hs") or max((point[1] for point in row.get("curve") or ()), default=None)
    if rated is None:
        return None
    wish: Mapping[str, Any] | None = row.get("wish")
    if wish is not None and wish["mode"] == "sleep":
        return 0.0
    if wish is None and row.get("state") in ASLEEP:
        return 0.0
    return rated * (wish["part"] if wish is not None else row.get("part") or 1.0)


def wish_text(wish: Mapping[str, Any] | None) -> str:
    """Say in a word what a machine should do; empty where nobody wants anything of it."""
    if wish is None:
        return ""
    if wish["mode"] == "sleep":
        return "sleep"
    return "run" if wish["part"] >= 1 else f"run at {wish['part']:.0%}"


def note_of(row: Mapping[str, Any]) -> str:
    """Say what is odd about a machine, or what it waits for."""
    parts = [*(row.get("troubles") or ()), str(row.get("detail") or ""), str(row.get("waits") or "")]
    if row.get("would"):
        parts.append(f"DRY RUN, would: {row['would']}")
    return "; ".join(part for part in parts if part)
