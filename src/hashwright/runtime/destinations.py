"""Destinations as a person sets them: read from the database, checked, and turned into events and nodes.

A broken entry disables itself with a finding; the server still starts.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from hashwright import registry
from hashwright.adapters.nodes.base import Node
from hashwright.chain.address import script_of_block_address
from hashwright.chain.coin import Coin
from hashwright.chain.proof import ALGORITHMS
from hashwright.clock import Clock
from hashwright.errors import ConfigError, Finding, HashwrightError, NotSupported
from hashwright.pool.events import DestinationSet
from hashwright.pool.members import scheme_of

KIND = "destination"
DEFAULT_TAG = "/Hashwright/"
TAG_MAX = 40
OFFERED_SCHEMES = ("solo", "pplns", "pps", "fpps")
NODES_MAX = 8
"""A found block is sent to each of them."""
BLOB_DIFFICULTY_MIN = 500.0
"""A telephone does some 100 hashes of RandomX a second, and each share costs us one."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)

START_DIFFICULTY = {"sha256d": 8192.0, "scrypt": 16384.0, "randomx": 8192.0}
"""A 100 TH/s machine finds 2.8 shares a second at 8,192, a toy of 1 TH/s one in 35 s; vardiff does the rest.
Of RandomX a desktop computer does some 5,000 hashes a second."""


class FallbackNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another node of the same chain, asked when the ones before it fail; found blocks go to all."""

    node: str = "bitcoind"
    node_settings: dict[str, Any] = msgspec.field(default_factory=dict)


class DestinationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An own pool on a node, as it is stored and exported.

    `node` is the key of the node plug-in and `node_settings` what that plug-in takes (secrets by reference only).
    """

    name: str
    coin: str
    network: str
    address: str
    node: str = "bitcoind"
    node_settings: dict[str, Any] = msgspec.field(default_factory=dict)
    coinbase_tag: str = DEFAULT_TAG
    start_difficulty: float | None = None
    minimum_difficulty: float | None = None
    shares_per_minute: float = 6.0
    fallback_nodes: tuple[FallbackNode, ...] = ()
    scheme: str = ""
    """solo, pplns, pps or fpps: how blocks are divided among members. Without one they are the owner's."""
    scheme_settings: dict[str, Any] = msgspec.field(default_factory=dict)
    wallet: str = ""
    """Name of the account where blocks arrive; without one, the destination's own name."""


def parse_destination(raw: Mapping[str, Any]) -> DestinationSettings:
    """Read and check a destination, every problem at once.

    Raises:
        ConfigError: with one finding a problem.
    """
    try:
        settings = msgspec.convert(dict(raw), DestinationSettings)
    except msgspec.ValidationError as error:
        raise _refusal([_finding("destination", str(error))]) from error
    findings = [finding for check in _CHECKS for finding in check(settings)]
    if findings:
        raise _refusal(findings)
    return settings


def coin_of(settings: DestinationSettings) -> Coin:
    """Return the coin of a destination.

    Raises:
        NotSupported: the coin cannot be mined (it says why).
        PluginError: there is no such coin.
    """
    coin: Coin = registry.load("coins", settings.coin).COIN
    if not coin.is_minable:
        raise NotSupported(coin.why_not, code="HW-205", hint="Choose a coin that can be mined: hw doctor lists them.")
    return coin


def event_of(settings: DestinationSettings) -> DestinationSet:
    """Return what the engine is told of a destination."""
    coin = coin_of(settings)
    is_practice = settings.node == "practice"
    easy = settings.network == "regtest" or is_practice
    minimum = settings.minimum_difficulty or minimum_difficulty_of(coin.algorithm, is_easy=easy)
    return DestinationSet(
        destination=settings.name,
        coin=coin.key,
        network=settings.network,
        algorithm=coin.algorithm,
        payout_script=script_of_block_address(settings.address, coin, settings.network),
        coinbase_tag=settings.coinbase_tag.encode("utf-8"),
        start_difficulty=settings.start_difficulty or START_DIFFICULTY[coin.algorithm],
        minimum_difficulty=minimum,
        shares_per_minute=settings.shares_per_minute,
        is_practice=is_practice,
        scheme=settings.scheme,
        scheme_settings=msgspec.json.encode(settings.scheme_settings) if settings.scheme else b"",
        wallet=settings.wallet,
    )


def minimum_difficulty_of(algorithm: str, *, is_easy: bool) -> float:
    """Return the lowest difficulty where none is set; `is_easy`: the network is a test's or for practice."""
    if ALGORITHMS[algorithm].work == "blob":
        return 1.0 if is_easy else BLOB_DIFFICULTY_MIN
    return 1e-9 if is_easy else 1.0 / 65536


