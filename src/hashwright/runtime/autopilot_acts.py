"""What the autopilot does where it may: it sets the route, sells on the own market, and lets machines rest.

Each act is one that a person could give, goes by the same checks and the same journal, and says who gave it. Machines
rest by a `PowerPlan` for the fleet groups that the owner named (`--may-sleep`): the fleet engine then keeps its own
rules (ramps, starts a day, heat), a person's override stands above it, and a fleet that is not live only rehearses.
Where another plan of power is in force, that one decides.
"""

from typing import TYPE_CHECKING, Final

from hashwright.fleet.events import PlanSlot, PowerPlan, PowerPlanEnded
from hashwright.planner.autopilot import Seen, Thought
from hashwright.runtime import route_commands
from hashwright.runtime.autopilot_market import sell
from hashwright.runtime.autopilot_settings import AutopilotSettings
from hashwright.runtime.route_settings import ROUTE_KIND

if TYPE_CHECKING:
    from hashwright.runtime.wiring import Hashwright

AUTHOR: Final = "autopilot"
VALID_MS: Final = 6 * 3_600_000
"""How long machines rest where nobody says so again; then they stay as they are, and a person is told."""
POWER_MOVES: Final = 0.005


async def carry_out(app: "Hashwright", settings: AutopilotSettings, seen: Seen, thought: Thought) -> str:
    """Do what a thought asks for; return what was done beside the route, in words."""
    if thought.parts:
        await set_route(app, settings, thought)
    return tend(app, settings, seen, thought, may_begin=True)


def tend(
    app: "Hashwright", settings: AutopilotSettings, seen: Seen, thought: Thought, *, may_begin: bool = False
) -> str:
    """Keep the sale's floor and the plan of rest in line with a thought; say what was done."""
    words = (sell(app, settings, seen, thought, may_begin=may_begin), let_rest(app, settings, thought))
    return "; ".join(it for it in words if it)


async def set_route(app: "Hashwright", settings: AutopilotSettings, thought: Thought) -> None:
    """Set the parts; fall-backs and the safe destination stay as the owner set them."""
    before = app.store.settings(ROUTE_KIND).get(settings.algorithm, {})
    targets = [f"{name}={part}" for name, part in sorted(thought.parts.items())]
    raw = {"algorithm": settings.algorithm, "targets": targets, "author": AUTHOR}
    kept = {name: before[name] for name in ("fallbacks", "safe") if name in before}
    await route_commands.change_route(app, raw | kept)


def let_rest(app: "Hashwright", settings: AutopilotSettings, thought: Thought) -> str:
    """Hand the fleet the power that is left when a part rests; return what was done, in words."""
    if not settings.sleep_groups or not thought.weights:
        return ""
    now = app.clock.now()
    other = _other_plan(app, settings, now=now)
    if other is not None:
        return f"the power plan of {other.author} decides who rests"
    plan = app.kernel.fleet.plan
    in_force = plan if plan is not None and now < plan.valid_until else None
    if in_force is None and thought.idle <= 0:
        return ""
    slots = slots_of(app, settings, idle=thought.idle, now=now)
    mine = ", ".join(it.group for it in slots)
    slots += tuple(it for it in (in_force.slots if in_force else ()) if it.group not in settings.sleep_groups)
    is_same = in_force is not None and _alike(in_force.slots, slots)
    if not mine or (is_same and in_force is not None and in_force.valid_until - now > VALID_MS // 2):
        return ""
    app.kernel.handle(PowerPlan(f"{AUTHOR}-{settings.algorithm}-{now}", slots, now + VALID_MS, AUTHOR))
    if is_same:
        return ""
    mode = "" if app.kernel.fleet.rules.is_live else " (the fleet is in dry run)"
    return f"{thought.idle:.0%} of {mine} rest{mode}"


def end_rest(app: "Hashwright", settings: AutopilotSettings) -> None:
    """End the plan of rest where it is ours: nobody would follow what pays any more. Machines stay as they are."""
    plan = app.kernel.fleet.plan
    if plan is not None and plan.author == AUTHOR and any(it.group in settings.sleep_groups for it in plan.slots):
        app.kernel.handle(PowerPlanEnded(""))


def _other_plan(app: "Hashwright", settings: AutopilotSettings, *, now: int) -> PowerPlan | None:
    """Return a plan of somebody else that is in force: in the place of ours, or for a group that may rest."""
    fleet = app.kernel.fleet
    plans = [it for it in fleet.plans.values() if any(slot.group in settings.sleep_groups for slot in it.slots)]
    plans += [fleet.plan] if fleet.plan is not None and fleet.plan.author != AUTHOR else []
    return next((it for it in plans if now < it.valid_until), None)


def slots_of(app: "Hashwright", settings: AutopilotSettings, *, idle: float, now: int) -> tuple[PlanSlot, ...]:
    """Return the power of each group that may rest, while a part of it does [W]; groups of unknown rating are none."""
    rated: dict[str, float] = dict.fromkeys(settings.sleep_groups, 0.0)
    for device in app.kernel.fleet.devices.values():
        if device.settings.group in rated:
            rated[device.settings.group] += device.settings.rated_w
    return tuple(PlanSlot(now, group, round(watts * (1 - idle), 1)) for group, watts in rated.items() if watts > 0)


def _alike(before: tuple[PlanSlot, ...], now: tuple[PlanSlot, ...]) -> bool:
    watts, other = ({it.group: it.power_w for it in slots} for slots in (before, now))
    return watts.keys() == other.keys() and all(
        abs(watts[name] - other[name]) <= POWER_MOVES * max(watts[name], other[name]) for name in watts
    )
