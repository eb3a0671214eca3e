"""How the autopilot of one algorithm is set, as it is stored: what it may do, and what the owner knows of machines."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hashwright import registry
from hashwright.chain.proof import ALGORITHMS
from hashwright.errors import ConfigError, Finding
from hashwright.planner.autopilot import Limits, Mode
from hashwright.planner.purchases import BuyRules

KIND: Final = "autopilot"
EVERY_MIN_S: Final = 10
EVERY_MAX_S: Final = 86_400
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
PRICE_MAX_USD_KWH: Final = 2.0
"""Dearer than any household pays: such a number is in cents."""


class AutopilotSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The autopilot of one algorithm. Dry run unless its owner says otherwise.

    `step_percent` is how much of all work may move in one turn, `dwell_s` how long a change is left alone.
    `fees_percent` are what destinations keep, where no account tells. `is_play_worth` values coins of test networks
    like real ones, for rehearsals. `budget_usd_day` bounds what moves may cost a day; a move of all work costs
    `move_minutes` of the power bill. `sleep_groups` are the groups of the fleet that may be put to sleep, and nobody is
    woken above `temperature_max_c`. Machines of `sell_as` may be sold on the own market, from `sell_floor_usd_ph_day`.
    `power_of` is a site whose tariff says what power costs now, where somebody plans its power. `buy` are rentals
    (`hw market rent set`) that it may buy by; `buy_usd_day` bounds what they commit a day in all, `buy_usd_day_of` at
    one market, and `buy_risk` deviations are taken off what they are expected to earn.
    """

    algorithm: str
    mode: Mode = "dry-run"
    is_paused: bool = False
    policy: str = "best_hashprice"
    every_s: int = 300
    power_price_usd_kwh: float = 0.0
    efficiency_j_th: float = 0.0
    step_percent: float = 25.0
    dwell_s: int = 1800
    hold_days: float = 1.0
    margin_usd: float = 0.0
    price_age_max_s: int = 3600
    fees_percent: dict[str, float] = {}
    is_fetching: bool = False
    is_play_worth: bool = False
    budget_usd_day: float | None = None
    move_minutes: float = 0.0
    temperature_max_c: float | None = None
    sleep_groups: tuple[str, ...] = ()
    sell_as: str = ""
    sell_floor_usd_ph_day: float = 0.0
    learn_days: int = 0
    power_of: str = ""
    buy: tuple[str, ...] = ()
    buy_usd_day: float | None = None
    buy_usd_day_of: dict[str, float] = {}
    buy_risk: float = 0.3

    @property
    def buying(self) -> BuyRules:
        """Return what may be bought."""
        return BuyRules(usd_day=self.buy_usd_day, usd_day_of=self.buy_usd_day_of, risk=self.buy_risk)

    @property
    def limits(self) -> Limits:
        """Return what a thought may do."""
        return Limits(
            policy=self.policy,
            step=self.step_percent / 100,
            hold_days=self.hold_days,
            margin_usd=self.margin_usd,
            price_age_max_ms=self.price_age_max_s * 1000,
            dwell_ms=self.dwell_s * 1000,
            budget_usd_day=self.budget_usd_day,
            move_minutes=self.move_minutes,
            temperature_max_c=self.temperature_max_c,
            learn_days=self.learn_days,
            may_rest_on_paper=bool(self.sleep_groups),
            may_sleep=bool(self.sleep_groups) and self.mode == "live",
        )


def parse_autopilot(raw: Mapping[str, Any]) -> AutopilotSettings:
    """Read and check settings, every problem at once.

    Raises:
        ConfigError: with one finding a problem (HW-771).
    """
    try:
        settings = msgspec.convert(dict(raw), AutopilotSettings)
    except msgspec.ValidationError as error:
        raise _refusal([_finding("autopilot", str(error))]) from error
    bounds = {
        "every_s": (settings.every_s, EVERY_MIN_S, EVERY_MAX_S),
        "step_percent": (settings.step_percent, 0.01, 100),
        "dwell_s": (settings.dwell_s, 0, 30 * 86_400),
        "hold_days": (settings.hold_days, 0.01, 365),
        "margin_usd": (settings.margin_usd, 0, 1e9),
        "efficiency_j_th": (settings.efficiency_j_th, 0, 1e12),
        "price_age_max_s": (settings.price_age_max_s, 60, 30 * 86_400),
        "budget_usd_day": (settings.budget_usd_day or 0, 0, 1e9),
        "move_minutes": (settings.move_minutes, 0, 1440),
        "temperature_max_c": (settings.temperature_max_c or 60, 30, 120),
        "learn_days": (settings.learn_days, 0, 30),
        "sell_floor_usd_ph_day": (settings.sell_floor_usd_ph_day, 0, 1e6),
        "buy_usd_day": (settings.buy_usd_day or 0, 0, 1e9),
        "buy_risk": (settings.buy_risk, 0, 10),
    }
    bounds |= {f"buy_usd_day_of {name}": (usd, 0, 1e9) for name, usd in settings.buy_usd_day_of.items()}
    findings = [
        _finding(name, f"{value} is not between {low} and {high}")
        for name, (value, low, high) in bounds.items()
        if not low <= value <= high
    ]
    if settings.algorithm not in ALGORITHMS and settings.algorithm != "randomx":
        findings.append(_finding("algorithm", f"{settings.algorithm!r} is not mined here"))
    if settings.policy not in registry.names("policies"):
        known = ", ".join(registry.names("policies"))
        findings.append(_finding("policy", f"there is no {settings.policy!r}; known are {known}"))
    if not 0 <= settings.power_price_usd_kwh <= PRICE_MAX_USD_KWH:
        words = f"{settings.power_price_usd_kwh} USD/kWh is dearer than any power: in cents? Write 0.08 for 8 cents"
        findings.append(_finding("power_price_usd_kwh", words))
    findings += [
        _finding("fees_percent", f"a fee of {fee} % at {name} is not between 0 and 100")
        for name, fee in settings.fees_percent.items()
        if not 0 <= fee < 100
    ]
    named = [("sleep_groups", it) for it in settings.sleep_groups]
    named += [("power_of", settings.power_of)] if settings.power_of else []
    named += [("sell_as", settings.sell_as)] if settings.sell_as else []
    named += [("buy", it) for it in settings.buy]
    findings += [_finding(name, f"{it[:40]!r} is no name") for name, it in named if not _NAME.fullmatch(it)]
    if findings:
        raise _refusal(findings)
    return settings


def _finding(place: str, message: str) -> Finding:
    return Finding(code="HW-771", place=place, message=message, hint="hw autopilot set --help")


def _refusal(findings: list[Finding]) -> ConfigError:
    words = "; ".join(f"{it.place}: {it.message}" for it in findings)
    return ConfigError(f"The autopilot cannot be set so: {words}.", code="HW-771", findings=tuple(findings))
