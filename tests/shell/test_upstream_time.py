"""Upstreams over hours, in virtual time and with the real limits: time-outs, back-off, the way home, a bad network."""

import asyncio
import itertools

import pytest

from hashwright.runtime.upstream import UpstreamLimits
from hashwright.testing.simulation.loop import SimClock, run
from hashwright.testing.simulation.network import SimNetwork
from shell.test_upstream_faults import check_legal
from shell.upstream_pool import Pool, running, share

REAL = UpstreamLimits()


def simulate(story, *, seed=1, names=("one",), setup=None, **options):
    """Run `story(app, pools, loop)` with one pool a name, each a host of its own."""

    async def world(loop):
        network = SimNetwork(loop)
        several = []
        for name in names:
            pool = Pool(prefix=f"{len(several):02x}")
            pool.server = await asyncio.start_server(pool._serve, name, 3333)
            several.append(pool)
        if setup is not None:
            setup(several)
        urls = [f"stratum+tcp://{name}:3333" for name in names]
        async with running(*urls, limits=REAL, clock=SimClock(loop), **options) as app:
            app.network = network
            await story(app, several, loop)
        check_legal(app.desk)
        return loop.trace()

    return run(seed, world)


def hang_up_after(seconds, loop, pool):
    """Let a pool close each connection after a while."""

    def authorize(client, request):
        pool.mining_authorize(client, request)
        loop.call_later(seconds, client.close)

    pool.on["mining.authorize"] = authorize


async def passes(seconds, predicate=None, *, step=0.05):
    """Let virtual time pass, until something holds; return how long it took [s]."""
    start = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() - start < seconds:
        if predicate is not None and predicate():
            break
        await asyncio.sleep(step)
    else:
        assert predicate is None, f"not within {seconds} virtual seconds"
    return asyncio.get_running_loop().time() - start


def times_of_connects(pool, loop):
    times = []
    pool.on["connect"] = lambda _client, _request: times.append(loop.time())
    return times


# -------------------------------------------------------------------- time-outs


@pytest.mark.parametrize(
    ("silent", "bound_s", "words"),
    [
        ("mining.subscribe", REAL.handshake_s, "no answer to mining.subscribe in 15 s"),
        ("mining.authorize", REAL.handshake_s, "no answer to mining.authorize in 15 s"),
    ],
)
def test_a_silent_handshake_takes_its_time_and_no_longer(silent, bound_s, words):
    async def story(app, several, loop):
        took = await passes(60, lambda: "unreachable" in app.desk.states)
        assert bound_s <= took < bound_s + 3
        assert words in app.upstream.detail

    def setup(several):
        several[0].on[silent] = lambda _client, _request: None

    simulate(story, setup=setup)


def test_a_partition_while_connecting_ends_after_ten_seconds():
    async def story(app, several, loop):
        await passes(60, lambda: app.desk.jobs)
        app.network.partition("one", 300.0)
        app.upstream.close_channel(101, "a test")
        took = await passes(300, lambda: "no connection in 10 s" in app.upstream.detail)
        assert REAL.refused_s / 2 + REAL.connect_s <= took <= REAL.refused_s + REAL.connect_s + 1
        await passes(600, lambda: len(app.desk.opened) == 2)

    simulate(story)


def test_no_first_job_for_half_a_minute():
    async def story(app, several, loop):
        took = await passes(60, lambda: app.desk.closed)
        assert 30 <= took < 33
        assert app.desk.closed[0].reason == "no job in the first 30 s"

    def setup(several):
        several[0].gives_jobs = False

    simulate(story, setup=setup)


def test_no_job_for_ten_minutes_and_a_job_every_nine_is_enough():
    async def story(app, several, loop):
        for number in range(4):
            await passes(540)
            several[0].client.job(f"n{number}")
        await passes(1)
        assert app.desk.closed == []
        took = await passes(700, lambda: app.desk.closed)
        assert 598 <= took < 602
        assert app.desk.closed[0].reason == "no job for 600 s"
        await passes(60, lambda: several[1].clients)  # also where no machine was there to miss them
        assert "unreachable" in app.desk.states

    simulate(story, names=("one", "two"))


