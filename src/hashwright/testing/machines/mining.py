"""Real work of simulated machines: each logs in at its pool and finds real shares of a tiny difficulty, now and then.

A machine that says 100 TH/s hashes some thousand times here: enough for a share every few seconds. All machines of a
process take turns on its one thread, so that hundreds of them stay below a part of a core.
"""

import asyncio
import contextlib
import random

from hashwright.chain import target
from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import HashwrightError
from hashwright.stratum import messages as said
from hashwright.stratum.client import ClientSession
from hashwright.testing.machines.model import Machine
from hashwright.testing.miner import Search, head_of, search
from hashwright.testing.talk import AGENT, parse_url

SLICE = {"sha256d": 1_500, "scrypt": 30}
"""Hashes of one turn: some milliseconds."""
TURNS_MAX = 4
"""Turns for one share; a pool that asks for more gets fewer shares."""
LOOK_S = 0.5
IDLE_S = 3.0
"""How often a machine without a pool looks for one: thousands do."""
RETRY_S = 3.0


class Worker:
    """The Stratum session of one machine, for as long as it is awake."""

    def __init__(self, machine: Machine, *, rng: random.Random, every_s: float) -> None:
        self._machine = machine
        self._rng = rng
        self._every_s = every_s
        self._forget()

    def _forget(self) -> None:
        self._session = ClientSession(agent=AGENT)
        self._prefix, self._size, self._difficulty = b"", 0, 1.0
        self._job: said.Notify | None = None
        self._extranonce2 = self._rng.randrange(2**30)

    async def run(self) -> None:
        """Mine while the machine is awake and has a pool; sleep otherwise; try again when the pool is gone."""
        while True:
            if self._machine.is_paused or not self._machine.pools or "dead" in self._machine.faults:
                await asyncio.sleep(LOOK_S if self._machine.pools else IDLE_S)
                continue
            with contextlib.suppress(OSError, HashwrightError, TimeoutError):
                await self._mine()
            self._forget()
            await asyncio.sleep(RETRY_S * self._rng.uniform(0.5, 1.5))

    async def _mine(self) -> None:
        pool = self._machine.pools[0]
        host, port = parse_url(pool.url)
        reader, writer = await asyncio.open_connection(host, port)
        try:
            self._session.subscribe()
            self._session.extranonce_subscribe()
            self._session.authorize(pool.user, pool.password)
            self._flush(writer)
            next_share = self._every_s * self._rng.random()
            loop = asyncio.get_running_loop()
            start = loop.time()
            while not self._machine.is_paused and self._machine.pools[:1] == [pool]:
                await self._listen(reader)
                if loop.time() - start >= next_share and self._job is not None:
                    await self._find_share(self._job, pool.user)
                    self._flush(writer)
                    next_share = loop.time() - start + self._every_s * self._rng.uniform(0.5, 1.5)
        finally:
            writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                data = await reader.read(65536)
        except TimeoutError:
            return
        if not data:
            raise ConnectionResetError("the pool closed the connection")
        for message in self._session.receive_data(data):
            self._hear(message)

    def _hear(self, message: said.Message) -> None:
        match message:
            case said.Subscribed() | said.SetExtranonce():
                self._prefix, self._size = message.prefix, message.extranonce2_size
            case said.SetDifficulty():
                self._difficulty = message.difficulty
            case said.Notify():
                self._job = message
            case said.ShareAnswered():
                self._machine.accepted += message.is_accepted
                self._machine.rejected += not message.is_accepted
            case _:
                pass

    async def _find_share(self, job: said.Notify, user: str) -> None:
        algorithm = self._machine.algorithm
        goal = target.target_of_difficulty(self._difficulty, ALGORITHMS[algorithm].diff1_target)
        self._extranonce2 += 1
        extranonce2 = (self._extranonce2 % 256**self._size).to_bytes(self._size, "big")
        head = head_of(job, self._prefix + extranonce2)
        size = SLICE[algorithm]
        for turn in range(TURNS_MAX):
            span = Search(head=head, start=turn * size, count=size, target=goal, algorithm=algorithm)
            found = search(span)
            if found:
                self._session.submit(
                    said.Submit(request=None, worker=user, job=job.job, extranonce2=extranonce2, ntime=job.ntime,
                                nonce=found[0], version_bits=None)
                )  # fmt: skip
                return
            await asyncio.sleep(0)

    def _flush(self, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(self._session.output))
        self._session.output.clear()
