"""Pages of the share log, on either database: the same rows in the same order, however long a page is."""

from contextlib import closing

import pytest

from hashwright.store.share_log import Place, Wish, read_page, read_worker

TARGET = "00000000ffff" + "0" * 52
ZERO = "0" * 39


@pytest.fixture
def store(engine, tmp_path):
    found = engine.open(tmp_path)
    with closing(found.connect()) as connection:
        for minute in (100, 101, 110):
            for worker in ("a", "b.1", "b"):
                for outcome in ("accepted", "stale") if worker == "a" else ("accepted",):
                    connection.execute(
                        "INSERT INTO work VALUES (?, 'home', ?, ?, ?, 1, ?)", (minute, worker, TARGET, outcome, ZERO)
                    )
        for reason in ("low diff", "old job"):
            connection.execute(
                "INSERT INTO delivery VALUES (101, 'theirs', 'b', ?, 'rejected', ?, 2, ?)", (TARGET, reason, ZERO)
            )
    yield found
    found.close()


def pages(store, read, limit, *, refused_only=False, **words):
    found, place = [], Place(minute=120)
    wish = Wish(oldest=90, limit=limit, refused_only=refused_only)
    while place is not None:
        rows, place = store.read_tables(lambda it, at=place: read(it, at, wish, **words))
        found += [(it.minute, it.destination, it.worker, it.outcome, it.reason) for it in rows]
    return found


def test_pages_of_any_length_hold_the_same_rows(store):
    whole = pages(store, read_page, 100)
    assert len(whole) == 3 * 4 + 2
    assert [row[0] for row in whole] == sorted((row[0] for row in whole), reverse=True)
    for limit in (1, 2, 5):
        assert pages(store, read_page, limit) == whole
    refused = pages(store, read_page, 2, refused_only=True)
    assert refused == [row for row in whole if row[3] != "accepted"]
    words = {"worker": "b", "destinations": ["home", "theirs"]}
    assert pages(store, read_worker, 2, **words) == [row for row in whole if row[2] == "b"]
    assert pages(store, read_worker, 1, refused_only=True, **words) == [
        (101, "theirs", "b", "rejected", "low diff"), (101, "theirs", "b", "rejected", "old job"),
    ]  # fmt: skip
