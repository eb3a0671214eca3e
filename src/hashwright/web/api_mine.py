"""Where machines work, and what own pools owe: routes, destinations, members, payouts. Changes go over the socket."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath, JSONBody

from hashwright.web.acting import ACTING, ASKING, Answered, AnsweredRows, Command, send
from hashwright.web.context import AnyRequest, IdempotencyKey, caller_of, needs, site_of
from hashwright.web.documents import Document
from hashwright.web.machines import Machine

PAY_S: Final = 120.0
Short = Annotated[str, msgspec.Meta(max_length=200)]


class RouteWish(Document, frozen=True, kw_only=True):
    """The route of an algorithm: targets such as `home=70%`, and who takes over."""

    targets: Annotated[tuple[Short, ...], msgspec.Meta(max_length=64)]
    fallbacks: Annotated[tuple[Short, ...], msgspec.Meta(max_length=64)] = ()
    safe: Short = ""
    dry_run: bool = False


class Move(Document, frozen=True, kw_only=True):
    """Machines by name or pattern (`rack1.*`), and where they work; `auto` ends a pin."""

    worker: Short
    destination: Short


class PoolLook(Document, frozen=True, kw_only=True):
    """A pool to look at: where it listens and whom it pays."""

    url: Short
    user: Short
    algorithm: Short = "sha256d"


class DestinationWish(Document, frozen=True, kw_only=True):
    """A destination's settings, as `hw admin config export` writes them. Secrets stand there by reference only."""

    settings: dict[str, Any]


class AddressWish(Document, frozen=True, kw_only=True):
    """Where a member wants to be paid."""

    address: Short


class PayWish(Document, frozen=True, kw_only=True):
    """Carry payouts on: `approve` what waits for a person; `dry_run` only shows."""

    approve: bool = False
    dry_run: bool = False


class Own(Document, frozen=True, kw_only=True):
    """What a member sees: his own."""

    at_ms: int
    pool: str
    member: str
    owed: str
    immature: str
    currency: str
    address: str
    next_address: str
    next_address_from_ms: int | None
    machines: tuple[Machine, ...]


