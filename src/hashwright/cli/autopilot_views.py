"""What `hw autopilot` shows: decisions, one of them with its reasons, and what was learned."""

from typing import Any, Final

from hashwright.cli.autopilot_purchases import show_bought, show_purchases
from hashwright.cli.terminal import Table, Terminal

DAY_S: Final = 86_400
WORDS: Final = {
    "rehearsed": "DRY RUN",
    "asked": "waits for you",
    "applied": "done",
    "kept": "stays",
    "failed": "no decision",
}
IDLE: Final = "idle"


# ---------------------------------------------------------------- one decision


def show_explained(terminal: Terminal, document: dict[str, Any]) -> None:
    """Show a decision, and whether it is thought again the same."""
    show_decision(terminal, document)
    if document["is_repeated"] is None:
        terminal.note("There was no thought to think again.")
    elif document["is_repeated"]:
        terminal.tick("ok", "Thought again from what it knew: the same answer.")
    else:
        terminal.tick("failed", "Thought again from what it knew, the answer differs: the program has changed since.")


def show_decision(terminal: Terminal, document: dict[str, Any]) -> None:
    """Show a decision: loss first, then what each way is worth, then why, and what became of it."""
    seen, thought = document["seen"], document["thought"]
    power = seen["efficiency_j_th"] * seen["hashrate_hs"] / 1e15 * 24 * seen["power_price_usd_kwh"]
    if thought is not None and thought["is_loss"]:
        best = max(thought["worth"].values())
        terminal.line(
            f"MINING LOSES {power - best:,.2f} USD a day (estimated): the best way earns {best:,.2f},"
            f" power costs {power:,.2f}."
        )
    heads = ("destination", "coin", "USD a day with all work (estimated)", "has now", "should have", "price")
    rows = tuple(_way(way, seen, thought) for way in seen["ways"])
    terminal.table(
        Table(heads=heads, rows=rows, right=frozenset(heads[2:5]), empty="There is no destination of this algorithm.")
    )
    show_purchases(terminal, seen, thought)
    terminal.line(f"Decision {document['number']}: {WORDS[document['state']]}. {document['note']}")
    for line in _reasons(seen, thought):
        terminal.note(line)
    if document.get("outcome"):
        terminal.line(_became(document["outcome"]))


def _way(way: dict[str, Any], seen: dict[str, Any], thought: dict[str, Any] | None) -> tuple[str, ...]:
    name = way["destination"]
    worth, parts = ({}, {}) if thought is None else (thought["worth"], thought["parts"])
    weight = 0.0 if thought is None else thought.get("weights", {}).get(name, 0.0)
    is_market = way.get("kind") == "market"
    wanted = f"{weight:.1%}" if is_market and weight else f"{parts[name] / 100:.1f}%" if name in parts else "-"
    return (
        name,
        way["coin"] or "unknown",
        f"{worth[name]:,.2f}" if name in worth else "unknown",
        f"{seen['held'].get(name, 0.0):.1%}",
        wanted,
        way["price_source"] or "no price",
    )


def _reasons(seen: dict[str, Any], thought: dict[str, Any] | None) -> list[str]:
    """Return why it was decided so: the turn's cause, the arithmetic, the second best, limits, and what is left out."""
    if thought is None:
        return []
    found = [f"Because of: {seen.get('cause', 'the clock')}.", *thought["reasons"]]
    if thought.get("second"):
        found.append(f"Second best: {thought['second']}, {thought.get('second_usd_day', 0.0):,.2f} USD a day less.")
    found += [f"Your limit binds: {line}." for line in thought.get("bound", ())]
    found += [f"Left out: {line}" for line in thought["left_out"]]
    if seen.get("power_source", "") not in ("", "what you said"):
        found.append(f"Power costs {seen['power_price_usd_kwh']:.4f} USD/kWh: {seen['power_source']}.")
    paper = seen.get("paper")
    if paper is not None:
        found.append(f"On paper it had: {_parts_text(paper)}.")
    if thought.get("drift"):
        found.append(f"By the drift of days before: {_factors_text(thought['drift'])}.")
    found += [_move_text(way) for way in seen["ways"] if way.get("move_s", 0.0) > 0]
    return found + [f"{way['destination']}: {_factors_text(way['factors'])}" for way in seen["ways"] if _is_cut(way)]


def _move_text(way: dict[str, Any]) -> str:
    return (
        f"A move to {way['destination']} loses {way['move_s']:.1f} s of its work, as {way['move_spans']} moves taught."
    )


def _parts_text(parts: dict[str, float]) -> str:
    return ", ".join(f"{name} {part:.1%}" for name, part in parts.items() if part > 0) or "nothing"


def _is_cut(way: dict[str, Any]) -> bool:
    return any(abs(factor - 1) > 0.0005 for factor in way.get("factors", {}).values())


def _factors_text(factors: dict[str, float]) -> str:
    cut = [f"{name} x{factor:.3f}" for name, factor in factors.items() if abs(factor - 1) > 0.0005]
    return "what is promised, times " + ", ".join(cut)


def _became(outcome: dict[str, Any]) -> str:
    minutes = outcome["seconds"] / 60
    text = (
        f"Its time of {minutes:,.0f} min: expected {outcome['expected_usd']:,.4f} USD,"
        f" shares were worth {outcome['earned_usd']:,.4f} (estimated, before power)"
    )
    paper = outcome.get("paper_earned_usd")
    return text + ("." if paper is None else f"; on the paper route {paper:,.4f}.")


