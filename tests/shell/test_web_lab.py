"""The Lab: jobs in worker processes, from the request to the report."""

import asyncio
import datetime
import json
import shlex
import subprocess
import sys

import pytest

from hashwright.web import passwords
from hashwright.web.lab import Lab, Task
from hashwright.web.lab_report import POLICY_OF_REPORT
from unit.web.world import NOW, PASSWORD, World

OFFER = 'coin = "BTC"\nprice_usd = 180\nhashrate = "1 TH/s"\ndays = 365\nseller = "<script>alert(1)</script>"\n'
HANGS = (sys.executable, "-c", "import sys, time; print('progress 0.25', file=sys.stderr, flush=True); time.sleep(60)")


@pytest.fixture
def here(tmp_path, monkeypatch):
    import argon2

    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    world = World(tmp_path)
    yield world
    world.database.close()


def lab_in(here):
    return here.app._app.state["lab"]


async def over(client, number):
    for _ in range(600):
        job = (await client.get(f"/api/v1/lab/jobs/{number}")).json()
        if job["state"] != "running":
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(job)


async def do(client, verb, wish):
    answer = await client.post(f"/api/v1/lab/{verb}", json=wish)
    assert answer.status_code == 202, answer.text
    return await over(client, answer.json()["number"])


def test_the_answer_is_the_document_of_the_command(here):
    async def work():
        owner = await here.owner()
        job = await do(owner, "calc", {"machine": "s21", "power_price": "0.08"})
        assert (job["state"], job["share"], job["command"]) == ("done", 1.0, "hw calc --power-price=0.08 --tornado s21")
        command = [sys.executable, "-c", "from hashwright.cli.main import main; main()", "calc", "s21", "--json"]
        command += ["--power-price", "0.08", "--tornado", "--data-dir", str(here.site.live.folder)]
        told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
        assert job["answer"].keys() == told.keys()
        assert job["answer"]["profit_usd_per_day_est"] == told["profit_usd_per_day_est"]

    asyncio.run(work())


def test_an_offer_is_audited_and_reported_and_its_words_stay_words(here):
    async def work():
        owner = await here.owner()
        job = await do(owner, "audit", {"offer": OFFER})
        assert job["state"] == "done", job
        assert job["answer"]["seller"] == "<script>alert(1)</script>"
        report = await owner.get(f"/api/v1/lab/jobs/{job['number']}/report")
        assert report.headers.get_list("content-security-policy") == [POLICY_OF_REPORT]
        assert report.headers["content-disposition"].startswith("attachment;")
        assert "&lt;script&gt;alert(1)" in report.text
        assert "<script>alert" not in report.text
        listed = (await owner.get("/api/v1/lab/jobs")).json()["jobs"]
        assert [(it["number"], it["answer"]) for it in listed] == [(job["number"], None)]
        assert (await owner.get("/api/v1/audit")).json()["rows"][0]["action"] == "lab audit"

    asyncio.run(work())


@pytest.mark.parametrize(
    ("verb", "wish", "code"),
    [
        ("audit", {"offer": "coin = "}, "HW-824"),
        ("backtest", {}, "HW-815"),
        ("calc", {"machine": "no such machine"}, "HW-802"),
        ("compare", {"budget": 0.5}, "HW-826"),
    ],
)
def test_what_the_command_refuses_is_told_in_its_words(here, verb, wish, code):
    async def work():
        owner = await here.owner()
        job = await do(owner, verb, wish)
        assert (job["state"], job["answer"]) == ("failed", None)
        assert job["problem"]["code"] == code, job["problem"]
        assert (await owner.get(f"/api/v1/lab/jobs/{job['number']}/report")).json()["code"] == "HW-965"

    asyncio.run(work())


@pytest.mark.parametrize(
    "wish",
    [
        {"machine": "s21", "hardware_file": "/etc/passwd"},
        {"machine": "a\nb"},
        {"machine": "x" * 81},
        {"machine": "s21", "days": 0},
        {"machine": "s21", "machine_price": 1e300},
    ],
)
def test_what_is_no_wish_starts_nothing(here, wish):
    async def work():
        owner = await here.owner()
        assert (await owner.post("/api/v1/lab/calc", json=wish)).status_code == 400
        assert lab_in(here).jobs("account:kai") == []

    asyncio.run(work())


