"""Hold rules in the books: what they recommend, never more than is held, never more than the bill."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashwright.economics import hold as forecast
from hashwright.errors import OperatorError
from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.ledger.hold import HoldRule, hold_rule, rule_at, tried_rule
from hashwright.ledger.hold_report import export_hold, report
from hashwright.ledger.hold_walk import walk
from hashwright.ledger.lots import SALE
from hashwright.ledger.prices import PriceSeen, Valuer
from hashwright.money import Amount, Currency
from unit.ledger.books import DAY, EUR, LTC, ltc

XMR = Currency("XMR", 12)
COVER, KEEP = (HoldRule(coin="LTC", kind=it) for it in ("cover", "keep"))
NOON = 1_790_035_200_000
"""2026-09-22 00:00 UTC."""


def share(percent, since_ms=0):
    return hold_rule("LTC", "share", f"{percent}%", since_ms=since_ms)


def mined(day, minor, *, pool="p", currency=LTC):
    amount = Amount(minor, currency)
    moves = ((accounts.wallet("w"), amount), (accounts.mined(pool), -amount))
    return entry_of(f"m:{day}:{currency.code}:{pool}", "mined", NOON + day * DAY, *moves)


def bill(day, cents, reference=""):
    money = Amount(cents, EUR)
    moves = ((accounts.energy("home"), money), (accounts.cash("bank"), -money))
    return entry_of(f"cost:{day}:{reference}", "cost-energy", NOON + day * DAY, *moves)


def sold(day, minor, cents, name=""):
    coins, money = ltc(minor), Amount(cents, EUR)
    moves = (
        *((accounts.CONVERSION, coins), (accounts.wallet("w"), -coins)),
        *((accounts.cash("x"), money), (accounts.CONVERSION, -money)),
    )
    return entry_of(f"s:{day}:{name}", SALE, NOON + day * DAY, *moves)


def prices(*each, base="LTC", days=40):
    """One price a day; the last goes on."""
    rows = [each[min(day, len(each) - 1)] for day in range(days)]
    return [
        PriceSeen(feed="f", base=base, quote="EUR", at_ms=NOON + day * DAY, value=Decimal(value))
        for day, value in enumerate(rows)
        if value is not None
    ]


def go(entries, rules, priced=None, *, days=30, tried=None):
    valuer = Valuer(prices("80") if priced is None else priced, quote="EUR")
    by_coin = {"LTC": tuple(rules)} if rules else {}
    return report(entries, by_coin, valuer, now_ms=NOON + days * DAY, tried=tried)


def test_a_share_is_sold_of_each_income_and_the_parts_sum():
    entries = [mined(day, 33) for day in range(5)]
    found = go(entries, [share(50)])
    assert [it.advised for it in found.rows] == [16, 17, 16, 17, 16]
    (it,) = found.standings
    assert (it.by_rule.sold, it.by_rule.kept, it.sell) == (82, 83, 82)
    assert (it.really.sold, it.really.kept) == (0, 165)


def test_the_power_bill_is_covered_at_the_measured_price_and_never_overpaid():
    """By hand: 10.00 EUR at 80 EUR are 0.125 LTC; of a bill of 1,000 EUR only what is held is covered."""
    found = go([mined(0, 10**8), bill(1, 1_000)], [COVER])
    assert [(it.advised, it.worth, it.bill) for it in found.rows] == [(0, 0, 0), (12_500_000, 1_000, 1_000)]
    assert (found.walk.bill.covered, found.walk.bill.open) == (1_000, 0)
    more = go([mined(0, 10**8), bill(1, 100_000)], [COVER])
    assert (more.walk.bill.covered, more.walk.bill.open) == (8_000, 92_000)
    assert more.standings[0].by_rule.kept == 0
    later = go([mined(0, 10**8), bill(1, 10_000), mined(2, 10**8)], [COVER])
    assert [it.advised for it in later.rows] == [0, 10**8, 25_000_000], "what was open is covered by the next coins"


def test_without_a_measured_price_nothing_is_sold_for_a_bill_and_it_is_said():
    found = go([mined(0, 10**8), bill(1, 1_000)], [COVER], [])
    assert (found.walk.bill.open, found.walk.waited > 0) == (1_000, True)
    assert found.standings[0].by_rule.kept_worth is None
    assert "unknown" in "\n".join(export_hold(found))


def test_a_change_counts_from_its_time_on():
    rules = [HoldRule(coin="LTC", kind="keep"), share(100, NOON + 2 * DAY), share(50, NOON + 4 * DAY)]
    found = go([mined(day, 100) for day in range(6)], rules)
    assert [it.advised for it in found.rows] == [0, 0, 100, 100, 50, 50]
    assert [it.rule for it in found.rows] == ["keep all"] * 2 + ["sell 100%"] * 2 + ["sell 50%"] * 2
    assert rule_at(rules, -1) is None
    before = go([mined(0, 100)], [share(50, NOON + DAY)])
    assert before.rows[0].rule == "no rule"
    assert before.rows[0].advised == 0


def test_what_was_really_sold_stands_beside_it_and_counts_against_now():
    found = go([mined(0, 100_000_000), sold(1, 30_000_000, 2_700)], [share(50)])
    (it,) = found.standings
    assert (it.sell, it.worth, it.ahead) == (20_000_000, 1_600, 0)
    assert (it.really.sold, it.really.brought, it.really.kept) == (30_000_000, 2_700, 70_000_000)
    ahead = go([mined(0, 100_000_000), sold(1, 60_000_000, 5_400)], [share(50)]).standings[0]
    assert (ahead.sell, ahead.ahead) == (0, 10_000_000)


def test_lots_and_unrealised_worth_are_those_of_each_world():
    """By hand: mined at 80, kept to 100. The rule sells the first lot whole; half a coin more is gained really."""
    priced = prices("80", "80", "80", "100")
    found = go([mined(0, 10**8), mined(1, 10**8), sold(2, 50_000_000, 4_000)], [share(50)], priced)
    (it,) = found.standings
    assert (it.by_rule.lots, it.by_rule.lots_all) == (1, 2)
    assert (it.by_rule.unrealised, it.really.unrealised) == (2_000, 3_000)
    assert (it.by_rule.kept_worth, it.really.kept_worth) == (10_000, 15_000)


def test_what_is_owed_promised_or_not_there_yet_is_not_sold():
    credited = entry_of(
        "c",
        "upstream",
        NOON,
        (accounts.receivable("ocean", "credited"), ltc(1_000)),
        (accounts.mined("ocean"), ltc(-1_000)),
    )
    paid = entry_of(
        "p",
        "upstream",
        NOON + DAY,
        (accounts.receivable("ocean", "paid"), ltc(600)),
        (accounts.receivable("ocean", "credited"), ltc(-600)),
    )
    found = go([credited, paid], [share(100)])
    assert [(it.mined, it.advised) for it in found.rows] == [(1_000, 0), (0, 600)]
    block = entry_of(
        "b",
        "block-matured",
        NOON,
        (accounts.wallet("w"), ltc(1_000)),
        (accounts.member("p", "kai"), ltc(-900)),
        (accounts.fee("p"), ltc(-100)),
    )
    assert go([block], [share(100)]).rows[0].advised == 100
    reserve = entry_of("r", "block-matured", NOON, (accounts.wallet("w"), ltc(900)), (accounts.reserve("p"), ltc(-900)))
    both = go([reserve, bill(1, 10_000)], [COVER])
    assert both.standings[0].by_rule.sold == 0, "a reserve is promised to members"


def test_an_income_taken_back_lowers_what_is_still_to_be_sold():
    back = entry_of("x", "orphaned", NOON + DAY, (accounts.mined("p"), ltc(80)), (accounts.wallet("w"), ltc(-80)))
    found = go([mined(0, 100), back, mined(2, 100)], [share(50)])
    assert [it.advised for it in found.rows] == [50, 0, 10], "half of 120 in all"


def test_coins_that_went_otherwise_stand_beside_sales():
    """A withdrawal of 20 with a network fee of 1: both are gone, and neither is a sale."""
    out = entry_of(
        "w",
        "withdrawn",
        NOON + DAY,
        (accounts.OWNER, ltc(20)),
        (accounts.network_fee("w"), ltc(1)),
        (accounts.wallet("w"), ltc(-21)),
    )
    found = go([mined(0, 100), out, mined(2, 10)], [share(100)])
    assert [(it.advised, it.sold, it.taken) for it in found.rows] == [(100, 0, 0), (0, 0, 21), (0, 0, 0)]
    assert found.standings[0].sell == 89, "what is not there any more cannot be sold"


def test_a_bill_in_other_money_is_named_and_left_out():
    dollars = Amount(500, Currency("USD", 2))
    other = entry_of(
        "cost:usd", "cost-energy", NOON, (accounts.energy("h"), dollars), (accounts.cash("bank"), -dollars)
    )
    found = go([mined(0, 10**8), other], [COVER])
    assert found.walk.bill.other == {"USD": 500}
    assert found.walk.bill.booked == 0


def test_one_rule_can_be_tried_on_all_of_the_past():
    found = go([mined(0, 100), mined(1, 100)], [], tried=tried_rule("40%"))
    assert [it.advised for it in found.rows] == [40, 40]
    assert tried_rule("cover").kind == "cover"


@pytest.mark.parametrize(
    ("kind", "part", "words"),
    [
        ("sell", "", "not one of"),
        ("share", "", "per cent"),
        ("share", "0.5", "per cent"),
        ("share", "0%", "above 0%"),
        ("share", "101%", "up to 100%"),
        ("share", "0.001%", "steps"),
        ("share", "x%", "plain decimal"),
        ("share", "nan%", "plain decimal"),
        ("keep", "5%", "goes with share"),
    ],
)
def test_what_is_no_rule_is_refused(kind, part, words):
    with pytest.raises(OperatorError, match=words) as caught:
        hold_rule("LTC", kind, part, since_ms=0)
    assert caught.value.code == "HW-652"


def test_csv_has_every_number_of_the_period():
    found = go([mined(0, 10**8), bill(0, 1_000), sold(0, 10_000_000, 850)], [COVER])
    head, row, *_ = export_hold(found)
    assert head.startswith("period,coin,rule,mined")
    cells = "2026-09-22,LTC,cover the power bill,1.00000000,80.00,0.12500000,10.00,0.10000000,8.50,0.00000000,10.00,EUR"
    assert row == cells


days = st.integers(0, 20)
events = st.lists(
    st.one_of(
        st.tuples(st.just("mined"), days, st.integers(1, 10**9), st.sampled_from((LTC, XMR))),
        st.tuples(st.just("bill"), days, st.integers(1, 10**6), st.just(None)),
        st.tuples(st.just("taken"), days, st.integers(1, 10**9), st.just(None)),
        st.tuples(st.just("sold"), days, st.integers(1, 10**9), st.just(None)),
    ),
    max_size=25,
)
kinds = st.one_of(st.sampled_from(("keep", "cover")), st.integers(1, 10_000))
changes = st.lists(st.tuples(days, kinds), max_size=4, unique_by=lambda it: it[0])


def rule_of(day, kind):
    since_ms = NOON + day * DAY - 1
    if isinstance(kind, int):
        return HoldRule(coin="LTC", kind="share", part_bp=kind, since_ms=since_ms)
    return HoldRule(coin="LTC", kind=kind, since_ms=since_ms)


def entries_of(story):
    """Turn a story into entries that never give out more than there is."""
    entries, held = [], {}
    for number, (kind, day, minor, currency) in enumerate(sorted(story, key=lambda it: it[1])):
        if kind == "mined":
            entries.append(mined(day, minor, pool=f"p{number}", currency=currency))
            held[currency] = held.get(currency, 0) + minor
        elif kind == "bill":
            entries.append(bill(day, minor, str(number)))
        elif held.get(LTC, 0) >= minor:
            held[LTC] -= minor
            moves = ((accounts.OWNER, ltc(minor)), (accounts.wallet("w"), ltc(-minor)))
            taken = entry_of(f"t:{number}", "withdrawn", NOON + day * DAY, *moves)
            entries.append(taken if kind == "taken" else sold(day, minor, 100, number))
    return entries


@given(events, changes, changes, st.sampled_from((("80",), (None, "80", None, "120.5"), (None,), ("0.0001",))))
def test_a_rule_never_sells_more_than_is_held_nor_more_than_the_bill(story, ltc_rules, xmr_rules, priced):
    rules = {"LTC": tuple(rule_of(*it) for it in sorted(ltc_rules, key=lambda it: it[0]))}
    rules["XMR"] = tuple(rule_of(*it) for it in sorted(xmr_rules, key=lambda it: it[0]))
    valuer = Valuer([*prices(*priced), *prices(*priced, base="XMR")], quote="EUR")
    found = walk(entries_of(story), rules, valuer, now_ms=NOON + 30 * DAY)
    for coin in found.coins.values():
        steps = [it for it in found.steps if it.currency == coin.currency]
        assert sum(it.advised for it in steps) == coin.advised
        assert all(it.advised >= 0 for it in steps)
        assert coin.advised <= coin.mined
        assert coin.held <= max(coin.free, 0)
        for at, step in enumerate(steps):
            before = sum(it.mined for it in steps[: at + 1]) - sum(it.advised for it in steps[:at])
            assert step.advised <= before, "never more than was mined and not yet sold"
            if step.rule is None or step.rule.kind == "keep":
                assert step.advised == 0
    covered = sum(it.worth or 0 for it in found.steps if it.rule is not None and it.rule.kind == "cover")
    assert covered == found.bill.covered <= found.bill.booked
    assert found.bill.open >= 0


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=10), st.integers(1, 10_000))
def test_shares_of_the_books_and_of_forecasts_are_one_rule(incomes, part_bp):
    entries = [mined(day, minor) for day, minor in enumerate(incomes)]
    rule = HoldRule(coin="LTC", kind="share", part_bp=part_bp)
    found = go(entries, [rule])
    part = forecast.sold_part(forecast.HoldRule(share=part_bp / 10_000), np.array([1.0]), np.array([1.0]))[0]
    assert found.standings[0].by_rule.sold == pytest.approx(sum(incomes) * part, abs=1.0, rel=1e-9)
    assert found.standings[0].by_rule.sold == sum(incomes) * part_bp // 10_000


@given(st.integers(1, 10**10), st.integers(0, 10**7))
def test_covers_of_the_books_and_of_forecasts_are_one_rule(minor, cents):
    found = go([mined(0, minor), *([bill(0, cents)] if cents else [])], [COVER])
    revenue = minor * 80 / 10**8
    part = forecast.sold_part(forecast.HoldRule(kind="cover"), np.array([revenue]), np.array([cents / 100]))[0]
    assert found.standings[0].by_rule.sold == pytest.approx(minor * part, abs=10**8 / 8_000 + 1)
