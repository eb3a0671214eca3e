"""`hw admin data fetch`: ask the feeds, keep what each said, and make facts of it.

Each feed fails alone: what went wrong is a finding, and what it said last serves until it is stale. A feed is not asked
again before its pause is over, nor before the time that it named when it asked us to slow down; both are kept on disk,
so that a program started each minute does not become a nuisance.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

from hashwright import registry
from hashwright.adapters.feeds._fetch import fetch
from hashwright.adapters.feeds.base import Feed
from hashwright.economics.coin_facts import FIELDS, CoinFacts, Observation, combine
from hashwright.errors import Finding, HashwrightError, RateLimited
from hashwright.runtime.market_data import load_market, market_folder, save_market, write_json

CACHE: Final = "feeds"
Tell: TypeAlias = Callable[[str, Finding | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came of it: which feeds were asked, which answered, and the market that is known now."""

    market: CoinFacts
    asked: tuple[str, ...]
    answered: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a feed said last, and when it may be asked again [ms since 1970 UTC]; `is_told`: it said so itself."""

    again_ms: int
    is_told: bool = False
    observations: tuple[Observation, ...]


async def fetch_market(
    names: Sequence[str],
    *,
    data_dir: Path,
    now_ms: int,
    urls: Mapping[str, str],
    is_forced: bool = False,
    tell: Tell | None = None,
) -> Fetched:
    """Ask feeds, all at once, and store the facts that follow.

    `urls` are addresses that take the place of a feed's own; an own node is asked only where it has one. `is_forced`
    asks also before a feed's own pause is over, but never before the time that it named itself. `tell` hears of each
    feed as soon as it has answered or failed.

    Raises:
        PluginError: there is no feed of that name.
    """
    feeds: dict[str, Feed] = {name: registry.load("feeds", name).FEED for name in names or registry.names("feeds")}
    told = {name: _read_cache(data_dir, name) for name, feed in feeds.items() if not feed.is_node or name in urls}
    asked = [name for name, said in told.items() if now_ms >= said.again_ms or (is_forced and not said.is_told)]
    problems: dict[str, Finding] = {}

    async def ask(name: str) -> None:
        told[name], problem = await _ask(name, feeds[name], urls.get(name, ""), told[name], now_ms)
        if problem is not None:
            problems[name] = problem
        _write_cache(data_dir, name, told[name])
        if tell is not None:
            tell(name, problem)

    async with asyncio.TaskGroup() as group:
        for name in asked:
            group.create_task(ask(name))
    known = load_market(data_dir)
    heard = [seen for said in told.values() for seen in said.observations]
    fresh = combine(heard, before=known.facts, now_ms=now_ms)
    market = CoinFacts(facts=fresh.facts).over(CoinFacts(facts=known.facts))
    save_market(market, data_dir)
    return Fetched(
        market=market,
        asked=tuple(asked),
        answered=tuple(name for name in asked if name not in problems),
        findings=(*(problems[name] for name in asked if name in problems), *known.findings, *fresh.findings),
    )


async def _ask(name: str, feed: Feed, url: str, before: _Said, now_ms: int) -> tuple[_Said, Finding | None]:
    """Ask one feed; a failure keeps what it said before."""
    try:
        answers = await fetch(feed, feed.coins, url=url)
        observations = tuple(feed.read(answers, now_ms))
    except HashwrightError as problem:
        told_s = problem.retry_after_s if isinstance(problem, RateLimited) else None
        again_ms = now_ms + int((told_s or feed.pause_s) * 1000)
        finding = Finding(code=problem.code, place=name, message=problem.message, hint=problem.hint)
        return _Said(again_ms=again_ms, is_told=told_s is not None, observations=before.observations), finding
    except Exception as fault:  # a broken plug-in fails alone, whoever wrote it
        finding = Finding(code="HW-707", place=name, message=f"The feed is broken: {type(fault).__name__}: {fault}")
        return _Said(again_ms=now_ms + feed.pause_s * 1000, observations=before.observations), finding
    return _Said(again_ms=now_ms + feed.pause_s * 1000, observations=observations), None


def _cache_file(data_dir: Path, name: str) -> Path:
    return market_folder(data_dir) / CACHE / f"{name}.json"


def _read_cache(data_dir: Path, name: str) -> _Said:
    """Read what a feed said last; a damaged file counts as none."""
    try:
        document = json.loads(_cache_file(data_dir, name).read_text(encoding="utf-8"))
        rows = tuple(_observation(row) for row in document["observations"])
        return _Said(again_ms=int(document["again_ms"]), is_told=bool(document["is_told"]), observations=rows)
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError, StopIteration):
        return _Said(again_ms=0, observations=())


def _observation(row: Mapping[str, Any]) -> Observation:
    return Observation(
        coin=str(row["coin"]),
        field=next(it for it in FIELDS if it == row["field"]),
        value=Decimal(row["value"]),
        at_ms=int(row["at_ms"]),
        known_at_ms=int(row["known_at_ms"]),
        source=str(row["source"]),
    )


def _write_cache(data_dir: Path, name: str, said: _Said) -> None:
    rows = [
        {
            "coin": it.coin,
            "field": it.field,
            "value": str(it.value),
            "at_ms": it.at_ms,
            "known_at_ms": it.known_at_ms,
            "source": it.source,
        }
        for it in said.observations
    ]
    write_json(_cache_file(data_dir, name), {"again_ms": said.again_ms, "is_told": said.is_told, "observations": rows})
