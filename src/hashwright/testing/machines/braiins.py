"""A simulated machine with Braiins OS 26.04: its REST interface with a token, and what names it at the older ones.

Power is set in watts; a paused machine says so by its status. The forms are those of recorded answers. Its list of
errors is left out: pyasic-rs 0.8.6 does not ask this firmware for it.
"""

import secrets
from typing import Any

from hashwright.testing.machines.answers import pools_rows, status_of
from hashwright.testing.machines.model import Machine, Pool
from hashwright.testing.machines.pages import Answer, Request

USER = PASSWORD = "root"
VERSION = "2026-04-14-0-912d084c-26.04-plus"
BOARDS = 3
NORMAL, PAUSED = 2, 3
"""The states of `miner/details`."""
API = "/api/v1/"
COMMANDS = ("actions/pause", "actions/resume", "actions/locate", "performance/power-target", "pools/batch")


def web(machine: Machine, request: Request, *, now: float) -> Answer:
    """Answer a request; all of the interface but the login needs the token."""
    machine.advance(now)
    if request.path == "/":
        return Answer(200, "<html><title>Braiins OS</title></html>")
    if request.path == "/graphql":
        return Answer(200, _named(machine, str(request.body)))
    if not request.path.startswith(API):
        return Answer(404, None)
    what = request.path.removeprefix(API)
    if what == "auth/login":
        return _log_in(machine, request)
    if not machine.token or request.fields.get("authorization") != machine.token:
        return Answer(401, None)
    if request.method == "PUT":
        return _command(machine, what, request.body, now)
    found = _documents(machine, now).get(what)
    return Answer(404, None) if found is None else Answer(200, found)


def _named(machine: Machine, question: str) -> dict[str, Any]:
    if "modelName" in question:
        return {"data": {"bosminer": {"info": {"modelName": machine.model}}}}
    return {"data": {"bos": {"info": {"version": {"full": VERSION}}}}}


def _log_in(machine: Machine, request: Request) -> Answer:
    wanted = {"username": USER, "password": machine.password or PASSWORD}
    if request.body != wanted:
        return Answer(401, {"message": "Authentication failed"})
    machine.token = machine.token or secrets.token_hex(8)
    return Answer(200, {"token": machine.token, "timeout_s": 3600})


def _command(machine: Machine, what: str, body: Any, now: float) -> Answer:  # noqa: ANN401 (JSON)
    if "refuses" in machine.faults:
        return Answer(403, {"message": "not allowed"})
    match what:
        case "actions/pause" | "actions/resume" if "no-pause" in machine.faults:
            return Answer(404, None)
        case "actions/pause":
            machine.pause(now)
        case "actions/resume":
            machine.resume(now)
        case "actions/locate":
            machine.is_blinking = body is True
        case "performance/power-target":
            machine.limit(body["watt"] / machine.rated_w, now)
        case "pools/batch":
            rows = [row for group in body for row in group["pools"]]
            pools = [Pool(url=row["url"], user=row["user"], password=row.get("password", "")) for row in rows]
            machine.set_pools(pools)
        case _:
            return Answer(404, None)
    return Answer(200, body)


def _rate(rate_hs: float) -> dict[str, float]:
    return {"gigahash_per_second": rate_hs / 1e9}


def _documents(machine: Machine, now: float) -> dict[str, Any]:
    watts = round(machine.shown_power_w)
    target = {"watt": round(machine.rated_w * machine.part)}
    return {
        "version": {"major": 1, "minor": 3, "patch": 0},
        "network": {"hostname": machine.name, "mac_address": "02:00:00:00:00:03"},
        "miner/details": _details(machine, now),
        "miner/stats": {
            "miner_stats": {"real_hashrate": {"last_5s": _rate(machine.hashrate_hs)}},
            "power_stats": {"approximated_consumption": {"watt": watts}},
        },
        "miner/hw/hashboards": {"hashboards": [_board(machine, str(board + 1)) for board in range(BOARDS)]},
        "cooling/state": {
            "fans": [{"position": fan, "rpm": machine.fan_rpm, "target_speed_ratio": 0.9} for fan in range(4)]
        },
        "configuration/miner": {"tuner": {"enabled": True, "tuner_mode": 1, "power_target": target}},
        "performance/tuner-state": {"mode_state": {"powertargetmodestate": {"current_target": target}}},
        "pools": [{"name": "Default", "uid": "0", "pools": _pools(machine)}],
        "actions/locate": machine.is_blinking,
    }


def _details(machine: Machine, now: float) -> dict[str, Any]:
    return {
        "bos_version": {"current": VERSION, "bos_plus": True},
        "control_board_soc_family": 3,
        "hostname": machine.name,
        "miner_identity": {"brand": 1, "miner_model": machine.model, "name": machine.model},
        "status": PAUSED if machine.is_paused else NORMAL,
        "sticker_hashrate": _rate(machine.rated_hs),
        "system_uptime_s": int(now - machine.born),
    }


def _board(machine: Machine, identity: str) -> dict[str, Any]:
    heat, share = machine.temperature_c, machine.hashrate_hs / BOARDS
    return {
        "id": identity,
        "enabled": True,
        "chips_count": 65,
        "board_temp": {"degree_c": heat - 10},
        "highest_chip_temp": {"id": 1, "temperature": {"degree_c": heat}},
        "stats": {"real_hashrate": {"last_5s": _rate(share)}, "nominal_hashrate": _rate(machine.rated_hs / BOARDS)},
    }


def _pools(machine: Machine) -> list[dict[str, Any]]:
    return [
        {
            "url": row["URL"],
            "user": row["User"],
            "active": row["Stratum Active"],
            "alive": True,
            "enabled": True,
            "stats": {"accepted_shares": row["Accepted"], "rejected_shares": row["Rejected"]},
        }
        for row in pools_rows(machine)
    ]


def rpc(machine: Machine, question: dict[str, Any], *, now: float) -> dict[str, Any]:
    """Answer port 4028, which tells little more than whose firmware it is."""
    if question.get("command") != "version":
        return status_of("E", 14, "Invalid command", now)
    name = "boser-buildroot 0.1.0-912d084c"
    row = {"API": "3.7", "BOSer": name}
    return status_of("S", 22, "BOSer versions", now, description=f"BOSer {name}") | {"VERSION": [row]}
