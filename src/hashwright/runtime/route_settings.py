"""Routes and pins as a person sets them: read from the command line, a file or the database, checked, made events.

A route says how the machines of one algorithm are split. It is kept as the text that a person writes, one piece a
destination, so that what is stored, exported and shown is what was asked for:

    DEST=SHARE[,min=RATE][,max=RATE]      braiins=70%   home=30,max=2PH/s   solo=120TH/s

SHARE is a percentage (all of them make 100), parts of any scale (70, or 0.7), or an absolute hash rate. Every problem
is reported at once, and each names its piece.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import ConfigError, Finding
from hashwright.routing.events import PinSet, RouteSet, Target, TargetKind

ROUTE_KIND: Final = "route"
PIN_KIND: Final = "pin"
AUTO: Final = "auto"
"""Stands where a destination would, and takes a pin away."""
TARGETS_MAX: Final = 64
"""More than any farm has pools; a list of thousands is a mistake."""
PATTERN_MAX: Final = 128
"""As long as a worker's name may be."""
RATE_MAX_HS: Final = Decimal(10) ** 21
"""All of Bitcoin's machines together reach it; more is a wrong unit."""
HINT: Final = "Write DEST=70%, DEST=7 (parts) or DEST=120TH/s; then ,min=10TH/s or ,max=2PH/s. See hw route set --help."

_UNITS: Final = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_NUMBER = r"([0-9]{1,18}(?:\.[0-9]{1,18})?)"
_RATE = re.compile(rf"{_NUMBER} ?([a-zA-Z]?)H/s", re.ASCII)
_PARTS = re.compile(rf"{_NUMBER} ?(%?)", re.ASCII)
_PATTERN = re.compile(rf"[-a-zA-Z0-9_@+:.*]{{1,{PATTERN_MAX}}}", re.ASCII)
_AUTHOR = re.compile(r"[ -~]{0,64}")


class RouteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The route of one algorithm, as it is stored and exported; `targets` are pieces as described above.

    `fallbacks` take over, in order, what an unavailable destination would have had; `safe` takes everything when the
    route cannot be followed. `author` says who set it.
    """

    algorithm: str
    targets: tuple[str, ...]
    fallbacks: tuple[str, ...] = ()
    safe: str = ""
    author: str = ""


class PinSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Machines whose name fits `pattern` (`*` stands for any characters) mine only for `destination`."""

    pattern: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One destination's part of a route. `kind` is share or rate; floor and cap are hash rates [H/s], 0 for none."""

    destination: str
    kind: TargetKind
    value: Decimal
    is_percent: bool = False
    floor_hs: Decimal = Decimal(0)
    cap_hs: Decimal = Decimal(0)


def parse_route(raw: Mapping[str, Any], *, known: Mapping[str, str] | None = None) -> RouteSettings:
    """Read and check a route, every problem at once.

    Args:
        raw: the settings, as the database or a program gives them.
        known: each destination's algorithm; None leaves unchecked whether the named ones exist.

    Raises:
        ConfigError: with one finding a problem.
    """
    try:
        settings = msgspec.convert(dict(raw), RouteSettings)
    except msgspec.ValidationError as error:
        raise _refusal("route", [_finding("route", str(error))]) from error
    pieces, findings = _read_pieces(settings.targets)
    for check in _CHECKS:
        findings += check(settings, pieces)
    if known is not None:
        findings += _check_known(settings, pieces, known)
    if findings:
        raise _refusal("route", findings)
    return settings


def parse_pin(raw: Mapping[str, Any], *, known: Iterable[str] | None = None) -> PinSettings:
    """Read and check a pin.

    Raises:
        ConfigError: with one finding a problem.
    """
    try:
        settings = msgspec.convert(dict(raw), PinSettings)
    except msgspec.ValidationError as error:
        raise refuse_pin([_finding("pin", str(error))]) from error
    findings = check_pattern(settings.pattern)
    if not settings.destination or settings.destination == AUTO:
        findings.append(_finding("destination", "is missing; a pin names one"))
    elif known is not None and settings.destination not in known:
        findings.append(_unknown("destination", settings.destination, known))
    if findings:
        raise refuse_pin(findings)
    return settings


def refuse_pin(findings: list[Finding]) -> ConfigError:
    """Return the error for what is wrong with a pin."""
    return _refusal("pin", findings)


