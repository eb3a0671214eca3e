"""FPPS on a real chain: a deposit becomes the reserve, work is paid without a block, and at the floor none is taken."""

import pytest

from functional.nodes import litecoin_regtest
from functional.program import program, until
from functional.test_books_litecoind import balances, call, judged_from_outside
from functional.test_payout_litecoind import LTC, address_of
from hashwright.money import Amount, amount_of

pytestmark = [pytest.mark.functional, pytest.mark.timeout(240)]
MINE = ("--password", "md=0.02", "--max-shares", "2", "--max-seconds", "60")
"""On regtest each share is a block, and is paid as one."""


def coins(minor):
    return Amount(minor, LTC).text()


def set_pool(hw, node, address, *, fee):
    """Add the pool, or begin another era of it: that credits what waits."""
    hw.run(
        "pool", "add", "home", "--coin", "litecoin", "--network", "regtest", "--address", address,
        "--rpc-url", node.rpc_url, "--cookie-file", node.cookie_file, "--zmq", node.zmq_address,
        "--start-difficulty", "1e-9", "--scheme", "fpps", "--pool-fee", fee, "--reserve-floor", "100",
    )  # fmt: skip


def state(hw):
    return hw.json("status")["destinations"][0]["state"]


def fill(hw, node):
    """Coins come in without an entry; the owner says that they are his, and puts them into the reserve."""
    txid = call(node, "bank", "sendtoaddress", call(node, "pool", "getnewaddress", "", "bech32"), "400")
    refused = hw.run("pool", "reserve", "home", "--add", "300", check=False)
    assert refused.returncode != 0
    assert "HW-647" in refused.stderr
    node.mine(6, address_of("nobody"))
    found = hw.json("ledger", "reconcile", "home")
    assert [(it["txid"], it["amount"]) for it in found["arrived"]] == [(txid, "400.00000000")]
    done = hw.json("ledger", "reconcile", "home", "--txid", txid, "--as", "deposit")
    assert (done["arrived"], done["left"], done["books_say"]) == ([], "0.00000000", "400.00000000")
    held = hw.json("pool", "reserve", "home", "--add", "300")["reserve"]
    assert (held["reserve"], held["is_accepting"]) == ("300.00000000", True)
    assert hw.run("pool", "reserve", "home", "--add", "100.00000001", check=False).returncode != 0


def test_work_is_paid_from_a_reserve_that_is_never_overdrawn(tmp_path):
    with litecoin_regtest(tmp_path / "node", blocks=5) as node, program(tmp_path / "hw", algorithm="scrypt") as hw:
        for name in ("pool", "bank"):
            node.rpc("createwallet", name)
        node.mine(110, call(node, "bank", "getnewaddress", "", "bech32"))
        address = call(node, "pool", "getnewaddress", "", "bech32")
        set_pool(hw, node, address, fee="2")
        flags = ("--rpc-url", node.rpc_url, "--wallet", "pool", "--cookie-file", node.cookie_file)
        hw.run("pool", "payouts", "home", *flags, "--threshold", "0.001", "--daily-limit", "100000")
        until(lambda: state(hw) == "down", what="the empty reserve stops it")
        assert "HW-645" in {it["code"] for it in hw.json("status")["alerts"]}
        turned_away = hw.mine("--password", "md=0.02", "--max-shares", "1", "--max-seconds", "5", user="kai.r1")
        assert "its reserve is at the floor" in turned_away.stdout + turned_away.stderr
        fill(hw, node)
        until(lambda: state(hw) == "ready", what="the filled reserve starts it")
        hw.mine(*MINE, user="kai.r1")
        hw.kill()
        hw.start()
        until(lambda: state(hw) == "ready", what="it goes on after a kill")
        hw.mine(*MINE, user="lea.r1")
        promised = amount_of(hw.json("pool", "reserve", "home")["reserve"]["promised"], LTC).minor
        assert promised > 0
        set_pool(hw, node, address, fee="3")
        owed = until(lambda: balances(hw, "liability:member:home"), what="the work is credited")
        assert set(owed) == {"liability:member:home:kai", "liability:member:home:lea"}
        assert sum(owed.values()) == promised
        shown = hw.json("pool", "scheme", "home")
        assert shown["eras"][-1]["settings"]["fee_ppm"] == 30_000
        assert shown["reserve"]["reserve"] == coins(300 * 10**8 - promised)
        assert (
            amount_of(shown["reserve"]["reserve"], LTC).minor == balances(hw, "equity:reserve")["equity:reserve:home"]
        )
        finish(hw, node, owed)


def finish(hw, node, owed):
    """Blocks mature into the reserve, members are paid, and at the floor the pool stops again."""
    found = [it for it in hw.json("pool", "blocks")["blocks"] if it["state"] != "refused"]
    node.mine(101, address_of("nobody"))
    until(lambda: not balances(hw, "asset:immature"), seconds=60, what="every block matured")
    reserve = balances(hw, "equity:reserve")["equity:reserve:home"]
    assert reserve > 300 * 10**8 - sum(owed.values()) or not found
    for name in ("kai", "lea"):
        hw.run("pool", "address", "home", name, address_of(name))
    flags = ("--rpc-url", node.rpc_url, "--wallet", "pool", "--cookie-file", node.cookie_file)
    hw.run("pool", "payouts", "home", *flags, "--threshold", "0.001", "--daily-limit", "100000", "--live")
    until(lambda: [it["state"] for it in hw.json("pool", "payout", "home")["payouts"]] == ["sent"], what="paid")
    node.mine(6, address_of("nobody"))
    until(
        lambda: [it["state"] for it in hw.json("pool", "payout", "home")["payouts"]] == ["settled"],
        seconds=60,
        what="the payout is settled",
    )
    end = hw.json("ledger", "reconcile", "home")
    assert (end["left"], end["arrived"], end["unexplained"]) == ("0.00000000", [], [])
    assert balances(hw, "equity:reserve")["equity:reserve:home"] == reserve
    assert hw.run("pool", "reserve", "home", "--take", coins(reserve + 1), check=False).returncode != 0
    held = hw.json("pool", "reserve", "home", "--take", coins(reserve - 10**8))["reserve"]
    assert (held["reserve"], held["is_accepting"]) == ("1.00000000", False)
    assert state(hw) == "down"
    assert hw.json("ledger", "check", "--deep")["findings"] == []
    assert hw.run("admin", "replay", "--verify").returncode == 0
    judged_from_outside(hw)
