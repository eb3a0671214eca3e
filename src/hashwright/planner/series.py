"""Daily history of coins, and hourly power prices: tidy files in, arrays and findings out. `--data DIR` names a folder.

    table = load_coins(folder)                     # coin_daily.csv(.gz), else coin_chain_only.csv(.gz)
    table.coins["BTC"].price_usd                   # one float64 array a column, NaN where it is unknown
    table.findings                                 # holes, doubled days, zero prices, dead coins: each with its place
    aligned(table, ("BTC", "LTC"), first_day=..., last_day=...)   # the same days for all, as (coins, days) arrays

A series has one slot for each UTC day from its first to its last row, so `day = first_day + index` always holds; a day
counts from 1970-01-01 (`day_of`, `text_of_day`). Nothing is ever filled in: a hole is NaN and a finding. The row of a
day is known at its end: `known_at_ms`. Columns are those of a tidy table, in any order, more are ignored:

    date, coin, price_usd, difficulty, hashrate_hs, issuance_native, fees_native, blocks, price_src, net_src

`is_computed` marks rows whose network numbers were computed or interpolated, not observed, by their `net_src`.
"""

import csv
import gzip
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashwright.errors import Finding, OperatorError, reason_of

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]

COLUMNS: Final = ("price_usd", "difficulty", "hashrate_hs", "issuance_native", "fees_native", "blocks")
COIN_FILES: Final = ("coin_daily.csv.gz", "coin_daily.csv", "coin_chain_only.csv.gz", "coin_chain_only.csv")
POWER_FILES: Final = ("electricity_dayahead.csv.gz", "electricity_dayahead.csv")
OBSERVED: Final = ("", "cm", "imported")
"""Sources of network numbers that were observed; every other word marks a row as computed."""
EPOCH: Final = date(1970, 1, 1)
DAY_MS: Final = 86_400_000
ROWS_MAX: Final = 2_000_000
FINDINGS_MAX: Final = 200
HOUR_S: Final = 3600


def day_of(text: str) -> int:
    """Return an ISO day as days since 1970-01-01.

    Raises:
        ValueError: it is no day.
    """
    return date.fromisoformat(text).toordinal() - EPOCH.toordinal()


