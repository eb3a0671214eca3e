"""An upstream that behaves: greeting, jobs, shares and their answers, names, more connections, screens."""

import dataclasses
import json

import pytest

from hashwright.pool.events import ChannelOpened, ShareVerdict
from shell.upstream_pool import PREV, QUICK, Pool, play, pools, running, share, until


def users_of(client, method="mining.submit"):
    return [request["params"][0] for request in client.of(method)]


# -------------------------------------------------------------------- greeting


def test_the_first_connection_greets_opens_a_channel_and_gives_the_job():
    async def story(pool):
        async with running(pool.url, suggest_difficulty=512.0) as app:
            await until(lambda: app.desk.jobs)
            assert app.desk.states == ["connecting", "connected"]
            assert app.desk.opened == [ChannelOpened("far", 101, bytes.fromhex("aabbccdd"), 8, 0x1FFFE000)]
            job = app.desk.jobs[0]
            assert (job.destination, job.channel, job.job, job.difficulty, job.is_clean) == (
                "far",
                101,
                "j1",
                2.0,
                True,
            )
            assert job.prevhash_le.hex() == "00" * 28 + "cdab0000"
            assert PREV.endswith("0000abcd")
            assert job.branch == (b"\x11" * 32,)
            asked = [(request["method"], request["params"]) for request in pool.client.asked]
            assert [method for method, _ in asked] == [
                "mining.configure",
                "mining.subscribe",
                "mining.extranonce.subscribe",
                "mining.suggest_difficulty",
                "mining.authorize",
            ]
            assert asked[0][1][1]["version-rolling.mask"] == "1fffe000"
            assert asked[0][1][0] == ["version-rolling", "subscribe-extranonce"]
            assert asked[-1][1] == ["acct.main", "x"]
        assert [event.reason for event in app.desk.closed] == ["Hashwright lets go of this upstream"]
        await until(lambda: pool.client.ended.is_set())

    play(story)


def test_without_version_rolling_no_mask_is_asked_for_and_none_is_taken():
    async def story(pool):
        async with running(pool.url, version_rolling=False) as app:
            await until(lambda: app.desk.jobs)
            pool.client.tell("mining.set_version_mask", "1fffe000")
            pool.client.job("j2")
            await until(lambda: len(app.desk.jobs) == 2)
            assert [event.mask for event in app.desk.opened] == [0]
            assert pool.client.of("mining.configure") == []
            app.upstream.submit(share(1, bits=0x2000))
            await until(lambda: app.desk.verdicts)
            assert len(pool.client.of("mining.submit")[0]["params"]) == 5

    play(story)


@pytest.mark.parametrize("answer", ["error", "false", "silence", "narrow"])
def test_a_refused_or_unanswered_configure_is_mask_zero(answer):
    def configure(client, request):
        if answer == "error":
            client.reply(request, None, [20, "Not supported", None])
        elif answer == "false":
            client.reply(request, {"version-rolling": False})
        elif answer == "narrow":
            client.reply(request, {"version-rolling": True, "version-rolling.mask": "00006000"})

    async def story(pool):
        pool.on["mining.configure"] = configure
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            assert [event.mask for event in app.desk.opened] == [0x6000 if answer == "narrow" else 0]

    play(story)


def test_a_late_answer_to_configure_opens_the_same_channel_again_with_its_mask():
    async def story(pool):
        held = []
        pool.on["mining.configure"] = lambda _client, request: held.append(request)
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            pool.mining_configure(pool.client, held[0])
            await until(lambda: len(app.desk.opened) == 2)
            assert [(event.channel, event.mask) for event in app.desk.opened] == [(101, 0), (101, 0x1FFFE000)]

        held.clear()

    play(story)


