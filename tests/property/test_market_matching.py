"""Matching and contracts: no bid above its limit, no ask above its rate, nobody out of turn, nothing paid twice."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from hashwright.market import contract, fraud
from hashwright.market.book import Book
from hashwright.market.matching import Ask, Bid, clear
from hashwright.market.records import Order, Pool, Terms

rates = st.integers(1, 1_000).map(float)
bids = st.lists(st.tuples(st.integers(1, 40), rates, st.integers(0, 300), st.booleans()), max_size=12).map(
    lambda rows: [
        Bid(f"o{number}", price, limit, number, float(min(minimum, limit)), is_locked)
        for number, (price, limit, minimum, is_locked) in enumerate(rows)
    ]
)
asks = st.lists(st.tuples(st.integers(0, 40), rates, st.integers(0, 5)), max_size=12).map(
    lambda rows: [Ask(n, floor, rate, since) for n, (floor, rate, since) in enumerate(rows)]
)


def terms(**changes):
    return Terms(
        **{"algorithm": "sha256d", "books": "home", "currency": "BTCREGTEST", "exponent": 8, "unit": 3} | changes
    )


def order(**changes):
    plain = {
        "id": "order-1", "number": 1, "account": "bea", "algorithm": "sha256d", "kind": "standard", "price": 10,
        "limit_hs": 1e3, "minimum_hs": 0.0, "budget": 1000, "pool": Pool("stratum+tcp://a:1", "u"), "created_at": 0,
        "expires_at": 10**12,
    }  # fmt: skip
    return Order(**plain | changes)


@given(bids, asks)
def test_a_clearing_keeps_every_bound(bids, asks):
    book = Book(bids, asks)
    found = book.clear()
    by_bid = dict.fromkeys((bid.id for bid in bids), 0.0)
    for ask in asks:
        pieces = found.pieces.get(ask.id, ())
        assert sum(rate for _, rate in pieces) <= ask.rate_hs * (1 + 1e-9)
        for id_, rate in pieces:
            by_bid[id_] += rate
            assert next(bid for bid in bids if bid.id == id_).price >= ask.floor
    for bid in bids:
        assert by_bid[bid.id] <= bid.limit_hs * (1 + 1e-9)
        assert abs(by_bid[bid.id] - found.filled.get(bid.id, 0.0)) < 1e-6
        assert not by_bid[bid.id] or by_bid[bid.id] >= bid.minimum_hs * (1 - 1e-9)


@given(bids, asks)
def test_a_bid_waits_only_where_nobody_cheap_enough_is_left(bids, asks):
    """Price priority: whoever is not full, without a minimum, left no seller of his price for anybody behind him."""
    book = Book(bids, asks)
    found = book.clear()
    left = {ask.id: ask.rate_hs - sum(rate for _, rate in found.pieces.get(ask.id, ())) for ask in asks}
    for place, bid in enumerate(book.bids):
        if bid.minimum_hs or found.filled.get(bid.id, 0.0) >= bid.limit_hs * (1 - 1e-6):
            continue
        behind = {other.id for other in book.bids[place + 1 :]}
        for ask in asks:
            if ask.floor <= bid.price:
                assert left[ask.id] <= 1e-6 * ask.rate_hs
                assert not behind & {id_ for id_, _ in found.pieces.get(ask.id, ())}


@given(bids, asks, st.randoms(use_true_random=False))
def test_the_order_of_arrival_at_the_book_is_of_no_matter(bids, asks, rng):
    first = Book(bids, asks).clear()
    shuffled, others = bids[:], asks[:]
    rng.shuffle(shuffled)
    rng.shuffle(others)
    book = Book()
    for bid in shuffled:
        book.put_bid(bid)
        book.put_bid(bid)
    for ask in others:
        book.put_ask(ask)
    assert book.clear() == first == clear(sorted(bids, key=lambda it: it.rank), sorted(asks, key=lambda it: it.rank))
    for bid in bids:
        book.drop_bid(bid.id)
        book.drop_bid(bid.id)
    assert book.clear().pieces == {}


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 10**9), st.booleans()), max_size=60),
    st.integers(1, 10**6), st.integers(1, 50_000), st.integers(0, 999_999),
)  # fmt: skip
def test_what_is_paid_is_what_is_due_to_the_last_unit(shares, price, budget, ppm):
    """However often it is settled: a seller has the floor of his due, and the buyer never pays more than the budget."""
    market, item = terms(fee_ppm=0), order(price=price, budget=budget, fee_ppm=ppm)
    paid, fees, exact = {}, {}, {}
    for seller, work, settles in shares:
        name = f"s{seller}"
        counted = contract.add_work(item, name, work, scale=market.scale)
        assert counted <= work
        exact[name] = exact.get(name, 0) + min(price * work, budget * market.scale - sum(exact.values()))
        if settles:
            for it in contract.payments(item, market):
                assert 0 <= it.fee <= it.gross
                paid[it.seller] = paid.get(it.seller, 0) + it.gross
                fees[it.seller] = fees.get(it.seller, 0) + it.fee
    for it in contract.payments(item, market):
        paid[it.seller] = paid.get(it.seller, 0) + it.gross
        fees[it.seller] = fees.get(it.seller, 0) + it.fee
    for name, due in exact.items():
        assert paid.get(name, 0) == due // market.scale
        assert fees.get(name, 0) == paid.get(name, 0) * ppm // 10**6
    assert sum(paid.values()) <= budget
    assert item.due == sum(exact.values()) <= budget * market.scale
    assert contract.payments(item, market) == ()


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 99))
def test_the_binomial_tail_is_exact(count, trials, percent):
    part = Fraction(percent, 100)
    exact = Fraction(0)
    choose = 1
    for hits in range(trials + 1):
        if hits >= count:
            exact += choose * part**hits * (1 - part) ** (trials - hits)
        choose = choose * (trials - hits) // (hits + 1)
    assert abs(fraud.binomial_at_least(count, trials, percent / 100) - float(exact)) < 1e-9


@given(st.integers(0, 30), st.floats(0.01, 50.0))
def test_the_poisson_tail_grows_with_luck_and_falls_with_expectation(count, expected):
    here = fraud.poisson_at_most(count, expected)
    assert 0.0 <= here <= 1.0
    assert here <= fraud.poisson_at_most(count + 1, expected) + 1e-12
    assert here >= fraud.poisson_at_most(count, expected * 1.5) - 1e-12
