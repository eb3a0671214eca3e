"""The verbs of `hw route`: checked, made durable, then told; and nothing is told that was not kept."""

import asyncio

import pytest

from hashwright.errors import ConfigError, HashwrightError, LimitRefused, OperatorError, Unavailable
from hashwright.routing.events import PinSet, RouteSet, Target
from hashwright.runtime.route_commands import table, with_password
from hashwright.runtime.route_probe import ProbeOptions
from unit.runtime.route_app import make_app
from unit.runtime.route_pool import Pool


def ask(app, command, **arguments):
    return asyncio.run(table(app)[command](arguments))


def route(*targets, **more):
    return {"algorithm": "sha256d", "targets": list(targets), **more}


def test_a_route_is_kept_before_the_engine_hears_of_it():
    app = make_app()
    answer = ask(app, "route-set", route=route("far=70%", "home=30%", fallbacks=["home"], author="kai"))
    kept = {"algorithm": "sha256d", "targets": ["far=70%", "home=30%"], "fallbacks": ["home"], "author": "kai"}
    assert answer == {"route": kept, "before": None, "saved": True}
    assert app.store.kept["route"] == {"sha256d": kept}
    assert app.happened == [
        ("put", "route", "sha256d"),
        RouteSet("sha256d", (Target("far", "share", 70.0), Target("home", "share", 30.0)), ("home",), "", 0, "kai"),
    ]


def test_what_could_not_be_kept_is_not_told():
    app = make_app()
    app.writer.problem = OperatorError("full", code="HW-605")
    with pytest.raises(OperatorError):
        ask(app, "route-set", route=route("home=1"))
    with pytest.raises(OperatorError):
        ask(app, "route-move", worker="kai.*", destination="home")
    assert app.happened == []


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("route-set", {"route": route("home=1")}),
        ("route-remove", {"algorithm": "sha256d"}),
        ("route-move", {"worker": "kai.*", "destination": "home"}),
        ("route-move", {"worker": "kai.*", "destination": "auto"}),
    ],
)
def test_nothing_is_changed_while_the_journal_cannot_be_written(command, arguments):
    app = make_app()
    app.store.kept["route"]["sha256d"] = route("far=1")
    app.store.kept["pin"]["kai.*"] = {"pattern": "kai.*", "destination": "far"}
    app.write_state = "failed"
    with pytest.raises(Unavailable) as caught:
        ask(app, command, **arguments)
    assert caught.value.code == "HW-605"
    assert app.happened == []
    assert ask(app, "route-set", route=route("home=1"), dry_run=True)["saved"] is False


@pytest.mark.parametrize("raw", [route("nobody=1"), route("ltc=1"), route("home=1%"), {}, route("home=1", targets_=1)])
def test_a_route_that_does_not_hold_changes_nothing(raw):
    app = make_app()
    with pytest.raises(ConfigError):
        ask(app, "route-set", route=raw)
    assert app.happened == []
    assert app.store.kept["route"] == {}


def test_a_dry_run_says_what_would_be_and_changes_nothing():
    app = make_app()
    answer = ask(app, "route-set", route=route("home=1"), dry_run=True)
    assert answer == {"route": {"algorithm": "sha256d", "targets": ["home=1"]}, "before": None, "saved": False}
    assert app.happened == []
    with pytest.raises(ConfigError):
        ask(app, "route-set", route=route("nobody=1"), dry_run=True)


def test_what_a_person_does_not_name_can_stay_as_it_is():
    app = make_app()
    first = route("home=1", fallbacks=["home"], safe="home")
    ask(app, "route-set", route=first)
    answer = ask(app, "route-set", route=route("far=1"), keep=["fallbacks", "safe"])
    assert answer["before"] == first
    assert answer["route"] == first | {"targets": ["far=1"]}
    answer = ask(app, "route-set", route=route("far=1", fallbacks=["far"]), keep=["fallbacks"])
    assert answer["route"] == route("far=1", fallbacks=["far"])


def test_a_removed_route_leaves_no_targets():
    app = make_app()
    with pytest.raises(OperatorError) as caught:
        ask(app, "route-remove", algorithm="sha256d")
    assert (caught.value.code, caught.value.exit_code) == ("HW-708", 4)
    ask(app, "route-set", route=route("home=1"))
    assert ask(app, "route-remove", algorithm="sha256d") == {"removed": "sha256d"}
    assert app.store.kept["route"] == {}
    assert app.happened[-2:] == [("delete", "route", "sha256d"), RouteSet("sha256d", (), (), "", 0, "")]


def test_workers_are_pinned_and_given_back():
    app = make_app()
    answer = ask(app, "route-move", worker="kai.rack7-*", destination="home")
    assert answer["workers"] == ["kai.rack7-01", "kai.rack7-02"]  # the third is not logged in
    assert app.store.kept["pin"] == {"kai.rack7-*": {"pattern": "kai.rack7-*", "destination": "home"}}
    assert app.happened == [("put", "pin", "kai.rack7-*"), PinSet("kai.rack7-*", "home")]
    ask(app, "route-move", worker="kai.rack7-*", destination="auto")
    assert app.store.kept["pin"] == {}
    assert app.happened[2:] == [("delete", "pin", "kai.rack7-*"), PinSet("kai.rack7-*", "")]


def test_a_pin_may_wait_for_its_machine():
    assert ask(make_app(), "route-move", worker="kai.later", destination="far")["workers"] == []


@pytest.mark.parametrize(
    ("worker", "destination", "code", "exit_code"),
    [("kai.*", "nobody", "HW-701", 3), ("kai r1", "home", "HW-701", 3), ("kai r1", "auto", "HW-701", 3),
     ("kai.none", "auto", "HW-708", 4)],
)  # fmt: skip
def test_a_pin_that_does_not_hold_changes_nothing(worker, destination, code, exit_code):
    app = make_app()
    with pytest.raises(HashwrightError) as caught:
        ask(app, "route-move", worker=worker, destination=destination)
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)
    assert app.happened == []


def test_a_pool_is_looked_at_from_the_process(tmp_path, monkeypatch):
    monkeypatch.setenv("HW_TEST_POOL_PASSWORD", "word")
    pool = Pool()

    async def run():
        async with pool.listen():
            options = {"url": pool.url, "user": "kai", "password": "env:HW_TEST_POOL_PASSWORD"}
            return await table(make_app())["route-test"]({"options": options})

    answer = asyncio.run(run())
    assert answer["found"]["job"]["tag"] == "/toy pool/"
    assert answer["solo_problem"] == ""
    assert [request["params"] for request in pool.heard if request["method"] == "mining.authorize"] == [["kai", "word"]]


def test_for_others_no_secret_of_ours_is_read():
    with pytest.raises(LimitRefused) as caught:
        with_password(ProbeOptions(url="x:1", password="file:/etc/passwd", for_others=True))
    assert caught.value.exit_code == 6
    plain = ProbeOptions(url="x:1", password="x", for_others=True)
    assert with_password(plain) is plain