def test_a_job_that_comes_before_the_login_is_told_after_it():
    def authorize(client, request):
        client.tell("mining.set_difficulty", 16)
        client.job("early")
        client.reply(request)

    async def story(pool):
        pool.on["mining.authorize"] = authorize
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            kinds = [type(event).__name__ for event in app.desk.events]
            assert kinds == ["UpstreamChanged", "UpstreamChanged", "ChannelOpened", "UpstreamJobSeen"]
            assert (app.desk.jobs[0].job, app.desk.jobs[0].difficulty) == ("early", 16.0)

    play(story)


def test_a_password_by_reference_is_read_when_it_is_sent_and_never_shown(tmp_path):
    secret = tmp_path / "password"

    async def story(pool):
        secret.unlink(missing_ok=True)
        async with running(pool.url, password=f"file:{secret}") as app:
            await until(lambda: "refused" in app.desk.states)
            assert pool.clients == []
            secret.write_text("very-hidden\n")
            await until(lambda: app.desk.jobs)
            assert pool.client.of("mining.authorize")[0]["params"][1] == "very-hidden"
            assert "very-hidden" not in json.dumps(app.upstream.describe()) + repr(vars(app.upstream))

    play(story)


# -------------------------------------------------------------------- jobs


def test_a_job_carries_the_difficulty_in_force_and_the_same_job_again_is_not_told():
    async def story(pool):
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            client = pool.client
            client.job("j1")
            client.tell("mining.set_difficulty", 64)
            client.job("j1")
            client.job("j2", clean=False)
            client.job("j1")
            client.job("j2", clean=False)
            client.job("j2", clean=False, ntime=0x68000005)
            client.job("j3")
            client.job("j2", clean=False, ntime=0x68000005)
            client.job("end")
            await until(lambda: app.desk.jobs[-1].job == "end")
            told = [(job.job, job.difficulty, job.ntime & 15) for job in app.desk.jobs]
            assert told == [
                ("j1", 2.0, 0),
                ("j1", 64.0, 0),  # another difficulty is another job
                ("j2", 64.0, 0),
                ("j2", 64.0, 5),  # the same id with other content is a new job
                ("j3", 64.0, 0),
                ("j2", 64.0, 5),  # a clean job forgets what was before it
                ("end", 64.0, 0),
            ]

    play(story)


def test_a_new_extranonce_opens_the_same_channel_again_and_makes_every_job_new():
    async def story(pool):
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            client = pool.client
            client.tell("mining.set_extranonce", "aabbccdd", 8)
            client.tell("mining.set_extranonce", "11", 3)
            client.job("j1")
            client.tell("mining.set_extranonce", "11", 16)
            client.job("j1")
            await until(lambda: len(app.desk.jobs) == 3)
            shapes = [(event.channel, event.prefix.hex(), event.extranonce2_size) for event in app.desk.opened]
            assert shapes == [(101, "aabbccdd", 8), (101, "11", 3), (101, "11", 16)]
            kinds = [type(event).__name__ for event in app.desk.events[-4:]]
            assert kinds == ["ChannelOpened", "UpstreamJobSeen"] * 2

    play(story)


def test_a_new_mask_is_told_at_once_and_never_wider_than_what_machines_may_roll():
    async def story(pool):
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            pool.client.tell("mining.set_version_mask", "ffffffff")
            pool.client.tell("mining.set_version_mask", "00002000")
            pool.client.tell("mining.set_version_mask", "00002000")
            pool.client.tell("mining.set_version_mask", "00000000")
            pool.client.job("j2")
            await until(lambda: len(app.desk.jobs) == 2)
            assert [event.mask for event in app.desk.opened] == [0x1FFFE000, 0x2000, 0]

    play(story)


@pytest.mark.parametrize("size", [1, 2, 3, 16])
def test_an_upstream_that_leaves_little_room_is_told_as_it_is(size):
    async def story(pool):
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            assert app.desk.opened[0].extranonce2_size == size

    play(story, size=size)


# -------------------------------------------------------------------- shares


