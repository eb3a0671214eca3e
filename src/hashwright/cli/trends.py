"""`hw trends`: what price, difficulty, hashprice and fees did, what comes next, and what that means for machines."""

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from hashwright.cli import market_parts as parts
from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Table, Terminal

if TYPE_CHECKING:
    from hashwright.chain.coin import Coin
    from hashwright.cli.documents import TrendRow, TrendsDocument
    from hashwright.economics.coin_facts import CoinFacts
    from hashwright.planner.series import CoinTable, FloatArray
    from hashwright.planner.trends import Change, Trend
    from hashwright.planner.turns import Turns

SPARKS: Final = "▁▂▃▄▅▆▇█"
SPARK_WIDTH: Final = 14
PLOT_HEIGHT: Final = 12


@click.command(cls=Command)
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="Days to look back.")
@click.option("--coin", "names", metavar="COIN", multiple=True, help="Only this coin, with a plot; may be repeated.")
@click.option("--data", metavar="FOLDER", help="Tidy history, coin_daily.csv(.gz), instead of the imported one.")
@click.option("--power-price", metavar="USD", help="Price of power in USD a kWh (0.08) or in cents (8ct).")
@click.option("--hardware", metavar="MACHINES", help="Whose choice changed: 's21 x3'.  [the best of each algorithm]")
@pass_terminal
def trends(terminal: Terminal, /, **asked: Any) -> None:  # noqa: ANN401 (one a setting)
    """Show what became of each coin, what comes next, and what changed in the choice of what to mine.

    Needs history: --data FOLDER, or once hw admin data import FILE. Without any it shows the dated facts it has.

    Example: hw trends --days 90 --hardware s21 --power-price 0.08
    """
    answer = _Trends(terminal, asked)
    if terminal.is_json:
        import msgspec

        terminal.document(msgspec.to_builtins(answer.document()))
    else:
        answer.show()