def test_a_value_never_becomes_a_flag_or_a_file(here):
    async def work():
        owner = await here.owner()
        for wish in ({"machine": "--html=/tmp/x"}, {"machine": "s21", "coin": "--help"}):
            job = await do(owner, "calc", wish)
            assert (job["state"], job["problem"]["code"][:4]) == ("failed", "HW-8"), job
        job = await do(owner, "audit", {"offer": OFFER.replace("BTC", "../../etc/passwd")})
        assert job["state"] == "failed"

    asyncio.run(work())


def test_one_job_each_and_two_for_all_and_a_job_can_be_ended(tmp_path, here):
    async def work():
        lab = Lab(tmp_path, clock=here.clock, command=HANGS)
        here.app._app.state["lab"] = lab
        owner = await here.owner()
        first = (await owner.post("/api/v1/lab/calc", json={"machine": "s21"})).json()
        again = await owner.post("/api/v1/lab/calc", json={"machine": "s21"})
        assert (again.status_code, again.json()["code"]) == (409, "HW-960")
        await (await here.key("view")).post("/api/v1/lab/calc", json={"machine": "s21"})
        here.site.accounts.add("oz", "operator", PASSWORD, pool="", member="", now=NOW)
        third = here.client()
        signed = await third.post("/api/v1/session", json={"name": "oz", "password": PASSWORD})
        third.headers["x-hw-csrf"] = signed.json()["csrf"]
        busy = await third.post("/api/v1/lab/calc", json={"machine": "s21"})
        assert (busy.status_code, busy.json()["code"]) == (409, "HW-961")
        assert (await third.get(f"/api/v1/lab/jobs/{first['number']}")).json()["code"] == "HW-748"
        while (await owner.get(f"/api/v1/lab/jobs/{first['number']}")).json()["share"] != 0.25:
            await asyncio.sleep(0.02)
        ended = await owner.delete(f"/api/v1/lab/jobs/{first['number']}")
        assert (ended.status_code, ended.json()["state"]) == (200, "cancelled")
        assert (await owner.post("/api/v1/lab/calc", json={"machine": "s21"})).status_code == 202
        await lab.close()
        assert {job.state for job in lab._jobs.values()} == {"cancelled"}

    asyncio.run(work())


def test_a_job_that_takes_too_long_is_ended(tmp_path, here):
    async def work():
        lab = Lab(tmp_path, clock=here.clock, command=HANGS, limit_s=0.3)
        job = lab.start("kai", Task(verb="calc", title="", flags=()))
        await job.work
        assert (job.state, job.problem["code"]) == ("failed", "HW-962")

    asyncio.run(work())


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("print('x' * 5_000_000)", "HW-963"),
        ("import sys; sys.exit('boom')", "HW-963"),
        ("print('no json')", "HW-963"),
        ("print('[1]')", "HW-963"),
    ],
)
def test_a_job_that_answers_nonsense_has_failed(tmp_path, here, program, code):
    async def work():
        lab = Lab(tmp_path, clock=here.clock, command=(sys.executable, "-c", program))
        job = lab.start("kai", Task(verb="calc", title="", flags=()))
        await job.work
        assert (job.state, job.problem["code"]) == ("failed", code)

    asyncio.run(work())


def test_only_the_newest_jobs_are_kept(tmp_path, here):
    async def work():
        lab = Lab(tmp_path, clock=here.clock, command=("/bin/echo", "{}"))
        for _ in range(13):
            await lab.start("kai", Task(verb="calc", title="", flags=())).work
        assert [job.number for job in lab.jobs("kai")] == list(range(13, 3, -1))

    asyncio.run(work())


def test_a_link_and_a_member_start_nothing(here):
    async def work():
        owner = await here.owner()
        word = here.site.keys.add_link("mia", shows_money=True, days=1, by="test", now=NOW)
        guest = here.client()
        entered = await guest.post("/api/v1/session/link", json={"token": word})
        guest.headers["x-hw-csrf"] = entered.json()["csrf"]
        refused = await guest.post("/api/v1/lab/calc", json={"machine": "s21"})
        assert (refused.status_code, refused.json()["code"]) == (403, "HW-741")
        forged = await owner.post("/api/v1/lab/calc", json={"machine": "s21"}, headers={"x-hw-csrf": "wrong"})
        assert (forged.status_code, forged.json()["code"]) == (403, "HW-746")
        assert (await here.client().post("/api/v1/lab/calc", json={"machine": "s21"})).status_code == 401

    asyncio.run(work())


