"""Whatever lies in the owner's folder, listing reads names only, and loading gives a plug-in or a `PluginError`."""

import pathlib
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright import registry
from hashwright.errors import PluginError

stems = st.text(alphabet="abcxyz_-.09", min_size=1, max_size=8)
sources = st.sampled_from(
    ("", "COIN = 1\n", "raise SystemExit\n", "import nothing_here\n", "def\n", "\x00", "COIN = 1 / 0\n")
)


@given(st.dictionaries(stems, sources, max_size=5))
def test_any_folder_is_listed_and_each_file_stands_alone(files):
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root) / "coins"
        folder.mkdir()
        for stem, text in files.items():
            (folder / f"{stem}.py").write_text(text)
        names = registry.names("coins", extra_folders=(root,))
        assert set(names) == set(registry.names("coins")) | {stem for stem in files if not stem.startswith(("_", "."))}
        assert list(names) == sorted(names)
        for stem in set(files) & set(names):
            if files[stem] == "COIN = 1\n":
                assert registry.load("coins", stem, extra_folders=(root,)).COIN == 1
                continue
            with pytest.raises(PluginError) as caught:
                registry.load("coins", stem, extra_folders=(root,))
            assert caught.value.code == "HW-707"
