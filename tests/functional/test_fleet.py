"""300 simulated machines in a process of their own: found, curtailed and resumed end to end, by the command line."""

import asyncio
import json
import subprocess
import sys

import pytest

from functional.program import Program
from hashwright.runtime.control import ask

pytestmark = [pytest.mark.functional, pytest.mark.timeout(240)]
MACHINES = 300
RULES = ("start_percent=100", "stop_percent=100", "poll_s=5", "settle_s=30", "deadline_s=10")


@pytest.fixture(autouse=True)
def _children_import_what_we_do(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "src")


@pytest.fixture
def program(tmp_path):
    running = Program(tmp_path)
    yield running.start()
    running.stop()


@pytest.fixture
def park():
    """Machines that do not mine: what is tested is whether they are reached and obey."""
    command = [sys.executable, "-m", "hashwright.testing.machines.park", "--machines", str(MACHINES)]
    command += ["--first", "127.81.1.1", "--mix", "cgminer,cgminer,xmrig", "--fault", "dead=3", "--fault", "no-pause=2"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    settings = []
    while (line := process.stdout.readline().strip()) != "ready":
        assert line, "the machines did not start"
        settings.append(json.loads(line))
    yield settings
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


def test_300_machines_are_curtailed_and_resumed(program, park):
    nothing = program.run("find", "127.82.0.0/30", check=False)
    assert (nothing.returncode, "HW-101" in nothing.stderr) == (4, True)
    found = program.run("find", "--add", "127.81.1.0/29", "--tag", "found")
    assert "127.81.1.6" in found.stdout  # the first three are dead
    program.run("fleet", "remove", "--tag", "found", "--yes")
    asyncio.run(ask(program.folder, "fleet-set", devices=park))
    program.run("fleet", "rules", *(word for rule in RULES for word in ("--set", rule)))
    dry = program.run("fleet", "pause")
    assert "300 of 300" in dry.stderr
    assert "DRY RUN" in dry.stderr
    for command, state in (("pause", "asleep"), ("resume", "hashing")):
        done = program.run("fleet", command, "--live", "--yes", "--json", check=False, timeout=150)
        answer = json.loads(done.stdout)
        states = [row["state"] for row in answer["devices"]]
        assert states.count(state) >= MACHINES - 5, states
        assert done.returncode == 7, done.stderr
    refused = program.run("fleet", "pause", "--live", check=False)
    assert (refused.returncode, "HW-709" in refused.stderr) == (1, True)
    program.stop()
    listed = program.json("fleet", "ls", "--tag", "simulated")
    assert (listed["is_running"], len(listed["devices"])) == (False, MACHINES)
    assert program.run("fleet", "pause", check=False).returncode == 5
