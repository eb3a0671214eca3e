"""`hw audit`: what an offer of cloud mining or hosting must survive. Each verdict comes with its arithmetic."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from hashwright.cli import market_parts as market
from hashwright.cli import plan_parts as parts
from hashwright.cli.command import Command, pass_terminal
from hashwright.cli.terminal import Table, Terminal

if TYPE_CHECKING:
    from hashwright.cli.documents_plan import AuditDocument
    from hashwright.economics.contract import Offer
    from hashwright.errors import Finding
    from hashwright.planner.audit import Audit

MARKS = {"good": "ok", "warning": "warning", "bad": "failed", "impossible": "failed", "unknown": "skipped"}
VERDICTS = {
    "impossible": "Do not buy this: it claims what mining cannot do.",
    "bad": "This offer does badly: buying the coin, or nothing, is better in most of what may come.",
    "warning": "Nothing here is impossible, but read the warnings: each of them costs money.",
    "unknown": "The offer does not say enough to be judged well; ask for what is missing.",
    "good": "The offer passes every check that can be made from here.",
}


@click.command(cls=Command)
@click.argument("file", metavar="OFFER.toml", required=False)
@click.option("--coin", metavar="COIN", help="Coin of the contract, where there is no file.")
@click.option("--price", "price_usd", type=float, metavar="USD", help="What it costs in all.")
@click.option("--hashrate", metavar="RATE", help="Hash power, such as 10TH/s.")
@click.option("--days", type=int, metavar="DAYS", help="How long it runs.")
@click.option("--maintenance", "maintenance_usd_th_day", type=float, metavar="USD", help="Fee a TH/s and day.")
@click.option("--stop-after", "stop_after_days", type=int, metavar="DAYS", help="Days of loss after which it ends.")
@click.option("--promise", "promised_percent_day", type=float, metavar="PERCENT", help="A promised return a day.")
@click.option("--referral", "referral_percent", type=float, metavar="PERCENT", help="Commission for bringing friends.")
@click.option("--payouts", metavar="CSV", help="date,amount [coins]: do they move as mining must?")
@click.option("--accept", metavar="NAME", help="You buy it: track it as a position under NAME (hw market position).")
@click.option("--pays-every", type=click.IntRange(1, 365), default=1, show_default=True, help="With --accept: days.")
@click.option("--yes", is_flag=True, help="With --accept: also an offer that the audit calls bad or impossible.")
@click.option("--price-drift", metavar="PERCENT", help="Drift of prices a year, such as +20%; default 0.")
@click.option("--growth", metavar="FACTOR", help="Growth of difficulty a year, such as 2x; default: as the past says.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same scenarios.")
@click.option("--data", metavar="FOLDER", help="Folder of tidy history; default: imported, else statistics.")
@pass_terminal
def audit(terminal: Terminal, /, file: str | None, **given: Any) -> None:  # noqa: ANN401 (click's values)
    """Audit an offer of cloud mining or hosting, from a file or from flags.

    Example: hw audit --coin btc --price 180 --hashrate 1TH/s --days 1826 --maintenance 0.14 --stop-after 28
    """
    import msgspec

    offer = read_offer(file, given)
    found, document = _document(terminal, offer, given)
    if terminal.is_json:
        terminal.document(msgspec.to_builtins(document))
    else:
        show(terminal, document)
    if given["accept"]:
        _accept(terminal, found, given)


def _accept(terminal: Terminal, found: "Audit", given: dict[str, Any]) -> None:
    """Track a contract that its owner bought by what the audit expects of it.

    Raises:
        LimitRefused: the audit speaks against it, and `--yes` does not say that he knows (HW-979).
    """
    from hashwright.cli.command import run_async
    from hashwright.cli.pool import ask_process
    from hashwright.errors import LimitRefused

    if found.verdict in ("bad", "impossible") and not given["yes"]:
        raise LimitRefused(
            f"The audit says {found.verdict}: it is not tracked as accepted.",
            code="HW-979",
            hint="Know it and say --yes.",
        )
    position = position_of(given["accept"], found, pays_every_days=given["pays_every"])
    position["began_ms"] = market.now_ms() + found.offer.starts_after_days * 86_400_000
    run_async(ask_process(terminal.load_config().data_dir, "market-position", add=position))
    terminal.note(
        f"It is tracked: hw market position. Say what it pays: hw market position {given['accept']} --paid COINS"
    )


def position_of(name: str, found: "Audit", *, pays_every_days: int) -> dict[str, Any]:
    """Return the position that an accepted offer is tracked as, with the audit's verdict."""
    from hashwright.chain.find import find_coin
    from hashwright.planner.audit import accepted

    coin, terms = find_coin(found.offer.coin), accepted(found)
    return {
        "name": name,
        "seller": found.offer.seller or "unnamed",
        "cost": f"{terms.cost:.{coin.decimals}f}",
        "per_day": f"{terms.per_day:.{coin.decimals}f}",
        "days": found.offer.days,
        "currency": coin.ticker,
        "exponent": coin.decimals,
        "decay_percent_day": terms.decay_day * 100,
        "pays_every_days": pays_every_days,
        "verdict": found.verdict,
    }


