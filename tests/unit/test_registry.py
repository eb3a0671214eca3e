"""Plug-ins of others: found, loaded once, and alone in their faults."""

import importlib.metadata
import sys

import pytest

from hashwright import registry
from hashwright.errors import PluginError

MODERN = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass(frozen=True)
class Thing:
    size: int = 3

COIN = Thing()
"""


@pytest.fixture
def plugin(tmp_path):
    """Write a coin plug-in into an owner's folder; forget what was imported from it at the end."""
    (tmp_path / "coins").mkdir()

    def write(name, text):
        (tmp_path / "coins" / f"{name}.py").write_text(text)
        return {"extra_folders": (tmp_path,)}

    yield write
    for name in [name for name in sys.modules if name.startswith("hashwright_plugins.")]:
        del sys.modules[name]


@pytest.fixture
def installed(monkeypatch):
    """Pretend that a package with one entry point is installed."""

    def install(name, value):
        point = importlib.metadata.EntryPoint(name, value, "hashwright.coins")
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: (point,))
        registry._installed.cache_clear()

    yield install
    registry._installed.cache_clear()


def test_a_plugin_may_use_dataclasses_with_late_annotations(plugin):
    folders = plugin("modern", MODERN)
    assert registry.load("coins", "modern", **folders).COIN.size == 3


def test_a_plugin_is_imported_once(plugin):
    folders = plugin("once", "COIN = object()\n")
    assert registry.load("coins", "once", **folders) is registry.load("coins", "once", **folders)


def test_the_same_name_in_another_folder_is_another_plugin(plugin, tmp_path):
    folders = plugin("mine", "COIN = 'first'\n")
    assert registry.load("coins", "mine", **folders).COIN == "first"
    other = tmp_path / "other"
    (other / "coins").mkdir(parents=True)
    (other / "coins/mine.py").write_text("COIN = 'second'\n")
    assert registry.load("coins", "mine", extra_folders=(other,)).COIN == "second"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("this is no Python\n", "SyntaxError"),
        ("", "defines no COIN"),
    ],
)
def test_a_broken_plugin_fails_alone_and_is_named(plugin, text, said):
    folders = plugin("broken", text)
    assert "broken" in registry.names("coins", **folders)
    with pytest.raises(PluginError, match=f"coins plug-in broken .*{said}") as caught:
        registry.load("coins", "broken", **folders)
    assert caught.value.code == "HW-707"
    assert caught.value.hint.endswith("broken.py.")
    assert registry.load("coins", "bitcoin", **folders).COIN.key == "bitcoin"


def test_a_half_imported_plugin_is_not_left_behind(plugin):
    folders = plugin("half", "COIN = 1\nraise ValueError('later')\n")
    for _ in range(2):
        with pytest.raises(PluginError, match="later"):
            registry.load("coins", "half", **folders)
    assert "hashwright_plugins.coins.half" not in sys.modules
    plugin("half", "COIN = 'repaired, and of another length'\n")
    assert registry.load("coins", "half", **folders).COIN.startswith("repaired")


def test_ctrl_c_is_not_taken_for_a_fault_of_the_plugin(plugin):
    folders = plugin("slow", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        registry.load("coins", "slow", **folders)


def test_only_files_that_may_be_plugins_are_listed(plugin, tmp_path):
    for name in ("_private", "__init__", "base", "._copied_from_a_mac"):
        folders = plugin(name, "raise SystemExit\n")
    (tmp_path / "coins/folder.py").mkdir()
    (tmp_path / "coins/notes.txt").write_text("")
    assert registry.names("coins", **folders) == registry.names("coins")


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert registry.names("coins", extra_folders=(tmp_path / "nowhere",)) == registry.names("coins")


@pytest.mark.parametrize("value", ["hashwright.chain.coins.litecoin", "hashwright.chain.coins.litecoin:COIN"])
def test_an_installed_package_adds_a_plugin_by_entry_point(installed, value):
    installed("from_a_package", value)
    assert "from_a_package" in registry.names("coins")
    assert registry.load("coins", "from_a_package").COIN.key == "litecoin"


def test_an_entry_point_that_leads_nowhere_fails_alone(installed):
    installed("gone", "package_that_is_gone.coin:COIN")
    with pytest.raises(PluginError, match="package_that_is_gone") as caught:
        registry.load("coins", "gone")
    assert caught.value.hint == "Look at entry point package_that_is_gone.coin:COIN."
    assert registry.load("coins", "bitcoin").COIN.key == "bitcoin"


def test_an_entry_point_may_not_take_a_name_of_ours(installed):
    installed("bitcoin", "somebody.else")
    with pytest.raises(PluginError, match=r"bitcoin\.py and entry point somebody\.else") as caught:
        registry.names("coins")
    assert caught.value.code == "HW-706"


@pytest.mark.parametrize("kind", sorted(registry.KINDS))
def test_every_plugin_of_ours_defines_what_its_kind_needs(kind):
    names = registry.names(kind)
    assert names
    for name in names:
        assert hasattr(registry.load(kind, name), registry.KINDS[kind].attribute)
