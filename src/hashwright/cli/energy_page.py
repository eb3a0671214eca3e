"""A plan as one self-contained page: no script, no outside address; every text of the site's file is escaped."""

import html
from typing import TYPE_CHECKING

from hashwright.cli.energy import Drawn, headline, signed, sources, strip_rows

if TYPE_CHECKING:
    from hashwright.planner.dispatch_problem import FloatArray

WIDTH, HEIGHT = 960, 70
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.15rem .8rem;text-align:right}
td:first-child,th:first-child,td.t,th.t{text-align:left}th{font-weight:500;color:#57606a}
tr:nth-child(even){background:#f6f8fa}figure{margin:1rem 0}figcaption{color:#57606a}svg{width:100%;height:auto}
.warn{border-left:4px solid #bf8700;padding:.2rem .8rem;margin:.5rem 0;background:#fff8e5}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}tr:nth-child(even){background:#161b22}
.warn{background:#272115}figcaption,th{color:#9198a1}}
"""


def page(drawn: Drawn) -> str:
    """Return the page."""
    from hashwright.planner.dispatch_report import blocks_of, totals_of

    totals, blocks = totals_of(drawn.problem, drawn.plan), blocks_of(drawn.problem, drawn.plan)
    title = html.escape(f"Plan: {drawn.site.site.name}")
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in headline(drawn, totals, blocks))
    warnings = "".join(
        f'<p class="warn"><b>{it.code}</b> {html.escape(f"{it.place}: {it.message}. {it.hint}")}</p>'
        for it in drawn.findings
    )
    charts = "".join(_chart(drawn, *row) for row in strip_rows(drawn))
    hours = _table(
        ("from", "machines", "why", f"power costs {drawn.currency}/kWh", "earns", "machines kW", "grid kW"),
        [
            (
                drawn.clock(it.first), str(it.machines), it.reason, f"{it.price:.3f}", f"{it.earns:.3f}",
                f"{it.machines_kw:.1f}", signed(it.grid_kw, 1),
            )
            for it in blocks
        ],
    )  # fmt: skip
    energy = _table(
        ("energy", "kWh", drawn.currency),
        [(name, signed(kwh, 1), "" if money is None else signed(money, 2)) for name, kwh, money in sources(totals)],
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><h1>{title}</h1>'
        f"{lines}{warnings}{charts}{hours}{energy}</body></html>\n"
    )


def _chart(drawn: Drawn, name: str, values: "FloatArray", text: str) -> str:
    """Draw a line of the strip as bars in an SVG, with the times below."""
    count = len(values)
    top = max(float(values.max()), 1e-9)
    step = WIDTH / count
    shapes = "".join(
        f'<rect x="{number * step:.1f}" y="{HEIGHT - HEIGHT * max(float(value), 0) / top:.1f}" width="{step:.2f}"'
        f' height="{HEIGHT * max(float(value), 0) / top:.1f}"/>'
        for number, value in enumerate(values)
    )
    times = "".join(
        f'<text x="{number * step:.0f}" y="{HEIGHT + 14}" font-size="12">{html.escape(drawn.clock(number))}</text>'
        for number in range(0, count, max(count // 8, 1))
    )
    label = html.escape(f"{name}: {text}")
    return (
        f'<figure><figcaption>{label}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT + 18}" role="img"'
        f' aria-label="{label}" fill="currentColor">{shapes}{times}</svg></figure>'
    )


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{html.escape(it)}</th>" for it in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(it)}</td>' for it in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