class _Trends:
    """All coins over one span."""

    def __init__(self, terminal: Terminal, asked: dict[str, Any]) -> None:
        from hashwright.chain.find import find_coin, minable_coins
        from hashwright.cli.history import load_history

        names, data = asked["names"], asked["data"]
        self.terminal, self.days = terminal, asked["days"]
        price, self.is_assumed = parts.read_power_price(asked["power_price"])
        self.power_usd_kwh = price
        self.power_price = None if self.is_assumed else price
        self.now = parts.now_ms()
        self.market: CoinFacts = parts.read_market(terminal)
        self.named = tuple(find_coin(name) for name in names)
        wanted = self.named or minable_coins()
        self.table: CoinTable | None = load_history(terminal, data, [coin.ticker for coin in wanted])
        self.trends: dict[str, Trend] = {}
        self.coins: list[Coin] = []
        for coin in wanted:
            self._take(coin)
        self.turns = self._turns(asked["hardware"])

    def _turns(self, hardware: str | None) -> "Turns | None":
        from hashwright.cli.trends_turns import read_turns

        if self.table is None:
            return None
        catalogue = parts.read_catalogue(self.terminal, None)
        return read_turns(
            self.table, self.coins, catalogue, hardware=hardware, days=self.days, price=self.power_usd_kwh
        )

    def _take(self, coin: "Coin") -> None:
        from hashwright.planner.trends import trend

        series = self.table.coins.get(coin.ticker) if self.table else None
        if series is not None:
            self.trends[coin.key] = trend(series, coin, days=self.days)
        if series is not None or self.market.fact(coin.key, "price_usd") is not None or coin in self.named:
            self.coins.append(coin)

    def _next_change(self, coin: "Coin") -> tuple[int, date] | None:
        from hashwright.economics.coin_facts import next_emission_change

        return next_emission_change(coin, self.market, now_ms=self.now)

    def _change_words(self, coin: "Coin", following: tuple[int, date] | None) -> str:
        if following is None:
            return "none to come" if coin.key != "monero" else "none: the tail of 0.6 XMR"
        economy = coin.economy
        assert economy is not None
        before = economy.emission.subsidy(following[0] - 1) / 10**coin.decimals
        after = economy.emission.subsidy(following[0]) / 10**coin.decimals
        return f"{before:.6g} to {after:.6g} {coin.ticker}"

    # ---------------------------------------------------------------- for a program

    def document(self) -> "TrendsDocument":
        """Write it for a program."""
        from hashwright.cli.documents import TrendsDocument
        from hashwright.cli.trends_turns import turn_document

        return TrendsDocument(
            days=self.days,
            source=self.table.source if self.table else "snapshot and fetched facts: no history",
            coins=[self._row(coin) for coin in self.coins],
            power_price_usd_per_kwh=self.power_usd_kwh,
            is_power_price_assumed=self.is_assumed,
            turns=[turn_document(it) for it in self.turns.turns] if self.turns else [],
            findings=parts.finding_documents(
                [
                    *self.market.findings,
                    *(self.table.findings if self.table else ()),
                    *(self.turns.findings if self.turns else ()),
                ]
            ),
        )

    def _row(self, coin: "Coin") -> "TrendRow":
        from hashwright.cli.documents import TrendRow
        from hashwright.planner.trends import Change

        it = self.trends.get(coin.key)
        following = self._next_change(coin)
        retarget = it.retarget if it else None
        none = Change(last=None, share=None)
        price, difficulty = (it.price_usd, it.difficulty) if it else (self._known(coin, 0), self._known(coin, 1))
        hashprice = it.hashprice_usd_ph_day if it else none
        return TrendRow(
            coin=coin.key,
            ticker=coin.ticker,
            is_minable_here=bool(coin.economy and coin.economy.session),
            first_day=it.first_day if it else "",
            last_day=it.last_day if it else self._day_known(coin),
            price_usd=price.last,
            price_change_share=price.share,
            difficulty=difficulty.last,
            difficulty_change_share=difficulty.share,
            hashprice_usd_per_ph_day_est=hashprice.last,
            hashprice_change_share=hashprice.share,
            fee_share=it.fee_share if it else None,
            is_computed=it.is_computed if it else False,
            next_retarget_blocks_est=retarget.remaining_blocks if retarget else None,
            next_retarget_days_est=retarget.remaining_s / 86_400 if retarget else None,
            next_retarget_change_share_est=retarget.change_percent / 100 if retarget else None,
            next_emission_change_height=following[0] if following else None,
            next_emission_change_day_est=following[1].isoformat() if following else None,
            emission_change=self._change_words(coin, following),
        )

    def _known(self, coin: "Coin", which: int) -> "Change":
        from hashwright.planner.trends import Change

        fact = self.market.fact(coin.key, "difficulty" if which else "price_usd")
        return Change(last=float(fact.value) if fact else None, share=None)

    def _day_known(self, coin: "Coin") -> str:
        fact = self.market.fact(coin.key, "price_usd")
        return parts.iso(fact.at_ms)[:10] if fact else ""

    # ---------------------------------------------------------------- for a person

    def show(self) -> None:
        """Show the tables, a plot where one coin is meant, and what it means."""
        terminal = self.terminal
        terminal.table(self._past())
        terminal.line()
        terminal.table(self._future())
        for coin in self.named:
            if coin.key in self.trends:
                self._plot(coin)
        self._meaning()
        if self.turns is not None:
            from hashwright.cli.trends_turns import show_turns

            show_turns(terminal, self.turns)
        self._notes()

    def _past(self) -> Table:
        """Show what became of each coin; a narrow screen gets what fits in one line a coin."""
        heads = (
            "coin",
            "until",
            "price USD",
            "change",
            "difficulty",
            "hashprice USD",
            "change ",
            "fees",
            "hashprice since",
        )
        rows = [self._past_cells(coin) for coin in self.coins]
        kept = [0, 2, 3, 4, 5, 6] if self.terminal.is_narrow else list(range(len(heads)))
        shown = tuple(heads[at] for at in kept)
        cells = tuple(tuple(row[at] for at in kept) for row in rows)
        right = frozenset(shown) - {"coin", "until", "hashprice since"}
        return Table(heads=shown, rows=cells, right=right, empty="No coin has any number.")

    def _past_cells(self, coin: "Coin") -> tuple[str, ...]:
        row = self._row(coin)
        _, size = parts.rate_unit(coin.algorithm)
        it = self.trends.get(coin.key)
        return (
            coin.ticker,
            row.last_day,
            _number(row.price_usd),
            parts.share_text(row.price_change_share),
            parts.share_text(row.difficulty_change_share),
            _hashprice_text(row.hashprice_usd_per_ph_day_est, coin, size),
            parts.share_text(row.hashprice_change_share),
            "-" if row.fee_share is None else f"{row.fee_share:.1%}",
            spark(it.hashprice) if it else "-",
        )

    def _future(self) -> Table:
        rows = []
        for coin in self.coins:
            row = self._row(coin)
            retarget = "with each block"
            if coin.economy and coin.economy.adjustment.kind == "epoch":
                retarget = "unknown: needs history"
            if row.next_retarget_days_est is not None:
                change = parts.share_text(row.next_retarget_change_share_est)
                retarget = f"{change} in {row.next_retarget_days_est:.1f} days after {row.last_day}"
            day = row.next_emission_change_day_est
            rows.append((coin.ticker, retarget, row.emission_change + (f" about {day}" if day else "")))
        return Table(heads=("coin", "next retarget (estimated)", "next change of new coins a block"), rows=tuple(rows))

    def _plot(self, coin: "Coin") -> None:
        it = self.trends[coin.key]
        unit, size = parts.rate_unit(coin.algorithm)
        title = f"{coin.ticker} hashprice, USD a {unit} and day, {it.first_day} to {it.last_day}"
        self.terminal.line()
        if self.terminal.is_text:
            self.terminal.line(f"{title}\t{spark(it.hashprice)}")
        else:
            self.terminal.line(plotted(it.hashprice * (size / 1e15), title, self.terminal))

    def _meaning(self) -> None:
        """Say what the change means for the most efficient known machine of each coin."""
        rows = [row for coin in self.coins if (row := self._meaning_of(coin)) is not None]
        if rows:
            self.terminal.line()
            heads = ("coin", "best machine sold then", "paid up to", "now, USD/kWh", "so that")
            self.terminal.table(Table(heads=heads, rows=tuple(rows), right=frozenset(heads[2:4])))

    def _meaning_of(self, coin: "Coin") -> tuple[str, ...] | None:
        from hashwright.cli.trends_turns import best_sold
        from hashwright.economics.hardware import load_catalogue
        from hashwright.economics.hashprice import break_even_power_usd_kwh

        it = self.trends.get(coin.key)
        best = best_sold(load_catalogue(), coin.algorithm, it.last_day) if it is not None else None
        if it is None or best is None or it.hashprice_usd_ph_day.last is None:
            return None
        now = break_even_power_usd_kwh(it.hashprice_usd_ph_day.last, best.efficiency_j_th)
        share = it.hashprice_usd_ph_day.share
        then = None if share is None else now / (1 + share)
        return coin.ticker, best.model, "-" if then is None else f"{then:.4f}", f"{now:.4f}", self._verdict(then, now)

    def _verdict(self, then: float | None, now: float) -> str:
        if self.power_price is None or then is None:
            return "-" if then is None else "power may cost more" if now > then else "power must cost less"
        if (then > self.power_price) == (now > self.power_price):
            return "runs as before" if now > self.power_price else "stays off"
        return "pays again: switch on" if now > self.power_price else "pays no more: switch off"

    def _notes(self) -> None:
        terminal = self.terminal
        if self.table is None:
            terminal.note("No history: hw admin data import FILE, or --data FOLDER. Shown are dated single facts.")
        else:
            terminal.note(f"Changes are over {self.days} days of {self.table.source}; past days are no forecast.")
        if self.turns is not None and self.turns.turns and self.is_assumed:
            terminal.note(f"Assumed: {self.power_usd_kwh:.2f} USD/kWh. Say yours: --power-price 0.08")
        if any(it.is_computed for it in self.trends.values()):
            named = [coin.ticker for coin in self.coins if (it := self.trends.get(coin.key)) and it.is_computed]
            terminal.note(f"Computed or interpolated in part: {', '.join(named)}.")
        if self.table and self.table.findings:
            count = len(self.table.findings)
            terminal.note(f"{count} finding{'' if count == 1 else 's'} about their whole history: --json lists them.")
        parts.tell_findings(terminal, self.market.findings)