def test_a_share_that_is_never_answered_does_not_end_a_connection_that_answers_others():
    async def story(app, several, loop):
        def submit(client, request):
            if request["params"][4] != "00000000":
                client.reply(request)

        several[0].on["mining.submit"] = submit
        await passes(60, lambda: app.desk.jobs)
        app.upstream.submit(share(0))
        for number in range(1, 11):
            await passes(50)
            app.upstream.submit(share(number))
        await passes(1)
        assert app.desk.closed == []
        assert [verdict.share for verdict in app.desk.verdicts] == list(range(1, 11))
        took = await passes(100, lambda: app.desk.closed)
        assert 57 <= took < 62
        assert app.desk.closed[0].reason == "1 shares, and no answer for 60 s"

    simulate(story)


# -------------------------------------------------------------------- back-off


def test_a_dead_upstream_is_asked_less_and_less_often_but_every_minute():
    async def story(app, several, loop):
        times = times_of_connects(several[0], loop)
        several[0].on["mining.subscribe"] = lambda client, _request: client.close()
        several[0].client.abort()
        await passes(4 * 3600, step=1.0)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert max(gaps) <= REAL.back_off_max_s + 1
        assert sum(gap < 5 for gap in gaps[:4]) >= 3
        late = gaps[12:]
        mean = sum(late) / len(late)
        assert 24 < mean < 36  # full jitter: evenly from none to the bound
        assert len([event for event in app.desk.events if type(event).__name__ == "UpstreamChanged"]) <= 6

    async def begin(app, several, loop):
        await passes(60, lambda: app.desk.jobs)
        await story(app, several, loop)

    simulate(begin)


def test_after_an_hour_of_health_the_next_try_is_quick():
    async def story(app, several, loop):
        pool = several[0]
        pool.on["mining.subscribe"] = lambda client, _request: client.close()
        await passes(1200, step=1.0)
        assert app.upstream.describe()["failures"] > 10
        del pool.on["mining.subscribe"]
        await passes(120, lambda: app.desk.jobs)
        for number in range(6):
            await passes(540, step=1.0)
            pool.client.job(f"n{number}")
        app.upstream.submit(share(1))
        await passes(1)
        pool.client.abort()
        took = await passes(60, lambda: len(app.desk.opened) == 2)
        assert took < REAL.back_off_first_s + 1
        assert app.upstream.describe()["failures"] == 1

    simulate(story)


def test_a_connection_that_dies_at_once_again_and_again_is_no_health():
    async def story(app, several, loop):
        times = times_of_connects(several[0], loop)
        hang_up_after(2.0, loop, several[0])
        await passes(3600, step=1.0)
        assert len(times) < 3600 / 20
        assert app.upstream.describe()["failures"] > 20

    simulate(story)


def test_a_stand_by_that_is_hung_up_on_for_its_silence_is_made_again_where_it_was():
    async def story(app, several, loop):
        await passes(60, lambda: app.desk.jobs)
        loop.call_later(300.0, several[0].client.close)
        hang_up_after(300.0, loop, several[0])
        await passes(3600, step=1.0)
        assert len(several[0].clients) >= 11
        assert several[1].clients == []
        assert app.desk.states == ["connecting", "connected"]
        assert app.upstream.describe()["failures"] == 0

    simulate(story, names=("one", "two"))


def test_a_connection_in_use_that_is_hung_up_on_is_a_failure():
    async def story(app, several, loop):
        await passes(60, lambda: app.desk.jobs)
        await passes(120)
        app.upstream.submit(share(1))
        await passes(1)
        several[0].client.close()
        await passes(60, lambda: len(app.desk.opened) == 2)
        assert app.desk.states == ["connecting", "connected", "unreachable", "connected"]
        assert len(several[1].clients) == 1

    simulate(story, names=("one", "two"))


def test_an_upstream_that_allows_one_connection_is_not_stormed_for_a_second():
    async def story(app, several, loop):
        pool = several[0]

        def authorize(client, request):
            pool.mining_authorize(client, request)
            if len([other for other in pool.clients if not other.ended.is_set()]) > 1:
                client.close()

        pool.on["mining.authorize"] = authorize
        await passes(60, lambda: app.desk.jobs)
        for minute in range(120):
            several[0].clients[0].job(f"n{minute}")
            for _ in range(60):  # as the engine does: it asks again for each connection that is gone
                app.upstream.open_channel(7)
                await passes(1, step=1.0)
        assert 60 < len(pool.clients) < 400
        assert app.desk.states == ["connecting", "connected"]
        assert not pool.clients[0].ended.is_set()
        del pool.on["mining.authorize"]
        await passes(200, lambda: len(app.upstream._channels) > 1)
        await passes(300, step=1.0)
        app.upstream.open_channel(8)
        took = await passes(60, lambda: len(app.upstream._channels) > 2)
        assert took < 2  # what was long ago is forgotten

    def setup(several):
        several[0].size = 4

    simulate(story, setup=setup)


