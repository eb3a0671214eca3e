"""Read a site's file, build its plug-ins, and ask them what is known of the next hours.

A file that does not pass names every problem at once. A weather service that is silent costs the sun, not the plan; a
tariff that is silent ends the attempt, because nothing is planned on a price that is not known.
"""

import csv
import gzip
import io
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np

from hashwright import registry
from hashwright.adapters.batteries.base import BatteryPlugin
from hashwright.adapters.tariffs.base import TariffPlugin
from hashwright.adapters.weather.base import Place, WeatherPlugin, WeatherSource
from hashwright.economics.coin_facts import load_snapshot
from hashwright.economics.exchange import USD, YOUNG_MS, exchange_of
from hashwright.energy.settings import read_struct
from hashwright.energy.site import Site, read_site
from hashwright.energy.slots import Grid, Slotted
from hashwright.energy.sun import solar_power_w
from hashwright.energy.tariff import Tariff, slotted_prices
from hashwright.energy.weather import FloatArray, Weather, silence_findings, typical_on, weather_on
from hashwright.energy.wind import wind_power_w
from hashwright.errors import ConfigError, Finding, HashwrightError, NotSupported, OperatorError, reason_of
from hashwright.planner.site_problem import Known
from hashwright.runtime.market_data import load_market

COIN_FILE: Final = "coin_daily.csv.gz"
NET_METERING: Final = "net_metering"
TH: Final = 1e12
AGE_DAYS_MAX: Final = 7
"""A recorded day of a coin that is older than a week says nothing of today."""


