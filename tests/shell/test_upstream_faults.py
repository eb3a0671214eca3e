"""What bad upstreams do. Each fault ends its own connection at the most; the other destinations never notice."""

import asyncio
import contextlib
import dataclasses
import json
import random
import socket

import pytest

from hashwright.runtime.upstream_link import VERSION_MASK
from shell.upstream_pool import QUICK, Pool, job_params, play, pools, running, share, until


def quick(**limits):
    return dataclasses.replace(QUICK, **limits)


def beside_a_good_one(fault, *, limits=QUICK, is_fatal=True, **options):
    """Play a fault against an upstream, while another one must serve shares before and after it."""

    async def story(good):
        async with (
            pools(Pool(**options)) as (bad,),
            running(good.url) as served,
            running(bad.url, limits=limits) as hit,
        ):
            await until(lambda: served.desk.jobs and hit.desk.opened)
            served.upstream.submit(share(1))
            await until(lambda: len(served.desk.verdicts) == 1)
            first = bad.clients[0]
            await fault(bad, hit)
            if is_fatal:
                await until(lambda: hit.desk.closed)
                await until(first.ended.is_set)
                await until(lambda: len(hit.desk.opened) > 1)
                assert hit.desk.closed[0].channel == 101
                assert [event.channel for event in hit.desk.closed].count(101) == 1
                assert "unreachable" in hit.desk.states or "refused" in hit.desk.states
            served.upstream.submit(share(2))
            await until(lambda: len(served.desk.verdicts) == 2)
            assert served.desk.closed == []
            assert len(good.clients) == 1

    play(story)


# -------------------------------------------------------------------- garbage


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n" + b"<p>no</p>\r\n" * 20,
        b"\x16\x03\x01\x02\x00" * 400 + b"\n" + b"\xff\xfe\n" * 20,
        b"x" * (1 << 20) + b"xx",
        b'{"id":null,"method":"mining.set_difficulty","params":[0]}\n',
        b'{"id":null,"method":"mining.set_difficulty","params":[-1]}\n',
        b'{"id":null,"method":"mining.set_difficulty","params":[1e300]}\n',
        b'{"id":null,"method":"mining.set_difficulty","params":[1e999]}\n' * 16,
        b'{"id":null,"method":"mining.set_difficulty","params":["2"]}\n',
        b'{"id":null,"method":"mining.set_difficulty","params":[]}\n',
        b'{"id":null,"method":"mining.set_extranonce","params":["aa",0]}\n',
        b'{"id":null,"method":"mining.set_extranonce","params":["aa",17]}\n',
        b'{"id":null,"method":"mining.set_extranonce","params":["zz",8]}\n',
        b'{"id":null,"method":"mining.set_version_mask","params":["1fff"]}\n',
        b'{"id":null,"method":"mining.notify","params":["j"]}\n' * 16,
        b'{"id":4711,"result":true,"error":null}\n' * 16,
        b"[" * 5000 + b"\n" + b"{}\n" * 16,
    ],
    ids=lambda garbage: garbage[:70].decode("latin-1").strip(),
)
def test_what_breaks_the_rules_ends_the_connection_and_it_is_made_again(garbage):
    async def fault(bad, hit):
        bad.client.send_raw(garbage)
        await until(lambda: hit.desk.closed)
        assert hit.desk.closed[0].reason.startswith("it broke the protocol: ")

    beside_a_good_one(fault)


def test_a_difficulty_that_is_no_number_is_left_out_and_the_last_one_holds():
    async def fault(bad, hit):
        for line in (b'{"id":null,"method":"mining.set_difficulty","params":[NaN]}\n', b"\n\n", b"nonsense\n"):
            bad.client.send_raw(line)
        bad.client.job("after")
        await until(lambda: hit.desk.jobs[-1].job == "after")
        assert hit.desk.jobs[-1].difficulty == 2.0
        assert hit.desk.closed == []
        assert hit.upstream.describe()["links"][0]["bad_lines"] == 2

    beside_a_good_one(fault, is_fatal=False)


def test_answers_to_nobody_are_left_out():
    async def fault(bad, hit):
        hit.upstream.submit(share(9))
        await until(lambda: hit.desk.verdicts)
        request = bad.client.of("mining.submit")[0]
        bad.client.reply(request)
        bad.client.reply(request, None, [23, "low", None])
        bad.client.send({"id": "text", "result": True, "error": None})
        bad.client.job("after")
        await until(lambda: hit.desk.jobs[-1].job == "after")
        assert [verdict.share for verdict in hit.desk.verdicts] == [9]

    beside_a_good_one(fault, is_fatal=False)