def test_refused_accounts_are_tried_slowly_and_the_fall_back_at_once():
    async def story(app, several, loop):
        first, second = several
        times = times_of_connects(first, loop)
        first.on["mining.authorize"] = lambda client, request: client.reply(request, None, [24, "no", None])
        second.on["mining.authorize"] = first.on["mining.authorize"]
        await passes(1800, step=1.0)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert min(gaps) >= REAL.refused_s / 2 - 1
        assert second.clients
        del second.on["mining.authorize"]
        await passes(200, lambda: app.desk.jobs)

    simulate(story, names=("one", "two"))


# -------------------------------------------------------------------- the way home, and redirects


def test_the_primary_is_tried_every_five_minutes_give_or_take_a_quarter():
    async def story(app, several, loop):
        first, second = several
        await passes(60, lambda: app.desk.jobs)
        first.on["mining.subscribe"] = lambda client, _request: client.close()
        times = times_of_connects(first, loop)
        first.client.abort()
        await passes(60, lambda: len(app.desk.opened) == 2)
        for number in range(8):
            await passes(500, step=1.0)
            second.client.job(f"n{number}")
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert len(gaps) >= 9
        assert all(REAL.home_s * 0.74 < gap < REAL.home_s * 1.26 for gap in gaps)
        del first.on["mining.subscribe"]
        took = await passes(400, lambda: len(app.desk.opened) == 3)
        assert took < 380
        await passes(30, lambda: app.desk.closed[-1].reason == "the primary is back")
        assert app.upstream.describe()["is_primary"]

    simulate(story, names=("one", "two"))


@pytest.mark.parametrize(("wait_s", "lowest_s", "highest_s"), [(0, 0, 2), (30, 30, 32), (86_400, 600, 602)])
def test_the_wait_of_a_redirect_is_kept_up_to_ten_minutes(wait_s, lowest_s, highest_s):
    async def story(app, several, loop):
        first, second = several
        await passes(60, lambda: app.desk.jobs)
        first.client.tell("client.reconnect", "two", 3333, wait_s)
        loop.call_later(300, first.client.job, "meanwhile")
        took = await passes(700, lambda: second.clients)
        assert lowest_s <= took <= highest_s
        await passes(30, lambda: app.desk.closed)
        assert app.upstream.describe()["address"] == "stratum+tcp://two:3333"

    simulate(story, names=("one", "two"), reconnect_hosts=["two"])


def test_a_redirect_is_obeyed_again_after_a_minute():
    async def story(app, several, loop):
        await passes(60, lambda: app.desk.jobs)
        times = times_of_connects(several[0], loop)
        for _ in range(100):
            several[0].client.tell("client.reconnect")
            await passes(3)
        assert 4 <= len(times) <= 6
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert min(gaps) >= REAL.reconnect_gap_s - 1

    simulate(story)


# -------------------------------------------------------------------- a bad network


@pytest.mark.parametrize("seed", range(4))
def test_an_hour_of_resets_partitions_and_crashes_keeps_every_promise(seed):
    async def story(app, several, loop):
        chance = loop.chance_of("story")
        jobs = itertools.count()
        app.network.reset_rate = 0.002
        for number in range(1200):
            await asyncio.sleep(3.0)
            for pool in several:
                if pool.clients and number % 10 == 0:
                    pool.client.job(f"n{next(jobs)}")
            for channel in tuple(app.upstream._channels):
                app.upstream.submit(share(number, channel=channel))
            if chance.random() < 0.01:
                app.network.partition("one", chance.uniform(1, 90))
            if chance.random() < 0.01:
                app.network.reset_some(0.5)
            if chance.random() < 0.005:
                app.upstream.open_channel(number)
        app.network.reset_rate = 0.0
        await passes(600, lambda: app.upstream._channels, step=1.0)
        assert len(app.desk.closed) > 5
        numbers = [verdict.share for verdict in app.desk.verdicts]
        assert len(numbers) > 500
        assert app.upstream.describe()["links"][-1]["stage"] in ("open", "connecting", "subscribing", "authorizing")

    def play():
        return simulate(story, seed=seed, names=("one", "two"))

    assert play() == play()
