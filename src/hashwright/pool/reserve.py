"""Paying for work at once: PPS and FPPS in the engine. What they owe, out of which reserve, and when to stop.

    share counts     its work waits with the member's name, for minutes                    (note_work)
    credit is due    the waiting work is valued at the terms under which it was accepted:  (renew, credit)
                     equity:reserve -> members; fractions of a unit are carried on
    block matures    what no era paid out fills the reserve                                (fill)
    below the floor  no work is taken any more: machines move on, or are let go            (review)

Terms are fixed from one credit to the next. A new difficulty or subsidy ends them at once, so that no hash is valued at
another block's terms; average fees follow at the next credit that is due. Only what can be spent fills the reserve: a
block that may still be orphaned pays nobody.
"""

from hashwright.ledger import accounts
from hashwright.ledger.entries import entry_of
from hashwright.ledger.lots import RESERVE_MOVED
from hashwright.money import Amount, Currency
from hashwright.pool import members
from hashwright.pool.effects import Alert, CloseSession, PoolEffect
from hashwright.pool.events import DestinationSet, ReserveMoved
from hashwright.pool.posting import post
from hashwright.pool.records import PoolState, Reserve
from hashwright.pool.schemes.base import Scheme, Solvency, Terms

CREDIT_MS = 10 * 60_000
"""How long work waits at most: some 150 entries a day."""
RESUME_PARTS = 10
"""Work is taken again with a tenth of a block above the floor, so that it does not come and go by the minute."""
GRACE_MS = 30_000
"""Machines that cannot be moved are let go so long after the stop; until then their work is paid."""
STOPPED = "its reserve is at the floor, so it takes no work that it could not pay"


def paying_scheme(state: PoolState, name: str) -> Scheme | None:
    """Return the scheme of an own pool if it pays for work, or None."""
    books = state.books.get(name)
    if books is None or books.eras is None:
        return None
    scheme: Scheme = books.eras.present.scheme
    return scheme if scheme.pays == "work" else None


def is_stopped(state: PoolState, name: str) -> bool:
    """Tell whether a pool takes no work because of its reserve."""
    held = state.reserves.get(name)
    return held is not None and held.is_stopped and paying_scheme(state, name) is not None


