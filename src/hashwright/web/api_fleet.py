"""Machines as a farm looks at them and commands them: one table of all, small plots, and the verbs of `hw fleet`.

What commands a machine goes to the program, whose engine keeps order; here only who may, and once. Machines are named,
never described: what was chosen on a screen is what is done, whatever has changed since. The settings of a machine
cannot be set here, only its labels: they may name a command of this computer or the file of a password.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Controller, Response, get, post, put
from litestar.params import JSONBody

from hashwright.errors import EXIT_NOTHING, OperatorError
from hashwright.runtime.device_settings import KIND, TAGS_MAX
from hashwright.web.acting import ACTING, ASKING, Answered, Command, send
from hashwright.web.context import AnyRequest, IdempotencyKey, act, caller_of, needs, problems, site_of
from hashwright.web.documents import Document
from hashwright.web.encoded import Kept, respond
from hashwright.web.live import Picture
from hashwright.web.machines import Machine

DEVICES_AT_ONCE: Final = 500
"""So many names stay below the bound of a body; a page sends more in several requests."""
OLD_LISTS: Final = 1.5
"""A list so many times as old as it should be is sent at once, while the newest is made: its age stands in it."""
SPARKS_AT_ONCE: Final = 200
FLEET_S: Final = 60.0
DAY_MINUTES: Final = 60 * 24 * 31
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
Worker = Annotated[str, msgspec.Meta(max_length=200)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
Names = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=DEVICES_AT_ONCE)]


class Table(Document, frozen=True, kw_only=True):
    """All machines, column by column: each list has one item a machine, in the same order, by name.

    Columns are the fields of `Machine`. Ten thousand machines are a fifth of the size of as many documents.
    """

    at_ms: int
    asked_ms: int
    fleet_ms: int
    is_live: bool
    fault: str
    plan: str
    total: int
    columns: dict[str, list[Any]]


class SparkWish(Document, frozen=True, kw_only=True):
    """Whose small plots are wanted."""

    workers: Annotated[tuple[Worker, ...], msgspec.Meta(max_length=SPARKS_AT_ONCE)]


class Sparks(Document, frozen=True, kw_only=True):
    """Mean hash rates of the last 24 whole hours [H/s], estimated, oldest first, by worker."""

    at_ms: int
    workers: Mapping[str, tuple[float, ...]]


class Order(Document, frozen=True, kw_only=True):
    """What machines should do: sleep, or run at a part of their power (0.05 to 1), for some minutes or for good."""

    devices: Names
    mode: Literal["sleep", "run"]
    part: Annotated[float, msgspec.Meta(ge=0.05, le=1)] = 1.0
    minutes: Annotated[int, msgspec.Meta(ge=0, le=DAY_MINUTES)] = 0


class Devices(Document, frozen=True, kw_only=True):
    """Machines by name."""

    devices: Names


class Blink(Document, frozen=True, kw_only=True):
    """Machines that are to blink, or to stop it."""

    devices: Names
    on: bool = True


class Labels(Document, frozen=True, kw_only=True):
    """Labels to give and to take; group and site are left alone where they are not named."""

    devices: Names
    add: Annotated[tuple[Label, ...], msgspec.Meta(max_length=TAGS_MAX)] = ()
    remove: Annotated[tuple[Label, ...], msgspec.Meta(max_length=TAGS_MAX)] = ()
    group: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    site: Annotated[str, msgspec.Meta(max_length=32)] | None = None


RuleWord = Annotated[str, msgspec.Meta(max_length=16)]
"""What the rule `fail_safe` says: `keep` or `sleep`."""


class Rules(Document, frozen=True, kw_only=True):
    """Rules of power control to change; those that are not named stay. `live`: power plans act."""

    changes: Annotated[dict[str, bool | int | float | RuleWord], msgspec.Meta(max_length=20)]


class FleetController(Controller):
    """Machines, and what they should do."""

    path = "/api/v1"
    tags = ("fleet",)

    @get(
        "/machines",
        guards=[needs("view")],
        responses=problems(401, 403),
        operation_id="readTable",
        summary="All machines as one table",
        opt={"is_packed": True},
    )
    async def table(self, request: AnyRequest) -> Response[Table]:
        """List all machines, column by column; everybody who asks for the same moment gets the same bytes."""
        live = site_of(request).live
        live.touch_list()
        picture = await live.fresh()
        kept: Kept = request.app.state.kept
        key = (picture.joined.at_ms, picture.machines_at_ms, picture.fleet.at_ms)
        age_max_s = OLD_LISTS * live.sums_s
        return respond(request, await kept.soon("machines", key, lambda: table_of(picture), age_max_s=age_max_s))

    @post(
        "/machines/sparks",
        status_code=200,
        guards=[needs("view")],
        responses=problems(401, 403),
        operation_id="readSparks",
        summary="Small plots of some machines",
    )
    async def sparks(self, request: AnyRequest, data: JSONBody[SparkWish]) -> Sparks:
        """Give the last day of some machines, hour by hour."""
        live = site_of(request).live
        picture = await live.fresh()
        return Sparks(
            at_ms=picture.at_ms, workers={name: live.book.spark(name, picture.at_ms) for name in data.workers}
        )

    @post(
        "/fleet/orders",
        status_code=200,
        guards=[needs("operate")],
        responses=ACTING,
        operation_id="orderPower",
        summary="Let machines sleep, run, or run at a part of their power",
    )
    async def order(self, request: AnyRequest, data: JSONBody[Order], key: IdempotencyKey) -> Response[Answered]:
        """Decide for machines as a person. The answer says how many were told; the table says how each obeys."""
        what = data.mode if data.part >= 1 else f"{data.mode} at {data.part:.0%}"
        arguments = {
            "devices": data.devices,
            "mode": data.mode,
            "part": data.part,
            "for_s": data.minutes * 60,
            "author": caller_of(request).who[:64],
        }
        return await self._tell(request, key, "fleet-order", f"{what}: {named(data.devices)}", arguments)

    @post(
        "/fleet/releases",
        status_code=200,
        guards=[needs("operate")],
        responses=ACTING,
        operation_id="releasePower",
        summary="Leave machines to the plan again",
    )
    async def release(self, request: AnyRequest, data: JSONBody[Devices], key: IdempotencyKey) -> Response[Answered]:
        """End a person's decision; the plan decides again."""
        return await self._tell(request, key, "fleet-auto", named(data.devices), {"devices": data.devices})

    @post(
        "/fleet/blinks",
        status_code=200,
        guards=[needs("operate")],
        responses=ACTING,
        operation_id="blinkMachines",
        summary="Let machines blink",
    )
    async def blink(self, request: AnyRequest, data: JSONBody[Blink], key: IdempotencyKey) -> Response[Answered]:
        """Let machines blink to be found, or stop it; says of each whether it took it."""
        return await self._tell(
            request, key, "fleet-blink", named(data.devices), {"devices": data.devices, "on": data.on}
        )

    @post(
        "/fleet/labels",
        status_code=200,
        guards=[needs("operate")],
        responses=ACTING,
        operation_id="labelMachines",
        summary="Change tags, group or site of machines",
    )
    async def label(self, request: AnyRequest, data: JSONBody[Labels], key: IdempotencyKey) -> Response[Answered]:
        """Give and take labels; of all machines together, or of none where one cannot be."""
        site = site_of(request)

        async def work() -> Answered:
            stored = await asyncio.to_thread(stored_devices, request)
            devices = [relabelled(stored, name, data) for name in data.devices]
            saved = await site.live.ask("fleet-set", timeout_s=FLEET_S, devices=devices)
            site.live.fleet_is_old()
            return Answered(result=saved)

        return await act(request, key, "label machines", f"{label_words(data)}: {named(data.devices)}", work)

    @get("/fleet/rules", guards=[needs("view")], responses=ASKING, operation_id="readRules", summary="Rules of power")
    async def rules(self, request: AnyRequest) -> Answered:
        """Show the rules of power control, and whether plans act."""
        return Answered(result=await site_of(request).live.ask("fleet-rules"))

    @put(
        "/fleet/rules",
        guards=[needs("operate")],
        responses=ACTING,
        operation_id="setRules",
        summary="Change rules of power",
    )
    async def set_rules(self, request: AnyRequest, data: JSONBody[Rules], key: IdempotencyKey) -> Response[Answered]:
        """Change some of the rules of power control."""
        words = ", ".join(f"{name}={value}" for name, value in data.changes.items())
        return await self._tell(request, key, "fleet-rules", words, {"changes": data.changes})

    async def _tell(
        self, request: AnyRequest, key: str, verb: str, target: str, arguments: Mapping[str, Any]
    ) -> Response[Any]:
        wanted = Command(verb=verb, target=target, arguments=arguments, timeout_s=FLEET_S)
        return await send(request, key, wanted, after=site_of(request).live.fleet_is_old)