@pytest.mark.parametrize("size", [0, 17, -1, 10**9, "8", None, 4.0, True])
def test_a_subscription_without_a_usable_extranonce_is_no_subscription(size):
    async def story(pool):
        async with running(pool.url) as app:
            await until(lambda: "unreachable" in app.desk.states and len(pool.clients) > 1)
            assert app.desk.opened == []
            assert "extranonce" in app.upstream.detail
            assert all(client.of("mining.authorize") == [] for client in pool.clients)

    play(story, size=size)


def test_jobs_without_end_close_the_connection():
    async def fault(bad, hit):
        lines = [
            json.dumps({"id": None, "method": "mining.notify", "params": job_params(f"j{number}")})
            for number in range(5000)
        ]
        bad.client.send_raw("\n".join(lines).encode() + b"\n")
        await until(lambda: hit.desk.closed)
        assert hit.desk.closed[0].reason == "it floods us with jobs"
        assert len([job for job in hit.desk.jobs if job.channel == 101]) <= QUICK.news_burst + 1

    beside_a_good_one(fault)


def test_extranonces_without_end_close_the_connection():
    async def fault(bad, hit):
        for number in range(200):
            bad.client.tell("mining.set_extranonce", f"{number:04x}", 8)
        await until(lambda: hit.desk.closed)
        assert hit.desk.closed[0].reason == "it floods us with jobs"

    beside_a_good_one(fault)


def test_the_same_job_without_end_is_one_job():
    async def fault(bad, hit):
        for _ in range(2000):
            bad.client.job("j1")
        bad.client.job("after")
        await until(lambda: hit.desk.jobs[-1].job == "after")
        assert len(hit.desk.jobs) == 2

    beside_a_good_one(fault, is_fatal=False)


# -------------------------------------------------------------------- silence and late answers


@pytest.mark.parametrize("silent", ["mining.subscribe", "mining.authorize"])
def test_an_upstream_that_takes_the_connection_and_stays_silent_is_left(silent):
    async def story(pool):
        pool.on[silent] = lambda _client, _request: None
        async with running(pool.url, limits=quick(handshake_s=0.2)) as app:
            await until(lambda: len(pool.clients) > 2)
            await until(lambda: app.upstream.detail.endswith(f"no answer to {silent} in 0.2 s."))
            assert app.desk.opened == []

    play(story)


def test_no_connection_in_time_is_a_failure():
    """A full backlog: the kernel takes no more connections, as behind a firewall that drops."""

    async def story(_pool):
        with contextlib.ExitStack() as sockets:
            full = sockets.enter_context(socket.socket())
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(4):
                filler = sockets.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            port = full.getsockname()[1]
            async with running(f"stratum+tcp://127.0.0.1:{port}", limits=quick(connect_s=0.2)) as app:
                await until(lambda: app.desk.states == ["connecting", "unreachable"])
                assert "no connection in 0.2 s" in app.upstream.detail

    play(story)


def test_no_first_job_and_no_more_jobs_end_the_connection():
    async def story(pool):
        async with running(pool.url, limits=quick(first_job_s=0.2)) as app:
            await until(lambda: app.desk.closed)
            assert app.desk.closed[0].reason == "no job in the first 0.2 s"
            pool.gives_jobs = True
            await until(lambda: app.desk.jobs)
        async with running(pool.url, limits=quick(job_idle_s=0.3)) as app:
            await until(lambda: app.desk.jobs)
            await until(lambda: app.desk.closed)
            assert app.desk.closed[0].reason == "no job for 0.3 s"
            await until(lambda: len(app.desk.opened) > 1)

    play(story, gives_jobs=False)


def test_shares_without_any_answer_end_the_connection():
    async def fault(bad, hit):
        bad.on["mining.submit"] = lambda _client, _request: None
        for number in range(3):
            hit.upstream.submit(share(number))
        await until(lambda: hit.desk.closed)
        assert hit.desk.closed[0].reason == "3 shares, and no answer for 0.3 s"
        assert hit.desk.verdicts == []

    beside_a_good_one(fault, limits=quick(answer_s=0.3))


def test_a_late_answer_counts_with_its_latency():
    async def fault(bad, hit):
        held = []
        bad.on["mining.submit"] = lambda _client, request: held.append(request)
        hit.upstream.submit(share(7))
        await until(lambda: held)
        await asyncio.sleep(0.3)
        bad.client.reply(held[0])
        await until(lambda: hit.desk.verdicts)
        assert hit.desk.verdicts[0].share == 7
        assert hit.desk.verdicts[0].latency_ms >= 290

    beside_a_good_one(fault, is_fatal=False)


