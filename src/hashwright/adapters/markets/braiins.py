"""Braiins Hashpower, as a buyer: spot bids. Documented form; tried against a stand-in only, never seen live.

Facts (the vendor's OpenAPI document; reference stratum.md 2.6): a key in the header `apikey`; prices are satoshi for
10**hr_multiplier_log10 hashes a second and day, in ticks; limits in PH/s; bids with a limit have a smallest amount of
their own. A list of bids comes in pages, the newest first; each item has the bid, what it should do by estimate, and
two sets of counters, estimated and committed. A price is lowered once in `min_bid_price_decrease_period_s`. Rejected
shares are paid too. What an error is, stands in the header `grpc-message`. `cl_order_id` is ours; nothing says that
placing twice with the same one is placing once, so a place without an answer is looked for by it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

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
    refused,
    rows,
    text,
)

URL: Final = "https://hashpower.braiins.com/v1"
SAT: Final = Decimal(10) ** -8
PH: Final = Decimal(10) ** 15
MILLION: Final = Decimal(10) ** 6
SHARE_WORK: Final = Decimal(2) ** 32
"""Hashes of a share of difficulty 1."""
OPEN_STATES: Final = ("ACTIVE", "CREATED", "PAUSED", "PENDING_CANCEL", "FROZEN")
PAGE: Final = 200
PAGES_MAX: Final = 50
"""10,000 bids: more than any account may hold open, and those of years that are over."""
FEE_KINDS: Final = ("SPOT_FEE_TYPE_BUY", "SPOT_FEE_TYPE_PLACEMENT")
"""What a buyer pays in percent of what he spends: as it is spent, and for placing a bid."""


class Braiins:
    """One account."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._caller = Caller(access.url or URL)
        self._settings: dict[str, Any] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._caller.aclose()

    async def rules(self, algorithm: str) -> Rules:
        """Read settings and fee."""
        del algorithm
        found, host = await self._rules(), self._caller.host
        fee = await self._call("GET", "/spot/fee")
        return Rules(
            fee_part=_fee_part(fee, host),
            order_fee=Decimal(0),
            minimum_amount=number(found.get("min_limited_bid_amount_sat", 0), host) * SAT,
            minimum_limit_hs=float(number(found.get("min_bid_speed_limit_ph", 0), host) * PH),
            maximum_limit_hs=float(number(found.get("max_bid_speed_limit_ph", 1_000_000), host) * PH),
            price_step=number(found.get("tick_size_sat", 1), host) * SAT * EH / self._per(found),
            price_down=Decimal(0),
            down_every_s=int(number(found.get("min_bid_price_decrease_period_s", 600), host)),
        )

    async def book(self, algorithm: str) -> list[Level]:
        """Read the public book's bids."""
        del algorithm
        found, host = await self._rules(), self._caller.host
        answer = await self._call("GET", "/spot/orderbook")
        return [
            Level(
                id="",
                price=self._price(it, found),
                limit_hs=float(number(it.get("speed_limit_ph", 0), host) * PH),
                speed_hs=float(number(it.get("hr_matched_ph", 0), host) * PH),
                is_alive=True,
            )
            for it in rows(answer.get("bids"), host)
        ]

    async def rentals(self, algorithm: str) -> list[Rental]:
        """Read our bids."""
        del algorithm
        found = await self._rules()
        rentals: list[Rental] = []
        for page in range(PAGES_MAX):
            answer = await self._call("GET", f"/spot/bid?limit={PAGE}&offset={page * PAGE}")
            part = rows(answer.get("items"), self._caller.host)
            rentals += [self._rental(it, found) for it in part]
            if len(part) < PAGE:
                break
        return list({it.id: it for it in rentals}.values())  # a bid that came meanwhile moves the pages by one

    async def place(self, wish: Wish) -> str:
        """Place a bid. It is never sent twice: whether that would be one bid or two, nobody has said."""
        found = await self._rules()
        body = {
            "cl_order_id": wish.client_id,
            "amount_sat": int(wish.amount / SAT),
            "price_sat": self._ticks(wish.price, found),
            "speed_limit_ph": float(Decimal(str(wish.limit_hs)) / PH),
            "dest_upstream": {"url": wish.pool_url, "identity": wish.pool_user},
        }
        return text(await self._call("POST", "/spot/bid", body), "id", self._caller.host)

    async def reprice(self, rental: Rental, price: Decimal, limit_hs: float, algorithm: str) -> None:
        """Change price and limit: saying it twice is saying it once."""
        del algorithm
        found = await self._rules()
        body = {
            "bid_id": rental.id,
            "new_price_sat": self._ticks(price, found),
            "new_speed_limit_ph": {"value": float(Decimal(str(limit_hs)) / PH)},
        }
        await self._call("PUT", "/spot/bid", body)

    async def refill(self, rental: Rental, amount: Decimal) -> None:
        """Give a bid a larger amount: the new sum is named, so saying it twice is saying it once."""
        total = int((rental.amount + amount) / SAT)
        await self._call("PUT", "/spot/bid", {"bid_id": rental.id, "new_amount_sat": total})

    async def cancel(self, rental: Rental) -> None:
        """End a bid."""
        await self._call("DELETE", "/spot/bid", {"order_id": rental.id}, may_repeat=True)

    # ---------------------------------------------------------------- inside

    async def _rules(self) -> dict[str, Any]:
        if not self._settings:
            self._settings = dict(await self._call("GET", "/spot/settings"))
        return self._settings

    def _per(self, found: Mapping[str, Any]) -> Decimal:
        """Return the hash rate that a price is for [H/s]."""
        return Decimal(10) ** int(number(found.get("hr_multiplier_log10", 18), self._caller.host))

    def _price(self, it: Mapping[str, Any], found: Mapping[str, Any]) -> Decimal:
        return number(it.get("price_sat"), self._caller.host) * SAT * EH / self._per(found)

    def _ticks(self, price: Decimal, found: Mapping[str, Any]) -> int:
        """Return a price in satoshi of the market's unit, down to a whole tick."""
        tick = int(number(found.get("tick_size_sat", 1), self._caller.host))
        return int(price * self._per(found) / EH / SAT) // tick * tick

    def _rental(self, it: Mapping[str, Any], found: Mapping[str, Any]) -> Rental:
        host = self._caller.host
        bid, state = _part(it, "bid", host), _part(it, "state_estimate", host)
        counters, guessed = _part(it, "counters_committed", host), _part(it, "counters_estimate", host)
        status = str(bid.get("status", "")).removeprefix("BID_STATUS_")
        shares = number(counters.get("shares_accepted_m", 0), host)
        return Rental(
            id=text(bid, "id", host),
            client_id=str(bid.get("cl_order_id", ""))[:80],
            price=self._price(bid, found),
            limit_hs=float(number(bid.get("speed_limit_ph", 0), host) * PH),
            amount=number(bid.get("amount_sat", 0), host) * SAT,
            spent=number(counters.get("amount_consumed_sat", 0), host) * SAT,
            estimated=number(guessed.get("amount_consumed_sat", 0), host) * SAT,
            speed_hs=float(number(state.get("avg_speed_ph", 0), host) * PH),
            work=shares * MILLION * SHARE_WORK,
            rejected=number(counters.get("shares_rejected_m", 0), host) * MILLION * SHARE_WORK,
            is_open=status in OPEN_STATES,
            state=status,
        )

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, may_repeat: bool = False
    ) -> Any:  # noqa: ANN401 (JSON)
        raw = b"" if body is None else msgspec.json.encode(body)

        def headers() -> dict[str, str]:
            return {"apikey": self._access.key}

        repeat = may_repeat or method == "GET"
        status, heads, answer = await self._caller.ask(method, path, headers=headers, body=raw, may_repeat=repeat)
        if status >= 400:
            raise refused(self._caller.host, status, heads.get("grpc-message", "no reason")[:120])
        return answer


def _part(it: Mapping[str, Any], name: str, host: str) -> dict[str, Any]:
    """Return an object within an object."""
    found = it.get(name)
    if not isinstance(found, dict):
        raise misread(host, f"{name} is missing")
    return found


def _fee_part(fee: Mapping[str, Any], host: str) -> Decimal:
    """Return what a buyer pays on top of what is spent, as a part; a market without a buyer's fee says so by a row."""
    listed = rows(fee.get("spot_fees"), host)
    rates = [
        number(_part(it, "fee", host).get("fee_rate_pct"), host) for it in listed if it.get("fee_type") in FEE_KINDS
    ]
    if not rates:
        raise misread(host, "it names no fee of a buyer")
    return sum(rates, Decimal(0)) / 100


PLUGIN = Plugin(title="Braiins Hashpower", url=URL, seen="documented", algorithms={"sha256d": "sha256"}, open=Braiins)
