"""Fixtures that several files of this folder share."""

import pytest

from unit.runtime.autopilot_world import World


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.price("bitcoin", 50_000.0)
    world.destination("near", usd_ph_day=50.0)
    world.destination("far", usd_ph_day=60.0)
    world.route("near")
    yield world
    world.close()
