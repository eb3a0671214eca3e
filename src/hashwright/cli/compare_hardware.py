"""`hw compare hardware`: machines by what power may cost, when they pay back, and what their hash costs."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli import market_parts as parts
from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Table, Terminal
from hashwright.units import hashrate_text, power_text

if TYPE_CHECKING:
    from hashwright.chain.coin import Coin
    from hashwright.cli.documents import HardwareRow
    from hashwright.economics.hardware import Machine
    from hashwright.economics.ranking import Ranked

KINDS = ("asic", "gpu", "cpu")
SHOWN = 15


@click.command(cls=Command)
@click.argument("names", nargs=-1)
@click.option("--coin", metavar="COIN", help="Only machines for this coin; default: each for its usual one.")
@click.option("--kind", type=click.Choice(KINDS), help="Only machines of this kind.")
@click.option("--top", type=click.IntRange(1, 500), default=SHOWN, show_default=True, help="How many to show.")
@click.option("--years", type=click.FloatRange(0.1, 20), default=3.0, show_default=True, help="Years of use.")
@click.option("--interest", metavar="SHARE", default="10%", show_default=True, help="Interest a year on the price.")
@click.option("--data", metavar="FOLDER", help="Tidy history for the growth of difficulty: coin_daily.csv(.gz).")
@parts.rig_options
@pass_terminal
def hardware(terminal: Terminal, /, names: tuple[str, ...], **given: Any) -> None:  # noqa: ANN401 (click's own)
    """Rank machines by the power price at which they break even.

    Payback is told for many growth rates of difficulty that really happened: fast, middle, slow, and how often at all.

    Example: hw compare hardware s21 s19-xp m60s --power-price 0.06
    """
    answer = _Comparison(terminal, names, given)
    if terminal.is_json:
        import msgspec

        from hashwright.cli.documents import HardwareDocument

        document = HardwareDocument(
            power_price_usd_per_kwh=answer.power_price,
            is_power_price_assumed=answer.is_assumed,
            pool_fee_share=answer.terms.pool_fee,
            pass_through_share=answer.pass_through,
            years=given["years"],
            rate_per_year=answer.interest,
            growth_source=answer.growth_source,
            machines=[_row_document(coin, it, answer.hashprices[coin.key]) for coin, it in answer.ranked],
            left_out=answer.left_out,
            facts=[
                parts.fact_document(coin, name, fact, answer.now)
                for coin, name, fact in parts.facts_of(answer.market, answer.coins)
            ],
            findings=parts.finding_documents(answer.market.findings),
        )
        terminal.document(msgspec.to_builtins(document))
        return
    answer.show()


class _Comparison:
    """Machines, ranked."""

    def __init__(self, terminal: Terminal, names: tuple[str, ...], given: dict[str, Any]) -> None:
        from hashwright.economics.hashprice import Terms
        from hashwright.economics.quantities import share_of

        self.terminal, self.given = terminal, given
        self.now = parts.now_ms()
        self.power_price, self.is_assumed = parts.read_power_price(given["power_price"])
        self.terms: Terms = Terms(
            pool_fee=share_of(given["pool_fee"], "a pool's fee"),
            stale=share_of(given["stale"], "a share of stale work"),
            uptime=share_of(given["uptime"], "an uptime"),
        )
        self.pass_through = share_of(given["pass_through"], "a pass-through") if given["pass_through"] else None
        self.interest = share_of(given["interest"], "an interest")
        self.market = parts.read_market(terminal)
        self.left_out: list[str] = []
        self.past: dict[str, str] = {}
        self.hashprices: dict[str, float] = {}
        self.growth_source = ""
        self._growth: dict[str, tuple[float, ...]] = {}
        chosen = self._chosen(names)
        ranked = [(coin, self._rank(coin, machine)) for coin, machine in chosen]
        ranked.sort(key=lambda row: -row[1].break_even_power_usd_kwh)
        self.ranked = ranked[: given["top"]]
        self.left = len(ranked) - len(self.ranked)
        self.coins = list(dict.fromkeys(coin.key for coin, _ in self.ranked))

    def _chosen(self, names: tuple[str, ...]) -> "list[tuple[Coin, Machine]]":
        """Find the machines, each with its coin; what cannot be reckoned is left out and told.

        Raises:
            OperatorError: a machine or coin is unknown, or none is left (HW-708).
        """
        from hashwright.chain.find import default_coin, find_coin
        from hashwright.errors import EXIT_NOTHING, HashwrightError, OperatorError

        catalogue = parts.read_catalogue(self.terminal, self.given["hardware_file"])
        only = find_coin(self.given["coin"]) if self.given["coin"] else None
        algorithm = only.algorithm if only else ""
        machines = [catalogue.find(name, algorithm=algorithm) for name in names] or list(catalogue.machines)
        chosen, why = [], dict[str, str]()
        for machine in machines:
            if (algorithm and machine.algorithm != algorithm) or self.given["kind"] not in (None, machine.kind):
                continue
            coin = only or default_coin(machine.algorithm)
            try:
                self._hashprice(coin)
            except HashwrightError as problem:
                why[coin.title] = problem.message
                continue
            chosen.append((coin, machine))
        if not (only or names):
            chosen = self._of_now(chosen, why)
        self.left_out = [f"{title}: {reason}" for title, reason in why.items()]
        if not chosen:
            reason = " ".join(self.left_out) or "Another --kind or --coin?"
            nothing = OperatorError(f"No machine is left to compare. {reason}", code="HW-708")
            nothing.exit_code = EXIT_NOTHING
            raise nothing
        return chosen

    def _of_now(self, chosen: "list[tuple[Coin, Machine]]", why: dict[str, str]) -> "list[tuple[Coin, Machine]]":
        """Leave out coins whose facts are of a past time: beside those of today they would only mislead."""
        kept = []
        for coin, machine in chosen:
            past = parts.as_of(self.market, [coin.key], self.now)
            if past:
                age = past.split(", ")[1].removesuffix(" ago: ")
                self.past[coin.ticker] = age
                why[coin.title] = f"its facts are {age} old; see --coin {coin.ticker}"
            else:
                kept.append((coin, machine))
        if not kept:
            self.past.clear()
            why.clear()
        return kept or chosen

    def _hashprice(self, coin: "Coin") -> float:
        """Return what 1 PH/s earns a day of a coin and of what is mined along [USD]."""
        from hashwright.chain.find import merged_with
        from hashwright.economics.calculation import Rig, earning
        from hashwright.economics.hashprice import NO_LOSS, merged_hashprice_usd_ph_day

        if coin.key not in self.hashprices:
            rig = Rig(name="1 PH/s", hashrate_hs=1e15, power_w=1.0)
            value = earning(rig, coin, self.market, terms=NO_LOSS, now_ms=self.now).hashprice_usd_ph_day
            for other in merged_with(coin) if self.pass_through else ():
                more = earning(rig, other, self.market, terms=NO_LOSS, now_ms=self.now).hashprice_usd_ph_day
                value = merged_hashprice_usd_ph_day(value, more, pass_through=self.pass_through or 0.0)
            self.hashprices[coin.key] = value
        return self.hashprices[coin.key]

    def _rank(self, coin: "Coin", machine: "Machine") -> "Ranked":
        from hashwright.economics.ranking import Worth, rank

        worth = Worth(
            hashprice_usd_ph_day=self._hashprice(coin),
            power_price_usd_kwh=self.power_price,
            terms=self.terms,
            rate_per_year=self.interest,
            years=self.given["years"],
        )
        return rank(machine, worth, self._growth_of(coin))

    def _growth_of(self, coin: "Coin") -> tuple[float, ...]:
        if coin.key not in self._growth:
            self._growth[coin.key] = self._read_growth(coin)
        return self._growth[coin.key]

    def _read_growth(self, coin: "Coin") -> tuple[float, ...]:
        """Return the growth rates to try: as told, of the coin's history, or the published ones."""
        from hashwright.economics.ranking import growth_rates

        if self.given["growth"]:
            self.growth_source = "as told"
            return (parts.read_growth(self.given["growth"]),)
        if self.given["data"]:
            from hashwright.cli.history import yearly_growth

            found = yearly_growth(self.given["data"], coin)
            if found:
                self.growth_source = "every 365 days of the history in --data"
                return found
        self.growth_source = self.growth_source or "Bitcoin's difficulty over 365 days, 2014 to 2021-05 (5 to 95 %)"
        return growth_rates()

    # ---------------------------------------------------------------- showing

    def show(self) -> None:
        """Show the table, then what it rests on."""
        terminal = self.terminal
        if past := parts.as_of(self.market, self.coins, self.now):
            terminal.line(f"{past.removesuffix(': ')}, not now:")
        terminal.table(self._table())
        terminal.line()
        terminal.table(parts.facts_table(self.market, self.coins, self.now))
        if self.left:
            terminal.note(f"{self.left} more: --top {self.left + len(self.ranked)}, or name those you mean.")
        if self.past:
            ages = ", ".join(f"{ticker} ({age})" for ticker, age in self.past.items())
            terminal.note(f"Left out, for their facts are old: {ages}. --coin {next(iter(self.past))} shows one.")
        for reason in self.left_out[: len(self.left_out) - len(self.past)]:
            terminal.note(f"Left out, {reason}")
        if self.is_assumed:
            terminal.note(f"Assumed: {parts.POWER_PRICE_ASSUMED:.2f} USD/kWh. Say yours: --power-price 0.08")
        terminal.note("Payback in days: at slow, middle and fast growth of difficulty; in brackets how often at all.")
        terminal.note(f"Growth: {self.growth_source}.")
        parts.tell_old(terminal, self.market, self.coins, self.now)
        parts.tell_findings(terminal, self.market.findings)

    def _table(self) -> Table:

        heads = (
            "machine",
            "coin",
            "hash rate",
            "power",
            "break-even USD/kWh",
            "left USD/day",
            "hash cost",
            "payback days",
        )
        rows = [self._cells(coin, it) for coin, it in self.ranked]
        if not self.terminal.is_narrow:
            return Table(heads=heads, rows=tuple(rows), right=frozenset(heads[2:7]))
        short = ("machine", "coin", "limit USD/kWh", "USD/day", "payback days")
        cells = tuple(tuple(row[at] for at in (0, 1, 4, 5, 7)) for row in rows)
        return Table(heads=short, rows=cells, right=frozenset(short[2:4]))

    def _cells(self, coin: "Coin", it: "Ranked") -> tuple[str, ...]:
        unit, size = parts.rate_unit(coin.algorithm)
        cost = it.levelised_cost_usd_ph_day
        return (
            it.machine.model + (" (measured)" if it.machine.is_measured else ""),
            coin.ticker + ("" if coin.economy and coin.economy.session else " (compare only)"),
            hashrate_text(it.machine.hashrate_hs),
            power_text(it.machine.power_w),
            f"{it.break_even_power_usd_kwh:.4f}",
            parts.usd_text(it.profit_usd_day, sign=True),
            "-" if cost is None else f"{parts.number_text(cost * size / 1e15)} a {unit}",
            _payback_cell(it),
        )


