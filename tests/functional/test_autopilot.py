"""The autopilot over a running router and two upstreams: it looks, it asks, it acts, and it can say why."""

import asyncio
import json
import time

import pytest

from functional.program import program, until
from functional.test_route import miner, point_at, upstream
from hashwright.runtime.control import ask
from hashwright.store.sqlite import SqliteStore

pytestmark = [pytest.mark.functional, pytest.mark.timeout(300)]


def price(router, *, usd=50_000, age_s=0):
    """Say what a bitcoin costs, as a feed would have."""
    at_ms = int((time.time() - age_s) * 1000)
    fact = {"coin": "bitcoin", "field": "price_usd", "value": str(usd), "at_ms": at_ms, "known_at_ms": at_ms,
            "sources": ["test"]}  # fmt: skip
    file = router.folder / "market" / "facts.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"facts": [fact]}))


def last(router):
    """Take a turn by the control socket, which is quicker than a command, and return the last decision."""
    return asyncio.run(ask(router.folder, "autopilot-turn", algorithm="sha256d"))["last"]


def routes(router, algorithm="sha256d"):
    """Return the stored route."""
    store = SqliteStore.open(router.folder, readonly=True)
    try:
        return store.settings("route")[algorithm]
    finally:
        store.close()


def assert_told_later(router, acted):
    """A decision is explained by every way to ask, and thought again the same; what was learned is told."""
    explained = router.json("autopilot", "explain", str(acted["number"]))
    assert explained["is_repeated"] is True
    assert explained["seen"] == acted["seen"]
    number = acted["number"]
    told = asyncio.run(ask(router.folder, "autopilot-explain", number=number))
    assert told["is_repeated"] is True
    assert told["thought"] == acted["thought"]
    listed = asyncio.run(ask(router.folder, "autopilot-decisions"))["decisions"]
    assert {it["cause"] for it in listed} >= {"the start", "a person"}
    learned = router.json("autopilot", "learned")["autopilots"][0]
    assert {it["destination"]: it["credited_factor"] for it in learned["pools"]} == {"cheap": 1.0, "dear": 1.0}
    states = [it["state"] for it in router.json("autopilot", "decisions")["decisions"]]
    assert {"rehearsed", "asked", "applied"} <= set(states)


def test_it_rehearses_asks_acts_and_stops(tmp_path):
    with upstream(tmp_path, "a") as a, upstream(tmp_path, "b") as b, program(tmp_path) as router:
        point_at(router, "cheap", a)
        point_at(router, "dear", b)
        router.run("route", "set", "dear=100%", "--fallback", "cheap")
        with miner(router):
            until(lambda: router.json("status")["hashrate"], seconds=60, what="a hash rate")
            before = routes(router)

            router.run(
                "autopilot", "set", "sha256d", "--fee", "dear=20", "--play-worth", "--step", "30", "--dwell", "0"
            )
            stale = last(router)
            assert stale["state"] == "kept", "the only price is months old: nothing is decided by it"
            assert any("HW-401" in line or "no price" in line for line in stale["thought"]["left_out"])

            price(router)
            rehearsed = until(lambda: found if (found := last(router))["state"] == "rehearsed" else None, seconds=30)
            assert rehearsed["thought"]["parts"] == {"cheap": 3000, "dear": 7000}
            assert routes(router) == before, "a dry run changes nothing"

            router.run("autopilot", "set", "sha256d", "--mode", "advise")
            asked = last(router)
            assert asked["state"] == "asked"
            assert routes(router) == before
            router.run("autopilot", "apply", asked["number"])
            assert routes(router)["targets"] == ["cheap=3000", "dear=7000"]
            assert routes(router)["fallbacks"] == ["cheap"], "what the owner set beside it stays"

            router.run("autopilot", "set", "sha256d", "--mode", "live", "--dwell", "3600")
            until(lambda: routes(router)["targets"] == ["cheap=6000", "dear=4000"], what="another step")
            rested = last(router)
            assert rested["state"] == "kept"
            assert "the last change stays" in rested["note"]
            turns = router.json("autopilot", "decisions")["decisions"]
            acted = next(it for it in turns if it["state"] == "applied" and it["mode"] == "live")

            router.run("autopilot", "pause")
            stopped = routes(router)
            number = last(router)["number"]
            assert last(router)["number"] == number, "a paused autopilot takes no turn"
            assert routes(router) == stopped

        assert_told_later(router, acted)

        # a decision is still there after a kill, and a paused autopilot stays paused
        router.kill()
        router.start()
        assert router.json("autopilot", "explain", str(acted["number"]))["is_repeated"] is True
        assert router.json("autopilot", "status")["autopilots"][0]["settings"]["is_paused"] is True
