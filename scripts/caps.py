"""Refuse functions over 60 lines (their docstring does not count) and files over 600.

The allow-list `scripts/caps.allow` may only shrink: an entry that is no longer needed, or that allows more than is
there, is a failure too. Its lines read `src/hashwright/room/file.py 640` or `src/hashwright/room/file.py:function 70`.
"""

import ast
import pathlib
import sys
from collections.abc import Iterator

FUNCTION_LINES_CAP = 60
FILE_LINES_CAP = 600
FOLDERS = ("src", "tests", "scripts", "bench", "fuzz")
ALLOW_LIST = pathlib.Path("scripts/caps.allow")


def sources(root: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))


def function_length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    length = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        length -= first.end_lineno - first.lineno + 1
    return length


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, int]]:
    for node in ast.iter_child_nodes(tree):
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        name = f"{prefix}{node.name}" if named else prefix
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, function_length(node)
        yield from functions(node, f"{name}." if named else prefix)


def lengths_over_cap(path: str, text: str) -> dict[str, int]:
    """Give what is too long in a file: its place and its length [lines]."""
    over = {}
    if (lines := len(text.splitlines())) > FILE_LINES_CAP:
        over[path] = lines
    for name, length in functions(ast.parse(text)):
        if length > FUNCTION_LINES_CAP:
            over[f"{path}:{name}"] = length
    return over


def read_allowed(text: str) -> dict[str, int]:
    rows = [line.split("#")[0].split() for line in text.splitlines()]
    return {place: int(lines) for place, lines in filter(None, rows)}


def problems(over: dict[str, int], allowed: dict[str, int]) -> list[str]:
    found = []
    for place, lines in over.items():
        if lines > allowed.get(place, 0):
            cap = FUNCTION_LINES_CAP if ":" in place else FILE_LINES_CAP
            found.append(f"{place}: {lines} lines, the cap is {allowed.get(place, cap)}")
    for place, lines in allowed.items():
        if over.get(place, 0) < lines:
            found.append(
                f"{ALLOW_LIST}: {place} allows {lines} lines and needs {over.get(place, 0)}: shrink or remove it"
            )
    return sorted(found)


def main() -> int:
    over: dict[str, int] = {}
    for path in sources(pathlib.Path()):
        over |= lengths_over_cap(path.as_posix(), path.read_text())
    allowed = read_allowed(ALLOW_LIST.read_text()) if ALLOW_LIST.exists() else {}
    found = problems(over, allowed)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