def table_of(picture: Picture) -> Table:
    """Turn a picture's machines into columns."""
    names = Machine.__struct_fields__
    return Table(
        at_ms=picture.joined.at_ms,
        asked_ms=picture.machines_at_ms,
        fleet_ms=picture.fleet.at_ms,
        is_live=picture.fleet.is_live,
        fault=picture.fleet.fault,
        plan="" if picture.fleet.plan is None else str(picture.fleet.plan.get("plan", "")),
        total=picture.joined.total,
        columns={name: [getattr(machine, name) for machine in picture.machines] for name in names},
    )


def named(devices: tuple[str, ...]) -> str:
    """Say which machines, for the trail."""
    shown = ", ".join(devices[:5])
    return shown if len(devices) <= 5 else f"{len(devices)} machines: {shown} and {len(devices) - 5} more"


def label_words(data: Labels) -> str:
    """Say what is changed, for the trail."""
    words = [*(f"+{tag}" for tag in data.add), *(f"-{tag}" for tag in data.remove)]
    words += [f"{name}={value}" for name, value in (("group", data.group), ("site", data.site)) if value is not None]
    return " ".join(words) or "nothing"


def stored_devices(request: AnyRequest) -> dict[str, Any]:
    """Read the settings of all machines; they are never shown, for they say where passwords are."""
    store = site_of(request).live.store()
    return {} if store is None else dict(store.settings(KIND))


def relabelled(stored: Mapping[str, Any], name: str, data: Labels) -> dict[str, Any]:
    """Return a machine's settings with other labels.

    Raises:
        OperatorError: there is no such machine.
    """
    if name not in stored:
        error = OperatorError(f"There is no machine {name!r}.", code="HW-116", hint="hw fleet ls")
        error.exit_code = EXIT_NOTHING
        raise error
    raw = {**stored[name], "name": name}
    kept = [tag for tag in raw.get("tags", ()) if tag not in data.remove and tag not in data.add]
    raw["tags"] = [*kept, *data.add]
    return raw | {key: value for key, value in (("group", data.group), ("site", data.site)) if value is not None}
