"""`hw admin config`: the few settings of the file, and the destinations of the database as TOML."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import LazyGroup, pass_terminal, run_async
from hashwright.cli.terminal import Table, Terminal, clean
from hashwright.errors import ConfigError, Finding

if TYPE_CHECKING:
    from hashwright.runtime.config import Config

PATH = click.Path(path_type=Path, dir_okay=False)
HEAD = (
    "Destinations of Hashwright. Edit, then: hw admin config apply --dry-run FILE",
    "Secrets stand here by reference only: file:PATH, env:NAME or credential:NAME.",
)


@click.group(cls=LazyGroup)
def config() -> None:
    """Show settings; keep destinations as code.

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
    """Write the destinations as TOML; secrets only as references.

    Example: hw admin config export > fleet.toml
    """
    stored = _stored(terminal)
    if terminal.is_json:
        terminal.document({"destination": stored})
    else:
        terminal.line(toml_of(stored).rstrip())


@config.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.option("--prune", is_flag=True, help="Also remove destinations that the file does not name.")
@pass_terminal
def apply(terminal: Terminal, file: Path, dry_run: bool, prune: bool) -> None:
    """Make the destinations what a file says; the difference is shown first.

    Example: hw admin config apply --dry-run fleet.toml
    """
    wanted = read_destinations(file)
    stored = _stored(terminal)
    extra = sorted(set(stored) - set(wanted))
    kept = {} if prune else {name: stored[name] for name in extra}
    changed = sorted(name for name, value in wanted.items() if stored.get(name) != value)
    removed = extra if prune else []
    difference = diff_of(stored, wanted | kept, str(file))
    if not terminal.is_json and difference:
        terminal.line(difference)
    if not dry_run:
        run_async(_apply(terminal.load_config().data_dir, {name: wanted[name] for name in changed}, removed))
    document = {"applied": not dry_run, "changed": changed, "removed": removed, "unnamed": sorted(kept)}
    if terminal.is_json:
        terminal.document(document)
        return
    if kept:
        terminal.note(f"Not in the file, left as they are: {', '.join(sorted(kept))}. --prune would remove them.")
    counts = f"{len(changed)} set, {len(removed)} removed"
    terminal.note(f"Dry run: {counts}; nothing was changed." if dry_run else f"Applied: {counts}. See: hw pool status")


async def _apply(data_dir: Path, changed: Mapping[str, Any], removed: list[str]) -> None:
    from hashwright.runtime.control import ask

    await ask(data_dir, "status")  # none running: refuse before the first change
    for name, value in changed.items():
        await ask(data_dir, "pool-add", destination={"name": name, **value})
    for name in removed:
        await ask(data_dir, "pool-remove", name=name)


def read_destinations(file: Path) -> dict[str, dict[str, Any]]:
    """Read and check a file of destinations.

    Raises:
        ConfigError: with one finding for every problem.
    """
    import tomlkit
    from tomlkit.exceptions import ParseError

    from hashwright.runtime.destinations import parse_destination

    try:
        table = tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
    except (OSError, UnicodeDecodeError, ParseError) as error:
        raise ConfigError(f"{file} cannot be read: {error}.", code="HW-701", hint="It is TOML; see export.") from error
    destinations, findings = table.pop("destination", {}), []
    findings += [Finding(code="HW-701", place=f"{file}, {key}", message="is not known here", hint="") for key in table]
    for name, value in destinations.items() if isinstance(destinations, dict) else ():
        try:
            parse_destination({"name": name, **value} if isinstance(value, dict) else {"name": name})
        except ConfigError as error:
            places = [(f"{file}, destination.{name}.{item.place}", item) for item in error.findings]
            findings += [Finding(code=i.code, place=place, message=i.message, hint=i.hint) for place, i in places]
    if findings:
        raise ConfigError(
            f"{file} has {len(findings)} problem{'s' * (len(findings) > 1)}. Nothing was changed.",
            code="HW-701", hint="Correct them and try again.", findings=tuple(findings),
        )  # fmt: skip
    return dict(destinations)


def _stored(terminal: Terminal) -> dict[str, dict[str, Any]]:
    from hashwright.cli.overview import open_readonly
    from hashwright.runtime.destinations import KIND

    store = open_readonly(terminal.load_config().data_dir)
    if store is None:
        return {}
    try:
        stored = store.settings(KIND)
    finally:
        store.close()
    return {name: {key: item for key, item in value.items() if key != "name"} for name, value in stored.items()}


def toml_of(destinations: Mapping[str, Mapping[str, Any]]) -> str:
    """Write destinations as TOML, sorted, so that the same settings are the same text."""
    import tomlkit

    document = tomlkit.document()
    for line in HEAD:
        document.add(tomlkit.comment(line))
    if destinations:
        outer = tomlkit.table(is_super_table=True)
        for name in sorted(destinations):
            outer.add(name, _table(destinations[name]))
        document.add("destination", outer)
    return tomlkit.dumps(document)


def _table(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 (tomlkit's table)
    import tomlkit

    table = tomlkit.table()
    for key in sorted(values, key=lambda key: (isinstance(values[key], dict), key)):
        value = values[key]
        if isinstance(value, dict):
            if value:
                table.add(key, _table(value))
        elif value is not None:
            table.add(key, value)
    return table


def diff_of(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> str:
    """Return the difference of two sets of destinations as a person reads it."""
    before, after = toml_of(old).splitlines(), toml_of(new).splitlines()
    lines = difflib.unified_diff(before, after, "now", name, lineterm="", n=2)
    return "\n".join(clean(line) for line in lines)
