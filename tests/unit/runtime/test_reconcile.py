"""What left the wallet without a payout: a thief, the owner, a sale, or a payout that a restored database forgot."""

import asyncio
import shutil

import pytest

from hashwright.errors import OperatorError
from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.money import Amount, Currency
from hashwright.runtime.reconcile import Reconciler, received_of
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.store.sqlite import SqliteStore
from hashwright.testing.wallet import OWN, Transaction
from unit.runtime.paying import LTC, PlainBooks, Scene, script_of

EUR = Currency("EUR", 2)


@pytest.fixture
def scene(tmp_path):
    store = SqliteStore.open(tmp_path / "data")
    connection = store.connect()
    yield Scene(connection)
    connection.close()
    store.close()


def reconciler(scene):
    return Reconciler(scene.policy, scene.wallet, PlainBooks(scene.connection), script_of=script_of)


def explain(scene, txid, meaning, received=None):
    return asyncio.run(reconciler(scene).explain(txid, meaning, received, now=scene.now))


def differences(scene):
    return asyncio.run(reconciler(scene).differences())


def take_out(scene, *outputs, back=0, blocks=6):
    """Somebody spends the wallet's only coin by hand."""
    (coin,) = scene.chain.coins(OWN)
    transaction = Transaction("ee" * 32, (coin,), (*outputs, *(((OWN, back),) if back else ())))
    assert scene.chain.take(transaction)[0] == "accepted"
    scene.chain.mine(blocks)
    return transaction.txid


def balance(scene, account, code=LTC.code):
    return ledger.read_balance(scene.connection, account, code)


def test_a_quiet_pool_has_no_differences(scene):
    found = differences(scene)
    assert (found.held, found.in_books, found.on_the_way, found.left) == (101_000_000, 101_000_000, 0, 0)
    scene.tick()
    found = differences(scene)
    assert found.on_the_way == found.in_books - found.held == 100_000_000
    assert (found.left, found.unexplained) == (0, ())


def test_the_owner_took_coins_and_says_so(scene):
    txid = take_out(scene, (b"owner", 900_000), back=100_099_000)
    assert "no payout explains" in scene.tick().stopped
    ((spent, members),) = differences(scene).unexplained
    assert (spent.txid_display, spent.net, spent.fee, members) == (txid, 901_000, 1_000, ())
    assert explain(scene, txid, "owner") == f"spent:{txid}"
    assert balance(scene, accounts.OWNER) == 901_000
    assert scene.tick().stopped == ""
    found = differences(scene)
    assert (found.left, found.unexplained) == (0, ())
    with pytest.raises(OperatorError, match="explained already"):
        explain(scene, txid, "owner")


def test_a_sale_brings_money_and_leaves_coins(scene):
    txid = take_out(scene, (b"exchange", 900_000), back=100_099_000)
    with pytest.raises(OperatorError, match="brought something"):
        explain(scene, txid, "sale")
    explain(scene, txid, "sale", received_of("72.50 EUR", "kraken"))
    assert balance(scene, accounts.cash("kraken"), "EUR") == 7_250
    assert balance(scene, accounts.CONVERSION) == 900_000
    assert balance(scene, accounts.network_fee("hot")) == 1_000
    assert ledger.ledger_findings(scene.connection) == []


@pytest.mark.parametrize("text", ["500", "EUR 500", "5e2 EUR", "500 EUR now", "1.001 EUR"])
def test_what_a_sale_brought_is_read_strictly(text):
    with pytest.raises(OperatorError, match="no amount"):
        received_of(text, "")


def test_what_is_not_deep_enough_waits(scene):
    txid = take_out(scene, (b"owner", 900_000), back=100_099_000, blocks=5)
    with pytest.raises(OperatorError, match="5 blocks deep"):
        explain(scene, txid, "owner")
    with pytest.raises(OperatorError, match="no transaction that spent"):
        explain(scene, "ff" * 32, "owner")
    scene.chain.mine(1)
    with pytest.raises(OperatorError, match="no address that a member"):
        explain(scene, txid, "members")
    assert balance(scene, accounts.OWNER) == 0


def restore(scene, tmp_path, act):
    """Copy the database, do something, and come back to the copy."""
    copy = tmp_path / "copy.db"
    scene.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    shutil.copy(tmp_path / "data" / "hashwright.db", copy)
    act()
    store = SqliteStore.open(tmp_path / "data2")
    store.close()
    shutil.copy(copy, tmp_path / "data2" / "hashwright.db")
    store = SqliteStore.open(tmp_path / "data2")
    scene.connection = store.connect()
    return store


