"""What happens next, as far as it is known: a retarget, a reward that ripens, a payout, a turn, a change of power.

Each has a time, and says whether that is set (`planned`) or follows from the usual pace of blocks (`estimated`).
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from hashwright import registry
from hashwright.chain.coin import Coin
from hashwright.store.connection import Connection
from hashwright.web.documents import Document
from hashwright.web.live import Picture

HOUR_MS: Final = 3_600_000
MODES: Final = {"live": "", "advise": " (if you agree)"}
RIPENING: Final = ("confirmed", "submitted")


class Upcoming(Document, frozen=True, kw_only=True):
    """Something that will happen. `at_ms` is null where it waits for something and not for a time."""

    kind: Literal["retarget", "reward", "payout", "autopilot", "power", "switch"]
    text: str
    at_ms: int | None
    certainty: Literal["planned", "estimated"]


def upcoming(
    picture: Picture,
    *,
    payouts: Mapping[str, Mapping[str, Any]],
    last_payouts: Mapping[str, int],
    autopilots: Iterable[Mapping[str, Any]],
    powers: Iterable[Mapping[str, Any]] = (),
) -> list[Upcoming]:
    """Return what happens next, soonest first; what has no time comes last.

    Args:
        picture: what is true now.
        payouts: the payouts of own pools, as set.
        last_payouts: when each pool paid last [ms].
        autopilots: those of routes, as the program tells of them.
        powers: those of power, with their newest plan.
    """
    found = [
        *_retargets(picture),
        *_rewards(picture),
        *_payouts(picture.at_ms, payouts, last_payouts),
        *_turns(picture.at_ms, autopilots),
        *_power(picture),
        *_switches(picture.at_ms, powers),
    ]
    return sorted(found, key=lambda it: (it.at_ms is None, it.at_ms or 0))


@functools.cache
def coin_of(key: str) -> Coin:
    """Return a coin."""
    coin: Coin = registry.load("coins", key).COIN
    return coin


def _destinations(picture: Picture) -> list[Mapping[str, Any]]:
    return [it for it in picture.status["destinations"] if it["coin"]] if picture.status else []


def _retargets(picture: Picture) -> list[Upcoming]:
    found: dict[tuple[str, str], Upcoming] = {}
    for item in _destinations(picture):
        coin = coin_of(item["coin"])
        is_epoch = coin.economy is not None and coin.economy.adjustment.kind == "epoch"
        network = coin.networks.get(item["network"])
        if item["height"] is None or not is_epoch or network is None or not network.is_retargeting:
            continue
        blocks = -item["height"] % coin.retarget_blocks or coin.retarget_blocks
        found[coin.key, item["network"]] = Upcoming(
            kind="retarget",
            text=f"{coin.title} adjusts its difficulty in {blocks} blocks",
            at_ms=picture.at_ms + int(blocks * coin.mean_interval_s * 1000),
            certainty="estimated",
        )
    return list(found.values())


def _rewards(picture: Picture) -> list[Upcoming]:
    coins = {item["destination"]: coin_of(item["coin"]) for item in _destinations(picture)}
    found = []
    for block in picture.blocks:
        coin = coins.get(block.destination)
        if coin is None or block.state not in RIPENING or not 0 < block.confirmations < coin.spendable_depth:
            continue
        left = coin.spendable_depth - block.confirmations
        found.append(
            Upcoming(
                kind="reward",
                text=f"Block {block.height} of {block.destination} can be spent after {left} more blocks",
                at_ms=picture.at_ms + int(left * coin.mean_interval_s * 1000),
                certainty="estimated",
            )
        )
    return sorted(found, key=lambda it: it.at_ms or 0)[:1]


def _payouts(now: int, payouts: Mapping[str, Mapping[str, Any]], last: Mapping[str, int]) -> list[Upcoming]:
    found = []
    for pool, raw in payouts.items():
        if raw.get("is_paused"):
            found.append(Upcoming(kind="payout", text=f"Payouts of {pool} are paused", at_ms=None, certainty="planned"))
            continue
        mode = "" if raw.get("is_live") else " (DRY RUN: nothing is signed)"
        begins = last.get(pool, 0) + int(raw.get("interval_hours", 24)) * HOUR_MS
        text = f"Payouts of {pool}, to members whose threshold of {raw.get('threshold', '')} is reached{mode}"
        found.append(Upcoming(kind="payout", text=text, at_ms=max(begins, now), certainty="planned"))
    return found


def _turns(now: int, autopilots: Iterable[Mapping[str, Any]]) -> list[Upcoming]:
    found = []
    for item in autopilots:
        settings, last = item["settings"], item.get("last")
        if settings.get("is_paused"):
            continue
        at = now if last is None else max(last["at_ms"] + int(settings.get("every_s", 300)) * 1000, now)
        mode = str(settings.get("mode", "dry-run"))
        text = f"The autopilot of {settings['algorithm']} thinks again ({mode})"
        found.append(Upcoming(kind="autopilot", text=text, at_ms=at, certainty="planned"))
    return found


def _power(picture: Picture) -> list[Upcoming]:
    fleet = picture.fleet
    found = []
    ends = [it.until for it in fleet.devices.values() if it.until]
    if ends:
        first, number = min(ends), len(ends)
        who = "1 machine" if number == 1 else f"{number} machines"
        text = f"A decision by hand ends for the first of {who}"
        found.append(Upcoming(kind="power", text=text, at_ms=first, certainty="planned"))
    if fleet.plan is not None:
        text = f"The power plan {fleet.plan.get('plan', '')} ends"
        found.append(Upcoming(kind="power", text=text, at_ms=int(fleet.plan["valid_until"]), certainty="planned"))
    return found


def _switches(now: int, powers: Iterable[Mapping[str, Any]]) -> list[Upcoming]:
    """Name the next change that each power autopilot plans, and when; in a rehearsal, that it is one."""
    found = []
    for item in powers:
        settings, plan = item["settings"], item.get("plan") or {}
        changes = [it for it in (plan.get("thought") or {}).get("groups", ()) if it["from_ms"] > now]
        if settings.get("is_paused") or not changes:
            continue
        first = min(changes, key=lambda it: int(it["from_ms"]))
        mode = {"live": "", "advise": " (if you agree)"}.get(
            str(settings.get("mode")), " (DRY RUN: nothing is switched)"
        )
        what = "sleeps" if not first["machines"] else f"runs {first['machines']} of its machines"
        text = f"{first['group'] or 'The fleet'} {what} at {item.get('name') or settings.get('name')}{mode}"
        found.append(Upcoming(kind="switch", text=text, at_ms=int(first["from_ms"]), certainty="planned"))
    return found


def last_payouts(connection: Connection) -> dict[str, int]:
    """Read when the newest payout of each pool was begun [ms]."""
    query = "SELECT pool, max(created_ms) FROM payout WHERE state <> 'cancelled' GROUP BY pool"
    return {pool: int(at_ms) for pool, at_ms in connection.execute(query).fetchall()}
