"""What machines are opened with is nowhere but in its driver: in no log, journal, database, answer or file.

A marked password opens some machines and fails at others; everything is done with them, and then everything that was
written or said is searched for the mark, also as bytes that were encoded.
"""

import asyncio
import base64
import contextlib
import json
import os
import random
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from hashwright.errors import HashwrightError
from hashwright.runtime import fleet, fleet_commands, fleet_each
from hashwright.runtime.control import ask
from hashwright.testing.machines.park import Park, make_machines, settings_of
from shell.app import ScriptedNode, running, until

MARK = "Zz9-marked/secret+word"
FORMS = (
    MARK,
    base64.b64encode(MARK.encode()).decode().rstrip("="),
    base64.b64encode(f"root:{MARK}".encode()).decode().rstrip("="),
    urllib.parse.quote(MARK, safe=""),
    json.dumps(MARK)[1:-1],
    MARK.encode().hex(),
)
MIX = ("antminer", "braiins", "whatsminer", "xmrig", "antminer", "braiins", "whatsminer")
HW = (sys.executable, "-c", "from hashwright.cli.main import main; main()")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(fleet, "READ_BACK_S", 0.1)
    monkeypatch.setattr(fleet_each, "BACK_MAX_S", 0.2)
    monkeypatch.setenv("TEST_MARK", MARK)


def where_marked(folder, *texts):
    """Return every place where the mark stands, in whatever form."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = [str(path) for path in files for form in FORMS if form.encode() in path.read_bytes()]
    return found + [text[:200] for text in texts for form in FORMS if form in text]


async def hw(folder, *words):
    """Run a command on the folder and return all that it said."""
    environment = {key: value for key, value in os.environ.items() if key != "TEST_MARK"} | {"PYTHONPATH": "src"}
    process = await asyncio.create_subprocess_exec(
        *HW, "--data-dir", str(folder), *words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return said.decode()


def test_a_password_of_a_machine_is_nowhere(tmp_path, capfd):
    said = []

    async def story():
        machines = make_machines(len(MIX), rng=random.Random(3), first="127.80.9.1", mix=MIX)
        for machine in machines[:4]:
            machine.password = MARK
        park = Park(machines, rng=random.Random(3))
        await park.start()
        folder = tmp_path / "data"
        try:
            async with running(folder, ScriptedNode()) as app:
                await _do_everything(app, machines, said)
                said.append(await hw(folder, "admin", "config", "export"))
                assert "env:TEST_MARK" in said[-1]
                said.append(await hw(folder, "fleet", "ls", "--json"))
                assert machines[0].name in said[-1]
        finally:
            await park.stop()

    asyncio.run(story())
    out, err = capfd.readouterr()
    assert "sim-0001" in "".join(said)
    assert where_marked(tmp_path, out, err, *said) == []


async def _do_everything(app, machines, said):
    verbs = fleet_commands.commands(app)
    names = [machine.name for machine in machines]
    raws = [settings_of(machine) | {"password_from": "env:TEST_MARK", "fail_safe": "sleep"} for machine in machines]
    await verbs["fleet-rules"]({"changes": {"poll_s": 1.0, "settle_s": 5.0, "stop_percent": 100.0}})
    await verbs["fleet-set"]({"devices": raws})
    devices = app.kernel.fleet.devices
    await until(lambda: app.fleet.guard.state == "on", seconds=40)  # it has all passwords, and loads the library
    about = Path(f"/proc/{app.fleet.guard.process}")
    said.extend((about / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ"))
    assert "guard_process" in said[-2]
    await until(lambda: all(device.answer for device in devices.values()))
    assert devices[names[5]].answer == "refused"  # its password is another one, and it tells nothing without
    await verbs["fleet-order"]({"devices": names, "mode": "sleep"})
    await until(lambda: [machine.is_paused for machine in machines[:4]] == [True] * 4)
    await until(lambda: "HW-108" in devices[names[6]].told)
    pool = {"url": "stratum+tcp://192.0.2.1:3333", "user": "kai.{name}", "password": MARK}
    for command, more in (("fleet-pools", {"pools": [pool]}), ("fleet-blink", {}), ("fleet-fans", {"percent": 50})):
        said.append(json.dumps(await verbs[command]({"devices": names, **more})))
    assert machines[0].pools[0].password == MARK
    for wrong in ({"password_from": MARK}, {"settings": {"host": "127.80.9.1", "password": MARK}}, {"password": MARK}):
        with pytest.raises(HashwrightError) as caught:
            await verbs["fleet-set"]({"devices": [raws[0] | wrong]})
        said.append(f"{caught.value} {caught.value!r} {caught.value.hint} {getattr(caught.value, 'findings', '')}")
    said.append(json.dumps(await verbs["fleet-status"]({}), default=str))
    said.extend(repr(driver) + repr(app.fleet.settings) for driver in app.fleet.drivers.values())
    with contextlib.suppress(HashwrightError):
        await ask(app.config.data_dir, "fleet-set", devices=[raws[0] | {"password_from": "file:/nowhere"}])


def test_the_search_finds_what_is_there(tmp_path):
    """The test above could not fail if its search saw nothing."""
    for number, form in enumerate(FORMS):
        (tmp_path / f"{number}.bin").write_bytes(b"\0\1" + form.encode() + b"\2")
    assert len({place.rpartition("/")[2] for place in where_marked(tmp_path)}) == len(FORMS)
    assert where_marked(tmp_path / "none", "x" + MARK)
