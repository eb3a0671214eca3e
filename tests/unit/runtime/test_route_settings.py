"""Routes and pins as text: what is read, what is refused, and what the engine is told."""

import msgspec
import pytest

from hashwright.errors import ConfigError
from hashwright.routing.events import PinSet, RouteSet, Target
from hashwright.runtime.route_settings import (
    PATTERN_MAX,
    TARGETS_MAX,
    RouteSettings,
    event_of_pin,
    event_of_route,
    parse_pin,
    parse_route,
    targets_of,
)

KNOWN = {"home": "sha256d", "braiins": "sha256d", "ltc": "scrypt"}


def route(*targets, **more):
    return {"algorithm": "sha256d", "targets": list(targets), **more}


def problems(raw, known=KNOWN):
    with pytest.raises(ConfigError) as caught:
        parse_route(raw, known=known)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith("The route was not changed. ")
    return [f"{finding.place}: {finding.message}" for finding in caught.value.findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("home=70", [("share", 70.0)]),
        ("home=70%", [("share", 70.0)]),
        (" home = 0.7 ", [("share", 0.7)]),
        ("home=0", [("share", 0.0)]),
        ("home=120TH/s", [("rate", 120e12)]),
        ("home=1.5 PH/s", [("rate", 1.5e15)]),
        ("home=900kH/s", [("rate", 9e5)]),
        ("home=5 MH/s", [("rate", 5e6)]),
        ("home=5H/s", [("rate", 5.0)]),
        ("home=2GH/s", [("rate", 2e9)]),
        ("home=1EH/s", [("rate", 1e18)]),
        ("home=30,min=10TH/s,max=2PH/s", [("share", 30.0), ("floor", 1e13), ("cap", 2e15)]),
        ("home=30% , max = 2 PH/s", [("share", 30.0), ("cap", 2e15)]),
        ("home=0,min=10TH/s", [("share", 0.0), ("floor", 1e13)]),
    ],
)
def test_a_piece_becomes_targets(text, expected):
    settings = RouteSettings(algorithm="sha256d", targets=(text,))
    assert targets_of(settings) == tuple(Target("home", kind, value) for kind, value in expected)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("home", "is not of the form DEST=SHARE"),
        ("=70", "is not of the form DEST=SHARE"),
        ("home=", "is not of the form DEST=SHARE"),
        ("home=7o", "'7o' is neither parts (70), nor a percentage (70%), nor a hash rate (120TH/s)"),
        ("home=-1", "'-1' is neither parts"),
        ("home=nan", "'nan' is neither parts"),
        ("home=1e9", "'1e9' is neither parts"),
        ("home=\u0667\u0660", "is neither parts"),
        ("home=" + "9" * 400, "is neither parts"),
        ("home=120th/s", "is neither parts"),
        ("home=120tH/s", "tH/s is no unit of hash rate: they are H/s, kH/s, MH/s, GH/s, TH/s, PH/s, EH/s; write TH/s"),
        ("home=120KH/s", "write kH/s"),
        ("home=120XH/s", "XH/s is no unit of hash rate"),
        ("home=0TH/s", "'0TH/s' is not above zero and at most 1000 EH/s"),
        ("home=999999EH/s", "is not above zero and at most 1000 EH/s"),
        ("home=70,7", "'7' is neither min=RATE nor max=RATE"),
        ("home=70,min=10", "'10' is no hash rate such as 120TH/s"),
        ("home=70,min=10%", "'10%' is no hash rate"),
        ("home=70,min=1TH/s,min=2TH/s", "names min twice"),
        ("home=70,min=3TH/s,max=2TH/s", "has a min above its max"),
        ("home=70TH/s,max=80TH/s", "has a hash rate and a bound"),
    ],
)
def test_a_bad_piece_is_named_with_its_problem(text, part):
    (problem,) = problems(route(text))
    assert problem.startswith(f"target {text!r}: ")
    assert part in problem


def test_percentages_make_100_to_the_last_digit():
    assert parse_route(route("home=33.3%", "braiins=66.7%"), known=KNOWN).targets == ("home=33.3%", "braiins=66.7%")
    assert problems(route("home=70%", "braiins=20%")) == ["targets: the percentages make 90%, not 100%"]
    assert problems(route("home=33.33%", "braiins=66.66%")) == ["targets: the percentages make 99.99%, not 100%"]
    assert problems(route("home=70%", "braiins=30")) == [
        "targets: percentages and plain parts do not mix: write % everywhere, or nowhere"
    ]
    assert problems(route("home=70%", "braiins=10TH/s")) == ["targets: the percentages make 70%, not 100%"]