def test_a_share_goes_out_at_once_and_its_answer_comes_back_with_the_same_number():
    async def story(pool):
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            app.upstream.submit(share(41))
            await until(lambda: app.desk.verdicts)
            assert pool.client.of("mining.submit")[0]["params"] == [
                "acct.main", "j1", "00" * 8, "68000000", "00000029", "00002000",
            ]  # fmt: skip
            verdict = app.desk.verdicts[0]
            assert verdict.latency_ms >= 0
            assert verdict == ShareVerdict(41, True, 0, "", verdict.latency_ms)
            link = app.upstream.describe()["links"][0]
            assert (link["submitted"], link["accepted"], link["rejected"], link["open"]) == (1, 1, 0, 0)
            assert link["latency_p50_ms"] == link["latency_p99_ms"] == verdict.latency_ms
            assert link["last_accepted_at"] == 1_800_000_000_000

    play(story)


def test_answers_of_one_read_are_one_event_in_any_order_and_in_any_form():
    async def story(pool):
        held = []
        pool.on["mining.submit"] = lambda _client, request: held.append(request)
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            for number in range(1, 6):
                app.upstream.submit(share(number))
            await until(lambda: len(held) == 5)
            answers = [
                {"id": held[4]["id"], "result": True, "error": None},
                {"id": held[0]["id"], "result": None, "error": [21, "Job not found", None]},
                {"id": held[1]["id"], "result": None, "error": {"code": 23, "message": "low difficulty"}},
                {"id": held[2]["id"], "result": False, "error": None},
                {"id": held[3]["id"], "result": None, "error": "no\u001b[31mred"},
            ]
            pool.client.send_raw(b"".join(json.dumps(answer).encode() + b"\n" for answer in answers))
            await until(lambda: len(app.desk.verdicts) == 5)
            found = [(item.share, item.is_accepted, item.code, item.reason) for item in app.desk.verdicts]
            assert found == [
                (5, True, 0, ""),
                (1, False, 21, "Job not found"),
                (2, False, 23, "low difficulty"),
                (3, False, 20, "no reason given"),
                (4, False, 20, r"no\x1b[31mred"),
            ]
            assert app.upstream.describe()["links"][0]["rejected"] == 4

    play(story)


def test_shares_for_channels_that_are_unknown_or_gone_are_left_alone():
    async def story(pool):
        async with running(pool.url) as app:
            app.upstream.submit(share(1))
            await until(lambda: app.desk.jobs)
            app.upstream.submit(share(2, channel=999))
            app.upstream.close_channel(101, "a test")
            app.upstream.submit(share(3))
            app.upstream.close_channel(101, "again")
            app.upstream.close_channel(999, "never there")
            await until(lambda: len(app.desk.opened) == 2)
            assert [event.channel for event in app.desk.closed] == [101]
            app.upstream.submit(share(4, channel=102))
            await until(lambda: app.desk.verdicts)
            assert [verdict.share for verdict in app.desk.verdicts] == [4]
            assert [len(client.of("mining.submit")) for client in pool.clients] == [0, 1]

    play(story)


# -------------------------------------------------------------------- names


def test_workers_names_are_asked_for_once_and_their_shares_wait_for_the_answer():
    async def story(pool):
        async with running(pool.url, names="workers") as app:
            await until(lambda: app.desk.jobs)
            held = []
            pool.on["mining.authorize"] = lambda _client, request: held.append(request)
            for number, worker in enumerate(["kai.r01", "ann.r02", "kai.r01", "norig"], start=1):
                app.upstream.submit(share(number, worker=worker))
            await until(lambda: len(app.desk.verdicts) == 1)
            assert app.desk.verdicts[0].share == 4
            assert [request["params"] for request in held] == [["acct.r01", "x"], ["acct.r02", "x"]]
            assert app.upstream.describe()["links"][0]["open"] == 3
            pool.client.reply(held[1])
            pool.client.reply(held[0])
            await until(lambda: len(app.desk.verdicts) == 4)
            assert [verdict.share for verdict in app.desk.verdicts] == [4, 2, 1, 3]
            app.upstream.submit(share(5, worker="kai.r01"))
            await until(lambda: len(app.desk.verdicts) == 5)
            assert users_of(pool.client) == ["acct.main", "acct.r02", "acct.r01", "acct.r01", "acct.r01"]
            assert users_of(pool.client, "mining.authorize") == ["acct.main", "acct.r01", "acct.r02"]
            assert app.upstream.describe()["links"][0]["users"] == ["acct.main", "acct.r01", "acct.r02"]

    play(story)


