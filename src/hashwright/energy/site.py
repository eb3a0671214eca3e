"""A site's file: limits, prices, sun, wind, battery, heat and machines, checked as a whole before anything is planned.

The file is TOML, one table a subject; `docs/energy.md` shows each. Tables `tariff`, `export`, `weather` and `inverter`
belong to plug-ins: their `kind` names a file in `adapters/tariffs`, `weather` or `batteries`, which checks the rest.
Every problem is reported at once (HW-840), each with its place. Units are in the names: `_kw`, `_kwh`, `_w`, `_ths`,
shares from 0 to 1, money in the tariff's currency.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from hashwright.energy.battery import BatterySettings
from hashwright.energy.calendar import zone_of
from hashwright.energy.settings import NotNegative, Positive, Problem, Share, read_struct
from hashwright.energy.sun import LOSSES, MOUNTS, SolarArray
from hashwright.energy.wind import Turbine
from hashwright.errors import Finding

PLUGIN_TABLES: Final = ("tariff", "export", "weather", "inverter")


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the site is called, and where it is."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    zone: str = "UTC"
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    altitude_m: Annotated[float, msgspec.Meta(ge=-500, le=6000)] = 0.0

    def problems(self) -> Iterator[Problem]:
        """Find a time zone that is none."""
        try:
            zone_of(self.zone)
        except ValueError as problem:
            yield Problem(field="zone", message=str(problem))


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may never be exceeded. `machines_kw` is their breaker, `ramp_kw` what they may rise by in 15 minutes."""

    import_kw: NotNegative
    export_kw: NotNegative = 0.0
    machines_kw: Positive | None = None
    ramp_kw: Positive | None = None


class Demand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A demand charge: `per_kw` [currency/kW and month], and the month's highest quarter of an hour so far."""

    per_kw: NotNegative
    peak_kw: NotNegative = 0.0


class Emissions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a kWh of the grid emits, and what a kilogram of it is to cost beside the power's price."""

    kg_per_kwh: NotNegative
    price_per_kg: NotNegative = 0.0


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the site draws without machines: always `base_kw`, or one figure for each hour of the local day."""

    base_kw: NotNegative = 0.0
    hours_kw: tuple[NotNegative, ...] = ()

    def problems(self) -> Iterator[Problem]:
        """Find a day of other than 24 hours."""
        if len(self.hours_kw) not in (0, 24):
            yield Problem(field="hours_kw", message=f"has {len(self.hours_kw)} figures", hint="One for each hour: 24.")


class Heat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What heat of the machines saves [currency/kWh], up to what can be used [kW], in some months (all without it)."""

    price: NotNegative
    demand_kw: NotNegative
    months: tuple[Annotated[int, msgspec.Meta(ge=1, le=12)], ...] = ()


class SunSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Panels of one direction; `azimuth` from north over east [degrees]: 180 is south."""

    name: str = "roof"
    dc_kw: Positive
    tilt: Annotated[float, msgspec.Meta(ge=0, le=90)]
    azimuth: Annotated[float, msgspec.Meta(ge=0, le=360)]
    losses: Share = LOSSES
    dc_ac_ratio: Annotated[float, msgspec.Meta(ge=0.5, le=3)] = 1.2
    inverter_efficiency: Annotated[float, msgspec.Meta(gt=0.5, le=1)] = 0.96
    mount: str = "rack"

    def problems(self) -> Iterator[Problem]:
        """Find a mount that is none."""
        if self.mount not in MOUNTS:
            yield Problem(field="mount", message=f"{self.mount[:20]!r} is none", hint=f"Known: {', '.join(MOUNTS)}.")

    def array(self) -> SolarArray:
        """Return the array."""
        return SolarArray(**{name: getattr(self, name) for name in self.__struct_fields__})


class WindSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Turbines of one kind by their power curve: rising wind speeds [m/s] and the power at each [kW]."""

    name: str = "turbine"
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    hub_m: Annotated[float, msgspec.Meta(ge=3, le=300)]
    speeds_ms: tuple[NotNegative, ...]
    powers_kw: tuple[NotNegative, ...]
    losses: Share = 0.0

    def problems(self) -> Iterator[Problem]:
        """Find a curve that does not rise in speed, or has two lengths."""
        if len(self.speeds_ms) != len(self.powers_kw) or len(self.speeds_ms) < 2:
            yield Problem(field="powers_kw", message="one power for each speed is needed, two at least")
        if list(self.speeds_ms) != sorted(set(self.speeds_ms)):
            yield Problem(field="speeds_ms", message="the speeds do not rise")

    def turbine(self) -> Turbine:
        """Return the turbine."""
        return Turbine(
            name=self.name,
            hub_m=self.hub_m,
            speeds_ms=self.speeds_ms,
            powers_w=tuple(power * 1000 for power in self.powers_kw),
            count=self.count,
            losses=self.losses,
        )


