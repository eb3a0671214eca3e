"""What stands beside the web: metrics, units, containers, and pages that equal their sources."""

import asyncio
import os
import re
import shutil
import subprocess
import sys

import pytest

from hashwright.store.sqlite import SqliteStore
from hashwright.web.fleet import fleet_of
from hashwright.web.live import Picture
from hashwright.web.machines import Sessions, join_machines
from hashwright.web.metrics import text_of
from hashwright.web.rates import RateBook
from unit.web.power_state import power_state
from unit.web.world import NOW, World

STATUS = {
    "now": NOW,
    "started_at": NOW,
    "listeners": [],
    "journal": {"state": "ok", "events": 3, "unwritten": 0},
    "destinations": [
        {
            "destination": "home",
            "coin": "litecoin",
            "algorithm": "scrypt",
            "state": "ready",
            "machines": 1,
            "job_age_ms": 5,
        }
    ],
}


FLEET = fleet_of([{"device": "kai.r1", "state": "hashing", "site": "barn", "hashrate_hs": 2e6, "power_w": 3_000.0,
                   "temperature_c": 60.0, "is_settled": True}], now=NOW)  # fmt: skip


def session(name):
    return {
        "session": 1, "worker": name, "destination": "home", "peer": "", "agent": "<b>", "difficulty": 1.0,
        "connected_ms": 1, "last_share_ms": 1,
    }  # fmt: skip


