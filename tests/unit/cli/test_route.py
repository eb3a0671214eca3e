"""`hw route` as a person types it, against a process that is a table of answers."""

import asyncio
import json

import pytest

from hashwright.cli import route as module
from hashwright.cli.route import algorithm_of
from hashwright.cli.terminal import Terminal
from hashwright.clock import Instant
from hashwright.runtime import route_status, route_test
from hashwright.runtime.route_commands import table
from hashwright.store.sqlite import SqliteStore
from unit.cli.world import hw
from unit.runtime.route_app import make_app
from unit.runtime.route_pool import OTHER_SCRIPT, OUR_ADDRESS, BlobPool, Pool, hashing_blob

DESTINATIONS = [
    {"destination": "home", "algorithm": "sha256d"},
    {"destination": "far", "algorithm": "sha256d"},
    {"destination": "ltc", "algorithm": "scrypt"},
]


@pytest.fixture
def app(monkeypatch):
    """A fake process behind the control socket."""
    app = make_app()
    app.store.asked = [("far", 700), ("home", 300)]
    app.store.work = [("far", "accepted", 710), ("home", "accepted", 310)]
    app.store.delivery = [("far", "accepted", "", 690), ("far", "rejected", "low\x1b[2J difficulty", 20)]
    app.store.delivery.append(("far", "late", "switched", 2))
    app.asked = []

    async def ask(data_dir, command, *, timeout_s=30.0, **arguments):
        app.asked.append((command, arguments))
        if command == "status":
            return {"destinations": DESTINATIONS, "broken": [], "now": app.clock.now()}
        return json.loads(json.dumps(await table(app)[command](arguments)))

    monkeypatch.setattr("hashwright.runtime.control.ask", ask)
    return app


def run(capsys, tmp_path, *words):
    return hw(capsys, "--data-dir", tmp_path, "route", *words)


def rows(said):
    return [line.split("\t") for line in said.out.splitlines()]


# -------------------------------------------------------------------- status


def test_status_shows_asked_against_delivered(capsys, tmp_path, app):
    said = run(capsys, tmp_path, "status")
    table_rows = {row[0]: row for row in rows(said) if len(row) > 8}
    assert table_rows["destination"] == [
        "destination", "state", "asked", "delivered", "error", "hash rate", "machines", "accepted", "rejected", "stale",
        "lost", "latency",
    ]  # fmt: skip
    far, home = table_rows["far"], table_rows["home"]
    assert far[1:5] == ["ready", "70.00 %", "69.00 %", "-1.00 %"]
    assert far[6:] == ["2 (1 sliced)", "690", "20", "0", "2", "12 ms"]
    assert home[1:5] == ["ready", "30.00 %", "31.00 %", "+1.00 %"]
    assert home[6:] == ["1", "310", "0", "-", "-", "-"]


def test_status_says_window_units_and_what_is_estimated(capsys, tmp_path, app):
    said = run(capsys, tmp_path, "status", "--window", "1h")
    assert "Last 1 h; asked and delivered: percent of all work, measured; hash rate: estimated" in said.out
    app.kernel.pool.boot = 1
    said = run(capsys, tmp_path, "status", "--window", "24h")
    assert "Last 24 h, so far 2 min; " in said.out


def test_status_names_route_pins_and_whom_upstreams_pay(capsys, tmp_path, app):
    app.store.kept["route"]["sha256d"] = {
        "algorithm": "sha256d", "targets": ["far=70%", "home=30%,max=2 PH/s"], "fallbacks": ["home"], "safe": "home",
        "author": "kai",
    }  # fmt: skip
    app.store.kept["pin"]["kai.rack7-*"] = {"pattern": "kai.rack7-*", "destination": "home"}
    said = run(capsys, tmp_path, "status")
    assert "sha256d: far=70% home=30%,max=2PH/s; fall-backs home; safe home (by kai)\n" in said.out
    assert "scrypt: no route; all machines mine for the first destination that is ready\n" in said.out
    assert ["kai.rack7-*", "home", "2"] in rows(said)
    (line,) = [row for row in rows(said) if row[0] == "far" and len(row) == 8]
    assert line[1:7] == ["connected", "stratum+tcp://pool.example:1 (not the primary)", "1", "2", "30 s", "5 s"]
    assert line[7] == f"height 850001 '/toy/' to us, {OUR_ADDRESS}"


