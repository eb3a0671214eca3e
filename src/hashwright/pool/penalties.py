"""What a forged share costs while not every share is hashed.

With a chance p that a share is hashed, a forger gets 1/p - 1 shares past us, on average, before one is caught. So the
one that is caught takes as many good ones with it, and PENALTY times over: forging must cost more than it brings. Where
every share is hashed (p = 1) nothing got past us, and the forged share is only refused.

The debt is the worker's, not the connection's: who comes again still owes it. What is paid off is real work, and it is
written down as a penalty, not as credit.
"""

import math
from typing import Final

from hashwright.pool.effects import Alert, Outcome, PoolEffect
from hashwright.pool.events import ShareHashed
from hashwright.pool.records import PoolState

PENALTY: Final = 2
DEBT_MAX: Final = 100_000


def punish(state: PoolState, worker: str, event: ShareHashed, outcome: Outcome) -> tuple[PoolEffect, ...]:
    """Charge a worker for a forged share, and say so when his debt begins."""
    if outcome != "bad-hash" or event.chance >= 1.0:
        return ()
    debt = state.debts.get(worker, 0)
    state.debts[worker] = min(debt + PENALTY * math.ceil(1 / event.chance), DEBT_MAX)
    if debt:
        return ()
    text = f"{worker} forged a share. Its next {state.debts[worker]} good shares are not credited."
    return (Alert(level="warning", code="HW-313", text=text),)


def pays_off(state: PoolState, worker: str) -> bool:
    """Take a good share for the debt of its worker; False where he has none."""
    debt = state.debts.get(worker, 0)
    if not debt:
        return False
    if debt == 1:
        del state.debts[worker]
    else:
        state.debts[worker] = debt - 1
    return True
