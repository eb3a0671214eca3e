"""Can we mine to this destination? Each check with its answer, and for each cross what to do.

`hw pool add` asks before it saves, `hw doctor` asks about what is saved. The same function runs in the running process
(which alone may hold the node's password, as a systemd credential) and in `hw` itself when none runs.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from hashwright.adapters.nodes.base import Node, NodeProbe
from hashwright.chain.address import script_of_block_address
from hashwright.clock import Clock
from hashwright.errors import ConfigError, HashwrightError
from hashwright.runtime import destinations
from hashwright.runtime.checks import Check, failed, ok, shortened, titled
from hashwright.runtime.destinations import DestinationSettings
from hashwright.runtime.node_group import NodeGroup
from hashwright.runtime.node_work import work_of_node
from hashwright.runtime.upstream_checks import check_upstream

NODE_TIMEOUT_S = 15.0
CLOCK_SPREAD_S = 120
"""Nodes refuse blocks two hours ahead, and before the median of eleven; two minutes is a clock that nobody sets."""


async def check_destination(raw: Mapping[str, Any], *, clock: Clock) -> list[Check]:
    """Check a destination from its settings to the node's own reading of the address; never raises for bad ones.

    One with `urls` is an upstream: see `upstream_checks`.
    """
    if "urls" in raw:
        return await check_upstream(raw)
    try:
        settings = destinations.parse_destination(raw)
    except ConfigError as error:
        return [failed(titled(item), item.code, item.hint) for item in error.findings]
    coin = destinations.coin_of(settings)
    script = script_of_block_address(settings.address, coin, settings.network)
    checks = [
        ok(f"{coin.title} can be mined ({coin.algorithm})"),
        ok(f"address is one of {coin.title} {settings.network}; its script is {shortened(script.hex())}"),
    ]
    try:
        node = destinations.build_node(settings, clock=clock)
    except HashwrightError as error:
        return [*checks, failed(error.message, error.code, error.hint)]
    try:
        async with asyncio.timeout(NODE_TIMEOUT_S):
            return [*checks, *await _check_node(node, settings, script, clock=clock)]
    except TimeoutError:
        return [*checks, failed(f"The node gave no answer in {NODE_TIMEOUT_S:g} s.", "HW-412", "Look at the node.")]
    except HashwrightError as error:
        return [*checks, failed(error.message, error.code, error.hint)]
    finally:
        await node.aclose()


async def _check_node(node: Node, settings: DestinationSettings, script: bytes, *, clock: Clock) -> list[Check]:
    checks = await _member_checks(node)
    return [*checks, *await _whole_checks(node, settings, script, clock=clock)]


async def _member_checks(node: Node) -> list[Check]:
    """Look at each node of a group: any of them may have to stand in, the one that has failed silently too."""
    if not isinstance(node, NodeGroup):
        return []
    return [_member_check(name, probe) for name, probe in await node.probes()]


def _member_check(name: str, probe: NodeProbe) -> Check:
    if probe.state == "ready":
        return ok(f"{name} is ready: {probe.version}, {probe.network}, height {probe.height}")
    text = f"{name} is {probe.state}" + (f": {probe.detail}" if probe.detail else "")
    fix = "Look at this node; until it is back the others stand in for it."
    return Check(state="warning", title=text.rstrip("."), code="HW-414", fix=fix)


async def _whole_checks(node: Node, settings: DestinationSettings, script: bytes, *, clock: Clock) -> list[Check]:
    probe = await node.probe()
    if probe.state == "unreachable":
        return [
            failed(
                probe.detail or "The node does not answer",
                "HW-414",
                "Start the node, or correct --rpc-url and --cookie-file.",
            )
        ]
    if probe.state == "refused":
        return [
            failed(probe.detail or "The node refuses us", "HW-415", "Correct the cookie file, or user and password.")
        ]
    checks = [ok(f"node answers: {probe.version or settings.node}")]
    if probe.state in ("syncing", "warming-up"):
        return [*checks, failed(f"node is not synced: {probe.detail}", "HW-403", "Wait; mining starts by itself.")]
    checks[0] = ok(f"node answers: {probe.version or settings.node}, height {probe.height}")
    if probe.network != settings.network:
        text = f"node is on the network {probe.network}, the destination on {settings.network}"
        return [*checks, failed(text, "HW-409", f"Give --network {probe.network}, or another node.")]
    checks.append(ok(f"node is on the network {probe.network}"))
    coin = destinations.coin_of(settings)
    work = work_of_node(coin)
    template = work.read(await node.template(None), coin)
    checks.append(ok(f"node gives a template for height {template.height}"))
    checks.append(_check_time(work.time_s(template), now_ms=clock.now()))
    return [*checks, await _check_script(node, settings, script)]


async def _check_script(node: Node, settings: DestinationSettings, script: bytes) -> Check:
    """Compare our reading of the address with the node's: a wrong one pays a stranger."""
    theirs = await node.script_of_address(settings.address)
    if theirs is None:
        return Check(state="skipped", title="node does not read addresses; ours stands alone")
    if theirs != script:
        text = f"our decoder and the node disagree on the address ({script.hex()} / {theirs.hex()})"
        return failed(text, "HW-202", "Do not mine to it; report this.")
    return ok("node reads the same script from the address")


def _check_time(template_time_s: int, *, now_ms: int) -> Check:
    """Compare our clock with the node's: a block whose time is off is refused by everybody."""
    ahead_s = now_ms // 1000 - template_time_s
    if abs(ahead_s) <= CLOCK_SPREAD_S:
        return ok(f"our clock and the node's differ by {abs(ahead_s)} s")
    text = f"our clock is {abs(ahead_s)} s {'ahead of' if ahead_s > 0 else 'behind'} the node's template"
    return Check(state="warning", title=text, code="HW-710", fix="Set both clocks: timedatectl set-ntp true.")


__all__ = ["Check", "check_destination"]
