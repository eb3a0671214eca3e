"""Whatever becomes of shares, the books of delivery add up: nothing that was sent is forgotten or counted twice."""

import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.chain.target import work_of_target
from hashwright.pool.effects import ReturnWork
from hashwright.routing.effects import AskWork
from hashwright.store.projections import MINUTE_MS, Accumulator
from hashwright.store.reasons import OTHER, REASONS_A_MINUTE, bounded_reason
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter
from unit.store.making import batch_with

ANSWERS = ("accepted", "rejected", "stale", "lost")
TARGETS = [(2**bits - 1).to_bytes(32, "big") for bits in (255, 224, 200, 140)]
REASONS = (
    st.sampled_from(["", "", "low difficulty", "stale", OTHER, "x" * 80, "a\nb"])
    | st.integers(0, 60).map("share {} is late".format)
    | st.text(max_size=70)
)
SENT = st.tuples(
    st.just("send"), st.sampled_from(["p1", "p2"]), st.sampled_from(["a.1", "b.é"]), st.sampled_from(TARGETS)
)
ANSWERED = st.tuples(st.just("answer"), st.integers(0, 1_000), st.sampled_from(ANSWERS), REASONS)
ASKED = st.tuples(st.just("ask"), st.sampled_from(["p1", "p2", "own"]), st.integers(0, 2**120))
STEPS = st.lists(st.tuples(st.integers(0, 200_000), st.one_of(SENT, SENT, ANSWERED, ASKED)), max_size=60)
CUTS = st.dictionaries(st.integers(0, 59), st.sampled_from(["batch", "batch", "restart"]), max_size=6)
"""After which effects a batch is closed, or the process starts anew."""


def effects_of(steps):
    """Turn steps into a well-formed sequence: only what was sent is answered, and once. Return what is open, too."""
    effects, still_open = [], []
    for now, (kind, *rest) in steps:
        if kind == "send":
            still_open.append(tuple(rest))
            effects.append((now, ReturnWork(*rest, "submitted", "")))
        elif kind == "ask":
            effects.append((now, AskWork(rest[0], rest[1].to_bytes(32, "big"))))
        elif still_open:
            destination, worker, target_be = still_open.pop(rest[0] % len(still_open))
            effects.append((now, ReturnWork(destination, worker, target_be, rest[1], rest[2], 5)))
    return effects, still_open


def write(store, effects, cuts):
    """Write effects in batches, over several runs of the writer."""
    writer, accumulator, seq = started(store), Accumulator(), 0
    for number, (now, effect) in enumerate(effects):
        accumulator.add(now, effect)
        if number in cuts:
            seq += 1
            writer.submit(batch_with(seq, now, accumulator.take()))
        if cuts.get(number) == "restart":
            assert writer.close(20)
            writer = started(store)
    writer.submit(batch_with(seq + 1, 0, accumulator.take()))
    assert writer.close(20)


def started(store):
    return GroupCommitWriter(store.connect, lambda _: None, print)


def recount(effects):
    """Count plainly: (minute, destination, worker, target, state) to shares, and asked work by minute."""
    shares, asked = Counter(), Counter()
    for now, effect in effects:
        if isinstance(effect, AskWork):
            asked[now // MINUTE_MS, effect.destination] += int.from_bytes(effect.work_be, "big")
        else:
            shares[now // MINUTE_MS, effect.destination, effect.worker, effect.target_be.hex(), effect.state] += 1
    return shares, asked


def work_of(target_hex):
    return work_of_target(int(target_hex, 16))


def check_tables(store, effects):
    shares, asked = recount(effects)
    with store._reading() as connection:
        rows = connection.execute("SELECT * FROM delivery").fetchall()
        asked_rows = {row[:2]: int(row[2]) for row in connection.execute("SELECT * FROM asked")}
    stored, names = Counter(), defaultdict(set)
    for minute, destination, worker, target, state, reason, count, work in rows:
        assert int(work) == count * work_of(target)
        assert len(reason) <= 64
        assert reason.isprintable()
        stored[minute, destination, worker, target, state] += count
        names[minute, destination].add(reason)
    assert stored == shares
    assert asked_rows == asked
    wanted = defaultdict(set)
    for now, effect in effects:
        if isinstance(effect, ReturnWork):
            wanted[now // MINUTE_MS, effect.destination].add(bounded_reason(effect.reason))
    for place, named in names.items():
        assert len(named - {"", OTHER}) <= REASONS_A_MINUTE
        if len(wanted[place] - {"", OTHER}) <= REASONS_A_MINUTE:
            assert named == wanted[place]


def check_totals(store, effects, still_open):
    """Hold the sentence of the contract: submitted = accepted + rejected + stale + lost + still open."""
    shares, work = Counter(), Counter()
    for total in store.delivery_totals(0):
        shares[total.destination, total.state == "submitted"] += total.shares
        work[total.destination, total.state == "submitted"] += total.work
    for destination, _, target_be in still_open:
        shares[destination, False] += 1
        work[destination, False] += work_of(target_be.hex())
    for destination in ("p1", "p2"):
        assert shares[destination, True] == shares[destination, False]
        assert work[destination, True] == work[destination, False]
    _, asked = recount(effects)
    sums = Counter()
    for (_, destination), amount in asked.items():
        sums[destination] += amount
    assert {total.destination: total.work for total in store.asked_totals(0)} == dict(sums)


@settings(max_examples=40, deadline=None)
@given(STEPS, CUTS)
def test_the_sums_of_delivery_hold(steps, cuts):
    effects, still_open = effects_of(steps)
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore.open(Path(folder))
        write(store, effects, cuts)
        check_tables(store, effects)
        check_totals(store, effects, still_open)
        assert store.check(deep=True) == []
        store.close()


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_one_batch_is_summed_as_a_plain_recount(steps):
    effects, _ = effects_of(steps)
    accumulator = Accumulator()
    for now, effect in effects:
        accumulator.add(now, effect)
    rows = accumulator.take()
    shares, asked = recount(effects)
    counted = Counter()
    for key, total in rows.delivery:
        counted[(*key[:3], key.target_be.hex(), key.state)] += total.shares
        assert total.work == total.shares * work_of(key.target_be.hex())
    assert counted == shares
    assert {key: total.work for key, total in rows.asked} == asked
