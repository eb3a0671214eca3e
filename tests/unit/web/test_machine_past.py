"""One machine over time: gaps stay gaps, and it is read for who may look only."""

import asyncio

from hashwright.store import machine_history as rows
from hashwright.store.machine_history import FINE, Point
from hashwright.store.sqlite import SqliteStore
from hashwright.web.api_machine import past_of
from unit.web.world import NOW, world

AT = FINE.span_of(NOW // 1000 - 3000)


def test_a_hole_in_time_is_a_row_of_unknowns():
    found = past_of("m", [Point(at_s=AT, power_w=1.0), Point(at_s=AT + 900, power_w=2.0)], FINE, now_s=NOW // 1000)
    assert found.times_s == (AT, AT + 300, AT + 600, AT + 900)
    assert found.power_w == (1.0, None, None, 2.0)


def test_of_a_machine_that_nobody_knows_nothing_is_said():
    assert past_of("m", [], FINE, now_s=NOW // 1000).times_s == ()


def test_history_is_for_who_may_look_and_a_name_is_a_text(tmp_path):
    store = SqliteStore.open(tmp_path)
    evil = "x' OR '1'='1"
    body = rows.packed(Point(at_s=AT, temperature_c=60.0), FINE)
    store.change_books(lambda it: rows.write(it, FINE, FINE.chunk_of(AT), [("m-1", body)]))
    store.close()

    async def work(here):
        owner, nobody = await here.owner(), here.client()
        path = "/api/v1/machines/history"
        found = (await owner.get(path, params={"name": "m-1"})).json()
        assert (found["temperature_c"], found["power_w"], found["span_s"]) == ([60.0], [None], 300)
        assert (await owner.get(path, params={"name": evil, "span": "2d"})).json()["times_s"] == []
        assert (await owner.get(path, params={"name": "m-1", "span": "year"})).status_code == 400
        assert (await owner.get(path)).status_code == 400
        assert (await nobody.get(path, params={"name": "m-1"})).status_code == 401

    with world(tmp_path) as here:
        asyncio.run(work(here))
