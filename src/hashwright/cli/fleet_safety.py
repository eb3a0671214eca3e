"""`hw fleet fail-safe`: what becomes of machines when Hashwright dies, and whether a guard stands by for them."""

from typing import TYPE_CHECKING, Final

from hashwright.cli.command import run_async
from hashwright.cli.fleet_views import guard_text
from hashwright.cli.fleet_work import LONG_S, Choice, choose, load, person_width, stored_settings
from hashwright.cli.terminal import Table, Terminal

if TYPE_CHECKING:
    from hashwright.cli.fleet_views import Row

VERBS: Final = {
    "sleep": "sleep when Hashwright dies",
    "keep": "go on as they are when Hashwright dies",
    "default": "follow the fleet's rule when Hashwright dies",
}


def change(terminal: Terminal, choice: Choice, word: str) -> None:
    """Set what becomes of machines; `default` is the rule of the fleet."""
    from hashwright.runtime.control import ask

    devices = choose(terminal, choice, verb=VERBS[word])
    folder = terminal.load_config().data_dir
    stored = stored_settings(folder)
    value = "" if word == "default" else word
    raws = [stored[name] | {"name": name, "fail_safe": value} for name in devices if name in stored]
    saved = run_async(ask(folder, "fleet-set", devices=raws, timeout_s=LONG_S))
    if terminal.is_json:
        terminal.document(saved)
    terminal.note(f"{len(raws)} machine{'s' * (len(raws) != 1)} changed. See: hw fleet fail-safe show")


def show(terminal: Terminal, choice: Choice) -> None:
    """Show each machine's fail-safe and the guard."""
    view = run_async(load(terminal, choice.names, choice.filters))
    guard = (view.page or {}).get("guard")
    if terminal.is_json:
        rows = [{key: row.get(key) for key in ("device", "group", "site", "state", "fail_safe")} for row in view.rows]
        terminal.document({"is_running": view.page is not None, "guard": guard, "devices": rows})
        view.refuse_empty()
        return
    terminal.table(_table(view.rows, wide=person_width(terminal) is None))
    if guard is not None:
        terminal.note(guard_text(guard) or "No machine is to sleep when Hashwright dies, so no guard runs.")
    terminal.note("After an orderly end (Ctrl-C, SIGTERM) they sleep only with: hw up --fail-safe")
    view.refuse_empty()


def _table(rows: "list[Row]", *, wide: bool) -> Table:
    heads = ("machine", "when Hashwright dies", "state", "group") + (("site",) if wide else ())
    keys = ("device", "fail_safe", "state", "group") + (("site",) if wide else ())
    cells = tuple(tuple(str(row.get(key) or "-") for key in keys) for row in rows)
    return Table(heads=heads, rows=cells, empty="No machine yet. hw find --add 192.168.1.0/24")
