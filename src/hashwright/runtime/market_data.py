"""Where market data lies in the data folder, and how it is read: what feeds said, over the snapshot of the package.

    DATA_DIR/market/facts.json        one fact a coin and field, from `hw admin data fetch`
    DATA_DIR/market/feeds/NAME.json   what each feed said last, and when it may be asked again
    DATA_DIR/market/coin_daily.csv    history, from `hw admin data import`
    DATA_DIR/hardware.toml            the owner's own measurements of machines

Reading never asks the network: a calculation works offline, and says how old its facts are.
"""

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from hashwright.economics.coin_facts import FIELDS, CoinFacts, Fact, FieldName, load_snapshot
from hashwright.economics.hardware import Catalogue, load_catalogue, measured_of
from hashwright.errors import Finding, OperatorError, reason_of

FOLDER: Final = "market"
FACTS: Final = "facts.json"
HISTORY: Final = "coin_daily.csv"
HARDWARE: Final = "hardware.toml"


def market_folder(data_dir: Path) -> Path:
    """Return the folder of market data."""
    return data_dir / FOLDER


def history_file(data_dir: Path) -> Path | None:
    """Return the imported history, or None where nothing was imported."""
    file = market_folder(data_dir) / HISTORY
    return file if file.is_file() else None


def load_market(data_dir: Path) -> CoinFacts:
    """Read what is known: fetched facts over those of the snapshot; a damaged file is a finding, not an end."""
    snapshot = load_snapshot()
    file = market_folder(data_dir) / FACTS
    try:
        facts = dict(_fact_of(row) for row in json.loads(file.read_text(encoding="utf-8"))["facts"])
    except FileNotFoundError:
        return snapshot
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as problem:
        message = f"it cannot be read ({problem}); the snapshot serves"
        return CoinFacts(facts=snapshot.facts, findings=(Finding(code="HW-805", place=file.name, message=message),))
    return CoinFacts(facts=facts).over(snapshot)


def load_machines(data_dir: Path, *, own: Path | None = None) -> Catalogue:
    """Read the catalogue of machines, with the owner's measurements over it: those of `own`, or of the data folder.

    Raises:
        ConfigError: the owner's file cannot be used (HW-816).
        OperatorError: it cannot be read (HW-805).
    """
    catalogue = load_catalogue()
    file = data_dir / HARDWARE if own is None else own
    if own is None and not file.is_file():
        return catalogue
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise OperatorError(f"{file.name} cannot be read: {reason_of(problem)}.", code="HW-805") from problem
    return catalogue.with_measured(measured_of(text, catalogue, source=file.name))


def save_market(market: CoinFacts, data_dir: Path) -> None:
    """Write fetched facts; those of the snapshot stay in the package."""
    rows = [
        {
            "coin": coin,
            "field": name,
            "value": str(fact.value),
            "at_ms": fact.at_ms,
            "known_at_ms": fact.known_at_ms,
            "sources": list(fact.sources),
        }
        for (coin, name), fact in sorted(market.facts.items())
        if not fact.is_snapshot
    ]
    write_json(market_folder(data_dir) / FACTS, {"facts": rows})


def _fact_of(row: Mapping[str, Any]) -> tuple[tuple[str, FieldName], Fact]:
    name = next(it for it in FIELDS if it == row["field"])
    value = Decimal(row["value"])
    if not value.is_finite():
        raise ValueError(f"{row['value']!r} is no number")
    fact = Fact(
        value=value, at_ms=int(row["at_ms"]), known_at_ms=int(row["known_at_ms"]), sources=tuple(row["sources"])
    )
    return (str(row["coin"]), name), fact


def write_json(file: Path, document: Mapping[str, Any]) -> None:
    """Replace a file at once, so that a reader sees the old or the new one."""
    write_text(file, json.dumps(document, indent=1))


def write_text(file: Path, text: str) -> None:
    """Replace a file at once; its folder is made where it is missing."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
