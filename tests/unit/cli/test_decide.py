"""`hw calc`, `hw trends`, `hw compare hardware`, `hw admin data`: what a person and a script see, offline."""

import json
import sys

import click
import msgspec
import pytest

from hashwright.cli.documents import DOCUMENTS, CalcDocument, HardwareDocument, TrendsDocument
from unit.cli.world import hw

HEADS = "date,coin,price_usd,difficulty,hashrate_hs,issuance_native,fees_native,blocks,price_src,net_src"


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """A fresh install: an empty folder, and no network to reach."""
    monkeypatch.setenv("HW_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HW_CONFIG", "")
    monkeypatch.delenv("HW_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def unreachable(*_arguments, **_options):
        raise AssertionError("a command that decides asked the network")

    monkeypatch.setattr("socket.getaddrinfo", unreachable)


@pytest.fixture
def clock(monkeypatch):
    """The second day after the snapshot's newest facts."""
    monkeypatch.setattr("hashwright.cli.market_parts.now_ms", lambda: 1_790_500_000_000)


@pytest.fixture
def folder(tmp_path):
    """A history of 130 days, of Bitcoin and Litecoin, in which difficulty grows and price falls."""
    rows = []
    for index in range(130):
        day = f"2024-{1 + index // 28:02}-{1 + index % 28:02}"
        rows.append(f"{day},BTC,{60_000 - 100 * index},{8e13 * (1 + index / 400)},,{144 * 6.25},20,144,cm,cm")
        rows.append(f"{day},LTC,{80 + index / 10},{2.5e7},,{576 * 6.25},,576,cm,segment")
    data = tmp_path / "history"
    data.mkdir()
    (data / "coin_daily.csv").write_text("\n".join([HEADS, *rows]))
    return data


def document(capsys, name, *arguments, code=0):
    """Run with --json and read the output strictly by its record."""
    said = hw(capsys, *name.split()[1:], *arguments, "--json")
    assert said.code == code, said.err
    return msgspec.json.decode(said.out, type=DOCUMENTS[name])


# -------------------------------------------------------------------- calc


def test_a_loss_is_the_first_thing_said_with_buying_beside_it(capsys, clock):
    said = hw(capsys, "calc", "s21", "--power-price", "0.20")
    first, second = said.out.splitlines()[:2]
    assert said.code == 0
    assert first.startswith("Mining loses 8.9")
    assert "Buying the coin gives more" in second
    assert "LOSS" in said.out
    assert "old" not in first


def test_a_gain_says_up_to_which_power_price(capsys, clock):
    said = hw(capsys, "calc", "s21", "--power-price", "5ct")
    assert said.out.startswith("Mining leaves 3.6")
    assert "it pays up to 0.0938 USD/kWh" in said.out
    assert "vendor nameplate" in said.out
    assert "2 days" in said.out or "48 h" in said.out or "h" in said.out


def test_every_answer_says_the_age_of_its_facts(capsys, clock):
    said = hw(capsys, "calc", "5950x", "--power-price", "0.1")
    assert said.out.startswith("As of 2024-11-30, ")
    assert "HW-819" in said.err
    assert "snapshot: CoinGecko" in said.out


def test_the_document_of_calc(capsys, clock):
    found = document(capsys, "hw calc", "s21+", "--power-price", "0.05", "--pool-fee", "2%", "--uptime", "95%")
    assert isinstance(found, CalcDocument)
    assert found.machine == "Antminer S21+"
    assert (found.pool_fee_share, found.uptime_share, found.stale_share) == (0.02, 0.95, 0.005)
    assert found.profit_usd_per_day_est == pytest.approx(
        found.revenue_usd_per_day_est - found.power_cost_usd_per_day_est
    )
    assert found.payback.days_est is None
    assert found.payback.naive_days > 365
    (earned,) = found.earnings
    assert earned.ticker == "BTC"
    assert {fact.field for fact in found.facts} == {"price_usd", "difficulty", "fees_coins"}
    assert all(fact.is_snapshot and fact.age_s > 0 for fact in found.facts)


def test_own_numbers_take_the_place_of_known_ones(capsys, clock):
    told = ("--price", "100000", "--difficulty", "100000000000000", "--stale", "0%", "--pool-fee", "0%")
    found = document(capsys, "hw calc", "--hashrate", "1PH/s", "--power", "15kW", "--coin", "btc", *told)
    fees = found.earnings[0].fees_coins_per_block
    assert found.hashprice_usd_per_ph_day_est == pytest.approx(62.8643 * (3.125 + fees) / 3.125, abs=1e-3)
    assert found.is_power_price_assumed
    assert found.facts[0].sources == ["as told"]


def test_dogecoin_counts_only_where_it_is_passed_on(capsys, clock):
    alone = document(capsys, "hw calc", "l9")
    half = document(capsys, "hw calc", "l9", "--pass-through", "50%")
    whole = document(capsys, "hw calc", "l9", "--pass-through", "100%")
    assert [it.ticker for it in alone.earnings] == ["LTC"]
    assert alone.pass_through_share is None
    assert [it.ticker for it in whole.earnings] == ["LTC", "DOGE"]
    assert half.earnings[1].coins_per_day_est * 2 == pytest.approx(whole.earnings[1].coins_per_day_est)
    assert whole.revenue_usd_per_day_est == pytest.approx(sum(it.revenue_usd_per_day_est for it in whole.earnings))
    assert "--pass-through" in hw(capsys, "calc", "l9").err


def test_a_coin_that_is_compared_only_says_so(capsys, clock):
    assert "HW-817 Compare only: Ravencoin" in hw(capsys, "calc", "rtx 2080", "--coin", "rvn").err
    assert "HW-817" not in hw(capsys, "calc", "s21", "--coin", "bch").err


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code", "hint"),
    [
        (("s22",), "HW-802", 1, "Antminer S21"),
        (("s21", "--coin", "etherium"), "HW-801", 1, "Ethereum Classic"),
        (("s21", "--coin", "eth"), "HW-205", 1, "2022-09-15"),
        (("s21", "--coin", "ltc"), "HW-818", 1, "sha256d"),
        (("s21", "--power-price", "8"), "HW-804", 1, "0.08"),
        (("s21", "--power-price", "cheap"), "HW-803", 1, "8ct"),
        (("5950x", "--hashrate", "10TH/s"), "HW-803", 1, "CPU"),
        (("s21", "--hashrate", "-1TH/s"), "HW-803", 1, "hash rate"),
        (("s21", "--power", "0 W"), "HW-803", 1, "--power-price 0"),
        (("s21", "--machine-price", "-5"), "HW-803", 1, "price"),
        (("s21", "--pool-fee", "2"), "HW-803", 1, "2%"),
        (("s21", "--growth", "fast"), "HW-803", 1, "2x"),
        (("s21", "--hardware-file", "/no/such/file"), "HW-805", 1, "file"),
        (("--hashrate", "1MH/s", "--power", "1W", "--coin", "vtc"), "HW-815", 1, "hw admin data fetch"),
    ],
)
def test_bad_input_is_one_line_with_a_code(capsys, clock, arguments, code, exit_code, hint):
    said = hw(capsys, "calc", *arguments)
    assert said.code == exit_code
    assert said.err.startswith(code)
    assert hint in said.err
    assert said.out == ""


