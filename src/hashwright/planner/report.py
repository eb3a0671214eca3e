"""One page that needs nothing else: tables, and charts that answer the mouse. No request leaves it.

The charts are drawn in the browser by `page/page.js` from the same numbers that `--json` gives: lines with a band, a
cross-hair that names each value, a click on a name to hide it. Without a script the tables still say everything.
"""

import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

FOLDER: Final = "page"
POINTS_MAX: Final = 400
WORDS_FROM: Final = 24
"""A longer cell is a sentence, not a number."""


def asset(name: str) -> str:
    """Read the style or the script of every page."""
    return (files("hashwright.planner") / FOLDER / name).read_text(encoding="utf-8")


def _text(value: object) -> str:
    return html.escape(str(value))


def money_of(value: float | None) -> str:
    """Write money with its sign; unknown is a dash."""
    return "-" if value is None else f"{value:+,.2f}" if abs(value) < 10_000 else f"{value:+,.0f}"


def table_of(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    top = "".join(f"<th>{_text(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str) -> str:
    """Return one cell; words are wrapped, numbers are not."""
    is_words = len(text) > WORDS_FROM and not text[0].isdigit()
    return f'<td class="words">{_text(text)}</td>' if is_words else f"<td>{_text(text)}</td>"


def list_of(lines: Sequence[str]) -> str:
    """Return a list, or nothing where there is none."""
    return "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in lines) + "</ul>" if lines else ""


def page(title: str, verdict: Sequence[str], parts: Sequence[str], charts: Sequence[Mapping[str, Any]]) -> str:
    """Return a whole page. Everything that came from outside is escaped; the script gets its numbers as JSON."""
    head, *rest = verdict
    is_loss = "loses" in head or "does badly" in head
    data = json.dumps(list(charts), allow_nan=False).replace("<", "\\u003c")
    lines = "".join(f"<p>{_text(line)}</p>" for line in rest)
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    style, script = asset("page.css"), asset("page.js")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_text(title)}</title><style>{style}</style></head><body><h1>{_text(title)}</h1>"
        f'<p class="verdict{" loss" if is_loss else ""}">{_text(head)}</p>{lines}'
        + "".join(parts)
        + f'<script type="application/json" id="charts">{data}</script><script>{script}</script></body></html>\n'
    )


def chart_box(title: str) -> str:
    """Return the place of the next chart."""
    return f'<h2>{_text(title)}</h2><div class="chart"></div>'


