"""`hw calc`: one machine, one coin, now. A loss is said first and plainly, next to what buying the coin would do."""

import math
from typing import TYPE_CHECKING

import rich_click as click

from hashwright.cli import market_parts as parts
from hashwright.cli.calc_views import (
    day_table,
    level_documents,
    levels_table,
    swing_document,
    tornado_table,
    verdict_lines,
)
from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Terminal
from hashwright.units import hashrate_text, power_text

if TYPE_CHECKING:
    from hashwright.chain.coin import Coin
    from hashwright.cli.documents import CalcDocument, EarningDocument, PaybackDocument
    from hashwright.economics.calculation import Calculation, Earning, Rig
    from hashwright.economics.coin_facts import CoinFacts
    from hashwright.economics.hardware import Level
    from hashwright.economics.payback import Payback
    from hashwright.economics.what_if import Swing

DIGITS_MAX = 40


@click.command(cls=Command)
@click.argument("machine", default="")
@click.option("--coin", metavar="COIN", help="Name or ticker; default: the one that the machine is made for.")
@click.option("--hashrate", metavar="RATE", help="Hash rate of the machine, such as 195TH/s.")
@click.option("--power", metavar="WATTS", help="Power of the machine, such as 3440W.")
@click.option("--machine-price", metavar="USD", type=float, help="What the machine costs; default: a known price.")
@click.option("--price", metavar="USD", help="Price of the coin instead of the known one.")
@click.option("--difficulty", metavar="NUMBER", help="Difficulty instead of the known one.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Days to look ahead.")
@click.option("--interest", metavar="SHARE", default="10%", show_default=True, help="Interest a year.")
@click.option("--tornado", is_flag=True, help="Also: what each assumption, moved alone, does to the answer.")
@parts.rig_options
@pass_terminal
def calc(terminal: Terminal, /, machine: str, **given: str | float | bool | None) -> None:
    """Tell what a machine earns on a coin now, and whether it pays.

    Works offline: it reads what `hw admin data fetch` brought, or the dated facts of the package, and says their age.

    Example: hw calc s21 --power-price 0.08
    """
    asked = _Asked(terminal, machine, given)
    answer = asked.answer()
    if terminal.is_json:
        import msgspec

        terminal.document(msgspec.to_builtins(asked.document(answer)))
        return
    asked.show(answer)


