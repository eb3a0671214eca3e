"""When a node is asked for its tip: a push is only a hint, a lost one costs no more than the interval."""

import asyncio

from hashwright.adapters.nodes._tips import LongPollHints, Timer, ZmqHints
from hashwright.errors import NodeSyncing

LONG_S, SHORT_S = 600.0, 0.01


class LongPollingNode:
    """Gives a template at once, and the next one when `change` is called."""

    def __init__(self, *, offers="one", error=None):
        self.offers, self.error = offers, error
        self.asked = []
        self.changed = asyncio.Event()

    async def template(self, longpoll):
        self.asked.append(longpoll)
        if self.error:
            raise self.error
        if longpoll is not None:
            await self.changed.wait()
        return {"longpollid": self.offers} if self.offers else {}


def within(story):
    async def run():
        async with asyncio.timeout(10):
            await story()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_a_long_poll_is_begun_with_an_id_and_left_running_over_the_interval():
    async def story():
        node = LongPollingNode()
        hints = LongPollHints(node.template, interval_s=SHORT_S)
        for _ in range(5):
            await hints.wait()
        assert node.asked == [None, "one"], "a call that was given up would go on in the node"
        node.changed.set()
        await hints.wait()
        await hints.wait()
        assert node.asked == [None, "one", "one"]
        await hints.aclose()

    within(story)


def test_a_call_that_missed_the_new_tip_is_given_up():
    async def story():
        node = LongPollingNode()
        hints = LongPollHints(node.template, interval_s=SHORT_S)
        await hints.wait()
        await hints.renew()
        await hints.wait()
        assert node.asked == [None, "one"], "an id that is not in use stays good"
        await hints.renew()
        await hints.wait()
        assert node.asked == [None, "one", None]
        await hints.aclose()

    within(story)


def test_without_long_polling_it_is_a_timer():
    async def story():
        for node in (LongPollingNode(offers=""), LongPollingNode(error=NodeSyncing("no peer", code="HW-403"))):
            hints = LongPollHints(node.template, interval_s=SHORT_S)
            for _ in range(3):
                await hints.wait()
            assert node.asked == [None, None, None]
            await hints.aclose()

    within(story)


def test_an_error_of_a_call_that_is_given_up_is_not_left_behind():
    async def story():
        node = LongPollingNode(error=NodeSyncing("no peer", code="HW-403"))
        hints = LongPollHints(node.template, interval_s=LONG_S)
        waiting = asyncio.ensure_future(hints.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await hints.aclose()

    within(story)


def test_a_message_ends_the_wait_and_silence_ends_it_too():
    import zmq
    import zmq.asyncio

    async def story():
        with zmq.asyncio.Context() as context, context.socket(zmq.PUB) as publisher:
            port = publisher.bind_to_random_port("tcp://127.0.0.1")
            hints = ZmqHints(f"tcp://127.0.0.1:{port}", interval_s=LONG_S)
            waiting = asyncio.ensure_future(hints.wait())
            while not waiting.done():  # a subscription takes a moment to arrive
                await publisher.send_multipart([b"hashblock", bytes(32), bytes(4)])
                await asyncio.sleep(SHORT_S)
            await hints.aclose()
            quiet = ZmqHints(f"tcp://127.0.0.1:{port}", interval_s=SHORT_S)
            await quiet.wait()
            await quiet.aclose()

    within(story)


def test_a_timer_waits_for_its_interval():
    async def story():
        timer = Timer(SHORT_S)
        await timer.wait()
        await timer.renew()
        await timer.aclose()

    within(story)
