"""Every command of `hw fleet` by its words: which machines it means, what it asks first, what it sends, how it ends."""

import json

import pytest

from hashwright.cli.main import run
from hashwright.errors import OperatorError

RULES = {"live": False, "settle_s": 5.0, "fail_safe": "keep"}
KEPT = {"hashrate_hs": 1e14, "power_w": 3000.0, "temperature_c": 60.0, "age_ms": 1000, "host": "127.0.0.1"}


def row(name, model, group, **fields):
    known = {"device": name, "model": model, "group": group, "kind": "asic", "site": "home", "state": "hashing",
             "tags": ["rack-7"] if name == "a1" else [], "is_settled": True, "unsupported": [], "troubles": [],
             "waits": "", "detail": "", "wish": None}  # fmt: skip
    return known | KEPT | fields


class Fleet:
    """The running program, as the command line knows it."""

    def __init__(self):
        rows = (
            row("a1", "Antminer S19", "cellar"),
            row("a2", "Antminer S21", "cellar"),
            row("w1", "Whatsminer", "hall"),
        )
        self.rows = {it["device"]: it for it in rows}
        self.sent = []
        self.answers = {}
        """What becomes of a machine: fields of its row, or the answer to a command."""

    async def ask(self, folder, command, **arguments):
        if command == "fleet-status":
            names = arguments.get("devices") or list(self.rows)
            found = [self.rows[name] for name in names][arguments.get("offset", 0) :]
            return {"now": 0, "total": len(names), "is_live": False, "fault": "", "plan": None, "devices": found}
        if command == "fleet-rules":
            changes = arguments.get("changes") or {}
            if changes:
                self.sent.append((command, changes))
            return {"rules": RULES | changes, "before": dict.fromkeys(changes) | RULES}
        arguments.pop("timeout_s", None)
        self.sent.append((command, arguments))
        return self._do(command, arguments)

    def _do(self, command, arguments):
        if command == "fleet-order":
            for name in arguments["devices"]:
                self.rows[name] |= self.answers.get(name, {})
            return {"devices": len(arguments["devices"]), "until": None}
        if command in ("fleet-pools", "fleet-blink", "fleet-fans"):
            said = [self.answers.get(name, "ok") for name in arguments["devices"]]
            names = arguments["devices"]
            return {"outcomes": [{"device": n, "answer": a, "detail": ""} for n, a in zip(names, said, strict=True)]}
        if command == "fleet-profile":
            if arguments["device"] in self.answers:
                raise OperatorError("it did not hold still", code="HW-117")
            return {"curve": [[1500.0, 5e13], [3000.0, 1e14]], "problems": []}
        return {"devices": len(arguments["devices"])}


class Line:
    """A connection that is kept for several questions."""

    def __init__(self, fleet, folder):
        self.fleet, self.folder = fleet, folder

    async def ask(self, command, **arguments):
        return await self.fleet.ask(self.folder, command, **arguments)

    def close(self):
        pass


@pytest.fixture
def fleet(monkeypatch):
    found = Fleet()
    monkeypatch.setattr("hashwright.runtime.control.ask", found.ask)
    monkeypatch.setattr("hashwright.runtime.control.Line", lambda folder: Line(found, folder))
    monkeypatch.setattr(
        "hashwright.cli.fleet_work.stored_settings",
        lambda _: {name: {"kind": "asic", "tags": it["tags"]} for name, it in found.rows.items()},
    )
    monkeypatch.setattr(
        "hashwright.cli.fleet_safety.stored_settings", lambda _: {name: {"kind": "asic"} for name in found.rows}
    )
    return found


@pytest.fixture
def hw(tmp_path, capsys, monkeypatch, fleet):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def hw(*words):
        try:
            code = run(["--data-dir", str(tmp_path / "data"), "fleet", *words])
        except SystemExit as end:
            code = end.code
        out = capsys.readouterr()
        return code, out.out, out.err

    return hw


ALL = ["a1", "a2", "w1"]
URL = "stratum+tcp://192.0.2.1:3333"
DO = ("--live", "--yes")


