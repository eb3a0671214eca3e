"""The commands as a person runs them: real processes, their streams, exit codes and what they leave behind."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from functional.program import HW, Program, environment

pytestmark = [pytest.mark.functional, pytest.mark.timeout(120)]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Let child processes import what this process imports, whether the program is installed or not."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.fixture
def program(tmp_path):
    running = Program(tmp_path)
    yield running
    running.stop()


@contextlib.contextmanager
def started(tmp_path, *arguments, **changes):
    """Run a command as a child; end it in any case."""
    process = subprocess.Popen(
        [*HW, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path) | changes,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def children_of(process_id):
    """Return the process ids and command lines of the direct children."""
    found = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    lines = {}
    for child in found:
        with contextlib.suppress(OSError):
            lines[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
    return lines


def miners_of(process_id):
    """Return the children that run the miner already: between fork and exec a child shows its parent's line."""
    return {child: line for child, line in children_of(process_id).items() if " miner " in line}


def is_alive(process_id):
    with contextlib.suppress(OSError):
        os.kill(process_id, 0)
        return True
    return False


@pytest.fixture
def scratch():
    """A folder with a short name: there is a bound on a socket's path, and a demo makes its data folder below it."""
    with tempfile.TemporaryDirectory(prefix="hw-") as folder:
        yield Path(folder)


