"""What a program with a power autopilot answers on the control socket, small: two groups, a battery, two hours."""

from unit.web.world import NOW

SLOT_MS = 900_000
START = NOW // SLOT_MS * SLOT_MS


def block(first, last, machines, reason, **changes):
    base = {
        "from_ms": START + first * SLOT_MS, "to_ms": START + last * SLOT_MS, "machines": machines, "reason": reason,
        "price": 0.2, "earns": 0.22, "machines_kw": 3.5, "own_kw": 1.0, "grid_kw": 2.5, "battery_percent": 62.0,
    }  # fmt: skip
    return base | changes


def change(group, slot, watts, machines):
    return {
        "group": group, "from_ms": START + slot * SLOT_MS, "machines": machines, "parts": [[1.0, machines]],
        "power_w": watts,
    }  # fmt: skip


def power_state(*, name="home", mode="advise", state="asked", rule="plan", banner="", is_paused=False):
    seen = {
        "at_ms": NOW, "name": "Home <b>", "currency": "EUR", "start_ms": START - SLOT_MS,
        "site": {
            "limits": {"import_kw": 11.0, "machines_kw": 12.0},
            "battery": {"capacity_kwh": 10.0, "reserve": 0.1},
        },
        "price": [0.5, *[0.2] * 7, None], "export": None, "sun_w": [0.0, 1000.0] + [500.0] * 7, "wind_w": [0.0] * 9,
        "per_th_day": [0.09] * 9, "level": 62.0,
    }  # fmt: skip
    thought = {
        "rule": rule, "method": "exact", "machines": 5, "value": 3.5, "value_always": 1.25, "value_off": -0.5,
        "bound": 3.6, "plan": {"start_ms": START, "slots": 8, "groups": ["garage"], "counts": []},
        "groups": [change("garage", 0, 7000.0, 2), change("cellar", 2, 1100.0, 1), change("garage", 4, 0.0, 0)],
        "blocks": [block(0, 4, 3, "cheap power"), block(4, 8, 1, "too dear", earns=0.1)],
        "totals": {"import_kwh": 5.0, "coins": 6.0, "value": 3.5}, "break_even": {"garage": 0.22},
        "machines_w": [7000] * 8, "own_w": [1000] * 8, "import_w": [6000] * 8, "export_w": [0] * 8,
        "battery_wh": [6200, 6000, 5000, 4000, 3000, 2000, 1000, 1000],
        "told": [{"code": "HW-841", "place": "tariff", "message": "no price after the last slot", "hint": ""}],
        "left_out": ["group attic: 1 machines are not in the site's file"],
    }  # fmt: skip
    turn = {
        "number": 31,
        "at_ms": NOW - 60_000,
        "name": name,
        "mode": mode,
        "state": state,
        "note": "a person is asked",
    }
    return {
        "name": name, "settings": {"name": name, "mode": mode, "is_paused": is_paused, "every_s": 900},
        "banner": banner, "next_at_ms": NOW + 600_000, "fleet_is_live": False, "driven_by": None,
        "last": turn, "plan": turn | {"seen": seen, "thought": thought, "gain": 2.25},
    }  # fmt: skip


def device(name, group, watts, age_ms, **changes):
    return {"device": name, "group": group, "power_w": watts, "age_ms": age_ms, "troubles": []} | changes


FLEET = [
    device("g1", "garage", 3480.0, 2_000),
    device("g2", "garage", 3505.0, 4_000),
    device("c1", "cellar", 1100.0, None),
    device("c2", "cellar", 1094.0, 3_000, troubles=["power"]),
    device("a1", "attic", None, None),
]