class _Asked:
    """One question, read and checked."""

    def __init__(self, terminal: Terminal, machine: str, given: dict[str, str | float | bool | None]) -> None:
        from hashwright.economics import quantities as read
        from hashwright.economics.calculation import Assumed
        from hashwright.economics.hashprice import Terms

        self.terminal, self.given = terminal, given
        self.now = parts.now_ms()
        price, self.is_assumed = parts.read_power_price(_text(given["power_price"]))
        terms = Terms(
            pool_fee=read.share_of(_text(given["pool_fee"]), "a pool's fee"),
            stale=read.share_of(_text(given["stale"]), "a share of stale work"),
            uptime=read.share_of(_text(given["uptime"]), "an uptime"),
        )
        growth = parts.read_growth(_text(given["growth"]))
        days = int(given["days"] or 365)
        self.assumed: Assumed = Assumed(
            power_price_usd_kwh=price,
            terms=terms,
            growth_per_year=growth,
            horizon_days=days,
            rate_per_year=read.share_of(_text(given["interest"]), "an interest"),
        )
        through = _text(given["pass_through"])
        self.pass_through = read.share_of(through, "a pass-through") if through else None
        self.levels: tuple[Level, ...] = ()
        self.coin, self.rig, self.rig_source = self._machine(machine)
        read.check_power(self.rig.power_w, model=self.rig.name)
        self.market = self._market()

    def _machine(self, name: str) -> "tuple[Coin, Rig, str]":
        """Find the coin and the machine, by whichever was named.

        Raises:
            UsageError: neither a machine nor its hash rate, power and coin were given.
        """
        from hashwright.chain.find import default_coin, find_coin
        from hashwright.economics.calculation import Rig
        from hashwright.economics.quantities import check_hashrate, hashrate_of, power_of

        wanted = _text(self.given["coin"])
        coin = find_coin(wanted) if wanted else None
        rate, power = _text(self.given["hashrate"]), _text(self.given["power"])
        price = self.given["machine_price"]
        own_price = _price_of(price)
        if not name:
            if not (rate and power):
                raise click.UsageError(_NO_MACHINE, click.get_current_context(silent=True))
            coin = coin or find_coin("bitcoin")
            rig = Rig(name="own machine", hashrate_hs=hashrate_of(rate), power_w=power_of(power), price_usd=own_price)
            return coin, rig, "as told"
        catalogue = parts.read_catalogue(self.terminal, _text(self.given["hardware_file"]) or None)
        found = catalogue.find(name, algorithm=coin.algorithm if coin else "")
        hashrate = hashrate_of(rate) if rate else found.hashrate_hs
        check_hashrate(hashrate, found.kind, model=found.model)
        rig = Rig(
            name=found.model,
            hashrate_hs=hashrate,
            power_w=power_of(power) if power else found.power_w,
            price_usd=own_price if own_price is not None else found.price_usd,
        )
        self.levels = () if rate or power else found.levels
        return coin or default_coin(found.algorithm), rig, "as told" if rate or power else found.source

    def _market(self) -> "CoinFacts":
        """Read the market, with what the person said over it."""
        from decimal import Decimal, DecimalException

        from hashwright.economics.coin_facts import CoinFacts, Fact, FieldName

        told: dict[tuple[str, FieldName], Fact] = {}
        asked: tuple[tuple[FieldName, str | float | bool | None], ...] = (
            ("price_usd", self.given["price"]),
            ("difficulty", self.given["difficulty"]),
        )
        for name, text in asked:
            if text is None:
                continue
            try:
                value = Decimal(str(text).replace("_", ""))
            except DecimalException:
                value = Decimal(0)
            if not (value.is_finite() and value > 0 and abs(value.adjusted()) < DIGITS_MAX):
                raise click.UsageError(f"{str(text)[:40]!r} is no {name}.", click.get_current_context(silent=True))
            told[self.coin.key, name] = Fact(value=value, at_ms=self.now, known_at_ms=self.now, sources=("as told",))
        return CoinFacts(facts=told).over(parts.read_market(self.terminal))

    def answer(self) -> "Calculation":
        """Reckon."""
        from hashwright.economics.calculation import calculate

        return calculate(self.rig, self._earnings(), self.assumed)

    def _earnings(self) -> "tuple[Earning, ...]":
        from dataclasses import replace

        from hashwright.chain.find import merged_with
        from hashwright.economics.calculation import earning
        from hashwright.money import Estimate

        terms = self.assumed.terms
        found = [earning(self.rig, self.coin, self.market, terms=terms, now_ms=self.now)]
        for other in merged_with(self.coin) if self.pass_through else ():
            whole = earning(self.rig, other, self.market, terms=terms, now_ms=self.now)
            part = self.pass_through or 0.0
            found.append(
                replace(
                    whole,
                    coins_day=whole.coins_day * part,
                    revenue_usd_day=Estimate(whole.revenue_usd_day.value * part, whole.revenue_usd_day.currency),
                    hashprice_usd_ph_day=whole.hashprice_usd_ph_day * part,
                )
            )
        return tuple(found)

    # ---------------------------------------------------------------- showing

    def show(self, answer: "Calculation") -> None:
        """Show it to a person: the verdict first."""
        from rich.text import Text

        terminal = self.terminal
        style = "bold red" if answer.loses else "bold" if answer.is_buying_better else "bold green"
        first, *rest = self._verdict(answer)
        terminal.draw(Text(first, style=style))
        for line in rest:
            terminal.draw(Text(line))
        terminal.line()
        speed = f"{hashrate_text(answer.rig.hashrate_hs)}, {power_text(answer.rig.power_w)}"
        terminal.line(f"{answer.rig.name} on {self.coin.title}: {speed} ({self.rig_source})")
        terminal.line()
        terminal.table(day_table(answer, self.assumed, self.coin.algorithm))
        if self.levels:
            terminal.line()
            terminal.table(levels_table(self.levels, answer, self.assumed))
        if self.given["tornado"]:
            terminal.line()
            terminal.table(tornado_table(self._swings(answer), self.assumed))
        terminal.line()
        coins = [it.coin for it in answer.earnings]
        terminal.table(parts.facts_table(self.market, coins, self.now))
        self._notes(coins)

    def _swings(self, answer: "Calculation") -> "tuple[Swing, ...]":
        from hashwright.economics.what_if import Case, tornado

        if not self.given["tornado"]:
            return ()
        return tornado(Case(rig=answer.rig, earnings=answer.earnings, assumed=self.assumed))

    def _verdict(self, answer: "Calculation") -> list[str]:
        lines = verdict_lines(answer, self.assumed)
        coins = [it.coin for it in answer.earnings]
        past = parts.as_of(self.market, coins, self.now)
        return [past + lines[0][0].lower() + lines[0][1:] if past else lines[0], *lines[1:]]

    def _notes(self, coins: list[str]) -> None:
        from hashwright.chain.find import merged_with

        terminal = self.terminal
        if self.is_assumed:
            terminal.note(f"Assumed: {parts.POWER_PRICE_ASSUMED:.2f} USD/kWh. Say yours: --power-price 0.08")
        if self.coin.economy is not None and not self.coin.economy.session:
            terminal.note(f"HW-817 Compare only: {self.coin.title} is not mined by a session here.")
        others = merged_with(self.coin)
        if others and self.pass_through is None:
            names = ", ".join(coin.ticker for coin in others)
            terminal.note(f"{names} is mined by the same hashes, if the pool passes it on: --pass-through 100%")
        if self.market.fact(self.coin.key, "fees_coins") is None:
            terminal.note(f"Fees of {self.coin.title}'s blocks are unknown; they count as none.")
        parts.tell_old(terminal, self.market, coins, self.now)
        parts.tell_findings(terminal, [it for it in self.market.findings if it.code != "HW-819"])

    def document(self, answer: "Calculation") -> "CalcDocument":
        """Write it for a program."""
        from hashwright.cli.documents import CalcDocument

        coins = [it.coin for it in answer.earnings]
        facts = parts.facts_of(self.market, coins)
        energy = answer.electricity_kwh_coin
        terms = self.assumed.terms
        return CalcDocument(
            verdict=" ".join(self._verdict(answer)),
            machine=answer.rig.name,
            hashrate_hs=answer.rig.hashrate_hs,
            power_w=answer.rig.power_w,
            efficiency_j_per_th=answer.efficiency_j_th,
            machine_price_usd=answer.rig.price_usd,
            power_price_usd_per_kwh=self.assumed.power_price_usd_kwh,
            is_power_price_assumed=self.is_assumed,
            pool_fee_share=terms.pool_fee,
            stale_share=terms.stale,
            uptime_share=terms.uptime,
            pass_through_share=self.pass_through,
            difficulty_growth_per_year_log=self.assumed.growth_per_year,
            earnings=[_earning_document(it) for it in answer.earnings],
            revenue_usd_per_day_est=answer.revenue_usd_day.value,
            power_cost_usd_per_day_est=answer.power_cost_usd_day.value,
            profit_usd_per_day_est=answer.profit_usd_day.value,
            hashprice_usd_per_ph_day_est=answer.hashprice_usd_ph_day,
            hashcost_usd_per_ph_day_est=answer.hashcost_usd_ph_day,
            break_even_power_usd_per_kwh_est=answer.break_even_power_usd_kwh,
            electricity_kwh_per_coin_est=energy if math.isfinite(energy) else None,
            days_per_block_alone_est=answer.solo_block_days,
            payback=_payback_document(answer.payback),
            horizon_days=self.assumed.horizon_days,
            interest_per_year=self.assumed.rate_per_year,
            present_value_usd_est=answer.present_value_usd.value if answer.present_value_usd else None,
            return_per_year_est=answer.return_per_year,
            running_days_est=answer.running_days,
            mined_usd_est=answer.mined_usd.value,
            mined_coins_est=answer.mined_coins,
            bought_usd=answer.bought_usd.value,
            bought_coins=answer.bought_coins,
            facts=[parts.fact_document(coin, name, fact, self.now) for coin, name, fact in facts],
            findings=parts.finding_documents(self.market.findings),
            levels=level_documents(self.levels, answer, self.assumed),
            tornado=[swing_document(it) for it in self._swings(answer)],
        )