def everybody(*names):
    """Machines of a fleet that work, without one number of their own."""
    book = RateBook()
    book.begin(NOW // 60_000)
    sessions = Sessions(session(name) for name in names)
    return join_machines(sessions, book, now_ms=NOW, asked_ms=NOW, since=NOW // 60_000 - 10, fleet=FLEET)


@pytest.fixture
def metrics(tmp_path):
    SqliteStore.open(tmp_path).close()
    world = World(tmp_path)
    world.site.live.picture = Picture(
        number=1,
        at_ms=NOW,
        status=STATUS,
        has_database=True,
        joined=everybody("kai.r1", 'evil"\n} 1'),
    )
    for at_ms in (NOW - 10_000, NOW):
        world.site.live.joules.take(at_ms, {"kai.r1": 3_000.0, "other": None})
    yield text_of(world.site, [power_state()]).decode()
    world.database.close()


def test_the_metrics_page_names_each_metric_and_no_other(metrics, root):
    made = set(re.findall(r"^# TYPE (hw_\w+)", metrics, flags=re.MULTILINE))
    page = (root / "docs/metrics.md").read_text()
    assert set(re.findall(r"^\| `(hw_\w+)`", page, flags=re.MULTILINE)) == made
    assert len(made) >= 16


CONTRACT = {
    "hw_worker_hashrate_hashes_per_second": ("gauge", {"account", "worker", "algo", "source"}),
    "hw_worker_shares": ("counter", {"account", "worker", "result"}),
    "hw_machine_power_watts": ("gauge", {"machine", "site", "group"}),
    "hw_machine_energy_joules": ("counter", {"machine", "site", "group"}),
    "hw_machine_chip_temperature_celsius": ("gauge", {"machine", "site", "group"}),
    "hw_plan_value_eur": ("gauge", {"site"}),
    "hw_ledger_unbalanced": ("gauge", set()),
}
"""Names, kinds and labels that others were promised (ux.md 2.7); blocks are in `test_blocks_are_counted_by_coin`."""


def families_of(text):
    from prometheus_client.parser import text_string_to_metric_families

    return {it.name: it for it in text_string_to_metric_families(text)}


def test_metrics_keep_the_contract(metrics):
    families = families_of(metrics)
    for name, family in families.items():
        assert name.startswith("hw_")
        assert not re.search(r"_(ms|minutes|kw|kwh|percent|th|ghs|fahrenheit)$", name)
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample
            assert sample.name.endswith("_info") or all(label not in ("version", "unit") for label in sample.labels)
    for name, (kind, labels) in CONTRACT.items():
        assert families[name].type == kind, name
        assert {frozenset(it.labels) for it in families[name].samples} == {frozenset(labels)}, name
    rates = families["hw_worker_hashrate_hashes_per_second"].samples
    assert {(it.labels["worker"], it.labels["source"]) for it in rates} >= {("r1", "pool"), ("r1", "device")}
    assert [it.value for it in families["hw_machine_energy_joules"].samples] == [30_000.0]
    assert [it.value for it in families["hw_plan_value_eur"].samples] == [3.5]


def test_blocks_are_counted_by_coin(tmp_path):
    store = SqliteStore.open(tmp_path)
    connection = store.connect()
    for number, place in enumerate(("home", "home", "gone")):
        connection.execute(
            "INSERT INTO block VALUES (?, ?, 1, 'w', '1', ?, 'confirmed', '', 1)", (place, f"{number:064x}", NOW)
        )
    connection.close()
    store.close()
    world = World(tmp_path)
    world.site.live.picture = Picture(number=1, at_ms=NOW, status=STATUS, has_database=True)
    samples = families_of(text_of(world.site).decode())["hw_pool_blocks"].samples
    assert {(it.labels["coin"], it.labels["state"]): it.value for it in samples} == {
        ("litecoin", "confirmed"): 2, ("", "confirmed"): 1,
    }  # fmt: skip
    world.database.close()


def test_the_shipped_picture_of_metrics_asks_for_names_that_there_are(root):
    import json

    page = (root / "docs/metrics.md").read_text()
    known = set(re.findall(r"^\| `(hw_\w+)`", page, flags=re.MULTILINE))
    panels = json.loads((root / "contrib/grafana.json").read_text())["panels"]
    asked = {name for it in panels for target in it["targets"] for name in re.findall(r"hw_\w+", target["expr"])}
    assert asked <= known
    assert len(panels) == len({it["id"] for it in panels}) >= 6


def test_a_hostile_name_cannot_forge_a_metric(metrics):
    workers = families_of(metrics)["hw_worker_connected"].samples
    assert [it.value for it in workers] == [1.0, 1.0]


def test_the_openapi_document_equals_the_program(root):
    # In a process of its own: the examples in it depend on how many were made before.
    command = [sys.executable, "scripts/openapi.py", "--check"]
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"PYTHONPATH": "src"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.functional
@pytest.mark.timeout(120)
def test_the_built_pages_equal_their_sources(root):
    if shutil.which("npm") is None:
        pytest.skip("the pages are built by npm, which is not here")
    done = subprocess.run(["scripts/frontend", "--check"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_are_small_and_ask_nobody_else(root):
    import gzip

    static = root / "src/hashwright/web/static"
    files = [path for path in static.rglob("*") if path.is_file()]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 300_000
    known = {"www.w3.org", "svelte.dev"}  # names of XML vocabularies and of an error page: texts, never asked
    for path in files:
        hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text(errors="replace")))
        assert hosts <= known, path.name
    page = (static / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|style=|\son\w+=", page)


COMPOSE_KEYS = {
    "image", "build", "command", "network_mode", "restart", "stop_grace_period", "read_only", "cap_drop",
    "security_opt", "ulimits", "tmpfs", "environment", "volumes", "depends_on", "secrets", "healthcheck", "user",
}  # fmt: skip
"""The keys of a service in the Compose Specification that our files may use."""


@pytest.mark.parametrize("name", ["compose.sqlite.yaml", "compose.postgresql.yaml"])
def test_compose_files_are_whole_and_careful(root, name):
    import yaml

    from hashwright.runtime.config import SETTINGS

    found = yaml.safe_load((root / "contrib/container" / name).read_text())
    variables = {setting.variable for setting in SETTINGS}
    for service in ("hashwright", "web"):
        item = found["services"][service]
        assert item["read_only"] is True
        assert item["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in item["security_opt"]
        assert set(item["environment"]) <= variables
        assert all("0.0.0.0" not in value for value in item["environment"].values())
        assert set(item.get("secrets", ())) <= set(found.get("secrets", {}))
        assert {volume.partition(":")[0] for volume in item["volumes"]} <= set(found["volumes"])
    assert found["services"]["web"]["command"] == ["web"]
    assert found["services"]["web"]["image"] == found["services"]["hashwright"]["image"]
    build = found["services"]["hashwright"]["build"]
    folder = (root / "contrib/container" / build["context"]).resolve()
    assert (folder / build["dockerfile"]).is_file()
    needs_driver = "HW_POSTGRES_URL_FROM" in found["services"]["hashwright"]["environment"]
    assert build.get("args", {}) == ({"BOOKS": "postgresql"} if needs_driver else {})
    for item in found["services"].values():
        assert set(item) <= COMPOSE_KEYS, "a key that the Compose Specification does not have"
        assert set(item.get("depends_on", ())) <= set(found["services"])
    assert all("password" not in str(it).lower() or "FILE" in str(it) for it in found["services"].values())


INSTRUCTIONS = {
    "FROM", "RUN", "CMD", "LABEL", "EXPOSE", "ENV", "ADD", "COPY", "ENTRYPOINT", "VOLUME", "USER", "WORKDIR", "ARG",
    "ONBUILD", "STOPSIGNAL", "HEALTHCHECK", "SHELL",
}  # fmt: skip


def instructions_of(text):
    """Read a Containerfile as a builder does: comments and continued lines away, one word and its rest."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]


def test_the_containerfile_runs_as_nobody_and_by_hashes(root):
    found = instructions_of((root / "contrib/container/Containerfile").read_text())
    assert {word for word, _ in found} <= INSTRUCTIONS
    assert found[0][0] == "FROM"
    stages = {rest.partition(" AS ")[2] for word, rest in found if word == "FROM"}
    last = found[max(at for at, (word, _) in enumerate(found) if word == "FROM") :]
    assert [rest for word, rest in last if word == "USER"] == ["hw"]
    assert [rest for word, rest in last if word == "ENTRYPOINT"] == ['["hw"]']
    for word, rest in found:
        if word == "RUN":
            for install in re.findall(r"pip install[^;&]*", rest):
                assert "--require-hashes" in install or "--no-deps --no-build-isolation ." in install
            subprocess.run(["/bin/sh", "-n", "-c", rest], check=True)
        if word == "COPY" and rest.startswith("--from="):
            assert rest[7:].split()[0] in stages
        elif word == "COPY":
            for source in rest.split()[:-1]:
                assert (root / source).exists(), source


def test_the_driver_in_the_container_is_the_one_that_the_tests_run(root):
    tested = (root / "requirements/test.txt").read_text()
    text = (root / "requirements/postgresql.txt").read_text()
    pins = re.findall(r"^(psycopg\S*==\S+)", text, flags=re.MULTILINE)
    assert len(pins) == 2
    assert all(pin in tested for pin in pins)
    hashes = re.findall(r"sha256:[0-9a-f]{64}", text)
    assert len(hashes) > 2
    assert all(it in tested for it in hashes)


def test_the_unit_of_the_web_is_as_careful_as_the_one_of_the_program(root):
    def settings(name):
        lines = (root / "contrib" / name).read_text().splitlines()
        return {
            line for line in lines if re.match(r"(No|Protect|Private|Restrict|Lock|Capability|SystemCall)\w+=", line)
        }

    assert settings("hashwright.service") <= settings("hashwright-web.service") | {
        line for line in settings("hashwright.service") if line.startswith("RestartPrevent")
    }
    assert "ExecStart=/usr/local/bin/hw web" in (root / "contrib/hashwright-web.service").read_text()


def test_systemd_itself_takes_the_units(root, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not here: its units are only read as text")
    units = []
    for name in ("hashwright.service", "hashwright-web.service"):
        units.append(tmp_path / name)
        units[-1].write_text((root / "contrib" / name).read_text().replace("/usr/local/bin/hw", "/bin/true"))
    done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "hashwright" in line]) == (0, [])
    for unit in units:
        told = subprocess.run(
            [analyze, "security", "--offline=true", "--threshold=25", unit], capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stdout[-300:]


def test_every_metric_is_served_to_a_key_and_to_nobody_else(tmp_path):
    world = World(tmp_path)

    async def work():
        assert (await world.client().get("/metrics")).status_code == 401
        assert (await (await world.key("money")).get("/metrics")).status_code == 403
        answer = await (await world.key("view")).get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "hw_up 0.0" in answer.text

    asyncio.run(work())
    world.database.close()
