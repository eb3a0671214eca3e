"""NiceHash, as a buyer: API v2. Documented form; tried against a stand-in only, never seen live.

Facts (docs of the vendor; reference stratum.md 2.6): a request is signed by HMAC-SHA256 over its parts with a zero byte
between them. Speeds are in the algorithm's market factor (PH/s for SHA-256), prices in BTC for one EH/s and day: two
scales, and an order names both pairs, or is refused (2997). The book says its own factors; where it and the list of
algorithms differ, each number is read by the factor that stands beside it. 3 % on what is spent and 0.00001 BTC for
each order. A price goes down by a step at most, once in ten minutes. Orders carry no id of ours, so a place without an
answer is looked for by the pool that was made for it, whose name is our id.
"""

import hashlib
import hmac
import time
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from hashwright.adapters.markets.base import (
    EH,
    Access,
    Caller,
    Level,
    Plugin,
    Rental,
    Rules,
    Wish,
    misread,
    number,
    plain,
    refused,
    rows,
    text,
)

URL: Final = "https://api2.nicehash.com"
MARKET: Final = "EU"
BOOK_MARKETS: Final = ("BTC", "EU", "USA")
FEE: Final = Decimal("0.03")
ORDER_FEE: Final = Decimal("0.00001")
STEP: Final = Decimal("0.0001")
DOWN_EVERY_S: Final = 600
ALGORITHMS: Final = {"sha256d": "SHA256ASICBOOST", "scrypt": "SCRYPT"}
SELLERS: Final = {
    "sha256d": "stratum+ssl://sha256asicboost.auto.nicehash.com:443",
    "scrypt": "stratum+ssl://scrypt.auto.nicehash.com:443",
    "randomx": "stratum+ssl://randomxmonero.auto.nicehash.com:443",
}
"""Where sellers connect: the nearest place is found by them. Port 9200 takes the same without TLS. A user is a mining
address with a rig behind a dot; `d=` in the password asks for a difficulty; a new extranonce comes without a reconnect
to who subscribed to it, which our connections always do."""
ACTIVE: Final = ("ACTIVE", "PENDING")


