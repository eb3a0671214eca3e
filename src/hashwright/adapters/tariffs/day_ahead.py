"""Day-ahead prices of Europe's markets from ENTSO-E's transparency platform, by `entsoe-py` (extra `day-ahead`).

The platform wants a token of your own (free, by e-mail to them). The library asks; the document is read by our own
reader, because the library keeps only one of the steps where hours and quarter-hours come mixed. Prices of tomorrow
appear at about 13:00 CET; what is not published yet is a hole, and a finding.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from hashwright.adapters.fetch import TIMEOUT_S
from hashwright.adapters.secret import read_secret
from hashwright.adapters.tariffs._entsoe_xml import read_prices
from hashwright.adapters.tariffs.base import CODES, MarketConfig, TariffPlugin
from hashwright.energy.tariff import TariffAnswer
from hashwright.errors import NotSupported, Unavailable


class DayAheadConfig(MarketConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`area` is ENTSO-E's name (DE_LU, BE, NO_2); `token_from` says where the token is found: env:NAME, file:PATH."""

    area: str
    token_from: str = "env:ENTSOE_TOKEN"  # noqa: S105 (where it is found, not the token)


class DayAheadTariff:
    """The coupled market's prices of one area."""

    def __init__(self, config: DayAheadConfig) -> None:
        self.config = config

    async def prices(self, start_ms: int, end_ms: int, *, now_ms: int) -> TariffAnswer:
        """Ask the platform for a time, in a thread: its library blocks."""
        token = read_secret(self.config.token_from)
        text = await asyncio.to_thread(_ask, token, self.config.area, start_ms, end_ms)
        read = read_prices(text)
        spans = [it for it in read.spans if it.start_ms < end_ms and it.end_ms > start_ms]
        return TariffAnswer(
            currency=read.currency,
            spans=self.config.markup().of(spans),
            known_at_ms=now_ms,
            findings=read.findings,
        )


def _ask(token: str, area: str, start_ms: int, end_ms: int) -> str:
    try:
        import pandas
        from entsoe.entsoe import EntsoeRawClient
    except ImportError as problem:
        raise NotSupported(
            "Prices of ENTSO-E need the library entsoe-py.",
            code="HW-849",
            hint='pip install "hashwright[day-ahead]", or take kind = "energy_charts".',
        ) from problem
    client = EntsoeRawClient(api_key=token, retry_count=1, retry_delay=0, timeout=int(TIMEOUT_S))
    start, end = (pandas.Timestamp(datetime.fromtimestamp(at / 1000, UTC)) for at in (start_ms, end_ms))
    try:
        answer: Any = client.query_day_ahead_prices(area, start=start, end=end)
    except Exception as problem:
        # The library's errors carry the whole address, and the token is part of it: only the kind of error leaves.
        raise Unavailable(
            f"ENTSO-E gives no prices of {area[:20]}: {type(problem).__name__}.", code=CODES.silent
        ) from None
    return str(answer)


PLUGIN = TariffPlugin(title="Day-ahead prices by ENTSO-E", seen="recorded", config=DayAheadConfig, build=DayAheadTariff)
