"""Upstreams as a person sets them: somebody else's pool, read from the database, checked, and made an event.

The counterpart of `destinations`: there an own node, here addresses of a pool and how we appear to it. Every problem is
reported at once, each with its place.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from hashwright import registry
from hashwright.adapters.secret import read_secret
from hashwright.chain.address import script_of_address
from hashwright.chain.coin import Coin
from hashwright.errors import ConfigError, Finding, HashwrightError, OperatorError
from hashwright.pool.events import UpstreamSet
from hashwright.runtime.destinations import START_DIFFICULTY, minimum_difficulty_of
from hashwright.stratum.strict import CONTROL_CHARACTERS, TEXT_LIMIT

KIND = "upstream"
URLS_MAX = 16
NAMES_MAX = 10_000
"""Entries of a name map: a farm of 10,000 machines, each with a name of its own."""
HINT = "stratum+tcp://host:port, or stratum+ssl://host:port for TLS."
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_HOST = r"\[[0-9a-fA-F:.]{2,45}\]|[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]{0,252})"
_URL = re.compile(rf"stratum\+(tcp|ssl)://({_HOST}):([0-9]{{1,5}})/?", re.ASCII)
_host = re.compile(_HOST, re.ASCII).fullmatch
_user = re.compile(rf"[^\s{CONTROL_CHARACTERS}]{{1,{TEXT_LIMIT}}}").fullmatch
_password = re.compile(rf"[^{CONTROL_CHARACTERS}]{{0,{TEXT_LIMIT}}}").fullmatch
_pin = re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch
SECRET_KINDS: Final = ("file:", "env:", "credential:")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamAddress:
    """Where an upstream listens. `str` gives the URL."""

    host: str
    port: int
    is_tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"stratum+{'ssl' if self.is_tls else 'tcp'}://{host}:{self.port}"


class UpstreamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An upstream, as it is stored and exported.

    `urls` are in order: the primary, then the fall-backs. `names` says under which user name shares go: all under
    `user` (account), under the account of `user` with the rig of the worker (workers), or by `name_map` (mapped).
    `password` is a plain text, or a reference to a secret: `file:/path`, `env:NAME`, `credential:NAME`.
    `pin_sha256` is the fingerprint of the server's certificate; with it nobody else needs to have signed the
    certificate. `reconnect_hosts` are the hosts that the upstream may send us to, beside its own.
    """

    name: str
    urls: list[str]
    user: str
    password: str = "x"  # noqa: S105 - Stratum's word for "none"
    algorithm: Literal["sha256d", "scrypt", "randomx"] = "sha256d"
    coin: str = ""
    network: str = "main"
    names: Literal["account", "workers", "mapped"] = "account"
    name_map: dict[str, str] = msgspec.field(default_factory=dict)
    solo_address: str = ""
    leaves_on_mismatch: bool = True
    pin_sha256: str = ""
    reconnect_hosts: list[str] = msgspec.field(default_factory=list)
    start_difficulty: float | None = None
    minimum_difficulty: float | None = None
    shares_per_minute: float = 6.0
    version_rolling: bool = True
    is_practice: bool = False
    suggest_difficulty: float | None = None


def parse_upstream(raw: Mapping[str, Any]) -> UpstreamSettings:
    """Read and check an upstream, every problem at once.

    Raises:
        ConfigError: with one finding a problem.
    """
    try:
        settings = msgspec.convert(dict(raw), UpstreamSettings)
    except msgspec.ValidationError as error:
        raise _refusal([_finding("upstream", str(error))]) from error
    findings = [finding for check in _CHECKS for finding in check(settings)]
    if findings:
        raise _refusal(findings)
    return settings


def event_of_upstream(settings: UpstreamSettings) -> UpstreamSet:
    """Return what the engine is told of an upstream."""
    easy = settings.network == "regtest" or settings.is_practice
    script = b""
    if settings.solo_address:
        script = script_of_address(settings.solo_address, _coin(settings.coin), settings.network)
    return UpstreamSet(
        destination=settings.name,
        coin=settings.coin,
        network=settings.network,
        algorithm=settings.algorithm,
        payout_script=script,
        start_difficulty=settings.start_difficulty or START_DIFFICULTY[settings.algorithm],
        minimum_difficulty=settings.minimum_difficulty or minimum_difficulty_of(settings.algorithm, is_easy=easy),
        shares_per_minute=settings.shares_per_minute,
        is_practice=settings.is_practice,
        leaves_on_mismatch=settings.leaves_on_mismatch,
    )


def parse_address(url: str) -> UpstreamAddress:
    """Read the URL of an upstream.

    Raises:
        OperatorError: it is of another form.
    """
    match = _URL.fullmatch(url.strip())
    if match is None or not 1 <= int(match[3]) <= 65535 or not is_host(match[2]):
        raise OperatorError(f"{url!r} is not the address of a Stratum server.", code="HW-104", hint=HINT)
    return UpstreamAddress(host=match[2].strip("[]"), port=int(match[3]), is_tls=match[1] == "ssl")


def is_host(text: str) -> bool:
    """Tell whether a text has the form of a host, with brackets around an IPv6 address or without."""
    plain = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" not in plain:
        return plain == text and _host(text) is not None
    try:
        ipaddress.IPv6Address(plain)
    except ValueError:
        return False
    return "%" not in plain