def wait_for(condition, *, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


# ---------------------------------------------------------------- demo


def test_the_demo_finds_a_block_and_leaves_nothing(tmp_path, scratch):
    with started(tmp_path, "demo", "--seconds", "12", TMPDIR=str(scratch)) as demo:
        miners = wait_for(lambda: len(found := miners_of(demo.pid)) == 2 and found)
        out, err = demo.communicate(timeout=60)
    assert demo.returncode == 0, err
    assert all("--user demo.rig-" in line for line in miners.values())
    assert not any(is_alive(child) for child in miners)
    assert list(scratch.iterdir()) == []
    lines = [line for line in err.splitlines() if "How to go on" not in line and not line.startswith("  hw ") and line]
    assert all(line.startswith("DEMO") for line in lines)
    assert re.search(r"DEMO PRACTICE Block 1 of practice by demo\.rig-[12]: the node took it", err)
    assert re.search(r"DEMO ended\. 2 machines, .* shares: [0-9]+ accepted .* blocks: [1-9]", out)
    assert "hw up" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_told_to_end_takes_its_miners_along(tmp_path, scratch, number):
    with started(tmp_path, "demo", "--json", TMPDIR=str(scratch)) as demo:
        miners = wait_for(lambda: len(found := miners_of(demo.pid)) == 2 and found)
        demo.send_signal(number)
        out, err = demo.communicate(timeout=30)
    assert (demo.returncode, err) == (0, "")
    document = json.loads(out)
    assert (document["demo"], document["practice"]) == (True, True)
    assert not any(is_alive(child) for child in miners)
    assert list(scratch.iterdir()) == []


def test_the_miners_end_by_themselves_when_a_demo_is_killed(tmp_path, scratch):
    with started(tmp_path, "demo", TMPDIR=str(scratch)) as demo:
        miners = wait_for(lambda: len(found := miners_of(demo.pid)) == 2 and found)
        demo.kill()
        demo.communicate(timeout=30)
    wait_for(lambda: not any(is_alive(child) for child in miners))


def test_keep_says_where_the_data_is_and_the_data_proves_itself(tmp_path, scratch):
    words = ("--seconds", "6", "--keep", "--machines", "8", "--fault", "dead=1")
    with started(tmp_path, "demo", *words, TMPDIR=str(scratch)) as demo:
        out, err = demo.communicate(timeout=60)
    assert demo.returncode == 0, err
    folder = re.search(r"The data folder was kept: (\S+)", out)[1]
    listed = subprocess.run(
        [*HW, "--data-dir", folder, "fleet", "ls", "--json"],
        capture_output=True, text=True, timeout=60, env=environment(tmp_path), check=True,
    )  # fmt: skip
    machines = json.loads(listed.stdout)["devices"]
    assert len(machines) == (6 if "HW-113" in err + out else 8)
    assert any("M60S" in row.get("model", "") for row in machines)
    verified = subprocess.run(
        [*HW, "--data-dir", folder, "admin", "replay", "--verify", "--json"],
        capture_output=True, text=True, timeout=60, env=environment(tmp_path), check=False,
    )  # fmt: skip
    document = json.loads(verified.stdout)
    assert (verified.returncode, document["same"]) == (0, True)
    assert document["shares"] > 0


# ---------------------------------------------------------------- up, pool, miner, status


def test_from_up_to_a_block_in_the_status(program, tmp_path):
    program.start()
    added = program.run("pool", "add", "toy", "--node", "practice")
    assert "Added toy: pays bcrt1" in added.stderr
    mined = program.mine("--max-shares", "5", "--max-seconds", "30")
    assert mined.returncode == 0, mined.stderr
    assert mined.stdout.startswith("5 shares accepted, 0 rejected")
    url = program.json("status")["listeners"][0]["url"]
    with started(tmp_path, "miner", "--quiet", "--url", url, "--user", "kai.r01"):
        wait_for(lambda: program.json("status")["blocks"])
    status = program.json("status")
    assert status["running"] is True
    assert status["mode"].startswith("PRACTICE")
    (worker,) = status["workers"]
    assert (worker["worker"], worker["rejected"]) == ("kai.r01", 0)
    assert worker["accepted"] == sum(status["shares_24h"].values()) >= 5
    assert status["hashrate"]["hs"] > 0
    assert status["hashrate"]["kind"] == "estimated from accepted work"
    assert status["blocks"][0]["worker"] == "kai.r01"
    assert {alert["code"] for alert in status["alerts"]} <= {"HW-304", "HW-407"}
    began = time.monotonic()
    program.stop()
    assert time.monotonic() - began < 10
    history = program.json("status")
    assert (history["running"], history["blocks"][0]["height"]) == (False, status["blocks"][0]["height"])
    assert "read only" in history["source"]


def test_a_destination_survives_a_restart_and_a_remove_does_too(program):
    program.start()
    program.run("pool", "add", "toy", "--node", "practice")
    program.stop()
    program.start()
    assert [item["destination"] for item in program.json("pool", "status")["destinations"]] == ["toy"]
    assert program.run("pool", "remove", "nope", check=False).returncode == 4
    program.run("pool", "remove", "toy")
    program.stop()
    program.start()
    assert program.json("pool", "status")["destinations"] == []


def test_a_second_start_on_the_folder_is_refused_and_changes_nothing(program):
    program.start()
    second = program.run("up", "--listen", "sha256d=127.0.0.1:0", check=False, timeout=30)
    assert second.returncode == 1
    assert second.stderr.startswith(f"HW-602 Another Hashwright (process {program.process.pid}) already uses ")
    assert program.json("status")["running"] is True


def test_a_port_that_is_taken_is_refused_with_what_to_do(program, tmp_path):
    program.start()
    other = Program(tmp_path / "other")
    refused = other.run("up", "--listen", f"sha256d=127.0.0.1:{program.port}", check=False, timeout=30)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("HW-103 ")
    assert "--listen" in refused.stderr


def test_names_from_outside_cannot_forge_the_screen(program):
    program.start()
    program.run("pool", "add", "toy", "--node", "practice")
    mined = program.mine("--max-shares", "1", "--max-seconds", "30", user="kai.\x1b[31m[red]x[/red]")
    shown = mined.stdout + mined.stderr + program.run("pool", "workers").stdout + program.log.read_text()
    assert "\x1b" not in shown
    assert "kai.\\x1b[31m[red]x[/red]" in mined.stderr


def test_the_start_lines_say_where_data_and_mode(tmp_path):
    words = ("up", "--data-dir", str(tmp_path / "data"), "--listen", "sha256d=127.0.0.1:0", "--log-format", "text")
    with started(tmp_path, *words) as up:
        lines = []
        while not (lines and lines[-1].startswith("  next")):
            lines.append(up.stderr.readline())
            assert lines[-1], "it ended: " + "".join(lines)
        up.send_signal(signal.SIGTERM)
        assert up.wait(10) == 0
    text = "".join(lines)
    assert re.search(r"machines  stratum\+tcp://127\.0\.0\.1:[0-9]+  \(sha256d\)", text)
    assert f"data      {tmp_path / 'data'}" in text
    assert "mode      DRY RUN" in text


def test_systemd_hears_of_the_start(program, tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(20)
        systemd.bind(str(tmp_path / "notify"))
        words = ("up", "--data-dir", str(tmp_path / "data"), "--listen", "sha256d=127.0.0.1:0")
        changes = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        with started(tmp_path, *words, **changes) as up:
            said = {systemd.recv(200).split(b"\n")[0] for _ in range(3)}
            up.send_signal(signal.SIGTERM)
            assert up.wait(10) == 0
    assert said == {b"READY=1", b"WATCHDOG=1"}


# ---------------------------------------------------------------- care


def test_backup_of_a_running_process_restores_elsewhere(program, tmp_path):
    program.start()
    program.run("pool", "add", "toy", "--node", "practice")
    program.mine("--max-shares", "5", "--max-seconds", "30")
    copy = tmp_path / "copy.db"
    program.run("admin", "backup", copy)
    refused = program.run("admin", "restore", "--yes", copy, check=False)
    assert (refused.returncode, refused.stderr[:7]) == (1, "HW-602 ")
    other = Program(tmp_path / "other")
    other.run("admin", "restore", copy)
    history = other.json("status")
    assert history["running"] is False
    assert sum(history["shares_24h"].values()) >= 5
    other.start()
    assert [item["destination"] for item in other.json("pool", "status")["destinations"]] == ["toy"]
    other.stop()


def test_destinations_as_code(program, tmp_path):
    program.start()
    program.run("pool", "add", "toy", "--node", "practice")
    exported = program.run("admin", "config", "export").stdout
    file = tmp_path / "fleet.toml"
    file.write_text(exported.replace("destination.toy", "destination.other"))
    planned = program.run("admin", "config", "apply", "--dry-run", "--prune", file)
    assert "-[destination.toy]" in planned.stdout
    assert "+[destination.other]" in planned.stdout
    assert program.run("admin", "config", "export").stdout == exported
    program.run("admin", "config", "apply", "--prune", file)
    assert program.run("admin", "config", "export").stdout == file.read_text()
    assert "0 set, 0 removed" in program.run("admin", "config", "apply", file).stderr


def test_the_doctor_finds_no_cross_in_a_running_program(program):
    program.start()
    program.run("pool", "add", "toy", "--node", "practice")
    report = program.json("doctor")
    assert report["healthy"] is True
    titles = [section["title"] for section in report["sections"]]
    assert titles[-1] == "Destination toy"
    program.run("admin", "replay", "--verify")


# ---------------------------------------------------------------- exit codes and streams


@pytest.mark.parametrize(
    ("words", "code", "start"),
    [
        (("pool", "remove", "toy"), 5, "HW-704 "),
        (("miner", "--url", "stratum+tcp://127.0.0.1:1", "--user", "kai.r01"), 5, "Mining "),
        (("miner", "--url", "ftp://x", "--user", "kai.r01", "--quiet"), 1, "Mining "),
        (("up", "--listen", "sha256d=nowhere"), 3, "HW-701 "),
        (("up", "--log-level", "loud"), 2, "Invalid value"),
        (("admin", "replay", "--verify"), 1, "HW-612 "),
    ],
)
def test_exit_codes(program, words, code, start):
    done = program.run(*words, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(start)
    assert "Traceback" not in done.stderr


def test_an_interrupt_ends_with_130(tmp_path):
    with started(tmp_path, "status", "--watch", "--json") as watching:
        assert watching.stdout.readline() == "{\n"
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=20)
    assert watching.returncode == 130


def test_a_closed_pipe_is_no_traceback(program):
    words = " ".join(f"'{word}'" for word in [*HW, "--help"])
    done = subprocess.run(
        ["bash", "-c", f"{words} | true"], capture_output=True, text=True, timeout=30, check=False,
        env=environment(program.folder),
    )  # fmt: skip
    assert "Traceback" not in done.stderr


def test_hw_alone_says_what_is_and_what_to_do_next(program):
    done = program.run(timeout=30)
    assert done.stdout.splitlines()[0] == f"No Hashwright runs on {program.folder}."
    commands = [line.split("  ")[1] for line in done.stderr.splitlines() if line.startswith("  hw ")]
    assert commands == ["hw demo", "hw up"]
