"""What every feed must do, whichever file it is in: say what it knows and how it was seen, and fail clearly."""

import asyncio

import pytest

from hashwright import registry
from hashwright.adapters.feeds._fetch import fetch
from hashwright.chain.find import minable_coins
from hashwright.economics.coin_facts import MONIES
from hashwright.errors import HashwrightError
from unit.adapters.feed_service import service

NAMES = tuple(registry.names("feeds"))
NOW = 1_790_400_000_000


@pytest.fixture(params=NAMES)
def feed(request):
    return registry.load("feeds", request.param).FEED


def outcome(feed, answer):
    """Ask it, when its service answers so: observations, or the code of what went wrong."""
    with service({"/": answer}) as (url, asked):
        try:
            answers = asyncio.run(fetch(feed, feed.coins, url=url, timeout_s=5.0))
            return list(feed.read(answers, NOW)), asked
        except HashwrightError as problem:
            return problem.code, asked


def test_it_says_what_it_knows_and_what_stands_behind_it(feed):
    assert feed.seen in ("recorded", "documented", "live")
    assert feed.title
    assert feed.pause_s >= 10
    assert set(feed.coins) <= {coin.key for coin in minable_coins()} | set(MONIES)
    assert feed.is_node or feed.url.startswith("https://")


def test_it_asks_a_few_short_questions_and_the_same_each_time(feed):
    first, again = feed.ask(feed.coins), feed.ask(feed.coins)
    assert list(first) == list(again)
    assert 1 <= len(first) <= 4
    assert all(question.path.startswith("/") and len(question.path) < 500 for question in first)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((429, {"Retry-After": "60"}, b""), "HW-812"),
        ((500, {}, b"{}"), "HW-813"),
        ((401, {}, b""), "HW-813"),
        ((301, {"Location": "/elsewhere"}, b""), "HW-813"),
        ((200, {}, b"<html><h1>Checking your browser</h1></html>"), "HW-811"),
        ((200, {}, b"\xff\xfe\x00"), "HW-811"),
        ((200, {}, b'{"half": '), "HW-811"),
        ((200, {}, b'"text"'), "HW-811"),
    ],
)
def test_it_names_what_went_wrong(feed, answer, code):
    found, asked = outcome(feed, answer)
    assert found == code
    assert len(asked) <= len(feed.ask(feed.coins))


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"data": []}', b'{"coins": {}}', b'{"result": {"chain": "main"}}'])
def test_an_answer_without_numbers_gives_none(feed, answer):
    found, _ = outcome(feed, (200, {}, answer))
    assert found in ([], "HW-811")
