"""Orders whose pools are not honest, through the whole program: sockets, router, market and books in one process.

A seller's machine hashes for real. The buyer's pool is a script: it sends the order away, dies, falls silent, refuses.
"""

import asyncio
import contextlib
from types import SimpleNamespace

import msgspec
import pytest

from hashwright.chain.coinbase import build_coinbase
from hashwright.errors import Disconnected, LimitRefused, OperatorError
from hashwright.runtime import market_commands, market_history, market_verify, market_views
from hashwright.runtime.route_probe import ProbeLimits
from hashwright.store.market import read_orders
from hashwright.testing.miner import mine
from hashwright.testing.talk import MinerOptions
from shell import app as shell
from shell.app import ScriptedNode
from shell.upstream_pool import PREV, QUICK, Pool, until

SHARE = 1e-6
"""A share in some 4,300 hashes."""
TERMS = {
    "books": "pool", "unit": "kH", "allows_private_pools": True, "closing_s": 1, "window_s": 1, "silent_s": 2,
    "verify_s": 3600, "minimum_amount": "0.00001", "pool_latency_ms_max": 60_000,
}  # fmt: skip
PATIENT = ProbeLimits(connect_s=20, subscribe_s=20, login_s=20, job_s=20, rest_s=0.1)
SCALE = 1000 * 86_400
PARTS = build_coinbase(
    100, ((5_000_000_000, b"\x00\x14" + b"b" * 20),), tag=b"/buyer/", extra=b"", extranonce_size=12,
    witness_commitment=b"",
)  # fmt: skip


class BuyerPool(Pool):
    """Gives a job with a real coinbase, and answers shares as it is told."""

    def __init__(self):
        super().__init__(difficulty=SHARE)
        self.answers = lambda number: True
        self.shares = 0
        self.asks = SHARE

    def mining_authorize(self, client, request):
        client.reply(request)
        client.tell("mining.set_difficulty", self.asks)
        job = ["j1", PREV, PARTS.prefix.hex(), PARTS.suffix.hex(), [], "20000000", "1d00ffff", "68000000", True]
        client.tell("mining.notify", *job)

    def mining_submit(self, client, request):
        self.shares += 1
        answer = self.answers(self.shares)
        if answer is True:
            client.reply(request)
        elif answer is not None:
            client.reply(request, None, [20, answer, None])


@contextlib.asynccontextmanager
async def trading(folder, monkeypatch, *, seller="sam"):
    """A market with one machine for sale, and an order for a scripted pool that is live and gets work."""
    monkeypatch.setattr(market_verify, "LIMITS", PATIENT)
    buyer = await BuyerPool().start()
    changes = {"start_difficulty": SHARE, "minimum_difficulty": SHARE, "shares_per_minute": 100_000.0}
    async with shell.running(folder, ScriptedNode(bits="1d00ffff"), **changes) as app:
        app.upstream_limits = QUICK
        await market_commands.change_settings(app, "sha256d", TERMS)
        market_commands.set_sale(app, {"account": seller})
        await market_commands.fund_account(app, {"account": "bea", "amount": "50", "reference": "1"})
        listener = app.shell.listeners[0]
        options = MinerOptions(url=f"{listener.host}:{listener.port}", user=f"{seller}.r1", password=f"md={SHARE}")
        mining = asyncio.create_task(mine(options, lambda _event: None))
        try:
            order = await market_commands.place_order(
                app, {"account": "bea", "reference": "a", "price": "40", "limit": "900MH/s", "budget": "40",
                      "pool": buyer.url, "user": "bea.w"},
            )  # fmt: skip
            world = SimpleNamespace(app=app, buyer=buyer, id=order["order"])
            await until(lambda: state_of(world) == "active" and buyer.shares >= 3)
            yield world
        finally:
            mining.cancel()
            await asyncio.gather(mining, return_exceptions=True)
            await buyer.stop()


def order_of(world):
    return world.app.market.state.orders.get(world.id)


def state_of(world):
    order = order_of(world)
    return None if order is None else order.state


def machines_at_work(world):
    return [it.bound for it in world.app.market.state.machines.values() if it.bound]


