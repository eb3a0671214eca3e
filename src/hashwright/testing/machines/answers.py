"""What simulated machines say: AxeOS, xmrig and the cgminer API, in the form that real ones write.

Each function takes a machine and a request and returns the answer; there are no sockets here.
"""

from collections.abc import Callable
from typing import Any

from hashwright.testing.machines.model import FAN_AUTO, Machine, Pool

BITAXE_CLOCK_MHZ = 490
THREADS = 8
FIRMWARE = "simulated"
CGMINER = "cgminer 4.11.1"
DENIED = "Access denied to this command"
Http = tuple[int, Any]
"""Status and document."""


def axeos(machine: Machine, method: str, path: str, body: dict[str, Any], *, now: float) -> Http:
    """Answer as AxeOS does."""
    if "refuses" in machine.faults and method != "GET":
        return 401, {"error": "Unauthorized"}
    match method, path:
        case "GET", "/api/system/info":
            return 200, _axeos_info(machine, now)
        case "GET", "/api/system/asic":
            return 200, {"ASICModel": "BM1368", "defaultFrequency": BITAXE_CLOCK_MHZ, "asicCount": 1}
        case "POST", "/api/system/pause" | "/api/system/resume" if "no-pause" in machine.faults:
            return 404, {"error": "Not found"}
        case "POST", "/api/system/pause":
            machine.pause(now)
        case "POST", "/api/system/resume":
            machine.resume(now)
        case "POST", "/api/system/identify":
            machine.is_blinking = True
        case "POST", "/api/system/restart":
            machine.restarts += 1
        case "PATCH", "/api/system":
            _axeos_patch(machine, body, now)
        case _:
            return 404, {"error": "Not found"}
    return 200, {}


def _axeos_patch(machine: Machine, body: dict[str, Any], now: float) -> None:
    if "frequency" in body:
        machine.limit(body["frequency"] / BITAXE_CLOCK_MHZ, now)
    if "stratumURL" in body:
        url = f"stratum+tcp://{body['stratumURL']}:{body['stratumPort']}"
        machine.set_pools([Pool(url=url, user=str(body.get("stratumUser", "")))])
    if "fanspeed" in body or body.get("autofanspeed") == 1:
        machine.set_fans(body.get("fanspeed"))


def _axeos_info(machine: Machine, now: float) -> dict[str, Any]:
    machine.advance(now)
    host, _, port = machine.pools[0].url.rpartition("//")[2].rpartition(":") if machine.pools else ("", "", "0")
    return {
        "ASICModel": "BM1368",
        "power": machine.shown_power_w,
        "temp": round(machine.temperature_c, 2),
        "hashRate": machine.hashrate_hs / 1e9,
        "miningPaused": machine.is_paused,
        "overheat_mode": 0,
        "autofanspeed": int(machine.fan_percent is None),
        "fanspeed": machine.fan_percent or FAN_AUTO,
        "fanrpm": machine.fan_rpm,
        "sharesAccepted": machine.accepted,
        "sharesRejected": machine.rejected,
        "stratumURL": host,
        "stratumPort": int(port or 0),
        "stratumUser": machine.pools[0].user if machine.pools else "",
        "frequency": round(BITAXE_CLOCK_MHZ * machine.part),
        "hostname": machine.name,
        "macAddr": "02:00:00:00:00:01",
        "uptimeSeconds": int(now - machine.born),
        "version": FIRMWARE,
    }


def xmrig(machine: Machine, method: str, path: str, body: dict[str, Any], *, now: float) -> Http:
    """Answer as xmrig does."""
    if "refuses" in machine.faults and method != "GET":
        return 403, {"error": "FORBIDDEN"}
    match method, path:
        case "GET", "/2/summary":
            return 200, _xmrig_summary(machine, now)
        case "GET", "/2/config":
            count = max(1, round(THREADS * machine.part))
            pools = [{"url": pool.url, "user": pool.user, "pass": pool.password} for pool in machine.pools]
            return 200, {"cpu": {"max-threads-hint": 100, "rx": list(range(count))}, "pools": pools}
        case "PUT", "/2/config":
            machine.limit(len(body["cpu"]["rx"]) / THREADS, now)
            machine.set_pools([Pool(url=it["url"], user=it["user"], password=it["pass"]) for it in body["pools"]])
            return 200, {}
        case "POST", "/json_rpc":
            return _xmrig_call(machine, body, now)
        case _:
            return 404, {"error": "NOT_FOUND"}


