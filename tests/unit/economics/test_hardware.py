"""The catalogue, how machines are named, and what is asked back."""

import pytest

from hashwright.chain.find import default_coin, find_coin, merged_with, minable_coins
from hashwright.economics.hardware import catalogue_of, load_catalogue, measured_of
from hashwright.economics.quantities import (
    check_hashrate,
    hashrate_of,
    nearest,
    power_of,
    power_price_of,
    share_of,
)
from hashwright.economics.ranking import PUBLISHED, Worth, growth_rates, rank, spread
from hashwright.errors import ConfigError, NotSupported, OperatorError

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("s21", "Antminer S21"),
        ("Antminer S21", "Antminer S21"),
        ("bitmain antminer s21", "Antminer S21"),
        ("S19 XP", "Antminer S19 XP"),
        ("s19-xp", "Antminer S19 XP"),
        ("m30s++", "Whatsminer M30S++"),
        ("5950x", "Ryzen 9 5950X"),
        ("rtx 3080", "GeForce RTX 3080"),
        ("avalon q", "Avalon Q"),
    ],
)
def test_a_machine_is_found_as_people_call_it(name, model):
    assert CATALOGUE.find(name).model == model


def test_a_typo_is_offered_the_nearest():
    with pytest.raises(OperatorError, match="'s22'") as refusal:
        CATALOGUE.find("s22")
    assert refusal.value.code == "HW-802"
    assert "Antminer S21" in refusal.value.hint
    assert "--hashrate" in CATALOGUE_HINT(CATALOGUE, "qqqqqqqq")


def CATALOGUE_HINT(catalogue, name):
    with pytest.raises(OperatorError) as refusal:
        catalogue.find(name)
    return refusal.value.hint


def test_a_machine_for_another_algorithm_says_what_it_can():
    with pytest.raises(OperatorError, match="cannot mine scrypt: it computes sha256d") as refusal:
        CATALOGUE.find("s21", algorithm="scrypt")
    assert refusal.value.code == "HW-818"
    assert CATALOGUE.find("rtx 2080", algorithm="kawpow").hashrate_hs == 28e6


def test_a_fleet_is_names_with_counts():
    groups = CATALOGUE.groups("s21 x3, m30s, 5950X x 2, s19")
    assert [(group.machine.model, group.count) for group in groups] == [
        ("Antminer S21", 3),
        ("Whatsminer M30S", 1),
        ("Ryzen 9 5950X", 2),
        ("Antminer S19", 1),
    ]
    with pytest.raises(OperatorError) as refusal:
        CATALOGUE.groups("s21 x0")
    assert refusal.value.code == "HW-803"


def test_every_row_is_whole_and_has_a_coin():
    assert len(CATALOGUE.machines) > 100
    keys = [(machine.model, machine.algorithm) for machine in CATALOGUE.machines]
    assert len(keys) == len(set(keys))
    kinds = {machine.kind for machine in CATALOGUE.machines}
    assert kinds == {"asic", "gpu", "cpu"}
    makers = {machine.vendor for machine in CATALOGUE.machines if machine.algorithm == "sha256d"}
    assert {"Bitmain", "MicroBT", "Canaan"} <= makers
    for machine in CATALOGUE.machines:
        assert default_coin(machine.algorithm).algorithm == machine.algorithm
        assert machine.source
        assert (machine.price_usd is None) == (machine.price_date == "")
        efficiencies = [level.power_w / level.hashrate_hs for level in machine.all_levels]
        assert len(efficiencies) == max(len(machine.levels), 1)


def test_the_sha256_machines_are_as_efficient_as_they_say():
    assert CATALOGUE.find("s21").efficiency_j_th == pytest.approx(17.5)
    for machine in CATALOGUE.of_algorithm("sha256d"):
        assert 9 < machine.efficiency_j_th < 110, machine.model


OWN = """
[[machine]]
model = "Antminer S21"
hashrate = "195 TH/s"
power_w = 3440

[[machine]]
model = "Attic rig"
algorithm = "etchash"
kind = "gpu"
hashrate = "240 MH/s"
power_w = 900
price_usd = 1500
"""


LEVEL = '{name = "x", hashrate = "%s TH/s", power_w = %s}'


def test_own_power_levels_are_taken():
    text = f'[[machine]]\nmodel = "Antminer S21"\nlevels = [{LEVEL % (150, 2300)}, {LEVEL % (200, 3500)}]'
    own = CATALOGUE.with_measured(measured_of(text, CATALOGUE, source="hardware.toml")).find("s21")
    assert [(it.hashrate_hs, it.power_w) for it in own.levels] == [(150e12, 2300), (200e12, 3500)]
    assert own.hashrate_hs == 200e12, "the nameplate stays where only levels are told"


