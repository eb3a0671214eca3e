"""The switch that every page has: how far autopilots may go. Each change is done once, and stands in the trail."""

from typing import Literal

import msgspec
from litestar import Controller, Response, post, put
from litestar.params import FromPath, JSONBody

from hashwright.web.acting import ACTING, Answered, Command, send
from hashwright.web.api_plan import helm_of
from hashwright.web.context import AnyRequest, IdempotencyKey, needs
from hashwright.web.documents import Document


class PauseWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stop all autopilots, or let them go on in the modes that they had."""

    is_paused: bool


class AutopilotWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to set of an autopilot; what is left out stays as it was."""

    mode: Literal["dry-run", "advise", "live"] | None = None
    power_price_usd_kwh: float | None = None
    efficiency_j_th: float | None = None
    step_percent: float | None = None
    every_s: int | None = None


class SteerController(Controller):
    """The switch: how far autopilots may go."""

    path = "/api/v1"
    tags = ("plan",)
    guards = (needs("operate"),)

    @put("/steering/pause", responses=ACTING, operation_id="pauseAutopilots", summary="The kill switch")
    async def pause(self, request: AnyRequest, data: JSONBody[PauseWish], key: IdempotencyKey) -> Response[Answered]:
        """Stop all autopilots at once, or let them go on; routes and machines stay as they are."""
        word = "pause" if data.is_paused else "go"
        wanted = Command(
            verb="autopilot-pause", action=f"autopilots {word}", target="all", arguments={"is_paused": data.is_paused}
        )
        return await steer(request, key, wanted)

    @post("/steering/wake", status_code=200, responses=ACTING, operation_id="wakeMachines", summary="Wake who was left")
    async def wake(self, request: AnyRequest, key: IdempotencyKey) -> Response[Answered]:
        """Wake the machines that an autopilot left asleep when it was paused or taken away, in stages."""
        wanted = Command(verb="autopilot-wake", action="wake machines", target="who was left asleep")
        return await steer(request, key, wanted)

    @put("/autopilots/{algorithm:str}", responses=ACTING, operation_id="setAutopilot", summary="Set an autopilot")
    async def set_autopilot(
        self, request: AnyRequest, algorithm: FromPath[str], data: JSONBody[AutopilotWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Set the autopilot of an algorithm; where there is none it begins, as a dry run unless you say otherwise."""
        wish = {name: value for name, value in msgspec.to_builtins(data).items() if value is not None}
        wanted = Command(
            verb="autopilot-set",
            action="set autopilot",
            target=f"{algorithm[:32]} {wish}",
            arguments={"settings": {"algorithm": algorithm[:32], **wish}},
        )
        return await steer(request, key, wanted)

    @post(
        "/autopilots/{algorithm:str}/turns",
        status_code=200,
        responses=ACTING,
        operation_id="takeTurn",
        summary="Think now",
    )
    async def turn(self, request: AnyRequest, algorithm: FromPath[str], key: IdempotencyKey) -> Response[Answered]:
        """Let the autopilot of an algorithm take a turn now."""
        name = algorithm[:32]
        wanted = Command(
            verb="autopilot-turn", action="autopilot turn", target=name, arguments={"algorithm": name}, timeout_s=60.0
        )
        return await steer(request, key, wanted)

    @post(
        "/decisions/{number:int}/apply",
        status_code=200,
        responses=ACTING,
        operation_id="applyDecision",
        summary="Apply a decision",
    )
    async def apply(self, request: AnyRequest, number: FromPath[int], key: IdempotencyKey) -> Response[Answered]:
        """Set the route that a decision asks for."""
        wanted = Command(
            verb="autopilot-apply", action="apply decision", target=str(number)[:20], arguments={"number": number}
        )
        return await steer(request, key, wanted)


async def steer(request: AnyRequest, key: str, wanted: Command) -> Response[Answered]:
    """Act once, and ask the autopilots anew."""
    return await send(request, key, wanted, after=helm_of(request).forget)
