"""Hold a wallet against the books, line by line, and take into the books what a person explains.

The chain says what left and to which addresses; the person only says what it was. What is not deep enough is not
taken: it could still come back.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hashwright.adapters.wallets.base import Arrival, Spent, Wallet
from hashwright.chain.address import AddressError
from hashwright.ledger import accounts
from hashwright.ledger.prices import FIAT_EXPONENT
from hashwright.money import Amount, Currency, MoneyError, amount_of
from hashwright.pool.payouts import PayoutPolicy
from hashwright.pool.reconcile import (
    Arrived,
    Departure,
    Meaning,
    Origin,
    Received,
    arrival_entry,
    departure_entry,
    refused,
)
from hashwright.runtime.payer import Books
from hashwright.store import ledger
from hashwright.store import payouts as rows
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

SHOWN_MAX = 200
MEANINGS: tuple[Meaning, ...] = ("members", "owner", "sale")
ORIGINS: tuple[Origin, ...] = ("deposit", "upstream")


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What a wallet holds and what the books say of it [minor units].

    `on_the_way` is what signed payouts took out of the wallet and the books still count. `unexplained` are transactions
    that nothing explains, each with the members that it pays, `arrived` those that brought coins. `left` is what
    remains, and is zero where all is accounted for.
    """

    arrived: tuple[Arrival, ...]
    held: int
    in_books: int
    on_the_way: int
    unexplained: tuple[tuple[Spent, tuple[str, ...]], ...]

    @property
    def left(self) -> int:
        """Return what is neither in the books, on its way, nor unexplained."""
        gone, came = sum(it.net for it, _ in self.unexplained), sum(it.net for it in self.arrived)
        return self.held - self.in_books + self.on_the_way + gone - came


class Reconciler:
    """Reconciles one pool's wallet. `script_of` turns an address of its network into an output script."""

    def __init__(
        self, policy: PayoutPolicy, wallet: Wallet, books: Books, *, script_of: Callable[[str], bytes]
    ) -> None:
        self._policy = policy
        self._wallet = wallet
        self._books = books
        self._script_of = script_of

    async def differences(self) -> Differences:
        """Compare the wallet with the books."""
        policy = self._policy
        sent, came = await self._wallet.outgoing(), await self._wallet.arrivals()

        def ask(connection: Connection) -> tuple[set[str], int, list[str], dict[bytes, str]]:
            known = rows.known_txids(connection, policy.wallet) | rows.known_blocks(connection)
            booked = ledger.read_balance(connection, accounts.wallet(policy.wallet), policy.currency.code)
            going = [rows.read_transaction(connection, it.id) for it in rows.open_payouts(connection, policy.pool)]
            return known, booked, [it.txid_display for it in going if it is not None], self._owners(connection)

        known, booked, going, owners = await self._books.read(ask)
        unknown = [await self._wallet.spent(txid) for txid in sent if txid not in known][:SHOWN_MAX]
        on_the_way = [await self._wallet.spent(txid) for txid in going if txid in sent]
        return Differences(
            arrived=tuple(it for it in came if not known.intersection((it.txid_display, it.block_hash)))[:SHOWN_MAX],
            held=await self._wallet.balance(),
            in_books=booked,
            on_the_way=sum(it.net for it in on_the_way),
            unexplained=tuple((it, tuple(sorted({name for name, _ in paid_by(it, owners)}))) for it in unknown),
        )

    async def explain(self, txid: str, meaning: Meaning, received: Received | None, *, now: int) -> str:
        """Take a transaction into the books as what a person says it was; return the entry's source.

        Raises:
            OperatorError: it is explained already, not the wallet's, not deep enough, or does not fit (HW-629).
        """
        policy = self._policy
        if txid not in await self._wallet.outgoing():
            raise refused(f"{txid[:64]!r} is no transaction that spent this wallet's coins")
        spent = await self._wallet.spent(txid)
        if spent.confirmations < policy.depth:
            raise refused(f"{txid} is {spent.confirmations} blocks deep and has to be {policy.depth}; wait")
        departure = Departure(
            pool=policy.pool,
            wallet=policy.wallet,
            txid_display=txid,
            net=spent.net,
            fee=spent.fee,
            currency=policy.currency,
        )

        def write(connection: Connection) -> str:
            if txid in rows.known_txids(connection, policy.wallet):
                raise refused(f"{txid} is explained already")
            entry = departure_entry(
                departure,
                meaning,
                paid=paid_by(spent, self._owners(connection)),
                owed=_owed(connection, policy),
                received=received,
                at_ms=now,
            )
            ledger.post(connection, entry)
            rows.explain(connection, policy.wallet, txid, reason=f"{meaning}: {entry.text}", now=now)
            return entry.source

        return await self._books.write(write)

    async def receive(self, txid: str, origin: Origin, upstream: str, *, now: int) -> str:
        """Take coins that came in into the books as what a person says they are; return the entry's source.

        Raises:
            OperatorError: it is explained already, brought nothing, is not deep enough, or does not fit (HW-629).
        """
        policy = self._policy
        came = {it.txid_display: it for it in await self._wallet.arrivals()}
        if txid not in came:
            raise refused(f"{txid[:64]!r} is no transaction that brought this wallet coins from elsewhere")
        arrival = came[txid]
        if arrival.confirmations < policy.depth:
            raise refused(f"{txid} is {arrival.confirmations} blocks deep and has to be {policy.depth}; wait")

        def write(connection: Connection) -> str:
            known = rows.known_txids(connection, policy.wallet) | rows.known_blocks(connection)
            if known.intersection((txid, arrival.block_hash)):
                raise refused(f"{txid} is explained already")
            paid = accounts.receivable(upstream, "paid")
            entry = arrival_entry(
                Arrived(wallet=policy.wallet, txid_display=txid, net=arrival.net, currency=policy.currency),
                origin,
                upstream=upstream,
                sent=ledger.read_balance(connection, paid, policy.currency.code),
                at_ms=now,
            )
            ledger.post(connection, entry)
            rows.explain(connection, policy.wallet, txid, reason=f"{origin}: {entry.text}", now=now)
            return entry.source

        return await self._books.write(write)

    def _owners(self, connection: Connection) -> dict[bytes, str]:
        """Return the member of each output script, by every address that was ever set."""
        owners: dict[bytes, str] = {}
        for member, history in rows.read_addresses(connection, self._policy.pool).items():
            for wish in history:
                with contextlib.suppress(AddressError):  # an address of before, when the pool was on another network
                    owners[self._script_of(wish.address)] = member
        return owners


