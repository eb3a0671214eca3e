import json
import os
import subprocess
import sys

import click
import pytest

from hashwright.cli import main
from hashwright.cli.command import LazyGroup
from hashwright.cli.terminal import Terminal
from hashwright.error_codes import CODES
from hashwright.errors import ConfigError, InvariantBroken, LimitRefused, OperatorError, TimedOut
from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw

HEAVY = (
    "sqlalchemy",
    "alembic",
    "httpx",
    "zmq",
    "structlog",
    "uvloop",
    "rich.live",
    "rich.progress",
    "msgspec",
    "asyncio",
)
HEAVY_AT_START = (
    "sqlalchemy",
    "alembic",
    "psycopg",
    "Crypto",
    "cffi",
    "numpy",
    "highspy",
    "httpx",
    "pyasic_rs",
    "litestar",
    "uvicorn",
    "apprise",
    "prometheus_client",
    "argon2",
    "plotext",
)
CPU_BUDGET_S = 0.2


def all_commands(command=main.cli, path=("hw",)):
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from all_commands(command.get_command(click.Context(command), name), (*path, name))


LEAVES = [(path, command) for path, command in all_commands() if not isinstance(command, click.Group)]


@pytest.mark.parametrize(("path", "command"), list(all_commands()), ids=lambda value: "")
def test_every_command_has_help_with_an_example(path, command):
    assert "Example: hw" in command.help, path
    assert command.help.splitlines()[0].endswith("."), path
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, (path, option.name)


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=lambda value: "")
def test_every_command_takes_the_global_flags(path, command):
    names = {name for option in command.params for name in option.opts}
    assert {"--data-dir", "--config", "--json", "--plain", "--quiet", "--no-color"} <= names


def test_the_commands_of_the_issues_are_there():
    """What the issues name is an interface; more may stand beside it."""
    wanted = """
        demo, up, web, status, doctor, miner, completion, find, calc, trends, audit, backtest, plan energy,
        compare hardware, pool try, pool add, pool remove, pool status, pool blocks, pool workers, pool members,
        pool address, pool payouts, pool payout, pool account, pool accounts, pool luck, pool scheme, pool reserve,
        pool release, route status, route set, route move, route test, ledger balance, ledger day, ledger explain,
        ledger check, ledger export, ledger prices, ledger reconcile, ledger cost, ledger workers, fleet ls, fleet top,
        fleet history, fleet pause, fleet resume, fleet power, fleet pools, fleet tag, fleet blink, fleet profile,
        market book, market quote, market order, market cancel, market refill, market reprice, market sell,
        market history,
        market settings, market rent plan, market rent run, autopilot set, autopilot status, autopilot pause,
        admin backup, admin restore, admin replay, admin config show, admin config export, admin config apply,
        admin data fetch, admin data show, admin data import
    """
    assert {it.strip() for it in wanted.split(",")} <= {" ".join(path[1:]) for path, _ in LEAVES}


def test_the_summaries_are_the_first_sentences_of_the_commands():
    group = main.cli
    for name in main.COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert main.SUMMARIES[name].startswith(command.get_short_help_str(500).rstrip(".")), name
    assert list(main.SUMMARIES) == list(main.COMMANDS)


def start(*arguments, code=None, **environment):
    words = ["-c", code] if code else ["-m", "hashwright.cli.main"]
    source = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, *words, *arguments],
        capture_output=True, text=True, timeout=30, env=os.environ | {"PYTHONPATH": source} | environment, check=False,
    )  # fmt: skip


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom hashwright.cli import main\ncode = main.run(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\nsys.exit(code)"
    )
    done = start(code=code)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


def test_a_start_on_books_that_are_there_loads_what_it_uses_and_no_more(tmp_path):
    """What describes tables, hashes for Monero, solves or serves pages is loaded by who needs it."""
    SqliteStore.open(tmp_path).close()
    code = (
        "import pathlib, sys\nimport hashwright.cli.up, hashwright.runtime.logs, hashwright.runtime.wiring\n"
        "from hashwright.runtime.opening import open_store\n"
        f"store = open_store(pathlib.Path({str(tmp_path)!r}))\n"
        "store.next_boot(), store.load_snapshot(), store.pending_outbox(), store.settings('destination')\n"
        "store.blocks(1), store.alerts(1), store.work_totals(0), store.instance, store.connect()\n"
        f"print([name for name in {HEAVY_AT_START!r} if name in sys.modules], file=sys.stderr)"
    )
    done = start(code=code)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


