"""Why a turn comes before its time: something that it rests on is no longer as it was at the last turn.

    signs of the last turn  ==  signs now      nothing
                            !=                 a change; it must hold for `SETTLE_MS`, so that what flaps costs nothing
                                               and several changes at once are one turn
    and never more than one early turn in `GAP_MS`, whatever happens

Signs are small: prices, the newest block of each destination, its state, how many machines there are, orders, the
price of power. They are compared once a second; that costs as much as there are destinations and orders, not machines.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hashwright.economics.coin_facts import CoinFacts
from hashwright.pool.events import UpstreamSet
from hashwright.pool.records import Destination
from hashwright.runtime.autopilot_settings import AutopilotSettings
from hashwright.runtime.autopilot_tariff import power_price
from hashwright.runtime.market_data import FACTS, load_market, market_folder

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

GAP_MS: Final = 30_000
SETTLE_MS: Final = 2_000
PRICE_MOVES: Final = 0.005
MACHINES_MOVE: Final = 0.02
NAMED_MAX: Final = 3
Sign = str | float
Signs = Mapping[str, Sign]


@dataclass(slots=True)
class EarlyTurns:
    """Says when a turn is due before its time. Times in ms of any clock that goes forward."""

    gap_ms: int = GAP_MS
    settle_ms: int = SETTLE_MS
    last_ms: int | None = None
    signs: Signs = field(default_factory=dict)
    since_ms: int | None = None

    def took(self, signs: Signs, *, now: int) -> None:
        """Remember that a turn was taken, and what was so."""
        self.last_ms, self.signs, self.since_ms = now, signs, None

    def cause(self, signs: Signs, *, now: int) -> str:
        """Return why a turn is due now; an empty string while none is."""
        changes = changed(self.signs, signs)
        if not changes or self.last_ms is None:
            self.since_ms = None
            return ""
        if self.since_ms is None:
            self.since_ms = now
        if now - self.since_ms < self.settle_ms or now - self.last_ms < self.gap_ms:
            return ""
        more = len(changes) - NAMED_MAX
        return ", ".join(changes[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def changed(before: Signs, now: Signs) -> list[str]:
    """Name the signs that differ, came or went; a number differs when it moved by a part of itself."""
    names = sorted(before.keys() | now.keys())
    return [name for name in names if _differs(name, before.get(name), now.get(name))]


def _differs(name: str, before: Sign | None, now: Sign | None) -> bool:
    if isinstance(before, float) and isinstance(now, float):
        part = MACHINES_MOVE if name == MACHINES else PRICE_MOVES
        return abs(now - before) > part * max(abs(before), abs(now))
    return before != now


# ---------------------------------------------------------------- reading them

MACHINES: Final = "machines"


@dataclass(slots=True)
class PriceFile:
    """The prices that feeds wrote, read again only when the file is another."""

    folder: Path
    stamp: int = -1
    prices: dict[str, float] = field(default_factory=dict)
    market: CoinFacts = field(default_factory=CoinFacts)

    def read(self) -> dict[str, float]:
        """Return the price of each coin [USD]."""
        try:
            stamp = (market_folder(self.folder) / FACTS).stat().st_mtime_ns
        except OSError:
            stamp = 0
        if stamp != self.stamp:
            self.market = load_market(self.folder)
            facts = self.market.facts.items()
            self.prices = {coin: float(it.value) for (coin, name), it in facts if name == "price_usd"}
            self.stamp = stamp
        return self.prices


def signs_of(app: "Hashwright", settings: AutopilotSettings, prices: PriceFile) -> dict[str, Sign]:
    """Return what a turn of an algorithm rests on, in short."""
    known = prices.read()
    signs: dict[str, Sign] = {"the price of power": power_price(app, settings, prices.market).usd_kwh}
    for name, it in app.kernel.pool.destinations.items():
        if it.settings.algorithm != settings.algorithm or name in app.market.state.orders:
            continue
        signs[f"the state of {name}"] = it.state
        signs[f"a new block at {name}"] = _block(app, it)
        coin = it.settings.coin
        if coin in known:
            signs[f"the price of {coin}"] = known[coin]
    group = app.kernel.routing.groups.get(settings.algorithm)
    signs[MACHINES] = 0.0 if group is None else float(len(group.machines) + len(group.lent))
    for order in app.market.state.orders.values():
        if order.algorithm == settings.algorithm:
            signs[order.id] = f"{order.state} {order.is_ready} {order.price} {order.limit_hs}"
    return signs


def _block(app: "Hashwright", destination: Destination) -> Sign:
    """Return what tells the newest block of a destination: its height, by its own template or newest job."""
    if not isinstance(destination.settings, UpstreamSet):
        job = app.kernel.pool.jobs.get(destination.job)
        return "" if job is None else str(job.height)
    heights = [str(it.coinbase.height) for it in destination.channels.values() if it.coinbase is not None]
    return max(heights, default="", key=lambda text: text.zfill(12))
