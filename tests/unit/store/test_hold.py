"""Hold rules and sales in both databases."""

import pytest

from hashwright.errors import OperatorError
from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.ledger.hold import HoldRule
from hashwright.money import Amount, Currency
from hashwright.store.hold import book_sale, read_rules, set_rule
from hashwright.store.ledger import ledger_findings, post, read_balance

BTC = Currency("BTC", 8)
SALE = {
    "upstream": "ocean",
    "coins": "0.01 BTC",
    "money": "900.00 EUR",
    "place": "x",
    "reference": "order 77",
    "at_ms": 5_000,
}


def test_rules_are_kept_with_their_history_and_never_change(engine, tmp_path):
    store = engine.open(tmp_path)

    def say(kind, part, now_ms):
        said = {"coin": "LTC", "kind": kind, "part": part}
        return store.change_books(lambda it: set_rule(it, said, now_ms=now_ms))

    assert say("cover", "", 1_000) == {"coin": "LTC", "rule": "cover the power bill", "is_new": True}
    assert not say("cover", "", 1_500)["is_new"]
    assert say("share", "12.5%", 2_000)["rule"] == "sell 12.5%"
    with pytest.raises(OperatorError, match="clock"):
        say("keep", "", 2_000)
    with pytest.raises(OperatorError, match="above 0%"):
        say("share", "0%", 3_000)
    assert store.read_books(read_rules) == [
        HoldRule(coin="LTC", kind="cover", since_ms=1_000),
        HoldRule(coin="LTC", kind="share", part_bp=1_250, since_ms=2_000),
    ]
    connection = store.connect()
    for statement in ("UPDATE hold_rule SET part_bp = 1", "DELETE FROM hold_rule"):
        with pytest.raises(engine.integrity_error, match="hold_rule"):
            connection.execute(statement)
    for row in ("'LTC', 9, 'sell', 0", "'LTC', 9, 'keep', 5", "'LTC', 9, 'share', 10001"):
        with pytest.raises(engine.integrity_error):
            connection.execute(f"INSERT INTO hold_rule (coin, since_ms, kind, part_bp) VALUES ({row})")
    connection.close()
    store.close()


def test_a_sale_takes_no_more_than_the_upstream_sent_and_is_booked_once(engine, tmp_path):
    store = engine.open(tmp_path)
    sent = Amount(1_500_000, BTC)
    paid = entry_of("paid", "upstream", 1_000, (accounts.receivable("ocean", "paid"), sent), (accounts.OWNER, -sent))
    store.change_books(lambda it: post(it, paid))

    def sell(**other):
        return store.change_books(lambda it: book_sale(it, {**SALE, **other}, now_ms=10_000))

    assert sell() == {"source": "sale:ocean:order%2077", "is_new": True}
    assert not sell()["is_new"], "the same again, though less is there by now"
    for other, words in (
        ({"money": "901.00 EUR"}, "booked already"),
        ({"reference": "b"}, "sent 0.00500000 BTC"),
        ({"reference": "b", "coins": "0.01 LTC"}, "not coins of these books"),
        ({"reference": "b", "coins": "5 EUR"}, "is no coin"),
        ({"reference": "b", "coins": "-0.001 BTC"}, "above zero"),
        ({"reference": "b", "coins": "0.001 BTC", "money": "1 DOGE"}, "money of a state"),
        ({"reference": "b", "coins": "0.001 BTC", "at_ms": 10_001}, "future"),
        ({"reference": ""}, "reference"),
    ):
        with pytest.raises(OperatorError, match=words) as caught:
            sell(**other)
        assert caught.value.code == "HW-653"
    connection = store.connect()
    assert read_balance(connection, accounts.receivable("ocean", "paid"), "BTC") == 500_000
    assert read_balance(connection, accounts.cash("x"), "EUR") == 90_000
    assert ledger_findings(connection) == []
    connection.close()
    store.close()
