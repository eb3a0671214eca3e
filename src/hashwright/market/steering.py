"""From a clearing to machines: whole ones where they fit, and the one between two orders in slices.

A machine with one piece that is all of it stays there. One with several pieces, or with a part left for home, works in
slices: after five seconds it goes where most work is owed, or home when nothing is. What is owed grows with what the
clearing gave, and shrinks with work that counts, so no error adds up.

Machines that cannot take a new extranonce while they run are not sold: each move would be a reconnect.
"""

from hashwright.market.book import Book
from hashwright.market.delivery import rate_of
from hashwright.market.matching import Ask, Bid, Clearing
from hashwright.market.records import Machine, MarketState, Order
from hashwright.signals import BindMachine

WHOLE_PART = 0.995
TINY_PART = 0.01
SLICE_MS = 5_000
CLEAR_MS = 30_000
"""Without any event, rates alone make a new clearing this often."""
ARRIVE_MS = 20_000
SHY_MS = 300_000


def book_of(state: MarketState, algorithm: str, *, now: int) -> Book:
    """Build the book of an algorithm from what stands in the market now."""
    bids = [bid_of(order, now=now) for order in state.orders.values() if is_served(order, algorithm)]
    asks = []
    for machine in state.machines.values():
        if machine.algorithm == algorithm:
            ask = ask_of(state, machine, now=now)
            if ask is not None:
                asks.append(ask)
    return Book(bids, asks)


def is_served(order: Order, algorithm: str) -> bool:
    """Tell whether an order may get hash power now."""
    return order.state == "active" and order.is_ready and order.algorithm == algorithm


def bid_of(order: Order, *, now: int) -> Bid:
    """Return what an order wants."""
    return Bid(order.id, order.price, order.limit_hs, order.number, order.minimum_hs, now < order.locked_until)


def ask_of(state: MarketState, machine: Machine, *, now: int) -> Ask | None:
    """Return what a machine offers; None where it is not for sale now."""
    sale = state.sales.get(sale_key(machine.account, machine.algorithm))
    if sale is None or not machine.moves_freely or now < machine.shy_until:
        return None
    machine.rate_hs = rate_hs = rate_of(machine, now=now)
    return Ask(machine.session, sale.floor, rate_hs, machine.joined_at) if rate_hs > 0 else None


def sale_key(account: str, algorithm: str) -> str:
    """Return the key of a standing offer."""
    return f"{algorithm}/{account}"


def is_due(state: MarketState, *, now: int) -> bool:
    """Tell whether the market should be cleared."""
    return state.is_dirty or now - state.cleared_at >= CLEAR_MS


def clear_all(state: MarketState, *, now: int) -> None:
    """Match every market, and note with each machine and order what it got."""
    state.is_dirty, state.cleared_at = False, now
    for machine in state.machines.values():
        machine.pieces = ()
    for order in state.orders.values():
        order.matched_hs = 0.0
    for algorithm in state.terms:
        _take_over(state, book_of(state, algorithm, now=now).clear())


def _take_over(state: MarketState, found: Clearing) -> None:
    for session, pieces in found.pieces.items():
        machine = state.machines[session]
        least = TINY_PART * machine.rate_hs
        machine.pieces = pieces if pieces[0][1] >= machine.rate_hs else tuple(it for it in pieces if it[1] >= least)
    for id_, rate_hs in found.filled.items():
        state.orders[id_].matched_hs = rate_hs


def accrue(state: MarketState, elapsed_ms: int) -> None:
    """Add to what each order is owed by its clearing."""
    for order in state.orders.values():
        if order.matched_hs > 0:
            order.debt += order.matched_hs * elapsed_ms / 1000
            most = order.limit_hs * 60.0
            order.debt = min(max(order.debt, -most), most)


def steer(state: MarketState, *, now: int) -> list[BindMachine]:
    """Tell machines where to work that are not where they should be."""
    effects = []
    for machine in state.machines.values():
        if machine.bound or machine.pieces:
            _note_arrival(machine, now=now)
            aim = _aim_of(state, machine, now=now)
            if aim != machine.bound:
                machine.bound, machine.bound_at = aim, now
                effects.append(BindMachine(machine.session, aim))
    return effects


def forget(state: MarketState, order: str) -> None:
    """Forget which machines worked for an order: they are on their way home already."""
    for machine in state.machines.values():
        if machine.bound == order:
            machine.bound = ""


def _note_arrival(machine: Machine, *, now: int) -> None:
    """Leave a machine alone that does not come when it is sent: it is pinned, or gone without a word."""
    if machine.bound and machine.destination != machine.bound and now - machine.bound_at >= ARRIVE_MS:
        machine.pieces, machine.shy_until = (), now + SHY_MS


def _aim_of(state: MarketState, machine: Machine, *, now: int) -> str:
    if not machine.pieces:
        return ""
    whole = machine.rate_hs
    if len(machine.pieces) == 1 and machine.pieces[0][1] >= WHOLE_PART * whole:
        return machine.pieces[0][0]
    names = [id_ for id_, _ in machine.pieces]
    if machine.bound in names and now - machine.bound_at < SLICE_MS:
        return machine.bound
    if not machine.bound and now - machine.bound_at < SLICE_MS and machine.bound_at:
        return ""
    return _hungriest(state, names, whole * SLICE_MS / 2000)


def _hungriest(state: MarketState, names: list[str], least: float) -> str:
    """Return the order that is owed most, if that is worth half a slice; else the machine goes home."""
    owed = {id_: state.orders[id_].debt for id_ in names if id_ in state.orders}
    best = max(owed, key=lambda id_: (owed[id_], id_), default="")
    return best if best and owed[best] > least else ""