async def ended(world):
    """Cancel, and return the rows of the order and its trades, which must be paid to the last unit."""
    app = world.app
    await market_commands.change_order(app, {"order": world.id, "what": "cancel", "reference": "end"})
    await until(lambda: order_of(world) is None)
    app.kernel.commit_now()
    await asyncio.wrap_future(app.writer.transact(lambda _: None))
    found = await market_history.history(app, "", world.id)
    (row,) = found["orders"]
    for trade in found["trades"]:
        assert minor(trade["gross"]) == 40 * 10**8 * int(trade["work"]) // SCALE
    assert sum(minor(it["gross"]) for it in found["trades"]) == minor(row["committed"]) > 0
    free = app.market.state.funds["sha256d"]["bea"]
    assert free == minor("50") - minor(row["committed"])
    return found


def minor(text):
    return round(float(text) * 10**8)


@pytest.fixture
def play(tmp_path, monkeypatch):
    def play(story, **options):
        async def run():
            async with trading(tmp_path, monkeypatch, **options) as world:
                await story(world)

        asyncio.run(run())

    return play


def test_a_pool_that_sends_its_order_elsewhere_is_obeyed_on_its_own_host_only(play):
    async def story(world):
        other = await BuyerPool().start()
        try:
            own_port = world.app.shell.listeners[0].port
            for host, port in (("localhost", other.port), ("10.0.0.1", 3333), ("evil.example", 3333)):
                world.buyer.client.tell("client.reconnect", host, port, 0)
            before = world.buyer.shares
            await until(lambda: world.buyer.shares > before + 3)
            assert other.clients == []
            assert state_of(world) == "active"

            world.buyer.client.tell("client.reconnect", "127.0.0.1", own_port, 0)  # a loop: back to ourselves
            before = world.buyer.shares
            await until(lambda: world.buyer.shares > before + 3)
            assert state_of(world) == "active"

            world.app.upstreams[world.id].limits = QUICK
            world.app.upstreams[world.id]._moved_s = float("-inf")  # a minute later
            world.buyer.client.tell("client.reconnect", "", other.port, 0)
            await until(lambda: other.shares > 3)
            assert state_of(world) == "active"
            await ended(world)
        finally:
            await other.stop()

    play(story)


def test_a_pool_that_dies_pauses_its_order_and_its_machines_go_home_at_once(play):
    async def story(world):
        port, state = world.buyer.port, world.app.market.state
        await world.buyer.stop()
        world.buyer.server = None
        await until(lambda: state_of(world) == "paused")
        assert not machines_at_work(world), "the same step sends them home"
        assert "away" in order_of(world).reason
        due = order_of(world).due
        home = next(iter(state.machines.values())).shares
        await until(lambda: next(iter(state.machines.values())).shares > home + 5)
        assert order_of(world).due == due, "it pays for work that it does not get"
        await world.buyer.start(port=port)
        before = world.buyer.shares
        await until(lambda: state_of(world) == "active" and world.buyer.shares > before)
        await ended(world)

    play(story)


def test_a_pool_is_looked_at_again_while_its_order_runs(play):
    """It was good, and asks new connections for a difficulty out of bounds; later it is good again."""

    async def story(world):
        settings = world.app.market.settings
        settings["sha256d"] = msgspec.structs.replace(settings["sha256d"], verify_s=1)
        world.buyer.asks = 1e15
        await until(lambda: state_of(world) == "paused")
        assert order_of(world).paused_by == "check"
        assert "difficulty" in order_of(world).reason
        await until(lambda: not machines_at_work(world))
        world.buyer.asks = SHARE
        before = world.buyer.shares
        await until(lambda: state_of(world) == "active" and world.buyer.shares > before)
        await ended(world)

    play(story)


def test_a_pool_that_falls_silent_pauses_its_order_and_pays_for_what_it_swallowed(play):
    async def story(world):
        world.buyer.answers = lambda number: None
        await until(lambda: state_of(world) == "paused")
        assert order_of(world).paused_by == "silent", order_of(world).reason
        swallowed = order_of(world)
        assert sum(it.shares for it in swallowed.contracts.values()) > swallowed.answers.accepted
        await until(lambda: not machines_at_work(world))
        await ended(world)

    play(story)


