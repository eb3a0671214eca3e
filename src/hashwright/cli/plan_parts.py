"""What plans, backtests, comparisons and audits share: horizons, risks and what-ifs as written, and a progress bar."""

import contextlib
import contextvars
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hashwright.cli.terminal import Terminal
from hashwright.errors import OperatorError, reason_of

if TYPE_CHECKING:
    from hashwright.economics.scenarios import Assumptions
    from hashwright.planner.plan import Market, Venue

RISKS: Final = {"none": 0.0, "low": 1.0, "medium": 0.3, "high": 0.1}
"""How many dollars of mean a dollar of loss in the worst 5 % is worth: who takes low risk weighs it most."""
_SPAN: Final = re.compile(r"([0-9]{1,4})\s*(d|days?|w|weeks?|m|months?|y|years?)?", re.ASCII | re.IGNORECASE)
_DAYS: Final = {"d": 1, "w": 7, "m": 30, "y": 365}
HORIZON_MAX: Final = 1825
_CHANGE: Final = re.compile(r"(price|difficulty|power|growth)\s*=\s*([+-]?[0-9.]+)\s*(%|x)?", re.ASCII | re.IGNORECASE)
LISTENER: contextvars.ContextVar[Callable[[float], None] | None] = contextvars.ContextVar("listener", default=None)
"""Who is told how far a work is where nobody sees a bar: the Lab of the web."""
STORED: Final = "plans"
KEPT: Final = 200


def is_lab() -> bool:
    """Tell whether the Lab of the web asks: then nothing is kept, for somebody only wants to know."""
    return LISTENER.get() is not None


def horizon_days(text: str) -> int:
    """Read `30`, `30d`, `12w`, `6 months`, `1y` as days.

    Raises:
        OperatorError: it is none, or out of range (HW-826).
    """
    match = _SPAN.fullmatch(text.strip())
    days = int(match[1]) * _DAYS[(match[2] or "d")[0].lower()] if match else 0
    if not 1 <= days <= HORIZON_MAX:
        raise OperatorError(
            f"{text[:30]!r} is no horizon from 1 day to 5 years.", code="HW-826", hint="Write 30d, 12w, 6 months or 1y."
        )
    return days


def risk_of(text: str) -> float:
    """Read `low`, `medium`, `high`, `none` or a number: the price of risk, 0 to 10.

    Raises:
        OperatorError: it is none of them (HW-826).
    """
    word = text.strip().lower()
    if word in RISKS:
        return RISKS[word]
    try:
        value = float(word)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10:
        raise OperatorError(
            f"{text[:30]!r} is no risk.", code="HW-826", hint="Write low, medium, high, none, or a weight from 0 to 10."
        )
    return value


def drift_of(text: str | None) -> float:
    """Read a drift of prices a year, `+20%` or `-10%`, as a log.

    Raises:
        OperatorError: it is none (HW-826).
    """
    import math

    if not text:
        return 0.0
    try:
        value = float(text.strip().rstrip("%")) / 100
    except ValueError:
        value = -1.0
    if not -0.95 < value <= 20:
        raise OperatorError(f"{text[:30]!r} is no drift a year.", code="HW-826", hint="Write +20%, 0% or -30%.")
    return math.log1p(value)


def growth_of(text: str | None) -> float | None:
    """Read the growth of difficulty a year, `2x` or `1x`, as a log; None: as the history says.

    Raises:
        OperatorError: it is no factor (HW-803).
    """
    from hashwright.cli.market_parts import read_growth

    return read_growth(text) if text else None


def what_ifs(texts: tuple[str, ...]) -> dict[str, float]:
    """Read `price=+20%`, `difficulty=1.5x`, `power=0.10`, `growth=2x`: factors, but power and growth as they stand.

    Raises:
        OperatorError: one is none of them (HW-823).
    """
    found = {}
    for text in texts:
        match = _CHANGE.fullmatch(text.strip())
        name = match[1].lower() if match else ""
        value = float(match[2]) if match and match[2].count(".") < 2 else 0.0
        is_share = bool(match and match[3] == "%")
        factor = 1 + value / 100 if is_share else value
        if not match or factor <= 0 or (name in ("power", "growth") and is_share) or factor > 1000:
            raise OperatorError(
                f"{text[:40]!r} is no change.",
                code="HW-823",
                hint="Write price=+20%, difficulty=-10%, power=0.10 (USD/kWh) or growth=2x (a year).",
            )
        found[name] = factor
    return found


