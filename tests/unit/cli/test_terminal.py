import io

import pytest
from rich.console import Console

from hashwright.cli.terminal import Table, Terminal, clean, drawn, error_document, error_lines, fitted, listed, sentence
from hashwright.errors import ConfigError, Finding, Unavailable

ESCAPE_SEQUENCE = "kai\x1b[2J\x1b[31m.r01"
RIGHT_TO_LEFT = "kai\u202e10r"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("kai.r01", "kai.r01"),
        ("Müller.öst", "Müller.öst"),
        (ESCAPE_SEQUENCE, "kai\\x1b[2J\\x1b[31m.r01"),
        (RIGHT_TO_LEFT, "kai\\u202e10r"),
        ("two\nlines\r", "two\\x0alines\\x0d"),
        ("\x9b31m", "\\x9b31m"),
        ("tag\U000e0041", "tag\\U000e0041"),
    ],
)
def test_unseen_characters_are_written_as_escapes(text, shown):
    assert clean(text) == shown


def test_an_error_is_one_line_code_what_happened_what_to_do():
    error = Unavailable("No Hashwright runs on /x.", code="HW-704", hint="Start it with `hw up`")
    assert error_lines(error) == ["HW-704 No Hashwright runs on /x. Start it with `hw up`."]


def test_an_error_without_a_hint_of_its_own_says_the_codes_action():
    assert error_lines(Unavailable("The node is gone", code="HW-412")) == ["HW-412 The node is gone. Look at the node."]


def test_each_finding_has_its_line_and_its_place():
    findings = (
        Finding(code="HW-701", place="hw.toml, listen", message="has no host:port", hint="Write a=b:1"),
        Finding(code="HW-701", place="flag --data-dir", message="is not absolute", hint=""),
    )
    error = ConfigError("2 settings are not usable.", code="HW-701", hint="Correct them.", findings=findings)
    assert error_lines(error) == [
        "HW-701 2 settings are not usable. Correct them.",
        "  hw.toml, listen: has no host:port. Write a=b:1.",
        "  flag --data-dir: is not absolute.",
    ]
    assert error_document(error)["error"]["exit_code"] == 3
    assert [item["place"] for item in error_document(error)["error"]["findings"]] == [f.place for f in findings]


def test_an_error_cannot_forge_a_line():
    (line,) = error_lines(Unavailable("node says \x1b]0;x\x07\nHW-304 Block found", code="HW-410"))
    assert "\x1b" not in line
    assert "\n" not in line


def test_a_table_for_a_program_is_lines_with_tabs(capsys):
    table = Table(heads=("worker", "shares"), rows=((ESCAPE_SEQUENCE, "3"),), right=frozenset(("shares",)))
    Terminal(is_plain=True).table(table)
    assert capsys.readouterr().out == "worker\tshares\nkai\\x1b[2J\\x1b[31m.r01\t3\n"


def test_a_table_for_a_person_shows_markup_as_text(capsys, monkeypatch):
    monkeypatch.setattr(Terminal, "is_text", property(lambda self: False))
    Terminal().table(Table(heads=("worker",), rows=(("[red]kai[/red]",), (ESCAPE_SEQUENCE,))))
    out = capsys.readouterr().out
    assert "[red]kai[/red]" in out
    assert "\x1b" not in out


def test_an_empty_table_says_what_is_missing_on_the_side_of_messages(capsys):
    Terminal().table(Table(heads=("a",), rows=(), empty="No destination yet."))
    assert capsys.readouterr() == ("", "No destination yet.\n")


def test_quiet_keeps_data_and_drops_messages(capsys):
    terminal = Terminal(is_quiet=True)
    terminal.note("hello")
    terminal.line("data")
    assert capsys.readouterr() == ("data\n", "")


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_long_lines_break_between_words_on_a_screen_only(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    text = "  Antminer S21: to BCH at a pool; expected -30.16 USD over the holding time"
    lines = fitted(text, Screen()).split("\n")
    assert all(len(line) <= 30 and line.startswith("  ") for line in lines)
    assert " ".join(" ".join(lines).split()) == text.strip()
    assert any("-30.16" in line for line in lines), "a sign stays with its number"
    address = "ltc1q" + "x" * 40
    assert fitted(address, Screen()) == address, "a long word stays whole"
    assert fitted(text, io.StringIO()) == text, "a program gets whole lines"
    assert fitted(f"{text}\n{text}", Screen()) == f"{text}\n{text}"


def test_ticks_are_words_where_drawing_is_not_wanted(capsys):
    Terminal(is_plain=True).tick("failed", "disk is full", "Make room.")
    assert capsys.readouterr().out == "failed  disk is full\n        Make room.\n"


@pytest.mark.parametrize(
    ("text", "ended"), [("It is gone", "It is gone."), ("Is it?", "Is it?"), ("", ""), ("a\n  b", "a b.")]
)
def test_a_sentence_ends(text, ended):
    assert sentence(text) == ended


def test_words_are_joined_as_people_do():
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"


WIDE_TABLE = Table(
    heads=("destination", "state", "asked", "delivered", "machines"),
    rows=(("big", "ready", "70.00 %", "71.62 %", "2 (1 sliced)"), ("small", "ready", "30.00 %", "28.38 %", "0")),
    right=frozenset(("asked", "delivered", "machines")),
)


def drawn_at(width, table=WIDE_TABLE):
    console = Console(width=width, file=io.StringIO(), no_color=True)
    console.print(drawn(table))
    return console.file.getvalue().splitlines()


def test_a_table_that_fits_has_columns():
    lines = drawn_at(90)
    assert len(lines) == 3
    assert lines[0].split() == ["destination", "state", "asked", "delivered", "machines"]


def test_a_table_that_does_not_fit_is_folded_and_loses_nothing():
    lines = drawn_at(40)
    assert lines[0].strip() == "big"
    assert max(map(len, lines)) <= 40
    text = " ".join(" ".join(lines).split())
    for row in WIDE_TABLE.rows:
        for head, cell in zip(WIDE_TABLE.heads[1:], row[1:], strict=True):
            assert f"{head} {cell}" in text
