"""The documents of the HTTP interface. Times are [ms since 1970 UTC], amounts are decimals as text, unknown is null."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from hashwright.web.machines import Machine
from hashwright.web.roles import Permission, Role

Kind = Literal["measured", "estimated", "settled"]
Mode = Literal["DRY RUN", "LIVE", "PAUSED", "PRACTICE"]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all documents."""


class SessionDocument(Document, frozen=True, kw_only=True):
    """Who is signed in. `needs_setup`: there is no owner yet, so the one-time link of the log is asked for."""

    is_signed_in: bool
    needs_setup: bool
    version: str
    name: str = ""
    kind: str = ""
    role: Role | None = None
    permissions: tuple[Permission, ...] = ()
    pool: str = ""
    member: str = ""
    csrf: str = ""
    has_totp: bool = False


class Quantity(Document, frozen=True, kw_only=True):
    """A number with its unit, its kind and the time that it is of."""

    value: float
    unit: str
    kind: Kind
    at_ms: int
    window_s: float | None = None


class Listener(Document, frozen=True, kw_only=True):
    """Where machines connect."""

    algorithm: str
    url: str
    connections: int
    refused: Mapping[str, int]


class Destination(Document, frozen=True, kw_only=True):
    """Where work comes from."""

    destination: str
    coin: str | None
    network: str
    algorithm: str
    kind: str
    is_practice: bool
    is_stopped: bool
    state: str
    node_state: str
    node_detail: str
    machines: int
    height: int | None
    job_at_ms: int | None


class Block(Document, frozen=True, kw_only=True):
    """A block of ours. `reward` is in minor units, as text; `confirmations` below 0: none is known.

    `spendable_at` is how many confirmations it needs until its reward can be spent; null where the coin is not known.
    """

    destination: str
    block_hash: str
    height: int | None
    worker: str | None
    reward: str | None
    found_ms: int
    state: str
    detail: str
    confirmations: int
    spendable_at: int | None = None


class AlertDocument(Document, frozen=True, kw_only=True):
    """Something that a person should know."""

    number: int
    at_ms: int
    level: str
    code: str
    text: str


class Broken(Document, frozen=True, kw_only=True):
    """A destination that is disabled, and why."""

    destination: str
    problem: str


class Status(Document, frozen=True, kw_only=True):
    """The page Now: what is going on."""

    at_ms: int
    is_running: bool
    has_database: bool
    problem: str
    instance: str
    mode: Mode
    mode_text: str
    sentence: str
    started_ms: int | None
    journal_state: str
    hashrate: Quantity
    power: Quantity | None
    machines: int
    machines_connected: int
    machines_by_state: Mapping[str, int]
    shares_24h: Mapping[str, int]
    listeners: tuple[Listener, ...]
    destinations: tuple[Destination, ...]
    broken: tuple[Broken, ...]
    blocks: tuple[Block, ...]
    alerts: tuple[AlertDocument, ...]


class Marker(Document, frozen=True, kw_only=True):
    """Something that happened, for the plot."""

    at_ms: int
    kind: str
    text: str


class History(Document, frozen=True, kw_only=True):
    """The plot of a day: hash rates estimated from accepted work [H/s] by destination; null where nothing was kept.

    `said` is what machines of the fleet say of themselves, `expected` what they should do by their settings [H/s], and
    `power_w` what they say they draw; null before the web began and where nothing was heard.
    """

    at_ms: int
    unit: str
    kind: Kind
    times_s: tuple[int, ...]
    destinations: Mapping[str, tuple[float | None, ...]]
    said: tuple[float | None, ...]
    expected: tuple[float | None, ...]
    power_w: tuple[float | None, ...]
    markers: tuple[Marker, ...]


class MachinePage(Document, frozen=True, kw_only=True):
    """A page of machines. Rates are estimated, ages and counts measured, all at `at_ms`."""

    at_ms: int
    asked_ms: int
    total: int
    matching: int
    next_cursor: str | None
    machines: tuple[Machine, ...]


class BlockPage(Document, frozen=True, kw_only=True):
    """A page of blocks, newest first."""

    next_cursor: str | None
    blocks: tuple[Block, ...]


class AlertPage(Document, frozen=True, kw_only=True):
    """A page of alerts, newest first."""

    next_cursor: str | None
    alerts: tuple[AlertDocument, ...]


class Done(Document, frozen=True, kw_only=True):
    """What an action answered, as the program says it."""

    result: Mapping[str, Any]
