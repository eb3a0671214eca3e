"""`hw plan`: what each machine does over the next weeks, what that is expected to leave, and why."""

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli import market_parts as market
from hashwright.cli import plan_parts as parts
from hashwright.cli.command import LazyGroup, pass_terminal
from hashwright.cli.plan_own import STALE_ASSUMED, own_figures
from hashwright.cli.terminal import Table, Terminal

if TYPE_CHECKING:
    from hashwright.cli.documents_plan import HistogramDocument, OutcomeDocument, PlanDocument
    from hashwright.economics.coin_facts import CoinFacts as Facts
    from hashwright.planner.plan import Market, Outcome, Plan, Wish
    from hashwright.planner.plan_stress import Stress
    from hashwright.planner.series import FloatArray
    from hashwright.planner.worlds import Prepared

EXAMPLE = "s21"
ROWS = 12
HISTOGRAM_BARS = 24
PARTS = {"energy": "energy:energy"}


@click.group(cls=LazyGroup, lazy=PARTS, invoke_without_command=True)
@click.option("--hardware", metavar="LIST", help="Machines, such as 's21 x3, Ryzen 9 5950X'.")
@click.option("--power-price", metavar="USD", help="Price of power in USD a kWh (0.08) or in cents (8ct).")
@click.option("--horizon", metavar="SPAN", default="30d", show_default=True, help="30d, 12w, 6 months, 1y.")
@click.option("--risk", metavar="LEVEL", default="medium", show_default=True, help="low, medium, high, none, or 0-10.")
@click.option("--venue", "venues", multiple=True, metavar="NAME=FEE", help="A pool: far=1% or far=1%,max=60%.")
@click.option(
    "--market", "markets", multiple=True, metavar="BID", help="What a market pays: sha256d:bid=45 (USD/PH/d)."
)
@click.option("--rent", "rents", multiple=True, metavar="RENTAL", help="Quote of a rental: hw market rent set.")
@click.option("--pool-fee", metavar="SHARE", default="1%", show_default=True, help="Fee where no venue is named.")
@click.option("--stale", metavar="SHARE", help="Shares late or rejected.  [as measured, else 0.5%]")
@click.option("--uptime", metavar="SHARE", default="100%", show_default=True, help="How much of a day machines run.")
@click.option("--pass-through", metavar="SHARE", default="0%", show_default=True, help="What pools pass on of DOGE.")
@click.option(
    "--objective", type=click.Choice(("cvar", "cara")), default="cvar", show_default=True, help="cara: pools by luck."
)
@click.option("--hold", metavar="RULE", help="Coins: sell, keep, cover, 40%, or btc=keep,...  [the books', else sell]")
@click.option(
    "--move-minutes", type=click.FloatRange(0, 1440), default=15, show_default=True, help="What a move costs, of power."
)
@click.option("--price-drift", metavar="PERCENT", help="Drift of prices a year, such as +20%; default 0.")
@click.option("--growth", metavar="FACTOR", help="Growth of difficulty a year, such as 2x; default: as the past says.")
@click.option("--what-if", "changes", multiple=True, metavar="CHANGE", help="price=+20%, difficulty=-10%, power=0.10.")
@click.option(
    "--explain", "explain", metavar="TIME", help="Show what was planned and decided by then: now, 14:00, 2026-11-28."
)
@click.option(
    "--scenarios", type=click.IntRange(100, 20_000), default=2000, show_default=True, help="How many are drawn."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same scenarios.")
@click.option("--data", metavar="FOLDER", help="Folder of tidy history; default: imported, else statistics.")
@click.option("--hardware-file", metavar="FILE", help="Own measurements (TOML) over the catalogue.")
@click.option("--html", "html", metavar="FILE", help="Write one self-contained page with charts.")
@pass_terminal
@click.pass_context
def plan(context: click.Context, terminal: Terminal, /, **given: Any) -> None:  # noqa: ANN401 (click's values)
    """Plan what each machine does next, and say why. A recommendation: nothing is switched.

    Works offline, on a fresh install. Idle and buying the coin are alternatives like any other; when mining loses
    money that is said first.

    Example: hw plan --hardware "s21 x3" --power-price 0.08 --what-if price=+20%
    """
    if context.invoked_subcommand is not None:
        return
    import msgspec

    if given["explain"]:
        from hashwright.cli.plan_explain import explain

        explain(terminal, given["explain"], now_ms=market.now_ms(), stored=_stored, show=show)
        return
    asked = Asked(terminal, given)
    document = asked.document()
    data_dir = terminal.load_config().data_dir
    if not parts.is_lab():
        parts.store_plan(data_dir, msgspec.json.encode(document), now_ms=asked.now)
    if given["html"]:
        from hashwright.planner.report import plan_page

        Path(given["html"]).expanduser().write_text(plan_page(msgspec.to_builtins(document)), encoding="utf-8")
        terminal.note(f"Written: {given['html']}")
    show(terminal, document)


def _stored(terminal: Terminal, text: str) -> "PlanDocument":
    import msgspec

    from hashwright.cli.documents_plan import PlanDocument
    from hashwright.errors import OperatorError

    found = parts.stored_plan(terminal.load_config().data_dir, parts.moment_ms(text, market.now_ms()))
    try:
        return msgspec.convert(found, PlanDocument)
    except msgspec.ValidationError as problem:
        raise OperatorError(f"The stored plan is of another version: {problem}.", code="HW-828") from problem


class Asked:
    """One question, read and checked."""

    def __init__(self, terminal: Terminal, given: dict[str, Any]) -> None:
        self.terminal, self.given = terminal, given
        self.now = market.now_ms()
        self.changes = parts.what_ifs(given["changes"])
        self.price, self.is_price_assumed = market.read_power_price(given["power_price"])
        self.is_hardware_assumed = not given["hardware"]
        self.facts: Facts = market.read_market(terminal)
        self.assumptions = parts.assumptions_of(given["price_drift"], given["growth"])
        self.own = own_figures(terminal.load_config().data_dir, now_ms=self.now)
        self.wish = self._wish()

    def _wish(self) -> "Wish":
        from hashwright.economics.hashprice import Terms
        from hashwright.economics.hold import HoldRules, rules_of
        from hashwright.economics.quantities import share_of
        from hashwright.planner.plan import Wish

        given = self.given
        catalogue = market.read_catalogue(self.terminal, given["hardware_file"])
        fee = share_of(given["pool_fee"], "a pool's fee")
        through = share_of(given["pass_through"], "a pass-through")
        return Wish(
            groups=catalogue.groups(given["hardware"] or EXAMPLE),
            power_price_usd_kwh=self.price,
            terms=Terms(stale=self._stale(), uptime=share_of(given["uptime"], "an uptime")),
            venues=parts.venues_of(given["venues"], fee=fee, pass_through=through),
            markets=(*parts.markets_of(given["markets"]), *self._quotes()),
            horizon_days=parts.horizon_days(given["horizon"]),
            scenarios=given["scenarios"],
            risk=parts.risk_of(given["risk"]),
            hold=rules_of(given["hold"]) if given["hold"] else HoldRules(by_coin=self.own.holds),
            move_minutes=given["move_minutes"],
            seed=given["seed"],
            objective=given["objective"],
        )

    def _quotes(self) -> "tuple[Market, ...]":
        if not self.given["rents"]:
            return ()
        from hashwright.cli.plan_quotes import quotes_of

        return quotes_of(self.terminal, self.given["rents"], self.facts)

    def _stale(self) -> float:
        from hashwright.economics.quantities import share_of

        if self.given["stale"] is None and self.own.loss is not None:
            return min(self.own.loss, 0.99)
        return share_of(self.given["stale"] or STALE_ASSUMED, "a share of stale work")

    def _sources(self) -> list[str]:
        """Say where the share of lost work and the rules for coins come from."""
        found = []
        if self.given["stale"] is None and self.own.loss is not None:
            shares = f"{self.own.shares:,}".replace(",", "\u2009")
            late = f", {self.own.late:.2%} of all by moves" if self.own.late else ""
            found.append(
                f"Stale, rejected, lost: {self.own.loss:.2%}{late}, of {shares} shares of your router in 7 days."
            )
        elif self.given["stale"] is None:
            found.append(f"Assumed: {STALE_ASSUMED} of work is late or rejected. Say yours: --stale 1%")
        if not self.given["hold"] and self.own.holds:
            found.append("Mined coins by the rules of your books (hw ledger hold). Others: --hold cover")
        return found

    def prepared(self) -> "Prepared":
        """Make the world of scenarios."""
        from hashwright.chain.find import minable_coins
        from hashwright.cli.history import load_history
        from hashwright.planner.plan import coins_for
        from hashwright.planner.worlds import prepare

        table = load_history(self.terminal, self.given["data"])
        return prepare(
            coins_for(self.wish.groups, minable_coins()),
            self.facts,
            table,
            days=self.wish.horizon_days,
            now_ms=self.now,
            assumptions=self.assumptions,
        )

    def document(self) -> "PlanDocument":
        """Plan, and where a what-if was asked for, plan again in that world."""
        prepared = self.prepared()
        base, stresses = self._plan(prepared, self.wish)
        if not self.changes:
            return self._document(prepared, base, stresses, [])
        wish, world = self._changed(prepared)
        changed, stresses = self._plan(dataclasses.replace(prepared, world=world), wish)
        return self._document(prepared, changed, stresses, _difference(base, changed))

    def _changed(self, prepared: "Prepared") -> Any:  # noqa: ANN401 (a pair)
        from hashwright.planner.worlds import what_if

        changes = self.changes
        world = what_if(
            prepared.world, price=changes.get("price", 1.0), difficulty=changes.get("difficulty", 1.0)
        )  # fmt: skip
        if "growth" in changes:
            world = dataclasses.replace(
                world, assumptions=dataclasses.replace(world.assumptions, growth=math.log(changes["growth"]))
            )
        power = changes.get("power", self.wish.power_price_usd_kwh)
        return dataclasses.replace(self.wish, power_price_usd_kwh=power), world

    def _plan(self, prepared: "Prepared", wish: "Wish") -> "tuple[Plan, tuple[Stress, ...]]":
        import numpy as np

        from hashwright.planner.plan import make_plan
        from hashwright.planner.plan_stress import stress

        with parts.bar(self.terminal, "Drawing scenarios") as progress:
            found = make_plan(prepared, wish, rng=np.random.default_rng(wish.seed), progress=progress)
            return found, stress(prepared, wish, found, rng=np.random.default_rng(wish.seed + 1))

    def _document(
        self, prepared: "Prepared", found: "Plan", stresses: "tuple[Stress, ...]", difference: list[str]
    ) -> "PlanDocument":
        import numpy as np

        from hashwright.cli import documents_plan as records
        from hashwright.planner.plan_stress import turning_points

        coins = [coin.key for coin in prepared.coins]
        low, middle, high = (float(it) for it in np.percentile(found.outcome_usd, (5, 50, 95)))
        findings = (*found.findings, *self.facts.findings)
        return records.PlanDocument(
            verdict=[market.as_of(self.facts, coins, self.now) + verdict(found), *difference, *recommendation(found)],
            loses=found.loses,
            made_at=market.iso(self.now),
            horizon_days=found.wish.horizon_days,
            scenarios=found.wish.scenarios,
            seed=found.wish.seed,
            risk=found.wish.risk,
            power_price_usd_per_kwh=found.wish.power_price_usd_kwh,
            is_power_price_assumed=self.is_price_assumed and "power" not in self.changes,
            is_hardware_assumed=self.is_hardware_assumed,
            hold_rule=found.wish.hold.text,
            stale_share=found.wish.terms.stale,
            sources=self._sources(),
            mean_usd_est=found.mean_usd,
            p5_usd_est=low,
            p50_usd_est=middle,
            p95_usd_est=high,
            loss_chance=float((found.outcome_usd < 0).mean()),
            histogram=_histogram(found.outcome_usd),
            solver=found.allocation.solver,
            outcomes=[_outcome_document(it) for it in found.outcomes],
            reasons=[_reason_document(it) for it in found.decision.reasons],
            bindings=[
                records.BindingDocument(what=it.what, worth_usd_est=it.worth_usd) for it in found.allocation.bindings
            ],
            turning_points=list(turning_points(found)),
            stresses=[_stress_document(it) for it in stresses],
            spreads=[
                records.SpreadDocument(
                    coin=it.coin,
                    days=list(it.days),
                    price_ratio_est=np.round(it.price, 5).tolist(),
                    difficulty_ratio_est=np.round(it.difficulty, 5).tolist(),
                )
                for it in found.spreads
            ],
            changes_source=found.changes_source,
            is_changes_made=found.is_made,
            difficulty_growth_per_year_log=found.growth_per_year,
            price_drift_per_year_log=self.assumptions.price_drift,
            what_if=", ".join(self.given["changes"]),
            facts=[
                market.fact_document(coin, name, fact, self.now)
                for coin, name, fact in market.facts_of(self.facts, coins)
            ],
            findings=market.finding_documents(findings),
        )


def _histogram(outcomes: "FloatArray") -> "HistogramDocument":
    """Count how the scenarios end; the rarest 1 % of both sides are in the outermost bars."""
    import numpy as np

    from hashwright.cli.documents_plan import HistogramDocument

    low, high = (float(it) for it in np.percentile(outcomes, (1, 99)))
    high = high if high > low else low + 1.0
    counts, edges = np.histogram(np.clip(outcomes, low, high), bins=HISTOGRAM_BARS, range=(low, high))
    shares = np.round(counts / max(len(outcomes), 1), 5).tolist()
    return HistogramDocument(edges_usd=np.round(edges, 4).tolist(), shares=shares)


def _outcome_document(it: "Outcome") -> "OutcomeDocument":
    from hashwright.cli.documents_plan import OutcomeDocument

    return OutcomeDocument(
        key=it.key,
        kind=it.kind,
        group=it.group,
        coin=it.coin,
        venue=it.venue,
        weight=round(it.weight, 6),
        mean_usd_est=it.mean_usd,
        p5_usd_est=it.p5_usd,
        p50_usd_est=it.p50_usd,
        p95_usd_est=it.p95_usd,
        cvar_usd_est=it.cvar_usd,
        loss_chance=it.loss_chance,
        days_on_est=it.days_on,
        today_usd_per_day_est=it.now_usd_day,
        power_cost_usd_per_day=it.cost_usd_day,
        break_even_power_usd_per_kwh_est=it.break_even_usd_kwh,
        short_usd_est=it.short_usd,
    )


def _stress_document(it: "Stress") -> Any:  # noqa: ANN401 (a record)
    from hashwright.cli.documents_plan import StressDocument

    return StressDocument(
        name=it.name, mean_usd_est=it.mean_usd, p5_usd_est=it.p5_usd, days_on_share_est=it.days_on_share
    )  # fmt: skip


def _reason_document(it: Any) -> Any:  # noqa: ANN401 (a record each)
    from hashwright.cli.documents_plan import ReasonDocument

    return ReasonDocument(
        group=it.group,
        verdict=it.verdict,
        held=it.held,
        wanted=it.wanted,
        gain_usd_est=it.gain_usd,
        move_cost_usd_est=it.cost_usd,
        second=it.second,
        second_short_usd_per_day_est=it.second_usd_day,
        text=it.text,
    )


# -------------------------------------------------------------------- in words


def verdict(found: "Plan") -> str:
    """Say first whether mining pays today, next to what buying the coin does."""
    usd, days = market.usd_text, found.wish.horizon_days
    best: dict[str, Outcome] = {}
    for it in found.mining:
        if it.group not in best or it.now_usd_day > best[it.group].now_usd_day:
            best[it.group] = it
    winning = [it for it in best.values() if it.now_usd_day > 0]
    counted = winning or list(best.values())
    losing = [it for it in best.values() if it not in counted]
    today, power = sum(it.now_usd_day for it in counted), sum(it.cost_usd_day for it in counted)
    where = ", ".join(dict.fromkeys(it.coin for it in counted))
    if not best:
        return "No coin of these machines can be mined by a session here; everything is shown for comparison only."
    coin = max(counted, key=lambda it: it.cost_usd_day).coin
    bought = next((it for it in found.outcomes if it.kind == "buy" and it.coin == coin), None)
    who = ", ".join(it.group for it in counted) if losing else "these machines"
    verb = "earns" if losing and len(counted) == 1 else "earn"
    text = f"today {who} {verb} {usd(today + power)} USD a day on {where}, their power costs {usd(power)}"
    first = (
        f"Mining loses {usd(-today)} USD a day: {text}."
        if today < 0
        else f"Mining leaves {usd(today)} USD a day: {text}."
    )
    if losing:
        first = f"Mining loses money on {', '.join(it.group for it in losing)}. {first}"
    if bought is None:
        return first
    spent = power * days
    return (
        f"{first} The same {usd(spent)} USD of power over {days} days, put into {coin}, end at"
        f" {usd(spent + bought.p5_usd)} to {usd(spent + bought.p95_usd)} USD (5 to 95 %)."
    )


def recommendation(found: "Plan") -> list[str]:
    """Say what the plan does, in one line a group."""
    lines = []
    for name, places in found.layout.groups:
        weights = found.decision.weights[places]
        said = [
            (found.layout.ways[place].key.removeprefix(f"{name}: "), float(weight))
            for place, weight in zip(places, weights, strict=True)
            if weight > 0.0005
        ]
        what = ", ".join(key if weight > 0.9995 else f"{weight:.0%} {key}" for key, weight in said)
        lines.append(f"{name}: {what}.")
    return lines


def _difference(base: "Plan", changed: "Plan") -> list[str]:
    usd = market.usd_text
    before, after = recommendation(base), recommendation(changed)
    same = "the plan stays the same" if before == after else f"the plan changes from: {' '.join(before)}"
    return [f"With that, {same}; it leaves {usd(changed.mean_usd)} instead of {usd(base.mean_usd)} USD on average."]


# -------------------------------------------------------------------- on screen


def show(terminal: Terminal, document: "PlanDocument") -> None:
    """Show a plan: for a program, or for a person."""
    import msgspec
    from rich.text import Text

    if terminal.is_json:
        terminal.document(msgspec.to_builtins(document))
        return
    usd = market.usd_text
    head, *rest = document.verdict
    terminal.draw(Text(head, style="bold red" if document.loses else "bold"))
    if document.what_if:
        terminal.line(f"What if {document.what_if}:")
    for line in rest:
        terminal.line(f"  {line}")
    terminal.line()
    terminal.line(
        f"Over {document.horizon_days} days the plan leaves {usd(document.mean_usd_est, sign=True)} USD on average;"
        f" 5 % of scenarios end below {usd(document.p5_usd_est, sign=True)}, 5 % above"
        f" {usd(document.p95_usd_est, sign=True)} (estimated, {document.scenarios} scenarios)."
    )
    terminal.line()
    terminal.table(outcome_table(document))
    _show_why(terminal, document)
    _show_chart(terminal, document)
    _show_notes(terminal, document)


def outcome_table(document: "PlanDocument") -> Table:
    """Show each alternative: what the whole group would give there."""
    usd = market.usd_text
    ranked = sorted(document.outcomes, key=lambda it: (-it.weight, it.kind == "compare", -it.mean_usd_est))
    rows = tuple(
        (
            it.key,
            "compare only" if it.kind == "compare" else f"{it.weight:.0%}" if it.weight else "-",
            usd(it.mean_usd_est, sign=True),
            usd(it.p5_usd_est, sign=True),
            usd(it.p95_usd_est, sign=True),
            f"{it.loss_chance:.0%}",
            f"{it.days_on_est:.0f}" if it.kind in ("mine", "compare", "sell") else "-",
        )
        for it in ranked[:ROWS]
    )
    heads = ("all of it", "plan", "mean USD", "5 %", "95 %", "loses", "days on")
    return Table(heads=heads, rows=rows, right=frozenset(heads[2:]))


def _show_why(terminal: Terminal, document: "PlanDocument") -> None:
    usd = market.usd_text
    terminal.line()
    terminal.line("Why:")
    for reason in document.reasons:
        terminal.line(f"  {reason.text}")
    for binding in document.bindings:
        terminal.line(f"  Binds: {binding.what}; one more unit of it is worth {usd(binding.worth_usd_est)} USD")
    terminal.line("What would change it:")
    for line in document.turning_points:
        terminal.line(f"  {line}")
    if any(it.mean_usd_est or it.days_on_share_est for it in document.stresses):
        terminal.line("If the world turns at once:")
        for it in document.stresses:
            terminal.line(
                f"  {it.name}: {usd(it.mean_usd_est, sign=True)} USD on average,"
                f" machines on {it.days_on_share_est:.0%} of the days"
            )


def _show_chart(terminal: Terminal, document: "PlanDocument") -> None:
    """Draw the spread of the first coin's difficulty and price, where somebody looks."""
    if terminal.is_text or not document.spreads:
        return
    import plotext

    spread = document.spreads[0]
    console = terminal.console()
    plotext.clear_figure()
    plotext.plotsize(min(console.width, 100), 12)
    plotext.theme("clear")
    for place, label in ((0, "5 %"), (2, "median"), (4, "95 %")):
        plotext.plot([0, *spread.days], [1.0, *(row[place] for row in spread.price_ratio_est)], label=label)
    plotext.title(f"{spread.coin}: price by today's, over {document.horizon_days} days")
    from rich.text import Text

    terminal.line()
    terminal.draw(Text.from_ansi(plotext.build()))


def _show_notes(terminal: Terminal, document: "PlanDocument") -> None:
    if document.is_hardware_assumed:
        terminal.note("No machines were named: an Antminer S21 stands as an example. Say yours: --hardware 's21 x3'")
    if document.is_power_price_assumed:
        terminal.note(f"Assumed: {document.power_price_usd_per_kwh:.2f} USD/kWh. Say yours: --power-price 0.08")
    if document.is_changes_made:
        terminal.note("No history: scenarios are drawn from published statistics. With one: --data FOLDER")
    for line in document.sources:
        terminal.note(line)
    growth = ", ".join(
        f"{coin} {math.exp(value):.1f}x" for coin, value in document.difficulty_growth_per_year_log.items()
    )
    terminal.note(f"Assumed growth of difficulty a year: {growth} (--growth); drift of prices: 0 unless --price-drift.")
    ages = [it.age_s for it in document.facts if it.field in ("price_usd", "difficulty")]
    if ages and max(ages) > market.OLD_DAYS * 86_400:
        terminal.note(
            f"HW-819 Old facts: up to {market.age_words(round(max(ages) * 1000))}. Newer: hw admin data fetch"
        )
    market.tell_documents(terminal, document.findings)