def paid_by(spent: Spent, owners: Mapping[bytes, str]) -> list[tuple[str, int]]:
    """Say which members the outputs of a transaction pay, and how much [minor units]."""
    return [(owners[script], minor) for script, minor in spent.outputs if script in owners]


def _owed(connection: Connection, policy: PayoutPolicy) -> dict[str, int]:
    prefix = f"liability:member:{accounts.part(policy.pool)}:"
    return {
        accounts.parts_of(account)[3]: -minor
        for (account, currency), minor in ledger.read_balances(connection).items()
        if account.startswith(prefix) and currency == policy.currency
    }


def received_of(text: str, place: str) -> Received | None:
    """Read what a sale brought, such as `500.00 EUR`; None for an empty text.

    Raises:
        OperatorError: it is no amount with a currency (HW-629).
    """
    if not text:
        return None
    try:
        number, code = text.split()
        return Received(amount=amount_of(number, Currency(code, FIAT_EXPONENT)), place=place or "exchange")
    except (ValueError, MoneyError) as problem:
        raise refused(f"{text[:40]!r} is no amount such as 500.00 EUR") from problem


def commands(app: "Hashwright") -> dict[str, Any]:
    """Return the commands of the books for the control socket."""

    async def take_prices(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        from decimal import Decimal

        from hashwright.ledger.prices import PriceSeen
        from hashwright.runtime.payouts import LiveBooks
        from hashwright.store.prices import write_prices

        told = [PriceSeen(**{**it, "value": Decimal(it["value"])}) for it in arguments["prices"]]
        now = app.clock.now()
        return {"new": await LiveBooks(app).write(lambda connection: write_prices(connection, told, now=now))}

    async def reconcile(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return await _reconcile(app, arguments)

    async def cost(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        from hashwright.runtime.payouts import LiveBooks
        from hashwright.store.costs import book_cost

        now = app.clock.now()
        return await LiveBooks(app).write(lambda connection: book_cost(connection, arguments, now_ms=now))

    async def hold(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        from hashwright.runtime.payouts import LiveBooks
        from hashwright.store.hold import set_rule

        now = app.clock.now()
        return await LiveBooks(app).write(lambda connection: set_rule(connection, arguments, now_ms=now))

    async def sale(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        from hashwright.runtime.payouts import LiveBooks
        from hashwright.store.hold import book_sale

        now = app.clock.now()
        return await LiveBooks(app).write(lambda connection: book_sale(connection, arguments, now_ms=now))

    return {
        "ledger-prices": take_prices,
        "ledger-reconcile": reconcile,
        "ledger-cost": cost,
        "ledger-hold": hold,
        "ledger-sale": sale,
    }


async def _reconcile(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    from hashwright.runtime.payouts import service_of

    service = service_of(app, str(arguments["pool"]))
    async with service.reconciling() as reconciler:
        answer: dict[str, Any] = {}
        if arguments.get("txid"):
            answer["source"] = await _explain(reconciler, arguments, now=app.clock.now())
        found = await reconciler.differences()
    currency = service.policy.currency
    answer |= {
        "pool": service.policy.pool,
        "currency": currency.code,
        "wallet_holds": Amount(found.held, currency).text(),
        "books_say": Amount(found.in_books, currency).text(),
        "on_the_way": Amount(found.on_the_way, currency).text(),
        "left": Amount(found.left, currency).text(),
        "arrived": [
            {
                "txid": it.txid_display,
                "amount": Amount(it.net, currency).text(),
                "confirmations": it.confirmations,
                "is_block_reward": bool(it.block_hash),
            }
            for it in found.arrived
        ],
        "unexplained": [
            {
                "txid": it.txid_display,
                "amount": Amount(it.net, currency).text(),
                "confirmations": it.confirmations,
                "pays_members": list(members),
            }
            for it, members in found.unexplained
        ],
    }
    return answer


async def _explain(reconciler: Reconciler, arguments: Mapping[str, Any], *, now: int) -> str:
    txid, meaning = str(arguments["txid"]), str(arguments.get("meaning", ""))
    if meaning in ORIGINS:
        upstream = str(arguments.get("upstream", ""))
        if (meaning == "upstream") != bool(upstream):
            raise refused("--as upstream and --from UPSTREAM belong together")
        return await reconciler.receive(txid, meaning, upstream, now=now)
    if meaning not in MEANINGS:
        raise refused(f"say what it was: --as {', --as '.join((*MEANINGS, *ORIGINS))}")
    received = received_of(str(arguments.get("received", "")), str(arguments.get("place", "")))
    return await reconciler.explain(txid, meaning, received, now=now)
