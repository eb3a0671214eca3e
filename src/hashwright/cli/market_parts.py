"""What the commands that decide share: options, the market that they read, and how facts and their ages are shown."""

import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import rich_click as click

from hashwright.cli.terminal import Table, Terminal
from hashwright.errors import Finding

if TYPE_CHECKING:
    from hashwright.cli.documents import FactDocument, FindingDocument
    from hashwright.economics.coin_facts import CoinFacts, Fact, FieldName
    from hashwright.economics.hardware import Catalogue

F = TypeVar("F", bound=Callable[..., Any])

POWER_PRICE_ASSUMED: Final = 0.10
OLD_DAYS: Final = 30
"""From this age on a fact is called old before anything else is said of it."""
HISTORY_DAYS: Final = 180
"""From this age on an answer is one about a day in the past, and says so before everything else."""
RATE_UNITS: Final = {
    "sha256d": ("PH/s", 1e15),
    "x11": ("TH/s", 1e12),
    "scrypt": ("GH/s", 1e9),
    "etchash": ("MH/s", 1e6),
    "kawpow": ("MH/s", 1e6),
    "verthash": ("MH/s", 1e6),
    "randomx": ("kH/s", 1e3),
    "equihash": ("kSol/s", 1e3),
    "equihash144_5": ("Sol/s", 1.0),
    "blake3": ("TH/s", 1e12),
}
FINDINGS_SHOWN: Final = 5


def rig_options(command: F) -> F:
    """Add the options that say under what terms a machine works."""
    options = [
        click.option("--power-price", metavar="USD", help="Price of power in USD a kWh (0.08) or in cents (8ct)."),
        click.option("--pool-fee", metavar="SHARE", default="1%", show_default=True, help="What the pool keeps."),
        click.option("--stale", metavar="SHARE", default="0.5%", show_default=True, help="Shares late or rejected."),
        click.option("--uptime", metavar="SHARE", default="100%", show_default=True, help="How much of a day it runs."),
        click.option(
            "--pass-through", metavar="SHARE", help="What the pool passes on of coins mined along (DOGE with LTC)."
        ),
        click.option(
            "--growth", metavar="FACTOR", help="Growth of difficulty over price a year, such as 2x; default 3.2x."
        ),
        click.option("--hardware-file", metavar="FILE", help="Own measurements (TOML) over the catalogue."),
    ]
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)


def now_ms() -> int:
    """Return the time of this computer [ms since 1970 UTC]."""
    from hashwright.runtime.system import SystemClock

    return SystemClock().now()


def read_market(terminal: Terminal) -> "CoinFacts":
    """Read what is known, without asking the network."""
    from hashwright.runtime.market_data import load_market

    return load_market(terminal.load_config().data_dir)


def read_catalogue(terminal: Terminal, hardware_file: str | None) -> "Catalogue":
    """Read the catalogue, with the owner's measurements over it.

    Raises:
        ConfigError: the owner's file cannot be used (HW-816).
        OperatorError: it cannot be read (HW-805).
    """
    from hashwright.runtime.market_data import load_machines

    own = Path(hardware_file).expanduser() if hardware_file else None
    return load_machines(terminal.load_config().data_dir, own=own)


def read_power_price(text: str | None) -> tuple[float, bool]:
    """Return the price of power [USD/kWh], and whether it is only assumed.

    Raises:
        OperatorError: it is none, or seems to be cents (HW-803, HW-804).
    """
    from hashwright.economics.quantities import power_price_of

    return (power_price_of(text), False) if text else (POWER_PRICE_ASSUMED, True)