def test_a_name_without_an_answer_does_not_hold_its_shares_for_ever():
    async def story(pool):
        async with running(pool.url, limits=dataclasses.replace(QUICK, handshake_s=2.0), names="workers") as app:
            await until(lambda: app.desk.jobs)
            pool.on["mining.authorize"] = lambda _client, _request: None
            app.upstream.submit(share(1))
            app.upstream.submit(share(2))
            await until(lambda: len(app.desk.verdicts) == 2)
            assert users_of(pool.client) == ["acct.main"] * 2
            app.upstream.submit(share(3))
            await until(lambda: len(app.desk.verdicts) == 3)
            assert app.desk.closed == []

    play(story)


def test_mapped_names_are_used_and_others_go_under_the_account():
    async def story(pool):
        async with running(pool.url, names="mapped", name_map={"kai.r01": "alpha.1"}) as app:
            await until(lambda: app.desk.jobs)
            app.upstream.submit(share(1, worker="kai.r01"))
            app.upstream.submit(share(2, worker="kai.r02"))
            await until(lambda: len(app.desk.verdicts) == 2)
            assert users_of(pool.client) == ["acct.main", "alpha.1"]

    play(story)


def is_base(request):
    return request["params"][0] == "acct.main"


def test_where_names_are_refused_every_share_goes_under_the_base_name():
    def authorize(client, request):
        client.reply(request, is_base(request), None if is_base(request) else [24, "one name only", None])
        if is_base(request):
            client.job()

    async def story(pool):
        pool.on["mining.authorize"] = authorize
        async with running(pool.url, names="workers") as app:
            await until(lambda: app.desk.jobs)
            for number in range(100):
                app.upstream.submit(share(number, worker=f"kai.r{number % 50}"))
            await until(lambda: len(app.desk.verdicts) == 100)
            assert users_of(pool.client) == ["acct.main"] * 100
            assert all(verdict.is_accepted for verdict in app.desk.verdicts)
            assert len(pool.client.of("mining.authorize")) == 51
            assert app.desk.closed == []

    play(story)


def test_names_that_are_allowed_and_then_refused_share_by_share_cost_one_share_each():
    def submit(client, request):
        client.reply(request, is_base(request) or None, None if is_base(request) else [24, "who?", None])

    async def story(pool):
        pool.on["mining.submit"] = submit
        async with running(pool.url, names="workers") as app:
            await until(lambda: app.desk.jobs)
            for turn in (1, 2):
                for number in range(50):
                    app.upstream.submit(share(number, worker=f"kai.r{number}"))
                await until(lambda turn=turn: len(app.desk.verdicts) == 50 * turn)
            assert [verdict.is_accepted for verdict in app.desk.verdicts] == [False] * 50 + [True] * 50
            assert app.desk.closed == []

    play(story)


# -------------------------------------------------------------------- more connections


def test_connections_are_made_for_sessions_that_wait_and_no_more_than_there_is_no_room_for():
    async def story(pool):
        async with running(pool.url) as app:
            for session in range(1, 6):
                app.upstream.open_channel(session)
            app.upstream.open_channel(5)
            await until(lambda: len(app.desk.opened) == 5)
            await until(lambda: app.upstream.describe()["waiting"] == 0)
            assert sorted(event.channel for event in app.desk.opened) == [101, 102, 103, 104, 105]
            assert len(pool.clients) == 5

    play(story, size=4)


