"""An upstream's account in the running program: our own pool is the upstream, a small server tells what it owes."""

import json

import pytest

from functional.program import program, until
from unit.adapters.test_upstreams import server

pytestmark = [pytest.mark.functional, pytest.mark.timeout(180)]


def ocean(unpaid, sats):
    payouts = [{"on_chain_txid": "78" * 32, "total_satoshis_net_paid": sats}]
    documents = {
        "/v1/user_hashrate/me": {"hashrate_10800s": "5"},
        "/v1/statsnap/me": {"unpaid": unpaid},
        "/v1/earnpay/me/0/9999999999": {"payouts": payouts},
    }
    return {path: (200, json.dumps({"result": it}).encode()) for path, it in documents.items()}


def keep_and_sell(hw, coin):
    """Set a rule and book a sale while the program runs: it holds the database, and writes for the command."""
    said = hw.json("ledger", "hold", "set", coin, "share", "--part", "50%")
    assert said == {"coin": coin, "rule": "sell 50%", "is_new": True}
    assert hw.json("ledger", "sale", "ocean", f"0.00001 {coin}", "0.90 EUR", "--reference", "order 1")["is_new"]
    (it,) = hw.json("ledger", "hold", "--try", "50%")["coins"]
    assert (it["mined"], it["really"]["sold"], it["by_rule"]["sold"]) == ("0.00102000", "0.00001000", "0.00002000")
    assert (it["sell_now"], it["really"]["kept"]) == ("0.00001000", "0.00001000"), "the rest is not paid out yet"


def test_what_an_upstream_owes_is_read_booked_and_capped(tmp_path):
    answers = ocean("0.001", 5_000)
    with program(tmp_path / "pool") as upstream, program(tmp_path / "farm") as hw, server(answers) as (_, url):
        upstream.run("pool", "add", "toy", "--node", "practice")
        hw.run(
            "pool", "add", "ocean", "--upstream", f"stratum+tcp://127.0.0.1:{upstream.port}", "--user", "farm",
            "--coin", "bitcoin", "--network", "regtest",
        )  # fmt: skip
        flags = ("--reader", "ocean", "--account", "me", "--read-url", url, "--fee", "2", "--cap", "0.0015")
        hw.run("pool", "account", "ocean", *flags)
        first = until(lambda: hw.json("pool", "accounts")["accounts"][0]["unpaid"], what="a first reading")
        assert first == "0.00100000"
        answers.update(ocean("0.002", 7_000))
        (account,) = hw.json("pool", "accounts", "--read")["accounts"]
        assert (account["unpaid"], account["paid"], account["exposure"]) == ("0.00200000", "0.00007000", "over")
        balances = hw.json("ledger", "balance")["balances"]
        rows = {it["account"]: it["amount"] for it in balances}
        assert rows["asset:receivable:ocean:credited"] == "0.00200000"
        assert rows["asset:receivable:ocean:paid"] == "0.00002000"
        assert rows["income:mined:ocean"] == "0.00102000"
        keep_and_sell(hw, balances[0]["currency"])
        until(lambda: any(it["code"] == "HW-642" for it in hw.json("status")["alerts"]), what="a warning of the cap")
        answers.clear()
        (account,) = hw.json("pool", "accounts", "--read")["accounts"]
        assert "it answers 404" in account["problem"]
        assert account["unpaid"] == "0.00200000", "what was read last stays"
        hw.kill()
        hw.start()
        assert hw.json("pool", "accounts")["accounts"][0]["upstream"] == "ocean"
        assert hw.json("ledger", "check", "--deep")["findings"] == []
        refused = hw.run("pool", "account", "ocean", *flags[:-4], "--fee", "90", check=False)
        assert refused.returncode == 3
        assert "fee is 0 to 20 percent" in refused.stdout + refused.stderr
        hw.run("pool", "account", "ocean", "--remove")
        assert hw.json("pool", "accounts")["accounts"] == []
        assert hw.run("pool", "account", "ocean", "--remove", check=False).returncode != 0
