"""The report of a job as one page that needs nothing else, and the policy under which a browser may open it.

The policy allows the page's own script and style by their hashes and nothing else: a name in a document cannot become
a script, and the page can ask nobody, not even us (`sandbox` gives it an origin of its own).
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from hashwright.planner import report
from hashwright.web.lab import Verb


def _digest(name: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(report.asset(name).encode()).digest()).decode() + "'"


POLICY_OF_REPORT: Final = (
    f"default-src 'none'; script-src {_digest('page.js')}; style-src {_digest('page.css')}; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts"
)


def report_of(verb: Verb, document: Mapping[str, Any]) -> str:
    """Return the page of an answer."""
    match verb:
        case "calc":
            return calc_page(document)
        case "compare":
            return report.compare_page(document)
        case "audit":
            return audit_page(document)
        case "backtest":
            return report.backtest_page(document)
        case "plan":
            return report.plan_page(document)
        case "energy":
            return energy_page(document)


def energy_page(document: Mapping[str, Any]) -> str:
    """Return the page of a site's power plan, from its JSON document."""
    currency, totals = document["currency"], document["totals"]
    rows = [
        (
            it["from"],
            str(it["machines"]),
            it["reason"],
            f"{it['price']:.3f}",
            f"{it['machines_kw']:.1f}",
            f"{it['grid_kw']:+.1f}",
        )
        for it in document["blocks"]
    ]
    sums = [
        (name, report.money_of(totals[name]))
        for name in ("coins", "bought", "sold", "starts", "wear", "peak", "heat", "value")
    ]
    parts = [
        report.table_of(("from", "run", "why", f"{currency}/kWh", "machines kW", "grid kW"), rows),
        f"<h2>Money</h2>{report.table_of(('what', currency), sums)}",
        report.footer_of(document, ["Planned, not done: nothing was switched."]),
    ]
    return report.page(f"Power plan of {document['site']}", [energy_verdict(document)], parts, [])


def energy_verdict(document: Mapping[str, Any]) -> str:
    """Say what the hours leave; a loss first."""
    hours, value, currency = document["slots"] / 4, document["totals"]["value"], document["currency"]
    return f"The next {hours:g} hours {'loses' if value < 0 else 'leave'} {abs(value):,.2f} {currency} (estimated)."


def calc_page(document: Mapping[str, Any]) -> str:
    """Return the page of a calculation, from its JSON document."""
    money = report.money_of
    rows = [
        ("earns a day", money(document["revenue_usd_per_day_est"])),
        ("power a day", money(-document["power_cost_usd_per_day_est"])),
        ("left a day", money(document["profit_usd_per_day_est"])),
        ("power pays up to a kWh", f"{document['break_even_power_usd_per_kwh_est']:.4f}"),
        (f"value over {document['horizon_days']} days", money(document["present_value_usd_est"])),
        (f"mined over {document['horizon_days']} days", money(document["mined_usd_est"])),
        ("the same money buys coins of", money(document["bought_usd"])),
    ]
    lines = [
        f"{document['machine']}: {document['hashrate_hs'] / 1e12:,.4g} TH/s, {document['power_w']:,.0f} W.",
        f"Power at {document['power_price_usd_per_kwh']:.4g} USD/kWh"
        + (" (assumed)." if document["is_power_price_assumed"] else "."),
    ]
    parts = [report.table_of(("what", "USD"), rows), report.footer_of(document, lines)]
    return report.page(f"{document['machine']} now", [document["verdict"]], parts, [])


def audit_page(document: Mapping[str, Any]) -> str:
    """Return the page of an audit, from its JSON document."""
    checks = [(it["name"], it["verdict"].upper(), it["arithmetic"]) for it in document["checks"]]
    what = f"{document['coin']} after fees"
    names = ("mined_coins_5_est", "mined_coins_50_est", "mined_coins_95_est", "coins_bought")
    coins = [(what, *(f"{document[name]:.8f}" for name in names))]
    net = [("left or lost, USD", *(report.money_of(document[f"net_usd_{it}_est"]) for it in (5, 50, 95)), "")]
    parts = [
        report.table_of(("", "5 %", "median", "95 %", "its price buys"), [*coins, *net]),
        "<h2>Checks</h2>",
        report.table_of(("check", "verdict", "arithmetic"), checks),
        report.footer_of(document, [f"Scenarios: {document['changes_source']}.", "Unknown never counts as good."]),
    ]
    title = f"Audit of {document['seller'] or 'an offer'}, {document['days']} days"
    return report.page(title, document["summary"], parts, [])
