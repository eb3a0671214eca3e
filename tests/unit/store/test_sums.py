"""Sums that exceed 64 bits, added in Python and kept as text."""

from contextlib import closing

import pytest

from hashwright.errors import InvariantBroken
from hashwright.store.projections import WorkKey, WorkSum
from hashwright.store.sums import WORK, TableSums

BIG = 10**38


@pytest.fixture
def database(engine, tmp_path):
    store = engine.open(tmp_path)
    with closing(store.connect()) as connection:
        yield connection
    store.close()


def key(minute, worker="a.1"):
    return WorkKey(minute, "own", worker, b"\x00" * 31 + b"\x01", "accepted")


def table(connection):
    return {row[0]: (row[1], row[2]) for row in connection.execute("SELECT minute, shares, work FROM work")}


def test_numbers_beyond_64_bits_add_exactly(database):
    sums = TableSums(database, WORK)
    for part in (BIG + 1, BIG + 2, 3):
        sums.add(database, ((key(7), WorkSum(1, part)),))
        sums.commit()
    assert table(database) == {7: (3, f"{2 * BIG + 6:039d}")}


def test_what_another_run_wrote_is_read_from_the_table(database):
    first = TableSums(database, WORK)
    first.add(database, ((key(7), WorkSum(1, 5)),))
    second = TableSums(database, WORK)
    second.add(database, ((key(7), WorkSum(1, 6)), (key(8), WorkSum(1, 1))))
    assert table(database) == {7: (2, f"{11:039d}"), 8: (1, f"{1:039d}")}


def test_a_minute_that_left_the_cache_is_read_from_the_table(database):
    sums = TableSums(database, WORK)
    for minute in (7, 8, 9, 10, 7, 11, 7):
        sums.add(database, ((key(minute), WorkSum(1, 5)),))
        sums.commit()
    assert table(database)[7] == (3, f"{15:039d}")


def test_what_was_rolled_back_is_not_remembered(database):
    sums = TableSums(database, WORK)
    sums.add(database, ((key(7), WorkSum(1, 5)),))
    sums.commit()
    database.execute("BEGIN IMMEDIATE")
    sums.add(database, ((key(7), WorkSum(1, 100)),))
    sums.add(database, ((key(7), WorkSum(1, 100)),))
    database.execute("ROLLBACK")
    sums.rollback()
    sums.add(database, ((key(7), WorkSum(1, 1)),))
    assert table(database) == {7: (2, f"{6:039d}")}


def test_a_key_twice_in_one_transaction_is_summed(database):
    sums = TableSums(database, WORK)
    sums.add(database, ((key(7), WorkSum(1, 5)),))
    sums.add(database, ((key(7), WorkSum(2, 6)),))
    sums.commit()
    assert table(database) == {7: (3, f"{11:039d}")}


def test_a_sum_that_does_not_fit_is_refused(database):
    sums = TableSums(database, WORK)
    with pytest.raises(InvariantBroken) as caught:
        sums.add(database, ((key(7), WorkSum(1, 10**39)),))
    assert caught.value.code == "HW-609"
    assert table(database) == {}
