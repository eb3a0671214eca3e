"""The meter's word in a site's plan: the battery's level, the month's peak, net metering, the forecast's error."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from hashwright.energy.meter import Meter, MonthSoFar, error_of, level_of, month_so_far, read_meter
from hashwright.energy.slots import Slotted
from hashwright.energy.tariff import net_metering_bill
from hashwright.errors import Finding, OperatorError, reason_of
from hashwright.runtime.site_file import Gathered, SiteSetup

METER_BYTES_MAX: Final = 64 * 2**20
"""Two months of readings every five seconds."""
SLOTS_A_DAY: Final = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """What is known of a grid, corrected by the meter, and the month's settlement in words where there is one."""

    gathered: Gathered
    month: MonthSoFar
    findings: tuple[Finding, ...] = ()


def load_meter(path: Path) -> tuple[Meter, tuple[Finding, ...]]:
    """Read a meter's file.

    Raises:
        OperatorError: it cannot be read, or is too large (HW-956).
    """
    try:
        if path.stat().st_size > METER_BYTES_MAX:
            raise OperatorError(
                f"{path} is larger than {METER_BYTES_MAX >> 20} MiB.", code="HW-956", hint="Keep the last two months."
            )
        return read_meter(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as problem:
        raise OperatorError(
            f"The meter's file {path} cannot be read: {reason_of(problem)}.",
            code="HW-956",
            hint="docs/energy.md shows its form.",
        ) from problem


def with_meter(
    setup: SiteSetup,
    gathered: Gathered,
    meter: Meter,
    told: Mapping[int, float],
    *,
    now_ms: int,
    level: float | None = None,
) -> Metered:
    """Return what is known with what the meter saw: it stands above the site's file, a person's `level` above it."""
    month = month_so_far(meter, now_ms=now_ms, zone=setup.site.site.zone)
    level = level_of(meter, now_ms=now_ms) if level is None else level
    known = gathered.known
    known = replace(
        known,
        error=error_of(told, meter, now_ms=now_ms),
        peak_kw=month.peak_kw,
        level=known.level if level is None else level,
        export=_export(setup, known.export, month),
    )
    findings = _silence(setup, meter, level)
    return Metered(gathered=replace(gathered, known=known), month=month, findings=findings)


def _export(setup: SiteSetup, export: Slotted | None, month: MonthSoFar) -> Slotted | None:
    """Under net metering, what a month sells beyond what it bought so far brings the surplus price only."""
    if setup.net_metering is None or export is None or month.sold_kwh <= month.bought_kwh:
        return export
    price = Decimal(str(setup.net_metering.surplus_price))
    return replace(export, values=tuple(None if it is None else price for it in export.values))


def _silence(setup: SiteSetup, meter: Meter, level: float | None) -> tuple[Finding, ...]:
    if setup.site.battery is None or meter.level is None or level is not None:
        return ()
    return (
        Finding(
            code="HW-956",
            place="battery",
            message="The meter's last word about the battery is older than an hour",
            hint="The level of the site's file is used, or its reserve.",
        ),
    )


def told_slots(gathered: Gathered) -> dict[int, int]:
    """Return what sun and wind are told to give in the next day [W by the slot's start in ms], where that is known."""
    known = gathered.known
    own = (known.sun_w + known.wind_w)[:SLOTS_A_DAY].tolist()
    starts = known.price.grid.starts_ms()
    return {at: round(watts) for at, watts in zip(starts, own, strict=False) if watts == watts}


def month_bill(setup: SiteSetup, month: MonthSoFar, price: Decimal | None) -> float | None:
    """Return what the month costs so far under net metering [currency], at a price a kWh; None where there is none."""
    if setup.net_metering is None or price is None or month.peak_kw is None:
        return None
    bill = net_metering_bill(
        bought_kwh=Decimal(str(month.bought_kwh)),
        sold_kwh=Decimal(str(month.sold_kwh)),
        price=price,
        surplus_price=Decimal(str(setup.net_metering.surplus_price)),
    )
    return float(bill + Decimal(str(setup.net_metering.fee)) * Decimal(str(min(month.sold_kwh, month.bought_kwh))))
