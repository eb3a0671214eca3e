"""Payouts are proved against the books, and each way they can disagree is named."""

import pytest

from hashwright.store.payout_checks import payout_findings
from unit.runtime.paying import Scene


@pytest.fixture
def paid(engine, tmp_path):
    store = engine.open(tmp_path)
    scene = Scene(store.connect())
    scene.finish()
    yield scene.connection
    scene.connection.close()
    store.close()


def test_a_paid_payout_holds(paid):
    assert payout_findings(paid) == []


@pytest.mark.parametrize(
    ("trigger", "statement", "words"),
    [
        ("payout_part_is_kept", "DELETE FROM payout_part WHERE member = 'kai'", "parts sum to 50000000"),
        ("entry_is_kept", "DELETE FROM entry WHERE source LIKE '%settled'", "no entry payout:p-000001:settled"),
        ("payout_transaction_is_kept", "DELETE FROM payout_transaction", "no transaction is stored"),
        ("payout_ends", "UPDATE payout SET state = 'cancelled'", "no entry payout:p-000001:cancelled"),
        ("payout_ends", "UPDATE payout SET state = 'cancelled'", "No payout in that state explains"),
        ("member_address_is_kept", "DELETE FROM member_address WHERE member = 'lea'", "not an address of lea"),
        ("", "UPDATE member_address SET active_ms = active_ms + 1000000000", "not an address of kai"),
        ("", "INSERT INTO payout_transaction VALUES ('p-000001', 2, 'ff', x'00', 1, 0, 1)", "one intent has one"),
    ],
)
def test_what_does_not_hold_is_named(engine, paid, trigger, statement, words):
    if trigger:
        engine.drop_trigger(paid, trigger)
    paid.execute(engine.sql(statement))
    assert any(words in finding.message for finding in payout_findings(paid)), payout_findings(paid)
