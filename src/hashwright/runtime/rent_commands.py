"""What `hw market rent` asks of the running process: rentals that are kept, one look or one act, and what was done."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hashwright.errors import HashwrightError, OperatorError
from hashwright.runtime.control import Command
from hashwright.runtime.rent import Renter, noted
from hashwright.runtime.rent_settings import SETTING, RentSettings, must_have_budget, parse_rent
from hashwright.runtime.rent_worth import destination_of, market_of

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

LISTED_MAX: Final = 500
PLACED: Final = ("market", "pool_url", "pool_user", "account", "url", "algorithm")
"""What stays while an order stands: it would go on at the old place."""
Verb = Callable[["Hashwright", Mapping[str, Any]], Awaitable[Any]]


def table(app: "Hashwright") -> dict[str, Command]:
    """Return the commands of a running process."""
    verbs: dict[str, Verb] = {
        "market-rent": _rent,
        "rent-set": keep,
        "rent-list": listed,
        "rent-remove": remove,
        "rent-history": history,
    }

    def bound(verb: Verb) -> Command:
        async def answer(arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
            return await verb(app, arguments)

        return answer

    return {name: bound(verb) for name, verb in verbs.items()}


def kept(app: "Hashwright", name: str) -> RentSettings:
    """Return a rental that is kept.

    Raises:
        OperatorError: there is none of that name (HW-976), or it cannot be read.
    """
    raw = app.store.settings(SETTING).get(name)
    if raw is None:
        raise OperatorError(
            f"There is no rental {name!r}.", code="HW-976", hint=f"hw market rent set {name or 'night'}"
        )
    return parse_rent(raw)


async def _rent(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Look once, and live act once; what is not said is taken from the rental of that name, where one is kept."""
    said = {name: value for name, value in dict(arguments["rent"]).items() if value not in ("", None)}
    before = app.store.settings(SETTING).get(str(said.get("name", "")), {})
    renter = Renter(app, parse_rent({**before, **said}))
    return await (renter.plan() if arguments.get("plan") else renter.run(is_live=bool(arguments.get("live"))))


async def keep(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a rental under its name; what is not named stays as it was. It may act by itself only with both budgets.

    Raises:
        OperatorError: it is not usable, or its place is to change while an order may stand (HW-977).
        LimitRefused: it is to act, and a budget is missing (HW-511).
    """
    said = {name: value for name, value in dict(arguments["rent"]).items() if value is not None}
    before = app.store.settings(SETTING).get(str(said.get("name", "")), {})
    settings = parse_rent({**before, **said})
    market_of(app, settings)
    destination_of(app, settings)
    if settings.is_live:
        must_have_budget(settings)
        must_have_budget(msgspec.structs.replace(settings, budget=settings.budget_day))
    old = parse_rent(before) if before else settings
    moved = [name for name in PLACED if getattr(old, name) != getattr(settings, name)]
    if moved and await Renter(app, old).may_stand():
        words = f"An order of {settings.name} may stand, so {', '.join(moved)} must stay. Nothing was changed."
        raise OperatorError(words, code="HW-977", hint="hw autopilot pause ends it; or use another name.")
    document = msgspec.to_builtins(settings)
    await asyncio.wrap_future(app.writer.put_setting(SETTING, settings.name, document, now=app.clock.now()))
    return describe(settings)


def describe(settings: RentSettings) -> dict[str, Any]:
    """Return a rental for people and programs; where its secrets lie is not told."""
    return {
        "name": settings.name, "market": settings.market, "algorithm": settings.algorithm, "pool": settings.pool_url,
        "user": settings.pool_user, "limit": settings.limit, "budget": settings.budget or None,
        "budget_day": settings.budget_day or None, "worth_by": settings.destination, "pool_rate": settings.pool_rate,
        "pool_fee_percent": settings.pool_fee_percent, "margin_percent": settings.margin_percent,
        "account": settings.account, "is_live": settings.is_live, "has_key": bool(settings.key_from),
    }  # fmt: skip


async def listed(app: "Hashwright", arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every rental that is kept, and which autopilots were told to buy by it."""
    del arguments
    users = {name: service.settings.buy for name, service in app.autopilots.items()}
    found = []
    for name, raw in sorted(app.store.settings(SETTING).items()):
        bought_by = sorted(who for who, names in users.items() if name in names)
        try:
            found.append(describe(parse_rent(raw)) | {"bought_by": bought_by, "problem": ""})
        except HashwrightError as error:
            found.append({"name": name, "bought_by": bought_by, "problem": error.message})
    return found


async def remove(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Forget a rental. What was done under its name stays in the journal, and counts against its budget.

    Raises:
        OperatorError: there is none, an autopilot buys by it, or an order may stand (HW-976, HW-977).
    """
    name = str(arguments["name"])
    settings = kept(app, name)
    users = [who for who, service in app.autopilots.items() if name in service.settings.buy]
    if users:
        words = f"The autopilot of {', '.join(users)} buys by {name}. Nothing was changed."
        raise OperatorError(words, code="HW-977", hint=f"hw autopilot set {users[0]} --buy -")
    if await Renter(app, settings).may_stand():
        words = f"An order of {name} may stand. Nothing was changed."
        raise OperatorError(words, code="HW-977", hint=f"hw market rent plan {name} shows it; end it at the market.")
    await asyncio.wrap_future(app.writer.delete_setting(SETTING, name))
    return {"removed": name}


async def history(app: "Hashwright", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return every action, newest first, with its id, what it saw, who wanted it, and its answer."""
    name = str(arguments.get("name") or "")
    found = await asyncio.to_thread(app.store.read_books, noted)
    shown = [(note, answer) for note, answer in found if name in ("", note.name)][::-1][:LISTED_MAX]
    return {
        "actions": [
            msgspec.to_builtins(note) | {"answer": answer or "open: nobody answered yet"} for note, answer in shown
        ]
    }
