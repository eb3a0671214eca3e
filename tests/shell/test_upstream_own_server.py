"""Our own server as somebody else's pool: both ends of our Stratum understand each other, down to the counted share."""

import asyncio

import uvloop

from hashwright.pool.effects import SubmitUpstream
from shell import app as own
from shell.upstream_pool import running, until

SHARES = 60
NETWORK_BITS = "1d00ffff"
"""No share of this test is a block."""


def shares_of(job, channel):
    for number in range(SHARES):
        yield SubmitUpstream(
            destination="far",
            channel=channel,
            share=number,
            worker=f"kai.r{number % 3}",
            job=job.job,
            extranonce2=number.to_bytes(8, "big"),
            ntime=job.ntime,
            nonce=number,
            version_bits=(number % 8) << 13,
        )


async def story(folder):
    node = own.ScriptedNode(bits=NETWORK_BITS)
    async with own.running(folder, node) as server:
        listener = server.shell.listeners[0]
        url = f"stratum+tcp://{listener.host}:{listener.port}"
        async with running(url, names="workers", password="d=0.000000001", suggest_difficulty=1e-9) as app:
            await until(lambda: app.desk.jobs)
            opened, job = app.desk.opened[0], app.desk.jobs[-1]
            assert (opened.extranonce2_size, opened.mask, len(opened.prefix)) == (8, 0x1FFFE000, 4)
            for share in shares_of(job, opened.channel):
                app.upstream.submit(share)
            await until(lambda: len(app.desk.verdicts) == SHARES)
            accepted = [verdict for verdict in app.desk.verdicts if verdict.is_accepted]
            refused = {verdict.code for verdict in app.desk.verdicts if not verdict.is_accepted}
            assert refused <= {23}, "the hash decides, nothing else"
            assert len(accepted) > 2
            node.new_tip()
            await until(lambda: app.desk.jobs[-1].prevhash_le != job.prevhash_le)
            assert app.desk.jobs[-1].is_clean
            link = app.upstream.describe()["links"][0]
            assert (link["bad_lines"], link["users"]) == (0, ["acct.main", "acct.r0", "acct.r1", "acct.r2"])


def test_our_own_server_takes_our_shares_and_counts_them_by_their_hash(tmp_path):
    for number, new_loop in enumerate((asyncio.new_event_loop, uvloop.new_event_loop)):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(story(tmp_path / str(number)))