def text_of_day(day: int) -> str:
    """Return a day as ISO text."""
    return (EPOCH + timedelta(days=int(day))).isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinSeries:
    """One coin's days. Arrays are float64 of one length, NaN where a number is unknown.

    `price_usd` [USD a coin, at the end of the day], `difficulty` [the chain's unit, mean of the day], `hashrate_hs`
    [hash/s], `issuance_native` [new coins of the day, all of them], `fees_native` [coins], `blocks`.
    """

    coin: str
    first_day: int
    price_usd: FloatArray
    difficulty: FloatArray
    hashrate_hs: FloatArray
    issuance_native: FloatArray
    fees_native: FloatArray
    blocks: FloatArray
    is_computed: BoolArray

    @property
    def last_day(self) -> int:
        """Return the last day with a row."""
        return self.first_day + len(self.price_usd) - 1

    @property
    def days(self) -> NDArray[np.int64]:
        """Return the days, one for each slot."""
        return np.arange(self.first_day, self.last_day + 1, dtype=np.int64)

    def column(self, name: str) -> FloatArray:
        """Return one of `COLUMNS` by its name."""
        values: FloatArray = getattr(self, name)
        return values

    def between(self, first_day: int, last_day: int) -> "CoinSeries":
        """Return exactly these days, NaN where there is no row."""
        size = max(last_day - first_day + 1, 0)
        cut = {name: _window(self.column(name), first_day - self.first_day, size, np.nan) for name in COLUMNS}
        computed = _window(self.is_computed.astype(np.float64), first_day - self.first_day, size, 0.0) > 0
        return CoinSeries(coin=self.coin, first_day=first_day, is_computed=computed, **cut)

    def until(self, now_ms: int) -> "CoinSeries":
        """Return what was known at a moment [ms since 1970 UTC]: days that were over."""
        return self.between(self.first_day, min(self.last_day, now_ms // DAY_MS - 1))


def known_at_ms(day: int) -> int:
    """Return when the row of a day is known: at its end [ms since 1970 UTC]."""
    return (day + 1) * DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinTable:
    """All coins of a folder, what is wrong with them, and where they came from."""

    coins: Mapping[str, CoinSeries]
    findings: tuple[Finding, ...]
    source: str

    def coin(self, ticker: str) -> CoinSeries:
        """Return a coin's days.

        Raises:
            OperatorError: the table has none of that ticker (HW-815).
        """
        if ticker not in self.coins:
            raise OperatorError(
                f"{self.source} has no days of {ticker}.",
                code="HW-815",
                hint=f"It has: {', '.join(sorted(self.coins))}.",
            )
        return self.coins[ticker]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """Several coins on the same days: arrays of (coins, days)."""

    coins: tuple[str, ...]
    first_day: int
    price_usd: FloatArray
    difficulty: FloatArray
    hashrate_hs: FloatArray
    issuance_native: FloatArray
    fees_native: FloatArray
    blocks: FloatArray
    is_computed: BoolArray

    @property
    def days(self) -> NDArray[np.int64]:
        """Return the days, one for each column."""
        return np.arange(self.first_day, self.first_day + self.price_usd.shape[1], dtype=np.int64)


def aligned(table: CoinTable, coins: Sequence[str], *, first_day: int, last_day: int) -> Aligned:
    """Put coins on the same days.

    Raises:
        OperatorError: the table lacks one of them (HW-815).
    """
    rows = [table.coin(coin).between(first_day, last_day) for coin in coins]
    stacked = {name: np.stack([row.column(name) for row in rows]) for name in COLUMNS}
    computed = np.stack([row.is_computed for row in rows])
    return Aligned(coins=tuple(coins), first_day=first_day, is_computed=computed, **stacked)


def _window(values: FloatArray, start: int, size: int, missing: float) -> FloatArray:
    out = np.full(size, missing)
    low, high = max(start, 0), min(start + size, len(values))
    if high > low:
        out[low - start : high - start] = values[low:high]
    return out


# -------------------------------------------------------------------- reading


def load_coins(folder: Path, *, coins: Sequence[str] = ()) -> CoinTable:
    """Read the coins of a folder; with `coins`, only these tickers.

    Raises:
        OperatorError: there is no file of coins, or it has other columns (HW-805).
    """
    return read_coins(_file_of(folder, COIN_FILES), coins=coins)


def read_coins(file: Path, *, coins: Sequence[str] = ()) -> CoinTable:
    """Read one tidy file.

    Raises:
        OperatorError: it cannot be read, or has other columns (HW-805).
    """
    wanted = frozenset(coins)
    with _opened(file) as lines:
        return table_of(lines, source=file.name, wanted=wanted)


def table_of(lines: Iterable[str], *, source: str, wanted: frozenset[str] = frozenset()) -> CoinTable:
    """Read tidy lines.

    Raises:
        OperatorError: the columns are others (HW-805).
    """
    reader = csv.reader(lines)
    heads = next(reader, [])
    if not {"date", "coin"} <= set(heads) or not set(COLUMNS) & set(heads):
        raise OperatorError(
            f"{source} has other columns than a table of coins: {', '.join(heads)[:80]}.",
            code="HW-805",
            hint=f"They are: date, coin, {', '.join(COLUMNS)}; a column that is not there counts as unknown.",
        )
    reading = _Reading(source=source, heads=heads)
    for number, row in enumerate(reader, start=2):
        if number > ROWS_MAX:
            raise OperatorError(f"{source} has more than {ROWS_MAX} lines.", code="HW-805", hint="Split it.")
        if len(row) == len(heads) and (not wanted or row[reading.coin_at] in wanted):
            reading.take(number, row)
        elif len(row) != len(heads):
            reading.note("HW-805", f"line {number}", f"it has {len(row)} cells, not {len(heads)}")
    return reading.table()


@dataclass(slots=True, kw_only=True)
class _Reading:
    """A table while it is read."""

    source: str
    heads: list[str]
    rows: dict[str, dict[int, tuple[list[float], bool]]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    left_out: int = 0
    coin_at: int = 0
    date_at: int = 0
    source_at: int = -1
    places: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.coin_at, self.date_at = self.heads.index("coin"), self.heads.index("date")
        named = [name for name in ("net_src", "quality") if name in self.heads]
        self.source_at = self.heads.index(named[0]) if named else -1
        self.places = [(self.heads.index(name) if name in self.heads else -1, name) for name in COLUMNS]

    def note(self, code: str, place: str, message: str) -> None:
        """Add a finding; of very many only the first are kept, and how many more there are."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(code=code, place=f"{self.source}, {place}", message=message))
        else:
            self.left_out += 1

    def take(self, number: int, row: list[str]) -> None:
        """Take one line."""
        coin = row[self.coin_at]
        try:
            day = self._day(number, row[self.date_at])
        except ValueError:
            self.note("HW-805", f"line {number}", f"{row[self.date_at][:30]!r} is no day such as 2024-11-30")
            return
        days = self.rows.setdefault(coin, {})
        if day in days:
            self.note("HW-807", f"line {number}", f"{coin} has {text_of_day(day)} twice; the last line counts")
        values = [self._number(number, row[at], name) if at >= 0 else math.nan for at, name in self.places]
        computed = self.source_at >= 0 and row[self.source_at] not in OBSERVED
        days[day] = (values, computed)

    def _day(self, number: int, text: str) -> int:
        if len(text) == 10:
            return day_of(text)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            self.note("HW-810", f"line {number}", f"{text[:30]} says no time zone; it was read as UTC")
            moment = moment.replace(tzinfo=UTC)
        elif moment.utcoffset():
            self.note("HW-810", f"line {number}", f"{text[:30]} is not of UTC; it counts for the UTC day that it is in")
        return moment.astimezone(UTC).date().toordinal() - EPOCH.toordinal()

    def _number(self, number: int, text: str, name: str) -> float:
        if not text:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        is_price = name == "price_usd"
        if not math.isfinite(value) or value < 0 or (is_price and value == 0):
            self.note("HW-808", f"line {number}", f"{name} is {text[:30]!r}; it counts as unknown")
            return math.nan
        return value

    def table(self) -> CoinTable:
        """Make the arrays, and look at each coin as a whole."""
        coins = {coin: self._series(coin, days) for coin, days in sorted(self.rows.items()) if days}
        for series in coins.values():
            self._look(series)
        if self.left_out:
            more = Finding(code="HW-805", place=self.source, message=f"{self.left_out} more problems are not listed")
            self.findings.append(more)
        return CoinTable(coins=coins, findings=tuple(self.findings), source=self.source)

    def _series(self, coin: str, days: dict[int, tuple[list[float], bool]]) -> CoinSeries:
        first, last = min(days), max(days)
        values = np.full((len(COLUMNS), last - first + 1), np.nan)
        computed = np.zeros(last - first + 1, dtype=np.bool_)
        at = np.fromiter(days, dtype=np.int64, count=len(days)) - first
        values[:, at] = np.array([row for row, _ in days.values()]).T
        computed[at] = [flag for _, flag in days.values()]
        columns = dict(zip(COLUMNS, values, strict=True))
        self._look_for_holes(coin, first, sorted(days))
        return CoinSeries(coin=coin, first_day=first, is_computed=computed, **columns)

    def _look_for_holes(self, coin: str, first: int, days: list[int]) -> None:
        before = first - 1
        for day in days:
            if day > before + 1:
                span = f"{text_of_day(before + 1)} to {text_of_day(day - 1)}"
                self.note("HW-806", coin, f"{day - before - 1} days are missing: {span}")
            before = day

    def _look(self, series: CoinSeries) -> None:
        price = series.price_usd
        known = np.flatnonzero(~np.isnan(price))
        if len(known):
            for low, high in _holes(np.isnan(price[known[0] : known[-1] + 1])):
                start = series.first_day + int(known[0])
                span = f"{text_of_day(start + low)} to {text_of_day(start + high)}"
                self.note("HW-806", series.coin, f"no price on {high - low + 1} days: {span}")
        dead = dead_since(series)
        if dead is not None:
            self.note("HW-809", series.coin, f"its difficulty or hash rate is zero from {text_of_day(dead)} on")


def _holes(missing: BoolArray) -> Iterator[tuple[int, int]]:
    """Give the first and last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], missing, [False])).astype(np.int8)))
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        yield int(low), int(high) - 1