def _number(value: float | None) -> str:
    return "-" if value is None else parts.number_text(value)


def _hashprice_text(value: float | None, coin: "Coin", size: float) -> str:
    unit, _ = parts.rate_unit(coin.algorithm)
    return "-" if value is None else f"{parts.number_text(value * size / 1e15)} a {unit}"


def spark(values: "FloatArray", *, width: int = SPARK_WIDTH) -> str:
    """Draw numbers as one line of bars; a gap where nothing is known."""
    import numpy as np

    parts_of = np.array_split(values, min(width, len(values))) if len(values) else []
    means = [float(np.nanmean(it)) if not np.isnan(it).all() else None for it in parts_of]
    known = [mean for mean in means if mean is not None]
    if not known:
        return "-"
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(" " if it is None else SPARKS[min(int((it - low) / span * 8), 7)] for it in means)


def plotted(values: "FloatArray", title: str, terminal: Terminal) -> str:
    """Draw a line for the eye, as wide as the terminal."""
    import importlib

    import numpy as np

    plotext: Any = importlib.import_module("plotext")  # it has no types
    known = np.flatnonzero(~np.isnan(values))
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(terminal.console().width, 100), PLOT_HEIGHT)
    plotext.plot([int(it) - len(values) + 1 for it in known], [float(values[it]) for it in known], marker="braille")
    plotext.title(title)
    plotext.xlabel("days")
    return str(plotext.build())