def build_node(settings: DestinationSettings, *, clock: Clock) -> Node:
    """Build the node adapter of a destination: one for all its nodes, where it has several.

    Raises:
        ConfigError: the node's own settings are not usable.
    """
    first = FallbackNode(node=settings.node, node_settings=settings.node_settings)
    place = f"destination {settings.name}, "
    node = _build_one(first, settings, place=f"{place}node_settings", clock=clock)
    if not settings.fallback_nodes:
        return node
    from hashwright.runtime.node_group import NodeGroup  # asyncio and logs: not for the commands that only read

    named = [(f"node 1 ({settings.node})", node)]
    for number, other in enumerate(settings.fallback_nodes):
        where = f"{place}fallback_nodes[{number}], node_settings"
        built = _build_one(other, settings, place=where, clock=clock)
        named.append((f"node {number + 2} ({other.node})", built))
    return NodeGroup(named, clock=clock)


def _build_one(chosen: FallbackNode, settings: DestinationSettings, *, place: str, clock: Clock) -> Node:
    plugin, coin = registry.load("nodes", chosen.node).PLUGIN, coin_of(settings)
    if plugin.family != coin.family:
        raise _refusal([_finding("node", f"{chosen.node} is no node of {coin.title}")])
    try:
        config = msgspec.convert(chosen.node_settings, plugin.config)
    except msgspec.ValidationError as error:
        raise _refusal([_finding(place, str(error))]) from error
    node: Node = plugin.build(
        config, coin=coin, network=settings.network, clock=clock, address=settings.address
    )  # fmt: skip
    return node


def _check_name(settings: DestinationSettings) -> list[Finding]:
    if _NAME.fullmatch(settings.name):
        return []
    return [
        _finding(
            "name", f"{settings.name!r} is not made of 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit"
        )
    ]


def _check_numbers(settings: DestinationSettings) -> list[Finding]:
    findings = []
    for key in ("start_difficulty", "minimum_difficulty", "shares_per_minute"):
        value = getattr(settings, key)
        if value is not None and not 1e-12 <= value <= 1e18:
            findings.append(_finding(key, f"{value} is not between 1e-12 and 1e18"))
    if len(settings.coinbase_tag.encode()) > TAG_MAX:
        findings.append(_finding("coinbase_tag", f"is longer than {TAG_MAX} bytes: it must fit in the coinbase script"))
    return findings


def _check_coin(settings: DestinationSettings) -> list[Finding]:
    """Check coin, network and address together: each needs the one before."""
    try:
        coin = coin_of(settings)
        if settings.network not in coin.networks:
            return [_finding("network", f"{coin.title} has {', '.join(coin.networks)}, not {settings.network!r}")]
        script_of_block_address(settings.address, coin, settings.network)
    except HashwrightError as error:
        return [Finding(code=error.code, place="coin" if isinstance(error, NotSupported) else "address",
                        message=str(error), hint=error.hint or "")]  # fmt: skip
    return []


def _check_fallbacks(settings: DestinationSettings) -> list[Finding]:
    """The practice chain is one of its own in each process: it can neither have nor be another node."""
    kinds = [settings.node, *(other.node for other in settings.fallback_nodes)]
    if len(kinds) > NODES_MAX:
        return [_finding("fallback_nodes", f"names {len(kinds)} nodes with the first one, more than {NODES_MAX}")]
    if len(kinds) > 1 and "practice" in kinds:
        return [_finding("fallback_nodes", "the practice chain has no second node")]
    return []


def _check_scheme(settings: DestinationSettings) -> list[Finding]:
    if not settings.scheme:
        return [_finding("scheme_settings", "is set, but no scheme is")] if settings.scheme_settings else []
    if settings.scheme not in OFFERED_SCHEMES:
        return [_finding("scheme", f"is {settings.scheme!r}, and can be {', '.join(OFFERED_SCHEMES)}")]
    try:
        scheme_of(settings.scheme, settings.scheme_settings)
    except msgspec.ValidationError as error:
        return [_finding("scheme_settings", str(error))]
    return []


_CHECKS = (_check_name, _check_numbers, _check_coin, _check_fallbacks, _check_scheme)
ALGORITHM_NAMES = tuple(ALGORITHMS)


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-701", place=place, message=message, hint="hw pool add --help shows each setting.")


def _refusal(findings: list[Finding]) -> ConfigError:
    text = "; ".join(f"{finding.place}: {finding.message}" for finding in findings)
    return ConfigError(
        f"The destination was not saved. {text}",
        code="HW-701",
        hint=findings[0].hint or "hw pool add --help shows each setting.",
        findings=tuple(findings),
    )
