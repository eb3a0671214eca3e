"""How `hw route` draws what it was told: asked against delivered, upstreams, pins, and a look at a pool."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hashwright.cli.terminal import Table, Terminal, TickState, clean
from hashwright.cli.views import UNKNOWN, age_text, difficulty_text
from hashwright.units import duration_text, hashrate_text

if TYPE_CHECKING:
    from rich.console import RenderableType

Part = str | Table | tuple[TickState, str]
"""A line, a table, or a line with a tick or a cross before it."""
WINDOW_TITLES = {"10m": "10 min", "1h": "1 h", "24h": "24 h"}
RIGHT = ("asked", "delivered", "error", "hash rate", "machines", "accepted", "rejected", "stale", "lost", "latency")
REASONS_SHOWN = 5


def status_parts(document: Mapping[str, Any], window: str) -> list[Part]:
    """Return the whole status for one window."""
    parts: list[Part] = []
    if document["journal"] != "ok":
        parts.append(
            ("failed", "The journal cannot be written: nothing is credited, and these sums stand still. HW-605")
        )
    for item in document["algorithms"]:
        parts += [*_algorithm_parts(item, document["windows"][window], window), ""]
    if not document["algorithms"]:
        parts.append("No destination yet. Add one: hw pool add --help")
    for broken in document["broken"]:
        parts.append(("failed", f"{broken['destination']} is disabled: {broken['problem']}"))
    if document["pins"]:
        parts += [pins_table(document["pins"]), ""]
    if document["upstreams"]:
        parts += [upstreams_table(document["upstreams"], now_ms=document["now"])]
        parts += [("failed", text) for text in payee_problems(document["upstreams"])]
    return parts


def _algorithm_parts(item: Mapping[str, Any], window: Mapping[str, Any], key: str) -> list[Part]:
    span = WINDOW_TITLES[key]
    measured = duration_text(window["measured_s"])
    since = "" if abs(window["measured_s"] - window["asked_s"]) <= 60 else f", so far {measured}"
    parts: list[Part] = [f"{item['algorithm']}: {route_text(item['route'])}", *plan_parts(item)]
    meaning = "asked and delivered: percent of all work, measured; hash rate: estimated from delivered work"
    parts.append(f"Last {span}{since}; {meaning}.")
    parts.append(destinations_table(item["destinations"], key))
    for destination in item["destinations"]:
        reasons = destination["windows"][key]["reasons"]
        if reasons:
            parts.append(f"  {destination['destination']}: {reasons_text(reasons)}")
    return parts


def plan_parts(item: Mapping[str, Any]) -> list[Part]:
    """Say when the route is not followed, or somebody is left out of it, and why."""
    plan = item["plan"]
    parts: list[Part] = []
    if plan["fault"]:
        parts.append(("failed", f"Routing is off until the next start, machines stay where they are: {plan['fault']}"))
    if plan["problem"]:
        problem = clean(plan["problem"])
        parts.append(("failed", f"The route is not followed, the safe destination has the machines: {problem}"))
    for name, why in plan["degraded"].items():
        parts.append(("warning", f"{name} is left out for a while: {clean(why)}"))
    return parts


def route_text(route: Mapping[str, Any] | None) -> str:
    """Write a route in one line."""
    if not route or not route.get("targets"):
        return "no route; all machines mine for the first destination that is ready"
    text = " ".join(clean(target).replace(" ", "") for target in route["targets"])
    fallbacks = f"; fall-backs {', '.join(route['fallbacks'])}" if route.get("fallbacks") else ""
    safe = f"; safe {route['safe']}" if route.get("safe") else ""
    author = f" (by {clean(route['author'])})" if route.get("author") else ""
    return f"{text}{fallbacks}{safe}{author}"


def destinations_table(destinations: Sequence[Mapping[str, Any]], window: str) -> Table:
    """Show for each destination what was asked and what was delivered."""
    heads = ("destination", "state", *RIGHT)
    rows = tuple(_destination_row(item, item["windows"][window]) for item in destinations)
    return Table(heads=heads, rows=rows, right=frozenset(RIGHT), empty="No destination yet.")


def _destination_row(item: Mapping[str, Any], sums: Mapping[str, Any]) -> tuple[str, ...]:
    sliced = f" ({item['machines_sliced']} sliced)" if item["machines_sliced"] else ""
    delivered_any = int(sums["delivered_work"]) > 0
    return (
        item["destination"],
        "PRACTICE " * item["is_practice"] + state_text(item, calm="ready"),
        percent_text(sums["asked_percent"]),
        percent_text(sums["delivered_percent"]),
        percent_text(sums["error_percent"], is_signed=True),
        hashrate_text(sums["hashrate_hs"]) if delivered_any else UNKNOWN,
        f"{item['machines']}{sliced}",
        *_counts(item, sums),
        UNKNOWN if item["latency_ms"]["p50"] is None else f"{item['latency_ms']['p50']} ms",
    )


def state_text(item: Mapping[str, Any], *, calm: str) -> str:
    """Write a state, and why it is so, unless it is the `calm` one."""
    detail = "" if item["state"] == calm else item["detail"]
    return f"{item['state']}: {detail}" if detail else str(item["state"])


def _counts(item: Mapping[str, Any], sums: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return shares accepted, rejected, stale and lost: by the upstream's answer, or on an own node by our own.

    What came too late after a switch is lost work too; it stands apart among the reasons.
    """
    if item["kind"] == "own":
        return str(sums["judged"]["good"]), str(sums["judged"]["refused"]), UNKNOWN, UNKNOWN
    shares = {state: answer["shares"] for state, answer in sums["answers"].items()}
    lost = shares["lost"] + shares["late"]
    return str(shares["accepted"]), str(shares["rejected"]), str(shares["stale"]), str(lost)