def same_host(one: str, other: str) -> bool:
    """Tell whether two hosts are written the same, but for capitals, brackets and a last dot."""
    return _plain_host(one) == _plain_host(other)


def password_of(settings: UpstreamSettings) -> str:
    """Return the password itself.

    Raises:
        ConfigError: the secret that it refers to cannot be read.
    """
    if settings.password.startswith(SECRET_KINDS):
        return read_secret(settings.password)
    return settings.password


def pin_of(settings: UpstreamSettings) -> str:
    """Return the pinned fingerprint as 64 small hex digits; the empty string where there is none."""
    return settings.pin_sha256.replace(":", "").lower()


def _plain_host(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


# ---------------------------------------------------------------- checks


def _check_name(settings: UpstreamSettings) -> list[Finding]:
    if _NAME.fullmatch(settings.name):
        return []
    text = f"{settings.name!r} is not made of 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit"
    return [_finding("name", text)]


def _check_urls(settings: UpstreamSettings) -> list[Finding]:
    findings, seen = [], []
    for place, url in enumerate(settings.urls):
        try:
            address = parse_address(url)
        except OperatorError as error:
            findings.append(Finding(code=error.code, place=f"urls[{place}]", message=str(error), hint=HINT))
            continue
        if address in seen:
            findings.append(_finding(f"urls[{place}]", f"{address} is there twice"))
        seen.append(address)
    if not 1 <= len(settings.urls) <= URLS_MAX:
        findings.append(_finding("urls", f"must be 1 to {URLS_MAX} addresses, the primary first"))
    if settings.pin_sha256 and seen and not any(address.is_tls for address in seen):
        findings.append(_finding("pin_sha256", "is of use with stratum+ssl:// only"))
    return findings


def _check_names(settings: UpstreamSettings) -> list[Finding]:
    findings = []
    if settings.algorithm == "randomx" and settings.names != "account":
        findings.append(_finding("names", "is account with randomx: a share names nobody, so all are one account's"))
    if not _user(settings.user):
        findings.append(_finding("user", f"must be 1 to {TEXT_LIMIT} characters without blanks"))
    if not _password(settings.password):
        findings.append(_finding("password", f"must be at most {TEXT_LIMIT} characters without control characters"))
    if (settings.names == "mapped") != bool(settings.name_map):
        findings.append(_finding("name_map", "belongs to names = mapped, and needs an entry there"))
    if len(settings.name_map) > NAMES_MAX:
        findings.append(_finding("name_map", f"has more than {NAMES_MAX} entries"))
    wrong = [worker for worker, user in settings.name_map.items() if not _user(user)]
    findings += [_finding(f"name_map[{worker!r}]", "is not a user name") for worker in wrong[:10]]
    return findings


def _check_connection(settings: UpstreamSettings) -> list[Finding]:
    findings = []
    if settings.pin_sha256 and not _pin(pin_of(settings)):
        findings.append(_finding("pin_sha256", "must be the 64 hex digits of a SHA-256 fingerprint"))
    wrong = [host for host in settings.reconnect_hosts if not is_host(host)]
    findings += [_finding("reconnect_hosts", f"{host!r} is not a host name (no port, no scheme)") for host in wrong]
    return findings


def _check_numbers(settings: UpstreamSettings) -> list[Finding]:
    findings = []
    for key in ("start_difficulty", "minimum_difficulty", "shares_per_minute", "suggest_difficulty"):
        value = getattr(settings, key)
        if value is not None and not 1e-12 <= value <= 1e18:
            findings.append(_finding(key, f"{value} is not between 1e-12 and 1e18"))
    return findings


def _check_coin(settings: UpstreamSettings) -> list[Finding]:
    """Check coin, network, algorithm and address together: each needs the one before."""
    if not settings.coin:
        return [_finding("coin", "must be named for a solo_address to be read")] if settings.solo_address else []
    try:
        coin = _coin(settings.coin)
    except HashwrightError as error:
        return [Finding(code=error.code, place="coin", message=str(error), hint=error.hint or "")]
    if settings.network not in coin.networks:
        return [_finding("network", f"{coin.title} has {', '.join(coin.networks)}, not {settings.network!r}")]
    findings = []
    if coin.algorithm != settings.algorithm:
        findings.append(_finding("algorithm", f"{coin.title} is mined with {coin.algorithm}"))
    return findings + _check_solo(settings, coin)


def _check_solo(settings: UpstreamSettings, coin: Coin) -> list[Finding]:
    if not settings.solo_address:
        return []
    try:
        script_of_address(settings.solo_address, coin, settings.network)
    except HashwrightError as error:
        return [Finding(code=error.code, place="solo_address", message=str(error), hint=error.hint or "")]
    return []


_CHECKS = (_check_name, _check_urls, _check_names, _check_connection, _check_numbers, _check_coin)


def _coin(key: str) -> Coin:
    coin: Coin = registry.load("coins", key).COIN
    return coin


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-701", place=place, message=message, hint="hw pool add --help shows each setting.")


def _refusal(findings: list[Finding]) -> ConfigError:
    text = "; ".join(f"{finding.place}: {finding.message}" for finding in findings)
    return ConfigError(
        f"The upstream was not saved. {text}",
        code="HW-701",
        hint=findings[0].hint,
        findings=tuple(findings),
    )