@pytest.mark.parametrize(
    "targets", [("home=7", "braiins=3"), ("home=0.1",), ("home=0", "braiins=1"), ("home=5TH/s", "braiins=1"),
                ("home=100%", "braiins=5TH/s"), ("home=5TH/s",)],
)  # fmt: skip
def test_parts_make_any_sum_above_zero(targets):
    assert parse_route(route(*targets), known=KNOWN).targets == targets


def test_all_shares_of_zero_are_refused():
    assert problems(route("home=0", "braiins=0")) == ["targets: all shares are 0: nothing would be mined"]


def test_unknown_destinations_are_answered_with_the_known_ones():
    raw = route("hoem=70", "braiins=30", fallbacks=["nobody"], safe="ltc")
    assert problems(raw) == [
        "targets: there is no destination 'hoem'; there are: braiins, home",
        "fallbacks: there is no destination 'nobody'; there are: braiins, home",
        "safe: ltc is mined with scrypt, not with sha256d",
    ]
    assert problems(route("home=1"), known={}) == ["targets: there is no destination 'home'; there are: none"]
    assert parse_route(raw).safe == "ltc"  # at the start a route may name what is disabled: the engine falls back


def test_every_problem_of_a_route_is_named_at_once():
    raw = {"algorithm": "md5", "targets": ["a=1", "a=2", "b=x"], "fallbacks": ["c", "c"], "author": "\x1b[2J"}
    assert [problem.split(":")[0] for problem in problems(raw, known=None)] == [
        "target 'b=x'", "algorithm", "targets", "fallbacks", "author",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "raw", [{}, route(1), route("home=1", color="red"), {"algorithm": "sha256d", "targets": "home=1"},
            route(), route(*(f"d{n}=1" for n in range(TARGETS_MAX + 1)))],
)  # fmt: skip
def test_what_is_no_route_at_all_is_refused(raw):
    assert problems(raw, known=None)


def test_what_is_stored_reads_back_the_same():
    settings = parse_route(route("home=70%", "braiins=30%", fallbacks=["home"], safe="home", author="kai"), known=KNOWN)
    assert parse_route(msgspec.json.decode(msgspec.json.encode(settings)), known=KNOWN) == settings


def test_the_engine_is_told_of_a_route_without_an_end():
    settings = parse_route(route("home=70,max=2PH/s", "braiins=30", fallbacks=["home"], safe="braiins"))
    assert event_of_route(settings) == RouteSet(
        algorithm="sha256d",
        targets=(Target("home", "share", 70.0), Target("home", "cap", 2e15), Target("braiins", "share", 30.0)),
        fallbacks=("home",),
        safe="braiins",
        valid_until=0,
        author="",
    )


@pytest.mark.parametrize("pattern", ["kai.r01", "kai.rack7-*", "*", "a" * PATTERN_MAX])
def test_a_pin_names_workers_and_one_destination(pattern):
    settings = parse_pin({"pattern": pattern, "destination": "home"}, known=KNOWN)
    assert event_of_pin(settings) == PinSet(pattern, "home")


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ({"pattern": "", "destination": "home"}, "worker: '' is no worker's name"),
        ({"pattern": "kai r01", "destination": "home"}, "is no worker's name"),
        ({"pattern": "k\u00e4i", "destination": "home"}, "is no worker's name"),
        ({"pattern": "a" * (PATTERN_MAX + 1), "destination": "home"}, "is no worker's name"),
        ({"pattern": "kai.*", "destination": "hoem"}, "there is no destination 'hoem'; there are: braiins, home, ltc"),
        ({"pattern": "kai.*", "destination": ""}, "destination: is missing"),
        ({"pattern": "kai.*", "destination": "auto"}, "destination: is missing"),
        ({"pattern": "kai.*"}, "pin: Object missing required field `destination`"),
        ({"pattern": "kai.*", "destination": "home", "until": 3}, "unknown field `until`"),
    ],
)
def test_a_bad_pin_is_refused(raw, part):
    with pytest.raises(ConfigError, match="The pin was not changed") as caught:
        parse_pin(raw, known=KNOWN)
    assert part in str(caught.value)
