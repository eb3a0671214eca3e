"""`hw admin config`: the few settings of the file; as TOML the database's destinations, routes, machines and so on."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.fleet_file import SECTIONS, Fleet, diff_of, read_fleet
from hashwright.cli.fleet_file import text_of as fleet_text
from hashwright.cli.terminal import Table, Terminal, clean

if TYPE_CHECKING:
    from hashwright.runtime.config import Config

FLEET_S = 300.0
PATH = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=LazyGroup)
def config() -> None:
    """Show settings; keep destinations and routes as code.

    Example: hw admin config export > fleet.toml
    """


@config.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@pass_terminal
def show(terminal: Terminal, origin: bool) -> None:
    """Show the settings in force.

    Example: hw admin config show --origin
    """
    settings = terminal.load_config()
    values = values_of(settings)
    if terminal.is_json:
        rows = {key: {"value": value, "origin": settings.origins[key]} for key, value in values.items()}
        terminal.document({"settings": rows})
        return
    heads: tuple[str, ...] = ("setting", "value", "origin") if origin else ("setting", "value")
    lines = tuple((key, text_of(value), settings.origins[key])[: len(heads)] for key, value in values.items())
    terminal.table(Table(heads=heads, rows=lines))


def values_of(settings: "Config") -> dict[str, Any]:
    """Return each setting as a program would write it."""
    from hashwright.runtime.config import SETTINGS

    def plain(value: object) -> Any:  # noqa: ANN401 (text, number or list of them)
        return [str(item) for item in value] if isinstance(value, tuple) else str(value)

    return {setting.key: plain(getattr(settings, setting.key)) for setting in SETTINGS}


def text_of(value: object) -> str:
    """Write a value on one line."""
    return ", ".join(value) if isinstance(value, list) else str(value)


@config.command()
@pass_terminal
def export(terminal: Terminal) -> None:
    """Write destinations, routes, pins, machines and power autopilots as TOML; secrets only as references.

    Example: hw admin config export > fleet.toml
    """
    stored = _stored(terminal)
    if terminal.is_json:
        terminal.document(dict(stored))
    else:
        terminal.line(fleet_text(stored).rstrip())


@config.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.option(
    "--prune", is_flag=True, help="Also remove destinations, routes, machines and so on that the file does not name."
)
@pass_terminal
def apply(terminal: Terminal, file: Path, dry_run: bool, prune: bool) -> None:
    """Make destinations, routes, pins, machines and power autopilots what a file says, after showing the difference.

    No machine is disconnected by a route or a pin that changes.

    Example: hw admin config apply --dry-run fleet.toml
    """
    stored = _stored(terminal)
    wanted = read_fleet(file, known={} if prune else stored["destination"])
    changes = changes_of(stored, wanted, prune=prune)
    shown = {section: wanted[section] | changes.kept[section] for section in SECTIONS}
    difference = diff_of(stored, shown, str(file))
    if not terminal.is_json and difference:
        terminal.line(difference)
    if not dry_run:
        run_async(_apply(terminal.load_config().data_dir, changes, author=f"file {file.name}"))
    if terminal.is_json:
        terminal.document({"applied": not dry_run, **changes.document})
    else:
        _tell_applied(terminal, changes.document, is_dry_run=dry_run)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be done, by section: entries to set, names to remove, and entries that stay although unnamed."""

    changed: Fleet
    removed: Mapping[str, list[str]]
    kept: Fleet

    @property
    def document(self) -> dict[str, list[str]]:
        """Name what is touched: destinations by their name, the others with their section before it."""
        parts = {"changed": self.changed, "removed": self.removed, "unnamed": self.kept}
        return {part: [_titled(section, name) for section in SECTIONS for name in sorted(names[section])]
                for part, names in parts.items()}  # fmt: skip


def changes_of(stored: Fleet, wanted: Fleet, *, prune: bool) -> Changes:
    """Compare what is with what should be."""
    extra = {section: sorted(set(stored[section]) - set(wanted[section])) for section in SECTIONS}
    return Changes(
        changed={
            section: {name: value for name, value in wanted[section].items() if stored[section].get(name) != value}
            for section in SECTIONS
        },
        removed={section: names if prune else [] for section, names in extra.items()},
        kept={
            section: {} if prune else {name: stored[section][name] for name in names}
            for section, names in extra.items()
        },
    )


def _tell_applied(terminal: Terminal, done: Mapping[str, list[str]], *, is_dry_run: bool) -> None:
    if done["unnamed"]:
        listed = ", ".join(clean(name) for name in done["unnamed"])
        terminal.note(f"Not in the file, left as they are: {listed}. --prune would remove them.")
    counts = f"{len(done['changed'])} set, {len(done['removed'])} removed"
    ending = f"Dry run: {counts}; nothing was changed." if is_dry_run else f"Applied: {counts}. See: hw route status"
    terminal.note(ending)


def _titled(section: str, name: str) -> str:
    return name if section == "destination" else f"{section} {name}"


async def _apply(data_dir: Path, changes: Changes, *, author: str) -> None:
    """Set what others need before them, and remove it behind them."""
    from hashwright.runtime.control import ask

    await ask(data_dir, "status")  # none running: refuse before the first change
    for command, arguments in (*_settings(changes.changed, author), *_removals(changes.removed)):
        await ask(data_dir, command, **arguments)


def _settings(changed: Fleet, author: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the commands that set what changed."""
    for name, value in changed["destination"].items():
        yield "pool-add", {"destination": {"name": name, **value}}
    for algorithm, value in changed["route"].items():
        yield "route-set", {"route": {"algorithm": algorithm, "author": clean(author)[:64], **value}}
    for pattern, value in changed["pin"].items():
        yield "route-move", {"worker": pattern, "destination": value["destination"]}
    devices = [{"name": name, **value} for name, value in changed["device"].items()]
    if devices:
        yield "fleet-set", {"devices": devices, "timeout_s": FLEET_S}
    for name, value in changed["power"].items():
        yield "power-set", {"settings": {"name": name, **value}, "is_whole": True, "timeout_s": FLEET_S}


def _removals(removed: Mapping[str, list[str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the commands that remove what is no longer named."""
    for name in removed["power"]:
        yield "power-remove", {"name": name}
    if removed["device"]:
        yield "fleet-remove", {"devices": removed["device"], "timeout_s": FLEET_S}
    for pattern in removed["pin"]:
        yield "route-move", {"worker": pattern, "destination": "auto"}
    for algorithm in removed["route"]:
        yield "route-remove", {"algorithm": algorithm}
    for name in removed["destination"]:
        yield "pool-remove", {"name": name}


def _stored(terminal: Terminal) -> Fleet:
    """Read what the database holds, in the form of the file."""
    from hashwright.cli.overview import open_readonly

    store = open_readonly(terminal.load_config().data_dir)
    if store is None:
        return {section: {} for section in SECTIONS}
    try:
        return {
            section: {
                name: {key: item for key, item in value.items() if key not in left_out}
                for name, value in store.settings(section).items()
            }
            for section, left_out in SECTIONS.items()
        }
    finally:
        store.close()
