"""The checks of `hw doctor` about wallets, and about RandomX, without which no share of Monero can be checked here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hashwright.errors import HashwrightError
from hashwright.runtime.checks import Check, failed, ok


async def wallet_checks(
    data_dir: Path, payouts: Mapping[str, Any], destinations: Mapping[str, Any], *, is_running: bool
) -> list[tuple[str, list[Check]]]:
    """Check the wallet of each pool that pays; in the running process where there is one: it may hold the passwords."""
    found = []
    for name, raw in payouts.items():
        if name not in destinations:
            gone = failed(f"payouts are set for {name!r}, which is no pool", "HW-708", f"hw pool add {name}")
            found.append((name, [gone]))
        else:
            found.append((name, await _check(data_dir, raw, destinations[name], is_running=is_running)))
    return found


async def _check(
    data_dir: Path, payouts: Mapping[str, Any], destination: Mapping[str, Any], *, is_running: bool
) -> list[Check]:
    if not is_running:
        from hashwright.runtime.wallet_checks import check_wallet

        return await check_wallet(payouts, destination)
    from hashwright.runtime.control import ask

    try:
        answer = await ask(
            data_dir, "wallet-check", timeout_s=90.0, payouts=dict(payouts), destination=dict(destination)
        )  # fmt: skip
        return msgspec.convert(answer, list[Check])
    except HashwrightError as error:
        return [failed(error.message, error.code, error.hint)]


def check_randomx() -> Check:
    """Look for the library of RandomX; it is missed only by those who mine Monero."""
    from hashwright.chain.cryptonote.randomx import library

    try:
        library()
    except HashwrightError:
        title = "RandomX is not installed; it is needed for Monero only (sudo apt install librandomx0)"
        return Check(state="skipped", title=title)
    return ok("RandomX is installed: shares of Monero can be checked here")
