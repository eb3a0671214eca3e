"""The docs say what the program is: codes, commands, links, dependencies, paths."""

import re
import tomllib

import click
import pytest

PAGES = ("README.md", "THREATS.md", "CHANGELOG.md")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|`)\s*(?:[A-Z_]+=\S+ )?hw((?: [a-z][a-z-]*)*)")


@pytest.fixture(scope="module")
def docs(script):
    return script("docs")


@pytest.fixture(scope="module")
def pages(root):
    return [*(root / name for name in PAGES), *sorted((root / "docs").rglob("*.md"))]


def test_the_generated_pages_equal_the_program(docs, root, monkeypatch):
    monkeypatch.chdir(root)
    assert docs.problems() == []


def test_every_relative_link_resolves(pages, root):
    broken = []
    for page in pages:
        for target in LINK.findall(page.read_text()):
            if not target.startswith(("http:", "https:", "mailto:", "#")):
                path = page.parent / target.split("#")[0]
                if not path.exists():
                    broken.append(f"{page.relative_to(root)} -> {target}")
    assert broken == []


def test_every_error_code_has_a_cause_and_an_action(docs):
    page = docs.errors_page()
    codes = re.findall(r"^## (HW-\d{3}): \S", page, flags=re.MULTILINE)
    assert codes == sorted(set(codes))
    assert page.count("**Cause.** ") == page.count("**What to do.** ") == len(codes) > 0
    assert not re.search(r"\*\*(?:Cause|What to do)\.\*\* *$", page, flags=re.MULTILINE)


def test_every_error_code_in_the_sources_is_documented(docs, root):
    documented = set(re.findall(r"^## (HW-\d{3})", docs.errors_page(), flags=re.MULTILINE))
    used = {code for path in (root / "src").rglob("*.py") for code in re.findall(r"\bHW-\d{3}\b", path.read_text())}
    assert used - documented == set()


def command_exists(root_command: click.Group, words: list[str]) -> bool:
    """Say whether words after `hw` lead to a command; what follows a command without children is its argument."""
    command: click.Command = root_command
    for word in words:
        if not isinstance(command, click.Group):
            return True
        child = command.get_command(click.Context(command), word)
        if child is None:
            return False
        command = child
    return True


def test_every_command_in_the_docs_exists(docs, pages, root):
    tree = docs.root_command()
    unknown = []
    for page in (*pages, root / "contrib/hashwright.service"):
        for words in re.findall(COMMAND, "\n".join(page.read_text().splitlines())):
            if not command_exists(tree, words.split()):
                unknown.append(f"{page.name}: hw{words}")
    assert unknown == []


def test_every_path_in_the_threats_exists(root):
    text = (root / "THREATS.md").read_text()
    rooms = re.findall(r"`((?:stratum|pool|runtime|store|chain|adapters)(?:/[\w/]+(?:\.py)?)?)`", text)
    missing = {room for room in rooms if not (root / "src/hashwright" / room).exists()}
    missing |= {path for path in re.findall(r"\btests/[\w/]+\.py\b", text) if not (root / path).exists()}
    assert missing == set()


def test_every_dependency_has_its_line(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    wanted = {re.match(r"[\w-]+", requirement)[0] for requirement in project["dependencies"]}
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", (root / "requirements/run.txt").read_text(), flags=re.MULTILINE))
    section = (root / "docs/decisions/dependencies.md").read_text().split("## To test")[0]
    documented = dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", section, flags=re.MULTILINE))
    assert documented == {name: pins[name] for name in wanted}


def test_every_test_requirement_has_its_line(root):
    lines = (root / "requirements/test.in").read_text().splitlines()
    wanted = {line.partition("[")[0] for line in lines if line and not line.startswith(("#", "-"))}
    section = (root / "docs/decisions/dependencies.md").read_text().split("## To test")[1]
    assert wanted <= set(re.findall(r"[\w-]+", section))


def test_the_unit_promises_readiness_only_if_the_program_sends_it(root):
    unit = (root / "contrib/hashwright.service").read_text()
    sends = any("NOTIFY_SOCKET" in path.read_text() for path in (root / "src").rglob("*.py"))
    assert ("Type=notify" in unit) == sends


def test_every_make_target_in_the_docs_exists(pages, root):
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        name for page in pages for name in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), flags=re.MULTILINE)
    }
    assert named
    assert named <= targets
