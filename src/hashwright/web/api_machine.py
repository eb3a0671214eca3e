"""One machine over time: heat, power, hash rate and refused shares, as they were kept (`store.machine_history`)."""

import asyncio
from typing import Annotated, Final, Literal

from litestar import Controller
from litestar.params import QueryParameter

from hashwright.store.machine_history import COARSE, FINE, Grain, Point, read_machine
from hashwright.web.context import AnyRequest, site_of
from hashwright.web.documents import Document
from hashwright.web.operations import asking

Name = Annotated[str, QueryParameter(name="name", min_length=1, max_length=200)]
Span = Annotated[Literal["day", "2d", "7d", "30d", "90d"], QueryParameter(name="span")]
DAY_S: Final = 86_400
SPANS: Final[dict[str, tuple[Grain, int]]] = {
    "day": (FINE, DAY_S),
    "2d": (FINE, 2 * DAY_S),
    "7d": (COARSE, 7 * DAY_S),
    "30d": (COARSE, 30 * DAY_S),
    "90d": (COARSE, 90 * DAY_S),
}


class MachinePast(Document, frozen=True, kw_only=True):
    """What a machine did, column by column: means of `span_s` seconds, oldest first; null where nobody knew.

    Heat, power and `said_hs` are measured by the machine itself; `credited_hs` is estimated from accepted work, and
    `refused_part` measured by shares.
    """

    at_ms: int
    name: str
    span_s: int
    times_s: tuple[int, ...]
    temperature_c: tuple[float | None, ...]
    power_w: tuple[float | None, ...]
    said_hs: tuple[float | None, ...]
    credited_hs: tuple[float | None, ...]
    refused_part: tuple[float | None, ...]


class MachineController(Controller):
    """One machine."""

    path = "/api/v1/machines"
    tags = ("fleet",)

    @asking("/history", "view", name="readMachineHistory", summary="One machine over time")
    async def history(self, request: AnyRequest, name: Name, span: Span = "day") -> MachinePast:
        """Show up to two days of a machine by five minutes, or up to ninety by the hour; gaps stand in it."""
        live, now_s = site_of(request).live, site_of(request).clock.now() // 1000
        grain, seconds = SPANS[span]
        store = await asyncio.to_thread(live.store)
        points: list[Point] = []
        if store is not None:
            points = await asyncio.to_thread(
                store.read_tables,
                lambda it: read_machine(it, name, grain, since_s=now_s - seconds, until_s=now_s + 1),
            )
        return past_of(name, points, grain, now_s=now_s)


def past_of(name: str, points: list[Point], grain: Grain, *, now_s: int) -> MachinePast:
    """Write points as columns without holes in time, from the first that is known to the last span that is over."""
    known = {it.at_s: it for it in points}
    times = range(min(known, default=now_s), max(known, default=now_s - 1) + 1, grain.span_s)
    all_ = [known.get(at_s) or Point(at_s=at_s) for at_s in times]
    return MachinePast(
        at_ms=now_s * 1000,
        name=name,
        span_s=grain.span_s,
        times_s=tuple(times),
        temperature_c=tuple(it.temperature_c for it in all_),
        power_w=tuple(it.power_w for it in all_),
        said_hs=tuple(it.said_hs for it in all_),
        credited_hs=tuple(it.credited_hs for it in all_),
        refused_part=tuple(it.refused_part for it in all_),
    )