def _xmrig_call(machine: Machine, body: dict[str, Any], now: float) -> Http:
    method, identity = body.get("method"), body.get("id")
    if method not in ("pause", "resume") or "no-pause" in machine.faults:
        return 200, {"id": identity, "jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}}
    machine.pause(now) if method == "pause" else machine.resume(now)
    return 200, {"id": identity, "jsonrpc": "2.0", "result": {"status": "OK"}}


def _xmrig_summary(machine: Machine, now: float) -> dict[str, Any]:
    machine.advance(now)
    rate = machine.hashrate_hs
    return {
        "id": machine.name,
        "kind": "miner",
        "version": FIRMWARE,
        "paused": machine.is_paused,
        "cpu": {"brand": machine.model, "threads": THREADS},
        "hashrate": {"total": [rate, rate, rate], "highest": rate},
        "results": {"shares_good": machine.accepted, "shares_total": machine.accepted + machine.rejected},
        "connection": {"pool": machine.pools[0].url.rpartition("//")[2] if machine.pools else ""},
        "uptime": int(now - machine.born),
    }


# ---------------------------------------------------------------- cgminer


def cgminer(machine: Machine, command: str, parameter: str, *, now: float) -> dict[str, Any]:
    """Answer one question of the cgminer API; an Avalon has commands of its own beside."""
    machine.advance(now)
    answer = _READERS.get(command)
    if answer is not None:
        return answer(machine, now)
    if "refuses" in machine.faults:
        return status_of("E", 45, f"Access denied to '{command}' command", now)
    if command in ("ascdisable", "ascenable"):
        if "no-pause" in machine.faults:
            return status_of("E", 14, "Invalid command", now)
        machine.pause(now) if command == "ascdisable" else machine.resume(now)
        return status_of("S", 59, "ASC 0 set", now)
    if command == "ascset":
        return _ascset(machine, parameter, now)
    return _pool_command(machine, command, parameter, now)


def _pool_command(machine: Machine, command: str, parameter: str, now: float) -> dict[str, Any]:
    match command:
        case "addpool":
            url, user, password = parameter.split(",")
            machine.pools.append(Pool(url=url, user=user, password=password))
        case "switchpool":
            machine.pools.insert(0, machine.pools.pop(int(parameter)))
        case "removepool":
            machine.pools.pop(min(int(parameter) + 1, len(machine.pools) - 1))
        case _:
            return status_of("E", 14, "Invalid command", now)
    return status_of("S", 55, command, now)


def _ascset(machine: Machine, parameter: str, now: float) -> dict[str, Any]:
    words = parameter.split(",", 2)
    option, value = words[1] if len(words) > 1 else "", words[2] if len(words) > 2 else ""
    match option:
        case "softoff":
            machine.pause(now)
            return status_of("I", 118, f"ASC 0 set info: success softoff:{value}", now)
        case "softon":
            machine.resume(now)
            return status_of("I", 118, f"ASC 0 set info: success softon:{value}", now)
        case "led":
            machine.is_blinking = value.endswith("1")
        case _:
            return status_of("E", 121, "ASC 0 set failed", now)
    return status_of("S", 119, "ASC 0 set OK", now)


def status_of(letter: str, code: int, words: str, now: float, *, description: str = CGMINER) -> dict[str, Any]:
    """Return the head of an answer of the cgminer API."""
    row = {"STATUS": letter, "When": int(now), "Code": code, "Msg": words, "Description": description}
    return {"STATUS": [row], "id": 1}


def _version(machine: Machine, now: float) -> dict[str, Any]:
    row: dict[str, Any] = {"CGMiner": "4.11.1", "API": "3.7"}
    if machine.kind == "avalon":
        row |= {"PROD": "Avalon Q", "MODEL": "Q", "HWTYPE": "Q_MM1v1_X1", "SWTYPE": "MM319", "MAC": "02:00:00:00:00:01"}
    return status_of("S", 22, "CGMiner versions", now) | {"VERSION": [row]}


def _summary(machine: Machine, now: float) -> dict[str, Any]:
    mhs = machine.hashrate_hs / 1e6
    row: dict[str, Any] = {
        "Elapsed": int(now - machine.born),
        "MHS av": mhs,
        "MHS 1m": mhs,
        "MHS 5s": mhs,
        "Accepted": machine.accepted,
        "Rejected": machine.rejected,
        "Hardware Errors": 0,
    }
    if machine.kind == "cgminer":
        row |= {"Power": round(machine.shown_power_w, 1), "Temperature": round(machine.temperature_c, 1)}
    return status_of("S", 11, "Summary", now) | {"SUMMARY": [row]}


def _devs(machine: Machine, now: float) -> dict[str, Any]:
    row = {
        "ASC": 0,
        "ID": 0,
        "Name": "SIM",
        "Enabled": "N" if machine.is_paused else "Y",
        "Status": "Alive",
        "Temperature": round(machine.temperature_c, 1),
        "MHS av": machine.hashrate_hs / 1e6,
        "MHS 1m": machine.hashrate_hs / 1e6,
        "MHS 5s": machine.hashrate_hs / 1e6,
        "Accepted": machine.accepted,
        "Rejected": machine.rejected,
    }
    return status_of("S", 9, "1 ASC(s)", now) | {"DEVS": [row]}


def _stats(machine: Machine, now: float) -> dict[str, Any]:
    if machine.kind != "avalon":
        return status_of("S", 70, "CGMiner stats", now) | {"STATS": [{"Type": machine.model, "ID": "SIM0"}]}
    work = "In Idle" if machine.is_paused else "In Work"
    heat, ghs = round(machine.temperature_c), machine.hashrate_hs / 1e9
    words = (
        f"Ver[Q-25052801] LVer[25052801] STATE[2] SYSTEMSTATU[Work: {work}, Hash Board: 1] Elapsed[60] "
        f"ITemp[{heat - 10}] HBITemp[{heat - 9}] HBOTemp[{heat}] TMax[{heat}] TAvg[{heat}] TarT[65] Fan1[2000] "
        f"PS[0 1221 4 0 0 {round(machine.shown_power_w)} 146] GHSspd[{ghs:.2f}] GHSmm[{ghs:.2f}] GHSavg[{ghs:.2f}] "
        f"MGHS[{ghs:.2f}] TA[160] Core[A3197S] SoftOFF[{4 if machine.is_paused else 0}] WORKMODE[0] WORKLEVEL[0] "
        f"MPO[{round(machine.rated_w * machine.part)}] CALIALL[7] ADJ[1]"
    )
    return status_of("S", 70, "CGMiner stats", now) | {"STATS": [{"MM ID0:Summary": f"'STATS':{{{words}}}"}]}


def pools_rows(machine: Machine) -> list[dict[str, Any]]:
    """Return its pools as the cgminer API lists them; the first one works while the machine does."""
    return [
        {
            "POOL": index,
            "URL": pool.url,
            "User": pool.user,
            "Status": "Alive",
            "Priority": index,
            "Stratum Active": index == 0 and not machine.is_paused,
            "Accepted": machine.accepted if index == 0 else 0,
            "Rejected": machine.rejected if index == 0 else 0,
        }
        for index, pool in enumerate(machine.pools)
    ]


def _pools(machine: Machine, now: float) -> dict[str, Any]:
    rows = pools_rows(machine)
    return status_of("S", 7, f"{len(rows)} Pool(s)", now) | {"POOLS": rows}


_READERS: dict[str, Callable[[Machine, float], dict[str, Any]]] = {
    "version": _version,
    "summary": _summary,
    "devs": _devs,
    "stats": _stats,
    "litestats": _stats,
    "pools": _pools,
}
