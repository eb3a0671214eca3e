"""What became of what was expected: of each destination by the books, and of decisions by their shares."""

from collections.abc import Mapping
from typing import Any

from hashwright import registry
from hashwright.economics.receivables import Realisation
from hashwright.money import Amount
from hashwright.runtime.receivables import realisations
from hashwright.store.connection import Connection
from hashwright.web.documents import Document


class Promise(Document, frozen=True, kw_only=True):
    """What a destination made of what was expected of it. `kept` is the learned part that counts; 1 is all."""

    destination: str
    kept: float
    days: int
    expected: str
    credited: str
    currency: str
    is_short: bool


class LearnedDay(Document, frozen=True, kw_only=True):
    """A day of an autopilot: what its decisions expected of it, and what shares were worth [USD, estimated]."""

    day: int
    expected_usd: float
    earned_usd: float
    paper_earned_usd: float | None


class LearnedPool(Document, frozen=True, kw_only=True):
    """What a destination's promises are multiplied by: 1 where nothing is known. Days of evidence beside each."""

    destination: str
    accepted: float
    accepted_days: float
    credited: float
    credited_days: float


class Learned(Document, frozen=True, kw_only=True):
    """What became of decisions of an algorithm, by day, and what that teaches."""

    algorithm: str
    days: tuple[LearnedDay, ...]
    pools: tuple[LearnedPool, ...]


def promises_of(
    connection: Connection, coins: Mapping[str, str], networks: Mapping[str, str], *, now: int
) -> tuple[Promise, ...]:
    """Return what each destination kept of what was expected of it, by the books; `coins` are those of each."""
    learned = realisations(connection, dict.fromkeys(coins), now=now)
    found = (
        _promise(name, it, coins[name], networks.get(name, "main")) for name, it in sorted(learned.items()) if it.days
    )
    return tuple(it for it in found if it is not None)


def _promise(name: str, found: Realisation, coin: str, network: str) -> Promise | None:
    """Return what a destination kept; None where its coin is not one of ours."""
    if coin not in registry.names("coins"):
        return None
    currency = registry.load("coins", coin).COIN.currency(network)
    return Promise(
        destination=name,
        kept=found.factor,
        days=found.days,
        expected=Amount(found.expected, currency).text(),
        credited=Amount(found.credited, currency).text(),
        currency=currency.code,
        is_short=found.is_short,
    )


def learned_of(it: Mapping[str, Any]) -> Learned:
    """Return what was learned of an algorithm."""
    return Learned(
        algorithm=str(it["algorithm"]),
        days=tuple(
            LearnedDay(
                day=int(day["day"]),
                expected_usd=float(day["expected_usd_est"]),
                earned_usd=float(day["earned_usd_est"]),
                paper_earned_usd=day.get("paper_earned_usd_est"),
            )
            for day in it.get("days", ())
        ),
        pools=tuple(
            LearnedPool(
                destination=str(pool["destination"]),
                accepted=float(pool["accepted_factor"]),
                accepted_days=float(pool["answered_days"]),
                credited=float(pool["credited_factor"]),
                credited_days=float(pool["credited_days"]),
            )
            for pool in it.get("pools", ())
        ),
    )
