"""The whole way on a real chain: three miners, PPLNS, a kill -9, blocks matured and paid; equal to the litoshi."""

import asyncio
import pathlib
import subprocess
import sys

import pytest

from functional.nodes import litecoin_regtest
from functional.program import program, until
from functional.test_payout_litecoind import LTC, address_of
from hashwright.adapters.nodes._rpc import Login, RpcClient
from hashwright.ledger import accounts
from hashwright.money import amount_of

pytestmark = [pytest.mark.functional, pytest.mark.timeout(240)]
SHARES = {"kai": 12, "lea": 6, "mia": 3}


def call(node, wallet, method, *params):
    async def ask():
        rpc = RpcClient(f"{node.rpc_url}/wallet/{wallet}", login=Login(cookie_file=str(node.cookie_file)), timeout_s=20)
        try:
            return await rpc.ask(method, *params)
        finally:
            await rpc.aclose()

    return asyncio.run(ask())


def balances(hw, account):
    rows = hw.json("ledger", "balance", account)["balances"]
    return {row["account"]: amount_of(row["amount"], LTC).minor for row in rows}


def pay(hw, node):
    """Set addresses and payouts, look at the dry run, go live, die when it is sent, and settle."""
    for name in SHARES:
        hw.run("pool", "address", "home", name, address_of(name))
    flags = (
        "--rpc-url",
        node.rpc_url,
        "--wallet",
        "pool",
        "--cookie-file",
        node.cookie_file,
        "--threshold",
        "0.001",
    )
    hw.run("pool", "payouts", "home", *flags, "--daily-limit", "100000", "--wallet-cap", "0.001")
    until(lambda: "HW-627" in {it["code"] for it in hw.json("status")["alerts"]}, what="an address is told to a person")
    dry = hw.json("pool", "payout", "home")
    asked = hw.json("pool", "payout", "home", "--dry-run")
    assert (asked["mode"], asked["next"]) == ("DRY RUN", dry["next"])
    assert (dry["mode"], dry["stopped"], dry["payouts"]) == ("DRY RUN", "", [])
    assert {it["member"] for it in dry["next"]} == set(SHARES)
    assert amount_of(dry["above_cap"], LTC).minor == balances(hw, "asset:wallet")["asset:wallet:home"] - 100_000
    until(lambda: "HW-644" in {it["code"] for it in hw.json("status")["alerts"]}, what="the cap is told to a person")
    hw.run("pool", "payouts", "home", *flags, "--daily-limit", "100000", "--live")
    until(lambda: payout(hw)["state"] == "sent", what="the payout is sent")
    hw.kill()
    hw.start()
    until(lambda: hw.json("status")["destinations"][0]["height"], what="a template after the second kill")
    node.mine(6, address_of("nobody"))
    until(lambda: payout(hw)["state"] == "settled", seconds=60, what="the payout is settled")
    assert all(it["owed"] == "0.00000000" for it in hw.json("pool", "members", "home")["members"])


def prove(hw, node, *, owed, fee):
    """Compare wallet, books and chain to the last litoshi."""
    total = sum(owed.values())
    in_wallet = sum(amount_of(f"{row['amount']:.8f}", LTC).minor for row in call(node, "pool", "listunspent", 0))
    assert in_wallet == balances(hw, "asset:wallet")["asset:wallet:home"] == fee
    assert hw.json("ledger", "check", "--deep")["findings"] == []
    received = {}
    for name in SHARES:
        found = node.rpc("scantxoutset", "start", [f"addr({address_of(name)})"])
        received[name] = amount_of(f"{found['total_amount']:.8f}", LTC).minor
    network_fee = total - sum(received.values())
    assert 0 < network_fee < 100_000
    assert all(0 <= owed[accounts.member("home", name)] - received[name] <= network_fee for name in SHARES)
    assert hw.run("admin", "replay", "--verify").returncode == 0
    judged_from_outside(hw)