@pytest.mark.parametrize("every", [1, 5])
def test_a_pool_that_refuses_more_than_chance_is_left_and_is_named(play, every):
    """It refuses all, or steals a fifth: the sellers are paid for both, and people see who refused."""

    async def story(world):
        world.buyer.answers = lambda number: "share is not good" if number % every == 0 else True
        await until(lambda: state_of(world) == "paused")
        order = order_of(world)
        assert order.paused_by == "rejects"
        assert "refused" in order.reason
        assert "share is not good" in order.reason
        assert order.answers.ours == 0
        paid = sum(it.shares for it in order.contracts.values())
        assert paid >= order.answers.accepted + order.answers.rejected
        app = world.app
        (seen,) = [
            it for it in (await market_history.history(app, "bea", ""))["findings"] if it["kind"] == "pool-rejects"
        ]
        assert (seen["who"], seen["order"]) == ("bea", world.id)
        assert seen["p_value"] < 1e-6
        assert "not by chance" in seen["text"]
        await ended(world)

    play(story)


def test_who_sells_to_itself_is_marked_for_good(play):
    async def story(world):
        assert market_views.order_document(
            order_of(world), world.app.market.state.terms["sha256d"], now=world.app.clock.now()
        )["sellers"][0]["is_own"]
        found = await ended(world)
        assert [it["is_own"] for it in found["trades"]] == [True]
        (seen,) = found["findings"]
        assert (seen["kind"], seen["who"], seen["order"]) == ("self-dealing", "bea", world.id)

    play(story, seller="bea")


def test_an_address_that_the_gate_refuses_holds_nothing_and_stays_refused(tmp_path, monkeypatch):
    """Ports of services, ourselves in odd spellings, private networks: judged before any money is held."""

    async def story():
        changes = {"start_difficulty": SHARE, "minimum_difficulty": SHARE}
        async with shell.running(tmp_path, ScriptedNode(bits="1d00ffff"), **changes) as app:
            await market_commands.change_settings(app, "sha256d", TERMS)
            await market_commands.fund_account(app, {"account": "bea", "amount": "50", "reference": "1"})
            with pytest.raises(OperatorError, match="50"):  # the same reference, another amount
                await market_commands.fund_account(app, {"account": "bea", "amount": "51", "reference": "1"})
            state, own = app.market.state, app.shell.listeners[0].port

            async def buy(url, reference):
                words = {"price": "40", "limit": "900MH/s", "budget": "40", "user": "bea.w"}
                await market_commands.place_order(app, {"account": "bea", "reference": reference, "pool": url, **words})

            places = [f"127.0.0.1:{own}", f"0x7f000001:{own}", f"localhost:{own}", f"[::1]:{own}", "8.8.8.8:5432"]
            for number, place in enumerate([*places, "8.8.8.8:22"]):
                for _ in range(2):
                    with pytest.raises(LimitRefused, match="Nothing was held") as refusal:
                        await buy(f"stratum+tcp://{place}", f"a{number}")
                    assert refusal.value.code in ("HW-871", "HW-106"), place
            with pytest.raises(OperatorError, match="another request"):
                await buy("stratum+tcp://8.8.8.8:3333", "a0")
            app.market.settings["sha256d"] = msgspec.structs.replace(
                app.market.settings["sha256d"], allows_private_pools=False
            )
            with pytest.raises(LimitRefused, match="private"):
                await buy("stratum+tcp://10.1.2.3:3333", "private")

            async def nowhere(*_arguments, **_options):
                raise OSError("no such name")

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
            with pytest.raises(Disconnected):
                await buy("stratum+tcp://pool.invalid:3333", "later")
            assert "bea/later" not in state.given, "a name that is not resolved now may be asked for again"
            assert (state.funds["sha256d"]["bea"], state.orders_made) == (minor("50"), 0)
            assert await asyncio.to_thread(app.store.read_books, lambda it: read_orders(it)) == []

    asyncio.run(story())