def dead_since(series: CoinSeries) -> int | None:
    """Return the day from which on difficulty or hash rate is zero to the end; None where the coin lives."""
    for values in (series.hashrate_hs, series.difficulty):
        known = np.flatnonzero(~np.isnan(values))
        if len(known) and values[known[-1]] == 0:
            alive = known[values[known] > 0]
            return series.first_day + (int(alive[-1]) + 1 if len(alive) else int(known[0]))
    return None


def _file_of(folder: Path, choices: Sequence[str]) -> Path:
    if folder.is_file():
        return folder
    found = next((folder / name for name in choices if (folder / name).is_file()), None)
    if found is None:
        raise OperatorError(
            f"{folder} has none of: {', '.join(choices)}.",
            code="HW-805",
            hint="--data names a folder of tidy files: hw admin data --help.",
        )
    return found


def _opened(file: Path) -> io.TextIOBase:
    """Open a file that may be compressed; a broken one is found when it is read.

    Raises:
        OperatorError: it cannot be opened (HW-805).
    """
    try:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        return io.StringIO(raw.decode("utf-8-sig"), newline="")
    except (OSError, EOFError, UnicodeDecodeError, ValueError) as problem:
        raise OperatorError(f"{file.name} cannot be read: {reason_of(problem)}.", code="HW-805") from problem


