"""What every tariff and every source of weather must be, whichever file it is in."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from adapters_tariffs import prices
from hashwright import registry
from hashwright.energy.calendar import slots_of_day, zone_of
from hashwright.energy.settings import read_struct
from hashwright.energy.slots import on_grid

BERLIN = zone_of("Europe/Berlin")
OWN_RULES = {
    "flat": {"kind": "flat", "price": Decimal("0.2")},
    "time_of_use": {
        "kind": "time_of_use", "price": Decimal("0.3"), "zone": "Europe/Berlin",
        "rules": [{"price": Decimal("0.1"), "from": "01:00", "to": "04:00"}],
    },
}  # fmt: skip


def test_the_kinds_of_the_issue_are_there():
    assert set(registry.names("tariffs")) >= {
        "flat", "time_of_use", "day_ahead", "energy_charts", "octopus_agile", "http_json", "recorded",
    }  # fmt: skip
    assert set(registry.names("weather")) >= {"pvgis", "open_meteo", "file", "clear_sky"}


@pytest.mark.parametrize("kind", ["tariffs", "weather"])
def test_every_plugin_says_what_it_is_and_refuses_what_it_does_not_know(kind):
    for name in registry.names(kind):
        plugin = registry.load(kind, name).PLUGIN
        assert plugin.title
        assert plugin.seen in ("own rules", "recorded", "documented")
        assert issubclass(plugin.config, msgspec.Struct)
        assert plugin.config.__struct_config__.forbid_unknown_fields
        findings = []
        assert read_struct(plugin.config, {"kind": name, "nonsense": 1}, name, findings) is None
        assert f"{name}.nonsense" in {it.place for it in findings}


def test_tariffs_of_own_rules_are_all_tried():
    names = registry.names("tariffs")
    assert {it for it in names if registry.load("tariffs", it).PLUGIN.seen == "own rules"} == set(OWN_RULES)


@pytest.mark.parametrize("kind", OWN_RULES)
@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_prices_cover_both_clock_changes_without_gap_or_overlap(kind, day):
    grid = slots_of_day(day.date(), BERLIN)
    answer = prices(OWN_RULES[kind], grid.start_ms, grid.end_ms)
    slotted = on_grid(answer.spans, grid)
    assert slotted.findings == ()
    assert not slotted.has_holes
    assert sum(it.end_ms - it.start_ms for it in answer.spans) == grid.end_ms - grid.start_ms
    assert answer.known_at_ms == grid.start_ms
    assert answer.currency == "EUR"


def test_a_tariff_is_asked_without_a_network_of_its_own():
    plugin = registry.load("tariffs", "flat").PLUGIN
    tariff = plugin.build(plugin.config(kind="flat", price=Decimal(1)))
    assert asyncio.run(tariff.prices(0, 60_000, now_ms=5)).known_at_ms == 5
