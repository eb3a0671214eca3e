"""The whole way on a real Monero chain: PPLNS, rewards matured, a kill -9, paid by the wallet; to the last piconero.

Then the same pool pays by FPPS: a deposit becomes its reserve, which pays work without a block; at its floor none is
taken.
"""

import pytest
from Crypto.PublicKey import ECC

from functional.monero_nodes import monero_regtest, monero_wallet
from functional.program import program, until
from hashwright import registry
from hashwright.chain.cryptonote.address import MoneroAddress
from hashwright.ledger import accounts
from hashwright.money import Amount, amount_of

pytestmark = [pytest.mark.functional, pytest.mark.timeout(580)]
XMR = registry.load("coins", "monero").COIN.currency("regtest")
SHARES = {"kai": 3, "lea": 2, "mia": 1}
KINDS = {"kai": "standard", "lea": "subaddress", "mia": "standard"}


def address_of(name):
    """An address that nobody has; its keys are in the main subgroup, or wallets would not hide among its outputs."""

    def key(number):
        point = ECC.construct(curve="Ed25519", seed=number.to_bytes(32, "little")).pointQ
        return (int(point.y) | (int(point.x) & 1) << 255).to_bytes(32, "little")

    at = sum(name.encode())
    kind = KINDS.get(name, "standard")
    return MoneroAddress(network="main", kind=kind, spend_key=key(at), view_key=key(2 * at)).text


def coins(minor):
    return Amount(minor, XMR).text()


def balances(hw, account):
    rows = hw.json("ledger", "balance", account)["balances"]
    return {row["account"]: amount_of(row["amount"], XMR).minor for row in rows}


def mine(node, count):
    node("generateblocks", amount_of_blocks=count, wallet_address=address_of("nobody"), starting_nonce=0)


def spendable(wallet):
    """What the wallet holds without rewards that are still locked [piconero]."""
    wallet("refresh")
    found = wallet("get_transfers", **{"in": True}).get("in", [])
    locked = sum(it["amount"] for it in found if it["type"] == "block" and it["locked"])
    return wallet("get_balance", account_index=0)["balance"] - locked


def payout(hw):
    return hw.json("pool", "payout", "home")["payouts"][0]


def own_address(wallet):
    return wallet("get_address", account_index=0)["address"]


def set_pool(hw, node, wallet, *scheme):
    """Add the pool, or begin another era of it: that credits what waits."""
    hw.run(
        "pool", "add", "home", "--coin", "monero", "--network", "regtest", "--address", own_address(wallet),
        "--rpc-url", f"http://127.0.0.1:{node.port}", "--start-difficulty", "1", "--scheme", *scheme,
    )  # fmt: skip


def blocks(hw):
    return hw.json("pool", "blocks")["blocks"]


def state(hw):
    return hw.json("status")["destinations"][0]["state"]


def payout_flags(node, wallet):
    return (
        "--rpc-url", f"http://127.0.0.1:{wallet.port}", "--node-rpc-url", f"http://127.0.0.1:{node.port}",
        "--wallet", "pool", "--threshold", "0.001", "--daily-limit", "100000",
    )  # fmt: skip


def earn(hw, node, wallet):
    """Three members mine, the last after a kill; every block matures."""
    set_pool(hw, node, wallet, "pplns", "--pool-fee", "1", "--pplns-window", "100")
    until(lambda: hw.json("status")["destinations"][0]["height"], what="a template")
    for member, shares in SHARES.items():
        done = hw.mine("--max-shares", shares, "--max-seconds", 90, user=f"{member}.r1")
        assert done.returncode == 0, done.stdout + done.stderr
        if member == "lea":
            hw.kill()
            hw.start()
            until(lambda: hw.json("status")["destinations"][0]["height"], what="a template again")
    until(lambda: balances(hw, "asset:immature"), what="blocks in the books")
    mine(node, 120)  # 60 until rewards are spendable, and well more outputs than a wallet asks for to hide among
    until(
        lambda: balances(hw, "asset:wallet") and not balances(hw, "asset:immature"),
        seconds=90,
        what="every block matured",
    )


def pay(hw, node, wallet):
    """Set addresses and payouts, look at the dry run, go live, die when it is sent, and settle."""
    for name in SHARES:
        hw.run("pool", "address", "home", name, address_of(name))
    flags = payout_flags(node, wallet)
    hw.run("pool", "payouts", "home", *flags)
    dry = hw.json("pool", "payout", "home")
    assert (dry["mode"], dry["stopped"], dry["payouts"]) == ("DRY RUN", "", [])
    assert {it["member"] for it in dry["next"]} == set(SHARES)
    titles = [
        it["title"] for part in hw.json("doctor")["sections"] if "Payouts" in part["title"] for it in part["checks"]
    ]
    assert "wallet can sign" in titles
    hw.run("pool", "payouts", "home", *flags, "--live")
    until(lambda: payout(hw)["state"] == "sent", seconds=180, what="the payout is sent")
    hw.kill()
    hw.start()
    until(lambda: hw.json("status")["destinations"][0]["height"], what="a template after the second kill")
    mine(node, 10)
    until(lambda: payout(hw)["state"] == "settled", seconds=180, what="the payout is settled")
    return payout(hw)


