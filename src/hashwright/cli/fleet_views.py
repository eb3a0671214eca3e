"""How machines are drawn: totals in words, and as many columns as the screen has room for."""

import fnmatch
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hashwright.cli.terminal import Table, clean
from hashwright.cli.views import UNKNOWN, age_text
from hashwright.units import hashrate_text, power_text

Row = Mapping[str, Any]
GOOD_STATES = ("hashing", "asleep")
GAP = 3
"""Blanks between columns."""
GROUP_HEADS = ("group", "count", "hashing", "asleep", "other", "rate", "power", "max")
GROUP_LESS = ("max", "count")
"""What of it is left out first where there is little room."""
SORTS = {
    "name": lambda row: row["device"],
    "power": lambda row: -(row.get("power_w") or 0),
    "rate": lambda row: -(row.get("hashrate_hs") or 0),
    "heat": lambda row: -(row.get("temperature_c") or 0),
    "efficiency": lambda row: -(joules_per_th(row) or 0),
    "state": lambda row: (row["state"] in GOOD_STATES, row["state"], row["device"]),
}


TROUBLES = {
    "HW-503": "does not obey",
    "HW-504": "too hot",
    "HW-505": "its power cannot be true: rating shown",
    "HW-507": "starts of the day used up",
    "HW-108": "refuses a command",
    "HW-102": "refuses us",
}
"""What a machine was caught at, in words; the worst first."""


def joules_per_th(row: Row) -> float | None:
    """Return what a terahash costs now [J]; None where one of the two is unknown or nothing is hashed."""
    power, rate = row.get("power_w"), row.get("hashrate_hs")
    return power / (rate / 1e12) if power and rate else None


def totals_text(rows: Sequence[Row]) -> str:
    """Say in words how many there are of each state, and what is known of hash rate and power."""
    states = Counter(row["state"] for row in rows)
    parts = [f"{count} {'asleep on purpose' if state == 'asleep' else state}" for state, count in states.most_common()]
    rates = [row["hashrate_hs"] for row in rows if row.get("hashrate_hs") is not None]
    powers = [row["power_w"] for row in rows if row.get("power_w") is not None]
    unknown = len(rows) - len(powers)
    head = f"{len(rows)} machine{'s' * (len(rows) != 1)}: {', '.join(parts) or 'none'}."
    rate = hashrate_text(sum(rates)) if rates else "hash rate unknown"
    power = power_text(sum(powers)) if powers else "power unknown"
    missing = f", power of {unknown} unknown" if unknown and powers else ""
    return f"{head} {rate}, {power} (as the machines say{missing})."


NONE_YET = "No machine yet. hw find --add 192.168.1.0/24"


HEADS = (
    "machine",
    "state",
    "hash rate",
    "power",
    "J/TH",
    "temp",
    "group",
    "model",
    "rejects",
    "seen",
    "should",
    "tags",
    "trouble",
)
ALWAYS = frozenset(("machine", "state", "hash rate", "power"))
BY_WORTH = ("temp", "J/TH", "group", "should", "trouble", "model", "seen", "rejects", "tags")
"""What is added while there is room, the first first."""
NUMBERS = frozenset(("hash rate", "power", "J/TH", "temp", "rejects", "seen"))
SHOULD_MAX = 44
MODEL_MAX = 24
TROUBLE_MAX = 48


def machines_table(rows: Sequence[Row], *, width: int | None, empty: str = NONE_YET) -> Table:
    """Show machines: all columns for a program (`width` None); for a person those that matter most and fit unfolded."""
    cells = [_cells(row) for row in rows]
    heads = HEADS if width is None else _heads_that_fit(cells, width)
    picked = tuple(tuple(cell[head] for head in heads) for cell in cells)
    return Table(heads=heads, rows=picked, right=NUMBERS & frozenset(heads), empty=empty)


def _heads_that_fit(cells: Sequence[Mapping[str, str]], width: int) -> tuple[str, ...]:
    """Choose columns; one in which nothing is known has no place."""
    sizes = {head: GAP + max(map(len, (head, *(cell[head] for cell in cells)))) for head in HEADS}
    chosen = set(ALWAYS)
    room = width + GAP - sum(sizes[head] for head in ALWAYS)  # nothing follows the last column
    for head in BY_WORTH:
        if sizes[head] <= room and any(cell[head] != UNKNOWN for cell in cells):
            chosen.add(head)
            room -= sizes[head]
    return tuple(head for head in HEADS if head in chosen)


def _cells(row: Row) -> dict[str, str]:
    cost = joules_per_th(row)
    rate, power, heat = row.get("hashrate_hs"), row.get("power_w"), row.get("temperature_c")
    accepted, rejected = row.get("accepted"), row.get("rejected")
    total = (accepted or 0) + (rejected or 0)
    return {
        "machine": row["device"],
        "state": row["state"],
        "hash rate": UNKNOWN if rate is None else hashrate_text(rate),
        "power": UNKNOWN if power is None else power_text(power),
        "J/TH": UNKNOWN if cost is None or cost > 1e5 else f"{cost:.1f}",
        "temp": UNKNOWN if heat is None else f"{heat:.0f} °C",
        "group": row.get("group") or UNKNOWN,
        "model": _short(row.get("model") or UNKNOWN, MODEL_MAX),
        "rejects": UNKNOWN if accepted is None or not total else f"{100 * (rejected or 0) / total:.1f}%",
        "seen": age_text(row.get("age_ms")),
        "should": _short(should_text(row), SHOULD_MAX),
        "tags": ",".join(row.get("tags", ())) or UNKNOWN,
        "trouble": _short(trouble_text(row), TROUBLE_MAX),
    }


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def should_text(row: Row) -> str:
    """Say what a machine should do, by whom, and what that waits for."""
    wish = row.get("wish")
    if wish is None:
        return UNKNOWN
    what = "sleep" if wish["mode"] == "sleep" else "run" if wish["part"] >= 1 else f"run at {wish['part']:.0%}"
    notes = [f"by {wish['author']}"]
    if row.get("would"):
        notes.append("rehearsed")
    if row.get("waits"):
        notes.append(row["waits"])
    return f"{what} ({', '.join(notes)})"


