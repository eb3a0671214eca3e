"""All of it in one story: 50 machines, two coins, two nodes.

Plan, sell, rest, buy, route, mine, curtail, settle, pay, export; what sells, rests, buys and routes is the autopilot.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time

import pytest

from functional.monero_nodes import monero_regtest
from functional.nodes import litecoin_regtest
from functional.program import program, until
from functional.test_autopilot import routes
from functional.test_books_litecoind import address_of, call, judged_from_outside
from functional.test_books_monero import address_of as monero_address_of
from functional.test_route import booked_by_worker
from hashwright import registry
from hashwright.ledger import accounts
from hashwright.money import amount_of
from hashwright.runtime.control import ask

pytestmark = [pytest.mark.functional, pytest.mark.timeout(400)]
LTC = registry.load("coins", "litecoin").COIN.currency("regtest")
MACHINES = 50
SHARE = "0.0005"
"""A share in some thirty hashes of scrypt. On litecoind's regtest each is a block; on a practice chain few are."""
MEMBER = "sim"
"""The account of all simulated machines."""
SITE = """
[site]
name = "cellar"
zone = "UTC"

[limits]
import_kw = 400.0

[tariff]
kind = "flat"
price = {price}

[revenue]
per_th_day = 0.05

[[groups]]
name = "demo-cgminer"
count = 40
start_cost = 0.0
up_minutes = 0
down_minutes = 0
levels = [{{ power_w = 3250, hashrate_ths = 110.0 }}]

[[groups]]
name = "demo-avalon"
count = 10
start_cost = 0.0
up_minutes = 0
down_minutes = 0
levels = [{{ power_w = 1600, hashrate_ths = 90.0 }}]
"""


def minor(text):
    return amount_of(text, LTC).minor


def say(hw, verb, **arguments):
    return asyncio.run(ask(hw.folder, verb, **arguments))


def made(folder):
    folder.mkdir()
    return folder


