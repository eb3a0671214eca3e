"""What a person wants to know at a glance, from two sources: the running process, and the database read-only.

The process says what is true now (listeners, machines, nodes). The database says what happened (work, blocks, alerts),
whether a process runs or not. A hash rate is always an estimate: accepted work divided by the time it took.
"""

import asyncio
import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashwright.errors import OperatorError, Unavailable
from hashwright.units import hashrate_est

if TYPE_CHECKING:
    from hashwright.store.base import AlertRecord, BlockRecord, Store, WorkTotal

WINDOW_MS = 10 * 60_000
"""The span of a hash rate: long enough that 60 shares give it within a quarter (Poisson, 95 %)."""
MINUTE_MS = 60_000
DAY_MS = 24 * 3600_000
LATE_MINUTES = 2
"""A commit may be so late: a minute is read again until then."""
PAGE = 1_000
CREDITED = ("accepted", "block")
NOT_RUNNING = ("HW-704", "HW-613")


@dataclasses.dataclass(slots=True, kw_only=True)
class Worker:
    """One name, over all its connections. Ages are [ms] before `Overview.now_ms`, None where unknown."""

    worker: str
    destination: str
    connections: int = 0
    difficulty: float | None = None
    last_share_age_ms: int | None = None
    hashrate_hs: float = 0.0
    accepted: int = 0
    rejected: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The state, ready to be shown. `status` is the running process's own answer, None where none runs."""

    data_dir: Path
    now_ms: int
    has_database: bool
    status: Mapping[str, Any] | None
    window_s: float
    workers: tuple[Worker, ...]
    shares_by_outcome: Mapping[str, int]
    blocks: "tuple[BlockRecord, ...]"
    alerts: "tuple[AlertRecord, ...]"

    @property
    def hashrate_hs(self) -> float:
        """Return the estimate over all workers."""
        return sum(worker.hashrate_hs for worker in self.workers)


class DayCounts:
    """Shares of the last day by outcome, kept up: who looks again and again reads only the minutes that may have grown.

    A farm's day has millions of rows.
    """

    def __init__(self) -> None:
        self._minutes: dict[int, dict[str, int]] = {}
        self._grows_from = 0

    def read(self, store: "Store", now_ms: int) -> dict[str, int]:
        """Read what is new, and return the sums."""
        oldest, minute = (now_ms - DAY_MS) // MINUTE_MS, now_ms // MINUTE_MS
        begin = max(oldest, self._grows_from)
        kept = {at: counts for at, counts in self._minutes.items() if oldest <= at < begin}
        for at, outcome, shares in store.share_counts(begin):
            kept.setdefault(at, {})[outcome] = shares
        self._minutes, self._grows_from = kept, minute - LATE_MINUTES
        return outcomes_of(pair for counts in kept.values() for pair in counts.items())


async def read_overview(data_dir: Path, *, blocks: int = 5, alerts: int = 5, day: DayCounts | None = None) -> Overview:
    """Ask the process if one runs, and read the database if there is one; `day` is what was read before."""
    from hashwright.runtime.system import SystemClock

    status, sessions = await ask_process(data_dir)
    now_ms = SystemClock().now()
    counts = DayCounts() if day is None else day
    facts = await asyncio.to_thread(_read_facts, data_dir, now_ms, (blocks, alerts), counts)
    since = _window_start(now_ms, status)
    return Overview(
        data_dir=data_dir,
        now_ms=now_ms,
        has_database=facts is not None,
        status=status,
        window_s=(now_ms - since) / 1000,
        workers=workers_of(sessions, facts.recent if facts else (), seconds=(now_ms - since) / 1000),
        shares_by_outcome=facts.day if facts else {},
        blocks=tuple(facts.blocks) if facts else (),
        alerts=tuple(facts.alerts) if facts else (),
    )


async def ask_process(data_dir: Path) -> tuple[Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]:
    """Return the running process's status and sessions; None and nothing where none runs."""
    from hashwright.runtime.control import Line

    line = Line(data_dir)
    try:
        status: Mapping[str, Any] = await line.ask("status")
        found: list[Mapping[str, Any]] = []
        page: list[Mapping[str, Any]] = []
        while not found or len(page) == PAGE:  # ten thousand at once would hold up the shares
            page = await line.ask("workers", after=found[-1]["session"] if found else -1, limit=PAGE)
            found += page
            if not page:
                break
        return status, found
    except (Unavailable, OperatorError) as error:
        if error.code in NOT_RUNNING:
            return None, ()
        raise
    finally:
        line.close()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    recent: "list[WorkTotal]"
    day: dict[str, int]
    blocks: "list[BlockRecord]"
    alerts: "list[AlertRecord]"


def open_readonly(data_dir: Path) -> "Store | None":
    """Open the database for reading; None where there is none yet."""
    from hashwright.runtime.opening import open_store

    try:
        return open_store(data_dir, readonly=True)
    except OperatorError as error:
        if error.code == "HW-612":
            return None
        raise


