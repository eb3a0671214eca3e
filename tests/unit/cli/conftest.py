"""A command sets the logs of its process; a test gives them back."""

import logging

import pytest
import structlog


@pytest.fixture(autouse=True)
def unconfigured():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], level = before
    root.setLevel(level)
