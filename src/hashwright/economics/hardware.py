"""The catalogue of machines: nameplate facts in a CSV with units in the header, and the owner's own measurements.

One row is one model and one algorithm (a graphics card has several rows). `levels_hs_w` are power levels, as
`eco=52e12@800 standard=80e12@1300`, each with hash rate [hash/s] and power [W]. Prices are single quotes with their
date. An owner's TOML overrides by model, and adds what is missing:

    [[machine]]
    model = "Antminer S21"
    hashrate = "195 TH/s"
    power_w = 3440
    levels = [{name = "eco", hashrate = "150 TH/s", power_w = 2300}]
"""

import csv
import functools
import itertools
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Final

from hashwright.economics.hashprice import efficiency_j_th
from hashwright.economics.quantities import check_hashrate, check_power, hashrate_of, nearest, power_of
from hashwright.errors import ConfigError, Finding, HashwrightError, OperatorError

KINDS: Final = ("asic", "gpu", "cpu")
MACHINES_MAX: Final = 1_000_000
_MAKERS: Final = ("antminer", "whatsminer", "avalonminer", "avalon", "sealminer", "geforce", "radeon", "core")
_WORD: Final = re.compile(r"[^a-z0-9+.]+")
_COUNTED: Final = re.compile(r"(.+?)\s*(?:[x×*]\s*([0-9]{1,7}))?", re.IGNORECASE)
_ALIASES: Final = {"sha256": "sha256d", "sha-256": "sha256d", "ethash": "etchash", "rx/0": "randomx", "rx": "randomx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A power level: hash rate [hash/s] and power [W]."""

    name: str
    hashrate_hs: float
    power_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One model with one algorithm. `price_usd` is None where no price is known; `is_measured` by its owner."""

    vendor: str
    model: str
    kind: str
    algorithm: str
    hashrate_hs: float
    power_w: float
    levels: tuple[Level, ...] = ()
    release: str = ""
    price_usd: float | None = None
    price_date: str = ""
    source: str = ""
    is_measured: bool = False

    @property
    def efficiency_j_th(self) -> float:
        """Return the efficiency [J/TH]."""
        return efficiency_j_th(self.power_w, self.hashrate_hs)

    @property
    def all_levels(self) -> tuple[Level, ...]:
        """Return its power levels, the lowest first; a machine without known ones has its nameplate."""
        plain = Level(name="nameplate", hashrate_hs=self.hashrate_hs, power_w=self.power_w)
        return self.levels or (plain,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """So many machines of a model."""

    machine: Machine
    count: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All machines known, and how they are found by name."""

    machines: tuple[Machine, ...]

    def models(self) -> tuple[str, ...]:
        """List the names, each once."""
        return tuple(dict.fromkeys(machine.model for machine in self.machines))

    def of_algorithm(self, algorithm: str) -> tuple[Machine, ...]:
        """List the machines that compute an algorithm."""
        return tuple(machine for machine in self.machines if machine.algorithm == algorithm)

    def find(self, name: str, *, algorithm: str = "") -> Machine:
        """Return a machine by its name, with or without the maker: `s21`, `Antminer S21`.

        Raises:
            OperatorError: there is none (HW-802), or none for this algorithm (HW-818).
        """
        found = self._named(name)
        if not found:
            near = nearest(_short(name), [_short(model) for model in self.models()])
            titles = [model for short in near for model in self.models() if _short(model) == short]
            raise OperatorError(
                f"No machine called {name.strip()[:40]!r} is known.",
                code="HW-802",
                hint=f"Near are: {', '.join(titles)}."
                if titles
                else "Give it as: --hashrate '200 TH/s' --power 3500W.",
            )
        fitting = [machine for machine in found if algorithm in ("", machine.algorithm)]
        if not fitting:
            can = ", ".join(dict.fromkeys(machine.algorithm for machine in found))
            raise OperatorError(
                f"{found[0].model} cannot mine {algorithm}: it computes {can}.",
                code="HW-818",
                hint=f"Take a coin of {can}, or another machine.",
            )
        return fitting[0]

    def _named(self, name: str) -> list[Machine]:
        wanted = _short(name)
        exact = [
            machine
            for machine in self.machines
            if wanted in (_short(machine.model), _plain(machine.model), _plain(f"{machine.vendor} {machine.model}"))
        ]
        return exact or self._by_words(name)

    def _by_words(self, name: str) -> list[Machine]:
        """Find the one model that has all these words: `5950x`, `rtx 3080`."""
        words = set(name.lower().split())
        found = [machine for machine in self.machines if words and words <= set(machine.model.lower().split())]
        return found if len({machine.model for machine in found}) == 1 else []

    def groups(self, text: str) -> tuple[Group, ...]:
        """Read a fleet: `s21 x3, Ryzen 9 5950X`.

        Raises:
            OperatorError: a model is unknown (HW-802), or a count is absurd (HW-803).
        """
        return tuple(self._group(part) for part in text.split(",") if part.strip())

    def _group(self, text: str) -> Group:
        whole = self._named(text)
        match = _COUNTED.fullmatch(text.strip())
        assert match is not None
        count = int(match[2] or 1)
        if whole or not 1 <= count <= MACHINES_MAX:
            count = 1 if whole else count
        if not 1 <= count <= MACHINES_MAX:
            raise OperatorError(f"{count} machines in {text.strip()!r} are not a fleet.", code="HW-803")
        return Group(machine=whole[0] if whole else self.find(match[1]), count=count)

    def with_measured(self, measured: Sequence[Machine]) -> "Catalogue":
        """Put the owner's own numbers over the catalogue's."""
        own = {(_short(machine.model), machine.algorithm): machine for machine in measured}
        kept = [machine for machine in self.machines if (_short(machine.model), machine.algorithm) not in own]
        return Catalogue((*measured, *kept))


def algorithm_of(name: str) -> str:
    """Return an algorithm by its usual names."""
    word = name.strip().lower()
    return _ALIASES.get(word, word)


def _plain(name: str) -> str:
    return _WORD.sub("", name.lower())


def _short(name: str) -> str:
    """Return a name without its maker, blanks and case: `s21`."""
    words = [word for word in re.split(r"[\s_-]+", name.lower().strip()) if word]
    kept = [word for word in words if word not in (*_MAKERS, "bitmain", "microbt", "canaan", "nvidia", "amd", "intel")]
    return _plain("".join(kept or words))


# -------------------------------------------------------------------- reading


@functools.cache
def load_catalogue() -> Catalogue:
    """Read the catalogue of the package."""
    text = (files("hashwright.economics") / "facts" / "hardware.csv").read_text(encoding="utf-8")
    return catalogue_of(text.splitlines(), source="hardware.csv")


def catalogue_of(lines: Iterable[str], *, source: str) -> Catalogue:
    """Read a catalogue.

    Raises:
        ConfigError: rows cannot be used, each with its line (HW-816).
    """
    machines, findings = [], []
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            machines.append(_machine_of_row(row))
        except (ValueError, TypeError, KeyError, HashwrightError) as problem:
            findings.append(_finding(f"{source}:{number}", str(problem)))
    if findings:
        raise _refusal(findings)
    return Catalogue(tuple(machines))


def _machine_of_row(row: Mapping[str, str]) -> Machine:
    machine = Machine(
        vendor=row["vendor"],
        model=row["model"],
        kind=_kind(row["kind"]),
        algorithm=algorithm_of(row["algorithm"]),
        hashrate_hs=float(row["hashrate_hs"]),
        power_w=float(row["power_w"]),
        levels=_levels(row["levels_hs_w"]),
        release=row["release"],
        price_usd=float(row["price_usd"]) if row["price_usd"] else None,
        price_date=row["price_date"],
        source=row["source"],
    )
    if machine.power_w <= 0 or not machine.source:
        raise ValueError("a row has a power above zero and a source")
    check_hashrate(machine.hashrate_hs, machine.kind, model=machine.model)
    return machine


def _kind(text: str) -> str:
    if text not in KINDS:
        raise ValueError(f"{text!r} is none of {', '.join(KINDS)}")
    return text


def _levels(text: str) -> tuple[Level, ...]:
    levels = []
    for word in text.split():
        name, _, rest = word.partition("=")
        rate, _, power = rest.partition("@")
        levels.append(Level(name=name, hashrate_hs=float(rate), power_w=float(power)))
    return _in_order(tuple(levels))


def _in_order(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    pairs = itertools.pairwise(levels)
    if any(a.hashrate_hs >= b.hashrate_hs or a.power_w >= b.power_w for a, b in pairs):
        raise ValueError("power levels go from the slowest to the fastest, and each draws more")
    return levels


_KEYS: Final = frozenset(("model", "algorithm", "hashrate", "power_w", "kind", "price_usd", "levels"))
_LEVEL_KEYS: Final = frozenset(("name", "hashrate", "power_w"))


def measured_of(text: str, catalogue: Catalogue, *, source: str) -> tuple[Machine, ...]:
    """Read the owner's own measurements (TOML), each over the catalogue's machine of that name, or a new one.

    Raises:
        ConfigError: it cannot be used, each problem with its place (HW-816).
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise _refusal([_finding(source, str(problem))]) from problem
    tables = document.get("machine", [])
    if not isinstance(tables, list) or set(document) - {"machine"}:
        raise _refusal([_finding(source, "it holds [[machine]] tables, and nothing else")])
    machines, findings = [], []
    for index, table in enumerate(tables):
        try:
            machines.append(_measured(table, catalogue))
        except (ValueError, TypeError, HashwrightError) as problem:
            findings.append(_finding(f"{source}, machine {index + 1}", str(problem)))
    if findings:
        raise _refusal(findings)
    return tuple(machines)


def _measured(table: Mapping[str, Any], catalogue: Catalogue) -> Machine:
    if not isinstance(table, dict) or set(table) - _KEYS:
        raise ValueError(f"the keys are {', '.join(sorted(_KEYS))}, not {', '.join(sorted(set(table) - _KEYS))}")
    model = str(table.get("model", ""))
    if not model:
        raise ValueError("model is missing")
    algorithm = algorithm_of(str(table.get("algorithm", "")))
    known = [it for it in catalogue._named(model) if algorithm in ("", it.algorithm)]
    if known:
        base = known[0]
    elif {"algorithm", "hashrate", "power_w"} <= set(table):
        kind = _kind(str(table.get("kind", "asic")))
        base = Machine(vendor="", model=model, kind=kind, algorithm=algorithm, hashrate_hs=1.0, power_w=1.0)
    else:
        raise ValueError(f"{model} is not in the catalogue: say its algorithm, hashrate and power_w")
    rate = hashrate_of(str(table["hashrate"])) if "hashrate" in table else base.hashrate_hs
    power_w = power_of(str(table["power_w"])) if "power_w" in table else base.power_w
    check_hashrate(rate, base.kind, model=model)
    check_power(power_w, model=model)
    return replace(
        base,
        hashrate_hs=rate,
        power_w=power_w,
        price_usd=float(table["price_usd"]) if "price_usd" in table else base.price_usd,
        price_date="own" if "price_usd" in table else base.price_date,
        levels=_own_levels(table.get("levels", []), base.kind, model),
        source="own measurement",
        is_measured=True,
    )


def _own_levels(rows: object, kind: str, model: str) -> tuple[Level, ...]:
    """Read power levels that the owner measured, slowest first."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and set(row) == _LEVEL_KEYS for row in rows):
        raise ValueError("levels are like [{name = 'eco', hashrate = '52 TH/s', power_w = 800}]")
    levels = tuple(
        Level(
            name=str(row["name"])[:20],
            hashrate_hs=hashrate_of(str(row["hashrate"])),
            power_w=power_of(str(row["power_w"])),
        )
        for row in rows
    )
    for level in levels:
        check_hashrate(level.hashrate_hs, kind, model=model)
        check_power(level.power_w, model=model)
    return _in_order(levels)


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-816", place=place, message=message)


def _refusal(findings: list[Finding]) -> ConfigError:
    count = len(findings)
    return ConfigError(
        f"{count} row{'' if count == 1 else 's'} of machines cannot be used.", code="HW-816", findings=tuple(findings)
    )
