"""What was asked against what was delivered, from sums that are set by hand."""

import asyncio

import pytest

from hashwright.routing.events import PlanFailed, RouteSet, Target
from hashwright.routing.step import step as routing_step
from hashwright.runtime.route_status import coinbase_document, read_status
from hashwright.signals import DestinationChanged
from unit.runtime.route_app import NOW, OTHER_SCRIPT, UNIT, coinbase, make_app, own, upstream
from unit.runtime.route_pool import OUR_ADDRESS


def read(app):
    return asyncio.run(read_status(app))


def destination(document, name):
    items = [item for algorithm in document["algorithms"] for item in algorithm["destinations"]]
    return next(item for item in items if item["destination"] == name)


def window(app, name="far", key="10m"):
    return destination(read(app), name)["windows"][key]


@pytest.fixture
def app():
    """70 % asked for `far`, 690 of 1000 units delivered there."""
    app = make_app()
    app.store.asked = [("far", 700), ("home", 300)]
    app.store.work = [("far", "accepted", 710), ("far", "stale", 4), ("home", "accepted", 309), ("home", "block", 1)]
    app.store.delivery = [
        ("far", "submitted", "", 710), ("far", "accepted", "", 685), ("far", "rejected", "low difficulty", 9),
        ("far", "stale", "job not found", 8), ("far", "lost", "", 3),
        ("far", "late", "switched", 2),
    ]  # fmt: skip
    return app


def test_delivered_is_what_we_judged_good_less_what_came_back(app):
    far = window(app)
    assert (far["asked_work"], far["delivered_work"]) == (str(700 * UNIT), str(690 * UNIT))
    assert (far["asked_percent"], far["delivered_percent"]) == (70.0, 69.0)
    assert far["error_percent"] == pytest.approx(-1.0)
    home = window(app, "home")
    assert (home["delivered_percent"], home["error_percent"]) == (31.0, pytest.approx(1.0))
    assert home["judged"] == {"good": 310, "refused": 0}


def test_the_upstreams_own_answers_stand_beside(app):
    far = window(app)
    assert {state: answer["shares"] for state, answer in far["answers"].items()} == {
        "submitted": 710, "accepted": 685, "rejected": 9, "stale": 8, "lost": 3, "late": 2,
    }  # fmt: skip
    assert far["answers"]["accepted"]["work"] == str(685 * UNIT)
    assert far["reasons"] == {"late: switched": 2, "lost": 3, "rejected: low difficulty": 9, "stale: job not found": 8}
    assert far["judged"] == {"good": 710, "refused": 4}


def test_unknown_is_not_zero():
    empty = window(make_app())
    assert (empty["asked_percent"], empty["delivered_percent"], empty["error_percent"]) == (None, None, None)
    assert empty["hashrate_hs"] == 0.0


def test_more_returned_than_credited_is_no_negative_work():
    app = make_app()
    app.store.delivery = [("far", "lost", "", 5)]
    assert window(app)["delivered_work"] == "0"


def test_windows_begin_with_a_whole_minute_or_with_the_first_process(app):
    document = read(app)
    minute = NOW // 60_000 * 60_000
    assert app.store.since == [minute - 600_000, minute - 3_600_000, minute - 86_400_000]
    measured = {key: item["measured_s"] for key, item in document["windows"].items()}
    assert all(0 <= measured[key] - item["asked_s"] < 60 for key, item in document["windows"].items())
    first = make_app(boot=1)
    first.store.work = [("home", "accepted", 12)]
    document = read(first)
    assert {item["measured_s"] for item in document["windows"].values()} == {120.0}
    assert destination(document, "home")["windows"]["24h"]["hashrate_hs"] == 12 * UNIT / 120


def test_shares_are_of_one_algorithm(app):
    app.store.asked.append(("ltc", 5000))
    app.store.work.append(("ltc", "accepted", 5000))
    document = read(app)
    assert [item["algorithm"] for item in document["algorithms"]] == ["scrypt", "sha256d"]
    assert destination(document, "ltc")["windows"]["1h"]["asked_percent"] == 100.0
    assert destination(document, "far")["windows"]["1h"]["asked_percent"] == 70.0


def test_what_was_removed_is_still_told(app):
    app.store.work.append(("old", "accepted", 5))
    (removed,) = read(app)["removed"]
    assert removed["destination"] == "old"
    assert removed["windows"]["10m"]["delivered_work"] == str(5 * UNIT)


