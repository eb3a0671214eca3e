"""While the disk is full shares go through to the upstream, its answer comes back, and nothing is credited."""

import asyncio
from collections import Counter

import pytest

from hashwright.pool.step import TICK_KEY
from hashwright.routing.events import PinSet
from hashwright.runtime import kernel as kernel_module
from hashwright.runtime import passthrough, replay, route_status, wiring
from hashwright.runtime.commands import status_of
from hashwright.signals import ClockTicked
from shell.app import settings, until
from shell.full_disk import EASY, HARD, is_block, is_none, misses, reaches, replies, story


def test_shares_go_through_and_the_pool_s_own_word_comes_back(tmp_path):
    async def full_disk(it):
        wire = await it.machine()
        assert (await wire.ask("mining.submit", *it.share(1), id=11))["result"] is True
        await it.fill()
        counted = it.app.kernel.routing.groups["sha256d"].accounts["up"].counted
        assert (await wire.ask("mining.submit", *it.share(2), id=12))["result"] is True
        it.pools["up"].kernel.pool.jobs.clear()
        refused = await wire.ask("mining.submit", *it.share(3), id=13)
        assert refused["error"][:2] == [21, "Job not found"], "the pool's own word"
        assert it.passing.relayed == 2
        assert it.app.kernel.routing.groups["sha256d"].accounts["up"].counted == counted, "nothing is credited"
        assert [session.worker for session in it.pools["up"].kernel.pool.sessions.values()] == ["acct.router"]

    story(full_disk, tmp_path)


def test_what_is_bad_is_refused_by_us_and_never_reaches_the_pool(tmp_path):
    async def full_disk(it):
        wire = await it.machine()
        await it.fill()
        assert (await wire.ask("mining.submit", *it.share(2), id=12))["result"] is True
        sent = it.sent()
        worker, job, extranonce2, ntime, nonce = it.share(3)
        bad = {
            22: it.share(2),
            21: (worker, "0badc0de", extranonce2, ntime, nonce),
            20: (worker, job, extranonce2 + "00", ntime, nonce),
        }
        for code, share in bad.items():
            assert (await wire.ask("mining.submit", *share, id=code))["error"][0] == code
        assert it.sent() == sent

    story(full_disk, tmp_path)


def test_a_share_that_went_through_does_not_go_again_when_the_journal_is_back(tmp_path):
    async def full_disk(it):
        wire = await it.machine()
        await it.fill()
        share = it.share(2)
        assert (await wire.ask("mining.submit", *share, id=12))["result"] is True
        await it.make_room()
        assert (await wire.ask("mining.submit", *share, id=13))["error"][0] == 22
        assert (await wire.ask("mining.submit", *it.share(3), id=14))["result"] is True
        await until(lambda: it.app.kernel.unwritten == 0)
        assert replay.verify_journal(it.app.store).shares == 1
        assert it.sent() == 2

    story(full_disk, tmp_path)


def test_machines_work_at_the_pool_s_difficulty_for_as_long_as_only_the_pool_can_say_yes(tmp_path):
    async def full_disk(it):
        wire = await it.machine()
        easy = await wire.note("mining.set_difficulty")
        await it.fill()
        assert await wire.note("mining.set_difficulty") == [pytest.approx(HARD)]
        below, above = next(it.shares(misses)), next(it.shares(reaches))
        wire.send("mining.submit", *below, id=21)
        assert (await wire.ask("mining.submit", *above, id=22))["result"] is True
        assert it.sent() == 1, "the pool would only have refused the other"
        assert 21 not in await replies(wire), "good by the terms of its job: it waits"
        await it.make_room()
        assert (await wire.answer(21))["result"] is True
        assert await wire.note("mining.set_difficulty") == easy
        assert not it.passing.raised

    story(full_disk, tmp_path, difficulty=HARD)


def test_a_new_job_while_shares_pass_comes_with_the_pool_s_difficulty(tmp_path):
    async def full_disk(it):
        await it.fill()
        wire = await it.machine("kai.late")
        await wire.note("mining.notify")
        told = [note["params"] for note in wire.notes if note["method"] == "mining.set_difficulty"]
        assert told[-1] == [pytest.approx(HARD)], "a machine that comes in the middle of it"
        it.pools["up"].links["pool"].node.new_tip()
        await wire.note("mining.notify")
        told = [note["params"] for note in wire.notes if note["method"] == "mining.set_difficulty"]
        assert told[-1] == [pytest.approx(HARD)]
        assert (await wire.ask("mining.submit", *next(it.shares(reaches, worker="kai.late")), id=22))["result"] is True

    story(full_disk, tmp_path, difficulty=HARD)


