"""Routing with every part a process of its own: upstreams, router and miner; and the upstreams' own books as judge."""

import contextlib
import signal
import subprocess
import time
from collections import Counter

import pytest

from functional.nodes import litecoin_regtest
from functional.program import HW, environment, program, until
from hashwright.store.sqlite import SqliteStore

pytestmark = [pytest.mark.functional, pytest.mark.timeout(300)]

SHARE = "0.000005"
"""A share in some 21,000 hashes: thirty a second of one CPU thread."""


@contextlib.contextmanager
def upstream(folder, name):
    """A pool of our own on a practice chain, which the router knows only by its address."""
    (folder / name).mkdir()
    with program(folder / name) as pool:
        pool.run("pool", "add", "toy", "--node", "practice", "--block-interval", "5")
        until(lambda: pool.json("status")["destinations"][0]["height"], what="a template")
        yield pool


def point_at(router, name, pool, *, password=f"d={SHARE}", **options):
    extra = [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", str(value))]
    router.run(
        "pool", "add", name, "--upstream", f"stratum+tcp://127.0.0.1:{pool.port}", "--user", f"acct.{name}",
        "--password", password, "--network", "regtest", "--coin", "bitcoin", *extra,
    )  # fmt: skip


@contextlib.contextmanager
def miner(router, *, user="kai.r01", log=None):
    url = f"stratum+tcp://127.0.0.1:{router.port}"
    process = subprocess.Popen(
        [*HW, "miner", "--quiet", "--url", url, "--user", user, "--algo", router.algorithm],
        stdout=subprocess.DEVNULL, stderr=log or subprocess.DEVNULL, env=environment(router.folder.parent),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def booked_by_worker(pool):
    """The work that an upstream credited, worker by worker, from its own database, in one reading [hashes]."""
    store = SqliteStore.open(pool.folder, readonly=True)
    try:
        totals = store.work_totals(0)
    finally:
        store.close()
    sums = Counter()
    for it in totals:
        if it.outcome in ("accepted", "block"):
            sums[it.worker] += it.work
    return sums


def booked(pool):
    return booked_by_worker(pool).total()


def part_of(first, second):
    mine, others = booked(first), booked(second)
    return mine / max(mine + others, 1)


def destination(router, name):
    status = router.json("route", "status")
    return next(it for it in status["algorithms"][0]["destinations"] if it["destination"] == name)


def test_one_machine_is_split_70_to_30_by_the_upstreams_own_books(tmp_path):
    with upstream(tmp_path, "a") as a, upstream(tmp_path, "b") as b, program(tmp_path) as router:
        point_at(router, "big", a)
        point_at(router, "small", b)
        router.run("route", "set", "big=70%", "small=30%")
        with miner(router):
            until(lambda: booked(a) and booked(b), seconds=60, what="work at both")
            time.sleep(45)
            until(lambda: abs(part_of(a, b) - 0.7) < 0.01, seconds=60, what="70 to 30 within one percent")
            big = destination(router, "big")
        # what the router says was accepted is what the upstream booked, but for what was on its way
        sums = big["windows"]["1h"]["answers"]
        theirs = booked_by_worker(a)
        assert set(theirs) == {"acct.big"}, "shares came under our account only"
        assert abs(int(sums["accepted"]["work"]) - theirs.total()) < 0.05 * theirs.total()
        late = sums["late"]["shares"] + sums["lost"]["shares"] + sums["stale"]["shares"]
        assert late < 0.05 * sums["submitted"]["shares"]


def test_an_upstream_is_killed_and_the_machine_goes_on_elsewhere(tmp_path):
    with upstream(tmp_path, "a") as a, upstream(tmp_path, "b") as b, program(tmp_path) as router:
        point_at(router, "first", a)
        point_at(router, "second", b)
        router.run("route", "set", "first=1", "--fallback", "second")
        with miner(router):
            until(lambda: booked(a) > 0, seconds=60, what="work at the first")
            before = booked(b)
            a.kill()
            until(lambda: booked(b) > before, seconds=30, what="work at the second")
            assert destination(router, "first")["state"] == "down"
            a.start(port=a.port)
            at_a = booked(a)
            until(lambda: booked(a) > at_a, seconds=90, what="work at the first again")


def test_a_restart_while_slicing_keeps_targets_and_books(tmp_path):
    with upstream(tmp_path, "a") as a, upstream(tmp_path, "b") as b, program(tmp_path) as router:
        point_at(router, "one", a)
        point_at(router, "two", b)
        router.run("route", "set", "one=1", "two=1")
        port = router.port
        with miner(router):
            until(lambda: booked(a) and booked(b), seconds=60, what="work at both")
            router.process.send_signal(signal.SIGKILL)
            router.process.wait()
        at_a, at_b = booked(a), booked(b)
        router.start(port=port)
        with miner(router):
            until(lambda: booked(a) > at_a and booked(b) > at_b, seconds=90, what="work at both after the restart")
        status = router.json("route", "status")
        assert [it["destination"] for it in status["algorithms"][0]["destinations"]] == ["one", "two"]
        router.stop()
        verified = router.json("admin", "replay", "--verify")
        assert verified["same"] is True
        # what the books call accepted is never more than what the upstreams booked
        store = SqliteStore.open(router.folder, readonly=True)
        try:
            accepted = sum(it.work for it in store.delivery_totals(0) if it.state == "accepted")
        finally:
            store.close()
        assert 0 < accepted <= booked(a) + booked(b)


def test_two_litecoin_pools_take_blocks_that_were_found_through_the_router(tmp_path):
    with (
        litecoin_regtest(tmp_path / "n1") as node1,
        litecoin_regtest(tmp_path / "n2") as node2,
        program(made(tmp_path / "p1"), algorithm="scrypt") as a,
        program(made(tmp_path / "p2"), algorithm="scrypt") as b,
        program(made(tmp_path / "r"), algorithm="scrypt") as router,
    ):
        for pool, node in ((a, node1), (b, node2)):
            pool.run(
                "pool", "add", "ltc", "--coin", "litecoin", "--network", "regtest", "--address", node.address,
                "--start-difficulty", "0.05", "--minimum-difficulty", "0.05",
                "--rpc-url", node.rpc_url, "--cookie-file", node.cookie_file, "--zmq", node.zmq_address,
            )  # fmt: skip
        for name, pool in (("left", a), ("right", b)):
            router.run(
                "pool", "add", name, "--upstream", f"stratum+tcp://127.0.0.1:{pool.port}", "--user", f"acct.{name}",
                "--password", "md=0.05,d=0.05", "--algo", "scrypt", "--network", "regtest", "--coin", "litecoin",
                "--minimum-difficulty", "0.05",
            )  # fmt: skip
        router.run("route", "set", "left=1", "right=1", "--algo", "scrypt")
        heights = node1.height, node2.height
        with miner(router):
            until(lambda: node1.height > heights[0], seconds=90, what="a block on the first chain")
            until(lambda: node2.height > heights[1], seconds=90, what="a block on the second chain")


def made(folder):
    folder.mkdir()
    return folder


def test_sighup_reads_the_routes_again_without_dropping_a_session(tmp_path):
    with upstream(tmp_path, "a") as a, program(tmp_path) as router:
        point_at(router, "only", a)
        with miner(router):
            until(lambda: booked(a) > 0, seconds=60, what="work")
            connected = router.json("status")["listeners"][0]["connections"]
            router.process.send_signal(signal.SIGHUP)
            before = booked(a)
            until(lambda: booked(a) > before, what="work after the reload")
            assert router.json("status")["listeners"][0]["connections"] == connected == 1
            assert '"settings were read again"' in router.log.read_text()