def test_members_are_paid_what_their_work_earned(tmp_path):
    with (
        monero_regtest(tmp_path / "node") as node,
        monero_wallet(tmp_path / "wallet", node) as wallet,
        program(tmp_path / "hw", algorithm="randomx") as hw,
    ):
        earn(hw, node, wallet)
        owed = balances(hw, "liability:member:home")
        assert set(owed) == {accounts.member("home", name) for name in SHARES}
        fee, total = balances(hw, "income:fee")["income:fee:home"], sum(owed.values())
        assert fee == pytest.approx((fee + total) / 100, abs=len(SHARES) * 100)
        assert balances(hw, "asset:wallet")["asset:wallet:home"] == fee + total == spendable(wallet)
        done = pay(hw, node, wallet)
        assert (done["members"], done["amount"]) == (3, f"{total // 10**12}.{total % 10**12:012d}")
        txid = done["detail"]
        key = wallet("get_tx_key", txid=txid)["tx_key"]
        received = {
            name: wallet("check_tx_key", txid=txid, tx_key=key, address=address_of(name))["received"] for name in SHARES
        }
        network_fee = wallet("get_transfer_by_txid", txid=txid)["transfer"]["fee"]
        assert sum(received.values()) + network_fee == total
        assert all(0 <= owed[accounts.member("home", name)] - received[name] <= network_fee for name in SHARES)
        assert balances(hw, "asset:wallet")["asset:wallet:home"] == fee == spendable(wallet)
        found = hw.json("ledger", "reconcile", "home")
        assert (found["unexplained"], found["arrived"], found["left"]) == ([], [], "0.000000000000")
        assert hw.json("ledger", "check", "--deep")["findings"] == []
        pay_for_work(hw, node, wallet)
        assert hw.json("ledger", "check", "--deep")["findings"] == []
        assert hw.run("admin", "replay", "--verify").returncode == 0


# ---------------------------------------------------------------- FPPS


def fill(hw, node, wallet):
    """Coins come in without an entry; the owner says that they are his, and puts them into the reserve."""
    node("generateblocks", amount_of_blocks=4, wallet_address=own_address(wallet), starting_nonce=0)
    mine(node, 61)
    came = until(lambda: hw.json("ledger", "reconcile", "home")["arrived"], seconds=90, what="the deposits are seen")
    assert len(came) == 4
    for it in came:
        done = hw.json("ledger", "reconcile", "home", "--txid", it["txid"], "--as", "deposit")
    assert (done["arrived"], done["left"]) == ([], "0.000000000000")
    refused = hw.run("pool", "reserve", "home", "--add", "1000", check=False)
    assert (refused.returncode != 0, "HW-647" in refused.stderr) == (True, True)
    held = hw.json("pool", "reserve", "home", "--add", "120")["reserve"]
    assert (held["reserve"], held["is_accepting"]) == ("120.000000000000", True)


def pay_for_work(hw, node, wallet):
    """FPPS from the empty reserve on; on regtest each share is a block, and is paid as one."""
    hw.run("pool", "payouts", "home", *payout_flags(node, wallet))  # a dry run: what is credited stays to be seen
    set_pool(hw, node, wallet, "fpps", "--pool-fee", "2", "--reserve-floor", "20")
    until(lambda: state(hw) == "down", what="the empty reserve stops it")
    assert "HW-645" in {it["code"] for it in hw.json("status")["alerts"]}
    turned_away = hw.mine("--max-shares", "1", "--max-seconds", "5", user="kai.r1")
    assert "its reserve is at the floor" in turned_away.stdout + turned_away.stderr
    fill(hw, node, wallet)
    until(lambda: state(hw) == "ready", what="the filled reserve starts it")
    before = balances(hw, "liability:member:home")
    old = {it["block_hash"] for it in blocks(hw)}
    for member in ("kai", "lea"):
        done = hw.mine("--max-shares", "1", "--max-seconds", "90", user=f"{member}.r1")
        assert done.returncode == 0, done.stdout + done.stderr
    set_pool(hw, node, wallet, "fpps", "--pool-fee", "3", "--reserve-floor", "20")

    def credited():
        now = balances(hw, "liability:member:home")
        paid = {name: owed - before.get(name, 0) for name, owed in now.items() if owed != before.get(name, 0)}
        return paid if len(paid) == 2 else None

    paid = until(credited, what="the work of both is credited")
    assert set(paid) == {accounts.member("home", "kai"), accounts.member("home", "lea")}
    # a miner may have another share on its way when it has its one
    rewards = [int(it["reward"]) for it in blocks(hw) if it["block_hash"] not in old]
    assert len(rewards) >= 2
    assert sum(paid.values()) == pytest.approx(sum(rewards) * 0.98, rel=1e-4), "a share is a block here, less the fee"
    reserve = balances(hw, "equity:reserve")["equity:reserve:home"]
    assert reserve == 120 * 10**12 - sum(paid.values()), "and nothing but the reserve paid it"
    assert amount_of(hw.json("pool", "scheme", "home")["reserve"]["reserve"], XMR).minor == reserve
    settle_work(hw, node, wallet, reserve)


def settle_work(hw, node, wallet, reserve):
    """Blocks mature into the reserve, the wallet holds what the books say, and at the floor the pool stops again."""
    mine(node, 61)
    until(lambda: not balances(hw, "asset:immature"), seconds=90, what="every block matured")
    grown = balances(hw, "equity:reserve")["equity:reserve:home"]
    assert grown > reserve
    end = hw.json("ledger", "reconcile", "home")
    assert (end["left"], end["arrived"], end["unexplained"]) == ("0.000000000000", [], [])
    assert balances(hw, "equity:reserve")["equity:reserve:home"] == grown
    assert hw.run("pool", "reserve", "home", "--take", coins(grown + 1), check=False).returncode != 0
    held = hw.json("pool", "reserve", "home", "--take", coins(grown - 10**12))["reserve"]
    assert (held["reserve"], held["is_accepting"], state(hw)) == ("1.000000000000", False, "down")