def test_help_lists_every_command_and_stays_within_its_budget():
    code = (
        "import sys, time\nfrom hashwright.cli import main\nmain.run(['--help'])\n"
        "print(time.process_time(), file=sys.stderr)"
    )
    runs = [start(code=code) for _ in range(5)]
    for name in main.COMMANDS:
        assert f"\n  {name} " in runs[0].stdout
    assert min(float(done.stderr) for done in runs) < CPU_BUDGET_S


def test_the_version_is_one_line():
    done = start("--version")
    assert (done.returncode, done.stdout) == (0, "hashwright 0.1.0\n")


def test_an_unknown_command_and_an_unknown_option_are_wrong_usage(capsys):
    said = hw(capsys, "fly")
    assert (said.code, said.out) == (2, "")
    assert said.err == "No such command 'fly'.\nSee: hw --help\n"
    said = hw(capsys, "pool", "add")
    assert said.code == 2
    assert said.err == "Missing argument 'NAME'.\nSee: hw pool add --help\n"


def plant(monkeypatch, error):
    """Let `hw status` raise this."""

    def fail(self, **_):
        raise error

    monkeypatch.setattr(Terminal, "load_config", fail)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OperatorError("It is so.", code="HW-602", hint="Do that."), 1, "HW-602 It is so. Do that.\n"),
        (ConfigError("It is so.", code="HW-701", hint="Do that."), 3, "HW-701 It is so. Do that.\n"),
        (TimedOut("It is so.", code="HW-412", hint="Do that."), 5, "HW-412 It is so. Do that.\n"),
        (LimitRefused("It is so.", code="HW-501", hint="Do that."), 6, "HW-501 It is so. Do that.\n"),
        (InvariantBroken("It is so.", code="HW-604", hint="Do that."), 1, "HW-604 It is so. Do that.\n"),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
    ],
)
def test_an_error_becomes_a_line_and_an_exit_code(capsys, monkeypatch, error, code, text):
    monkeypatch.delenv("HW_DEBUG", raising=False)
    plant(monkeypatch, error)
    said = hw(capsys, "status")
    assert (said.code, said.err, said.out) == (code, text, "")


def test_a_fault_of_ours_is_no_traceback(capsys, monkeypatch):
    monkeypatch.delenv("HW_DEBUG", raising=False)
    plant(monkeypatch, ZeroDivisionError("division by zero"))
    said = hw(capsys, "status")
    assert said.code == 1
    assert said.err.startswith("HW-901 Hashwright itself failed: ZeroDivisionError: division by zero.")
    assert "Traceback" not in said.err


def test_a_traceback_is_shown_to_who_asks_for_it(capsys, monkeypatch):
    monkeypatch.setenv("HW_DEBUG", "1")
    plant(monkeypatch, ZeroDivisionError("division by zero"))
    with pytest.raises(ZeroDivisionError):
        hw(capsys, "status")


def test_an_error_in_json_is_one_document(capsys, monkeypatch):
    monkeypatch.delenv("HW_DEBUG", raising=False)
    plant(monkeypatch, TimedOut("It is so.", code="HW-412", hint="Do that."))
    said = hw(capsys, "--json", "status")
    assert said.code == 5
    assert json.loads(said.out)["error"] == {
        "code": "HW-412", "message": "It is so.", "hint": "Do that.", "exit_code": 5, "findings": [],
    }  # fmt: skip


@pytest.mark.parametrize("words", [("--json", "status"), ("status", "--json")])
def test_global_flags_stand_before_or_after_a_command(capsys, tmp_path, words):
    said = hw(capsys, "--data-dir", tmp_path, *words)
    assert said.code == 0
    assert json.loads(said.out)["running"] is False


def test_every_code_that_can_be_raised_makes_a_line():
    assert all(code.startswith("HW-") and entry.action for code, entry in CODES.items())


def test_a_lazy_group_lists_in_the_given_order():
    group = LazyGroup(name="g", lazy={"b": "x:y", "a": "x:z"})
    assert group.list_commands(click.Context(group)) == ["b", "a"]
    assert group.get_command(click.Context(group), "c") is None


@pytest.mark.parametrize(("shell", "word"), [("bash", "complete"), ("zsh", "#compdef hw"), ("fish", "complete")])
def test_completion_scripts_name_the_program(capsys, shell, word):
    said = hw(capsys, "completion", shell)
    assert said.code == 0
    assert word in said.out
    assert "_HW_COMPLETE" in said.out