# ---------------------------------------------------------------- many decisions


def show_decisions(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    """Show decisions, newest first, each with what was expected of it and what came."""
    from hashwright.cli.overview import time_text

    rows = tuple(
        (
            str(it["number"]),
            time_text(it["at_ms"])[:16].replace("T", " "),
            it["algorithm"],
            WORDS[it["state"]],
            _gain(it["thought"]),
            _usd(it["outcome"], "expected_usd"),
            _usd(it["outcome"], "earned_usd"),
            _usd(it["outcome"], "paper_earned_usd"),
            it["note"],
        )
        for it in found
    )
    heads = ("number", "at (UTC)", "algorithm", "decision", "gain USD/day", "expected USD", "earned USD",
             "on paper USD", "note")  # fmt: skip
    empty = "No decision is kept. hw autopilot set sha256d"
    terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[4:8]), empty=empty))
    if found:
        terminal.note("USD are estimated; expected, earned and on paper are of the time until the next decision.")
        terminal.note("See what one knew and why: hw autopilot explain NUMBER")


def _gain(thought: dict[str, Any] | None) -> str:
    if thought is None or not thought["parts"]:
        return "-"
    return f"{thought['expected_usd_day'] - thought['held_usd_day']:+,.2f}"


def _usd(outcome: dict[str, Any] | None, name: str) -> str:
    value = None if outcome is None else outcome.get(name)
    return "-" if value is None else f"{value:,.4f}"


# ---------------------------------------------------------------- what was learned


def show_learned(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    """Show the factors of each algorithm, and what they rest on."""
    if not found:
        terminal.line("No autopilot is set. hw autopilot set sha256d")
    for it in found:
        terminal.line(f"{it['algorithm']}: what became of what was expected")
        _show_pools(terminal, it["pools"])
        _show_forecasts(terminal, it["forecasts"])
        _show_moves(terminal, it["moves"])
        _show_machines(terminal, it["machines"])
        show_bought(terminal, it.get("purchases", []))
        _show_days(terminal, it["days"])


def _show_pools(terminal: Terminal, pools: list[dict[str, Any]]) -> None:
    heads = ("pool", "accepted", "days answered", "credited", "days credited")
    rows = tuple(
        (
            it["destination"],
            f"x{it['accepted_factor']:.4f}",
            f"{it['answered_days']:.2f}",
            f"x{it['credited_factor']:.4f}" if it["credited_days"] else "not known",
            f"{it['credited_days']}",
        )
        for it in pools
    )
    terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[1:]), empty="No destination of it was seen."))


def _show_forecasts(terminal: Terminal, forecasts: list[dict[str, Any]]) -> None:
    heads = ("coin", "pairs of days", "drift a day", "spread a day", "spread of price", "factor if used")
    rows = tuple(
        (
            it["coin"],
            str(it["pairs_of_days"]),
            f"{it['drift_a_day']:+.2%}",
            f"{it['spread_a_day']:.2%}",
            f"{it['price_spread_a_day']:.2%}",
            f"x{it['factor']:.4f}",
        )
        for it in forecasts
    )
    if rows:
        terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[1:])))


def _show_moves(terminal: Terminal, moves: list[dict[str, Any]]) -> None:
    heads = ("moved from", "to", "times all work", "decisions", "a move loses")
    rows = tuple(
        (
            "anywhere" if it["source"] == "*" else it["source"],
            "anywhere" if it["target"] == "*" else it["target"],
            f"{it['moved']:.2f}",
            str(it["spans"]),
            f"{it['lost_s']:.1f} s of its work",
        )
        for it in moves
    )
    if rows:
        terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[2:])))


def _show_machines(terminal: Terminal, machines: dict[str, Any]) -> None:
    if machines["claimed_work"]:
        plain = machines["proven_work"] / machines["claimed_work"]
        terminal.line(f"Machines proved {plain:.1%} of what they claimed; they are believed x{machines['factor']:.4f}.")
    rows = tuple(
        (it["worker"], str(it["shares"]), f"x{it['factor']:.3f}", it["judgement"])
        for it in machines.get("of_the_last_hour", ())
    )
    if rows:
        heads = ("machine", "shares of the last hour", "believed", "judgement")
        terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[1:3])))


def _show_days(terminal: Terminal, days: list[dict[str, Any]]) -> None:
    from hashwright.cli.overview import time_text

    heads = ("day (UTC)", "expected USD", "earned USD", "part", "on paper USD")
    rows = tuple(
        (
            time_text(it["day"] * DAY_S * 1000)[:10],
            f"{it['expected_usd_est']:,.4f}",
            f"{it['earned_usd_est']:,.4f}",
            f"{it['earned_usd_est'] / it['expected_usd_est']:.1%}" if it["expected_usd_est"] else "-",
            "-" if it["paper_earned_usd_est"] is None else f"{it['paper_earned_usd_est']:,.4f}",
        )
        for it in days
    )
    empty = "No decision's time is over yet: the next turn closes it."
    terminal.table(Table(heads=heads, rows=rows, right=frozenset(heads[1:]), empty=empty))
    on_paper = [it for it in days if it["paper_earned_usd_est"] is not None]
    if on_paper:
        gain = sum(it["paper_gain_usd_est"] for it in on_paper)
        terminal.line(f"On paper (dry run) it would have left {gain:+,.4f} USD beside what was done, after power.")
    if rows:
        terminal.note("USD are estimated, after fees and before power; what pools credited stands in hw ledger.")
