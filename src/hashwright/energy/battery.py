"""A battery's facts, and what to make of a reading that cannot be: 130 % is a full battery and a finding."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from hashwright.energy.battery_control import ControlTerms
from hashwright.energy.settings import NotNegative, Positive, Share
from hashwright.errors import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """`capacity_kwh`, `charge_kw`, `discharge_kw`; `round_trip` efficiency (0 to 1); `wear` [currency/kWh taken out].

    Below `reserve` (0 to 1 of the capacity) nothing is planned: it is kept for an outage.
    """

    capacity_kwh: float
    charge_kw: float
    discharge_kw: float
    round_trip: float = 0.9
    wear: float = 0.0
    reserve: float = 0.0

    @property
    def one_way(self) -> float:
        """Return the efficiency of charging alone, and of discharging alone."""
        return float(self.round_trip**0.5)


class BatterySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A battery; `level` is what it reports now [percent], without it only the reserve is counted on."""

    capacity_kwh: Positive
    charge_kw: Positive
    discharge_kw: Positive
    round_trip: Annotated[float, msgspec.Meta(gt=0.3, le=1)] = 0.9
    wear: NotNegative = 0.0
    reserve: Share = 0.1
    level: float | None = None

    def facts(self) -> Battery:
        """Return the battery without its reading."""
        names = ("capacity_kwh", "charge_kw", "discharge_kw", "round_trip", "wear", "reserve")
        return Battery(**{name: getattr(self, name) for name in names})

    def terms(self, *, step_w: int, least_w: int) -> ControlTerms:
        """Return the battery as it is commanded, in steps of so many watts."""
        return ControlTerms(
            capacity_wh=round(self.capacity_kwh * 1000),
            charge_w=round(self.charge_kw * 1000),
            discharge_w=round(self.discharge_kw * 1000),
            reserve=self.reserve * 100,
            efficiency=self.facts().one_way,
            step_w=step_w,
            least_w=least_w,
        )


def content_wh(battery: Battery, level_percent: float | None) -> tuple[int, tuple[Finding, ...]]:
    """Return what is in a battery by its reported level [percent], and what is odd about the report (HW-848).

    No report counts as the reserve: nothing more is planned to be taken out than is known to be there.
    """
    capacity_wh = round(battery.capacity_kwh * 1000)
    if level_percent is None or level_percent != level_percent:
        told = _told("It reports nothing", "Only what is charged from now on is planned with.")
        return round(capacity_wh * battery.reserve), told
    believed = min(max(level_percent, 0.0), 100.0)
    content = round(capacity_wh * believed / 100)
    if believed != level_percent:
        return content, _told(f"It reports {level_percent:g} %", f"{believed:g} % is taken instead.")
    return content, ()


def _told(message: str, hint: str) -> tuple[Finding, ...]:
    return (Finding(code="HW-848", place="battery", message=message, hint=hint),)
