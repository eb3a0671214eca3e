"""A program that only answers on its control socket: for pages of autopilots, a fleet and a power plan at once."""

import asyncio
import contextlib
import threading

import msgspec

from hashwright.errors import OperatorError
from hashwright.planner.autopilot import Limits, Seen, SeenWay, think
from hashwright.planner.power_pins import Pin, with_pin, without
from hashwright.runtime.control import ControlServer, socket_path
from hashwright.runtime.opening import open_store
from hashwright.store import decisions as rows
from hashwright.web.plan import row_document
from unit.web.power_state import FLEET, power_state
from unit.web.power_turn import hall_at
from unit.web.world import NOW as POWER_NOW

MINUTE = 60_000


def way(name, usd, now):
    return SeenWay(
        destination=name, coin="bitcoin", is_ready=True, coins_per_hash=9e-24, price_usd=usd, price_at_ms=now - MINUTE,
        price_source="median of 3", net=0.98,
    )  # fmt: skip


def decision(number, far, *, now, mode, state, note):
    at = now - number * 10 * MINUTE
    seen = Seen(
        at_ms=at, algorithm="sha256d", hashrate_hs=2e15, efficiency_j_th=17.5, power_price_usd_kwh=0.08,
        ways=(way("near", 60_000.0, at), way("far <i>", 90_000.0, at)), held={"near": 1 - far, "far <i>": far},
        limits=Limits(step=0.25),
    )  # fmt: skip
    return rows.DecisionRow(
        id=0, at_ms=at, algorithm="sha256d", mode=mode, state=state, note=note,
        seen=msgspec.json.encode(seen).decode(), thought=msgspec.json.encode(think(seen)).decode(),
    )  # fmt: skip


def moved(value, by):
    """A power state of the tests, in the present."""
    if isinstance(value, dict):
        return {name: it + by if name.endswith("_ms") and it else moved(it, by) for name, it in value.items()}
    return [moved(it, by) for it in value] if isinstance(value, list) else value


class StubKernel:
    """Answers, and remembers what it was asked to do."""

    def __init__(self, folder, *, now):
        self.folder, self.now, self.acted = folder, now, []
        self.autopilot = {"algorithm": "sha256d", "mode": "advise", "every_s": 300, "is_paused": False}
        self.power = moved(power_state(banner="HW-951 The last safe plan rules."), now - POWER_NOW)
        self.hall = hall_at(now)
        self.pinned = []
        self.stopping = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        names = [name.removeprefix("on_").replace("_", "-") for name in dir(self) if name.startswith("on_")]
        server = ControlServer(socket_path(self.folder), {name: self._command(name) for name in names})
        await server.start()
        self.started.set()
        while not self.stopping.is_set():
            await asyncio.sleep(0.05)
        await server.stop()

    def _command(self, name):
        async def run(arguments):
            return getattr(self, "on_" + name.replace("-", "_"))(arguments)

        return run

    @contextlib.contextmanager
    def running(self):
        store = open_store(self.folder)
        for number in range(24, 0, -1):
            row = decision(
                number, min((24 - number) * 0.02, 1.0), now=self.now, mode="advise",
                state="applied" if number % 3 else "asked", note="expected +3.20 USD a day beside the present route",
            )  # fmt: skip
            store.change_books(lambda connection, row=row: rows.write(connection, row))
        self.last = row_document(store.read_tables(lambda it: rows.numbered(it, 24))) | {"state": "asked"}
        store.close()
        self.started = threading.Event()
        self._thread.start()
        assert self.started.wait(10)
        try:
            yield self
        finally:
            self.stopping.set()
            self._thread.join(10)

    # ------------------------------------------------------------ answers

    def on_status(self, _):
        place = {
            "coin": "bitcoin", "network": "main", "algorithm": "sha256d", "kind": "upstream", "is_practice": False,
            "state": "ready", "node": {"state": "ready", "detail": ""}, "machines": 2, "height": 900_000,
            "job_age_ms": 4_000,
        }  # fmt: skip
        return {
            "destinations": [place | {"destination": "near"}, place | {"destination": "far <i>"}],
            "now": self.now, "started_at": self.now - 3_600_000, "journal": {"state": "ok"}, "broken": [],
            "listeners": [
                {"algorithm": "sha256d", "url": "stratum+tcp://127.0.0.1:3333", "connections": 2, "refused": {}}
            ],
        }  # fmt: skip

    def on_workers(self, _):
        return []

    def on_fleet_status(self, arguments):
        return {"now": self.now, "total": len(FLEET), "is_live": False, "devices": FLEET[arguments["offset"] :]}

    def on_autopilot_status(self, _):
        return [{"settings": dict(self.autopilot), "problem": "", "last": self.last}]

    def on_power_status(self, _):
        return [self.power, self.hall]

    def on_power_pin(self, arguments):
        """Pin hours as the program does, and plan by them at once."""
        asked = arguments["pin"]
        before = [Pin(**it) for it in self.hall["pins"]["pins"]]
        kept = without(before, asked["group"], asked["from_ms"], asked["to_ms"])
        if asked["want"]:
            kept = with_pin(kept, Pin(**asked), now=self.now)
        self.pinned.append((arguments["name"], asked["group"], asked["want"], asked["to_ms"] - asked["from_ms"]))
        return self._replan(before, kept)

    def on_power_pin_undo(self, arguments):
        assert arguments["change"] == self.hall["pins"]["change"]
        self.pinned.append(("undo", arguments["change"]))
        return self._replan([Pin(**it) for it in self.hall["pins"]["pins"]], self.before)

    def _replan(self, before, kept):
        self.before = before
        change, number = self.hall["pins"]["change"] + 1, self.hall["plan"]["number"] + 1
        self.hall = hall_at(self.now, pins=kept, change=change, number=number)
        return self.hall["pins"]

    def on_autopilot_pause(self, arguments):
        self.acted.append(("pause", arguments["is_paused"]))
        self.autopilot["is_paused"] = self.power["settings"]["is_paused"] = arguments["is_paused"]
        self.hall["settings"]["is_paused"] = arguments["is_paused"]
        return {"is_paused": arguments["is_paused"]}

    def on_autopilot_set(self, arguments):
        self.acted.append(("set", arguments["settings"]["mode"]))
        self.autopilot |= arguments["settings"]
        return {"settings": self.autopilot}

    def on_autopilot_apply(self, arguments):
        if arguments["number"] != 24:
            raise OperatorError(f"There is no decision {arguments['number']}.", code="HW-774")
        self.acted.append(("apply", arguments["number"]))
        self.last |= {"state": "applied", "note": "decision 24, by hand"}
        return {"applied": arguments["number"]}