def test_reasons_of_an_upstream_are_shown_and_cannot_move_the_cursor(capsys, tmp_path, app):
    said = run(capsys, tmp_path, "status")
    assert "  far: 20 rejected: low\\x1b[2J difficulty; 2 late: switched\n" in said.out
    assert "\x1b" not in said.out


def test_what_is_wrong_is_said(capsys, tmp_path, app):
    app.write_state = "failed"
    app.broken["ltc"] = "its address is damaged"
    app.kernel.pool.destinations["far"].channels[7].coinbase = None
    said = run(capsys, tmp_path, "status", "--plain")
    assert "failed  The journal cannot be written: nothing is credited" in said.out
    assert "failed  ltc is disabled: its address is damaged" in said.out


def test_a_route_that_is_not_followed_says_why(capsys, tmp_path, monkeypatch, app):
    plan = {
        "problem": "reload: broken",
        "fault": "ClockTicked: KeyError",
        "degraded": {"far": "it refused 9 of the last 50 shares"},
        "wanted_percent": {},
    }
    monkeypatch.setattr(route_status, "_plan_of", lambda app, algorithm: plan)
    lines = run(capsys, tmp_path, "status", "--plain").out.splitlines()
    assert "failed  Routing is off until the next start, machines stay where they are: ClockTicked: KeyError" in lines
    assert "failed  The route is not followed, the safe destination has the machines: reload: broken" in lines
    assert "warning far is left out for a while: it refused 9 of the last 50 shares" in lines


def test_an_upstream_that_pays_somebody_else_is_said(capsys, tmp_path, monkeypatch, app):
    app.kernel.pool.destinations["far"].channels = (
        make_app(script=OTHER_SCRIPT).kernel.pool.destinations["far"].channels
    )
    said = run(capsys, tmp_path, "status", "--plain")
    assert "failed  far does not pay your address in its coinbase. HW-432" in said.out
    assert " to NOT us, 2" in said.out


def test_status_in_json_is_the_whole_document(capsys, tmp_path, app):
    document = json.loads(run(capsys, tmp_path, "status", "--json").out)
    assert set(document["windows"]) == {"10m", "1h", "24h"}
    sha256d = document["algorithms"][1]
    assert [item["destination"] for item in sha256d["destinations"]] == ["home", "far"]


def test_status_without_anything_says_the_next_step(capsys, tmp_path, app):
    app.kernel.pool.destinations.clear()
    app.store.asked = app.store.work = app.store.delivery = []
    assert run(capsys, tmp_path, "status").out == "No destination yet. Add one: hw pool add --help\n"


def test_watching_repeats_until_interrupted(capsys, tmp_path, monkeypatch, app):
    monkeypatch.setattr(module, "WATCH_S", 0.0)
    real, turns = asyncio.sleep, []

    async def sleep(seconds):
        turns.append(seconds)
        if len(turns) == 3:
            raise KeyboardInterrupt
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    said = run(capsys, tmp_path, "status", "--watch")
    assert said.code == 130
    assert said.out.count("Last 10 min") == 6  # two algorithms, three times
    turns.clear()
    said = run(capsys, tmp_path, "status", "--watch", "--json")
    assert said.out.count('"algorithms"') == 3


def test_who_watches_sees_a_restart_through(capsys, tmp_path, monkeypatch, app):
    from hashwright.errors import Unavailable
    from hashwright.runtime import control

    monkeypatch.setattr(module, "WATCH_S", 0.0)
    answer, turns = control.ask, []

    async def ask(data_dir, command, **arguments):
        turns.append(command)
        if len(turns) == 2:
            raise Unavailable("No Hashwright runs here.", code="HW-704")
        if len(turns) == 4:
            raise KeyboardInterrupt
        return await answer(data_dir, command, **arguments)

    monkeypatch.setattr(control, "ask", ask)
    said = run(capsys, tmp_path, "status", "--watch", "--plain")
    assert said.code == 130
    assert said.out.count("Last 10 min") == 4
    assert "failed  No Hashwright runs here. HW-704" in said.out


