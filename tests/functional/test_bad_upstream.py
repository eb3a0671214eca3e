"""A running router with one good upstream among bad ones: the machine works on, whatever the others send."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from functional.program import program, until
from functional.test_route import booked, destination, miner, upstream

pytestmark = [pytest.mark.functional, pytest.mark.timeout(180)]


@contextlib.contextmanager
def bad_pools():
    """Start the bad pools; gives the port of each."""
    script = Path(__file__).with_name("bad_pools.py")
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def settings_of(ports, good):
    lines = []
    for name, port in {"good": good.port, **ports}.items():
        lines += [
            f"[destination.{name}]", f'urls = ["stratum+tcp://127.0.0.1:{port}"]', f'user = "acct.{name}"',
            'password = "d=0.000005"', 'network = "regtest"', 'coin = "bitcoin"', "",
        ]  # fmt: skip
    return "\n".join(lines)


def test_bad_upstreams_harm_nobody_else(tmp_path):
    with bad_pools() as ports, upstream(tmp_path, "pool") as good, program(tmp_path) as router:
        file = tmp_path / "fleet.toml"
        file.write_text(settings_of(ports, good))
        router.run("admin", "config", "apply", file)
        router.run("route", "set", *(f"{name}=1" for name in ("good", *ports)))
        with miner(router):
            until(lambda: booked(good) > 0, seconds=60, what="work at the good one")
            for _ in range(3):
                before = booked(good)
                until(lambda before=before: booked(good) > before, seconds=60, what="more work at the good one")
            assert router.process.poll() is None
            for name in ("silent", "garbage", "endless", "flood", "halfclosed", "zero", "negative", "huge", "nothing"):
                assert destination(router, name)["state"] != "ready", name
            assert destination(router, "good")["state"] == "ready"
            assert "HW-901" not in {alert["code"] for alert in router.json("status")["alerts"]}, "nothing broke inside"
        router.stop()
        assert router.json("admin", "replay", "--verify")["same"] is True
