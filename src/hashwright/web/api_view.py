"""What everybody who may look sees: status, the plot of a day, machines, blocks, alerts."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, PathParameter, QueryParameter

from hashwright.errors import OperatorError
from hashwright.web import present
from hashwright.web.api_session import instance_of
from hashwright.web.context import AnyRequest, Site, needs, problems, site_of
from hashwright.web.cursor import cursor_of, number_of
from hashwright.web.documents import AlertPage, BlockPage, History, MachinePage, Status
from hashwright.web.encoded import Kept, respond
from hashwright.web.machines import Machine, MachineState

T = TypeVar("T")
MACHINES_MAX: Final = 10_000
ROWS_MAX: Final = 500
Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=400)]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=ROWS_MAX)]
MachineLimit = Annotated[int, QueryParameter(name="limit", ge=1, le=MACHINES_MAX)]
Words = Annotated[str, QueryParameter(name="q", max_length=128)]
Name = Annotated[str, QueryParameter(name="destination", max_length=128)]
State = Annotated[MachineState | None, QueryParameter(name="state")]
SortKey = Literal["worker", "hashrate", "refused", "last_share"]
SORTS: Final[dict[SortKey, Callable[[Machine], Any]]] = {
    "worker": lambda it: it.worker,
    "hashrate": lambda it: (-it.hashrate_10m_hs, it.worker),
    "refused": lambda it: (-it.refused_1h, it.worker),
    "last_share": lambda it: (-(it.last_share_age_ms or 0), it.worker),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFilter:
    """Which machines are wanted."""

    word: str
    state: MachineState | None
    destination: str

    def takes(self, machine: Machine) -> bool:
        """Tell whether a machine fits."""
        if self.word and self.word not in machine.worker.casefold() and self.word not in machine.agent.casefold():
            return False
        if self.state is not None and machine.state != self.state:
            return False
        return not self.destination or self.destination in machine.destinations


def machine_filter(q: Words = "", wanted_state: State = None, destination: Name = "") -> MachineFilter:
    """Read the filter from the query."""
    return MachineFilter(word=q.casefold(), state=wanted_state, destination=destination)


class ViewController(Controller):
    """Looking at machines, destinations and blocks."""

    path = "/api/v1"
    tags = ("look",)
    guards = (needs("view"),)

    @get(
        "/status",
        responses=problems(401, 403, 503),
        operation_id="readStatus",
        summary="What is going on",
        opt={"is_packed": True},
    )
    async def status(self, request: AnyRequest) -> Response[Status]:
        """Say what is going on now."""
        site = site_of(request)
        picture = await site.live.fresh()
        name = await instance_name(site)
        kept: Kept = request.app.state.kept
        return respond(
            request,
            await kept.of("status", picture.number, lambda: present.status_of(picture, instance=name)),
        )

    @get(
        "/history",
        responses=problems(401, 403),
        operation_id="readHistory",
        summary="The plot of the last day",
        opt={"is_packed": True},
    )
    async def history(self, request: AnyRequest) -> Response[History]:
        """Give the hash rates of the last day by destination, with what happened."""
        live = site_of(request).live
        picture = await live.fresh()
        kept: Kept = request.app.state.kept
        return respond(
            request, await kept.of("history", present.history_key(picture), lambda: present.history(live, picture))
        )

    @get(
        "/workers",
        responses=problems(401, 403),
        dependencies={"wanted": Provide(machine_filter, sync_to_thread=False)},
        operation_id="listWorkers",
        summary="Machines",
    )
    async def workers(
        self,
        request: AnyRequest,
        wanted: NamedDependency[MachineFilter],
        limit: MachineLimit = 100,
        cursor: Cursor = None,
        sort: FromQuery[SortKey] = "worker",
    ) -> MachinePage:
        """List machines, filtered and sorted; a page goes on where the one before ended."""
        picture = await site_of(request).live.listed()
        found = [machine for machine in picture.machines if wanted.takes(machine)]
        found.sort(key=SORTS[sort])
        rows, next_cursor = page_of(found, cursor, limit)
        return MachinePage(
            at_ms=picture.joined.at_ms,
            asked_ms=picture.machines_at_ms,
            total=picture.joined.total,
            matching=len(found),
            next_cursor=next_cursor,
            machines=tuple(rows),
        )

    @get("/workers/{worker:str}", responses=problems(401, 403, 404), operation_id="readWorker", summary="One machine")
    async def worker(self, request: AnyRequest, worker: Annotated[str, PathParameter(max_length=200)]) -> Machine:
        """Show one machine."""
        picture = await site_of(request).live.listed()
        for machine in picture.machines:
            if machine.worker == worker:
                return machine
        raise OperatorError(f"No machine {worker[:100]!r} worked here within a day.", code="HW-748")

    @get("/blocks", responses=problems(401, 403), operation_id="listBlocks", summary="Our blocks")
    async def blocks(self, request: AnyRequest, limit: Limit = 100, cursor: Cursor = None) -> BlockPage:
        """List our blocks, newest first."""
        site, start = site_of(request), number_of(cursor, start=0)
        store = site.live.store()
        found = [] if store is None else await asyncio.to_thread(store.blocks, min(start + limit + 1, 1_000_000))
        rows, more = found[start : start + limit], len(found) > start + limit
        depths = present.depths_of(site.live.picture)
        return BlockPage(
            next_cursor=cursor_of(str(start + limit)) if more else None,
            blocks=tuple(present.block_of(block, depths) for block in rows),
        )

    @get("/alerts", responses=problems(401, 403), operation_id="listAlerts", summary="Alerts")
    async def alerts(self, request: AnyRequest, limit: Limit = 100, cursor: Cursor = None) -> AlertPage:
        """List alerts, newest first."""
        site, before = site_of(request), number_of(cursor, start=2**62)
        store = site.live.store()
        found = [] if store is None else await asyncio.to_thread(store.alerts, limit + 1, before=before)
        rows, more = found[:limit], len(found) > limit
        return AlertPage(
            next_cursor=cursor_of(str(rows[-1].number)) if more else None,
            alerts=tuple(present.alert_of(alert) for alert in rows),
        )


def page_of(rows: Sequence[T], cursor: str | None, limit: int) -> tuple[Sequence[T], str | None]:
    """Cut a page out of a list that may have changed since the one before: the cursor holds a place in it."""
    start = 0 if cursor is None else number_of(cursor, start=0)
    end = start + limit
    return rows[start:end], cursor_of(str(end)) if len(rows) > end else None


async def instance_name(site: Site) -> str:
    """Return the short name of this database."""
    return site.live.instance or await asyncio.to_thread(instance_of, site)