def _payback_cell(it: "Ranked") -> str:
    if it.payback is None:
        return "price unknown"
    if it.payback.chance == 0:
        return "never"
    days = (it.payback.fast_days, it.payback.middle_days, it.payback.slow_days)
    words = ", ".join("never" if day is None else f"{day:.0f}" for day in days)
    return f"{words} ({it.payback.chance:.0%})"


def _row_document(coin: "Coin", it: "Ranked", hashprice: float) -> "HardwareRow":
    from hashwright.cli.documents import HardwareRow

    paid = it.payback
    return HardwareRow(
        model=it.machine.model,
        vendor=it.machine.vendor,
        kind=it.machine.kind,
        algorithm=it.machine.algorithm,
        coin=coin.key,
        is_minable_here=bool(coin.economy and coin.economy.session),
        hashrate_hs=it.machine.hashrate_hs,
        power_w=it.machine.power_w,
        efficiency_j_per_th=it.machine.efficiency_j_th,
        is_measured=it.machine.is_measured,
        source=it.machine.source,
        price_usd=it.machine.price_usd,
        price_date=it.machine.price_date,
        break_even_power_usd_per_kwh_est=it.break_even_power_usd_kwh,
        profit_usd_per_day_est=it.profit_usd_day,
        levelised_cost_usd_per_ph_day_est=it.levelised_cost_usd_ph_day,
        hashprice_usd_per_ph_day_est=hashprice,
        payback_days_5=paid.fast_days if paid else None,
        payback_days_50=paid.middle_days if paid else None,
        payback_days_95=paid.slow_days if paid else None,
        payback_chance=paid.chance if paid else None,
    )
