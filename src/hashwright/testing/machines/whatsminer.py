"""A simulated WhatsMiner with firmware of 2025: btminer's API 3 on port 4433, and what names it on 4028.

Commands carry a token of the command, the password, a salt and the time; a list of pools is encrypted with the same
hash (AES-256-ECB, filled with zeros). The salt is the machine's and is told to who asks.
"""

import base64
import hashlib
from typing import Any, Final

import msgspec

from hashwright.testing.machines.aes import decrypt_ecb
from hashwright.testing.machines.answers import pools_rows, status_of
from hashwright.testing.machines.model import Machine, Pool

USER: Final = "super"
PASSWORD: Final = "super"
FIRMWARE: Final = "20251209.16.Rel2"
SALT: Final = "uhCiDyVj"
BOARDS: Final = 3
TOKEN: Final = 8
"""The token is so many letters of the hash."""


def api(machine: Machine, question: dict[str, Any], *, now: float) -> dict[str, Any]:
    """Answer API 3: one command, one answer."""
    machine.advance(now)
    command, parameter = str(question.get("cmd", "")), question.get("param")
    if command == "get.device.info":
        found = _info(machine)
        return _said(command, {parameter: found[parameter]} if parameter in found else found, now)
    if command == "get.miner.status":
        documents = {"summary": _summary(machine, now), "pools": _pools(machine), "edevs": _boards(machine)}
        return _said(command, {str(parameter): documents.get(str(parameter), {})}, now)
    digest = _digest(machine, command, question)
    if question.get("account") != USER or question.get("token") != base64.b64encode(digest).decode()[:TOKEN]:
        return _said(command, "invalid token", now, code=-4)
    if "refuses" in machine.faults:
        return _said(command, "permission denied", now, code=-2)
    return _command(machine, command, parameter, digest, now)


def _said(command: str, message: Any, now: float, *, code: int = 0) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    return {"code": code, "when": int(now), "msg": message, "desc": command}


def _digest(machine: Machine, command: str, question: dict[str, Any]) -> bytes:
    secret = f"{command}{machine.password or PASSWORD}{SALT}{question.get('ts')}"
    return hashlib.sha256(secret.encode()).digest()


def _command(machine: Machine, command: str, parameter: Any, key: bytes, now: float) -> dict[str, Any]:  # noqa: ANN401
    match command:
        case "set.miner.service" if "no-pause" in machine.faults:
            return _said(command, "unknown command", now, code=-1)
        case "set.miner.service":
            machine.pause(now) if parameter in ("stop", "disable") else machine.resume(now)
        case "set.miner.power_limit":
            machine.limit(float(parameter) / machine.rated_w, now)
        case "set.system.led":
            machine.is_blinking = parameter != "auto"
        case "set.miner.pools":
            plain = decrypt_ecb(key, base64.b64decode(parameter)).rstrip(b"\0")
            rows = msgspec.json.decode(plain)
            machine.set_pools([Pool(url=row["pool"], user=row["worker"], password=row["passwd"]) for row in rows])
        case _:
            return _said(command, "unknown command", now, code=-1)
    return _said(command, "ok", now)


def _info(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = {
        "network": {"hostname": machine.name, "mac": "02:00:00:00:00:04", "ip": machine.host, "proto": "dhcp"},
        "miner": {
            "working": "false" if machine.is_paused else "true",
            "type": machine.model,
            "board-num": str(BOARDS),
            "hash-percent": "0",
        },
        "power": {"fanspeed": 6300, "model": "P221B", "mode": "1"},
        "salt": SALT,
        "system": {
            "api": "3.0.2",
            "fwversion": FIRMWARE,
            "platform": "H616",
            "ledstatus": "manual" if machine.is_blinking else "auto",
        },
    }
    if "hot" in machine.faults:
        found["error-code"] = [{"110": "2026-05-23 09:19:10", "reason": "Intake fan speed error."}]
    return found


def _summary(machine: Machine, now: float) -> dict[str, Any]:
    heat, rate = machine.temperature_c, machine.hashrate_hs / 1e12
    return {
        "elapsed": int(now - machine.born),
        "hash-realtime": rate,
        "hash-average": rate,
        "factory-hash": machine.rated_hs / 1e12,
        "power-realtime": round(machine.shown_power_w, 1),
        "power-limit": round(machine.rated_w * machine.part),
        "chip-temp-min": heat - 8,
        "chip-temp-avg": heat - 4,
        "chip-temp-max": heat,
        "environment-temperature": 25.0,
        "fan-speed-in": machine.fan_rpm,
        "fan-speed-out": machine.fan_rpm,
    }


def _boards(machine: Machine) -> list[dict[str, Any]]:
    heat, share = machine.temperature_c, machine.hashrate_hs / 1e12 / BOARDS
    return [
        {
            "id": board,
            "status": "alive",
            "hash-average": share,
            "factory-hash": machine.rated_hs / 1e12 / BOARDS,
            "chip-temp-min": heat - 8,
            "chip-temp-avg": heat - 4,
            "chip-temp-max": heat,
            "effective-chips": 75,
            "freq": 625.0,
        }
        for board in range(BOARDS)
    ]


def _pools(machine: Machine) -> list[dict[str, Any]]:
    return [
        {"url": row["URL"], "account": row["User"], "status": "alive", "stratum-active": row["Stratum Active"]}
        for row in pools_rows(machine)
    ]


def rpc(machine: Machine, question: dict[str, Any], *, now: float) -> dict[str, Any]:
    """Answer port 4028, of which newer firmware has kept what names the machine."""
    match question.get("command"):
        case "devdetails":
            named = {"Name": "SM", "Driver": "bitmicro", "Model": machine.model}
            rows = [{"ID": board, **named} for board in range(BOARDS)]
            return status_of("S", 69, "Device Details", now, description="btminer") | {"DEVDETAILS": rows}
        case "get_version":
            words = {"api_ver": "3.0.2", "fw_ver": FIRMWARE, "platform": "H616"}
            return {"STATUS": "S", "When": int(now), "Code": 131, "Msg": words, "Description": ""}
        case _:
            return status_of("E", 14, "invalid cmd", now, description="btminer")
