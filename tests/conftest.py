"""Shared fixtures: where the data of the named group `data` is, and one line when it is missing."""

import os
import pathlib

import pytest

DATA = os.environ.get("HW_TEST_DATA", "")


@pytest.fixture(scope="session")
def test_data() -> pathlib.Path:
    """The shared data folder of the test group `data`."""
    if not DATA:
        pytest.skip("HW_TEST_DATA is not set: the group `data` does not run")
    folder = pathlib.Path(DATA)
    assert folder.is_dir(), f"HW_TEST_DATA names no folder: {folder}"
    return folder


def pytest_terminal_summary(terminalreporter):
    if not DATA:
        terminalreporter.write_line("named group `data`: not run, HW_TEST_DATA is not set")