def test_machines_states_and_latencies(app):
    app.kernel.pool.destinations["far"].waiting[4] = None
    document = read(app)
    far, home = destination(document, "far"), destination(document, "home")
    assert (far["kind"], far["state"], far["machines"], far["machines_sliced"]) == ("upstream", "ready", 2, 1)
    assert (home["kind"], home["machines"], home["machines_sliced"]) == ("own", 1, 0)
    assert far["machines_waiting"] == 1
    assert far["latency_ms"] == {"p50": 12, "p99": 90}
    assert home["latency_ms"] == {"p50": None, "p99": None}


def test_route_and_pins_stand_as_they_were_set(app):
    route = {"algorithm": "sha256d", "targets": ["far=70%", "home=30%"]}
    app.store.kept["route"]["sha256d"] = route
    app.store.kept["pin"]["kai.rack7-*"] = {"pattern": "kai.rack7-*", "destination": "home"}
    document = read(app)
    assert {item["algorithm"]: item["route"] for item in document["algorithms"]} == {"sha256d": route, "scrypt": None}
    workers = ["kai.rack7-01", "kai.rack7-02"]
    assert document["pins"] == [{"pattern": "kai.rack7-*", "destination": "home", "workers": workers}]


def test_a_pattern_with_many_stars_ends(app):
    app.kernel.pool.sessions[1].worker = "a" * 128
    app.store.kept["pin"]["x"] = {"pattern": "*a" * 60 + "*b", "destination": "home"}
    assert read(app)["pins"][0]["workers"] == []


def test_an_upstream_says_whom_its_newest_job_pays(app):
    (far,) = read(app)["upstreams"]
    assert (far["destination"], far["state"], far["mining"], far["is_primary"]) == ("far", "connected", "ready", False)
    (channel,) = far["channels"]
    assert (channel["channel"], channel["machines"], channel["mask"]) == (7, 2, "1fffe000")
    assert (channel["job"], channel["difficulty"]) == ("theirs", 1024.0)
    paid = channel["coinbase"]
    assert (paid["height"], paid["tag"], paid["paid"], paid["pays_us"]) == (850_001, "/toy/", "312500000", True)
    assert [output["address"] for output in paid["outputs"]] == [OUR_ADDRESS, ""]


def test_a_stranger_in_the_coinbase_is_no_us():
    paid = read(make_app(script=OTHER_SCRIPT))["upstreams"][0]["channels"][0]["coinbase"]
    assert (paid["paid"], paid["pays_us"]) == ("0", False)
    assert paid["outputs"][0]["address"].startswith("2")


def test_where_nobody_must_pay_us_nothing_is_said_about_us():
    paid = coinbase_document(upstream(script=b"", coin=""), coinbase())
    assert (paid["paid"], paid["pays_us"]) == (None, None)
    assert paid["outputs"][0]["address"] == ""
    assert coinbase_document(own(), coinbase(problem="too short"))["problem"] == "too short"


def test_an_upstream_that_does_not_run_is_down(app):
    app.upstreams.clear()
    app.kernel.pool.destinations["far"].channels.clear()
    (far,) = read(app)["upstreams"]
    assert (far["state"], far["links"], far["channels"]) == ("down", [], [])


def test_the_plan_says_who_gets_how_much_now_and_who_is_left_out(app):
    (_, sha256d) = read(app)["algorithms"]
    assert sha256d["plan"] == {"problem": "", "fault": "", "degraded": {}, "wanted_percent": {}}
    routing = app.kernel.engines.routing
    for name in ("far", "home"):
        routing_step(routing, DestinationChanged(name, "sha256d", "ready", ""), now=NOW)
    targets = (Target("far", "share", 70.0), Target("home", "share", 30.0))
    routing_step(routing, RouteSet("sha256d", targets, (), "home", 0, ""), now=NOW)
    (_, sha256d) = read(app)["algorithms"]
    assert sha256d["plan"]["wanted_percent"] == {"far": pytest.approx(70.0), "home": pytest.approx(30.0)}
    routing.groups["sha256d"].accounts["far"].health.is_degraded = True
    routing.groups["sha256d"].accounts["far"].health.why = "it refused 9 of the last 50 shares"
    routing_step(routing, PlanFailed("sha256d", "reload: broken"), now=NOW)
    app.kernel.engines.routing_fault = "ClockTicked: KeyError"
    (_, sha256d) = read(app)["algorithms"]
    assert sha256d["plan"] == {
        "problem": "reload: broken",
        "fault": "ClockTicked: KeyError",
        "degraded": {"far": "it refused 9 of the last 50 shares"},
        "wanted_percent": {"home": 100.0},
    }
