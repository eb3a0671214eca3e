"""How the state is drawn: the parts that `hw status`, `hw demo` and `hw pool` share."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hashwright.cli.overview import CREDITED, Overview, Worker
from hashwright.cli.terminal import Table, clean
from hashwright.units import duration_text, hashrate_text

if TYPE_CHECKING:
    from hashwright.store.base import AlertRecord, BlockRecord

UNKNOWN = "-"
"""Unknown is not zero."""


def workers_table(workers: Iterable[Worker], *, window_s: float, is_short: bool = False) -> Table:
    """Show who mines how fast; `is_short` has the columns that fit a narrow screen, without folding a row."""
    span = duration_text(window_s)
    rows: tuple[tuple[str, ...], ...] = tuple(
        (
            worker.worker,
            worker.destination,
            hashrate_text(worker.hashrate_hs) if worker.accepted else UNKNOWN,
            UNKNOWN if worker.difficulty is None else difficulty_text(worker.difficulty),
            age_text(worker.last_share_age_ms),
            str(worker.accepted),
            str(worker.rejected),
        )
        for worker in workers
    )
    rate = f"hash rate ({span}, estimated)"
    heads: tuple[str, ...] = ("worker", "destination", rate, "difficulty", "last share", "accepted", "rejected")
    if is_short:
        heads = ("worker", "hash rate", "last share", "accepted", "rejected")
        rows = tuple((row[0], row[2], *row[4:]) for row in rows)
        return Table(heads=heads, rows=rows, right=frozenset(heads[1:]), empty="No machine has worked here yet.")
    return Table(heads=heads, rows=rows, right=frozenset(heads[2:]), empty="No machine has worked here yet.")


def destinations_table(destinations: Sequence[Mapping[str, Any]]) -> Table:
    """Show where work comes from and how its node is."""
    rows = tuple(
        (
            item["destination"],
            f"{item['coin'] or item['algorithm']} {item['network']}",
            "PRACTICE" if item["is_practice"] else item["kind"],
            "STOPPED: reserve at its floor" if item.get("is_stopped") else _node_text(item["node"]),
            UNKNOWN if item["height"] is None else str(item["height"]),
            age_text(item["job_age_ms"]),
            str(item["machines"]),
        )
        for item in destinations
    )
    heads = ("destination", "coin", "kind", "node or pool", "next height", "job age", "machines")
    empty = "No destination yet. Add one: hw pool add --help"
    return Table(heads=heads, rows=rows, right=frozenset(heads[4:]), empty=empty)


def _node_text(node: Mapping[str, Any]) -> str:
    return str(node["state"]) + (f": {node['detail']}" if node["detail"] else "")


def blocks_table(blocks: "Iterable[BlockRecord]", *, now_ms: int, is_short: bool = False) -> Table:
    """Show blocks, newest first; `is_short` cuts the hash so that a row fits one line of a terminal."""
    rows = tuple(
        (
            UNKNOWN if block.height is None else str(block.height),
            block.destination,
            block.worker or UNKNOWN,
            block.state + (f": {block.detail}" if block.detail else ""),
            str(block.confirmations) if block.confirmations >= 0 else UNKNOWN,
            age_text(now_ms - block.found_ms),
            f"{block.block_hash[:16]}..." if is_short else block.block_hash,
        )
        for block in blocks
    )
    heads = ("height", "destination", "found by", "state", "confirmations", "age", "hash")
    empty = "No block yet."
    return Table(heads=heads, rows=rows, right=frozenset(("height", "confirmations", "age")), empty=empty)


def alerts_table(alerts: "Iterable[AlertRecord]", *, now_ms: int, is_short: bool = False) -> Table:
    """Show alerts, newest first; `is_short` leaves out the hashes, which stand in the table of blocks."""
    rows = tuple(
        (
            age_text(now_ms - alert.at_ms),
            alert.level,
            alert.code,
            without_hash(alert.text) if is_short else alert.text,
        )
        for alert in alerts
    )
    return Table(heads=("age", "level", "code", "alert"), rows=rows, right=frozenset(("age",)), empty="No alert.")


def without_hash(text: str) -> str:
    """Leave out the block hash at the end of an alert."""
    return re.sub(r" \([0-9a-f]{64}\)", "", clean(text))


def outcomes_text(counts: Mapping[str, int]) -> str:
    """Write shares by outcome in one line; a block is an accepted share too."""
    blocks = counts.get("block", 0)
    accepted = counts.get("accepted", 0) + blocks
    good = [f"{accepted} accepted" + (f" ({blocks} of them blocks)" if blocks else "")] if accepted else []
    bad = [f"{count} {outcome}" for outcome, count in counts.items() if outcome not in CREDITED]
    return ", ".join(good + bad) or "none"


def age_text(age_ms: int | None) -> str:
    """Write an age in its largest unit: enough to see whether a number is fresh."""
    if age_ms is None:
        return UNKNOWN
    text = duration_text(max(age_ms, 0) / 1000)
    return " ".join(text.split(" ")[:2])


def difficulty_text(difficulty: float) -> str:
    """Write a difficulty with four digits, small ones in powers of ten."""
    return f"{difficulty:,.0f}".replace(",", "\u2009") if difficulty >= 1000 else f"{difficulty:.4g}"


def headline(overview: Overview) -> str:
    """Say in one sentence what is going on."""
    connected = sum(worker.connections for worker in overview.workers)
    machines = f"{connected} machine{'' if connected == 1 else 's'} connected"
    rate = hashrate_text(overview.hashrate_hs)
    return f"{machines}, {rate} (estimated from accepted work of the last {duration_text(overview.window_s)})"