_NO_MACHINE = "Name a machine (hw calc s21), or give --hashrate and --power. hw compare hardware lists them."


def _price_of(value: str | float | bool | None) -> float | None:
    """Read what a machine costs [USD]; None where nobody says.

    Raises:
        OperatorError: it is negative or no number (HW-803).
    """
    if value is None:
        return None
    price = float(value)
    if not (math.isfinite(price) and price >= 0):
        from hashwright.errors import OperatorError

        raise OperatorError(f"{value} is not the price of a machine.", code="HW-803", hint="Write USD: 3000.")
    return price


def _text(value: str | float | bool | None) -> str:
    return "" if value is None else str(value)


def _earning_document(it: "Earning") -> "EarningDocument":
    from hashwright.cli.documents import EarningDocument

    return EarningDocument(
        coin=it.coin,
        ticker=it.ticker,
        price_usd=it.price_usd,
        difficulty=it.difficulty,
        work_hashes_per_block=it.work_hashes,
        subsidy_coins_per_block=it.subsidy_coins,
        fees_coins_per_block=it.fees_coins,
        coins_per_day_est=it.coins_day,
        revenue_usd_per_day_est=it.revenue_usd_day.value,
        hashprice_usd_per_ph_day_est=it.hashprice_usd_ph_day,
    )


def _payback_document(paid: "Payback | None") -> "PaybackDocument | None":
    from hashwright.cli.documents import PaybackDocument

    if paid is None:
        return None
    return PaybackDocument(
        days_est=paid.days,
        naive_days=paid.naive_days,
        last_profitable_day_est=paid.peak_day if math.isfinite(paid.peak_day) else None,
        best_result_usd_est=paid.peak_usd if math.isfinite(paid.peak_usd) else None,
    )
