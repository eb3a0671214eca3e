"""As much of a running process as `hw route` looks at: destinations, machines, a store that remembers, no sockets."""

from concurrent.futures import Future
from types import SimpleNamespace

from hashwright.clock import ManualClock
from hashwright.pool.events import DestinationSet, UpstreamSet
from hashwright.pool.extranonce import Prefixes
from hashwright.pool.records import Channel, Coinbase, Destination, Job, PoolState
from hashwright.routing.records import RoutingState
from hashwright.runtime.engines import Engines
from hashwright.store.base import AskedTotal, DeliveryTotal, WorkTotal
from unit.runtime.route_pool import OTHER_SCRIPT, OUR_SCRIPT

NOW = 1_800_000_000_000
UNIT = 10**15
"""Work of one share in these tests [hashes]."""


def own(name="home", algorithm="sha256d"):
    return DestinationSet(
        destination=name, coin="bitcoin" if algorithm == "sha256d" else "litecoin", network="regtest",
        algorithm=algorithm, payout_script=OUR_SCRIPT, coinbase_tag=b"", start_difficulty=1.0, minimum_difficulty=1.0,
        shares_per_minute=6.0, is_practice=False,
    )  # fmt: skip


def upstream(name="far", *, script=OUR_SCRIPT, coin="bitcoin"):
    return UpstreamSet(
        destination=name, coin=coin, network="regtest", algorithm="sha256d", payout_script=script,
        start_difficulty=1.0, minimum_difficulty=1.0, shares_per_minute=6.0, is_practice=False, leaves_on_mismatch=True,
    )  # fmt: skip


def coinbase(script=OUR_SCRIPT, problem=""):
    return Coinbase(
        height=850_001, tag="/toy/", outputs=((312_500_000, script), (0, b"\x6a\x00")),
        paid=312_500_000 if script == OUR_SCRIPT else 0, total=312_500_000, problem=problem,
    )  # fmt: skip


class FakeStore:
    """Settings in memory, and sums that are set by hand: (destination, what, reason, shares) of the last minutes."""

    def __init__(self):
        self.kept = {"route": {}, "pin": {}}
        self.work, self.delivery, self.asked = [], [], []
        self.since = []

    def settings(self, kind):
        return dict(self.kept[kind])

    def work_totals(self, since_ms):
        self.since.append(since_ms)
        return [
            WorkTotal(destination=name, worker="kai.r1", outcome=outcome, shares=shares,
                      work=shares * UNIT if outcome in ("accepted", "block") else 0)
            for name, outcome, shares in self.work
        ]  # fmt: skip

    def delivery_totals(self, since_ms):
        return [
            DeliveryTotal(destination=name, state=state, reason=reason, shares=shares, work=shares * UNIT)
            for name, state, reason, shares in self.delivery
        ]

    def asked_totals(self, since_ms):
        return [AskedTotal(destination=name, work=shares * UNIT) for name, shares in self.asked]


class FakeWriter:
    """Keeps at once, or fails at once, and notes what happened in which order."""

    def __init__(self, store, happened):
        self.store, self.happened = store, happened
        self.problem = None

    def put_setting(self, kind, name, value, *, now):
        return self._do("put", kind, name, lambda: self.store.kept[kind].update({name: value}))

    def delete_setting(self, kind, name):
        return self._do("delete", kind, name, lambda: self.store.kept[kind].pop(name, None))

    def _do(self, verb, kind, name, change):
        done = Future()
        if self.problem is not None:
            done.set_exception(self.problem)
        else:
            change()
            self.happened.append((verb, kind, name))
            done.set_result(None)
        return done


class FakeUpstream:
    def describe(self):
        link = {
            "last_job_at": NOW - 30_000,
            "last_accepted_at": NOW - 5_000,
            "latency_p50_ms": 12,
            "latency_p99_ms": 90,
        }
        late = link | {"last_job_at": 0, "latency_p50_ms": None, "latency_p99_ms": None}
        return {
            "destination": "far", "state": "connected", "detail": "", "address": "stratum+tcp://pool.example:1",
            "is_primary": False, "failures": 1, "waiting": 0, "links": [link, late],
        }  # fmt: skip


def make_app(*, script=OUR_SCRIPT, boot=2):
    """Return a process with an own node `home`, an upstream `far`, and a scrypt node `ltc`; 3 machines."""
    happened = []
    store = FakeStore()
    pool = PoolState(boot=boot, started_at=NOW - 120_000)
    for settings in (own(), upstream(), own("ltc", "scrypt")):
        pool.destinations[settings.destination] = Destination(
            settings=settings, template=None, node_state="ready", node_detail="", templates_seen=1,
            last_template_at=NOW, channels={}, waiting={}, state="ready",
        )  # fmt: skip
    for name, number, working in (("home", 0, {1: None}), ("far", 7, {2: None, 3: None})):
        pool.destinations[name].channels[number] = Channel(
            id=number, destination=name, prefix=b"\x01", own_bytes=4, extranonce2_size=4, mask=0x1FFFE000,
            room=256**4, prefixes=Prefixes(), opened_at=NOW, job="a", job_at=NOW - 30_000, working=working,
            coinbase=coinbase(script) if name == "far" else None,
        )  # fmt: skip
    pool.jobs["a"] = Job(
        id="a", destination="far", template=0, height=1, version=0, prevhash_le=bytes(32), nbits=0, ntime=0, mintime=0,
        network_target_be=bytes(32), coinbase_prefix=b"", coinbase_suffix=b"", branch=(), reward=0, made_at=NOW,
        upstream_job="theirs", upstream_difficulty=1024.0,
    )  # fmt: skip
    names = {1: ("kai.r1", True), 2: ("kai.rack7-01", True), 3: ("kai.rack7-02", True), 4: ("kai.rack7-03", False)}
    pool.sessions.update(
        {
            id_: SimpleNamespace(worker=worker, is_authorized=ok, is_sliced=id_ == 3)
            for id_, (worker, ok) in names.items()
        }
    )
    engines = Engines(pool=pool, routing=RoutingState())
    kernel = SimpleNamespace(pool=pool, engines=engines, handle=lambda event: happened.append(event))
    return SimpleNamespace(
        clock=ManualClock(NOW), store=store, writer=FakeWriter(store, happened), kernel=kernel, happened=happened,
        upstreams={"far": FakeUpstream()}, broken={}, write_state="ok",
    )  # fmt: skip


__all__ = ["NOW", "OTHER_SCRIPT", "UNIT", "coinbase", "make_app", "own", "upstream"]
