"""Read ENTSO-E's publication of prices (document A44), as recorded in several countries.

A document holds series, each with periods, each with a step and numbered points. Curve type A03 leaves a point out
where the price stays as it was, so a value is carried on to the next point; a hole is only where no period is. Hourly
and quarter-hourly series of one time may come side by side: each becomes spans of its own, and the grid prefers the
finer one (`energy/slots`), with a finding where they differ.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring

from hashwright.adapters.fetch import misread
from hashwright.adapters.tariffs.base import CODES, PER, Read
from hashwright.energy.slots import MINUTE_MS, Span, ms_of

STEPS: Final = {"PT15M": 15, "PT30M": 30, "PT60M": 60, "PT1H": 60}
POINTS_MAX: Final = 100_000
_NAMESPACE: Final = re.compile(r"^\{[^}]*\}")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?Z", re.ASCII)


def read_prices(text: str) -> Read:
    """Read a document of prices.

    Raises:
        OperatorError: it is something else (HW-843).
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        misread("the XML defines entities", CODES)
    try:
        root = fromstring(text)  # noqa: S314 (entities were refused above)
    except ParseError as problem:
        misread(f"no XML: {problem}", CODES)
    if _name(root) == "Acknowledgement_MarketDocument":
        misread(f"no prices: {_text(root, 'Reason/text')[:120]}", CODES)
    currency = ""
    spans: list[Span] = []
    for series in _children(root, "TimeSeries"):
        currency = _text(series, "currency_Unit.name")
        unit = _text(series, "price_Measure_Unit.name")
        if unit.upper() != "MWH":
            misread(f"a price per {unit[:20]!r}", CODES)
        for period in _children(series, "Period"):
            spans += _spans(period)
    if not spans:
        misread("it holds no prices", CODES)
    return Read(currency=currency, spans=tuple(spans))


def _spans(period: Element) -> Iterator[Span]:
    start, end = _time(period, "timeInterval/start"), _time(period, "timeInterval/end")
    resolution = _text(period, "resolution")
    if resolution not in STEPS:
        misread(f"steps of {resolution[:20]!r}", CODES)
    step_ms = STEPS[resolution] * MINUTE_MS
    points = sorted((_position(it), _price(it)) for it in _children(period, "Point"))
    places = [position for position, _ in points]
    if len(points) > POINTS_MAX or len(set(places)) != len(places) or end <= start:
        misread("the points of a period are not in order", CODES)
    for number, (position, price) in enumerate(points):
        first = start + (position - 1) * step_ms
        last = start + (places[number + 1] - 1) * step_ms if number + 1 < len(points) else end
        if position < 1 or not start <= first < last <= end:
            misread(f"point {position} is outside of its period", CODES)
        # One span a step, so that an hour that is carried on is still an hour where it meets quarter-hours.
        for at in range(first, last, step_ms):
            yield Span(start_ms=at, end_ms=min(at + step_ms, last), value=price * PER["MWh"])


def _position(point: Element) -> int:
    text = _text(point, "position")
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        misread(f"a point numbered {text[:20]!r}", CODES)
    return int(text)


def _price(point: Element) -> Decimal:
    text = _text(point, "price.amount")
    try:
        price = Decimal(text)
    except InvalidOperation:
        misread(f"{text[:20]!r} is no price", CODES)
    if not price.is_finite():
        misread(f"{text[:20]!r} is no price", CODES)
    return price


def _time(node: Element, path: str) -> int:
    text = _text(node, path)
    if not _TIME.fullmatch(text):
        misread(f"{text[:30]!r} is no time", CODES)
    return ms_of(datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC))


def _name(node: Element) -> str:
    return _NAMESPACE.sub("", node.tag)


def _children(node: Element, name: str) -> list[Element]:
    return [child for child in node if _name(child) == name]


def _text(node: Element, path: str) -> str:
    for name in path.split("/"):
        found = _children(node, name)
        if not found:
            misread(f"{path} is missing", CODES)
        node = found[0]
    return (node.text or "").strip()
