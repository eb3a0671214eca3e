"""A person's first day with the dashboard, in Debian's Chromium, on a desk and on a phone."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from functional.program import program
from functional.web import EVIL_AGENT, add_fleet, add_practice, hostile_machine, mining, web

pytestmark = [pytest.mark.functional, pytest.mark.timeout(300)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STORY_S = 250
FRONTEND = Path(__file__).parents[2] / "frontend"


@pytest.fixture(scope="module")
def tools():
    """Node with the pinned packages of frontend/."""
    if CHROMIUM is None or shutil.which("npm") is None:
        pytest.skip("a browser needs chromium (scripts/judges) and node with npm")
    if not (FRONTEND / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=FRONTEND, check=True, timeout=120)
    return FRONTEND


@pytest.fixture(scope="module")
def told(tools, tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    shots = os.environ.get("HW_SHOTS") or str(folder)
    with program(folder) as running, web(folder, running.folder) as pages:
        add_practice(running)
        asyncio.run(add_fleet(running))
        with mining(running, "kai.rig-1", "mia.rig-2"), hostile_machine(running.port):
            asked = {"address": pages.address, "link": pages.link(), "shots": shots, "chromium": CHROMIUM}
            done = subprocess.run(
                ["node", "test/story.mjs", json.dumps(asked)],
                cwd=tools, capture_output=True, text=True, timeout=STORY_S, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert "failure" not in found, found
        return found


def test_the_one_time_link_leads_to_the_page_now_and_is_not_kept_in_the_address(told):
    assert told["steps"]["address"].endswith("#/now")
    assert "HW-744" in told["steps"]["spent"]


def test_every_page_says_that_this_is_practice(told):
    assert "PRACTICE" in told["steps"]["mode"]


def test_the_sentence_says_what_is_going_on(told):
    assert told["steps"]["sentence"].startswith("Mining bitcoin on ")


def test_software_that_calls_itself_markup_is_a_text(told):
    assert EVIL_AGENT in told["steps"]["machines"]
    assert told["steps"]["hacked"] == ["undefined", 0]
    assert told["steps"]["matching"].startswith("1 machine of 5")


def test_a_target_is_changed_and_a_wrong_one_is_refused_in_words(told):
    assert told["steps"]["refusal"].startswith("HW-7")
    assert "nowhere" in told["steps"]["refusal"]


def test_machines_are_commanded_together_and_it_is_said_how_many_were_told(told):
    assert told["steps"]["asked"] == "Pause: 2 machines"
    assert told["steps"]["bulk"].startswith("Pause: 2 machines told.")
    assert told["steps"]["map"] == 2


def test_the_header_says_what_is_left_of_today_and_what_comes_next(told):
    assert told["steps"]["today"].startswith("today")
    assert told["steps"]["next"].startswith("next")


def test_a_machine_has_a_past_and_only_networks_of_ones_own_are_looked_at(told):
    assert "every five minutes" in told["steps"]["past"]
    assert told["steps"]["scan"].startswith("HW-436")


def test_an_address_of_notices_is_never_in_a_page_and_a_copy_holds_the_accounts(told):
    assert told["steps"]["leaked"] is False
    assert "with accounts" in told["steps"]["copies"]


def test_the_books_are_proved_and_exported(told):
    assert "entries proved" in told["steps"]["proof"]
    assert told["steps"]["export"].startswith("number,time_utc,source,kind,account")


def test_a_read_only_link_shows_no_money(told):
    pages = set(told["steps"]["guest"].split())
    assert {"Now", "Machines", "Plan", "Pool", "Market", "Settings"} <= pages
    assert "Money" not in pages


def test_the_keyboard_alone_reaches_the_content(told):
    assert told["steps"]["skip"] == "To the content"
    assert told["steps"]["focused"] == "main"


def test_axe_finds_no_serious_fault(told):
    assert len(told["axe"]) == 13
    assert {page: found for page, found in told["axe"].items() if found} == {}


def test_no_page_is_wider_than_its_screen(told):
    assert {page: over for page, over in told["overflow"].items() if over > 0} == {}


def test_nothing_is_asked_of_anybody_else(told):
    assert told["foreign"] == []


def test_no_script_fails_and_no_policy_is_broken(told):
    assert told["errors"] == []
    loud = [line for line in told["console"] if not line.startswith("Failed to load resource: the server responded")]
    assert loud == []


def test_signing_out_ends_the_day(told):
    assert told["steps"]["signedOut"] is True
