"""The new-block path: who must hear of it, what they get when the template is late, and what a lost node changes."""

import asyncio

import msgspec

from hashwright.chain.template import Tip
from hashwright.errors import Disconnected
from hashwright.runtime import node_link
from hashwright.runtime.rented import RentedProof
from hashwright.stratum.proof import proof_of
from shell.app import ScriptedNode, Wire, running, until


class LateNode(ScriptedNode):
    """Tells of a new tip at once and takes its time for the template."""

    is_late = False

    async def template(self, longpoll):
        if self.is_late:
            await asyncio.sleep(1.5)
        return await super().template(longpoll)

    async def tip_header(self, block_hash):
        return Tip(block_hash=block_hash, height=self.height, mediantime=1_800_000_100)


def test_a_late_template_is_bridged_by_an_empty_job(tmp_path):
    async def story():
        node = LateNode(bits="1d00ffff")
        node.height = 840_100  # the subsidy is then the template's whole value: 3.125 BTC, no fees
        async with running(tmp_path, node) as app:
            wire = await Wire.connect(app)
            await wire.login()
            first = await wire.note("mining.notify")
            assert len(first[4]) == 2, "three transactions make two branch hashes"
            node.is_late = True
            node.new_tip()
            bridge = await wire.note("mining.notify")
            assert (bridge[4], bridge[8]) == ([], True), "empty, and clean"
            assert bridge[1] != first[1]
            full = await wire.note("mining.notify")
            assert (len(full[4]), full[8], full[1]) == (2, False, bridge[1])
            await wire.close()

    asyncio.run(story())


def test_every_working_machine_hears_of_a_new_tip(tmp_path):
    async def story():
        node = ScriptedNode(bits="1d00ffff")
        async with running(tmp_path, node) as app:
            wires = [await Wire.connect(app) for _ in range(30)]
            for number, wire in enumerate(wires):
                await wire.login(f"farm.r{number}")
                await wire.note("mining.notify")
            node.new_tip()
            jobs = {tuple((await wire.note("mining.notify"))[:2]) for wire in wires}
            assert len(jobs) == 1, "one job, serialised once"
            for wire in wires:
                await wire.close()

    asyncio.run(story())


def test_a_markets_connection_hears_of_blocks_at_once_and_of_little_else(tmp_path):
    async def story():
        node = ScriptedNode(bits="1d00ffff")
        async with running(tmp_path, node) as app:
            app.shell.rented = RentedProof("key", "secret")
            at_ms = app.clock.now()
            subscribes = (
                ("test",),
                ("NiceHash/1.0.0", str(at_ms), proof_of("key", "secret", at_ms)),
                ("NiceHash/1.0.0", str(at_ms), "ab" * 32),
            )
            wires = [await Wire.connect(app) for _ in subscribes]
            for wire, words in zip(wires, subscribes, strict=True):
                await wire.ask("mining.subscribe", *words, id=1)
                assert (await wire.ask("mining.authorize", "kai.r", "x", id=2))["result"] is True
                await wire.note("mining.notify")
            agents = [it.agent for it in app.kernel.pool.sessions.values()]
            assert agents == ["test", "NiceHash/1.0.0", "unproven NiceHash/1.0.0"]
            known = app.kernel.pool.destinations["pool"].template
            app.kernel.handle(msgspec.structs.replace(known, template=known.template + 1))
            for wire in (wires[0], wires[2]):
                assert (await wire.note("mining.notify"))[8] is False
            node.new_tip()
            for wire in wires:
                assert (await wire.note("mining.notify"))[8] is True, "the job between was not sent to the market"
                await wire.close()

    asyncio.run(story())


def test_a_lost_node_is_told_and_sessions_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(node_link, "PULSE_S", 0.05)

    async def story():
        node = ScriptedNode(bits="1d00ffff")
        async with running(tmp_path, node) as app:
            wire = await Wire.connect(app)
            await wire.login()
            node.fail = Disconnected("gone", code="HW-414")

            async def gone():
                raise Disconnected("gone", code="HW-414")

            node.tip = gone
            state = app.kernel.pool.destinations["pool"]
            await until(lambda: state.node_state == "unreachable")
            assert len(state.working) == 1
            node.fail = None
            await until(lambda: state.node_state == "ready")
            await wire.close()

    asyncio.run(story())


def test_a_found_block_goes_to_the_node_before_the_answer_and_is_not_sent_twice(tmp_path):
    async def story():
        node = ScriptedNode(bits="207fffff")
        async with running(tmp_path, node) as app:
            wire = await Wire.connect(app)
            await wire.login("eva.r", "d=0.0000000002")
            notify = await wire.note("mining.notify")
            for nonce in range(64):
                answer = await wire.ask(
                    "mining.submit", "eva.r", notify[0], "00" * 8, notify[7], f"{nonce:08x}", id=50 + nonce
                )
                if answer["result"] and node.submitted:
                    break
            assert len(node.submitted) == 1
            await until(lambda: app.store.pending_outbox() == [])
            again = await wire.ask("mining.submit", "eva.r", notify[0], "00" * 8, notify[7], f"{nonce:08x}", id=200)
            assert again["error"][0] in (21, 22)
            assert len(node.submitted) == 1
            await wire.close()

    asyncio.run(story())