@pytest.mark.parametrize(
    ("words", "command", "sent"),
    [
        (("pause", *DO), "fleet-order", {"devices": ALL, "mode": "sleep", "for_s": 0.0}),
        (("pause", "--group", "cellar", "--for", "2h", *DO), "fleet-order",
         {"devices": ["a1", "a2"], "mode": "sleep", "for_s": 7200.0}),
        (("resume", "a*", *DO), "fleet-order", {"devices": ["a1", "a2"], "mode": "run", "part": 1.0}),
        (("power", "70%", "--model", "s21", *DO), "fleet-order", {"devices": ["a2"], "mode": "run", "part": 0.7}),
        (("auto", "--rack", "7", *DO), "fleet-auto", {"devices": ["a1"]}),
        (("pools", "--url", URL, "--user", "kai.{name}", "--site", "home", *DO), "fleet-pools",
         {"devices": ALL, "pools": [{"url": URL, "user": "kai.{name}"}]}),
        (("fans", "60%", "--kind", "asic", *DO), "fleet-fans", {"devices": ALL, "percent": 60}),
        (("fans", "auto", "w1", *DO), "fleet-fans", {"devices": ["w1"], "percent": None}),
        (("blink", "w1"), "fleet-blink", {"devices": ["w1"], "on": True}),
        (("blink", "w1", "--off"), "fleet-blink", {"devices": ["w1"], "on": False}),
        (("remove", "--state", "hashing", "w1", "--yes"), "fleet-remove", {"devices": ["w1"]}),
        (("profile", "a1", "--levels", "100%,50%", "--hold", "30s", *DO), "fleet-profile",
         {"device": "a1", "parts": [1.0, 0.5], "hold_s": 30.0}),
        (("tag", "+new", "a1", "--yes"), "fleet-set",
         {"devices": [{"name": "a1", "kind": "asic", "tags": ["rack-7", "new"]}]}),
        (("tag", "-rack-7", "a1", "--yes"), "fleet-set", {"devices": [{"name": "a1", "kind": "asic", "tags": []}]}),
        (("tag", "--yes", "-rack-7h", "--group", "cellar"), "fleet-set",
         {"devices": [{"name": "a1", "kind": "asic", "tags": ["rack-7"]}, {"name": "a2", "kind": "asic", "tags": []}]}),
        (("tag", "group=attic", "w1", "--yes"), "fleet-set",
         {"devices": [{"name": "w1", "kind": "asic", "tags": [], "group": "attic"}]}),
        (("fail-safe", "sleep", "w1", "--yes"), "fleet-set",
         {"devices": [{"name": "w1", "kind": "asic", "fail_safe": "sleep"}]}),
        (("fail-safe", "default", "w1", "--yes"), "fleet-set",
         {"devices": [{"name": "w1", "kind": "asic", "fail_safe": ""}]}),
        (("rules", "--set", "dwell_s=900", "--set", "fail_safe=sleep"), "fleet-rules",
         {"dwell_s": 900, "fail_safe": "sleep"}),
    ],
)  # fmt: skip
def test_each_command_sends_what_it_says_to_the_machines_that_were_meant(hw, fleet, words, command, sent):
    code, _, err = hw(*words)
    assert code == 0, err
    ((name, arguments),) = fleet.sent
    assert name == command
    assert {key: arguments[key] for key in sent} == sent


ACTING = (("pause",), ("resume",), ("power", "70%"), ("auto",), ("fans", "60%"), ("profile", "a1"),
          ("pools", "--url", URL, "--user", "kai"))  # fmt: skip


@pytest.mark.parametrize("words", ACTING)
def test_without_live_it_says_how_many_and_sends_nothing_and_with_it_it_asks_first(hw, fleet, words):
    code, _, err = hw(*words)
    assert (code, fleet.sent) == (0, [])
    assert "of 3 machines would" in err
    assert "DRY RUN" in err
    assert json.loads(hw(*words, "--json")[1])
    code, _, err = hw(*words, "--live")
    assert (code, fleet.sent, "HW-709" in err) == (1, [], True)


@pytest.mark.parametrize("words", [("remove",), ("tag", "+x"), ("fail-safe", "sleep"), ("blink",)])
def test_what_changes_settings_asks_as_well(hw, fleet, words):
    code, _, err = hw(*words)
    assert (code, fleet.sent, "HW-709" in err) == (1, [], True)


@pytest.mark.parametrize(
    ("words", "answers", "named"),
    [
        (("pause", *DO), {"a2": {"is_settled": False, "state": "unreachable", "troubles": ["HW-107"],
                                 "detail": "No answer within 5 s."}}, "a2: unreachable: No answer within 5 s."),
        (("power", "70%", *DO), {"w1": {"unsupported": ["limit"]}}, "w1: unsupported: its firmware cannot limit"),
        (("pools", "--url", URL, "--user", "kai", *DO), {"a1": "refused"}, "a1: refused"),
        (("profile", *DO), {"w1": {}}, "w1: "),
    ],
)  # fmt: skip
def test_where_not_all_obey_each_is_named_and_the_exit_code_is_7(hw, fleet, words, answers, named):
    fleet.answers = answers
    code, out, err = hw(*words)
    assert code == 7
    assert named in out + err


def test_none_that_fits_is_exit_code_4(hw, fleet):
    code, _, err = hw("pause", "--tag", "nowhere", *DO)
    assert (code, "HW-708" in err, fleet.sent) == (4, True, [])
    assert hw("ls", "nobody")[0] == 4


def test_groups_top_and_ls_sum_and_sort(hw):
    found = json.loads(hw("groups", "--by", "group", "--json")[1])["groups"]
    assert {it["name"]: (it["count"], it["power_w"]) for it in found} == {"cellar": (2, 6000.0), "hall": (1, 3000.0)}
    assert "cellar" in hw("top", "--once")[1]
    assert [it["device"] for it in json.loads(hw("ls", "--sort", "name", "--json")[1])["devices"]] == ALL
