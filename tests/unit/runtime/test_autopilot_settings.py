"""Settings of the autopilot: every problem at once, in words, and nothing acts unless it is told to."""

import pytest

from hashwright.errors import ConfigError
from hashwright.runtime.autopilot_settings import parse_autopilot


def test_it_is_a_dry_run_until_told_otherwise():
    assert parse_autopilot({"algorithm": "sha256d"}).mode == "dry-run"
    assert parse_autopilot({"algorithm": "randomx"}).limits.step == 0.25


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"algorithm": "ethash"}, "'ethash' is not mined here"),
        ({"mode": "yolo"}, "mode"),
        ({"policy": "hope"}, "there is no 'hope'; known are"),
        ({"every_s": 1}, "every_s: 1 is not between 10 and 86400"),
        ({"step_percent": 0}, "step_percent"),
        ({"step_percent": 101}, "step_percent"),
        ({"power_price_usd_kwh": 8}, "in cents\\? Write 0.08"),
        ({"power_price_usd_kwh": -0.1}, "power_price_usd_kwh"),
        ({"fees_percent": {"a": 100}}, "a fee of 100.0 % at a"),
        ({"colour": "red"}, "colour"),
        ({"efficiency_j_th": float("nan")}, "efficiency_j_th"),
    ],
)
def test_bad_settings_are_refused_in_words(change, words):
    with pytest.raises(ConfigError, match=words) as refused:
        parse_autopilot({"algorithm": "sha256d"} | change)
    assert refused.value.code == "HW-771"


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as refused:
        parse_autopilot({"algorithm": "x", "every_s": 1, "step_percent": 0})
    assert len(refused.value.findings) == 3
