"""Can this wallet pay? Each check with its answer, and for each cross what to do. Nothing is signed or sent."""

import asyncio
from collections.abc import Mapping
from typing import Any

from hashwright.adapters.wallets.base import Wallet
from hashwright.chain.coin import Coin
from hashwright.errors import HashwrightError
from hashwright.money import Amount, Currency
from hashwright.runtime.checks import Check, failed, ok
from hashwright.runtime.destinations import coin_of, parse_destination
from hashwright.runtime.payouts import parse_payouts, wallet_kind

WALLET_TIMEOUT_S = 60.0
"""A wallet that was away for long reads the blocks since then first."""


async def check_wallet(payouts: Mapping[str, Any], destination: Mapping[str, Any]) -> list[Check]:
    """Check the wallet of a pool's payouts, from its settings to what it holds; never raises for bad ones."""
    try:
        own = parse_destination(destination)
        coin: Coin = coin_of(own)
        kind, currency = wallet_kind(coin.family), coin.currency(own.network)
        _settings, policy, config = parse_payouts(payouts, currency, kind=kind)
        async with asyncio.timeout(WALLET_TIMEOUT_S):
            wallet = await kind.open(config, currency=currency, network=own.network)
            try:
                return [*await _look(wallet, currency), _mode(is_live=policy.is_live, is_paused=policy.is_paused)]
            finally:
                await wallet.aclose()
    except TimeoutError:
        return [failed(f"The wallet gave no answer in {WALLET_TIMEOUT_S:g} s.", "HW-412", "Look at the wallet.")]
    except HashwrightError as error:
        return [failed(error.message, error.code, error.hint)]


async def _look(wallet: Wallet, currency: Currency) -> list[Check]:
    tip, held = await wallet.tip(), Amount(await wallet.balance(), currency)
    checks = [ok(f"wallet answers: it has read block {tip.height}, and holds {held}")]
    if wallet.is_watch_only:
        fix = "Set a wallet that has the keys, or pay by hand."
        return [*checks, Check(state="warning", title="wallet can only watch: it pays nothing", code="HW-624", fix=fix)]
    return [*checks, ok("wallet can sign")]


def _mode(*, is_live: bool, is_paused: bool) -> Check:
    if is_paused:
        return Check(state="skipped", title="payouts are paused by a person")
    return ok("payouts are LIVE") if is_live else Check(state="skipped", title="payouts are a DRY RUN: nothing is paid")
