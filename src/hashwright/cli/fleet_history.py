"""What `hw fleet history` shows: one machine over time, as much as fits a screen. Only the database is read."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hashwright.cli.terminal import Table, Terminal, clean
from hashwright.cli.views import UNKNOWN
from hashwright.errors import EXIT_NOTHING, OperatorError
from hashwright.units import hashrate_text, power_text

if TYPE_CHECKING:
    from hashwright.store.machine_history import Point

ROWS: Final = 24
"""Rows of the table for people; `--json` has every point."""
BARS: Final = "▁▂▃▄▅▆▇█"
NAMES: Final = ("temperature_c", "power_w", "said_hs", "credited_hs", "refused_part")


def show(terminal: Terminal, machine: str, *, hours: int, days: int) -> None:
    """Show the history of a machine over some hours by five minutes, or some days by the hour.

    Raises:
        OperatorError: nothing is kept of such a machine (HW-116).
    """
    from hashwright.cli.overview import open_readonly
    from hashwright.runtime.system import SystemClock
    from hashwright.store.machine_history import COARSE, FINE, read_machine

    now_s = SystemClock().now() // 1000
    grain, seconds = (COARSE, days * 86_400) if days else (FINE, hours * 3_600)
    store = open_readonly(terminal.load_config().data_dir)
    if store is None:
        raise unknown(machine)
    try:
        points = store.read_tables(
            lambda it: read_machine(it, machine, grain, since_s=now_s - seconds, until_s=now_s + 1)
        )
    finally:
        store.close()
    if not points:
        raise unknown(machine)
    if terminal.is_json:
        rows = [{"at_ms": it.at_s * 1000} | {name: getattr(it, name) for name in NAMES} for it in points]
        terminal.document({"machine": machine, "span_s": grain.span_s, "points": rows})
        return
    terminal.note(f"{clean(machine)}: means of {grain.span_s // 60} minutes, as the machine says and by accepted work.")
    for line in bars(points):
        terminal.note(line)
    terminal.table(table(points, span_s=max(seconds // ROWS, grain.span_s)))


def unknown(machine: str) -> OperatorError:
    """Make the error of a machine of which nothing is kept."""
    error = OperatorError(
        f"Nothing is kept of a machine {machine!r} in that time. It is written every five minutes while `hw up` runs.",
        code="HW-116",
        hint="hw fleet ls names the machines.",
    )
    error.exit_code = EXIT_NOTHING
    return error


def table(points: "Sequence[Point]", *, span_s: int) -> Table:
    """Write points as rows, newest last, each the mean of a span."""
    from hashwright.store.machine_history import mean_of

    groups: dict[int, list[Point]] = {}
    for point in points:
        groups.setdefault(point.at_s // span_s * span_s, []).append(point)
    rows = tuple(_row(mean_of(members, at_s)) for at_s, members in sorted(groups.items()))
    heads = ("from", "heat", "power", "own word", "accepted", "refused")
    return Table(heads=heads, rows=rows, right=frozenset(heads[1:]))


def bars(points: "Sequence[Point]") -> list[str]:
    """Draw heat, power and hash rate as lines of bars, for who looks at the shape first."""
    found = []
    for title, name, text in (
        ("heat", "temperature_c", heat_text),
        ("power", "power_w", power_text),
        ("hash rate", "credited_hs", hashrate_text),
    ):
        values = [value for value in (getattr(it, name) for it in points[-ROWS * 12 :]) if value is not None]
        if values:
            found.append(f"{title:>10} {bar(values)} {text(min(values))} to {text(max(values))}")
    return found


def bar(values: Sequence[float], *, width: int = 48) -> str:
    """Draw numbers as one line of bars above zero, means of what falls into one place."""
    step = max(-(-len(values) // width), 1)
    means = [sum(part) / len(part) for part in (values[at : at + step] for at in range(0, len(values), step))]
    high = max(means) or 1.0
    return "".join(BARS[min(int(max(value, 0.0) / high * len(BARS)), len(BARS) - 1)] for value in means)


def heat_text(value: float) -> str:
    """Write a temperature."""
    return f"{value:.0f} °C"


def _row(it: "Point") -> tuple[str, ...]:
    return (
        datetime.fromtimestamp(it.at_s).astimezone().strftime("%Y-%m-%d %H:%M"),
        UNKNOWN if it.temperature_c is None else heat_text(it.temperature_c),
        UNKNOWN if it.power_w is None else power_text(it.power_w),
        UNKNOWN if it.said_hs is None else hashrate_text(it.said_hs),
        UNKNOWN if it.credited_hs is None else hashrate_text(it.credited_hs),
        UNKNOWN if it.refused_part is None else f"{it.refused_part:.1%}",
    )
