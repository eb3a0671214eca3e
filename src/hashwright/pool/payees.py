"""Whom does an upstream's job pay? Its coinbase is decoded, every time, and a change is told.

A router that is lied to keeps hashing: shares are accepted, and the block pays somebody else (reference stratum.md 6,
rows 16 and 17). So each job's coinbase is read: height, tag, outputs. Where the upstream is to pay us itself (`solo`),
our script must get nearly all of it; elsewhere the tag and the largest payee are remembered, and another one is an
alert. What cannot be read is said too, once.
"""

from hashwright.chain.coinbase import decode_coinbase
from hashwright.pool.events import UpstreamJobSeen, UpstreamSet
from hashwright.pool.records import Channel, Coinbase, Destination
from hashwright.signals import Alert

SOLO_SHARE_MIN = 0.9
"""A solo pool takes a fee of some percent; one that keeps a tenth is another kind of pool."""
ALERT_EVERY_MS = 3_600_000
"""A pool may pay different addresses in turn: the same kind of change is told once an hour."""


def read_coinbase(settings: UpstreamSet, channel: Channel, event: UpstreamJobSeen) -> Coinbase:
    """Decode the coinbase of a job; one that cannot be read has a `problem`."""
    extranonce = channel.prefix + bytes(channel.own_bytes + channel.extranonce2_size)
    try:
        read = decode_coinbase(event.coinbase_prefix + extranonce + event.coinbase_suffix)
    except ValueError as problem:
        return Coinbase(height=None, tag="", outputs=(), paid=0, total=0, problem=str(problem)[:120])
    ours = settings.payout_script
    paid = sum(value for value, script in read.outputs if ours and script == ours)
    return Coinbase(
        height=read.height,
        tag=read.tag[:80],
        outputs=read.outputs[:64],
        paid=paid,
        total=sum(value for value, _ in read.outputs),
        problem="",
    )


def mismatch_of(settings: UpstreamSet, coinbase: Coinbase) -> str:
    """Return why a coinbase does not pay us as it should, or an empty string. Only `solo` upstreams can fail this."""
    if not settings.payout_script:
        return ""
    if coinbase.problem:
        return f"its coinbase cannot be read: {coinbase.problem}"
    if coinbase.paid < coinbase.total * SOLO_SHARE_MIN or not coinbase.total:
        return f"its coinbase pays us {coinbase.paid} of {coinbase.total}"
    return ""


def change_of(old: Coinbase | None, new: Coinbase) -> str:
    """Return what changed about who is paid, or an empty string."""
    if new.problem:
        return f"the coinbase of its jobs cannot be read: {new.problem}" if not (old and old.problem) else ""
    if old is None or old.problem:
        return ""
    if old.tag != new.tag:
        return f"the tag of its blocks was {old.tag!r} and is {new.tag!r}"
    before, now = main_payee(old), main_payee(new)
    return f"its blocks paid script {before.hex()} and now pay {now.hex()}" if before != now else ""


def main_payee(coinbase: Coinbase) -> bytes:
    """Return the script that gets most."""
    return max(coinbase.outputs, key=lambda output: output[0], default=(0, b""))[1]


def alert_of(destination: Destination, kind: str, text: str, *, now: int) -> tuple[Alert, ...]:
    """Return an alert about who is paid, at most one of a kind an hour."""
    last = destination.alerted.get(kind)
    if not text or (last is not None and now - last < ALERT_EVERY_MS):
        return ()
    destination.alerted[kind] = now
    text = f"{destination.settings.destination}: {text}."
    if kind == "mismatch":
        return (Alert(level="critical", code="HW-432", text=text),)
    return (Alert(level="warning", code="HW-433" if kind == "target" else "HW-432", text=text),)
