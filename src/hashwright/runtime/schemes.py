"""What a person asks and says about payout schemes: eras, the reserve that pays for work, and abnormal rewards."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hashwright.errors import OperatorError
from hashwright.ledger import accounts
from hashwright.money import Amount, Currency, MoneyError, amount_of
from hashwright.pool import reserve
from hashwright.pool.events import BlockReleased, DestinationSet, ReserveMoved
from hashwright.pool.schemes.base import HOUSE
from hashwright.runtime.payouts import LiveBooks, currency_of, own_pool
from hashwright.store import ledger
from hashwright.store.connection import Connection

if TYPE_CHECKING:
    from hashwright.pool.eras import OpenEra
    from hashwright.runtime.wiring import Hashwright


def scheme_of(app: "Hashwright", name: str) -> dict[str, Any]:
    """Return how a pool divides what it earns: the eras that are not over, oldest first, and the reserve."""
    settings = own_pool(app, name)
    books, worth = app.kernel.pool.books.get(name), app.kernel.pool.worths.get(name)
    network_work = 0 if worth is None else worth.network_work
    eras = [] if books is None or books.eras is None else books.eras.open
    return {
        "pool": name,
        "eras": [_era(held, is_present=held is eras[-1], network_work=network_work) for held in eras],
        "reserve": reserve_of(app, settings),
    }


def _era(held: "OpenEra", *, is_present: bool, network_work: int) -> dict[str, Any]:
    era = held.era
    window = era.scheme.window_work(network_work) if network_work else 0
    work = held.window.work(window) if window else {}
    theirs = sum(hashes for member, hashes in work.items() if member != HOUSE)
    return {
        "era": era.number,
        "scheme": era.key,
        "title": era.scheme.title,
        "since_ms": era.since,
        "settings": msgspec.to_builtins(era.scheme),
        "is_present": is_present,
        "window_full": round(theirs / window, 4) if window else None,
    }


def reserve_of(app: "Hashwright", settings: DestinationSet) -> dict[str, Any] | None:
    """Return how safe a pool's reserve is; None where it needs none and holds none."""
    name, currency = settings.destination, currency_of(app, settings.destination)
    held, scheme = app.kernel.pool.reserves.get(name), reserve.paying_scheme(app.kernel.pool, name)
    if held is None or (scheme is None and not held.funds.get(currency.code)):
        return None
    answer: dict[str, Any] = {
        "currency": currency.code,
        "reserve": Amount(held.funds.get(currency.code, 0), currency).text(),
        "is_accepting": not reserve.is_stopped(app.kernel.pool, name),
    }
    found = reserve.solvency(app.kernel.pool, settings)
    if found is None:
        return answer
    return answer | {
        "promised": (found.reserve - found.floor - found.free).text(),
        "floor": found.floor.text(),
        "free": found.free.text(),
        "missing": Amount(0 if answer["is_accepting"] else reserve.missing(held, found), currency).text(),
        "blocks_free_est": round(found.blocks_free_est, 3),
        "ruin_probability_est": found.ruin_probability_est,
    }


async def move_reserve(app: "Hashwright", name: str, text: str, *, is_taken: bool) -> None:
    """Put coins of the pool's wallet into its reserve, or take them out. On return it is durable.

    Raises:
        OperatorError: it is no amount, or the wallet or the reserve does not hold so much (HW-647).
    """
    settings, currency = own_pool(app, name), currency_of(app, name)
    try:
        minor = amount_of(text, currency).minor
    except MoneyError as problem:
        raise _refused(f"{text[:40]!r} is no amount of {currency.code}: {problem}") from problem
    if minor <= 0:
        raise _refused("the amount is not above zero")
    held = app.kernel.pool.reserves.get(name)
    funds = 0 if held is None else held.funds.get(currency.code, 0)
    if is_taken:
        found = reserve.solvency(app.kernel.pool, settings)
        promised = 0 if found is None else (found.reserve - found.floor - found.free).minor
        if minor > funds - promised:
            raise _refused(f"it holds {Amount(funds, currency)}, and {Amount(promised, currency)} of it are promised")
    else:
        free = await LiveBooks(app).read(lambda connection: _free_coins(connection, app, settings, currency))
        if minor > free:
            raise _refused(
                f"by the books the wallet {settings.wallet or name!r} holds {Amount(max(0, free), currency)} that are "
                "owed to nobody and in no reserve; coins that came in without an entry are booked by hw ledger "
                "reconcile --as deposit"
            )
    app.kernel.handle(ReserveMoved(name, -minor if is_taken else minor, secrets.token_hex(8)))
    await _durable(app)