def test_watching_at_a_terminal_redraws_in_place(capsys, tmp_path, monkeypatch, app):
    turns = []

    async def sleep(seconds):
        turns.append(seconds)
        if len(turns) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(Terminal, "can_animate", True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the test's stream for a terminal then
    monkeypatch.setenv("TERM", "xterm")
    said = run(capsys, tmp_path, "status", "--watch")
    assert said.code == 130
    assert said.out.startswith("\x1b[?1049h")  # the other screen, and back from it at the end
    assert "\x1b[?1049l" in said.out
    assert said.out.count("70.00 %") == 3


def test_watching_in_place_draws_the_same(tmp_path, monkeypatch, app):
    from rich.console import Console

    from hashwright.cli.route_views import drawing_of, status_parts
    from hashwright.runtime.route_status import read_status

    app.broken["ltc"] = "its address is damaged"
    console = Console(width=200, record=True, force_terminal=False)
    console.print(drawing_of(status_parts(asyncio.run(read_status(app)), "10m")))
    text = console.export_text()
    assert "70.00 %" in text
    assert "ltc is disabled: its address is damaged" in text


@pytest.mark.parametrize("words", [("status",), ("status", "--watch"), ("set", "far=1"), ("move", "kai.r1", "far")])
def test_without_a_process_they_end_with_5(capsys, tmp_path, words):
    said = run(capsys, tmp_path, *words)
    assert said.code == 5
    assert said.err.startswith("HW-704 ")


# -------------------------------------------------------------------- set and move


def test_set_says_what_it_did_and_what_was_before(capsys, tmp_path, app):
    said = run(capsys, tmp_path, "set", "far=70%", "home=30%", "--fallback", "home, far", "--safe", "home")
    assert said.code == 0
    assert said.err == (
        "sha256d: far=70% home=30%; fall-backs home, far; safe home (by hw route set)\nNext: hw route status --watch\n"
    )
    said = run(capsys, tmp_path, "set", "home=1", "--safe", "")
    assert said.err.splitlines()[:2] == [
        "sha256d: home=1; fall-backs home, far (by hw route set)",
        "Before: far=70% home=30%; fall-backs home, far; safe home (by hw route set)",
    ]
    said = run(capsys, tmp_path, "set", "far=1", "--fallback", "", "--json")
    assert json.loads(said.out)["route"] == {"algorithm": "sha256d", "targets": ["far=1"], "author": "hw route set"}


def test_set_takes_the_algorithm_of_the_destinations(capsys, tmp_path, app):
    assert run(capsys, tmp_path, "set", "ltc=1").code == 0
    assert list(app.store.kept["route"]) == ["scrypt"]
    said = run(capsys, tmp_path, "set", "ltc=1", "--algo", "sha256d")
    assert said.code == 3
    assert "ltc is mined with scrypt, not with sha256d" in said.err


@pytest.mark.parametrize(
    ("targets", "found"), [(["ltc=1"], "scrypt"), (["a=1"], "sha256d"), (["ltc=1", "b=1"], "sha256d")]
)
def test_the_algorithm_is_guessed_only_where_it_is_plain(targets, found):
    assert algorithm_of(targets, {"ltc": "scrypt", "b": "sha256d"}) == found


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("far=7o",), "Target 'far=7o': '7o' is neither parts"),
        (("far=70%", "home=20%"), "the percentages make 90%, not 100%"),
        (("nobody=1",), "there is no destination 'nobody'; there are: far, home"),
    ],
)
def test_a_bad_route_ends_with_3_and_changes_nothing(capsys, tmp_path, app, words, part):
    said = run(capsys, tmp_path, "set", *words)
    assert said.code == 3
    assert part.lower() in said.err.lower()
    assert app.happened == []


def test_a_dry_run_changes_nothing(capsys, tmp_path, app):
    said = run(capsys, tmp_path, "set", "far=1", "--dry-run")
    assert (said.code, app.happened) == (0, [])
    assert said.err.endswith("Dry run: nothing was changed.\n")


