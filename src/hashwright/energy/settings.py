"""Read a TOML table into a settings record and report every problem of it at once, each with its place.

A record is a `msgspec.Struct`; its fields are converted one by one, so that the second wrong value is reported beside
the first. Tables in tables and lists of tables are walked. Decimals come from the text of the file, never by a float,
where the file was read with `parse_float=Decimal`. A record may have `problems()`: what no single field can know.
"""

import difflib
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

from hashwright.errors import Finding

T = TypeVar("T", bound=msgspec.Struct)
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e7)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e7)]
CODE: Final = "HW-840"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a record as a whole: the field to look at, what is wrong, and what to do."""

    field: str
    message: str
    hint: str = ""


def read_struct(cls: type[T], table: object, place: str, findings: list[Finding]) -> T | None:
    """Return the record that a table describes, or None after adding at least one finding (HW-840)."""
    if not isinstance(table, Mapping):
        findings.append(_finding(place, "a table is expected here", "Write [name] and its values below."))
        return None
    before = len(findings)
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
    values = {}
    findings.extend(
        _finding(f"{place}.{key}", "there is no such setting", _known(str(key), list(fields)))
        for key in table
        if key not in fields
    )
    for name, field in fields.items():
        if name in table:
            values[field.name] = _read(field.type, table[name], f"{place}.{name}", findings)
        elif field.required:
            findings.append(_finding(f"{place}.{name}", "is missing", "It has no default: name it."))
    if len(findings) > before:
        return None
    found = cls(**values)
    findings.extend(_whole_problems(found, place))
    return None if len(findings) > before else found


def _whole_problems(found: msgspec.Struct, place: str) -> Iterator[Finding]:
    for problem in getattr(found, "problems", tuple)():
        yield _finding(f"{place}.{problem.field}", problem.message, problem.hint)


def _read(kind: Any, value: object, place: str, findings: list[Finding]) -> Any:  # noqa: ANN401 (any type of a field)
    inner = _struct_in(kind)
    if inner is not None and get_origin(kind) is tuple:
        return _read_list(inner, value, place, findings)
    if inner is not None:
        return read_struct(inner, value, place, findings)
    try:
        found = msgspec.convert(value, kind)
    except msgspec.ValidationError as problem:
        findings.append(_finding(place, _plain(str(problem), value), ""))
        return None
    if (bounds := _decimal_bounds(kind)) and not (found.is_finite() and bounds[0] <= found <= bounds[1]):
        findings.append(_finding(place, f"{found} is not within {bounds[0]} and {bounds[1]}", "Check the unit."))
    return found


def _decimal_bounds(kind: Any) -> tuple[int, int] | None:  # noqa: ANN401 (any type of a field)
    """Return the bounds of an annotated Decimal: msgspec itself bounds floats and whole numbers only."""
    for meta in getattr(kind, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta) and meta.extra:
            return meta.extra["ge"], meta.extra["le"]
    return None


def _read_list(
    inner: type[msgspec.Struct], value: object, place: str, findings: list[Finding]
) -> tuple[msgspec.Struct | None, ...]:
    if not isinstance(value, list):
        findings.append(_finding(place, "a list of tables is expected here", "Write [[name]] above each."))
        return ()
    return tuple(read_struct(inner, it, f"{place}[{number}]", findings) for number, it in enumerate(value, start=1))


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:  # noqa: ANN401 (any type of a field)
    """Return the record in `Struct`, `Struct | None` or `tuple[Struct, ...]`; None for every other type."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    if get_origin(kind) in (tuple, Union, types.UnionType):
        found = [_struct_in(it) for it in get_args(kind) if it not in (type(None), Ellipsis)]
        return found[0] if len(found) == 1 else None
    return None


def _plain(problem: str, value: object) -> str:
    return f"{str(value)[:60]!r} does not fit: {problem.partition(' - at ')[0].replace('`', '')}"


def _known(key: str, names: list[str]) -> str:
    near = difflib.get_close_matches(key, names, n=1)
    return (f"Is {near[0]} meant? " if near else "") + f"Known are: {', '.join(names)}."


def _finding(place: str, message: str, hint: str) -> Finding:
    return Finding(code=CODE, place=place, message=message, hint=hint)
