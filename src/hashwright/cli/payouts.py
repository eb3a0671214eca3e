"""`hw pool members`, `address`, `payouts` and `payout`: who is owed what, where it goes, and paying it."""

from typing import Any

import rich_click as click

from hashwright.cli.command import Command, pass_terminal, run_async
from hashwright.cli.pool import ask_process
from hashwright.cli.terminal import Table, Terminal

PAY_S = 120.0
"""A wallet may take long to sign."""
WALLET_FLAGS = (
    "rpc_url", "wallet", "wallet_password_from", "node_rpc_url", "cookie_file", "rpc_user", "rpc_password_from",
)  # fmt: skip


@click.command(cls=Command)
@click.argument("pool")
@pass_terminal
def members(terminal: Terminal, pool: str) -> None:
    """List the members of an own pool: what each can be paid, what is still immature, and where it goes.

    Example: hw pool members home
    """
    rows = run_async(ask_process(terminal.load_config().data_dir, "pool-members", pool=pool))
    if terminal.is_json:
        terminal.document({"members": rows})
        return
    heads = ("member", "owed", "immature", "currency", "address", "next address")
    keys = ("member", "owed", "immature", "currency", "address", "next_address")
    cells = tuple(tuple(str(row[key]) or "none" for key in keys) for row in rows)
    terminal.table(
        Table(
            heads=heads,
            rows=cells,
            right=frozenset(("owed", "immature")),
            empty="Nobody has earned anything in this pool so far.",
        )
    )


@click.command(cls=Command)
@click.argument("pool")
@pass_terminal
def luck(terminal: Terminal, pool: str) -> None:
    """Show how many blocks a pool and each member found beside what their work was to find. A report, no accusation.

    Example: hw pool luck home
    """
    answer = run_async(ask_process(terminal.load_config().data_dir, "pool-luck", pool=pool))
    if terminal.is_json:
        terminal.document(answer)
        return
    heads = ("account", "blocks", "expected", "luck", "effort", "chance of so rare")
    cells = tuple(
        (
            it["name"],
            str(it["found"]),
            f"{it['expected_blocks']:.3f}",
            "none" if it["luck"] is None else f"{it['luck']:.0%}",
            "none" if it["effort"] is None else f"{it['effort']:.0%}",
            f"{it['p_value']:.2g}" + (" RARE" if it["word"] == "rare" else ""),
        )
        for it in answer["luck"]
    )
    terminal.table(Table(heads=heads, rows=cells, right=frozenset(heads[1:])))
    for it in answer["luck"]:
        if it["word"] == "rare":
            terminal.note(it["sentence"])


@click.command(cls=Command)
@click.argument("pool")
@click.argument("member")
@click.argument("address", default="")
@click.option("--cancel", is_flag=True, help="Take back an address that does not count yet.")
@pass_terminal
def address(terminal: Terminal, pool: str, member: str, address: str, cancel: bool) -> None:
    """Set where a member is paid. The first address counts at once, any later one after 48 hours.

    Example: hw pool address home kai ltc1q...
    """
    if bool(address) == cancel:
        raise click.UsageError("Give an address, or --cancel.", click.get_current_context(silent=True))
    arguments = {"pool": pool, "member": member, "address": address, "cancel": cancel}
    answer = run_async(ask_process(terminal.load_config().data_dir, "pool-address", **arguments))
    if terminal.is_json:
        terminal.document(answer)
    elif cancel:
        terminal.line(f"{answer['cancelled']} addresses of {member} were taken back.")
    else:
        terminal.line(f"{member} of {pool} is paid to {address}.")
        terminal.note("A change counts after 48 hours; until then the old address is paid. hw pool members shows both.")


