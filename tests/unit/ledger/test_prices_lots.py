"""Measured prices, and lots: what goes out is covered by what came in, to the last minor unit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.errors import OperatorError
from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.ledger.lots import SALE, first_in_first_out
from hashwright.ledger.prices import MAX_AGE_MS, PriceSeen, Valuer, read_price_rows
from hashwright.money import Amount
from hashwright.store.prices import read_prices, write_prices
from hashwright.store.sqlite import SqliteStore
from unit.ledger.books import DAY, EUR, LTC, START, ltc


def price(value, at_ms, feed="f"):
    return PriceSeen(feed=feed, base="LTC", quote="EUR", at_ms=at_ms, value=Decimal(value))


def test_a_price_counts_from_its_moment_until_it_is_old():
    valuer = Valuer([price("80", START)], quote="EUR")
    assert valuer.price_at("LTC", START - 1) is None
    assert valuer.value(ltc(150_000_000), START).worth == Amount(12_000, EUR)
    assert valuer.price_at("LTC", START + MAX_AGE_MS) is not None
    assert valuer.price_at("LTC", START + MAX_AGE_MS + 1) is None
    assert valuer.price_at("XMR", START) is None


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a,b"], "the columns are"),
        (["date,base,quote,price", "2026-13-01,LTC,EUR,1"], "line 2"),
        (["date,base,quote,price", "2026-01-01,LTC,EUR,1", "2026-01-02,LTC,EUR,1e5"], "line 3"),
        (["date,base,quote,price", "2026-01-01,LTC,EUR,0"], "above zero"),
        (["date,base,quote,price", "2026-01-01,LTC,EUR,nan"], "plain decimal"),
        (["date,base,quote,price", "2026-01-01,LTC,LTC,1"], "no pair"),
        (["date,base,quote,price", "2026-01-01,LTC"], "no pair"),
        (["time_utc,base,quote,price", "1969-01-01T00:00:00Z,LTC,EUR,1"], "before 1970"),
        ([], "the columns are"),
    ],
)
def test_bad_prices_are_refused_with_their_line(lines, words):
    with pytest.raises(OperatorError, match=words):
        read_price_rows(lines, feed="f")
    with pytest.raises(OperatorError, match="feed"):
        read_price_rows(lines, feed="F ")


def test_a_close_is_known_at_the_end_of_its_day_only():
    (seen,) = read_price_rows(["date,base,quote,price", "2026-09-21,LTC,EUR,80.5"], feed="f")
    (other,) = read_price_rows(["time_utc,base,quote,price", "2026-09-22T01:59:59.999+02:00,LTC,EUR,80.50"], feed="f")
    assert seen.at_ms == other.at_ms


def test_a_price_never_changes(tmp_path):
    store = SqliteStore.open(tmp_path)
    told = [price("80.50", START), price("81", START + DAY)]
    assert store.change_books(lambda it: write_prices(it, told, now=START)) == 2
    again = [price("80.5", START), price("9", START + 5), price("82", START + DAY)]
    with pytest.raises(OperatorError, match="81 EUR a LTC"):
        store.change_books(lambda it: write_prices(it, again, now=START))
    assert store.read_books(read_prices) == told
    connection = store.connect()
    for statement in ("UPDATE price SET value = '1'", "DELETE FROM price"):
        with pytest.raises(Exception, match="price"):
            connection.execute(statement)
    connection.close()
    store.close()


incomes = st.lists(st.integers(1, 10**9), min_size=1, max_size=20)
sales = st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**7)), max_size=20)


@given(incomes, sales)
def test_lots_are_conserved_to_the_last_unit(earned, sold):
    entries = [
        entry_of(
            f"m:{at}", "block-matured", START + at, (accounts.wallet("w"), ltc(it)), (accounts.mined("p"), ltc(-it))
        )
        for at, it in enumerate(earned)
    ]
    for at, (minor, cents) in enumerate(sold):
        received = Amount(cents, EUR)
        moves = (accounts.CONVERSION, ltc(minor)), (accounts.wallet("w"), ltc(-minor))
        money = (accounts.cash("x"), received), (accounts.CONVERSION, -received)
        entries.append(entry_of(f"s:{at}", SALE, START + 1_000 + at, *moves, *money))
    lots = first_in_first_out(entries, Valuer([price("80", START)], quote="EUR"))
    gone = sum(it.amount.minor for it in lots.gone)
    left = sum(lot.left for lot in lots.open.get(LTC, ()))
    assert gone + left == sum(earned)
    assert gone + lots.uncovered.get(LTC, 0) == sum(minor for minor, _ in sold)
    for at, (_minor, cents) in enumerate(sold):
        parts = [it.proceeds.minor for it in lots.gone if it.source == f"s:{at}"]
        assert sum(parts) <= cents
        if not lots.uncovered:
            assert sum(parts) == cents
    for number in range(len(earned)):
        costs = [it.cost.minor for it in lots.gone if it.acquired_source == f"m:{number}"]
        worth = Valuer([price("80", START)], quote="EUR").value(ltc(earned[number]), START).worth.minor
        is_open = any(lot.source == f"m:{number}" for lot in lots.open.get(LTC, ()))
        assert sum(costs) <= worth
        assert is_open or sum(costs) == worth
    order = [it.acquired_ms for it in lots.gone]
    assert order == sorted(order), "first in, first out"