class RouteController(Controller):
    """Where machines work."""

    path = "/api/v1"
    tags = ("route",)

    @get("/routes", guards=[needs("view")], responses=ASKING, operation_id="readRoutes", summary="Routes")
    async def routes(self, request: AnyRequest) -> Answered:
        """Show what was asked of each destination and what was delivered."""
        return Answered(result=await site_of(request).live.ask("route-status"))

    @put(
        "/routes/{algorithm:str}",
        guards=[needs("operate")],
        responses=ACTING,
        operation_id="setRoute",
        summary="Let machines follow another route",
    )
    async def set_route(
        self, request: AnyRequest, algorithm: FromPath[str], data: JSONBody[RouteWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Set the route of an algorithm; nobody is disconnected."""
        route = {
            "algorithm": algorithm,
            "targets": data.targets,
            "fallbacks": data.fallbacks,
            "safe": data.safe,
            "author": caller_of(request).who[:64],
        }

        arguments = {"route": route, "dry_run": data.dry_run}
        target = f"{algorithm}: {' '.join(data.targets)}"
        return await send(
            request, key, Command(verb="route-set", action="set route", target=target, arguments=arguments)
        )

    @delete(
        "/routes/{algorithm:str}",
        status_code=200,
        guards=[needs("operate")],
        responses=ACTING,
        operation_id="removeRoute",
        summary="Take a route away",
    )
    async def remove_route(
        self, request: AnyRequest, algorithm: FromPath[str], key: IdempotencyKey
    ) -> Response[Answered]:
        """Let machines go to the first destination that is ready."""
        return await send(
            request, key, Command(verb="route-remove", target=algorithm, arguments={"algorithm": algorithm})
        )

    @post(
        "/moves",
        status_code=200,
        guards=[needs("operate")],
        responses=ACTING,
        operation_id="moveWorkers",
        summary="Pin machines to a destination",
    )
    async def move(self, request: AnyRequest, data: JSONBody[Move], key: IdempotencyKey) -> Response[Answered]:
        """Pin machines, or let the route place them again."""
        arguments = {"worker": data.worker, "destination": data.destination}
        return await send(
            request, key, Command(verb="route-move", target=f"{data.worker} to {data.destination}", arguments=arguments)
        )

    @post(
        "/route-tests",
        status_code=200,
        guards=[needs("operate")],
        responses=ASKING,
        operation_id="lookAtPool",
        summary="Look at a pool",
    )
    async def look(self, request: AnyRequest, data: JSONBody[PoolLook]) -> Answered:
        """Connect to a pool as a machine would, and tell what it says; never to a private address."""
        options = {"url": data.url, "user": data.user, "algorithm": data.algorithm, "for_others": True}
        return Answered(result=await site_of(request).live.ask("route-test", timeout_s=60.0, options=options))

    @put(
        "/destinations/{name:str}",
        guards=[needs("pay")],
        responses=ACTING,
        operation_id="setDestination",
        summary="Set a destination",
    )
    async def set_destination(
        self, request: AnyRequest, name: FromPath[str], data: JSONBody[DestinationWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Add a destination or set it anew. It decides whom blocks pay, so only who pays may."""
        return await send(
            request,
            key,
            Command(verb="pool-add", target=name, arguments={"destination": {**data.settings, "name": name}}),
        )

    @post(
        "/destinations/{name:str}/check",
        status_code=200,
        guards=[needs("pay")],
        responses=ASKING,
        operation_id="checkDestination",
        summary="Check a destination before it is set",
    )
    async def check(self, request: AnyRequest, name: FromPath[str], data: JSONBody[DestinationWish]) -> AnsweredRows:
        """Check settings up to the node's own reading of the address; nothing is saved."""
        rows = await site_of(request).live.ask("pool-check", destination={**data.settings, "name": name})
        return AnsweredRows(rows=tuple(rows))

    @delete(
        "/destinations/{name:str}",
        status_code=200,
        guards=[needs("pay")],
        responses=ACTING,
        operation_id="removeDestination",
        summary="Take a destination away",
    )
    async def remove(self, request: AnyRequest, name: FromPath[str], key: IdempotencyKey) -> Response[Answered]:
        """Take it away; its machines are sent elsewhere or disconnected."""
        return await send(request, key, Command(verb="pool-remove", target=name, arguments={"name": name}))


class PoolController(Controller):
    """What own pools owe and pay."""

    path = "/api/v1/pools/{pool:str}"
    tags = ("pool",)

    @get("/members", guards=[needs("money")], responses=ASKING, operation_id="listMembers", summary="Members")
    async def members(self, request: AnyRequest, pool: FromPath[str]) -> AnsweredRows:
        """List members: what each can be paid, what is immature, and where it goes."""
        return AnsweredRows(rows=tuple(await site_of(request).live.ask("pool-members", pool=pool)))

    @put(
        "/members/{member:str}/address",
        guards=[needs("pay")],
        responses=ACTING,
        operation_id="setMemberAddress",
        summary="Set where a member is paid",
    )
    async def set_address(
        self,
        request: AnyRequest,
        pool: FromPath[str],
        member: FromPath[str],
        data: JSONBody[AddressWish],
        key: IdempotencyKey,
    ) -> Response[Answered]:
        """Set it; the first counts at once, any later one after 48 hours."""
        arguments = {"pool": pool, "member": member, "address": data.address}
        return await send(
            request, key, Command(verb="pool-address", target=f"{pool} {member} {data.address}", arguments=arguments)
        )

    @delete(
        "/members/{member:str}/address",
        status_code=200,
        guards=[needs("pay")],
        responses=ACTING,
        operation_id="cancelMemberAddress",
        summary="Take back an address that does not count yet",
    )
    async def cancel_address(
        self, request: AnyRequest, pool: FromPath[str], member: FromPath[str], key: IdempotencyKey
    ) -> Response[Answered]:
        """Take back what a member asked for within the last 48 hours."""
        arguments = {"pool": pool, "member": member, "cancel": True}
        return await send(
            request, key, Command(verb="pool-address", target=f"{pool} {member} cancelled", arguments=arguments)
        )

    @get("/luck", guards=[needs("view")], responses=ASKING, operation_id="readLuck", summary="Luck")
    async def luck(self, request: AnyRequest, pool: FromPath[str]) -> Answered:
        """Show blocks found beside what work was to find."""
        return Answered(result=await site_of(request).live.ask("pool-luck", pool=pool))

    @get("/scheme", guards=[needs("money")], responses=ASKING, operation_id="readScheme", summary="Payout scheme")
    async def scheme(self, request: AnyRequest, pool: FromPath[str]) -> Answered:
        """Show how the pool divides what it earns, and its reserve."""
        return Answered(result=await site_of(request).live.ask("pool-scheme", pool=pool))

    @get("/payouts", guards=[needs("money")], responses=ASKING, operation_id="listPayouts", summary="Payouts")
    async def payouts(self, request: AnyRequest, pool: FromPath[str]) -> Answered:
        """Show what is paid, what waits and why; nothing is done."""
        return Answered(result=await site_of(request).live.ask("payout", pool=pool, dry_run=True, timeout_s=PAY_S))

    @post(
        "/payouts",
        status_code=200,
        guards=[needs("pay")],
        responses=ACTING,
        operation_id="carryPayoutsOn",
        summary="Carry payouts on",
    )
    async def pay(
        self, request: AnyRequest, pool: FromPath[str], data: JSONBody[PayWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Carry payouts on now. In a DRY RUN nothing is signed."""
        arguments = {"pool": pool, "approve": data.approve, "dry_run": data.dry_run}
        word = "approved" if data.approve else "carried on"
        return await send(
            request, key, Command(verb="payout", target=f"{pool} {word}", arguments=arguments, timeout_s=PAY_S)
        )


class OwnController(Controller):
    """What a member sees and may do: his own, and nothing else."""

    path = "/api/v1/own"
    tags = ("own",)
    guards = (needs("own"),)

    @get("", responses=ASKING, operation_id="readOwn", summary="One's own workers and payouts")
    async def own(self, request: AnyRequest) -> Own:
        """Show what the member who asks is owed and how his machines are."""
        site, caller = site_of(request), caller_of(request)
        rows: list[Mapping[str, Any]] = await site.live.ask("pool-members", pool=caller.pool)
        mine = next((row for row in rows if row["member"] == caller.member), {})
        picture = await site.live.listed()
        prefix = f"{caller.member}."
        return Own(
            at_ms=picture.joined.at_ms,
            pool=caller.pool,
            member=caller.member,
            owed=mine.get("owed", "0"),
            immature=mine.get("immature", "0"),
            currency=mine.get("currency", ""),
            address=mine.get("address") or "",
            next_address=mine.get("next_address") or "",
            next_address_from_ms=mine.get("next_address_from_ms"),
            machines=tuple(it for it in picture.machines if it.worker == caller.member or it.worker.startswith(prefix)),
        )

    @put("/address", responses=ACTING, operation_id="setOwnAddress", summary="Say where one is paid")
    async def set_address(
        self, request: AnyRequest, data: JSONBody[AddressWish], key: IdempotencyKey
    ) -> Response[Answered]:
        """Ask to be paid elsewhere; it counts after 48 hours, and the owner is told."""
        caller = caller_of(request)
        arguments = {"pool": caller.pool, "member": caller.member, "address": data.address}
        return await send(request, key, Command(verb="pool-address", target=f"own {data.address}", arguments=arguments))