def _free_coins(connection: Connection, app: "Hashwright", settings: DestinationSet, currency: Currency) -> int:
    """Return what a wallet holds that is the owner's to give [minor units]: by the books, for all of its pools."""
    wallet = settings.wallet or settings.destination
    pools = {
        name
        for name, it in app.kernel.pool.destinations.items()
        if isinstance(it.settings, DestinationSet) and (it.settings.wallet or name) == wallet
    }
    balances = ledger.read_balances(connection)
    free = balances.get((accounts.wallet(wallet), currency), 0)
    for (account, money), minor in balances.items():
        parts = accounts.parts_of(account)
        if money == currency and parts[0] in ("liability", "equity") and len(parts) > 2 and parts[2] in pools:
            free += minor if parts[1] in ("member", "payout", "held", "reserve") else 0
    return free


def held_blocks(app: "Hashwright", name: str) -> list[dict[str, Any]]:
    """Return the abnormal rewards of a pool that wait for a person."""
    currency = currency_of(app, name)
    return [
        {
            "block": it.block_hash,
            "height": it.height,
            "reward": Amount(it.reward, currency).text(),
            "currency": currency.code,
            "confirmations": it.depth,
            "can_be_released": it.is_matured and it.is_entered,
            "parts": {
                member or "(pool)": Amount(minor, currency).text() for member, minor in it.parts
            },
        }
        for it in app.kernel.pool.blocks.values()
        if it.is_held and it.destination == name
    ]  # fmt: skip


async def release(app: "Hashwright", name: str, block_hash: str, to: str) -> None:
    """Give an abnormal reward to the members or to the owner. On return it is durable.

    Raises:
        OperatorError: no such block is held, it has not matured, or `to` is neither (HW-708).
    """
    block = app.kernel.pool.blocks.get(block_hash)
    if block is None or not block.is_held or block.destination != name:
        raise OperatorError(f"{name!r} holds no block {block_hash[:64]!r}.", code="HW-708",
                            hint="hw pool release POOL lists what is held.")  # fmt: skip
    can_be = block.is_matured and block.is_entered
    if not can_be or to not in ("members", "owner"):
        problem = "it cannot be spent yet" if not can_be else "say --as members or --as owner"
        raise OperatorError(f"Not released: {problem}.", code="HW-708", hint="A block can be spent 100 blocks later.")
    app.kernel.handle(BlockReleased(name, block_hash, "members" if to == "members" else "owner"))
    await _durable(app)


async def _durable(app: "Hashwright") -> None:
    """Wait until everything that was handled so far is on the disk: the writer takes things in order."""
    app.kernel.commit_now()
    await asyncio.wrap_future(app.writer.transact(lambda _connection: None))


def _refused(problem: str) -> OperatorError:
    return OperatorError(
        f"The reserve was not moved: {problem}.", code="HW-647", hint="hw pool reserve POOL shows what it holds."
    )


def commands(app: "Hashwright") -> dict[str, Any]:
    """Return the commands of payout schemes for the control socket."""
    turn = asyncio.Lock()  # two at once must not give the same coins twice

    async def scheme(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        return scheme_of(app, str(arguments["pool"]))

    async def move(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        name = str(arguments["pool"])
        async with turn:
            for key in ("add", "take"):
                if arguments.get(key):
                    await move_reserve(app, name, str(arguments[key]), is_taken=key == "take")
        return {"pool": name, "reserve": reserve_of(app, own_pool(app, name))}

    async def let_go(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        name = str(arguments["pool"])
        if arguments.get("block"):
            await release(app, name, str(arguments["block"]), str(arguments.get("to", "")))
        return {"pool": name, "held": held_blocks(app, name)}

    return {"pool-scheme": scheme, "pool-reserve": move, "pool-release": let_go}
