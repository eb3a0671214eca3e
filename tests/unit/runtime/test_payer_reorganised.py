"""Reorganisations deeper than a settlement: nobody is paid twice, and nobody is forgotten."""

import pytest

from hashwright.adapters.wallets.base import Outpoint
from hashwright.ledger import accounts
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.store.payout_checks import payout_findings
from hashwright.testing.wallet import OWN, Transaction
from unit.runtime.paying import HOUR_MS, LTC, MEMBERS, Scene, script_of


@pytest.fixture
def scene(engine, tmp_path):
    store = engine.open(tmp_path)
    connection = store.connect()
    yield Scene(connection)
    connection.close()
    store.close()


def settled(scene):
    """Pay everybody and settle it; return the transaction."""
    for _ in range(3):
        scene.tick()
        scene.chain.mine(6)
    scene.tick()
    (payout,) = rows.last_payouts(scene.connection, "p", 1)
    assert payout.state == "settled"
    return rows.read_transaction(scene.connection, payout.id)


def paid_by_chain(scene):
    return {name: scene.chain.paid(script_of(f"addr-{name}")) for name in MEMBERS}


@pytest.mark.parametrize("drops", [False, True])
def test_a_settled_payout_that_a_deep_reorganisation_drops_is_sent_again(scene, drops):
    settled(scene)
    before = paid_by_chain(scene)
    scene.chain.reorganise(scene.chain.height - 1, drops=drops)
    scene.chain.mine(scene.chain.height + 40)
    if not drops:
        assert paid_by_chain(scene) == before
        assert scene.tick().stopped == ""
        return
    report = scene.tick()
    assert "was settled and is not in the chain now" in report.stopped
    scene.chain.mine(1)
    assert paid_by_chain(scene) == before
    assert scene.tick().stopped == ""
    assert rows.last_payouts(scene.connection, "p", 9)[0].id == "p-000001", "nobody was paid a second time"


def test_a_settled_payout_whose_coins_were_spent_elsewhere_is_given_back_and_paid_anew(scene):
    stored = settled(scene)
    scene.chain.reorganise(scene.chain.height - 1, drops=True)
    thief = Transaction("dd" * 32, tuple(Outpoint(*it) for it in stored.inputs), ((OWN, 101_000_000 - 700),))
    assert scene.chain.take(thief)[0] == "accepted"
    scene.chain.mine(60)
    assert "no payout explains" in scene.tick().stopped, "a person looks first"
    rows.explain(scene.connection, "hot", thief.txid, reason="seen", now=scene.now)
    for _ in range(2):
        scene.tick()
    balances = ledger.read_balances(scene.connection)
    assert rows.is_undone(scene.connection, "p-000001")
    assert {name: -balances.get((accounts.member("p", name), LTC), 0) for name in MEMBERS} == MEMBERS
    assert balances[accounts.wallet("hot"), LTC] == 101_000_000
    assert payout_findings(scene.connection) == []
    scene.now += HOUR_MS
    for _ in range(3):
        scene.tick()
        scene.chain.mine(6)
    scene.tick()
    paid = paid_by_chain(scene)
    assert all(0 < MEMBERS[name] - paid[name] < 10_000 for name in MEMBERS), "once, less the fee"