class NiceHash:
    """One account."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._caller = Caller(access.url or URL)
        self._known: dict[str, dict[str, Any]] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._caller.aclose()

    async def rules(self, algorithm: str) -> Rules:
        """Read the rules of an algorithm."""
        found = await self._algorithm(algorithm)
        factor, host = self._factor(found), self._caller.host
        return Rules(
            fee_part=FEE,
            order_fee=ORDER_FEE,
            minimum_amount=number(found.get("minimalOrderAmount", "0.001"), host),
            minimum_limit_hs=float(number(found.get("minSpeedLimit", "0"), host) * factor),
            maximum_limit_hs=float(number(found.get("maxSpeedLimit", "0"), host) * factor),
            price_step=STEP,
            price_down=abs(number(found.get("priceDownStep", "0"), host)),
            down_every_s=DOWN_EVERY_S,
        )

    async def book(self, algorithm: str) -> list[Level]:
        """Read the public book, every page of it."""
        levels: list[Level] = []
        for page in range(20):
            query = f"algorithm={ALGORITHMS[algorithm]}&page={page}&size=100"
            answer = await self._get("/main/api/v2/hashpower/orderBook", query, signed=False)
            part, pages = self._levels(answer)
            levels += part
            if page + 1 >= pages:
                break
        return levels

    async def rentals(self, algorithm: str) -> list[Rental]:
        """Read our orders."""
        query = f"algorithm={ALGORITHMS[algorithm]}&op=LE&limit=100&ts={_now_ms()}"
        answer = await self._get("/main/api/v2/hashpower/myOrders", query)
        return [self._rental(it) for it in rows(answer.get("list"), self._caller.host)]

    async def place(self, wish: Wish) -> str:
        """Register the pool under our id, then place a STANDARD order for it."""
        found = await self._algorithm(wish.algorithm)
        pool = await self._pool(wish)
        factor = self._factor(found)
        body = {
            "market": MARKET,
            "algorithm": ALGORITHMS[wish.algorithm],
            "type": "STANDARD",
            "amount": plain(wish.amount),
            "price": plain(wish.price),
            "limit": plain(Decimal(str(wish.limit_hs)) / factor),
            "poolId": pool,
            **self._factors(found),
        }
        answer = await self._act("POST", "/main/api/v2/hashpower/order/", body)
        return text(answer, "id", self._caller.host)

    async def reprice(self, rental: Rental, price: Decimal, limit_hs: float, algorithm: str) -> None:
        """Change price and limit in one request."""
        found = await self._algorithm(algorithm)
        body = {
            "price": plain(price),
            "limit": plain(Decimal(str(limit_hs)) / self._factor(found)),
            **self._factors(found),
        }
        await self._act("POST", f"/main/api/v2/hashpower/order/{rental.id}/updatePriceAndLimit/", body)

    async def refill(self, rental: Rental, amount: Decimal) -> None:
        """Add to an order's amount."""
        await self._act("POST", f"/main/api/v2/hashpower/order/{rental.id}/refill/", {"amount": plain(amount)})

    async def cancel(self, rental: Rental) -> None:
        """End an order."""
        await self._act("DELETE", f"/main/api/v2/hashpower/order/{rental.id}", None)

    # ---------------------------------------------------------------- inside

    async def _algorithm(self, algorithm: str) -> dict[str, Any]:
        if algorithm not in self._known:
            answer = await self._get("/main/api/v2/mining/algorithms", "", signed=False)
            listed = rows(answer.get("miningAlgorithms"), self._caller.host)
            found = next((it for it in listed if it.get("algorithm") == ALGORITHMS[algorithm]), None)
            if found is None:
                raise misread(self._caller.host, f"it does not list {ALGORITHMS[algorithm]}")
            self._known[algorithm] = found
        return self._known[algorithm]

    def _factor(self, found: Mapping[str, Any]) -> Decimal:
        factor = number(found.get("marketFactor"), self._caller.host)
        if factor <= 0:
            raise misread(self._caller.host, f"a market factor of {factor}")
        return factor

    def _factors(self, found: Mapping[str, Any]) -> dict[str, str]:
        """Return both pairs: speeds by the algorithm's factor, prices by EH."""
        return {
            "marketFactor": str(found["marketFactor"]),
            "displayMarketFactor": str(found["displayMarketFactor"]),
            "priceFactor": plain(EH),
            "displayPriceFactor": "EH",
        }

    def _levels(self, answer: Any) -> tuple[list[Level], int]:  # noqa: ANN401
        host = self._caller.host
        stats = answer.get("stats") if isinstance(answer, dict) else None
        if not isinstance(stats, dict):
            raise misread(host, "the book has no stats")
        levels: list[Level] = []
        pages = 1
        for name in BOOK_MARKETS:
            part = stats.get(name)
            if not isinstance(part, dict):
                continue
            factor, per = number(part.get("marketFactor"), host), number(part.get("priceFactor"), host)
            if factor <= 0 or per <= 0:
                raise misread(host, "a factor of the book is not above zero")
            levels += [_level(it, factor, per, host) for it in rows(part.get("orders"), host)]
            pages = max(pages, int((part.get("pagination") or {}).get("totalPageCount", 1)))
        return levels, pages

    def _rental(self, it: dict[str, Any]) -> Rental:
        host = self._caller.host
        factor, per = number(it.get("marketFactor"), host), number(it.get("priceFactor"), host)
        state = it.get("status")
        code = str(state.get("code")) if isinstance(state, dict) else str(state)
        pool = it.get("pool")
        spent = number(it.get("payedAmount", "0"), host)
        return Rental(
            id=text(it, "id", host),
            client_id=str(pool.get("name", "")) if isinstance(pool, dict) else "",
            price=number(it.get("price"), host) * EH / per,
            limit_hs=float(number(it.get("limit"), host) * factor),
            amount=number(it.get("amount"), host),
            spent=spent,
            estimated=spent,
            speed_hs=float(number(it.get("acceptedCurrentSpeed", "0"), host) * factor),
            work=Decimal(0),
            rejected=Decimal(0),
            is_open=code in ACTIVE,
            state=code,
        )

    async def _pool(self, wish: Wish) -> str:
        """Return the id of the pool that is registered under our id; register it where it is not."""
        algorithm = ALGORITHMS[wish.algorithm]
        query = f"size=100&page=0&algorithm={algorithm}"
        listed = rows((await self._get("/main/api/v2/pools", query)).get("list"), self._caller.host)
        known = next((it for it in listed if it.get("name") == wish.client_id), None)
        if known is not None:
            return text(known, "id", self._caller.host)
        place = urlsplit(wish.pool_url)
        body = {
            "name": wish.client_id,
            "algorithm": algorithm,
            "stratumHostname": place.hostname or "",
            "stratumPort": place.port or 0,
            "username": wish.pool_user,
            "password": wish.pool_password,
        }
        return text(await self._act("POST", "/main/api/v2/pool", body), "id", self._caller.host)

    async def _get(self, path: str, query: str, *, signed: bool = True) -> Any:  # noqa: ANN401
        target = f"{path}?{query}" if query else path

        def headers() -> dict[str, str]:
            return self._headers("GET", path, query, b"") if signed else {}

        status, _, answer = await self._caller.ask("GET", target, headers=headers, may_repeat=True)
        return self._judged(status, answer)

    async def _act(self, method: str, path: str, body: dict[str, Any] | None) -> Any:  # noqa: ANN401
        raw = b"" if body is None else msgspec.json.encode(body)

        def headers() -> dict[str, str]:
            return self._headers(method, path, "", raw)

        status, _, answer = await self._caller.ask(method, path, headers=headers, body=raw, may_repeat=False)
        return self._judged(status, answer)

    def _judged(self, status: int, answer: Any) -> Any:  # noqa: ANN401
        if status < 400:
            return answer
        errors = answer.get("errors") if isinstance(answer, dict) else None
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        reason = f"{first.get('code', '')} {str(first.get('message', 'no reason'))[:120]}".strip()
        raise refused(self._caller.host, status, reason)

    def _headers(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        at, nonce = str(_now_ms()), str(uuid.uuid4())
        access = self._access
        signature = sign(access, at=at, nonce=nonce, request=(method, path, query), body=body)
        return {
            "X-Time": at,
            "X-Nonce": nonce,
            "X-Organization-Id": access.organization,
            "X-Request-Id": str(uuid.uuid4()),
            "X-Auth": f"{access.key}:{signature}",
        }


def sign(access: Access, *, at: str, nonce: str, request: tuple[str, str, str], body: bytes = b"") -> str:
    """Return the signature of a request (method, path, query): parts with a zero byte between, two always empty."""
    parts = [access.key, at, nonce, "", access.organization, "", *request]
    content = b"\0".join(part.encode() for part in parts)
    if body:
        content += b"\0" + body
    return hmac.new(access.secret.encode(), content, hashlib.sha256).hexdigest()


def _level(it: dict[str, Any], factor: Decimal, per: Decimal, host: str) -> Level:
    return Level(
        id=str(it.get("id", ""))[:80],
        price=number(it.get("price"), host) * EH / per,
        limit_hs=float(number(it.get("limit"), host) * factor),
        speed_hs=float(number(it.get("acceptedSpeed"), host) * factor),
        is_alive=bool(it.get("alive", True)),
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


PLUGIN = Plugin(title="NiceHash", url=URL, seen="documented", algorithms=ALGORITHMS, open=NiceHash, sells_at=SELLERS)