CONFINED = """
import sys, socket, subprocess, pathlib, os
from hashwright.cli.worker import bound, confine
bound()
confine(pathlib.Path.cwd())
pathlib.Path("mine.txt").write_text("kept")
for work in (
    lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: subprocess.run(["true"]),
    lambda: os.system("true"),
    lambda: open("../outside.txt", "w"),
    lambda: os.open("../outside.txt", os.O_CREAT | os.O_WRONLY),
    lambda: os.remove("../kept.txt"),
    lambda: bytearray(8 * 2**30),
):
    try:
        work()
        print("done")
    except MemoryError:
        print("memory")
    except Exception as error:
        print(getattr(error, "code", repr(error)))
"""


def test_a_worker_asks_nobody_and_writes_nothing_outside_of_its_folder(tmp_path):
    (tmp_path / "kept.txt").write_text("kept")
    place = tmp_path / "job"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CONFINED], cwd=place, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split() == ["HW-964"] * 7 + ["memory"]
    assert sorted(it.name for it in tmp_path.iterdir()) == ["job", "kept.txt"]


SITE = """
[site]
name = "shed"
[limits]
import_kw = 10
[tariff]
kind = "flat"
price = 0.05
[revenue]
per_th_day = 0.06
[[groups]]
name = "old"
levels = [{ power_w = 3000, hashrate_ths = 100.0 }]
"""


def days_of(first, count):
    """Days as somebody has them: two coins of one algorithm, one of which becomes better in the middle."""
    lines = ["date,coin,price_usd,difficulty,issuance_native,fees_native,blocks"]
    for at in range(count):
        day = (datetime.date.fromisoformat(first) + datetime.timedelta(days=at)).isoformat()
        lines.append(f"{day},BTC,{30000 + 10 * at},40000000000000,900,0,144")
        lines.append(f"{day},BCH,{200 if at < count // 2 else 600},300000000000,900,0,144")
    return "\n".join(lines) + "\n"


def test_a_backtest_walks_the_days_that_are_pasted(here):
    async def work():
        owner = await here.owner()
        wish = {"days": days_of("2024-01-01", 120), "coins": "BTC,BCH", "policies": ["best_hashprice"]}
        job = await do(owner, "backtest", wish)
        assert job["state"] == "done", job["problem"]
        answer = job["answer"]
        assert (answer["first_day"], answer["last_day"], answer["coins"]) == (
            "2024-02-01",
            "2024-04-29",
            ["BTC", "BCH"],
        )
        policy = answer["runs"][0]
        assert len(policy["sum_by_day_usd"]) == 89
        assert policy["moves"] >= 1, "BCH became three times as good, and the policy went there"
        names = {it["name"] for it in answer["runs"]}
        assert {"idle", "buy the coin", "perfect foresight"} <= names
        assert job["command"].startswith("hw backtest --policy=best_hashprice --data=. --coins=BTC,BCH")

    asyncio.run(work())


def test_a_backtest_walks_an_invented_example_and_says_that_it_is_invented(here):
    async def work():
        owner = await here.owner()
        job = await do(owner, "backtest", {"example": True, "policies": ["best_hashprice"], "last": "2023-04-30"})
        assert job["state"] == "done", job["problem"]
        assert job["answer"]["source"] == "an INVENTED example, no real days"
        assert job["answer"]["runs"][0]["revenue_usd"] > 0
        report = await owner.get(f"/api/v1/lab/jobs/{job['number']}/report")
        assert "INVENTED" in report.text

    asyncio.run(work())


def test_days_that_are_no_table_are_refused_in_the_words_of_the_command(here):
    async def work():
        owner = await here.owner()
        job = await do(owner, "backtest", {"days": "when,what\n2024-01-01,3\n"})
        assert (job["state"], job["problem"]["code"]) == ("failed", "HW-805")

    asyncio.run(work())


