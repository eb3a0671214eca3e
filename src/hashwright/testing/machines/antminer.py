"""A simulated Antminer with its maker's firmware: the web pages behind digest authentication, and the API on 4028.

Sleep is a mode of the settings page (1), which the firmware writes and then starts its miner again. Its power cannot be
set in watts, and an S19 does not say what it draws: both are so on real ones.
"""

import hashlib
import secrets
from typing import Any

from hashwright.testing.machines.answers import DENIED, pools_rows, status_of
from hashwright.testing.machines.model import Machine, Pool
from hashwright.testing.machines.pages import Answer, Request, digest_fields

USER = PASSWORD = "root"
REALM = "antMiner Configuration"
COMPILED = "Tue Dec  6 16:12:30 CST 2022"
BOARDS = 3
SLEEP, NORMAL = 1, 0
POOLS = 3


def web(machine: Machine, request: Request, *, now: float) -> Answer:
    """Answer a page, to who knows the password."""
    if not is_known(request, machine.password or PASSWORD):
        fields = {"WWW-Authenticate": f'Digest realm="{REALM}", nonce="{secrets.token_hex(8)}", qop="auth"'}
        return Answer(401, None, fields)
    machine.advance(now)
    page = request.path.rpartition("/")[2].removesuffix(".cgi")
    if request.method == "POST":
        return _write(machine, page, request.body if isinstance(request.body, dict) else {}, now)
    match page:
        case "miner_type":
            return Answer(200, {"miner_type": machine.model, "subtype": "AMLCtrl_BHB42XXX", "fw_version": COMPILED})
        case "get_system_info":
            return Answer(200, _system(machine))
        case "summary":
            return Answer(200, _summary_page(machine))
        case "get_blink_status":
            return Answer(200, {"blink": machine.is_blinking})
        case "get_miner_conf":
            return Answer(200, _settings(machine))
        case _:
            return Answer(404, None)


def is_known(request: Request, password: str, *, user: str = USER) -> bool:
    """Check a digest (RFC 7616, MD5 with qop "auth")."""
    said = digest_fields(request.fields.get("authorization", ""))
    if said.get("username") != user:
        return False
    first = _md5(f"{user}:{said.get('realm')}:{password}")
    second = _md5(f"{request.method}:{said.get('uri')}")
    middle = ":".join(said.get(key, "") for key in ("nonce", "nc", "cnonce", "qop"))
    return said.get("response") == _md5(f"{first}:{middle}:{second}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _write(machine: Machine, page: str, body: dict[str, Any], now: float) -> Answer:
    if "refuses" in machine.faults:
        return Answer(403, None)
    if page == "blink":
        machine.is_blinking = str(body.get("blink")).lower() == "true"
        return Answer(200, {"code": "B000" if machine.is_blinking else "B100"})
    if page != "set_miner_conf":
        return Answer(404, None)
    mode = body.get("miner-mode", body.get("bitmain-work-mode"))
    if mode is not None and str(mode) == str(SLEEP) and not machine.is_paused:
        machine.pause(now)
    elif mode is not None and str(mode) != str(SLEEP) and machine.is_paused:
        machine.resume(now)
    machine.set_fans(int(body.get("bitmain-fan-pwm", 100)) if body.get("bitmain-fan-ctrl") else None)
    rows = [row for row in body.get("pools", ())[:POOLS] if row.get("url")]
    machine.set_pools([Pool(url=row["url"], user=row["user"], password=row["pass"]) for row in rows])
    return Answer(200, {"stats": "success", "code": "M000", "msg": "OK!"})


def _settings(machine: Machine) -> dict[str, Any]:
    rows = [{"url": pool.url, "user": pool.user, "pass": pool.password} for pool in machine.pools[:POOLS]]
    rows += [{"url": "", "user": "", "pass": ""}] * (POOLS - len(rows))
    percent = machine.fan_percent
    found: dict[str, Any] = {
        "pools": rows,
        "api-listen": True,
        "bitmain-fan-ctrl": percent is not None,
        "bitmain-fan-pwm": str(100 if percent is None else percent),
        "bitmain-freq-level": "100",
    }
    mode = str(SLEEP if machine.is_paused else NORMAL)
    return found if "no-pause" in machine.faults else found | {"bitmain-work-mode": mode}


def _system(machine: Machine) -> dict[str, Any]:
    return {
        "minertype": machine.model,
        "hostname": machine.name,
        "macaddr": "02:00:00:00:00:02",
        "system_filesystem_version": COMPILED,
        "firmware_type": "Release",
    }


def _summary_page(machine: Machine) -> dict[str, Any]:
    fans = ("e", "fan lost") if "hot" in machine.faults else ("s", "")
    states = [{"type": "rate", "status": "s", "code": 0, "msg": ""}]
    states.append({"type": "fans", "status": fans[0], "code": 0, "msg": fans[1]})
    info = {"miner_version": "49.0.1.3", "CompileTime": COMPILED, "type": machine.model}
    rate = machine.hashrate_hs / 1e9
    return {"STATUS": {"STATUS": "S", "api_version": "1.0.0"}, "INFO": info,
            "SUMMARY": [{"rate_5s": rate, "rate_avg": rate, "rate_unit": "GH/s", "status": states}]}  # fmt: skip


# ---------------------------------------------------------------- port 4028


def rpc(machine: Machine, question: dict[str, Any], *, now: float) -> dict[str, Any]:
    """Answer the API; it only reads, as in firmware since 2020."""
    machine.advance(now)
    rate = machine.hashrate_hs / 1e9
    head = {"BMMiner": "1.0.0", "Miner": "49.0.1.3", "CompileTime": COMPILED, "Type": machine.model}
    match question.get("command"):
        case "version":
            return status_of("S", 22, "CGMiner versions", now) | {"VERSION": [{"API": "3.1", **head}]}
        case "summary":
            row = {"Elapsed": int(now - machine.born), "GHS 5s": rate, "GHS av": rate,
                   "Accepted": machine.accepted, "Rejected": machine.rejected}  # fmt: skip
            return status_of("S", 11, "Summary", now) | {"SUMMARY": [row]}
        case "stats":
            return status_of("S", 70, "CGMiner stats", now) | {"STATS": [head, _stats(machine, rate, now)]}
        case "pools":
            return status_of("S", 7, "Pools", now) | {"POOLS": pools_rows(machine)}
        case _:
            return status_of("E", 45, DENIED, now)


def _stats(machine: Machine, rate: float, now: float) -> dict[str, Any]:
    heat = round(machine.temperature_c)
    row: dict[str, Any] = {
        "STATS": 0,
        "ID": "BTM_SOC0",
        "Elapsed": int(now - machine.born),
        "GHS 5s": rate,
        "GHS av": rate,
        "rate_unit": "GH",
        "total_rateideal": machine.rated_hs / 1e9,
        "fan_num": 4,
    }
    row |= {f"fan{fan}": machine.fan_rpm for fan in range(1, 5)}
    for board in range(1, BOARDS + 1):
        row |= {
            f"chain_acn{board}": 114,
            f"chain_acs{board}": " " + "o" * 114,
            f"chain_rate{board}": f"{rate / BOARDS:.2f}",
            f"temp_chip{board}": "-".join([str(heat)] * 4),
            f"temp_pcb{board}": "-".join([str(heat - 5)] * 4),
        }
    return row