def test_yesterdays_database_takes_the_forgotten_payout_from_the_chain(scene, tmp_path):
    store = restore(scene, tmp_path, lambda: (scene.finish(), None))
    assert scene.owed() == {"kai": 50_000_000, "lea": 30_000_000, "mia": 20_000_000}
    assert "no payout explains" in scene.tick().stopped
    ((spent, members),) = differences(scene).unexplained
    assert members == ("kai", "lea", "mia")
    explain(scene, spent.txid_display, "members")
    left = scene.owed()
    paid = scene.paid()
    # Members bore the fee; what they bore is not taken from them a second time, nor forgotten.
    assert {name: left[name] + paid[name] for name in left} == {"kai": 50_000_000, "lea": 30_000_000, "mia": 20_000_000}
    assert sum(left.values()) == spent.fee
    assert scene.tick().stopped == ""
    assert ledger.ledger_findings(scene.connection) == []
    assert balance(scene, accounts.wallet("hot")) == asyncio.run(scene.wallet.balance())
    store.close()


def test_what_was_paid_beyond_the_books_is_the_owners(scene):
    txid = take_out(scene, (script_of("addr-kai"), 60_000_000), (b"else", 500), back=40_000_000)
    explain(scene, txid, "members")
    assert scene.owed()["kai"] == 0
    assert balance(scene, accounts.OWNER) == 10_000_500
    assert balance(scene, accounts.wallet("hot")) == 40_000_000
    assert rows.known_txids(scene.connection, "hot") == {txid}


# ---------------------------------------------------------------- what came in


def bring_in(scene, minor, *, blocks=6):
    """Somebody pays the wallet."""
    coin = scene.chain.fund(b"elsewhere", minor + 500)
    transaction = Transaction("cc" * 32, (coin,), ((OWN, minor),))
    assert scene.chain.take(transaction)[0] == "accepted"
    scene.chain.mine(blocks)
    return transaction.txid


def receive(scene, txid, origin, upstream=""):
    return asyncio.run(reconciler(scene).receive(txid, origin, upstream, now=scene.now))


def test_a_deposit_is_taken_in_once_and_stops_nothing(scene):
    txid = bring_in(scene, 5_000_000)
    found = differences(scene)
    assert ([it.txid_display for it in found.arrived], found.left) == ([txid], 0)
    assert scene.tick().stopped == ""
    assert receive(scene, txid, "deposit") == f"arrived:{txid}:hot"
    assert balance(scene, accounts.OWNER) == -5_000_000
    found = differences(scene)
    assert (found.arrived, found.left) == ((), 0)
    for word in ("deposit", "upstream"):
        with pytest.raises(OperatorError, match="explained already"):
            receive(scene, txid, word, "far")


def test_a_deposit_that_could_still_go_away_is_not_taken_in(scene):
    txid = bring_in(scene, 5_000_000, blocks=5)
    with pytest.raises(OperatorError, match="5 blocks deep and has to be 6"):
        receive(scene, txid, "deposit")
    with pytest.raises(OperatorError, match="brought this wallet coins"):
        receive(scene, "ab" * 32, "deposit")
    assert balance(scene, accounts.OWNER) == 0


def test_change_of_the_wallet_is_no_deposit(scene):
    txid = take_out(scene, (b"owner", 900_000), back=100_099_000)
    assert differences(scene).arrived == ()
    with pytest.raises(OperatorError, match="brought this wallet coins"):
        receive(scene, txid, "deposit")


def test_what_an_upstream_says_to_have_sent_arrives_and_no_more(scene):
    txid = bring_in(scene, 5_000_000)
    with pytest.raises(OperatorError, match=r"far says that it sent 0\.00000000 LTCREGTEST more than arrived"):
        receive(scene, txid, "upstream", "far")
    told = entry_of(
        "reading:far:1", "reading", 1,
        (accounts.receivable("far", "paid"), Amount(7_000_000, LTC)), (accounts.mined("far"), Amount(-7_000_000, LTC)),
    )  # fmt: skip
    asyncio.run(PlainBooks(scene.connection).write(lambda connection: ledger.post(connection, told)))
    receive(scene, txid, "upstream", "far")
    assert balance(scene, accounts.receivable("far", "paid")) == 2_000_000
    assert differences(scene).left == 0
