"""Monero by the pool itself, on a real monerod: our miner and a real xmrig find blocks, and the node is the judge."""

import asyncio
import contextlib
import json

import pytest

from functional.monero_nodes import monero_regtest
from functional.nodes import free_port
from functional.program import program, until
from functional.xmrig import PROGRAM, xmrig
from hashwright import registry
from hashwright.chain.cryptonote import template
from hashwright.chain.cryptonote.address import MoneroAddress, is_point
from hashwright.ledger import accounts
from hashwright.money import Currency, amount_of
from hashwright.pool import judge
from hashwright.pool.events import ShareHashed
from hashwright.runtime.engines import Engines, step
from hashwright.runtime.system import SystemClock
from hashwright.store.sqlite import SqliteStore
from shell.monero_app import BlobWire, drop_machines, running
from tls_files import certificate

pytestmark = [pytest.mark.functional, pytest.mark.timeout(290)]
XMR = Currency("XMRREGTEST", 12)
MEMBER = "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H"
"""A subaddress: good for members, not for blocks."""
DIFFICULTY = 40


def some_address():
    """A primary address whose secret keys nobody knows."""

    def point(start):
        return next(key for n in range(start, start + 100) if is_point(key := n.to_bytes(32, "little")))

    return MoneroAddress(network="main", kind="standard", spend_key=point(5), view_key=point(900)).text


def add_pool(hw, node, *extra):
    hw.run(
        "pool", "add", "xmr", "--coin", "monero", "--network", "regtest", "--address", some_address(),
        "--rpc-url", f"http://127.0.0.1:{node.port}", "--start-difficulty", "4", *extra,
    )  # fmt: skip
    wait_for_template(hw)


def wait_for_template(hw):
    until(lambda: hw.json("status")["destinations"][0]["height"], what="a template")


def confirmed(hw):
    """Height and hash of our blocks that stand in the chain."""
    found = hw.json("status")["blocks"]
    return [(it["height"], it["block_hash"]) for it in found if it["state"] == "confirmed"]


def balances(hw):
    """The books of one moment: blocks may come between two questions."""
    rows = hw.json("ledger", "balance")["balances"]
    return {row["account"]: amount_of(row["amount"], XMR).minor for row in rows}


def journaled_shares(folder):
    """Every share of the journal, with what was hashed for it: the engine's own steps, once more."""
    store, state = SqliteStore.open(folder, readonly=True), Engines()
    try:
        for batch in store.read_batches(0):
            for now, event, _ in batch.entries():
                if type(event) is ShareHashed and event.hash_le:
                    found = judge.find_job(state.pool, event.session, event.job)
                    if found is None:
                        continue  # its machine or its job was gone by then: stale, and nobody is credited
                    yield found[0], judge.input_of(found, judge.rolled_of(event)), event
                step(state, event, now=now)
    finally:
        store.close()


def judged_by_the_node(node, folder):
    """Let the node hash every share of the run; return how many there were."""
    count = 0
    for job, blob, event in journaled_shares(folder):
        theirs = node(
            "calc_pow", major_version=job.version, height=job.height, block_blob=blob.hex(),
            seed_hash=job.blob.seed.hex(),
        )  # fmt: skip
        assert theirs == event.hash_le.hex() == event.claimed_le.hex()
        count += 1
    return count


def divided_by_the_window(hw):
    """The books of the blocks: what members and the pool have is what the blocks pay, to the last piconero."""
    found = until(lambda: balances(hw), what="blocks in the books")
    immature = found.pop(accounts.immature("xmr"))
    held = {name: value for name, value in found.items() if name.startswith("liability:")}
    assert immature == sum(held.values()) > 0
    assert held.pop(accounts.unearned("xmr")) == pytest.approx(immature / 100, rel=1e-6)
    assert hw.json("ledger", "check", "--deep")["findings"] == []
    return held


def test_our_miner_finds_blocks_and_the_node_agrees_on_every_share(tmp_path):
    with monero_regtest(tmp_path / "node", difficulty=DIFFICULTY) as node, program(tmp_path, algorithm="randomx") as hw:
        add_pool(hw, node)
        before = node("get_info")["height"]
        flags = ("--password", "d=20", "--max-shares", "10", "--max-seconds", "100", "--json")
        done = json.loads(hw.mine(*flags).stdout)  # each share is a block by an even chance
        assert done["accepted"] == 10, done
        assert done["rejected"] <= 5, "some come too late, behind a block"
        until(lambda: node("get_info")["height"] > before, what="a block")
        ours = until(lambda: confirmed(hw), what="the node's word about a block")
        for height, block_hash in ours:
            assert node("get_block_header_by_height", height=height)["block_header"]["hash"] == block_hash
        hw.stop()
        assert 10 <= judged_by_the_node(node, hw.folder) <= done["submitted"]
        assert hw.run("admin", "replay", "--verify").returncode == 0


