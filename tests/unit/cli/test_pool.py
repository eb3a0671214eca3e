import json

import pytest

from unit.cli.world import hw

MAIN_ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"  # program of BIP 173's example
LITECOIN_ADDRESS = "rltc1qw508d6qejxtdg4y5r3zarvary0c5xw7k693xs3"


def add(capsys, folder, *words):
    return hw(capsys, "--data-dir", folder, "pool", "add", "home", *words)


def test_a_dry_run_checks_all_and_saves_nothing(capsys, tmp_path):
    said = add(capsys, tmp_path, "--node", "practice", "--dry-run", "--plain")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == ["ok"] * 6 + ["skipped"]
    assert "PRACTICE" in said.out
    assert said.err.endswith("(bitcoin, PRACTICE, worth nothing). Nothing was saved.\n")
    assert list(tmp_path.iterdir()) == []


def test_adding_without_a_running_process_ends_with_5(capsys, tmp_path):
    said = add(capsys, tmp_path, "--node", "practice")
    assert said.code == 5
    assert said.err.startswith("HW-704 No Hashwright runs on ")


@pytest.mark.parametrize(
    ("words", "code", "start"),
    [
        (("--coin", "ethereum"), 1, "HW-205 Ethereum cannot be mined: it left proof of work"),
        (("--coin", "bitcoin", "--network", "regtest", "--address", LITECOIN_ADDRESS), 1, "HW-201 "),
        (("--coin", "bitcoin", "--network", "regtest", "--address", MAIN_ADDRESS), 1, "HW-2"),
        (("--coin", "bitcoin", "--network", "moon", "--address", MAIN_ADDRESS), 3, "HW-701 Network: Bitcoin has "),
        (("--coin", "gold", "--address", "x"), 1, "HW-705 "),
        (("--rpc-url", "http://kai:word@127.0.0.1:1", "--address", MAIN_ADDRESS), 3, "HW-702 The --rpc-url holds"),
    ],
)
def test_what_cannot_be_mined_is_refused_with_its_reason(capsys, tmp_path, words, code, start):
    said = add(capsys, tmp_path, "--dry-run", *words)
    assert said.code == code
    assert said.err.startswith(start)
    assert "Nothing was saved." in said.err
    assert "word" not in said.out + said.err.replace("password", "").replace("pass", "")


def test_a_node_that_is_gone_is_unreachable_and_can_be_saved_anyway(capsys, tmp_path):
    address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    words = (
        "--network",
        "regtest",
        "--address",
        address,
        "--rpc-url",
        "http://127.0.0.1:1",
        "--dry-run",
        "--rpc-user",
        "u",
    )
    secret = tmp_path / "password"
    secret.write_text("x")
    words += ("--rpc-password-from", f"file:{secret}")
    said = add(capsys, tmp_path, *words)
    assert said.code == 5
    assert said.err.startswith("HW-414 ")
    assert "--anyway" in said.err
    assert add(capsys, tmp_path, *words, "--anyway").code == 0


def test_remove_and_status_need_a_running_process(capsys, tmp_path):
    assert hw(capsys, "--data-dir", tmp_path, "pool", "remove", "home").code == 5
    assert hw(capsys, "--data-dir", tmp_path, "pool", "status").code == 5


def test_history_is_readable_without_a_process_and_says_so(capsys, tmp_path):
    said = hw(capsys, "--data-dir", tmp_path, "pool", "blocks", "--json")
    assert (said.code, json.loads(said.out)) == (0, {"blocks": []})
    said = hw(capsys, "--data-dir", tmp_path, "pool", "workers")
    assert said.code == 0
    assert "history, from the database read only" in said.err


@pytest.mark.parametrize("coin", ["bitcoin", "litecoin"])
def test_try_ends_at_the_accepted_block(capsys, coin):
    said = hw(capsys, "pool", "try", "--coin", coin, "--plain")
    assert said.code == 0
    lines = said.out.splitlines()
    assert len(lines) == 7
    assert all(line.startswith("ok  ") for line in lines)
    assert "PRACTICE chain took the block" in lines[-1]


def test_try_in_json_is_one_document(capsys):
    said = hw(capsys, "pool", "try", "--json")
    document = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert document["height"] == 1
    assert len(document["block_hash"]) == 64
