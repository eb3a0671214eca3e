"""What the market engine wants done."""

from hashwright.market.records import Pool
from hashwright.signals import Alert, BindMachine, Effect, PostEntry, WakeAt


class RequestAnswered(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. The answer to a request; an empty `code` is a yes. `order` is empty where there is none."""

    account: str
    reference: str
    order: str
    code: str
    text: str


class LookAtPool(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """Look whether a buyer's pool can be mined for, and tell `OrderChecked`."""

    order: str


class PoolWanted(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """HELD. Connect to a buyer's pool as the destination of this name: the order is paid for."""

    order: str
    algorithm: str
    pool: Pool


class PoolUnwanted(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """The order is over: let go of its pool."""

    order: str


class OrderNoted(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """BOOKED. An order has changed: the row that people read. Work is a number of hashes in 32 bytes."""

    order: str
    account: str
    algorithm: str
    kind: str
    state: str
    reason: str
    price: int
    limit_hs: float
    budget: int
    committed: int
    work_be: bytes
    unpaid_be: bytes
    pool: str
    created_at: int


class TradeNoted(Effect, frozen=True, array_like=True, tag=True, gc=False):
    """BOOKED. What one seller got in one settlement of one order [minor units], and his work for it so far."""

    order: str
    settlement: int
    seller: str
    gross: int
    fee: int
    work_be: bytes
    is_own: bool


MarketEffect = (
    RequestAnswered
    | LookAtPool
    | PoolWanted
    | PoolUnwanted
    | OrderNoted
    | TradeNoted
    | BindMachine
    | PostEntry
    | Alert
    | WakeAt
)
HELD = frozenset((RequestAnswered, PoolWanted))
BOOKED = frozenset((OrderNoted, TradeNoted))
"""Those that change a table of the market."""