class Revenue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a TH/s earns a day [currency], or the coin whose recorded days say so; less `fee` and `rejects`.

    `usd_rate` is what one US dollar is in the site's currency, for what coins earn; without it a stored rate tells.
    """

    per_th_day: NotNegative | None = None
    coin: str = ""
    usd_rate: Positive | None = None
    fee: Share = 0.0
    rejects: Share = 0.0

    def problems(self) -> Iterator[Problem]:
        """Find both or none of the two ways."""
        if (self.per_th_day is None) == (not self.coin):
            yield Problem(field="per_th_day", message="either per_th_day or coin says what a TH/s earns", hint="One.")

    @property
    def kept(self) -> float:
        """Return what is left of a gross revenue."""
        return (1 - self.fee) * (1 - self.rejects)


class LevelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One power level of a machine, as measured: its draw without cooling, and its hash rate."""

    power_w: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    hashrate_ths: Positive


class GroupSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Machines that are alike. Times are in minutes; `start_cost` is what one start of one machine costs."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1
    levels: tuple[LevelSettings, ...]
    start_cost: NotNegative = 0.0
    up_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 60
    down_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 15
    per_th_day: NotNegative | None = None
    running: Annotated[int, msgspec.Meta(ge=0)] = 0

    def problems(self) -> Iterator[Problem]:
        """Find no level, levels of one power, and more machines that run than there are."""
        powers = [level.power_w for level in self.levels]
        if not powers or len(set(powers)) != len(powers):
            yield Problem(field="levels", message="one level at least, and none twice")
        if self.running > self.count:
            yield Problem(field="running", message=f"{self.running} of {self.count} machines cannot run")


class Risk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much the worst share (`tail`) of scenarios counts beside the mean of all (`weight`)."""

    weight: Share = 0.0
    tail: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.2
    scenarios: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1

    def problems(self) -> Iterator[Problem]:
        """Find a number of scenarios that is not offered."""
        if self.scenarios not in (1, 3, 5):
            yield Problem(field="scenarios", message=f"{self.scenarios} are not offered", hint="1, 3 or 5.")


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of a site's file but the tables of plug-ins."""

    site: Place
    limits: Limits
    revenue: Revenue
    groups: tuple[GroupSettings, ...]
    demand: Demand | None = None
    emissions: Emissions | None = None
    load: Load = Load()
    cooling: Share = 0.0
    heat: Heat | None = None
    battery: BatterySettings | None = None
    sun: tuple[SunSettings, ...] = ()
    wind: tuple[WindSettings, ...] = ()
    risk: Risk = Risk()

    def problems(self) -> Iterator[Problem]:
        """Find what no single table can know."""
        names = [group.name for group in self.groups]
        if len(set(names)) != len(names) or not names:
            yield Problem(field="groups", message="one group at least, and no name twice")
        if self.sun and (self.site.latitude is None or self.site.longitude is None):
            yield Problem(field="site.latitude", message="[[sun]] needs latitude and longitude")


def read_site(table: Mapping[str, Any], place: str, findings: list[Finding]) -> Site | None:
    """Read a site's tables, without those of plug-ins; None after adding at least one finding (HW-840)."""
    own = {key: value for key, value in table.items() if key not in PLUGIN_TABLES}
    found = read_struct(Site, own, place, findings)
    if "tariff" not in table:
        findings.append(
            Finding(code="HW-840", place=f"{place}.tariff", message="is missing", hint="See docs/energy.md.")
        )
    if (table.get("sun") or table.get("wind")) and "weather" not in table:
        findings.append(Finding(code="HW-840", place=f"{place}.weather", message="sun and wind need [weather]"))
    if "inverter" in table and "battery" not in table:
        findings.append(Finding(code="HW-840", place=f"{place}.battery", message="[inverter] needs [battery]"))
    return found