def read_offer(file: str | None, given: dict[str, Any]) -> "Offer":
    """Read an offer: a file, and flags over it.

    Raises:
        ConfigError: a field is missing, unknown or impossible (HW-824).
    """
    import msgspec

    from hashwright.economics.contract import Offer
    from hashwright.errors import ConfigError, Finding, reason_of

    values: dict[str, Any] = {}
    source = "flags"
    try:
        if file:
            source = Path(file).name
            values = tomllib.loads(Path(file).expanduser().read_text(encoding="utf-8"))
            values = values.get("offer", values)
        flags = {name: given[name] for name in Offer.__struct_fields__ if given.get(name) is not None}
        offered = values | flags
        missing = [name for name in ("coin", "price_usd", "hashrate", "days") if name not in offered]
        if missing:
            raise msgspec.ValidationError(f"{', '.join(missing)} not given")
        return msgspec.convert(offered, Offer)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as problem:
        finding = Finding(code="HW-824", place=source, message=reason_of(problem))
        raise ConfigError(
            f"The offer ({source}) cannot be used: {reason_of(problem)}.",
            code="HW-824",
            hint="Needed are coin, price_usd, hashrate and days; docs/audit.md names every field.",
            findings=(finding,),
        ) from problem


def _document(terminal: Terminal, offer: "Offer", given: dict[str, Any]) -> "tuple[Audit, AuditDocument]":
    import msgspec
    import numpy as np

    from hashwright.chain.find import find_coin
    from hashwright.cli.history import load_history
    from hashwright.economics.contract import Today
    from hashwright.economics.quantities import hashrate_of
    from hashwright.planner import audit as room
    from hashwright.planner.worlds import prepare

    coin, now = find_coin(offer.coin), market.now_ms()
    rate = hashrate_of(offer.hashrate)
    table = load_history(terminal, given["data"])
    facts = market.read_market(terminal)
    days = offer.days + offer.starts_after_days
    assumptions = parts.assumptions_of(given["price_drift"], given["growth"])
    prepared = prepare([coin], facts, table, days=days, now_ms=now, assumptions=assumptions)
    start = prepared.world.starts[0]
    today = Today(
        hashrate_hs=rate,
        work_hashes=start.work_hashes,
        reward_coins=start.reward_coins[0] * (1 + start.fees_ratio),
        price_usd=start.price_usd,
    )
    sold = hashrate_of(offer.sold_hashrate) if offer.sold_hashrate else None
    with parts.bar(terminal, "Living through the contract") as progress:
        found = room.audit(
            prepared, offer, today, sold_hs=sold, rng=np.random.default_rng(given["seed"]), progress=progress
        )
    findings: tuple[Finding, ...] = (*prepared.findings, *facts.findings)
    if given["payouts"]:
        paid, more = _payouts(given["payouts"])
        series = table.coins.get(coin.ticker) if table is not None else None
        found = room.with_payouts(found, room.payout_checks(paid, series, coin, hashrate_hs=rate))
        findings = (*findings, *more)
    document = _written(found, coin.ticker, prepared.world.changes.source)
    as_of = market.as_of(facts, [coin.key], now)
    return found, msgspec.structs.replace(
        document,
        summary=[as_of + document.summary[0], *document.summary[1:]],
        facts=[
            market.fact_document(name, field, fact, now) for name, field, fact in market.facts_of(facts, [coin.key])
        ],
        findings=market.finding_documents(findings),
    )