def test_vardiff_does_not_take_machines_for_slow_whose_shares_it_cannot_see(tmp_path):
    async def full_disk(it):
        await it.machine()
        await it.fill()
        events = []
        it.app.kernel.tap = lambda now, event, effects: events.append(event)
        tick = ClockTicked(TICK_KEY)
        it.app.shell._wake(tick)
        it.app.shell._wake(tick)
        assert tick not in events
        await it.make_room()
        assert events.count(tick) == 1, "and its clock goes on, once"

    story(full_disk, tmp_path)


def test_what_was_judged_before_is_answered_once_when_there_is_room_again(tmp_path):
    async def full_disk(it):
        wire = await it.machine()
        it.disk.is_full = True
        wire.send("mining.submit", *it.share(5), id=21)  # judged by us, a moment before the failure is known
        await until(lambda: it.app.write_state == "full")
        assert it.passing.passed == 0
        assert (await wire.ask("mining.submit", *it.share(5), id=22))["error"][0] == 22, "sent again, as machines do"
        assert (await wire.ask("mining.submit", *it.share(6), id=23))["result"] is True
        await it.make_room()
        assert (await wire.answer(21))["result"] is True
        for number in range(24, 29):
            wire.send("mining.submit", *it.share(number), id=number)
        await wire.answer(28)
        assert await replies(wire) == Counter([24, 25, 26, 27]), "no request has two answers"
        await until(lambda: it.sent() == 7)

    story(full_disk, tmp_path)


def test_the_journal_holds_after_all_of_it(tmp_path):
    async def full_disk(it):
        wire = await it.machine()
        await wire.ask("mining.submit", *it.share(1), id=31)
        for round_ in range(2):
            await it.fill()
            for nonce in range(2, 6):
                await wire.ask("mining.submit", *it.share(10 * round_ + nonce), id=100 * round_ + nonce)
            await it.make_room()
        await wire.ask("mining.submit", *it.share(99), id=41)
        await until(lambda: it.app.kernel.unwritten == 0)
        verified = replay.verify_journal(it.app.store)
        assert not verified.findings
        assert verified.shares == 2, "shares that went through are in no book"

    story(full_disk, tmp_path)


def test_the_safe_upstream_takes_over_and_gives_back(tmp_path):
    async def full_disk(it):
        await it.follow(targets=["up=1"], safe="other")
        it.passing.calm_s = 0.0
        wire = await it.machine()
        await until(lambda: it.session().destination == "up")
        await it.fill()
        await until(lambda: it.session().destination == "other")
        assert (await wire.ask("mining.submit", *it.share(2), id=12))["result"] is True
        assert (it.sent("up"), it.sent("other")) == (0, 1)
        it.app.reload()
        assert it.app.kernel.routing.groups["sha256d"].failed == passthrough.JOURNAL_FAULT
        assert it.session().destination == "other", "reading the settings again changes nothing of that"
        await it.make_room()
        await until(lambda: it.session().destination == "up")

    story(full_disk, tmp_path, names=("up", "other"))


def test_the_route_is_followed_again_only_when_the_journal_has_held_for_a_while(tmp_path):
    async def full_disk(it):
        it.passing.calm_s = 0.05
        await it.fill()
        await it.make_room()
        group = it.app.kernel.routing.groups["sha256d"]
        assert group.failed == passthrough.JOURNAL_FAULT
        it.disk.is_full = True
        it.passing.begin()
        it.passing._follow_again()  # the time is over, but it has failed again
        assert group.failed == passthrough.JOURNAL_FAULT
        it.disk.is_full = False
        it.passing.end()
        await until(lambda: not group.failed)

    story(full_disk, tmp_path)


@pytest.mark.parametrize("safe", ["mine", ""])
def test_machines_stay_at_their_pool_when_no_upstream_is_the_safe_one(tmp_path, safe):
    async def full_disk(it):
        it.app.set_destination(settings(name="mine"))
        await until(lambda: it.app.kernel.pool.destinations["mine"].state == "ready")
        it.route("up", safe=safe)
        wire = await it.machine()
        await it.fill()
        assert (await wire.ask("mining.submit", *it.share(2), id=12))["result"] is True
        assert it.session().destination == "up"
        assert not it.app.kernel.routing.groups["sha256d"].failed

    story(full_disk, tmp_path)


def test_shares_of_an_own_node_wait_and_its_blocks_go_out(tmp_path):
    async def full_disk(it):
        it.app.set_destination(settings(name="mine", start_difficulty=EASY))
        await until(lambda: it.app.kernel.pool.destinations["mine"].state == "ready")
        it.route("mine", safe="")
        wire = await it.machine()
        assert it.session().destination == "mine"
        await it.fill()
        share, block = next(it.shares(is_none)), next(it.shares(is_block))
        wire.send("mining.submit", *share, id=21)
        wire.send("mining.submit", *block, id=22)
        await until(lambda: it.node.submitted)
        assert not {21, 22} & set(await replies(wire)), "there nobody else could say yes"
        await it.make_room()
        assert (await wire.answer(21))["result"] is True
        assert (await wire.answer(22))["result"] is True
        await until(lambda: it.app.store.blocks(1))
        assert not await replies(wire, id=998)

    story(full_disk, tmp_path)