@contextlib.contextmanager
def park(hw, port):
    """50 machines that mine scrypt at our address, and the fleet that knows them."""
    command = [sys.executable, "-m", "hashwright.testing.machines.park", "--machines", str(MACHINES)]
    command += ["--first", "127.84.1.1", "--mix", "cgminer,cgminer,cgminer,cgminer,avalon", "--algorithm", "scrypt"]
    command += ["--pool", f"stratum+tcp://127.0.0.1:{port}", "--every", "5"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        settings = []
        while (line := process.stdout.readline().strip()) != "ready":
            assert line, "the machines did not start"
            settings.append(json.loads(line))
        say(hw, "fleet-set", devices=settings)
        yield
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def states(hw):
    return [it["state"] for it in hw.json("fleet", "ls")["devices"]]


def balances(hw, account):
    return {it["account"]: it["amount"] for it in hw.json("ledger", "balance", account)["balances"]}


def add_pools(hw, node, monero):
    hw.run(
        "pool", "add", "ltc", "--coin", "litecoin", "--network", "regtest", "--rpc-url", node.rpc_url,
        "--address", call(node, "pool", "getnewaddress", "", "bech32"), "--cookie-file", node.cookie_file,
        "--zmq", node.zmq_address, "--start-difficulty", SHARE, "--minimum-difficulty", SHARE,
        "--shares-per-minute", "1000", "--scheme", "pplns", "--pool-fee", "1", "--pplns-window", "100",
    )  # fmt: skip
    hw.run(
        "pool", "add", "xmr", "--coin", "monero", "--network", "regtest", "--address", monero_address_of("owner"),
        "--rpc-url", f"http://127.0.0.1:{monero.port}", "--start-difficulty", "1", "--scheme", "pplns",
    )  # fmt: skip
    until(lambda: all(it["height"] for it in hw.json("status")["destinations"]), what="templates of both chains")


def plan(hw):
    """What a person is told before anything runs: what pays, and what a power price does to that."""
    asked = ("plan", "--hardware", "l7 x50", "--horizon", "30")
    cheap, dear = (hw.json(*asked, "--power-price", price) for price in ("0.02", "2"))
    chosen = [max(it["outcomes"], key=lambda row: row["weight"]) for it in (cheap, dear)]
    assert [it["loses"] for it in (cheap, dear)] == [False, True]
    assert [it["coin"] for it in chosen] == ["LTC", ""], "cheap power mines Litecoin, dear power rests"


def begin(hw, other):
    """All machines work for another pool at first; they may be switched."""
    for rule in ("start_percent=100", "stop_percent=100", "poll_s=5", "settle_s=60", "dwell_s=0", "starts_a_day=100"):
        hw.run("fleet", "rules", "--set", rule)
    hw.run("fleet", "rules", "--live", "--yes")
    hw.run(
        "pool", "add", "far", "--upstream", f"stratum+tcp://127.0.0.1:{other.port}", "--user", "acct.far",
        "--password", f"d={SHARE},md={SHARE}", "--network", "regtest", "--coin", "litecoin",
    )  # fmt: skip
    hw.run("route", "set", "far=100%", "--fallback", "ltc")


def price(hw, usd):
    """Say what a litecoin costs, as a feed would have."""
    now = int(time.time() * 1000)
    fact = {"coin": "litecoin", "field": "price_usd", "value": usd, "at_ms": now, "known_at_ms": now,
            "sources": ["test"]}  # fmt: skip
    file = hw.folder / "market" / "facts.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"facts": [fact]}))


def turned(hw):
    """Let the autopilot take a turn, in a process of its own, and return its decision."""
    time.sleep(1)
    return say(hw, "autopilot-turn", algorithm="scrypt")["last"]


def told(hw, words):
    """Return the newest decision that says so; it takes turns by itself too, so it need not be the last."""
    turned(hw)
    found = say(hw, "autopilot-decisions")["decisions"]
    return next((it for it in found if words in it["note"]), None)


def route(hw):
    """The autopilot takes the machines to where a hash earns more."""
    hw.run("autopilot", "set", "scrypt", "--fee", "far=30", "--sell-as", "-", "--may-sleep", "-", "--buy", "-")
    hw.run("autopilot", "go")

    def is_turned():
        turned(hw)
        return routes(hw, "scrypt")["targets"] == ["ltc=10000"]

    until(is_turned, seconds=150, what="the route is turned")
    hw.run("autopilot", "remove", "scrypt")


def mine(hw, port):
    """Both chains get blocks, and the books know whose."""
    done = hw.run(
        "miner", "--url", f"stratum+tcp://127.0.0.1:{port}", "--user", "kai.r1", "--algo", "randomx",
        "--max-shares", "2", "--max-seconds", "90",
    )  # fmt: skip
    assert "2 shares accepted" in done.stdout
    until(lambda: len([it for it in balances(hw, "asset:immature") if it]) == 2, seconds=60, what="blocks of both")


def curtail(hw, folder):
    """Power becomes dear: the machines sleep. It becomes cheap: they work again."""
    site = folder / "site.toml"
    site.write_text(SITE.format(price="0.02"))
    hw.run("autopilot", "power", "set", site, "--mode", "live")
    until(lambda: states(hw).count("hashing") == MACHINES, seconds=60, what="all machines hash")
    site.write_text(SITE.format(price="2.5"))
    until(lambda: states(hw).count("asleep") == MACHINES, seconds=120, what="all machines sleep")
    site.write_text(SITE.format(price="0.02"))
    until(lambda: states(hw).count("hashing") == MACHINES, seconds=120, what="all machines hash again")


def sell(hw, buyer):
    """A buyer pays more than the best pool, so the autopilot sells; what is delivered is paid, in both books."""
    changes = {
        "books": "ltc", "unit": "H", "allows_private_pools": True, "closing_s": 3, "window_s": 2, "cooldown_s": 1,
        "fee_percent": 2,
    }  # fmt: skip
    say(hw, "market-settings", algorithm="scrypt", changes=changes)
    say(hw, "market-fund", account="bea", amount="5", reference="bea")
    price(hw, "80")
    hw.run(
        "autopilot", "set", "scrypt", "--fee", "far=99.9", "--fee", "ltc=99.9999999", "--play-worth", "--step", "100",
        "--dwell", "0", "--mode", "live", "--sell-as", MEMBER, "--may-sleep", "demo-cgminer",
        "--power-price", "0.5", "--efficiency", "1e12",
    )  # fmt: skip
    known = until(lambda: it if "far" in (it := turned(hw))["thought"]["worth"] else None, seconds=90, what="a worth")
    a_day = known["thought"]["worth"]["far"] / 80 / known["seen"]["hashrate_hs"]
    order = say(
        hw, "market-order", account="bea", price=f"{a_day * 1.5:.4f}", limit="900MH/s", budget="4.5",
        user="bea.w", pool=f"stratum+tcp://127.0.0.1:{buyer.port}", password=f"d={SHARE},md={SHARE}", reference="first",
    )["order"]  # fmt: skip
    until(lambda: told(hw, f"{MEMBER} sells from"), seconds=90, what="the autopilot sells")
    until(lambda: booked_by_worker(buyer)["bea.w"], seconds=90, what="work at the buyer's pool")
    say(hw, "market-change", order=order, what="cancel", value="", reference="end")

    def ended():
        row = hw.json("market", "history", "--order", order)["orders"][0]
        return row if row["state"] in ("cancelled", "fulfilled") else None

    row = until(ended, seconds=60, what="the order is over")
    assert int(row["work"]) > 0
    assert booked_by_worker(buyer)["bea.w"] == pytest.approx(int(row["work"]), rel=0.01)
    trades = hw.json("market", "history", "--order", order)["trades"]
    assert sum(minor(it["gross"]) for it in trades) == minor(row["committed"])
    until(lambda: told(hw, f"{MEMBER} no longer sells"), seconds=60, what="nothing is for sale")


def rest(hw):
    """Mining earns less than its power: the machines that may rest do. It pays again: they are woken."""
    price(hw, "0.000000001")
    assert until(lambda: told(hw, "100% of demo-cgminer rest"), seconds=60, what="it lets them rest")["is_loss"]
    until(lambda: states(hw).count("asleep") == MACHINES * 4 // 5, seconds=120, what="those that may sleep")
    price(hw, "80")
    until(lambda: turned(hw) and states(hw).count("hashing") == MACHINES, seconds=120, what="all machines hash again")


def buy(hw, buyer):
    """Hash power is offered for less than a pool pays for it: the autopilot buys it, learns, and lets go at a pause."""
    say(hw, "market-fund", account="ann", amount="5", reference="ann")
    hw.run(
        "market", "rent", "set", "night", "--market", "own", "--account", "ann", "--algo", "scrypt", "--like", "far",
        "--pool", f"stratum+tcp://127.0.0.1:{buyer.port}", "--user", "ann.w", "--limit", "900MH/s", "--budget", "4.5",
        "--budget-day", "4", "--live",
    )  # fmt: skip
    hw.run("autopilot", "set", "scrypt", "--sell-as", "-", "--may-sleep", "-", "--buy", "night", "--buy-budget", "900")
    say(hw, "market-sell", account=MEMBER, floor="0.5")  # the owner's sale, now that the autopilot sells no more
    until(lambda: told(hw, "night: place order-"), seconds=60, what="it buys")
    until(lambda: booked_by_worker(buyer)["ann.w"], seconds=90, what="work at the pool that it was bought for")

    def counted():
        turned(hw)
        found = say(hw, "autopilot-learned", is_fresh=True)["autopilots"][0]["purchases"]
        # what is paid is told by windows of settled work, what is earned by what came: they meet after a few of them
        return found[0] if found and found[0]["earned_usd_est"] > found[0]["paid_usd_est"] > 0 else None

    learned = until(counted, seconds=90, what="it earned more than it paid")
    assert (learned["rental"], learned["is_paper"]) == ("night", False)
    paused = hw.json("autopilot", "pause")
    assert paused["rentals"]["night"].startswith("cancel order-"), paused
    sent = hw.json("market", "rent", "history", "night")["actions"]
    assert [it["kind"] for it in sent][0 :: len(sent) - 1] == ["cancel", "place"]
    assert sent[-1]["saw"]["worth_usd_ph_day"] > sent[-1]["saw"]["cost_usd_ph_day"] > 0
    say(hw, "market-sell", account=MEMBER, stop=True)


def settle_and_pay(hw, node):
    """Rewards become spendable, and the members get theirs on the chain."""
    node.mine(101, address_of("nobody"))
    until(lambda: "asset:wallet:ltc" in balances(hw, "asset:wallet"), seconds=60, what="rewards that can be spent")
    hw.run("pool", "address", "ltc", MEMBER, address_of(MEMBER))
    flags = ("--rpc-url", node.rpc_url, "--wallet", "pool", "--cookie-file", node.cookie_file, "--threshold", "0.001")
    hw.run("pool", "payouts", "ltc", *flags, "--daily-limit", "10000000", "--live")

    def paid():
        node.mine(1, address_of("nobody"))
        rows = hw.json("pool", "payout", "ltc")["payouts"]
        return rows[0] if rows and rows[0]["state"] == "settled" else None

    done = until(paid, seconds=120, what="a payout is settled")
    found = node.rpc("scantxoutset", "start", [f"addr({address_of(MEMBER)})"])
    received = minor(f"{found['total_amount']:.8f}")
    assert 0 <= minor(done["amount"]) - received < 200_000, "all of it but the network's fee"


def test_plan_sell_rest_buy_route_mine_curtail_settle_pay_export(tmp_path):
    with (
        litecoin_regtest(tmp_path / "node", blocks=110) as node,
        monero_regtest(tmp_path / "monero") as monero, program(made(tmp_path / "buyer"), algorithm="scrypt") as buyer,
        program(made(tmp_path / "hw"), algorithm="scrypt", flags=("--listen", "randomx=127.0.0.1:0")) as hw,
    ):  # fmt: skip
        node.rpc("createwallet", "pool")
        buyer.run(
            "pool", "add", "home", "--node", "practice", "--coin", "litecoin", "--block-interval", "10",
            "--start-difficulty", SHARE, "--minimum-difficulty", SHARE, "--shares-per-minute", "1000",
        )  # fmt: skip
        ports = {it["algorithm"]: int(it["url"].rpartition(":")[2]) for it in hw.json("status")["listeners"]}
        plan(hw)
        add_pools(hw, node, monero)
        with park(hw, ports["scrypt"]):
            begin(hw, buyer)
            sell(hw, buyer)
            rest(hw)
            buy(hw, buyer)
            route(hw)
            mine(hw, ports["randomx"])
            curtail(hw, tmp_path)
        settle_and_pay(hw, node)
        assert balances(hw, accounts.member_immature("xmr", "kai")), "what was mined on the other chain waits"
        assert hw.json("ledger", "check", "--deep")["findings"] == []
        judged_from_outside(hw)
        hw.stop()
        assert hw.json("admin", "replay", "--verify")["same"] is True
