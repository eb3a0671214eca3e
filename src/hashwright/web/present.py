"""From the picture to documents: what the page Now says, in the words of the terminal."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hashwright import registry
from hashwright.units import hashrate_text
from hashwright.web.documents import (
    AlertDocument,
    Block,
    Broken,
    Destination,
    History,
    Listener,
    Marker,
    Mode,
    Quantity,
    Status,
)
from hashwright.web.live import Live, Picture, history_of

if TYPE_CHECKING:
    from hashwright.store.base import AlertRecord, BlockRecord

NEWEST = 10
DAY_MS = 24 * 3_600_000


def status_of(picture: Picture, *, instance: str) -> Status:
    """Return the page Now."""
    state = picture.status
    destinations = tuple(destination_of(item, now_ms=state["now"]) for item in state["destinations"]) if state else ()
    mode, text = mode_of(destinations, is_running=state is not None)
    depths = depths_of(picture)
    return Status(
        at_ms=picture.at_ms,
        is_running=state is not None,
        has_database=picture.has_database,
        problem=picture.problem,
        instance=instance,
        mode=mode,
        mode_text=text,
        sentence=sentence_of(picture, destinations),
        started_ms=state["started_at"] if state else None,
        journal_state=state["journal"]["state"] if state else "not running",
        hashrate=Quantity(
            value=picture.joined.hashrate_hs,
            unit="H/s",
            kind="estimated",
            at_ms=picture.joined.at_ms,
            window_s=picture.window_s,
        ),
        power=power_of(picture),
        machines=picture.joined.total,
        machines_connected=picture.joined.connected,
        machines_by_state=picture.joined.states,
        shares_24h=picture.shares_24h,
        listeners=tuple(Listener(**item) for item in state["listeners"]) if state else (),
        destinations=destinations,
        broken=tuple(Broken(**item) for item in state["broken"]) if state else (),
        blocks=tuple(block_of(block, depths) for block in picture.blocks[:NEWEST]),
        alerts=tuple(alert_of(alert) for alert in picture.alerts[:NEWEST]),
    )


def power_of(picture: Picture) -> Quantity | None:
    """Return what machines say they draw; None where none says it."""
    watts = picture.joined.power_w
    return None if watts is None else Quantity(value=watts, unit="W", kind="measured", at_ms=picture.fleet.at_ms)


def destination_of(item: Mapping[str, Any], *, now_ms: int) -> Destination:
    """Return one destination as the program told it at `now_ms`."""
    return Destination(
        destination=item["destination"],
        coin=item["coin"],
        network=item["network"],
        algorithm=item["algorithm"],
        kind=item["kind"],
        is_practice=item["is_practice"],
        is_stopped=bool(item.get("is_stopped")),
        state=str(item["state"]),
        node_state=str(item["node"]["state"]),
        node_detail=str(item["node"]["detail"]),
        machines=item["machines"],
        height=item["height"],
        job_at_ms=None if item["job_age_ms"] is None else now_ms - item["job_age_ms"],
    )


def mode_of(destinations: Sequence[Destination], *, is_running: bool) -> tuple[Mode, str]:
    """Say what this instance does, in one word and in one sentence."""
    if not is_running:
        return "PAUSED", "No program runs on this data folder: what is shown is history."
    if not destinations:
        return "DRY RUN", "No destination yet, so nothing is mined."
    if all(item.is_practice for item in destinations):
        return "PRACTICE", "Blocks have no value here: the chain is inside the program."
    if all(item.is_stopped or item.state == "down" for item in destinations):
        return "PAUSED", "Every destination is stopped or unreachable."
    names = ", ".join(item.destination for item in destinations if not item.is_practice)
    return "LIVE", f"Machines work for {names}."


def sentence_of(picture: Picture, destinations: Sequence[Destination]) -> str:
    """Say in one sentence what is going on."""
    if picture.status is None:
        return "Hashwright does not run. What follows is history, read from its database."
    states, connected = picture.joined.states, picture.joined.connected
    if not destinations:
        return "No place to mine yet."
    if not connected:
        return "No machine is connected."
    coins = sorted({item.coin or item.algorithm for item in destinations if item.machines})
    where = f"Mining {' and '.join(coins)}" if coins else "Waiting for work"
    machines = f"{connected} machine{'' if connected == 1 else 's'}"
    silent = states.get("silent", 0)
    late = f"; {silent} {'is' if silent == 1 else 'are'} silent" if silent else ""
    return f"{where} on {machines} with {hashrate_text(picture.joined.hashrate_hs)}{late}."


def depths_of(picture: Picture) -> dict[str, int]:
    """Return how deep a block of each destination must be until its reward can be spent."""
    found = {}
    for item in picture.status["destinations"] if picture.status else ():
        if item["coin"]:
            found[item["destination"]] = spendable_depth(item["coin"])
    return found


@functools.cache
def spendable_depth(coin: str) -> int:
    """Return how deep a coin's blocks must be to be spent."""
    depth: int = registry.load("coins", coin).COIN.spendable_depth
    return depth


def block_of(block: "BlockRecord", depths: Mapping[str, int]) -> Block:
    """Return a block."""
    return Block(
        destination=block.destination,
        block_hash=block.block_hash,
        height=block.height,
        worker=block.worker,
        reward=None if block.reward is None else str(block.reward),
        found_ms=block.found_ms,
        state=block.state,
        detail=block.detail,
        confirmations=block.confirmations,
        spendable_at=depths.get(block.destination),
    )


def alert_of(alert: "AlertRecord") -> AlertDocument:
    """Return an alert."""
    return AlertDocument(number=alert.number, at_ms=alert.at_ms, level=alert.level, code=alert.code, text=alert.text)


def history_key(picture: Picture) -> tuple[Any, ...]:
    """Return what the plot of the last day depends on: it is made anew once a minute, and when something happens."""
    return (picture.at_ms // 60_000, picture.status is None, picture.blocks, picture.alerts)


def history(live: Live, picture: Picture) -> History:
    """Return the plot of the last day with its markers."""
    now = picture.at_ms
    plot = history_of(live.book, now)
    times = tuple(plot["times_s"])
    return History(
        at_ms=now,
        unit="H/s",
        kind="estimated",
        times_s=times,
        destinations={name: tuple(rates) for name, rates in plot["destinations"].items()},
        said=live.trend.line("said_hs", times),
        expected=live.trend.line("expected_hs", times),
        power_w=live.trend.line("power_w", times),
        markers=markers_of(picture, now),
    )


def markers_of(picture: Picture, now: int) -> tuple[Marker, ...]:
    """Return what happened within the last day, oldest first."""
    found = [
        Marker(at_ms=block.found_ms, kind="block", text=f"Block {block.height} on {block.destination}: {block.state}")
        for block in picture.blocks
    ]
    found += [
        Marker(at_ms=alert.at_ms, kind=alert.level, text=alert.text)
        for alert in picture.alerts
        if alert.level != "info"
    ]
    return tuple(sorted((it for it in found if it.at_ms >= now - DAY_MS), key=lambda it: it.at_ms))
