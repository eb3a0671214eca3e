"""Refuse three kinds of calls that ruff cannot judge. Each was a real hole somewhere (THREATS.md names them).

`hex`    `int(text, 16)` accepts underscores, blanks, signs and foreign digits, and `bytes.fromhex` skips blanks: text
         of a peer goes through the strict codec. Literals are safe, and so is the store, which reads its own writing.
`task`   a task outside of a TaskGroup may die unseen or outlive its owner.
`queue`  a queue without a bound is memory that a peer controls.

A call that is safe for a reason says so, on its line or on the line above: `# allow hex: checked by the pattern above`.
A marker without need, or without a reason, is a failure too.
"""

import ast
import pathlib
import re
import sys
from collections.abc import Iterator

MARKER = re.compile(r"#\s*allow (hex|task|queue):\s*(.*)$")
HEX_IS_SAFE_IN = ("src/hashwright/stratum/strict.py", "src/hashwright/store/")
HEX_PARSERS = {"fromhex", "unhexlify", "a2b_hex", "b16decode"}
QUEUES = {"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"}
MESSAGES = {
    "hex": "hexadecimal text is converted without a strict check of its own",
    "task": "a task is made outside of a TaskGroup",
    "queue": "a queue has no bound",
}


def last_name(node: ast.AST) -> str:
    """Give `c` for the expressions `c` and `a.b.c`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def task_groups(tree: ast.AST) -> set[str]:
    """Name everything that the module binds to, or declares as, a TaskGroup."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.withitem) and isinstance(node.context_expr, ast.Call):
            bound, kind = node.optional_vars, node.context_expr.func
        elif isinstance(node, ast.arg | ast.AnnAssign):
            bound, kind = node, node.annotation
        else:
            continue
        if bound is not None and kind is not None and last_name(kind) == "TaskGroup":
            names.add(last_name(getattr(bound, "target", bound)) or getattr(bound, "arg", ""))
    return names - {""}


def is_loose_hex(call: ast.Call) -> bool:
    name = last_name(call.func)
    literal = bool(call.args) and isinstance(call.args[0], ast.Constant)
    if name == "int":
        bases = [*call.args[1:], *(word.value for word in call.keywords if word.arg == "base")]
        return any(not isinstance(base, ast.Constant) or base.value in (0, 16) for base in bases) and not literal
    return name in HEX_PARSERS and not literal


def is_loose_task(call: ast.Call, groups: set[str]) -> bool:
    name = last_name(call.func)
    if name == "ensure_future":
        return True
    if name != "create_task":
        return False
    return not (isinstance(call.func, ast.Attribute) and last_name(call.func.value) in groups)


def is_unbounded_queue(call: ast.Call) -> bool:
    name = last_name(call.func)
    if name not in QUEUES:
        return False
    sizes = [*call.args, *(word.value for word in call.keywords if word.arg == "maxsize")]
    return name == "SimpleQueue" or not sizes or (isinstance(sizes[0], ast.Constant) and sizes[0].value in (0, None))


def loose_calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    groups = task_groups(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if is_loose_hex(node):
                yield node, "hex"
            if is_loose_task(node, groups):
                yield node, "task"
            if is_unbounded_queue(node):
                yield node, "queue"


def markers(lines: list[str]) -> dict[int, tuple[str, str]]:
    found = ((number, MARKER.search(line)) for number, line in enumerate(lines, start=1))
    return {number: (match[1], match[2].strip()) for number, match in found if match}


def problems(path: str, text: str) -> list[str]:
    marked = markers(text.splitlines())
    unused = dict(marked)
    found = []
    for call, kind in loose_calls(ast.parse(text)):
        if kind == "hex" and path.startswith(HEX_IS_SAFE_IN):
            continue
        places = range(call.lineno - 1, call.end_lineno + 1)
        numbers = [number for number in places if marked.get(number, ("",))[0] == kind]
        if not numbers:
            found.append(f"{path}:{call.lineno}: {MESSAGES[kind]}")
        for number in numbers:
            unused.pop(number, None)
    found += [f"{path}:{number}: the marker `allow {kind}` is not needed" for number, (kind, _) in unused.items()]
    found += [f"{path}:{number}: the marker gives no reason" for number, (_, reason) in marked.items() if not reason]
    return found


def main() -> int:
    paths = sorted(pathlib.Path("src").rglob("*.py"))
    found = [problem for path in paths for problem in problems(path.as_posix(), path.read_text())]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