def judged_from_outside(hw):
    """beancount and the stand-alone checker read what was exported, and find nothing."""
    scripts = pathlib.Path(__file__).parents[2] / "scripts"
    exported = hw.run("ledger", "export", "--format", "json").stdout
    done = subprocess.run(
        [sys.executable, "-I", scripts / "ledger_checker.py"],
        input=exported,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.endswith(" 0 findings\n")) == (0, True), done.stdout
    path = hw.folder / "books.beancount"
    path.write_text(hw.run("ledger", "export", "--format", "beancount").stdout, encoding="utf-8")
    program = pathlib.Path(sys.executable).with_name("bean-check")
    done = subprocess.run([program, "--no-cache", path], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def take_out_by_hand(hw, node):
    """The owner spends the fees past the program; payouts stop until he says what it was."""
    call(node, "pool", "sendtoaddress", address_of("owner"), "0.001")
    node.mine(6, address_of("nobody"))
    until(lambda: "no payout explains" in hw.json("pool", "payout", "home")["stopped"], what="payouts stop")
    found = hw.json("ledger", "reconcile", "home")
    (gone,) = found["unexplained"]
    assert (gone["pays_members"], found["left"]) == ([], "0.00000000")
    done = hw.json("ledger", "reconcile", "home", "--txid", gone["txid"], "--as", "owner")
    assert (done["unexplained"], done["left"], done["books_say"]) == ([], "0.00000000", done["wallet_holds"])
    assert hw.json("pool", "payout", "home")["stopped"] == ""
    assert balances(hw, "equity:owner")["equity:owner"] == -amount_of(gone["amount"], LTC).minor
    call(node, "pool", "sendtoaddress", address_of("buyer"), "0.002")
    node.mine(6, address_of("nobody"))
    (gone,) = until(lambda: hw.json("ledger", "reconcile", "home")["unexplained"], what="a second one is seen")
    said = ("--txid", gone["txid"], "--as", "sale", "--received", "12.50 EUR", "--place", "kraken")
    assert hw.run("ledger", "reconcile", "home", *said[:4], check=False).returncode != 0
    hw.run("ledger", "reconcile", "home", *said)
    rows = {it["account"] + it["currency"]: it["amount"] for it in hw.json("ledger", "balance")["balances"]}
    assert rows["asset:cash:krakenEUR"] == "12.50"
    assert rows["equity:conversionEUR"] == "12.50"
    assert "12.50" in hw.run("ledger", "export", "--format", "koinly").stdout
    assert hw.json("ledger", "reconcile", "home")["left"] == "0.00000000"
    judged_from_outside(hw)


def test_three_miners_are_paid_what_their_work_earned(tmp_path):
    with litecoin_regtest(tmp_path / "node", blocks=110) as node, program(tmp_path / "hw", algorithm="scrypt") as hw:
        node.rpc("createwallet", "pool")
        hw.run(
            "pool", "add", "home", "--coin", "litecoin", "--network", "regtest",
            "--address", call(node, "pool", "getnewaddress", "", "bech32"),
            "--rpc-url", node.rpc_url, "--cookie-file", node.cookie_file, "--zmq", node.zmq_address,
            "--start-difficulty", "1e-9", "--scheme", "pplns", "--pool-fee", "1", "--pplns-window", "100",
        )  # fmt: skip
        until(lambda: hw.json("status")["destinations"][0]["height"], what="a template")
        for member, shares in SHARES.items():
            done = hw.mine("--password", "md=0.02", "--max-shares", shares, "--max-seconds", 60, user=f"{member}.r1")
            assert done.returncode == 0, done.stdout + done.stderr
            if member == "lea":
                hw.kill()
                hw.start()
                until(lambda: hw.json("status")["destinations"][0]["height"], what="a template again")
        until(lambda: balances(hw, "asset:immature"), what="blocks in the books")
        node.mine(101, address_of("nobody"))
        until(
            lambda: balances(hw, "asset:wallet") and not balances(hw, "asset:immature"),
            seconds=60,
            what="every block matured",
        )
        owed = balances(hw, "liability:member:home")
        assert set(owed) == {accounts.member("home", name) for name in SHARES}
        assert hw.json("ledger", "check")["findings"] == []
        fee, total = balances(hw, "income:fee")["income:fee:home"], sum(owed.values())
        assert fee == pytest.approx((fee + total) / 100, abs=len(SHARES) * 100)
        assert balances(hw, "asset:wallet")["asset:wallet:home"] == fee + total
        luck = {it["name"]: it for it in hw.json("pool", "luck", "home")["luck"]}
        assert luck["home"]["found"] == sum(luck[name]["found"] for name in SHARES)
        assert luck["kai"]["expected_blocks"] > luck["lea"]["expected_blocks"] > luck["mia"]["expected_blocks"] > 0
        pay(hw, node)
        prove(hw, node, owed=owed, fee=fee)
        take_out_by_hand(hw, node)


def payout(hw):
    return hw.json("pool", "payout", "home")["payouts"][0]
