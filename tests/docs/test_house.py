"""The checks find what they are for: each rule is shown a planted fault."""

import pytest

PARSED_HEX = "def read(value):\n    return {}\n"


@pytest.fixture(scope="module")
def caps(script):
    return script("caps")


@pytest.fixture(scope="module")
def guards(script):
    return script("guards")


@pytest.fixture(scope="module")
def leaks(script):
    return script("leaks")


def function_of(lines: int, doc_lines: int = 0) -> str:
    doc = [f'    """{"word" + chr(10) * (doc_lines - 1)}"""'] if doc_lines else []
    body = lines - 1
    return "\n".join(["def long():", *doc, *["    x = 1"] * body]) + "\n"


def test_a_function_of_60_lines_passes_and_one_of_61_does_not(caps):
    assert caps.lengths_over_cap("a.py", function_of(60)) == {}
    assert caps.lengths_over_cap("a.py", function_of(61)) == {"a.py:long": 61}


def test_a_docstring_does_not_count(caps):
    assert caps.lengths_over_cap("a.py", function_of(60, doc_lines=30)) == {}


def test_methods_and_inner_functions_are_named(caps):
    inner = "class Room:\n" + "".join(f"    {line}\n" for line in function_of(61).splitlines())
    assert caps.lengths_over_cap("a.py", inner) == {"a.py:Room.long": 61}


def test_a_file_of_600_lines_passes_and_one_of_601_does_not(caps):
    assert caps.lengths_over_cap("a.py", "x = 1\n" * 600) == {}
    assert caps.lengths_over_cap("a.py", "x = 1\n" * 601) == {"a.py": 601}


def test_the_allow_list_can_only_shrink(caps):
    allowed = caps.read_allowed("# why\na.py 640  # split by: role\n\nb.py:f 70\n")
    assert allowed == {"a.py": 640, "b.py:f": 70}
    assert caps.problems({"a.py": 640, "b.py:f": 70}, allowed) == []
    assert len(caps.problems({"a.py": 641, "b.py:f": 70}, allowed)) == 1
    assert len(caps.problems({"a.py": 630, "b.py:f": 70}, allowed)) == 1
    assert len(caps.problems({"a.py": 640}, allowed)) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "int(value, 16)",
        "int(value, base=16)",
        "int(value, 0)",
        "int(value, base)",
        "bytes.fromhex(value)",
        "bytearray.fromhex(value)",
        "binascii.unhexlify(value)",
        "binascii.a2b_hex(value)",
    ],
)
def test_loose_hex_is_refused_outside_of_the_codec(guards, expression):
    text = PARSED_HEX.format(expression)
    assert len(guards.problems("src/hashwright/stratum/server.py", text)) == 1
    assert guards.problems("src/hashwright/stratum/strict.py", text) == []


@pytest.mark.parametrize("expression", ["int(value)", "int(value, 10)", "bytes.fromhex('00ff')", "int('ff', 16)"])
def test_decimal_numbers_and_literals_are_fine(guards, expression):
    assert guards.problems("src/hashwright/chain/header.py", PARSED_HEX.format(expression)) == []


@pytest.mark.parametrize(
    "call", ["asyncio.create_task(f())", "asyncio.ensure_future(f())", "loop.create_task(f())", "self.create_task(f())"]
)
def test_a_task_without_a_group_is_refused(guards, call):
    assert len(guards.problems("src/a.py", f"async def run(loop):\n    {call}\n")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "async def run():\n    async with asyncio.TaskGroup() as group:\n        group.create_task(f())\n",
        "async def run(group: asyncio.TaskGroup):\n    group.create_task(f())\n",
        "class Room:\n    group: asyncio.TaskGroup\n    def go(self):\n        self.group.create_task(f())\n",
    ],
)
def test_a_task_in_a_group_is_fine(guards, text):
    assert guards.problems("src/a.py", text) == []


@pytest.mark.parametrize("call", ["asyncio.Queue()", "queue.Queue(maxsize=0)", "queue.SimpleQueue()", "Queue(0)"])
def test_a_queue_without_a_bound_is_refused(guards, call):
    assert len(guards.problems("src/a.py", f"q = {call}\n")) == 1
    assert guards.problems("src/a.py", "q = asyncio.Queue(maxsize=64)\n") == []


def test_a_marker_needs_a_reason_and_a_use(guards):
    good = "def read(v):\n    # allow hex: the pattern above let only hex through\n    return int(v, 16)\n"
    assert guards.problems("src/a.py", good) == []
    assert len(guards.problems("src/a.py", good.replace("the pattern above let only hex through", ""))) == 1
    assert len(guards.problems("src/a.py", "x = 1  # allow hex: nothing here\n")) == 1
    assert len(guards.problems("src/a.py", good.replace("allow hex", "allow task"))) == 2


# Every planted fault is put together here, so that this file itself stays clean.
LEAKS = [
    "https://py" + "pi.org/simple",
    "https://files.python" + "hosted.org/packages",
    "deb http://deb.deb" + "ian.org/debian sid main",
    "--index" + "-url=x",
    "open('/ho" + "me/kai/hashwright')",
    "cd /ro" + "ot/x",
    "/wo" + "rk/main/src",
    "-----BEGIN " + "EC PRIVATE KEY-----",
]


@pytest.mark.parametrize("line", LEAKS)
def test_a_leak_is_refused_and_named_with_its_place(leaks, line):
    found = leaks.problems("docs/a.md", f"fine\n{line}\n")
    assert len(found) == 1
    assert found[0].startswith("docs/a.md:2: ")


def test_a_wallet_key_is_known_by_its_checksum_and_not_repeated(leaks):
    # The standard example of wallet import format (private key 0C28FCA3..., Bitcoin wiki), cut in two here.
    key = "5HueCGU8rMjxEXxiPuD5BDku4MkFq" + "eZyd4dZ1jvhTVqvbTLvyTJ"
    (found,) = leaks.problems("a.py", key)
    assert key not in found
    assert leaks.problems("a.py", key[:-1] + "K") == []


@pytest.mark.parametrize(
    "line",
    [
        "src/hashwright/stratum/work/x",
        "~/.local/share/hw",
        "/var/lib/hw",
        "docs/work/a",
        "#!/usr/bin/env bash",
        "/etc/hw/hw.toml",
    ],
)
def test_ordinary_paths_are_fine(leaks, line):
    assert leaks.problems("a.md", line) == []


@pytest.mark.parametrize("lock", ["run", "build", "test"])
def test_every_pin_has_a_hash(root, lock):
    text = (root / f"requirements/{lock}.txt").read_text().replace("\\\n", " ")
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert pins
    for pin in pins:
        assert "==" in pin.split("--hash")[0], pin
        assert "--hash=sha256:" in pin, pin


def test_the_locks_agree_with_each_other(root):
    versions: dict[str, str] = {}
    for lock in ("run", "build", "test"):
        for line in (root / f"requirements/{lock}.txt").read_text().splitlines():
            name, separator, rest = line.partition("==")
            if separator and not line.startswith((" ", "#")):
                version = rest.split()[0]
                assert versions.setdefault(name, version) == version, name
