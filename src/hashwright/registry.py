"""Plug-ins: one file adds one thing, and the file's name is its key.

`names` lists a kind without importing anything; `load` imports one file. Searched are the package's own folder, the
owner's folder (`extra_folders`), and the entry points `hashwright.<kind>` of installed packages. A key that is found
twice is an error that names both, and a broken plug-in fails alone.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Final

from hashwright.errors import PluginError

KINDS: Final = {"coins": "hashwright.chain.coins", "nodes": "hashwright.adapters.nodes"}
"""Kind -> the package that holds its files."""
NOT_PLUGINS: Final = frozenset({"base", "__init__"})


def names(kind: str, *, extra_folders: Iterable[Path] = ()) -> tuple[str, ...]:
    """List the plug-ins of a kind, sorted, without importing one.

    Raises:
        PluginError: the kind is unknown, or two files claim one name.
    """
    return tuple(sorted(_sources(kind, extra_folders)))


def load(kind: str, name: str, *, extra_folders: Iterable[Path] = ()) -> ModuleType:
    """Import one plug-in.

    Raises:
        PluginError: there is none of that name, or it cannot be imported.
    """
    sources = _sources(kind, extra_folders)
    if name not in sources:
        raise PluginError(
            f"There is no {kind} plug-in {name!r}.", code="HW-705", hint=f"Known are: {', '.join(sorted(sources))}."
        )
    try:
        return _import(kind, name, sources[name])
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(
            f"The {kind} plug-in {name} cannot be imported: {type(error).__name__}: {error}.",
            code="HW-707",
            hint=f"Look at {sources[name]}.",
        ) from error


def _sources(kind: str, extra_folders: Iterable[Path]) -> dict[str, str]:
    if kind not in KINDS:
        raise PluginError(
            f"There is no kind {kind!r} of plug-ins.", code="HW-705", hint=f"Known are: {', '.join(KINDS)}."
        )
    found: dict[str, str] = {}
    for folder in (_own_folder(kind), *(Path(extra) / kind for extra in extra_folders)):
        for path in sorted(folder.glob("*.py")):
            if path.stem not in NOT_PLUGINS and not path.stem.startswith("_"):
                _add(found, kind, path.stem, str(path))
    for name, value in _installed(kind):
        _add(found, kind, name, value)
    return found


@functools.cache
def _installed(kind: str) -> tuple[tuple[str, str], ...]:
    """List the entry points of installed packages: they do not change while a process runs, and looking is slow."""
    return tuple((point.name, point.value) for point in importlib.metadata.entry_points(group=f"hashwright.{kind}"))


def _own_folder(kind: str) -> Path:
    spec = importlib.util.find_spec(KINDS[kind])
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


def _add(found: dict[str, str], kind: str, name: str, source: str) -> None:
    if name in found:
        raise PluginError(
            f"Two {kind} plug-ins are called {name}: {found[name]} and {source}.",
            code="HW-706",
            hint="Rename or remove one of them.",
        )
    found[name] = source


def _import(kind: str, name: str, source: str) -> ModuleType:
    if source.endswith(".py") and Path(source).parent == _own_folder(kind):
        return importlib.import_module(f"{KINDS[kind]}.{name}")
    if not source.endswith(".py"):
        return importlib.import_module(source)
    spec = importlib.util.spec_from_file_location(f"hashwright_plugins.{kind}.{name}", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
