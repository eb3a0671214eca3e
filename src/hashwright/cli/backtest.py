"""`hw backtest`: the planner's own decisions walked through real days, beside what anybody could have done."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli import market_parts as market
from hashwright.cli import plan_parts as parts
from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Table, Terminal

if TYPE_CHECKING:
    from hashwright.cli.documents_plan import BacktestDocument, DayDocument, LookAheadDocument, RunDocument
    from hashwright.errors import Finding
    from hashwright.planner.backtest import Run
    from hashwright.planner.decide import Policy, Rules
    from hashwright.planner.history import History
    from hashwright.planner.series import CoinTable

DEFAULT_COINS = ("BTC", "LTC", "XMR", "DASH", "ETC", "BCH")
CUTS = 5


@click.command(cls=Command)
@click.option("--from", "first", metavar="DAY", help="First day (UTC), such as 2017-08-01; default: of the data.")
@click.option("--to", "last", metavar="DAY", help="Last day; default: of the data.")
@click.option("--policy", "policies", multiple=True, metavar="NAME", help="May be repeated; default: all.")
@click.option("--data", metavar="FOLDER", help="Folder of tidy history; default: what was imported.")
@click.option("--example", is_flag=True, help="Walk an invented example, to see how it works; evidence of nothing.")
@click.option("--coins", metavar="LIST", help="Tickers, such as BTC,LTC,XMR; default: six that can be mined today.")
@click.option("--hardware", metavar="LIST", help="Machines of the catalogue; default: an even rig for experiments.")
@click.option("--power-price", metavar="USD", help="Price of power in USD a kWh; for --hardware only.")
@click.option("--pass-through", metavar="SHARE", default="0%", show_default=True, help="What pools pass on of DOGE.")
@click.option(
    "--hold", metavar="RULE", default="sell", show_default=True, help="Coins: sell, keep, cover, 40%, or btc=keep,..."
)
@click.option(
    "--hold-days", type=click.FloatRange(0.1, 365), default=7.0, show_default=True, help="A move lasts so long."
)
@click.option("--step-cap", metavar="SHARE", default="100%", show_default=True, help="Largest part moved in a day.")
@click.option("--risk", metavar="LEVEL", default="medium", show_default=True, help="For the policy cvar.")
@click.option("--check-lookahead", is_flag=True, help="Cut the days at random and prove that no decision changes.")
@click.option("--seed", type=int, default=1, show_default=True, help="For the random cuts.")
@click.option("--html", "html", metavar="FILE", help="Write one self-contained page with charts.")
@click.option("--site", metavar="FILE", help="A site's file (TOML): walk its power instead of coins; needs --data.")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="For --site: how many days.")
@pass_terminal
def backtest(terminal: Terminal, /, **given: Any) -> None:  # noqa: ANN401 (click's values)
    """Walk policies through history with the same decisions as a plan.

    Needs days: a folder of tidy files (--data), or what `hw admin data import` brought.

    With a site it walks its power plan instead: hw backtest --site farm.toml --data ./data --from 2024-03-01 --days 14

    Example: hw backtest --from 2017-08-01 --to 2021-05-05 --policy cvar --policy best_hashprice --data ./data
    """
    if given["site"]:
        _walk_site(terminal, given)
        return
    import msgspec

    asked = Asked(terminal, given)
    document = asked.document()
    if given["html"]:
        from hashwright.planner.report import backtest_page

        Path(given["html"]).expanduser().write_text(backtest_page(msgspec.to_builtins(document)), encoding="utf-8")
        terminal.note(f"Written: {given['html']}")
    show(terminal, document)
    if any(it.changed_on for it in document.look_ahead):
        from hashwright.errors import HashwrightError

        raise HashwrightError("A decision changed when later days were cut off.", code="HW-831")


def _walk_site(terminal: Terminal, given: dict[str, Any]) -> None:
    from hashwright.cli.energy_walk import walk_site

    if not given["data"]:
        raise click.UsageError("A site is walked through recorded days: name their folder with --data.")
    walk_site(
        terminal,
        site=given["site"],
        data=given["data"],
        first=given["first"],
        days=given["days"],
        policies=given["policies"],
    )


class Asked:
    """One question, read and checked."""

    def __init__(self, terminal: Terminal, given: dict[str, Any]) -> None:
        from hashwright import registry
        from hashwright.economics.hold import rules_of

        self.terminal, self.given = terminal, given
        self.names: tuple[str, ...] = given["policies"] or registry.names("policies")
        self.policies: list[Policy] = [registry.load("policies", name).POLICY() for name in self.names]
        self.hold = rules_of(given["hold"])
        self.rules = self._rules()
        self.power_price: float | None = None
        if given["power_price"]:
            market.read_power_price(given["power_price"])  # a mistake is told before a history is looked for
            if not given["hardware"]:
                words = "--power-price goes with --hardware: the even rig's power costs half of a dollar a day."
                raise click.UsageError(words, click.get_current_context(silent=True))
        self.table = self._table()
        self.history = self._history()

    def _rules(self) -> "Rules":
        from hashwright.economics.quantities import share_of
        from hashwright.errors import OperatorError
        from hashwright.planner.decide import Rules

        cap = share_of(self.given["step_cap"], "a part to move in a day")
        if cap <= 0:
            raise OperatorError("A step of nothing never moves.", code="HW-826", hint="--step-cap 25%")
        return Rules(hold_days=self.given["hold_days"], step_cap=cap, risk=parts.risk_of(self.given["risk"]))

    def _table(self) -> "CoinTable":
        from hashwright.cli.history import load_history
        from hashwright.errors import OperatorError

        if self.given["example"]:
            from hashwright.planner.example_history import example_table

            if self.given["data"]:
                raise click.UsageError("--example and --data are two histories: name one.")
            return example_table()
        table = load_history(self.terminal, self.given["data"])
        if table is None:
            raise OperatorError(
                "A backtest needs days, and none are here.",
                code="HW-815",
                hint="Give a folder with --data, or: hw admin data import FILE. To see how it works: --example.",
            )
        return table

    def _span(self, tickers: tuple[str, ...]) -> tuple[int, int]:
        from hashwright.errors import OperatorError
        from hashwright.planner.series import day_of, text_of_day

        known = [self.table.coins[it] for it in tickers if it in self.table.coins]
        if not known:
            raise OperatorError(f"{self.table.source} has none of {', '.join(tickers)}.", code="HW-815")
        first, last = min(it.first_day for it in known), max(it.last_day for it in known)
        try:
            begin = day_of(self.given["first"]) if self.given["first"] else first + 31
            end = day_of(self.given["last"]) if self.given["last"] else last
        except ValueError as problem:
            raise OperatorError(f"{problem}.", code="HW-827", hint="Write days as 2017-08-01.") from problem
        if end - begin < 7 or begin < first or end > last:
            raise OperatorError(
                f"{text_of_day(begin)} to {text_of_day(end)} is no span of these days.",
                code="HW-827",
                hint=f"There are {text_of_day(first)} to {text_of_day(last)}, and a week is the least.",
            )
        return begin, end

    def _history(self) -> "History":
        from hashwright.economics.quantities import share_of
        from hashwright.planner.history import EvenRig, even_history

        through = share_of(self.given["pass_through"], "a pass-through")
        if self.given["hardware"]:
            return self._fleet(through)
        asked = self.given["coins"]
        named = tuple(it.strip().upper() for it in asked.split(",") if it.strip()) if asked else DEFAULT_COINS
        first, last = self._span(named)
        return even_history(self.table, named, first_day=first, last_day=last, rig=EvenRig(pass_through=through))

    def _fleet(self, through: float) -> "History":
        from hashwright.planner.history import Costs, Rate, Rig, coins_by_ticker, history_of

        catalogue = market.read_catalogue(self.terminal, None)
        self.power_price, _ = market.read_power_price(self.given["power_price"])
        asked = self.given["coins"]
        named = {it.strip().upper() for it in asked.split(",")} if asked else None
        rigs = []
        for group in catalogue.groups(self.given["hardware"]):
            it = group.machine
            fits = [
                ticker
                for ticker, coin in coins_by_ticker().items()
                if ticker in self.table.coins
                and (named is None or ticker in named)
                and (coin.algorithm == it.algorithm or (ticker == "ETH" and it.algorithm == "etchash"))
            ]
            rates = tuple(Rate(coin=name, hashrate_hs=it.hashrate_hs, power_w=it.power_w) for name in fits)
            rigs.append(Rig(name=it.model, rates=rates, count=group.count))
        first, last = self._span(tuple({rate.coin for rig in rigs for rate in rig.rates}))
        costs = Costs(power_price_usd_kwh=self.power_price, pass_through=through)
        return history_of(self.table, rigs, first_day=first, last_day=last, costs=costs)

    # ---------------------------------------------------------------- walking

    def document(self) -> "BacktestDocument":
        """Walk every policy and every baseline."""
        from hashwright.cli.documents_plan import BacktestDocument
        from hashwright.planner import backtest as bt
        from hashwright.planner.series import text_of_day

        history = self.history
        runs: list[tuple[Run, bool]] = []
        with parts.bar(self.terminal, "Walking through the days") as progress:
            for at, (name, policy) in enumerate(zip(self.names, self.policies, strict=True)):
                done = at / len(self.names)
                step = 1 / len(self.names)
                tick = _scaled(progress, done, step)
                run = bt.walk(history, policy, name=name, rules=self.rules, hold=self.hold, progress=tick)
                runs.append((run, False))
        from hashwright.planner.policies.fixed import Fixed

        fixed = bt.walk(history, Fixed(), name="best coin of the start", rules=self.rules, hold=self.hold)
        bound = bt.foresight_run(history)
        runs += [
            (it, True)
            for it in (fixed, bt.leader_run(history), bt.idle_run(history), bt.buy_run(history, fixed), bound)
        ]
        return BacktestDocument(
            first_day=text_of_day(history.first_day),
            last_day=text_of_day(history.first_day + history.days - 1),
            coins=list(history.coins),
            machines=self.given["hardware"] or "even rig (a dollar a day of each coin at the start of each year)",
            power_price_usd_per_kwh=self.power_price,
            hold_rule=self.hold.text,
            hold_days=self.rules.hold_days,
            runs=[_run_document(run, bound, is_baseline=flag) for run, flag in runs],
            days=_day_documents(history, runs[0][0]),
            computed_share=dict(history.computed_share),
            look_ahead=self._look_ahead() if self.given["check_lookahead"] else [],
            source=history.source,
            findings=market.finding_documents((*history.findings, *self._table_findings())),
        )

    def _table_findings(self) -> "list[Finding]":
        """Return what is wrong with the lines and coins of this history; its holes are told by the walk itself."""
        others = set(self.table.coins) - set(self.history.coins)
        found = [it for it in self.table.findings if it.code != "HW-806"]
        return [it for it in found if it.place.rpartition(", ")[2] not in others]

    def _look_ahead(self) -> "list[LookAheadDocument]":
        import numpy as np

        from hashwright.cli.documents_plan import LookAheadDocument
        from hashwright.planner.backtest import look_ahead
        from hashwright.planner.series import text_of_day

        rng = np.random.default_rng(self.given["seed"])
        low, high = min(10, self.history.days - 2), self.history.days - 1
        cuts = sorted({int(it) for it in rng.integers(low, high, CUTS)})
        found = []
        for name, policy in zip(self.names, self.policies, strict=True):
            changed = look_ahead(self.history, policy, name=name, cuts=cuts, rules=self.rules)
            found.append(
                LookAheadDocument(
                    policy=name,
                    cuts=[text_of_day(self.history.first_day + cut) for cut in cuts],
                    changed_on=[text_of_day(it.day) for it in changed],
                )
            )
        return found


def _scaled(progress: Any, done: float, step: float) -> Any:  # noqa: ANN401 (a callable)
    return lambda share: progress(done + share * step)


def _run_document(run: "Run", bound: "Run", *, is_baseline: bool) -> "RunDocument":
    import numpy as np

    from hashwright.cli.documents_plan import RunDocument
    from hashwright.planner.backtest import share_of_foresight

    return RunDocument(
        name=run.name,
        title=run.title,
        is_baseline=is_baseline,
        profit_usd=run.total_usd,
        revenue_usd=run.revenue_usd,
        power_usd=run.power_usd,
        drawdown_usd=run.drawdown_usd,
        cvar_week_usd=run.cvar_usd,
        moves=run.moves,
        hours_off=run.hours_off,
        share_of_foresight=share_of_foresight(run, bound),
        sum_by_day_usd=np.round(np.cumsum(run.profit_usd), 4).tolist(),
    )


def _day_documents(history: "History", run: "Run") -> "list[DayDocument]":
    """Keep the days on which something moved, or would have."""
    from hashwright.cli.documents_plan import DayDocument
    from hashwright.planner.decide import named_weights
    from hashwright.planner.series import text_of_day

    return [
        DayDocument(
            day=text_of_day(decision.now_ms // 86_400_000),
            weights=named_weights(history.layout, decision.weights),
            reasons=[it.text for it in decision.reasons],
        )
        for decision in run.decisions
        if any(it.verdict in ("moved", "too-little-gain") for it in decision.reasons)
    ]


# -------------------------------------------------------------------- on screen


def verdict(document: "BacktestDocument") -> list[str]:
    """Say what the best policy did, first beside buying the coin."""
    usd = market.usd_text
    best = max((it for it in document.runs if not it.is_baseline), key=lambda it: it.profit_usd)
    bought = next(it for it in document.runs if it.name == "buy the coin")
    did = "lost" if best.profit_usd < 0 else "made"
    first = f"The best policy here, {best.name}, {did} {usd(abs(best.profit_usd))} USD from {document.first_day} to"
    lines = [f"{first} {document.last_day}; {bought.title}: {usd(bought.profit_usd, sign=True)} USD."]
    if bought.profit_usd > best.profit_usd:
        lines.append("Buying the coin did better. It took the price's whole risk.")
    return lines


def show(terminal: Terminal, document: "BacktestDocument") -> None:
    """Show a backtest: for a program, or for a person."""
    import msgspec
    from rich.text import Text

    if terminal.is_json:
        terminal.document(msgspec.to_builtins(document))
        return
    head, *rest = verdict(document)
    terminal.draw(Text(head, style="bold red" if " lost " in head else "bold"))
    for line in rest:
        terminal.line(line)
    terminal.line()
    terminal.table(run_table(document, is_narrow=terminal.is_narrow))
    _show_chart(terminal, document)
    for it in document.look_ahead:
        text = f"{it.policy}: {len(it.cuts)} cuts, decisions before them"
        terminal.tick(
            "failed" if it.changed_on else "ok", f"{text} {'CHANGED' if it.changed_on else 'are the same'}"
        )  # fmt: skip
    computed = [f"{coin} {share:.0%}" for coin, share in document.computed_share.items() if share > 0]
    if computed:
        terminal.note(f"Days whose network numbers were computed, not observed: {', '.join(computed)}.")
    terminal.note(f"Machines: {document.machines}. Mined coins: {document.hold_rule}. Source: {document.source}.")
    market.tell_documents(terminal, document.findings)
    terminal.note("The past is one path of many, and nobody's prices moved because these machines did.")


NARROW_HEADS = ("policy", "profit USD", "of possible", "drawdown", "moves")
"""What fits in one line a run on a narrow screen; the rest is in `--json`."""


def run_table(document: "BacktestDocument", *, is_narrow: bool = False) -> Table:
    """Show every run: policies first, then what anybody could have done."""
    usd = market.usd_text
    rows = tuple(
        (
            ("  " if it.is_baseline else "") + it.name,
            usd(it.profit_usd, sign=True),
            "-" if it.share_of_foresight is None else f"{it.share_of_foresight:.0%}",
            usd(it.drawdown_usd),
            usd(-it.cvar_week_usd, sign=True),
            str(it.moves),
            f"{it.hours_off:.0f}",
        )
        for it in document.runs
    )
    heads = ("policy", "profit USD", "of possible", "drawdown", "bad week", "moves", "hours off")
    kept = [at for at, head in enumerate(heads) if not is_narrow or head in NARROW_HEADS]
    shown = tuple(heads[at] for at in kept)
    return Table(heads=shown, rows=tuple(tuple(row[at] for at in kept) for row in rows), right=frozenset(shown[1:]))


def _show_chart(terminal: Terminal, document: "BacktestDocument") -> None:
    """Draw the sums of profits, where somebody looks."""
    if terminal.is_text:
        return
    import plotext
    from rich.text import Text

    console = terminal.console()
    plotext.clear_figure()
    plotext.plotsize(min(console.width, 100), 14)
    plotext.theme("clear")
    for it in (run for run in document.runs if run.name != "buy the coin"):
        if not it.is_baseline or it.name in ("idle", "perfect foresight"):
            every = max(len(it.sum_by_day_usd) // 200, 1)
            sums = it.sum_by_day_usd[::every]
            plotext.plot([day * every for day in range(len(sums))], sums, label=it.name)
    plotext.xlabel("days")
    plotext.title(f"sum of profits [USD], {document.first_day} to {document.last_day}")
    terminal.line()
    terminal.draw(Text.from_ansi(plotext.build()))
