"""`hw compare --budget`: mine, buy the coin, rent, a cloud contract, or keep the cash, in the same scenarios."""

from typing import TYPE_CHECKING, Any

from hashwright.cli import market_parts as market
from hashwright.cli import plan_parts as parts
from hashwright.cli.terminal import Table, Terminal

if TYPE_CHECKING:
    from hashwright.cli.documents_plan import CompareDocument
    from hashwright.economics.contract import Offer
    from hashwright.economics.hardware import Machine
    from hashwright.economics.scenarios import CoinStart
    from hashwright.planner.compare import Budget, Comparison
    from hashwright.planner.worlds import Prepared

PATHS = 4000
NAMES = {
    "mine": "mine",
    "buy": "buy the coin",
    "rent": "rent hash power",
    "contract": "cloud contract",
    "keep": "keep the cash",
}


def run(terminal: Terminal, given: dict[str, Any]) -> None:
    """Answer `hw compare --budget`."""
    import msgspec

    asked = Asked(terminal, given)
    document = asked.document()
    if given["html"]:
        from pathlib import Path

        from hashwright.planner.report import compare_page

        Path(given["html"]).expanduser().write_text(compare_page(msgspec.to_builtins(document)), encoding="utf-8")
        terminal.note(f"Written: {given['html']}")
    if terminal.is_json:
        terminal.document(msgspec.to_builtins(document))
    else:
        asked.show(document)


