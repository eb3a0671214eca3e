"""Shared fixtures: where the data of the named group `data` is, and one line when it is missing."""

import os
import pathlib

import hypothesis
import pytest
import structlog

DATA = os.environ.get("HW_TEST_DATA", "")

# Programs that tests start would compile half a second of sources each, where the environment forbids to keep bytecode
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(pathlib.Path(__file__).parents[1] / "build/bytecode"))


# `make test` tries the same examples each time, so that what fails is the change; plain `pytest` looks for new ones.
# A busy machine is no fault of ours: no test asserts wall-clock time, so none has a deadline here either.
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# structlog's own tracebacks draw every local variable in a box: one fault in a loop would take minutes to print
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def test_data() -> pathlib.Path:
    """The shared data folder of the test group `data`."""
    if not DATA:
        pytest.skip("HW_TEST_DATA is not set: the group `data` does not run")
    folder = pathlib.Path(DATA)
    assert folder.is_dir(), f"HW_TEST_DATA names no folder: {folder}"
    return folder


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL server of the tests' own, for as long as they run."""
    from engines import Server

    server = Server()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.functional)])
def engine(request):
    """One of the two databases; with PostgreSQL a test belongs to the functional ones."""
    from engines import PostgresEngine, SqliteEngine

    if request.param == "sqlite":
        return SqliteEngine()
    return PostgresEngine(request.getfixturevalue("postgres_server"))


def pytest_terminal_summary(terminalreporter):
    if not DATA:
        terminalreporter.write_line("named group `data`: not run, HW_TEST_DATA is not set")