@pytest.mark.parametrize("arguments", [(), ("--hashrate", "1TH/s"), ("s21", "--price", "free"), ("s21", "--days", "0")])
def test_wrong_usage_is_exit_2(capsys, arguments):
    assert hw(capsys, "calc", *arguments).code == 2


def test_own_measurements_lie_in_the_data_folder(capsys, clock, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hardware.toml").write_text('[[machine]]\nmodel = "s21"\npower_w = 3400\n')
    found = document(capsys, "hw calc", "s21")
    assert (found.power_w, found.hashrate_hs) == (3400, 200e12)


def test_calc_imports_nothing_heavy():
    """Half a second is what a person waits for without thinking of it; the imports are most of it."""
    import subprocess

    code = (
        "import sys; from hashwright.cli.main import run; assert run(['calc', 's21', '--plain']) == 0;"
        "heavy = {'numpy', 'highspy', 'httpx', 'sqlalchemy', 'asyncio', 'litestar', 'plotext'} & set(sys.modules);"
        "print(sorted(heavy), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.splitlines()[-1] == "[]"


# -------------------------------------------------------------------- compare hardware


def test_machines_are_ranked_by_break_even(capsys, clock):
    found = document(capsys, "hw compare hardware", "--power-price", "0.06", "--top", "200")
    assert isinstance(found, HardwareDocument)
    limits = [it.break_even_power_usd_per_kwh_est for it in found.machines]
    assert limits == sorted(limits, reverse=True)
    assert {it.coin for it in found.machines} == {"bitcoin"}, "facts of a past time are not mixed with those of today"
    assert any(text.startswith("Monero: its facts are") for text in found.left_out)


def test_named_machines_and_a_spread_of_payback(capsys, clock):
    told = ("--power-price", "0.01", "--years", "4")
    found = document(capsys, "hw compare hardware", "s21 xp", "m30s", "s21", *told)
    by_model = {it.model: it for it in found.machines}
    assert set(by_model) == {"Antminer S21 XP", "Whatsminer M30S", "Antminer S21"}
    cheap = by_model["Whatsminer M30S"]
    assert cheap.payback_days_5 > 100
    assert cheap.payback_days_95 is None
    assert 0 < cheap.payback_chance < 1
    assert by_model["Antminer S21"].payback_chance is None
    assert "2014 to 2021-05" in found.growth_source


def test_growth_comes_from_the_history_where_there_is_one(capsys, clock, folder):
    rows = [HEADS]
    for index in range(500):
        day = f"{2022 + index // 336}-{1 + index // 28 % 12:02}-{1 + index % 28:02}"
        rows.append(f"{day},BTC,1,{1e13 * 1.001**index},,,,,cm,cm")
    (folder / "coin_daily.csv").write_text("\n".join(rows))
    found = document(capsys, "hw compare hardware", "m30s", "--power-price", "0.01", "--data", folder)
    assert "history" in found.growth_source


def test_the_table_for_a_person(capsys, clock):
    said = hw(capsys, "compare", "hardware", "s21", "bitaxe gamma", "--power-price", "0.06")
    heads, *rows = said.out.splitlines()[:3]
    assert heads.split("\t")[0] == "machine"
    assert [row.split("\t")[0] for row in rows] == ["Bitaxe Gamma", "Antminer S21"]
    assert "slow, middle and fast growth" in said.err
    past = hw(capsys, "compare", "hardware", "--coin", "xmr")
    assert past.out.startswith("As of 2024-11-30, ")


def test_nothing_to_compare_is_told(capsys, clock):
    said = hw(capsys, "compare", "hardware", "--coin", "vtc")
    assert said.err.startswith("HW-708 No machine is left to compare.")
    assert said.code == 4


# -------------------------------------------------------------------- trends


def test_trends_of_a_folder(capsys, clock, folder):
    found = document(capsys, "hw trends", "--data", folder, "--days", "90")
    assert isinstance(found, TrendsDocument)
    rows = {it.ticker: it for it in found.coins}
    bitcoin = rows["BTC"]
    assert (bitcoin.last_day, bitcoin.price_usd) == ("2024-05-18", 60_000 - 12_900)
    assert bitcoin.price_change_share < 0 < bitcoin.difficulty_change_share
    assert bitcoin.hashprice_change_share < bitcoin.price_change_share
    assert bitcoin.fee_share == pytest.approx(20 / (900 + 20), rel=0.05)
    assert bitcoin.emission_change == "3.125 to 1.5625 BTC"
    assert rows["LTC"].is_computed
    assert any(it.code == "HW-806" for it in found.findings), "29 to 31 of each month are holes"


def test_trends_say_what_they_mean_for_a_machine(capsys, clock, folder):
    said = hw(capsys, "trends", "--data", folder, "--days", "100", "--power-price", "0.21")
    assert "pays no more: switch off" in said.out
    assert "▁" in said.out


def test_trends_say_what_turned_a_choice(capsys, clock, folder):
    """S21s at 0.19 USD/kWh: price fell by a fifth and difficulty grew by a quarter; each alone ends it."""
    asked = ("--data", folder, "--days", "100", "--hardware", "s21 x2", "--power-price", "0.19")
    found = document(capsys, "hw trends", *asked)
    (turn,) = found.turns
    assert (turn.group, turn.then, turn.now) == ("Antminer S21 x2", "BTC", "idle")
    assert turn.drivers == [it.number for it in turn.effects if it.is_enough] != []
    assert turn.then_usd_per_day_est > 0 > turn.now_usd_per_day_est
    said = hw(capsys, "trends", *asked)
    assert "Antminer S21 x2: BTC then, idle now; " in said.out
    both = document(capsys, "hw trends", "--data", folder, "--days", "100")
    assert [it.group for it in both.turns] == ["Antminer S21 Hyd", "Antminer L9"], "sold before the data end"
    assert both.is_power_price_assumed
    assert hw(capsys, "trends", "--data", folder, "--hardware", "s99").code == 1


def test_trends_without_history_show_what_is_known(capsys, clock):
    found = document(capsys, "hw trends")
    assert "no history" in found.source
    assert found.turns == []
    assert {it.ticker for it in found.coins} >= {"BTC", "XMR"}
    said = hw(capsys, "trends")
    assert "hw admin data import" in said.err


def test_a_folder_without_files_is_told(capsys, tmp_path):
    said = hw(capsys, "trends", "--data", tmp_path)
    assert (said.code, said.err[:6]) == (1, "HW-805")


# -------------------------------------------------------------------- admin data


def test_import_then_trends(capsys, clock, folder, tmp_path):
    found = document(capsys, "hw admin data import", folder / "coin_daily.csv")
    assert (found.coins, found.rows) == (["BTC", "LTC"], 260)
    trends = document(capsys, "hw trends")
    again = document(capsys, "hw trends", "--data", folder)
    assert [it.price_usd for it in trends.coins if it.first_day] == [it.price_usd for it in again.coins if it.first_day]
    assert [it.is_computed for it in trends.coins if it.first_day] == [False, True]


def test_the_last_days_of_an_import_are_facts_where_nothing_newer_is_known(capsys, clock, folder):
    hw(capsys, "admin", "data", "import", folder / "coin_daily.csv")
    facts = {(it.coin, it.field): it for it in document(capsys, "hw admin data show").facts}
    litecoin = facts["litecoin", "price_usd"]
    assert (litecoin.value_text, litecoin.at[:10]) == ("92.9", "2024-05-19"), "a day is known at its end"
    assert litecoin.sources == ["imported coin_daily.csv"]
    assert facts["bitcoin", "price_usd"].is_snapshot, "the package knows a newer day of Bitcoin"
    assert document(capsys, "hw calc", "l9").earnings[0].price_usd == 92.9


def test_power_levels_are_judged_by_their_last_step(capsys, clock):
    said = hw(capsys, "calc", "avalon q", "--power-price", "0.085")
    rows = [line.split("\t") for line in said.out.splitlines() if line.startswith(("eco", "standard", "super"))]
    assert [row[0] for row in rows] == ["eco", "standard", "super"]
    assert [row[4] for row in rows] == ["", "best", ""]
    limits = [float(row[3]) for row in rows]
    assert limits == sorted(limits, reverse=True)


def test_an_import_with_bad_lines_is_partly_done(capsys, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text(f"{HEADS}\n2024-01-01,BTC,1,1,,,,,cm,cm\n2024-01-02,BTC,0,1,,,,,cm,cm\n")
    said = hw(capsys, "admin", "data", "import", file)
    assert said.code == 7
    assert "HW-808 mine.csv, line 3" in said.err


@pytest.mark.parametrize("text", ["a,b\n1,2\n", f"{HEADS}\n"])
def test_an_import_of_nothing_takes_nothing(capsys, tmp_path, text):
    file = tmp_path / "mine.csv"
    file.write_text(text)
    said = hw(capsys, "admin", "data", "import", file)
    assert (said.code, said.err[:6]) == (1, "HW-805")
    assert not (tmp_path / "data" / "market").exists()


def test_show_lists_facts_and_feeds(capsys, clock):
    found = document(capsys, "hw admin data show", "btc")
    assert {fact.coin for fact in found.facts} == {"bitcoin"}
    assert "hw admin data fetch" in hw(capsys, "admin", "data", "show").err
    feeds = hw(capsys, "admin", "data", "show", "--feeds").out
    assert "recorded" in feeds
    assert "mempool.space" in feeds


def test_fetch_without_a_network_is_unreachable(capsys, monkeypatch):
    said = hw(capsys, "admin", "data", "fetch", "monerod", "--url", "monerod=http://127.0.0.1:1")
    assert said.code == 5
    assert "HW-813" in said.out
    assert hw(capsys, "admin", "data", "fetch", "--url", "nonsense").code == 2
    assert hw(capsys, "admin", "data", "fetch", "nobody").err.startswith("HW-705")


def test_fetch_has_a_document(capsys):
    found = document(capsys, "hw admin data fetch", "monerod", "--url", "monerod=http://127.0.0.1:1", code=5)
    assert (found.asked, found.answered) == (["monerod"], [])
    assert [it.code for it in found.findings] == ["HW-813"]


# -------------------------------------------------------------------- all of them


def test_every_document_belongs_to_a_command():
    from hashwright.cli.main import cli

    for name in DOCUMENTS:
        command = cli
        for word in name.split()[1:]:
            command = command.get_command(click.Context(command), word)
        assert command is not None, name


def test_an_error_is_json_too(capsys):
    said = hw(capsys, "calc", "s22", "--json")
    assert json.loads(said.out)["error"]["code"] == "HW-802"