def note_work(state: PoolState, name: str, worker: str, work: int) -> None:
    """Note accepted work [hashes], to be paid at the next credit."""
    if work > 0 and paying_scheme(state, name) is not None:
        pending = state.reserves.setdefault(name, Reserve()).pending
        member = members.member_of(worker)
        total = int.from_bytes(pending.get(member, b""), "big") + work
        pending[member] = total.to_bytes((total.bit_length() + 7) // 8, "big")


def renew(state: PoolState, settings: DestinationSet, *, now: int) -> tuple[PoolEffect, ...]:
    """Credit what is due, take the newest terms, and look at the reserve."""
    name = settings.destination
    worth = state.worths.get(name)
    if paying_scheme(state, name) is None or worth is None:
        return ()
    held = state.reserves.setdefault(name, Reserve())
    has_changed = (held.network_work_be, held.subsidy) != (worth.network_work_be, worth.subsidy)
    effects: tuple[PoolEffect, ...] = ()
    if has_changed or now - held.credited_at >= CREDIT_MS:
        effects = credit(state, settings, now=now)
        terms = worth.terms(members.currency_of(settings.coin, settings.network))
        held.network_work_be, held.subsidy, held.fees = worth.network_work_be, worth.subsidy, terms.fees.minor
    return (*effects, *review(state, settings, now=now))


def forget_terms(state: PoolState, name: str) -> None:
    """Begin anew where a destination has another coin: fractions of the old one are less than a unit a member."""
    if (held := state.reserves.get(name)) is not None:
        held.network_work_be, held.carried = b"", {}


def credit(state: PoolState, settings: DestinationSet, *, now: int) -> tuple[PoolEffect, ...]:
    """Pay the work that waits, by the terms and the scheme under which it was accepted."""
    name = settings.destination
    held, scheme = state.reserves.get(name), paying_scheme(state, name)
    if held is None or scheme is None:
        return ()
    held.credited_at = now
    if not held.pending or not held.network_work_be:
        return ()
    currency = members.currency_of(settings.coin, settings.network)
    work = {member: int.from_bytes(hashes, "big") for member, hashes in held.pending.items()}
    paid = scheme.credit_work(work, terms=_terms(held, currency), carried=held.carried)
    held.pending, held.carried = {}, paid.carried
    total = sum(amount.minor for _, amount in paid.split.credits)
    if not total:
        return ()
    state.credits_made += 1
    held.funds[currency.code] = held.funds.get(currency.code, 0) - total
    entry = entry_of(
        f"work:{name}:{state.credits_made}",
        "work-credited",
        now,
        (accounts.reserve(name), Amount(total, currency)),
        *((accounts.member(name, member), -amount) for member, amount in paid.split.credits),
        text=f"{name} paid {len(paid.split.credits)} members for work that it accepted.",
    )
    return (post(entry),)


def solvency(state: PoolState, settings: DestinationSet) -> Solvency | None:
    """Return how safe the reserve is with all that is promised; None without one, or before the first template."""
    name = settings.destination
    held, scheme = state.reserves.get(name), paying_scheme(state, name)
    if held is None or scheme is None or not held.network_work_be:
        return None
    currency = members.currency_of(settings.coin, settings.network)
    terms = _terms(held, currency)
    work = {member: int.from_bytes(hashes, "big") for member, hashes in held.pending.items()}
    owed = sum(amount.minor for _, amount in scheme.credit_work(work, terms=terms, carried=held.carried).split.credits)
    funds = Amount(held.funds.get(currency.code, 0), currency)
    return scheme.solvency(terms=terms, reserve=funds, pending=Amount(owed, currency))


def review(state: PoolState, settings: DestinationSet, *, now: int) -> tuple[PoolEffect, ...]:
    """Stop at the floor, go on well above it, and let machines go that could not be moved."""
    found = solvency(state, settings)
    if found is None:
        return ()
    name, held = settings.destination, state.reserves[settings.destination]
    figures = f"It holds {found.reserve}, its floor is {found.floor}."
    if not held.is_stopped:
        if found.is_accepting:
            return ()
        held.is_stopped, held.stopped_at = True, now
        text = f"{name} takes no work now: {STOPPED}. {figures}"
        return (Alert(level="critical", code="HW-645", text=text),)
    if not missing(held, found):
        held.is_stopped = False
        return (Alert(level="info", code="HW-646", text=f"{name} takes work again. {figures}"),)
    if now - held.stopped_at < GRACE_MS:
        return ()
    left = [session.id for session in state.sessions.values() if session.destination == name]
    return tuple(CloseSession(session, f"{name}: {STOPPED}") for session in left)


def missing(held: Reserve, found: Solvency) -> int:
    """Return how much a reserve lacks to take work again [minor units]; 0 where it has enough."""
    margin = -(-(held.subsidy + held.fees) // RESUME_PARTS)
    return max(0, margin - found.free.minor)


def fill(state: PoolState, name: str, amount: Amount) -> None:
    """Add to a reserve what the books added."""
    funds = state.reserves.setdefault(name, Reserve()).funds
    funds[amount.currency.code] = funds.get(amount.currency.code, 0) + amount.minor


def move(state: PoolState, settings: DestinationSet, event: ReserveMoved, *, now: int) -> tuple[PoolEffect, ...]:
    """Put coins of the owner into the reserve, or give them back to him; never more than it has."""
    name, currency = settings.destination, members.currency_of(settings.coin, settings.network)
    moved = Amount(event.minor, currency)
    if state.reserves.setdefault(name, Reserve()).funds.get(currency.code, 0) + moved.minor < 0:
        text = f"{-moved} cannot be taken out of the reserve of {name}: it holds less."
        return (Alert(level="warning", code="HW-647", text=text),)
    fill(state, name, moved)
    entry = entry_of(
        f"reserve:{name}:{event.reference}",
        RESERVE_MOVED,
        now,
        (accounts.OWNER, moved),
        (accounts.reserve(name), -moved),
        text=f"The owner put {moved} into the reserve of {name}." if moved.minor > 0
        else f"The owner took {-moved} out of the reserve of {name}.",
    )  # fmt: skip
    return (post(entry),)


def _terms(held: Reserve, currency: Currency) -> Terms:
    return Terms(
        network_work=int.from_bytes(held.network_work_be, "big"),
        subsidy=Amount(held.subsidy, currency),
        fees=Amount(held.fees, currency),
    )