def test_when_no_more_can_be_kept_blocks_and_shares_for_pools_still_go_out(tmp_path, monkeypatch):
    async def full_disk(it):
        it.app.set_destination(settings(name="mine", start_difficulty=EASY))
        await until(lambda: it.app.kernel.pool.destinations["mine"].state == "ready")
        for name in ("up", "mine"):
            it.app.kernel.handle(PinSet(f"kai.{name}", name))
        other, wire = await it.machine("kai.up"), await it.machine("kai.mine")
        await until(lambda: (it.session("kai.up").destination, it.session("kai.mine").destination) == ("up", "mine"))
        it.route("up", safe="")
        await it.fill()
        monkeypatch.setattr(kernel_module, "BACKLOG_BYTES_MAX", -1)
        refused = await wire.ask("mining.submit", *next(it.shares(is_none, worker="kai.mine")), id=21)
        assert refused["error"] == [20, passthrough.FULL, None]
        wire.send("mining.submit", *next(it.shares(is_block, worker="kai.mine")), id=22)
        await until(lambda: it.node.submitted)
        assert (await other.ask("mining.submit", *it.share(4, worker="kai.up"), id=23))["result"] is True
        monkeypatch.undo()

    story(full_disk, tmp_path)


def test_a_pool_that_goes_away_leaves_no_machine_without_an_answer(tmp_path):
    async def full_disk(it):
        wire = await it.machine()
        await it.fill()
        it.app.upstreams["up"].submit = lambda effect: None  # sent, and never answered
        wire.send("mining.submit", *it.share(2), id=51)
        await until(lambda: it.passing.waiting)
        job = it.share(3)
        for connection in tuple(it.pools["up"].shell.listeners[0].connections):
            connection.close("the pool goes down")
        assert (await wire.answer(51))["error"][:2] == [20, passthrough.LOST]
        assert (await wire.ask("mining.submit", *job, id=52))["error"][0] == 21, "a late one of the lost connection"
        assert not it.passing.waiting

    story(full_disk, tmp_path)


@pytest.mark.parametrize("bound", ["OPEN_MAX", "ANSWER_S"])
def test_shares_that_nobody_answers_are_given_up_with_an_error(tmp_path, monkeypatch, bound):
    async def full_disk(it):
        wire = await it.machine()
        await it.fill()
        effects = []
        submit, it.app.upstreams["up"].submit = it.app.upstreams["up"].submit, effects.append
        wire.send("mining.submit", *it.share(1), id=61)
        await until(lambda: it.passing.waiting)
        monkeypatch.setattr(passthrough, bound, 1 if bound == "OPEN_MAX" else 0.0)
        wire.send("mining.submit", *it.share(2), id=62)
        assert (await wire.answer(61))["error"][:2] == [20, passthrough.LATE]
        monkeypatch.undo()
        for effect in effects:  # now the pool wakes up
            submit(effect)
        assert (await wire.answer(62))["result"] is True
        assert await replies(wire) == Counter(), "no second answer to the first"

    story(full_disk, tmp_path)


def test_answers_that_come_after_the_end_reach_their_machines(tmp_path):
    async def full_disk(it):
        wire = await it.machine()
        await it.fill()
        effects = []
        submit, it.app.upstreams["up"].submit = it.app.upstreams["up"].submit, effects.append
        wire.send("mining.submit", *it.share(1), id=61)
        await until(lambda: effects)
        await it.make_room()
        it.app.upstreams["up"].submit = submit
        submit(effects[0])
        assert (await wire.answer(61))["result"] is True

    story(full_disk, tmp_path)


def test_screens_say_so(tmp_path):
    async def full_disk(it):
        wire = await it.machine()
        await it.fill()
        await wire.ask("mining.submit", *it.share(2), id=12)
        journal = status_of(it.app)["journal"]
        assert (journal["state"], journal["passed"]) == ("full", 1)
        document = await route_status.read_status(it.app)
        assert document["journal"] == "full"
        assert document["algorithms"][0]["plan"]["problem"] == passthrough.JOURNAL_FAULT
        await it.make_room()
        assert status_of(it.app)["journal"]["state"] == "ok"

    story(full_disk, tmp_path)


def test_no_snapshot_is_queued_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(wiring, "SNAPSHOT_S", 0.01)

    async def full_disk(it):
        await it.fill()
        await asyncio.sleep(0.05)  # whatever was under way
        rounds, pending = [], it.app.writer.pending
        it.app.kernel.commit_now = lambda: rounds.append(1)  # what a snapshot begins with
        await asyncio.sleep(0.1)
        assert not rounds
        assert it.app.writer.pending <= pending
        del it.app.kernel.commit_now

    story(full_disk, tmp_path)
