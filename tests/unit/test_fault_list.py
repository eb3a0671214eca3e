"""The page of faults names tests that exist."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists():
    named = re.findall(r"`(tests/[a-z_/]+\.py)(?:::(test_[a-z0-9_]+))?`", PAGE)
    assert len(named) > 40
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or f"def {name}" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_every_fault_and_invariant_of_the_list_has_a_row():
    rows = set(re.findall(r"^\| ([FI]\d+)(?:, [FI]\d+)? \|", PAGE, re.MULTILINE))
    wanted = {f"F{it}" for it in (3, 4, *range(11, 18), 20, 21, 22, 31, 32, 33)} | {f"I{it}" for it in range(1, 16)}
    assert wanted <= rows
