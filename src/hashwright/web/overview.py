"""What is set, for a person to see: chosen field by field, so that a setting of tomorrow is not shown by accident."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from hashwright.store.connection import Connection
from hashwright.store.prices import newest_prices

if TYPE_CHECKING:
    from hashwright.store.base import Store

POOL: Final = ("coin", "network", "address", "scheme", "wallet")
PAYOUT: Final = ("threshold", "daily_limit", "approval_above", "interval_hours", "wallet_cap", "is_live", "is_paused")


def read(store: "Store") -> dict[str, Any]:
    """Read sites, wallets, markets and prices as they are set and known."""
    devices, destinations = store.settings("device"), store.settings("destination")
    payouts, accounts = store.settings("payout"), store.settings("account")
    return {
        "sites": tuple(sites_of(devices)),
        "wallets": tuple(
            wallet_of(name, raw, payouts.get(name), accounts.get(name)) for name, raw in sorted(destinations.items())
        ),
        "markets": tuple(sorted(store.settings("market"))),
        "feeds": tuple(store.read_books(feeds_of)),
    }


def sites_of(devices: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Count machines and their rated power by site and group."""
    machines: Counter[tuple[str, str]] = Counter()
    watts: Counter[tuple[str, str]] = Counter()
    for raw in devices.values():
        key = (str(raw.get("site", "")), str(raw.get("group", "")))
        machines[key] += 1
        watts[key] += int(raw.get("rated_w") or 0)
    return [
        {"site": site, "group": group, "machines": count, "rated_w": watts[site, group]}
        for (site, group), count in sorted(machines.items())
    ]


def wallet_of(
    name: str, raw: Mapping[str, Any], payout: Mapping[str, Any] | None, account: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Say whom a destination pays, and how payouts go."""
    is_upstream = "urls" in raw
    return {
        "destination": name,
        "kind": "account at a pool" if is_upstream else "own pool",
        "pays": str(raw.get("user" if is_upstream else "address", "")),
        **{key: raw[key] for key in POOL if raw.get(key) and key != "address"},
        "payouts": None if payout is None else {key: payout[key] for key in PAYOUT if key in payout},
        "is_read": account is not None,
    }


def feeds_of(connection: Connection) -> list[dict[str, Any]]:
    """Return the newest price of each pair and feed."""
    return [
        {"feed": it.feed, "base": it.base, "quote": it.quote, "at_ms": it.at_ms, "price": f"{it.value:f}"}
        for it in newest_prices(connection)
    ]
