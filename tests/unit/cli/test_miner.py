"""The CPU miner is bounded, says what it does and for whom, and cannot be told not to."""

import os
import re

import pytest

from hashwright.testing import miner as miner_module
from hashwright.testing import talk
from unit.cli.world import hw

NOWHERE = "stratum+tcp://127.0.0.1:1"
ASKED = ("miner", "--url", NOWHERE, "--user", "kai.r01", "--max-seconds", "0.05")


@pytest.fixture(autouse=True)
def quick_end(monkeypatch):
    """Nobody listens there; do not try a thousand times."""
    monkeypatch.setattr(miner_module, "RECONNECTS_MAX", 1)


@pytest.mark.parametrize("flag", [(), ("--quiet",), ("--json",)])
def test_it_always_says_what_it_does_where_and_as_whom(capsys, flag):
    said = hw(capsys, *flag, *ASKED)
    assert re.search(r"Mining sha256d on 1 thread of this computer, .* as kai\.r01 at stratum\+tcp://127", said.err)


@pytest.mark.parametrize("threads", ["0", "65", "-1", "1000"])
def test_its_threads_are_bounded(capsys, threads):
    said = hw(capsys, *ASKED, "--threads", threads)
    assert said.code == 2
    assert "threads" in said.err


def test_it_starts_no_process_and_stays_in_the_foreground(capsys, monkeypatch):
    for name in ("fork", "posix_spawn", "execv", "setsid", "nice"):
        monkeypatch.setattr(os, name, None)
    assert hw(capsys, *ASKED).code != 2


def test_its_name_on_the_wire_is_its_own():
    assert talk.AGENT.startswith("hashwright-miner/")
