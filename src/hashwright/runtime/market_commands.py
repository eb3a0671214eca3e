"""What `hw market` asks of the running process. A request carries an id of who asks: asking twice is asking once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import LimitRefused, OperatorError
from hashwright.market.events import ChangeAsked, FundsAsked, FundsMoved, OrderAsked, SaleSet
from hashwright.market.records import Pool, Terms
from hashwright.market.steering import sale_key
from hashwright.runtime import market_history, market_series, market_views, positions
from hashwright.runtime.control import Command
from hashwright.runtime.market_settings import (
    KIND,
    amount_text,
    check_account,
    check_reference,
    document_of_looks,
    document_of_terms,
    is_order_id,
    parse_amount,
    parse_limit,
    parse_price,
    price_text,
)
from hashwright.runtime.upstream_settings import SECRET_KINDS, parse_address

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

HOUR_MS = 3_600_000
Verb = Callable[["Hashwright", Mapping[str, Any]], Awaitable[Any]]


def table(app: "Hashwright") -> dict[str, Command]:
    """Return the commands of a running process."""
    verbs: dict[str, Verb] = {
        "market-settings": _settings,
        "market-book": _book,
        "market-quote": _quote,
        "market-order": place_order,
        "market-change": change_order,
        "market-sell": _sell,
        "market-history": _history,
        "market-depth": _depth,
        "market-delivery": market_series.delivery,
        "market-fund": _fund,
        "market-deposit": _deposit,
        "market-withdraw": withdraw_funds,
        "market-position": positions.change,
    }

    def bound(verb: "Verb") -> Command:
        async def answer(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
            return await verb(app, arguments)

        return answer

    return {name: bound(verb) for name, verb in verbs.items()}


async def _settings(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    return await change_settings(app, str(arguments.get("algorithm", "")), arguments.get("changes") or {})


async def _book(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    return market_views.book(app, str(arguments.get("algorithm", "")))


async def _depth(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    return market_series.depth(app, str(arguments.get("algorithm", "")))


async def _quote(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    return market_views.quote(app, arguments)


async def _sell(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    answer = set_sale(app, arguments)
    await _durable(app)
    return answer


async def _history(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    return await market_history.history(app, str(arguments.get("account", "")), str(arguments.get("order", "")))


async def _fund(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    answer = await fund_account(app, arguments)
    await _durable(app)
    return answer


async def _durable(app: "Hashwright") -> None:
    """Wait until what the engine was just told cannot be lost: nothing is answered before that."""
    app.kernel.commit_now()
    await asyncio.wrap_future(app.writer.transact(lambda _: None))


async def _deposit(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    terms = app.market.terms_of(str(arguments.get("algorithm", "")))
    account = check_account(str(arguments["account"]))
    found = await app.market.deposits.describe(terms, account)
    free = app.market.state.funds.get(terms.algorithm, {}).get(account, 0)
    return {**found, "free": amount_text(free, terms)}


async def change_settings(app: "Hashwright", algorithm: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a market's settings, after changing them where changes are given.

    Raises:
        HashwrightError: they are not usable; nothing was changed.
    """
    if changes:
        algorithm = algorithm or str(changes.get("algorithm", "")) or "sha256d"
        if algorithm not in ALGORITHMS:
            names = ", ".join(ALGORITHMS)
            raise OperatorError(f"There is no algorithm {algorithm!r}.", code="HW-860", hint=f"There are: {names}.")
        before = app.store.settings(KIND).get(algorithm, {})
        raw = {**before, **changes, "algorithm": algorithm}
        app.market.take(raw)
        await asyncio.wrap_future(app.writer.put_setting(KIND, algorithm, raw, now=app.clock.now()))
    terms = app.market.terms_of(algorithm)
    settings = app.market.settings[terms.algorithm]
    return {
        "settings": msgspec.to_builtins(settings),
        **document_of_terms(terms),
        **document_of_looks(settings),
    }


