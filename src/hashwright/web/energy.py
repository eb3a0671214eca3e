"""From a power autopilot's state to the page Energy: series for the plots, the rule that holds, savings, reasons.

The state is read as JSON, as `power-status` tells it: what it does not say is unknown. Watts and money are forecasts;
only the power of the fleet now is measured, where machines report it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from hashwright.errors import HashwrightError
from hashwright.web.documents import Document
from hashwright.web.energy_past import (
    BatteryNow,
    BatteryOrder,
    PowerEarned,
    PowerTurnBrief,
    battery_now,
    earned_of,
    orders_of,
    turns_of,
)
from hashwright.web.live import Live
from hashwright.web.plan import PlanMode, mode_of

SLOT_MS: Final = 900_000
SLOTS_MAX: Final = 4 * 24 * 8
BLOCKS_MAX: Final = 400
FLOWS: Final = ("charge_w", "discharge_w")
Row = Mapping[str, Any]


class Limit(Document, frozen=True, kw_only=True):
    """A limit of the site [W]."""

    name: str
    value_w: float


class Stretch(Document, frozen=True, kw_only=True):
    """A stretch of one number of machines and one reason: means of it [kW, currency/kWh, percent]."""

    from_ms: int
    to_ms: int
    machines: int
    reason: str
    price: float | None
    earns: float | None
    machines_kw: float
    own_kw: float
    grid_kw: float
    battery_percent: float | None


class Battery(Document, frozen=True, kw_only=True):
    """A battery: `level` is what it reported [percent]."""

    capacity_kwh: float
    reserve_percent: float
    level: float | None


class EnergyPlan(Document, frozen=True, kw_only=True):
    """A plan of a site's next hours. Series have a value a quarter of an hour: W, percent, or currency a kWh.

    `battery_w` is positive where the battery takes, negative where it gives; empty where the site has none.

    `gain` is how much more it is expected to leave than machines that always run [currency].
    """

    number: int
    at_ms: int
    state: str
    note: str
    rule: str
    currency: str
    times_s: tuple[int, ...]
    price: tuple[float | None, ...]
    export_price: tuple[float | None, ...]
    sun_w: tuple[float | None, ...]
    wind_w: tuple[float | None, ...]
    groups_w: dict[str, tuple[float, ...]]
    own_w: tuple[float | None, ...]
    import_w: tuple[float | None, ...]
    export_w: tuple[float | None, ...]
    battery_percent: tuple[float | None, ...]
    battery_w: tuple[float | None, ...]
    limits: tuple[Limit, ...]
    battery: Battery | None
    machines: int
    value: float | None
    value_always: float | None
    value_off: float | None
    gain: float | None
    bound: float | None
    totals: dict[str, float]
    break_even: dict[str, float]
    stretches: tuple[Stretch, ...]
    told: tuple[str, ...]
    left_out: tuple[str, ...]


class EnergySite(Document, frozen=True, kw_only=True):
    """A site's power autopilot. `banner` says what a person must know of the rule that holds; empty: the plan."""

    name: str
    title: str
    mode: PlanMode
    banner: str
    next_ms: int | None
    asks: int | None
    driven_by: str
    is_fleet_live: bool
    plan: EnergyPlan | None
    is_stored: bool = False
    """No program runs: this is how it was left; `stored_ms` is when its last turn was."""
    stored_ms: int | None = None
    battery: BatteryNow | None = None
    battery_orders: tuple[BatteryOrder, ...] = ()
    earned: PowerEarned | None = None
    turns: tuple[PowerTurnBrief, ...] = ()


class GroupPower(Document, frozen=True, kw_only=True):
    """What a group of machines draws now [W], and how many of them said so, are reckoned, or are not known."""

    group: str
    measured_w: float
    estimated_w: float
    measured: int
    estimated: int
    unknown: int


class FleetPower(Document, frozen=True, kw_only=True):
    """What the fleet draws now; `oldest_ms` is the age of the oldest reading that was counted."""

    at_ms: int
    oldest_ms: int | None
    is_live: bool
    groups: tuple[GroupPower, ...]