def document_of(settings: RouteSettings) -> dict[str, Any]:
    """Return a route as it is stored: plain, and without what is as by default."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(settings))
    return document


def keep_unnamed(raw: Mapping[str, Any], before: Mapping[str, Any] | None, keep: Iterable[str]) -> dict[str, Any]:
    """Return a route in which what a person did not name is as it was before."""
    kept = {key: before[key] for key in keep if before and key in before}
    return {**kept, **raw}


def event_of_route(settings: RouteSettings) -> RouteSet:
    """Return what the engine is told of a route that was checked. A route of a person has no end."""
    return RouteSet(
        algorithm=settings.algorithm,
        targets=targets_of(settings),
        fallbacks=settings.fallbacks,
        safe=settings.safe,
        valid_until=0,
        author=settings.author,
    )


def event_of_pin(settings: PinSettings) -> PinSet:
    """Return what the engine is told of a pin that was checked."""
    return PinSet(settings.pattern, settings.destination)


def targets_of(settings: RouteSettings) -> tuple[Target, ...]:
    """Return the targets that a checked route's pieces stand for."""
    return tuple(target for text in settings.targets for target in _targets_of_piece(parse_piece(text)))


def parse_piece(text: str) -> Piece:
    """Read one `DEST=SHARE[,min=RATE][,max=RATE]`.

    Raises:
        ValueError: what is wrong with it, in words.
    """
    destination, equals, rest = text.strip().partition("=")
    if not equals or not destination.strip() or not rest.strip():
        raise ValueError("is not of the form DEST=SHARE")
    share, *bounds = (part.strip() for part in rest.split(","))
    kind, value, is_percent = _read_share(share)
    limits = _read_bounds(bounds)
    if kind == "rate" and limits:
        raise ValueError("has a hash rate and a bound: the rate is exact already, so leave min and max out")
    floor_hs, cap_hs = limits.get("min", Decimal(0)), limits.get("max", Decimal(0))
    if cap_hs and floor_hs > cap_hs:
        raise ValueError("has a min above its max")
    return Piece(
        destination=destination.strip(), kind=kind, value=value, is_percent=is_percent, floor_hs=floor_hs, cap_hs=cap_hs
    )  # fmt: skip


def parse_rate(text: str) -> Decimal:
    """Read a hash rate such as `120TH/s` or `1.5 PH/s` [H/s]; the case of the letter counts.

    Raises:
        ValueError: it is of another form.
    """
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no hash rate such as 120TH/s")
    number, unit = match.groups()
    if unit not in _UNITS:
        other = next((known for known in _UNITS if known and known.lower() == unit.lower()), "")
        meant = f"; write {other}H/s" if other else ""
        raise ValueError(f"{unit}H/s is no unit of hash rate: they are H/s, kH/s, MH/s, GH/s, TH/s, PH/s, EH/s{meant}")
    rate_hs = Decimal(number).scaleb(_UNITS[unit])
    if not 0 < rate_hs <= RATE_MAX_HS:
        raise ValueError(f"{text!r} is not above zero and at most 1000 EH/s")
    return rate_hs


def check_pattern(pattern: str) -> list[Finding]:
    """Return what is wrong with the pattern of a pin."""
    if _PATTERN.fullmatch(pattern):
        return []
    text = f"{pattern!r} is no worker's name: 1 to {PATTERN_MAX} letters, digits and - _ @ + : . with * for any"
    return [_finding("worker", text)]


def _read_share(text: str) -> tuple[TargetKind, Decimal, bool]:
    if text.endswith("H/s"):
        return "rate", parse_rate(text), False
    match = _PARTS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is neither parts (70), nor a percentage (70%), nor a hash rate (120TH/s)")
    return "share", Decimal(match[1]), bool(match[2])


def _read_bounds(bounds: list[str]) -> dict[str, Decimal]:
    limits: dict[str, Decimal] = {}
    for bound in bounds:
        name, _, rate = (part.strip() for part in bound.partition("="))
        if name not in ("min", "max"):
            raise ValueError(f"{bound!r} is neither min=RATE nor max=RATE")
        if name in limits:
            raise ValueError(f"names {name} twice")
        limits[name] = parse_rate(rate)
    return limits