def venues_of(texts: tuple[str, ...], *, fee: float, pass_through: float) -> "tuple[Venue, ...]":
    """Read `--venue far=1%,max=60%,rate=50EH/s`; none: one pool with the fee given.

    Raises:
        OperatorError: one is not of that form (HW-826, HW-803).
    """
    import math

    from hashwright.economics.quantities import hashrate_of, share_of
    from hashwright.planner.plan import Venue

    if not texts:
        return (Venue(name="a pool", fee=fee, pass_through=pass_through),)
    found = []
    for text in texts:
        name, is_given, rest = text.partition("=")
        words = [word.strip() for word in rest.split(",") if word.strip()]
        known = {"max": 1.0, "doge": pass_through}
        own_fee, rate = fee, math.inf
        for word in words:
            key, has_key, value = word.partition("=")
            if not has_key:
                own_fee = share_of(key, "a pool's fee")
            elif key == "rate":
                rate = hashrate_of(value)
            elif key in known:
                known[key] = share_of(value, key)
            else:
                is_given = ""
        if not (name.strip() and is_given and words):
            raise OperatorError(f"{text[:40]!r} is no venue.", code="HW-826", hint="Write far=1% or far=1%,max=60%.")
        found.append(
            Venue(name=name.strip()[:30], fee=own_fee, cap=known["max"], pass_through=known["doge"], hashrate_hs=rate)
        )
    return tuple(found)


def markets_of(texts: tuple[str, ...]) -> "tuple[Market, ...]":
    """Read `--market sha256d:bid=45,ask=52`: what a market pays and asks for hash power [USD/PH/day].

    Raises:
        OperatorError: one is not of that form (HW-826).
    """
    from hashwright.economics.hardware import algorithm_of
    from hashwright.planner.plan import Market

    found = []
    for text in texts:
        name, _, rest = text.partition(":")
        pairs = dict(word.partition("=")[::2] for word in rest.split(","))
        try:
            values = {key.strip(): float(value) for key, value in pairs.items()}
        except ValueError:
            values = {}
        is_priced = bool({"bid", "ask"} & set(values))
        if not (name and is_priced) or set(values) - {"bid", "ask", "depth"} or min(values.values()) <= 0:
            raise OperatorError(
                f"{text[:40]!r} is no market.",
                code="HW-826",
                hint="Write sha256d:bid=45 (USD/PH/day), or bid=45,ask=52,depth=2.",
            )
        found.append(
            Market(
                algorithm=algorithm_of(name),
                bid_usd_ph_day=values.get("bid", 0.0),
                ask_usd_ph_day=values.get("ask", 0.0),
                depth_ph=values.get("depth", 1e9),
            )
        )
    return tuple(found)


def assumptions_of(drift: str | None, growth: str | None) -> "Assumptions":
    """Read what is assumed of prices and difficulty.

    Raises:
        OperatorError: one cannot be read (HW-803, HW-826).
    """
    from hashwright.economics.scenarios import Assumptions

    return Assumptions(price_drift=drift_of(drift), growth=growth_of(growth))


@contextlib.contextmanager
def bar(terminal: Terminal, words: str) -> "Iterator[Callable[[float], None]]":
    """Show a bar on the side of messages while something works; nothing where nobody looks."""
    import sys

    listener = LISTENER.get()
    if listener is not None or terminal.is_json or terminal.is_quiet or terminal.is_plain or not sys.stderr.isatty():
        yield listener or (lambda _share: None)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    shape = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*shape, console=terminal.console(stderr=True), transient=True) as shown:
        task = shown.add_task(words, total=1.0)
        yield lambda share: shown.update(task, completed=share)


# -------------------------------------------------------------------- stored plans


def store_plan(data_dir: Path, document: bytes, *, now_ms: int) -> None:
    """Keep a plan, so that it can be explained later; only the newest are kept."""
    folder = data_dir / STORED
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / f"{now_ms:015d}.json").write_bytes(document)
    for old in sorted(folder.glob("*.json"))[:-KEPT]:
        old.unlink(missing_ok=True)


def stored_plan(data_dir: Path, at_ms: int) -> dict[str, object]:
    """Return the plan that was in force at a moment.

    Raises:
        OperatorError: none was stored by then, or it cannot be read (HW-828).
    """
    files = [it for it in sorted((data_dir / STORED).glob("*.json")) if it.stem.isdigit()]
    before = [it for it in files if int(it.stem) <= at_ms]
    if not before:
        first = (
            f" The first stored one is from {_iso(int(files[0].stem))}." if files else " None is stored: run hw plan."
        )
        raise OperatorError(f"No plan was made before {_iso(at_ms)}.{first}", code="HW-828")
    try:
        document: dict[str, object] = json.loads(before[-1].read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise OperatorError(f"{before[-1].name} cannot be read: {reason_of(problem)}.", code="HW-828") from problem
    return document


def moment_ms(text: str, now_ms: int) -> int:
    """Read a day, a time of today, or an instant [ms since 1970 UTC]; without a zone it is UTC.

    Raises:
        OperatorError: it is none (HW-828).
    """
    from datetime import UTC, datetime

    written = text.strip()
    if written == "now":
        return now_ms
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()
    if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}", written, re.ASCII):
        written = f"{today}T{written:0>5}"
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as problem:
        raise OperatorError(
            f"{text[:40]!r} is no time.", code="HW-828", hint="Write now, 14:00, 2026-11-28 or 2026-11-28T14:00."
        ) from problem
    if len(written) == 10:
        moment = moment.replace(hour=23, minute=59, second=59)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _iso(at_ms: int) -> str:
    from hashwright.cli.market_parts import iso

    return iso(at_ms)
