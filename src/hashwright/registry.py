"""Plug-ins: one file adds one thing, and the file's name is its key.

`names` lists a kind without importing anything; `load` imports one file. Searched are the package's own folder, the
owner's folder (`extra_folders`), and the entry points `hashwright.<kind>` of installed packages. A key that is found
twice is an error that names both, and a broken plug-in fails alone: whatever it does when imported, it ends as a
`PluginError` with its name.
"""

import functools
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from hashwright.errors import PluginError


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Where the files of a kind are, and the name that each of them must define."""

    package: str
    attribute: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where one plug-in comes from. `file` is set where it has to be imported by path."""

    place: str
    module: str
    file: Path | None = None


KINDS: Final = {
    "batteries": Kind(package="hashwright.adapters.batteries", attribute="PLUGIN"),
    "coins": Kind(package="hashwright.chain.coins", attribute="COIN"),
    "devices": Kind(package="hashwright.adapters.devices", attribute="PLUGIN"),
    "feeds": Kind(package="hashwright.adapters.feeds", attribute="FEED"),
    "markets": Kind(package="hashwright.adapters.markets", attribute="PLUGIN"),
    "nodes": Kind(package="hashwright.adapters.nodes", attribute="PLUGIN"),
    "policies": Kind(package="hashwright.planner.policies", attribute="POLICY"),
    "schemes": Kind(package="hashwright.pool.schemes", attribute="SCHEME"),
    "tariffs": Kind(package="hashwright.adapters.tariffs", attribute="PLUGIN"),
    "wallets": Kind(package="hashwright.adapters.wallets", attribute="PLUGIN"),
    "upstreams": Kind(package="hashwright.adapters.upstreams", attribute="READER"),
    "weather": Kind(package="hashwright.adapters.weather", attribute="PLUGIN"),
}
NOT_PLUGINS: Final = frozenset({"base"})
"""File names that every kind keeps for itself; those with a leading underscore or dot are not plug-ins either."""


def names(kind: str, *, extra_folders: Iterable[Path] = ()) -> tuple[str, ...]:
    """List the plug-ins of a kind, sorted, without importing one.

    Raises:
        PluginError: the kind is unknown, or two files claim one name.
    """
    return tuple(sorted(_sources(kind, extra_folders)))


def load(kind: str, name: str, *, extra_folders: Iterable[Path] = ()) -> ModuleType:
    """Import one plug-in; a second call gives the same module.

    Raises:
        PluginError: there is none of that name, it cannot be imported, or it lacks what its kind defines.
    """
    sources = _sources(kind, extra_folders)
    if name not in sources:
        raise PluginError(
            f"There is no {kind} plug-in {name!r}.", code="HW-705", hint=f"Known are: {', '.join(sorted(sources))}."
        )
    source = sources[name]
    try:
        module = _import(source)
    # A file that ends the program is a broken file; only the person at the keyboard may end it.
    except (Exception, SystemExit) as error:
        raise _broken(kind, name, source, f"cannot be imported: {type(error).__name__}: {error}") from error
    attribute = KINDS[kind].attribute
    if not hasattr(module, attribute):
        raise _broken(kind, name, source, f"defines no {attribute}")
    return module


def _broken(kind: str, name: str, source: _Source, what: str) -> PluginError:
    return PluginError(f"The {kind} plug-in {name} {what}.", code="HW-707", hint=f"Look at {source.place}.")


def _sources(kind: str, extra_folders: Iterable[Path]) -> dict[str, _Source]:
    if kind not in KINDS:
        raise PluginError(
            f"There is no kind {kind!r} of plug-ins.", code="HW-705", hint=f"Known are: {', '.join(KINDS)}."
        )
    found: dict[str, _Source] = {}
    package = KINDS[kind].package
    for path in _files(_own_folder(package)):
        _add(found, kind, path.stem, _Source(place=str(path), module=f"{package}.{path.stem}"))
    for folder in extra_folders:
        for path in _files(Path(folder) / kind):
            module = f"hashwright_plugins.{kind}.{path.stem}"
            _add(found, kind, path.stem, _Source(place=str(path), module=module, file=path))
    for name, value in _installed(kind):
        _add(found, kind, name, _Source(place=f"entry point {value}", module=value.partition(":")[0].strip()))
    return found


def _files(folder: Path) -> tuple[Path, ...]:
    found = (path for path in sorted(folder.glob("*.py")) if path.is_file())
    return tuple(path for path in found if path.stem not in NOT_PLUGINS and not path.stem.startswith(("_", ".")))


@functools.cache
def _installed(kind: str) -> tuple[tuple[str, str], ...]:
    """List the entry points of installed packages: they do not change while a process runs, and looking is slow."""
    import importlib.metadata

    return tuple((point.name, point.value) for point in importlib.metadata.entry_points(group=f"hashwright.{kind}"))


def _own_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


def _add(found: dict[str, _Source], kind: str, name: str, source: _Source) -> None:
    if name in found:
        raise PluginError(
            f"Two {kind} plug-ins are called {name}: {found[name].place} and {source.place}.",
            code="HW-706",
            hint="Rename or remove one of them.",
        )
    found[name] = source


def _import(source: _Source) -> ModuleType:
    if source.file is None:
        return importlib.import_module(source.module)
    known = sys.modules.get(source.module)
    if known is not None and known.__file__ == str(source.file):
        return known
    return _import_file(source.module, source.file)


def _import_file(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and typing look their module up by name while it is being imported.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