class NetMetering(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is sold counts against what is bought in the same month, less `fee` [currency/kWh].

    What a month sells beyond what it buys is paid with `surplus_price` [currency/kWh].
    """

    kind: str
    fee: float = 0.0
    surplus_price: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSetup:
    """A site that passed its checks, with its built plug-ins."""

    site: Site
    tariff: Tariff
    export: Tariff | None
    net_metering: NetMetering | None
    weather: WeatherSource | None
    data: Path | None
    is_commanded: bool = False
    """Its battery takes orders: the file has an [inverter]."""

    @property
    def place(self) -> Place:
        """Return where the site is."""
        it = self.site.site
        return Place(latitude=it.latitude or 0.0, longitude=it.longitude or 0.0, altitude_m=it.altitude_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What is known of a grid, the tariff's currency, and what was odd on the way."""

    known: Known
    currency: str
    findings: tuple[Finding, ...]


def load_site(path: Path, *, data: Path | None = None) -> SiteSetup:
    """Read and build a site. `data` is the folder of recorded prices.

    Raises:
        ConfigError: with one finding for every problem (HW-840).
    """
    table = _table(path)
    findings: list[Finding] = []
    site = read_site(table, path.name, findings)
    tariff = _plugin("tariffs", table.get("tariff"), f"{path.name}.tariff", findings, (data, path.parent))
    sold = table.get("export")
    net = None
    if isinstance(sold, Mapping) and sold.get("kind") == NET_METERING:
        net, sold = read_struct(NetMetering, sold, f"{path.name}.export", findings), None
    export = _plugin("tariffs", sold, f"{path.name}.export", findings, (data, path.parent))
    weather = _plugin("weather", table.get("weather"), f"{path.name}.weather", findings, (data, path.parent))
    inverter = _plugin("batteries", table.get("inverter"), f"{path.name}.inverter", findings, (data, path.parent))
    if findings or site is None:
        raise ConfigError(
            f"{path.name} has {len(findings)} problem{'s' if len(findings) != 1 else ''}. Nothing was planned.",
            code="HW-840",
            hint="Correct them all, then try again. docs/energy.md shows every table.",
            findings=tuple(findings),
        )
    return SiteSetup(
        site=site,
        tariff=tariff,
        export=export,
        net_metering=net,
        weather=weather,
        data=data,
        is_commanded=inverter is not None,
    )


def _table(path: Path) -> dict[str, Any]:
    try:
        # Decimals from the text of the file: a price never was a float.
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ConfigError(
            f"The site's file {path} cannot be read: {reason_of(problem)}.",
            code="HW-840",
            hint="docs/examples/home.toml is one to begin with.",
            findings=(),
        ) from problem


def _plugin(kind: str, table: object, place: str, findings: list[Finding], folders: tuple[Path | None, Path]) -> Any:  # noqa: ANN401 (a tariff or a source of weather)
    """Build the plug-in that a table names; None where there is no table, or after adding a finding."""
    if table is None:
        return None
    name = table.get("kind") if isinstance(table, Mapping) else None
    if not isinstance(table, Mapping) or name not in registry.names(kind):
        known = ", ".join(registry.names(kind))
        message = f"{str(name)[:40]!r} is no kind"
        findings.append(Finding(code="HW-840", place=f"{place}.kind", message=message, hint=f"Known: {known}."))
        return None
    plugin: TariffPlugin | WeatherPlugin | BatteryPlugin = registry.load(kind, str(name)).PLUGIN
    values = dict(table)
    if "folder" in plugin.config.__struct_fields__ and "folder" not in values:
        data, beside = folders
        values["folder"] = str(beside if kind == "weather" or data is None else data)
    config = read_struct(plugin.config, values, place, findings)
    return None if config is None else plugin.build(config)


async def gather(
    setup: SiteSetup,
    grid: Grid,
    *,
    now_ms: int,
    level: float | None = None,
    worth: Mapping[str, float] | None = None,
    data_dir: Path | None = None,
) -> Gathered:
    """Ask the site's plug-ins what is known of a grid. `worth` is what a TH/s of each coin earns a day now [USD].

    `data_dir` has the stored exchange rates; without it only the dated ones of the package are known.

    Raises:
        Unavailable, OperatorError: the tariff does not answer, or not understandably; or what coins earn cannot be
            said in its currency (HW-714).
    """
    answer = await setup.tariff.prices(grid.start_ms, grid.end_ms, now_ms=now_ms)
    price = slotted_prices(answer, grid)
    export, more = await _export(setup, grid, price, answer.currency, now_ms)
    weather, odd = await _weather(setup, grid, now_ms)
    dollar, told = dollar_in(setup, answer.currency, data_dir, now_ms=now_ms)
    known = Known(
        price=price,
        export=export,
        sun_w=sun_w(setup, weather, grid),
        wind_w=_wind_w(setup, weather, grid),
        per_th_day=per_th_day(setup, grid, worth or {}, dollar=dollar),
        level=level,
    )
    return Gathered(known=known, currency=answer.currency, findings=(*more, *odd, *told))


def dollar_in(
    setup: SiteSetup, currency: str, data_dir: Path | None, *, now_ms: int
) -> tuple[float, tuple[Finding, ...]]:
    """Return what one US dollar is in a site's currency, and a finding where the rate is an old one.

    Raises:
        OperatorError: coins earn dollars here, and no rate of the currency is known (HW-714).
    """
    revenue = setup.site.revenue
    if revenue.usd_rate is not None:
        return revenue.usd_rate, ()
    if revenue.per_th_day is not None or currency == USD:
        return 1.0, ()
    rate = exchange_of(load_snapshot() if data_dir is None else load_market(data_dir), currency, now_ms=now_ms)
    if abs(now_ms - rate.at_ms) <= YOUNG_MS:
        return 1 / rate.usd, ()
    later = ", which is of a later day" if rate.at_ms > now_ms else ""
    words = f"what coins earn is reckoned by {rate.words}{later}"
    hint = "Say yours: usd_rate in [revenue], what one dollar is; or hw admin data fetch frankfurter."
    return 1 / rate.usd, (Finding(code="HW-715", place="revenue", message=words, hint=hint),)


async def _export(
    setup: SiteSetup, grid: Grid, price: Slotted, currency: str, now_ms: int
) -> tuple[Slotted | None, tuple[Finding, ...]]:
    if setup.net_metering is not None:
        fee = Decimal(str(setup.net_metering.fee))
        values = tuple(None if it is None else it - fee for it in price.values)
        return Slotted(grid=grid, values=values), ()
    if setup.export is None:
        return None, ()
    answer = await setup.export.prices(grid.start_ms, grid.end_ms, now_ms=now_ms)
    if answer.currency != currency:
        raise OperatorError(
            f"Power is bought in {currency} and sold in {answer.currency}.", code="HW-840", hint="Use one currency."
        )
    slotted = slotted_prices(answer, grid, what="export")
    return slotted, slotted.findings


async def _weather(setup: SiteSetup, grid: Grid, now_ms: int) -> tuple[Weather | None, tuple[Finding, ...]]:
    if setup.weather is None:
        return None, ()
    try:
        found = await setup.weather.weather(setup.place, grid.start_ms, grid.end_ms, now_ms=now_ms)
    except NotSupported:
        raise
    except HashwrightError as problem:
        told = Finding(
            code="HW-846", place="weather", message=problem.message, hint="No sun and no wind are counted on."
        )
        return None, (told,)
    odd = silence_findings(found, now_ms=now_ms)
    return (None if odd else found), odd


def _on(weather: Weather, grid: Grid) -> Weather:
    return typical_on(weather, grid) if weather.is_typical else weather_on(weather, grid)


def sun_w(setup: SiteSetup, weather: Weather | None, grid: Grid) -> FloatArray:
    """Return what the site's panels give in each slot [W]; NaN where the weather is not known."""
    if weather is None or not setup.site.sun:
        return np.full(grid.count, np.nan if setup.site.sun else 0.0)
    arrays = tuple(it.array() for it in setup.site.sun)
    place = setup.place
    return solar_power_w(arrays, _on(weather, grid), latitude=place.latitude, longitude=place.longitude)


def _wind_w(setup: SiteSetup, weather: Weather | None, grid: Grid) -> FloatArray:
    if weather is None or not setup.site.wind:
        return np.full(grid.count, np.nan if setup.site.wind else 0.0)
    return wind_power_w(tuple(it.turbine() for it in setup.site.wind), _on(weather, grid))


def per_th_day(
    setup: SiteSetup, grid: Grid, worth: Mapping[str, float] = MappingProxyType({}), *, dollar: float = 1.0
) -> FloatArray:
    """Return what a TH/s earns a day in each slot, gross [currency]: as set, as known now, or by recorded days.

    `dollar` is what one US dollar is in the site's currency.

    Raises:
        OperatorError: the recorded days do not reach near enough (HW-853).
    """
    revenue = setup.site.revenue
    if revenue.per_th_day is not None:
        return np.full(grid.count, revenue.per_th_day)
    if revenue.coin in worth:
        return np.full(grid.count, worth[revenue.coin] * dollar)
    days = recorded_hashprice(setup.data, revenue.coin)
    found = np.array([_known_on(days, at, revenue.coin) for at in _days(grid)])
    return found * dollar


def _days(grid: Grid) -> list[str]:
    return [datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d") for at in grid.starts_ms()]


def _known_on(days: Mapping[str, float], day: str, coin: str) -> float:
    """Return the newest value that was known at a day's begin: a day's own value is known at its end."""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    for back in range(1, AGE_DAYS_MAX + 1):
        earlier = (at - timedelta(days=back)).strftime("%Y-%m-%d")
        if earlier in days:
            return days[earlier]
    raise OperatorError(
        f"No recorded day of {coin} is known in the week before {day}.",
        code="HW-853",
        hint="Choose another time: --at.",
    )


def recorded_hashprice(data: Path | None, coin: str) -> dict[str, float]:
    """Return what a TH/s earned on each recorded day [USD], from price, issuance, fees and hash rate.

    Raises:
        OperatorError: there is no such file or coin (HW-853).
    """
    path = (data or Path()) / COIN_FILE
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
    except (OSError, EOFError) as problem:
        raise OperatorError(
            f"{path} cannot be read: {reason_of(problem)}.", code="HW-853", hint="Name its folder with --data."
        ) from problem
    found = {}
    for row in csv.DictReader(io.StringIO(text)):
        if row["coin"] == coin and row["price_usd"] and row["hashrate_hs"] and row["issuance_native"]:
            coins = float(row["issuance_native"]) + float(row["fees_native"] or 0)
            if float(row["hashrate_hs"]) > 0:
                found[row["date"]] = float(row["price_usd"]) * coins / (float(row["hashrate_hs"]) / TH)
    if not found:
        raise OperatorError(f"{COIN_FILE} has no days of {coin[:12]!r}.", code="HW-853", hint="Is it written as BTC?")
    return found