# -------------------------------------------------------------------- power


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSeries:
    """Prices of power in one zone, one a slot of `step_s` [currency/MWh, as traded]; NaN where a slot is missing."""

    zone: str
    currency: str
    first_s: int
    step_s: int
    price_mwh: FloatArray

    def price_kwh_at(self, at_s: int) -> float:
        """Return the price of the slot that a moment [s since 1970 UTC] is in [currency/kWh]; NaN outside."""
        index = (at_s - self.first_s) // self.step_s
        return float(self.price_mwh[index]) / 1000 if 0 <= index < len(self.price_mwh) else math.nan

    def daily_mean_kwh(self) -> tuple[int, FloatArray]:
        """Return the first whole UTC day and the mean price of each whole day since [currency/kWh]."""
        per_day = 86_400 // self.step_s
        skip = -self.first_s % 86_400 // self.step_s
        whole = (len(self.price_mwh) - skip) // per_day
        values = self.price_mwh[skip : skip + whole * per_day].reshape(whole, per_day)
        return (self.first_s + skip * self.step_s) // 86_400, values.mean(axis=1) / 1000


def load_power(folder: Path) -> tuple[dict[str, PowerSeries], tuple[Finding, ...]]:
    """Read the power prices of a folder: columns time_utc, zone, price [currency/MWh], currency.

    Raises:
        OperatorError: there is no such file, or it cannot be read (HW-805).
    """
    file = _file_of(folder, POWER_FILES)
    with _opened(file) as lines:
        return power_of(lines, source=file.name)


def power_of(lines: Iterable[str], *, source: str) -> tuple[dict[str, PowerSeries], tuple[Finding, ...]]:
    """Read tidy lines of power prices.

    Raises:
        OperatorError: the columns are others, or a cell cannot be read (HW-805).
    """
    reader = csv.DictReader(lines)
    heads = set(reader.fieldnames or ())
    if not {"time_utc", "zone", "price", "currency"} <= heads:
        raise OperatorError(
            f"{source} has other columns: {', '.join(sorted(heads))[:80]}.",
            code="HW-805",
            hint="They are: time_utc, zone, price, currency.",
        )
    zones: dict[str, dict[int, float]] = {}
    currencies: dict[str, str] = {}
    findings: list[Finding] = []
    for number, row in enumerate(reader, start=2):
        try:
            at_s, price = _moment_s(row["time_utc"]), float(row["price"])
        except (ValueError, TypeError) as problem:
            raise OperatorError(f"{source}, line {number}: {problem}.", code="HW-805") from problem
        slots = zones.setdefault(row["zone"], {})
        if at_s in slots:
            message = f"{row['zone']} has {row['time_utc']} twice; the last line counts"
            findings.append(Finding(code="HW-807", place=f"{source}, line {number}", message=message))
        slots[at_s] = price
        currencies[row["zone"]] = row["currency"]
    series = {zone: _power(zone, currencies[zone], slots, source, findings) for zone, slots in zones.items()}
    return series, tuple(findings[:FINDINGS_MAX])


def _power(zone: str, currency: str, slots: dict[int, float], source: str, findings: list[Finding]) -> PowerSeries:
    times = np.array(sorted(slots), dtype=np.int64)
    step = int(np.gcd.reduce(np.diff(times))) if len(times) > 1 else HOUR_S
    step = step if 0 < step <= HOUR_S and HOUR_S % step == 0 else HOUR_S
    values = np.full(int((times[-1] - times[0]) // step) + 1, np.nan)
    values[(times - times[0]) // step] = [slots[int(at)] for at in times]
    if missing := int(np.isnan(values).sum()):
        findings.append(Finding(code="HW-806", place=f"{source}, {zone}", message=f"{missing} slots are missing"))
    return PowerSeries(zone=zone, currency=currency, first_s=int(times[0]), step_s=step, price_mwh=values)


def _moment_s(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text[:30]} says no time zone (write 2024-01-01T00:00Z)")
    return round(moment.timestamp())