def _read_facts(data_dir: Path, now_ms: int, limits: tuple[int, int], day: DayCounts) -> _Facts | None:
    from hashwright.clock import Instant

    store = open_readonly(data_dir)
    if store is None:
        return None
    try:
        return _Facts(
            recent=store.work_totals(Instant(now_ms - WINDOW_MS)),
            day=day.read(store, now_ms),
            blocks=store.blocks(limits[0]),
            alerts=store.alerts(limits[1]),
        )
    finally:
        store.close()


def _window_start(now_ms: int, status: Mapping[str, Any] | None) -> int:
    """Return since when recent work is counted: work is kept by the minute, and a process may be younger."""
    start = (now_ms - WINDOW_MS) // MINUTE_MS * MINUTE_MS
    return max(start, int(status["started_at"])) if status else start


def workers_of(
    sessions: Iterable[Mapping[str, Any]], totals: "Iterable[WorkTotal]", *, seconds: float
) -> tuple[Worker, ...]:
    """Join who is connected with what was accepted, by worker and destination."""
    found: dict[tuple[str, str], Worker] = {}
    work: dict[tuple[str, str], int] = {}

    def of(name: str, destination: str) -> Worker:
        return found.setdefault((name, destination), Worker(worker=name, destination=destination))

    for session in sessions:
        worker = of(session["worker"], session["destination"])
        worker.connections += 1
        worker.difficulty = session["difficulty"]
        ages = [age for age in (worker.last_share_age_ms, session["last_share_ms"]) if age is not None]
        worker.last_share_age_ms = min(ages)
    for total in totals:
        worker, key = of(total.worker, total.destination), (total.worker, total.destination)
        if total.outcome in CREDITED:
            worker.accepted += total.shares
            work[key] = work.get(key, 0) + total.work
        else:
            worker.rejected += total.shares
    for key, sum_of_work in work.items():
        found[key].hashrate_hs = hashrate_est(sum_of_work, seconds)
    return tuple(found[key] for key in sorted(found))


def outcomes_of(totals: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Sum shares by outcome, good ones first."""
    counts: dict[str, int] = {}
    for outcome, shares in totals:
        counts[outcome] = counts.get(outcome, 0) + shares
    return dict(sorted(counts.items(), key=lambda item: (item[0] not in CREDITED, item[0])))


def mode_of(destinations: Sequence[Mapping[str, Any]]) -> str:
    """Say what this instance does, in the product's words for modes."""
    if not destinations:
        return "DRY RUN: no destination yet, nothing is mined"
    if all(item["is_practice"] for item in destinations):
        return "PRACTICE: blocks of no value on a chain inside this process"
    real = [item for item in destinations if not item["is_practice"]]
    own = [f"own pool on {item['coin']} {item['network']}" for item in real if item["kind"] == "own node"]
    others = [item["destination"] for item in real if item["kind"] == "upstream"]
    parts = [*dict.fromkeys(own), *([f"machines work for {', '.join(others)}"] if others else [])]
    return f"LIVE: {'; '.join(parts)}"


def time_text(at_ms: int) -> str:
    """Return an instant as ISO 8601 in UTC."""
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).isoformat(timespec="milliseconds")


def document_of(overview: Overview) -> dict[str, Any]:
    """Return the one JSON document of `hw status --json`. Amounts are texts of minor units; times are UTC."""
    status = overview.status
    return {
        "running": status is not None,
        "source": "the running process and its database" if status else "the database, read only",
        "data_dir": str(overview.data_dir),
        "at": time_text(overview.now_ms),
        "started_at": time_text(status["started_at"]) if status else None,
        "mode": mode_of(status["destinations"]) if status else None,
        "journal": status["journal"] if status else None,
        "listeners": status["listeners"] if status else [],
        "destinations": status["destinations"] if status else [],
        "broken": status["broken"] if status else [],
        "hashrate": {
            "hs": overview.hashrate_hs,
            "window_s": overview.window_s,
            "kind": "estimated from accepted work",
        },
        "workers": [dataclasses.asdict(worker) for worker in overview.workers],
        "shares_24h": dict(overview.shares_by_outcome),
        "blocks": [block_document(block) for block in overview.blocks],
        "alerts": [
            {"at": time_text(alert.at_ms), "level": alert.level, "code": alert.code, "text": alert.text}
            for alert in overview.alerts
        ],
    }


def block_document(block: "BlockRecord") -> dict[str, Any]:
    """Return a block for a program."""
    return {
        "destination": block.destination,
        "height": block.height,
        "block_hash": block.block_hash,
        "worker": block.worker,
        "reward": None if block.reward is None else str(block.reward),
        "found_at": time_text(block.found_ms),
        "state": block.state,
        "detail": block.detail,
        "confirmations": block.confirmations,
    }
