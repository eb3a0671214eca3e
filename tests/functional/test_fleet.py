"""300 simulated machines in a process of their own: found, curtailed and resumed end to end, by the command line."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from functional.program import Program, until
from hashwright.adapters.devices.base import read_device
from hashwright.runtime.control import ask
from hashwright.runtime.device_settings import build_driver, parse_device

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


def activities(machines):
    """Ask the machines themselves, whoever looks after them."""
    drivers = [build_driver(parse_device(raw)) for raw in machines]

    async def read():
        return await asyncio.gather(*(read_device(it, "", at=0, deadline_s=5.0) for it in drivers))

    return [reading.activity for reading in asyncio.run(read())]


def look_at_the_guard(program, machines):
    """Killed, the program leaves its guard: what is to sleep sleeps, what is to go on goes on, the next start tells."""
    names = [raw["name"] for raw in machines]
    sleep = names[2:]
    program.run("fleet", "rules", "--set", "guard_s=5", "--set", "poll_s=1")
    program.run("fleet", "fail-safe", "sleep", *sleep, "--yes")
    until(lambda: program.ask("fleet-status", devices=names)["guard"]["state"] == "on")
    shown = program.json("fleet", "fail-safe", "show", *names)
    assert [row["fail_safe"] for row in shown["devices"]] == ["keep"] * 2 + ["sleep"] * 6
    guard = shown["guard"]["process"]
    os.kill(guard, signal.SIGKILL)
    until(lambda: program.ask("fleet-status", devices=names)["guard"]["process"] not in (None, guard))
    until(lambda: program.ask("fleet-status", devices=names)["guard"]["state"] == "on")
    words = Path(f"/proc/{program.ask('fleet-status', devices=names)['guard']['process']}/cmdline").read_bytes()
    assert b"guard_process" in words
    program.kill()
    reports = program.folder / "guard"
    until(lambda: [it for it in reports.glob("report-*") if len(json.loads(it.read_bytes())["outcomes"]) == len(sleep)])
    assert activities(machines) == ["hashing"] * 2 + ["asleep"] * 6
    program.start()
    until(lambda: activities(machines) == ["hashing"] * 8)
    codes = [alert["code"] for alert in program.json("status")["alerts"]]
    assert codes.count("HW-885") == 1, codes
    assert "HW-886" in codes, "the guard that was killed is told of"
    assert not list(reports.glob("report-*"))
    (acted,) = [it for it in program.json("status")["alerts"] if it["code"] == "HW-885"]
    assert "its guard put 6 of 6 machines to sleep" in acted["text"]


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
    look_at_the_guard(program, park[-8:])
    program.stop()
    listed = program.json("fleet", "ls", "--tag", "simulated")
    assert (listed["is_running"], len(listed["devices"])) == (False, MACHINES)
    assert program.run("fleet", "pause", check=False).returncode == 5
