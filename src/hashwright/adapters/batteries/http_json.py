"""A battery by JSON over HTTP: an inverter's own interface, Home Assistant, openHAB, a gateway; described, not coded.

[inverter]
kind = "http_json"
url = "http://192.168.1.20/api/battery"     # asked for its state
level = "battery.soc"                       # the way to the level [percent], by dots
power = "battery.power_w"                   # [W]; may be left out
charging_is = "positive"                    # or "negative"
mode = "mode"                               # may be left out; automatic_word is what it says when it is its own master
automatic_word = "auto"
token_from = "env:INVERTER_TOKEN"           # sent as `Authorization: Bearer ...`, if set

[inverter.charge]                           # the same for discharge, idle and automatic
method = "POST"
url = "http://192.168.1.20/api/mode"
body = '{"mode": "manual", "power": {watts}, "timeout": {seconds}}'

{watts}, {signed_watts} (positive takes) and {seconds} (how long the order should hold) are filled into urls and bodies.
In the home network plain http is taken; a public address must be https.
"""

import ipaddress
import json
from collections.abc import Iterator
from typing import Any, Final, Literal, NoReturn
from urllib.parse import urlsplit

import msgspec

from hashwright.adapters.batteries.base import BatteryPlugin, CommonConfig, filled, reading_of
from hashwright.adapters.devices.base import denied, misread, refused, unreachable, unsupported
from hashwright.adapters.secret import read_secret
from hashwright.energy.battery_control import BatteryReading, Order
from hashwright.energy.settings import Problem

ANSWER_MAX: Final = 1024 * 1024
TIMEOUT_S: Final = 8.0
HOME_ENDINGS: Final = (".local", ".lan", ".home.arpa", ".internal", ".fritz.box")


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One request that gives an order. `type` is the body's content type."""

    url: str
    method: Literal["GET", "POST", "PUT", "PATCH"] = "POST"
    body: str = ""
    type: str = "application/json"


class Config(CommonConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How it is asked, and how it is told; all four orders are needed."""

    url: str
    level: str
    charge: Request
    discharge: Request
    idle: Request
    automatic: Request
    power: str = ""
    charging_is: Literal["positive", "negative"] = "positive"
    mode: str = ""
    automatic_word: str = "auto"
    token_from: str = ""

    def problems(self) -> Iterator[Problem]:
        """Find addresses that are none, clear text to strangers, and orders that do not say how much."""
        requests = {name: getattr(self, name) for name in ("charge", "discharge", "idle", "automatic")}
        places = {"url": self.url} | {f"{name}.url": it.url for name, it in requests.items()}
        for place, url in places.items():
            problem = _url_problem(url)
            if problem:
                yield Problem(field=place, message=problem)
        for name in ("charge", "discharge"):
            if "watts}" not in requests[name].url + requests[name].body:
                yield Problem(field=name, message="does not say how much", hint="Put {watts} where the watts belong.")


def _url_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return f"{url[:60]!r} is no address"
    if parts.scheme not in ("http", "https") or not host:
        return f"{url[:60]!r} is no http address"
    if parts.scheme == "http" and not _is_at_home(host):
        return f"{host[:40]} is not of this network: use https"
    return ""


def _is_at_home(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(HOME_ENDINGS)
    return address.is_private or address.is_loopback


class HttpBattery:
    """One battery behind a JSON interface."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def read(self) -> BatteryReading:
        """Ask for its state."""
        config, host = self._config, urlsplit(self._config.url).netloc
        found = _json_of(await self._ask("GET", config.url), host)
        power = _walk(found, config.power, host) if config.power else None
        reading = reading_of(_walk(found, config.level, host), power, self._mode(found, host), host)
        if reading.power_w is None or config.charging_is == "positive":
            return reading
        return msgspec.structs.replace(reading, power_w=-reading.power_w)

    def _mode(self, found: object, host: str) -> str:
        if not self._config.mode:
            return ""
        said = str(_walk(found, self._config.mode, host))
        return "automatic" if said.lower() == self._config.automatic_word.lower() else "commanded"

    async def command(self, order: Order) -> None:
        """Send the order's request."""
        await self._send(getattr(self._config, order.action), order)

    async def automatic(self) -> None:
        """Give it back to itself."""
        await self._send(self._config.automatic, Order(action="automatic"))

    async def _send(self, request: Request, order: Order) -> None:
        body = filled(request.body, order).encode()
        await self._ask(request.method, filled(request.url, order), body, request.type)

    async def _ask(self, method: str, url: str, body: bytes = b"", type_: str = "") -> bytes:
        import httpx

        host = urlsplit(url).netloc
        secret = self._config.token_from
        headers = {"Authorization": f"Bearer {read_secret(secret)}"} if secret else {}
        headers |= {"Content-Type": type_} if body else {}
        client = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        try:
            async with client, client.stream(method, url, content=body or None, headers=headers) as response:
                answer = b""
                async for piece in response.aiter_bytes():
                    answer += piece
                    if len(answer) > ANSWER_MAX:
                        raise misread(host, f"it has more than {ANSWER_MAX} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(host, type(error).__name__) from error
        if not response.is_success:
            _refuse(host, response.status_code, f"{method} {urlsplit(url).path}")
        return answer


def _refuse(host: str, status: int, what: str) -> NoReturn:
    if status in (401, 403):
        raise refused(host, f"HTTP {status}")
    if status in (404, 405, 501):
        raise unsupported(host, what)
    raise denied(host, f"HTTP {status}")


def _json_of(answer: bytes, host: str) -> object:
    try:
        return json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise misread(host, "it is no JSON") from error


def _walk(found: Any, path: str, host: str) -> Any:  # noqa: ANN401 (a stranger's document)
    for name in path.split("."):
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            raise misread(host, f"{path} is missing")
    return found


PLUGIN = BatteryPlugin(title="Any JSON over HTTP", config=Config, build=HttpBattery)
