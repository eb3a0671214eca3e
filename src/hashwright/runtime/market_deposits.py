"""Buyers' coins on the chain: an address for each account, credited deep enough, taken back when the chain drops them.

The wallet is that of the market's pool (`hw pool payouts`): the one that pays sellers. What it shows is compared with
what the engine counted; each difference is one event, with a running number behind the output's name, so that a
deposit that comes, goes and comes again is three entries and never a double one.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog

from hashwright.adapters.wallets.base import Deposit
from hashwright.errors import HashwrightError
from hashwright.ledger import accounts
from hashwright.market.events import FundsMoved
from hashwright.market.records import MarketState, Terms
from hashwright.money import Amount, Currency
from hashwright.runtime.payouts import service_of

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

log = structlog.get_logger()

ADDRESS_KIND: Final = "market-address"
LOOK_S: Final = 10.0


class DepositDesk:
    """Looks at the wallets of all markets now and then."""

    def __init__(self, app: "Hashwright") -> None:
        self._app = app
        self._seen: dict[str, list[Deposit]] = {}
        self._problem = ""

    async def run(self) -> None:
        """Look for ever; a wallet that does not answer is asked again."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                for terms in list(self._app.market.state.terms.values()):
                    await self.look(terms)
                self._problem = ""
            except HashwrightError as error:
                if str(error) != self._problem:
                    log.warning("deposits cannot be looked at", problem=str(error))
                self._problem = str(error)

    async def look(self, terms: Terms) -> None:
        """Compare a wallet with what was credited, and tell the engine each difference."""
        owners = self._owners(terms)
        if not owners:
            return
        wallet = await service_of(self._app, terms.books).open()
        try:
            found = [it for it in await wallet.deposits() if it.address in owners]
        finally:
            await wallet.aclose()
        self._seen[terms.algorithm] = found
        settings = self._app.market.settings.get(terms.algorithm)
        needed = settings.confirmations if settings is not None else 6
        place = accounts.wallet(service_of(self._app, terms.books).policy.wallet)
        times = await self._counter()
        for event in changes(terms, found, owners, times=times, needed=needed, place=place):
            self._app.kernel.handle(event)

    async def describe(self, terms: Terms, account: str) -> dict[str, Any]:
        """Return the address of an account, a new one where it has none, and what came there.

        Raises:
            HashwrightError: the market's pool has no wallet set, or it does not answer.
        """
        address = await self._address(terms, account)
        await self.look(terms)
        currency = Currency(terms.currency, terms.exponent)
        settings = self._app.market.settings[terms.algorithm]
        times = await self._counter()
        mine = [it for it in self._seen.get(terms.algorithm, []) if self._owners(terms).get(it.address) == account]
        return {
            "account": account,
            "address": address,
            "needed": settings.confirmations,
            "deposits": [
                {
                    "txid": it.txid_display,
                    "amount": Amount(it.minor, currency).text(),
                    "confirmations": it.confirmations,
                    "state": state_of(it, times),
                    "at_ms": self._app.clock.now(),
                }
                for it in mine
            ],
        }

    async def _address(self, terms: Terms, account: str) -> str:
        name = f"{terms.algorithm}/{account}"
        known = self._app.store.settings(ADDRESS_KIND).get(name)
        if known is not None and known.get("books", terms.books) == terms.books:
            return str(known["address"])
        wallet = await service_of(self._app, terms.books).open()
        try:
            address = await wallet.new_address(f"market {account}")
        finally:
            await wallet.aclose()
        value = {"account": account, "address": address, "algorithm": terms.algorithm, "books": terms.books}
        await asyncio.wrap_future(self._app.writer.put_setting(ADDRESS_KIND, name, value, now=self._app.clock.now()))
        return address

    async def _counter(self) -> Callable[[str], int]:
        """Return what counts the moves of an output; valid until the next `await`."""
        state, kept = self._app.market.state, await self._app.market.memory.moves_kept()
        return lambda key: times_moved(state, key, kept)

    def _owners(self, terms: Terms) -> dict[str, str]:
        stored = self._app.store.settings(ADDRESS_KIND).values()
        return {
            str(it["address"]): str(it["account"])
            for it in stored
            if it["algorithm"] == terms.algorithm and it.get("books", terms.books) == terms.books
        }


def changes(
    terms: Terms,
    found: list[Deposit],
    owners: Mapping[str, str],
    *,
    times: Callable[[str], int],
    needed: int,
    place: str,
) -> list[FundsMoved]:
    """Say what a look at the wallet changes: outputs that are deep enough now, and credited ones that are gone.

    `times` says how often an output was credited and taken back.
    """
    events = []
    shown = {origin_of(it): it for it in found}
    for key, it in shown.items():
        moves = times(key)
        is_credited = moves % 2 == 1
        if not is_credited and it.confirmations >= needed:
            events.append(FundsMoved(terms.algorithm, owners[it.address], it.minor, place, f"{key}#{moves + 1}"))
        elif is_credited and it.confirmations <= 0:
            events.append(FundsMoved(terms.algorithm, owners[it.address], -it.minor, place, f"{key}#{moves + 1}"))
    return events


def origin_of(deposit: Deposit) -> str:
    """Name an output."""
    return f"{deposit.txid_display}:{deposit.index}"


def times_moved(state: MarketState, key: str, kept: Mapping[str, int]) -> int:
    """Count how often an output was credited and taken back: the oldest moves are in the table."""
    times = kept.get(key, 0)
    while f"{key}#{times + 1}" in state.deposits:
        times += 1
    return times


def state_of(deposit: Deposit, times: Callable[[str], int]) -> str:
    """Say in a word how it is with a deposit."""
    if times(origin_of(deposit)) % 2 == 1:
        return "credited"
    return "dropped by the chain" if deposit.confirmations < 0 else "waits"