def _payouts(file: str) -> "tuple[dict[int, float], tuple[Finding, ...]]":
    from hashwright.errors import OperatorError, reason_of
    from hashwright.planner.audit import payouts_of

    try:
        text = Path(file).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise OperatorError(f"{Path(file).name} cannot be read: {reason_of(problem)}.", code="HW-825") from problem
    return payouts_of(text.splitlines(), source=Path(file).name)


def _written(found: "Audit", ticker: str, source: str) -> "AuditDocument":
    import numpy as np

    from hashwright.cli.documents_plan import AuditDocument, CheckDocument
    from hashwright.economics import contract

    paths, offer, today = found.paths, found.offer, found.today
    coins, net = np.percentile(paths.coins, (5, 50, 95)), np.percentile(paths.net_usd, (5, 50, 95))
    usd = market.usd_text
    summary = [
        VERDICTS[found.verdict],
        f"It ends below buying the coin in {paths.below_buying:.0%} of {paths.paths} scenarios, pays back in"
        f" {found.paid_back_chance:.0%}, and the seller ends it early in {found.stopped_chance:.0%}.",
        f"Of {usd(offer.price_usd)} USD, {usd(float(net[0]), sign=True)} / {usd(float(net[1]), sign=True)} /"
        f" {usd(float(net[2]), sign=True)} USD are left or lost (5/50/95 %).",
    ]
    return AuditDocument(
        verdict=found.verdict,
        summary=summary,
        seller=offer.seller,
        coin=ticker,
        days=offer.days,
        price_usd=offer.price_usd,
        gross_coins_now=today.coins_day * offer.days,
        coins_bought=found.bought_coins,
        mined_coins_5_est=float(coins[0]),
        mined_coins_50_est=float(coins[1]),
        mined_coins_95_est=float(coins[2]),
        net_usd_5_est=float(net[0]),
        net_usd_50_est=float(net[1]),
        net_usd_95_est=float(net[2]),
        static_break_even_days=contract.static_break_even_days(offer, today),
        forecast_break_even_days_50=paths.break_even_days(50),
        paid_back_chance=found.paid_back_chance,
        stopped_chance=found.stopped_chance,
        below_buying_chance=paths.below_buying,
        levelised_cost_usd_per_th_day=contract.levelised_usd_th_day(offer, today),
        hashprice_usd_per_th_day=today.hashprice_usd_th_day,
        checks=[CheckDocument(name=it.name, verdict=it.verdict, arithmetic=it.arithmetic) for it in found.checks],
        changes_source=source,
        facts=[],
        findings=[],
    )


def show(terminal: Terminal, document: "AuditDocument") -> None:
    """Show it to a person: the verdict, then each check with its arithmetic."""
    from rich.text import Text

    head, *rest = document.summary
    style = {"good": "bold green", "warning": "bold yellow", "unknown": "bold"}.get(document.verdict, "bold red")
    terminal.draw(Text(head, style=style))
    for line in rest:
        terminal.line(line)
    terminal.line()
    heads = ("coins", "5 %", "median", "95 %", "its price buys")
    cells = (document.mined_coins_5_est, document.mined_coins_50_est, document.mined_coins_95_est)
    numbers = tuple(market.number_text(it) for it in (*cells, document.coins_bought))
    terminal.table(
        Table(heads=heads, rows=((f"{document.coin} after fees", *numbers),), right=frozenset(heads[1:]))
    )  # fmt: skip
    terminal.line()
    for it in document.checks:
        terminal.tick(MARKS[it.verdict], f"{it.name}: {it.verdict.upper()}. {it.arithmetic}.")  # type: ignore[arg-type]
    terminal.note(f"Scenarios: {document.changes_source}. What is unknown never counts as good.")
    market.tell_documents(terminal, document.findings)