def test_a_dry_run_without_a_process_reads_the_database(capsys, tmp_path):
    store = SqliteStore.open(tmp_path)
    far = {"name": "far", "urls": ["stratum+tcp://pool.example:1"], "user": "kai"}
    store.put_setting("destination", "far", far, now=Instant(0))
    store.put_setting("route", "sha256d", {"algorithm": "sha256d", "targets": ["far=2"], "safe": "far"}, now=Instant(0))
    store.close()
    said = run(capsys, tmp_path, "set", "far=1", "--dry-run")
    assert said.code == 0
    assert said.err.splitlines() == [
        "sha256d: far=1; safe far (by hw route set)", "Before: far=2; safe far", "Dry run: nothing was changed.",
    ]  # fmt: skip
    said = run(capsys, tmp_path, "set", "near=1", "--dry-run")
    assert said.code == 3
    assert "there are: far" in said.err


def test_move_says_how_many_machines_it_concerns(capsys, tmp_path, app):
    said = run(capsys, tmp_path, "move", "kai.rack7-*", "home")
    assert said.err == "kai.rack7-* mines only for home (2 connected workers).\nNext: hw route status\n"
    said = run(capsys, tmp_path, "move", "kai.r9", "home", "--json")
    assert json.loads(said.out) == {"pattern": "kai.r9", "destination": "home", "workers": []}
    said = run(capsys, tmp_path, "move", "kai.rack7-*", "auto")
    assert said.err.startswith("kai.rack7-* is placed by the route again (2 connected workers).")
    said = run(capsys, tmp_path, "move", "kai.rack7-*", "auto")
    assert said.code == 4
    assert said.err.startswith("HW-708 There is no pin for 'kai.rack7-*'. There are: kai.r9.")


# -------------------------------------------------------------------- test


def look(capsys, tmp_path, pool, *words):
    """Run `hw route test` against a pool that lives in another thread's loop."""
    import threading

    started, over = threading.Event(), None

    async def serve():
        nonlocal over
        over = asyncio.Event()
        async with pool.listen():
            loop_of.append(asyncio.get_running_loop())
            started.set()
            await over.wait()

    loop_of = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(30)
        return run(capsys, tmp_path, "test", pool.url, *words)
    finally:
        loop_of[0].call_soon_threadsafe(over.set)
        thread.join()


def test_a_pool_is_shown_without_a_running_process(capsys, tmp_path):
    pool = Pool(extra=[("client.reconnect", ["elsewhere.example", 3333, 1]), ("client.show_message", ["hi\x1b[2J"])])
    words = ("--user", "kai.probe", "--coin", "bitcoin", "--network", "regtest", "--plain")
    said = look(capsys, tmp_path, pool, *words)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith(f"ok      {pool.url} at 127.0.0.1: connected in ")
    assert "ok      user kai.probe is taken" in lines
    assert (
        "ok      extranonce: prefix 0a0b0c0d, 8 bytes are ours: 4 tell machines apart, "
        "so one connection carries 4294967296 of them"
    ) in lines
    assert "ok      version rolling is granted: mask 1fffe000, 16 bits" in lines
    assert "warning it asks us to go to elsewhere.example:3333; not followed (HW-434)" in lines
    assert "ok      coinbase: height 850001, tag '/toy pool/', pays 3.12500000 BTC" in lines
    assert any(line.startswith(f"3.12500000 BTC\t{OUR_ADDRESS}\t0014") for line in lines)
    assert any(line.startswith("0.00000000 BTC\tdata\t6a24aa21a9ed") for line in lines)
    assert "\x1b" not in said.out


def test_a_monero_pool_is_shown_in_the_same_way(capsys, tmp_path):
    pool = BlobPool(job={"blob": hashing_blob(nonce=b"\0\0\0\x05").hex(), "next_seed_hash": None})
    said = look(capsys, tmp_path, pool, "--algo", "randomx", "--user", "4abc.desk", "--plain")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith(f"ok      {pool.url} at 127.0.0.1: connected in ")
    assert "ok      user 4abc.desk is taken" in lines
    assert "ok      this connection is s-42 there" in lines
    assert "warning the byte of the nonce that tells machines apart is taken (05): it is a proxy" in said.out
    assert "ok      difficulty of its shares: 10\u2009000" in lines
    assert ": j7, rx/0, height 3000000, fork 16, blob of 76 bytes" in said.out
    assert "ok      key of RandomX 0707070707070707..." in lines
    assert "skipped whom its blocks pay, and the network's difficulty: a Monero job hides both" in lines
    assert "version rolling" not in said.out
    said = look(capsys, tmp_path, BlobPool(), "--algo", "randomx")
    assert (said.code, "says nothing before a login" in said.err) == (1, True)


