"""The whole way on a real chain: three miners, PPLNS, a kill -9, blocks matured and paid; equal to the litoshi."""

import asyncio

import pytest

from functional.nodes import litecoin_regtest
from functional.program import program, until
from functional.test_payout_litecoind import COIN, LTC, address_of
from hashwright.adapters.nodes._rpc import Login, RpcClient
from hashwright.adapters.wallets.bitcoind import Config, open_wallet
from hashwright.chain.address import script_of_address
from hashwright.ledger import accounts
from hashwright.money import amount_of
from hashwright.runtime.payer import Payer
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.store.payout_checks import payout_findings
from hashwright.store.sqlite import SqliteStore
from unit.runtime.paying import PlainBooks, policy

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


def pay(connection, node, now):
    async def tick():
        wallet = await open_wallet(
            Config(rpc_url=node.rpc_url, cookie_file=str(node.cookie_file), wallet="pool"), currency=LTC
        )
        payer = Payer(
            policy(pool="home", wallet="home", currency=LTC),
            wallet,
            PlainBooks(connection),
            script_of=lambda address: script_of_address(address, COIN, "regtest"),
        )
        try:
            return await payer.tick(now=now)
        finally:
            await wallet.aclose()

    return asyncio.run(tick())


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
        replayed = hw.run("admin", "replay", "--verify")
        assert replayed.returncode == 0
        hw.stop()

        store = SqliteStore.open(hw.folder)
        connection = store.connect()
        now = 2 * 10**12
        for name in SHARES:
            wish = rows.MemberAddress(address=address_of(name), asked_ms=1, active_ms=1)
            rows.write_address(connection, "home", name, wish)
        assert pay(connection, node, now).stopped == ""
        node.mine(6, address_of("nobody"))
        assert pay(connection, node, now + 1).open == ()
        in_wallet = sum(amount_of(f"{row['amount']:.8f}", LTC).minor for row in call(node, "pool", "listunspent", 0))
        assert in_wallet == ledger.read_balance(connection, "asset:wallet:home", LTC.code) == fee
        assert ledger.ledger_findings(connection) == []
        assert payout_findings(connection) == []
        received = {}
        for name in SHARES:
            found = node.rpc("scantxoutset", "start", [f"addr({address_of(name)})"])
            received[name] = amount_of(f"{found['total_amount']:.8f}", LTC).minor
        network_fee = rows.read_transaction(connection, "home-000001").fee
        assert sum(received.values()) + network_fee == total
        assert all(0 <= owed[accounts.member("home", name)] - received[name] <= network_fee for name in SHARES)
        connection.close()
        store.close()