def percent_text(value: float | None, *, is_signed: bool = False) -> str:
    """Write a percentage with two digits behind the point; unknown is not zero."""
    if value is None:
        return UNKNOWN
    return f"{value:+.2f} %" if is_signed else f"{value:.2f} %"


def reasons_text(reasons: Mapping[str, int]) -> str:
    """Write why shares did not count, the most frequent first."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count} {clean(reason)}" for reason, count in ordered[:REASONS_SHOWN]]
    more = len(ordered) - REASONS_SHOWN
    return "; ".join(shown) + (f"; and {more} more reasons" if more > 0 else "")


# ---------------------------------------------------------------- pins and upstreams


def pins_table(pins: Sequence[Mapping[str, Any]]) -> Table:
    """Show which workers are pinned where."""
    rows = tuple((pin["pattern"], pin["destination"], str(len(pin["workers"]))) for pin in pins)
    heads = ("pinned workers", "only for", "connected")
    return Table(heads=heads, rows=rows, right=frozenset(("connected",)), empty="No pin.")


def upstreams_table(upstreams: Sequence[Mapping[str, Any]], *, now_ms: int) -> Table:
    """Show each upstream's connections, how fresh they are, and whom its newest job pays."""
    heads = ("upstream", "state", "address", "connections", "machines", "last job", "last accepted", "pays")
    rows = tuple(
        (
            item["destination"],
            state_text(item, calm="connected"),
            item.get("address", UNKNOWN) + ("" if item.get("is_primary", True) else " (not the primary)"),
            str(len(item["channels"])),
            str(sum(channel["machines"] for channel in item["channels"])),
            newest_age(item["links"], "last_job_at", now_ms),
            newest_age(item["links"], "last_accepted_at", now_ms),
            pays_text(item["channels"]),
        )
        for item in upstreams
    )
    return Table(heads=heads, rows=rows, right=frozenset(heads[3:7]), empty="No upstream.")


def newest_age(links: Sequence[Mapping[str, Any]], key: str, now_ms: int) -> str:
    """Return how long ago the newest of these instants was; unknown where there was none."""
    newest = max((link.get(key, 0) for link in links), default=0)
    return age_text(now_ms - newest) if newest else UNKNOWN


def pays_text(channels: Sequence[Mapping[str, Any]]) -> str:
    """Say whom the newest job pays."""
    coinbases = [channel["coinbase"] for channel in channels if channel["coinbase"] is not None]
    if not coinbases:
        return UNKNOWN
    return coinbase_text(coinbases[-1])


