"""Literals of each scheme, the window, the eras, and luck."""

import math

import pytest

from hashwright.money import Amount, Currency, MoneyError
from hashwright.pool import luck
from hashwright.pool.eras import Era, Eras
from hashwright.pool.schemes._reserve import ruin_probability
from hashwright.pool.schemes.base import HOUSE, Terms, share_out
from hashwright.pool.schemes.fpps import Fpps
from hashwright.pool.schemes.pplns import Pplns
from hashwright.pool.schemes.pps import Pps
from hashwright.pool.schemes.solo import Solo
from hashwright.pool.window import Window, window_of

LTC = Currency("LTC", 8)


def ltc(minor):
    return Amount(minor, LTC)


def terms(subsidy=1_000, fees=100, network_work=10):
    return Terms(network_work=network_work, subsidy=ltc(subsidy), fees=ltc(fees))


def credits(split):
    return {member: amount.minor for member, amount in split.credits}


def test_solo_pays_the_finder_less_the_fee():
    split = Solo(fee_ppm=10_000).split_block(ltc(1_000), finder="kai", work={"lea": 9})
    assert credits(split) == {"kai": 990}
    assert split.fee.minor == 10


def test_pplns_pays_the_window_and_ties_go_by_name():
    split = Pplns(fee_ppm=0).split_block(ltc(100), finder="kai", work={"lea": 1, "kai": 1, "mia": 1})
    assert credits(split) == {"kai": 34, "lea": 33, "mia": 33}
    assert Pplns(window_percent=250).window_work(1_000) == 2_500


def test_pps_pays_its_part_of_a_block_at_once_and_the_block_fills_the_reserve():
    credit = Pps(fee_ppm=100_000).credit_work({"kai": 5}, terms=terms(), carried={})
    assert credits(credit.split) == {"kai": 450}
    assert credit.split.fee.minor == 50
    assert Pps().split_block(ltc(1_100), finder="kai", work={"kai": 5}).rest.minor == 1_100


def test_fpps_pays_for_fees_too():
    assert credits(Fpps(fee_ppm=0).credit_work({"kai": 5}, terms=terms(), carried={}).split) == {"kai": 550}


def test_fractions_are_carried_and_never_lost():
    carried, paid = {}, 0
    for _ in range(1_000):
        credit = Pps(fee_ppm=0).credit_work({"kai": 1}, terms=terms(subsidy=1, network_work=3), carried=carried)
        carried, paid = credit.carried, paid + sum(credits(credit.split).values())
    assert paid == 333


def test_below_its_floor_a_reserve_accepts_no_work():
    scheme = Pps(fee_ppm=20_000, reserve_floor_percent=100)
    assert scheme.solvency(terms=terms(), reserve=ltc(1_000), pending=ltc(0)).is_accepting
    poor = scheme.solvency(terms=terms(), reserve=ltc(1_000), pending=ltc(1))
    assert not poor.is_accepting
    assert poor.free.minor == -1


def test_ruin_is_certain_without_a_fee_and_falls_with_each_block_that_is_kept():
    assert ruin_probability(10, margin=0.0) == 1.0
    small = ruin_probability(50, margin=0.02)
    assert small == pytest.approx(math.exp(-2 * 0.02 * 50), rel=0.05)  # Rosenfeld 2011, 3.3
    assert ruin_probability(100, margin=0.02) == pytest.approx(small**2)


def test_house_gets_the_rest_and_less_than_nothing_is_refused():
    split = share_out(ltc(90), {HOUSE: 2, "kai": 1}, fee_ppm=0)
    assert (credits(split), split.rest.minor) == ({"kai": 30}, 60)
    assert share_out(ltc(90), {}, fee_ppm=0).rest.minor == 90
    with pytest.raises(MoneyError):
        share_out(ltc(-1), {"kai": 1}, fee_ppm=0)


# ---------------------------------------------------------------- the window


def test_a_window_holds_exactly_its_limit_of_the_newest_work():
    window = Window()
    for number in range(1_000):
        window.add("kai" if number < 500 else "lea", 7, limit=1_400)
    work = window.work(1_400)
    assert work == {"lea": 1_400}
    for _ in range(100):
        window.add("mia", 7, limit=1_400)
    work = window.work(1_400)
    assert sum(work.values()) == 1_400
    assert work == {"lea": 700, "mia": 700}


def test_a_window_comes_back_from_its_image_and_a_smaller_limit_lets_go():
    window = Window()
    for number in range(100):
        window.add(f"m{number % 7}", 10**25 + number, limit=10**27)
    again = window_of(window.image())
    assert again.work(10**27) == window.work(10**27)
    assert sum(again.work(10**26).values()) == 10**26
    with pytest.raises(ValueError, match="above zero"):
        window.add("kai", 0, limit=1)


# ---------------------------------------------------------------- eras


def test_a_change_of_scheme_pays_the_old_window_until_it_has_run_off():
    eras = Eras(Era(number=1, since=0, key="pplns", scheme=Pplns(fee_ppm=0, window_percent=100)))
    for _ in range(10):
        eras.add("kai", 10, network_work=100)
    eras.begin("pps", Pps(fee_ppm=0), now=5)
    eras.add("lea", 40, network_work=100)
    parts = eras.split_block(ltc(1_000), finder="lea", network_work=100)
    assert [(era.key, credits(split), split.rest.minor) for era, split in parts] == [
        ("pplns", {"kai": 600}, 400),
        ("pps", {}, 400),
    ]
    for _ in range(10):
        eras.add("lea", 40, network_work=100)
    assert [held.era.key for held in eras.open] == ["pps"]


def test_the_same_settings_begin_no_era_and_time_does_not_go_back():
    eras = Eras(Era(number=1, since=9, key="solo", scheme=Solo()))
    assert eras.begin("solo", Solo(), now=10).number == 1
    with pytest.raises(ValueError, match="began at 9"):
        eras.begin("pplns", Pplns(), now=8)


# ---------------------------------------------------------------- luck


def test_luck_is_poisson():
    assert luck.at_most(0, 10.0) == pytest.approx(math.exp(-10))
    assert luck.at_least(1, 0.5) == pytest.approx(1 - math.exp(-0.5))
    assert luck.at_most(5, 5.0) + luck.at_least(6, 5.0) == pytest.approx(1.0)


def test_a_withholder_is_named_rare_and_an_ordinary_one_is_not():
    units = 10 << luck.UNIT_BITS
    said = luck.report({"thief": (units, 0), "kai": (units, 9)})
    assert said.accounts[0].name == "thief"
    assert said.accounts[0].p_fewer == pytest.approx(4.54e-5, rel=0.01)
    assert said.accounts[0].word == "rare"
    assert said.accounts[1].word == "ordinary"
    assert "proof of nothing" in luck.sentence(said.accounts[0])
    assert said.pool.found == 9
