"""What `hw fleet` does: choose machines, say how many, ask, act, follow until they obey, and sum up."""

import contextlib
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import run_async
from hashwright.cli.fleet_views import SORTS, chosen, groups_table, guard_text, limit_text, machines_table, totals_text
from hashwright.cli.terminal import Table, Terminal, clean
from hashwright.errors import EXIT_NOTHING, EXIT_PARTLY, OperatorError, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from hashwright.cli.fleet_views import Row

WATCH_S = 2.0
WATCHED_A_SECOND = 1_000
"""Of more machines the list is asked for less often: the program makes it in the loop that judges shares."""
FOLLOW_S = 0.5
LONG_S = 900.0
NAMED_MAX = 6
FAILED_SHOWN = 20
LEAST_SHOWN = 8
"""On a low screen the machines come before the groups."""
Filters = Mapping[str, str | None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which machines a person means, whether it is to be done, and whether it was thought over."""

    names: Sequence[str]
    filters: Filters
    live: bool
    yes: bool


class View:
    """The machines that were chosen, and the fleet's state where a process runs."""

    def __init__(self, rows: "list[Row]", *, total: int, page: Mapping[str, Any] | None) -> None:
        self.rows = rows
        self.total = total
        self.page = page

    def sort(self, key: str) -> None:
        """Order the machines."""
        self.rows.sort(key=SORTS[key])

    @property
    def document(self) -> dict[str, Any]:
        """Return it for a program."""
        page = self.page or {}
        state = {key: page.get(key) for key in ("now", "is_live", "plan", "fault")}
        return {"is_running": self.page is not None, "total": self.total, **state, "devices": self.rows}

    def refuse_empty(self) -> None:
        """Raise OperatorError (exit 4) where machines were named and none fits."""
        if self.rows or not self.total:
            return
        error = OperatorError(f"None of {self.total} machines fits.", code="HW-708", hint="hw fleet ls")
        error.exit_code = EXIT_NOTHING
        raise error


# ---------------------------------------------------------------- looking


async def load(terminal: Terminal, names: Sequence[str], filters: Filters, *, is_told: bool = True) -> View:
    """Ask the running process for machines; without one, read the database, and say so where `is_told`."""
    folder = terminal.load_config().data_dir
    try:
        rows, page = await read_all(folder)
    except Unavailable as error:
        if error.code != "HW-704":
            raise
        rows = stored_rows(folder)
        if is_told:
            terminal.note(f"No Hashwright runs on {folder}: machines as they were heard last.")
        return View(chosen(rows, names, filters), total=len(rows), page=None)
    return View(chosen(rows, names, filters), total=len(rows), page=page)


async def read_all(folder: "Path") -> "tuple[list[Row], Mapping[str, Any]]":
    """Read every page."""
    from hashwright.runtime.control import Line

    rows: list[Row] = []
    line = Line(folder)
    try:
        while True:
            page = await line.ask("fleet-status", offset=len(rows))
            rows += page["devices"]
            if len(rows) >= page["total"] or not page["devices"]:
                return rows, page
    finally:
        line.close()


def stored_rows(folder: "Path") -> "list[Row]":
    """Read machines and their last readings from the database; none of it is true now, and the state says so."""
    from hashwright.cli.overview import open_readonly
    from hashwright.runtime.system import SystemClock
    from hashwright.store.fleet import read_readings

    store = open_readonly(folder)
    if store is None:
        return []
    try:
        settings, readings = store.settings("device"), store.read_books(read_readings)
        rules = store.settings("fleet").get("rules", {})
    finally:
        store.close()
    now = SystemClock().now()
    rows: list[Row] = []
    for name, raw in settings.items():
        reading = json.loads(readings.get(name, "{}"))
        age = None if not reading else now - reading["at"]
        fields = {key: raw.get(key, "") for key in ("kind", "group", "site")}
        fields["fail_safe"] = raw.get("fail_safe") or rules.get("fail_safe", "keep")
        rows.append({**reading, **fields, "device": name, "state": "not running", "tags": raw.get("tags", []),
                     "host": raw.get("settings", {}).get("host", ""), "age_ms": age})  # fmt: skip
    return rows


def show_fleet(terminal: Terminal, view: View) -> None:
    """Say the sums, whether plans act, and list the machines."""
    if view.total:
        terminal.line(totals_text(view.rows))
    for line in mode_lines(view) if view.page is not None else ():
        terminal.line(line)
    if view.rows or not view.total:
        terminal.table(machines_table(view.rows, width=person_width(terminal)))


def person_width(terminal: Terminal) -> int | None:
    """Return how many columns a person sees; None for a program, which gets them all."""
    return None if terminal.is_text else terminal.console().width


def mode_lines(view: View) -> list[str]:
    """Say whether plans act, and whether anything runs."""
    if view.page is None and view.total:
        return ["No Hashwright runs: machines as they were heard last."]
    if view.page is None or not view.total:
        return []
    plan = view.page.get("plan")
    lines = [] if not view.page.get("fault") else [f"Power control has failed: {view.page['fault']} (HW-901)"]
    guard = guard_text(view.page.get("guard") or {"state": "off"})
    lines += [guard] if guard else []
    lines += [limit_text(it) for it in view.page.get("limits") or ()]
    if plan is None:
        return lines
    mode = "LIVE: plans act." if view.page["is_live"] else "DRY RUN: plans are only rehearsed (hw fleet rules --live)."
    return [*lines, f"{mode} Plan {clean(plan['plan'])} by {clean(plan['author'])}."]


async def watch(
    terminal: Terminal, names: Sequence[str], filters: Filters, *, order: tuple[str, str], once: bool
) -> None:
    """Show groups, and as many machines as fit below them; `order` is by what both are sorted."""
    import asyncio

    sort, by = order

    view = await load(terminal, names, filters)
    view.sort(sort)
    if terminal.is_json:
        terminal.document(view.document)
        return
    if once:
        width = person_width(terminal)
        terminal.table(groups_table(view.rows, width=width, by=by))
        terminal.table(machines_table(view.rows, width=width))
        return
    from rich.live import Live

    with Live(console=terminal.console(), auto_refresh=False, screen=True) as live:
        while True:
            live.update(_picture(terminal, view, by=by), refresh=True)
            await asyncio.sleep(max(WATCH_S, len(view.rows) / WATCHED_A_SECOND))
            with contextlib.suppress(Unavailable):
                view = await load(terminal, names, filters, is_told=False)
            view.sort(sort)


def _picture(terminal: Terminal, view: View, *, by: str) -> Any:  # noqa: ANN401 (something drawable)
    from rich.console import Group
    from rich.text import Text

    from hashwright.cli.terminal import drawn

    width, height = terminal.console().size
    head = [totals_text(view.rows), *mode_lines(view)]
    groups = groups_table(view.rows, width=width, by=by)
    used = sum(-(-len(line) // width) for line in head) + len(groups.rows) + 5  # two heads, two blanks, the foot
    if used > height - LEAST_SHOWN:
        groups, used = dataclasses.replace(groups, rows=()), used - len(groups.rows) - 2
    shown = view.rows[: max(height - used, 1)]
    machines = machines_table(shown, width=width)
    hidden = len(view.rows) - len(shown)
    foot = f"{hidden} more below. Ctrl-C ends it." if hidden > 0 else "Ctrl-C ends it."
    top = [Text(head[0]), *(Text(line, style="yellow") for line in head[1:]), Text()]
    middle = [drawn(groups), Text()] if groups.rows else []
    return Group(*top, *middle, drawn(machines), Text(foot, style="dim"))


# ---------------------------------------------------------------- choosing and asking


def choose(terminal: Terminal, choice: Choice, *, verb: str) -> list[str]:
    """Choose machines of the running process, say how many are concerned, and ask. Empty where it is not to be done.

    Raises:
        OperatorError: none fits (exit 4), or nobody can be asked (HW-709).
        Unavailable: none runs.
    """
    from hashwright.runtime.control import ask

    folder = terminal.load_config().data_dir
    run_async(ask(folder, "fleet-status", offset=0))  # none running: refuse first
    view = run_async(load(terminal, choice.names, choice.filters))
    if not view.total:
        raise OperatorError("There is no machine yet.", code="HW-708", hint="hw find --add 192.168.1.0/24")
    view.refuse_empty()
    found = [row["device"] for row in view.rows]
    models = Counter(row.get("model") or row.get("kind", "?") for row in view.rows)
    kinds = ", ".join(f"{count} {clean(model)}" for model, count in models.most_common(NAMED_MAX))
    terminal.note(f"{len(found)} of {view.total} machines would {verb}: {kinds}.")
    if len(found) <= NAMED_MAX:
        terminal.note("  " + ", ".join(clean(name) for name in found))
    if not choice.live:
        terminal.note("DRY RUN: nothing was sent. Add --live to do it.")
        return []
    if not choice.yes:
        confirm(f"{len(found)} machine{'s' * (len(found) != 1)}: go on?")
    return found


def confirm(question: str) -> None:
    """Ask a person.

    Raises:
        OperatorError: nobody can be asked (HW-709).
        click.Abort: the person said no.
    """
    if not sys.stdin.isatty():
        raise OperatorError(
            "This needs a confirmation, and nobody can be asked here.", code="HW-709", hint="Add --yes."
        )
    click.confirm(question, abort=True, err=True)


# ---------------------------------------------------------------- acting


def order_power(terminal: Terminal, choice: Choice, order: dict[str, Any], *, verb: str) -> int:
    """Order power, follow the machines until they obey, and return how many did not."""
    from hashwright.runtime.control import ask

    devices = choose(terminal, choice, verb=verb)
    if not devices:
        tell_dry(terminal)
        return 0
    folder = terminal.load_config().data_dir
    run_async(ask(folder, "fleet-order", devices=devices, author="hw fleet", **order))
    rows = run_async(follow(terminal, folder, devices))
    failed = [row for row in rows if has_failed(row, order["mode"])]
    if terminal.is_json:
        terminal.document({"is_dry_run": False, "devices": rows, "failed": len(failed)})
        return len(failed)
    sum_up(terminal, rows, failed)
    return len(failed)


def tell_dry(terminal: Terminal) -> None:
    """Say to a program that nothing was done; a person was told."""
    if terminal.is_json:
        terminal.document({"is_dry_run": True, "devices": []})


def sum_up(terminal: Terminal, rows: "Sequence[Row]", failed: "Sequence[Row]") -> None:
    """Say how many obeyed, and name those that did not with their reason."""
    terminal.line(f"{len(rows) - len(failed)} of {len(rows)} machines obeyed.")
    for row in failed[:FAILED_SHOWN]:
        terminal.tick("failed", f"{row['device']}: {why_of(row)}")
    if len(failed) > FAILED_SHOWN:
        terminal.line(f"  and {len(failed) - FAILED_SHOWN} more: hw fleet ls --sort state")


def has_failed(row: "Row", mode: str) -> bool:
    """Tell whether a machine does not do what a person ordered; heat stands above them."""
    return not row["is_settled"] or bool(row["unsupported"]) or (mode == "run" and row["state"] == "hot")


def why_of(row: "Row") -> str:
    """Say in words why a machine did not obey."""
    if row["state"] == "hot":
        return "hot: it sleeps until it is cooler, whoever wants it to run"
    if row["unsupported"]:
        return f"unsupported: its firmware cannot {', '.join(row['unsupported'])}"
    if row.get("detail"):
        return f"{row['state']}: {row['detail']}"
    return row.get("waits") or str(row["state"])


async def follow(terminal: Terminal, folder: "Path", devices: list[str]) -> "list[Row]":
    """Look at machines until all obey or none does anything any more."""
    import asyncio

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from hashwright.runtime.control import ask

    settle_s = float((await ask(folder, "fleet-rules"))["rules"]["settle_s"])
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
    shown = terminal.can_animate
    loop = asyncio.get_running_loop()
    best, since = -1, loop.time()
    with Progress(*columns, console=terminal.console(stderr=True), transient=True, disable=not shown) as progress:
        task = progress.add_task("obeyed", total=len(devices))
        while True:
            rows = [row for page in await pages_of(folder, devices) for row in page]
            done = sum(row["is_settled"] for row in rows)
            progress.update(task, completed=done)
            if done > best:
                best, since = done, loop.time()
            if all(row["is_settled"] or is_lost(row) for row in rows) or loop.time() - since > settle_s + 15:
                return rows
            await asyncio.sleep(FOLLOW_S)


async def pages_of(folder: "Path", devices: list[str]) -> "list[list[Row]]":
    """Read some machines, a page at a time."""
    from hashwright.runtime.control import ask

    size = 400
    parts = [devices[start : start + size] for start in range(0, len(devices), size)]
    return [(await ask(folder, "fleet-status", devices=part))["devices"] for part in parts]


def is_lost(row: "Row") -> bool:
    """Tell whether waiting for a machine is of no use: it cannot, it refuses, it does not answer."""
    return bool(row["unsupported"]) or bool({"HW-107", "HW-108", "HW-503", "HW-507"} & set(row["troubles"]))


def act_simply(
    terminal: Terminal, choice: Choice, command: str, *, verb: str, arguments: Mapping[str, Any] | None = None
) -> None:
    """Do one thing to machines and say what each answered."""
    from hashwright.runtime.control import ask

    devices = choose(terminal, choice, verb=verb)
    if not devices:
        tell_dry(terminal)
    else:
        folder = terminal.load_config().data_dir
        tell_outcomes(terminal, run_async(ask(folder, command, devices=devices, timeout_s=LONG_S, **(arguments or {}))))


def tell_outcomes(terminal: Terminal, answer: Mapping[str, Any]) -> None:
    """Say what machines answered; exit 7 where not all did it."""
    if terminal.is_json:
        terminal.document(answer)
    outcomes = answer.get("outcomes")
    if outcomes is None:
        terminal.note("Done.")
        return
    counts = Counter(it["answer"] for it in outcomes)
    if not terminal.is_json:
        terminal.line(", ".join(f"{count} {word}" for word, count in counts.most_common()))
        for it in [it for it in outcomes if it["answer"] != "ok"][:FAILED_SHOWN]:
            terminal.tick("failed", f"{it['device']}: {it['answer']}. {it['detail']}")
    if counts["ok"] < len(outcomes):
        sys.exit(EXIT_PARTLY)


def set_pools(terminal: Terminal, choice: Choice, *, urls: Sequence[str], user: str) -> None:
    """Set pools; with {name} in the user each machine gets its own."""
    from hashwright.runtime.control import ask
    from hashwright.testing.talk import parse_url

    for url in urls:
        parse_url(url.replace("stratum+ssl://", "stratum+tcp://"))
    verb = f"mine at {clean(urls[0])} as {clean(user)}"
    devices = choose(terminal, choice, verb=verb)
    if not devices:
        tell_dry(terminal)
        return
    folder = terminal.load_config().data_dir
    pools = [{"url": url, "user": user} for url in urls[:3]]
    tell_outcomes(terminal, run_async(ask(folder, "fleet-pools", devices=devices, pools=pools, timeout_s=LONG_S)))


def change_tags(terminal: Terminal, choice: Choice, change: str) -> None:
    """Change tags, the group or the site of machines."""
    from hashwright.runtime.control import ask

    key, is_set, value = change.partition("=")
    if not (is_set and key in ("group", "site")) and change[:1] not in ("+", "-"):
        raise OperatorError(
            f"{change!r} is neither +TAG, -TAG, group=NAME nor site=NAME.", code="HW-701", hint="+rack-7"
        )
    devices = choose(terminal, choice, verb=f"get {clean(change)}")
    folder = terminal.load_config().data_dir
    stored = stored_settings(folder)
    raws = [
        changed(stored[name] | {"name": name}, change, value if is_set else "") for name in devices if name in stored
    ]
    saved = run_async(ask(folder, "fleet-set", devices=raws, timeout_s=LONG_S))
    if terminal.is_json:
        terminal.document(saved)
    terminal.note(f"{len(raws)} machine{'s' * (len(raws) != 1)} changed. See: hw fleet ls")


def changed(raw: dict[str, Any], change: str, value: str) -> dict[str, Any]:
    """Return a machine's settings with one word changed."""
    if change[0] not in "+-":
        return raw | {change.partition("=")[0]: value}
    tags = [tag for tag in raw.get("tags", []) if tag != change[1:]]
    return raw | {"tags": tags + ([change[1:]] if change[0] == "+" else [])}


def stored_settings(folder: "Path") -> dict[str, dict[str, Any]]:
    """Read the machines' settings."""
    from hashwright.cli.overview import open_readonly

    store = open_readonly(folder)
    if store is None:
        return {}
    try:
        return store.settings("device")
    finally:
        store.close()


def measure(terminal: Terminal, choice: Choice, *, parts: list[float], hold_s: float) -> None:
    """Measure machines one after the other."""
    from hashwright.runtime.control import ask
    from hashwright.units import hashrate_text, power_text

    listed = ", ".join(f"{part:.0%}" for part in parts)
    verb = f"be measured at {listed}, {hold_s:g} s each, one after the other"
    devices = choose(terminal, choice, verb=verb)
    folder, failed, documents = terminal.load_config().data_dir, 0, []
    for name in devices:
        try:
            answer = run_async(
                ask(folder, "fleet-profile", device=name, parts=parts, hold_s=hold_s,
                    timeout_s=len(parts) * (hold_s + 300) + 60)
            )  # fmt: skip
        except OperatorError as error:
            failed += 1
            terminal.tick("failed", f"{name}: {error}")
            continue
        documents.append(answer)
        if not terminal.is_json:
            points = ", ".join(f"{power_text(watts)} {hashrate_text(rate)}" for watts, rate in answer["curve"])
            terminal.tick("ok", f"{name}: {points}", "; ".join(answer["problems"]))
    if terminal.is_json:
        terminal.document({"measured": documents, "failed": failed})
    if failed:
        sys.exit(EXIT_PARTLY)


def change_rules(terminal: Terminal, *, live: bool | None, changes: Sequence[str], yes: bool) -> None:
    """Show or change the rules."""
    from hashwright.runtime.control import ask

    wanted: dict[str, Any] = {} if live is None else {"live": live}
    for text in changes:
        key, _, value = text.partition("=")
        if value.strip() in ("keep", "sleep"):
            wanted[key.strip()] = value.strip()
            continue
        try:
            wanted[key.strip()] = int(value) if value.strip().isdecimal() else float(value)
        except ValueError:
            raise OperatorError(f"{text!r} is not RULE=VALUE.", code="HW-701", hint="--set dwell_s=900") from None
    if live and not yes:
        confirm("Plans will switch machines from now on. Go on?")
    folder = terminal.load_config().data_dir
    try:
        answer = run_async(ask(folder, "fleet-rules", changes=wanted))
    except Unavailable as error:
        if wanted or error.code != "HW-704":
            raise
        terminal.note(f"No Hashwright runs on {folder}: the rules as they are stored.")
        answer = stored_rules(folder)
    if terminal.is_json:
        terminal.document(answer)
        return
    before = answer["before"]
    rows = tuple(
        (key, str(value), str(before[key]) if before[key] != value else "") for key, value in answer["rules"].items()
    )
    terminal.table(Table(heads=("rule", "value", "before"), rows=rows))


def stored_rules(folder: "Path") -> dict[str, Any]:
    """Read the rules from the database; those of a new one where there is none yet."""
    import msgspec

    from hashwright.cli.overview import open_readonly
    from hashwright.runtime.device_settings import RULES_KIND, RULES_NAME, parse_rules

    store = open_readonly(folder)
    raw = {} if store is None else store.settings(RULES_KIND).get(RULES_NAME, {})
    if store is not None:
        store.close()
    rules = msgspec.to_builtins(parse_rules(raw))
    return {"rules": rules, "before": rules}
