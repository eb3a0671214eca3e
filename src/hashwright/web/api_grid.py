"""The grid of the page Plan: hours by groups, and hours that a person pins. A pin is the program's, not the page's."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody

from hashwright.store.connection import Connection
from hashwright.web.api_plan import helm_of, read, sees_money
from hashwright.web.context import AnyRequest, IdempotencyKey, act, caller_of, needs, problems, site_of
from hashwright.web.documents import Document
from hashwright.web.grid import GridDesk, PinDocument, PlanGrid, pin_of, without_money
from hashwright.web.plan import DecisionDetail, detail_of

PIN_S: Final = 30.0
ACTING: Final = problems(401, 403, 404, 409, 422, 501, 503)
Moment = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Group = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern="^[^\\x00-\\x1f\\x7f]*$")]


class GridPage(Document, frozen=True, kw_only=True):
    """The plans of all sites as grids; `is_running` false: what was kept last, which nobody follows now."""

    at_ms: int
    is_running: bool
    grids: tuple[PlanGrid, ...]


class PinWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of a group [ms, whole quarters]: it runs, rests, or follows the plan again; a pin ends at `to_ms`."""

    group: Group
    from_ms: Moment
    to_ms: Moment
    want: Literal["run", "rest", "plan"]


class UndoWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take back the newest change of a site's pins; refused where it is not `change` any more."""

    change: Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class Pins(Document, frozen=True, kw_only=True):
    """The pins that stand after change number `change`."""

    change: int
    pins: tuple[PinDocument, ...]


class GridController(Controller):
    """What each group does in each hour."""

    path = "/api/v1/plan"
    tags = ("plan",)
    guards = (needs("view"),)

    @get("/grid", responses=problems(401, 403, 503), operation_id="readPlanGrid", summary="Hours by groups")
    async def grid(self, request: AnyRequest) -> GridPage:
        """Show each site's power plan as hours by groups, with the why and the second best of each cell."""
        helm = helm_of(request)
        steering = await helm.look()
        states = helm.states.get("power", []) if steering.is_running else await read(request, _kept)
        desk: GridDesk = request.app.state.grids
        routes = {} if not steering.is_running else _routes(helm.states.get("route", []))
        grids = await desk.grids(states, routes, is_running=steering.is_running)
        if not sees_money(request):
            grids = tuple(map(without_money, grids))
        return GridPage(at_ms=site_of(request).clock.now(), is_running=steering.is_running, grids=grids)


class PinController(Controller):
    """Hours that a person decides."""

    path = "/api/v1/power-autopilots/{name:str}/pins"
    tags = ("plan",)
    guards = (needs("operate"),)

    @post("", status_code=200, responses=ACTING, operation_id="pinHours", summary="Pin hours of a group")
    async def pin(
        self, request: AnyRequest, name: FromPath[str], data: JSONBody[PinWish], key: IdempotencyKey
    ) -> Response[Pins]:
        """Say that a group runs or rests in some hours, or let the plan have them again; the next turn plans by it."""
        wish: dict[str, Any] = msgspec.to_builtins(data)
        wish["want"] = None if data.want == "plan" else data.want
        wish["author"] = caller_of(request).who[:64]
        target = f"{name[:64]} {data.group}: {data.want} {data.from_ms} to {data.to_ms}"
        return await _do(request, key, "power-pin", target, name=name[:64], pin=wish)

    @post("/undo", status_code=200, responses=ACTING, operation_id="undoPins", summary="Take a change of pins back")
    async def undo(
        self, request: AnyRequest, name: FromPath[str], data: JSONBody[UndoWish], key: IdempotencyKey
    ) -> Response[Pins]:
        """Take the newest change of a site's pins back."""
        return await _do(
            request, key, "power-pin-undo", f"{name[:64]} {data.change}", name=name[:64], change=data.change
        )


async def _do(request: AnyRequest, key: str, command: str, target: str, **arguments: Any) -> Response[Pins]:  # noqa: ANN401
    async def work() -> Pins:
        found = await site_of(request).live.ask(command, timeout_s=PIN_S, **arguments)
        return Pins(change=int(found["change"]), pins=tuple(map(pin_of, found["pins"])))

    answer: Response[Pins] = await act(request, key, command, target, work)
    helm_of(request).forget()
    return answer


def _kept(connection: Connection) -> list[dict[str, Any]]:
    """Read the last plan of each site, where no program runs."""
    from hashwright.runtime.power_state import stored_states

    return [
        it | {"settings": it["settings"] or {}} for it in stored_states(connection, now=0) if it["plan"] is not None
    ]


def _routes(states: list[dict[str, Any]]) -> dict[str, DecisionDetail]:
    """Return the last decision of each algorithm."""
    found = {str(it["settings"].get("algorithm", "")): it.get("last") for it in states}
    return {name: detail_of(last) for name, last in found.items() if last is not None}
