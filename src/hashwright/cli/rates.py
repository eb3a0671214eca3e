"""`hw pool rates`: what machines claim against what their shares prove."""

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.terminal import Table, Terminal, clean
from hashwright.errors import OperatorError, reason_of

if TYPE_CHECKING:
    from hashwright.cli.overview import Overview
    from hashwright.economics.claims import Claim, Proof, Row

_RATE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,6})?) ?([kMGTPE]?)(?:H(?:/s)?)?", re.ASCII)
_SCALE = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
CLAIM_AGE_MAX_MS = 600_000
"""An older reading says nothing about the shares of now."""
HINT = 'Write WORKER=RATE, such as kai.r01=5.2kH/s; in a file {"kai.r01": 5200}, in hashes a second.'
ADVICE = {
    "claims more": "Look at it: stale work, another pool, or a wrong count. It draws power that earns nothing here.",
    "claims less": "It counts wrong, or several machines share its name.",
    "no shares": "It claims to work, and nothing of it arrives here.",
}


@click.command(cls=Command)
@click.option("--claim", metavar="WORKER=RATE", multiple=True, help="What a machine says of itself. May be repeated.")
@click.option(
    "--claims", "file", type=click.Path(path_type=Path), metavar="FILE", help="JSON of worker: hashes a second."
)
@pass_terminal
def rates(terminal: Terminal, claim: tuple[str, ...], file: Path | None) -> None:
    """Compare the hash rates that machines claim with what their accepted shares prove.

    Shares come by chance, so they prove a range (99 %). A claim outside of it is told; a machine without a claim, or
    without shares, is told as such. Machines of `hw fleet` claim what they said last, for the worker of their name (or
    whose name ends in a dot and theirs); --claim and --claims say it for others.

    Example: hw pool rates --claim kai.r01=5.2kH/s
    """
    import time

    from hashwright.cli.overview import read_overview
    from hashwright.economics.claims import merged

    config = terminal.load_config()
    overview = run_async(read_overview(config.data_dir))
    now_ms = int(time.time() * 1000)
    proofs = proofs_of(overview)
    said = _claims(claim, file, now_ms=now_ms)
    said += machine_claims(config.data_dir, {it.worker for it in proofs} - {it.worker for it in said}, now_ms=now_ms)
    rows = merged(said, proofs, now_ms=now_ms)
    if terminal.is_json:
        terminal.document({"window_s": overview.window_s, "rates": [document_of(row) for row in rows]})
        return
    terminal.table(table_of(rows))
    for kind, advice in ADVICE.items():
        names = [row.worker for row in rows if row.judgement == kind and row.claimed_hs is not None]
        if names:
            terminal.line(f"{', '.join(map(clean, names))}: {kind}. {advice}")


def proofs_of(overview: "Overview") -> "list[Proof]":
    """Return what each worker's accepted shares prove, over all destinations."""
    from hashwright.economics.claims import Proof

    found: dict[str, tuple[int, float]] = {}
    for worker in overview.workers:
        shares, rate = found.get(worker.worker, (0, 0.0))
        found[worker.worker] = (shares + worker.accepted, rate + worker.hashrate_hs)
    return [
        Proof(worker=name, shares=shares, work=round(rate * overview.window_s), seconds=overview.window_s)
        for name, (shares, rate) in found.items()
    ]


def machine_claims(folder: Path, workers: set[str], *, now_ms: int) -> "list[Claim]":
    """Return what machines of the fleet said within the last minutes, for workers of their names."""
    from hashwright.cli.fleet_work import stored_rows
    from hashwright.economics.claims import Claim

    by_device: dict[str, str] = {}
    for worker in sorted(workers):
        by_device.setdefault(worker, worker)
        by_device.setdefault(worker.partition(".")[2] or worker, worker)
    return [
        Claim(worker=by_device[row["device"]], hashrate_hs=float(row["hashrate_hs"]), at_ms=int(row["at"]))
        for row in stored_rows(folder)
        if row["device"] in by_device and row.get("hashrate_hs") is not None and now_ms - row["at"] <= CLAIM_AGE_MAX_MS
    ]


def _claims(given: tuple[str, ...], file: Path | None, *, now_ms: int) -> "list[Claim]":
    from hashwright.economics.claims import Claim

    rates_by_name = {} if file is None else _read_file(file)
    for text in given:
        name, sign, rate = text.rpartition("=")
        match = _RATE.fullmatch(rate.strip())
        if not (name and sign) or match is None:
            raise OperatorError(f"--claim {text!r} is no worker with a hash rate.", code="HW-314", hint=HINT)
        rates_by_name[name] = float(match[1]) * _SCALE[match[2]]
    return [Claim(worker=name, hashrate_hs=rate, at_ms=now_ms) for name, rate in rates_by_name.items()]


def _read_file(file: Path) -> dict[str, float]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OperatorError(f"{file} cannot be read as JSON: {reason_of(error)}.", code="HW-314", hint=HINT) from error
    wrong = (
        [name for name, rate in told.items() if not _is_rate(rate)] if isinstance(told, dict) else ["the whole file"]
    )
    if wrong:
        raise OperatorError(f"{file}: {', '.join(wrong[:5])} is no hash rate.", code="HW-314", hint=HINT)
    return {str(name): float(rate) for name, rate in told.items()}


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def document_of(row: "Row") -> dict[str, Any]:
    """Return a row for a program; an open range has no upper end."""
    return {
        "worker": row.worker,
        "claimed_hs": row.claimed_hs,
        "claim_age_ms": row.age_ms,
        "proven_hs": row.proven_hs,
        "low_hs": row.low_hs,
        "high_hs": row.high_hs if math.isfinite(row.high_hs) else None,
        "shares": row.shares,
        "judgement": row.judgement,
    }


def table_of(rows: "tuple[Row, ...]") -> Table:
    """Show claimed beside proven."""
    from hashwright.units import hashrate_text

    def text(rate: float | None) -> str:
        return "-" if rate is None else hashrate_text(rate)

    body = tuple(
        (
            row.worker,
            text(row.claimed_hs),
            text(row.proven_hs),
            f"{text(row.low_hs)} to {text(row.high_hs)}" if math.isfinite(row.high_hs) else "-",
            str(row.shares),
            row.judgement,
        )
        for row in rows
    )
    heads = ("worker", "claimed", "proven (estimated)", "range of chance (99 %)", "shares", "judgement")
    return Table(heads=heads, rows=body, right=frozenset(heads[1:5]), empty="No machine claims or proves anything yet.")