def test_one_connection_with_room_serves_all_that_wait():
    async def story(pool):
        async with running(pool.url) as app:
            for session in range(1, 200):
                app.upstream.open_channel(session)
            await until(lambda: app.desk.jobs)
            assert app.upstream.describe()["waiting"] == 0
            assert len(pool.clients) == 1

    play(story, size=5)


def test_a_connection_too_many_can_be_closed_and_the_last_one_is_made_again():
    async def story(pool):
        async with running(pool.url) as app:
            app.upstream.open_channel(1)
            app.upstream.open_channel(2)
            await until(lambda: len(app.desk.opened) == 2)
            app.upstream.close_channel(101, "no machine has used it")
            await until(lambda: app.desk.closed)
            assert (app.desk.closed[0].channel, app.desk.closed[0].reason) == (101, "no machine has used it")
            assert app.desk.states == ["connecting", "connected"]
            app.upstream.close_channel(102, "it pays somebody else")
            await until(lambda: len(app.desk.opened) == 3)
            assert app.desk.states == ["connecting", "connected", "refused", "connected"]

    play(story, size=4)


def test_a_connection_that_cannot_be_made_is_tried_again_while_the_first_one_works():
    async def story(pool):
        refused = []

        def subscribe(client, request):
            if len(pool.clients) in (2, 3):
                refused.append(client)
                client.abort()
            else:
                pool.mining_subscribe(client, request)

        pool.on["mining.subscribe"] = subscribe
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            app.upstream.open_channel(1)
            await until(lambda: len(app.desk.opened) == 2)
            assert len(refused) == 2
            assert app.upstream.describe()["waiting"] == 0
            assert app.desk.states == ["connecting", "connected"]

    play(story, size=4)


# -------------------------------------------------------------------- screens


def test_what_screens_show_is_plain_data():
    async def story(pool):
        async with running(pool.url) as app:
            shown = app.upstream.describe()
            assert (shown["state"], shown["links"]) == ("connecting", [])
            await until(lambda: app.desk.jobs)
            app.upstream.submit(share(1))
            await until(lambda: app.desk.verdicts)
            shown = json.loads(json.dumps(app.upstream.describe()))
            assert (shown["state"], shown["address"], shown["is_primary"]) == ("connected", pool.url, True)
            (link,) = shown["links"]
            assert (link["channel"], link["stage"], link["prefix"]) == (101, "open", "aabbccdd")
            assert (link["mask"], link["extranonce2_size"], link["difficulty"]) == ("1fffe000", 8, 2.0)
            assert link["connected_at"] == link["last_job_at"] == 1_800_000_000_000
            assert "101" in repr(app.upstream._channels[101])

    play(story)


def test_the_client_answers_what_the_upstream_asks():
    async def story(pool):
        async with running(pool.url) as app:
            await until(lambda: app.desk.jobs)
            pool.client.send({"id": 7, "method": "mining.ping", "params": []})
            pool.client.send({"id": 8, "method": "client.get_version", "params": []})
            pool.client.tell("client.show_message", "hello")
            await until(lambda: {request.get("id") for request in pool.client.asked} >= {7, 8})

    def no_method(client, request):
        del client, request

    async def with_hook(pool):
        pool.on[None] = no_method
        await story(pool)

    play(with_hook)


def test_two_upstreams_of_one_process_do_not_share_anything():
    async def story(pool):
        async with (
            pools(Pool(prefix="0102", size=6)) as (other,),
            running(pool.url) as first,
            running(other.url) as second,
        ):
            await until(lambda: first.desk.jobs and second.desk.jobs)
            assert first.desk.opened[0].prefix.hex() == "aabbccdd"
            assert second.desk.opened[0].prefix.hex() == "0102"

    play(story)
