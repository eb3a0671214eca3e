import json
import socket

import pytest

from hashwright.cli import checkup
from hashwright.runtime import destination_checks
from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw


def doctor(capsys, folder, *words):
    said = hw(capsys, "--data-dir", folder, *words, "doctor", "--json")
    return said.code, {section["title"]: section["checks"] for section in json.loads(said.out)["sections"]}


def free_ports(monkeypatch, *ports):
    monkeypatch.setenv("HW_LISTEN", ",".join(f"sha256d=127.0.0.1:{port}" for port in ports or (0,)))


def test_a_good_computer_has_no_cross(capsys, tmp_path, monkeypatch):
    free_ports(monkeypatch)
    code, sections = doctor(capsys, tmp_path)
    checks = [check for section in sections.values() for check in section]
    assert code == 0
    assert not [check for check in checks if check["state"] == "failed"]
    assert any("bitcoin, litecoin" in check["title"] for check in checks)


def test_a_port_that_is_taken_is_a_cross_with_a_fix(capsys, tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free_ports(monkeypatch, taken.getsockname()[1])
        code, sections = doctor(capsys, tmp_path)
    (cross,) = [check for check in sections["Process and ports"] if check["state"] == "failed"]
    assert code == 1
    assert cross["code"] == "HW-103"
    assert "--listen" in cross["fix"]


def test_a_damaged_database_is_a_cross_with_a_fix(capsys, tmp_path, monkeypatch):
    free_ports(monkeypatch)
    SqliteStore.open(tmp_path).close()
    path = tmp_path / "hashwright.db"
    path.write_bytes(b"\x00" * 4096)
    code, sections = doctor(capsys, tmp_path)
    crosses = [check for check in sections[f"Data folder {tmp_path}"] if check["state"] == "failed"]
    assert code == 1
    assert crosses
    assert all(check["code"] and check["fix"] for check in crosses)


def test_a_stored_destination_is_checked_with_its_node(capsys, tmp_path, monkeypatch):
    free_ports(monkeypatch)
    store = SqliteStore.open(tmp_path)
    address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    toy = {"name": "toy", "coin": "bitcoin", "network": "regtest", "address": address, "node": "practice"}
    store.put_setting("destination", "toy", toy, now=1)
    store.put_setting("destination", "broken", toy | {"name": "broken", "address": "x"}, now=1)
    store.close()
    code, sections = doctor(capsys, tmp_path)
    assert code == 1
    assert {check["state"] for check in sections["Destination toy"]} == {"ok", "skipped"}
    assert sections["Destination broken"][0]["state"] == "failed"


def test_an_old_clock_is_a_cross(monkeypatch):
    monkeypatch.setattr(checkup.SystemClock, "now", lambda self: 0)
    check = checkup._clock()
    assert (check.state, check.code) == ("failed", "HW-710")


@pytest.mark.parametrize(("ahead_s", "found"), [(0, ("ok", "")), (-900, ("warning", "HW-710"))])
def test_a_clock_far_from_the_node_s_is_a_warning(ahead_s, found):
    check = destination_checks._check_time(1_800_000_000, now_ms=(1_800_000_000 + ahead_s) * 1000)
    assert (check.state, check.code) == found


def test_each_cross_of_a_person_comes_with_its_fix(capsys, tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free_ports(monkeypatch, taken.getsockname()[1])
        said = hw(capsys, "--data-dir", tmp_path, "doctor", "--plain")
    lines = said.out.splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("failed"))
    assert "(HW-103)" in lines[place]
    assert lines[place + 1].strip().startswith("Choose another with --listen")
    assert lines[-1].endswith("1 failed, 0 with a warning.")


def test_the_wallet_of_payouts_is_looked_at(capsys, tmp_path, monkeypatch):
    free_ports(monkeypatch)
    store = SqliteStore.open(tmp_path)
    payee = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
    pool = {"name": "xmr", "coin": "monero", "network": "regtest", "address": payee, "node": "monerod"}
    nowhere = {"rpc_url": "http://127.0.0.1:1", "timeout_s": 2.0}
    store.put_setting("destination", "xmr", pool | {"node_settings": nowhere}, now=1)
    rules = {"pool": "xmr", "wallet_settings": nowhere, "threshold": "0.1", "daily_limit": "5", "approval_above": "5"}
    store.put_setting("payout", "xmr", rules, now=1)
    store.put_setting("payout", "gone", rules | {"pool": "gone"}, now=1)
    store.close()
    code, sections = doctor(capsys, tmp_path)
    assert code == 1
    (check,) = sections["Payouts of xmr"]
    assert (check["state"], check["code"]) == ("failed", "HW-414")
    assert sections["Payouts of gone"][0]["code"] == "HW-708"


def test_randomx_is_looked_for_and_missed_by_nobody_else(monkeypatch):
    from hashwright.chain.cryptonote import randomx
    from hashwright.cli.checkup_wallets import check_randomx
    from hashwright.errors import NotSupported

    def missing():
        raise NotSupported("RandomX is not installed.", code="HW-209")

    monkeypatch.setattr(randomx, "library", missing)
    check = check_randomx()
    assert (check.state, "librandomx0" in check.title) == ("skipped", True)