def trouble_text(row: Row) -> str:
    """Say what is wrong with a machine: its own words, why it does not answer, or what it was caught at."""
    if row.get("faults"):
        return ", ".join(row["faults"])
    if row.get("detail") and row["state"] in ("unreachable", "refused", "silent", "disabled"):
        return str(row["detail"]).removeprefix(f"{row.get('host')} ")
    return next((TROUBLES[code] for code in row.get("troubles", ()) if code in TROUBLES), UNKNOWN)


def guard_text(guard: Mapping[str, Any]) -> str:
    """Say in one line what the guard does; nothing where none is wanted."""
    match guard["state"]:
        case "on":
            count = guard["watches"]
            return (
                f"Guard: {count} machine{'s' * (count != 1)} {'sleep' if count != 1 else 'sleeps'} if Hashwright dies."
            )
        case "starting":
            return "Guard: it starts."
        case "missing":
            return f"NO GUARD: {clean(guard['detail'])} (HW-886)"
        case _:
            return ""


def limit_text(limit: Mapping[str, Any]) -> str:
    """Say in one line what a site may draw, what it draws, and who sleeps for that."""
    drawn, count = limit["measured_w"], limit["asleep"]
    how = "machines are counted, no meter speaks" if drawn is None else f"{power_text(drawn)} measured"
    rest = f"; {count} machine{'s' * (count != 1)} asleep for it" if count else ""
    return f"Import limit of {clean(limit['key'])}: {power_text(limit['import_w'])}, {how}{rest}."


def grouped(rows: Sequence[Row], by: str) -> dict[str, list[Row]]:
    """Sort machines into their groups, sites, tags, models, kinds or states; one with two tags is in both."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        keys = row.get("tags") or () if by == "tag" else (row.get(by) or "",)
        for key in keys or ("",):
            groups.setdefault(str(key) or UNKNOWN, []).append(row)
    return dict(sorted(groups.items()))


def groups_table(rows: Sequence[Row], *, width: int | None, by: str = "group") -> Table:
    """Show the sums of each group; for a person without the columns that do not fit."""
    names = (by, *GROUP_HEADS[1:])
    cells = [dict(zip(names, _sums(name, members), strict=True)) for name, members in grouped(rows, by).items()]
    heads = list(names)
    for head in GROUP_LESS:
        if width is None or _wide(heads, cells) <= width:
            break
        heads.remove(head)
    picked = tuple(tuple(cell[head] for head in heads) for cell in cells)
    return Table(heads=tuple(heads), rows=picked, right=frozenset(heads[1:]), empty="No machine yet.")


def _wide(heads: Sequence[str], cells: Sequence[Mapping[str, str]]) -> int:
    return sum(GAP + max(map(len, (head, *(cell[head] for cell in cells)))) for head in heads)


def sums_of(members: Sequence[Row]) -> dict[str, Any]:
    """Return the sums of some machines for a program; None where no machine says it."""
    sums: dict[str, Any] = {"count": len(members), "states": dict(Counter(row["state"] for row in members))}
    for key, fold in (("hashrate_hs", sum), ("power_w", sum), ("temperature_c", max)):
        known = [row[key] for row in members if row.get(key) is not None]
        sums[key] = fold(known) if known else None
        sums[f"{key}_known"] = len(known)
    return sums


def _sums(name: str, members: Sequence[Row]) -> tuple[str, ...]:
    rates = [row["hashrate_hs"] for row in members if row.get("hashrate_hs") is not None]
    powers = [row["power_w"] for row in members if row.get("power_w") is not None]
    hashing = sum(row["state"] == "hashing" for row in members)
    asleep = sum(row["state"] == "asleep" for row in members)
    heats = [row["temperature_c"] for row in members if row.get("temperature_c") is not None]
    return (
        name,
        str(len(members)),
        str(hashing),
        str(asleep),
        str(len(members) - hashing - asleep),
        hashrate_text(sum(rates)) if rates else UNKNOWN,
        power_text(sum(powers)) if powers else UNKNOWN,
        f"{max(heats):.0f} °C" if heats else UNKNOWN,
    )


def chosen(rows: Sequence[Row], names: Sequence[str], filters: Mapping[str, str | None]) -> list[Row]:
    """Return the machines that fit a name or pattern and every filter. Without names all that fit the filters."""
    found = []
    for row in rows:
        if names and not any(fnmatch.fnmatchcase(row["device"], pattern) for pattern in names):
            continue
        if all(_fits(row, key, value) for key, value in filters.items() if value):
            found.append(row)
    return found


def _fits(row: Row, key: str, value: str) -> bool:
    if key == "tag":
        return value in row.get("tags", ())
    if key == "rack":
        return f"rack-{value}" in row.get("tags", ())
    if key == "model":
        return value.lower() in str(row.get("model", "")).lower()
    return str(row.get(key, "")) == value
