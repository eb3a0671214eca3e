"""Errors, clock, units, money, registry: the alphabet, rule by rule."""

import sys
from decimal import Decimal

import pytest

from hashwright import errors, registry, units
from hashwright.clock import ManualClock
from hashwright.error_codes import CODES
from hashwright.errors import ConfigError, HashwrightError, OperatorError, PluginError, Unavailable
from hashwright.money import Amount, Currency, Estimate, MoneyError, Price, amount_of, apportion, decimal_of

BTC, EUR = Currency("BTC", 8), Currency("EUR", 2)


def error_classes():
    return [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, HashwrightError)]


# -------------------------------------------------------------------- errors


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_a_hint_and_an_exit_code(kind):
    error = kind("What happened.", code="HW-901")
    assert (str(error), error.code, error.hint) == ("What happened.", "HW-901", CODES["HW-901"].action)
    assert error.exit_code in (1, 3, 5, 6)
    with pytest.raises(LookupError):
        kind("x", code="HW-000")


def test_exit_codes_follow_who_must_act():
    assert ConfigError("x", code="HW-701").exit_code == 3
    assert Unavailable("x", code="HW-704").exit_code == 5
    assert errors.LimitRefused("x", code="HW-501").exit_code == 6
    assert OperatorError("x", code="HW-201").exit_code == 1


def test_every_code_has_a_title_a_cause_and_an_action():
    for code, entry in CODES.items():
        assert code.startswith("HW-")
        assert len(code) == 6
        assert all((entry.title, entry.cause, entry.action)), code


# -------------------------------------------------------------------- clock


def test_a_manual_clock_moves_only_when_told():
    clock = ManualClock(1000)
    assert (clock.now(), clock.monotonic()) == (1000, 0.0)
    clock.advance(250)
    assert (clock.now(), clock.monotonic()) == (1250, 0.25)
    clock.jump(-1000)
    assert (clock.now(), clock.monotonic()) == (250, 0.25)
    assert repr(clock) == "<ManualClock 250 ms>"
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


# -------------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00 H/s"), (1.5, "1.50 H/s"), (999.4, "999 H/s"), (1000, "1.00 kH/s"), (1.234e14, "123 TH/s"),
     (6e20, "600 EH/s"), (9.99e27, "9990 YH/s")],
)  # fmt: skip
def test_hash_rates_are_readable(value, text):
    assert units.hashrate_text(value) == text


def test_other_units_are_readable():
    assert units.power_text(3250) == "3.25 kW"
    assert units.scaled_text(-1500, "W") == "-1.50 kW"
    assert [units.duration_text(s) for s in (0, 59, 61, 3725, 90_000)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h 2 min",
        "1 d 1 h",
    ]
    assert units.hashrate_est(600, 60) == 10.0
    assert units.hashrate_est(600, 0) == 0.0


# -------------------------------------------------------------------- money


def test_amounts_are_whole_numbers_of_one_currency():
    assert Amount(1, BTC) + Amount(2, BTC) - Amount(5, BTC) == Amount(-2, BTC)
    assert -Amount(3, BTC) * 2 == Amount(-6, BTC)
    assert Amount(1, BTC) < Amount(2, BTC) <= Amount(2, BTC)
    one = Amount(1, BTC)
    wrong = [
        lambda: Amount(1.0, BTC),
        lambda: Amount(True, BTC),
        lambda: Amount(2**62, BTC),
        lambda: one * 0.5,
        lambda: one + Amount(1, EUR),
        lambda: one + 1,
        lambda: one < Amount(1, EUR),
    ]
    for attempt in wrong:
        with pytest.raises(MoneyError):
            attempt()


def test_an_amount_cannot_be_divided_nor_meet_an_estimate():
    with pytest.raises(TypeError):
        Amount(1, BTC) / 2
    with pytest.raises(MoneyError):
        Amount(1, BTC) + Estimate(1.0, BTC)
    assert str(Estimate(0.5, EUR)) == "about 0.50 EUR (estimated)"


def test_amounts_as_text():
    assert str(Amount(-12_300, BTC)) == "-0.00012300 BTC"
    assert Amount(7, Currency("JPY", 0)).text() == "7"
    assert amount_of("0.00012300", BTC) == Amount(12_300, BTC)
    for wrong in ("1e3", "1_000", " 1", "\u0661", "NaN", "Infinity", "", "0x1", "1.123456789", "--1"):
        with pytest.raises(MoneyError):
            amount_of(wrong, BTC)
    assert decimal_of("-12.50") == Decimal("-12.50")


def test_a_price_rounds_as_named():
    price = Price(value=Decimal("0.215"), currency=EUR, per="kWh")
    assert [price.cost(Decimal(1), rounding=mode).minor for mode in ("down", "half_even", "up")] == [21, 22, 22]


@pytest.mark.parametrize(("code", "exponent"), [("", 2), ("A B", 2), ("X" * 13, 2), ("BTC", -1), ("BTC", 19)])
def test_nonsense_is_no_currency(code, exponent):
    with pytest.raises(MoneyError):
        Currency(code, exponent)


def test_apportion_gives_the_rest_to_the_largest_remainders():
    assert [part.minor for part in apportion(Amount(100, BTC), (1, 1, 1))] == [34, 33, 33]
    assert [part.minor for part in apportion(Amount(-100, BTC), (1, 1, 1))] == [-34, -33, -33]
    assert [part.minor for part in apportion(Amount(10, BTC), (0, 7, 3))] == [0, 7, 3]
    for weights in ((), (0, 0), (1, -1)):
        with pytest.raises(MoneyError):
            apportion(Amount(1, BTC), weights)


# -------------------------------------------------------------------- registry


def test_listing_imports_nothing():
    sys.modules.pop("hashwright.adapters.nodes.practice", None)
    assert {"bitcoind", "practice"} <= set(registry.names("nodes"))
    assert "hashwright.adapters.nodes.practice" not in sys.modules


def test_a_file_in_the_owners_folder_is_a_plugin(tmp_path):
    folder = tmp_path / "coins"
    folder.mkdir()
    (folder / "mycoin.py").write_text("COIN = 'mine'\n")
    (folder / "broken.py").write_text("import nothing_of_that_name\n")
    (folder / "_helper.py").write_text("raise SystemExit\n")
    names = registry.names("coins", extra_folders=(tmp_path,))
    assert {"mycoin", "broken", "bitcoin"} <= set(names)
    assert "_helper" not in names
    assert registry.load("coins", "mycoin", extra_folders=(tmp_path,)).COIN == "mine"
    with pytest.raises(PluginError, match="nothing_of_that_name") as caught:
        registry.load("coins", "broken", extra_folders=(tmp_path,))
    assert caught.value.code == "HW-707"


def test_two_files_of_one_name_are_an_error_that_names_both(tmp_path):
    (tmp_path / "coins").mkdir()
    (tmp_path / "coins/bitcoin.py").write_text("COIN = 'other'\n")
    with pytest.raises(PluginError) as caught:
        registry.names("coins", extra_folders=(tmp_path,))
    assert caught.value.code == "HW-706"
    assert str(caught.value).count("bitcoin.py") == 2


def test_what_is_not_there_is_named():
    with pytest.raises(PluginError, match="no coins plug-in"):
        registry.load("coins", "nocoin")
    with pytest.raises(PluginError, match="no kind"):
        registry.names("nokind")