class Asked:
    """One question, read and checked."""

    def __init__(self, terminal: Terminal, given: dict[str, Any]) -> None:
        from hashwright.chain.find import find_coin
        from hashwright.cli.history import load_history
        from hashwright.errors import OperatorError
        from hashwright.planner.worlds import prepare

        self.terminal, self.given, self.now = terminal, given, market.now_ms()
        self.currency = str(given["currency"]).upper()
        self.facts = market.read_market(terminal)
        self.rate = self._rate()
        if not 1 <= given["budget"] <= 1e9:
            raise OperatorError(f"A budget of {given['budget']:g} cannot be compared.", code="HW-826")
        self.months = int(given["months"])
        self.days = self.months * 365 // 12
        self.price, self.is_price_assumed = market.read_power_price(given["power_price"])
        self.coin = find_coin(given["coin"])
        assumptions = parts.assumptions_of(given["price_drift"], given["growth"])
        table = load_history(terminal, given["data"])
        self.prepared: Prepared = prepare(
            [self.coin], self.facts, table, days=self.days, now_ms=self.now, assumptions=assumptions
        )

    def _rate(self) -> float:
        from hashwright.economics.coin_facts import MONIES
        from hashwright.errors import OperatorError

        told = self.given["rate"]
        if told is not None:
            if not 1e-6 < told < 1e6:
                raise OperatorError(f"{told:g} USD is no rate.", code="HW-829", hint="--rate 1.08: one unit in USD.")
            return float(told)
        if self.currency == "USD":
            return 1.0
        fact = self.facts.fact(self.currency, "price_usd") if self.currency in MONIES else None
        if fact is None:
            known = ", ".join(["USD", *(it for it in MONIES if self.facts.fact(it, "price_usd"))])
            raise OperatorError(
                f"No rate of {self.currency[:12]!r} to dollars is known.",
                code="HW-829",
                hint=f"Known are {known}. Ask for more: hw admin data fetch frankfurter. Or say it: --rate 0.14",
            )
        return float(fact.value)

    # ---------------------------------------------------------------- reckoning

    def _machine(self, usd: float) -> "tuple[Machine, float, int]":
        """Return the machine, its price and how many: the named one, or the one that promises most."""
        from hashwright.errors import OperatorError
        from hashwright.planner.compare import machines_for

        catalogue = market.read_catalogue(self.terminal, None)
        if self.given["machine"]:
            named = catalogue.find(self.given["machine"], algorithm=self.coin.algorithm)
            price = self.given["machine_price"] or named.price_usd
            if price is None:
                raise OperatorError(f"No price of {named.model} is known.", code="HW-815", hint="--machine-price 3000")
            candidates = [(named, float(price))]
        else:
            machines = catalogue.of_algorithm(self.coin.algorithm)
            candidates = [(it, it.price_usd) for it in machines if it.price_usd is not None]
        if not candidates:
            raise OperatorError(
                f"No machine for {self.coin.title} with a known price.",
                code="HW-815",
                hint="--machine, --machine-price",
            )
        rows = [
            (it, price, machines_for(usd, price, it.power_w, power_price_usd_kwh=self.price))
            for it, price in candidates
        ]
        fitting = [row for row in rows if row[2] >= 1]
        return max(fitting, key=self._promise) if fitting else min(rows, key=lambda row: row[1])

    def _promise(self, row: "tuple[Machine, float, int]") -> float:
        """Return what machines would leave if today lasted to the end and half their price came back [USD]."""
        machine, price, count = row
        start = self.prepared.world.starts[0]
        revenue = machine.hashrate_hs * 86_400 / start.work_hashes * start.reward_coins[0] * start.price_usd
        power = machine.power_w / 1000 * 24 * self.price
        return count * (max(revenue - power, 0.0) * self.days - price / 2)

    def _offer(self, start: "CoinStart") -> "tuple[Offer, float]":
        from hashwright.cli.audit import read_offer
        from hashwright.economics.quantities import hashrate_of
        from hashwright.planner.compare import usual_offer

        if self.given["contract"]:
            offer = read_offer(self.given["contract"], {})
            return offer, hashrate_of(offer.hashrate)
        return usual_offer(start, ticker=self.coin.ticker, days=self.days)

    def budget(self) -> "Budget":
        """Turn the question into numbers."""
        from hashwright.economics.hashprice import Terms
        from hashwright.planner.compare import Budget

        usd = self.given["budget"] * self.rate
        machine, price, count = self._machine(usd)
        offer, hashrate = self._offer(self.prepared.world.starts[0])
        return Budget(
            usd=usd,
            days=self.days,
            machine=machine,
            machine_price_usd=price,
            machines=count,
            power_price_usd_kwh=self.price,
            terms=Terms(pool_fee=0.01, stale=0.005),
            offer=offer,
            offer_hashrate_hs=hashrate,
        )

    def document(self) -> "CompareDocument":
        """Walk the budget through the scenarios."""
        import numpy as np

        from hashwright.cli.documents_plan import CompareDocument
        from hashwright.planner.compare import compare

        budget = self.budget()
        with parts.bar(self.terminal, "Living through the months") as progress:
            rng = np.random.default_rng(self.given["seed"])
            found = compare(self.prepared.world, budget, paths=PATHS, rng=rng, progress=progress)
        choices = [self._choice(name, budget, found) for name in NAMES]
        return CompareDocument(
            verdict=self._verdict(choices, budget),
            budget=self.given["budget"],
            currency=self.currency,
            usd_per_currency=self.rate,
            months=self.months,
            coin=self.coin.ticker,
            machine=f"{budget.machine.model} x{budget.machines}",
            choices=choices,
            scenarios=PATHS,
            changes_source=self.prepared.world.changes.source,
            is_changes_made=self.prepared.world.changes.is_made,
            facts=[
                market.fact_document(coin, name, fact, self.now)
                for coin, name, fact in market.facts_of(self.facts, [self.coin.key])
            ],
            findings=market.finding_documents((*self.prepared.findings, *self.facts.findings)),
        )

    def _choice(self, name: str, budget: "Budget", found: "Comparison") -> Any:  # noqa: ANN401 (a record)
        import numpy as np

        from hashwright.cli.documents_plan import ChoiceDocument
        from hashwright.planner.compare import CUSTODY

        value = found.value[name] / self.rate
        low, middle, high = (float(it) for it in np.percentile(value, (5, 50, 95)))
        possible = {
            "mine": budget.machines >= 1,
            "contract": budget.offer is None or budget.offer.price_usd <= budget.usd,
        }
        return ChoiceDocument(
            name=NAMES[name],
            what=self._what(name, budget),
            mean_est=float(value.mean()),
            p5_est=low,
            p50_est=middle,
            p95_est=high,
            worst_month_est=float(np.median(found.worst_month[name])) / self.rate,
            below_buying_chance=found.below_buying(name),
            loss_chance=float((value < self.given["budget"] * (1 - 1e-9)).mean()),
            custody=CUSTODY[name],
            is_possible=possible.get(name, True),
        )

    def _what(self, name: str, budget: "Budget") -> str:
        usd = market.usd_text
        price = usd(budget.machine_price_usd)
        match name:
            case "mine" if budget.machines < 1:
                return f"not possible: one {budget.machine.model} costs {price} USD, and three months of power"
            case "mine":
                return f"{budget.machines} x {budget.machine.model} at {price} USD, power at {self.price:.2f} USD/kWh"
            case "buy":
                return f"{self.coin.ticker} at once, 0.5 % fee"
            case "rent":
                return "each day a part, 5 % above hashprice and 3 % fee"
            case "contract":
                return "the offer given" if self.given["contract"] else "usual terms (no offer given: --contract)"
            case _:
                return "no interest"

    def _verdict(self, choices: list[Any], budget: "Budget") -> list[str]:
        mine, buy = choices[0], choices[1]
        as_of = market.as_of(self.facts, [self.coin.key], self.now)
        unit = self.currency
        if not mine.is_possible:
            return [f"{as_of}The budget does not buy a machine and its power for {self.months} months: {mine.what}."]
        lost = mine.p50_est < self.given["budget"]
        word = "loses money" if lost else "gains"
        text = (
            f"Mining {word} in the middle scenario: {market.usd_text(self.given['budget'])} {unit} become"
            f" {market.usd_text(mine.p50_est)}; just buying {self.coin.ticker}: {market.usd_text(buy.p50_est)}."
        )
        chance = mine.below_buying_chance or 0.0
        return [as_of + text, f"Mining ends below just buying the coin in {chance:.0%} of {PATHS} scenarios."]

    # ---------------------------------------------------------------- on screen

    def show(self, document: "CompareDocument") -> None:
        """Show it to a person."""
        from rich.text import Text

        terminal = self.terminal
        head, *rest = document.verdict
        terminal.draw(Text(head, style="bold red" if "loses money" in head or "does not buy" in head else "bold"))
        for line in rest:
            terminal.line(line)
        terminal.line()
        terminal.table(choice_table(document))
        terminal.line()
        for it in document.choices:
            terminal.line(f"{it.name}: {it.what}. Custody: {it.custody}.")
        if self.currency != "USD" and self.given["rate"] is None:
            fact = self.facts.facts[self.currency, "price_usd"]
            day, age = market.iso(fact.at_ms)[:10], market.age_words(fact.age_ms(self.now))
            source = f"{market.source_text(fact)}; {day}, {age} old"
            terminal.note(f"1 {self.currency} = {self.rate:.4g} USD ({source}). Say yours: --rate")
            if fact.is_snapshot:
                terminal.note("       A newer one: hw admin data fetch frankfurter")
        if self.is_price_assumed:
            terminal.note(f"Assumed: {self.price:.2f} USD/kWh. Say yours: --power-price 0.08")
        if document.is_changes_made:
            terminal.note("No history: scenarios are drawn from published statistics. With one: --data FOLDER")
        market.tell_old(terminal, self.facts, [self.coin.key], self.now)
        market.tell_documents(terminal, document.findings)
        terminal.note("No advice: scenarios are not forecasts, and taxes are not in them.")


def choice_table(document: "CompareDocument") -> Table:
    """Show what the budget may become."""
    usd = market.usd_text
    rows = tuple(
        (
            it.name if it.is_possible else f"{it.name} (not possible)",
            usd(it.p50_est) if it.is_possible else "-",
            usd(it.p5_est) if it.is_possible else "-",
            usd(it.p95_est) if it.is_possible else "-",
            usd(it.worst_month_est, sign=True) if it.is_possible else "-",
            "-" if it.below_buying_chance is None or not it.is_possible else f"{it.below_buying_chance:.0%}",
        )
        for it in document.choices
    )
    heads = (f"{document.months} months, {document.currency}", "median", "5 %", "95 %", "worst month", "below buying")
    return Table(heads=heads, rows=rows, right=frozenset(heads[1:]))
