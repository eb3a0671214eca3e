"""What the owner does with mined coins, coin by coin: keep all, sell for the power bill, or sell a fixed share.

A rule counts from its time on and is never rewritten: another one follows it. It recommends; selling stays with the
owner. The same three rules stand behind `hw plan --hold` (`economics.hold`, in floats, for forecasts); a test compares
the two. Here everything is whole minor units.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, get_args

from hashwright.errors import OperatorError
from hashwright.money import MoneyError, decimal_of

HoldKind = Literal["keep", "cover", "share"]
HOLD_KINDS: Final[tuple[str, ...]] = get_args(HoldKind)
WHOLE_BP: Final = 10_000
"""All of it, in hundredths of a per cent."""
HINT: Final = "hw ledger hold set LTC share --part 50% (or keep, or cover)."


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRule:
    """One rule of one coin. `part_bp` of what is mined is sold by `share` [1/10,000]; it counts from `since_ms` on."""

    coin: str
    kind: HoldKind
    part_bp: int = 0
    since_ms: int = 0

    @property
    def text(self) -> str:
        """Return the rule as people say it."""
        match self.kind:
            case "keep":
                return "keep all"
            case "cover":
                return "cover the power bill"
            case "share":
                return f"sell {Decimal(self.part_bp).scaleb(-2).normalize():f}%"


def hold_rule(coin: str, kind: str, part: str, *, since_ms: int) -> HoldRule:
    """Read a rule as a person says it; `part` is such as `50%` and goes with `share` only.

    Raises:
        OperatorError: it is none (HW-652).
    """
    for known in get_args(HoldKind):
        if kind == known:
            return HoldRule(coin=coin, kind=known, part_bp=_part_bp(known, part.strip()), since_ms=since_ms)
    raise refused(f"{kind[:30]!r} is not one of {', '.join(HOLD_KINDS)}")


def tried_rule(text: str) -> HoldRule:
    """Read `keep`, `cover` or a share such as `40%`, to see what it would have done; of no coin yet.

    Raises:
        OperatorError: it is none of them (HW-652).
    """
    word = text.strip().lower()
    return hold_rule("", "share", word, since_ms=0) if "%" in word else hold_rule("", word, "", since_ms=0)


def _part_bp(kind: HoldKind, part: str) -> int:
    if kind != "share":
        if part:
            raise refused(f"a part goes with share, not with {kind}")
        return 0
    if not part.endswith("%"):
        raise refused(f"share needs a part in per cent, such as 50%, not {part[:30]!r}")
    try:
        part_bp = decimal_of(part[:-1].strip()).scaleb(2)
    except MoneyError as problem:
        raise refused(str(problem)) from problem
    if part_bp != part_bp.to_integral_value() or not 0 < part_bp <= WHOLE_BP:
        raise refused(f"{part[:30]!r} is not above 0% and up to 100%, in steps of 0.01%")
    return int(part_bp)


def rules_by_coin(rules: Iterable[HoldRule]) -> dict[str, tuple[HoldRule, ...]]:
    """Group rules by coin, each in order of the time that they count from."""
    found: dict[str, list[HoldRule]] = {}
    for rule in rules:
        found.setdefault(rule.coin, []).append(rule)
    return {coin: tuple(sorted(its, key=lambda it: it.since_ms)) for coin, its in found.items()}


def rule_at(rules: Sequence[HoldRule], at_ms: int) -> HoldRule | None:
    """Return the rule that counts at a moment, of one coin's in order; None before the first."""
    return next((rule for rule in reversed(rules) if rule.since_ms <= at_ms), None)


def refused(problem: str) -> OperatorError:
    """Build the error for what is no rule of mined coins."""
    return OperatorError(f"No rule for mined coins: {problem}. Nothing was changed.", code="HW-652", hint=HINT)
