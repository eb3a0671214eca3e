"""The first test of all: the journal of a live run, replayed, gives the same effects."""

import asyncio

from hashwright.pool.events import ShareHashed
from hashwright.runtime import replay
from hashwright.runtime.engines import Engines
from hashwright.runtime.kernel import share_mark
from hashwright.store.sqlite import SqliteStore
from hashwright.testing.miner import mine
from hashwright.testing.talk import MinerOptions
from shell.app import ScriptedNode, Wire, running, until


async def live_run(folder, *, coin="bitcoin", shares=30):
    """Two miners, a new tip, a vardiff retarget and some nonsense; returns what was seen and what was acknowledged."""
    seen = []
    node = ScriptedNode(bits="1d00ffff" if coin == "bitcoin" else "1e00ffff")
    async with running(folder, node, coin=coin) as app:
        app.kernel.tap = lambda now, event, effects: seen.append((now, event, effects))
        listener = app.shell.listeners[0]
        options = [
            MinerOptions(
                url=f"{listener.host}:{listener.port}",
                user=f"kai.r{number}",
                algorithm=listener.algorithm,
                max_shares=shares,
                max_seconds=20,
            )
            for number in range(2)
        ]
        wire = await Wire.connect(app)
        await wire.login("eva.r01", "d=0.00000001")
        job = (await wire.note("mining.notify"))[0]
        assert (await wire.ask("mining.submit", "eva.r01", job, "00" * 8, "6b49d200", "00000000", id=7))["id"] == 7
        assert (await wire.ask("mining.submit", "eva.r01", "nojob", "00" * 8, "6b49d200", "00000000", id=8))["error"][
            0
        ] == 21
        assert (await wire.ask("mining.submit", "eva.r01", job, "00" * 4, "6b49d200", "00000000", id=9))["error"][
            0
        ] == 20
        mining = asyncio.gather(*(mine(item, lambda event: None) for item in options))
        await until(lambda: len(seen) > 20)
        node.new_tip()
        summaries = await mining
        await wire.close()
        await until(lambda: len(app.shell.connections) == 0)
    return seen, summaries


def assert_replay_equals(folder, seen):
    store = SqliteStore.open(folder)
    try:
        batches = list(store.read_batches(0))
        entries = [entry for batch in batches for entry in batch.entries()]
        state = Engines()
        replayed = [(now, event, replay.replay_entry(state, event, mark, now=now)) for now, event, mark in entries]
        known = len(seen)
        first = next(i for i, item in enumerate(replayed) if item[:2] == seen[0][:2])
        assert replayed[first : first + known] == seen
        verified = replay.verify(batches, state=Engines())
        assert verified.findings == ()
        assert verified.shares == sum(type(event) is ShareHashed for _, event, _ in entries)
        return verified
    finally:
        store.close()


def test_the_journal_of_a_live_run_replayed_gives_the_same_effects(tmp_path):
    seen, summaries = asyncio.run(live_run(tmp_path))
    assert all(summary.accepted >= 30 for summary in summaries)
    verified = assert_replay_equals(tmp_path, seen)
    assert verified.shares >= 63


def test_the_same_with_scrypt_hashed_in_threads(tmp_path):
    seen, summaries = asyncio.run(live_run(tmp_path, coin="litecoin", shares=10))
    assert all(summary.accepted >= 10 for summary in summaries)
    assert_replay_equals(tmp_path, seen)


def test_every_acknowledged_share_is_in_the_books_once(tmp_path):
    seen, summaries = asyncio.run(live_run(tmp_path))
    store = SqliteStore.open(tmp_path)
    try:
        totals = store.work_totals(0)
    finally:
        store.close()
    good = {"accepted", "block"}
    booked = sum(total.shares for total in totals if total.outcome in good and total.worker.startswith("kai."))
    judged = sum(
        share_mark(effects) in good
        for _, event, effects in seen
        if type(event) is ShareHashed and "kai" in event.worker
    )
    assert booked == judged >= sum(summary.accepted for summary in summaries)


def test_a_verification_sees_a_changed_verdict_and_a_changed_hash(tmp_path):
    asyncio.run(live_run(tmp_path, shares=5))
    store = SqliteStore.open(tmp_path)
    batches = list(store.read_batches(0))
    store.close()
    state = Engines()
    assert replay.verify(batches, state=state).findings == ()
    forged = [Forged(batch) for batch in batches]
    findings = replay.verify(forged, state=Engines()).findings
    assert any("hash of the share" in finding.message for finding in findings)
    assert any("not those of the live run" in finding.message for finding in findings)


class Forged:
    """A batch in which no share's hash is the real one."""

    def __init__(self, batch):
        self.first_seq, self.last_seq, self.effects_crc = batch.first_seq, batch.last_seq, batch.effects_crc
        self._batch = batch

    def entries(self):
        for now, event, mark in self._batch.entries():
            if type(event) is ShareHashed and event.hash_le:
                fields = {name: getattr(event, name) for name in event.__struct_fields__}
                fields["hash_le"] = b"\xff" * 32
                event = ShareHashed(**fields)
            yield now, event, mark


def test_a_snapshot_and_the_whole_journal_lead_to_the_same_state(tmp_path):
    """With a snapshot in mid-run, sessions and jobs alive, and events after it."""

    async def story():
        async with running(tmp_path, ScriptedNode(bits="1d00ffff")) as app:
            wire = await Wire.connect(app)
            await wire.login("eva.r01", "d=0.0000000002")
            notify = await wire.note("mining.notify")
            for nonce in range(5):
                await wire.ask(
                    "mining.submit", "eva.r01", notify[0], "00" * 8, notify[7], f"{nonce:08x}", id=10 + nonce
                )
            app._snapshot()
            for nonce in range(5, 9):
                await wire.ask(
                    "mining.submit", "eva.r01", notify[0], "00" * 8, notify[7], f"{nonce:08x}", id=10 + nonce
                )
            app._snapshot = lambda: None  # the one at the end would hide the tail
            await wire.close()

    asyncio.run(story())
    store = SqliteStore.open(tmp_path)
    try:
        recovered = replay.recover(store)
        state = Engines()
        assert replay.verify(store.read_batches(0), state=state).findings == ()
    finally:
        store.close()
    assert 0 < recovered.snapshot_seq < recovered.last_seq
    assert recovered.events > 0
    assert replay.snapshot_of(recovered.state) == replay.snapshot_of(state)
    assert recovered.state.pool.duplicates.count() == state.pool.duplicates.count() == 9
