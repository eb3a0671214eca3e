"""As much of a running program as the autopilot looks at: real engines, a real store and writer, a clock that is told.

Destinations are nodes whose template pays what a test says; nothing thinks in another process, nothing waits.
"""

import asyncio
import functools
import json
import pathlib
import random
import tempfile
from types import SimpleNamespace

from hashwright import registry
from hashwright.clock import ManualClock
from hashwright.planner.autopilot import DAY_S, PH, think
from hashwright.pool.events import DestinationSet
from hashwright.pool.records import Destination
from hashwright.routing.records import Account, Group, Health
from hashwright.runtime.autopilot import AutopilotService
from hashwright.runtime.autopilot_settings import parse_autopilot
from hashwright.runtime.engines import Engines, step
from hashwright.store import decisions
from hashwright.store.sqlite import SqliteStore
from hashwright.store.writer import GroupCommitWriter

START_MS = 1_800_000_000_000 // 86_400_000 * 86_400_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
WORK = 10**23
"""Hashes a block in these tests."""


DB = "hashwright.db"


@functools.cache
def blank_database():
    """Return the bytes of a new database: making one takes longer than most tests here."""
    with tempfile.TemporaryDirectory() as folder:
        SqliteStore.open(pathlib.Path(folder)).close()
        return (pathlib.Path(folder) / DB).read_bytes()


class ThinksHere:
    """Thinks in this process, or fails where a test says so."""

    def __init__(self):
        self.problem = None
        self.asked = 0

    async def think(self, seen):
        self.asked += 1
        if self.problem is not None:
            raise self.problem
        return think(seen)

    def close(self):
        pass


def own(name, *, coin="bitcoin", algorithm="sha256d", network="main"):
    return DestinationSet(
        destination=name, coin=coin, network=network, algorithm=algorithm, payout_script=b"\x00\x14" + bytes(20),
        coinbase_tag=b"", start_difficulty=1.0, minimum_difficulty=1.0, shares_per_minute=6.0, is_practice=False,
    )  # fmt: skip


class World:
    """The program, and hands to turn what it sees."""

    def __init__(self, folder, *, now=START_MS, hashrate_hs=1e15, algorithm="sha256d"):
        self.clock = ManualClock(now)
        self.config = SimpleNamespace(data_dir=folder)
        if not (folder / DB).exists():
            (folder / DB).write_bytes(blank_database())
        self.store = SqliteStore.open(folder)
        self.writer = GroupCommitWriter(self.store.connect, on_commit=lambda _: None, on_failure=self._fail)
        self.write_state = "ok"
        self.engines = Engines()
        self.handled, self.alerts, self.prices = [], [], {}
        self.kernel = SimpleNamespace(
            engines=self.engines, pool=self.engines.pool, routing=self.engines.routing, fleet=self.engines.fleet,
            handle=self.handle,
        )  # fmt: skip
        self.market = SimpleNamespace(state=self.engines.market)
        self.fleet = None
        self.power = SimpleNamespace(services={})
        self.autopilots = {}
        self.renting, self.rng = {}, random.Random(7)
        self.thinker = ThinksHere()
        self.group(algorithm).total_hs = hashrate_hs

    def _fail(self, failure):
        raise AssertionError(failure)

    def close(self):
        assert self.writer.close(60), "what was written is kept"
        self.store.close()

    def handle(self, event):
        self.handled.append(event)
        return step(self.engines, event, now=self.clock.now())

    def warn(self, alert):
        self.alerts.append(alert)

    def codes(self):
        return [alert.code for alert in self.alerts]

    def group(self, algorithm):
        groups = self.engines.routing.groups
        return groups.setdefault(algorithm, Group(algorithm=algorithm, plan=None, machines={}, accounts={}))

    # ---------------------------------------------------------------- what it sees

    def destination(self, name, *, usd_ph_day=None, state="ready", **settings):
        """Set a node that pays so many dollars a PH/s and day at the present price; None: it tells nothing."""
        event = own(name, **settings)
        known = self.engines.pool.destinations
        if name not in known:
            known[name] = Destination(event, None, "ready", "", 0, 0, {}, {})
        found = known[name]
        found.state = state
        found.template = None
        if usd_ph_day is not None:
            coin = registry.load("coins", event.coin).COIN
            value = usd_ph_day / (PH * DAY_S) / self.prices[event.coin] * WORK * 10**coin.decimals
            found.template = SimpleNamespace(coinbase_value=round(value), network_target=2**256 // WORK - 1)
        return found

    def price(self, coin, usd, *, age_ms=0):
        """Say what a coin costs, as a feed would have."""
        self.prices[coin] = usd
        self.fact(coin, "price_usd", repr(float(usd)), age_ms=age_ms)

    def fact(self, coin, field, value, *, age_ms=0):
        """Say a fact, as a feed would have."""
        at = self.clock.now() - age_ms
        file = self.config.data_dir / "market" / "facts.json"
        file.parent.mkdir(exist_ok=True)
        facts = json.loads(file.read_text())["facts"] if file.exists() else []
        facts = [it for it in facts if (it["coin"], it["field"]) != (coin, field)]
        facts.append({"coin": coin, "field": field, "value": value, "at_ms": at, "known_at_ms": at,
                      "sources": ["test"]})  # fmt: skip
        file.write_text(json.dumps({"facts": facts}))

    def route(self, name, algorithm="sha256d"):
        """Let all machines that work, work for one destination."""
        group = self.group(algorithm)
        group.accounts = {name: Account(destination=name, state="ready", reason="", health=Health())}

    # ---------------------------------------------------------------- the autopilot

    def autopilot(self, **settings):
        """Set the autopilot, as `hw autopilot set` does, without its loop."""
        service = AutopilotService(self, parse_autopilot({"algorithm": "sha256d"} | settings), self.thinker)
        before = self.autopilots.get(service.settings.algorithm)
        if before is not None:
            service.follow(before)
        self.autopilots[service.settings.algorithm] = service
        return service


def turn(service, *, minutes=0, cause="the clock"):
    """Let time pass, say the same price again, take a turn, and return its row and its thought."""
    world = service._app
    world.clock.advance(minutes * MINUTE_MS)
    for coin, usd in world.prices.items():
        world.price(coin, usd)
    found = asyncio.run(service.turn(cause))
    return found.row, found.thought


def rows(world):
    return world.store.read_books(lambda connection: decisions.newest(connection))[::-1]


def states(world):
    return [row.state for row in rows(world)]
