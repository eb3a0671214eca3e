"""Prometheus metrics, by the naming contract of docs/metrics.md: base units, ratios 0 to 1, `_total` for counters.

They are made from the picture when they are asked for. A machine that is gone for a day has no series any more, and
what is not known has none either: absent is not zero.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from litestar import Controller, Response, get
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from hashwright.errors import OperatorError
from hashwright.store import ledger
from hashwright.store.connection import Connection
from hashwright.web.context import AnyRequest, Site, needs, problems, site_of
from hashwright.web.live import Live
from hashwright.web.steering import Helm

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECOND_MS: Final = 1000


class Contract(Collector):
    """All metrics of one picture."""

    def __init__(self, live: Live, version: str, powers: Iterable[Mapping[str, Any]]) -> None:
        self._live, self._version, self._powers = live, version, powers

    def describe(self) -> Iterable[Metric]:
        """Name nothing ahead: the families follow from the picture."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Make the families."""
        yield InfoMetricFamily("hw_build", "The version that runs.", value={"version": self._version})
        yield from _process(self._live)
        yield from _destinations(self._live)
        yield from _workers(self._live)
        yield from _machines(self._live)
        yield from _plans(self._powers)
        yield from _books(self._live)


def _process(live: Live) -> Iterator[Metric]:
    picture = live.picture
    yield GaugeMetricFamily("hw_up", "1 while the program answers.", value=float(picture.status is not None))
    yield GaugeMetricFamily(
        "hw_picture_timestamp_seconds", "When these numbers were true.", value=picture.at_ms / SECOND_MS
    )
    if picture.status is None:
        return
    journal = picture.status["journal"]
    is_writable = float(journal["state"] == "ok")
    yield GaugeMetricFamily("hw_journal_writable", "1 while shares can be credited.", value=is_writable)
    yield CounterMetricFamily("hw_journal_events", "Events since the start.", value=journal["events"])
    yield GaugeMetricFamily("hw_journal_unwritten_events", "Events that wait for the disk.", value=journal["unwritten"])
    yield GaugeMetricFamily(
        "hw_start_timestamp_seconds", "When the program started.", value=picture.status["started_at"] / SECOND_MS
    )


def _destinations(live: Live) -> Iterator[Metric]:
    ready = GaugeMetricFamily("hw_destination_ready", "1 while it can be mined for.", labels=["destination", "coin"])
    machines = GaugeMetricFamily("hw_destination_machines", "Machines that work for it.", labels=["destination"])
    age = GaugeMetricFamily("hw_destination_job_age_seconds", "Age of its newest job.", labels=["destination"])
    for item in live.picture.status["destinations"] if live.picture.status else ():
        name = item["destination"]
        ready.add_metric([name, item["coin"] or ""], float(item["state"] == "ready"))
        machines.add_metric([name], item["machines"])
        if item["job_age_ms"] is not None:
            age.add_metric([name], item["job_age_ms"] / SECOND_MS)
    yield from (ready, machines, age)


def _workers(live: Live) -> Iterator[Metric]:
    labels = ["account", "worker"]
    rate = GaugeMetricFamily(
        "hw_worker_hashrate_hashes_per_second",
        "From accepted work of ten minutes (pool: estimated), or as it says itself (device: measured).",
        labels=[*labels, "algo", "source"],
    )
    shares = CounterMetricFamily(
        "hw_worker_shares", "Shares since the web began, by result.", labels=[*labels, "result"]
    )
    online = GaugeMetricFamily("hw_worker_connected", "1 while it is connected.", labels=labels)
    silent = GaugeMetricFamily("hw_worker_silent", "1 while it is silent beyond chance.", labels=labels)
    algorithms = {
        item["destination"]: item["algorithm"]
        for item in (live.picture.status["destinations"] if live.picture.status else ())
    }
    for machine in live.picture.machines:
        account, _, worker = machine.worker.partition(".")
        names = [account, worker]
        algo = algorithms.get(machine.destinations[0], "") if machine.destinations else ""
        rate.add_metric([*names, algo, "pool"], machine.hashrate_10m_hs)
        if machine.said_hs is not None:
            rate.add_metric([*names, algo, "device"], machine.said_hs)
        accepted, refused = live.book.counted.get(machine.worker, (0, 0))
        shares.add_metric([*names, "accepted"], accepted)
        shares.add_metric([*names, "refused"], refused)
        online.add_metric(names, float(machine.connections > 0))
        silent.add_metric(names, float(machine.state == "silent"))
    yield from (rate, shares, online, silent)