def test_ages_prices_and_levels_of_the_catalogue_are_sane():
    """A machine has an age that can be, a price of no earlier year, and its nameplate among its levels."""
    for it in CATALOGUE.machines:
        if it.kind == "asic":
            year, _, month = it.release.partition("-")
            assert 2016 <= int(year) <= 2026, it.model
            assert not month or 1 <= int(month) <= 12, it.model
            assert not it.price_date or it.price_date[:4] >= year, it.model
        if it.levels:
            assert (it.hashrate_hs, it.power_w) in [(level.hashrate_hs, level.power_w) for level in it.levels], it.model
    newest = min(CATALOGUE.of_algorithm("sha256d"), key=lambda it: it.efficiency_j_th)
    oldest = max(CATALOGUE.of_algorithm("sha256d"), key=lambda it: it.efficiency_j_th)
    assert newest.release > oldest.release
    assert sum(bool(it.levels) for it in CATALOGUE.machines) >= 3


def test_own_measurements_override_and_add():
    catalogue = CATALOGUE.with_measured(measured_of(OWN, CATALOGUE, source="hardware.toml"))
    own = catalogue.find("s21")
    assert (own.hashrate_hs, own.power_w, own.is_measured, own.source) == (195e12, 3440, True, "own measurement")
    assert own.vendor == "Bitmain"
    assert catalogue.find("attic rig").price_usd == 1500
    assert len(catalogue.machines) == len(CATALOGUE.machines) + 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[machine]]\nmodel = "Antminer S21"\nhashrate = "195"', "not a hash rate"),
        ('[[machine]]\nmodel = "Ryzen 9 5950X"\nhashrate = "10 TH/s"', "asked back"),
        ('[[machine]]\nmodel = "New one"\nhashrate = "10 TH/s"', "say its algorithm"),
        ('[[machine]]\nmodel = "Antminer S21"\nwatts = 3', "watts"),
        ('[[machine]]\nmodel = "Antminer S21"\nlevels = 3', "levels are like"),
        ('[[machine]]\nmodel = "Antminer S21"\nlevels = [{name = "a", power_w = 3}]', "levels are like"),
        (f'[[machine]]\nmodel = "Antminer S21"\nlevels = [{LEVEL % (200, 3000)}, {LEVEL % (150, 2000)}]', "slowest"),
        (f'[[machine]]\nmodel = "Antminer S21"\nlevels = [{LEVEL % (150, 3000)}, {LEVEL % (200, 2000)}]', "draws more"),
        (f'[[machine]]\nmodel = "Antminer S21"\nlevels = [{LEVEL % (150, 0)}]', "0"),
        ("[[machine]]\nhashrate = '1 TH/s'", "model is missing"),
        ("machine = 3", "tables"),
        ("= what", "hardware.toml"),
    ],
)
def test_own_measurements_that_cannot_be_used_are_named(text, problem):
    with pytest.raises(ConfigError) as refusal:
        measured_of(text, CATALOGUE, source="hardware.toml")
    assert refusal.value.code == "HW-816"
    assert problem in f"{refusal.value.findings[0].place} {refusal.value.findings[0].message}"


HEADS = "vendor,model,kind,algorithm,hashrate_hs,power_w,levels_hs_w,release,price_usd,price_date,source"


@pytest.mark.parametrize(
    "row",
    [
        "X,Y,asic,sha256d,fast,10,,,,,s",
        "X,Y,toaster,sha256d,1e12,10,,,,,s",
        "X,Y,cpu,randomx,1e13,10,,,,,s",
        "X,Y,asic,sha256d,1e12,0,,,,,s",
        "X,Y,asic,sha256d,1e12,10,a=2@1 b=1@1,,,,s",
        "X,Y,asic,sha256d,1e12,10,,,,,",
    ],
)
def test_a_bad_row_is_named_with_its_line(row):
    with pytest.raises(ConfigError) as refusal:
        catalogue_of([HEADS, "A,B,asic,sha256d,1e12,10,,,,,s", row], source="hardware.csv")
    assert [finding.place for finding in refusal.value.findings] == ["hardware.csv:3"]


# -------------------------------------------------------------------- quantities


@pytest.mark.parametrize(
    ("text", "value"),
    [("200TH/s", 200e12), ("9.05 gh/s", 9.05e9), ("15.3 kH", 15_300), ("1e3 H/s", 1000), ("5 kSol/s", 5e3)],
)
def test_hash_rates(text, value):
    assert hashrate_of(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["200", "-5 TH/s", "0 TH/s", "ten TH", "", "1e99 TT"])
