"""An upstream that behaves: greeting, jobs, shares and their answers, names, more connections."""

import asyncio

import pytest

from hashwright.pool.events import ChannelOpened, ShareVerdict, UpstreamChanged
from shell.upstream_pool import PREV, Desk, Pool, play, running, share, until


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
            assert job.prevhash_le.hex() != PREV
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
            assert asked[-1][1] == ["acct.main", "x"]
        assert [event.reason for event in app.desk.closed] == ["Hashwright lets go of this upstream"]

    play(story)


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
            assert link["latency_p50_ms"] == verdict.latency_ms

    play(story)
