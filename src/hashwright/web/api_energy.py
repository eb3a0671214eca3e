"""The energy of sites: what power costs, what the sun brings, what machines should draw, and what they do draw."""

from typing import Any, Literal

import msgspec
from litestar import Controller, Response, get, post, put
from litestar.params import FromPath, JSONBody

from hashwright.runtime.power_state import stored_states
from hashwright.web.acting import ACTING, Answered, Command
from hashwright.web.api_plan import helm_of, read, sees_money
from hashwright.web.api_steer import steer
from hashwright.web.context import AnyRequest, IdempotencyKey, needs, problems, site_of
from hashwright.web.documents import Document
from hashwright.web.energy import EnergySite, FleetPower, FleetWatch, site_of_state


class EnergyPage(Document, frozen=True, kw_only=True):
    """The page Energy. `missing`: what a power plan still needs; `fleet` is null where no machine is in the fleet."""

    at_ms: int
    is_running: bool
    sites: tuple[EnergySite, ...]
    fleet: FleetPower | None
    missing: tuple[str, ...]


class PowerWish(Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a power autopilot may go."""

    mode: Literal["dry-run", "advise", "live"]


class EnergyController(Controller):
    """What is planned for power."""

    path = "/api/v1/energy"
    tags = ("energy",)
    guards = (needs("view"),)

    @get("", responses=problems(401, 403), operation_id="readEnergy", summary="The page Energy")
    async def energy(self, request: AnyRequest) -> EnergyPage:
        """Show each site's plan and what the fleet draws now; with nothing running, how sites were left."""
        helm = helm_of(request)
        steering = await helm.look()
        watch: FleetWatch = request.app.state.fleet_watch
        fleet = await watch.look() if steering.is_running else None
        states = helm.states.get("power", []) if steering.is_running else await _stored(request)
        sites = tuple(map(site_of_state, states))
        if not sees_money(request):
            sites = tuple(map(_bare, sites))
        return EnergyPage(
            at_ms=site_of(request).clock.now(),
            is_running=steering.is_running,
            sites=sites,
            fleet=fleet,
            missing=_missing(is_running=steering.is_running, has_fleet=fleet is not None, has_site=bool(sites)),
        )


class PowerSteerController(Controller):
    """How far power autopilots may go."""

    path = "/api/v1"
    tags = ("energy",)
    guards = (needs("operate"),)

    @put("/power-autopilots/{name:str}", responses=ACTING, operation_id="setPowerAutopilot", summary="Set its mode")
    async def set_mode(
        self, request: AnyRequest, name: FromPath[str], data: JSONBody[PowerWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Set the mode of a site's power autopilot; its site's file is named on the machine only."""
        settings = {"name": name[:64], "mode": data.mode}
        return await _do(request, key, "power-set", f"{name[:64]} {data.mode}", settings=settings)

    @post(
        "/power-autopilots/{name:str}/turns",
        status_code=200,
        responses=ACTING,
        operation_id="takePowerTurn",
        summary="Plan now",
    )
    async def turn(self, request: AnyRequest, name: FromPath[str], key: IdempotencyKey) -> Response[Answered]:
        """Let a site's power autopilot plan now."""
        return await _do(request, key, "power-turn", name[:64], name=name[:64])

    @post(
        "/power-decisions/{number:int}/apply",
        status_code=200,
        responses=ACTING,
        operation_id="applyPowerDecision",
        summary="Apply a power plan",
    )
    async def apply(self, request: AnyRequest, number: FromPath[int], key: IdempotencyKey) -> Response[Answered]:
        """Drive the fleet by a kept plan."""
        return await _do(request, key, "power-apply", str(number)[:20], number=number)


async def _stored(request: AnyRequest) -> list[dict[str, Any]]:
    """Return sites as they were left, from the database: no program runs."""
    now = site_of(request).clock.now()
    found: list[dict[str, Any]] = await read(request, lambda connection: stored_states(connection, now=now))
    return found


async def _do(request: AnyRequest, key: str, verb: str, target: str, **arguments: Any) -> Response[Answered]:  # noqa: ANN401
    return await steer(request, key, Command(verb=verb, target=target, arguments=arguments, timeout_s=180.0))


def _missing(*, is_running: bool, has_fleet: bool, has_site: bool) -> tuple[str, ...]:
    if not is_running:
        return ("The program does not run: hw up",)
    found = [] if has_fleet else ["No machine is in the fleet, so none can be put to sleep: hw find --add"]
    if not has_site:
        found.append("No site is told, with its tariff, sun and limits: hw autopilot power set SITE.toml")
    return tuple(found)


def _bare(site: EnergySite) -> EnergySite:
    """Leave out money: for who may look, and not at it."""
    turns = tuple(msgspec.structs.replace(it, outcome=None, note="") for it in site.turns)
    site = msgspec.structs.replace(site, earned=None, turns=turns)
    if site.plan is None:
        return site
    nothing: dict[str, Any] = dict.fromkeys(("value", "value_always", "value_off", "gain", "bound"))
    totals = {name: it for name, it in site.plan.totals.items() if name.endswith(("_kwh", "_h"))}
    stretches = tuple(msgspec.structs.replace(it, earns=None) for it in site.plan.stretches)
    plan = msgspec.structs.replace(site.plan, totals=totals, break_even={}, stretches=stretches, note="", **nothing)
    return msgspec.structs.replace(site, plan=plan)