def test_what_is_no_hash_rate(text):
    with pytest.raises(OperatorError) as refusal:
        hashrate_of(text)
    assert refusal.value.code == "HW-803"


def test_powers():
    assert (power_of("3500"), power_of("3.5 kW"), power_of("0 W")) == (3500, 3500, 0)
    for wrong in ("-1 W", "3 MH", "5000 kW"):
        with pytest.raises(OperatorError):
            power_of(wrong)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.08", 0.08),
        ("8ct", 0.08),
        ("8 c/kWh", 0.08),
        ("-0.01", -0.01),
        ("3 USD", 3.0),
        ("0.08 USD/kWh", 0.08),
    ],
)
def test_power_prices(text, value):
    assert power_price_of(text) == pytest.approx(value)


def test_cents_taken_for_dollars_are_asked_back():
    with pytest.raises(OperatorError, match="meant in cents") as refusal:
        power_price_of("8")
    assert refusal.value.code == "HW-804"
    assert "0.08" in refusal.value.hint
    with pytest.raises(OperatorError) as refusal:
        power_price_of("cheap")
    assert refusal.value.code == "HW-803"


def test_shares():
    assert (share_of("2%", "a fee"), share_of("0.02", "a fee"), share_of("100%", "a fee")) == (0.02, 0.02, 1.0)
    with pytest.raises(OperatorError) as refusal:
        share_of("2", "a fee")
    assert "2%" in refusal.value.hint


def test_ten_terahashes_for_a_processor_are_asked_back():
    with pytest.raises(OperatorError, match="a CPU is far slower"):
        check_hashrate(10e12, "cpu", model="Ryzen")
    with pytest.raises(OperatorError, match="an ASIC is far faster"):
        check_hashrate(1.0, "asic", model="S21")


def test_nearest_names():
    assert nearest("litcoin", ["litecoin", "bitcoin"])[0] == "litecoin"
    assert nearest("", ["a"]) == ()


# -------------------------------------------------------------------- coins by name


@pytest.mark.parametrize(
    ("name", "key"),
    [("BTC", "bitcoin"), ("Ethereum Classic", "ethereum_classic"), ("ethereum-classic", "ethereum_classic")],
)
def test_coins_by_their_names(name, key):
    assert find_coin(name).key == key


def test_ethereum_is_answered():
    with pytest.raises(NotSupported, match=r"2022-09-15.*Ethereum Classic"):
        find_coin("eth")


def test_an_unknown_coin_is_offered_the_nearest():
    with pytest.raises(OperatorError) as refusal:
        find_coin("litcoin")
    assert refusal.value.code == "HW-801"
    assert "Did you mean Litecoin" in refusal.value.hint
    with pytest.raises(OperatorError) as refusal:
        default_coin("sha1")
    assert refusal.value.code == "HW-801"


def test_what_is_mined_along():
    assert [coin.key for coin in merged_with(find_coin("ltc"))] == ["dogecoin"]
    assert merged_with(find_coin("btc")) == ()
    assert "ethereum" not in {coin.key for coin in minable_coins()}


# -------------------------------------------------------------------- ranking


def test_growth_rates_keep_the_published_quantiles():
    rates = growth_rates()
    assert rates[0] == pytest.approx(PUBLISHED[0][1])
    assert rates[9] == pytest.approx(PUBLISHED[1][1])
    assert rates[-1] == pytest.approx(PUBLISHED[2][1])
    assert list(rates) == sorted(rates)


def test_a_spread_says_how_often_it_ends():
    some = spread(700.0, 10.0, 3.0, growth_rates())
    assert some.fast_days < some.middle_days
    assert some.slow_days is None
    assert 0.5 < some.chance < 1
    assert spread(None, 1.0, 0.0, growth_rates()) is None
    assert spread(1e9, 1.0, 0.0, growth_rates()).chance == 0


def test_rank_is_break_even_by_efficiency():
    worth = Worth(hashprice_usd_ph_day=50.0, power_price_usd_kwh=0.06)
    better, worse = (rank(CATALOGUE.find(name), worth, growth_rates()) for name in ("s21 xp", "s19j pro+"))
    assert better.break_even_power_usd_kwh > worse.break_even_power_usd_kwh
    assert better.profit_usd_day == pytest.approx(0.27 * 50 - 3.645 * 24 * 0.06)
    assert better.levelised_cost_usd_ph_day > 0.06 * 24 * 13.5
    assert rank(CATALOGUE.find("s21"), worth, ()).levelised_cost_usd_ph_day is None