def test_a_plan_of_weeks_and_its_what_if_write_nothing_into_the_data_folder(here):
    async def work():
        owner = await here.owner()
        before = sorted(path.name for path in here.site.live.folder.iterdir())
        wish = {"hardware": "s21 x2", "power_price": "0.05", "horizon": "7d", "scenarios": 100, "price": "+20%"}
        job = await do(owner, "plan", wish)
        assert job["state"] == "done", job["problem"]
        answer = job["answer"]
        assert answer["what_if"] == "price=+20%"
        assert sum(answer["histogram"]["shares"]) == pytest.approx(1, abs=1e-3)
        assert len(answer["histogram"]["edges_usd"]) == len(answer["histogram"]["shares"]) + 1
        assert answer["verdict"][0].startswith("Mining ") or "Mining " in answer["verdict"][0]
        assert "<h2>What would change it</h2>" in (await owner.get(f"/api/v1/lab/jobs/{job['number']}/report")).text
        assert sorted(path.name for path in here.site.live.folder.iterdir()) == before

    asyncio.run(work())


def test_a_site_s_hours_are_planned_and_its_plug_ins_read_no_file_and_ask_nobody(here):
    async def work():
        owner = await here.owner()
        job = await do(owner, "energy", {"site": SITE, "hours": 6})
        assert job["state"] == "done", job["problem"]
        assert (job["answer"]["slots"], job["answer"]["groups"]["old"]["running"][0]) == (24, 1)
        assert job["command"].startswith("hw plan energy --hours=6 --site=site.toml")
        assert "Power plan of shed" in (await owner.get(f"/api/v1/lab/jobs/{job['number']}/report")).text
        for table in (
            '[weather]\nkind = "file"\npath = "/etc/passwd"\n',
            '[weather]\nkind = "open_meteo"\nurl = "http://127.0.0.1:9"\n',
            '[export]\nkind = "recorded"\nfile = "/etc/passwd"\nzone = "x"\n',
            "weather = 3\n",
        ):
            text = table + SITE if table.startswith("weather") else SITE + table
            refused = await owner.post("/api/v1/lab/energy", json={"site": text})
            assert (refused.status_code, refused.json()["code"]) == (409, "HW-838"), refused.text
        broken = await do(owner, "energy", {"site": "[site\n"})
        assert broken["problem"]["code"] == "HW-840"
        wrong = await do(owner, "energy", {"site": SITE.replace("import_kw = 10", "import_kw = -1")})
        assert any("import_kw" in line for line in wrong["problem"]["findings"]), wrong["problem"]

    asyncio.run(work())


def test_levers_answer_at_once_and_name_the_command_that_says_the_same(here):
    async def work():
        owner = await here.owner()
        wish = {"machine": "s21", "power_price": 0.2, "growth": 1.0, "efficiency": 20.0, "pool_fee": 0.02, "days": 100}
        answer = (await owner.post("/api/v1/lab/what-if", json=wish)).json()
        after, before = answer["after"], answer["before"]
        assert after["power_usd_day"] == pytest.approx(20.0 * 200 / 1000 * 24 * 0.2)
        assert after["profit_usd_day"] < 0, "it loses, and the page says so first"
        assert before["power_usd_day"] == pytest.approx(17.5 * 200 / 1000 * 24 * 0.1)
        assert after["left_usd"] == pytest.approx(100 * after["profit_usd_day"])
        assert [it["value"] for it in answer["levers"] if it["lever"] == "efficiency"] == [pytest.approx(20.0)]
        spreads = [abs(it["high_left_usd"] - it["low_left_usd"]) for it in answer["tornado"]]
        assert spreads == sorted(spreads, reverse=True)
        assert answer["facts"][0]["sources"]
        words = shlex.split(answer["command"])[1:]
        command = [sys.executable, "-c", "from hashwright.cli.main import main; main()", *words, "--json"]
        command += ["--data-dir", str(here.site.live.folder)]
        told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
        assert told["profit_usd_per_day_est"] == pytest.approx(after["profit_usd_day"])
        assert [it["lever"] for it in told["tornado"]] == [it["lever"] for it in answer["tornado"]]
        for bad, code in (({"price": 0}, "HW-837"), ({"machine": "no such"}, "HW-802"), ({"coin": "nocoin"}, "HW-801")):
            refused = await owner.post("/api/v1/lab/what-if", json=wish | bad)
            assert refused.json()["code"] == code, refused.text

    asyncio.run(work())
