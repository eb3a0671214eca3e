"""What is left, by hand: gross less members, fees and power; worth by each day's measured price, or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.ledger.prices import PriceSeen
from hashwright.ledger.statements import by_day
from hashwright.money import Amount, Currency
from hashwright.store import ledger
from hashwright.store.prices import write_prices
from hashwright.store.sqlite import SqliteStore
from hashwright.web.books import DayBook
from hashwright.web.flows import add_flows, total_of
from hashwright.web.net import priced_in, spans_of, today_of

DAY = 86_400_000
NOW = 20_000 * DAY + DAY // 2
LTC, EUR = Currency("LTC", 8), Currency("EUR", 2)


def block(number, at, minor, members=0):
    parts = [(accounts.wallet("home"), Amount(minor, LTC)), (accounts.mined("home"), Amount(members - minor, LTC))]
    if members:
        parts.append((accounts.member("home", "mia"), Amount(-members, LTC)))
    return entry_of(f"b:{number}", "block-confirmed", at, *parts)


def energy(number, at, minor):
    return entry_of(
        f"e:{number}", "cost-energy", at, (accounts.energy("barn"), Amount(minor, EUR)),
        (accounts.cash("bank"), Amount(-minor, EUR)),
    )  # fmt: skip


def price(at, value):
    return PriceSeen(feed="f", base="LTC", quote="EUR", at_ms=at, value=Decimal(value))


@pytest.fixture
def store(tmp_path):
    found = SqliteStore.open(tmp_path)
    yield found
    found.close()


def spans(store, entries, prices=(), quote=""):
    def write(connection):
        for entry in entries:
            ledger.post(connection, entry)
        write_prices(connection, prices, now=NOW)

    store.change_books(write)
    return store.read_books(lambda connection: spans_of(connection, DayBook(), now=NOW, quote=quote))


def test_a_week_at_a_loss_is_told_with_what_buying_would_have_done(store):
    quote, found = spans(
        store,
        [block(1, NOW - 2 * DAY, 10_000_000, members=2_000_000), energy(1, NOW - 2 * DAY, 1_200)],
        [price(NOW - 2 * DAY - 1, "80")],
    )
    today, week, month = found
    assert (quote, today.flows, today.worth) == ("EUR", (), None)
    coin = next(flow for flow in week.flows if flow.currency == "LTC")
    assert (coin.gross, coin.members, coin.net) == ("0.10000000", "0.02000000", "0.08000000")
    assert (week.worth.gross, week.worth.power, week.worth.net, week.worth.is_loss) == ("8.00", "12.00", "-5.60", True)
    assert (week.instead.bought, week.instead.mined) == ("0.15000000", "0.08000000")
    assert month.worth == week.worth
    assert week.has_power


def test_a_missing_price_makes_the_worth_unknown_and_not_smaller(store):
    entries = [block(1, NOW - 5 * DAY, 10_000_000), block(2, NOW - DAY, 10_000_000)]
    _, found = spans(store, entries, [price(NOW - DAY - 1, "80")])
    assert found[1].worth is None
    assert found[1].flows[0].net == "0.20000000"


def test_without_a_booked_cost_it_says_so(store):
    _, found = spans(store, [block(1, NOW, 10_000_000)], [price(NOW - 1, "80")])
    assert not found[0].has_power
    assert (found[0].worth.net, found[0].worth.is_loss, found[0].instead) == ("8.00", False, None)


def test_books_without_anything_have_no_worth(store):
    quote, found = spans(store, [])
    assert (quote, [span.worth for span in found]) == ("", [None, None, None])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 10**10), st.integers(0, 10**9), st.integers(0, 10**6)), max_size=25
    )
)
def test_flows_and_the_statement_by_day_say_the_same(rows):
    entries = []
    for number, (day, minor, members, cents) in enumerate(rows):
        entries.append(block(number, NOW - day * DAY, minor, min(members, minor - 1)))
        if cents:
            entries.append(energy(number, NOW - day * DAY, cents))
    flows = {}
    add_flows(flows, entries)
    for code, flow in total_of(flows.values()).items():
        days = [total for total in by_day(entries, last=10_000) if total.currency.code == code]
        assert flow.net == sum(total.earned - total.spent for total in days)
        assert flow.members == sum(total.credited for total in days)


def test_today_is_settled_in_money_where_a_price_was_measured_and_else_in_coin(store):
    _, found = spans(store, [block(1, NOW - 1, 10**8)], [price(NOW - 2, "80")])
    assert (today_of(found[0], power_cost_usd=None).amount, found[0].worth.currency) == ("80.00", "EUR")
    assert today_of(found[0], power_cost_usd=None).kind == "settled"
    # dollars are not taken off from euros: no rate is made up
    assert today_of(found[0], power_cost_usd=9.0).amount == "80.00"


def test_without_a_price_today_is_coin(store):
    _, found = spans(store, [block(1, NOW - 1, 10**8)])
    today = today_of(found[0], power_cost_usd=5.0)
    assert (today.amount, today.currency, today.kind) == ("1.00000000", "LTC", "settled")


def test_what_power_cost_by_the_machines_own_word_makes_today_an_estimate(store):
    dollars = PriceSeen(feed="f", base="LTC", quote="USD", at_ms=NOW - 2, value=Decimal(90))
    _, found = spans(store, [block(1, NOW - 1, 10**8)], [dollars])
    today = today_of(found[0], power_cost_usd=12.34)
    assert (today.amount, today.currency, today.kind) == ("77.66", "USD", "estimated")


def test_power_alone_is_a_loss_by_estimate(store):
    _, found = spans(store, [])
    today = today_of(found[0], power_cost_usd=2.0)
    assert (today.amount, today.currency, today.kind) == ("-2.00", "USD", "estimated")
    assert today_of(found[0], power_cost_usd=None).amount is None


def test_the_wanted_money_is_taken_only_where_prices_in_it_were_measured(store):
    store.change_books(lambda connection: write_prices(connection, [price(NOW - 2, "80")], now=NOW))
    ask = store.read_books
    assert ask(lambda it: priced_in(it, "EUR", now=NOW)) == "EUR"
    assert ask(lambda it: priced_in(it, "CHF", now=NOW)) == ""