def _spread_charts(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    charts = []
    for field, word in (("price_ratio_est", "price"), ("difficulty_ratio_est", "difficulty")):
        spreads = document["spreads"]
        if not spreads:
            continue
        lines = [
            {
                "name": spread["coin"],
                "y": [1.0, *(row[2] for row in spread[field])],
                "low": [1.0, *(row[0] for row in spread[field])],
                "high": [1.0, *(row[4] for row in spread[field])],
            }
            for spread in spreads
        ]
        title = f"{word} by today's: median, and 5 to 95 %"
        charts.append({"title": title, "x": [0, *spreads[0]["days"]], "lines": lines})
    return charts


def plan_page(document: Mapping[str, Any]) -> str:
    """Return the page of a plan, from its JSON document."""
    heads = ("all of it", "plan", "mean USD", "5 %", "median", "95 %", "loses", "days on")
    rows = [
        (
            it["key"] + (" (compare only)" if it["kind"] == "compare" else ""),
            f"{it['weight']:.0%}",
            *(money_of(it[name]) for name in ("mean_usd_est", "p5_usd_est", "p50_usd_est", "p95_usd_est")),
            f"{it['loss_chance']:.0%}",
            f"{it['days_on_est']:.0f}",
        )
        for it in sorted(
            document["outcomes"], key=lambda it: (-it["weight"], it["kind"] == "compare", -it["mean_usd_est"])
        )
    ]
    stresses = [
        (it["name"], money_of(it["mean_usd_est"]), money_of(it["p5_usd_est"]), f"{it['days_on_share_est']:.0%}")
        for it in document["stresses"]
    ]
    charts = _spread_charts(document)
    limits = [f"Binds: {it['what']}, worth {it['worth_usd_est']:.2f} USD a unit" for it in document["bindings"]]
    parts = [
        f"<h2>What each alternative gives over {document['horizon_days']} days</h2>",
        table_of(heads, rows),
        "<h2>Why</h2>",
        list_of([*(it["text"] for it in document["reasons"]), *limits]),
        "<h2>What would change it</h2>",
        list_of(document["turning_points"]),
        "<h2>If the world turns at once</h2>",
        table_of(("what", "mean USD", "5 %", "machines on"), stresses),
        *(chart_box(chart["title"]) for chart in charts),
        footer_of(document, [f"Scenarios: {document['scenarios']}, {document['changes_source']}."]),
    ]
    return page(f"Plan of {document['made_at'][:16]} UTC", document["verdict"], parts, charts)


def footer_of(document: Mapping[str, Any], lines: Sequence[str]) -> str:
    """Return what a page rests on: facts with their day and source, and what was odd."""
    facts = [
        (it["coin"], it["field"], it["value_text"], it["at"][:10], ", ".join(it["sources"]))
        for it in document.get("facts", ())
    ]
    found = [f"{it['code']} {it['place']}: {it['message']}" for it in document["findings"]]
    table = table_of(("coin", "fact", "value", "of", "source"), facts) if facts else ""
    return f'<h2>What it rests on</h2>{table}{list_of([*lines, *found])}<p class="dim">Estimates, no advice.</p>'


def backtest_page(document: Mapping[str, Any]) -> str:
    """Return the page of a backtest, from its JSON document."""
    heads = ("policy", "profit USD", "of possible", "drawdown", "bad week", "moves", "hours off", "what it does")
    rows = [
        (
            it["name"],
            money_of(it["profit_usd"]),
            "-" if it["share_of_foresight"] is None else f"{it['share_of_foresight']:.0%}",
            money_of(-it["drawdown_usd"]),
            money_of(-it["cvar_week_usd"]),
            str(it["moves"]),
            f"{it['hours_off']:.0f}",
            it["title"],
        )
        for it in document["runs"]
    ]
    count = len(document["runs"][0]["sum_by_day_usd"])
    every = max(count // POINTS_MAX, 1)
    at = list(range(0, count, every))
    lines = [{"name": it["name"], "y": [it["sum_by_day_usd"][i] for i in at]} for it in document["runs"]]
    title = f"sum of profits [USD], day by day from {document['first_day']}"
    best = max((it for it in document["runs"] if not it["is_baseline"]), key=lambda it: it["profit_usd"])
    bought = next(it for it in document["runs"] if it["name"] == "buy the coin")
    verdict = [
        f"The best policy here, {best['name']}: {money_of(best['profit_usd'])} USD;"
        f" {bought['title']}: {money_of(bought['profit_usd'])} USD."
    ]
    parts = [
        table_of(heads, rows),
        chart_box(title),
        footer_of(document, [f"Machines: {document['machines']}.", f"Source: {document['source']}."]),
    ]
    name = f"Backtest {document['first_day']} to {document['last_day']}"
    return page(name, verdict, parts, [{"title": title, "x": at, "lines": lines}])


def compare_page(document: Mapping[str, Any]) -> str:
    """Return the page of a comparison of what a budget may become, from its JSON document."""
    heads = ("choice", "median", "5 %", "95 %", "worst month", "below buying", "what", "custody")
    rows = [
        (
            it["name"],
            *(f"{it[name]:,.2f}" for name in ("p50_est", "p5_est", "p95_est", "worst_month_est")),
            "-" if it["below_buying_chance"] is None else f"{it['below_buying_chance']:.0%}",
            it["what"],
            it["custody"],
        )
        for it in document["choices"]
    ]
    names = [it["name"] for it in document["choices"]]
    chart = {
        "title": f"what {document['budget']:,.0f} {document['currency']} may become: median, and 5 to 95 %",
        "x": list(range(len(names))),
        "labels": names,
        "lines": [
            {
                "name": "value at the end",
                "y": [it["p50_est"] for it in document["choices"]],
                "low": [it["p5_est"] for it in document["choices"]],
                "high": [it["p95_est"] for it in document["choices"]],
            }
        ],
    }
    title = f"{document['budget']:,.0f} {document['currency']} over {document['months']} months"
    parts = [
        table_of(heads, rows),
        chart_box(str(chart["title"])),
        footer_of(document, [f"Scenarios: {document['scenarios']}, {document['changes_source']}."]),
    ]
    return page(title, document["verdict"], parts, [chart])