def coinbase_text(coinbase: Mapping[str, Any]) -> str:
    """Write a coinbase in one line: height, tag, and who gets most."""
    if coinbase["problem"]:
        return f"cannot be read: {coinbase['problem']}"
    tag = f" {coinbase['tag']!r}" if coinbase["tag"] else ""
    us = {True: "us, ", False: "NOT us, ", None: ""}[coinbase["pays_us"]]
    return f"height {coinbase['height'] or UNKNOWN}{tag} to {us}{main_payee(coinbase['outputs'])}"


def main_payee(outputs: Sequence[Mapping[str, Any]]) -> str:
    """Name who gets most: an address, or the script where it has none."""
    paid = [output for output in outputs if not output["is_data"]]
    if not paid:
        return "nobody"
    most = max(paid, key=lambda output: int(output["value"]))
    more = f" and {len(paid) - 1} more" if len(paid) > 1 else ""
    return (most["address"] or f"script {most['script'][:16]}...") + more


def payee_problems(upstreams: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the upstreams that should pay us in the coinbase, and do not."""
    wrong = [
        item["destination"]
        for item in upstreams
        if any(channel["coinbase"] and channel["coinbase"]["pays_us"] is False for channel in item["channels"])
    ]
    return [f"{name} does not pay your address in its coinbase. HW-432" for name in wrong]


# ---------------------------------------------------------------- a look at a pool


def probe_parts(found: Mapping[str, Any], options: Mapping[str, Any]) -> list[Part]:
    """Return what a look at a pool found."""
    is_blob = found["kind"] == "blob"
    word = "logged in" if is_blob else "subscribed"
    times = f"connected in {found['connected_ms']} ms, {word} in {found['subscribed_ms']} ms"
    parts: list[Part] = [("ok", f"{found['url']} at {found['peer']}: {times}")]
    if found["tls"]:
        tls = found["tls"]
        parts.append(("ok", f"certificate is {tls['trusted']} ({tls['version']}), SHA-256 {tls['sha256']}"))
    else:
        parts.append(("skipped", "no TLS: who sits on the way can read and redirect everything"))
    parts.append(("ok", f"user {options['user']} is taken") if found["is_authorized"] else ("skipped", "no login"))
    parts += _blob_parts(found) if is_blob else [("ok", room_text(found["room"])), _mask_part(found)]
    if found["difficulty"] is not None:
        parts.append(("ok", f"difficulty of its shares: {difficulty_text(found['difficulty'])}"))
    if found["sent_to"]:
        parts.append(("warning", f"it asks us to go to {found['sent_to']}; not followed (HW-434)"))
    parts += [("skipped", f"it says: {text}") for text in found["texts"]]
    if is_blob:
        return parts + _blob_job_parts(found)
    return parts + (_job_parts(found, options) if found["job"] else [])


def _blob_parts(found: Mapping[str, Any]) -> list[Part]:
    """Say what a connection to a CryptoNote pool is worth: who we are there, how many machines, whether it lives."""
    parts: list[Part] = [("ok", f"this connection is {found['session'] or 'nameless'} there")]
    room = found["room"]
    if room["machines"] == 1:
        taken = f"the byte of the nonce that tells machines apart is taken ({room['prefix']})"
        parts.append(("warning", f"{taken}: it is a proxy, so one connection a machine. HW-310"))
    else:
        parts.append(("ok", f"a byte of the nonce is ours, so one connection carries {room['machines']} machines"))
    if found["alive_ms"] is None:
        parts.append(("warning", "it does not answer signs of life (keepalived): silence will look like death"))
    else:
        parts.append(("ok", f"it answers signs of life in {found['alive_ms']} ms"))
    return parts


def _blob_job_parts(found: Mapping[str, Any]) -> list[Part]:
    job = found["job"]
    height = job["height"] or UNKNOWN
    head = f"first job after {found['first_job_ms']} ms: {job['id']}, {job['algorithm']}, height {height}"
    if job["problem"]:
        return [
            ("ok", head),
            ("failed", f"its blob is not read, so no machine would get it: {job['problem']}. HW-312"),
        ]
    coming = f", the coming one {job['next_seed'][:16]}..." if job["next_seed"] else ""
    parts: list[Part] = [
        ("ok", f"{head}, fork {job['version']}, blob of {len(job['blob']) // 2} bytes"),
        ("ok", f"it builds on {job['previous_block']}"),
        ("ok", f"key of RandomX {job['seed'][:16]}...{coming}"),
    ]
    parts += [("warning", f"odd: {doubt}") for doubt in job["doubts"]]
    return [*parts, ("skipped", "whom its blocks pay, and the network's difficulty: a Monero job hides both")]


def room_text(room: Mapping[str, Any]) -> str:
    """Say what the extranonce room means."""
    head = f"extranonce: prefix {room['prefix'] or 'empty'}, {room['extranonce2_size']} bytes are ours"
    if room["machines"] == 1:
        return f"{head}: too few to tell machines apart, so one connection a machine"
    return f"{head}: {room['own_bytes']} tell machines apart, so one connection carries {room['machines']} of them"


def _mask_part(found: Mapping[str, Any]) -> Part:
    if found["mask_bits"]:
        return ("ok", f"version rolling is granted: mask {found['mask']}, {found['mask_bits']} bits")
    return ("skipped", "version rolling is not granted: machines get mask 0, some are slower so")


def _job_parts(found: Mapping[str, Any], options: Mapping[str, Any]) -> list[Part]:
    job = found["job"]
    clean_word = "clean" if job["is_clean"] else "not clean"
    parts: list[Part] = [
        ("ok", f"first job after {found['first_job_ms']} ms: {job['id']}, {clean_word}, version {job['version']}, "
               f"{job['branches']} branches, network difficulty {difficulty_text(job['network_difficulty'])}"),
        ("ok", f"it builds on {job['previous_block']}"),
    ]  # fmt: skip
    if job["problem"]:
        return [*parts, ("failed", f"its coinbase cannot be read: {job['problem']}")]
    tag = repr(job["tag"]) if job["tag"] else "none"
    value = amount_of(options)
    parts.append(("ok", f"coinbase: height {job['height'] or UNKNOWN}, tag {tag}, pays {value(job['total'])}"))
    parts.append(outputs_table(job["outputs"], value))
    return parts


def outputs_table(outputs: Sequence[Mapping[str, Any]], value: Callable[[str], str]) -> Table:
    """Show who is paid by a block."""
    rows = tuple(
        (value(output["value"]), output["address"] or ("data" if output["is_data"] else UNKNOWN), output["script"])
        for output in outputs
    )
    return Table(heads=("amount", "pays", "script"), rows=rows, right=frozenset(("amount",)), empty="It pays nobody.")


def amount_of(options: Mapping[str, Any]) -> Callable[[str], str]:
    """Return how amounts are written: in coins where the coin is known, else as they stand in the block."""
    from hashwright import registry
    from hashwright.errors import HashwrightError

    try:
        coin = registry.load("coins", options["coin"]).COIN if options["coin"] else None
    except HashwrightError:
        coin = None
    if coin is None:
        return lambda text: f"{text} smallest units"
    return lambda text: f"{Decimal(text).scaleb(-coin.decimals):.{coin.decimals}f} {coin.ticker}"


# ---------------------------------------------------------------- to the terminal


def show(terminal: Terminal, parts: Sequence[Part]) -> None:
    """Write parts one below the other."""
    for part in parts:
        if isinstance(part, Table):
            terminal.table(part)
        elif isinstance(part, str):
            terminal.line(clean(part))
        else:
            terminal.tick(*part)


def drawing_of(parts: Sequence[Part]) -> "RenderableType":
    """Return parts as one picture, to be redrawn in place."""
    from rich.console import Group
    from rich.text import Text

    from hashwright.cli.terminal import TICKS, drawn

    def drawing(part: Part) -> "RenderableType":
        if isinstance(part, Table):
            return drawn(part) if part.rows else Text(part.empty)
        if isinstance(part, str):
            return Text(clean(part))
        mark, style = TICKS[part[0]]
        return Text.assemble((f" {mark} ", style), clean(part[1]))

    return Group(*(drawing(part) for part in parts))
