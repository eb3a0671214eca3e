"""What becomes of mined coins: sold the day they come, kept, or sold as far as the power bill asks.

A rule is part of plans and backtests; selling itself stays with the owner, a plan only says how much.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from hashwright.errors import OperatorError

Kind = Literal["share", "keep", "cover"]
F = TypeVar("F", NDArray[np.float32], NDArray[np.float64])


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRule:
    """`share`: sell this part of each day's coins. `keep`: sell nothing. `cover`: sell what the day's power costs."""

    kind: Kind = "share"
    share: float = 1.0

    @property
    def text(self) -> str:
        """Return the rule as people say it."""
        match self.kind:
            case "keep":
                return "keep all coins"
            case "cover":
                return "sell what the power bill asks, keep the rest"
            case "share":
                return "sell each day's coins" if self.share == 1 else f"sell {self.share:.0%} of each day's coins"


SELL_ALL: Final = HoldRule()


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRules:
    """A rule for each coin by its ticker, and one for all others."""

    default: HoldRule = SELL_ALL
    by_coin: tuple[tuple[str, HoldRule], ...] = ()

    def of(self, ticker: str) -> HoldRule:
        """Return the rule of a coin."""
        return next((rule for coin, rule in self.by_coin if coin == ticker), self.default)

    @property
    def sells_all(self) -> bool:
        """Tell whether every coin is sold on its day."""
        return all(rule == SELL_ALL for rule in (self.default, *(rule for _, rule in self.by_coin)))

    @property
    def text(self) -> str:
        """Return the rules as people say them."""
        named = [f"{coin}: {rule.text}" for coin, rule in self.by_coin]
        return "; ".join([*named, f"others: {self.default.text}"] if named else [self.default.text])


SELL_EVERY: Final = HoldRules()


def rules_of(text: str) -> HoldRules:
    """Read one rule for all, or also some by coin: `cover`, `btc=keep,xmr=40%`, `cover,btc=keep`.

    Raises:
        OperatorError: one is no rule (HW-822), or a coin is unknown (HW-801).
    """
    from hashwright.chain.find import find_coin

    default, by_coin = SELL_ALL, {}
    for part in text.split(","):
        coin, is_named, word = part.partition("=")
        if is_named:
            by_coin[find_coin(coin).ticker] = rule_of(word)
        else:
            default = rule_of(part)
    return HoldRules(default=default, by_coin=tuple(by_coin.items()))


def rule_of(text: str) -> HoldRule:
    """Read `keep`, `cover`, `sell` or a share such as `40%`.

    Raises:
        OperatorError: it is none of them (HW-822).
    """
    word = text.strip().lower()
    if word in ("keep", "cover"):
        return HoldRule(kind="keep" if word == "keep" else "cover")
    if word == "sell":
        return SELL_ALL
    try:
        share = float(word.removesuffix("%")) / 100 if word.endswith("%") else -1.0
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise OperatorError(f"{text[:30]!r} is no rule for mined coins.", code="HW-822")
    return HoldRule(share=share)


def sold_part(rule: HoldRule, revenue: F, cost: F) -> F:
    """Return the part of a day's coins to sell, 0 to 1, for the day's revenue and power cost [both USD]."""
    match rule.kind:
        case "keep":
            return np.zeros_like(revenue)
        case "cover":
            with np.errstate(divide="ignore", invalid="ignore"):
                part = np.where(revenue > 0, cost / revenue, 1)
            return np.clip(part, 0, 1).astype(revenue.dtype)
        case "share":
            return np.full_like(revenue, rule.share)