def site_of_state(state: Row) -> EnergySite:
    """Return a site."""
    settings, last, plan = state["settings"] or {}, state.get("last") or {}, state.get("plan")
    mode = mode_of(settings)
    next_ms = int(state.get("next_at_ms") or 0)
    return EnergySite(
        name=str(state.get("name") or settings.get("name") or ""),
        title=str(((plan or {}).get("seen") or {}).get("name") or state.get("name") or ""),
        mode=mode,
        banner=str(state.get("banner") or ""),
        next_ms=next_ms if next_ms and mode != "PAUSED" else None,
        asks=int(last["number"]) if last.get("state") == "asked" else None,
        driven_by=str((state.get("driven_by") or {}).get("author") or ""),
        is_fleet_live=bool(state.get("fleet_is_live")),
        plan=plan_of(plan) if plan and plan.get("thought") and plan.get("seen") else None,
        is_stored=bool(state.get("is_stored")),
        stored_ms=state.get("stored_ms"),
        battery=battery_now(state.get("battery")),
        battery_orders=orders_of(state.get("battery_orders")),
        earned=earned_of(state.get("earned")),
        turns=turns_of(state.get("turns")),
    )


def plan_of(row: Row) -> EnergyPlan:
    """Return a kept turn with its series."""
    seen, thought = row["seen"], row["thought"]
    kept = thought["plan"]
    start, slots = int(kept["start_ms"]), min(int(kept["slots"]), SLOTS_MAX)
    skip = max((start - int(seen["start_ms"])) // SLOT_MS, 0)
    site = seen.get("site") or {}
    value, always = _float(thought.get("value")), _float(thought.get("value_always"))
    battery = _battery(site.get("battery"), seen.get("level"))

    def seen_series(name: str) -> tuple[float | None, ...]:
        return _series(list(seen.get(name) or ())[skip:], slots)

    def thought_series(name: str) -> tuple[float | None, ...]:
        return _series(thought.get(name) or (), slots)

    return EnergyPlan(
        number=int(row["number"]),
        at_ms=int(row["at_ms"]),
        state=str(row["state"]),
        note=str(row["note"]),
        rule=str(thought["rule"]),
        currency=str(seen["currency"]),
        times_s=tuple((start + at * SLOT_MS) // 1000 for at in range(slots)),
        price=seen_series("price"),
        export_price=seen_series("export"),
        sun_w=seen_series("sun_w"),
        wind_w=seen_series("wind_w"),
        groups_w=groups_of(thought.get("groups") or (), start, slots),
        own_w=thought_series("own_w"),
        import_w=thought_series("import_w"),
        export_w=thought_series("export_w"),
        battery_percent=_percents(thought.get("battery_wh") or (), battery, slots),
        battery_w=_battery_w(kept, slots) if thought.get("battery_wh") else (),
        limits=_limits(site.get("limits") or {}),
        battery=battery,
        machines=int(thought.get("machines") or 0),
        value=value,
        value_always=always,
        value_off=_float(thought.get("value_off")),
        gain=None if value is None or always is None else value - always,
        bound=_float(thought.get("bound")),
        totals=_floats(thought.get("totals") or {}),
        break_even=_floats(thought.get("break_even") or {}),
        stretches=tuple(map(_stretch, (thought.get("blocks") or ())[:BLOCKS_MAX])),
        told=tuple(f"{it['code']} {it['place']}: {it['message']}" for it in thought.get("told") or ()),
        left_out=tuple(map(str, thought.get("left_out") or ())),
    )


def groups_of(changes: Iterable[Row], start_ms: int, slots: int) -> dict[str, tuple[float, ...]]:
    """Write each group's changes as watts a slot: what was last said holds until something else is."""
    found: dict[str, list[float]] = {}
    for it in sorted(changes, key=lambda it: int(it["from_ms"])):
        series = found.setdefault(str(it["group"]), [0.0] * slots)
        first = max((int(it["from_ms"]) - start_ms) // SLOT_MS, 0)
        series[first:] = [float(it["power_w"])] * max(slots - first, 0)
    return {name: tuple(found[name]) for name in sorted(found)}


def _stretch(it: Row) -> Stretch:
    return Stretch(
        from_ms=int(it["from_ms"]),
        to_ms=int(it["to_ms"]),
        machines=int(it["machines"]),
        reason=str(it["reason"]),
        price=_float(it.get("price")),
        earns=_float(it.get("earns")),
        machines_kw=float(it["machines_kw"]),
        own_kw=float(it["own_kw"]),
        grid_kw=float(it["grid_kw"]),
        battery_percent=_float(it.get("battery_percent")),
    )


def _battery(settings: Row | None, level: object) -> Battery | None:
    if not settings or not _float(settings.get("capacity_kwh")):
        return None
    reported = _float(level)
    return Battery(
        capacity_kwh=float(settings["capacity_kwh"]),
        reserve_percent=100 * float(settings.get("reserve", 0.1)),
        level=_float(settings.get("level")) if reported is None else reported,
    )


def _percents(energy_wh: Iterable[object], battery: Battery | None, slots: int) -> tuple[float | None, ...]:
    if battery is None:
        return ()
    known = _series(energy_wh, slots)
    return tuple(None if it is None else min(max(it / battery.capacity_kwh / 10, 0.0), 100.0) for it in known)


def _battery_w(kept: Row, slots: int) -> tuple[float | None, ...]:
    """Return what a kept plan lets the battery take (positive) and give; its series are (value, how often in a row)."""
    taken, given = ([float(it[0]) for it in kept.get(name) or () for _ in range(int(it[1]))] for name in FLOWS)
    return _series([one - other for one, other in zip(taken, given, strict=False)], slots)


def _limits(settings: Row) -> tuple[Limit, ...]:
    names = {"import_kw": "import", "machines_kw": "machines", "export_kw": "export"}
    known = ((word, _float(settings.get(key))) for key, word in names.items())
    return tuple(Limit(name=word, value_w=1000 * value) for word, value in known if value)


def _series(values: Iterable[object], slots: int) -> tuple[float | None, ...]:
    found = [_float(it) for it in values][:slots]
    return tuple(found + [None] * (slots - len(found))) if found else ()


def _floats(values: Row) -> dict[str, float]:
    return {str(name): float(it) for name, it in values.items() if isinstance(it, int | float)}


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


# ---------------------------------------------------------------- the fleet now


class FleetWatch:
    """What the fleet draws, asked at most every few seconds for all who look, and less often the larger it is."""

    EVERY_S: Final = 5.0
    PAGE: Final = 500

    def __init__(self, live: Live) -> None:
        self._live = live
        self._lock = asyncio.Lock()
        self._next = -1e9
        self._power: FleetPower | None = None

    async def look(self) -> FleetPower | None:
        """Return what the fleet draws; None where no program runs or it has no machine."""
        async with self._lock:
            now = self._live.clock.monotonic()
            if now >= self._next:
                rows, is_live = await self._rows()
                self._next = now + max(self.EVERY_S, len(rows) / 200)
                self._power = power_of(rows, at_ms=self._live.clock.now(), is_live=is_live) if rows else None
        return self._power

    async def _rows(self) -> tuple[list[Row], bool]:
        found: list[Row] = []
        is_live = False
        while True:
            try:
                page = await self._live.ask("fleet-status", offset=len(found))
            except HashwrightError:
                return [], False
            devices = page.get("devices") or []
            found += devices
            is_live = bool(page.get("is_live"))
            if not devices or len(found) >= int(page.get("total", 0)):
                return found, is_live


def power_of(rows: Iterable[Row], *, at_ms: int, is_live: bool) -> FleetPower:
    """Sum what machines draw, by group: what they report is measured, what is reckoned for them is estimated."""
    sums: dict[str, dict[str, Any]] = {}
    ages = []
    for row in rows:
        it = sums.setdefault(str(row.get("group") or "no group"), dict.fromkeys(GroupPower.__struct_fields__[1:], 0))
        watts, age = _float(row.get("power_w")), row.get("age_ms")
        kind = "unknown" if watts is None else "estimated" if age is None or row.get("troubles") else "measured"
        it[kind] += 1
        if watts is not None:
            it[f"{kind}_w"] += watts
        if kind == "measured":
            ages.append(int(age or 0))
    groups = tuple(GroupPower(group=name, **sums[name]) for name in sorted(sums))
    return FleetPower(at_ms=at_ms, oldest_ms=max(ages, default=None), is_live=is_live, groups=groups)