def _machines(live: Live) -> Iterator[Metric]:
    """What machines of the fleet say of themselves; one that says nothing has no series."""
    labels = ["machine", "site", "group"]
    power = GaugeMetricFamily("hw_machine_power_watts", "What a machine says it draws.", labels=labels)
    heat = GaugeMetricFamily("hw_machine_chip_temperature_celsius", "Its hottest sensor.", labels=labels)
    energy = CounterMetricFamily("hw_machine_energy_joules", "What it drew since the web began.", labels=labels)
    obeys = GaugeMetricFamily("hw_machine_settled", "1 while it does what it should.", labels=labels)
    for machine in live.picture.machines:
        if not machine.device:
            continue
        names = [machine.device, machine.site, machine.group]
        if machine.power_w is not None:
            power.add_metric(names, machine.power_w)
        if machine.temperature_c is not None:
            heat.add_metric(names, machine.temperature_c)
        if machine.device in live.joules.drawn:
            energy.add_metric(names, live.joules.drawn[machine.device])
        if machine.is_settled is not None:
            obeys.add_metric(names, float(machine.is_settled))
    yield from (power, heat, energy, obeys)


def _plans(powers: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    """What the newest power plan of each site expects to be left over its hours, in the money of the site."""
    families: dict[str, GaugeMetricFamily] = {}
    for state in powers:
        plan = state.get("plan") or {}
        value, currency = plan.get("thought", {}).get("value"), str(plan.get("seen", {}).get("currency", "")).lower()
        if not isinstance(value, int | float) or not (currency.isascii() and currency.isalpha()):
            continue
        name = f"hw_plan_value_{currency}"
        words = "What the newest power plan expects to be left."
        families.setdefault(name, GaugeMetricFamily(name, words, labels=["site"])).add_metric(
            [str(state.get("name", ""))], value
        )
    yield from families.values()


def _books(live: Live) -> Iterator[Metric]:
    """What the database says: blocks by state, and whether each currency of the books sums to nothing."""
    store = live.store()
    if store is None:
        return
    blocks = CounterMetricFamily("hw_pool_blocks", "Our blocks, by state.", labels=["coin", "destination", "state"])
    status = live.picture.status
    coins = {it["destination"]: it["coin"] or "" for it in status["destinations"]} if status else {}
    for destination, state, number in store.read_tables(count_blocks):
        blocks.add_metric([coins.get(destination, ""), destination, state], number)
    yield blocks
    with contextlib.suppress(OperatorError):  # a database of before the books
        value = float(store.read_books(unbalanced))
        yield GaugeMetricFamily("hw_ledger_unbalanced", "Currencies whose balances do not sum to 0.", value=value)


def count_blocks(connection: Connection) -> list[tuple[str, str, int]]:
    """Count blocks by destination and state."""
    query = "SELECT destination, state, count(*) FROM block GROUP BY destination, state ORDER BY destination, state"
    return [(row[0], row[1], int(row[2])) for row in connection.execute(query)]


def unbalanced(connection: Connection) -> int:
    """Count currencies whose balances do not sum to nothing."""
    sums: dict[str, int] = {}
    for (_, currency), minor in ledger.read_balances(connection).items():
        sums[currency.code] = sums.get(currency.code, 0) + minor
    return sum(1 for minor in sums.values() if minor)


def text_of(site: Site, powers: Iterable[Mapping[str, Any]] = ()) -> bytes:
    """Write all metrics; `powers` is what is known of power autopilots."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Contract(site.live, site.version, powers))
    return generate_latest(registry)


class MetricsController(Controller):
    """For Prometheus."""

    path = "/metrics"
    guards = (needs("view"),)
    include_in_schema = False

    @get("", responses=problems(401, 403), media_type=MEDIA_TYPE)
    async def metrics(self, request: AnyRequest) -> Response[bytes]:
        """Write all metrics in Prometheus's text form; asked for with a key that may view."""
        site = site_of(request)
        await site.live.listed()
        helm: Helm = request.app.state.helm
        await helm.look()
        text = await asyncio.to_thread(text_of, site, helm.states.get("power", ()))
        return Response(text, media_type=MEDIA_TYPE)
