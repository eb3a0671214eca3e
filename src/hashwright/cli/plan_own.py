"""What a plan takes from the owner's own books and router: rules for mined coins, and the share of work that is lost.

Both are defaults only: a flag replaces them, and the plan says where they come from. Without a database there is
nothing to take, and the usual assumptions stand.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hashwright.economics.hold import HoldRule
    from hashwright.ledger.hold import HoldRule as BookRule
    from hashwright.store.base import Store

STALE_ASSUMED: Final = "0.5%"
WINDOW_MS: Final = 7 * 86_400_000
SHARES_MIN: Final = 1_000
"""Fewer say too little: at one lost in 200, a thousand shares tell it within a half."""
LOSSES: Final = ("rejected", "stale", "lost", "late")


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """`holds` by ticker; `loss` is the share of work that upstreams did not take, of `shares` in seven days.

    `late` is the part of it that was found for a destination which the machine had just left: what moves cost.
    """

    holds: "tuple[tuple[str, HoldRule], ...]" = ()
    loss: float | None = None
    late: float = 0.0
    shares: int = 0


def own_figures(data_dir: Path, *, now_ms: int) -> Own:
    """Read what the data folder knows; a folder without a database, or one that cannot be read, knows nothing."""
    from hashwright.errors import HashwrightError
    from hashwright.runtime.opening import is_on_server, open_store
    from hashwright.store.folder import DATABASE_NAME

    if not (data_dir / DATABASE_NAME).is_file() and not is_on_server(data_dir):
        return Own()
    try:
        store = open_store(data_dir, readonly=True)
    except HashwrightError:
        return Own()
    try:
        return _figures(store, now_ms)
    except HashwrightError:
        return Own()  # a plan is made without them, and says what it assumes
    finally:
        store.close()


def _figures(store: "Store", now_ms: int) -> Own:
    from hashwright.clock import Instant
    from hashwright.store.hold import read_rules

    work: dict[str, int] = {}
    shares = 0
    for total in store.delivery_totals(Instant(now_ms - WINDOW_MS)):
        work[total.state] = work.get(total.state, 0) + total.work
        shares += total.shares if total.state in ("submitted", "late") else 0
    sent = work.get("submitted", 0) + work.get("late", 0)
    loss = sum(work.get(it, 0) for it in LOSSES) / sent if sent and shares >= SHARES_MIN else None
    late = work.get("late", 0) / sent if sent else 0.0
    return Own(holds=_holds(store.read_tables(read_rules), now_ms), loss=loss, late=late, shares=shares)


def _holds(rules: "list[BookRule]", now_ms: int) -> "tuple[tuple[str, HoldRule], ...]":
    """Turn the books' rules of now into those of forecasts."""
    from hashwright.economics.hold import HoldRule
    from hashwright.ledger.hold import WHOLE_BP, rule_at, rules_by_coin

    found = []
    for coin, its in sorted(rules_by_coin(rules).items()):
        rule = rule_at(its, now_ms)
        if rule is not None:
            found.append((coin, HoldRule(kind=rule.kind, share=rule.part_bp / WHOLE_BP)))
    return tuple(found)