def read_growth(text: str | None) -> float:
    """Return the growth a year in logarithms: `2x` is 0.69, `1x` is none.

    Raises:
        OperatorError: it is no factor (HW-803).
    """
    import math

    from hashwright.economics.calculation import GROWTH_PER_YEAR
    from hashwright.errors import OperatorError

    if not text:
        return GROWTH_PER_YEAR
    try:
        factor = float(text.strip().lower().removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 0.01 <= factor <= 1000:
        raise OperatorError(
            f"{text[:30]!r} is no factor a year.", code="HW-803", hint="Write 2x, 1.3x, or 1x for none."
        )
    return math.log(factor)


# -------------------------------------------------------------------- showing


def iso(at_ms: int) -> str:
    """Write an instant in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def age_words(age_ms: int) -> str:
    """Write an age as a person says it: `3 h`, `64 days`, `5.6 years`."""
    hours = age_ms / 3_600_000
    if hours < 48:
        return f"{hours:.0f} h" if hours >= 1 else f"{age_ms / 60_000:.0f} min"
    days = hours / 24
    return f"{days:.0f} days" if days < 730 else f"{days / 365.25:.1f} years"


def fact_document(coin: str, name: "FieldName", fact: "Fact", now: int) -> "FactDocument":
    """Write a fact for a program."""
    from hashwright.cli.documents import FactDocument

    return FactDocument(
        coin=coin,
        field=name,
        value_text=f"{fact.value:f}",
        at=iso(fact.at_ms),
        known_at=iso(fact.known_at_ms),
        age_s=fact.age_ms(now) / 1000,
        sources=list(fact.sources),
        is_snapshot=fact.is_snapshot,
    )


def facts_of(market: "CoinFacts", coins: Iterable[str]) -> "list[tuple[str, FieldName, Fact]]":
    """List the facts of coins, in their order."""
    from hashwright.economics.coin_facts import FIELDS

    found = ((coin, name, market.fact(coin, name)) for coin in coins for name in FIELDS)
    return [(coin, name, fact) for coin, name, fact in found if fact is not None]


def finding_documents(findings: Iterable[Finding]) -> "list[FindingDocument]":
    """Write findings for a program."""
    from hashwright.cli.documents import FindingDocument

    return [FindingDocument(code=it.code, place=it.place, message=it.message) for it in findings]


def ticker_of(key: str) -> str:
    """Return a coin's ticker; money of a state is its own."""
    from hashwright import registry
    from hashwright.economics.coin_facts import MONIES

    if key in MONIES:
        return key
    return str(registry.load("coins", key).COIN.ticker)


def facts_table(market: "CoinFacts", coins: Iterable[str], now: int) -> Table:
    """Show what an answer rests on, and how old each part is."""
    rows = tuple(
        (
            ticker_of(coin),
            FIELD_WORDS[name],
            number_text(float(fact.value)),
            age_words(fact.age_ms(now)),
            source_text(fact),
        )
        for coin, name, fact in facts_of(market, coins)
    )
    heads = ("coin", "fact", "value", "age", "source")
    return Table(heads=heads, rows=rows, right=frozenset(("value", "age")), empty="Nothing is known.")


FIELD_WORDS: Final = {
    "price_usd": "price, USD",
    "difficulty": "difficulty",
    "fees_coins": "fees a block",
    "hashrate_hs": "hash rate, hash/s",
    "height": "height",
}


def source_text(fact: "Fact") -> str:
    """Say who says so."""
    if len(fact.sources) == 1:
        return fact.sources[0]
    return f"median of {len(fact.sources)}: {', '.join(fact.sources)}"


def number_text(value: float) -> str:
    """Write a number of any size with thin-space groups, as many places as matter."""
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e9:
        return f"{value:.4g}"
    places = 0 if size >= 1000 else 2 if size >= 1 else 4 if size >= 0.01 else 8
    return f"{value:,.{places}f}".replace(",", "\u2009")


def usd_text(value: float, *, sign: bool = False) -> str:
    """Write dollars: cents where they matter."""
    places = 2 if abs(value) < 10_000 else 0
    return f"{value:{'+' if sign else ''},.{places}f}".replace(",", "\u2009")


def share_text(value: float | None) -> str:
    """Write a change: `+12.3 %`, `-` where it is unknown."""
    return "-" if value is None else f"{value * 100:+.1f} %"


def as_of(market: "CoinFacts", coins: Iterable[str], now: int) -> str:
    """Say `As of 2021-05-05, 5.6 years ago: ` where the newest common facts are so old that "now" would be a lie."""
    ages = [fact.age_ms(now) for _, name, fact in facts_of(market, coins) if name in ("price_usd", "difficulty")]
    oldest = max(ages, default=0)
    if oldest < HISTORY_DAYS * 86_400_000:
        return ""
    return f"As of {iso(now - oldest)[:10]}, {age_words(oldest)} ago: "


def rate_unit(algorithm: str) -> tuple[str, float]:
    """Return the unit in which people speak of an algorithm's hash rate, and its size [hash/s]."""
    return RATE_UNITS.get(algorithm, ("GH/s", 1e9))


def tell_findings(terminal: Terminal, findings: Iterable[Finding]) -> None:
    """Tell what was wrong with the data, on the side of messages."""
    listed = list(findings)
    for it in listed[:FINDINGS_SHOWN]:
        terminal.note(f"{it.code} {it.place}: {it.message}")
    if len(listed) > FINDINGS_SHOWN:
        terminal.note(f"... and {len(listed) - FINDINGS_SHOWN} more: --json lists all.")


def tell_documents(terminal: Terminal, findings: "Sequence[FindingDocument]") -> None:
    """Tell findings of a document, as `tell_findings` does."""
    tell_findings(terminal, [Finding(code=it.code, place=it.place, message=it.message) for it in findings])


def tell_old(terminal: Terminal, market: "CoinFacts", coins: Iterable[str], now: int) -> None:
    """Say that facts are old, if they are."""
    old = [
        (coin, name, fact) for coin, name, fact in facts_of(market, coins) if fact.age_ms(now) > OLD_DAYS * 86_400_000
    ]
    if not old:
        return
    _, name, worst = max(old, key=lambda row: row[2].age_ms(now))
    what = FIELD_WORDS[name].split(",")[0]
    terminal.note(f"HW-819 Old facts: the {what} is {age_words(worst.age_ms(now))} old, and what follows from it too.")
    terminal.note("       Newer ones: hw admin data fetch. Or say your own.")