async def place_order(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Place an order, or get the answer that the same id got before.

    Raises:
        OperatorError: it is not usable, or the engine says no.
    """
    terms = app.market.terms_of(str(arguments.get("algorithm", "")))
    hours = float(arguments.get("lock_hours") or 0)
    event = OrderAsked(
        account=check_account(str(arguments["account"])),
        reference=check_reference(arguments["reference"]),
        algorithm=terms.algorithm,
        kind="fixed" if hours else "standard",
        price=parse_price(str(arguments["price"]), terms),
        limit_hs=parse_limit(str(arguments["limit"])),
        minimum_hs=parse_limit(str(arguments["minimum"])) if arguments.get("minimum") else 0.0,
        budget=parse_amount(str(arguments["budget"]), terms),
        pool=_pool_of(arguments),
        life_ms=int(float(arguments.get("days") or 0) * 24 * HOUR_MS),
        lock_ms=int(hours * HOUR_MS),
    )
    answer = await app.market.place(event)
    return {"order": answer.order, "text": answer.text, "price": price_text(event.price, terms)}


def _pool_of(arguments: Mapping[str, Any]) -> Pool:
    url, password = str(arguments["pool"]), str(arguments.get("password") or "x")
    if password.startswith(SECRET_KINDS):
        raise LimitRefused(
            "A secret of this computer is not sent to somebody else's pool.",
            code="HW-501",
            hint="Give the pool's password itself; most pools take any.",
        )
    return Pool(str(parse_address(url)), str(arguments["user"]), password)


async def change_order(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Cancel, refill or reprice an order, or change its limit.

    Raises:
        OperatorError: it is not usable, or the engine says no.
    """
    name, what = str(arguments["order"]), arguments["what"]
    if not is_order_id(name):
        raise OperatorError(f"There is no order {name[:40]!r}.", code="HW-867", hint="hw market history lists them.")
    await app.market.memory.recall_order(name)
    order = app.market.state.orders.get(name)
    ended = app.market.state.ended.get(name)
    account = str(arguments.get("account") or "") or (order.account if order else ended[0] if ended else "")
    if not account:
        raise OperatorError(f"There is no order {name}.", code="HW-867", hint="hw market history lists them.")
    terms = app.market.terms_of(order.algorithm) if order else None
    minor, rate_hs = _value_of(what, str(arguments.get("value") or ""), terms)
    event = ChangeAsked(account, check_reference(arguments["reference"]), name, what, minor, rate_hs)
    answer = await app.market.ask(event)
    return {"order": name, "text": answer.text}


def _value_of(what: str, value: str, terms: Terms | None) -> tuple[int, float]:
    if terms is None or what == "cancel":
        return 0, 0.0
    if what == "limit":
        return 0, parse_limit(value)
    return (parse_price(value, terms) if what == "reprice" else parse_amount(value, terms)), 0.0


def set_sale(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Let an account's machines be sold, or no longer.

    Raises:
        OperatorError: account or floor price are not usable.
    """
    terms = app.market.terms_of(str(arguments.get("algorithm", "")))
    account, is_on = check_account(str(arguments["account"])), not arguments.get("stop")
    text = str(arguments.get("floor") or "")
    floor = max(parse_price(text, terms) if text and text.strip("0.") else 0, terms.floor)
    app.kernel.handle(SaleSet(account, terms.algorithm, floor, is_on))
    is_sold = sale_key(account, terms.algorithm) in app.market.state.sales
    machines = [it for it in app.market.state.machines.values() if it.account == account]
    return {
        "account": account,
        "is_sold": is_sold,
        "floor": price_text(floor, terms),
        "machines": len(machines),
        "machines_that_cannot": sum(not it.moves_freely for it in machines),
    }


async def fund_account(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Credit a buyer with money that the operator got outside; it is the operator's word, and stands in the books so.

    Raises:
        OperatorError: the amount is not usable, or the reference stands for another one (HW-864).
    """
    terms = app.market.terms_of(str(arguments.get("algorithm", "")))
    account = check_account(str(arguments["account"]))
    minor = parse_amount(str(arguments["amount"]), terms)
    origin = f"operator:{account}:{check_reference(arguments['reference'])}"
    await app.market.memory.recall_deposit(origin)
    known = app.market.state.deposits.get(origin)
    if known is not None and known[:2] != (account, minor):
        raise OperatorError(
            f"That reference credited {account} with {amount_text(known[1], terms)}. Nothing was changed.",
            code="HW-864",
            hint="Give each payment an --id of its own.",
        )
    app.kernel.handle(FundsMoved(terms.algorithm, account, minor, "equity:owner", origin))
    free = app.market.state.funds.get(terms.algorithm, {}).get(account, 0)
    return {"account": account, "free": amount_text(free, terms)}


async def withdraw_funds(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Move a buyer's free funds to what the pool's payouts pay him.

    Raises:
        OperatorError: he has not so much.
    """
    terms = app.market.terms_of(str(arguments.get("algorithm", "")))
    account = check_account(str(arguments["account"]))
    minor = parse_amount(str(arguments["amount"]), terms)
    answer = await app.market.ask(FundsAsked(terms.algorithm, account, check_reference(arguments["reference"]), minor))
    free = app.market.state.funds.get(terms.algorithm, {}).get(account, 0)
    return {"account": account, "free": amount_text(free, terms), "text": answer.text}
