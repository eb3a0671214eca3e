"""What a person or a script sees: data on standard output, messages on standard error, and nothing else.

Every text that came from outside (worker names, agents, node answers) goes through `clean`, so that no name can move
the cursor or forge a line. Rich is imported only when something is really drawn: `hw --help` stays light.
"""

import dataclasses
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from hashwright.errors import HashwrightError

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

    from hashwright.runtime.config import Config

TickState = Literal["ok", "failed", "warning", "skipped"]
TICKS = {"ok": ("✓", "green"), "failed": ("✗", "red"), "warning": ("!", "yellow"), "skipped": ("-", "dim")}
WIDE = 10_000
"""Columns where nobody looks at a terminal: a script gets whole lines."""
NARROW = 110
"""Columns below which a table that has a short form shows it."""
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under heads. `right` are the heads whose column holds numbers."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()
    empty: str = ""
    """What is said instead of a table without rows: what is missing, and one way on."""


TEXT_COLUMN_MIN = 14
"""A column of text is folded no narrower than this: below, a table is no table any more."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Terminal:
    """The flags that every command takes, and the two streams."""

    data_dir: str | None = None
    config: str | None = None
    is_json: bool = False
    is_plain: bool = False
    is_quiet: bool = False
    no_color: bool = False

    # ---------------------------------------------------------------- settings

    def load_config(self, **flags: Any) -> "Config":  # noqa: ANN401 (the settings' own readers check them)
        """Read the settings that are in force for this command.

        Raises:
            ConfigError: with one finding for every problem.
        """
        from hashwright.runtime.config import load_config

        file = Path(self.config).expanduser() if self.config else None
        data_dir = None if self.data_dir is None else str(Path(self.data_dir).expanduser().absolute())
        return load_config(file=file, flags={"data_dir": data_dir, **flags})

    # ---------------------------------------------------------------- streams

    @property
    def can_animate(self) -> bool:
        """Tell whether a picture may be redrawn in place."""
        is_dumb = os.environ.get("TERM", "") in ("", "dumb")
        return sys.stdout.isatty() and not (is_dumb or self.is_plain or self.is_json or self.is_quiet)

    @property
    def is_text(self) -> bool:
        """Tell whether standard output carries lines for a program, not a picture for a person."""
        return self.is_plain or not sys.stdout.isatty()

    @property
    def is_narrow(self) -> bool:
        """Tell whether a person looks at it through fewer columns than a wide table needs."""
        return not self.is_text and self.console().width < NARROW

    def console(self, *, stderr: bool = False) -> "Console":
        """Return a console that draws on one of the two streams."""
        from rich.console import Console

        stream = sys.stderr if stderr else sys.stdout
        is_plain = self.is_plain or os.environ.get("TERM") == "dumb"
        return Console(
            file=stream,
            no_color=self.no_color or is_plain or None,
            force_terminal=False if is_plain else None,
            width=None if stream.isatty() else WIDE,
            soft_wrap=not stream.isatty(),
            highlight=False,
            markup=False,
            emoji=False,
        )

    def draw(self, drawing: "RenderableType") -> None:
        """Draw data for a person."""
        self.console().print(drawing)

    def line(self, text: str = "") -> None:
        """Write one line of data; a person's screen gets it broken between words."""
        print(fitted(text, sys.stdout) if not self.is_plain else text)

    def note(self, text: str) -> None:
        """Write one message, unless the person asked for quiet."""
        if not (self.is_quiet or self.is_json):
            print(fitted(text, sys.stderr) if not self.is_plain else text, file=sys.stderr, flush=True)

    def document(self, value: Mapping[str, Any]) -> None:
        """Write the one JSON document of `--json`."""
        print(json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False, default=str))

    # ---------------------------------------------------------------- shapes

    def table(self, table: Table) -> None:
        """Write a table: drawn for a person, tab-separated lines for a program."""
        if not table.rows:
            self.note(table.empty)
        elif self.is_text:
            for row in (table.heads, *table.rows):
                print("\t".join(clean(cell) for cell in row))
        else:
            self.draw(drawn(table))

    def tick(self, state: TickState, text: str, fix: str = "") -> None:
        """Write the outcome of a check; `fix` says what to do about it."""
        from rich.text import Text

        mark, style = TICKS[state]
        shown = state if self.is_plain else mark
        line = Text.assemble((f"{shown:<8}" if self.is_plain else f" {shown} ", style), clean(text))
        self.draw(line)
        if fix:
            self.draw(Text(f"{' ' * 8 if self.is_plain else '     '}{clean(fix)}", style="dim"))