@click.command(cls=Command)
@click.argument("pool")
@click.option("--rpc-url", metavar="URL", required=True, help="RPC of the node with the wallet.")
@click.option("--wallet", default="", metavar="NAME", help="The wallet's name: on a node with several, or its file.")
@click.option("--wallet-password-from", default="", metavar="REF", help="Monero: where that wallet's password is.")
@click.option("--node-rpc-url", default="", metavar="URL", help="Monero: its node.  [http://127.0.0.1:18081]")
@click.option("--cookie-file", default="", metavar="FILE", help="The node's .cookie.")
@click.option("--rpc-user", default="", metavar="USER", help="The node's RPC user.")
@click.option("--rpc-password-from", default="", metavar="REF", help="file:PATH, env:NAME or credential:NAME.")
@click.option("--threshold", required=True, metavar="COINS", help="The least that is paid to a member.")
@click.option("--daily-limit", required=True, metavar="COINS", help="The most that is paid within 24 hours.")
@click.option("--approval-above", metavar="COINS", help="Above it a payout waits for --approve. [the daily limit]")
@click.option(
    "--fee-payer", type=click.Choice(["members", "pool"]), default="members", show_default=True,
    help="Who bears the network fee.",
)  # fmt: skip
@click.option("--every-hours", type=click.IntRange(0, 8760), default=24, show_default=True, help="How often.")
@click.option("--wallet-cap", default="", metavar="COINS", help="Warn when the hot wallet holds more.  [no cap]")
@click.option("--live", is_flag=True, help="Really pay. Without it everything is planned and nothing is signed.")
@click.option("--pause", is_flag=True, help="Carry on what is open, begin nothing new.")
@pass_terminal
def payouts(terminal: Terminal, /, pool: str, live: bool, pause: bool, **flags: Any) -> None:  # noqa: ANN401
    """Set how an own pool pays its members. It is a DRY RUN until you say --live.

    Example: hw pool payouts home --rpc-url http://127.0.0.1:9332 --wallet pool --threshold 0.1 --daily-limit 50

    Example: hw pool payouts xmr --rpc-url http://127.0.0.1:18082 --wallet pool --threshold 0.05 --daily-limit 20
    """
    wallet = {key: flags[key] for key in WALLET_FLAGS}
    document = {
        "pool": pool,
        "wallet_settings": {key: value for key, value in wallet.items() if value},
        "threshold": flags["threshold"],
        "daily_limit": flags["daily_limit"],
        "approval_above": flags["approval_above"] or flags["daily_limit"],
        "fee_payer": flags["fee_payer"],
        "interval_hours": flags["every_hours"],
        "wallet_cap": flags["wallet_cap"],
        "is_live": live,
        "is_paused": pause,
    }
    answer = run_async(ask_process(terminal.load_config().data_dir, "payout-set", payouts=document))
    if terminal.is_json:
        terminal.document(answer)
    else:
        terminal.line(f"Payouts of {pool}: {answer['mode']}.")
        terminal.note(f"See what would be paid: hw pool payout {pool}")


@click.command(cls=Command)
@click.argument("pool")
@click.option("--approve", is_flag=True, help="Pay what waits for a person's approval.")
@click.option("--dry-run", is_flag=True, help="Only show what would be paid now, also where payouts are live.")
@pass_terminal
def payout(terminal: Terminal, pool: str, approve: bool, dry_run: bool) -> None:
    """Carry payouts on now, and show what is paid, what waits, and why. In a DRY RUN nothing is signed.

    Example: hw pool payout home
    """
    config = terminal.load_config()
    found = run_async(
        ask_process(config.data_dir, "payout", pool=pool, approve=approve, dry_run=dry_run, timeout_s=PAY_S)
    )
    if terminal.is_json:
        terminal.document(found)
        return
    terminal.line(f"Payouts of {pool}: {found['mode']}.")
    if found["stopped"]:
        terminal.tick("failed", f"Stopped: {found['stopped']}.", "Nothing new is paid before that is cleared up.")
    if found["above_cap"].strip("0."):
        terminal.tick(
            "warning", f"The wallet holds {found['above_cap']} more than its cap.", "Move it to a cold wallet."
        )
    heads = ("member", "amount", "currency", "address or reason to wait")
    rows = [(it["member"], it["amount"], it["currency"], it["address"]) for it in found["next"]]
    rows += [(it["member"], it["amount"], it["currency"], it["reason"]) for it in found["waiting"]]
    terminal.table(Table(heads=heads, rows=tuple(rows), right=frozenset(("amount",)), empty="Nobody is owed anything."))
    if found["payouts"]:
        keys = ("payout", "state", "members", "amount", "currency", "detail")
        cells = tuple(tuple(str(it[key]) for key in keys) for it in found["payouts"])
        terminal.line()
        terminal.table(Table(heads=keys, rows=cells, right=frozenset(("members", "amount"))))
