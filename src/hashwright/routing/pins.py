"""Pins: which machines belong to one destination whatever the plan says.

A pattern is a worker's name, or one with `*` for any characters. The most specific one wins: an exact name, then the
longest pattern. Matching takes linear time for any pattern, because people write them.
"""


def pin_of(pins: dict[str, str], worker: str) -> str:
    """Return the destination that a worker is pinned to, or an empty string."""
    if not pins:
        return ""
    if worker in pins:
        return pins[worker]
    fitting = [pattern for pattern in pins if "*" in pattern and fits(pattern, worker)]
    return pins[max(fitting, key=lambda pattern: (len(pattern), pattern))] if fitting else ""


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text fits a pattern: its pieces stand in it in order, the first and last at the ends."""
    first, *middle = pattern.split("*")
    if not middle:
        return pattern == text
    *inner, last = middle
    if not text.startswith(first) or not text[len(first) :].endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in inner:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