def test_more_open_shares_than_the_bound_end_the_connection():
    async def fault(bad, hit):
        bad.on["mining.submit"] = lambda _client, _request: None
        for number in range(60):
            hit.upstream.submit(share(number))
        assert hit.desk.closed == []  # nothing is told while the kernel performs effects
        await until(lambda: hit.desk.closed)
        assert hit.desk.closed[0].reason == "50 shares without an answer"

    beside_a_good_one(fault, limits=quick(open_shares=50))


def test_shares_that_wait_for_a_name_count_to_the_bound():
    async def story(pool):
        async with running(pool.url, limits=quick(open_shares=50), names="workers") as app:
            await until(lambda: app.desk.jobs)
            pool.on["mining.authorize"] = lambda _client, _request: None
            for number in range(51):
                app.upstream.submit(share(number))
            await until(lambda: app.desk.closed)
            assert app.desk.closed[0].reason == "50 shares without an answer"

    play(story)


def test_an_upstream_that_never_reads_is_left():
    """It pings without end and reads none of our answers: they may not pile up."""

    async def fault(bad, hit):
        client = bad.client
        client.stays_open = True
        client.reader._transport.pause_reading()
        pings = b"".join(b'{"id":%d,"method":"mining.ping","params":[]}\n' % number for number in range(20_000))
        while not hit.desk.closed:
            client.send_raw(pings)
            await asyncio.sleep(0.005)
        assert hit.desk.closed[0].reason == "it does not read what we send"
        client.abort()

    beside_a_good_one(fault, limits=quick(send_buffer=64 * 1024))


# -------------------------------------------------------------------- ends


@pytest.mark.parametrize("end", ["eof", "close", "reset"])
def test_every_kind_of_end_is_told_once(end):
    async def fault(bad, hit):
        client = bad.client
        hit.upstream.submit(share(1))
        await until(lambda: hit.desk.verdicts)
        if end == "eof":
            client.stays_open = True
            client.writer.write_eof()
        elif end == "close":
            client.close()
        else:
            client.abort()
        await until(lambda: hit.desk.closed)

    beside_a_good_one(fault)


def test_answers_before_the_end_are_told_before_it():
    async def fault(bad, hit):
        def submit(client, request):
            client.reply(request)
            client.close()

        bad.on["mining.submit"] = submit
        hit.upstream.submit(share(5))
        await until(lambda: hit.desk.closed)
        kinds = [type(event).__name__ for event in hit.desk.events]
        assert kinds.index("SharesAnswered") < kinds.index("ChannelClosed")
        assert [verdict.share for verdict in hit.desk.verdicts] == [5]

    beside_a_good_one(fault)


def test_answers_before_garbage_in_one_read_are_told():
    async def fault(bad, hit):
        bad.on["mining.submit"] = lambda client, request: client.send_raw(
            b'{"id":%d,"result":true,"error":null}\n' % request["id"]
            + b'{"id":null,"method":"mining.set_difficulty","params":[0]}\n'
        )
        hit.upstream.submit(share(5))
        await until(lambda: hit.desk.closed)
        assert [verdict.is_accepted for verdict in hit.desk.verdicts] == [True]

    beside_a_good_one(fault)


def test_nobody_listens_and_then_somebody_does():
    async def story(pool):
        port = pool.port
        await pool.stop()
        async with running(pool.url) as app:
            await until(lambda: app.upstream.describe()["failures"] > 5)
            assert app.desk.states == ["connecting", "unreachable"]
            assert len(app.upstream.describe()["links"]) <= 1  # what failed is forgotten
            await pool.start(port=port)
            await until(lambda: app.desk.jobs)
            assert app.desk.states == ["connecting", "unreachable", "connected"]

    play(story)


# -------------------------------------------------------------------- authorisation


def test_a_refused_login_says_so_and_opens_nothing():
    async def story(pool):
        pool.on["mining.authorize"] = lambda client, request: client.reply(request, None, [24, "banned", None])
        async with running(pool.url) as app:
            await until(lambda: app.desk.states == ["connecting", "refused"])
            assert "refuses the user acct.main: banned (24)" in app.upstream.detail
            await until(lambda: len(pool.clients) > 1)
            assert app.desk.opened == []
            assert app.desk.states == ["connecting", "refused"]  # told once, however often it is tried
            del pool.on["mining.authorize"]
            await until(lambda: app.desk.jobs)

    play(story)


