"""What was asked, and what was delivered: the document behind `hw route status`.

Three sources: the routing engine (plan and machines, now), the pool engine and the upstreams (state, connection, whom
their jobs pay, now), and the store's sums of whole minutes (asked, credited, answered; durable history).

* **asked**: the work that the destination was to get by the plan.
* **delivered**: shares that we judged good, less what the upstream rejected or never answered. Targets are met by this
  number, and the error is the difference of the two shares, in percent of all work of the algorithm.
* **submitted, accepted, rejected, stale, lost**: the upstream's own answers, at its own share target. **late**: found
  too late after a switch, so it was neither credited nor sent.

Work is a whole number of hashes, and text in the document, because it does not fit a float.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec

from hashwright.clock import Instant
from hashwright.errors import HashwrightError
from hashwright.pool.events import UpstreamSet
from hashwright.pool.payees import SOLO_SHARE_MIN
from hashwright.pool.records import Channel, Coinbase, Destination
from hashwright.routing.pins import fits
from hashwright.routing.plan import shares_of
from hashwright.runtime.route_settings import PIN_KIND, ROUTE_KIND
from hashwright.runtime.route_test import outputs_of
from hashwright.signals import Delivery
from hashwright.units import hashrate_est

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright
    from hashwright.store.base import AskedTotal, DeliveryTotal, WorkTotal

WINDOWS_S = {"10m": 600, "1h": 3600, "24h": 86_400}
"""The spans of asked against delivered: as quick as chance allows, and long enough to bill."""
MINUTE_MS = 60_000
CREDITED = ("accepted", "block")
STATES: Final = get_args(Delivery)
RETURNED = ("rejected", "stale", "lost")
"""What was credited before its answer came, and is taken off by it. Late shares were never credited."""
FIRST_BOOT = 1
OUTPUTS_SHOWN = 16


@dataclass(slots=True, kw_only=True)
class Sums:
    """What one destination was asked for and did in one window: work [hashes], and shares beside it."""

    asked: int = 0
    credited: int = 0
    credited_shares: int = 0
    refused_shares: int = 0
    """Shares that we judged bad ourselves; they never went out."""
    work: dict[str, int] = field(default_factory=dict)
    """By what became of it (`signals.Delivery`)."""
    shares: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    """Shares that did not count, by the upstream's own reason."""

    @property
    def delivered(self) -> int:
        """The work that counts towards the targets."""
        returned = sum(self.work.get(state, 0) for state in RETURNED)
        return max(self.credited - returned, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The sums of one span that ends now, by destination."""

    seconds: float
    sums: Mapping[str, Sums]


async def read_status(app: "Hashwright") -> dict[str, Any]:
    """Return the whole document."""
    now = app.clock.now()
    windows, routes, pins = await asyncio.to_thread(_read_store, app, now)
    names = list(app.kernel.pool.destinations)
    gone = sorted({name for window in windows.values() for name in window.sums} - set(names))
    return {
        "now": now,
        "journal": app.write_state,
        "windows": {key: {"asked_s": WINDOWS_S[key], "measured_s": window.seconds} for key, window in windows.items()},
        "algorithms": [_algorithm_of(app, name, windows, routes.get(name)) for name in _algorithms(app)],
        "removed": [{"destination": name, "windows": _windows_of(name, (name,), windows)} for name in gone],
        "pins": [_pin_of(app, pin) for pin in pins.values()],
        "upstreams": [
            _upstream_of(app, name, destination)
            for name, destination in app.kernel.pool.destinations.items()
            if isinstance(destination.settings, UpstreamSet)
        ],
        "broken": [{"destination": name, "problem": problem} for name, problem in app.broken.items()],
    }


def _algorithms(app: "Hashwright") -> list[str]:
    return sorted({item.settings.algorithm for item in app.kernel.pool.destinations.values()})


# ---------------------------------------------------------------- from the store


def _read_store(app: "Hashwright", now: int) -> tuple[dict[str, Window], dict[str, Any], dict[str, Any]]:
    windows = {key: _read_window(app, now, seconds) for key, seconds in WINDOWS_S.items()}
    return windows, app.store.settings(ROUTE_KIND), app.store.settings(PIN_KIND)


def _read_window(app: "Hashwright", now: int, seconds: int) -> Window:
    """Read one span. Sums are kept by the minute, so it begins with a whole one; or with the first process ever."""
    since = (now - seconds * 1000) // MINUTE_MS * MINUTE_MS
    pool = app.kernel.pool
    begin = max(since, pool.started_at) if pool.boot == FIRST_BOOT else since
    store, instant = app.store, Instant(max(since, 0))
    sums = sums_of(store.work_totals(instant), store.delivery_totals(instant), store.asked_totals(instant))
    return Window(seconds=max(now - begin, 0) / 1000, sums=sums)


def sums_of(
    work: "Iterable[WorkTotal]", delivery: "Iterable[DeliveryTotal]", asked: "Iterable[AskedTotal]"
) -> dict[str, Sums]:
    """Bring the three tables together, by destination."""
    found: dict[str, Sums] = {}
    for credit in work:
        sums = found.setdefault(credit.destination, Sums())
        if credit.outcome in CREDITED:
            sums.credited += credit.work
            sums.credited_shares += credit.shares
        else:
            sums.refused_shares += credit.shares
    for answer in delivery:
        sums = found.setdefault(answer.destination, Sums())
        sums.work[answer.state] = sums.work.get(answer.state, 0) + answer.work
        sums.shares[answer.state] = sums.shares.get(answer.state, 0) + answer.shares
        if answer.state not in ("submitted", "accepted"):
            reason = f"{answer.state}: {answer.reason}" if answer.reason else answer.state
            sums.reasons[reason] = sums.reasons.get(reason, 0) + answer.shares
    for wish in asked:
        found.setdefault(wish.destination, Sums()).asked += wish.work
    return found


def _windows_of(name: str, together: Iterable[str], windows: Mapping[str, Window]) -> dict[str, Any]:
    """Return one destination's part of each window; shares are those of all destinations `together`."""
    names = tuple(together)
    return {key: window_document(name, names, window) for key, window in windows.items()}


def window_document(name: str, names: tuple[str, ...], window: Window) -> dict[str, Any]:
    """Return what one destination was asked for and delivered in a window; percentages are of all `names`."""
    sums = window.sums.get(name, Sums())
    everyone = [window.sums.get(other, Sums()) for other in names]
    asked_percent = _percent(sums.asked, sum(item.asked for item in everyone))
    delivered_percent = _percent(sums.delivered, sum(item.delivered for item in everyone))
    is_known = asked_percent is not None and delivered_percent is not None
    return {
        "asked_work": str(sums.asked),
        "delivered_work": str(sums.delivered),
        "asked_percent": asked_percent,
        "delivered_percent": delivered_percent,
        "error_percent": delivered_percent - asked_percent if is_known else None,  # type: ignore[operator]
        "hashrate_hs": hashrate_est(sums.delivered, window.seconds),
        "judged": {"good": sums.credited_shares, "refused": sums.refused_shares},
        "answers": {
            state: {"shares": sums.shares.get(state, 0), "work": str(sums.work.get(state, 0))} for state in STATES
        },
        "reasons": dict(sorted(sums.reasons.items())),
    }


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


# ---------------------------------------------------------------- from the engines


def _algorithm_of(app: "Hashwright", algorithm: str, windows: Mapping[str, Window], route: Any) -> dict[str, Any]:  # noqa: ANN401
    mine = {
        name: item for name, item in app.kernel.pool.destinations.items() if item.settings.algorithm == algorithm
    }  # fmt: skip
    return {
        "algorithm": algorithm,
        "route": route,
        "plan": _plan_of(app, algorithm),
        "destinations": [
            {**_destination_of(app, name, item), "windows": _windows_of(name, mine, windows)}
            for name, item in mine.items()
        ],
    }


def _plan_of(app: "Hashwright", algorithm: str) -> dict[str, Any]:
    """Say how the routing engine sees it: why the route is not followed, who is left out, and who gets how much now."""
    engines = app.kernel.engines
    group = engines.routing.groups.get(algorithm)
    if group is None:
        return {"problem": "", "fault": engines.routing_fault, "degraded": {}, "wanted_percent": {}}
    wanted = shares_of(group, total_hs=group.total_hs, now=app.clock.now())
    return {
        "problem": group.failed,
        "fault": engines.routing_fault,
        "degraded": {name: item.health.why for name, item in group.accounts.items() if item.health.is_degraded},
        "wanted_percent": {name: 100 * share for name, share in wanted.items()},
    }


def _destination_of(app: "Hashwright", name: str, destination: Destination) -> dict[str, Any]:
    sessions = app.kernel.pool.sessions
    working = [sessions[id_] for id_ in destination.working if id_ in sessions]
    return {
        "destination": name,
        "kind": "own" if destination.is_own else "upstream",
        "is_practice": destination.settings.is_practice,
        "state": destination.state,
        "detail": destination.node_detail,
        "machines": len(working),
        "machines_sliced": sum(session.is_sliced for session in working),
        "machines_waiting": len(destination.waiting),
        "latency_ms": _latency_of(app, name),
    }


def _latency_of(app: "Hashwright", name: str) -> dict[str, int | None]:
    """Return the slowest connection's latencies; None where no share was answered yet."""
    upstream = app.upstreams.get(name)
    links = [] if upstream is None else upstream.describe()["links"]
    return {
        part: max(
            (link[f"latency_{part}_ms"] for link in links if link[f"latency_{part}_ms"] is not None), default=None
        )
        for part in ("p50", "p99")
    }


def _upstream_of(app: "Hashwright", name: str, destination: Destination) -> dict[str, Any]:
    upstream = app.upstreams.get(name)
    described: dict[str, Any] = {"state": "down", "detail": "it is not running", "links": []}
    if upstream is not None:
        described = upstream.describe()
    channels = [_channel_of(app, channel, destination) for channel in destination.channels.values()]
    return {**described, "destination": name, "mining": destination.state, "channels": channels}


def _channel_of(app: "Hashwright", channel: Channel, destination: Destination) -> dict[str, Any]:
    """Describe one connection as the engine sees it: its room, its machines, and whom its newest job pays."""
    job = app.kernel.pool.jobs.get(channel.job)
    return {
        "channel": channel.id,
        "machines": len(channel.working),
        "room": channel.room,
        "mask": f"{channel.mask:08x}",
        "job": None if job is None else job.upstream_job,
        "job_at": channel.job_at,
        "difficulty": None if job is None else job.upstream_difficulty,
        "is_shunned": channel.is_shunned,
        "coinbase": None if channel.coinbase is None else coinbase_document(destination.settings, channel.coinbase),
    }


def coinbase_document(settings: Any, coinbase: Coinbase) -> dict[str, Any]:  # noqa: ANN401
    """Say whom a job pays; `pays_us` is None where the upstream is not to pay us in the coinbase at all."""
    try:
        outputs = outputs_of(coinbase.outputs[:OUTPUTS_SHOWN], settings.coin, settings.network)
    except HashwrightError:
        outputs = outputs_of(coinbase.outputs[:OUTPUTS_SHOWN], "", "")
    is_solo = bool(settings.payout_script)
    return {
        "height": coinbase.height,
        "tag": coinbase.tag,
        "outputs": msgspec.to_builtins(outputs),
        "total": str(coinbase.total),
        "paid": str(coinbase.paid) if is_solo else None,
        "pays_us": bool(coinbase.total) and coinbase.paid >= coinbase.total * SOLO_SHARE_MIN if is_solo else None,
        "problem": coinbase.problem,
    }


def _pin_of(app: "Hashwright", pin: Mapping[str, Any]) -> dict[str, Any]:
    workers = matching_workers(app, str(pin["pattern"]))
    return {"pattern": pin["pattern"], "destination": pin["destination"], "workers": workers}


def matching_workers(app: "Hashwright", pattern: str) -> list[str]:
    """List the connected workers that a pattern fits; `*` stands for any characters."""
    return sorted(
        {
            session.worker
            for session in app.kernel.pool.sessions.values()
            if session.is_authorized and fits(pattern, session.worker)
        }
    )
