"""Stand-ins for the public markets, on loopback: the documented interface, signatures checked, failing on demand.

Money and orders are in memory. `faults` are used up one a mutation: `lost` does it and closes without an answer, `429`
and `500` do nothing, `drop` closes before it is done. Not the real thing: what is tried here is called simulated.
"""

import asyncio
import hmac
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import msgspec

from hashwright.adapters.markets.base import Access
from hashwright.adapters.markets.nicehash import sign

Reply = tuple[int, dict[str, str], Any]
NICEHASH_ALGORITHM = {
    "algorithm": "SHA256ASICBOOST", "marketFactor": "1000000000000000", "displayMarketFactor": "PH",
    "minSpeedLimit": "0.1", "maxSpeedLimit": "100000", "priceDownStep": "-0.1", "minimalOrderAmount": "0.001",
}  # fmt: skip


@dataclass(slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the body's object."""
        found: dict[str, Any] = msgspec.json.decode(self.body) if self.body else {}
        return found


@dataclass(slots=True)
class StandIn:
    """A small HTTP server. `acts` counts mutations that were done."""

    access: Access
    prices: list[tuple[str, str, str]] = field(default_factory=list)
    """(price, limit, speed) of the public book, in the market's own units, as text."""
    faults: list[str] = field(default_factory=list)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    pools: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    acts: int = 0
    url: str = ""
    _server: asyncio.Server | None = None
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _nonces: set[str] = field(default_factory=set)

    async def __aenter__(self) -> "StandIn":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    def new_id(self) -> str:
        """Return an id that was not used."""
        return f"id-{next(self._ids):04d}"

    def reply(self, asked: Asked) -> Reply:
        """Answer one request; a market defines it."""
        raise NotImplementedError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while asked := await _read(reader):
                self.asked.append(asked)
                fault = self.faults.pop(0) if self.faults and asked.method != "GET" else ""
                if fault == "drop":
                    return
                status, headers, document = (int(fault), {}, {}) if fault.isdigit() else self.reply(asked)
                if asked.method != "GET" and status < 400:
                    self.acts += 1
                if fault == "lost":
                    return
                writer.write(_response(status, headers, document))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    line = (await reader.readline()).decode("latin-1").strip()
    if not line:
        return None
    method, target, _ = line.split(" ")
    headers: dict[str, str] = {}
    while text := (await reader.readline()).decode("latin-1").strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    path, _, query = target.partition("?")
    return Asked(method, path, query, headers, body)


def _response(status: int, headers: Mapping[str, str], document: object) -> bytes:
    body = msgspec.json.encode(document)
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class NiceHashStandIn(StandIn):
    """API v2, as documented: signed requests, both factor pairs, pools by id."""

    def reply(self, asked: Asked) -> Reply:
        """Answer one request."""
        if asked.path == "/main/api/v2/mining/algorithms":
            return 200, {}, {"miningAlgorithms": [NICEHASH_ALGORITHM]}
        if asked.path == "/main/api/v2/hashpower/orderBook":
            return 200, {}, {"stats": {"EU": self._book()}}
        if not self._is_signed(asked):
            return self._no(401, 2000, "Invalid signature")
        return self._private(asked)

    def _private(self, asked: Asked) -> Reply:
        parts = asked.path.strip("/").split("/")
        routes: dict[tuple[str, str], Callable[[], Reply]] = {
            ("GET", "myOrders"): lambda: (200, {}, {"list": list(self.orders.values())}),
            ("GET", "pools"): lambda: (200, {}, {"list": list(self.pools.values())}),
            ("POST", "pool"): lambda: self._add_pool(asked.json()),
            ("POST", "order"): lambda: self._add_order(asked.json()),
            ("POST", "updatePriceAndLimit"): lambda: self._update(parts[-2], asked.json()),
            ("POST", "refill"): lambda: self._refill(parts[-2], asked.json()),
        }
        if asked.method == "DELETE" and parts[-2] == "order":
            return self._cancel(parts[-1])
        handler = routes.get((asked.method, parts[-1]))
        return handler() if handler else self._no(404, 404, "no such path")

    def _is_signed(self, asked: Asked) -> bool:
        """Check the signature over what came, and that no nonce comes twice."""
        heads, access = asked.headers, self.access
        nonce = heads.get("x-nonce", "")
        request = (asked.method, asked.path, asked.query)
        right = sign(access, at=heads.get("x-time", ""), nonce=nonce, request=request, body=asked.body)
        is_right = hmac.compare_digest(heads.get("x-auth", ""), f"{access.key}:{right}")
        is_new = nonce not in self._nonces
        self._nonces.add(nonce)
        return is_right and is_new and heads.get("x-organization-id") == access.organization

    def _book(self) -> dict[str, Any]:
        levels = [
            {"id": f"b{n}", "type": "STANDARD", "price": price, "limit": limit, "acceptedSpeed": speed, "alive": True}
            for n, (price, limit, speed) in enumerate(self.prices)
        ]
        factors = {"marketFactor": "1000000000000000.00000000", "priceFactor": "1000000000000000000.00000000"}
        return {**factors, "orders": levels, "pagination": {"size": 100, "page": 0, "totalPageCount": 1}}

    def _add_pool(self, body: dict[str, Any]) -> Reply:
        id_ = self.new_id()
        self.pools[id_] = {**body, "id": id_}
        return 200, {}, self.pools[id_]

    def _add_order(self, body: dict[str, Any]) -> Reply:
        pairs = ("marketFactor", "displayMarketFactor", "priceFactor", "displayPriceFactor")
        if any(not body.get(name) for name in pairs):
            return self._no(400, 2997, "Factors missing")
        if Decimal(body["amount"]) < Decimal(NICEHASH_ALGORITHM["minimalOrderAmount"]):
            return self._no(400, 5067, "Amount too small")
        if body["poolId"] not in self.pools:
            return self._no(400, 5061, "No such pool")
        id_ = self.new_id()
        self.orders[id_] = {
            **body, "id": id_, "pool": self.pools[body["poolId"]], "status": {"code": "ACTIVE"}, "payedAmount": "0",
            "acceptedCurrentSpeed": "0",
        }  # fmt: skip
        return 200, {}, self.orders[id_]

    def _update(self, id_: str, body: dict[str, Any]) -> Reply:
        order = self.orders.get(id_)
        if order is None:
            return self._no(404, 5050, "No such order")
        step = abs(Decimal(NICEHASH_ALGORITHM["priceDownStep"]))
        if Decimal(order["price"]) - Decimal(body["price"]) > step:
            return self._no(400, 5054, "Price decreased by more than a step")
        order["price"], order["limit"] = body["price"], body["limit"]
        return 200, {}, order

    def _refill(self, id_: str, body: dict[str, Any]) -> Reply:
        order = self.orders[id_]
        order["amount"] = str(Decimal(order["amount"]) + Decimal(body["amount"]))
        return 200, {}, order

    def _cancel(self, id_: str) -> Reply:
        if id_ not in self.orders:
            return self._no(404, 5050, "No such order")
        self.orders[id_]["status"] = {"code": "CANCELLED"}
        return 200, {}, self.orders[id_]

    def _no(self, status: int, code: int, message: str) -> Reply:
        return status, {}, {"error_id": "x", "errors": [{"code": code, "message": message}]}


class BraiinsStandIn(StandIn):
    """Spot bids, as documented: a key in a header, lists in pages, errors in `grpc-message`."""

    def reply(self, asked: Asked) -> Reply:
        """Answer one request."""
        if asked.headers.get("apikey") != self.access.key:
            return 401, {"grpc-message": "unauthenticated"}, {}
        match (asked.method, asked.path):
            case ("GET", "/spot/settings"):
                return 200, {}, SPOT_SETTINGS
            case ("GET", "/spot/fee"):
                return 200, {}, SPOT_FEES
            case ("GET", "/spot/orderbook"):
                return 200, {}, {"bids": self._bids()}
            case ("GET", "/spot/bid"):
                return self._page(parse_qs(asked.query))
            case ("POST", "/spot/bid"):
                return self._place(asked.json())
            case ("PUT", "/spot/bid"):
                return self._change(asked.json())
            case ("DELETE", "/spot/bid"):
                return self._end(asked.json())
            case _:
                return 404, {"grpc-message": "not found " + ",".join(parse_qs(asked.query))}, {}

    def _bids(self) -> list[dict[str, Any]]:
        return [
            {"price_sat": int(price), "speed_limit_ph": float(limit), "hr_matched_ph": float(speed)}
            for price, limit, speed in self.prices
        ]

    def _page(self, query: Mapping[str, list[str]]) -> Reply:
        """Answer a page of bids, the newest first."""
        limit, offset = int(query.get("limit", ["50"])[0]), int(query.get("offset", ["0"])[0])
        if not 1 <= limit <= 1000 or offset < 0:
            return 400, {"grpc-message": "limit must be between 1 and 1000"}, {}
        newest = list(self.orders.values())[::-1]
        return 200, {}, {"items": newest[offset : offset + limit]}

    def _place(self, body: dict[str, Any]) -> Reply:
        if body["price_sat"] % SPOT_SETTINGS["tick_size_sat"]:
            return 400, {"grpc-message": "price is not on a tick"}, {}
        if body["amount_sat"] < SPOT_SETTINGS["min_limited_bid_amount_sat"]:
            return 400, {"grpc-message": "amount is too small"}, {}
        id_ = self.new_id()
        zero = {
            "shares_purchased_m": 0, "shares_accepted_m": 0, "shares_rejected_m": 0, "amount_consumed_sat": 0,
            "fee_paid_sat": 0,
        }  # fmt: skip
        self.orders[id_] = {
            "bid": {**body, "id": id_, "status": "BID_STATUS_ACTIVE", "is_current": True},
            "counters_committed": dict(zero), "counters_estimate": dict(zero),
            "state_estimate": {"avg_speed_ph": 0, "progress_pct": 0, "amount_remaining_sat": body["amount_sat"]},
        }  # fmt: skip
        return 200, {}, {"id": id_, "cl_order_id": body["cl_order_id"]}

    def _change(self, body: dict[str, Any]) -> Reply:
        order = self.orders.get(body["bid_id"])
        if order is None:
            return 404, {"grpc-message": "no such bid"}, {}
        bid = order["bid"]
        for name in ("price_sat", "amount_sat"):
            bid[name] = body.get(f"new_{name}", bid[name])
        if "new_speed_limit_ph" in body:
            bid["speed_limit_ph"] = body["new_speed_limit_ph"]["value"]
        return 200, {}, {}

    def _end(self, body: dict[str, Any]) -> Reply:
        order = self.orders.get(body["order_id"])
        if order is None:
            return 404, {"grpc-message": "no such bid"}, {}
        order["bid"] |= {"status": "BID_STATUS_CANCELED", "is_current": False}
        return 200, {}, {"affected_ids": {"id": [body["order_id"]]}}


SPOT_SETTINGS: dict[str, Any] = {
    "tick_size_sat": 1000, "hr_multiplier_log10": 18, "min_bid_amount_sat": 200_000,
    "min_limited_bid_amount_sat": 100_000, "min_bid_speed_limit_ph": 1,
    "max_bid_speed_limit_ph": 10_000, "min_bid_price_decrease_period_s": 600, "bid_grace_period_s": 60,
}  # fmt: skip
SPOT_FEES: dict[str, Any] = {
    "spot_fees": [
        {"symbol": "SPOT", "fee_type": "SPOT_FEE_TYPE_BUY", "fee": {"fee_rate_pct": 2.0}},
        {"symbol": "SPOT", "fee_type": "SPOT_FEE_TYPE_SELL", "fee": {"fee_rate_pct": 1.0}},
    ]
}
