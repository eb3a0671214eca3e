"""What the engine carries, and what tables carry for it: answers, deposits and last words would grow for ever.

    given, deposits, ended  --are in the tables, durably-->  MemoryMoved     the engine lets go of them
    tables                  --a request names one-------->   MemoryRecalled  the engine has it again, then the request

So a request finds the same state as if nothing had ever been let go of, and gets the same answer. What is let go of,
and when, is an event like others: a replay does the same. That nothing goes before its table has it is the shell's
promise (`runtime/market_memory.py`).
"""

from hashwright.market.events import MemoryMoved, MemoryRecalled
from hashwright.market.records import Given, MarketState

KEPT = 200
"""So many of each stay, the newest: who asks again does so soon."""


def let_go(state: MarketState, event: MemoryMoved) -> None:
    """Forget what tables hold."""
    for held, names in ((state.given, event.answers), (state.deposits, event.deposits), (state.ended, event.ended)):
        for name in names:
            held.pop(name, None)
    state.memory_moves += 1


def recall(state: MarketState, event: MemoryRecalled) -> None:
    """Know again what a table holds; what the engine has already stays as it is."""
    for key, digest, order, code, text in event.answers:
        state.given.setdefault(key, Given(digest=digest, order=order, code=code, text=text))
    for origin, account, minor, at in event.deposits:
        state.deposits.setdefault(origin, (account, minor, at))
    for order, account, ends_as, reason in event.ended:
        if order not in state.orders:
            state.ended.setdefault(order, (account, ends_as, reason))


def surplus(state: MarketState, *, kept: int = KEPT, most: int) -> MemoryMoved | None:
    """Name the oldest of each kind that could go, at most so many; None while there are few."""
    found = [
        tuple(name for name, _ in zip(held, range(min(len(held) - kept, most)), strict=False))
        if len(held) >= 2 * kept
        else ()
        for held in (state.given, state.deposits, state.ended)
    ]
    return MemoryMoved(*found) if any(found) else None