def test_a_pool_in_json_is_one_document(capsys, tmp_path):
    said = look(capsys, tmp_path, Pool(extranonce2_size=4, answers={"mining.configure": False}), "--json")
    document = json.loads(said.out)
    assert document["found"]["room"]["machines"] == 1
    assert document["solo_problem"] == ""


def test_a_pool_with_little_room_and_no_mask_is_explained(capsys, tmp_path):
    said = look(capsys, tmp_path, Pool(extranonce2_size=2, answers={"mining.configure": False}), "--plain")
    assert "too few to tell machines apart, so one connection a machine" in said.out
    assert "version rolling is not granted: machines get mask 0" in said.out
    assert "312500000 smallest units" in said.out
    assert "skipped no login" in said.out


def test_a_solo_pool_that_pays_somebody_else_ends_with_1(capsys, tmp_path):
    words = ("--coin", "bitcoin", "--network", "regtest", "--solo-address", OUR_ADDRESS)
    said = look(capsys, tmp_path, Pool(script=OTHER_SCRIPT), *words)
    assert said.code == 1
    assert said.err.startswith("HW-432 ")
    assert "pays 0 of 312500000" in said.err
    assert "coinbase: height 850001" in said.out


def test_no_job_without_a_user_is_partly_done(capsys, tmp_path, monkeypatch):
    limits = route_test.ProbeLimits(connect_s=20, subscribe_s=20, login_s=20, job_s=0.2, rest_s=20)
    monkeypatch.setattr(route_test, "ProbeLimits", lambda: limits)
    said = look(capsys, tmp_path, Pool(job_after="mining.authorize"))
    assert said.code == 7
    assert said.err == "No job came. Many pools give one only to those who log in: --user.\n"


@pytest.mark.parametrize(
    ("words", "code", "start"),
    [
        (("127.0.0.1:1",), 5, "HW-430 "),
        (("127.0.0.1:1", "--for-others"), 6, "HW-106 127.0.0.1 leads to 127.0.0.1, which is loopback."),
        (("10.0.0.1:3333", "--for-others"), 6, "HW-106 "),
        (("http://pool.example",), 1, "HW-104 "),
        (("pool.example:1", "--solo-address", OUR_ADDRESS), 1, "HW-701 "),
        (("pool.example:1", "--password-from", "secret"), 3, "HW-702 "),
        (("pool.example:1", "--password-from", "file:/etc/passwd", "--for-others"), 6, "HW-501 "),
    ],
)
def test_each_way_to_fail_has_its_code(capsys, tmp_path, words, code, start):
    said = run(capsys, tmp_path, "test", *words)
    assert said.code == code
    assert said.err.startswith(start)


def test_a_running_process_looks_itself(capsys, tmp_path, app):
    said = run(capsys, tmp_path, "test", "127.0.0.1:1", "--user", "kai")
    assert said.code == 5
    ((command, arguments),) = app.asked
    assert command == "route-test"
    assert arguments["options"]["user"] == "kai"


# -------------------------------------------------------------------- hw pool status


def test_pool_status_shows_own_nodes_and_upstreams_apart(capsys, tmp_path, monkeypatch, app):
    from hashwright.runtime.commands import destination_of

    for name, kept in app.kernel.pool.destinations.items():
        item = next(item for item in DESTINATIONS if item["destination"] == name)
        monkeypatch.setitem(item, "coin", kept.settings.coin)
        for key, value in destination_of(app, name, kept, now=app.clock.now()).items():
            monkeypatch.setitem(item, key, value)
    said = hw(capsys, "--data-dir", tmp_path, "pool", "status")
    heads = [row[0] for row in rows(said)]
    assert heads == ["destination", "home", "ltc", "", "upstream", "far"]
    document = json.loads(hw(capsys, "--data-dir", tmp_path, "pool", "status", "--json").out)
    assert [item["destination"] for item in document["destinations"]] == ["home", "far", "ltc"]
    assert [item["destination"] for item in document["upstreams"]] == ["far"]