@pytest.mark.sid
@pytest.mark.skipif(not PROGRAM.exists(), reason="xmrig is not in .judges: run scripts/judges")
def test_xmrig_and_our_miner_share_blocks_across_a_kill_and_a_node_that_restarts(tmp_path):
    port, tls_port, rpc_port = free_port(), free_port(), free_port()
    files, settings = certificate(), tmp_path / "hw" / "hw.toml"
    settings.parent.mkdir()
    settings.write_text(f'tls_certificate = "{files[0]}"\ntls_key = "{files[1]}"\n')
    flags = ("--listen", f"randomx+tls=127.0.0.1:{tls_port}")
    with contextlib.ExitStack() as stack:
        node_life = stack.enter_context(contextlib.ExitStack())
        node = node_life.enter_context(monero_regtest(tmp_path / "node", difficulty=DIFFICULTY, port=rpc_port))
        hw = stack.enter_context(program(tmp_path, algorithm="randomx", flags=flags))
        add_pool(hw, node, "--scheme", "pplns", "--pool-fee", "1", "--pplns-window", "100")
        machine = stack.enter_context(xmrig(tmp_path, tls_port, user=f"{MEMBER}.rig", flags=("--tls",)))
        until(lambda: machine.accepted >= 3, seconds=60, what="xmrig's first shares")
        hw.kill()
        hw.start(port=port)
        wait_for_template(hw)
        before = machine.accepted
        until(lambda: machine.accepted >= before + 3, seconds=60, what="xmrig's shares after the kill")
        node_life.close()
        until(lambda: hw.json("status")["destinations"][0]["state"] == "down", what="the node is missed")
        node = stack.enter_context(monero_regtest(tmp_path / "node", difficulty=DIFFICULTY, port=rpc_port))
        done = json.loads(hw.mine("--max-shares", "6", "--max-seconds", "60", "--json").stdout)
        assert done["accepted"] == 6, done
        before = machine.accepted
        until(lambda: machine.accepted >= before + 2, seconds=60, what="xmrig's shares after the node's restart")
        until(lambda: not machine.text.count("invalid") and hw.json("status")["blocks"], what="a block")
        held = divided_by_the_window(hw)
        assert set(held) == {accounts.member_immature("xmr", MEMBER), accounts.member_immature("xmr", "kai")}
        late = machine.text.count("Block expired")
        assert machine.rejected == late < machine.accepted, machine.text
        hw.stop()
        assert judged_by_the_node(node, hw.folder) >= 14


def test_the_key_changes_on_a_real_chain_and_no_share_is_lost(tmp_path, monkeypatch):
    """The node takes a shorter epoch from its environment; our rule is set to the same, and all else is as always."""
    monkeypatch.setenv("SEEDHASH_EPOCH_BLOCKS", "16")
    monkeypatch.setenv("SEEDHASH_EPOCH_LAG", "4")
    monkeypatch.setattr(template, "seed_height", lambda height: 0 if height <= 20 else (height - 5) // 16 * 16)

    async def scene(node):
        plugin, coin = registry.load("nodes", "monerod").PLUGIN, registry.load("coins", "monero").COIN
        config = plugin.config(rpc_url=f"http://127.0.0.1:{node.port}")
        real = plugin.build(config, coin=coin, network="regtest", clock=SystemClock(), address=some_address())
        async with running(tmp_path / "data", real) as app:
            wire = await BlobWire.connect(app)
            jobs = [await wire.login()]
            assert jobs[0]["next_seed_hash"], "the coming key is told ahead"
            while jobs[-1]["height"] < 23:
                assert await wire.share(jobs[-1], len(jobs)) == "OK"  # at difficulty 1 each one is a block
                while (newer := await wire.job())["height"] <= jobs[-1]["height"]:
                    pass
                jobs.append(newer)
            await wire.close()
        return jobs

    with monero_regtest(tmp_path / "node") as node:
        node("generateblocks", amount_of_blocks=17, wallet_address=some_address(), starting_nonce=0)
        jobs = asyncio.run(scene(node))
        drop_machines()
        assert {job["height"] for job in jobs} == set(range(18, 24))
        keys = {job["seed_hash"] for job in jobs}
        assert keys == {jobs[0]["seed_hash"], jobs[0]["next_seed_hash"]}
        assert node("get_info")["height"] == 23
        assert judged_by_the_node(node, tmp_path / "data") == 5
