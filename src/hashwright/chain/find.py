"""Coins by the names that people use: key, title or ticker, in any case."""

from difflib import get_close_matches

from hashwright import registry
from hashwright.chain.coin import Coin
from hashwright.errors import NotSupported, OperatorError

_DEFAULTS = ("bitcoin", "litecoin", "monero", "ethereum_classic", "ravencoin", "dash", "zcash")
"""Which coin stands for an algorithm where none is named; the first that computes it."""


def all_coins() -> tuple[Coin, ...]:
    """List every coin that is known, sorted by key."""
    return tuple(registry.load("coins", name).COIN for name in registry.names("coins"))


def minable_coins() -> tuple[Coin, ...]:
    """List the coins that proof of work earns and of which it is known how much, those mined here or compared only."""
    return tuple(coin for coin in all_coins() if coin.is_minable and coin.economy is not None)


def find_coin(name: str) -> Coin:
    """Return a coin by key, title or ticker.

    Raises:
        OperatorError: there is none of that name; the nearest are offered (HW-801).
        NotSupported: it cannot be mined, and why (HW-205).
    """
    wanted = _plain(name)
    coins = all_coins()
    found = next(
        (coin for coin in coins if wanted in (_plain(coin.key), _plain(coin.title), _plain(coin.ticker))), None
    )
    if found is None:
        raise _unknown(name, coins)
    if not found.is_minable:
        raise NotSupported(found.why_not, code="HW-205", hint="Try: --coin ethereum-classic.")
    return found


def default_coin(algorithm: str) -> Coin:
    """Return the coin that stands for an algorithm.

    Raises:
        OperatorError: no coin that is known computes it (HW-801).
    """
    coins = {coin.key: coin for coin in minable_coins()}
    for coin in (*(coins[key] for key in _DEFAULTS), *coins.values()):
        if coin.algorithm == algorithm:
            return coin
    known = sorted({coin.algorithm for coin in coins.values()})
    raise OperatorError(f"No coin of {algorithm!r} is known.", code="HW-801", hint=f"Known are: {', '.join(known)}.")


def merged_with(parent: Coin) -> tuple[Coin, ...]:
    """List the coins that the hashes of another mine at the same time."""
    coins = minable_coins()
    return tuple(coin for coin in coins if coin.economy is not None and coin.economy.merged_parent == parent.key)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _unknown(name: str, coins: tuple[Coin, ...]) -> OperatorError:
    words = {_plain(word): coin for coin in coins for word in (coin.key, coin.ticker)}
    close = dict.fromkeys(words[word].title for word in get_close_matches(_plain(name), words, n=3, cutoff=0.5))
    known = ", ".join(coin.ticker for coin in coins if coin.is_minable)
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    return OperatorError(f"No coin called {name[:40]!r} is known.", code="HW-801", hint=f"{hint}Known are: {known}.")