def _targets_of_piece(piece: Piece) -> tuple[Target, ...]:
    bounds: tuple[tuple[TargetKind, Decimal], ...] = (("floor", piece.floor_hs), ("cap", piece.cap_hs))
    return (
        Target(piece.destination, piece.kind, float(piece.value)),
        *(Target(piece.destination, kind, float(value)) for kind, value in bounds if value),
    )


# ---------------------------------------------------------------- checks


def _read_pieces(texts: tuple[str, ...]) -> tuple[list[Piece], list[Finding]]:
    pieces, findings = [], []
    for text in texts[:TARGETS_MAX]:
        try:
            pieces.append(parse_piece(text))
        except ValueError as problem:
            findings.append(_finding(f"target {text!r}", str(problem)))
    return pieces, findings


def _check_algorithm(settings: RouteSettings, _: list[Piece]) -> list[Finding]:
    if settings.algorithm in ALGORITHMS:
        return []
    return [_finding("algorithm", f"{settings.algorithm!r} is none of {', '.join(ALGORITHMS)}")]


def _check_count(settings: RouteSettings, pieces: list[Piece]) -> list[Finding]:
    findings = []
    if not 1 <= len(settings.targets) <= TARGETS_MAX:
        findings.append(_finding("targets", f"must be 1 to {TARGETS_MAX} destinations"))
    names = [piece.destination for piece in pieces]
    findings += [_finding("targets", f"{name} is there twice") for name in _twice(names)]
    findings += [_finding("fallbacks", f"{name} is there twice") for name in _twice(settings.fallbacks)]
    if len(settings.fallbacks) > TARGETS_MAX:
        findings.append(_finding("fallbacks", f"are more than {TARGETS_MAX}"))
    return findings


def _check_sum(settings: RouteSettings, pieces: list[Piece]) -> list[Finding]:
    """Parts may have any sum above zero; who writes percent means all of it."""
    shares = [piece for piece in pieces if piece.kind == "share"]
    if not shares or len(pieces) < len(settings.targets):
        return []
    total = sum((piece.value for piece in shares), Decimal(0))
    percents = [piece for piece in shares if piece.is_percent]
    if percents and len(percents) < len(shares):
        return [_finding("targets", "percentages and plain parts do not mix: write % everywhere, or nowhere")]
    if percents and total != 100:
        return [_finding("targets", f"the percentages make {total.normalize():f}%, not 100%")]
    if not total:
        return [_finding("targets", "all shares are 0: nothing would be mined")]
    return []


def _check_author(settings: RouteSettings, _: list[Piece]) -> list[Finding]:
    if _AUTHOR.fullmatch(settings.author):
        return []
    return [_finding("author", "must be at most 64 plain characters")]


_CHECKS: tuple[Callable[[RouteSettings, list[Piece]], list[Finding]], ...] = (
    _check_algorithm,
    _check_count,
    _check_sum,
    _check_author,
)


def _check_known(settings: RouteSettings, pieces: list[Piece], known: Mapping[str, str]) -> list[Finding]:
    named = [("targets", piece.destination) for piece in pieces]
    named += [("fallbacks", name) for name in settings.fallbacks]
    named += [("safe", settings.safe)] if settings.safe else []
    usable = [name for name, algorithm in known.items() if algorithm == settings.algorithm]
    findings = []
    for place, name in dict.fromkeys(named):
        if name not in known:
            findings.append(_unknown(place, name, usable))
        elif known[name] != settings.algorithm:
            findings.append(_finding(place, f"{name} is mined with {known[name]}, not with {settings.algorithm}"))
    return findings


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _unknown(place: str, name: str, known: Iterable[str]) -> Finding:
    listed = ", ".join(sorted(known)) or "none"
    return Finding(
        code="HW-701", place=place, message=f"there is no destination {name!r}; there are: {listed}",
        hint="Add one first: hw pool add --help.",
    )  # fmt: skip


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-701", place=place, message=message, hint=HINT)


def _refusal(what: str, findings: list[Finding]) -> ConfigError:
    text = "; ".join(f"{finding.place}: {finding.message}" for finding in findings)
    return ConfigError(
        f"The {what} was not changed. {text}.", code="HW-701", hint=findings[0].hint, findings=tuple(findings)
    )