def test_an_authorisation_that_flips_in_mid_run_is_a_refusal():
    async def fault(bad, hit):
        bad.on["mining.submit"] = lambda client, request: client.reply(request, None, [24, "Unauthorized", None])
        for number in range(QUICK.refusals):
            hit.upstream.submit(share(number))
        await until(lambda: "refused" in hit.desk.states)
        assert hit.desk.closed[0].reason == "it refused 20 shares in a row: Unauthorized (24)"
        assert len(hit.desk.verdicts) == 20
        del bad.on["mining.submit"]

    beside_a_good_one(fault)


def test_other_rejects_in_a_row_keep_the_connection():
    async def fault(bad, hit):
        bad.on["mining.submit"] = lambda client, request: client.reply(
            request, None, [24 if int(request["params"][4], 16) % 10 else 23, "no", None]
        )
        for number in range(200):
            hit.upstream.submit(share(number))
        await until(lambda: len(hit.desk.verdicts) == 200)
        assert hit.desk.closed == []

    beside_a_good_one(fault, is_fatal=False)


# -------------------------------------------------------------------- clock steps


def test_clock_steps_touch_nothing():
    async def fault(bad, hit):
        hit.upstream.submit(share(1))
        for step in (10 * 365 * 86_400_000, -20 * 365 * 86_400_000):
            hit.clock.jump(step)
            await asyncio.sleep(5 * QUICK.sweep_s)
        hit.upstream.submit(share(2))
        await until(lambda: len(hit.desk.verdicts) == 2)
        assert all(0 <= verdict.latency_ms < 30_000 for verdict in hit.desk.verdicts)
        assert hit.desk.closed == []
        assert len(bad.clients) == 1

    beside_a_good_one(fault, is_fatal=False)


# -------------------------------------------------------------------- anything at all

PIECES = [
    b'{"id":null,"method":"mining.notify","params":' + json.dumps(job_params("a")).encode() + b"}\n",
    b'{"id":null,"method":"mining.notify","params":' + json.dumps(job_params("b", clean=False)).encode() + b"}\n",
    b'{"id":null,"method":"mining.set_difficulty","params":[7]}\n',
    b'{"id":null,"method":"mining.set_extranonce","params":["0a0b",5]}\n',
    b'{"id":null,"method":"mining.set_version_mask","params":["00ffe000"]}\n',
    b'{"id":null,"method":"client.reconnect","params":["elsewhere.example",1,0]}\n',
    b'{"id":null,"method":"client.show_message","params":["hi"]}\n',
    b'{"id":9,"method":"mining.ping","params":[]}\n',
    b'{"id":2,"result":[[],"aa",4],"error":null}\n',
    b'{"id":4,"result":true,"error":null}\n',
    b'{"id":6,"result":false,"error":[24,"x",null]}\n',
    b"\x00\xff\n",
]


def damaged(rng):
    pieces = [rng.choice(PIECES) for _ in range(rng.randrange(1, 12))]
    data = bytearray(b"".join(pieces))
    for _ in range(rng.choice((0, 0, 1, 3))):
        place = rng.randrange(len(data))
        data[place : place + rng.randrange(3)] = bytes(rng.randrange(256) for _ in range(rng.randrange(3)))
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_sent_the_events_stay_legal(seed):
    rng = random.Random(seed)

    async def story(pool):
        async with running(pool.url) as app:
            for number in range(60):
                await until(lambda: app.upstream._channels)
                for link in tuple(app.upstream._channels.values()):
                    app.upstream.submit(share(number, channel=link.channel))
                pool.client.send_raw(damaged(rng))
                await asyncio.sleep(0)
        check_legal(app.desk)

    play(story)


def check_legal(desk):
    """Every event belongs to a channel that is open; channels open anew only, and close once."""
    is_open, ever = set(), set()
    for event in desk.events:
        channel = getattr(event, "channel", None)
        match type(event).__name__:
            case "ChannelOpened":
                assert channel in is_open or channel not in ever
                is_open.add(channel)
                ever.add(channel)
                assert 1 <= event.extranonce2_size <= 16
                assert len(event.prefix) <= 32
                assert event.mask & ~VERSION_MASK == 0
            case "ChannelClosed":
                is_open.remove(channel)
            case "UpstreamJobSeen" | "SharesAnswered":
                assert channel in is_open
    assert is_open == set()
    assert all(0 < job.difficulty <= 2.0**240 for job in desk.jobs)
