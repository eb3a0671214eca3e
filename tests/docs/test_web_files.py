"""What stands beside the web: metrics, units, containers, and pages that equal their sources."""

import asyncio
import os
import re
import shutil
import subprocess
import sys

import pytest

from hashwright.store.sqlite import SqliteStore
from hashwright.web.live import Picture
from hashwright.web.machines import Sessions, join_machines
from hashwright.web.metrics import text_of
from hashwright.web.rates import RateBook
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
    return join_machines(sessions, book, now_ms=NOW, asked_ms=NOW, since=NOW // 60_000 - 10)


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
    yield text_of(world.site).decode()
    world.database.close()


def test_the_metrics_page_names_each_metric_and_no_other(metrics, root):
    made = set(re.findall(r"^# TYPE (hw_\w+)", metrics, flags=re.MULTILINE))
    page = (root / "docs/metrics.md").read_text()
    assert set(re.findall(r"^\| `(hw_\w+)`", page, flags=re.MULTILINE)) == made
    assert len(made) >= 16


def test_metrics_keep_the_contract(metrics):
    kinds = dict(re.findall(r"^# TYPE (hw_\w+) (\w+)", metrics, flags=re.MULTILINE))
    for name, kind in kinds.items():
        assert (kind == "counter") == name.endswith("_total"), name
        assert not re.search(r"(_ms|_kw|_percent|_th)$", name)


def test_a_hostile_name_cannot_forge_a_metric(metrics):
    from prometheus_client.parser import text_string_to_metric_families

    families = {it.name: it for it in text_string_to_metric_families(metrics)}
    workers = families["hw_worker_connected"].samples
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
    assert all("password" not in str(it).lower() or "FILE" in str(it) for it in found["services"].values())


def test_the_containerfile_runs_as_nobody_and_by_hashes(root):
    text = (root / "contrib/container/Containerfile").read_text()
    assert text.count("--require-hashes") == 2
    assert re.search(r"^USER hw$", text, flags=re.MULTILINE)
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, flags=re.MULTILINE):
        for source in line.split()[:-1]:
            assert (root / source).exists(), source


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