class Drawing:
    """A table for the eye; where it does not fit, its rows as pairs of head and value."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __rich_console__(self, _console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        """Choose the shape that fits."""
        fits = width_of(self.table) <= options.max_width
        yield _columns(self.table) if fits else folded(self.table, width=options.max_width)


def drawn(table: Table) -> "RenderableType":
    """Return a table for the eye: no frames, heads dim, numbers to the right."""
    return Drawing(table)


def _columns(table: Table) -> "RenderableType":
    from rich.table import Table as RichTable
    from rich.text import Text

    shape = RichTable(box=None, header_style="dim", padding=(0, 3, 0, 0), pad_edge=False)
    for head in table.heads:
        is_number = head in table.right
        shape.add_column(head, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for row in table.rows:
        shape.add_row(*[Text(clean(cell), style=style_of(cell)) for cell in row])
    return shape


def width_of(table: Table) -> int:
    """Return the columns that a drawn table needs at least; texts may be folded to a third of themselves."""
    width = 0
    for column, head in enumerate(table.heads):
        longest = max(len(row[column]) for row in (table.heads, *table.rows))
        width += 3 + (longest if head in table.right else max(min(longest, TEXT_COLUMN_MIN), longest // 3))
    return width - 3  # nothing follows the last column


def folded(table: Table, *, width: int) -> "RenderableType":
    """Return a table for a narrow screen: each row as its name and `head value` pairs, as many a line as fit."""
    from rich.console import Group
    from rich.text import Text

    parts = []
    for row in table.rows:
        parts.append(Text(clean(row[0]), style="bold"))
        parts += _pairs(table.heads[1:], row[1:], width=width)
    return Group(*parts)


def _pairs(heads: tuple[str, ...], cells: tuple[str, ...], *, width: int) -> "list[Text]":
    from rich.text import Text

    lines = [Text(" ")]
    for head, cell in zip(heads, cells, strict=True):
        pair = Text.assemble(" ", (head, "dim"), " ", (clean(cell), style_of(cell)), "  ")
        if len(lines[-1]) > 1 and len(lines[-1]) + len(pair) > width:
            lines.append(Text(" "))
        lines[-1].append_text(pair)
    return lines


def style_of(cell: str) -> str:
    """Give a state's word its colour; the word itself stays, so colour never says anything alone."""
    word = cell.split(" ", 1)[0].rstrip(":,")
    styles = {"ready": "green", "confirmed": "green", "accepted": "green", "refused": "red", "orphaned": "red"}
    styles |= {"critical": "bold red", "warning": "yellow", "unreachable": "red", "syncing": "yellow"}
    return styles.get(word, "bold yellow" if word == "PRACTICE" else "")


def fitted(text: str, stream: TextIO) -> str:
    """Break a line between its words where a screen is too narrow for it; a word that is longer stays whole."""
    if "\n" in text or "\x1b" in text or not stream.isatty():
        return text
    import shutil

    width = shutil.get_terminal_size().columns
    if len(text) <= width:
        return text
    import textwrap

    indent = " " * min(len(text) - len(text.lstrip()), width // 2)
    return "\n".join(
        textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    )


def clean(text: str) -> str:
    """Write control, direction and other unseen characters of a foreign text as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) in _HIDDEN_CATEGORIES:
        number = ord(character)
        return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
    return character


def error_lines(error: HashwrightError) -> list[str]:
    """Write an error in its form: code, what happened, what to do; then each finding with its place."""
    lines = [f"{error.code} {sentence(error.message)} {sentence(error.hint)}".rstrip()]
    lines += [
        f"  {finding.place}: {sentence(finding.message)} {sentence(finding.hint)}".rstrip()
        for finding in getattr(error, "findings", ())
        if finding.message.rstrip(".") not in error.message
    ]
    return [clean(line) for line in lines]


def error_document(error: HashwrightError) -> dict[str, Any]:
    """Write an error for a program."""
    findings: Iterable[Any] = getattr(error, "findings", ())
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
            "findings": [dataclasses.asdict(finding) for finding in findings],
        }
    }


def sentence(text: str) -> str:
    """End a text with a full stop, unless it ends with a mark of its own."""
    text = " ".join(text.split())
    return text if not text or text[-1] in ".!?:" else f"{text}."


def listed(words: Sequence[str]) -> str:
    """Join words as a person would: a, b and c."""
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)
