"""What a batch of effects changes in the readable tables."""

from hashwright.pool.effects import Alert, AnswerShare, BlockChanged, CreditWork, SubmitBlock, WakeAt
from hashwright.store.projections import Accumulator, Rows
from unit.store.making import TARGET_BE, WORK

MINUTE = 28_333_333
NOW = MINUTE * 60_000


def test_shares_are_summed_by_minute_destination_worker_target_and_outcome():
    accumulator = Accumulator()
    for now, worker, outcome in [
        (NOW, "a.1", "accepted"),
        (NOW + 59_999, "a.1", "accepted"),
        (NOW + 60_000, "a.1", "accepted"),
        (NOW, "a.2", "block"),
        (NOW, "a.1", "stale"),
    ]:
        accumulator.add(now, CreditWork(worker, "own", TARGET_BE, outcome))
    assert dict(accumulator.take().work) == {
        (MINUTE, "own", "a.1", TARGET_BE, "accepted"): (2, 2 * WORK),
        (MINUTE + 1, "own", "a.1", TARGET_BE, "accepted"): (1, WORK),
        (MINUTE, "own", "a.2", TARGET_BE, "block"): (1, WORK),
        (MINUTE, "own", "a.1", TARGET_BE, "stale"): (1, 0),
    }


def test_a_rejection_without_a_job_has_no_work():
    accumulator = Accumulator()
    accumulator.add(NOW, CreditWork("a.1", "own", bytes(32), "unknown-job"))
    assert accumulator.take().work == (((MINUTE, "own", "a.1", bytes(32), "unknown-job"), (1, 0)),)


def test_blocks_and_alerts_keep_their_order_and_time():
    accumulator = Accumulator()
    found = SubmitBlock("own", 1, 101, "00aa", b"h", b"c", "a.1", 5_000_000_000)
    changed = BlockChanged("own", "00aa", "submitted", "", 0)
    alert = Alert("info", "HW-304", "A block was found.")
    for now, effect in enumerate((found, changed, alert)):
        accumulator.add(now, effect)
    rows = accumulator.take()
    assert rows.blocks == ((0, found), (1, changed))
    assert rows.alerts == ((2, alert),)


def test_effects_without_a_table_are_ignored_and_taking_begins_anew():
    accumulator = Accumulator()
    accumulator.add(NOW, AnswerShare(1, 1, "accepted"))
    accumulator.add(NOW, WakeAt(NOW, "key"))
    assert accumulator.take() == Rows()
    accumulator.add(NOW, Alert("info", "HW-304", "x"))
    assert accumulator.take() != Rows()
    assert accumulator.take() == Rows()
