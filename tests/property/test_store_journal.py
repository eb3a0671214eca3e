"""Whatever shares come, the stored sums are the ones of the stored journal, and every entry comes back."""

import tempfile
import threading
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.pool import events
from hashwright.pool.effects import CreditWork
from hashwright.store.connection import connect_readonly
from hashwright.store.journal import Batch, count_entries, decode_entries, encode_entry
from hashwright.store.projections import Accumulator
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter
from unit.store.making import TARGET_BE, WORK, make_share, sums_of_journal, sums_of_table

INT64 = st.integers(-(2**63), 2**64 - 1)
TEXT = st.text(max_size=40)
REQUEST = st.none() | INT64 | TEXT
EVENTS = st.one_of(
    st.builds(events.SessionClosed, INT64, TEXT),
    st.builds(events.AuthorizeAsked, INT64, REQUEST, TEXT, TEXT),
    st.builds(events.ConfigureAsked, INT64, REQUEST, st.tuples(TEXT), st.none() | INT64, st.none() | st.floats(0, 1e9)),
    st.builds(
        events.ShareHashed, INT64, REQUEST, TEXT, TEXT, st.binary(max_size=8), INT64, INT64, st.none() | INT64,
        st.binary(max_size=32),
    ),
)  # fmt: skip
SHARE = st.tuples(
    st.integers(0, 300_000), st.sampled_from(["a.1", "a.2", "b.é"]), st.sampled_from(["accepted", "block", "stale"])
)


@given(st.lists(st.tuples(st.integers(0, 2**62), EVENTS, st.sampled_from(["", "accepted", "poisoned"])), max_size=20))
def test_entries_come_back_in_order(entries):
    blob = bytearray()
    for now, event, mark in entries:
        encode_entry(blob, now, event, mark)
    assert list(decode_entries(bytes(blob))) == entries
    assert count_entries(bytes(blob)) == len(entries)


def batch_of(first_seq, shares):
    accumulator, blob = Accumulator(), bytearray()
    for seq, (now, worker, outcome) in enumerate(shares, start=first_seq):
        encode_entry(blob, now, make_share(seq, worker), outcome)
        accumulator.add(now, CreditWork(worker, "own", TARGET_BE, outcome))
    return Batch(
        first_seq=first_seq,
        last_seq=first_seq + len(shares) - 1,
        at_ms=shares[-1][0],
        effects_crc=0,
        blob=bytes(blob),
        rows=accumulator.take(),
    )


def written(store, runs):
    """Write batches in several runs of a writer, the clock jumping as it likes; return how many shares."""
    seq = 1
    for run in runs:
        over = threading.Event()
        writer = GroupCommitWriter(store.connect, lambda _: None, lambda _, over=over: over.set())
        for shares in run:
            writer.submit(batch_of(seq, shares))
            seq += len(shares)
        assert writer.close(20)
        assert not over.is_set()
    return seq - 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.lists(SHARE, min_size=1, max_size=8), max_size=6), max_size=3))
def test_sums_are_those_of_the_journal(runs):
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore.open(Path(folder))
        count = written(store, runs)
        batches = list(store.read_batches(0))
        with closing(connect_readonly(store.path)) as connection:
            assert sums_of_table(connection) == sums_of_journal(batches)
        totals = store.work_totals(0)
        assert sum(total.shares for total in totals) == count
        assert all(total.work == total.shares * WORK * (total.outcome != "stale") for total in totals)
        assert store.check(deep=True) == []
        store.close()
