"""The market's long memory: what the engine need not carry moves to tables, and comes back before it is needed.

Why nothing is asked or counted twice:

1. A row is written, read back word by word, and durable, before `MemoryMoved` lets the engine forget it.
2. A request is told to the engine only after its table was read, and nothing was moved while it was read. Between that
   and the request lies no `await`: nobody can move anything in between.
3. Rows never change (the database's own triggers), and a folder of before has no rows: its engine has all of it still.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from hashwright.errors import HashwrightError
from hashwright.market.answers import Request, key_of
from hashwright.market.events import ChangeAsked, MemoryMoved, MemoryRecalled
from hashwright.market.memory import KEPT, surplus
from hashwright.market.records import MarketState
from hashwright.store import market_memory as tables
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.kernel import Kernel
    from hashwright.store.base import Store
    from hashwright.store.writer import GroupCommitWriter

MOST: Final = 500
"""So much moves in one transaction."""
REST_S: Final = 5.0


class LongMemory:
    """Moves the old part of the engine's memory out, and brings back what a request needs."""

    def __init__(self, kernel: "Kernel", store: "Store", writer: "GroupCommitWriter", *, kept: int = KEPT) -> None:
        self._kernel, self._store, self._writer, self._kept = kernel, store, writer, kept
        self._moves: dict[str, int] | None = None

    @property
    def _state(self) -> MarketState:
        return self._kernel.engines.market

    # ---------------------------------------------------------------- out

    async def run(self) -> None:
        """Move what can go, for ever."""
        while True:
            try:
                is_more = await self.sweep()
            except HashwrightError:  # the database takes nothing now: everything stays where it is
                is_more = False
            await asyncio.sleep(0 if is_more else REST_S)

    async def sweep(self) -> bool:
        """Move one part to the tables; return whether there was one.

        Raises:
            HashwrightError: the database takes nothing; nothing was forgotten.
        """
        wanted = None if self._kernel.engines.market_fault else surplus(self._state, kept=self._kept, most=MOST)
        if wanted is None:
            return False
        found: list[MemoryMoved] = []
        rows = self._rows_of(wanted)
        self._kernel.commit_now()  # what these rows come from is durable before they are
        await asyncio.wrap_future(self._writer.transact(lambda it: found.append(_keep(it, *rows))))
        moved = found[-1]
        if moved == MemoryMoved():
            return False
        self._kernel.handle(moved)
        for origin in moved.deposits if self._moves is not None else ():
            tables.count_move(self._moves, origin)  # type: ignore[arg-type]
        return True

    def _rows_of(self, wanted: MemoryMoved) -> tuple[list[tables.Answer], list[tables.Deposit], list[tables.Ended]]:
        state = self._state
        answers = [(key, it.digest, it.order, it.code, it.text) for key in wanted.answers for it in (state.given[key],)]
        return (
            answers,
            [(origin, *state.deposits[origin]) for origin in wanted.deposits],
            [(order, *state.ended[order]) for order in wanted.ended],
        )

    # ---------------------------------------------------------------- back

    async def recall(self, event: Request) -> None:
        """Let the engine know again what it once answered, and how the order ended; the request must follow at once."""
        order = event.order if isinstance(event, ChangeAsked) else ""
        await self._recall(tables.Names(answer=key_of(event), order=order))

    async def recall_order(self, order: str) -> None:
        """Let the engine know again how an order ended."""
        await self._recall(tables.Names(order=order))

    async def recall_deposit(self, origin: str) -> None:
        """Let the engine know again that a deposit was counted."""
        await self._recall(tables.Names(deposit=origin))

    async def moves_kept(self) -> dict[str, int]:
        """Return by output how many of its moves are in the table; events that are told at once may rely on it."""
        while self._moves is None:
            moves = self._state.memory_moves
            found = dict(await asyncio.to_thread(self._store.read_books, tables.read_moves)) if moves else {}
            if moves == self._state.memory_moves:
                self._moves = found
        return self._moves

    async def _recall(self, names: tables.Names) -> None:
        """Read the tables until nothing was moved while they were read, and tell the engine in the same breath."""
        while moves := self._state.memory_moves:
            unknown = self._unknown(names)
            if unknown == tables.Names():
                return
            found = await asyncio.to_thread(self._store.read_books, lambda it, ask=unknown: tables.read_memory(it, ask))
            if moves == self._state.memory_moves:
                if found != MemoryRecalled():
                    self._kernel.handle(found)
                return

    def _unknown(self, names: tables.Names) -> tables.Names:
        state = self._state
        return tables.Names(
            answer="" if names.answer in state.given else names.answer,
            deposit="" if names.deposit in state.deposits else names.deposit,
            order="" if names.order in state.orders or names.order in state.ended else names.order,
        )


def _keep(
    connection: Connection, answers: list[tables.Answer], deposits: list[tables.Deposit], ended: list[tables.Ended]
) -> MemoryMoved:
    """Write rows and say which of them are there now, as they are."""
    tables.keep(connection, answers, deposits)
    return MemoryMoved(
        tables.kept_answers(connection, answers),
        tables.kept_deposits(connection, deposits),
        tables.kept_ended(connection, ended),
    )
