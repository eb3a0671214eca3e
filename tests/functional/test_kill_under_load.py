"""kill -9 of the whole program under load: no acknowledged share is lost, none counts twice.

The acknowledgement log is kept outside, by the machines: a share is in it once its "true" was read from the socket.
"""

import asyncio
import random

import pytest

from functional.load import Machine, assert_kept, storm
from functional.program import program, until

pytestmark = [pytest.mark.functional, pytest.mark.timeout(180)]

KILLS = 8
MACHINES = 20


def test_no_acknowledged_share_is_lost_and_none_is_counted_twice(tmp_path):
    rng = random.Random(20261123)
    log = []
    machines = [Machine(number, log) for number in range(MACHINES)]
    with program(tmp_path) as hw:
        hw.run("pool", "add", "toy", "--node", "practice", "--start-difficulty", "1e-9")
        for kill in range(KILLS):
            until(lambda: hw.json("status")["destinations"][0]["height"], what="a template")

            wait = rng.uniform(0.3, 1.0)

            async def play(wait=wait, port=hw.port):
                load = asyncio.ensure_future(storm(port, log, 20, machines))
                await asyncio.sleep(wait)
                await asyncio.to_thread(hw.kill)
                await load

            asyncio.run(play())
            hw.start()
            assert hw.json("status")["journal"]["poisoned"] == 0, f"after kill {kill}"
        hw.stop()
        verified = hw.run("admin", "replay", "--verify")
        assert verified.returncode == 0, verified.stdout
    assert len(log) > 1000, "the load was no load"
    stored = assert_kept(hw.folder, log)
    print(f"\n{KILLS} kills, {len(log)} shares acknowledged, {stored} stored")
